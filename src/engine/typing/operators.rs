//! Operators: which types an unknown operand takes, and which pairs of types there is no operator for.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, ExprSchemable, Like, Operator};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

use super::kinds::{Kind, is_integer, is_plain, kind, name};
use super::lengths;
use super::place::{Place, at};
use super::{Operand, Typing, field_of};
use crate::engine::unknown_functions;
use crate::error::{Error, ErrorKind};
use crate::pgfunctions;
use crate::pgtypes::{Type, arrow_type, element_of};

const CHOICE_HINT: &str = "Could not choose a best candidate operator. You might need to add explicit type casts.";

pub(super) fn binary(typing: &Typing, binary: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let BinaryExpr { left, op, right } = binary;
    if let Some(function) = pgfunctions::settled_jsonb(op, &left, &right, schema)? {
        return Ok(Transformed::yes(function));
    }
    let (had_left, had_right) = (is_unknown(&left), is_unknown(&right));
    let symbol = symbol(op);
    let (left, right) = operands(typing, &symbol, *left, *right, schema)?;
    if let Operator::BitwiseShiftLeft | Operator::BitwiseShiftRight = op
        && let Operand::Known(Type::INT2, _) = typing.operand(&left, schema)?
    {
        return Ok(Transformed::yes(shifted_smallint(left, op, right)));
    }
    let orders = matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq);
    if orders && matches!(left.get_type(schema), Ok(DataType::List(_))) {
        let order = pgfunctions::call(pgfunctions::ARRAY_ORDER, vec![left, right])?;
        return Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(order), op, Box::new(lit(0i32))))));
    }
    if let Operator::IsDistinctFrom | Operator::IsNotDistinctFrom = op
        && let Some((left, right)) = pgfunctions::both_by_keys(&left, &right, schema)?
    {
        return Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))));
    }
    let changed = had_left && !is_unknown(&left) || had_right && !is_unknown(&right);
    let typed = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
    Ok(if changed { Transformed::yes(typed) } else { Transformed::no(typed) })
}

/// What the function of a JSON operator is, whose left side was of no settled type when it was planned.
///
/// # Errors
/// `42883` where it is a text.
pub(super) fn of_json(typing: &Typing, call: &ScalarFunction, schema: &DFSchema) -> Result<Option<Expr>> {
    let (Some(symbol), [left, right]) = (unknown_functions::operator(call.func.name()), call.args.as_slice()) else {
        return Ok(None);
    };
    let left_type = typing.operand(left, schema)?;
    match left_type.known() {
        Some((pg_type, _)) if [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(pg_type) => {
            let right_type = typing.operand(right, schema)?;
            let right_name = right_type.known().map_or_else(|| "unknown".to_owned(), |(pg_type, _)| name(pg_type));
            Err(missing(Sort::Containment, symbol, &name(pg_type), &right_name))
        }
        _ => pgfunctions::settled_reading(call.func.name(), &call.args, schema),
    }
}

/// As integers, of which the lower half is kept with its sign.
fn shifted_smallint(left: Expr, op: Operator, right: Expr) -> Expr {
    let shift = |left: Expr, op, right: Expr| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
    let whole = shift(as_integer(left), op, as_integer(right));
    let upper = shift(whole, Operator::BitwiseShiftLeft, lit(16i32));
    let kept = shift(upper, Operator::BitwiseShiftRight, lit(16i32));
    Expr::Cast(Cast::new(Box::new(kept), DataType::Int16))
}

fn is_unknown(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => matches!(value, ScalarValue::Utf8(_)),
        Expr::Placeholder(placeholder) => placeholder.field.is_none(),
        _ => false,
    }
}

/// As the statement writes it.
fn symbol(op: Operator) -> String {
    match op {
        Operator::NotEq => "<>".to_owned(),
        other => other.to_string(),
    }
}

