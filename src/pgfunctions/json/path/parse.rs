//! The text of a path as a tree.
//!
//! Invariant: no path is higher than [`HEIGHT_MAX`], so what walks over it may recurse.
//! Invariant: a token that cannot stand where it does is complained about where PostgreSQL does: at the first token that
//! no path can have there.

use super::super::value::Value;
use super::regex;
use super::scan::{Scanner, Token, complaint};
use super::template::Written;
use super::tree::{Arithmetic, Compare, Level, Method, Path, Sign, Step};
use crate::error::{Error, ErrorKind, Result};

/// How many steps may follow each other or nest in each other.
const HEIGHT_MAX: usize = 500;

/// A path, or a part of one, that has been read.
struct Part {
    path: Path,
    height: usize,
    /// A condition, which only some places can have.
    is_condition: bool,
}

impl Part {
    fn value(step: Step) -> Self {
        Self { path: vec![step], height: 1, is_condition: false }
    }
}

/// Whether the mode is lax, and the path.
///
/// # Errors
/// `42601`, `22P02`, `22003`, `2201B`, `54001`.
pub(super) fn parse(text: &str) -> Result<(bool, Path)> {
    let mut scanner = Scanner::new(text);
    let (token, near) = scanner.next()?;
    if token == Token::End {
        let message = format!("invalid input syntax for type jsonpath: \"{text}\"");
        return Err(Error::new(ErrorKind::InvalidTextRepresentation, message));
    }
    let mut parser = Parser { scanner, token, near, depth: 0 };
    let is_strict = parser.accepts_word("strict")?;
    if !is_strict {
        parser.accepts_word("lax")?;
    }
    let whole = parser.condition()?;
    if parser.token != Token::End {
        return Err(parser.unexpected());
    }
    check(&whole.path, false, false)?;
    Ok((!is_strict, whole.path))
}

