//! JSON text as a tree over the text, with PostgreSQL's words for what is wrong.
//!
//! Invariant: `raw` of a value is exactly its text, so `->` on a json gives back what was written.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Result};

/// How deep values may nest.
const DEPTH_MAX: usize = 1_000;

/// A value and its text.
#[derive(Debug, Clone)]
pub struct Json<'a> {
    pub raw: &'a str,
    pub kind: Kind<'a>,
}

/// What a value is. Objects keep the order and repetitions of their keys.
#[derive(Debug, Clone)]
pub enum Kind<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    /// `\u0000` has become a NUL, which no text can hold: see [`text`].
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// # Errors
    /// `22P02` with a detail, and with the text up to the place as its context.
    pub fn parse(text: &'a str) -> Result<Self> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0, "Expected JSON value, but found")?;
        parser.space();
        if parser.at < text.len() {
            return Err(parser.unexpected("Expected end of input, but found"));
        }
        Ok(value)
    }

    /// The value that a key or an index of an array, from the end if negative, leads to.
    pub fn step(&self, step: &str) -> Option<&Json<'a>> {
        match &self.kind {
            Kind::Object(members) => member(members, step),
            Kind::Array(_) => self.element(step.trim().parse().ok()?),
            _ => None,
        }
    }

    /// The element at an index from 0, or from the end if negative.
    pub fn element(&self, index: i64) -> Option<&Json<'a>> {
        let Kind::Array(items) = &self.kind else { return None };
        let index = if index < 0 { i64::try_from(items.len()).ok()?.checked_add(index)? } else { index };
        items.get(usize::try_from(index).ok()?)
    }

    /// What `json_typeof` says.
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "boolean",
            Kind::Number(_) => "number",
            Kind::String(_) => "string",
            Kind::Array(_) => "array",
            Kind::Object(_) => "object",
        }
    }

    /// As text, strings without quotes; `None` for null.
    ///
    /// # Errors
    /// `22P05` for a string with `\u0000`.
    pub fn as_text(&self) -> Result<Option<String>> {
        Ok(match &self.kind {
            Kind::Null => None,
            Kind::String(string) => Some(text(string)?.to_owned()),
            _ => Some(self.raw.to_owned()),
        })
    }
}

