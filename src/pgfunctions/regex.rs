//! PostgreSQL's advanced regular expressions, put into the words of the `regex` crate; those with back references or
//! look-around, which take time that is not bounded by the text's length, into those of `fancy-regex`.
//!
//! Known to be otherwise: of alternatives that match at one place the first is taken, PostgreSQL takes the longest.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::error::{Error, ErrorKind, Result};

/// A compiled expression.
#[derive(Debug)]
pub enum Regex {
    Plain(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// A match: the whole, then the groups, of a text.
#[derive(Debug)]
pub struct Found<'t> {
    text: &'t str,
    parts: Vec<Option<Range<usize>>>,
}

impl Regex {
    /// # Errors
    /// `2201B` where it takes too many steps.
    pub fn is_match(&self, text: &str) -> Result<bool> {
        match self {
            Self::Plain(regex) => Ok(regex.is_match(text)),
            Self::Backtracking(regex) => regex.is_match(text).map_err(|error| failed(&error)),
        }
    }

    /// The first match that begins at this byte or after it.
    ///
    /// # Errors
    /// `2201B` where it takes too many steps.
    pub fn find_at<'t>(&self, text: &'t str, at: usize) -> Result<Option<Found<'t>>> {
        let parts = match self {
            Self::Plain(regex) => {
                let found = regex.captures_at(text, at);
                found.map(|found| found.iter().map(|part| part.map(|part| part.range())).collect())
            }
            Self::Backtracking(regex) => {
                let found = regex.captures_from_pos(text, at).map_err(|error| failed(&error))?;
                found.map(|found| found.iter().map(|part| part.map(|part| part.range())).collect())
            }
        };
        Ok(parts.map(|parts| Found { text, parts }))
    }

    /// The matches from this byte on, one after the other; an empty one may begin where the one before it ends.
    pub fn all_from<'t>(&'t self, text: &'t str, start: usize) -> impl Iterator<Item = Result<Found<'t>>> {
        let mut at = Some(start);
        std::iter::from_fn(move || {
            let found = match self.find_at(text, at?) {
                Ok(found) => found?,
                Err(error) => {
                    at = None;
                    return Some(Err(error));
                }
            };
            let whole = found.range(0)?;
            let next = text.get(whole.end..).and_then(|rest| rest.chars().next());
            at = if whole.is_empty() { next.map(|c| whole.end + c.len_utf8()) } else { Some(whole.end) };
            Some(Ok(found))
        })
    }
}

impl<'t> Found<'t> {
    /// How many groups there are, the whole included.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Where a group is, in bytes; `None` where it took no part.
    pub fn range(&self, group: usize) -> Option<Range<usize>> {
        self.parts.get(group).cloned().flatten()
    }

    pub fn text(&self, group: usize) -> Option<&'t str> {
        self.text.get(self.range(group)?)
    }
}

fn failed(error: &fancy_regex::Error) -> Error {
    Error::new(ErrorKind::InvalidRegex, format!("regular expression failed: {error}"))
}

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
    /// `2201B`.
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
    let compiled = compile(pattern, Flags::default())?;
    Ok(matches!(compiled, Regex::Plain(_))
        && !pattern.starts_with("***")
        && !pattern.contains('.')
        && translate(pattern)? == pattern)
}

fn compile(pattern: &str, mut flags: Flags) -> Result<Regex> {
    let mut pattern = pattern;
    if let Some(literal) = pattern.strip_prefix("***=") {
        (pattern, flags.literal) = (literal, true);
    } else if let Some(rest) = pattern.strip_prefix("***:") {
        pattern = rest;
    }
    let translated = if flags.literal { regex::escape(pattern) } else { translate(pattern)? };
    if !flags.literal && looks_back_or_around(pattern) {
        let letters =
            [('i', flags.insensitive), ('s', !flags.dot_stops), ('m', flags.multiline), ('x', flags.extended)];
        let letters: String = letters.into_iter().filter_map(|(letter, is_set)| is_set.then_some(letter)).collect();
        let with_flags = if letters.is_empty() { translated } else { format!("(?{letters}){translated}") };
        let compiled = fancy_regex::Regex::new(&with_flags).map_err(|error| invalid(&error.to_string()))?;
        return Ok(Regex::Backtracking(Box::new(compiled)));
    }
    regex::RegexBuilder::new(&translated)
        .case_insensitive(flags.insensitive)
        .dot_matches_new_line(!flags.dot_stops)
        .multi_line(flags.multiline)
        .ignore_whitespace(flags.extended)
        .build()
        .map(Regex::Plain)
        .map_err(|error| invalid(&error.to_string()))
}

/// Whether a pattern has what the `regex` crate has not.
fn looks_back_or_around(pattern: &str) -> bool {
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '(']) {
        let (sign, after) = rest[at..].split_at(1);
        let is_one = match sign {
            "\\" => after.starts_with(|digit: char| ('1'..='9').contains(&digit)),
            _ => ["?=", "?!", "?<=", "?<!"].iter().any(|look| after.starts_with(look)),
        };
        if is_one {
            return true;
        }
        // what a backslash stands before begins nothing
        rest = if sign == "\\" {
            after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default()
        } else {
            after
        };
    }
    false
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
        ("nvalid back reference", "invalid backreference number"),
    ];
    let known = words.iter().find(|(theirs, _)| complaint.contains(theirs)).map(|(_, ours)| *ours);
    let last = complaint.lines().last().unwrap_or_default().trim_start_matches("error: ");
    Error::new(ErrorKind::InvalidRegex, format!("invalid regular expression: {}", known.unwrap_or(last)))
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

/// `SIMILAR TO`'s and `SUBSTRING(… SIMILAR …)`'s pattern as a regular expression over the whole text. What stands between
/// two escaped double quotes is its first group, and what stands before them as short as can be.
///
/// # Errors
/// `22025` for an escape of more than one letter, `2200C` for more than two escaped double quotes.
pub fn of_similar(pattern: &str, escape: Option<&str>) -> Result<String> {
    let escape = match escape {
        None => Some('\\'),
        Some(text) => one_letter(text)?,
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
        Patterns::default().get(pattern, "").unwrap().is_match(text).unwrap()
    }

    #[test]
    fn words_of_postgres() {
        assert!(matches("\\mfoo\\M", "a foo b") && !matches("\\mfoo\\M", "afoo"));
        assert!(matches("^[[]&&x]$", "&") || matches("[[]", "["));
        assert!(matches("a.b", "a\nb") && matches("[]a]", "]"));
        assert!(matches("^(.)\\1$", "aa") && !matches("^(.)\\1$", "ab"));
        assert!(matches("a(?=b)", "ab") && matches("(?<!x)a", "ba") && !matches("a(?!b)", "ab"));
        assert!(matches("\\(?=", "(=") && !looks_back_or_around("\\\\1\\(?="));
        let message = |pattern| Patterns::default().get(pattern, "").unwrap_err().message().to_owned();
        assert_eq!(message("("), "invalid regular expression: parentheses () not balanced");
        assert_eq!(message("[a"), "invalid regular expression: brackets [] not balanced");
        assert_eq!(message("*a"), "invalid regular expression: quantifier operand invalid");
    }
}