/// Whether `@` and `last` stand where they mean something.
fn check(path: &[Step], in_filter: bool, in_subscript: bool) -> Result<()> {
    let misplaced = |message: &str| Err(Error::new(ErrorKind::SyntaxError, message));
    for step in path {
        match step {
            Step::Current if !in_filter => return misplaced("@ is not allowed in root expressions"),
            Step::Last if !in_subscript => return misplaced("LAST is allowed only in array subscripts"),
            Step::Filter(inner) => check(inner, true, in_subscript)?,
            Step::Not(inner)
            | Step::IsUnknown(inner)
            | Step::Exists(inner)
            | Step::Sign(_, inner)
            | Step::LikeRegex(inner, _) => check(inner, in_filter, in_subscript)?,
            Step::Arithmetic(_, left, right)
            | Step::Compare(_, left, right)
            | Step::And(left, right)
            | Step::Or(left, right)
            | Step::StartsWith(left, right) => {
                check(left, in_filter, in_subscript)?;
                check(right, in_filter, in_subscript)?;
            }
            Step::Elements(ranges) => {
                for path in ranges.iter().flat_map(|(from, to)| std::iter::once(from).chain(to)) {
                    check(path, in_filter, true)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A number as `numeric` prints it.
fn number(digits: &str) -> Result<Value> {
    let (mantissa, exponent) = digits.find(['e', 'E']).map_or((digits, ""), |at| digits.split_at(at));
    let zero = if mantissa.starts_with('.') { "0" } else { "" };
    Value::parse(&format!("{zero}{}{exponent}", mantissa.trim_end_matches('.')))
}

fn too_deep() -> Error {
    Error::new(ErrorKind::StatementTooComplex, "stack depth limit exceeded")
        .with_hint(format!("The steps of a jsonpath may nest {HEIGHT_MAX} deep."))
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    token: Token<'a>,
    near: &'a str,
    /// How many brackets and signs are open.
    depth: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<()> {
        (self.token, self.near) = self.scanner.next()?;
        Ok(())
    }

    fn unexpected(&self) -> Error {
        complaint("syntax error", self.near)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(&self.token, Token::Sign(here) if *here == sign)
    }

    fn word(&self) -> Option<&'static str> {
        if let Token::Name { keyword, .. } = &self.token { *keyword } else { None }
    }

    fn accepts(&mut self, sign: &str) -> Result<bool> {
        let accepts = self.is_sign(sign);
        if accepts {
            self.advance()?;
        }
        Ok(accepts)
    }

    fn accepts_word(&mut self, word: &str) -> Result<bool> {
        let accepts = self.word() == Some(word);
        if accepts {
            self.advance()?;
        }
        Ok(accepts)
    }

    fn require(&mut self, sign: &str) -> Result<()> {
        if self.accepts(sign)? { Ok(()) } else { Err(self.unexpected()) }
    }

    fn require_word(&mut self, word: &str) -> Result<()> {
        if self.accepts_word(word)? { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Runs with one bracket more open.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= HEIGHT_MAX {
            return Err(too_deep());
        }
        self.depth += 1;
        let part = read(self);
        self.depth -= 1;
        part
    }

    /// A step over other parts.
    fn over(&self, height: usize, is_condition: bool, step: Step) -> Result<Part> {
        if height >= HEIGHT_MAX {
            return Err(too_deep());
        }
        Ok(Part { path: vec![step], height: height + 1, is_condition })
    }

    fn only_condition(&self, part: Part) -> Result<Part> {
        if part.is_condition { Ok(part) } else { Err(self.unexpected()) }
    }

    /// A condition or a value: `a || b`.
    fn condition(&mut self) -> Result<Part> {
        let mut left = self.conjunction()?;
        while self.is_sign("||") {
            left = self.only_condition(left)?;
            self.advance()?;
            let right = self.conjunction()?;
            let right = self.only_condition(right)?;
            left = self.over(left.height.max(right.height), true, Step::Or(left.path, right.path))?;
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Part> {
        let mut left = self.comparison()?;
        while self.is_sign("&&") {
            left = self.only_condition(left)?;
            self.advance()?;
            let right = self.comparison()?;
            let right = self.only_condition(right)?;
            left = self.over(left.height.max(right.height), true, Step::And(left.path, right.path))?;
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Part> {
        if self.accepts("!")? {
            let inner = if self.word() == Some("exists") { self.exists()? } else { self.bracketed_condition()? };
            return self.over(inner.height, true, Step::Not(inner.path));
        }
        if self.word() == Some("exists") {
            return self.exists();
        }
        let left = self.sum(true)?;
        if left.is_condition {
            return Ok(left);
        }
        if let Some(operator) = self.compare_operator() {
            self.advance()?;
            let right = self.sum(false)?;
            let height = left.height.max(right.height);
            return self.over(height, true, Step::Compare(operator, left.path, right.path));
        }
        match self.word() {
            Some("starts") => self.starts_with(left),
            Some("like_regex") => self.like_regex(left),
            _ => Ok(left),
        }
    }

    fn compare_operator(&self) -> Option<Compare> {
        let Token::Sign(sign) = &self.token else { return None };
        Some(match *sign {
            "==" => Compare::Equal,
            "!=" | "<>" => Compare::NotEqual,
            "<" => Compare::Less,
            ">" => Compare::Greater,
            "<=" => Compare::LessOrEqual,
            ">=" => Compare::GreaterOrEqual,
            _ => return None,
        })
    }

    fn bracketed_condition(&mut self) -> Result<Part> {
        self.require("(")?;
        let inner = self.deeper(Self::condition)?;
        let inner = self.only_condition(inner)?;
        self.require(")")?;
        Ok(inner)
    }

    fn exists(&mut self) -> Result<Part> {
        self.advance()?;
        self.require("(")?;
        let inner = self.deeper(|parser| parser.sum(false))?;
        self.require(")")?;
        self.over(inner.height, true, Step::Exists(inner.path))
    }

    fn starts_with(&mut self, left: Part) -> Result<Part> {
        self.advance()?;
        self.require_word("with")?;
        let right = match &self.token {
            Token::Text(text) => Step::Literal(Value::String(text.clone())),
            Token::Variable(name) => Step::Variable(name.clone()),
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        self.over(left.height, true, Step::StartsWith(left.path, vec![right]))
    }

    fn text(&mut self) -> Result<String> {
        let Token::Text(text) = &self.token else { return Err(self.unexpected()) };
        let text = text.clone();
        self.advance()?;
        Ok(text)
    }

    fn like_regex(&mut self, left: Part) -> Result<Part> {
        self.advance()?;
        let text = self.text()?;
        let pattern = if self.accepts_word("flag")? {
            let Token::Text(flags) = &self.token else { return Err(self.unexpected()) };
            // before the next token is read: it may be none
            let pattern = regex::pattern(text, flags)?;
            self.advance()?;
            pattern
        } else {
            regex::pattern(text, "")?
        };
        self.over(left.height, true, Step::LikeRegex(left.path, pattern))
    }

    /// A value; a condition in brackets where the place may have one.
    fn sum(&mut self, may_be_condition: bool) -> Result<Part> {
        let mut left = self.product(may_be_condition)?;
        while !left.is_condition {
            let operator = match &self.token {
                Token::Sign("+") => Arithmetic::Add,
                Token::Sign("-") => Arithmetic::Subtract,
                _ => break,
            };
            self.advance()?;
            let right = self.product(false)?;
            let height = left.height.max(right.height);
            left = self.over(height, false, Step::Arithmetic(operator, left.path, right.path))?;
        }
        Ok(left)
    }

    fn product(&mut self, may_be_condition: bool) -> Result<Part> {
        let mut left = self.signed(may_be_condition)?;
        while !left.is_condition {
            let operator = match &self.token {
                Token::Sign("*") => Arithmetic::Multiply,
                Token::Sign("/") => Arithmetic::Divide,
                Token::Sign("%") => Arithmetic::Modulo,
                _ => break,
            };
            self.advance()?;
            let right = self.signed(false)?;
            let height = left.height.max(right.height);
            left = self.over(height, false, Step::Arithmetic(operator, left.path, right.path))?;
        }
        Ok(left)
    }

    fn signed(&mut self, may_be_condition: bool) -> Result<Part> {
        let sign = match &self.token {
            Token::Sign("+") => Sign::Plus,
            Token::Sign("-") => Sign::Minus,
            _ => return self.accessors(may_be_condition),
        };
        self.advance()?;
        let operand = self.deeper(|parser| parser.signed(false))?;
        if let [Step::Literal(Value::Number(digits))] = operand.path.as_slice() {
            let digits = if sign == Sign::Minus { super::number::negated(digits) } else { digits.clone() };
            return Ok(Part::value(Step::Literal(Value::Number(digits))));
        }
        self.over(operand.height, false, Step::Sign(sign, operand.path))
    }

    /// A value and what is taken of it.
    fn accessors(&mut self, may_be_condition: bool) -> Result<Part> {
        let is_accessor = |parser: &Self| [".", "[", "?"].iter().any(|sign| parser.is_sign(sign));
        let mut part = if self.accepts("(")? {
            let inner = self.deeper(Self::condition)?;
            self.require(")")?;
            inner
        } else {
            self.primary()?
        };
        if part.is_condition && !is_accessor(self) {
            if !may_be_condition {
                return Err(self.unexpected());
            }
            if self.accepts_word("is")? {
                self.require_word("unknown")?;
                return self.over(part.height, true, Step::IsUnknown(part.path));
            }
        }
        while is_accessor(self) {
            let (height, step) = self.accessor()?;
            part.height = part.height.max(part.path.len() + height);
            if part.height >= HEIGHT_MAX {
                return Err(too_deep());
            }
            part.path.push(step);
            part.is_condition = false;
        }
        Ok(part)
    }

    fn primary(&mut self) -> Result<Part> {
        let step = match &self.token {
            Token::Text(text) => Step::Literal(Value::String(text.clone())),
            Token::Variable(name) => Step::Variable(name.clone()),
            // before the next token is read: it may be none
            Token::Integer(digits) | Token::Decimal(digits) => Step::Literal(number(digits)?),
            Token::Sign("$") => Step::Root,
            Token::Sign("@") => Step::Current,
            _ => match self.word() {
                Some("null") => Step::Literal(Value::Null),
                Some("true") => Step::Literal(Value::Bool(true)),
                Some("false") => Step::Literal(Value::Bool(false)),
                Some("last") => Step::Last,
                _ => return Err(self.unexpected()),
            },
        };
        self.advance()?;
        Ok(Part::value(step))
    }

    /// One accessor and its height.
    fn accessor(&mut self) -> Result<(usize, Step)> {
        if self.accepts("?")? {
            let inner = self.bracketed_condition()?;
            return Ok((inner.height + 1, Step::Filter(inner.path)));
        }
        if self.accepts("[")? {
            return self.deeper(Self::subscripts);
        }
        self.advance()?;
        if self.accepts("*")? {
            return Ok((1, Step::AnyKey));
        }
        if self.accepts("**")? {
            return Ok((1, self.levels()?));
        }
        let keyword = self.word();
        let key = match &self.token {
            Token::Text(key) | Token::Name { text: key, .. } => key.clone(),
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        match keyword {
            Some(name) if self.is_sign("(") => Ok((1, self.method(name)?)),
            _ => Ok((1, Step::Key(key))),
        }
    }

    fn method(&mut self, name: &str) -> Result<Step> {
        let step = match name {
            "type" => Step::Method(Method::Type),
            "size" => Step::Method(Method::Size),
            "abs" => Step::Method(Method::Abs),
            "floor" => Step::Method(Method::Floor),
            "ceiling" => Step::Method(Method::Ceiling),
            "double" => Step::Method(Method::Double),
            "keyvalue" => Step::Method(Method::Keyvalue),
            "datetime" => Step::Datetime(None),
            _ => return Err(self.unexpected()),
        };
        self.require("(")?;
        let step = match step {
            Step::Datetime(_) if matches!(self.token, Token::Text(_)) => {
                Step::Datetime(Some(Written::new(self.text()?)))
            }
            step => step,
        };
        self.require(")")?;
        Ok(step)
    }

    /// What is within `[` and `]`.
    fn subscripts(&mut self) -> Result<(usize, Step)> {
        if self.accepts("*")? {
            self.require("]")?;
            return Ok((1, Step::AnyElement));
        }
        let (mut height, mut ranges) = (0, Vec::new());
        loop {
            let from = self.sum(false)?;
            let to = if self.accepts_word("to")? { Some(self.sum(false)?) } else { None };
            height = height.max(from.height).max(to.as_ref().map_or(0, |to| to.height));
            ranges.push((from.path, to.map(|to| to.path)));
            if !self.accepts(",")? {
                break;
            }
        }
        self.require("]")?;
        Ok((height + 1, Step::Elements(ranges)))
    }

    /// What may follow `.**`.
    fn levels(&mut self) -> Result<Step> {
        if !self.accepts("{")? {
            return Ok(Step::Within { from: Level::At(0), to: Level::Last });
        }
        let from = self.level()?;
        let to = if self.accepts_word("to")? { self.level()? } else { from };
        self.require("}")?;
        Ok(Step::Within { from, to })
    }

    fn level(&mut self) -> Result<Level> {
        let level = match &self.token {
            Token::Integer(digits) => {
                let level = digits.parse::<i32>().ok().and_then(|level| u32::try_from(level).ok());
                Level::At(level.ok_or_else(|| {
                    let message = format!("value \"{digits}\" is out of range for type integer");
                    Error::new(ErrorKind::NumericOutOfRange, message)
                })?)
            }
            _ if self.word() == Some("last") => Level::Last,
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        Ok(level)
    }
}
