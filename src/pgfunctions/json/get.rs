//! Reading JSON: `->`, `#>`, lengths, types, keys, containment.

use super::types::JSON_OUT;
use super::value::Value as Jsonb;
use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::row::{Env, Function, Output, Returns, Value, strict};
use crate::pgtypes::json_tree::{Json, Kind};

pub const FUNCTIONS: &[Function] = &[
    strict("json_object_field", "json text", Returns::Json, |_, args| field(args, shown)),
    strict("jsonb_object_field", "json text", Returns::Jsonb, |_, args| field(args, normalized)),
    strict("json_object_field_text", "json text", Returns::Text, |_, args| field(args, as_text)),
    strict("jsonb_object_field_text", "json text", Returns::Text, |_, args| field(args, normalized_text)),
    strict("json_array_element", "json int", Returns::Json, |_, args| element(args, shown)),
    strict("jsonb_array_element", "json int", Returns::Jsonb, |_, args| element_of_jsonb(args, normalized)),
    strict("json_array_element_text", "json int", Returns::Text, |_, args| element(args, as_text)),
    strict("jsonb_array_element_text", "json int", Returns::Text, |_, args| element_of_jsonb(args, normalized_text)),
    strict("json_extract_path", "json text*", Returns::Json, |_, args| path(args, shown)),
    strict("jsonb_extract_path", "json text*", Returns::Jsonb, |_, args| path(args, normalized)),
    strict("json_extract_path_text", "json text*", Returns::Text, |_, args| path(args, as_text)),
    strict("jsonb_extract_path_text", "json text*", Returns::Text, |_, args| path(args, normalized_text)),
    strict("json_extract_array_path", "json text[]", Returns::Json, |_, args| array_path(args, shown)),
    strict("jsonb_extract_array_path", "json text[]", Returns::Jsonb, |_, args| array_path(args, normalized)),
    strict("json_extract_array_path_text", "json text[]", Returns::Text, |_, args| array_path(args, as_text)),
    strict("jsonb_extract_array_path_text", "json text[]", Returns::Text, |_, args| array_path(args, normalized_text)),
    strict("json_array_length", "json", Returns::Int, |_, args| length(args)),
    strict("jsonb_array_length", "json", Returns::Int, |_, args| length(args)),
    strict("json_typeof", "json", Returns::Text, |_, args| type_of(args)),
    strict("jsonb_typeof", "json", Returns::Text, |_, args| type_of(args)),
    strict("jsonb_exists", "json text", Returns::Bool, |_, args| exists(args, &[Some(at(args, 1).text())], false)),
    strict("jsonb_exists_any", "json text[]", Returns::Bool, |_, args| exists(args, &at(args, 1).texts(), false)),
    strict("jsonb_exists_all", "json text[]", Returns::Bool, |_, args| exists(args, &at(args, 1).texts(), true)),
    strict("jsonb_contains", "json json", Returns::Bool, |_, args| {
        Ok(Output::Bool(jsonb(args, 0)?.contains(&jsonb(args, 1)?)))
    }),
    strict("jsonb_contained", "json json", Returns::Bool, |_, args| {
        Ok(Output::Bool(jsonb(args, 1)?.contains(&jsonb(args, 0)?)))
    }),
    strict("jsonb_cmp", "json json", Returns::Int, |_, args| {
        Ok(Output::Int(jsonb(args, 0)?.order(&jsonb(args, 1)?) as i64))
    }),
    strict(JSONB_SORT_KEY, "json", Returns::Text, |_, args| Ok(Output::Text(jsonb(args, 0)?.sort_key()))),
    strict("jsonb_eq", "json json", Returns::Bool, |_, args| Ok(Output::Bool(jsonb(args, 0)? == jsonb(args, 1)?))),
    strict("json_in", "json", Returns::Json, |_, args| checked(args)),
    strict("jsonb_in", "json", Returns::Jsonb, |_, args| Ok(Output::Text(jsonb(args, 0)?.to_text()))),
    strict("jsonb_scalar", "json text", Returns::Text, scalar),
    strict("json_object_keys", "json", Returns::Set(&Returns::Text), |_, args| keys(args, "json_object_keys", false)),
    strict("jsonb_object_keys", "json", Returns::Set(&Returns::Text), |_, args| keys(args, "jsonb_object_keys", true)),
    strict("json_array_elements", "json", Returns::Set(&Returns::Json), |_, args| {
        elements_of_text("json_array_elements", args, shown)
    }),
    strict("jsonb_array_elements", "json", Returns::Set(&Returns::Jsonb), |_, args| elements(args, normalized)),
    strict("json_array_elements_text", "json", Returns::Set(&Returns::Text), |_, args| {
        elements_of_text("json_array_elements_text", args, as_text)
    }),
    strict("jsonb_array_elements_text", "json", Returns::Set(&Returns::Text), |_, args| {
        elements(args, normalized_text)
    }),
    strict("json_each", "json", JSON_PAIRS, |_, args| each(args, "json_each", false, shown)),
    strict("jsonb_each", "json", JSONB_PAIRS, |_, args| each(args, "jsonb_each", true, normalized)),
    strict("json_each_text", "json", TEXT_PAIRS, |_, args| each(args, "json_each_text", false, as_text)),
    strict("jsonb_each_text", "json", TEXT_PAIRS, |_, args| each(args, "jsonb_each_text", true, normalized_text)),
    strict("json_array_literal", "text", Returns::Text, |_, args| array_literal(at(args, 0).text()).map(Output::Text)),
    // the same value, known to be of another type
    strict("json_mark", "any", Returns::Json, |_, args| Ok(Output::from(at(args, 0).text()))),
    strict("jsonb_mark", "any", Returns::Jsonb, |_, args| Ok(Output::from(at(args, 0).text()))),
    strict(JSON_OUT, "any", Returns::Text, |_, args| Ok(Output::from(at(args, 0).text()))),
];

