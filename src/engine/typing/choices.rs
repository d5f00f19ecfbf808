//! Where several expressions become one column: CASE, COALESCE, IN, ARRAY, VALUES. PostgreSQL's common type.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, InSubquery, ScalarFunction};
use datafusion::logical_expr::{Case, Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;

use super::kinds::{Kind, is_plain, is_text, kind, name, number_rank};
use super::operators::{self, not_boolean, operands};
use super::place::nowhere;
use super::set_operations::{cast_column, with_column};
use super::{Operand, Typing};
use super::{casts, lengths};
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::time::rewrite_casts;
use crate::pgfunctions::{JsonType, in_subquery_by_keys};
use crate::pgtypes::{PG_TYPE_KEY, TYPE_MODIFIER_KEY, Type, column_modifier, column_type, is_reg};

/// The type of a column that holds them all; `None` where all are unknown.
pub(super) fn common(operands: &[Operand], context: &str) -> Result<Option<(Type, FieldRef)>> {
    let mut chosen: Option<(Type, FieldRef)> = None;
    for (pg_type, field) in operands.iter().filter_map(Operand::known) {
        let Some((so_far, _)) = &chosen else {
            chosen = Some((pg_type.clone(), field.clone()));
            continue;
        };
        let (a, b) = (kind(so_far), kind(pg_type));
        let dates = |kind| matches!(kind, Kind::Date | Kind::Timestamp);
        if a != b && !(dates(a) && dates(b)) && a != Kind::Other && b != Kind::Other {
            let message = format!("{context} types {} and {} cannot be matched", name(so_far), name(pg_type));
            return Err(nowhere(Error::new(ErrorKind::DatatypeMismatch, message)));
        }
        let wider = match (a, b) {
            (Kind::Number, Kind::Number) => number_rank(pg_type) > number_rank(so_far),
            (Kind::Date, Kind::Timestamp) => true,
            (Kind::Timestamp, Kind::Timestamp) => *pg_type == Type::TIMESTAMPTZ,
            _ if is_reg(so_far) => *pg_type == Type::OID,
            (Kind::Text, Kind::Text) => *pg_type == Type::TEXT && matches!(*so_far, Type::NAME | Type::CHAR),
            _ => false,
        };
        if wider {
            chosen = Some((pg_type.clone(), field.clone()));
        }
    }
    Ok(chosen)
}

/// The expressions as their common type, which the unknown among them are read as, and that type.
pub(super) fn alike(
    typing: &Typing,
    exprs: Vec<Expr>,
    schema: &DFSchema,
    context: &str,
) -> Result<(Vec<Expr>, Option<FieldRef>)> {
    let (exprs, known) = documents(typing, exprs, schema)?;
    match common(told(&exprs, &known).as_ref(), context)? {
        Some((pg_type, field)) => {
            let read = exprs.into_iter().zip(&known).map(|(expr, operand)| match operand {
                Operand::Known(own, given) if kind(own) == Kind::Number && number_rank(own) < number_rank(&pg_type) => {
                    Ok(casts::widened(expr, given.data_type(), field.data_type()))
                }
                Operand::Known(own, given) if becomes_timestamp(own, given, &field) => {
                    as_timestamp(expr, &field, schema)
                }
                Operand::Known(Type::BPCHAR, _) if is_unpadded(&pg_type) => Ok(lengths::unpadded(expr)),
                Operand::Known(Type::BYTEA, given) if given.data_type() != field.data_type() => {
                    Ok(Expr::Cast(Cast::new(Box::new(expr), field.data_type().clone())))
                }
                Operand::Unknown => match JsonType::of_field(&field) {
                    Some(json) => document(typing, expr, json, (&pg_type, &field)),
                    None => typing.read(expr, &pg_type, &field),
                },
                _ => typing.read(expr, &pg_type, &field),
            });
            Ok((read.collect::<Result<_>>()?, Some(field)))
        }
        None => Ok((exprs, None)),
    }
}

/// What is known for sure: a text that stands there may be the value of a parameter that is of another type.
fn told<'a>(exprs: &[Expr], known: &'a [Operand]) -> Cow<'a, [Operand]> {
    let is_other = |operand: &Operand| operand.known().is_some_and(|(of, _)| !is_plain(kind(of)));
    if !known.iter().any(is_other) {
        return Cow::Borrowed(known);
    }
    let told = exprs.iter().zip(known).map(|(expr, operand)| match expr {
        Expr::Literal(value, _) if is_text(&value.data_type()) => Operand::Unknown,
        _ => operand.clone(),
    });
    told.collect()
}

