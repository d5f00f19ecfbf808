//! Variances, correlations and regressions of floats, to the digit as PostgreSQL has them.
//!
//! Source: PostgreSQL 15, `float.c`: sums of squares are kept by the algorithm of Youngs and Cramer.
//!
//! Blocked by: DataFusion computes them another way, which rounds otherwise. Remove when the last digit is the same.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::correlation::corr_udaf;
use datafusion::functions_aggregate::covariance::{covar_pop_udaf, covar_samp_udaf};
use datafusion::functions_aggregate::regr;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::scalar::ScalarValue;

use super::passes;
use crate::error::{Error, ErrorKind};

/// What is computed of the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Figure {
    Variance { sample: bool },
    Deviation { sample: bool },
    Covariance { sample: bool },
    Correlation,
    Slope,
    Intercept,
    Determination,
    MeanX,
    MeanY,
    SquaresX,
    SquaresY,
    Products,
}

impl Figure {
    fn is_of_one(self) -> bool {
        matches!(self, Self::Variance { .. } | Self::Deviation { .. })
    }
}

/// DataFusion's function with PostgreSQL's digits, where it is asked for floats.
pub(super) fn of_floats(inner: Arc<AggregateUDF>, figure: Figure) -> AggregateUDF {
    AggregateUDF::from(Floats { inner, figure })
}

/// The functions of pairs, which are all of floats.
pub(super) fn of_pairs() -> impl Iterator<Item = AggregateUDF> {
    let functions = [
        (corr_udaf(), Figure::Correlation),
        (covar_pop_udaf(), Figure::Covariance { sample: false }),
        (covar_samp_udaf(), Figure::Covariance { sample: true }),
        (regr::regr_slope_udaf(), Figure::Slope),
        (regr::regr_intercept_udaf(), Figure::Intercept),
        (regr::regr_r2_udaf(), Figure::Determination),
        (regr::regr_avgx_udaf(), Figure::MeanX),
        (regr::regr_avgy_udaf(), Figure::MeanY),
        (regr::regr_sxx_udaf(), Figure::SquaresX),
        (regr::regr_syy_udaf(), Figure::SquaresY),
        (regr::regr_sxy_udaf(), Figure::Products),
    ];
    functions.into_iter().map(|(inner, figure)| of_floats(inner, figure))
}

/// How many, their sums, the sums of the squares and products of what they differ by from their means.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    n: f64,
    x: f64,
    xx: f64,
    y: f64,
    yy: f64,
    xy: f64,
}

/// The number of sums that an accumulator hands on.
const SUMS: usize = 6;

fn overflow() -> DataFusionError {
    DataFusionError::External(Box::new(Error::new(ErrorKind::NumericOutOfRange, "value out of range: overflow")))
}

/// The sum of squares, which is no number where it is infinite for what it is made of.
fn squares(sum: f64, total: f64, of_finite: bool) -> Result<f64> {
    match (sum.is_infinite() || total.is_infinite(), of_finite) {
        (false, _) => Ok(sum),
        (true, true) => Err(overflow()),
        (true, false) => Ok(f64::NAN),
    }
}

