//! The client's character set: what it sends is read from it, what it is sent is put into it.
//!
//! Invariant: within the server all text is UTF-8; a client of UTF-8 pays nothing.

use bytes::{Bytes, BytesMut};
use datafusion::arrow::datatypes::Schema;
use pgwire::api::Type;

use crate::error::Result;
use crate::pgtypes::{Encoding, Format, column_formats, column_type};

/// Bytes of a message before its body: type and length.
const HEADER: usize = 5;

/// Whether a value is its text, in this format.
pub(super) fn is_text(pg_type: &Type, format: Format) -> bool {
    format == Format::Text
        || matches!(
            *pg_type,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON | Type::JSONB | Type::UNKNOWN
        )
}

/// Which columns of a result are text.
pub(super) fn text_columns(schema: &Schema, formats: &[Format]) -> Result<Vec<bool>> {
    let formats = column_formats(formats, schema.fields().len())?;
    Ok(schema.fields().iter().zip(formats).map(|(field, format)| is_text(&column_type(field), format)).collect())
}

/// A value of a parameter as UTF-8.
///
/// # Errors
/// `22021` for bytes that mean nothing in the character set.
pub(super) fn read(encoding: Encoding, value: &Bytes) -> Result<Bytes> {
    Ok(Bytes::from(encoding.reader().read(value, true)?.into_owned()))
}

/// Puts the text of one message, from `start` to the end of the buffer, into the character set. What that lacks becomes `?`:
/// an error about it would have the same to say.
pub(super) fn recode(encoding: Encoding, buffer: &mut BytesMut, start: usize) {
    if encoding == Encoding::UTF8 || buffer.get(start..).is_none_or(<[u8]>::is_ascii) {
        return;
    }
    let message = buffer.split_off(start);
    let Some(([tag, ..], body)) = message.split_first_chunk::<HEADER>() else { return };
    let mut out = BytesMut::with_capacity(message.len());
    match tag {
        // nothing but texts that end in zeros, some with a letter before
        b'E' | b'N' | b'S' | b'C' => encoding.put_lossy(body, &mut out),
        // the process comes first
        b'A' => {
            let texts = take(body, 4, &mut out);
            encoding.put_lossy(texts, &mut out);
        }
        b'T' => {
            let mut columns = take(body, 2, &mut out);
            while let Some(end) = columns.iter().position(|byte| *byte == 0) {
                let (name, rest) = columns.split_at(end);
                encoding.put_lossy(name, &mut out);
                // the zero, and what else a column has
                columns = take(rest, 19, &mut out);
            }
        }
        _ => out.extend_from_slice(body),
    }
    put_message(*tag, &out, buffer);
}

/// Puts the texts of the rows from `start` to the end of the buffer into the character set.
///
/// # Errors
/// `22P05` for a character that it lacks; the rows before it stay.
pub(super) fn recode_rows(encoding: Encoding, columns: &[bool], buffer: &mut BytesMut, start: usize) -> Result<()> {
    if buffer.get(start..).is_none_or(<[u8]>::is_ascii) {
        return Ok(());
    }
    let rows = buffer.split_off(start).freeze();
    let mut rest = &rows[..];
    let (mut body, mut text) = (BytesMut::new(), BytesMut::new());
    while let Some((header, after)) = rest.split_first_chunk::<HEADER>() {
        let [tag, length @ ..] = *header;
        let (mut row, next) = after.split_at((u32::from_be_bytes(length) as usize - 4).min(after.len()));
        rest = next;
        body.clear();
        row = take(row, 2, &mut body);
        for is_text in columns {
            let Some((length, values)) = row.split_first_chunk::<4>() else { break };
            let Ok(count) = usize::try_from(i32::from_be_bytes(*length)) else {
                row = take(row, 4, &mut body);
                continue;
            };
            let (value, next) = values.split_at(count.min(values.len()));
            row = next;
            text.clear();
            if *is_text {
                encoding.put(value, &mut text)?;
            } else {
                text.extend_from_slice(value);
            }
            body.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            body.extend_from_slice(&text);
        }
        put_message(tag, &body, buffer);
    }
    Ok(())
}

/// Copies so many bytes, and gives back what follows them.
fn take<'a>(from: &'a [u8], count: usize, out: &mut BytesMut) -> &'a [u8] {
    let (taken, rest) = from.split_at(count.min(from.len()));
    out.extend_from_slice(taken);
    rest
}

fn put_message(tag: u8, body: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(&[tag]);
    out.extend_from_slice(&u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latin1() -> Encoding {
        Encoding::named("latin1").unwrap()
    }

    fn message(tag: u8, body: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        put_message(tag, body, &mut out);
        out
    }

    #[test]
    fn messages_keep_their_numbers() {
        let mut given = message(b'T', "\0\u{1}größe\0\0\0\u{1}\0\0\0\u{19}\0\0\0\0\0\0\0\0\0\0".as_bytes());
        recode(latin1(), &mut given, 0);
        assert_eq!(given, message(b'T', b"\0\x01gr\xf6\xdfe\0\0\0\x01\0\0\0\x19\0\0\0\0\0\0\0\0\0\0"));
        let mut given = message(b'A', "\0\0\u{1}\u{1}é\0ü\0".as_bytes());
        recode(latin1(), &mut given, 0);
        assert_eq!(given, message(b'A', b"\0\0\x01\x01\xe9\0\xfc\0"));
        let mut given = message(b'E', "SERROR\0M€ fehlt: é\0\0".as_bytes());
        recode(latin1(), &mut given, 0);
        assert_eq!(given, message(b'E', b"SERROR\0M? fehlt: \xe9\0\0"));
    }

    #[test]
    fn rows_change_where_they_are_text() {
        let row = |values: [&[u8]; 2]| {
            let mut body = BytesMut::from(&b"\0\x03"[..]);
            for value in values {
                body.extend_from_slice(&(value.len() as u32).to_be_bytes());
                body.extend_from_slice(value);
            }
            body.extend_from_slice(&(-1i32).to_be_bytes());
            message(b'D', &body)
        };
        let mut given = row(["é".as_bytes(), b"\xff\xfe"]);
        given.extend_from_slice(&row(["a".as_bytes(), b"\x01"]));
        recode_rows(latin1(), &[true, false, true], &mut given, 0).unwrap();
        let mut expected = row([b"\xe9", b"\xff\xfe"]);
        expected.extend_from_slice(&row([b"a", b"\x01"]));
        assert_eq!(given, expected);
        let error = recode_rows(latin1(), &[true, false, true], &mut row(["€".as_bytes(), b""]), 0).unwrap_err();
        assert_eq!(error.kind().sqlstate(), "22P05");
    }
}
