//! jsonb: a tree of its own, with PostgreSQL's order of keys, its text, comparison and containment.
//!
//! Invariant: keys of an object are unique, shorter ones first, then by their bytes; numbers are written without exponent.
//! So equal trees have equal texts, but for trailing zeros of numbers.

use std::cmp::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::json_tree::{self, Json, Kind};
use crate::pgtypes::put_json_string;

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    /// Digits as PostgreSQL's `numeric` prints them.
    Number(String),
    String(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// # Errors
    /// `22P02` with a detail, `22P05` for `\u0000`.
    pub fn parse(text: &str) -> Result<Self> {
        Self::from_tree(&Json::parse(text)?).map_err(|error| json_tree::in_document(error, text))
    }

    pub fn from_tree(json: &Json<'_>) -> Result<Self> {
        Ok(match &json.kind {
            Kind::Null => Self::Null,
            Kind::Bool(value) => Self::Bool(*value),
            Kind::Number(digits) => Self::Number(plain_number(digits)?),
            Kind::String(string) => Self::String(json_tree::text(string)?.to_owned()),
            Kind::Array(items) => Self::Array(items.iter().map(Self::from_tree).collect::<Result<_>>()?),
            Kind::Object(members) => {
                let members =
                    members.iter().map(|(key, value)| Ok((json_tree::text(key)?.to_owned(), Self::from_tree(value)?)));
                Self::object(members.collect::<Result<_>>()?)
            }
        })
    }

    /// An object of members in any order; the last of a name counts.
    pub fn object(mut members: Vec<(String, Value)>) -> Self {
        members.reverse();
        members.sort_by(|(left, _), (right, _)| key_order(left, right));
        members.dedup_by(|(later, _), (kept, _)| later == kept);
        Self::Object(members)
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// PostgreSQL's text of a jsonb.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.put(&mut out);
        out
    }

    fn put(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::String(string) => put_json_string(out, string),
            Self::Array(items) => {
                out.push('[');
                for (nth, item) in items.iter().enumerate() {
                    if nth > 0 {
                        out.push_str(", ");
                    }
                    item.put(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (nth, (key, value)) in members.iter().enumerate() {
                    if nth > 0 {
                        out.push_str(", ");
                    }
                    put_json_string(out, key);
                    out.push_str(": ");
                    value.put(out);
                }
                out.push('}');
            }
        }
    }

    /// What `jsonb_pretty` prints.
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        self.put_pretty(0, &mut out);
        out
    }

    fn put_pretty(&self, depth: usize, out: &mut String) {
        let line = |out: &mut String, depth: usize| {
            out.push('\n');
            out.extend(std::iter::repeat_n("    ", depth));
        };
        match self {
            Self::Array(items) => {
                out.push('[');
                for (nth, item) in items.iter().enumerate() {
                    if nth > 0 {
                        out.push(',');
                    }
                    line(out, depth + 1);
                    item.put_pretty(depth + 1, out);
                }
                line(out, depth);
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (nth, (key, value)) in members.iter().enumerate() {
                    if nth > 0 {
                        out.push(',');
                    }
                    line(out, depth + 1);
                    put_json_string(out, key);
                    out.push_str(": ");
                    value.put_pretty(depth + 1, out);
                }
                line(out, depth);
                out.push('}');
            }
            scalar => scalar.put(out),
        }
    }

    /// Whether `other` is within this one, as `@>` has it.
    pub fn contains(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::Array(items), scalar) if scalar.is_scalar() => items.iter().any(|item| item == scalar),
            _ => self.holds(other),
        }
    }

    fn holds(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::Object(_), Self::Object(wanted)) => {
                wanted.iter().all(|(key, value)| self.get(key).is_some_and(|own| own.holds(value)))
            }
            (Self::Array(items), Self::Array(wanted)) => {
                wanted.iter().all(|value| items.iter().any(|item| item.holds(value)))
            }
            _ => self == other,
        }
    }

    /// PostgreSQL's order of whole documents: that of values, but for the empty array, which comes before all others.
    pub fn order(&self, other: &Self) -> Ordering {
        let is_empty = |value: &Self| matches!(value, Self::Array(items) if items.is_empty());
        match (is_empty(self), is_empty(other)) {
            (false, false) => self.cmp(other),
            (left, right) => right.cmp(&left),
        }
    }

    /// A text, whose order is that of the documents ([`Self::order`]): bytes in hexadecimal.
    pub fn sort_key(&self) -> String {
        let mut key = Vec::new();
        match self {
            Self::Array(items) if items.is_empty() => {}
            value => value.put_sort_key(&mut key),
        }
        key.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Its kind, then what tells it from others of it. Texts end with a byte that none has within.
    fn put_sort_key(&self, out: &mut Vec<u8>) {
        let put_length = |out: &mut Vec<u8>, length: usize| {
            out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        };
        out.push(self.rank() + 1);
        match self {
            Self::Null => {}
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::String(string) => {
                out.extend(string.as_bytes());
                out.push(0);
            }
            Self::Number(digits) => {
                let Plain { negative, whole, fraction } = Plain::of(digits);
                let mut size = Vec::with_capacity(digits.len() + 5);
                put_length(&mut size, whole.len());
                size.extend(whole.bytes().chain(fraction.bytes()));
                size.push(0);
                out.push(u8::from(!negative));
                out.extend(size.iter().map(|byte| if negative { !byte } else { *byte }));
            }
            Self::Array(items) => {
                put_length(out, items.len());
                items.iter().for_each(|item| item.put_sort_key(out));
            }
            Self::Object(members) => {
                put_length(out, members.len());
                for (key, value) in members {
                    out.extend(key.as_bytes());
                    out.push(0);
                    value.put_sort_key(out);
                }
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::String(_) => 1,
            Self::Number(_) => 2,
            Self::Bool(_) => 3,
            Self::Array(_) => 4,
            Self::Object(_) => 5,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    /// PostgreSQL's order within documents: Object > Array > Boolean > Number > String > Null; of two arrays or objects the longer is greater.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Number(left), Self::Number(right)) => number_order(left, right),
            (Self::String(left), Self::String(right)) => left.cmp(right),
            (Self::Array(left), Self::Array(right)) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
            (Self::Object(left), Self::Object(right)) => left.len().cmp(&right.len()).then_with(|| {
                let mut pairs = left.iter().zip(right).map(|((a, x), (b, y))| a.cmp(b).then_with(|| x.cmp(y)));
                pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

fn key_order(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// A number as it is compared: digits without zeros before or after them. Nought is not negative.
struct Plain<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Plain<'a> {
    fn of(text: &'a str) -> Self {
        let digits = text.trim_start_matches('-');
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let is_zero = whole.is_empty() && fraction.is_empty();
        Self { negative: text.starts_with('-') && !is_zero, whole, fraction }
    }

    /// What numbers of one sign are told apart by.
    fn size(&self) -> (usize, &'a str, &'a str) {
        (self.whole.len(), self.whole, self.fraction)
    }
}

/// Two plain numbers of any length.
fn number_order(left: &str, right: &str) -> Ordering {
    let (left, right) = (Plain::of(left), Plain::of(right));
    match (left.negative, right.negative) {
        (false, false) => left.size().cmp(&right.size()),
        (true, true) => right.size().cmp(&left.size()),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// A JSON number as `numeric` prints it: no exponent, the decimals that were written.
fn plain_number(text: &str) -> Result<String> {
    /// Digits that a `numeric` may have before and after its point.
    const DIGITS_MAX: i64 = 131_072;
    const DECIMALS_MAX: i64 = 16_383;
    let overflow = || Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| overflow())?),
        None => (text, 0),
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let zero = mantissa.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if zero { "" } else { sign };
    if exponent == 0 {
        return Ok(format!("{sign}{mantissa}"));
    }
    let decimals = i64::try_from(fraction.len()).map_err(|_| overflow())?.saturating_sub(exponent);
    if decimals > DECIMALS_MAX || (!zero && decimals < -DIGITS_MAX) {
        return Err(overflow());
    }
    let mut digits = format!("{whole}{fraction}");
    if decimals <= 0 {
        if !zero {
            digits.extend(std::iter::repeat_n('0', usize::try_from(-decimals).map_err(|_| overflow())?));
        }
        let shown = digits.trim_start_matches('0');
        return Ok(format!("{sign}{}", if shown.is_empty() { "0" } else { shown }));
    }
    let decimals = usize::try_from(decimals).map_err(|_| overflow())?;
    if digits.len() <= decimals {
        digits = format!("{digits:0>width$}", width = decimals + 1);
    }
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let whole = whole.trim_start_matches('0');
    Ok(format!("{sign}{}.{fraction}", if whole.is_empty() { "0" } else { whole }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expected: &str) {
        assert_eq!(Value::parse(given).unwrap().to_text(), expected, "{given}");
    }

    #[test]
    fn text_is_that_of_postgres() {
        check("{\"bb\":1,\"a\":2,  \"bb\":[1,2.50]}", "{\"a\": 2, \"bb\": [1, 2.50]}");
        check("[1e3, 1.5E1, 12e-1, -0, -0.0, 1e-3, 0e5, 120.5e-4]", "[1000, 15, 1.2, 0, 0.0, 0.001, 0, 0.01205]");
        check("\"\\u00e9\\n\"", "\"é\\n\"");
    }

    #[test]
    fn order_and_containment() {
        let value = |text| Value::parse(text).unwrap();
        assert_eq!(value("1.0"), value("1.00"));
        assert!(value("-2") < value("1") && value("10") > value("9") && value("-10") < value("-9.5"));
        assert!(value("{}") > value("[1]") && value("true") > value("5") && value("\"x\"") > value("null"));
        assert!(value("{\"a\": [1, {\"b\": 2}], \"c\": 3}").contains(&value("{\"a\": [{\"b\": 2}]}")));
        assert!(value("[\"x\", 1]").contains(&value("\"x\"")));
        assert!(!value("[[1]]").contains(&value("1")) && !value("1").contains(&value("[1]")));
    }
}
