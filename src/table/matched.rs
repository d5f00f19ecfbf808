//! Which rows of a snapshot a change concerns, and which files it replaces.

use std::collections::{BTreeMap, BTreeSet};

use object_store::path::Path;
use parking_lot::Mutex;
use roaring::RoaringTreemap;

use super::Snapshot;
use crate::error::Result;

/// Rows of a snapshot, by file and position in it. A few bytes for each row at most.
#[derive(Debug, Clone, Default)]
pub struct RowSet {
    files: BTreeMap<usize, RoaringTreemap>,
}

impl RowSet {
    /// Whether the row was not there before.
    pub fn insert(&mut self, file: usize, row: u64) -> bool {
        self.files.entry(file).or_default().insert(row)
    }

    pub fn contains(&self, file: usize, row: u64) -> bool {
        self.files.get(&file).is_some_and(|rows| rows.contains(row))
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files that some of the rows lie in.
    pub fn files(&self) -> impl Iterator<Item = usize> + '_ {
        self.files.keys().copied()
    }

    /// The files that have other rows besides these.
    pub fn partly(&self, snapshot: &Snapshot) -> BTreeSet<usize> {
        let partly = |(file, rows): &(&usize, &RoaringTreemap)| snapshot.rows_of_file(**file) != Some(rows.len());
        self.files.iter().filter(partly).map(|(file, _)| *file).collect()
    }
}

/// The files that a change replaces, known once its last row has come.
#[derive(Debug, Default)]
pub struct Replaced(Mutex<BTreeSet<Path>>);

impl Replaced {
    /// Names the files that rows were taken from.
    ///
    /// # Errors
    /// For a snapshot whose rows cannot be told by place.
    pub fn set(&self, snapshot: &Snapshot, files: impl Iterator<Item = usize>) -> Result<()> {
        let paths = files.map(|file| snapshot.file_path(file)).collect::<Result<_>>()?;
        *self.0.lock() = paths;
        Ok(())
    }

    pub(super) fn paths(&self) -> BTreeSet<Path> {
        self.0.lock().clone()
    }
}
