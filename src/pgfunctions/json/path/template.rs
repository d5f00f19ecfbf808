//! Templates of `.datetime()`: how a text is read by one, strictly, as the SQL standard has it.
//!
//! Invariant: a template is followed to the letter: separators are those it has, and nothing but spaces may follow.

use crate::error::{Error, ErrorKind, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    /// Of the clock that begins again at noon.
    HalfDayHour,
    Minute,
    Second,
    Millis,
    Micros,
    /// With so many digits.
    Fraction(u32),
    Meridiem,
    OffsetHours,
    OffsetMinutes,
}

/// Fields by name, in lower case, longest first; `None`: one that is not read.
const FIELDS: &[(&str, Option<Field>)] = &[
    ("month", None),
    ("y,yyy", None),
    ("sssss", None),
    ("a.d.", None),
    ("b.c.", None),
    ("a.m.", None),
    ("p.m.", None),
    ("iddd", None),
    ("iyyy", None),
    ("ssss", None),
    ("hh24", Some(Field::Hour)),
    ("hh12", Some(Field::HalfDayHour)),
    ("yyyy", Some(Field::Year)),
    ("day", None),
    ("ddd", None),
    ("iyy", None),
    ("mon", None),
    ("ff1", Some(Field::Fraction(1))),
    ("ff2", Some(Field::Fraction(2))),
    ("ff3", Some(Field::Fraction(3))),
    ("ff4", Some(Field::Fraction(4))),
    ("ff5", Some(Field::Fraction(5))),
    ("ff6", Some(Field::Fraction(6))),
    ("tzh", Some(Field::OffsetHours)),
    ("tzm", Some(Field::OffsetMinutes)),
    ("yyy", Some(Field::Year)),
    ("ad", None),
    ("bc", None),
    ("cc", None),
    ("dy", None),
    ("fm", None),
    ("fx", None),
    ("id", None),
    ("iw", None),
    ("iy", None),
    ("of", None),
    ("rm", None),
    ("tm", None),
    ("tz", None),
    ("ww", None),
    ("am", Some(Field::Meridiem)),
    ("pm", Some(Field::Meridiem)),
    ("dd", Some(Field::Day)),
    ("hh", Some(Field::HalfDayHour)),
    ("mi", Some(Field::Minute)),
    ("mm", Some(Field::Month)),
    ("ms", Some(Field::Millis)),
    ("ss", Some(Field::Second)),
    ("us", Some(Field::Micros)),
    ("yy", Some(Field::Year)),
    ("d", None),
    ("i", None),
    ("j", None),
    ("q", None),
    ("w", None),
    ("y", Some(Field::Year)),
];

#[derive(Debug)]
enum Node {
    /// With its name as it is written.
    Field(Field, String),
    Separator(char),
    /// Of a quoted text.
    Letter(char),
}

#[derive(Debug)]
pub(super) struct Template(Vec<Node>);

/// What was read of a text.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub year: i32,
    pub month: i32,
    pub day: i32,
    hour: i32,
    pub minute: i32,
    pub second: i32,
    millis: i32,
    micros: i32,
    /// Digits that the fraction of a second is rounded to.
    pub precision: Option<u32>,
    is_half_day: bool,
    is_afternoon: bool,
    /// -1 for an offset west of Greenwich.
    pub offset_sign: i32,
    pub offset_hours: i32,
    pub offset_minutes: i32,
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidDatetime, message)
}

fn conflict(name: &str) -> Error {
    wrong(format!("conflicting values for \"{name}\" field in formatting string"))
        .with_detail("This value contradicts a previous setting for the same field type.")
}

/// A template as a path says it. What is wrong with it is told to the walk that needs it.
#[derive(Debug)]
pub(super) struct Written {
    pub text: String,
    /// What it says; `None` where something is wrong.
    read: Option<Template>,
}

impl Written {
    pub fn new(text: String) -> Self {
        Self { read: Template::parse(&text).ok(), text }
    }

    /// # Errors
    /// Those of [`Template::parse`].
    pub fn template(&self) -> Result<&Template> {
        match &self.read {
            Some(template) => Ok(template),
            None => Err(Template::parse(&self.text).err().unwrap_or_else(|| Error::internal("a template changed"))),
        }
    }
}

