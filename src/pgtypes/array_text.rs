//! The text of an array: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`.
//!
//! Source: PostgreSQL 15, `arrayfuncs.c`, whose states and complaints these are.

use std::iter::Peekable;
use std::str::Chars;

use crate::error::{Error, ErrorKind, Result};

/// Dimensions that an array may have.
pub(super) const MAX_DIMENSIONS: usize = 6;

/// An array's elements as they are written, row by row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ArrayText {
    /// How many there are in each dimension; none of an empty array.
    pub dimensions: Vec<usize>,
    /// `None` for NULL.
    pub elements: Vec<Option<String>>,
}

/// What was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    LevelStarted,
    Element,
    ElementDelimited,
    LevelCompleted,
    LevelDelimited,
}

impl ArrayText {
    /// # Errors
    /// `22P02` in PostgreSQL's words; `54000` for more than six dimensions; `0A000` for bounds that do not begin at 1.
    pub fn read(text: &str) -> Result<Self> {
        let (lengths, body) = bounds(text.trim()).map_err(|complaint| complaint.error(text))?;
        if !body.starts_with('{') {
            let detail = match lengths.is_empty() {
                true => "Array value must start with \"{\" or dimension information.",
                false => "Array contents must start with \"{\".",
            };
            return Err(Complaint::Malformed(detail).error(text));
        }
        let read = Reader::new(body).read().map_err(|complaint| complaint.error(text))?;
        if !lengths.is_empty() && lengths != read.dimensions {
            let detail = "Specified array dimensions do not match array contents.";
            return Err(Complaint::Malformed(detail).error(text));
        }
        Ok(read)
    }
}

/// More dimensions than an array may have.
pub(super) fn too_deep(dimensions: usize) -> Error {
    let message = format!("number of array dimensions ({dimensions}) exceeds the maximum allowed ({MAX_DIMENSIONS})");
    Error::new(ErrorKind::ProgramLimitExceeded, message)
}

/// `[1:2][1:3]=` before the contents, as lengths, and the rest.
fn bounds(text: &str) -> Result<(Vec<usize>, &str), Complaint> {
    let (mut lengths, mut rest) = (Vec::new(), text);
    while let Some(more) = rest.strip_prefix('[') {
        let bad = || Complaint::Malformed("\"[\" must introduce explicitly-specified array dimensions.");
        let (range, after) = more.split_once(']').ok_or_else(bad)?;
        let (lower, upper) = range.split_once(':').unwrap_or(("1", range));
        let number = |text: &str| text.trim().parse::<i32>().map_err(|_| bad());
        let (lower, upper) = (number(lower)?, number(upper)?);
        if lower != 1 {
            return Err(Complaint::OtherBounds);
        }
        lengths.push(usize::try_from(upper).map_err(|_| bad())?);
        rest = after.trim_start();
    }
    if lengths.is_empty() {
        return Ok((lengths, rest));
    }
    let rest = rest.strip_prefix('=').ok_or(Complaint::Malformed("Missing \"=\" after array dimensions."))?;
    Ok((lengths, rest.trim_start()))
}

