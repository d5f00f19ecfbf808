//! Calls of functions: what their unknown arguments are, and which calls PostgreSQL has no function for.

use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, IntervalUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, Cast, ScalarFunction};
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;

use super::candidates::parameters;
use super::choices::{alike, condition, named};
use super::kinds::{Kind, is_plain, kind, name};
use super::lengths;
use super::operators::{matches_any, of_json, operands};
use super::place::{Place, at};
use super::rounding::{rounded, whole};
use super::subscripts;
use super::{Operand, Typing, bare, field_of};
use super::{ambiguous, arrays, casts};
use crate::dialect::{OF_TEXT, SINGLE_VALUE};
use crate::engine::aggregates::{extreme_of_floats, in_order, wide_sum};
use crate::engine::{math, powers};
use crate::error::{Error, ErrorKind};
use crate::pgcatalog::TYPE_OF;
use crate::pgfunctions;
use crate::pgtypes::{Type, arrow_type, column_type};

/// The bounds of a series are of one type, if only one of them says which; the step of instants is an interval.
fn read_bounds(typing: &Typing, args: &mut [Expr], schema: &DFSchema) -> Result<()> {
    let operands = args.iter().take(2).map(|expr| typing.operand(expr, schema)).collect::<Result<Vec<_>>>()?;
    let Some((pg_type, field)) = operands.iter().find_map(Operand::known) else { return Ok(()) };
    let step = match kind(pg_type) {
        Kind::Date | Kind::Timestamp => {
            Some((Type::INTERVAL, field_of(DataType::Interval(IntervalUnit::MonthDayNano))))
        }
        Kind::Number => None,
        _ => return Ok(()),
    };
    for (position, arg) in args.iter_mut().enumerate() {
        *arg = match &step {
            Some((interval, interval_field)) if position == 2 => typing.read(arg.clone(), interval, interval_field)?,
            _ => typing.read(arg.clone(), pg_type, field)?,
        };
    }
    Ok(())
}

/// A series of integers is of integers: DataFusion's are all `bigint`.
fn series(typing: &Typing, mut call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    read_bounds(typing, &mut call.args, schema)?;
    let operands = call.args.iter().map(|expr| typing.operand(expr, schema)).collect::<Result<Vec<_>>>()?;
    let series = narrowed(typing, call, schema)?;
    if !operands.iter().all(|operand| matches!(operand, Operand::Known(Type::INT2 | Type::INT4, _))) {
        return Ok(series);
    }
    let integers = DataType::new_list(DataType::Int32, true);
    Ok(Transformed::yes(Expr::Cast(Cast::new(Box::new(series.data), integers))))
}

/// Functions that are planned as another expression than a call of theirs.
fn otherwise(typing: &Typing, call: &ScalarFunction, schema: &DFSchema) -> Result<Option<Expr>> {
    let (function, [first, rest @ ..]) = (call.func.name(), call.args.as_slice()) else { return Ok(None) };
    if subscripts::OF_ARRAYS.contains(&function) {
        return subscripts::otherwise(typing, call, schema);
    }
    if !["age", "substr", "to_hex", TYPE_OF].contains(&function) {
        return whole(call, schema);
    }
    let args = call.args.clone();
    let call = || Expr::ScalarFunction(call.clone());
    let as_field = |expr: Expr, field: FieldRef| Expr::Cast(Cast::new_from_field(Box::new(expr), field));
    Ok(match (function, typing.operand(first, schema)?, rest) {
        ("age", of @ Operand::Known(Type::INT2 | Type::INT4 | Type::INT8, _), []) => {
            return Err(no_function("age", &[of]));
        }
        ("substr", _, rest) => {
            let types = rest.iter().map(|arg| typing.operand(arg, schema)).collect::<Result<Vec<_>>>()?;
            let is_text = |arg: &Operand| matches!(arg, Operand::Known(of, _) if kind(of) == Kind::Text);
            types.iter().all(is_text).then(|| pgfunctions::matching_part(&args)).transpose()?
        }
        (TYPE_OF, Operand::Unknown, []) => {
            let unknown = ScalarValue::Int32(Some(Type::UNKNOWN.oid().cast_signed()));
            let (_, regtype) = call().to_field(schema)?;
            Some(as_field(Expr::Literal(unknown, None), regtype))
        }
        ("to_hex", Operand::Known(Type::INT8, _), []) => {
            Some(pgfunctions::call(pgfunctions::TO_HEX_OF_BIGINT, vec![first.clone()])?)
        }
        _ => None,
    })
}

