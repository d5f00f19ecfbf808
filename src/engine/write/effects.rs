//! What a planned change does, row by row: which rows of the table go, which come, and which are returned.
//!
//! Invariant: a row of the table is changed once at most: a second time is passed over, or an error, as the statement has it.
//! Invariant: rows are counted where they take effect, so the tag, RETURNING and the table agree.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{cast, filter, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::physical_plan::PhysicalExpr;
use parking_lot::Mutex;

use super::constraints::{TableRules, evaluated};
use crate::engine::errors;
use crate::error::{Error, ErrorKind, Result};
use crate::table::RowSet;

/// What happens to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Insert,
    Update,
    Delete,
}

/// What to say where a row would be changed twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Twice {
    pub message: &'static str,
    pub hint: &'static str,
}

/// How the columns of a planned change are to be read: the place of a row, the number of its effect, the table's columns
/// with their new values, columns that only RETURNING wants.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Whether file and position come first.
    pub placed: bool,
    /// What the numbers in the column after that stand for, from 1; where there are none, all rows share one effect.
    pub numbered: Vec<Effect>,
    pub effect: Effect,
    /// Whether the table's columns follow: not where rows are only deleted and nothing is returned.
    pub values: bool,
    /// What a row that is changed a second time is: nothing, or an error with these words.
    pub twice: Option<Twice>,
    /// What no two inserted rows may share: the second is passed over, or an error.
    pub keys: Vec<LayoutKey>,
    pub returns: bool,
}

/// A key of a row of the table.
#[derive(Debug, Clone)]
pub(super) struct LayoutKey {
    pub parts: Vec<Arc<dyn PhysicalExpr>>,
    /// Which rows have it; all where there is none.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
    /// Whether NULL is as NULL.
    pub nulls_not_distinct: bool,
}

impl Layout {
    /// The rows of an INSERT.
    pub fn insert() -> Self {
        Self {
            placed: false,
            numbered: Vec::new(),
            effect: Effect::Insert,
            values: true,
            twice: None,
            keys: Vec::new(),
            returns: false,
        }
    }
}

/// Takes the rows of a planned change and keeps what they do.
pub(super) struct Effects {
    layout: Layout,
    rules: Arc<TableRules>,
    done: Mutex<Done>,
}

/// How many rows of a table became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
}

impl Tally {
    fn add(&mut self, effect: Effect, rows: u64) {
        match effect {
            Effect::Insert => self.inserted += rows,
            Effect::Update => self.updated += rows,
            Effect::Delete => self.deleted += rows,
        }
    }
}

struct Done {
    matched: RowSet,
    count: u64,
    /// Of those that took effect, how many are new, changed, gone.
    tally: Tally,
    returned: Vec<RecordBatch>,
    keys: Vec<Key>,
    memory: MemoryReservation,
}

/// A key, and those of its values that inserted rows have.
struct Key {
    of: LayoutKey,
    types: Vec<DataType>,
    converter: RowConverter,
    seen: HashSet<OwnedRow>,
}

impl Key {
    fn new(of: &LayoutKey, rules: &TableRules) -> Result<Self> {
        let types = of.parts.iter().map(|part| part.data_type(rules.schema())).collect::<Result<Vec<_>, _>>();
        let types = types.map_err(errors::from_datafusion)?;
        let fields = types.iter().cloned().map(SortField::new);
        let converter = RowConverter::new(fields.collect()).map_err(incomparable)?;
        Ok(Self { of: of.clone(), types, converter, seen: HashSet::new() })
    }

    /// The key of each row; none where a part of it is NULL and that equals nothing.
    fn of(&self, row: &RecordBatch) -> Result<Vec<Option<OwnedRow>>> {
        let rows = row.num_rows();
        let given = self.of.parts.iter().map(|part| evaluated(part, row)).collect::<Result<Vec<_>>>()?;
        // texts of parameters come in another form than those of columns
        let of = given.iter().zip(&self.types).map(|(column, data_type)| cast(column, data_type));
        let of = of.collect::<Result<Vec<_>, _>>().map_err(incomparable)?;
        let converted = self.converter.convert_columns(&of).map_err(incomparable)?;
        let condition = self.of.condition.as_ref().map(|condition| evaluated(condition, row)).transpose()?;
        let condition = condition.as_ref().and_then(|met| met.as_boolean_opt());
        let has_it = |row: usize| condition.is_none_or(|met| met.is_valid(row) && met.value(row));
        let compares = |row: usize| self.of.nulls_not_distinct || of.iter().all(|column| column.is_valid(row));
        let whole = |row: usize| has_it(row) && compares(row);
        Ok((0..rows).map(|row| whole(row).then(|| converted.row(row).owned())).collect())
    }
}

