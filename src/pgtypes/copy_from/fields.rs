//! One line → its fields, in text and CSV.

use super::super::copy::CopyFormat;
use super::{CopyInput, Rows, bad_format};
use crate::error::Result;

/// Splits lines into fields and puts them into columns.
pub(super) struct Fields {
    layout: Layout,
    force_null: Vec<bool>,
    force_not_null: Vec<bool>,
    /// Room for a field that is not a piece of its line as it stands.
    scratch: Vec<u8>,
}

struct Layout {
    delimiter: u8,
    null: String,
    /// Quote and escape.
    csv: Option<(u8, u8)>,
}

/// One field of a line.
struct Field<'a> {
    text: &'a str,
    null: bool,
}

impl Fields {
    pub(super) fn new(input: CopyInput) -> Self {
        let layout = match input.format {
            CopyFormat::Csv { delimiter, null, quote, escape, .. } => {
                Layout { delimiter, null, csv: Some((quote, escape)) }
            }
            CopyFormat::Text { delimiter, null, .. } => Layout { delimiter, null, csv: None },
            // has no lines
            CopyFormat::Binary => Layout { delimiter: b'\t', null: String::new(), csv: None },
        };
        Self { layout, force_null: input.force_null, force_not_null: input.force_not_null, scratch: Vec::new() }
    }

    /// Appends the line's values to the columns.
    pub(super) fn read(&mut self, line: &str, rows: &mut Rows) -> Result<()> {
        let (force_null, force_not_null) = (&self.force_null, &self.force_not_null);
        let null = self.layout.null.as_str();
        let mut index = 0;
        let mut refused = None;
        self.layout.split(line, &mut self.scratch, &mut |field| {
            let is = |flags: &[bool]| flags.get(index).copied().unwrap_or(false);
            let value = match field {
                Ok(field) if field.null => is(force_not_null).then_some(null),
                Ok(field) if is(force_null) && field.text == null => None,
                Ok(field) => Some(field.text),
                Err(error) => return Err(rows.row_error(error, line)),
            };
            let Some(column) = rows.columns.get_mut(index) else {
                return Err(rows.row_error(bad_format("extra data after last expected column"), line));
            };
            if let Err(error) = column.push_text(value) {
                return Err(rows.value_error(error, index, value));
            }
            if value.is_none() && rows.refuses_null(index) {
                refused.get_or_insert(index);
            }
            index += 1;
            Ok(())
        })?;
        if index < rows.columns.len() {
            let message = format!("missing data for column \"{}\"", rows.name(index));
            return Err(rows.row_error(bad_format(message), line));
        }
        if let Some(index) = refused {
            let error = rows.null_refused(index).with_detail(self.failing_row(line));
            return Err(rows.row_error(error, line));
        }
        rows.end_row(line.len());
        Ok(())
    }

    fn failing_row(&mut self, line: &str) -> String {
        let mut values = Vec::new();
        // it was split before
        let _ = self.layout.split(line, &mut self.scratch, &mut |field| {
            values.push(field.map(|field| if field.null { "null".to_owned() } else { field.text.to_owned() })?);
            Ok(())
        });
        format!("Failing row contains ({}).", values.join(", "))
    }

    /// `HEADER match`: the line must hold the columns' names.
    pub(super) fn check_header(&mut self, line: &str, rows: &Rows) -> Result<()> {
        let mut names = Vec::new();
        self.layout.split(line, &mut self.scratch, &mut |field| {
            let field = field.map_err(|error| rows.row_error(error, line))?;
            names.push((!field.null).then(|| field.text.to_owned()));
            Ok(())
        })?;
        let expected = &rows.schema.fields()[..rows.columns.len()];
        if names.len() != expected.len() {
            let (got, wanted) = (names.len(), expected.len());
            let message = format!("wrong number of fields in header line: got {got}, expected {wanted}");
            return Err(rows.row_error(bad_format(message), line));
        }
        for (index, (name, field)) in names.iter().zip(expected).enumerate() {
            let got = match name {
                Some(name) if name == field.name() => continue,
                Some(name) => format!("\"{name}\""),
                None => format!("null value (\"{}\")", self.layout.null),
            };
            let message = format!(
                "column name mismatch in header line field {}: got {got}, expected \"{}\"",
                index + 1,
                field.name()
            );
            return Err(rows.row_error(bad_format(message), line));
        }
        Ok(())
    }
}

type Take<'t> = dyn FnMut(Result<Field<'_>>) -> Result<()> + 't;