pub(super) fn scalar(typing: &Typing, call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Some(of_doubles) = math::of_doubles(&call, schema) {
        return scalar(typing, of_doubles, schema).map(|typed| Transformed::yes(typed.data));
    }
    if let Some(other) = otherwise(typing, &call, schema)? {
        return Ok(Transformed::yes(other));
    }
    if let Some(of_jsonb) = of_json(typing, &call, schema)? {
        return Ok(Transformed::yes(of_jsonb));
    }
    casts::check_reg(typing, &call, schema)?;
    let function = call.func.name();
    if let "coalesce" | "greatest" | "least" = function {
        let (args, of) = alike(typing, call.args, schema, &function.to_uppercase())?;
        let call = narrowed(typing, ScalarFunction::new_udf(call.func.clone(), args), schema)?;
        return Ok(Transformed::yes(named(call.data, of)));
    }
    check_call(typing, function, &call.args, schema)?;
    if let "lakewire_matches_any" | "lakewire_matches_all" = function {
        matches_any(typing, &call.args, schema)?;
    }
    if let "round" | "trunc" = function {
        return rounded(typing, call, schema);
    }
    if function == "generate_series" {
        return series(typing, call, schema);
    }
    if arrays::OF_ARRAY.contains(&function) {
        return arrays::of_array(typing, call, schema);
    }
    if function == "make_array" {
        return arrays::array_of(typing, call, schema);
    }
    let typed = match function {
        "nullif" => match <[Expr; 2]>::try_from(call.args.clone()) {
            Ok([left, right]) => {
                let (left, right) = operands(typing, "=", left, right, schema)?;
                Some(vec![left, right])
            }
            Err(_) => None,
        },
        // x = ANY (list)
        "array_has" => arrays::any(typing, &call.args, schema)?,
        "array_has_any" | "array_has_all" => arrays::both(typing, function, &call.args, schema)?,
        _ => match OF_TEXT.iter().find(|(name, _)| *name == function) {
            Some((_, signature)) => Some(of_text(typing, function, signature, &call.args, schema)?),
            None => parameters(typing, function, &call.args, schema)?,
        },
    };
    let args = typed.as_deref().unwrap_or(&call.args);
    if let Some(null) = nullif(&call, args, schema) {
        return Ok(Transformed::yes(null));
    }
    let types = args.iter().map(|arg| arg.get_type(schema)).collect::<Result<Vec<_>>>();
    if let Some(numeric) = types.ok().and_then(|types| powers::of_numerics(function, &types)) {
        let args = args.to_vec();
        return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(numeric, args))));
    }
    Ok(match typed {
        Some(args) if args != call.args => {
            let narrowed = narrowed(typing, ScalarFunction::new_udf(call.func, args), schema)?;
            Transformed::yes(narrowed.data)
        }
        _ => match math::checked(&call.func) {
            Some(checked) => Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(checked, call.args))),
            None => return narrowed(typing, call, schema),
        },
    })
}

