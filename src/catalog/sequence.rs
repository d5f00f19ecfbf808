//! Sequences: what each is declared as, and where it stands.
//!
//! A sequence is a row of the catalog, and part of releases, as a view is. Where it stands is not: as in PostgreSQL a value
//! that was given is never given again, whatever becomes of the transaction it was given to. So a server *claims* values,
//! [`CLAIMED`] ahead, by a file of its own for each claim, `_lakewire/sequences/<id>/<number>.json`, which is made if
//! it is not there; what it has claimed it gives without a word. After a restart a sequence goes on behind the last claim.
//!
//! Invariant: of two servers only one makes a claim, and the next begins where that one ends: no value is given twice.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStoreExt};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Column;
use super::log::{CatalogLog, Put};
use crate::error::{Error, ErrorKind, Result};
use crate::store::LakeStore;

const FOLDER: &str = "_lakewire/sequences";
/// How many values a claim is for beyond those that are asked for, as PostgreSQL logs so many ahead (`SEQ_LOG_VALS`).
const CLAIMED: i64 = 32;
/// The most that `CACHE` has a claim be ahead: what it leaves out after a restart, and how long a claim takes, is bounded.
const CLAIMED_MAX: i64 = 10_000;
/// Claims that were followed by others may be deleted after so long: a claim that builds on one takes seconds.
const SUPERSEDED_FOR: TimeDelta = TimeDelta::minutes(10);

/// What a sequence is declared as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// `smallint`, `integer` or `bigint`.
    pub data_type: String,
    pub start: i64,
    pub increment: i64,
    pub min: i64,
    pub max: i64,
    pub cache: i64,
    pub cycle: bool,
    /// The column that it goes with.
    pub owned_by: Option<OwnedBy>,
}

/// A column, by its table's [`Object::id`](super::Object::id).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedBy {
    pub table: Uuid,
    pub column: String,
}

/// Where a sequence stands: at `value`, which was given, or is the next to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub value: i64,
    pub is_called: bool,
}

impl Position {
    /// The columns that a sequence has as a relation.
    pub fn columns() -> Vec<Column> {
        vec![
            Column::new("last_value", DataType::Int64, false),
            Column::new("log_cnt", DataType::Int64, false),
            Column::new("is_called", DataType::Boolean, false),
        ]
    }

    /// The row of a sequence, of these columns; `left` values are claimed.
    pub fn row(self, left: i64, schema: SchemaRef) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![self.value])),
            Arc::new(Int64Array::from(vec![left])),
            Arc::new(BooleanArray::from(vec![self.is_called])),
        ];
        RecordBatch::try_new(schema, columns)
            .map_err(|error| Error::internal("a sequence has no row").with_source(error))
    }
}

impl Default for Sequence {
    /// As `CREATE SEQUENCE` makes one of which nothing is said.
    fn default() -> Self {
        let (cycle, owned_by) = (false, None);
        Self {
            data_type: "bigint".to_owned(),
            start: 1,
            increment: 1,
            min: 1,
            max: i64::MAX,
            cache: 1,
            cycle,
            owned_by,
        }
    }
}

impl Sequence {
    /// The one that numbers a column of the type.
    pub fn numbering(data_type: &DataType) -> Self {
        let (name, max) = match data_type {
            DataType::Int16 => ("smallint", i16::MAX.into()),
            DataType::Int32 => ("integer", i32::MAX.into()),
            _ => ("bigint", i64::MAX),
        };
        Self { data_type: name.to_owned(), max, ..Self::default() }
    }

    fn first(&self) -> Position {
        Position { value: self.start, is_called: false }
    }

    /// The next value, `None` where there is none.
    fn after(&self, at: Position) -> Option<i64> {
        if !at.is_called {
            return Some(at.value);
        }
        let next = at.value.checked_add(self.increment).filter(|next| (self.min..=self.max).contains(next));
        let again = if self.increment > 0 { self.min } else { self.max };
        next.or(self.cycle.then_some(again))
    }
}

