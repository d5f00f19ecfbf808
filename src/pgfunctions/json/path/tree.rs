//! A path as a tree, and its text.
//!
//! Invariant: a path has a first step, and only that one may be an expression.

use std::fmt;
use std::rc::Rc;

use super::super::value::Value;
use super::template::Written;
use crate::pgfunctions::regex::Regex;
use crate::pgtypes::put_json_string;

/// Steps that are taken one after the other: the first is where the path begins, or an expression.
pub(super) type Path = Vec<Step>;

#[derive(Debug)]
pub(super) enum Step {
    /// `$`.
    Root,
    /// `@`.
    Current,
    /// `last`.
    Last,
    /// A scalar.
    Literal(Value),
    Variable(String),
    Key(String),
    /// `.*`.
    AnyKey,
    /// `[*]`.
    AnyElement,
    /// `[1, 2 to last]`.
    Elements(Vec<(Path, Option<Path>)>),
    /// `.**{from to to}`.
    Within {
        from: Level,
        to: Level,
    },
    Method(Method),
    /// `.datetime()`, with its template.
    Datetime(Option<Written>),
    /// `?(…)`.
    Filter(Path),
    Sign(Sign, Path),
    Arithmetic(Arithmetic, Path, Path),
    Compare(Compare, Path, Path),
    And(Path, Path),
    Or(Path, Path),
    Not(Path),
    IsUnknown(Path),
    Exists(Path),
    StartsWith(Path, Path),
    LikeRegex(Path, Pattern),
}

/// How deep `.**` looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    At(u32),
    /// As deep as it goes.
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Type,
    Size,
    Abs,
    Floor,
    Ceiling,
    Double,
    Keyvalue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

/// The right side of `like_regex`.
#[derive(Debug)]
pub(super) struct Pattern {
    pub text: String,
    /// Each once, in the order `ismxq`.
    pub flags: String,
    pub regex: Rc<Regex>,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Size => "size",
            Self::Abs => "abs",
            Self::Floor => "floor",
            Self::Ceiling => "ceiling",
            Self::Double => "double",
            Self::Keyvalue => "keyvalue",
        }
    }
}

impl Sign {
    pub fn text(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
        }
    }
}

impl Arithmetic {
    pub fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

impl Compare {
    pub fn text(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Step {
    /// How tightly it binds, loosest first.
    fn priority(&self) -> u8 {
        match self {
            Self::Or(..) => 0,
            Self::And(..) => 1,
            Self::Compare(..) | Self::StartsWith(..) => 2,
            Self::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => 3,
            Self::Arithmetic(..) => 4,
            Self::Sign(..) => 5,
            _ => 6,
        }
    }
}

/// A path as PostgreSQL prints it, without its mode; `bracketed`: an operator that it begins with needs brackets.
pub(super) fn shown(path: &[Step], bracketed: bool) -> impl fmt::Display {
    Shown { path, bracketed }
}

struct Shown<'a> {
    path: &'a [Step],
    bracketed: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path {
            [] => Ok(()),
            [Step::Literal(number @ Value::Number(_)), rest @ ..] if !rest.is_empty() => {
                write!(f, "({})", number.to_text())?;
                rest.iter().try_for_each(|step| step.show(true, f))
            }
            [first, rest @ ..] => {
                first.show(self.bracketed, f)?;
                rest.iter().try_for_each(|step| step.show(true, f))
            }
        }
    }
}

impl Step {
    fn show(&self, bracketed: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("$"),
            Self::Current => f.write_str("@"),
            Self::Last => f.write_str("last"),
            Self::Literal(value) => f.write_str(&value.to_text()),
            Self::Variable(name) => write!(f, "${}", quoted(name)),
            Self::Key(key) => write!(f, ".{}", quoted(key)),
            Self::AnyKey => f.write_str(".*"),
            Self::AnyElement => f.write_str("[*]"),
            Self::Elements(ranges) => show_elements(ranges, f),
            Self::Within { from, to } => show_levels(*from, *to, f),
            Self::Method(method) => write!(f, ".{}()", method.name()),
            Self::Datetime(template) => {
                write!(f, ".datetime({})", template.as_ref().map(|template| quoted(&template.text)).unwrap_or_default())
            }
            Self::Filter(path) => write!(f, "?({})", shown(path, false)),
            Self::Not(path) => write!(f, "!({})", shown(path, false)),
            Self::IsUnknown(path) => write!(f, "({}) is unknown", shown(path, false)),
            Self::Exists(path) => write!(f, "exists ({})", shown(path, false)),
            Self::Sign(sign, path) => self.show_operator(None, sign.text(), Some(path), bracketed, f),
            Self::Arithmetic(operator, left, right) => {
                self.show_operator(Some(left), operator.text(), Some(right), bracketed, f)
            }
            Self::Compare(operator, left, right) => {
                self.show_operator(Some(left), operator.text(), Some(right), bracketed, f)
            }
            Self::And(left, right) => self.show_operator(Some(left), "&&", Some(right), bracketed, f),
            Self::Or(left, right) => self.show_operator(Some(left), "||", Some(right), bracketed, f),
            Self::StartsWith(left, right) => self.show_operator(Some(left), "starts with", Some(right), bracketed, f),
            Self::LikeRegex(left, pattern) => {
                let mut right = format!("like_regex {}", quoted(&pattern.text));
                if !pattern.flags.is_empty() {
                    right.push_str(&format!(" flag \"{}\"", pattern.flags));
                }
                self.show_operator(Some(left), &right, None, bracketed, f)
            }
        }
    }

    fn show_operator(
        &self,
        left: Option<&Path>,
        operator: &str,
        right: Option<&Path>,
        bracketed: bool,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let operand = |path| shown(path, path.first().is_none_or(|first: &Step| first.priority() <= self.priority()));
        if bracketed {
            f.write_str("(")?;
        }
        if let Some(left) = left {
            write!(f, "{} ", operand(left))?;
        }
        f.write_str(operator)?;
        if let Some(right) = right {
            write!(f, "{}{}", if left.is_some() { " " } else { "" }, operand(right))?;
        }
        if bracketed {
            f.write_str(")")?;
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    put_json_string(&mut out, text);
    out
}

fn show_elements(ranges: &[(Path, Option<Path>)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("[")?;
    for (nth, (from, to)) in ranges.iter().enumerate() {
        write!(f, "{}{}", if nth > 0 { "," } else { "" }, shown(from, false))?;
        if let Some(to) = to {
            write!(f, " to {}", shown(to, false))?;
        }
    }
    f.write_str("]")
}

fn show_levels(from: Level, to: Level, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (from, to) {
        (Level::At(0), Level::Last) => f.write_str(".**"),
        (from, to) if from == to => write!(f, ".**{{{from}}}"),
        (from, to) => write!(f, ".**{{{from} to {to}}}"),
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(level) => write!(f, "{level}"),
            Self::Last => f.write_str("last"),
        }
    }
}