/// `nullif` of numbers of two types, where it is of another type than DataFusion's; `None` for any other call.
fn nullif(call: &ScalarFunction, typed: &[Expr], schema: &DFSchema) -> Option<Expr> {
    let ("nullif", [first, second], [given, _]) = (call.func.name(), typed, call.args.as_slice()) else {
        return None;
    };
    let (Ok(given), Ok(first_type), Ok(second_type)) =
        (given.get_type(schema), first.get_type(schema), second.get_type(schema))
    else {
        return None;
    };
    let call_of =
        |first: Expr| Expr::ScalarFunction(ScalarFunction::new_udf(call.func.clone(), vec![first, second.clone()]));
    let both = |is: fn(&DataType) -> bool| is(&given) && is(&first_type) && is(&second_type);
    if first_type.is_integer() && second_type.is_decimal() {
        // there is no `integer = numeric`: the first is what it is compared as
        let wide = casts::as_decimal(Box::new(first.clone()), INT8_DIGITS, 0).data;
        return Some(call_of(wide));
    }
    // DataFusion's says no more of its type than how it is held
    if let Ok((_, field)) = first.to_field(schema)
        && matches!(column_type(&field), Type::UUID | Type::NAME | Type::OID)
    {
        return Some(Expr::Cast(Cast::new_from_field(Box::new(call_of(first.clone())), bare(&field))));
    }
    // beside a wider number the first stays what it is
    let narrow = both(DataType::is_integer) && first_type != second_type
        || both(DataType::is_floating) && (given != first_type || first_type != second_type);
    narrow.then(|| Expr::Cast(Cast::new(Box::new(call_of(first.clone())), given)))
}

/// The sum of bigints is a numeric; of a `char(n)` its text is taken.
pub(super) fn aggregate(typing: &Typing, mut call: AggregateFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    check_call(typing, call.func.name(), &call.params.args, schema)?;
    if let Some(filter) = &call.params.filter {
        condition(filter, schema, "FILTER")?;
    }
    let given = call.params.args.clone();
    let mut changed = arguments(typing, call.func.name(), &mut call.params.args, schema)?;
    for key in call.params.order_by.iter_mut().filter(|_| call.params.distinct) {
        if let Some((_, now)) = given.iter().zip(&call.params.args).find(|(given, _)| **given == key.expr) {
            key.expr = now.clone();
        }
    }
    if let Some(ours) = ours_of(call.func.name(), &call.params.args, schema)? {
        (call.func, changed) = (ours, true);
    }
    if call.params.distinct
        && !call.params.order_by.is_empty()
        && let Some(in_order) = in_order(&call.func)
    {
        (call.func, changed) = (in_order, true);
    }
    // of distinct values, the order is one of the values themselves
    changed |= !call.params.distinct && pgfunctions::sort_by_keys(&mut call.params.order_by, schema)?;
    let typed = Expr::AggregateFunction(call);
    Ok(if changed { Transformed::yes(typed) } else { Transformed::no(typed) })
}

/// The `sum`, `min` or `max` of such values, where it is not DataFusion's.
pub(super) fn ours_of(function: &str, args: &[Expr], schema: &DFSchema) -> Result<Option<Arc<AggregateUDF>>> {
    match args {
        [value] if function == "sum" => Ok(wide_sum(&value.get_type(schema)?)),
        [value] => Ok(extreme_of_floats(function, &value.get_type(schema)?)),
        _ => Ok(None),
    }
}

