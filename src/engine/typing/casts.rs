//! Casts: of unknown literals, of text, and those that PostgreSQL does not know.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::functions::unicode::expr_fn::substring;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

use super::kinds::{Kind, is_integer, is_text, kind, name};
use super::lengths;
use super::literals;
use super::place::{Place, at};
use super::{Operand, Typing, input_schema};
use crate::dialect::rules::{JSONPATH_IN, REG_IN};
use crate::engine::exact;
use crate::engine::text_casts::text_of;
use crate::error::{Error, ErrorKind};
use crate::pgcatalog;
use crate::pgfunctions::{self, JsonType};
use crate::pgtypes::{PG_TYPE_KEY, TYPE_MODIFIER_KEY, Type, column_type, dimensions, element_of, type_modifier};

/// A literal that is cast to JSON, or is a path, is looked at while planning, as those of other types are.
pub(super) fn check_json(expr: &Expr) -> Result<()> {
    if let Expr::ScalarFunction(call) = expr
        && (call.func.name().starts_with("jsonb_path_") || call.func.name() == JSONPATH_IN)
        && let Some(Some(text)) = call.args.last().and_then(Expr::as_literal).and_then(ScalarValue::try_as_str)
        && call.args.len() <= 2
    {
        pgfunctions::check_path(text).map_err(|error| at(error, Place::Literal(text.to_owned())))?;
    }
    if let Expr::Cast(Cast { expr: literal, field }) = expr
        && let Some(json) = JsonType::of_field(field)
        && let Some(Some(text)) = literal.as_literal().and_then(ScalarValue::try_as_str)
    {
        json.read_text(text).map_err(|error| at(error, Place::Literal(text.to_owned())))?;
    }
    Ok(())
}

/// `$1::t` says that the parameter is a `t`, before anything makes another expression of the cast.
pub(super) fn parameter(typing: &Typing, expr: Expr) -> Result<Expr> {
    match expr {
        Expr::Cast(Cast { expr, field }) if matches!(expr.as_ref(), Expr::Placeholder(parameter) if parameter.field.is_none()) =>
        {
            let typed = typing.read(*expr, &column_type(&field), &field)?;
            Ok(Expr::Cast(Cast::new_from_field(Box::new(typed), field)))
        }
        other => Ok(other),
    }
}

pub(super) fn cast(typing: &Typing, cast: Cast, schema: &DFSchema, assigns: bool) -> Result<Transformed<Expr>> {
    let Cast { expr, field } = cast;
    let field = with_bare_items(field);
    let target = column_type(&field);
    let (from, given) = match typing.operand(&expr, schema)? {
        Operand::Unknown => return unknown(typing, *expr, &target, declared(field), assigns),
        Operand::Known(from, given) => (from, given),
    };
    let field = as_deep(field, given.data_type(), assigns)?;
    let from_padded = from == Type::BPCHAR && matches!(target, Type::TEXT | Type::VARCHAR | Type::NAME);
    let expr = if from_padded { Box::new(lengths::unpadded(*expr)) } else { expr };
    let said = said(&field, &given, &target);
    let renamed = said != field;
    let mut cast = known(expr, (&from, &given), (&target, said), assigns)?;
    // the plan's schema is to tell the type's name
    cast.transformed |= renamed;
    Ok(cast)
}

/// The type for arrays of as many dimensions as those given have: `int[]` is that of all.
fn as_deep(field: FieldRef, given: &DataType, assigns: bool) -> Result<FieldRef> {
    let (wanted, had) = (dimensions(field.data_type()), dimensions(given));
    if wanted == 0 || had <= wanted {
        return Ok(field);
    }
    if assigns {
        return Err(literals::not_supported(had, wanted));
    }
    let deep = (wanted..had).fold(field.data_type().clone(), |of, _| DataType::new_list(of, true));
    Ok(Arc::new(field.as_ref().clone().with_data_type(deep)))
}