impl Sums {
    fn add(&mut self, x: f64, y: f64) -> Result<()> {
        let before = *self;
        self.n += 1.0;
        self.x += x;
        self.y += y;
        if before.n > 0.0 {
            let (dx, dy) = (x * self.n - self.x, y * self.n - self.y);
            let pairs = self.n * before.n;
            self.xx = squares(self.xx + dx * dx / pairs, self.x, before.x.is_finite() && x.is_finite())?;
            self.yy = squares(self.yy + dy * dy / pairs, self.y, before.y.is_finite() && y.is_finite())?;
            self.xy += dx * dy / pairs;
        } else {
            if !x.is_finite() {
                (self.xx, self.xy) = (f64::NAN, f64::NAN);
            }
            if !y.is_finite() {
                (self.yy, self.xy) = (f64::NAN, f64::NAN);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        if other.n == 0.0 {
            return Ok(());
        }
        if self.n == 0.0 {
            *self = other;
            return Ok(());
        }
        let n = self.n + other.n;
        let (dx, dy) = (self.x / self.n - other.x / other.n, self.y / self.n - other.y / other.n);
        let weight = self.n * other.n;
        *self = Self {
            n,
            x: self.x + other.x,
            xx: self.xx + other.xx + weight * dx * dx / n,
            y: self.y + other.y,
            yy: self.yy + other.yy + weight * dy * dy / n,
            xy: self.xy + other.xy + weight * dx * dy / n,
        };
        Ok(())
    }

    fn figure(&self, figure: Figure) -> Option<f64> {
        let Self { n, x, xx, y, yy, xy } = *self;
        let divided = |sum: f64, sample: bool| {
            let count = if sample { n - 1.0 } else { n };
            (count > 0.0).then(|| sum / count)
        };
        if n < 1.0 {
            return None;
        }
        match figure {
            Figure::Variance { sample } => divided(xx, sample),
            Figure::Deviation { sample } => divided(xx, sample).map(f64::sqrt),
            Figure::Covariance { sample } => divided(xy, sample),
            Figure::Correlation => (xx != 0.0 && yy != 0.0).then(|| xy / (xx * yy).sqrt()),
            Figure::Slope => (xx != 0.0).then(|| xy / xx),
            Figure::Intercept => (xx != 0.0).then(|| (y - x * xy / xx) / n),
            Figure::Determination if xx == 0.0 => None,
            Figure::Determination if yy == 0.0 => Some(1.0),
            Figure::Determination => Some(xy * xy / (xx * yy)),
            Figure::MeanX => Some(x / n),
            Figure::MeanY => Some(y / n),
            Figure::SquaresX => Some(xx),
            Figure::SquaresY => Some(yy),
            Figure::Products => Some(xy),
        }
    }

    fn parts(&self) -> [f64; SUMS] {
        [self.n, self.x, self.xx, self.y, self.yy, self.xy]
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Floats {
    inner: Arc<AggregateUDF>,
    figure: Figure,
}

impl Floats {
    /// Whether the function is asked for what DataFusion does as well: distinct values.
    fn is_inner(args: &AccumulatorArgs) -> bool {
        args.is_distinct || !args.expr_fields.iter().all(|field| *field.data_type() == DataType::Float64)
    }
}

impl AggregateUDFImpl for Floats {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if Self::is_inner(&args) {
            return self.inner.accumulator(args);
        }
        Ok(Box::new(Group { figure: self.figure, sums: Sums::default() }))
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if args.is_distinct || !args.input_fields.iter().all(|field| *field.data_type() == DataType::Float64) {
            return self.inner.state_fields(args);
        }
        let field = |nth| Arc::new(Field::new(format!("{}[{nth}]", args.name), DataType::Float64, true));
        Ok((0..SUMS).map(field).collect())
    }
    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !Self::is_inner(&args)
    }
    fn create_groups_accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups { figure: self.figure, sums: Vec::new() }))
    }
    /// Rows that leave a frame are subtracted, as DataFusion does.
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }
    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn column(values: &[ArrayRef], nth: usize) -> Result<&Float64Array> {
    let column = values.get(nth).and_then(|values| values.as_primitive_opt::<Float64Type>());
    column.ok_or_else(|| DataFusionError::Internal("not a double".to_owned()))
}

/// Hands on each row's `x` and `y`; rows without one of them are none. The first argument is `y`, where there are two.
fn each(figure: Figure, values: &[ArrayRef], mut then: impl FnMut(usize, f64, f64) -> Result<()>) -> Result<()> {
    if figure.is_of_one() {
        let xs = column(values, 0)?;
        return xs.iter().enumerate().try_for_each(|(row, x)| x.map_or(Ok(()), |x| then(row, x, 0.0)));
    }
    let (ys, xs) = (column(values, 0)?, column(values, 1)?);
    xs.iter().zip(ys).enumerate().try_for_each(|(row, pair)| match pair {
        (Some(x), Some(y)) => then(row, x, y),
        _ => Ok(()),
    })
}

/// Hands on the sums that others have come to.
fn each_state(states: &[ArrayRef], mut then: impl FnMut(usize, Sums) -> Result<()>) -> Result<()> {
    let columns = (0..SUMS).map(|nth| column(states, nth)).collect::<Result<Vec<_>>>()?;
    let [n, x, xx, y, yy, xy] = columns.as_slice() else { return Ok(()) };
    (0..n.len()).filter(|row| n.is_valid(*row)).try_for_each(|row| {
        let at = |column: &Float64Array| column.value(row);
        then(row, Sums { n: at(n), x: at(x), xx: at(xx), y: at(y), yy: at(yy), xy: at(xy) })
    })
}