/// The function of a jsonb that gives texts whose order is that of the documents.
pub const JSONB_SORT_KEY: &str = "jsonb_sort_key";

const JSON_PAIRS: Returns = Returns::Table(&[("key", Returns::Text), ("value", Returns::Json)]);
const JSONB_PAIRS: Returns = Returns::Table(&[("key", Returns::Text), ("value", Returns::Jsonb)]);
const TEXT_PAIRS: Returns = Returns::Table(&[("key", Returns::Text), ("value", Returns::Text)]);

/// The elements of a JSON array as an array of another type is written: `["x", null]` → `{"x",NULL}`. Other text stays.
fn array_literal(text: &str) -> Result<String> {
    fn literal(json: &Json<'_>) -> Result<String> {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        Ok(match &json.kind {
            Kind::Array(items) => format!("{{{}}}", items.iter().map(literal).collect::<Result<Vec<_>>>()?.join(",")),
            _ => json.as_text()?.map_or_else(|| "NULL".to_owned(), |text| quoted(&text)),
        })
    }
    if text.trim_start().starts_with('[') { literal(&Json::parse(text)?) } else { Ok(text.to_owned()) }
}

type Show = fn(&Json<'_>) -> Result<Output>;

fn shown(json: &Json<'_>) -> Result<Output> {
    Ok(Output::from(json.raw))
}

/// As jsonb: a constant that was handed in may not be normalized.
fn normalized(json: &Json<'_>) -> Result<Output> {
    Ok(Output::Text(Jsonb::from_tree(json)?.to_text()))
}

fn as_text(json: &Json<'_>) -> Result<Output> {
    Ok(json.as_text()?.into())
}

/// The same as text: a string without its quotes, null as NULL.
fn normalized_text(json: &Json<'_>) -> Result<Output> {
    match json.kind {
        Kind::Array(_) | Kind::Object(_) => normalized(json),
        _ => as_text(json),
    }
}

/// An argument; NULL where it was left out.
pub(super) fn at<'a>(args: &[Value<'a>], nth: usize) -> Value<'a> {
    args.get(nth).copied().unwrap_or(Value::Null)
}

