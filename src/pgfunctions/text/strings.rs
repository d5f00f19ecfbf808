//! Strings: what DataFusion has not, or does otherwise.

use bytes::BytesMut;
use datafusion::scalar::ScalarValue;
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::letter_case;
use crate::pgfunctions::row::{Env, Function, Output, Returns, Value, lax, strict};
use crate::pgtypes::{Encoding, Type, read_text};

pub const FUNCTIONS: &[Function] = &[
    lax("string_to_table", "text text text?", Returns::Set(&Returns::Text), |_, args| Ok(split(args))),
    lax("string_to_array", "text text text?", Returns::Array(&Returns::Text), |_, args| Ok(split(args))),
    strict("split_part", "text text int", Returns::Text, split_part),
    strict("chr", "int", Returns::Text, chr),
    strict("ascii", "text", Returns::Int, |_, args| {
        Ok(Output::Int(text(args, 0).chars().next().map_or(0, |letter| i64::from(u32::from(letter)))))
    }),
    strict("to_hex", "int", Returns::Text, |_, args| Ok(Output::Text(to_hex(int(args, 0))))),
    strict(TO_HEX_OF_BIGINT, "int", Returns::Text, |_, args| Ok(Output::Text(format!("{:x}", int(args, 0))))),
    strict("initcap", "text", Returns::Text, |_, args| Ok(Output::Text(initcap(text(args, 0))))),
    lax("concat", "any any*", Returns::Text, |_, args| Ok(Output::Text(args.iter().map(Value::text).collect()))),
    lax("concat_ws", "text any*", Returns::Text, concat_ws),
    strict("normalize", "text text?", Returns::Text, normalize),
    strict("is_normalized", "text text?", Returns::Bool, |env, args| match normalize(env, args)? {
        Output::Text(normal) => Ok(Output::Bool(normal == text(args, 0))),
        other => Ok(other),
    }),
    strict("unistr", "text", Returns::Text, unistr),
    strict("byteain", "text", Returns::Bytes, |env, args| match read_text(&Type::BYTEA, text(args, 0), &env.style)? {
        ScalarValue::BinaryView(Some(bytes)) => Ok(Output::Bytes(bytes)),
        _ => Err(Error::internal("bytea was read as something else")),
    }),
    strict("convert_from", "bytea text", Returns::Text, |_, args| {
        let bytes = args.first().map_or(&[][..], Value::bytes);
        Ok(Output::Text(read_as(bytes, encoding(text(args, 1), "source")?)?))
    }),
    strict("convert_to", "text text", Returns::Bytes, |_, args| {
        written_as(text(args, 0), encoding(text(args, 1), "destination")?)
    }),
    strict("convert", "bytea text text", Returns::Bytes, |_, args| {
        let (source, destination) = (encoding(text(args, 1), "source")?, encoding(text(args, 2), "destination")?);
        written_as(&read_as(args.first().map_or(&[][..], Value::bytes), source)?, destination)
    }),
    lax(RECORD_OUT, "any*", Returns::Text, |_, args| Ok(Output::Text(record(args)))),
    strict("parse_ident", "text bool?", Returns::Array(&Returns::Text), parse_ident),
    lax("num_nulls", "any*", Returns::Int, |_, args| {
        Ok(Output::Int(args.iter().filter(|value| value.is_null()).count() as i64))
    }),
    lax("num_nonnulls", "any*", Returns::Int, |_, args| {
        Ok(Output::Int(args.iter().filter(|value| !value.is_null()).count() as i64))
    }),
];

/// `to_hex(bigint)`: of negative numbers all sixteen digits.
pub const TO_HEX_OF_BIGINT: &str = "to_hex_of_bigint";

/// The function that shows its arguments as one composite value.
pub const RECORD_OUT: &str = "record_out";

/// `(1,"two words",,"")`
fn record(values: &[Value<'_>]) -> String {
    let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "(),\"\\".contains(c));
    let member = |value: &Value<'_>| match value {
        value if value.is_null() => String::new(),
        value if plain(value.text()) => value.text().to_owned(),
        value => format!("\"{}\"", value.text().replace('\\', "\\\\").replace('"', "\"\"")),
    };
    format!("({})", values.iter().map(member).collect::<Vec<_>>().join(","))
}

fn text<'a>(args: &[Value<'a>], nth: usize) -> &'a str {
    args.get(nth).map_or("", Value::text)
}