impl Template {
    /// # Errors
    /// `22007` for what is neither a field nor a separator, `0A000` for a field that is not read.
    pub fn parse(text: &str) -> Result<Self> {
        let (mut nodes, mut rest) = (Vec::new(), text);
        while let Some(first) = rest.chars().next() {
            if let Some((name, field)) = field(rest) {
                let field = field.ok_or_else(|| unsupported(name))?;
                rest = rest.get(name.len()..).unwrap_or_default();
                if let Some(suffix) = ["TH", "th", "SP", "sp"].iter().find(|suffix| rest.starts_with(**suffix)) {
                    return Err(unsupported(suffix));
                }
                nodes.push(Node::Field(field, name.to_owned()));
                continue;
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            match first {
                '"' => rest = quoted(rest, &mut nodes),
                _ if "-./,':; ".contains(first) => nodes.push(Node::Separator(first)),
                _ => return Err(wrong(format!("invalid datetime format separator: \"{first}\""))),
            }
        }
        Ok(Self(nodes))
    }

    fn has(&self, is_meant: impl Fn(Field) -> bool) -> bool {
        self.0.iter().any(|node| matches!(node, Node::Field(field, _) if is_meant(*field)))
    }

    pub fn is_dated(&self) -> bool {
        self.has(|field| matches!(field, Field::Year | Field::Month | Field::Day))
    }

    pub fn is_zoned(&self) -> bool {
        self.has(|field| matches!(field, Field::OffsetHours | Field::OffsetMinutes))
    }

    pub fn is_timed(&self) -> bool {
        use Field::{Day, Month, OffsetHours, OffsetMinutes, Year};
        self.has(|field| !matches!(field, Year | Month | Day | OffsetHours | OffsetMinutes))
    }

    /// What the text holds.
    ///
    /// # Errors
    /// `22007`, `22008` for a text that is not as the template says.
    pub fn read(&self, text: &str) -> Result<Fields> {
        let (mut fields, mut rest) = (Fields::default(), text);
        for (nth, node) in self.0.iter().enumerate() {
            if rest.is_empty() {
                return Err(wrong("input string is too short for datetime format"));
            }
            rest = match node {
                Node::Separator(separator) => rest
                    .strip_prefix(*separator)
                    .ok_or_else(|| wrong(format!("unmatched format separator \"{separator}\"")))?,
                Node::Letter(letter) => rest
                    .strip_prefix(*letter)
                    .ok_or_else(|| wrong(format!("unmatched format character \"{letter}\"")))?,
                Node::Field(field, name) => {
                    // where no digit follows, a number is as long as it is
                    let is_open = match self.0.get(nth + 1) {
                        Some(Node::Field(next, _)) => matches!(next, Field::Meridiem | Field::OffsetHours),
                        Some(Node::Letter(letter)) => !letter.is_ascii_digit(),
                        Some(Node::Separator(_)) | None => true,
                    };
                    fields.take(*field, name, is_open, rest)?
                }
            };
        }
        if !rest.bytes().all(is_space) {
            return Err(wrong("trailing characters remain in input string after datetime format"));
        }
        Ok(fields)
    }
}

impl Fields {
    /// Of the day, from 0.
    ///
    /// # Errors
    /// `22007` for one that is not on the clock.
    pub fn hour(&self) -> Result<i32> {
        if !self.is_half_day {
            return Ok(self.hour);
        }
        if !(1..=12).contains(&self.hour) {
            return Err(wrong(format!("hour \"{}\" is invalid for the 12-hour clock", self.hour))
                .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
        }
        Ok(self.hour % 12 + if self.is_afternoon { 12 } else { 0 })
    }

    pub fn micros(&self) -> i64 {
        i64::from(self.millis) * 1_000 + i64::from(self.micros)
    }

    /// Takes a field from the beginning of the text; returns what follows.
    fn take<'t>(&mut self, field: Field, name: &str, is_open: bool, text: &'t str) -> Result<&'t str> {
        let mut rest = text;
        if field == Field::Meridiem {
            return self.take_meridiem(name, rest);
        }
        if field == Field::OffsetHours {
            self.offset_sign = if rest.starts_with('-') { -1 } else { 1 };
            rest = rest.strip_prefix(['+', '-', ' ']).unwrap_or(rest);
        }
        let width = match field {
            Field::Hour | Field::HalfDayHour | Field::OffsetHours | Field::OffsetMinutes => 2,
            Field::Millis => 3,
            Field::Micros => 6,
            Field::Fraction(digits) => digits as usize,
            _ => name.len(),
        };
        let (value, length) = if is_open { open(name, width, rest)? } else { exact(name, width, rest)? };
        let scaled = |digits: usize| 10i32.pow(u32::try_from(digits.saturating_sub(length)).unwrap_or_default());
        let (place, set) = match field {
            Field::Year => (&mut self.year, value),
            Field::Month => (&mut self.month, value),
            Field::Day => (&mut self.day, value),
            Field::Hour | Field::HalfDayHour => (&mut self.hour, value),
            Field::Minute => (&mut self.minute, value),
            Field::Second => (&mut self.second, value),
            Field::Millis => (&mut self.millis, value),
            Field::OffsetHours => (&mut self.offset_hours, value),
            Field::OffsetMinutes => (&mut self.offset_minutes, value),
            Field::Micros | Field::Fraction(_) | Field::Meridiem => (&mut self.micros, value),
        };
        if *place != 0 && *place != set {
            return Err(conflict(name));
        }
        *place = set;
        match field {
            Field::Year if name.len() < 4 && length < 4 => self.year = whole_year(value),
            Field::HalfDayHour => self.is_half_day = true,
            Field::OffsetMinutes if self.offset_sign == 0 => self.offset_sign = 1,
            Field::Millis => self.millis = value.saturating_mul(scaled(3)),
            Field::Micros => self.micros = value.saturating_mul(scaled(6)),
            Field::Fraction(digits) => {
                self.micros = value.saturating_mul(scaled(6));
                self.precision = Some(digits);
            }
            _ => {}
        }
        Ok(rest.get(length..).unwrap_or_default())
    }