/// The last member of that name, as PostgreSQL takes it.
pub fn member<'a, 'b>(members: &'b [(Cow<'a, str>, Json<'a>)], key: &str) -> Option<&'b Json<'a>> {
    members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// A string as text.
///
/// # Errors
/// `22P05` where it holds `\u0000`.
pub fn text(string: &str) -> Result<&str> {
    if string.contains('\0') {
        return Err(Error::new(ErrorKind::UntranslatableCharacter, "unsupported Unicode escape sequence")
            .with_detail("\\u0000 cannot be converted to text."));
    }
    Ok(string)
}

/// The context of an error in a document that is found at the end of what is shown: `JSON data, line 1: {"a" 1...`.
fn context(document: &str, end: usize) -> String {
    const SHOWN_MAX: usize = 50;
    let before = document.get(..end).unwrap_or(document);
    let rest = document.get(end..).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let skipped = (0..=line.len()).find(|at| line.is_char_boundary(*at) && line.len() - at < SHOWN_MAX).unwrap_or(0);
    // as many characters as the dots would take
    let skipped = if skipped <= 3 { 0 } else { skipped };
    let dots = |are: bool| if are { "..." } else { "" };
    format!(
        "JSON data, line {}: {}{}{}",
        1 + before.matches('\n').count(),
        dots(skipped > 0),
        &line[skipped..],
        dots(!rest.is_empty() && !rest.starts_with(['\n', '\r']))
    )
}

/// The error of a document that holds `\u0000`, where no text may, with its place.
pub fn in_document(error: Error, document: &str) -> Error {
    let is_escape = |at: &usize| document[..*at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0;
    match document.match_indices("\\u0000").map(|(at, _)| at).find(is_escape) {
        Some(at) => error.in_context(context(document, at + 6)),
        None => error,
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// What is wrong ends there.
    fn invalid(&self, end: usize, detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidTextRepresentation, "invalid input syntax for type json")
            .with_detail(detail)
            .in_context(context(self.text, end))
    }

    /// The text from there on, which ends too early, is no token.
    fn unfinished(&self, from: usize) -> Error {
        let token = self.slice(from, self.text.len());
        self.invalid(self.text.len(), format!("Token \"{token}\" is invalid."))
    }

    /// The token here: a sign, a string, or a run of letters and digits.
    fn token(&self) -> &'a str {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = match rest.first() {
            None => 0,
            Some(b'"') => {
                let mut escaped = false;
                let end = rest.iter().skip(1).position(|byte| {
                    let ends = *byte == b'"' && !escaped;
                    escaped = *byte == b'\\' && !escaped;
                    ends
                });
                end.map_or(rest.len(), |end| end + 2)
            }
            Some(b'-' | b'+' | b'.') => {
                1 + rest.iter().skip(1).take_while(|byte| is_word(byte) || **byte == b'.').count()
            }
            Some(byte) if is_word(byte) => rest.iter().take_while(|byte| is_word(byte)).count(),
            Some(_) => 1,
        };
        self.slice(self.at, self.at + length)
    }

    /// What stands here is not what `expected` says.
    fn unexpected(&self, expected: &str) -> Error {
        let token = self.token();
        let is_token = match token.bytes().next() {
            None => return self.invalid(self.text.len(), "The input string ended unexpectedly."),
            Some(b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"' | b'0'..=b'9') => true,
            Some(b'-') => token.len() > 1 && token.bytes().skip(1).all(|byte| byte.is_ascii_digit()),
            Some(_) => matches!(token, "true" | "false" | "null"),
        };
        let detail =
            if is_token { format!("{expected} \"{token}\".") } else { format!("Token \"{token}\" is invalid.") };
        self.invalid(self.at + token.len(), detail)
    }

    fn value(&mut self, depth: usize, expected: &str) -> Result<Json<'a>> {
        if depth > DEPTH_MAX {
            return Err(Error::new(ErrorKind::StatementTooComplex, "a JSON value is nested too deep")
                .with_hint(format!("Values may nest {DEPTH_MAX} deep.")));
        }
        self.space();
        let from = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => {
                let token = self.token();
                let kind = match token {
                    "true" => Kind::Bool(true),
                    "false" => Kind::Bool(false),
                    "null" => Kind::Null,
                    _ => return Err(self.unexpected(expected)),
                };
                self.at += token.len();
                kind
            }
        };
        Ok(Json { raw: self.slice(from, self.at), kind })
    }

    fn array(&mut self, depth: usize) -> Result<Kind<'a>> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::Array(items));
        }
        let mut expected = "Expected array element or \"]\", but found";
        loop {
            items.push(self.value(depth + 1, expected)?);
            expected = "Expected JSON value, but found";
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break self.at += 1,
                _ => return Err(self.unexpected("Expected \",\" or \"]\", but found")),
            }
        }
        Ok(Kind::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Kind<'a>> {
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Object(members));
        }
        let mut expected = "Expected string or \"}\", but found";
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected(expected));
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("Expected \":\", but found"));
            }
            self.at += 1;
            members.push((key, self.value(depth + 1, "Expected JSON value, but found")?));
            expected = "Expected string, but found";
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break self.at += 1,
                _ => return Err(self.unexpected("Expected \",\" or \"}\", but found")),
            }
        }
        Ok(Kind::Object(members))
    }

    fn number(&mut self) -> Result<Kind<'a>> {
        let from = self.at;
        let digits = |parser: &mut Self| {
            let first = parser.at;
            while parser.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                parser.at += 1;
            }
            parser.at > first
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let mut sound = if self.peek() == Some(b'0') {
            self.at += 1;
            true
        } else {
            digits(self)
        };
        if self.peek() == Some(b'.') {
            self.at += 1;
            sound &= digits(self);
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            sound &= digits(self);
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        while self.peek().is_some_and(is_word) {
            sound = false;
            self.at += 1;
        }
        let text = self.slice(from, self.at);
        if sound { Ok(Kind::Number(text)) } else { Err(self.invalid(self.at, format!("Token \"{text}\" is invalid."))) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        let from = self.at;
        self.at += 1;
        let mut plain_from = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            match self.peek() {
                None => return Err(self.unfinished(from)),
                Some(b'"') => break,
                Some(b'\\') => {
                    let plain = self.slice(plain_from, self.at);
                    self.at += 1;
                    let letter = self.escape(from)?;
                    let so_far = unescaped.get_or_insert_with(String::new);
                    so_far.push_str(plain);
                    so_far.push(letter);
                    plain_from = self.at;
                }
                Some(byte) if byte < 0x20 => {
                    return Err(self.invalid(self.at, format!("Character with value 0x{byte:02x} must be escaped.")));
                }
                Some(_) => self.at += 1,
            }
        }
        let plain = self.slice(plain_from, self.at);
        self.at += 1;
        Ok(match unescaped {
            None => Cow::Borrowed(plain),
            Some(so_far) => Cow::Owned(so_far + plain),
        })
    }

    /// The letter that the escape here stands for; the backslash is behind us.
    fn escape(&mut self, string_from: usize) -> Result<char> {
        let Some(letter) = self.slice(self.at, self.text.len()).chars().next() else {
            return Err(self.unfinished(string_from));
        };
        self.at += letter.len_utf8();
        Ok(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(string_from),
            _ => return Err(self.invalid(self.at, format!("Escape sequence \"\\{letter}\" is invalid."))),
        })
    }

    fn hex(&mut self, string_from: usize) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(letter) = self.slice(self.at, self.text.len()).chars().next() else {
                return Err(self.unfinished(string_from));
            };
            self.at += letter.len_utf8();
            let Some(digit) = letter.to_digit(16) else {
                return Err(self.invalid(self.at, "\"\\u\" must be followed by four hexadecimal digits."));
            };
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn unicode(&mut self, string_from: usize) -> Result<char> {
        let code = self.hex(string_from)?;
        let low = |parser: &Self| parser.invalid(parser.at, "Unicode low surrogate must follow a high surrogate.");
        match code {
            0xd800..=0xdbff => {
                if self.slice(self.at, self.at + 2) != "\\u" {
                    return Err(low(self));
                }
                self.at += 2;
                match self.hex(string_from)? {
                    second @ 0xdc00..=0xdfff => {
                        char::from_u32(0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00)).ok_or_else(|| low(self))
                    }
                    0xd800..=0xdbff => {
                        Err(self.invalid(self.at, "Unicode high surrogate must not follow a high surrogate."))
                    }
                    _ => Err(low(self)),
                }
            }
            0xdc00..=0xdfff => Err(low(self)),
            code => char::from_u32(code).ok_or_else(|| low(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, detail: &str) {
        let error = Json::parse(text).expect_err(text);
        assert_eq!(error.detail(), Some(detail), "{text}");
    }

    #[test]
    fn what_is_wrong_is_said_as_in_postgres() {
        check("{bad", "Token \"bad\" is invalid.");
        check("{\"a\" 1}", "Expected \":\", but found \"1\".");
        check("{\"a\":1,}", "Expected string, but found \"}\".");
        check("[1,]", "Expected JSON value, but found \"]\".");
        check("[1 2]", "Expected \",\" or \"]\", but found \"2\".");
        check("", "The input string ended unexpectedly.");
        check("1 2", "Expected end of input, but found \"2\".");
        check("01", "Token \"01\" is invalid.");
        check("\"a\\x\"", "Escape sequence \"\\x\" is invalid.");
    }

    #[test]
    fn the_place_of_what_is_wrong_is_shown() {
        let check = |text: &str, context: &str| {
            let error = Json::parse(text).expect_err(text);
            assert_eq!(error.server_context(), Some(&*format!("JSON data, {context}")), "{text}");
        };
        check("{bad", "line 1: {bad");
        check("{\"a\" 1}", "line 1: {\"a\" 1...");
        check("[1,\n 2 3,\n4]", "line 2:  2 3...");
        check("[1,\n 2 3\n]", "line 2:  2 3");
        check("{\"a\":\"\\u00\"}", "line 1: {\"a\":\"\\u00\"...");
        let long = format!("[{} x]", "1, ".repeat(40));
        check(&long, &format!("line 1: ...{} x...", &"1, ".repeat(40)[120 - 47..]));
        check(&format!("{} x", "é".repeat(0)), "line 1:  x");
    }

    #[test]
    fn values_keep_their_text() {
        let json = Json::parse(" {\"a\" : [1,  2.50], \"b\\u00e9\": \"x\\n\"} ").unwrap();
        assert_eq!(json.step("a").unwrap().raw, "[1,  2.50]");
        assert_eq!(json.step("a").unwrap().element(-1).unwrap().raw, "2.50");
        assert_eq!(json.step("bé").unwrap().as_text().unwrap().as_deref(), Some("x\n"));
    }
}