fn int(args: &[Value<'_>], nth: usize) -> i64 {
    args.get(nth).map_or(0, Value::int)
}

/// NULL as delimiter divides into letters; an empty one not at all; the third argument is read as NULL.
fn split(args: &[Value<'_>]) -> Output {
    let Some(Value::Text(whole)) = args.first() else { return Output::Null };
    let null = args.get(2).filter(|value| !value.is_null()).map(Value::text);
    let item = |part: &str| if Some(part) == null { Output::Null } else { Output::from(part) };
    if whole.is_empty() {
        return Output::List(Vec::new());
    }
    Output::List(match args.get(1) {
        Some(Value::Text("")) => vec![item(whole)],
        Some(Value::Text(delimiter)) => whole.split(*delimiter).map(item).collect(),
        _ => whole.chars().map(|letter| item(letter.encode_utf8(&mut [0; 4]))).collect(),
    })
}

fn split_part(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let (whole, delimiter, field) = (text(args, 0), text(args, 1), int(args, 2));
    if field == 0 {
        return Err(Error::new(ErrorKind::InvalidParameter, "field position must not be zero"));
    }
    let parts: Vec<&str> = match delimiter {
        _ if whole.is_empty() => Vec::new(),
        "" => vec![whole],
        delimiter => whole.split(delimiter).collect(),
    };
    let at = if field > 0 { field - 1 } else { parts.len() as i64 + field };
    Ok(Output::from(usize::try_from(at).ok().and_then(|at| parts.get(at)).copied().unwrap_or_default()))
}

fn chr(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let code = int(args, 0);
    match code {
        0 => Err(Error::new(ErrorKind::ProgramLimitExceeded, "null character not permitted")),
        code if code < 0 => Err(Error::new(ErrorKind::InvalidParameter, "character number must be positive")),
        code => u32::try_from(code).ok().and_then(char::from_u32).map(|letter| Output::Text(letter.into())).ok_or_else(
            || {
                let words = if code > 0x10_ffff {
                    "requested character too large for encoding"
                } else {
                    "requested character not valid for encoding"
                };
                Error::new(ErrorKind::ProgramLimitExceeded, format!("{words}: {code}"))
            },
        ),
    }
}

/// Of an integer, if it is one.
fn to_hex(number: i64) -> String {
    i32::try_from(number).map_or_else(|_| format!("{number:x}"), |number| format!("{number:x}"))
}

fn initcap(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        out.push(if inside { letter_case::lower(letter) } else { letter_case::upper(letter) });
        inside = letter.is_alphanumeric();
    }
    out
}

/// A qualified name's parts: those without quotes in lower case. What follows a name is an error, unless the second
/// argument is false.
fn parse_ident(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let whole = text(args, 0);
    let is_strict = !matches!(args.get(1), Some(Value::Bool(false)));
    let invalid = |detail: &str| {
        let error = Error::new(ErrorKind::InvalidParameter, format!("string is not a valid identifier: \"{whole}\""));
        if detail.is_empty() { error } else { error.with_detail(detail) }
    };
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let goes_on = |c: char| begins(c) || c.is_ascii_digit() || c == '$';
    let (mut parts, mut rest) = (Vec::new(), whole.trim_start_matches(is_space));
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = closing_quote(quoted).ok_or_else(|| invalid("String has unclosed double quotes."))?;
            if end == 0 {
                return Err(invalid("Quoted identifier must not be empty."));
            }
            parts.push(quoted[..end].replace("\"\"", "\""));
            rest = &quoted[end + 1..];
        } else if rest.starts_with(begins) {
            let end = rest.find(|c| !goes_on(c)).unwrap_or(rest.len());
            parts.push(rest[..end].to_ascii_lowercase());
            rest = &rest[end..];
        } else if rest.starts_with('.') {
            return Err(invalid("No valid identifier before \".\"."));
        } else {
            return Err(invalid(if parts.is_empty() { "" } else { "No valid identifier after \".\"." }));
        }
        rest = rest.trim_start_matches(is_space);
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start_matches(is_space),
            None if rest.is_empty() || !is_strict => break,
            None => return Err(invalid("")),
        }
    }
    Ok(Output::List(parts.into_iter().map(Output::Text).collect()))
}

/// Where the quote is that ends a name: two in a row are one of its letters.
fn closing_quote(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text.get(at..)?.find('"')?;
        if !text[at + 1..].starts_with('"') {
            return Some(at);
        }
        at += 2;
    }
}

fn concat_ws(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let Some((Value::Text(separator), values)) = args.split_first() else { return Ok(Output::Null) };
    let shown: Vec<&str> = values.iter().filter(|value| !value.is_null()).map(Value::text).collect();
    Ok(Output::Text(shown.join(*separator)))
}

fn normalize(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let whole = text(args, 0);
    Ok(Output::Text(match args.get(1).map_or("NFC".to_owned(), |form| form.text().to_uppercase()).as_str() {
        "NFC" => whole.nfc().collect(),
        "NFD" => whole.nfd().collect(),
        "NFKC" => whole.nfkc().collect(),
        "NFKD" => whole.nfkd().collect(),
        _ => {
            let message = format!("invalid normalization form: {}", text(args, 1));
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
    }))
}

/// `\0041`, `\u0041`, `\+000041`, `\U00000041`, `\\`.
fn unistr(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let invalid = || {
        Error::new(ErrorKind::SyntaxError, "invalid Unicode escape")
            .with_hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
    };
    let (mut out, mut rest) = (String::new(), text(args, 0));
    let mut high = None;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (digits, length) = match escape.as_bytes().first() {
            Some(b'\\') => {
                out.push('\\');
                rest = escape.get(1..).unwrap_or_default();
                continue;
            }
            Some(b'u') => (escape.get(1..5), 5),
            Some(b'+') => (escape.get(1..7), 7),
            Some(b'U') => (escape.get(1..9), 9),
            _ => (escape.get(..4), 4),
        };
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(invalid)?;
        match (high.take(), code) {
            (None, 0xd800..=0xdbff) => high = Some(code),
            (Some(high), 0xdc00..=0xdfff) => {
                out.extend(char::from_u32(0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00)));
            }
            (None, code) => out.push(char::from_u32(code).ok_or_else(invalid)?),
            (Some(_), _) => return Err(Error::new(ErrorKind::SyntaxError, "invalid Unicode surrogate pair")),
        }
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(Output::Text(out))
}

fn encoding(name: &str, which: &str) -> Result<Encoding> {
    Encoding::named(name)
        .ok_or_else(|| Error::new(ErrorKind::InvalidParameter, format!("invalid {which} encoding name \"{name}\"")))
}

fn read_as(bytes: &[u8], encoding: Encoding) -> Result<String> {
    let read = encoding.reader().read(bytes, true)?;
    Ok(crate::pgtypes::utf8(&read)?.to_owned())
}

fn written_as(text: &str, encoding: Encoding) -> Result<Output> {
    let mut out = BytesMut::with_capacity(text.len());
    encoding.put(text.as_bytes(), &mut out)?;
    Ok(Output::Bytes(out.to_vec()))
}
