//! SQL/JSON paths as PostgreSQL 15 reads and walks them.
//!
//! Invariant: numbers are exact: none passes through a float but in `.double()` of a text.

mod condition;
mod eval;
mod item;
mod layout;
mod moment;
mod number;
mod parse;
mod regex;
mod scan;
mod template;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;

use super::value::Value;
use crate::error::{Error, ErrorKind, Result};
use eval::{Sink, Stop, Walk};
use item::Item;
use tree::Path;

/// How many seconds east of Greenwich a zone is at a local time, in microseconds since 1970.
pub type Zone<'a> = dyn Fn(i64) -> i32 + 'a;

/// A path, read.
#[derive(Debug)]
pub struct JsonPath {
    is_lax: bool,
    path: Path,
}

/// What a path is walked over, and how.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    pub json: &'a Value,
    /// Without any, as the operators have it, each variable is null.
    pub vars: Option<&'a Value>,
    /// Errors of the data are passed over; what was found before them stays.
    pub is_silent: bool,
    /// The session's zone, for the functions that may use it.
    pub zone: Option<&'a Zone<'a>>,
}

impl JsonPath {
    /// # Errors
    /// `42601` and others that PostgreSQL has for a text that is no path; `54001` for one that nests too deep.
    pub fn parse(text: &str) -> Result<Self> {
        let (is_lax, path) = parse::parse(text)?;
        Ok(Self { is_lax, path })
    }

    /// All that the path finds.
    ///
    /// # Errors
    /// Those of the data, unless silent; `42704` for a variable that is not there, `22023` for variables that are no
    /// object, `0A000` for moments that only a zone makes comparable.
    pub fn query(&self, query: Query<'_>) -> Result<Vec<Value>> {
        Ok(self.all(query)?.0.into_iter().map(Item::into_value).collect())
    }

    /// The first that the path finds.
    ///
    /// # Errors
    /// As [`Self::query`]: the others are looked for too.
    pub fn first(&self, query: Query<'_>) -> Result<Option<Value>> {
        Ok(self.all(query)?.0.into_iter().next().map(Item::into_value))
    }

    /// Whether the path finds anything; `None` where that cannot be said.
    ///
    /// # Errors
    /// As [`Self::query`]; in lax mode what comes after the first that is found is not looked at.
    pub fn exists(&self, query: Query<'_>) -> Result<Option<bool>> {
        if !self.is_lax {
            let (items, is_whole) = self.all(query)?;
            return Ok(is_whole.then_some(!items.is_empty()));
        }
        match self.walk(query)?.run(&self.path, &mut Sink::One) {
            Ok(()) => Ok(Some(false)),
            Err(Stop::Found) => Ok(Some(true)),
            Err(Stop::Failed(_)) if query.is_silent => Ok(None),
            Err(Stop::Failed(error) | Stop::Raised(error)) => Err(error),
        }
    }

    /// Whether the condition that the path is holds; `None`: unknown.
    ///
    /// # Errors
    /// As [`Self::query`]; `22038` for a path that finds something else than one boolean.
    pub fn matches(&self, query: Query<'_>) -> Result<Option<bool>> {
        let (items, _) = self.all(query)?;
        let found = if let [item] = items.as_slice() { item.value() } else { None };
        match found {
            Some(Value::Bool(holds)) => Ok(Some(*holds)),
            Some(Value::Null) => Ok(None),
            _ if query.is_silent => Ok(None),
            _ => Err(Error::new(ErrorKind::SingletonJsonItemRequired, "single boolean result is expected")),
        }
    }

    fn walk<'a>(&self, query: Query<'a>) -> Result<Walk<'a>> {
        if query.vars.is_some_and(|vars| !matches!(vars, Value::Object(_))) {
            return Err(Error::new(ErrorKind::InvalidParameter, "\"vars\" argument is not an object")
                .with_detail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object."));
        }
        let mut walk = Walk::new(self.is_lax, query.json, query.vars);
        (walk.is_quiet, walk.zone) = (query.is_silent, query.zone);
        Ok(walk)
    }

    /// What is found, and whether that is all.
    fn all<'a>(&'a self, query: Query<'a>) -> Result<(Vec<Item<'a>>, bool)> {
        let mut sink = Sink::All(Vec::new());
        let is_whole = match self.walk(query)?.run(&self.path, &mut sink) {
            Ok(()) | Err(Stop::Found) => true,
            Err(Stop::Failed(_)) if query.is_silent => false,
            Err(Stop::Failed(error) | Stop::Raised(error)) => return Err(error),
        };
        Ok((if let Sink::All(items) = sink { items } else { Vec::new() }, is_whole))
    }
}

impl fmt::Display for JsonPath {
    /// As PostgreSQL prints a jsonpath.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.is_lax { "" } else { "strict " };
        write!(f, "{mode}{}", tree::shown(&self.path, true))
    }
}
