//! The binary format: a header, rows of sized values, a trailer.

use bytes::{Buf, BytesMut};

use super::{ROW_BYTES_MAX, Rows, bad_format};
use crate::error::{Error, ErrorKind, Result};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of the extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 8;

#[derive(Default)]
pub(super) struct BinaryRows {
    pending: BytesMut,
    state: State,
}

#[derive(Default, PartialEq)]
enum State {
    #[default]
    Header,
    Rows,
    /// The trailer was seen.
    Ended,
}

impl BinaryRows {
    pub(super) fn feed(&mut self, data: &[u8], last: bool, rows: &mut Rows) -> Result<()> {
        self.pending.extend_from_slice(data);
        if self.state == State::Header && !self.header(last)? {
            return Ok(());
        }
        while self.state == State::Rows {
            let Some(length) = row_length(&self.pending).map_err(|error| at(rows, error, 1))? else {
                if last {
                    // without a trailer only a row that was begun is an error
                    return if self.pending.is_empty() {
                        Ok(())
                    } else {
                        Err(at(rows, bad_format("unexpected EOF in COPY data"), 1))
                    };
                }
                if self.pending.len() > ROW_BYTES_MAX {
                    let message = format!("a row is longer than {ROW_BYTES_MAX} bytes");
                    return Err(at(rows, Error::new(ErrorKind::ProgramLimitExceeded, message), 1));
                }
                return Ok(());
            };
            rows.line += 1;
            let mut row = self.pending.split_to(length);
            let count = row.get_i16();
            if count == -1 {
                self.state = State::Ended;
                break;
            }
            read_row(&mut row, count, rows)?;
            rows.end_row(length);
        }
        if self.state == State::Ended && !self.pending.is_empty() {
            return Err(at(rows, bad_format("received copy data after EOF marker"), 0));
        }
        Ok(())
    }

    /// Whether the header is passed.
    fn header(&mut self, last: bool) -> Result<bool> {
        let known = self.pending.len().min(SIGNATURE.len());
        if self.pending.get(..known) != SIGNATURE.get(..known) || (last && known < SIGNATURE.len()) {
            return Err(bad_format("COPY file signature not recognized"));
        }
        let Some(mut rest) = self.pending.get(SIGNATURE.len()..HEADER_BYTES) else {
            return match (last, self.pending.len() < SIGNATURE.len() + 4) {
                (false, _) => Ok(false),
                (true, true) => Err(bad_format("invalid COPY file header (missing flags)")),
                (true, false) => Err(bad_format("invalid COPY file header (missing length)")),
            };
        };
        let (flags, extension) = (rest.get_u32(), rest.get_i32());
        if flags & (1 << 16) != 0 {
            return Err(bad_format("invalid COPY file header (WITH OIDS)"));
        }
        if flags >> 16 != 0 {
            return Err(bad_format("unrecognized critical flags in COPY file header"));
        }
        let extension = usize::try_from(extension)
            .ok()
            .filter(|length| *length <= ROW_BYTES_MAX)
            .ok_or_else(|| bad_format("invalid COPY file header (missing length)"))?;
        if self.pending.len() < HEADER_BYTES + extension {
            return if last { Err(bad_format("invalid COPY file header (wrong length)")) } else { Ok(false) };
        }
        self.pending.advance(HEADER_BYTES + extension);
        self.state = State::Rows;
        Ok(true)
    }
}

fn at(rows: &Rows, error: Error, further: u64) -> Error {
    error.in_context(rows.place_of(rows.line + further))
}

/// Bytes of the first row, its count of fields included; `None` where not all of it is there.
fn row_length(pending: &[u8]) -> Result<Option<usize>> {
    let mut rest = pending;
    let Ok(count) = rest.try_get_i16() else { return Ok(None) };
    for _ in 0..count.max(0) {
        let Ok(size) = rest.try_get_i32() else { return Ok(None) };
        if size < -1 {
            return Err(bad_format("invalid field size"));
        }
        let size = usize::try_from(size).unwrap_or(0);
        let Some(after) = rest.get(size..) else { return Ok(None) };
        rest = after;
    }
    Ok(Some(pending.len() - rest.len()))
}

fn read_row(row: &mut BytesMut, count: i16, rows: &mut Rows) -> Result<()> {
    let expected = rows.columns.len();
    if usize::try_from(count) != Ok(expected) {
        return Err(at(rows, bad_format(format!("row field count is {count}, expected {expected}")), 0));
    }
    let mut refused = None;
    for index in 0..expected {
        let value = usize::try_from(row.get_i32()).ok().map(|size| row.split_to(size));
        let pushed = rows.columns.get_mut(index).map_or(Ok(()), |column| column.push_binary(value.as_deref()));
        if let Err(error) = pushed {
            let column = rows.name(index);
            return Err(error.in_context(format!("{}, column {column}", rows.place())));
        }
        if value.is_none() && rows.refuses_null(index) {
            refused.get_or_insert(index);
        }
    }
    match refused {
        Some(index) => Err(at(rows, rows.null_refused(index), 0)),
        None => Ok(()),
    }
}
