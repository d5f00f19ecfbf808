//! One CSV file → record batches and rejects, in bounded memory.
//!
//! Invariant: a row is in the batches or among the rejects, never in both and never in neither.
//! Invariant: what was emitted before an error counts for nothing; the caller forgets the whole file.

mod bytes;
mod columns;
mod header;
mod split;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{ArrayRef, Int64Builder, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

pub(super) use bytes::content_hash;

use super::spec::{CsvFormat, CsvSource, Limits, TextEncoding};
use crate::error::{Error, ErrorKind, Result};
use bytes::{Chunks, ContentHash, Transcoder};
use columns::ColumnBuilder;
use header::Header;
use split::{Malformed, Record, Splitter};

/// Longer raw text of a rejected row is cut.
const REJECT_RAW_CHARS_MAX: usize = 16 << 10;
/// Rejects are kept in memory until the file's end; more of them refuse the file.
const REJECTS_BYTES_MAX: usize = 64 << 20;
/// A file of which half is rejected after so many rows is refused at once.
const HOPELESS_AFTER_ROWS: u64 = 1_000;
/// Reasons that the error of a refused file shows.
const REASONS_SHOWN: usize = 3;

/// A row that did not fit the declared schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Counted from 1, the header and blank lines not counted.
    pub row_number: i64,
    pub raw: String,
    pub reason: String,
}

/// A file to read.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub path: PathBuf,
    /// Relative to the data directory; `_source_file` of the rows.
    pub name: String,
    pub ingested_at: DateTime<Utc>,
}

/// What was read besides the rows.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    pub rows: u64,
    pub rejects: Vec<Reject>,
    /// Of the file as it lies there, compressed or not.
    pub sha256: String,
}

/// Reads the file on the calling thread (and a helper for decompression), giving batches to `emit` until that returns
/// false, which ends the reading: `None`.
///
/// # Errors
/// `CheckViolation` for a file that is refused: wrong header, too many rejects. Otherwise what reading gave.
pub(super) fn read(
    input: &Input,
    source: &CsvSource,
    emit: impl FnMut(RecordBatch) -> bool,
) -> Result<Option<Summary>> {
    let (chunks, hash) = bytes::open(&input.path).map_err(|error| unreadable(&input.path, error))?;
    let format = &source.format;
    let splitter =
        Splitter::new(format.delimiter, format.quote, format.limits.max_field_bytes, format.limits.max_row_bytes);
    let header = if format.header { None } else { Some(Header::positional(&format.columns)) };
    let reader = Reader {
        input,
        format,
        rows: Rows::new(input, format, source.schema()),
        header,
        splitter,
        emit,
        row_number: 0,
        rejects: Vec::new(),
        rejects_bytes: 0,
    };
    reader.run(chunks, &hash)
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let message = format!("cannot read {}: {error}", path.display());
    // What is no gzip or zstd stream, or a damaged one, comes as one of these.
    let kind = match error.kind() {
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput | std::io::ErrorKind::UnexpectedEof => {
            ErrorKind::CheckViolation
        }
        _ => Error::from(std::io::Error::from(error.kind())).kind(),
    };
    Error::new(kind, message).with_source(error)
}

struct Reader<'a, E> {
    input: &'a Input,
    format: &'a CsvFormat,
    /// Known once the first record was read.
    header: Option<Header>,
    splitter: Splitter,
    rows: Rows<'a>,
    emit: E,
    row_number: i64,
    rejects: Vec<Reject>,
    rejects_bytes: usize,
}

