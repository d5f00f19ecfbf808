//! Rows as COPY writes them: text, CSV, binary.
//!
//! Source of the formats: PostgreSQL's manual, COPY, "File Formats".

use bytes::{BufMut, BytesMut};

use super::Format;
use super::binary;
use super::rows::{BoundRows, put_sized};
use crate::error::Result;

/// How COPY lays out its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFormat {
    Text { delimiter: u8, null: String, header: bool },
    Csv { delimiter: u8, null: String, header: bool, quote: u8, escape: u8, force_quote: ForceQuote },
    Binary,
}

/// Columns whose values CSV quotes whatever they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ForceQuote {
    #[default]
    None,
    All,
    /// By position, from 0.
    Columns(Vec<usize>),
}

impl CopyFormat {
    /// The format code of CopyOutResponse.
    pub fn code(&self) -> Format {
        if *self == Self::Binary { Format::Binary } else { Format::Text }
    }

    /// What precedes the rows: the line of names where one is asked for, or the signature.
    pub fn put_header<'a>(&self, names: impl ExactSizeIterator<Item = &'a str>, out: &mut BytesMut) {
        let single = names.len() == 1;
        match self {
            Self::Text { header: false, .. } | Self::Csv { header: false, .. } => {}
            Self::Text { delimiter, .. } => {
                put_line(names, *delimiter, out, |_, name, out| put_escaped(name.as_bytes(), *delimiter, out));
            }
            Self::Csv { delimiter, quote, escape, .. } => put_line(names, *delimiter, out, |_, name, out| {
                put_csv(name.as_bytes(), [*delimiter, *quote, *escape], false, single, out);
            }),
            Self::Binary => out.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"),
        }
    }

    /// What follows the rows.
    pub fn put_trailer(&self, out: &mut BytesMut) {
        if *self == Self::Binary {
            out.put_i16(-1);
        }
    }
}

fn put_line<T>(
    items: impl Iterator<Item = T>,
    delimiter: u8,
    out: &mut BytesMut,
    mut put: impl FnMut(usize, T, &mut BytesMut),
) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.put_u8(delimiter);
        }
        put(index, item, out);
    }
    out.put_u8(b'\n');
}

impl BoundRows<'_> {
    /// Appends one row; `scratch` is room for a value and left as it may be.
    pub fn put_copy_row(
        &self,
        row: usize,
        format: &CopyFormat,
        scratch: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Result<()> {
        let (delimiter, null) = match format {
            CopyFormat::Binary => return self.put_binary_row(row, out),
            CopyFormat::Text { delimiter, null, .. } | CopyFormat::Csv { delimiter, null, .. } => (*delimiter, null),
        };
        let single = self.columns.len() == 1;
        put_line(self.columns.iter(), delimiter, out, |index, (column, _), out| {
            if column.is_null(row) {
                out.put_slice(null.as_bytes());
                return;
            }
            scratch.clear();
            column.put_text(row, &self.style, scratch);
            match format {
                CopyFormat::Csv { quote, escape, force_quote, .. } => {
                    let forced = match force_quote {
                        ForceQuote::None => false,
                        ForceQuote::All => true,
                        ForceQuote::Columns(columns) => columns.contains(&index),
                    };
                    let forced = forced || scratch[..] == *null.as_bytes();
                    put_csv(scratch, [delimiter, *quote, *escape], forced, single, out);
                }
                _ => put_escaped(scratch, delimiter, out),
            }
        });
        Ok(())
    }

    fn put_binary_row(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        out.put_i16(i16::try_from(self.columns.len()).unwrap_or(i16::MAX));
        for (column, _) in &self.columns {
            if column.is_null(row) {
                out.put_i32(-1);
            } else {
                put_sized(out, |out| binary::put_binary(column, row, &self.style, out))?;
            }
        }
        Ok(())
    }
}

/// Text format: backslash sequences for what would be read as something else.
fn put_escaped(value: &[u8], delimiter: u8, out: &mut BytesMut) {
    for &byte in value {
        let letter = match byte {
            b'\\' => b'\\',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            _ if byte == delimiter => byte,
            _ => {
                out.put_u8(byte);
                continue;
            }
        };
        out.put_slice(&[b'\\', letter]);
    }
}

/// CSV: quoted where it must be. `\.` alone in a line would be the end of the data.
fn put_csv(value: &[u8], [delimiter, quote, escape]: [u8; 3], forced: bool, single: bool, out: &mut BytesMut) {
    let special = |byte: &u8| [delimiter, quote, b'\n', b'\r'].contains(byte);
    if !(forced || (single && value == b"\\.") || value.iter().any(special)) {
        return out.put_slice(value);
    }
    out.put_u8(quote);
    for &byte in value {
        if byte == quote || byte == escape {
            out.put_u8(escape);
        }
        out.put_u8(byte);
    }
    out.put_u8(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(value: &str, forced: bool, single: bool) -> String {
        crate::pgtypes::put_text(|out| put_csv(value.as_bytes(), [b',', b'"', b'"'], forced, single, out))
    }

    #[test]
    fn csv_quotes_what_it_must() {
        assert_eq!(csv("plain", false, false), "plain");
        assert_eq!(csv("a,b", false, false), "\"a,b\"");
        assert_eq!(csv("a\"b", false, false), "\"a\"\"b\"");
        assert_eq!(csv("x", true, false), "\"x\"");
        assert_eq!(csv("\\.", false, true), "\"\\.\"");
        assert_eq!(csv("\\.", false, false), "\\.");
    }

    #[test]
    fn text_escapes_what_it_must() {
        let mut out = BytesMut::new();
        put_escaped(b"a\tb\\c\nd|", b'|', &mut out);
        assert_eq!(&out[..], b"a\\tb\\\\c\\nd\\|");
    }

    #[test]
    fn binary_begins_with_its_signature() {
        let mut out = BytesMut::new();
        CopyFormat::Binary.put_header(["a"].into_iter(), &mut out);
        CopyFormat::Binary.put_trailer(&mut out);
        assert_eq!(out.len(), 11 + 8 + 2);
    }
}
