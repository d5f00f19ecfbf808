//! `to_char`, `to_date`, `to_timestamp` and `to_number`: patterns for times ([`pattern`], [`write`], [`read`]) and for
//! numbers ([`numbers`]).

mod numbers;
mod pattern;
mod read;
mod write;

use std::cell::RefCell;
use std::rc::Rc;

use datafusion::arrow::array::ArrayRef;

use super::call::{
    Bigint, Context, Date, Float, Integer, Intervals, Numeric, Read, Real, Returns, Row, Text, Timestamp, Timestamptz,
    Ty, each, map2, row,
};
use crate::error::Result;
use crate::pgtypes::time::{Zone, is_finite};
use pattern::Pattern;

use Ty::Text as X;

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("to_char", &[Ty::Timestamptz, X], X, |c, args| {
        let patterns = Patterns::default();
        let zone = c.style.zone;
        each::<Text>(args, |args, row| {
            shown(&patterns.of(Text::get(&args[1], row)), Timestamptz::get(&args[0], row), Some(zone))
        })
    }),
    row("to_char", &[Ty::Timestamp, X], X, |_, args| {
        let patterns = Patterns::default();
        each::<Text>(args, |args, row| shown(&patterns.of(Text::get(&args[1], row)), Timestamp::get(&args[0], row), None))
    }),
    row("to_char", &[Ty::Interval, X], X, |_, args| {
        let patterns = Patterns::default();
        each::<Text>(args, |args, row| {
            let interval = write::Shown::of_interval(Intervals::get(&args[0], row));
            written(&patterns.of(Text::get(&args[1], row)), &interval)
        })
    }),
    row("to_char", &[Ty::Integer, X], X, |_, args| {
        map2::<Integer, Text, Text>(args, |number, pattern| numbers::to_char(numbers::Number::Whole(number.into()), pattern))
    }),
    row("to_char", &[Ty::Bigint, X], X, |_, args| {
        map2::<Bigint, Text, Text>(args, |number, pattern| numbers::to_char(numbers::Number::Whole(number), pattern))
    }),
    row("to_char", &[Ty::Numeric, X], X, |_, args| {
        map2::<Numeric, Text, Text>(args, |(digits, scale), pattern| {
            numbers::to_char(numbers::Number::Decimal(digits, scale), pattern)
        })
    }),
    row("to_char", &[Ty::Real, X], X, |_, args| {
        map2::<Real, Text, Text>(args, |number, pattern| numbers::to_char(numbers::Number::Real(number), pattern))
    }),
    row("to_char", &[Ty::Float, X], X, |_, args| {
        map2::<Float, Text, Text>(args, |number, pattern| numbers::to_char(numbers::Number::Float(number), pattern))
    }),
    row("to_date", &[X, X], Ty::Date, |_, args| {
        let patterns = Patterns::default();
        map2::<Text, Text, Date>(args, |text, pattern| read::date(text, &patterns.of(pattern)))
    }),
    row("to_timestamp", &[X, X], Ty::Timestamptz, |c, args| {
        let patterns = Patterns::default();
        map2::<Text, Text, Timestamptz>(args, |text, pattern| read::instant(text, &patterns.of(pattern), c.style.zone))
    }),
    Row {
        name: "to_number",
        takes: &[X, X],
        returns: Returns::Numeric { told_by: 1, decimals: |pattern, _| numbers::decimals(pattern) },
        eval: to_number,
    },
];

/// As many decimals as the first pattern has: a column of numerics has one scale.
fn to_number(_: &Context, args: &[ArrayRef]) -> Result<ArrayRef> {
    let mut values = Vec::with_capacity(args[0].len());
    for row in 0..args[0].len() {
        let null = args.iter().any(|column| column.is_null(row));
        values.push(if null {
            None
        } else {
            Some(numbers::to_number(Text::get(&args[0], row), Text::get(&args[1], row))?)
        });
    }
    numbers::column(&values)
}

/// Patterns are read once for a run of equal ones.
#[derive(Default)]
struct Patterns(RefCell<Option<(String, Rc<Pattern>)>>);

impl Patterns {
    fn of(&self, text: &str) -> Rc<Pattern> {
        let mut last = self.0.borrow_mut();
        match last.as_ref() {
            Some((known, pattern)) if known == text => pattern.clone(),
            _ => {
                let pattern = Rc::new(Pattern::parse(text));
                *last = Some((text.to_owned(), pattern.clone()));
                pattern
            }
        }
    }
}

/// Nothing comes of an infinite time, which has no parts.
fn shown(pattern: &Pattern, at: i64, zone: Option<Zone>) -> Result<Option<String>> {
    if is_finite(at) { written(pattern, &write::Shown::of_timestamp(at, zone)) } else { Ok(None) }
}

/// Nothing comes of an empty pattern.
fn written(pattern: &Pattern, shown: &write::Shown) -> Result<Option<String>> {
    if pattern.nodes.is_empty() { Ok(None) } else { write::write(pattern, shown).map(Some) }
}
