//! `varchar(n)` and `char(n)`: a cast cuts off what is too long, and the blanks at the end of a `char(n)` do not count.
//!
//! Invariant: what has the type `char(n)` is `n` characters long, as it is stored: whatever compares it, or takes it for
//! text, leaves out the blanks at its end.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, ListArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::string::expr_fn::rtrim;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

use super::{Operand, Typing};
use crate::pgtypes::{PG_TYPE_KEY, TYPE_MODIFIER_KEY, Type};

/// Bytes that a type modifier counts besides the characters.
const HEADER: i32 = 4;

/// The length a cast's type declares, and whether it pads what is shorter.
fn declared(field: &Field) -> Option<Length> {
    let padded = match field.metadata().get(PG_TYPE_KEY)?.as_str() {
        "varchar" => false,
        "bpchar" => true,
        _ => return None,
    };
    let modifier: i32 = field.metadata().get(TYPE_MODIFIER_KEY)?.parse().ok()?;
    usize::try_from(modifier - HEADER).ok().map(|max| Length { max, padded })
}

/// A cast to a type with a length, taken apart: the cast to text, and the length.
pub(super) fn apart(cast: &Cast) -> Option<(Cast, Length)> {
    let length = declared(&cast.field)?;
    Some((Cast::new(cast.expr.clone(), DataType::Utf8View), length))
}

/// Text as a value of the type with the length.
pub(super) fn cut(text: Expr, length: Length) -> Expr {
    let function = Cut { length, signature: Signature::any(1, Volatility::Immutable) };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![text]))
}

/// Operands of a comparison: without the blanks that do not count in it.
pub(super) fn unpadded_pair(typing: &Typing, left: Expr, right: Expr, schema: &DFSchema) -> Result<(Expr, Expr)> {
    let (loses_left, loses_right) = lose_blanks(&typing.operand(&left, schema)?, &typing.operand(&right, schema)?);
    let without = |expr, loses| if loses { unpadded(expr) } else { expr };
    Ok((without(left, loses_left), without(right, loses_right)))
}

/// Which of the two sides of a comparison lose the blanks at their end: a `char(n)`, and what has no operators of its own
/// beside one, which is a literal or a `varchar`.
pub(super) fn lose_blanks(left: &Operand, right: &Operand) -> (bool, bool) {
    let becomes_padded = |own: &Operand| matches!(own, Operand::Unknown | Operand::Known(Type::VARCHAR, _));
    let loses = |own, other| is_padded(own) || is_padded(other) && becomes_padded(own);
    (loses(left, right), loses(right, left))
}

/// Operands as the texts that they are.
pub(super) fn texts_of(typing: &Typing, left: Expr, right: Expr, schema: &DFSchema) -> Result<(Expr, Expr)> {
    let text = |expr: Expr| -> Result<Expr> {
        Ok(if is_padded(&typing.operand(&expr, schema)?) { unpadded(expr) } else { expr })
    };
    Ok((text(left)?, text(right)?))
}

pub(super) fn is_padded(operand: &Operand) -> bool {
    matches!(operand, Operand::Known(Type::BPCHAR, _))
}

/// The text of a `char(n)`.
pub(in crate::engine) fn unpadded(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) => {
            Expr::Literal(ScalarValue::Utf8(Some(text.trim_end_matches(' ').to_owned())), metadata)
        }
        Expr::Literal(null, metadata) if null.is_null() => Expr::Literal(null, metadata),
        other => rtrim(vec![other, lit(" ")]),
    }
}

/// The list of the texts of a list of `char(n)`.
pub(super) fn unpadded_items(list: Expr) -> Expr {
    let function = UnpaddedItems { signature: Signature::any(1, Volatility::Immutable) };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![list]))
}

/// List of texts → the list of them without blanks at their end.
#[derive(Debug, PartialEq, Eq, Hash)]
struct UnpaddedItems {
    signature: Signature,
}

impl ScalarUDFImpl for UnpaddedItems {
    fn name(&self) -> &str {
        "bpchar_texts"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(arg_types.first().cloned().unwrap_or(DataType::Null))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let given = ColumnarValue::values_to_arrays(&args.args)?;
        let Some((lists, DataType::List(item))) = given.first().map(|lists| (lists, lists.data_type())) else {
            return Err(DataFusionError::Internal("no list of texts".to_owned()));
        };
        let (_, offsets, items, nulls) = lists.as_list::<i32>().clone().into_parts();
        let texts = cast(&items, &DataType::Utf8View)?;
        let texts = texts.as_string_view().iter().map(|text| text.map(|text| text.trim_end_matches(' ')));
        let texts = cast(&StringViewArray::from_iter(texts), item.data_type())?;
        let lists = ListArray::try_new(Arc::clone(item), offsets, texts, nulls)?;
        Ok(match args.args.first() {
            Some(ColumnarValue::Scalar(_)) => ColumnarValue::Scalar(ScalarValue::try_from_array(&lists, 0)?),
            _ => ColumnarValue::Array(Arc::new(lists)),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Length {
    max: usize,
    padded: bool,
}

impl Length {
    fn of<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut characters = text.char_indices().skip(self.max);
        match characters.next() {
            Some((end, _)) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
            None if self.padded => Cow::Owned(format!("{text:<width$}", width = self.max)),
            None => Cow::Borrowed(text),
        }
    }
}

/// Text → text of the length.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Cut {
    length: Length,
    signature: Signature,
}

impl ScalarUDFImpl for Cut {
    fn name(&self) -> &str {
        if self.length.padded { "bpchar" } else { "varchar" }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }
    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let modifier = i32::try_from(self.length.max).unwrap_or(i32::MAX - HEADER) + HEADER;
        let told =
            [(PG_TYPE_KEY.to_owned(), self.name().to_owned()), (TYPE_MODIFIER_KEY.to_owned(), modifier.to_string())];
        Ok(Arc::new(Field::new(self.name(), DataType::Utf8View, true).with_metadata(HashMap::from(told))))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return Err(DataFusionError::Internal("a cast has one value".to_owned()));
        };
        let scalar = matches!(value, ColumnarValue::Scalar(_));
        let array = cast(&value.to_array(if scalar { 1 } else { args.number_rows })?, &DataType::Utf8View)?;
        let mut cut = StringViewBuilder::with_capacity(array.len());
        for text in array.as_string_view() {
            cut.append_option(text.map(|text| self.length.of(text)));
        }
        let cut = cut.finish();
        Ok(match scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&cut, 0)?),
            false => ColumnarValue::Array(Arc::new(cut)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_not_bytes() {
        let varchar = Length { max: 2, padded: false };
        assert_eq!(varchar.of("éàü"), "éà");
        assert_eq!(varchar.of("é"), "é");
        let char = Length { max: 3, padded: true };
        assert_eq!(char.of("éàüö"), "éàü");
        assert_eq!(char.of("é"), "é  ");
    }
}