impl<E: FnMut(RecordBatch) -> bool> Reader<'_, E> {
    fn run(mut self, chunks: Chunks, hash: &ContentHash) -> Result<Option<Summary>> {
        let mut window = Window::new(chunks, self.format.encoding);
        loop {
            match self.splitter.next(&window.bytes, window.at, window.last) {
                Record::Incomplete => window.fill().map_err(|error| unreadable(&self.input.path, error))?,
                Record::Blank { next } => window.at = next,
                Record::End => break,
                Record::Complete { end, next } => {
                    self.record(&window.bytes, window.at, end)?;
                    window.at = next;
                }
                Record::Malformed { why, end, next } => {
                    let raw = window.bytes.get(window.at..end).unwrap_or_default();
                    self.malformed(why, raw)?;
                    window.at = next;
                }
            }
            if self.rows.count >= self.format.limits.batch_rows && !self.flush()? {
                return Ok(None);
            }
        }
        self.finish(hash)
    }

    fn record(&mut self, bytes: &[u8], start: usize, end: usize) -> Result<()> {
        let Some(header) = &self.header else {
            let names = self.splitter.fields().iter().map(|field| {
                let text = field.text(bytes, self.format.quote);
                columns::decode_lossy(&text, self.format.encoding).into_owned()
            });
            let header = Header::matching(names.collect(), self.format).map_err(|error| self.refused(error))?;
            self.header = Some(header);
            return Ok(());
        };
        self.row_number += 1;
        match self.rows.push(bytes, &self.splitter, header, self.row_number) {
            Ok(()) => Ok(()),
            Err(reason) => self.reject(bytes.get(start..end).unwrap_or_default(), reason),
        }
    }

    fn malformed(&mut self, why: Malformed, raw: &[u8]) -> Result<()> {
        let reason = match why {
            Malformed::AfterQuote => "text between a closing quote and the delimiter".to_owned(),
            Malformed::UnclosedQuote => "a quote that is not closed".to_owned(),
            Malformed::FieldTooLong => format!("a field longer than {} bytes", self.format.limits.max_field_bytes),
            Malformed::RowTooLong => format!("a row longer than {} bytes", self.format.limits.max_row_bytes),
        };
        if self.header.is_none() {
            return Err(
                self.refused(Error::new(ErrorKind::CheckViolation, format!("the header cannot be read: {reason}")))
            );
        }
        self.row_number += 1;
        self.reject(raw, reason)
    }

    fn reject(&mut self, raw: &[u8], reason: String) -> Result<()> {
        let cut = raw.get(..REJECT_RAW_CHARS_MAX).unwrap_or(raw);
        let raw = columns::decode_lossy(cut, self.format.encoding).into_owned();
        self.rejects_bytes += raw.len() + reason.len();
        self.rejects.push(Reject { row_number: self.row_number, raw, reason });
        let Limits { max_rejects, max_reject_ratio, .. } = self.format.limits;
        let (rejected, seen) = (self.rejects.len() as u64, self.row_number.unsigned_abs());
        let hopeless = max_reject_ratio < 0.5 && seen >= HOPELESS_AFTER_ROWS && rejected * 2 > seen;
        if rejected > max_rejects || self.rejects_bytes > REJECTS_BYTES_MAX || hopeless {
            return Err(self.too_many_rejects(&format!("{rejected} of the first {seen} rows")));
        }
        Ok(())
    }

    fn finish(mut self, hash: &ContentHash) -> Result<Option<Summary>> {
        if self.header.is_none() {
            return Err(
                self.refused(Error::new(ErrorKind::CheckViolation, "the file is empty, not even a header is there"))
            );
        }
        let (rejected, seen) = (self.rejects.len(), self.row_number);
        if rejected as f64 > self.format.limits.max_reject_ratio * seen as f64 {
            return Err(self.too_many_rejects(&format!("{rejected} of {seen} rows")));
        }
        if self.rows.count > 0 && !self.flush()? {
            return Ok(None);
        }
        let sha256 = hash.get().cloned().ok_or_else(|| {
            Error::new(ErrorKind::Io, format!("reading {} ended before the file did", self.input.path.display()))
        })?;
        Ok(Some(Summary { rows: seen.unsigned_abs() - rejected as u64, rejects: self.rejects, sha256 }))
    }

    fn flush(&mut self) -> Result<bool> {
        let batch = self.rows.finish()?;
        Ok((self.emit)(batch))
    }

    fn refused(&self, error: Error) -> Error {
        error.context(format_args!("{} is not ingested", self.input.name))
    }

    fn too_many_rejects(&self, count: &str) -> Error {
        let reasons: Vec<_> = self
            .rejects
            .iter()
            .take(REASONS_SHOWN)
            .map(|reject| format!("row {}: {}", reject.row_number, reject.reason))
            .collect();
        let allowed = self.format.limits.max_reject_ratio * 100.0;
        let message = format!(
            "{count} do not fit the declared columns, more than {allowed} % or {} rows",
            self.format.limits.max_rejects
        );
        self.refused(Error::new(ErrorKind::CheckViolation, message).with_detail(reasons.join("\n")))
            .with_hint("correct the file or the columns in sources.yml, or allow more with the source's max_reject_ratio and max_rejects")
    }
}

