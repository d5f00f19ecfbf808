//! Numbers written and read by a pattern: `9,990.00`, `FM000`, `S99`, `RN`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Array};

use super::write::ordinal_suffix;
use crate::error::{Error, ErrorKind, Result};

/// A number to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i64),
    /// Unscaled digits, and how many of them are decimals.
    Decimal(i128, i8),
    Float(f64),
}

/// Significant digits of a float.
const FLOAT_DIGITS: usize = 15;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Nine,
    Zero,
    Point,
    Comma,
    Currency,
    Minus,
    Plus,
    Sign,
    Roman {
        lower: bool,
    },
    Ordinal {
        lower: bool,
    },
    Text(char),
    /// Says something about the whole.
    Nothing,
}

/// Where an `S` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Anchor {
    #[default]
    None,
    Before,
    After,
}

#[derive(Debug, Default)]
struct Pattern {
    nodes: Vec<Node>,
    /// Places before and after the point.
    before: usize,
    after: usize,
    zero_start: usize,
    zero_end: usize,
    zeros: bool,
    point: bool,
    fill: bool,
    brackets: bool,
    anchor: Anchor,
    digits_before_sign: usize,
    minus: bool,
    plus: bool,
    roman: bool,
    /// `V`: digits that the number is shifted by.
    shift: Option<usize>,
    scientific: bool,
}

fn syntax(message: &str) -> Error {
    Error::new(ErrorKind::SyntaxError, message)
}

impl Pattern {
    fn parse(text: &str) -> Result<Self> {
        let mut pattern = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (inside, after) = quoted.split_once('"').unwrap_or((quoted, ""));
                pattern.nodes.extend(inside.chars().map(Node::Text));
                rest = after;
                continue;
            }
            let two: String = rest.chars().take(2).collect();
            let four: String = rest.chars().take(4).collect();
            let (length, node) = match (four.to_uppercase().as_str(), two.to_uppercase().as_str()) {
                ("EEEE", _) => {
                    pattern.scientific = true;
                    (4, Node::Nothing)
                }
                (_, pair) => match pattern.pair(pair, two.starts_with(|c: char| c.is_lowercase())) {
                    Some(node) => (2, node),
                    None => (first.len_utf8(), pattern.single(first)?),
                },
            };
            pattern.nodes.push(node);
            rest = &rest[length..];
        }
        Ok(pattern)
    }

    fn pair(&mut self, pair: &str, lower: bool) -> Option<Node> {
        Some(match pair {
            "FM" => {
                self.fill = true;
                Node::Nothing
            }
            "MI" => {
                self.minus = true;
                Node::Minus
            }
            "PL" => {
                self.plus = true;
                Node::Plus
            }
            "SG" => {
                (self.minus, self.plus) = (true, true);
                Node::Sign
            }
            "PR" => {
                self.brackets = true;
                Node::Nothing
            }
            "RN" => {
                self.roman = true;
                Node::Roman { lower }
            }
            "TH" => Node::Ordinal { lower },
            _ => return None,
        })
    }

    fn single(&mut self, char: char) -> Result<Node> {
        Ok(match char {
            '9' => {
                if self.brackets {
                    return Err(syntax("\"9\" must be ahead of \"PR\""));
                }
                self.count();
                Node::Nine
            }
            '0' => {
                if self.brackets {
                    return Err(syntax("\"0\" must be ahead of \"PR\""));
                }
                if !self.zeros && !self.point {
                    (self.zeros, self.zero_start) = (true, self.before + 1);
                }
                self.count();
                self.zero_end = self.before + self.after;
                Node::Zero
            }
            '.' | 'D' | 'd' => {
                if self.point {
                    return Err(syntax("multiple decimal points"));
                }
                self.point = true;
                Node::Point
            }
            ',' | 'G' | 'g' => Node::Comma,
            'L' | 'l' => Node::Currency,
            'S' | 's' => {
                if self.anchor != Anchor::None {
                    return Err(syntax("cannot use \"S\" twice"));
                }
                self.anchor = if self.point { Anchor::After } else { Anchor::Before };
                self.digits_before_sign = self.before;
                Node::Nothing
            }
            'V' | 'v' => {
                if self.point {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.shift = Some(0);
                Node::Nothing
            }
            'B' | 'b' => Node::Nothing,
            other => Node::Text(other),
        })
    }

    fn count(&mut self) {
        match (&mut self.shift, self.point) {
            (Some(shift), _) => *shift += 1,
            (None, true) => self.after += 1,
            (None, false) => self.before += 1,
        }
    }
}

