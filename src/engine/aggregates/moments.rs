//! Sums of values and of their squares, and what follows from them.
//!
//! Invariant: nothing is rounded before the last step.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, ListArray, UInt64Array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Field, FieldRef, UInt64Type, i256};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;

use super::{Moment, is_wanted};
use crate::error::{Error, ErrorKind};
use crate::pgtypes::{DEVIATION_SCALE, Exact, QUOTIENT, QUOTIENT_SCALE, divide_exact, quotient, quotient_of};

const SUM_DIGITS: u8 = 38;
const SQUARES_DIGITS: u8 = 76;

/// What an accumulator hands on: how many, their sum, the sum of their squares; or the values themselves.
pub(super) fn state_types(moment: Moment, scale: i8, distinct: bool) -> Vec<DataType> {
    if distinct {
        return vec![DataType::new_list(DataType::Decimal128(SUM_DIGITS, scale), true)];
    }
    let mut types = vec![DataType::UInt64, DataType::Decimal128(SUM_DIGITS, scale)];
    if moment != Moment::Average {
        types.push(DataType::Decimal256(SQUARES_DIGITS, 0));
    }
    types
}

fn overflow() -> DataFusionError {
    DataFusionError::External(Box::new(
        Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format")
            .with_detail("An exact average holds 18 digits before the point, a sum 38 in all."),
    ))
}

fn argument(fields: &[FieldRef]) -> DataType {
    fields.first().map_or(QUOTIENT, |field| field.data_type().clone())
}

fn scale_of(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal128(_, scale) => *scale,
        _ => 0,
    }
}

fn average(sum: i128, count: u64, data_type: &DataType) -> Result<i128> {
    quotient(Exact::new(sum, data_type), Exact { number: count.into(), scale: 0 }).ok_or_else(overflow)
}

/// One group's moments.
#[derive(Debug)]
pub(super) struct Moments {
    moment: Moment,
    data_type: DataType,
    distinct: Option<HashSet<i128>>,
    count: u64,
    sum: i128,
    squares: i256,
}

impl Moments {
    pub fn new(moment: Moment, fields: &[FieldRef], distinct: bool) -> Self {
        let distinct = distinct.then(HashSet::new);
        Self { moment, data_type: argument(fields), distinct, count: 0, sum: 0, squares: i256::ZERO }
    }

    fn add(&mut self, value: i128) -> Result<()> {
        if self.distinct.as_mut().is_some_and(|seen| !seen.insert(value)) {
            return Ok(());
        }
        self.count += 1;
        self.sum = self.sum.checked_add(value).ok_or_else(overflow)?;
        if self.moment != Moment::Average {
            self.squares = self.squares.checked_add(square(value)?).ok_or_else(overflow)?;
        }
        Ok(())
    }

    /// `(n Σx² − (Σx)²) / (n (n − 1))`, or `/ n²`.
    fn variance(&self, sample: bool) -> Result<Option<i128>> {
        let scale = 2 * scale_of(&self.data_type);
        let of = |(above, below)| quotient_of(above, scale, below, 0).ok_or_else(overflow);
        self.ratio(sample)?.map(of).transpose()
    }

    /// The root of the variance, which may be too great to be shown itself.
    fn deviation(&self, sample: bool) -> Result<Option<i128>> {
        let scale = 2 * scale_of(&self.data_type);
        let of = |(above, below)| match quotient_of(above, scale, below, 0) {
            Some(variance) => root(variance),
            None => root_of_great(above, below, scale).ok_or_else(overflow),
        };
        self.ratio(sample)?.map(of).transpose()
    }

    /// What the variance is a quotient of: the first has twice the decimals of the values.
    fn ratio(&self, sample: bool) -> Result<Option<(i256, i256)>> {
        if self.count == 0 || sample && self.count == 1 {
            return Ok(None);
        }
        let n = i256::from_i128(self.count.into());
        let divisor = if sample { n.wrapping_sub(i256::from_i128(1)) } else { n };
        let squares = self.squares.checked_mul(n).ok_or_else(overflow)?;
        let above = squares.checked_sub(square(self.sum)?).ok_or_else(overflow)?;
        let below = n.checked_mul(divisor).ok_or_else(overflow)?;
        Ok(Some((above.max(i256::ZERO), below)))
    }
}

