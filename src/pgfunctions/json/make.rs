//! Making JSON of values.

use super::get::{at, json, jsonb, parameter};
use super::value::Value as Jsonb;
use crate::error::Result;
use crate::pgfunctions::row::{Env, Function, Output, Returns, Value, lax, strict};
use crate::pgtypes::json_tree::{Json, Kind};
use crate::pgtypes::put_json_string;

pub const FUNCTIONS: &[Function] = &[
    strict("to_json", "tojson", Returns::Json, |_, args| Ok(Output::from(at(args, 0).text()))),
    strict("to_jsonb", "tojson", Returns::Jsonb, |_, args| Ok(Output::Text(jsonb(args, 0)?.to_text()))),
    strict("row_to_json", "tojson bool?", Returns::Json, |_, args| lines(args)),
    strict("array_to_json", "tojson bool?", Returns::Json, |_, args| lines(args)),
    lax("json_build_array", "tojson*", Returns::Json, |_, args| Ok(Output::Text(build_array(args)))),
    lax("jsonb_build_array", "tojson*", Returns::Jsonb, |_, args| normalized(&build_array(args))),
    lax("json_build_object", "tojson*", Returns::Json, |_, args| build_object(args, false)),
    lax("jsonb_build_object", "tojson*", Returns::Jsonb, |_, args| build_object(args, true)),
    strict("json_object", "text[] text[]?", Returns::Json, |_, args| object(args, false)),
    strict("jsonb_object", "text[] text[]?", Returns::Jsonb, |_, args| object(args, true)),
    strict("json_strip_nulls", "json", Returns::Json, |_, args| strip_nulls(args)),
    strict("jsonb_strip_nulls", "json", Returns::Jsonb, |_, args| Ok(Output::Text(strip(jsonb(args, 0)?).to_text()))),
    // what the aggregates are made of
    lax("json_element", "tojson-line", Returns::Text, |_, args| Ok(Output::from(or_null(at(args, 0))))),
    lax("json_pair", "any tojson", Returns::Text, pair),
    strict("json_array_of", "text[]", Returns::Json, |_, args| Ok(Output::Text(array_of(args)))),
    strict("jsonb_array_of", "text[]", Returns::Jsonb, |_, args| normalized(&array_of(args))),
    strict("json_object_of", "text[]", Returns::Json, |_, args| Ok(Output::Text(object_of(args)))),
    strict("jsonb_object_of", "text[]", Returns::Jsonb, |_, args| normalized(&object_of(args))),
];

fn or_null<'a>(value: Value<'a>) -> &'a str {
    if value.is_null() { "null" } else { value.text() }
}

fn normalized(text: &str) -> Result<Output> {
    Ok(Output::Text(Jsonb::parse(text)?.to_text()))
}