/// What a claim says.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    /// Where the next begins.
    end: Position,
    /// Different for each, so that two servers that claim the same are told apart.
    id: Uuid,
}

/// Where one sequence stands, as this process knows it.
#[derive(Debug)]
struct Counter {
    at: Position,
    /// How many more values are claimed.
    left: i64,
}

/// Where the sequences of the lake stand. One per process.
#[derive(Debug)]
pub struct Sequences {
    lake: LakeStore,
    log: CatalogLog,
    counters: Mutex<HashMap<Uuid, Arc<tokio::sync::Mutex<Option<Counter>>>>>,
}

impl Sequences {
    pub(super) fn new(lake: LakeStore) -> Self {
        Self { log: CatalogLog::new(lake.clone()), lake, counters: Mutex::default() }
    }

    /// The next `count` values.
    ///
    /// # Errors
    /// `2200H` where there are not so many; `58030` where a claim cannot be made.
    pub async fn next(&self, id: Uuid, name: &str, sequence: &Sequence, count: usize) -> Result<Vec<i64>> {
        let counter = self.counter(id);
        let mut counter = counter.lock().await;
        let mut values = Vec::with_capacity(count);
        while values.len() < count {
            let wanted = i64::try_from(count - values.len()).unwrap_or(i64::MAX);
            let known = match counter.as_mut().filter(|known| known.left > 0) {
                Some(known) => known,
                None => {
                    let ahead = sequence.cache.clamp(CLAIMED, CLAIMED_MAX);
                    let made = self.claim(id, name, sequence, wanted.saturating_add(ahead)).await?;
                    counter.insert(made)
                }
            };
            let value = sequence.after(known.at).ok_or_else(|| exhausted(name, sequence))?;
            known.at = Position { value, is_called: true };
            known.left -= 1;
            values.push(value);
        }
        Ok(values)
    }

    /// Has the sequence stand there: of what other servers have claimed the rest is given all the same.
    pub async fn set(&self, id: Uuid, at: Position) -> Result<()> {
        let counter = self.counter(id);
        let mut counter = counter.lock().await;
        loop {
            let newest = self.newest(id).await?.map_or(0, |(number, _)| number);
            if self.put(id, newest + 1, at).await? {
                *counter = Some(Counter { at, left: 0 });
                return Ok(());
            }
        }
    }

    /// Has the sequence go on behind `value`, where it does not already.
    pub async fn pass(&self, id: Uuid, sequence: &Sequence, value: i64) -> Result<()> {
        let counter = self.counter(id);
        let mut counter = counter.lock().await;
        let is_behind = |at: Position| if at.is_called { at.value >= value } else { at.value > value };
        while let Some(known) = counter.as_mut() {
            if is_behind(known.at) {
                return Ok(());
            }
            match sequence.after(known.at).filter(|_| known.left > 0) {
                Some(next) => (known.at, known.left) = (Position { value: next, is_called: true }, known.left - 1),
                None => break,
            }
        }
        *counter = None;
        loop {
            let newest = self.newest(id).await?;
            if newest.is_some_and(|(_, end)| is_behind(end)) {
                return Ok(());
            }
            let (number, at) = (newest.map_or(0, |(number, _)| number), Position { value, is_called: true });
            if self.put(id, number + 1, at).await? {
                *counter = Some(Counter { at, left: 0 });
                return Ok(());
            }
        }
    }

    /// Where the sequence stands, and how many values are claimed; after a restart, where the last claim ended.
    pub async fn position(&self, id: Uuid, sequence: &Sequence) -> Result<(Position, i64)> {
        let counter = self.counter(id);
        let counter = counter.lock().await;
        if let Some(known) = counter.as_ref() {
            return Ok((known.at, known.left));
        }
        Ok((self.newest(id).await?.map_or_else(|| sequence.first(), |(_, at)| at), 0))
    }