pub(super) fn arguments(typing: &Typing, function: &str, args: &mut [Expr], schema: &DFSchema) -> Result<bool> {
    if let Some(typed) = parameters(typing, function, args, schema)? {
        args.clone_from_slice(&typed);
        return Ok(true);
    }
    match (function, args) {
        ("sum", args) => widen(args, schema),
        ("lag" | "lead", [_, offset]) => {
            let read = typing.read(offset.clone(), &Type::INT4, &field_of(DataType::Int32))?;
            Ok(std::mem::replace(offset, read) != *offset)
        }
        // `dialect` leaves NULL alone
        ("lag" | "lead", [value, _, null]) => match typing.operand(value, schema)?.known() {
            Some((pg_type, field)) => {
                *null = typing.read(null.clone(), pg_type, field)?;
                Ok(true)
            }
            None => Ok(false),
        },
        ("min" | "max", [value]) if matches!(typing.operand(value, schema)?, Operand::Known(Type::BOOL, _)) => {
            let known = typing.operand(value, schema)?;
            Err(no_function(function, &[known]))
        }
        // each row gathered would else hold all texts of its batch, and each merge all of those before
        ("array_agg", [value, ..]) => match compact(&value.get_type(schema)?) {
            Some(compact) => {
                *value = Expr::Cast(Cast::new(Box::new(value.clone()), compact));
                Ok(true)
            }
            None => Ok(false),
        },
        ("min" | "max" | "string_agg", [text, ..]) if lengths::is_padded(&typing.operand(text, schema)?) => {
            *text = lengths::unpadded(text.clone());
            Ok(true)
        }
        (SINGLE_VALUE | "first_value", [value @ Expr::Literal(..)]) => match typing.operand(value, schema)? {
            Operand::Known(Type::INT4, _) => {
                *value = Expr::Cast(Cast::new(Box::new(value.clone()), DataType::Int32));
                Ok(true)
            }
            _ => Ok(false),
        },
        _ => Ok(false),
    }
}

/// A structure or list with its texts on their own, if it is one with texts that share what they lie in.
fn compact(data_type: &DataType) -> Option<DataType> {
    fn plain(data_type: &DataType) -> DataType {
        let field = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())));
        match data_type {
            DataType::Utf8View => DataType::Utf8,
            DataType::BinaryView => DataType::Binary,
            DataType::List(item) => DataType::List(field(item)),
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
            other => other.clone(),
        }
    }
    let compact = plain(data_type);
    (data_type.is_nested() && compact != *data_type).then_some(compact)
}

fn widen(args: &mut [Expr], schema: &DFSchema) -> Result<bool> {
    let [argument] = args else { return Ok(false) };
    let whole = matches!(argument.get_type(schema)?, DataType::Int64 | DataType::UInt64);
    let is_small =
        matches!(argument, Expr::Literal(ScalarValue::Int64(Some(number)), _) if i32::try_from(*number).is_ok());
    if whole && !is_small {
        *argument = Expr::Cast(Cast::new(Box::new(argument.clone()), DataType::Decimal128(20, 0)));
        return Ok(true);
    }
    Ok(false)
}

/// Functions whose integer result PostgreSQL has narrower: always, or where all arguments are integers.
const INTEGER: &[&str] = &[
    "array_length",
    "cardinality",
    "array_ndims",
    "array_position",
    "array_upper",
    "array_lower",
    "strpos",
    "character_length",
    "octet_length",
    "bit_length",
];
const INTEGER_OF_INTEGERS: &[&str] = &["gcd", "lcm"];
const INT8_DIGITS: u8 = 19;
/// Functions whose result is of integers where all that they are given is.
const INTEGERS_OF_INTEGERS: &[&str] =
    &["array_append", "array_prepend", "array_concat", "array_remove_all", "array_replace_all"];

/// The call with PostgreSQL's result type.
pub(super) fn narrowed(typing: &Typing, call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let name = call.func.name();
    let narrow = INTEGER.contains(&name)
        || INTEGER_OF_INTEGERS.contains(&name)
            && call.args.iter().all(|arg| {
                let known = typing.operand(arg, schema);
                known.is_ok_and(|known| known.known().is_some_and(|(pg_type, _)| *pg_type == Type::INT4))
            });
    let of_integers = INTEGERS_OF_INTEGERS.contains(&name)
        && call.args.iter().all(|arg| {
            let known = typing.operand(arg, schema);
            known.is_ok_and(|known| {
                known.known().is_some_and(|(pg_type, _)| [Type::INT4, Type::INT4_ARRAY].contains(pg_type))
            })
        });
    let call = Expr::ScalarFunction(call);
    match call.get_type(schema) {
        Ok(DataType::List(item)) if of_integers && *item.data_type() == DataType::Int64 => {
            let integers = DataType::new_list(DataType::Int32, true);
            Ok(Transformed::yes(Expr::Cast(Cast::new(Box::new(call), integers))))
        }
        Ok(DataType::Int64 | DataType::UInt64 | DataType::UInt32) if narrow => {
            Ok(Transformed::yes(Expr::Cast(Cast::new(Box::new(call), DataType::Int32))))
        }
        _ => Ok(Transformed::no(call)),
    }
}

