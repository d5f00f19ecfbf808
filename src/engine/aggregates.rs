//! `avg`, `stddev` and `variance` of whole and exact numbers are exact, as PostgreSQL's: numerics, rounded where it rounds.
//!
//! They stand before DataFusion's of the same names, which still answer for intervals; [`floats`] are PostgreSQL's to the
//! last digit. Over frames that move,
//! all aggregates are [`sliding`].

mod distinct_lists;
mod extremes;
mod floats;
mod moments;
mod sliding;
mod wide_sums;

use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::stddev::{stddev_pop_udaf, stddev_udaf};
use datafusion::functions_aggregate::variance::{var_pop_udaf, var_samp_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature,
    Volatility,
};

pub(super) use self::distinct_lists::in_order;
pub(super) use self::extremes::extreme_of_floats;
use self::floats::Figure;
use self::moments::{Averages, Moments};
pub(super) use self::sliding::over_moving_frames;
pub(super) use self::wide_sums::wide_sum;
use crate::pgtypes::{DEVIATION, QUOTIENT};

/// The functions that replace DataFusion's of the same names. `sum` is not among them: [`super::typing`] widens what it
/// adds up, and takes a [`wide_sum`] where that will not do.
pub(super) fn functions() -> Vec<AggregateUDF> {
    let exact = |inner: Arc<AggregateUDF>, moment| {
        let aliases = inner.aliases().to_vec();
        let signature = Signature::user_defined(Volatility::Immutable);
        AggregateUDF::from(Exact { inner, moment, aliases, signature })
    };
    let both = |inner, figure, moment| exact(Arc::new(floats::of_floats(inner, figure)), moment);
    let mut functions = vec![exact(avg_udaf(), Moment::Average)];
    for (sample, deviation, variance) in
        [(true, stddev_udaf(), var_samp_udaf()), (false, stddev_pop_udaf(), var_pop_udaf())]
    {
        functions.push(both(deviation, Figure::Deviation { sample }, Moment::Deviation { sample }));
        functions.push(both(variance, Figure::Variance { sample }, Moment::Variance { sample }));
    }
    functions.extend(floats::of_pairs());
    functions
}

/// Whether the aggregate takes the row: it has a value, and FILTER lets it pass.
fn is_wanted(values: &dyn Array, filter: Option<&BooleanArray>, row: usize) -> bool {
    values.is_valid(row) && passes(filter, row)
}

/// Whether the aggregate's FILTER lets the row pass.
fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// What is computed of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Moment {
    Average,
    Variance { sample: bool },
    Deviation { sample: bool },
}

impl Moment {
    fn data_type(self) -> DataType {
        if matches!(self, Self::Deviation { .. }) { DEVIATION } else { QUOTIENT }
    }
}

/// The type that an argument is taken as; `None` where there is no such function.
fn taken(given: &DataType, moment: Moment) -> Option<DataType> {
    use DataType::*;
    Some(match given {
        Int8 | UInt8 | Int16 => Decimal128(5, 0),
        UInt16 | Int32 => Decimal128(10, 0),
        UInt32 | Int64 => Decimal128(19, 0),
        UInt64 => Decimal128(20, 0),
        Null | Float16 | Float32 | Float64 => Float64,
        Dictionary(_, value) => return taken(value, moment),
        Duration(_) | Interval(_) if moment == Moment::Average => given.clone(),
        Decimal32(precision, scale) | Decimal64(precision, scale) | Decimal128(precision, scale) => {
            Decimal128(*precision, *scale)
        }
        // as many digits as are left
        Decimal256(..) => QUOTIENT,
        _ => return None,
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    inner: Arc<AggregateUDF>,
    moment: Moment,
    aliases: Vec<String>,
    signature: Signature,
}

/// The scale of an exact argument; `None` where DataFusion's function answers.
fn exact_scale(fields: &[FieldRef]) -> Option<i8> {
    match fields {
        [field] => match field.data_type() {
            DataType::Decimal128(_, scale) => Some(*scale),
            _ => None,
        },
        _ => None,
    }
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        &self.aliases
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let taken = match arg_types {
            [given] => taken(given, self.moment),
            _ => None,
        };
        taken.map(|taken| vec![taken]).ok_or_else(|| {
            let types = arg_types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let call = format!("{}({types})", self.name());
            DataFusionError::Plan(format!("No function matches the given name and argument types '{call}'."))
        })
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let taken = self.coerce_types(arg_types)?;
        match taken.as_slice() {
            [DataType::Decimal128(..)] => Ok(self.moment.data_type()),
            taken => self.inner.return_type(taken),
        }
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match exact_scale(args.expr_fields) {
            Some(_) => Ok(Box::new(Moments::new(self.moment, args.expr_fields, args.is_distinct))),
            None => self.inner.accumulator(args),
        }
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let Some(scale) = exact_scale(args.input_fields) else { return self.inner.state_fields(args) };
        let types = moments::state_types(self.moment, scale, args.is_distinct);
        let field = |(index, data_type)| Arc::new(Field::new(format!("{}[{index}]", args.name), data_type, true));
        Ok(types.into_iter().enumerate().map(field).collect())
    }
    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        match exact_scale(args.expr_fields) {
            Some(_) => self.moment == Moment::Average && !args.is_distinct,
            None => self.inner.groups_accumulator_supported(args),
        }
    }
    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match exact_scale(args.expr_fields) {
            Some(_) => Ok(Box::new(Averages::new(args.expr_fields))),
            None => self.inner.create_groups_accumulator(args),
        }
    }
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match exact_scale(args.expr_fields) {
            Some(_) => Ok(Box::new(Moments::new(self.moment, args.expr_fields, args.is_distinct))),
            None => self.inner.create_sliding_accumulator(args),
        }
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
