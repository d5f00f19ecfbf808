//! Which of PostgreSQL's functions of one name a call with parameters means, and so what the parameters are.
//!
//! Source: PostgreSQL's manual, "Function Type Resolution".

use std::collections::HashSet;
use std::sync::LazyLock;

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;

use super::kinds::{Kind, kind};
use super::{Typing, field_named};
use crate::pgcatalog;
use crate::pgtypes::{Type, arrow_type};

/// Functions that have another name here, and PostgreSQL's.
const RENAMED: &[(&str, &str)] =
    &[("signum", "sign"), ("percentile_cont_of", "percentile_cont"), ("percentile_disc_of", "percentile_disc")];

/// Functions that operators and subscripts are planned as, and what they take besides the array or document.
const OF_OPERATORS: &[(&str, Type)] = &[
    ("array_element", Type::INT4),
    ("array_slice", Type::INT4),
    ("json_extract_array_path", Type::TEXT_ARRAY),
    ("json_extract_array_path_text", Type::TEXT_ARRAY),
    ("jsonb_extract_array_path", Type::TEXT_ARRAY),
    ("jsonb_extract_array_path_text", Type::TEXT_ARRAY),
];

/// The arguments with the types that PostgreSQL's function takes, where some are parameters; `None` where none is.
pub(super) fn parameters(
    typing: &Typing,
    function: &str,
    given: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Vec<Expr>>> {
    let is_unknown = |expr: &Expr| matches!(expr, Expr::Placeholder(parameter) if parameter.field.is_none());
    if !given.iter().any(is_unknown) {
        return Ok(None);
    }
    let known = given.iter().map(|arg| {
        let operand = typing.operand(arg, schema)?;
        Ok(operand.known().map(|(pg_type, _)| pg_type.clone()))
    });
    let known = known.collect::<Result<Vec<_>>>()?;
    let name = RENAMED.iter().find(|(own, _)| *own == function).map_or(function, |(_, name)| name);
    let of_operator = OF_OPERATORS.iter().find(|(own, _)| *own == function).map(|(_, taken)| taken.clone());
    let types = match of_operator {
        Some(taken) => {
            let first = known.first().cloned().flatten().unwrap_or(Type::TEXT);
            Some(std::iter::once(first).chain(std::iter::repeat(taken)).take(given.len()).collect())
        }
        None => argument_types(name, &known),
    };
    let Some(types) = types else { return Ok(None) };
    // names of relations and the like are looked up by the function itself
    let read_here = |pg_type: &Type| arrow_type(pg_type).filter(|_| !pg_type.name().starts_with("reg"));
    let args = given.iter().zip(types).map(|(arg, pg_type)| match read_here(&pg_type).filter(|_| is_unknown(arg)) {
        Some(data_type) => typing.read(arg.clone(), &pg_type, &field_named(data_type, &pg_type)),
        None => Ok(arg.clone()),
    });
    let typed = args.collect::<Result<Vec<_>>>()?;
    Ok((typed != given).then_some(typed))
}

/// The types of the arguments of the one function that is meant; `None` where none is, or more than one. `given`: what is
/// known of each argument.
fn argument_types(function: &str, given: &[Option<Type>]) -> Option<Vec<Type>> {
    let mut left: Vec<Vec<Type>> = pgcatalog::argument_types(function, given.len()).collect();
    left.retain(|types| {
        types.iter().zip(given).all(|(wanted, given)| given.as_ref().is_none_or(|g| becomes(g, wanted)))
    });
    let exact =
        |types: &[Type]| types.iter().zip(given).filter(|(wanted, given)| given.as_ref() == Some(*wanted)).count();
    keep_most(&mut left, exact);
    keep_most(&mut left, |types| {
        let known = types.iter().zip(given).filter(|(_, given)| given.is_some());
        known.filter(|(wanted, given)| given.as_ref() == Some(*wanted) || is_preferred(wanted)).count()
    });
    for nth in (0..given.len()).filter(|nth| given[*nth].is_none()) {
        of_one_category(&mut left, nth);
    }
    if left.len() > 1 {
        // unknown arguments are of the one type that the known ones have
        let mut known = given.iter().flatten();
        let first = known.next().filter(|first| known.all(|other| other == *first));
        left.retain(|types| first.is_some_and(|first| types.iter().all(|wanted| becomes(first, wanted))));
        left.retain(|types| types.iter().zip(given).any(|(wanted, given)| given.is_none() && Some(wanted) == first));
    }
    if left.len() == 1 { left.pop() } else { None }
}

fn keep_most(left: &mut Vec<Vec<Type>>, count: impl Fn(&[Type]) -> usize) {
    let most = left.iter().map(|types| count(types)).max().unwrap_or_default();
    left.retain(|types| count(types) == most);
}

/// Of what an unknown argument may be: texts before all else; else the preferred type of the one category there is.
fn of_one_category(left: &mut Vec<Vec<Type>>, nth: usize) {
    let category = |types: &Vec<Type>| types.get(nth).map(kind);
    let wanted = match left.first().and_then(category) {
        _ if left.iter().any(|types| category(types) == Some(Kind::Text)) => Kind::Text,
        Some(first) if left.iter().all(|types| category(types) == Some(first)) => first,
        _ => return,
    };
    left.retain(|types| category(types) == Some(wanted));
    let prefers = |types: &Vec<Type>| types.get(nth).is_some_and(is_preferred);
    if left.iter().any(prefers) {
        left.retain(prefers);
    }
}

/// `pg_type.typispreferred`.
fn is_preferred(pg_type: &Type) -> bool {
    [Type::BOOL, Type::FLOAT8, Type::OID, Type::TEXT, Type::TIMESTAMPTZ, Type::INTERVAL, Type::INET, Type::VARBIT]
        .contains(pg_type)
}

/// Whether values of one type are taken for another's without a word.
fn becomes(given: &Type, wanted: &Type) -> bool {
    static IMPLICIT: LazyLock<HashSet<(u32, u32)>> = LazyLock::new(pgcatalog::implicit_casts);
    given == wanted || is_polymorphic(wanted) || IMPLICIT.contains(&(given.oid(), wanted.oid()))
}

fn is_polymorphic(pg_type: &Type) -> bool {
    pg_type.name().starts_with("any")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(function: &str, given: &[Option<Type>]) -> Option<Vec<Type>> {
        argument_types(function, given)
    }

    #[test]
    fn the_function_is_chosen_as_by_postgres() {
        assert_eq!(meant("pg_sleep", &[None]), Some(vec![Type::FLOAT8]));
        assert_eq!(meant("sqrt", &[None]), Some(vec![Type::FLOAT8]));
        assert_eq!(meant("sqrt", &[Some(Type::NUMERIC)]), Some(vec![Type::NUMERIC]));
        assert_eq!(meant("power", &[Some(Type::NUMERIC), None]), Some(vec![Type::NUMERIC, Type::NUMERIC]));
        assert_eq!(meant("format_type", &[None, None]), Some(vec![Type::OID, Type::INT4]));
        assert_eq!(meant("pg_advisory_lock", &[None, None]), Some(vec![Type::INT4, Type::INT4]));
        assert_eq!(meant("substr", &[None, None]), Some(vec![Type::TEXT, Type::INT4]));
    }

    #[test]
    fn what_is_not_sure_is_left() {
        assert_eq!(meant("to_char", &[None, None]), None);
        assert_eq!(meant("date_trunc", &[None, None]), None);
        assert_eq!(meant("nosuch", &[None]), None);
        assert_eq!(meant("pg_sleep", &[None, None]), None);
    }
}