pub(super) fn to_char(number: Number, pattern: &str) -> Result<String> {
    let mut pattern = Pattern::parse(pattern)?;
    if pattern.roman {
        return Ok(roman(number, &pattern));
    }
    if pattern.scientific {
        return Ok(scientific(number, &pattern));
    }
    if let Some(shift) = pattern.shift {
        pattern.before += shift;
    }
    let (negative, whole, decimals) = rounded(number, pattern.after, pattern.shift.unwrap_or(0));
    let digits = if whole.len() > pattern.before || whole.is_empty() {
        let point = if pattern.point { "." } else { "" };
        format!("{}{point}{}", "#".repeat(pattern.before), "#".repeat(pattern.after))
    } else if pattern.point {
        format!("{whole}.{decimals}")
    } else {
        whole.clone()
    };
    let spaces = pattern.before.saturating_sub(if whole.is_empty() { pattern.before } else { whole.len() });
    Ok(Writer::new(&pattern, negative, digits, spaces).write())
}

/// Sign, whole digits (none where there is no number) and decimals, rounded.
fn rounded(number: Number, after: usize, shift: usize) -> (bool, String, String) {
    let text = match number {
        Number::Float(value) if !value.is_finite() => return (value < 0.0, String::new(), String::new()),
        Number::Float(value) => {
            let value = value * 10_f64.powi(shift as i32);
            let whole = format!("{:.0}", value.abs()).len();
            let kept = if whole >= FLOAT_DIGITS { 0 } else { after.min(FLOAT_DIGITS - whole) };
            let text = format!("{value:.kept$}");
            if kept > 0 || after == 0 { text } else { format!("{text}.") }
        }
        Number::Whole(value) => format!("{value}{}", "0".repeat(shift)),
        Number::Decimal(digits, scale) => {
            let kept = after + shift;
            let scale = usize::try_from(scale).unwrap_or(0);
            let mut digits = digits;
            if scale > kept {
                let unit = 10_i128.pow((scale - kept) as u32);
                let half = if digits < 0 { -unit / 2 } else { unit / 2 };
                digits = (digits + half) / unit;
            }
            let given = scale.min(kept);
            let mut text = format!("{:0width$}", digits.unsigned_abs(), width = given + 1);
            text.push_str(&"0".repeat(shift.saturating_sub(given)));
            let decimals = given.saturating_sub(shift);
            text.insert(text.len() - decimals, '.');
            if digits < 0 { format!("-{text}") } else { text }
        }
    };
    let unsigned = text.strip_prefix('-').unwrap_or(&text);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let nothing = whole == "0" && decimals.bytes().all(|digit| digit == b'0');
    (text.starts_with('-') && !nothing, whole.to_owned(), format!("{decimals:0<after$}"))
}

/// Writes digits into the places of a pattern, in the manner of PostgreSQL, whose rules these are.
struct Writer<'a> {
    pattern: &'a Pattern,
    negative: bool,
    digits: Vec<u8>,
    at: usize,
    /// Places before the first digit.
    spaces: usize,
    place: usize,
    last_place: usize,
    anchor: Anchor,
    sign_written: bool,
    digits_begun: bool,
    /// With `FM`, the last digit that is written.
    last_digit: Option<usize>,
    out: String,
}

