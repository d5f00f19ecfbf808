//! PostgreSQL's advanced regular expressions, put into the words of the `regex` crate.
//!
//! Known to be otherwise: of alternatives that match at one place the first is taken, PostgreSQL takes the longest.
//! Back references and look-around are refused.

use std::collections::HashMap;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};

use crate::error::{Error, ErrorKind, Result};

/// Compiled expressions of one batch; nearly always one.
#[derive(Default)]
pub struct Patterns {
    compiled: HashMap<(String, String), Rc<Regex>>,
    /// Patterns of LIKE, and of ILIKE.
    likes: [HashMap<String, Rc<Regex>>; 2],
}

/// What the flags say besides how to match.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags {
    pub global: bool,
    insensitive: bool,
    literal: bool,
    extended: bool,
    /// `.` and brackets do not match line feeds.
    dot_stops: bool,
    /// `^` and `$` match at line feeds.
    multiline: bool,
}

impl Flags {
    /// # Errors
    /// `22023` for a letter that is none.
    pub fn parse(text: &str) -> Result<Self> {
        let mut flags = Self::default();
        for letter in text.chars() {
            match letter {
                'g' => flags.global = true,
                'i' => flags.insensitive = true,
                'c' => flags.insensitive = false,
                'n' | 'm' => (flags.dot_stops, flags.multiline) = (true, true),
                'p' => flags.dot_stops = true,
                's' => (flags.dot_stops, flags.multiline) = (false, false),
                'w' => flags.multiline = true,
                'x' => flags.extended = true,
                't' => flags.extended = false,
                'q' => flags.literal = true,
                'b' | 'e' => {}
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
}

impl Patterns {
    /// The expression compiled.
    ///
    /// # Errors
    /// `2201B`, or `0A000` for what the engine has not.
    pub fn get(&mut self, pattern: &str, flags: &str) -> Result<Rc<Regex>> {
        let key = (pattern.to_owned(), flags.to_owned());
        if let Some(regex) = self.compiled.get(&key) {
            return Ok(regex.clone());
        }
        let regex = Rc::new(compile(pattern, Flags::parse(flags)?)?);
        if self.compiled.len() >= 64 {
            self.compiled.clear();
        }
        self.compiled.insert(key, regex.clone());
        Ok(regex)
    }
}

impl Patterns {
    /// The pattern of LIKE, or of ILIKE, compiled.
    ///
    /// # Errors
    /// `0A000` for one that is too long.
    pub fn like(&mut self, pattern: &str, insensitive: bool) -> Result<Rc<Regex>> {
        let [sensitive, other] = &mut self.likes;
        let compiled = if insensitive { other } else { sensitive };
        if let Some(regex) = compiled.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = Rc::new(compile(&of_like(pattern), Flags { insensitive, ..Flags::default() })?);
        if compiled.len() >= 64 {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

/// Whether DataFusion's own operator reads a constant pattern as PostgreSQL does.
///
/// # Errors
/// `2201B` for a pattern that is none.
pub fn is_plain(pattern: &str) -> Result<bool> {
    compile(pattern, Flags::default())?;
    Ok(!pattern.starts_with("***") && !pattern.contains('.') && translate(pattern)? == pattern)
}

fn compile(pattern: &str, mut flags: Flags) -> Result<Regex> {
    let mut pattern = pattern;
    if let Some(literal) = pattern.strip_prefix("***=") {
        (pattern, flags.literal) = (literal, true);
    } else if let Some(rest) = pattern.strip_prefix("***:") {
        pattern = rest;
    }
    let translated = if flags.literal { regex::escape(pattern) } else { translate(pattern)? };
    RegexBuilder::new(&translated)
        .case_insensitive(flags.insensitive)
        .dot_matches_new_line(!flags.dot_stops)
        .multi_line(flags.multiline)
        .ignore_whitespace(flags.extended)
        .build()
        .map_err(|error| invalid(&error.to_string()))
}

/// The crate's complaint in PostgreSQL's words.
fn invalid(complaint: &str) -> Error {
    let words = [
        ("unclosed group", "parentheses () not balanced"),
        ("unopened group", "parentheses () not balanced"),
        ("unclosed character class", "brackets [] not balanced"),
        ("repetition operator missing expression", "quantifier operand invalid"),
        ("invalid repetition count", "invalid repetition count(s)"),
        ("repetition quantifier expects", "invalid repetition count(s)"),
        ("unclosed counted repetition", "braces {} not balanced"),
        ("invalid character class range", "invalid character range"),
        ("unrecognized escape", "invalid escape \\ sequence"),
        ("incomplete escape", "invalid escape \\ sequence"),
        ("size limit", "regular expression is too complex"),
    ];
    let known = words.iter().find(|(theirs, _)| complaint.contains(theirs)).map(|(_, ours)| *ours);
    let last = complaint.lines().last().unwrap_or_default().trim_start_matches("error: ");
    Error::new(ErrorKind::InvalidRegex, format!("invalid regular expression: {}", known.unwrap_or(last)))
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::FeatureNotSupported, format!("{what} in regular expressions are not supported"))
        .with_hint("Use two expressions, or a function that works on the matches of one.")
}

fn translate(pattern: &str) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    while let Some(letter) = chars.next() {
        match letter {
            '\\' => match chars.next() {
                Some('m') => out.push_str("\\b{start}"),
                Some('M') => out.push_str("\\b{end}"),
                Some('y') => out.push_str("\\b"),
                Some('Y') => out.push_str("\\B"),
                Some('Z') => out.push_str("\\z"),
                Some('1'..='9') => return Err(unsupported("back references")),
                Some(next) => out.extend(['\\', next]),
                None => return Err(invalid("incomplete escape")),
            },
            '[' => {
                let rest: String = chars.clone().collect();
                if let Some(word) = ["[:<:]]", "[:>:]]"].iter().find(|word| rest.starts_with(**word)) {
                    out.push_str(if word.contains('<') { "\\b{start}" } else { "\\b{end}" });
                    chars.by_ref().take(word.len()).for_each(drop);
                } else {
                    bracket(&mut chars, &mut out);
                }
            }
            '(' => {
                let rest: String = chars.clone().take(3).collect();
                if ["?=", "?!", "?<=", "?<!"].iter().any(|look| rest.starts_with(look)) {
                    return Err(unsupported("look-ahead and look-behind constraints"));
                }
                out.push('(');
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// A bracket expression; the crate knows sets within sets and operators on them, PostgreSQL does not.
fn bracket(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if chars.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    while let Some(letter) = chars.next() {
        match letter {
            ']' => return out.push(']'),
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '[' => out.push_str("\\["),
            '&' | '~' => out.extend(['\\', letter]),
            '\\' => {
                out.push('\\');
                out.extend(chars.next());
            }
            other => out.push(other),
        }
    }
}

/// `LIKE`'s pattern as a regular expression over the whole text.
fn of_like(pattern: &str) -> String {
    let mut out = String::from("^");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            letter => {
                let plain = if letter == '\\' { letters.next().unwrap_or(letter) } else { letter };
                out.push_str(&regex::escape(plain.encode_utf8(&mut [0; 4])));
            }
        }
    }
    out.push('$');
    out
}

/// `SIMILAR TO`'s and `SUBSTRING(… SIMILAR …)`'s pattern as a regular expression over the whole text. What stands between
/// two escaped double quotes is its first group, and what stands before them as short as can be.
///
/// # Errors
/// `22025` for an escape of more than one letter, `2200C` for more than two escaped double quotes.
pub fn of_similar(pattern: &str, escape: Option<&str>) -> Result<String> {
    let escape = match escape {
        None => Some('\\'),
        Some(text) => {
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (letter, None) => letter,
                _ => {
                    return Err(Error::new(ErrorKind::InvalidEscapeSequence, "invalid escape string")
                        .with_hint("Escape string must be empty or one character."));
                }
            }
        }
    };
    let (mut out, mut in_bracket, mut escaped, mut separators) = (String::from("^(?:"), false, false, 0);
    for letter in pattern.chars() {
        if escaped && letter == '"' && !in_bracket {
            separators += 1;
            match separators {
                1 => out = format!("^(?U:{})(", out.trim_start_matches("^(?:")),
                2 => out.push_str(")(?:"),
                _ => {
                    let message = "SQL regular expression may not contain more than two escape-double-quote separators";
                    return Err(Error::new(ErrorKind::InvalidUseOfEscapeCharacter, message));
                }
            }
            escaped = false;
        } else if escaped {
            out.push('\\');
            out.push(letter);
            escaped = false;
        } else if Some(letter) == escape {
            escaped = true;
        } else if in_bracket {
            in_bracket = letter != ']';
            out.push(letter);
        } else {
            match letter {
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => out.extend(['\\', letter]),
                other => {
                    in_bracket = other == '[';
                    out.push(other);
                }
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Patterns::default().get(pattern, "").unwrap().is_match(text)
    }

    #[test]
    fn words_of_postgres() {
        assert!(matches("\\mfoo\\M", "a foo b") && !matches("\\mfoo\\M", "afoo"));
        assert!(matches("^[[]&&x]$", "&") || matches("[[]", "["));
        assert!(matches("a.b", "a\nb") && matches("[]a]", "]"));
        let message = |pattern| Patterns::default().get(pattern, "").unwrap_err().message().to_owned();
        assert_eq!(message("("), "invalid regular expression: parentheses () not balanced");
        assert_eq!(message("[a"), "invalid regular expression: brackets [] not balanced");
        assert_eq!(message("*a"), "invalid regular expression: quantifier operand invalid");
    }
}