/// Casts of what has turned out to be an array of several dimensions, as of a parameter that is known now.
pub(in crate::engine) fn casts_as_deep(plan: LogicalPlan) -> Result<LogicalPlan> {
    let deep = |node: LogicalPlan| {
        let schema = input_schema(&node);
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|expr| match expr {
                Expr::Cast(Cast { expr, field }) => {
                    let wanted = as_deep(field.clone(), &expr.get_type(&schema)?, false)?;
                    let changed = wanted != field;
                    let cast = Expr::Cast(Cast::new_from_field(expr, wanted));
                    Ok(Transformed::new_transformed(cast, changed))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(changed.update_data(|expr| name.restore(expr)))
        })?
        .map_data(LogicalPlan::recompute_schema)
    };
    plan.transform_up_with_subqueries(deep).map(|changed| changed.data)
}

/// Arrays of times have no precision of their own: what says one would be another Arrow type than that of the values.
fn with_bare_items(field: FieldRef) -> FieldRef {
    match field.data_type() {
        DataType::List(item) if item.data_type().is_temporal() && !item.metadata().is_empty() => {
            let bare = Arc::new(item.as_ref().clone().with_metadata(HashMap::new()));
            Arc::new(field.as_ref().clone().with_data_type(DataType::List(bare)))
        }
        _ => field,
    }
}

fn known(
    expr: Box<Expr>,
    (from, given): (&Type, &FieldRef),
    (target, field): (&Type, FieldRef),
    assigns: bool,
) -> Result<Transformed<Expr>> {
    if !assigns && !exists(from, target) {
        let message = format!("cannot cast type {} to {}", name(from), name(target));
        return Err(at(Error::new(ErrorKind::CannotCoerce, message), Place::Operator("::".to_owned())));
    }
    let of_text = is_text(given.data_type())
        && kind(from) == Kind::Text
        && literals::is_read(target)
        && !literals::is_temporal(target);
    if of_text && !assigns {
        let read = literals::reader(*expr, target.clone(), &field);
        // a function's result has no declared precision, a cast's has
        let declared = *target == Type::NUMERIC && !literals::is_unbounded(&field);
        return Ok(Transformed::yes(match declared {
            true => Expr::Cast(Cast::new_from_field(Box::new(read), field)),
            false => read,
        }));
    }
    if let (Some(from), Some(to)) = (element_of(from), element_of(target))
        && kind(&from) == Kind::Number
    {
        if kind(&to) == Kind::Text {
            // through the text of the whole, which has that of each as PostgreSQL writes it
            return Ok(Transformed::yes(literals::reader(text_of(*expr), target.clone(), &field)));
        }
        if matches!(from, Type::FLOAT4 | Type::FLOAT8) && to == Type::NUMERIC {
            let rounded = exact::to_numeric(*expr, field.data_type());
            return Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(rounded), field))));
        }
        if is_integer(&to) && !is_integer(&from) {
            return Ok(Transformed::yes(exact::to_integer(*expr, field.data_type())));
        }
    }
    if *target == Type::CHAR && is_text(given.data_type()) && *from != Type::CHAR {
        let first = substring(*expr, lit(1i64), lit(1i64));
        return Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(first), field))));
    }
    let is_wider = given.data_type().is_decimal() || *given.data_type() == DataType::Float64;
    if is_wider && *field.data_type() == DataType::Float32 {
        return Ok(Transformed::yes(exact::to_real(*expr)));
    }
    if given.data_type().is_floating() && matches!(field.data_type(), DataType::Decimal128(..)) {
        let rounded = exact::to_numeric(*expr, field.data_type());
        // a declared precision is the cast's
        return Ok(Transformed::yes(match literals::is_unbounded(&field) {
            true => rounded,
            false => Expr::Cast(Cast::new_from_field(Box::new(rounded), field)),
        }));
    }
    // what a column keeps of a numeric, its length says
    if assigns && !field.data_type().is_integer() {
        return Ok(Transformed::no(Expr::Cast(Cast::new_from_field(expr, field))));
    }
    Ok(of_number(expr, given.data_type(), field))
}