impl<'a> Writer<'a> {
    fn new(pattern: &'a Pattern, negative: bool, digits: String, spaces: usize) -> Self {
        let digits = digits.into_bytes();
        let sign_written = if pattern.plus || pattern.minus {
            !(pattern.plus && !pattern.minus)
        } else {
            !negative && pattern.fill && pattern.anchor == Anchor::None
        };
        let anchor = match pattern.anchor {
            Anchor::Before if pattern.before == pattern.digits_before_sign => Anchor::After,
            anchor => anchor,
        };
        let mut last_digit = None;
        if pattern.fill && pattern.point {
            let point = digits.iter().position(|digit| *digit == b'.');
            last_digit = point.map(|point| {
                (point..digits.len()).rev().find(|at| *at == point || digits[*at] != b'0').unwrap_or(point)
            });
            if let Some(last) = last_digit.as_mut().filter(|_| pattern.zero_end > spaces) {
                *last = (*last).max((pattern.zero_end - spaces).min(digits.len().saturating_sub(1)));
            }
        }
        let last_place = pattern.after + pattern.before + usize::from(!sign_written && spaces == 0);
        Self {
            pattern,
            negative,
            digits,
            at: 0,
            spaces,
            place: 0,
            last_place: last_place.saturating_sub(1),
            anchor,
            sign_written,
            digits_begun: false,
            last_digit,
            out: String::new(),
        }
    }

    fn sign(&self) -> char {
        if self.negative { '-' } else { '+' }
    }

    /// The number begins with a 0 that only stands there for the point.
    fn is_space_before_point(&self) -> bool {
        !self.pattern.zeros && self.at == 0 && self.digits.first() == Some(&b'0') && self.pattern.after != 0
    }

    fn ends_in_point(&self) -> bool {
        self.last_digit.is_some_and(|last| self.digits.get(last) == Some(&b'.'))
    }

    fn write(mut self) -> String {
        let fill = self.pattern.fill;
        let nodes = &self.pattern.nodes;
        for node in nodes {
            match node {
                Node::Nine => self.digit(false),
                Node::Zero => self.digit(true),
                Node::Point => self.digit(false),
                Node::Comma if self.digits_begun => self.out.push(','),
                Node::Comma | Node::Currency if !fill || *node == Node::Currency => self.out.push(' '),
                Node::Comma => {}
                Node::Minus if self.negative => self.out.push('-'),
                Node::Plus if !self.negative => self.out.push('+'),
                Node::Minus | Node::Plus if !fill => self.out.push(' '),
                Node::Sign => self.out.push(self.sign()),
                Node::Ordinal { lower }
                    if !self.negative && !self.pattern.point && self.digits.first() != Some(&b'#') =>
                {
                    let number = String::from_utf8_lossy(&self.digits).into_owned();
                    self.out.push_str(ordinal_suffix(&number, !lower));
                }
                Node::Text(char) => self.out.push(*char),
                _ => {}
            }
        }
        self.out
    }

    fn put_sign(&mut self) {
        let begins = self.place >= self.spaces || (self.pattern.zeros && self.pattern.zero_start == self.place + 1);
        if self.sign_written || !begins || (self.is_space_before_point() && !self.ends_in_point()) {
            return;
        }
        if self.anchor != Anchor::None {
            if self.anchor == Anchor::Before {
                self.out.push(self.sign());
                self.sign_written = true;
            }
            return;
        }
        if self.pattern.brackets {
            if self.negative || !self.pattern.fill {
                self.out.push(if self.negative { '<' } else { ' ' });
            }
        } else if self.negative {
            self.out.push('-');
        } else if !self.pattern.fill {
            self.out.push(' ');
        }
        self.sign_written = true;
    }