fn incomparable(error: ArrowError) -> Error {
    Error::internal("a key cannot be compared").with_source(error)
}

/// Takes note of the keys of a row to be inserted, and how many bytes that takes; false where another row has one of them.
fn is_first(keys: &mut [Key], of_rows: &mut [Vec<Option<OwnedRow>>], row: usize, grown: &mut usize) -> bool {
    let of_row: Vec<Option<OwnedRow>> =
        of_rows.iter_mut().map(|rows| rows.get_mut(row).and_then(Option::take)).collect();
    let is_known =
        |(key, value): (&Key, &Option<OwnedRow>)| value.as_ref().is_some_and(|value| key.seen.contains(value));
    if keys.iter().zip(&of_row).any(is_known) {
        return false;
    }
    for (key, value) in keys.iter_mut().zip(of_row) {
        if let Some(value) = value {
            *grown += value.as_ref().len() + size_of::<OwnedRow>();
            key.seen.insert(value);
        }
    }
    true
}

/// What becomes of the rows of a batch.
struct Decided {
    /// Those that take effect.
    kept: BooleanArray,
    /// Those of them that leave a row.
    written: BooleanArray,
}

impl Effects {
    pub fn new(layout: Layout, rules: Arc<TableRules>, pool: &Arc<dyn MemoryPool>) -> Result<Self> {
        let keys = layout.keys.iter().map(|key| Key::new(key, &rules)).collect::<Result<_>>()?;
        let done = Done {
            matched: RowSet::default(),
            count: 0,
            tally: Tally::default(),
            returned: Vec::new(),
            keys,
            memory: MemoryConsumer::new("changed rows").register(pool),
        };
        Ok(Self { layout, rules, done: Mutex::new(done) })
    }

    /// The rows to write for one batch of the plan.
    pub fn take(&self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let rows = batch.num_rows();
        let columns = batch.columns();
        let after_place = if self.layout.placed { 2 } else { 0 };
        let first = after_place + usize::from(!self.layout.numbered.is_empty());
        let width = if self.layout.values { self.rules.schema().fields().len() } else { 0 };
        let (Some(values), Some(extras)) = (columns.get(first..first + width), columns.get(first + width..)) else {
            return Err(Error::internal("a change was planned with other columns"));
        };
        let mut done = self.done.lock();
        if !self.layout.placed && self.layout.numbered.is_empty() && done.keys.is_empty() {
            done.count += rows as u64;
            done.tally.add(self.layout.effect, rows as u64);
            let written = self.rules.finish(values.to_vec(), rows)?;
            self.keep_returned(&mut done, written.columns(), extras)?;
            return Ok(Some(written));
        }
        let Decided { kept, written } = self.decide(&mut done, batch, values)?;
        let count = kept.true_count();
        done.count += count as u64;
        let pick = |columns: &[ArrayRef], mask: &BooleanArray| -> Result<Vec<ArrayRef>> {
            let picked: std::result::Result<_, _> = columns.iter().map(|column| filter(column, mask)).collect();
            picked.map_err(|error| Error::internal("rows cannot be picked").with_source(error))
        };
        let new = match written.true_count() {
            0 => None,
            rows => Some(self.rules.finish(pick(values, &written)?, rows)?),
        };
        if self.layout.returns && count > 0 {
            let extras = pick(extras, &kept)?;
            match &new {
                // every row that takes effect is written: inserts and updates
                Some(new) => self.keep_returned(&mut done, new.columns(), &extras)?,
                None => self.keep_returned(&mut done, &pick(values, &kept)?, &extras)?,
            }
        }
        Ok(new)
    }

