//! The text of a path as tokens.
//!
//! Invariant: `near` of a token is what PostgreSQL's scanner has in hand when it gives the token out, odd as it may be:
//! a complaint about the token quotes it. Of a name it is the space behind it.

use crate::error::{Error, ErrorKind, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `$.name`; a keyword is a name too where one can stand.
    Name {
        text: String,
        keyword: Option<&'static str>,
    },
    /// `"text"`.
    Text(String),
    /// `$name` or `$"name"`.
    Variable(String),
    Integer(&'a str),
    /// With a point or an exponent.
    Decimal(&'a str),
    Sign(&'a str),
    End,
}

/// Sorted, all in lower case; the scanner takes them in any case but for [`EXACT`].
const KEYWORDS: &[&str] = &[
    "abs",
    "ceiling",
    "datetime",
    "double",
    "exists",
    "false",
    "flag",
    "floor",
    "is",
    "keyvalue",
    "last",
    "lax",
    "like_regex",
    "null",
    "size",
    "starts",
    "strict",
    "to",
    "true",
    "type",
    "unknown",
    "with",
];
/// Keywords in lower case only.
const EXACT: &[&str] = &["false", "null", "true"];
/// Signs of two letters, which go before those of one.
const PAIRS: &[&str] = &["&&", "||", "**", "<=", "==", "<>", "!=", ">="];

fn is_special(letter: char) -> bool {
    "?%$.[]{}()|&!=<>@#,*:-+/".contains(letter)
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// May stand in a name as it is.
fn is_plain(letter: char) -> bool {
    !is_special(letter) && !is_blank(letter) && !matches!(letter, '\\' | '"')
}

/// How long what `takes` accepts is at the beginning of the text.
fn span(text: &str, takes: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !takes(letter)).unwrap_or(text.len())
}

/// What is wrong at a place.
pub(super) fn complaint(message: &str, near: &str) -> Error {
    let place = if near.is_empty() { "at end".to_owned() } else { format!("at or near \"{near}\"") };
    Error::new(ErrorKind::SyntaxError, format!("{message} {place} of jsonpath input"))
}

pub(super) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The next token and what a complaint about it quotes.
    ///
    /// # Errors
    /// `42601` and those of escapes.
    pub fn next(&mut self) -> Result<(Token<'a>, &'a str)> {
        loop {
            self.take(span(self.rest, is_blank));
            let Some(first) = self.rest.chars().next() else { return Ok((Token::End, "")) };
            if self.rest.starts_with("/*") {
                self.comment()?;
                continue;
            }
            let number = number(self.rest)?;
            if let Some((length, is_integer)) = number {
                let digits = self.take(length);
                let token = if is_integer { Token::Integer(digits) } else { Token::Decimal(digits) };
                return Ok((token, digits));
            }
            return match first {
                '"' => {
                    self.take(1);
                    Ok((Token::Text(self.quoted()?), "\""))
                }
                '$' => self.dollar(),
                letter if is_special(letter) => {
                    let pair = PAIRS.iter().any(|pair| self.rest.starts_with(pair));
                    let sign = self.take(if pair { 2 } else { 1 });
                    Ok((Token::Sign(sign), sign))
                }
                _ => match self.name()? {
                    Some(found) => Ok(found),
                    None => continue,
                },
            };
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn comment(&mut self) -> Result<()> {
        let inner = self.rest.get(2..).unwrap_or_default();
        let end = inner.find("*/").ok_or_else(|| complaint("unexpected end of comment", ""))?;
        self.take(end + 4);
        Ok(())
    }

    fn dollar(&mut self) -> Result<(Token<'a>, &'a str)> {
        let after = self.rest.get(1..).unwrap_or_default();
        if after.starts_with('"') {
            self.take(2);
            return Ok((Token::Variable(self.quoted()?), "\""));
        }
        let length = span(after, is_plain);
        let whole = self.take(1 + length);
        let name = whole.trim_start_matches('$');
        Ok((if length > 0 { Token::Variable(name.to_owned()) } else { Token::Sign(whole) }, whole))
    }

    /// `None` for a name that a comment follows at once: PostgreSQL loses it.
    fn name(&mut self) -> Result<Option<(Token<'a>, &'a str)>> {
        let mut text = String::new();
        loop {
            text.push_str(self.take(span(self.rest, is_plain)));
            if !self.rest.starts_with('\\') {
                break;
            }
            self.escape(&mut text)?;
        }
        if self.rest.starts_with("/*") {
            self.comment()?;
            return Ok(None);
        }
        let near = self.take(span(self.rest, is_blank));
        let keyword = KEYWORDS.iter().find(|keyword| keyword.eq_ignore_ascii_case(&text)).copied();
        let keyword = keyword.filter(|keyword| !EXACT.contains(keyword) || text == *keyword);
        Ok(Some((Token::Name { text, keyword }, near)))
    }

    /// The text up to the closing quote; the opening one is behind us.
    fn quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        loop {
            text.push_str(self.take(span(self.rest, |letter| !matches!(letter, '"' | '\\'))));
            if self.rest.starts_with('\\') {
                self.escape(&mut text)?;
            } else if self.take(1).is_empty() {
                return Err(complaint("unexpected end of quoted string", ""));
            } else {
                return Ok(text);
            }
        }
    }

    /// Appends what the escape here stands for.
    fn escape(&mut self, out: &mut String) -> Result<()> {
        let letter = self.rest.chars().nth(1).filter(|letter| *letter != '\n');
        let Some(letter) = letter else { return Err(complaint("unexpected end after backslash", "\\")) };
        match letter {
            'u' => return self.unicode(out),
            'x' => {
                let digits = hex(self.rest.get(2..).unwrap_or_default(), 2);
                let code = u32::from_str_radix(digits, 16).unwrap_or_default();
                let sequence = self.take(2 + digits.len());
                if sequence.len() < 4 {
                    return Err(complaint("invalid hex character sequence", sequence));
                }
                out.push(character(code)?);
                return Ok(());
            }
            _ => {}
        }
        self.take(1 + letter.len_utf8());
        out.push(match letter {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            other => other,
        });
        Ok(())
    }

    /// A run of `\uXXXX` and `\u{X…}`, which may be halves of pairs.
    fn unicode(&mut self, out: &mut String) -> Result<()> {
        let (run, mut length, mut codes) = (self.rest, 0, Vec::new());
        while let Some(after) = run.get(length..).and_then(|rest| rest.strip_prefix("\\u")) {
            let (digits, size, ends) = match after.strip_prefix('{') {
                Some(inner) => {
                    let digits = hex(inner, 6);
                    let closes = inner.get(digits.len()..).is_some_and(|rest| rest.starts_with('}'));
                    (digits, 3 + digits.len(), closes && !digits.is_empty())
                }
                None => (hex(after, 4), 2 + hex(after, 4).len(), hex(after, 4).len() == 4),
            };
            length += size;
            if !ends {
                return Err(complaint("invalid unicode sequence", run.get(..length).unwrap_or_default()));
            }
            length += usize::from(after.starts_with('{'));
            codes.push(u32::from_str_radix(digits, 16).unwrap_or_default());
        }
        self.take(length);
        paired(&codes, out)
    }
}

/// Hexadecimal digits at the beginning, not more than so many.
fn hex(text: &str, most: usize) -> &str {
    let length = text.bytes().take(most).take_while(u8::is_ascii_hexdigit).count();
    text.get(..length).unwrap_or_default()
}

fn character(code: u32) -> Result<char> {
    if code == 0 {
        return Err(Error::new(ErrorKind::UntranslatableCharacter, "unsupported Unicode escape sequence")
            .with_detail("\\u0000 cannot be converted to text."));
    }
    char::from_u32(code).ok_or_else(|| Error::new(ErrorKind::SyntaxError, "invalid Unicode code point"))
}

/// Appends the letters of these codes, two halves being one letter.
fn paired(codes: &[u32], out: &mut String) -> Result<()> {
    let invalid = |detail: &str| {
        let message = "invalid input syntax for type jsonpath";
        Error::new(ErrorKind::InvalidTextRepresentation, message).with_detail(detail)
    };
    let alone = || invalid("Unicode low surrogate must follow a high surrogate.");
    let mut high = None;
    for code in codes {
        match (code, high) {
            (0xd800..=0xdbff, None) => high = Some(code - 0xd800),
            (0xd800..=0xdbff, Some(_)) => {
                return Err(invalid("Unicode high surrogate must not follow a high surrogate."));
            }
            (0xdc00..=0xdfff, Some(upper)) => {
                out.push(character(0x10000 + (upper << 10) + (code - 0xdc00))?);
                high = None;
            }
            (0xdc00..=0xdfff, None) | (_, Some(_)) => return Err(alone()),
            _ => out.push(character(*code)?),
        }
    }
    if high.is_some() { Err(alone()) } else { Ok(()) }
}

/// How long the number here is, and whether it is an integer; `None` where none begins, or where a name that begins
/// with digits is longer than what is wrong with the number.
fn number(text: &str) -> Result<Option<(usize, bool)>> {
    let digits = |from: usize| span(text.get(from..).unwrap_or_default(), |letter| letter.is_ascii_digit());
    let at = |place: usize| text.as_bytes().get(place).copied();
    let whole = if at(0) == Some(b'0') { 1 } else { digits(0) };
    let (mut length, mut is_integer) = (whole, true);
    if at(whole) == Some(b'.') && (whole > 0 || digits(1) > 0) {
        (length, is_integer) = (whole + 1 + digits(whole + 1), false);
    }
    if length == 0 {
        return Ok(None);
    }
    let mut wrong = None;
    if matches!(at(length), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(at(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + signed);
        if exponent > 0 {
            (length, is_integer) = (length + 1 + signed + exponent, false);
        } else if signed > 0 {
            wrong = Some(("invalid numeric literal", length + 2));
        }
    }
    let next = text.get(length..).and_then(|rest| rest.chars().next()).filter(|letter| is_plain(*letter));
    if let (None, Some(letter)) = (wrong, next) {
        wrong = Some(("trailing junk after numeric literal", length + letter.len_utf8()));
    }
    match wrong {
        // the junk counts as one byte
        Some(_) if span(text, is_plain) > length + 1 => Ok(None),
        Some((message, end)) => Err(complaint(message, text.get(..end).unwrap_or_default())),
        None => Ok(Some((length, is_integer))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        let (mut scanner, mut found) = (Scanner::new(text), Vec::new());
        loop {
            match scanner.next() {
                Ok((Token::End, _)) => return found.join(" "),
                Ok((token, near)) => found.push(match token {
                    Token::Name { text, keyword: None } => format!("name:{text}:{near}"),
                    Token::Name { keyword: Some(keyword), .. } => format!("word:{keyword}"),
                    Token::Text(text) => format!("text:{text}"),
                    Token::Variable(text) => format!("variable:{text}"),
                    Token::Integer(text) => format!("integer:{text}"),
                    Token::Decimal(text) => format!("decimal:{text}"),
                    Token::Sign(text) => text.to_owned(),
                    Token::End => String::new(),
                }),
                Err(error) => return error.message().to_owned(),
            }
        }
    }

    #[test]
    fn tokens_are_those_of_postgres() {
        for (text, expected) in [
            ("$.a", "$ . name:a:"),
            ("$a$", "variable:a $"),
            ("TYPE Null null", "word:type name:Null:  word:null"),
            ("1.5e3 .5 1. 0", "decimal:1.5e3 decimal:.5 decimal:1. integer:0"),
            ("0123 12ab", "name:0123:  name:12ab:"),
            ("a/*x*/b", "name:b:"),
            ("\"\\u0041\\x42\\n\\q\"", "text:AB\nq"),
            ("\\u{1F600}x", "name:😀x:"),
            ("\"\\ud83d\\ude00\"", "text:😀"),
            ("$\"a b\"<=!=<>**", "variable:a b <= != <> **"),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_as_in_postgres() {
        for (text, expected) in [
            ("\"a", "unexpected end of quoted string at end of jsonpath input"),
            ("/* a", "unexpected end of comment at end of jsonpath input"),
            ("\\", "unexpected end after backslash at or near \"\\\" of jsonpath input"),
            ("\\u0041\\u00", "invalid unicode sequence at or near \"\\u0041\\u00\" of jsonpath input"),
            ("\\u{}", "invalid unicode sequence at or near \"\\u{\" of jsonpath input"),
            ("\"\\x4\"", "invalid hex character sequence at or near \"\\x4\" of jsonpath input"),
            ("01", "trailing junk after numeric literal at or near \"01\" of jsonpath input"),
            ("1.t", "trailing junk after numeric literal at or near \"1.t\" of jsonpath input"),
            ("1e+", "invalid numeric literal at or near \"1e+\" of jsonpath input"),
            ("\"\\u{110000}\"", "invalid Unicode code point"),
            ("\"\\ud800\"", "invalid input syntax for type jsonpath"),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }
}
