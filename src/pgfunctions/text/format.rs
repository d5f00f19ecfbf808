//! `format` and quoting.

use crate::error::{Error, ErrorKind, Result};
use crate::names::{quote_ident, quote_literal};
use crate::pgfunctions::row::{Env, Function, Output, Returns, Value, lax, strict};

pub const FUNCTIONS: &[Function] = &[
    lax("format", "text any*", Returns::Text, format),
    strict("quote_ident", "text", Returns::Text, |_, args| {
        Ok(Output::Text(quote_ident(args.first().map_or("", Value::text))))
    }),
    strict("quote_literal", "any", Returns::Text, |_, args| {
        Ok(Output::Text(quote_literal(args.first().map_or("", Value::text))))
    }),
    lax("quote_nullable", "any", Returns::Text, |_, args| match args.first() {
        Some(Value::Text(text)) => Ok(Output::Text(quote_literal(text))),
        _ => Ok(Output::from("NULL")),
    }),
];

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidParameter, message)
}

/// `%[position$][-][width]type`.
fn format(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let Some((Value::Text(template), values)) = args.split_first() else { return Ok(Output::Null) };
    let (mut out, mut rest, mut next) = (String::new(), *template, 0_usize);
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(tail) = after.strip_prefix('%') {
            out.push('%');
            rest = tail;
            continue;
        }
        let mut spec = Spec::parse(after)?;
        rest = spec.rest;
        if let Some(width_from) = spec.width_from.take() {
            let value = argument(values, width_from, &mut next)?;
            let width: i64 = value.text().trim().parse().unwrap_or(0);
            spec.left |= width < 0;
            spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(0);
        }
        let value = argument(values, spec.position, &mut next)?;
        let shown = match spec.kind {
            's' => value.text().to_owned(),
            'I' if value.is_null() => {
                return Err(Error::new(
                    ErrorKind::NullNotAllowed,
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            'I' => quote_ident(value.text()),
            'L' if value.is_null() => "NULL".to_owned(),
            'L' => quote_literal(value.text()),
            other => {
                return Err(wrong(format!("unrecognized format() type specifier \"{other}\""))
                    .with_hint("For a single \"%\" use \"%%\"."));
            }
        };
        let padding = spec.width.saturating_sub(shown.chars().count());
        if spec.left {
            out.push_str(&shown);
            out.extend(std::iter::repeat_n(' ', padding));
        } else {
            out.extend(std::iter::repeat_n(' ', padding));
            out.push_str(&shown);
        }
    }
    out.push_str(rest);
    Ok(Output::Text(out))
}

/// The argument of a number from 1, or the one after the last.
fn argument<'a>(values: &[Value<'a>], position: Option<usize>, next: &mut usize) -> Result<Value<'a>> {
    let at = match position {
        Some(0) => return Err(wrong("format specifies argument 0, but arguments are numbered from 1")),
        Some(position) => position - 1,
        None => *next,
    };
    *next = at + 1;
    values.get(at).copied().ok_or_else(|| wrong("too few arguments for format()"))
}

struct Spec<'a> {
    position: Option<usize>,
    left: bool,
    width: usize,
    /// `*` or `*n$`: the width is an argument.
    width_from: Option<Option<usize>>,
    kind: char,
    rest: &'a str,
}

impl<'a> Spec<'a> {
    fn parse(text: &'a str) -> Result<Self> {
        let ended = || wrong("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\".");
        let number = |text: &'a str| {
            let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
            let (digits, rest) = text.split_at(digits);
            (digits.parse::<usize>().ok(), rest)
        };
        let mut spec = Self { position: None, left: false, width: 0, width_from: None, kind: ' ', rest: text };
        if let (Some(position), tail) = number(spec.rest)
            && let Some(tail) = tail.strip_prefix('$')
        {
            (spec.position, spec.rest) = (Some(position), tail);
        }
        while let Some(tail) = spec.rest.strip_prefix('-') {
            (spec.left, spec.rest) = (true, tail);
        }
        if let Some(tail) = spec.rest.strip_prefix('*') {
            let (position, after) = number(tail);
            match (position, after.strip_prefix('$')) {
                (Some(position), Some(after)) => (spec.width_from, spec.rest) = (Some(Some(position)), after),
                _ => (spec.width_from, spec.rest) = (Some(None), tail),
            }
        } else if let (Some(width), tail) = number(spec.rest) {
            (spec.width, spec.rest) = (width, tail);
        }
        let mut letters = spec.rest.chars();
        spec.kind = letters.next().ok_or_else(ended)?;
        spec.rest = letters.as_str();
        Ok(spec)
    }
}