/// The cast's type, said by name where DataFusion would have it inherit the name of what is cast (`oid::bigint`).
fn said(field: &FieldRef, given: &Field, target: &Type) -> FieldRef {
    let said = match (field.metadata().is_empty(), given.metadata().contains_key(PG_TYPE_KEY)) {
        (false, _) => field.as_ref().clone(),
        (true, true) => {
            let named = HashMap::from([(PG_TYPE_KEY.to_owned(), target.name().to_owned())]);
            field.as_ref().clone().with_metadata(named)
        }
        // the modifier of what is cast would be taken for the cast's
        (true, false) if field.data_type().is_decimal() && given.metadata().contains_key(TYPE_MODIFIER_KEY) => {
            let modifier = type_modifier(field.data_type()).to_string();
            field.as_ref().clone().with_metadata([(TYPE_MODIFIER_KEY.to_owned(), modifier)].into())
        }
        (true, false) => return field.clone(),
    };
    declared(Arc::new(said))
}

/// DataFusion's cast of a field that says more than its type is nullable where that field or what is cast is.
fn declared(field: FieldRef) -> FieldRef {
    if field.metadata().is_empty() { field } else { Arc::new(field.as_ref().clone().with_nullable(false)) }
}

/// Numbers are rounded, not cut off, and an unbounded numeric keeps the scale it has.
fn of_number(expr: Box<Expr>, given: &DataType, field: FieldRef) -> Transformed<Expr> {
    let wanted = field.data_type();
    let plain = field.metadata().keys().all(|key| key == PG_TYPE_KEY);
    let narrows = |wanted: &DataType| {
        given.is_decimal()
            || given.is_floating()
            || given.is_integer() && given.primitive_width() > wanted.primitive_width()
    };
    if plain && matches!(wanted, DataType::Int16 | DataType::Int32 | DataType::Int64) && narrows(wanted) {
        if let Some(constant) = small_constant(&expr, wanted) {
            // a named type stays a cast; else it is the constant, which functions look at (the 2 of `round(x, 2)`)
            return match field.metadata().is_empty() {
                true => Transformed::yes(Expr::Literal(constant, None)),
                false => Transformed::no(Expr::Cast(Cast::new_from_field(expr, field))),
            };
        }
        if !matches!(given, DataType::Decimal256(..)) {
            let integer = exact::to_integer(*expr, wanted);
            return Transformed::yes(match field.metadata().is_empty() {
                true => integer,
                false => Expr::Cast(Cast::new_from_field(Box::new(integer), field)),
            });
        }
    }
    if plain && *wanted == DataType::Float64 && matches!(given, DataType::Decimal128(..)) {
        return Transformed::yes(exact::to_double(*expr));
    }
    if literals::is_unbounded(&field) {
        match given {
            DataType::Decimal128(..) => return Transformed::yes(*expr),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => return as_decimal(expr, 5, 0),
            DataType::Int32 | DataType::UInt16 => return as_decimal(expr, 10, 0),
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => return as_decimal(expr, 20, 0),
            _ => {}
        }
    }
    Transformed::no(Expr::Cast(Cast::new_from_field(expr, field)))
}

/// An integer constant in the narrower type, where it fits.
fn small_constant(expr: &Expr, wanted: &DataType) -> Option<ScalarValue> {
    let Expr::Literal(ScalarValue::Int64(Some(number)), _) = expr else { return None };
    match wanted {
        DataType::Int16 => i16::try_from(*number).ok().map(|number| ScalarValue::Int16(Some(number))),
        DataType::Int32 => i32::try_from(*number).ok().map(|number| ScalarValue::Int32(Some(number))),
        _ => None,
    }
}

/// A number beside one of a wider kind. A numeric's scale is its own: whole numbers become numerics without decimals.
pub(super) fn widened(expr: Expr, given: &DataType, wanted: &DataType) -> Expr {
    if wanted.is_decimal() {
        let digits = if matches!(given, DataType::Int64 | DataType::UInt32 | DataType::UInt64) { 20 } else { 10 };
        return as_decimal(Box::new(expr), digits, 0).data;
    }
    if given == wanted { expr } else { Expr::Cast(Cast::new(Box::new(expr), wanted.clone())) }
}

/// A cast that may give NULL where its operand may: functions of it take its field at its word.
pub(super) fn as_nullable(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(Cast { expr, field }) if !field.is_nullable() && expr.nullable(schema)? => {
            let field = Arc::new(field.as_ref().clone().with_nullable(true));
            Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(expr, field))))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// A float that DataFusion has made a decimal of, beside other decimals: one of fifteen decimals, which no cast that is
