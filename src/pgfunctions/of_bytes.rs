//! Functions of text that PostgreSQL has of `bytea` too: DataFusion's, and for bytes our own.
//!
//! Blocked by: DataFusion's take bytes for text, or refuse them. Remove when they do not.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::types::{NativeType, logical_binary, logical_int64};
use datafusion::error::Result as DataFusionResult;
use datafusion::functions::{core, string, unicode};
use datafusion::logical_expr::{
    Coercion, ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    TypeSignatureClass, Volatility,
};

use super::external;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let all = [
        (string::octet_length(), Act::Count { each: 1 }),
        (unicode::character_length(), Act::Count { each: 1 }),
        (string::bit_length(), Act::Count { each: 8 }),
        (string::btrim(), Act::Trim { left: true, right: true }),
        (string::ltrim(), Act::Trim { left: true, right: false }),
        (string::rtrim(), Act::Trim { left: false, right: true }),
        (unicode::strpos(), Act::Find),
        (core::overlay(), Act::Overlay),
    ];
    all.into_iter().map(|(inner, act)| ScalarUDF::from(OfBytes::new(inner, act)))
}

/// What is done with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Act {
    Count {
        each: usize,
    },
    /// Without those of the second argument at its ends.
    Trim {
        left: bool,
        right: bool,
    },
    /// Where the second argument begins in the first.
    Find,
    /// The second argument in the place of some bytes of the first.
    Overlay,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfBytes {
    inner: Arc<ScalarUDF>,
    act: Act,
    signature: Signature,
}

impl OfBytes {
    fn new(inner: Arc<ScalarUDF>, act: Act) -> Self {
        let whole = Coercion::new_implicit(
            TypeSignatureClass::Native(logical_int64()),
            vec![TypeSignatureClass::Integer],
            NativeType::Int64,
        );
        let bytes = Coercion::new_exact(TypeSignatureClass::Native(logical_binary()));
        let of = |bytes_first: usize, numbers: usize| {
            let taken = std::iter::repeat_n(&bytes, bytes_first).chain(std::iter::repeat_n(&whole, numbers));
            TypeSignature::Coercible(taken.cloned().collect())
        };
        let mut ways = match act {
            Act::Count { .. } => vec![of(1, 0)],
            Act::Trim { .. } | Act::Find => vec![of(2, 0)],
            Act::Overlay => vec![of(2, 1), of(2, 2)],
        };
        ways.push(inner.signature().type_signature.clone());
        Self { inner, act, signature: Signature::one_of(ways, Volatility::Immutable) }
    }
}

fn is_bytes(data_type: Option<&DataType>) -> bool {
    matches!(data_type, Some(DataType::Binary | DataType::BinaryView | DataType::LargeBinary))
}

impl ScalarUDFImpl for OfBytes {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        if !is_bytes(arg_types.first()) {
            return self.inner.inner().return_type(arg_types);
        }
        Ok(match self.act {
            Act::Count { .. } | Act::Find => DataType::Int32,
            Act::Trim { .. } | Act::Overlay => DataType::Binary,
        })
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        if !is_bytes(types.first()) {
            return self.inner.inner().return_field_from_args(args);
        }
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, true)))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let data_type = args.arg_fields.first().map(|field| field.data_type());
        if !is_bytes(data_type) {
            if matches!(self.act, Act::Overlay) {
                check_places(&args)?;
            }
            return self.inner.inner().invoke_with_args(args);
        }
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let bytes = arrays.iter().filter(|array| is_bytes(Some(array.data_type())));
        let bytes = bytes.map(|array| cast(array, &DataType::Binary)).collect::<Result<Vec<_>, _>>()?;
        let bytes: Vec<&BinaryArray> = bytes.iter().map(|array| array.as_binary::<i32>()).collect();
        let rows = arrays.first().map_or(0, Array::len);
        let is_null = |row: usize| arrays.iter().any(|array| array.is_null(row));
        let value = |nth: usize, row: usize| bytes.get(nth).map_or(&[][..], |array| array.value(row));
        let number = |nth: usize, row: usize| {
            arrays.get(nth).and_then(|array| array.as_primitive_opt::<Int64Type>()).map(|array| array.value(row))
        };
        let present = |row: usize| (!is_null(row)).then_some(row);
        let rows = (0..rows).map(present);
        let done: ArrayRef = match self.act {
            Act::Count { each } => {
                let counts = rows.map(|row| row.map(|row| whole(value(0, row).len() * each)));
                Arc::new(counts.collect::<Int32Array>())
            }
            Act::Find => {
                let places = rows.map(|row| row.map(|row| whole(position(value(0, row), value(1, row)))));
                Arc::new(places.collect::<Int32Array>())
            }
            Act::Trim { left, right } => {
                let trimmed = rows.map(|row| row.map(|row| trimmed(value(0, row), value(1, row), left, right)));
                Arc::new(trimmed.collect::<BinaryArray>())
            }
            Act::Overlay => {
                let replaced = rows.map(|row| {
                    let of_row =
                        |row| overlay(value(0, row), value(1, row), number(2, row).unwrap_or(1), number(3, row));
                    row.map(of_row).transpose()
                });
                let replaced = replaced.collect::<Result<Vec<_>>>().map_err(external)?;
                Arc::new(replaced.iter().map(Option::as_deref).collect::<BinaryArray>())
            }
        };
        Ok(ColumnarValue::Array(done))
    }
}

