//! Changing jsonb: `||`, `-`, `#-`, `jsonb_set`, `jsonb_insert`.

use super::get::{at, jsonb, parameter};
use super::value::Value as Jsonb;
use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::row::{Function, Output, Returns, Value, lax, strict};

pub const FUNCTIONS: &[Function] = &[
    strict("jsonb_concat", "json json", Returns::Jsonb, |_, args| shown(concat(jsonb(args, 0)?, jsonb(args, 1)?))),
    strict("jsonb_delete", "json int|json text|json text[]", Returns::Jsonb, |_, args| delete(args)),
    strict("jsonb_delete_path", "json text[]", Returns::Jsonb, |_, args| {
        let (value, path) = (jsonb(args, 0)?, at(args, 1).texts());
        match value.is_scalar() {
            true => Err(parameter("cannot delete path in scalar")),
            false => shown(change(value, &path, 1, &Change::Delete)?),
        }
    }),
    strict("jsonb_set", "json text[] json bool?", Returns::Jsonb, |_, args| set(args)),
    lax("jsonb_set_lax", "json text[] json bool? text?", Returns::Jsonb, |_, args| set_lax(args)),
    strict("jsonb_insert", "json text[] json bool?", Returns::Jsonb, |_, args| {
        let (value, path, new) = (jsonb(args, 0)?, at(args, 1).texts(), jsonb(args, 2)?);
        match value.is_scalar() {
            true => Err(parameter("cannot set path in scalar")),
            false => shown(change(value, &path, 1, &Change::Insert { new, after: at(args, 3).bool() })?),
        }
    }),
    strict("jsonb_pretty", "json", Returns::Text, |_, args| Ok(Output::Text(jsonb(args, 0)?.pretty()))),
];

fn shown(value: Jsonb) -> Result<Output> {
    Ok(Output::Text(value.to_text()))
}

/// Objects are merged; of anything else, arrays are made and joined.
fn concat(left: Jsonb, right: Jsonb) -> Jsonb {
    match (left, right) {
        (Jsonb::Object(mut members), Jsonb::Object(more)) => {
            members.extend(more);
            Jsonb::object(members)
        }
        (left, right) => {
            let items = |value| match value {
                Jsonb::Array(items) => items,
                other => vec![other],
            };
            let mut all = items(left);
            all.extend(items(right));
            Jsonb::Array(all)
        }
    }
}

fn delete(args: &[Value<'_>]) -> Result<Output> {
    let value = jsonb(args, 0)?;
    if value.is_scalar() {
        return Err(parameter("cannot delete from scalar"));
    }
    let keys = match at(args, 1) {
        Value::Int(index) => {
            let Jsonb::Array(mut items) = value else {
                return Err(parameter("cannot delete from object using integer index"));
            };
            if let Some(index) = position(items.len(), index).filter(|index| *index < items.len()) {
                items.remove(index);
            }
            return shown(Jsonb::Array(items));
        }
        Value::Text(key) => vec![Some(key)],
        keys => keys.texts(),
    };
    let named = |name: &str| keys.iter().flatten().any(|key| *key == name);
    shown(match value {
        Jsonb::Object(members) => Jsonb::Object(members.into_iter().filter(|(key, _)| !named(key)).collect()),
        Jsonb::Array(items) => {
            let kept = items.into_iter().filter(|item| !matches!(item, Jsonb::String(string) if named(string)));
            Jsonb::Array(kept.collect())
        }
        scalar => scalar,
    })
}

/// A place from 0; a negative one counts from the end. `None` before the beginning.
fn position(length: usize, index: i64) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { length + index } else { index }).ok()
}

enum Change {
    Delete,
    Set { new: Jsonb, create: bool },
    Insert { new: Jsonb, after: bool },
}

