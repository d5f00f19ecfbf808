//! Subscripts, `a[1]` and `a[2:3]`, and functions that look at arrays of several dimensions, which are lists of lists, as at their
//! elements.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::functions::unicode::expr_fn::substring;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, ScalarUDF, binary_expr, when};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

use super::arrays::{named_element, said};
use super::{Operand, Typing, field_of};
use crate::pgfunctions;
use crate::pgtypes::{self, PG_TYPE_KEY, Type, column_type};

/// What [`otherwise`] knows.
pub(super) const OF_ARRAYS: &[&str] = &[
    "array_dims",
    "array_element",
    "array_has_all",
    "array_has_any",
    "array_lower",
    "array_ordinals",
    "array_position",
    "array_slice",
    "array_subscripts",
    "array_to_string",
    "array_upper",
    "generate_subscripts",
];

/// Calls of these that are planned as another expression.
pub(super) fn otherwise(typing: &Typing, call: &ScalarFunction, schema: &DFSchema) -> Result<Option<Expr>> {
    let [first, rest @ ..] = call.args.as_slice() else { return Ok(None) };
    Ok(match (call.func.name(), typing.operand(first, schema)?, rest) {
        ("array_dims", ..) => Some(dimensions(Expr::ScalarFunction(call.clone()))?),
        ("array_has_all" | "array_has_any" | "array_ordinals" | "array_to_string", ..) => of_elements(call, schema)?,
        ("array_element", Operand::Known(Type::NAME, _), [at]) => Some(byte_of_name(first.clone(), at.clone())),
        (_, Operand::Known(..), rest) if is_vector(typing, first, schema)? => {
            Some(of_vector(call.func.clone(), first, rest, schema)?)
        }
        ("array_element", Operand::Known(pg_type, _), [at]) => {
            let element = counted_from_one(typing, call, schema)?;
            match named_element(&pg_type, &element.get_type(schema)?) {
                Some(field) => Some(Expr::Cast(Cast::new_from_field(Box::new(element), field))),
                None => (!is_positive(at)).then_some(element),
            }
        }
        ("array_slice", Operand::Known(..), rest) if !rest.iter().all(is_positive) => {
            Some(counted_from_one(typing, call, schema)?)
        }
        _ => None,
    })
}

/// The elements of an array of several dimensions, row by row; `None` for any other.
pub(super) fn elements(array: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let Ok((_, field)) = array.to_field(schema) else { return Ok(None) };
    let dimensions = pgtypes::dimensions(field.data_type());
    if dimensions < 2 {
        return Ok(None);
    }
    said(pgfunctions::elements(array.clone(), dimensions), &column_type(&field), schema).map(Some)
}

fn of_elements(call: &ScalarFunction, schema: &DFSchema) -> Result<Option<Expr>> {
    let flat = call.args.iter().map(|arg| elements(arg, schema)).collect::<Result<Vec<_>>>()?;
    if flat.iter().all(Option::is_none) {
        return Ok(None);
    }
    let args = flat.into_iter().zip(&call.args).map(|(flat, arg)| flat.unwrap_or_else(|| arg.clone())).collect();
    Ok(Some(Expr::ScalarFunction(ScalarFunction::new_udf(call.func.clone(), args))))
}

/// Whether it is a vector of the catalogs, of which the elements are counted from 0, or one as an array.
fn is_vector(typing: &Typing, array: &Expr, schema: &DFSchema) -> Result<bool> {
    let array = match array {
        Expr::Cast(cast) if cast.field.data_type().is_list() => &cast.expr,
        array => array,
    };
    Ok(matches!(typing.operand(array, schema)?, Operand::Known(Type::INT2_VECTOR | Type::OID_VECTOR, _)))
}

fn of_vector(func: Arc<ScalarUDF>, vector: &Expr, rest: &[Expr], schema: &DFSchema) -> Result<Expr> {
    let mut args = vec![vector.clone()];
    args.extend(rest.iter().cloned());
    if let "array_subscripts" | "generate_subscripts" = func.name() {
        return pgfunctions::call("vector_subscripts", args);
    }
    // a plain array from here on, or it would be done again; one cast is of whoever looks at it as an array
    let plain = vector.get_type(schema)?;
    let cast = |array: Expr| Expr::Cast(Cast::new(Box::new(array), plain.clone()));
    let array = cast(cast(vector.clone()));
    if let "array_lower" | "array_position" | "array_upper" = func.name() {
        args[0] = array;
        let place = Expr::ScalarFunction(ScalarFunction::new_udf(func, args));
        return Ok(binary_expr(place, Operator::Minus, lit(1i32)));
    }
    // of a slice a step follows the bounds
    let places = args.split_off(1).into_iter().enumerate().map(|(nth, at)| if nth < 2 { at + lit(1i64) } else { at });
    let args = std::iter::once(array).chain(places).collect();
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)))
}

/// `[1:2][1:3]`, where DataFusion's function gives `[2, 3]`.
fn dimensions(call: Expr) -> Result<Expr> {
    let lengths = pgfunctions::call("array_to_string", vec![call, lit("][1:")])?;
    let joined = |left, right| binary_expr(left, Operator::StringConcat, right);
    Ok(joined(joined(lit("[1:"), lengths), lit("]")))
}

/// `name[0]`: a name is an array of its characters, which are counted from 0.
fn byte_of_name(name: Expr, at: Expr) -> Expr {
    let character = substring(name, at + lit(1i64), lit(1i64));
    let named = HashMap::from([(PG_TYPE_KEY.to_owned(), "char".to_owned())]);
    let field = Field::new("", DataType::Utf8View, false).with_metadata(named);
    Expr::Cast(Cast::new_from_field(Box::new(character), Arc::new(field)))
}

fn is_positive(place: &Expr) -> bool {
    matches!(place, Expr::Literal(ScalarValue::Int64(Some(1..)) | ScalarValue::Int32(Some(1..)), _))
}

/// The element or the slice at places that count from one; DataFusion counts those below from the end.
fn counted_from_one(typing: &Typing, call: &ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let (func, mut args) = (call.func.clone(), call.args.clone());
    let integer = field_of(DataType::Int32);
    for (nth, place) in args.iter_mut().enumerate().skip(1) {
        *place = typing.read(place.clone(), &Type::INT4, &integer)?;
        if is_positive(place) || !place.get_type(schema)?.is_integer() {
            continue;
        }
        let given = place.clone();
        let least = match (func.name(), nth) {
            ("array_element", _) => lit(ScalarValue::Null.cast_to(&given.get_type(schema)?)?),
            ("array_slice", 1) => lit(1i64),
            _ => lit(0i64),
        };
        *place = when(given.clone().lt(lit(1i64)), least).otherwise(given)?;
    }
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)))
}
