//! Functions of `bytea`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::row::{Function, Output, Returns, Value, strict};
use crate::error::{Error, ErrorKind, Result};

/// Letters of a line of base64, as in MIME.
const LINE: usize = 76;

pub const FUNCTIONS: &[Function] = &[
    strict("encode", "bytea text", Returns::Text, |_, args| encode(bytes(args, 0), text(args, 1)).map(Output::Text)),
    strict("decode", "text text", Returns::Bytes, |_, args| decode(text(args, 0), text(args, 1)).map(Output::Bytes)),
    strict("get_byte", "bytea int", Returns::Int, |_, args| {
        let (bytes, at) = (bytes(args, 0), int(args, 1));
        Ok(Output::Int(bytes[index(at, bytes.len())?].into()))
    }),
    strict("set_byte", "bytea int int", Returns::Bytes, |_, args| {
        let (mut bytes, at) = (bytes(args, 0).to_vec(), int(args, 1));
        let at = index(at, bytes.len())?;
        bytes[at] = int(args, 2).to_le_bytes()[0];
        Ok(Output::Bytes(bytes))
    }),
    strict("get_bit", "bytea int", Returns::Int, |_, args| {
        let bytes = bytes(args, 0);
        let at = index(int(args, 1), bytes.len() * 8)?;
        Ok(Output::Int((bytes[at / 8] >> (at % 8) & 1).into()))
    }),
    strict("set_bit", "bytea int int", Returns::Bytes, |_, args| {
        let mut bytes = bytes(args, 0).to_vec();
        let at = index(int(args, 1), bytes.len() * 8)?;
        match int(args, 2) {
            0 => bytes[at / 8] &= !(1 << (at % 8)),
            1 => bytes[at / 8] |= 1 << (at % 8),
            _ => return Err(Error::new(ErrorKind::InvalidParameter, "new bit must be 0 or 1")),
        }
        Ok(Output::Bytes(bytes))
    }),
    strict("bit_count", "bytea", Returns::BigInt, |_, args| {
        Ok(Output::Int(bytes(args, 0).iter().map(|byte| i64::from(byte.count_ones())).sum()))
    }),
    strict("bytealike", "bytea bytea", Returns::Bool, |_, args| {
        Ok(Output::Bool(is_like(bytes(args, 0), bytes(args, 1))?))
    }),
];

fn bytes<'a>(args: &[Value<'a>], nth: usize) -> &'a [u8] {
    args.get(nth).map_or(&[][..], Value::bytes)
}

fn text<'a>(args: &[Value<'a>], nth: usize) -> &'a str {
    args.get(nth).map_or("", Value::text)
}