/// One group.
#[derive(Debug)]
struct Group {
    figure: Figure,
    sums: Sums,
}

impl Accumulator for Group {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let sums = &mut self.sums;
        each(self.figure, values, |_, x, y| sums.add(x, y))
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let sums = &mut self.sums;
        each_state(states, |_, other| sums.merge(other))
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.sums.parts().map(|sum| ScalarValue::Float64(Some(sum))).to_vec())
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.sums.figure(self.figure)))
    }
    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Many groups.
#[derive(Debug)]
struct Groups {
    figure: Figure,
    sums: Vec<Sums>,
}

impl Groups {
    fn group(sums: &mut [Sums], group: usize) -> Result<&mut Sums> {
        sums.get_mut(group).ok_or_else(|| DataFusionError::Internal("a group that was not announced".to_owned()))
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sums.resize(total, Sums::default());
        let sums = &mut self.sums;
        each(self.figure, values, |row, x, y| match groups.get(row) {
            Some(group) if passes(filter, row) => Self::group(sums, *group)?.add(x, y),
            _ => Ok(()),
        })
    }
    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.sums.resize(total, Sums::default());
        let sums = &mut self.sums;
        each_state(states, |row, other| match groups.get(row) {
            Some(group) => Self::group(sums, *group)?.merge(other),
            None => Ok(()),
        })
    }
    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        Ok(Arc::new(sums.iter().map(|sums| sums.figure(self.figure)).collect::<Float64Array>()))
    }
    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let parts: Vec<[f64; SUMS]> = emit_to.take_needed(&mut self.sums).iter().map(Sums::parts).collect();
        let nth = |nth: usize| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(parts.iter().filter_map(|parts| parts.get(nth).copied())))
        };
        Ok((0..SUMS).map(nth).collect())
    }
    /// Each row as a group of its own.
    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |values| values.len());
        let mut groups = Self { figure: self.figure, sums: Vec::new() };
        groups.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        groups.state(EmitTo::All)
    }
    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<Sums>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(f64, f64)]) -> Sums {
        let mut sums = Sums::default();
        pairs.iter().for_each(|(x, y)| sums.add(*x, *y).unwrap());
        sums
    }

    #[test]
    fn figures_are_those_of_postgres_15() {
        let salaries = [(1.0, 9000.0), (2.0, 6700.5), (4.0, 6350.0), (5.0, 4880.5)];
        let sums = of(&salaries);
        assert_eq!(sums.figure(Figure::MeanX), Some(3.0));
        assert_eq!(sums.figure(Figure::SquaresX), Some(10.0));
        assert_eq!(sums.figure(Figure::Variance { sample: false }), Some(2.5));
        assert_eq!(of(&[(1.0, 2.0)]).figure(Figure::Variance { sample: true }), None);
        assert_eq!(of(&[(1.0, 2.0), (1.0, 3.0)]).figure(Figure::Correlation), None);
        assert_eq!(of(&[(1.0, 2.0), (2.0, 2.0)]).figure(Figure::Determination), Some(1.0));
        assert_eq!(Sums::default().figure(Figure::MeanX), None);
    }

    #[test]
    fn parts_come_to_the_same_as_the_whole() {
        let pairs = [(1.5, 2.0), (2.5, 3.0), (4.0, -1.0), (8.0, 0.5)];
        let mut merged = of(&pairs[..1]);
        merged.merge(of(&pairs[1..])).unwrap();
        let whole = of(&pairs);
        for (one, other) in merged.parts().into_iter().zip(whole.parts()) {
            assert!((one - other).abs() < 1e-12, "{merged:?} {whole:?}");
        }
    }

    #[test]
    fn what_is_infinite_has_no_variance() {
        assert!(of(&[(f64::INFINITY, 0.0)]).figure(Figure::Variance { sample: false }).unwrap().is_nan());
        assert!(of(&[(1.0, 0.0), (f64::INFINITY, 0.0)]).figure(Figure::Variance { sample: false }).unwrap().is_nan());
        let mut sums = of(&[(1e300, 0.0)]);
        assert!(sums.add(-1e300, 0.0).is_err());
    }
}