    fn take_meridiem<'t>(&mut self, name: &str, text: &'t str) -> Result<&'t str> {
        let word = text.get(..2).unwrap_or_default();
        if !["am", "pm"].iter().any(|known| known.eq_ignore_ascii_case(word)) {
            let shown = text.split(|letter: char| letter.is_ascii_whitespace()).next().unwrap_or_default();
            return Err(wrong(format!("invalid value \"{shown}\" for \"{name}\""))
                .with_detail("The given value did not match any of the allowed values for this field."));
        }
        let is_afternoon = word.eq_ignore_ascii_case("pm");
        if self.is_afternoon && !is_afternoon {
            return Err(conflict(name));
        }
        (self.is_half_day, self.is_afternoon) = (true, is_afternoon);
        Ok(text.get(2..).unwrap_or_default())
    }
}

/// The field that the text begins with: its name is in one case.
fn field(text: &str) -> Option<(&str, Option<Field>)> {
    if let Some(name) = ["Month", "Mon", "Day", "Dy"].iter().find(|name| text.starts_with(**name)) {
        return Some((name, None));
    }
    FIELDS.iter().find_map(|(name, field)| {
        let written = text.get(..name.len())?;
        (written == *name || written == name.to_ascii_uppercase()).then_some((written, *field))
    })
}

fn unsupported(name: &str) -> Error {
    let message = format!("\"{name}\" in a template of jsonpath method .datetime() is not supported");
    Error::new(ErrorKind::FeatureNotSupported, message)
}

/// Takes a quoted text whose quote is behind us; returns what follows it.
fn quoted<'t>(text: &'t str, nodes: &mut Vec<Node>) -> &'t str {
    let mut letters = text.chars();
    while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
        let letter = if letter == '\\' { letters.next().unwrap_or(letter) } else { letter };
        nodes.push(Node::Letter(letter));
    }
    letters.as_str()
}