/// With line feeds between the members, if the second argument says so.
fn lines(args: &[Value<'_>]) -> Result<Output> {
    if !at(args, 1).bool() {
        return Ok(Output::from(at(args, 0).text()));
    }
    let json = json(args, 0)?;
    let joined = |open: char, close: char, members: Vec<String>| format!("{open}{}{close}", members.join(",\n "));
    Ok(Output::Text(match &json.kind {
        Kind::Array(items) => joined('[', ']', items.iter().map(|item| item.raw.to_owned()).collect()),
        Kind::Object(members) => {
            let member = |(key, value): &(std::borrow::Cow<'_, str>, Json<'_>)| {
                let mut text = String::new();
                put_json_string(&mut text, key);
                format!("{text}:{}", value.raw)
            };
            joined('{', '}', members.iter().map(member).collect())
        }
        _ => json.raw.to_owned(),
    }))
}

fn build_array(args: &[Value<'_>]) -> String {
    let items: Vec<&str> = args.iter().map(|value| or_null(*value)).collect();
    format!("[{}]", items.join(", "))
}

fn build_object(args: &[Value<'_>], binary: bool) -> Result<Output> {
    if args.len() % 2 == 1 {
        let function = if binary { "jsonb_build_object()" } else { "json_build_object()" };
        return Err(parameter("argument list must have even number of elements")
            .with_hint(format!("The arguments of {function} must consist of alternating keys and values.")));
    }
    let mut text = String::from("{");
    for (nth, pair) in args.chunks(2).enumerate() {
        let (key, value) = (at(pair, 0), at(pair, 1));
        if key.is_null() {
            let place = nth * 2 + 1;
            return Err(match binary {
                true => parameter(format!("argument {place}: key must not be null")),
                false => parameter(format!("argument {place} cannot be null")).with_hint("Object keys should be text."),
            });
        }
        if nth > 0 {
            text.push_str(", ");
        }
        put_key(&mut text, key.text())?;
        text.push_str(" : ");
        text.push_str(or_null(value));
    }
    text.push('}');
    if binary { normalized(&text) } else { Ok(Output::Text(text)) }
}

/// A key from a value's JSON: strings as they are, other scalars quoted.
fn put_key(out: &mut String, key: &str) -> Result<()> {
    match key.as_bytes().first() {
        Some(b'"') => out.push_str(key),
        Some(b'{' | b'[') => return Err(parameter("key value must be scalar, not array, composite, or json")),
        _ => put_json_string(out, key),
    }
    Ok(())
}

fn pair(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let (key, value) = (at(args, 0), at(args, 1));
    if key.is_null() {
        return Err(parameter("field name must not be null"));
    }
    let mut text = String::new();
    put_json_string(&mut text, key.text());
    Ok(Output::Text(format!("{text} : {}", or_null(value))))
}

/// Of elements that may begin a line: all but the first do.
fn array_of(args: &[Value<'_>]) -> String {
    let items: Vec<&str> = at(args, 0).texts().into_iter().map(|item| item.unwrap_or("null")).collect();
    format!("[{}]", items.join(", ").trim_start())
}

fn object_of(args: &[Value<'_>]) -> String {
    let pairs: Vec<&str> = at(args, 0).texts().into_iter().flatten().collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// From alternating keys and values, or from keys and from values.
fn object(args: &[Value<'_>], binary: bool) -> Result<Output> {
    let keys = at(args, 0).texts();
    let pairs: Vec<(Option<&str>, Option<&str>)> = match args.get(1) {
        None if keys.len() % 2 == 1 => {
            return Err(crate::error::Error::new(
                crate::error::ErrorKind::ArraySubscriptError,
                "array must have even number of elements",
            ));
        }
        None => keys.chunks(2).map(|pair| (pair.first().copied().flatten(), pair.get(1).copied().flatten())).collect(),
        Some(values) => {
            let values = values.texts();
            if values.len() != keys.len() {
                return Err(crate::error::Error::new(
                    crate::error::ErrorKind::ArraySubscriptError,
                    "mismatched array dimensions",
                ));
            }
            keys.into_iter().zip(values).collect()
        }
    };
    let mut text = String::from("{");
    for (nth, (key, value)) in pairs.into_iter().enumerate() {
        let Some(key) = key else {
            return Err(crate::error::Error::new(
                crate::error::ErrorKind::NullNotAllowed,
                "null value not allowed for object key",
            ));
        };
        if nth > 0 {
            text.push_str(", ");
        }
        put_json_string(&mut text, key);
        text.push_str(" : ");
        match value {
            Some(value) => put_json_string(&mut text, value),
            None => text.push_str("null"),
        }
    }
    text.push('}');
    if binary { normalized(&text) } else { Ok(Output::Text(text)) }
}

/// Without the members that are null; spaces go too, as in PostgreSQL.
fn strip_nulls(args: &[Value<'_>]) -> Result<Output> {
    fn put(json: &Json<'_>, out: &mut String) {
        match &json.kind {
            Kind::Array(items) => {
                out.push('[');
                for (nth, item) in items.iter().enumerate() {
                    if nth > 0 {
                        out.push(',');
                    }
                    put(item, out);
                }
                out.push(']');
            }
            Kind::Object(members) => {
                out.push('{');
                let kept = members.iter().filter(|(_, value)| !matches!(value.kind, Kind::Null));
                for (nth, (key, value)) in kept.enumerate() {
                    if nth > 0 {
                        out.push(',');
                    }
                    put_json_string(out, key);
                    out.push(':');
                    put(value, out);
                }
                out.push('}');
            }
            _ => out.push_str(json.raw),
        }
    }
    let mut out = String::new();
    put(&json(args, 0)?, &mut out);
    Ok(Output::Text(out))
}

fn strip(value: Jsonb) -> Jsonb {
    match value {
        Jsonb::Array(items) => Jsonb::Array(items.into_iter().map(strip).collect()),
        Jsonb::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !matches!(value, Jsonb::Null));
            Jsonb::Object(kept.map(|(key, value)| (key, strip(value))).collect())
        }
        scalar => scalar,
    }
}