impl Layout {
    fn split(&self, line: &str, scratch: &mut Vec<u8>, take: &mut Take<'_>) -> Result<()> {
        match self.csv {
            Some((quote, escape)) => self.split_csv(line, quote, escape, scratch, take),
            None => self.split_text(line, scratch, take),
        }
    }

    fn split_csv(&self, line: &str, quote: u8, escape: u8, scratch: &mut Vec<u8>, take: &mut Take<'_>) -> Result<()> {
        let bytes = line.as_bytes();
        let mut start = 0;
        loop {
            let rest = bytes.get(start..).unwrap_or_default();
            let plain = memchr::memchr2(self.delimiter, quote, rest).unwrap_or(rest.len());
            let mut end = start + plain;
            if bytes.get(end).copied() != Some(quote) {
                let text = line.get(start..end).unwrap_or_default();
                take(Ok(Field { text, null: text == self.null }))?;
            } else {
                scratch.clear();
                scratch.extend_from_slice(bytes.get(start..end).unwrap_or_default());
                let Some(quoted_end) = unquote(bytes, end, [self.delimiter, quote, escape], scratch) else {
                    return take(Err(bad_format("unterminated CSV quoted field")));
                };
                end = quoted_end;
                take(text_of(scratch).map(|text| Field { text, null: false }))?;
            }
            if end >= bytes.len() {
                return Ok(());
            }
            start = end + 1;
        }
    }

    fn split_text(&self, line: &str, scratch: &mut Vec<u8>, take: &mut Take<'_>) -> Result<()> {
        let bytes = line.as_bytes();
        let mut start = 0;
        loop {
            let rest = bytes.get(start..).unwrap_or_default();
            let plain = memchr::memchr2(self.delimiter, b'\\', rest).unwrap_or(rest.len());
            let mut end = start + plain;
            if bytes.get(end).copied() != Some(b'\\') {
                let text = line.get(start..end).unwrap_or_default();
                take(Ok(Field { text, null: text == self.null }))?;
            } else {
                scratch.clear();
                scratch.extend_from_slice(bytes.get(start..end).unwrap_or_default());
                let Some(field_end) = unescape(bytes, end, self.delimiter, scratch) else {
                    return take(Err(bad_format("end-of-copy marker corrupt")));
                };
                end = field_end;
                let raw = line.get(start..end).unwrap_or_default();
                take(text_of(scratch).map(|text| Field { text, null: raw == self.null }))?;
            }
            if end >= bytes.len() {
                return Ok(());
            }
            start = end + 1;
        }
    }
}

/// Escapes can make bytes that are no text.
fn text_of(bytes: &[u8]) -> Result<&str> {
    super::utf8(bytes)
}

/// Appends a field from its first quote on; where it ends, or `None` inside quotes.
fn unquote(bytes: &[u8], mut at: usize, [delimiter, quote, escape]: [u8; 3], out: &mut Vec<u8>) -> Option<usize> {
    let mut in_quotes = false;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if !in_quotes {
            if byte == delimiter {
                return Some(at - 1);
            }
            if byte == quote {
                in_quotes = true;
            } else {
                out.push(byte);
            }
            continue;
        }
        let next = bytes.get(at).copied();
        if byte == escape && (next == Some(escape) || next == Some(quote)) {
            out.extend(next);
            at += 1;
        } else if byte == quote {
            in_quotes = false;
        } else {
            out.push(byte);
        }
    }
    (!in_quotes).then_some(at)
}

/// Appends a field from its first backslash on; where it ends, or `None` where it holds `\\.`, which ends the data.
fn unescape(bytes: &[u8], mut at: usize, delimiter: u8, out: &mut Vec<u8>) -> Option<usize> {
    while let Some(&byte) = bytes.get(at) {
        if byte == delimiter {
            return Some(at);
        }
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&escaped) = bytes.get(at) else {
            out.push(byte);
            break;
        };
        if escaped == b'.' {
            return None;
        }
        at += 1;
        out.push(match escaped {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'0'..=b'7' => digits(bytes, &mut at, u32::from(escaped - b'0'), 8, 2),
            b'x' if bytes.get(at).is_some_and(u8::is_ascii_hexdigit) => digits(bytes, &mut at, 0, 16, 2),
            other => other,
        });
    }
    Some(at)
}

/// Up to `most` further digits of a byte's number.
fn digits(bytes: &[u8], at: &mut usize, mut value: u32, radix: u32, most: usize) -> u8 {
    for _ in 0..most {
        let Some(digit) = bytes.get(*at).and_then(|byte| char::from(*byte).to_digit(radix)) else { break };
        value = value * radix + digit;
        *at += 1;
    }
    (value & 0xff) as u8
}