/// The operands with their types settled.
///
/// # Errors
/// `42883` where there is no such operator, `42725` where there are several.
pub(super) fn operands(
    typing: &Typing,
    symbol: &str,
    left: Expr,
    right: Expr,
    schema: &DFSchema,
) -> Result<(Expr, Expr)> {
    let kind = match symbol {
        "=" | "<>" | "!=" | "<" | "<=" | ">" | ">=" | "IS DISTINCT FROM" | "IS NOT DISTINCT FROM" => Sort::Comparison,
        "+" | "-" | "*" | "/" | "%" | "^" => Sort::Arithmetic,
        "||" => Sort::Concatenation,
        "AND" | "OR" => Sort::Logic,
        "~" | "~*" | "!~" | "!~*" | "LIKE" | "ILIKE" | "~~" | "!~~" | "~~*" | "!~~*" => Sort::Pattern,
        "&" | "|" | "#" | "<<" | ">>" => Sort::Bits,
        "@>" | "<@" | "&&" => Sort::Containment,
        _ => return Ok((left, right)),
    };
    let unpadded = |kind: Sort, left: Expr, right: Expr| match kind {
        Sort::Comparison => lengths::unpadded_pair(typing, left, right, schema),
        Sort::Concatenation => lengths::texts_of(typing, left, right, schema),
        _ => Ok((left, right)),
    };
    let known = (typing.operand(&left, schema)?, typing.operand(&right, schema)?);
    match (known.0.known(), known.1.known()) {
        (Some((l, _)), Some((r, _))) if symbol == "+" && *l == Type::TIME && *r == Type::TIME => {
            let message = format!("operator is not unique: {} + {}", name(l), name(r));
            Err(not_unique(message, symbol))
        }
        (Some((l, _)), Some((r, _))) if exists(kind, symbol, l, r) => {
            let narrow = kind == Sort::Bits && *l == Type::INT4 && *r == Type::INT4;
            let double = |side, of: &Type| if *of == Type::FLOAT8 { side } else { as_double(side) };
            let (left, right) = match (narrow, is_float_and_other(kind, l, r)) {
                (true, _) => (as_integer(left), as_integer(right)),
                (false, true) => (double(left, l), double(right, r)),
                (false, false) => (left, right),
            };
            unpadded(kind, left, right)
        }
        (Some((l, _)), Some((r, _))) => Err(missing(kind, symbol, &name(l), &name(r))),
        (Some((l, field)), None) => {
            let wanted = for_unknown(kind, symbol, l, false)?;
            let right = take(typing, right, wanted, l, field)?;
            unpadded(kind, left, right)
        }
        (None, Some((r, field))) => {
            let wanted = for_unknown(kind, symbol, r, true)?;
            let left = take(typing, left, wanted, r, field)?;
            unpadded(kind, left, right)
        }
        (None, None) => both_unknown(typing, kind, symbol, left, right),
    }
}

/// Whether a float is compared with a number of another type: both are doubles then. `0.1::real` is more than `0.1`, and
/// what no numeric can be, `1e300` or NaN, is more than `2.5`.
fn is_float_and_other(sort: Sort, left: &Type, right: &Type) -> bool {
    sort == Sort::Comparison && is_float_and_other_number(left, right)
}

pub(super) fn is_float_and_other_number(left: &Type, right: &Type) -> bool {
    let is_number = kind(left) == Kind::Number && kind(right) == Kind::Number;
    is_number && left != right && (is_float(left) || is_float(right))
}

fn as_double(expr: Expr) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), DataType::Float64))
}

/// A whole number as an `integer`.
fn as_integer(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), metadata) => match i32::try_from(number) {
            Ok(number) => Expr::Literal(ScalarValue::Int32(Some(number)), metadata),
            Err(_) => Expr::Literal(ScalarValue::Int64(Some(number)), metadata),
        },
        other => other,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Comparison,
    Arithmetic,
    Concatenation,
    Logic,
    Pattern,
    Bits,
    /// Of arrays; those of jsonb are found by their own types.
    Containment,
}

/// What the unknown operand becomes.
enum Wanted {
    /// What the other is.
    Same,
    Other(Type),
    /// DataFusion may say.
    Open,
}

fn take(
    typing: &Typing,
    expr: Expr,
    wanted: Wanted,
    other: &Type,
    field: &datafusion::arrow::datatypes::FieldRef,
) -> Result<Expr> {
    match wanted {
        Wanted::Open => Ok(expr),
        // there are no operators of varchar but those of text
        Wanted::Same if *other == Type::VARCHAR => typing.read(expr, &Type::TEXT, &field_of(field.data_type().clone())),
        Wanted::Same => typing.read(expr, other, field),
        Wanted::Other(pg_type) => match arrow_type(&pg_type) {
            Some(data_type) => typing.read(expr, &pg_type, &field_of(data_type)),
            None => Ok(expr),
        },
    }
}

