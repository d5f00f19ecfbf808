//! JSON ⇄ Jinja's values.

use minijinja::value::{Value, ValueKind};
use serde_json::Value as Json;

pub fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::from(integer),
            (None, Some(float)) => Value::from(float),
            (None, None) => Value::from(()),
        },
        Json::String(text) => Value::from(text.clone()),
        Json::Array(items) => Value::from(items.iter().map(to_value).collect::<Vec<Value>>()),
        Json::Object(entries) => Value::from_pairs(entries.iter().map(|(key, value)| (key.clone(), to_value(value)))),
    }
}

/// What has no counterpart in JSON (a macro, a relation) becomes its text.
pub fn from_value(value: &Value) -> Json {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => match (value.is_integer(), i64::try_from(value.clone()), f64::try_from(value.clone())) {
            (true, Ok(integer), _) => Json::from(integer),
            (_, _, Ok(float)) => Json::from(float),
            _ => Json::String(value.to_string()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            Json::Array(value.try_iter().into_iter().flatten().map(|item| from_value(&item)).collect())
        }
        ValueKind::Map => {
            let keys = value.try_iter().into_iter().flatten();
            let entry =
                |key: Value| (key.to_string(), value.get_item(&key).map_or(Json::Null, |item| from_value(&item)));
            Json::Object(keys.map(entry).collect())
        }
        _ => Json::String(value.to_string()),
    }
}
