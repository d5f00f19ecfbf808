//! Text of a date, time or interval as fields, told apart by their looks alone.

use super::decode::Fault;
use super::words;

/// What a field looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// Letters.
    Word,
    /// Digits or words with separators.
    Date,
    /// Digits with colons.
    Time,
    /// A sign and digits.
    Signed,
    /// A sign and letters.
    Special,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub kind: Kind,
    /// In lower case.
    pub text: String,
}

const FIELDS_MAX: usize = 25;

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    text: String,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }
    fn is(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        self.peek().is_some_and(wanted)
    }
    fn take(&mut self) {
        if let Some(char) = self.rest.next() {
            self.text.push(char.to_ascii_lowercase());
        }
    }
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.is(&wanted) {
            self.take();
        }
    }
}

fn digit(char: char) -> bool {
    char.is_ascii_digit()
}
fn letter(char: char) -> bool {
    char.is_ascii_alphabetic()
}

/// The fields of a text.
pub(super) fn fields(text: &str) -> Result<Vec<Field>, Fault> {
    let mut reader = Reader { rest: text.chars().peekable(), text: String::new() };
    let mut fields = Vec::new();
    while let Some(first) = reader.peek() {
        let kind = match first {
            c if c.is_ascii_whitespace() || c == '\u{b}' => {
                reader.rest.next();
                continue;
            }
            c if digit(c) => number(&mut reader),
            '.' => {
                reader.take();
                reader.take_while(digit);
                Kind::Number
            }
            c if letter(c) => word(&mut reader),
            '+' | '-' => signed(&mut reader)?,
            // other punctuation only separates
            c if c.is_ascii_punctuation() => {
                reader.rest.next();
                continue;
            }
            _ => return Err(Fault::Syntax),
        };
        fields.push(Field { kind, text: std::mem::take(&mut reader.text) });
        if fields.len() > FIELDS_MAX {
            return Err(Fault::Syntax);
        }
    }
    Ok(fields)
}

fn number(reader: &mut Reader<'_>) -> Kind {
    reader.take_while(digit);
    match reader.peek() {
        Some(':') => {
            reader.take_while(|c| digit(c) || c == ':' || c == '.');
            Kind::Time
        }
        Some(separator @ ('-' | '/' | '.')) => {
            reader.take();
            if !reader.is(digit) {
                reader.take_while(|c| c.is_ascii_alphanumeric() || c == separator);
                return Kind::Date;
            }
            reader.take_while(digit);
            if reader.peek() == Some(separator) {
                reader.take_while(|c| digit(c) || c == separator);
                return Kind::Date;
            }
            if separator == '.' { Kind::Number } else { Kind::Date }
        }
        _ => Kind::Number,
    }
}

/// A month, a day of the week, a zone; or a date or the name of a zone with punctuation in it.
fn word(reader: &mut Reader<'_>) -> Kind {
    reader.take_while(letter);
    let goes_on = match reader.peek() {
        Some('-' | '/' | '.') => true,
        Some(c) if c == '+' || digit(c) => !words::ends_before_number(&reader.text),
        _ => false,
    };
    if !goes_on {
        return Kind::Word;
    }
    reader.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '/' | '_' | '.' | ':'));
    Kind::Date
}

fn signed(reader: &mut Reader<'_>) -> Result<Kind, Fault> {
    reader.take();
    while reader.is(|c| c.is_ascii_whitespace()) {
        reader.rest.next();
    }
    match reader.peek() {
        Some(c) if digit(c) || c == '.' => {
            reader.take_while(|c| digit(c) || matches!(c, ':' | '.' | '-'));
            Ok(Kind::Signed)
        }
        Some(c) if letter(c) => {
            reader.take_while(letter);
            Ok(Kind::Special)
        }
        _ => Err(Fault::Syntax),
    }
}
