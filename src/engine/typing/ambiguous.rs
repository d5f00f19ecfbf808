//! Calls that several of PostgreSQL's functions may be meant by, because what they are given has no type.

use datafusion::error::Result;

use super::Operand;
use super::kinds::name;
use super::place::{Place, at};
use crate::pgfunctions::ambiguous_call;

/// Functions of values of several categories, none of which is preferred, and which of their arguments it is. `true`: with
/// that argument alone.
const OF_CATEGORIES: &[(&str, usize, bool)] = &[
    ("age", 0, true),
    ("avg", 0, true),
    ("date_part", 1, false),
    ("date_trunc", 1, false),
    ("extract", 1, false),
    ("isfinite", 0, true),
    ("pg_size_pretty", 0, true),
    ("sum", 0, true),
    ("to_char", 0, false),
];

/// # Errors
/// `42725`.
pub(super) fn check(function: &str, given: impl FnOnce() -> Result<Vec<Operand>>) -> Result<()> {
    let Some((_, nth, alone)) = OF_CATEGORIES.iter().find(|(known, ..)| *known == function) else { return Ok(()) };
    let given = given()?;
    let is_unknown = matches!(given.get(*nth), Some(Operand::Unknown));
    if !is_unknown || *alone && given.len() != 1 {
        return Ok(());
    }
    let shown = |operand: &Operand| operand.known().map_or("unknown".to_owned(), |(pg_type, _)| name(pg_type));
    let types: Vec<String> = given.iter().map(shown).collect();
    let called = if function == "extract" { "pg_catalog.extract" } else { function };
    let error = ambiguous_call(called, &types);
    // EXTRACT is no name of the tree
    Err(at(error, Place::Operator(function.to_owned())))
}