/// written without them has.
pub(super) fn as_given(expr: Expr, schema: &DFSchema) -> Expr {
    match expr {
        Expr::Cast(cast)
            if matches!(cast.field.data_type(), DataType::Decimal128(_, 15))
                && cast.field.metadata().is_empty()
                && cast.expr.get_type(schema).is_ok_and(|given| given.is_floating()) =>
        {
            *cast.expr
        }
        other => other,
    }
}

/// As a numeric whose precision is not told.
pub(super) fn as_decimal(expr: Box<Expr>, digits: u8, scale: i8) -> Transformed<Expr> {
    let undeclared = HashMap::from([(TYPE_MODIFIER_KEY.to_owned(), "-1".to_owned())]);
    let field = Field::new("", DataType::Decimal128(digits, scale), false).with_metadata(undeclared);
    Transformed::yes(Expr::Cast(Cast::new_from_field(expr, Arc::new(field))))
}

fn unknown(typing: &Typing, expr: Expr, target: &Type, field: FieldRef, assigns: bool) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(_)), _)
            if literals::is_read(target) && (field.metadata().is_empty() || !literals::is_temporal(target)) =>
        {
            let read = typing.read(expr, target, &field)?;
            // a declared precision, and the type's name, are the cast's
            let same = literals::type_of(&read).is_some_and(|given| given == *field.data_type());
            if !assigns
                && literals::is_unbounded(&field)
                && literals::type_of(&read).is_some_and(|given| given.is_decimal())
            {
                return Ok(Transformed::yes(read));
            }
            let field = literals::type_of(&read).map_or(Ok(field.clone()), |given| as_deep(field, &given, assigns))?;
            match (same && field.metadata().is_empty(), &read) {
                (true, _) => Ok(Transformed::yes(read)),
                _ => Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(read), field)))),
            }
        }
        Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) if *target == Type::CHAR => {
            let first = text.chars().next().map(String::from).unwrap_or_default();
            let first = Expr::Literal(ScalarValue::Utf8(Some(first)), metadata);
            Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(first), field))))
        }
        other => {
            if let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = &other {
                typing.note(text, target);
            }
            Ok(Transformed::no(Expr::Cast(Cast::new_from_field(Box::new(other), field))))
        }
    }
}

/// Whether a call that stands for a cast to `regclass` or its kin is one that PostgreSQL has: of a text, or of a number that may
/// be an OID.
pub(super) fn check_reg(typing: &Typing, call: &ScalarFunction, schema: &DFSchema) -> Result<()> {
    let Some(kind_name) = call.func.name().strip_prefix(REG_IN).filter(|name| name.starts_with("reg")) else {
        return Ok(());
    };
    let [value] = call.args.as_slice() else { return Ok(()) };
    let Operand::Known(from, _) = typing.operand(value, schema)? else { return Ok(()) };
    let is_one = match kind(&from) {
        Kind::Text | Kind::Other => true,
        Kind::Number => !matches!(from, Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC),
        _ => false,
    };
    if is_one {
        return Ok(());
    }
    let message = format!("cannot cast type {} to {kind_name}", name(&from));
    Err(at(Error::new(ErrorKind::CannotCoerce, message), Place::Operator("::".to_owned())))
}

/// Whether PostgreSQL has the cast; of what we cannot tell for sure, yes.
fn exists(from: &Type, to: &Type) -> bool {
    let is_string = |pg_type: &Type| matches!(*pg_type, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME);
    if from == to || is_string(from) || is_string(to) {
        return true;
    }
    match (element_of(from), element_of(to)) {
        (Some(from), Some(to)) => exists(&from, &to),
        (None, None) if [from, to].iter().any(|pg_type| kind(pg_type) == Kind::Other) => true,
        (None, None) => {
            static CASTS: LazyLock<HashSet<(u32, u32)>> = LazyLock::new(pgcatalog::explicit_casts);
            CASTS.contains(&(from.oid(), to.oid()))
        }
        _ => false,
    }
}
