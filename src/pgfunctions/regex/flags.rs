//! What the letters of a flags' argument say, and the options in front of a pattern.

use super::invalid;
use crate::error::{Error, ErrorKind, Result};

/// The language that a pattern is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    #[default]
    Advanced,
    Extended,
    Basic,
    /// Every letter stands for itself.
    Literal,
}

/// How to match, and whether more than once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags {
    pub global: bool,
    pub(super) form: Form,
    pub(super) insensitive: bool,
    /// Spaces and comments in the pattern mean nothing.
    pub(super) expanded: bool,
    /// `.` and negated brackets do not match line feeds.
    pub(super) dot_stops: bool,
    /// `^` and `$` match at line feeds.
    pub(super) multiline: bool,
}

impl Flags {
    /// # Errors
    /// `22023` for a letter that is none.
    pub fn parse(text: &str) -> Result<Self> {
        let mut flags = Self::default();
        for letter in text.chars() {
            match letter {
                'g' => flags.global = true,
                // PostgreSQL means `e` to be the extended form, but reads the basic one
                'b' | 'e' => flags.form = Form::Basic,
                letter if flags.put(letter) => {}
                other => {
                    return Err(Error::new(
                        ErrorKind::InvalidParameter,
                        format!("invalid regular expression option: \"{other}\""),
                    ));
                }
            }
        }
        Ok(flags)
    }

    /// Whether the letter is one that flags and options have in common.
    fn put(&mut self, letter: char) -> bool {
        match letter {
            'i' => self.insensitive = true,
            'c' => self.insensitive = false,
            'n' | 'm' => (self.dot_stops, self.multiline) = (true, true),
            'p' => (self.dot_stops, self.multiline) = (true, false),
            's' => (self.dot_stops, self.multiline) = (false, false),
            'w' => (self.dot_stops, self.multiline) = (false, true),
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'q' => self.form = Form::Literal,
            _ => return false,
        }
        true
    }

    /// The flags with what stands in front of the pattern, and the pattern behind that.
    ///
    /// # Errors
    /// `2201B`.
    pub(super) fn front(mut self, pattern: &str) -> Result<(Self, &str)> {
        if self.form == Form::Literal {
            return match self.expanded || self.dot_stops || self.multiline {
                true => Err(invalid("invalid argument to regex function")),
                false => Ok((self, pattern)),
            };
        }
        let mut rest = pattern;
        if let Some(after) = pattern.strip_prefix("***")
            && let Some(sign) = after.chars().next()
        {
            rest = after.get(1..).unwrap_or_default();
            match sign {
                '=' => return Ok((self.literal(), rest)),
                ':' => self.form = Form::Advanced,
                '?' => return Err(invalid("invalid regexp (reg version 0.8)")),
                _ => return Err(invalid("quantifier operand invalid")),
            }
        }
        let is_option = |options: &&str| options.starts_with(|letter: char| letter.is_ascii_alphabetic());
        match rest.strip_prefix("(?").filter(is_option) {
            Some(options) if self.form == Form::Advanced => self.options(options),
            _ => Ok((self, rest)),
        }
    }

    fn literal(self) -> Self {
        Self { form: Form::Literal, expanded: false, dot_stops: false, multiline: false, ..self }
    }

    fn options(mut self, text: &str) -> Result<(Self, &str)> {
        let mut letters = text.chars();
        loop {
            match letters.next() {
                Some('b') => self.form = Form::Basic,
                Some('e') => self.form = Form::Extended,
                Some(')') => break,
                Some(letter) if self.put(letter) => {}
                _ => return Err(invalid("invalid embedded option")),
            }
        }
        Ok((if self.form == Form::Literal { self.literal() } else { self }, letters.as_str()))
    }
}
