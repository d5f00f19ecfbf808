//! `generate_series` over numerics: an array for each row, of the scale of the finest of its arguments.
//!
//! Blocked by: DataFusion's function takes integers and times only. Remove when it takes decimals.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Field};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::external;
use crate::error::{Error, ErrorKind};

/// How many numbers the series of one batch of rows may have together: they are in memory all at once.
const NUMBERS_MAX: usize = 10_000_000;

/// `generate_series`; `others` makes those of integers.
pub fn function(others: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::from(NumericSeries { others, signature: Signature::user_defined(Volatility::Immutable) })
}

/// The type of the numbers of a series between these, if it is one of numerics.
pub fn numeric(types: &[DataType]) -> Option<DataType> {
    let scale = |data_type: &DataType| match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(*scale),
        integer if integer.is_integer() || integer.is_null() => Some(0),
        _ => None,
    };
    let scales: Option<Vec<i8>> = types.iter().map(scale).collect();
    let finest = scales?.into_iter().max()?;
    types.iter().any(DataType::is_decimal).then_some(DataType::Decimal128(DECIMAL128_MAX_PRECISION, finest))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct NumericSeries {
    others: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for NumericSeries {
    fn name(&self) -> &str {
        "generate_series"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        if let (2..=3, Some(data_type)) = (types.len(), numeric(types)) {
            return Ok(vec![data_type; types.len()]);
        }
        let fields = types.iter().map(|data_type| Arc::new(Field::new("", data_type.clone(), true)));
        let fields = fields_with_udf(&fields.collect::<Vec<_>>(), self.others.as_ref())?;
        Ok(fields.iter().map(|field| field.data_type().clone()).collect())
    }
    fn return_type(&self, types: &[DataType]) -> DataFusionResult<DataType> {
        match numeric(types) {
            Some(data_type) => Ok(DataType::new_list(data_type, true)),
            None => self.others.return_type(types),
        }
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let Some(data_type) = numeric(&types) else { return self.others.invoke_with_args(args) };
        let columns: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&args.args)?
            .iter()
            .map(|column| Ok(cast(column, &data_type)?))
            .collect::<DataFusionResult<_>>()?;
        let DataType::Decimal128(precision, scale) = data_type else { return self.others.invoke_with_args(args) };
        let one = 10_i128.pow(scale.max(0).unsigned_abs().into());
        let (mut numbers, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..columns.first().map_or(0, |column| column.len()) {
            let at = |nth: usize| {
                let column = columns.get(nth)?.as_primitive::<Decimal128Type>();
                column.is_valid(row).then(|| column.value(row))
            };
            let step = if columns.len() > 2 { at(2) } else { Some(one) };
            let bounds = at(0).zip(at(1)).zip(step);
            valid.push(bounds.is_some());
            let before = numbers.len();
            if let Some(((start, end), step)) = bounds {
                extend(&mut numbers, start, end, step).map_err(external)?;
            }
            lengths.push(numbers.len() - before);
        }
        let numbers = Decimal128Array::from(numbers).with_precision_and_scale(precision, scale)?;
        let item = Arc::new(Field::new_list_field(numbers.data_type().clone(), true));
        let lengths = OffsetBuffer::from_lengths(lengths);
        Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(item, lengths, Arc::new(numbers), Some(valid.into()))?)))
    }
}

/// Puts the numbers of one series to those of the rows before it.
fn extend(numbers: &mut Vec<i128>, start: i128, end: i128, step: i128) -> Result<(), Error> {
    if step == 0 {
        return Err(Error::new(ErrorKind::InvalidParameter, "step size cannot equal zero"));
    }
    let mut next = Some(start);
    while let Some(number) = next.filter(|number| if step > 0 { *number <= end } else { *number >= end }) {
        if numbers.len() == NUMBERS_MAX {
            let message = format!("a series of numerics has more than {NUMBERS_MAX} numbers");
            return Err(Error::new(ErrorKind::ProgramLimitExceeded, message)
                .with_hint("A series of integers may be of any length in FROM."));
        }
        numbers.push(number);
        next = number.checked_add(step);
    }
    Ok(())
}
