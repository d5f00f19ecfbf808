//! Patterns of `LIKE` and `SIMILAR TO` as regular expressions.

use crate::error::{Error, ErrorKind, Result};

/// `LIKE`'s pattern as a regular expression over the whole text.
pub(super) fn of_like(pattern: &str) -> String {
    let mut out = String::from("^");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            letter => {
                let plain = if letter == '\\' { letters.next().unwrap_or(letter) } else { letter };
                if plain.is_ascii() && !plain.is_ascii_alphanumeric() {
                    out.push('\\');
                }
                out.push(plain);
            }
        }
    }
    out.push('$');
    out
}

/// `LIKE`'s pattern with its own escape as one that a backslash escapes in.
///
/// # Errors
/// `22025` for an escape of more than one letter.
pub fn with_backslashes(pattern: &str, escape: &str) -> Result<String> {
    let escape = one_letter(escape)?;
    let (mut out, mut letters) = (String::with_capacity(pattern.len() + 2), pattern.chars());
    while let Some(letter) = letters.next() {
        match letter {
            letter if Some(letter) == escape => {
                out.push('\\');
                out.extend(letters.next());
            }
            '\\' => out.push_str("\\\\"),
            letter => out.push(letter),
        }
    }
    Ok(out)
}

/// What escapes; `None`: nothing does.
fn one_letter(escape: &str) -> Result<Option<char>> {
    let mut letters = escape.chars();
    match (letters.next(), letters.next()) {
        (letter, None) => Ok(letter),
        _ => Err(Error::new(ErrorKind::InvalidEscapeSequence, "invalid escape string")
            .with_hint("Escape string must be empty or one character.")),
    }
}

/// `SIMILAR TO`'s and `SUBSTRING(… SIMILAR …)`'s pattern as a regular expression over the whole text, letter by letter
/// PostgreSQL's. What stands between two escaped double quotes is its first group, and what stands before them as short
/// as can be.
///
/// # Errors
/// `22025` for an escape of more than one letter, `2200C` for more than two escaped double quotes.
pub fn of_similar(pattern: &str, escape: Option<&str>) -> Result<String> {
    let escape = match escape {
        None => Some('\\'),
        Some(text) => one_letter(text)?,
    };
    let (mut out, mut brackets, mut escaped, mut quotes) = (String::from("^(?:"), Brackets::default(), false, 0);
    for letter in pattern.chars() {
        if std::mem::take(&mut escaped) {
            if letter == '"' && brackets.depth == 0 {
                quotes += 1;
                out.push_str(match quotes {
                    1 => "){1,1}?(",
                    2 => "){1,1}(?:",
                    _ => return Err(too_many_quotes()),
                });
            } else {
                out.extend(['\\', letter]);
                brackets.is_begun = true;
            }
        } else if Some(letter) == escape {
            escaped = true;
        } else if brackets.depth > 0 {
            if letter == '\\' {
                out.push('\\');
            }
            out.push(letter);
            brackets.pass(letter);
        } else {
            match letter {
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '[' => {
                    out.push('[');
                    brackets = Brackets { depth: 1, ..Brackets::default() };
                }
                '\\' | '.' | '^' | '$' => out.extend(['\\', letter]),
                other => out.push(other),
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}

fn too_many_quotes() -> Error {
    Error::new(
        ErrorKind::InvalidUseOfEscapeCharacter,
        "SQL regular expression may not contain more than two escape-double-quote separators",
    )
}

/// Where in brackets a pattern is, just enough to see them end.
#[derive(Default)]
struct Brackets {
    depth: usize,
    /// Whether a `]` would end them, which it does not in front.
    is_begun: bool,
    is_negated: bool,
}

impl Brackets {
    fn pass(&mut self, letter: char) {
        match letter {
            ']' if self.is_begun => self.depth -= 1,
            '[' => {
                self.depth += 1;
                self.is_begun = true;
            }
            '^' if !self.is_begun && !self.is_negated => self.is_negated = true,
            _ => self.is_begun = true,
        }
    }
}