    fn digit(&mut self, zero: bool) {
        self.put_sign();
        let pattern = self.pattern;
        let leading = self.place < self.spaces;
        if leading && (!pattern.zeros || pattern.zero_start > self.place + 1) {
            if !pattern.fill {
                self.out.push(' ');
            }
        } else if leading {
            self.out.push('0');
            self.digits_begun = true;
        } else {
            self.put_digit(zero);
            self.at += usize::from(self.at < self.digits.len());
        }
        self.place += 1;
        let mut end = self.last_place + usize::from(self.spaces > 0) + usize::from(pattern.point);
        if self.last_digit.is_some_and(|last| last + 1 == self.at) {
            end = self.place;
        }
        if self.place == end {
            if self.sign_written && pattern.brackets && pattern.anchor == Anchor::None {
                if self.negative || !pattern.fill {
                    self.out.push(if self.negative { '>' } else { ' ' });
                }
            } else if self.anchor == Anchor::After && !self.sign_written {
                self.out.push(self.sign());
                self.sign_written = true;
            }
        }
    }

    fn put_digit(&mut self, zero: bool) {
        let Some(digit) = self.digits.get(self.at).copied() else { return };
        let fill = self.pattern.fill;
        if digit == b'.' {
            if !self.ends_in_point() || fill {
                self.out.push('.');
            }
        } else if self.last_digit.is_some_and(|last| self.at > last) && !zero {
            // zeros at the end are not written
        } else if self.is_space_before_point() {
            if !fill {
                self.out.push(' ');
            } else if self.ends_in_point() {
                self.out.push('0');
            }
        } else {
            self.out.push(digit.into());
            self.digits_begun = true;
        }
    }
}

fn float(number: Number) -> f64 {
    match number {
        Number::Whole(value) => value as f64,
        Number::Decimal(digits, scale) => digits as f64 / 10_f64.powi(scale.into()),
        Number::Float(value) => value,
    }
}

fn scientific(number: Number, pattern: &Pattern) -> String {
    let value = float(number);
    let text = format!("{value:.*e}", pattern.after);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    let space = if value < 0.0 || pattern.fill { "" } else { " " };
    format!("{space}{digits}e{sign}{:02}", exponent.abs())
}