/// Whether what is a `char(n)` loses its blanks at the end as a value of the type.
pub(super) fn is_unpadded(pg_type: &Type) -> bool {
    matches!(*pg_type, Type::TEXT | Type::VARCHAR | Type::NAME)
}

/// What is unknown as a document.
fn document(typing: &Typing, expr: Expr, json: JsonType, (pg_type, field): (&Type, &FieldRef)) -> Result<Expr> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(_)), _) => {
            let cast = Expr::Cast(Cast::new_from_field(Box::new(expr.clone()), Arc::clone(field)));
            casts::check_json(&cast)?;
            json.read(expr)
        }
        other => typing.read(other, pg_type, field),
    }
}

/// Whether a date or a timestamp beside others is of another type than theirs.
pub(super) fn becomes_timestamp(own: &Type, given: &Field, wanted: &Field) -> bool {
    matches!(kind(own), Kind::Date | Kind::Timestamp)
        && matches!(wanted.data_type(), DataType::Timestamp(..))
        && given.data_type() != wanted.data_type()
}

/// DataFusion would count nanoseconds, of which there are not enough for a date of 9999.
fn as_timestamp(expr: Expr, wanted: &Field, schema: &DFSchema) -> Result<Expr> {
    let cast = Expr::Cast(Cast::new(Box::new(expr), wanted.data_type().clone()));
    Ok(rewrite_casts(cast, schema)?.data)
}

/// The expressions with what is known of them: where structures of a table meet other documents, all are documents.
fn documents(typing: &Typing, exprs: Vec<Expr>, schema: &DFSchema) -> Result<(Vec<Expr>, Vec<Operand>)> {
    let operands = |exprs: &[Expr]| exprs.iter().map(|expr| typing.operand(expr, schema)).collect::<Result<Vec<_>>>();
    let known = operands(&exprs)?;
    let is_structure = |operand: &Operand| {
        operand.known().is_some_and(|(pg_type, field)| *pg_type == Type::JSONB && field.data_type().is_nested())
    };
    let mut types = known.iter().filter_map(|operand| Some(operand.known()?.1.data_type()));
    let first = types.next();
    let is_text = |expr: &Expr| matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)), _));
    let all_alike = types.all(|other| Some(other) == first) && !exprs.iter().any(is_text);
    if all_alike || !known.iter().any(is_structure) {
        return Ok((exprs, known));
    }
    let written = exprs.into_iter().zip(&known).map(|(expr, operand)| match is_structure(operand) {
        true => JsonType::Jsonb.mark(expr),
        false => Ok(expr),
    });
    let exprs = written.collect::<Result<Vec<_>>>()?;
    let known = operands(&exprs)?;
    Ok((exprs, known))
}

/// `coalesce` and CASE of documents with their values settled, before a mark of JSON around them makes another expression of
/// them.
pub(super) fn chosen(typing: &Typing, expr: Expr, schema: &DFSchema) -> Result<Expr> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "coalesce" => {
            let (args, _) = alike(typing, args, schema, "COALESCE")?;
            Ok(Expr::ScalarFunction(ScalarFunction { func, args }))
        }
        Expr::Case(choice) if JsonType::of(&Expr::Case(choice.clone()), schema).is_some() => {
            case(typing, choice, schema).map(|settled| settled.data)
        }
        other => Ok(other),
    }
}

/// The choice, said to be of the type of what is chosen from, where the Arrow type alone does not say it (`oid`, `name`).
pub(super) fn named(choice: Expr, of: Option<FieldRef>) -> Expr {
    let Some(field) = of else { return choice };
    // an array's may be told by its items
    let told = field.metadata().get(PG_TYPE_KEY);
    let items = matches!(field.data_type(), DataType::List(item) if item.metadata().contains_key(PG_TYPE_KEY));
    if told.is_none() && !items {
        return choice;
    }
    let metadata = told.map(|pg_type| (PG_TYPE_KEY.to_owned(), pg_type.clone())).into_iter().collect();
    let field = Field::new("", field.data_type().clone(), false).with_metadata(metadata);
    Expr::Cast(Cast::new_from_field(Box::new(choice), Arc::new(field)))
}