fn of_text(typing: &Typing, function: &str, signature: &str, args: &[Expr], schema: &DFSchema) -> Result<Vec<Expr>> {
    let known = args.iter().map(|arg| typing.operand(arg, schema)).collect::<Result<Vec<_>>>()?;
    let wanted: Vec<char> = (0..args.len()).filter_map(|i| signature.chars().nth(i)).collect();
    let fits = |(operand, wanted): (&Operand, &char)| match operand.known().map(|(pg_type, _)| kind(pg_type)) {
        Some(kind) if is_plain(kind) => kind == if *wanted == 't' { Kind::Text } else { Kind::Number },
        _ => true,
    };
    if wanted.len() < args.len() || !known.iter().zip(&wanted).all(fits) {
        let shown = if function == "character_length" { "length" } else { function };
        return Err(no_function(shown, &known));
    }
    let typed = args.iter().zip(&known).zip(wanted).map(|((arg, known), wanted)| {
        if lengths::is_padded(known) {
            return Ok(lengths::unpadded(arg.clone()));
        }
        let pg_type = if wanted == 't' { Type::TEXT } else { Type::INT4 };
        match arrow_type(&pg_type) {
            Some(data_type) => typing.read(arg.clone(), &pg_type, &field_of(data_type)),
            None => Ok(arg.clone()),
        }
    });
    typed.collect()
}

/// Functions that DataFusion calls with other numbers of arguments than PostgreSQL has, and PostgreSQL's.
const COUNTS: &[(&str, RangeInclusive<usize>)] =
    &[("array_length", 2..=2), ("count", 0..=1), ("generate_series", 2..=3)];

/// Whether PostgreSQL has one such function.
fn check_call(typing: &Typing, function: &str, args: &[Expr], schema: &DFSchema) -> Result<()> {
    let operands = || args.iter().map(|arg| typing.operand(arg, schema)).collect::<Result<Vec<_>>>();
    ambiguous::check(function, operands)?;
    let known = COUNTS.iter().find(|(name, _)| *name == function);
    if known.is_some_and(|(_, counts)| !counts.contains(&args.len())) {
        return Err(no_function(function, &operands()?));
    }
    if function == "string_agg" {
        let given = operands()?;
        if given.iter().any(|operand| matches!(operand, Operand::Known(Type::BYTEA, _))) {
            let error = Error::new(ErrorKind::FeatureNotSupported, "string_agg of bytea is not supported");
            return Err(at(error, Place::Name(vec![function.to_owned()])));
        }
        let is_text = |operand: &Operand| {
            operand.known().is_none_or(|(pg_type, _)| kind(pg_type) == Kind::Text || !is_plain(kind(pg_type)))
        };
        if !given.iter().all(is_text) {
            return Err(no_function(function, &given));
        }
    }
    Ok(())
}

/// `function upper(integer) does not exist`.
fn no_function(function: &str, known: &[Operand]) -> datafusion::error::DataFusionError {
    let shown = |operand: &Operand| operand.known().map_or("unknown".to_owned(), |(pg_type, _)| name(pg_type));
    let types: Vec<String> = known.iter().map(shown).collect();
    at(pgfunctions::undefined_call(function, &types), Place::Name(vec![function.to_owned()]))
}