fn int(args: &[Value<'_>], nth: usize) -> i64 {
    args.get(nth).map_or(0, Value::int)
}

fn index(at: i64, length: usize) -> Result<usize> {
    usize::try_from(at).ok().filter(|at| *at < length).ok_or_else(|| {
        let last = length as i64 - 1;
        Error::new(ErrorKind::ArraySubscriptError, format!("index {at} out of valid range, 0..{last}"))
    })
}

fn unknown(encoding: &str) -> Error {
    Error::new(ErrorKind::InvalidParameter, format!("unrecognized encoding: \"{encoding}\""))
}

/// # Errors
/// `22023` for another encoding than `hex`, `base64` and `escape`.
fn encode(bytes: &[u8], encoding: &str) -> Result<String> {
    match encoding.to_ascii_lowercase().as_str() {
        "hex" => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        "base64" => {
            let letters = STANDARD.encode(bytes);
            let lines: Vec<&str> = (0..letters.len())
                .step_by(LINE)
                .filter_map(|at| letters.get(at..letters.len().min(at + LINE)))
                .collect();
            Ok(lines.join("\n"))
        }
        "escape" => Ok(bytes.iter().fold(String::with_capacity(bytes.len()), |mut out, byte| {
            match byte {
                0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
                b'\\' => out.push_str("\\\\"),
                _ => out.push(char::from(*byte)),
            }
            out
        })),
        _ => Err(unknown(encoding)),
    }
}

/// # Errors
/// `22023` for another encoding, or for what is not encoded so; `22P02` for a wrong escape.
fn decode(text: &str, encoding: &str) -> Result<Vec<u8>> {
    let invalid = |message: String| Error::new(ErrorKind::InvalidParameter, message);
    let is_space = |c: char| matches!(c, ' ' | '\n' | '\t' | '\r');
    match encoding.to_ascii_lowercase().as_str() {
        "hex" => {
            let digits = text.chars().filter(|c| !is_space(*c)).map(|c| {
                let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit.ok_or_else(|| invalid(format!("invalid hexadecimal digit: \"{c}\"")))
            });
            let digits = digits.collect::<Result<Vec<u8>>>()?;
            if digits.len() % 2 == 1 {
                return Err(invalid("invalid hexadecimal data: odd number of digits".to_owned()));
            }
            Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        "base64" => {
            let letters: String = text.chars().filter(|c| !is_space(*c)).collect();
            STANDARD.decode(&letters).map_err(|error| match error {
                base64::DecodeError::InvalidByte(at, _) => {
                    let letter = letters.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
                    invalid(format!("invalid symbol \"{letter}\" found while decoding base64 sequence"))
                }
                _ => invalid("invalid base64 end sequence".to_owned())
                    .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted."),
            })
        }
        "escape" => unescape(text.as_bytes()),
        _ => Err(unknown(encoding)),
    }
}

/// `\\` is a backslash, `\101` a byte in octal.
fn unescape(text: &[u8]) -> Result<Vec<u8>> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => {
                out.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => {
                return Err(Error::new(ErrorKind::InvalidTextRepresentation, "invalid input syntax for type bytea"));
            }
            (byte, after) => {
                out.push(*byte);
                after
            }
        };
    }
    Ok(out)
}

/// LIKE, byte by byte.
fn is_like(whole: &[u8], pattern: &[u8]) -> Result<bool> {
    // where to go on from, one byte later, when what follows the last `%` does not match
    let (mut whole, mut pattern, mut again) = (whole, pattern, None);
    loop {
        let matched = match (pattern, whole) {
            ([b'%', after @ ..], _) => {
                again = Some((after, whole));
                pattern = after;
                continue;
            }
            ([b'\\'], _) => {
                let message = "LIKE pattern must not end with escape character";
                return Err(Error::new(ErrorKind::InvalidEscapeSequence, message));
            }
            ([b'\\', wanted, after @ ..], [byte, rest @ ..]) if wanted == byte => Some((after, rest)),
            ([b'\\', ..], _) => None,
            ([b'_', after @ ..], [_, rest @ ..]) => Some((after, rest)),
            ([wanted, after @ ..], [byte, rest @ ..]) if wanted == byte => Some((after, rest)),
            ([], []) => return Ok(true),
            _ => None,
        };
        match (matched, again) {
            (Some(further), _) => (pattern, whole) = further,
            (None, Some((after, [_, rest @ ..]))) => {
                again = Some((after, rest));
                (pattern, whole) = (after, rest);
            }
            (None, _) => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_goes_back_to_the_last_wildcard() {
        for (whole, pattern, matches) in [
            ("abc", "_b_", true),
            ("a_c", "a\\__", true),
            ("abcabd", "%ab_", true),
            ("abcabd", "%abc", false),
            ("", "%", true),
            ("", "_", false),
            ("aXbXc", "a%X%c", true),
        ] {
            assert_eq!(is_like(whole.as_bytes(), pattern.as_bytes()).ok(), Some(matches), "{whole} {pattern}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let bytes: Vec<u8> = (0..=255).collect();
        for encoding in ["hex", "base64", "escape"] {
            assert_eq!(decode(&encode(&bytes, encoding).unwrap(), encoding).unwrap(), bytes);
        }
    }
}