    /// What becomes of each row.
    fn decide(&self, done: &mut Done, batch: &RecordBatch, values: &[ArrayRef]) -> Result<Decided> {
        let wrong = || Error::internal("a change was planned with other columns");
        let columns = batch.columns();
        let place = match self.layout.placed {
            true => {
                let file =
                    columns.first().and_then(|column| column.as_primitive_opt::<Int32Type>()).ok_or_else(wrong)?;
                let row = columns.get(1).and_then(|column| column.as_primitive_opt::<Int64Type>()).ok_or_else(wrong)?;
                Some((file, row))
            }
            false => None,
        };
        let numbers = match self.layout.numbered.is_empty() {
            true => None,
            false => Some(columns.get(2).and_then(|column| column.as_primitive_opt::<Int32Type>()).ok_or_else(wrong)?),
        };
        let mut of_rows = match done.keys.is_empty() {
            true => Vec::new(),
            false => {
                let row = self.rules.batch(values.to_vec(), batch.num_rows(), true)?;
                done.keys.iter().map(|key| key.of(&row)).collect::<Result<Vec<_>>>()?
            }
        };
        let mut grown = 0;
        let (mut kept, mut written) = (Vec::with_capacity(batch.num_rows()), Vec::with_capacity(batch.num_rows()));
        for row in 0..batch.num_rows() {
            let effect = match numbers {
                None => Some(self.layout.effect),
                Some(numbers) => match usize::try_from(numbers.value(row)).unwrap_or(0) {
                    0 => None,
                    number => Some(*self.layout.numbered.get(number - 1).ok_or_else(wrong)?),
                },
            };
            let fresh = match (effect, place) {
                (None, _) => false,
                (Some(Effect::Insert), _) => is_first(&mut done.keys, &mut of_rows, row, &mut grown),
                (Some(_), Some((file, at))) => {
                    let file = usize::try_from(file.value(row)).map_err(|_| wrong())?;
                    done.matched.insert(file, u64::try_from(at.value(row)).map_err(|_| wrong())?)
                }
                (Some(_), None) => return Err(wrong()),
            };
            if let (Some(_), false, Some(twice)) = (effect, fresh, self.layout.twice) {
                return Err(Error::new(ErrorKind::CardinalityViolation, twice.message).with_hint(twice.hint));
            }
            if let (Some(effect), true) = (effect, fresh) {
                done.tally.add(effect, 1);
            }
            kept.push(fresh);
            written.push(fresh && effect != Some(Effect::Delete));
        }
        done.memory.try_grow(grown).map_err(errors::from_datafusion)?;
        Ok(Decided { kept: kept.into(), written: written.into() })
    }

    fn keep_returned(&self, done: &mut Done, values: &[ArrayRef], extras: &[ArrayRef]) -> Result<()> {
        if !self.layout.returns {
            return Ok(());
        }
        let schema = super::returning::rows_schema(self.rules.schema(), extras);
        let columns = values.iter().chain(extras).cloned().collect();
        let batch = RecordBatch::try_new(schema, columns)
            .map_err(|error| Error::internal("rows to return do not fit").with_source(error))?;
        done.memory.try_grow(batch.get_array_memory_size()).map_err(errors::from_datafusion)?;
        done.returned.push(batch);
        Ok(())
    }

    /// How many rows took effect so far.
    pub fn count(&self) -> u64 {
        self.done.lock().count
    }

    /// What became of the rows so far.
    pub fn tally(&self) -> Tally {
        self.done.lock().tally
    }

    /// The rows of the table that go.
    pub fn matched(&self) -> RowSet {
        self.done.lock().matched.clone()
    }

    /// The rows for RETURNING, once.
    pub fn returned(&self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.done.lock().returned)
    }
}

/// The rows of the batch that do not go, without their place.
pub(super) fn surviving(batch: &RecordBatch, matched: &RowSet, width: usize) -> Result<RecordBatch> {
    let wrong = || Error::internal("rows came without their place");
    let file =
        batch.columns().get(width).and_then(|column| column.as_primitive_opt::<Int32Type>()).ok_or_else(wrong)?;
    let row =
        batch.columns().get(width + 1).and_then(|column| column.as_primitive_opt::<Int64Type>()).ok_or_else(wrong)?;
    let stays = |at: usize| {
        let (Ok(file), Ok(row)) = (usize::try_from(file.value(at)), u64::try_from(row.value(at))) else { return true };
        !matched.contains(file, row)
    };
    let mask: BooleanArray = (0..batch.num_rows()).map(|at| Some(stays(at))).collect();
    let failed = |error| Error::internal("rows cannot be picked").with_source(error);
    let columns = batch.project(&(0..width).collect::<Vec<_>>()).map_err(failed)?;
    filter_record_batch(&columns, &mask).map_err(failed)
}