fn whole_year(year: i32) -> i32 {
    match year {
        ..70 => year + 2_000,
        70..100 => year + 1_900,
        100..520 => year + 2_000,
        520..1_000 => year + 1_000,
        _ => year,
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn spaces(text: &str) -> usize {
    text.bytes().take_while(|byte| is_space(*byte)).count()
}

/// How long an integer with what may stand before it is; 0 where there is none.
fn integer(text: &str) -> usize {
    let before = spaces(text);
    let rest = text.get(before..).unwrap_or_default();
    let sign = usize::from(rest.starts_with(['+', '-']));
    let digits = rest.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    if digits > 0 { before + sign + digits } else { 0 }
}

fn no_integer(shown: &str, name: &str) -> Error {
    wrong(format!("invalid value \"{shown}\" for \"{name}\"")).with_detail("Value must be an integer.")
}

/// An integer as long as it is, and its length.
fn open(name: &str, width: usize, text: &str) -> Result<(i32, usize)> {
    let length = integer(text);
    if length == 0 {
        return Err(no_integer(&begin(text.get(spaces(text)..).unwrap_or_default(), width), name));
    }
    let digits = text.get(..length).unwrap_or_default().trim_ascii_start();
    let value = digits.parse().map_err(|_| {
        let message = format!("value for \"{name}\" in source string is out of range");
        Error::new(ErrorKind::DatetimeOutOfRange, message)
            .with_detail("Value must be in the range -2147483648 to 2147483647.")
    })?;
    Ok((value, length))
}

/// An integer of so many letters, and how much of the text it takes.
fn exact(name: &str, width: usize, text: &str) -> Result<(i32, usize)> {
    let before = spaces(text);
    let rest = text.get(before..).unwrap_or_default();
    let hint = "If your source string is not fixed-width, try using the \"FM\" modifier.";
    if rest.len() < width {
        return Err(wrong(format!("source string too short for \"{name}\" formatting field"))
            .with_detail(format!("Field requires {width} characters, but only {} remain.", rest.len()))
            .with_hint(hint));
    }
    let shown = begin(rest, width);
    let length = integer(&shown);
    if length == 0 {
        return Err(no_integer(&shown, name));
    }
    if length < width {
        return Err(wrong(format!("invalid value \"{shown}\" for \"{name}\""))
            .with_detail(format!("Field requires {width} characters, but only {length} could be parsed."))
            .with_hint(hint));
    }
    Ok((shown.trim_ascii_start().parse().unwrap_or_default(), before + length))
}

/// Not more than so many bytes.
fn begin(text: &str, width: usize) -> String {
    text.chars()
        .scan(0, |size, letter| {
            *size += letter.len_utf8();
            (*size <= width).then_some(letter)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_to_the_letter() {
        let read = |template: &str, text: &str| match Template::parse(template).and_then(|template| template.read(text))
        {
            Ok(fields) => format!(
                "{}-{}-{} {}:{}:{} {} {}{}:{}",
                fields.year,
                fields.month,
                fields.day,
                fields.hour().unwrap_or(-1),
                fields.minute,
                fields.second,
                fields.micros(),
                fields.offset_sign,
                fields.offset_hours,
                fields.offset_minutes
            ),
            Err(error) => error.message().to_owned(),
        };
        for (template, text, expected) in [
            ("YYYY-MM-DD", "2017-3-10", "2017-3-10 0:0:0 0 00:0"),
            ("ddmmyy", "100317", "2017-3-10 0:0:0 0 00:0"),
            ("HH12:MI pm", "12:30 AM", "0-0-0 0:30:0 0 00:0"),
            ("HH24:MI:SS.USTZH:TZM", "1:2:3.25-05:30", "0-0-0 1:2:3 250000 -15:30"),
            ("yyyy\"T\"mm", "2017T4", "2017-4-0 0:0:0 0 00:0"),
            ("dd.mm", "10-03", "unmatched format separator \".\""),
            ("dd\"x\"", "10y", "unmatched format character \"x\""),
            ("dd.mm", "10.", "input string is too short for datetime format"),
            ("dd", "10 x", "trailing characters remain in input string after datetime format"),
            ("dd", "x", "invalid value \"x\" for \"dd\""),
            ("ddmm", "1", "source string too short for \"dd\" formatting field"),
            ("ddmm", "1x11", "invalid value \"1x\" for \"dd\""),
            ("dd?", "1", "invalid datetime format separator: \"?\""),
            ("dd dd", "1 2", "conflicting values for \"dd\" field in formatting string"),
            ("Month", "May", "\"Month\" in a template of jsonpath method .datetime() is not supported"),
        ] {
            assert_eq!(read(template, text), expected, "{template} of {text}");
        }
    }
}
