//! Which field of a row is which declared column.

use super::super::spec::{CsvColumn, CsvFormat};
use super::split::FieldRange;
use crate::error::{Error, ErrorKind, Result};

/// The file's columns, matched with the declared ones.
#[derive(Debug)]
pub(super) struct Header {
    /// For each declared column, its field.
    positions: Vec<usize>,
    field_count: usize,
}

impl Header {
    /// For files without a header: the declared order.
    pub(super) fn positional(columns: &[CsvColumn]) -> Self {
        Self { positions: (0..columns.len()).collect(), field_count: columns.len() }
    }

    /// # Errors
    /// Columns that are missing, unknown or there twice, all at once.
    pub(super) fn matching(names: Vec<String>, format: &CsvFormat) -> Result<Self> {
        let names: Vec<&str> = names.iter().map(|name| name.trim()).collect();
        let declared = |name: &str| format.columns.iter().any(|column| column.header == name);
        let mut problems = Vec::new();
        let mut positions = Vec::with_capacity(format.columns.len());
        for column in &format.columns {
            let mut found = names.iter().enumerate().filter(|(_, name)| **name == column.header);
            match (found.next(), found.next()) {
                (Some((position, _)), None) => positions.push(position),
                (Some(_), Some(_)) => problems.push(format!("column \"{}\" is there twice", column.header)),
                (None, _) => problems.push(format!("column \"{}\" is missing", column.header)),
            }
        }
        let extra: Vec<_> = names.iter().filter(|name| !declared(name)).map(|name| format!("\"{name}\"")).collect();
        if !extra.is_empty() && (!format.extra_columns_allowed || !problems.is_empty()) {
            let noun = if extra.len() == 1 { "column" } else { "columns" };
            problems.push(format!("{noun} {} not declared", extra.join(", ")));
        }
        if problems.is_empty() {
            return Ok(Self { positions, field_count: names.len() });
        }
        let hint = if positions.len() == format.columns.len() {
            "declare the columns in sources.yml, or set the source's extra_columns to ignore".to_owned()
        } else {
            let expected: Vec<_> = format.columns.iter().map(|column| column.header.as_str()).collect();
            format!("the declared headers are {}", expected.join(", "))
        };
        Err(Error::new(ErrorKind::CheckViolation, format!("in its header {}", problems.join("; "))).with_hint(hint))
    }

    pub(super) fn field_count(&self) -> usize {
        self.field_count
    }

    /// The declared columns' fields, in declared order.
    pub(super) fn select<'f>(&self, fields: &'f [FieldRange]) -> impl Iterator<Item = &'f FieldRange> {
        self.positions.iter().filter_map(|position| fields.get(*position))
    }
}