/// What is wrong with a text.
enum Complaint {
    Malformed(&'static str),
    TooDeep,
    OtherBounds,
}

impl Complaint {
    fn error(self, text: &str) -> Error {
        match self {
            Self::Malformed(detail) => {
                let message = format!("malformed array literal: \"{text}\"");
                Error::new(ErrorKind::InvalidTextRepresentation, message).with_detail(detail)
            }
            Self::TooDeep => too_deep(MAX_DIMENSIONS + 1),
            Self::OtherBounds => Error::new(
                ErrorKind::FeatureNotSupported,
                "arrays whose subscripts do not begin at 1 are not supported",
            ),
        }
    }
}

struct Reader<'t> {
    chars: Peekable<Chars<'t>>,
    state: State,
    /// Elements, or arrays, so far in each level that is open.
    open: Vec<usize>,
    /// As many as each level has that was completed before.
    lengths: Vec<Option<usize>>,
    elements: Vec<Option<String>>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let (open, lengths, elements) = (Vec::new(), Vec::new(), Vec::new());
        Self { chars: text.chars().peekable(), state: State::Nothing, open, lengths, elements }
    }

    fn read(mut self) -> Result<ArrayText, Complaint> {
        loop {
            let Some(&next) = self.chars.peek() else { return Err(Complaint::Malformed("Unexpected end of input.")) };
            match next {
                '{' => self.open_level()?,
                '}' => {
                    self.close_level()?;
                    if self.open.is_empty() {
                        break;
                    }
                }
                ',' => self.delimit()?,
                blank if is_blank(blank) => drop(self.chars.next()),
                _ => self.element()?,
            }
        }
        if self.chars.any(|char| !is_blank(char)) {
            return Err(Complaint::Malformed("Junk after closing right brace."));
        }
        let dimensions = match self.elements.is_empty() {
            true => Vec::new(),
            false => self.lengths.into_iter().map_while(|length| length).collect(),
        };
        Ok(ArrayText { dimensions, elements: self.elements })
    }

    fn open_level(&mut self) -> Result<(), Complaint> {
        if !matches!(self.state, State::Nothing | State::LevelStarted | State::LevelDelimited) {
            return Err(Complaint::Malformed("Unexpected \"{\" character."));
        }
        if self.open.len() == MAX_DIMENSIONS {
            return Err(Complaint::TooDeep);
        }
        self.chars.next();
        self.open.push(0);
        if self.lengths.len() < self.open.len() {
            self.lengths.push(None);
        }
        self.state = State::LevelStarted;
        Ok(())
    }

    fn close_level(&mut self) -> Result<(), Complaint> {
        let is_empty_array = self.state == State::LevelStarted && self.open.len() == 1;
        if !matches!(self.state, State::Element | State::LevelCompleted) && !is_empty_array {
            return Err(Complaint::Malformed("Unexpected \"}\" character."));
        }
        self.chars.next();
        let Some(length) = self.open.pop() else { return Err(Complaint::Malformed("Unmatched \"}\" character.")) };
        let known = &mut self.lengths[self.open.len()];
        if known.is_some_and(|known| known != length) {
            return Err(Complaint::Malformed("Multidimensional arrays must have sub-arrays with matching dimensions."));
        }
        *known = Some(length);
        if let Some(outer) = self.open.last_mut() {
            *outer += 1;
        }
        self.state = State::LevelCompleted;
        Ok(())
    }

    fn delimit(&mut self) -> Result<(), Complaint> {
        self.state = match self.state {
            State::Element => State::ElementDelimited,
            State::LevelCompleted => State::LevelDelimited,
            _ => return Err(Complaint::Malformed("Unexpected \",\" character.")),
        };
        self.chars.next();
        Ok(())
    }

    fn element(&mut self) -> Result<(), Complaint> {
        // elements stand where all levels are open that there are
        let is_innermost = self.open.len() == self.lengths.len();
        if !matches!(self.state, State::LevelStarted | State::ElementDelimited) || !is_innermost {
            return Err(Complaint::Malformed("Unexpected array element."));
        }
        let element = if self.chars.peek() == Some(&'"') { Some(self.quoted()?) } else { self.bare()? };
        self.elements.push(element);
        if let Some(level) = self.open.last_mut() {
            *level += 1;
        }
        self.state = State::Element;
        Ok(())
    }

    fn quoted(&mut self) -> Result<String, Complaint> {
        self.chars.next();
        let mut element = String::new();
        loop {
            match self.chars.next() {
                None => return Err(Complaint::Malformed("Unexpected end of input.")),
                Some('"') => return Ok(element),
                Some('\\') => element.push(self.escaped()?),
                Some(char) => element.push(char),
            }
        }
    }

    /// An element without quotes: blanks within it count, and NULL is none.
    fn bare(&mut self) -> Result<Option<String>, Complaint> {
        let (mut element, mut blanks, mut is_escaped) = (String::new(), String::new(), false);
        while let Some(&next) = self.chars.peek() {
            match next {
                ',' | '}' => break,
                '{' => return Err(Complaint::Malformed("Unexpected \"{\" character.")),
                '"' => return Err(Complaint::Malformed("Unexpected array element.")),
                _ => drop(self.chars.next()),
            }
            if is_blank(next) {
                blanks.push(next);
                continue;
            }
            element.push_str(&std::mem::take(&mut blanks));
            if next == '\\' {
                is_escaped = true;
                element.push(self.escaped()?);
            } else {
                element.push(next);
            }
        }
        Ok((is_escaped || !element.eq_ignore_ascii_case("null")).then_some(element))
    }

    fn escaped(&mut self) -> Result<char, Complaint> {
        self.chars.next().ok_or(Complaint::Malformed("Unexpected end of input."))
    }
}

/// PostgreSQL's white space.
fn is_blank(char: char) -> bool {
    char.is_ascii_whitespace() || char == '\u{b}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match ArrayText::read(text) {
            Ok(array) => {
                let elements: Vec<_> = array.elements.iter().map(|element| element.as_deref().unwrap_or("∅")).collect();
                format!("{:?} {}", array.dimensions, elements.join("·"))
            }
            Err(error) => error.detail().unwrap_or(error.message()).to_owned(),
        }
    }

    #[test]
    fn elements_and_dimensions() {
        for (text, expected) in [
            ("{}", "[] "),
            (" { } ", "[] "),
            ("{1, 2,3}", "[3] 1·2·3"),
            ("{NULL,\"NULL\",\\null, a b ,\" a \"}", "[5] ∅·NULL·null·a b· a "),
            ("{{1,2},{3,4},{5,6}}", "[3, 2] 1·2·3·4·5·6"),
            ("{{{a}},{{\"{\\\"\"}}}", "[2, 1, 1] a·{\""),
            ("[1:2]={1,2}", "[2] 1·2"),
            ("[2][1:1] = {{1},{2}}", "[2, 1] 1·2"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn complaints_of_postgres_15() {
        for (text, expected) in [
            ("", "Array value must start with \"{\" or dimension information."),
            ("a", "Array value must start with \"{\" or dimension information."),
            ("{", "Unexpected end of input."),
            ("{1", "Unexpected end of input."),
            ("{1,", "Unexpected end of input."),
            ("{1,}", "Unexpected \"}\" character."),
            ("{,1}", "Unexpected \",\" character."),
            ("{1}}", "Junk after closing right brace."),
            ("{\"a\"b}", "Unexpected array element."),
            ("{a\"b\"}", "Unexpected array element."),
            ("{{1,2},{3}}", "Multidimensional arrays must have sub-arrays with matching dimensions."),
            ("{{1},2}", "Unexpected array element."),
            ("{1,{2}}", "Unexpected \"{\" character."),
            ("{{}}", "Unexpected \"}\" character."),
            ("[1:3]={1,2}", "Specified array dimensions do not match array contents."),
            ("[0:1]={1,2}", "arrays whose subscripts do not begin at 1 are not supported"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
