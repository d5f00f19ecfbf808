//! `avg` with PostgreSQL's result type: the average of whole or exact numbers is exact, with 16 decimals or more.
//!
//! It is DataFusion's own, told to take its argument as another type.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature,
    Volatility,
};

/// Digits of the widest bigint.
const BIGINT_DIGITS: u8 = 19;
/// DataFusion's average has four decimals more than its argument; PostgreSQL's 16 at least.
const AVERAGED_SCALE: i8 = 12;
const DIGITS_MAX: u8 = 38;

/// The functions that replace DataFusion's of the same names.
///
/// `sum` is not among them: coercion is done more than once, and a bigint argument cannot be told from an integer that
/// was widened before.
pub(super) fn functions() -> Vec<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    vec![AggregateUDF::from(Exact { inner: avg_udaf(), signature })]
}

fn avg_argument(given: &DataType) -> Option<DataType> {
    use DataType::*;
    let whole = |digits: u8| Decimal128(digits + AVERAGED_SCALE.unsigned_abs(), AVERAGED_SCALE);
    Some(match given {
        Int8 | Int16 | Int32 | UInt8 | UInt16 => whole(10),
        UInt32 | Int64 => whole(BIGINT_DIGITS),
        UInt64 => whole(20),
        Null | Float16 | Float32 | Float64 => Float64,
        Dictionary(_, value) => return avg_argument(value),
        Duration(_) => given.clone(),
        Decimal32(precision, scale) | Decimal64(precision, scale) | Decimal128(precision, scale)
            if *scale < AVERAGED_SCALE =>
        {
            // no more decimals than leave room for the whole digits
            let added = (AVERAGED_SCALE - scale).unsigned_abs().min(DIGITS_MAX - precision.min(&DIGITS_MAX));
            Decimal128(precision + added, scale + i8::try_from(added).unwrap_or(0))
        }
        other if other.is_decimal() => given.clone(),
        _ => return None,
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let taken = match arg_types {
            [given] => avg_argument(given),
            _ => None,
        };
        taken.map(|taken| vec![taken]).ok_or_else(|| {
            let types = arg_types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let call = format!("{}({types})", self.name());
            DataFusionError::Plan(format!("No function matches the given name and argument types '{call}'."))
        })
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(&self.coerce_types(arg_types)?)
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }
    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(args)
    }
    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }
    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }
}