fn square(value: i128) -> Result<i256> {
    let value = i256::from_i128(value);
    value.checked_mul(value).ok_or_else(overflow)
}

/// The root of `above / below` that has more than 18 digits before the point: it has the decimals of `above`.
fn root_of_great(above: i256, below: i256, scale: i8) -> Option<i128> {
    /// Decimals of the root that are computed.
    const DECIMALS: i32 = 12;
    let variance = divide_exact(above, below, -i32::from(scale))?;
    let wide = variance.checked_mul(i256::from_i128(10i128.pow(2 * DECIMALS.unsigned_abs())))?;
    let near = (variance.to_i128()? as f64).sqrt() * 10f64.powi(DECIMALS);
    let rounded = divide_exact(whole_root(wide, near), i256::from_i128(1), i32::from(scale) - DECIMALS)?;
    divide_exact(rounded, i256::from_i128(1), i32::from(DEVIATION_SCALE) - i32::from(scale))?.to_i128()
}

/// The whole part of the root, found from a number near to it.
fn whole_root(of: i256, near: f64) -> i256 {
    let two = i256::from_i128(2);
    let mut guess = i256::from_i128(near.max(1.0) as i128);
    for _ in 0..100 {
        let Some(next) = of.checked_div(guess).and_then(|other| guess.checked_add(other)?.checked_div(two)) else {
            break;
        };
        let change = next.wrapping_sub(guess);
        guess = next;
        if change <= i256::from_i128(1) && change >= i256::from_i128(-1) {
            break;
        }
    }
    guess
}

/// The root of a quotient, with the decimals that PostgreSQL gives it.
fn root(value: i128) -> Result<i128> {
    // √(v / 10^20) = √(v × 10^20) / 10^20
    let wide = i256::from_i128(value)
        .checked_mul(i256::from_i128(10i128.pow(u32::from(QUOTIENT_SCALE.unsigned_abs()))))
        .ok_or_else(overflow)?;
    let guess = whole_root(wide, (value as f64 / 1e20).sqrt().mul_add(1e20, 1.0));
    // as many decimals as the variance has
    let shown = Exact::new(value, &QUOTIENT).scale;
    let rounded = divide_exact(guess, i256::from_i128(1), i32::from(shown) - i32::from(QUOTIENT_SCALE));
    rounded
        .and_then(|rounded| divide_exact(rounded, i256::from_i128(1), i32::from(DEVIATION_SCALE) - i32::from(shown)))
        .and_then(i256::to_i128)
        .ok_or_else(overflow)
}

impl Accumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        values.as_primitive::<Decimal128Type>().iter().flatten().try_for_each(|value| self.add(value))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        for value in values.as_primitive::<Decimal128Type>().iter().flatten() {
            self.count = self.count.saturating_sub(1);
            self.sum = self.sum.checked_sub(value).ok_or_else(overflow)?;
            if self.moment != Moment::Average {
                self.squares = self.squares.checked_sub(square(value)?).ok_or_else(overflow)?;
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.distinct.is_none()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if self.distinct.is_some() {
            let Some(lists) = states.first() else { return Ok(()) };
            for list in lists.as_list::<i32>().iter().flatten() {
                list.as_primitive::<Decimal128Type>().iter().flatten().try_for_each(|value| self.add(value))?;
            }
            return Ok(());
        }
        let [counts, sums, squares @ ..] = states else { return Ok(()) };
        self.count += counts.as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
        for sum in sums.as_primitive::<Decimal128Type>().iter().flatten() {
            self.sum = self.sum.checked_add(sum).ok_or_else(overflow)?;
        }
        for squares in squares.iter().flat_map(|squares| squares.as_primitive::<Decimal256Type>().iter().flatten()) {
            self.squares = self.squares.checked_add(squares).ok_or_else(overflow)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let scale = scale_of(&self.data_type);
        if let Some(seen) = &self.distinct {
            let values =
                Decimal128Array::from_iter_values(seen.iter().copied()).with_precision_and_scale(SUM_DIGITS, scale)?;
            let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
            let offsets = OffsetBuffer::from_lengths([values.len()]);
            return Ok(vec![ScalarValue::List(Arc::new(ListArray::new(item, offsets, Arc::new(values), None)))]);
        }
        let mut state =
            vec![ScalarValue::UInt64(Some(self.count)), ScalarValue::Decimal128(Some(self.sum), SUM_DIGITS, scale)];
        if self.moment != Moment::Average {
            state.push(ScalarValue::Decimal256(Some(self.squares), SQUARES_DIGITS, 0));
        }
        Ok(state)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = match self.moment {
            Moment::Average if self.count == 0 => None,
            Moment::Average => Some(average(self.sum, self.count, &self.data_type)?),
            Moment::Variance { sample } => self.variance(sample)?,
            Moment::Deviation { sample } => self.deviation(sample)?,
        };
        let scale = if matches!(self.moment, Moment::Deviation { .. }) { DEVIATION_SCALE } else { QUOTIENT_SCALE };
        Ok(ScalarValue::Decimal128(value, SUM_DIGITS, scale))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.distinct.as_ref().map_or(0, |seen| seen.capacity() * size_of::<i128>())
    }
}

/// The averages of many groups.
#[derive(Debug)]
pub(super) struct Averages {
    data_type: DataType,
    counts: Vec<u64>,
    sums: Vec<i128>,
}

impl Averages {
    pub fn new(fields: &[FieldRef]) -> Self {
        Self { data_type: argument(fields), counts: Vec::new(), sums: Vec::new() }
    }

    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
        self.sums.resize(groups, 0);
    }