fn roman(number: Number, pattern: &Pattern) -> String {
    const SIGNS: [(u32, &str); 13] = [
        (1_000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    const WIDTH: usize = 15;
    let value = float(number).round();
    if !(1.0..4_000.0).contains(&value) {
        return "#".repeat(WIDTH);
    }
    let mut left = value as u32;
    let mut text = String::new();
    for (worth, sign) in SIGNS {
        while left >= worth {
            text.push_str(sign);
            left -= worth;
        }
    }
    if pattern.nodes.contains(&Node::Roman { lower: true }) {
        text = text.to_lowercase();
    }
    if pattern.fill { text } else { format!("{text:>WIDTH$}") }
}

/// How many decimals a pattern has.
pub(super) fn decimals(pattern: &str) -> i8 {
    Pattern::parse(pattern).ok().and_then(|pattern| i8::try_from(pattern.after).ok()).unwrap_or(0).min(20)
}

/// The number in a text: unscaled digits, and how many of them are decimals.
pub(super) fn to_number(text: &str, pattern: &str) -> Result<(i128, i8)> {
    let pattern = Pattern::parse(pattern)?;
    let (mut digits, mut scale, mut places) = (0_i128, 0_i8, 0_usize);
    let (mut negative, mut in_decimals) = (text.contains('<'), false);
    let mut rest = text;
    for node in &pattern.nodes {
        let sign = rest.trim_start().chars().next().filter(|char| matches!(char, '-' | '+' | '<'));
        if let (Some(sign), false) = (sign, in_decimals && places > 0) {
            negative |= sign != '+';
            rest = &rest.trim_start()[1..];
        }
        match node {
            Node::Nine | Node::Zero => {
                rest = rest.trim_start();
                if pattern.point && rest.starts_with('.') && !in_decimals {
                    continue;
                }
                if let Some(digit) = rest.chars().next().and_then(|char| char.to_digit(10)) {
                    digits = digits
                        .checked_mul(10)
                        .and_then(|all| all.checked_add(digit.into()))
                        .ok_or_else(|| Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format"))?;
                    places += 1;
                    scale += i8::from(in_decimals);
                    rest = &rest[1..];
                }
            }
            Node::Point => {
                in_decimals = true;
                rest = rest.strip_prefix('.').unwrap_or(rest);
            }
            Node::Comma => rest = rest.strip_prefix(',').unwrap_or(rest),
            Node::Currency | Node::Text(_) => {
                let mut chars = rest.chars();
                if chars.next().is_some_and(|char| !char.is_ascii_digit()) {
                    rest = chars.as_str();
                }
            }
            _ => {}
        }
    }
    negative |= rest.trim_start().starts_with('-');
    if places == 0 {
        return Err(Error::new(ErrorKind::InvalidTextRepresentation, "invalid input syntax for type numeric: \" \""));
    }
    Ok((if negative { -digits } else { digits }, scale))
}

/// Numbers of one scale, that of the one with most decimals.
pub(super) fn column(values: &[Option<(i128, i8)>]) -> Result<ArrayRef> {
    let scale = values.iter().flatten().map(|(_, scale)| *scale).max().unwrap_or(0);
    let scaled = |(digits, own): (i128, i8)| digits * 10_i128.pow(u32::from((scale - own).unsigned_abs()));
    let digits: Decimal128Array = values.iter().map(|value| value.map(scaled)).collect();
    let column = digits.with_precision_and_scale(38, scale);
    column
        .map(|column| Arc::new(column) as ArrayRef)
        .map_err(|error| Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format").with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_postgres_15_writes_them() {
        let decimal = |digits, scale| Number::Decimal(digits, scale);
        for (number, pattern, shown) in [
            (decimal(12345, 1), "9999.99", " 1234.50"),
            (decimal(-12345, 1), "9,999.99", "-1,234.50"),
            (decimal(5, 1), "0.00", " 0.50"),
            (decimal(1, 1), "9.99", "  .10"),
            (decimal(1, 1), "FM9.99", ".1"),
            (decimal(-1, 1), "99.99", "  -.10"),
            (decimal(1, 1), "0.9", " 0.1"),
            (Number::Whole(12), "000", " 012"),
            (Number::Whole(12), "FM000", "012"),
            (Number::Whole(485), "999", " 485"),
            (Number::Whole(-485), "999", "-485"),
            (Number::Whole(485), "9 9 9", " 4 8 5"),
            (Number::Whole(1485), "9,999", " 1,485"),
            (Number::Whole(1485), "9G999", " 1,485"),
            (decimal(148500, 3), "999.999", " 148.500"),
            (decimal(148500, 3), "FM999.999", "148.5"),
            (decimal(148500, 3), "FM999.990", "148.500"),
            (Number::Whole(-485), "999S", "485-"),
            (Number::Whole(-485), "999MI", "485-"),
            (Number::Whole(485), "999MI", "485 "),
            (Number::Whole(485), "FM999MI", "485"),
            (Number::Whole(485), "PL999", "+ 485"),
            (Number::Whole(485), "SG999", "+485"),
            (Number::Whole(-485), "SG999", "-485"),
            (Number::Whole(-485), "9SG99", "4-85"),
            (Number::Whole(-485), "999PR", "<485>"),
            (Number::Whole(485), "999th", " 485th"),
            (Number::Whole(482), "999th", " 482nd"),
            (Number::Whole(485), "RN", "        CDLXXXV"),
            (Number::Whole(485), "FMRN", "CDLXXXV"),
            (decimal(4858, 1), "99", " ##"),
            (decimal(124, 1), "99V9", " 124"),
            (decimal(125, 2), "999.9", "   1.3"),
            (Number::Float(0.5), "0.999EEEE", " 5.000e-01"),
            (Number::Whole(0), "9999", "    0"),
            (decimal(4858, 1), "\"Good number:\"999", "Good number: 486"),
        ] {
            assert_eq!(to_char(number, pattern).unwrap(), shown, "{number:?} {pattern}");
        }
        assert_eq!(to_number("1,234.50", "9,999.99").unwrap(), (123_450, 2));
        assert_eq!(to_number("-12,454.8-", "S99G999D9").unwrap(), (-124_548, 1));
    }
}