/// No value has more bytes than an integer counts.
fn whole(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn trimmed<'a>(bytes: &'a [u8], unwanted: &[u8], left: bool, right: bool) -> &'a [u8] {
    let kept = |byte: &u8| !unwanted.contains(byte);
    let (Some(first), Some(last)) = (bytes.iter().position(kept), bytes.iter().rposition(kept)) else { return &[] };
    let start = if left { first } else { 0 };
    let end = if right { last + 1 } else { bytes.len() };
    bytes.get(start..end).unwrap_or_default()
}

/// From 1; 0 where it is nowhere.
fn position(bytes: &[u8], wanted: &[u8]) -> usize {
    if wanted.is_empty() {
        return 1;
    }
    bytes.windows(wanted.len()).position(|part| part == wanted).map_or(0, |at| at + 1)
}

/// Whether the places are such that a text can be overlaid there.
fn check_places(args: &ScalarFunctionArgs) -> DataFusionResult<()> {
    let integers = |arg: &ColumnarValue| cast(&arg.to_array(args.number_rows)?, &DataType::Int64);
    let places = args.args.iter().skip(2).map(integers).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<_> = places.iter().map(|places| places.as_primitive::<Int64Type>()).collect();
    let is_null = |arg: &ColumnarValue, row: usize| match arg {
        ColumnarValue::Array(array) => array.is_null(row),
        ColumnarValue::Scalar(value) => value.is_null(),
    };
    for row in (0..args.number_rows).filter(|row| !args.args.iter().any(|arg| is_null(arg, *row))) {
        let mut at = places.iter().map(|places| places.is_valid(row).then(|| places.value(row)));
        if let (Some(Some(from)), length @ (None | Some(Some(_)))) = (at.next(), at.next()) {
            check_place(from, length.flatten().unwrap_or(0)).map_err(external)?;
        }
    }
    Ok(())
}

/// # Errors
/// `22011` for a place before the first, `22003` for an end that no integer holds.
fn check_place(from: i64, length: i64) -> Result<()> {
    if from <= 0 {
        return Err(Error::new(ErrorKind::SubstringError, "negative substring length not allowed"));
    }
    if i32::try_from(from.saturating_add(length)).is_err() {
        return Err(Error::new(ErrorKind::NumericOutOfRange, "integer out of range"));
    }
    Ok(())
}

/// # Errors
/// [`check_place`]'s.
fn overlay(bytes: &[u8], by: &[u8], from: i64, length: Option<i64>) -> Result<Vec<u8>> {
    let length = length.unwrap_or(by.len() as i64);
    check_place(from, length)?;
    let within = |at: i64| usize::try_from(at.max(0)).unwrap_or(usize::MAX).min(bytes.len());
    let (start, end) = (within(from - 1), within(from.saturating_add(length).saturating_sub(1)));
    Ok([bytes.get(..start), Some(by), bytes.get(end..)].into_iter().flatten().flatten().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_cut_as_by_postgres() {
        assert_eq!(trimmed(b"abca", b"a", true, true), b"bc");
        assert_eq!(trimmed(b"aaa", b"a", true, false), b"");
        assert_eq!(trimmed(b"abca", b"", true, true), b"abca");
        assert_eq!((position(b"abcbc", b"bc"), position(b"abc", b"x"), position(b"", b"")), (2, 0, 1));
        assert_eq!(overlay(b"abcdef", b"XY", 2, None).unwrap(), b"aXYdef");
        assert_eq!(overlay(b"abc", b"abc", 5, Some(-2)).unwrap(), b"abcabcc");
        assert_eq!(overlay(b"abc", b"X", 0, None).unwrap_err().message(), "negative substring length not allowed");
    }
}