pub(super) fn json<'a>(args: &[Value<'a>], nth: usize) -> Result<Json<'a>> {
    Json::parse(at(args, nth).text())
}

pub(super) fn jsonb(args: &[Value<'_>], nth: usize) -> Result<Jsonb> {
    Jsonb::parse(at(args, nth).text())
}

fn found(json: Option<&Json<'_>>, show: Show) -> Result<Output> {
    json.map_or(Ok(Output::Null), show)
}

fn field(args: &[Value<'_>], show: Show) -> Result<Output> {
    let json = json(args, 0)?;
    match json.kind {
        Kind::Object(_) => found(json.step(at(args, 1).text()), show),
        _ => Ok(Output::Null),
    }
}

fn element(args: &[Value<'_>], show: Show) -> Result<Output> {
    found(json(args, 0)?.element(at(args, 1).int()), show)
}

/// [`element`] of a jsonb: of a scalar it is the scalar.
fn element_of_jsonb(args: &[Value<'_>], show: Show) -> Result<Output> {
    let json = json(args, 0)?;
    match (&json.kind, at(args, 1).int()) {
        (Kind::Array(_) | Kind::Object(_), place) => found(json.element(place), show),
        (_, 0 | -1) => show(&json),
        _ => Ok(Output::Null),
    }
}

fn walk<'a>(json: &Json<'_>, steps: impl Iterator<Item = Option<&'a str>>, show: Show) -> Result<Output> {
    let mut here = Some(json);
    for step in steps {
        here = here.zip(step).and_then(|(json, step)| json.step(step));
    }
    found(here, show)
}

fn path(args: &[Value<'_>], show: Show) -> Result<Output> {
    walk(&json(args, 0)?, args.iter().skip(1).map(|step| Some(step.text())), show)
}

fn array_path(args: &[Value<'_>], show: Show) -> Result<Output> {
    walk(&json(args, 0)?, at(args, 1).texts().into_iter(), show)
}

pub(super) fn parameter(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidParameter, message)
}

fn length(args: &[Value<'_>]) -> Result<Output> {
    match json(args, 0)?.kind {
        Kind::Array(items) => Ok(Output::Int(i64::try_from(items.len()).unwrap_or(i64::MAX))),
        Kind::Object(_) => Err(parameter("cannot get array length of a non-array")),
        _ => Err(parameter("cannot get array length of a scalar")),
    }
}

fn type_of(args: &[Value<'_>]) -> Result<Output> {
    Ok(Output::from(json(args, 0)?.type_name()))
}

/// Whether any or all of the texts are keys of the object, strings of the array, or the string.
fn exists(args: &[Value<'_>], keys: &[Option<&str>], all: bool) -> Result<Output> {
    let json = json(args, 0)?;
    let is_string = |value: &Json<'_>, key: &str| matches!(&value.kind, Kind::String(string) if string == key);
    let has = |key: &str| match &json.kind {
        Kind::Object(members) => members.iter().any(|(name, _)| name == key),
        Kind::Array(items) => items.iter().any(|item| is_string(item, key)),
        _ => is_string(&json, key),
    };
    let mut keys = keys.iter().flatten();
    Ok(Output::Bool(if all { keys.all(|key| has(key)) } else { keys.any(|key| has(key)) }))
}

fn checked(args: &[Value<'_>]) -> Result<Output> {
    json(args, 0)?;
    Ok(Output::from(at(args, 0).text()))
}

/// The text of a number or boolean in a jsonb, before it becomes a value of another type.
fn scalar(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let (value, wanted) = (jsonb(args, 0)?, at(args, 1).text());
    match (&value, wanted) {
        (Jsonb::Bool(_), "boolean") => Ok(Output::Text(value.to_text())),
        (Jsonb::Number(digits), "smallint" | "integer" | "bigint") => Ok(Output::Text(rounded(digits))),
        (Jsonb::Number(digits), wanted) if wanted != "boolean" => Ok(Output::Text(digits.clone())),
        _ => {
            let kind = if matches!(value, Jsonb::Number(_)) { "numeric" } else { value.type_name() };
            Err(parameter(format!("cannot cast jsonb {kind} to type {wanted}")))
        }
    }
}

/// To a whole number, half away from zero.
fn rounded(digits: &str) -> String {
    let Some((whole, fraction)) = digits.split_once('.') else { return digits.to_owned() };
    match (whole.parse::<i64>(), fraction.starts_with(|digit: char| digit >= '5'), whole.starts_with('-')) {
        (Ok(number), true, false) => number.saturating_add(1).to_string(),
        (Ok(number), true, true) => number.saturating_sub(1).to_string(),
        _ => whole.to_owned(),
    }
}

/// [`elements`], which complains of a `json` in other words than of a `jsonb`.
fn elements_of_text(function: &str, args: &[Value<'_>], show: Show) -> Result<Output> {
    match json(args, 0)?.kind {
        Kind::Array(_) => elements(args, show),
        Kind::Object(_) => Err(parameter(format!("cannot call {function} on a non-array"))),
        _ => Err(parameter(format!("cannot call {function} on a scalar"))),
    }
}

fn elements(args: &[Value<'_>], show: Show) -> Result<Output> {
    match json(args, 0)?.kind {
        Kind::Array(items) => Ok(Output::List(items.iter().map(show).collect::<Result<_>>()?)),
        Kind::Object(_) => Err(parameter("cannot extract elements from an object")),
        _ => Err(parameter("cannot extract elements from a scalar")),
    }
}

fn not_an_object(json: &Json<'_>, function: &str) -> Error {
    match (&json.kind, function.contains("_keys")) {
        (Kind::Array(_), true) => parameter(format!("cannot call {function} on an array")),
        (_, true) => parameter(format!("cannot call {function} on a scalar")),
        (Kind::Array(_), _) if function.starts_with("json_") => parameter("cannot deconstruct an array as an object"),
        (_, _) if function.starts_with("json_") => parameter("cannot deconstruct a scalar"),
        _ => parameter(format!("cannot call {function} on a non-object")),
    }
}

/// Members of an object; of a jsonb, in its order and each key once.
fn members<'a>(args: &[Value<'a>], function: &str, unique: bool) -> Result<Vec<(String, Json<'a>)>> {
    let json = json(args, 0)?;
    if !matches!(json.kind, Kind::Object(_)) {
        return Err(not_an_object(&json, function));
    }
    let Kind::Object(members) = json.kind else { return Ok(Vec::new()) };
    let mut members: Vec<(String, Json<'a>)> =
        members.into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
    if unique {
        members.reverse();
        members.sort_by(|(left, _), (right, _)| left.len().cmp(&right.len()).then_with(|| left.cmp(right)));
        members.dedup_by(|(later, _), (kept, _)| later == kept);
    }
    Ok(members)
}

fn keys(args: &[Value<'_>], function: &str, unique: bool) -> Result<Output> {
    let members = members(args, function, unique)?;
    Ok(Output::List(members.into_iter().map(|(key, _)| Output::Text(key)).collect()))
}

fn each(args: &[Value<'_>], function: &str, unique: bool, show: Show) -> Result<Output> {
    let pairs = members(args, function, unique)?;
    let record = |(key, value): (String, Json<'_>)| Ok(Output::Record(vec![Output::Text(key), show(&value)?]));
    Ok(Output::List(pairs.into_iter().map(record).collect::<Result<_>>()?))
}