/// The part of the file that is in memory.
struct Window {
    chunks: Chunks,
    transcoder: Option<Transcoder>,
    bytes: Vec<u8>,
    /// Where the next record begins.
    at: usize,
    /// Nothing follows `bytes`.
    last: bool,
    begun: bool,
}

impl Window {
    fn new(chunks: Chunks, encoding: TextEncoding) -> Self {
        let transcoder = match encoding {
            TextEncoding::Other(encoding) => Some(Transcoder::new(encoding)),
            _ => None,
        };
        Self { chunks, transcoder, bytes: Vec::new(), at: 0, last: false, begun: false }
    }

    /// Forgets what was read and takes one more chunk in.
    fn fill(&mut self) -> std::io::Result<()> {
        self.bytes.drain(..self.at);
        self.at = 0;
        let chunk = self.chunks.next()?;
        self.last = chunk.is_none();
        match (&mut self.transcoder, chunk) {
            (Some(transcoder), chunk) => {
                let text = transcoder.transcode(&chunk.unwrap_or_default(), self.last);
                self.bytes.extend(text);
            }
            (None, Some(chunk)) => self.bytes.extend(chunk),
            (None, None) => {}
        }
        if !self.begun && !self.bytes.is_empty() {
            self.begun = true;
            if self.bytes.starts_with(b"\xEF\xBB\xBF") {
                self.at = 3;
            }
        }
        Ok(())
    }
}

/// Rows of the batch being built.
struct Rows<'a> {
    input: &'a Input,
    format: &'a CsvFormat,
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    row_numbers: Int64Builder,
    count: usize,
}

impl<'a> Rows<'a> {
    fn new(input: &'a Input, format: &'a CsvFormat, schema: SchemaRef) -> Self {
        let rows = format.limits.batch_rows;
        let columns = format.columns.iter().map(|column| ColumnBuilder::new(column, format.encoding, rows)).collect();
        Self { input, format, schema, columns, row_numbers: Int64Builder::with_capacity(rows), count: 0 }
    }

    /// # Errors
    /// Why the row is rejected; nothing of it stays.
    fn push(&mut self, bytes: &[u8], record: &Splitter, header: &Header, row_number: i64) -> Result<(), String> {
        let fields = record.fields();
        if fields.len() != header.field_count() {
            return Err(format!("{} fields where {} are expected", fields.len(), header.field_count()));
        }
        let quote = self.format.quote;
        for (column, field) in self.columns.iter_mut().zip(header.select(fields)) {
            let text = field.text(bytes, quote);
            if text.is_empty() || (!field.quoted && self.format.null_values.iter().any(|null| null[..] == *text)) {
                column.set_null();
            } else {
                column.parse(&text)?;
            }
        }
        for (column, field) in self.columns.iter_mut().zip(header.select(fields)) {
            column.commit(&field.text(bytes, quote));
        }
        self.row_numbers.append_value(row_number);
        self.count += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let mut arrays: Vec<ArrayRef> = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        let instant = TimestampMicrosecondArray::from_value(self.input.ingested_at.timestamp_micros(), self.count);
        arrays.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&self.input.name, self.count))));
        arrays.push(Arc::new(self.row_numbers.finish()));
        arrays.push(Arc::new(instant.with_timezone("UTC")));
        self.count = 0;
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error| Error::internal("rows do not fit their own schema").with_source(error))
    }
}

#[cfg(test)]
mod tests;
