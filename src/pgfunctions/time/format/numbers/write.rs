//! Numbers written by a pattern.

use super::Number;
use super::pattern::{Anchor, Node, Pattern};
use crate::error::Result;
use crate::pgfunctions::time::format::write::ordinal_suffix;

/// Significant digits of a double precision, and of a real.
const FLOAT_DIGITS: usize = 15;
const REAL_DIGITS: usize = 6;

pub(in super::super) fn to_char(number: Number, pattern: &str) -> Result<String> {
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
    let shift = pattern.shift.unwrap_or(0);
    if let Some((value, most)) = float_of(number, shift).filter(|(value, _)| value.is_finite()) {
        // a float has no more decimals than its digits leave, and those of the pattern stay empty
        let whole = format!("{:.0}", value.abs()).len();
        pattern.after = pattern.after.min(most.saturating_sub(whole));
    }
    let (negative, whole, decimals) = rounded(number, pattern.after, shift);
    let digits = if whole.len() > pattern.before || whole.is_empty() {
        let point = if pattern.point { "." } else { "" };
        format!("{}{point}{}", "#".repeat(pattern.before), "#".repeat(pattern.after))
    } else if pattern.point && pattern.after > 0 {
        format!("{whole}.{decimals}")
    } else {
        whole.clone()
    };
    let spaces = pattern.before.saturating_sub(if whole.is_empty() { pattern.before } else { whole.len() });
    Ok(Writer::new(&pattern, negative, digits, spaces).write())
}

/// The float, moved by so many digits, and how many digits it has; `None` for other numbers.
fn float_of(number: Number, shift: usize) -> Option<(f64, usize)> {
    let power = 10_f64.powi(shift as i32);
    match number {
        Number::Real(value) => Some((((f64::from(value) * power) as f32).into(), REAL_DIGITS)),
        Number::Float(value) => Some((value * power, FLOAT_DIGITS)),
        Number::Whole(_) | Number::Decimal(..) => None,
    }
}

/// Sign, whole digits (none where there is no number) and decimals, rounded.
fn rounded(number: Number, after: usize, shift: usize) -> (bool, String, String) {
    let float = float_of(number, shift).map(|(value, _)| value);
    let text = match number {
        Number::Real(_) | Number::Float(_) => match float.unwrap_or_default() {
            value if !value.is_finite() => return (value < 0.0, String::new(), String::new()),
            value => format!("{value:.after$}"),
        },
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
    // a float may be less than nothing by less than is written
    let nothing = float.is_none() && whole == "0" && decimals.bytes().all(|digit| digit == b'0');
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
            !pattern.plus || pattern.minus
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
        Number::Real(value) => value.into(),
        Number::Float(value) => value,
    }
}

fn scientific(number: Number, pattern: &Pattern) -> String {
    let text = match number {
        Number::Decimal(digits, scale) => scientific_decimal(digits, scale, pattern.after),
        other => format!("{:.*e}", pattern.after, float(other)),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    let space = if digits.starts_with('-') || pattern.fill { "" } else { " " };
    format!("{space}{digits}e{sign}{:02}", exponent.abs())
}

/// `4.9e2`, rounded half away from zero; what becomes ten is left so: `10.0e0`.
fn scientific_decimal(digits: i128, scale: i8, after: usize) -> String {
    let magnitude = digits.unsigned_abs();
    let had = magnitude.to_string().len() - 1;
    let exponent = if digits == 0 { 0 } else { had as i32 - i32::from(scale) };
    let mut kept = match had.checked_sub(after) {
        Some(dropped) => {
            let unit = 10_u128.pow(dropped as u32);
            ((magnitude + unit / 2) / unit).to_string()
        }
        None => format!("{magnitude}{}", "0".repeat(after - had)),
    };
    if after > 0 {
        kept.insert(kept.len() - after, '.');
    }
    let sign = if digits < 0 { "-" } else { "" };
    format!("{sign}{kept}e{exponent}")
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