pub(super) fn case(typing: &Typing, case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Case { expr: mut operand, when_then_expr, else_expr } = case;
    let mut results = Vec::with_capacity(when_then_expr.len() + 1);
    let mut conditions = Vec::with_capacity(when_then_expr.len());
    let has_else = else_expr.is_some();
    // PostgreSQL takes the ELSE first
    results.extend(else_expr.map(|expr| *expr));
    for (when, then) in when_then_expr {
        let when = match operand.take() {
            Some(left) => {
                let (left, right) = operands(typing, "=", *left, *when, schema)?;
                operand = Some(Box::new(left));
                right
            }
            None => {
                condition(&when, schema, "CASE/WHEN")?;
                *when
            }
        };
        conditions.push(when);
        results.push(then.as_ref().clone());
    }
    let (results, of) = alike(typing, results, schema, "CASE")?;
    let mut results = results.into_iter();
    let else_expr = if has_else { results.next().map(Box::new) } else { None };
    let when_then_expr = conditions.into_iter().zip(results).map(|(w, t)| (Box::new(w), Box::new(t))).collect();
    Ok(Transformed::yes(named(Expr::Case(Case { expr: operand, when_then_expr, else_expr }), of)))
}

/// Checks that a condition is one.
///
/// # Errors
/// `42804`, as PostgreSQL words it.
pub(super) fn condition(expr: &Expr, schema: &DFSchema, clause: &str) -> Result<()> {
    let Ok((_, field)) = expr.to_field(schema) else { return Ok(()) };
    let pg_type = column_type(&field);
    let wrong = kind(&pg_type) != Kind::Bool && is_plain(kind(&pg_type)) && !field.data_type().is_null();
    let is_unknown = matches!(expr, Expr::Literal(..) | Expr::Placeholder(_)) && kind(&pg_type) == Kind::Text;
    if wrong && !is_unknown { Err(not_boolean(clause, &name(&pg_type))) } else { Ok(()) }
}

/// Checks what `IS TRUE` and its kin are asked of.
pub(super) fn truth(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match expr {
        Expr::IsTrue(of) => condition(of, schema, "IS TRUE"),
        Expr::IsNotTrue(of) => condition(of, schema, "IS NOT TRUE"),
        Expr::IsFalse(of) => condition(of, schema, "IS FALSE"),
        Expr::IsNotFalse(of) => condition(of, schema, "IS NOT FALSE"),
        _ => Ok(()),
    }
}

/// `x IN (SELECT …)` as the comparison that it is: of floats with other numbers one of doubles, of a `char(n)` one without the
/// blanks at its end.
pub(super) fn in_subquery(typing: &Typing, within: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Some(keyed) = in_subquery_by_keys(&within, schema)? {
        return Ok(Transformed::yes(keyed));
    }
    let rows = &within.subquery.subquery;
    let left = typing.operand(&within.expr, schema)?;
    let Some(right) = rows.schema().fields().first().map(|of| Operand::Known(column_type(of), of.clone())) else {
        return Ok(Transformed::no(Expr::InSubquery(within)));
    };
    let (loses_left, loses_right) = lengths::lose_blanks(&left, &right);
    let (value, rows) = if is_float_and_other(&left, &right) {
        let doubles = Arc::new(Field::new("", DataType::Float64, true));
        let value = Expr::Cast(Cast::new(within.expr, DataType::Float64));
        (Box::new(rewrite_casts(value, schema)?.data), Arc::new(cast_column(rows, 0, &doubles)?))
    } else if loses_left || loses_right {
        let value = if loses_left { Box::new(lengths::unpadded(*within.expr)) } else { within.expr };
        let rows = match loses_right {
            true => Arc::new(with_column(rows, 0, |expr, _, _| Ok(lengths::unpadded(expr)))?),
            false => Arc::clone(rows),
        };
        (value, rows)
    } else {
        return Ok(Transformed::no(Expr::InSubquery(within)));
    };
    let subquery = within.subquery.with_plan(rows);
    Ok(Transformed::yes(Expr::InSubquery(InSubquery::new(value, subquery, within.negated))))
}

/// Whether these are a float and a number of another type.
fn is_float_and_other(left: &Operand, right: &Operand) -> bool {
    let (Some((left, _)), Some((right, _))) = (left.known(), right.known()) else { return false };
    operators::is_float_and_other_number(left, right)
}

/// The field of a column of VALUES, without a type modifier where not all rows have the same.
pub(super) fn undeclared_in(field: FieldRef, rows: &[Vec<Expr>], column: usize, schema: &DFSchema) -> FieldRef {
    if !field.metadata().contains_key(TYPE_MODIFIER_KEY) {
        return field;
    }
    let declared = column_modifier(&field);
    let same = |value: &Expr| value.to_field(schema).is_ok_and(|(_, given)| column_modifier(&given) == declared);
    if rows.iter().filter_map(|row| row.get(column)).all(same) {
        return field;
    }
    let mut metadata = field.metadata().clone();
    metadata.insert(TYPE_MODIFIER_KEY.to_owned(), "-1".to_owned());
    Arc::new(field.as_ref().clone().with_metadata(metadata))
}