    fn add(&mut self, group: usize, count: u64, sum: i128) -> Result<()> {
        let (Some(counted), Some(total)) = (self.counts.get_mut(group), self.sums.get_mut(group)) else {
            return Err(DataFusionError::Internal("a group that was not announced".to_owned()));
        };
        *counted += count;
        *total = total.checked_add(sum).ok_or_else(overflow)?;
        Ok(())
    }
}

impl GroupsAccumulator for Averages {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        let Some(values) = values.first() else { return Ok(()) };
        let values = values.as_primitive::<Decimal128Type>();
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| is_wanted(values, filter, *row)) {
            self.add(*group, 1, values.value(row))?;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        let [counts, sums] = states else { return Ok(()) };
        let (counts, sums) = (counts.as_primitive::<UInt64Type>(), sums.as_primitive::<Decimal128Type>());
        for (row, group) in groups.iter().enumerate() {
            if counts.is_valid(row) && sums.is_valid(row) {
                self.add(*group, counts.value(row), sums.value(row))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let counts = emit_to.take_needed(&mut self.counts);
        let sums = emit_to.take_needed(&mut self.sums);
        let averages = counts
            .into_iter()
            .zip(sums)
            .map(|(count, sum)| if count == 0 { Ok(None) } else { average(sum, count, &self.data_type).map(Some) });
        let averages: Decimal128Array = averages.collect::<Result<Vec<Option<i128>>>>()?.into();
        Ok(Arc::new(averages.with_precision_and_scale(SUM_DIGITS, QUOTIENT_SCALE)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let counts = UInt64Array::from(emit_to.take_needed(&mut self.counts));
        let sums = Decimal128Array::from(emit_to.take_needed(&mut self.sums))
            .with_precision_and_scale(SUM_DIGITS, scale_of(&self.data_type))?;
        Ok(vec![Arc::new(counts), Arc::new(sums)])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(values) = values.first() else { return Ok(Vec::new()) };
        let values = values.as_primitive::<Decimal128Type>();
        let wanted = |row| is_wanted(values, filter, row);
        let counts: UInt64Array = (0..values.len()).map(|row| Some(u64::from(wanted(row)))).collect();
        let sums: Decimal128Array =
            (0..values.len()).map(|row| Some(if wanted(row) { values.value(row) } else { 0 })).collect();
        let sums = sums.with_precision_and_scale(SUM_DIGITS, scale_of(&self.data_type))?;
        Ok(vec![Arc::new(counts), Arc::new(sums)])
    }

    fn size(&self) -> usize {
        self.counts.capacity() * size_of::<u64>() + self.sums.capacity() * size_of::<i128>()
    }
}