fn both_unknown(typing: &Typing, sort: Sort, symbol: &str, left: Expr, right: Expr) -> Result<(Expr, Expr)> {
    let pg_type = match sort {
        Sort::Logic => Type::BOOL,
        Sort::Comparison | Sort::Concatenation | Sort::Pattern => Type::TEXT,
        // NULL + NULL is DataFusion's to say
        Sort::Containment => return Ok((left, right)),
        Sort::Arithmetic | Sort::Bits if !is_unknown(&left) || !is_unknown(&right) => return Ok((left, right)),
        Sort::Arithmetic | Sort::Bits => {
            let message = format!("operator is not unique: unknown {symbol} unknown");
            return Err(not_unique(message, symbol));
        }
    };
    let field = field_of(arrow_type(&pg_type).unwrap_or(DataType::Utf8));
    Ok((typing.read(left, &pg_type, &field)?, typing.read(right, &pg_type, &field)?))
}

/// `reversed`: the unknown operand is the left one.
fn for_unknown(sort: Sort, symbol: &str, other: &Type, reversed: bool) -> Result<Wanted> {
    let other_kind = kind(other);
    Ok(match sort {
        Sort::Comparison => Wanted::Same,
        Sort::Logic => Wanted::Other(Type::BOOL),
        Sort::Pattern => Wanted::Other(Type::TEXT),
        Sort::Bits if is_integer(other) && matches!(symbol, "<<" | ">>") => Wanted::Other(Type::INT4),
        Sort::Bits if is_integer(other) => Wanted::Same,
        Sort::Concatenation | Sort::Containment if other_kind == Kind::Array => Wanted::Same,
        Sort::Containment if other_kind == Kind::Json => Wanted::Same,
        Sort::Containment => Wanted::Open,
        Sort::Concatenation if matches!(other_kind, Kind::Json | Kind::Bytes) => Wanted::Same,
        Sort::Concatenation => Wanted::Other(Type::TEXT),
        Sort::Arithmetic => match (other_kind, symbol) {
            (Kind::Number | Kind::Interval, "+" | "-") | (Kind::Number, _) => Wanted::Same,
            (Kind::Interval, "*" | "/") if !reversed => Wanted::Other(Type::FLOAT8),
            (Kind::Date | Kind::Timestamp | Kind::Time, "-") => Wanted::Same,
            (Kind::Timestamp, "+") => Wanted::Other(Type::INTERVAL),
            (Kind::Date, "+") => {
                let (l, r) = if reversed { ("unknown", "date") } else { ("date", "unknown") };
                return Err(not_unique(format!("operator is not unique: {l} {symbol} {r}"), symbol));
            }
            (Kind::Text | Kind::Bool, _) => {
                let (l, r) =
                    if reversed { ("unknown".to_owned(), name(other)) } else { (name(other), "unknown".to_owned()) };
                return Err(missing(sort, symbol, &l, &r));
            }
            _ => Wanted::Open,
        },
        Sort::Bits => Wanted::Open,
    })
}