    /// Where the sequence stands, as far as this process knows without looking.
    pub fn known(&self, id: Uuid) -> Option<Position> {
        let counter = self.counters.lock().get(&id)?.clone();
        let counter = counter.try_lock().ok()?;
        counter.as_ref().map(|known| known.at)
    }

    fn counter(&self, id: Uuid) -> Arc<tokio::sync::Mutex<Option<Counter>>> {
        self.counters.lock().entry(id).or_default().clone()
    }

    /// Claims `count` values, or as many as there are.
    async fn claim(&self, id: Uuid, name: &str, sequence: &Sequence, count: i64) -> Result<Counter> {
        loop {
            let newest = self.newest(id).await?;
            let (number, at) = newest.unwrap_or_else(|| (0, sequence.first()));
            let (mut end, mut left) = (at, 0);
            while left < count
                && let Some(value) = sequence.after(end)
            {
                end = Position { value, is_called: true };
                left += 1;
            }
            if left == 0 {
                return Err(exhausted(name, sequence));
            }
            if self.put(id, number + 1, end).await? {
                return Ok(Counter { at, left });
            }
        }
    }

    /// Makes a claim, if its number is free.
    async fn put(&self, id: Uuid, number: u64, end: Position) -> Result<bool> {
        let path = self.lake.path(&format!("{FOLDER}/{id}/{number:020}.json"));
        let claim = Claim { end, id: Uuid::now_v7() };
        let bytes = serde_json::to_vec(&claim)
            .map_err(|error| Error::internal("a claim of a sequence cannot be written").with_source(error))?;
        Ok(!matches!(self.log.put(&path, bytes.into()).await?, Put::Different(_)))
    }

    /// The newest claim, its number and where it ends. Deletes those that are long superseded.
    async fn newest(&self, id: Uuid) -> Result<Option<(u64, Position)>> {
        let mut claims: Vec<(u64, ObjectMeta)> = self
            .lake
            .root()
            .list(Some(&self.lake.path(&format!("{FOLDER}/{id}"))))
            .try_filter_map(|file| async move {
                let number = file.location.filename().and_then(|name| name.strip_suffix(".json")?.parse().ok());
                Ok(number.map(|number| (number, file)))
            })
            .try_collect()
            .await?;
        claims.sort_by_key(|(number, _)| *number);
        let Some((number, file)) = claims.pop() else { return Ok(None) };
        let bytes = self.lake.root().get(&file.location).await?.bytes().await?;
        let claim: Claim = serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("\"{}\" is no claim of a sequence", file.location);
            Error::new(ErrorKind::DataCorrupted, message).with_source(error)
        })?;
        let before = Utc::now() - SUPERSEDED_FOR;
        for (_, old) in claims.iter().filter(|(_, old)| old.last_modified < before) {
            self.lake.root().delete(&old.location).await?;
        }
        Ok(Some((number, claim.end)))
    }

    /// Deletes what is left of sequences that no release has any more.
    pub(super) async fn sweep(&self, is_known: impl Fn(Uuid) -> bool, before: chrono::DateTime<Utc>) -> Result<usize> {
        let folders = self.lake.root().list_with_delimiter(Some(&self.lake.path(FOLDER))).await?.common_prefixes;
        let mut swept = 0;
        for folder in folders {
            let id = folder.filename().and_then(|name| Uuid::parse_str(name).ok());
            if id.is_none_or(&is_known) {
                continue;
            }
            let files: Vec<ObjectMeta> = self.lake.root().list(Some(&folder)).try_collect().await?;
            if files.iter().any(|file| file.last_modified >= before) {
                continue;
            }
            for file in files {
                self.lake.root().delete(&file.location).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

fn exhausted(name: &str, sequence: &Sequence) -> Error {
    let (end, limit) = if sequence.increment > 0 { ("maximum", sequence.max) } else { ("minimum", sequence.min) };
    let message = format!("nextval: reached {end} value of sequence \"{name}\" ({limit})");
    Error::new(ErrorKind::SequenceLimitExceeded, message)
}
