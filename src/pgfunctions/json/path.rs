//! SQL/JSON paths: `jsonb_path_query` and its kin, `@?`, `@@`. The language is that of the `sql_json_path` crate.

use serde_json::Value as Tree;
use sql_json_path::{EvalError, JsonPath};

use super::get::at;
use super::value::Value as Jsonb;
use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::row::{Env, Function, Output, Returns, Value, strict};

/// Path, variables, and whether errors of the data are passed over.
const TAKES: &str = "json text json? bool?";

pub const FUNCTIONS: &[Function] = &[
    strict("jsonb_path_exists", TAKES, Returns::Bool, exists),
    strict("jsonb_path_exists_tz", TAKES, Returns::Bool, exists),
    strict("jsonb_path_exists_opr", TAKES, Returns::Bool, |env, args| quietly(exists(env, args))),
    strict("jsonb_path_match", TAKES, Returns::Bool, matches),
    strict("jsonb_path_match_tz", TAKES, Returns::Bool, matches),
    strict("jsonb_path_match_opr", TAKES, Returns::Bool, |env, args| quietly(matches(env, args))),
    strict("jsonb_path_query", TAKES, Returns::Set(&Returns::Jsonb), items),
    strict("jsonb_path_query_tz", TAKES, Returns::Set(&Returns::Jsonb), items),
    strict("jsonb_path_query_array", TAKES, Returns::Jsonb, array),
    strict("jsonb_path_query_array_tz", TAKES, Returns::Jsonb, array),
    strict("jsonb_path_query_first", TAKES, Returns::Jsonb, first),
    strict("jsonb_path_query_first_tz", TAKES, Returns::Jsonb, first),
];

/// The path that was read last: that of the next row, mostly.
#[derive(Default)]
pub struct LastPath(Option<(String, JsonPath)>);

impl LastPath {
    fn read(&mut self, text: &str) -> Result<&JsonPath> {
        if self.0.as_ref().is_none_or(|(known, _)| known != text) {
            let path = JsonPath::new(text).map_err(|_| {
                Error::new(ErrorKind::SyntaxError, format!("syntax error of jsonpath input \"{text}\""))
            })?;
            self.0 = Some((text.to_owned(), path));
        }
        match &self.0 {
            Some((_, path)) => Ok(path),
            None => Err(Error::internal("a path was not kept")),
        }
    }
}

/// What the path finds; `None` where the data is not as it says and that is to be passed over.
fn found(env: &Env, args: &[Value<'_>]) -> Result<Option<Vec<Tree>>> {
    let read = |text: &str| {
        serde_json::from_str::<Tree>(text).map_err(|error| Error::internal("jsonb is no JSON").with_source(error))
    };
    let json = read(at(args, 0).text())?;
    let vars = match at(args, 2) {
        vars if vars.is_null() => Tree::Object(serde_json::Map::new()),
        vars => read(vars.text())?,
    };
    let is_silent = !at(args, 3).is_null() && at(args, 3).bool();
    let mut paths = env.paths.borrow_mut();
    match paths.read(at(args, 1).text())?.query_with_vars(&json, &vars) {
        Ok(found) => Ok(Some(found.into_iter().map(|item| item.into_owned()).collect())),
        Err(error) if is_silent && error.can_silent() => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &EvalError) -> Error {
    use EvalError as E;
    let kind = match error {
        E::NoKey(_) => ErrorKind::JsonMemberNotFound,
        E::ArrayAccess | E::WildcardArrayAccess | E::SizeNotArray => ErrorKind::JsonArrayNotFound,
        E::MemberAccess | E::WildcardMemberAccess | E::KeyValueNotObject => ErrorKind::JsonObjectNotFound,
        E::ArrayIndexOutOfBounds | E::ArrayIndexOutOfRange | E::ArrayIndexNotNumeric => ErrorKind::InvalidJsonSubscript,
        E::NoVariable(_) => ErrorKind::UndefinedObject,
        E::VarsNotObject => ErrorKind::InvalidParameter,
        E::UnaryOperandNotNumeric(_) => ErrorKind::JsonNumberNotFound,
        E::LeftOperandNotNumeric(_) | E::RightOperandNotNumeric(_) | E::ExpectSingleBoolean => {
            ErrorKind::SingletonJsonItemRequired
        }
        E::DivisionByZero => ErrorKind::DivisionByZero,
        E::MethodNotNumeric(_) | E::DoubleTypeError | E::NumericConversionType(_) => ErrorKind::NonNumericJsonItem,
        _ => ErrorKind::InvalidJsonDatetime,
    };
    Error::new(kind, error.to_string())
}

/// Of the operators: what is wrong with the data is unknown, not an error.
fn quietly(result: Result<Output>) -> Result<Output> {
    match result {
        Err(error) if !matches!(error.kind(), ErrorKind::SyntaxError | ErrorKind::Internal) => Ok(Output::Null),
        other => other,
    }
}

fn shown(item: &Tree) -> Result<Output> {
    Ok(Output::Text(Jsonb::parse(&item.to_string())?.to_text()))
}

fn exists(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    Ok(found(env, args)?.map_or(Output::Null, |items| Output::Bool(!items.is_empty())))
}

fn matches(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    let Some(items) = found(env, args)? else { return Ok(Output::Null) };
    match items.as_slice() {
        [Tree::Bool(holds)] => Ok(Output::Bool(*holds)),
        [Tree::Null] => Ok(Output::Null),
        _ if !at(args, 3).is_null() && at(args, 3).bool() => Ok(Output::Null),
        _ => Err(failed(&EvalError::ExpectSingleBoolean)),
    }
}

fn items(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    let items = found(env, args)?.unwrap_or_default();
    Ok(Output::List(items.iter().map(shown).collect::<Result<_>>()?))
}

fn array(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    shown(&Tree::Array(found(env, args)?.unwrap_or_default()))
}

fn first(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    found(env, args)?.and_then(|items| items.into_iter().next()).as_ref().map_or(Ok(Output::Null), shown)
}