/// Whether PostgreSQL has the operator; of what we cannot tell for sure, yes.
fn exists(sort: Sort, symbol: &str, left: &Type, right: &Type) -> bool {
    let (l, r) = (kind(left), kind(right));
    if !is_plain(l) || !is_plain(r) {
        return true;
    }
    let dates = |kind: Kind| matches!(kind, Kind::Date | Kind::Timestamp);
    let either = |kind: Kind| l == kind || r == kind;
    match sort {
        Sort::Comparison | Sort::Containment if of_other_numbers(left, right) => false,
        Sort::Comparison => {
            l == r
                || dates(l) && dates(r)
                || matches!((l, r), (Kind::Time, Kind::Interval) | (Kind::Interval, Kind::Time))
        }
        Sort::Containment => true,
        Sort::Logic => l == Kind::Bool && r == Kind::Bool,
        Sort::Pattern => l == Kind::Text && r == Kind::Text,
        Sort::Bits => !either(Kind::Text) && !either(Kind::Bool) && !dates(l) && !dates(r),
        Sort::Concatenation => l == Kind::Text || r == Kind::Text || l == Kind::Array || r == Kind::Array,
        Sort::Arithmetic if either(Kind::Text) || either(Kind::Bool) || either(Kind::Array) => false,
        Sort::Arithmetic if symbol == "%" && [left, right].into_iter().any(is_float) => false,
        Sort::Arithmetic => match (l, symbol, r) {
            (Kind::Date, "+", Kind::Date | Kind::Timestamp) | (Kind::Timestamp, "+", Kind::Date | Kind::Timestamp) => {
                false
            }
            (Kind::Date, "+" | "-", Kind::Number) => is_integer(right),
            (Kind::Number, "+", Kind::Date) => is_integer(left),
            (Kind::Number, "-", Kind::Date) => false,
            (Kind::Timestamp, _, Kind::Number) | (Kind::Number, _, Kind::Timestamp) => false,
            (Kind::Interval, "+" | "-", Kind::Number) | (Kind::Number, "+" | "-" | "/", Kind::Interval) => false,
            (Kind::Date | Kind::Timestamp, "*" | "/" | "%" | "^", _) => false,
            (_, "*" | "/" | "%" | "^", Kind::Date | Kind::Timestamp) => false,
            _ => true,
        },
    }
}

fn is_float(pg_type: &Type) -> bool {
    [Type::FLOAT4, Type::FLOAT8].contains(pg_type)
}

/// Whether these are arrays of numbers, of one type the one and of another the other.
fn of_other_numbers(left: &Type, right: &Type) -> bool {
    let of_numbers = |array: &Type| element_of(array).is_some_and(|element| kind(&element) == Kind::Number);
    left != right && of_numbers(left) && of_numbers(right)
}

/// `=` between values of these types, as the condition of `= ANY (list)`.
pub(super) fn check_equality(left: &Type, right: &Type) -> Result<()> {
    match exists(Sort::Comparison, "=", left, right) {
        true => Ok(()),
        false => Err(missing(Sort::Comparison, "=", &name(left), &name(right))),
    }
}

/// [`check_equality`] of the operator of arrays.
pub(super) fn check_containment(symbol: &str, left: &Type, right: &Type) -> Result<()> {
    match exists(Sort::Containment, symbol, left, right) {
        true => Ok(()),
        false => Err(missing(Sort::Containment, symbol, &name(left), &name(right))),
    }
}

/// The error where there is no operator for operands of these types.
fn missing(sort: Sort, symbol: &str, left: &str, right: &str) -> DataFusionError {
    if sort == Sort::Logic {
        let wrong = if left == "boolean" { right } else { left };
        return not_boolean(symbol, wrong);
    }
    at(Error::no_operator(left, symbol, right), Place::Operator(symbol.to_owned()))
}

/// `argument of AND must be type boolean, not type integer`.
pub(super) fn not_boolean(clause: &str, type_name: &str) -> DataFusionError {
    let message = format!("argument of {clause} must be type boolean, not type {type_name}");
    super::place::nowhere(Error::new(ErrorKind::DatatypeMismatch, message))
}

fn not_unique(message: String, symbol: &str) -> DataFusionError {
    let error = Error::new(ErrorKind::AmbiguousFunction, message).with_hint(CHOICE_HINT);
    at(error, Place::Operator(symbol.to_owned()))
}

pub(super) fn unary(typing: &Typing, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (operand, is_not) = match &expr {
        Expr::Not(operand) => (operand, true),
        Expr::Negative(operand) => (operand, false),
        _ => return Ok(Transformed::no(expr)),
    };
    let Operand::Known(pg_type, _) = typing.operand(operand, schema)? else { return Ok(Transformed::no(expr)) };
    match kind(&pg_type) {
        Kind::Bool | Kind::Other if is_not => Ok(Transformed::no(expr)),
        other if is_not && is_plain(other) => Err(not_boolean("NOT", &name(&pg_type))),
        Kind::Text | Kind::Bool | Kind::Date | Kind::Timestamp if !is_not => {
            Err(at(Error::no_operator_before("-", &name(&pg_type)), Place::Operator("-".to_owned())))
        }
        _ => Ok(Transformed::no(expr)),
    }
}

