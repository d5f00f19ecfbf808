//! `jsonb_path_query` and its kin, `@?`, `@@`: what an SQL/JSON path finds in a document.

use super::get::at;
use super::path::{JsonPath, Query};
use super::value::Value as Jsonb;
use crate::dialect::rules::JSONPATH_IN;
use crate::error::{Error, Result};
use crate::pgfunctions::row::{Env, Function, Output, Returns, Value, strict};

/// Path, variables, and whether errors of the data are passed over.
const TAKES: &str = "json text json? bool?";

pub const FUNCTIONS: &[Function] = &[
    strict("jsonb_path_exists", TAKES, Returns::Bool, |env, args| exists(env, args, Kind::Function)),
    strict("jsonb_path_exists_tz", TAKES, Returns::Bool, |env, args| exists(env, args, Kind::WithZone)),
    strict("jsonb_path_exists_opr", TAKES, Returns::Bool, |env, args| exists(env, args, Kind::Operator)),
    strict("jsonb_path_match", TAKES, Returns::Bool, |env, args| matches(env, args, Kind::Function)),
    strict("jsonb_path_match_tz", TAKES, Returns::Bool, |env, args| matches(env, args, Kind::WithZone)),
    strict("jsonb_path_match_opr", TAKES, Returns::Bool, |env, args| matches(env, args, Kind::Operator)),
    strict("jsonb_path_query", TAKES, Returns::Set(&Returns::Jsonb), |env, args| items(env, args, Kind::Function)),
    strict("jsonb_path_query_tz", TAKES, Returns::Set(&Returns::Jsonb), |env, args| items(env, args, Kind::WithZone)),
    strict("jsonb_path_query_array", TAKES, Returns::Jsonb, |env, args| array(env, args, Kind::Function)),
    strict("jsonb_path_query_array_tz", TAKES, Returns::Jsonb, |env, args| array(env, args, Kind::WithZone)),
    strict("jsonb_path_query_first", TAKES, Returns::Jsonb, |env, args| first(env, args, Kind::Function)),
    strict("jsonb_path_query_first_tz", TAKES, Returns::Jsonb, |env, args| first(env, args, Kind::WithZone)),
    strict(JSONPATH_IN, "text", Returns::Text, |env, args| {
        Ok(Output::Text(env.paths.borrow_mut().read(at(args, 0).text())?.to_string()))
    }),
];

/// # Errors
/// Those of a text that is no path.
pub fn check_path(text: &str) -> Result<()> {
    JsonPath::parse(text).map(drop)
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    /// Times may be compared by the session's zone.
    WithZone,
    /// Without variables; what is wrong with the data is unknown, not an error.
    Operator,
}

/// The path that was read last: that of the next row, mostly.
#[derive(Default)]
pub struct LastPath(Option<(String, JsonPath)>);

impl LastPath {
    fn read(&mut self, text: &str) -> Result<&JsonPath> {
        if self.0.as_ref().is_none_or(|(known, _)| known != text) {
            self.0 = Some((text.to_owned(), JsonPath::parse(text)?));
        }
        match &self.0 {
            Some((_, path)) => Ok(path),
            None => Err(Error::internal("a path was not kept")),
        }
    }
}

/// Asks the path of the arguments.
fn ask<T>(
    env: &Env,
    args: &[Value<'_>],
    kind: Kind,
    then: impl FnOnce(&JsonPath, Query<'_>) -> Result<T>,
) -> Result<T> {
    let json = Jsonb::parse(at(args, 0).text())?;
    let vars = match (at(args, 2), kind) {
        (_, Kind::Operator) => None,
        (vars, _) if vars.is_null() => Some(Jsonb::Object(Vec::new())),
        (vars, _) => Some(Jsonb::parse(vars.text())?),
    };
    let is_silent = kind == Kind::Operator || !at(args, 3).is_null() && at(args, 3).bool();
    let offset = |local: i64| env.style.zone.offset_of_local(local);
    let zone = (kind == Kind::WithZone).then_some(&offset as &dyn Fn(i64) -> i32);
    let mut paths = env.paths.borrow_mut();
    then(paths.read(at(args, 1).text())?, Query { json: &json, vars: vars.as_ref(), is_silent, zone })
}

fn truth(known: Option<bool>) -> Output {
    known.map_or(Output::Null, Output::Bool)
}

fn exists(env: &Env, args: &[Value<'_>], kind: Kind) -> Result<Output> {
    ask(env, args, kind, |path, query| path.exists(query)).map(truth)
}

fn matches(env: &Env, args: &[Value<'_>], kind: Kind) -> Result<Output> {
    ask(env, args, kind, |path, query| path.matches(query)).map(truth)
}

fn items(env: &Env, args: &[Value<'_>], kind: Kind) -> Result<Output> {
    let found = ask(env, args, kind, |path, query| path.query(query))?;
    Ok(Output::List(found.iter().map(|item| Output::Text(item.to_text())).collect()))
}

fn array(env: &Env, args: &[Value<'_>], kind: Kind) -> Result<Output> {
    let found = ask(env, args, kind, |path, query| path.query(query))?;
    Ok(Output::Text(Jsonb::Array(found).to_text()))
}

fn first(env: &Env, args: &[Value<'_>], kind: Kind) -> Result<Output> {
    let found = ask(env, args, kind, |path, query| path.first(query))?;
    Ok(found.map_or(Output::Null, |item| Output::Text(item.to_text())))
}
