//! Methods that Python's strings and dicts have and Jinja templates call.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// For `Environment::set_unknown_method_callback`.
pub(super) fn call(_state: &mut State<'_, '_>, object: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let found = match object.kind() {
        ValueKind::String => object.as_str().and_then(|text| text_method(text, method, args)),
        ValueKind::Map => map_method(object, method, args),
        _ => None,
    };
    found.ok_or_else(|| {
        Error::new(ErrorKind::UnknownMethod, format!("{} has no method {method} with these arguments", object.kind()))
    })
}

fn text_method(text: &str, method: &str, args: &[Value]) -> Option<Value> {
    let arg = |nth: usize| args.get(nth).and_then(Value::as_str);
    let strip: &dyn Fn(char) -> bool = match arg(0) {
        Some(set) => &move |c: char| set.contains(c),
        None => &char::is_whitespace,
    };
    Some(match (method, args.len()) {
        ("upper", 0) => Value::from(text.to_uppercase()),
        ("lower", 0) => Value::from(text.to_lowercase()),
        ("strip", _) => Value::from(text.trim_matches(strip)),
        ("lstrip", _) => Value::from(text.trim_start_matches(strip)),
        ("rstrip", _) => Value::from(text.trim_end_matches(strip)),
        ("startswith", 1) => Value::from(text.starts_with(arg(0)?)),
        ("endswith", 1) => Value::from(text.ends_with(arg(0)?)),
        ("replace", 2) => Value::from(text.replace(arg(0)?, arg(1)?)),
        ("split", 0) => Value::from(text.split_whitespace().map(Value::from).collect::<Vec<_>>()),
        ("split", 1) if !arg(0)?.is_empty() => Value::from(text.split(arg(0)?).map(Value::from).collect::<Vec<_>>()),
        ("join", 1) => {
            let items: Vec<String> = args[0].try_iter().ok()?.map(|item| item.to_string()).collect();
            Value::from(items.join(text))
        }
        _ => return None,
    })
}

fn map_method(map: &Value, method: &str, args: &[Value]) -> Option<Value> {
    let keys = || map.try_iter().ok();
    Some(match (method, args) {
        ("keys", []) => Value::from(keys()?.collect::<Vec<_>>()),
        ("values", []) => Value::from(keys()?.filter_map(|key| map.get_item(&key).ok()).collect::<Vec<_>>()),
        ("items", []) => {
            let pair = |key: Value| map.get_item(&key).ok().map(|item| Value::from(vec![key, item]));
            Value::from(keys()?.filter_map(pair).collect::<Vec<_>>())
        }
        ("get", [key, default @ ..]) => match map.get_item(key) {
            Ok(item) if !item.is_undefined() => item,
            _ => default.first().cloned().unwrap_or_else(|| Value::from(())),
        },
        _ => return None,
    })
}