/// Whether a value of this type may stand beside LIKE and its kin.
fn is_matched(operand: &Operand) -> bool {
    operand.known().is_none_or(|(pg_type, _)| {
        let kind = kind(pg_type);
        kind == Kind::Text || !is_plain(kind)
    })
}

/// `5 LIKE ANY (patterns)`, of which the dialect makes a function.
pub(super) fn matches_any(typing: &Typing, args: &[Expr], schema: &DFSchema) -> Result<()> {
    let [value, _, Expr::Literal(ScalarValue::Utf8(Some(symbol)), _)] = args else { return Ok(()) };
    let operand = typing.operand(value, schema)?;
    match operand.known() {
        Some((pg_type, _)) if !is_matched(&operand) => {
            Err(super::place::nowhere(Error::no_operator(&name(pg_type), symbol, "text")))
        }
        _ => Ok(()),
    }
}

/// LIKE of bytes; `None` where neither side is of any.
fn like_of_bytes(typing: &Typing, like: &Like, schema: &DFSchema) -> Result<Option<Expr>> {
    let known = [typing.operand(&like.expr, schema)?, typing.operand(&like.pattern, schema)?];
    let bytes = known.iter().find_map(|operand| operand.known().filter(|(pg_type, _)| **pg_type == Type::BYTEA));
    let Some((_, field)) = bytes.filter(|_| !like.case_insensitive) else { return Ok(None) };
    let read = |expr: &Expr| typing.read(expr.clone(), &Type::BYTEA, field);
    let matched = pgfunctions::call("bytealike", vec![read(&like.expr)?, read(&like.pattern)?])?;
    Ok(Some(if like.negated { Expr::Not(Box::new(matched)) } else { matched }))
}

pub(super) fn like(typing: &Typing, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Expr::Like(like) = &expr
        && let Some(of_bytes) = like_of_bytes(typing, like, schema)?
    {
        return Ok(Transformed::yes(of_bytes));
    }
    let rebuild = |like: Like| -> Result<Like> {
        let Like { negated, expr, pattern, escape_char, case_insensitive } = like;
        let symbol = match (negated, case_insensitive) {
            (false, false) => "~~",
            (true, false) => "!~~",
            (false, true) => "~~*",
            (true, true) => "!~~*",
        };
        let known = (typing.operand(&expr, schema)?, typing.operand(&pattern, schema)?);
        let shown = |operand: &Operand| operand.known().map_or("unknown".to_owned(), |(pg_type, _)| name(pg_type));
        if !is_matched(&known.0) || !is_matched(&known.1) {
            let (left, right) = (shown(&known.0), shown(&known.1));
            let keyword = if case_insensitive { "ILIKE" } else { "LIKE" };
            return Err(at(Error::no_operator(&left, symbol, &right), Place::Operator(keyword.to_owned())));
        }
        let text = field_of(DataType::Utf8);
        let expr = Box::new(typing.read(*expr, &Type::TEXT, &text)?);
        let pattern = Box::new(typing.read(*pattern, &Type::TEXT, &text)?);
        Ok(Like { negated, expr, pattern, escape_char, case_insensitive })
    };
    Ok(match expr {
        Expr::Like(like) => Transformed::no(Expr::Like(rebuild(like)?)),
        Expr::SimilarTo(like) => Transformed::no(Expr::SimilarTo(rebuild(like)?)),
        other => Transformed::no(other),
    })
}

/// `x >= low AND x <= high`.
pub(super) fn between(typing: &Typing, between: Between, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Between { expr, negated, low, high } = between;
    let (expr, low) = operands(typing, ">=", *expr, *low, schema).map_err(as_between)?;
    let (expr, high) = operands(typing, "<=", expr, *high, schema).map_err(as_between)?;
    Ok(Transformed::yes(Expr::Between(Between::new(Box::new(expr), negated, Box::new(low), Box::new(high)))))
}

/// The operator is not written there.
fn as_between(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<super::Placed>() {
            Ok(placed) if matches!(placed.place, Place::Operator(_)) => {
                at(placed.error, Place::Operator("BETWEEN".to_owned()))
            }
            Ok(placed) => DataFusionError::External(placed),
            Err(inner) => DataFusionError::External(inner),
        },
        other => other,
    }
}
