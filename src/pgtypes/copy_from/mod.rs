//! What COPY … FROM STDIN sends, as batches: text, CSV, binary, piece by piece.
//!
//! Bytes → UTF-8 ([`super::encoding`]) → lines ([`lines`]) → fields ([`fields`]) → values in columns ([`columns`]); the
//! binary format has its own reader ([`binary`]). Source of the formats: PostgreSQL's manual, COPY, "File Formats".
//!
//! Invariant: an error says in which line it is, and in which column where it is one of a value.
//! Invariant: what is held is one piece, one unfinished row ([`ROW_BYTES_MAX`]) and the rows not taken yet.

mod binary;
mod columns;
mod fields;
mod lines;

use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use self::binary::BinaryRows;
use self::columns::ColumnBuilder;
use self::fields::Fields;
use self::lines::Lines;
use super::copy::CopyFormat;
use super::encoding::{Encoding, EncodingReader};
use super::params::utf8;
use super::style::Style;
use crate::error::{Error, ErrorKind, Result};

/// A batch is given out when it has so many rows, or was made of so many bytes.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 4 << 20;
/// The longest row there may be.
const ROW_BYTES_MAX: usize = 256 << 20;
/// The column after those of the data: in which line each row begins. No client can write the name.
pub const LINE: &str = "\u{1}line";
/// Characters of the data that an error shows.
const SHOWN_MAX: usize = 100;

/// What COPY FROM is told of its data.
#[derive(Debug, Clone)]
pub struct CopyInput {
    pub format: CopyFormat,
    pub header: Header,
    pub encoding: Encoding,
    /// By column: text that is the null string is null even where it is quoted (CSV).
    pub force_null: Vec<bool>,
    /// By column: the null string is text (CSV).
    pub force_not_null: Vec<bool>,
}

/// What the first line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    Absent,
    Skipped,
    /// It must hold the columns' names.
    Match,
}

/// Decodes the data of one COPY.
pub struct CopyDecoder {
    encoding: EncodingReader,
    reader: Reader,
    rows: Rows,
}

enum Reader {
    Lines { lines: Lines, fields: Fields, header: Header },
    Binary(BinaryRows),
}

/// The rows decoded so far, and where the data stands.
struct Rows {
    relation: String,
    /// The columns of the data, and [`LINE`].
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    lines: Vec<i64>,
    count: usize,
    bytes: usize,
    line: u64,
}

impl CopyDecoder {
    /// For the columns `fields` of `relation`, in the order in which the data has them.
    ///
    /// # Errors
    /// `0A000` for a column of a type that is not read from text.
    pub fn new(input: CopyInput, relation: &str, fields: &[FieldRef], style: Style) -> Result<Self> {
        let columns = fields.iter().map(|field| ColumnBuilder::new(field, style)).collect::<Result<_>>()?;
        let line = Arc::new(Field::new(LINE, DataType::Int64, false));
        let schema = Arc::new(Schema::new(fields.iter().cloned().chain([line]).collect::<Vec<_>>()));
        let (relation, lines) = (relation.to_owned(), Vec::new());
        let rows = Rows { relation, schema, columns, lines, count: 0, bytes: 0, line: 0 };
        let encoding = match input.format {
            CopyFormat::Binary => Encoding::UTF8.reader(),
            _ => input.encoding.reader(),
        };
        let reader = match &input.format {
            CopyFormat::Binary => Reader::Binary(BinaryRows::default()),
            format => Reader::Lines { lines: Lines::of(format), header: input.header, fields: Fields::new(input) },
        };
        Ok(Self { encoding, reader, rows })
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.rows.schema
    }

    /// Where the data stands, for an error that is not in it.
    pub fn place(&self) -> String {
        let line = match &self.reader {
            Reader::Lines { lines, .. } => lines.line(),
            Reader::Binary(_) => self.rows.line,
        };
        self.rows.place_of(line + 1)
    }

    /// Decodes a piece of the data; `last` says that none follows.
    ///
    /// # Errors
    /// As PostgreSQL for data that is malformed, with the place as context.
    pub fn feed(&mut self, bytes: &[u8], last: bool) -> Result<()> {
        let rows = &mut self.rows;
        match &mut self.reader {
            Reader::Binary(binary) => binary.feed(bytes, last, rows),
            Reader::Lines { lines, fields, header } => {
                let text = match self.encoding.read(bytes, last) {
                    Ok(text) => text,
                    Err(error) => return Err(error.in_context(rows.place_of(lines.line() + 1))),
                };
                lines.feed(&text, last, |outcome, line| {
                    rows.line = line;
                    let bytes = outcome.map_err(|error| error.in_context(rows.place()))?;
                    let text = utf8(bytes).map_err(|error| error.in_context(rows.place()))?;
                    if line == 1 && *header != Header::Absent {
                        return match header {
                            Header::Match => fields.check_header(text, rows),
                            _ => Ok(()),
                        };
                    }
                    fields.read(text, rows)
                })
            }
        }
    }

    /// The rows decoded since the last call, where they are enough for a batch; with `all`, where there are any.
    pub fn take(&mut self, all: bool) -> Result<Option<RecordBatch>> {
        let rows = &mut self.rows;
        let enough = rows.count >= BATCH_ROWS || rows.bytes >= BATCH_BYTES;
        if rows.count == 0 || !(enough || all) {
            return Ok(None);
        }
        (rows.count, rows.bytes) = (0, 0);
        let mut arrays = rows.columns.iter_mut().map(ColumnBuilder::finish).collect::<Result<Vec<_>>>()?;
        arrays.push(Arc::new(Int64Array::from(std::mem::take(&mut rows.lines))));
        let batch = RecordBatch::try_new(Arc::clone(&rows.schema), arrays);
        batch.map(Some).map_err(|error| Error::internal("a batch of COPY does not fit its columns").with_source(error))
    }
}

impl Rows {
    fn name(&self, index: usize) -> &str {
        self.schema.fields().get(index).map_or("", |field| field.name())
    }

    fn place_of(&self, line: u64) -> String {
        format!("COPY {}, line {line}", self.relation)
    }

    fn place(&self) -> String {
        self.place_of(self.line)
    }

    /// An error of the whole row.
    fn row_error(&self, error: Error, row: &str) -> Error {
        error.in_context(format!("{}: \"{}\"", self.place(), shown(row)))
    }

    /// An error of one value.
    fn value_error(&self, error: Error, index: usize, value: Option<&str>) -> Error {
        let column = self.name(index);
        error.in_context(match value {
            Some(value) => format!("{}, column {column}: \"{}\"", self.place(), shown(value)),
            None => format!("{}, column {column}: null input", self.place()),
        })
    }

    /// Whether the column refuses a null.
    fn refuses_null(&self, index: usize) -> bool {
        self.schema.fields().get(index).is_some_and(|field| !field.is_nullable())
    }

    fn null_refused(&self, index: usize) -> Error {
        let (column, relation) = (self.name(index), &self.relation);
        let message =
            format!("null value in column \"{column}\" of relation \"{relation}\" violates not-null constraint");
        Error::new(ErrorKind::NotNullViolation, message)
    }

    fn end_row(&mut self, bytes: usize) {
        self.count += 1;
        self.lines.push(self.line.cast_signed());
        self.bytes += bytes;
    }
}

/// So much of the data as an error shows.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn bad_format(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BadCopyFormat, message)
}

#[cfg(test)]
mod tests;