fn set(args: &[Value<'_>]) -> Result<Output> {
    let (value, path, new) = (jsonb(args, 0)?, at(args, 1).texts(), jsonb(args, 2)?);
    if value.is_scalar() {
        return Err(parameter("cannot set path in scalar"));
    }
    let create = args.get(3).is_none_or(Value::bool);
    shown(change(value, &path, 1, &Change::Set { new, create })?)
}

fn set_lax(args: &[Value<'_>]) -> Result<Output> {
    if at(args, 0).is_null() || at(args, 1).is_null() || args.get(3).is_some_and(Value::is_null) {
        return Ok(Output::Null);
    }
    if !at(args, 2).is_null() {
        return set(args.get(..args.len().min(4)).unwrap_or(args));
    }
    match args.get(4).map_or("use_json_null", Value::text) {
        "raise_exception" => Err(Error::new(ErrorKind::NullNotAllowed, "JSON value must not be null")
            .with_detail("Exception was raised because null_value_treatment is \"raise_exception\".")
            .with_hint(
                "To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.",
            )),
        "return_target" => shown(jsonb(args, 0)?),
        "delete_key" => shown(change(jsonb(args, 0)?, &at(args, 1).texts(), 1, &Change::Delete)?),
        "use_json_null" => {
            let create = args.get(3).is_none_or(Value::bool);
            shown(change(jsonb(args, 0)?, &at(args, 1).texts(), 1, &Change::Set { new: Jsonb::Null, create })?)
        }
        _ => Err(parameter(
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"",
        )),
    }
}

/// The value with the change made where the path leads; unchanged where it leads nowhere.
fn change(value: Jsonb, path: &[Option<&str>], depth: usize, what: &Change) -> Result<Jsonb> {
    let Some((step, rest)) = path.split_first() else { return Ok(value) };
    // where there is nothing yet, a step that cannot be is not looked at
    let is_empty = matches!(&value, Jsonb::Array(items) if items.is_empty());
    let makes = !matches!(what, Change::Delete | Change::Set { create: false, .. });
    if is_empty && !makes && depth == 1 {
        return Ok(value);
    }
    let step =
        step.ok_or_else(|| Error::new(ErrorKind::NullNotAllowed, format!("path element at position {depth} is null")))?;
    match value {
        Jsonb::Object(members) => change_member(members, step, rest, depth, what),
        Jsonb::Array(items) => change_item(items, step, rest, depth, what),
        scalar => Ok(scalar),
    }
}

fn change_member(
    mut members: Vec<(String, Jsonb)>,
    step: &str,
    rest: &[Option<&str>],
    depth: usize,
    what: &Change,
) -> Result<Jsonb> {
    let found = members.iter().position(|(key, _)| key == step);
    if let (Some(at), false) = (found, rest.is_empty()) {
        let (key, value) = members.swap_remove(at);
        members.push((key, change(value, rest, depth + 1, what)?));
        return Ok(Jsonb::object(members));
    }
    match (what, found) {
        _ if !rest.is_empty() => {}
        (Change::Delete, Some(at)) => drop(members.remove(at)),
        (Change::Set { new, .. }, Some(at)) => members[at].1 = new.clone(),
        (Change::Set { new, create: true } | Change::Insert { new, .. }, None) => {
            members.push((step.to_owned(), new.clone()));
        }
        (Change::Insert { .. }, Some(_)) => {
            return Err(parameter("cannot replace existing key")
                .with_hint("Try using the function jsonb_set to replace key value."));
        }
        _ => {}
    }
    Ok(Jsonb::object(members))
}

fn change_item(mut items: Vec<Jsonb>, step: &str, rest: &[Option<&str>], depth: usize, what: &Change) -> Result<Jsonb> {
    let index: i64 = step.trim().parse().map_err(|_| {
        Error::new(
            ErrorKind::InvalidTextRepresentation,
            format!("path element at position {depth} is not an integer: \"{step}\""),
        )
    })?;
    let place = position(items.len(), index);
    let found = place.filter(|at| *at < items.len());
    if let (Some(at), false) = (found, rest.is_empty()) {
        items[at] = change(items[at].clone(), rest, depth + 1, what)?;
        return Ok(Jsonb::Array(items));
    }
    match (what, found) {
        _ if !rest.is_empty() => {}
        (Change::Delete, Some(at)) => drop(items.remove(at)),
        (Change::Set { new, .. }, Some(at)) => items[at] = new.clone(),
        (Change::Insert { new, after }, Some(at)) => items.insert(at + usize::from(*after), new.clone()),
        // beyond the end: the last; before the beginning: the first
        (Change::Set { new, create: true } | Change::Insert { new, .. }, None) => match place {
            Some(_) => items.push(new.clone()),
            None => items.insert(0, new.clone()),
        },
        _ => {}
    }
    Ok(Jsonb::Array(items))
}
