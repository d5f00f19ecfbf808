//! Lines and columns as character positions in a query string.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, Value, ValueWithSpan, Visit, Visitor};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::tokens::tokenized;

/// Where each line of a text begins.
pub struct Positions {
    /// Per line: characters and bytes before it.
    lines: Vec<(usize, usize)>,
    chars: usize,
}

impl Positions {
    pub fn new(text: &str) -> Self {
        let mut lines = vec![(0, 0)];
        let mut chars = 0;
        for (byte, character) in text.char_indices() {
            chars += 1;
            if character == '\n' {
                lines.push((chars, byte + 1));
            }
        }
        Self { lines, chars }
    }

    /// Characters before the location; all of the text's for the empty location the parser gives for its end.
    pub fn chars_before(&self, location: Location) -> usize {
        match self.line(location) {
            Some((chars, _)) => (chars + column(location)).min(self.chars),
            None => self.chars,
        }
    }

    /// The text a run of tokens covers, and the characters before it.
    pub fn slice<'a>(&self, text: &'a str, tokens: &[TokenWithSpan]) -> (&'a str, usize) {
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => {
                let range = self.byte_at(text, first.span.start)..self.byte_at(text, last.span.end);
                (text.get(range).unwrap_or(text), self.chars_before(first.span.start))
            }
            _ => ("", 0),
        }
    }

    fn line(&self, location: Location) -> Option<&(usize, usize)> {
        let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
        self.lines.get(line)
    }

    pub fn byte_at(&self, text: &str, location: Location) -> usize {
        let Some((_, start)) = self.line(location) else { return text.len() };
        let rest = text.get(*start..).unwrap_or_default();
        rest.char_indices().nth(column(location)).map_or(text.len(), |(byte, _)| start + byte)
    }
}

/// Characters before the location on its line.
fn column(location: Location) -> usize {
    usize::try_from(location.column).unwrap_or(usize::MAX).saturating_sub(1)
}

/// The tokens with spans counted from the first of them.
pub fn relative(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let Some(origin) = tokens.first().map(|token| token.span.start) else { return Vec::new() };
    let shift = |location: Location| Location {
        line: location.line.saturating_sub(origin.line) + 1,
        column: if location.line == origin.line {
            location.column.saturating_sub(origin.column) + 1
        } else {
            location.column
        },
    };
    let shift_span = |span: Span| Span { start: shift(span.start), end: shift(span.end) };
    tokens.iter().map(|t| TokenWithSpan { token: t.token.clone(), span: shift_span(t.span) }).collect()
}

/// Position (in characters from 1, counted in the query string) of the first place where the statement names `parts`:
/// a column, `table.column`, a relation or a function.
pub fn identifier_position(statement: &super::Statement, parts: &[&str]) -> Option<usize> {
    // a name that stands alone is meant before one that says more
    let found =
        [true, false].into_iter().find_map(|whole| statement.ast.visit(&mut Finder { parts, whole }).break_value());
    found.map(|at| statement.offset + Positions::new(&statement.text).chars_before(at) + 1)
}

/// Position of an identifier of the statement, as in [`identifier_position`]; none where a rule made it.
pub fn place_of(statement: &super::Statement, ident: &Ident) -> Option<usize> {
    let at = ident.span.start;
    (at.line > 0).then(|| statement.offset + Positions::new(&statement.text).chars_before(at) + 1)
}

/// Position of the first quoted literal with that value, as in [`identifier_position`].
pub fn literal_position(statement: &super::Statement, text: &str) -> Option<usize> {
    struct Literal<'a>(&'a str);
    impl Visitor for Literal<'_> {
        type Break = Location;
        fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Location> {
            match &value.value {
                Value::SingleQuotedString(found) | Value::EscapedStringLiteral(found)
                    if found == self.0 && value.span.start.line != 0 =>
                {
                    ControlFlow::Break(value.span.start)
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match statement.ast.visit(&mut Literal(text)) {
        ControlFlow::Break(at) => Some(statement.offset + Positions::new(&statement.text).chars_before(at) + 1),
        ControlFlow::Continue(()) => None,
    }
}

/// Position of the first operator, or operator's keyword, that reads so, as in [`identifier_position`].
pub fn operator_position(statement: &super::Statement, symbol: &str) -> Option<usize> {
    Spot::After(Location { line: 1, column: 1 }, symbol.to_owned()).position(statement)
}

/// A place in a statement's text.
#[derive(Debug)]
pub enum Spot {
    At(Location),
    /// The first such token that begins at the location or behind it.
    After(Location, String),
    /// The first such token behind as many others from the location on.
    Nth(Location, String, usize),
    /// The last such token before the location.
    Before(Location, String),
    Nowhere,
}

impl Spot {
    /// Its position, as in [`identifier_position`].
    pub fn position(&self, statement: &super::Statement) -> Option<usize> {
        let tokens = || tokenized(&statement.text).ok();
        let at = match self {
            Self::At(at) => *at,
            Self::After(from, wanted) if from.line > 0 => {
                tokens()?.iter().find(|token| token.span.start >= *from && reads(token, wanted))?.span.start
            }
            Self::Nth(from, wanted, nth) if from.line > 0 => {
                let tokens = tokens()?;
                let mut found = tokens.iter().filter(|token| token.span.start >= *from && reads(token, wanted));
                found.nth(*nth)?.span.start
            }
            Self::Before(end, wanted) if end.line > 0 => {
                tokens()?.iter().rfind(|token| token.span.start < *end && reads(token, wanted))?.span.start
            }
            _ => return None,
        };
        (at.line > 0).then(|| statement.offset + Positions::new(&statement.text).chars_before(at) + 1)
    }
}

fn reads(token: &TokenWithSpan, wanted: &str) -> bool {
    match &token.token {
        Token::SingleQuotedString(_) | Token::Whitespace(_) => false,
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        other => other.to_string() == wanted,
    }
}

/// Position of the last quoted literal that reads so, as in [`identifier_position`].
pub fn quoted_position(statement: &super::Statement, text: &str) -> Option<usize> {
    let tokens = tokenized(&statement.text).ok()?;
    let reads_so = |token: &&TokenWithSpan| matches!(&token.token, Token::SingleQuotedString(found) if found == text);
    let at = tokens.iter().rev().find(reads_so)?.span.start;
    Some(statement.offset + Positions::new(&statement.text).chars_before(at) + 1)
}

/// Whether the statement's text has the parameter `$n`.
pub fn names_parameter(statement: &super::Statement, name: &str) -> bool {
    let tokens = tokenized(&statement.text).unwrap_or_default();
    tokens.iter().any(|token| matches!(&token.token, Token::Placeholder(found) if found == name))
}

/// The first `$n` of the statement and its position, as in [`identifier_position`].
pub fn placeholder(statement: &super::Statement) -> Option<(String, usize)> {
    struct First;
    impl Visitor for First {
        type Break = (String, Location);
        fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Self::Break> {
            match &value.value {
                Value::Placeholder(name) => ControlFlow::Break((name.clone(), value.span.start)),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match statement.ast.visit(&mut First) {
        ControlFlow::Break((name, at)) => {
            Some((name, statement.offset + Positions::new(&statement.text).chars_before(at) + 1))
        }
        ControlFlow::Continue(()) => None,
    }
}

struct Finder<'a> {
    parts: &'a [&'a str],
    /// Whether the parts are all that the name says.
    whole: bool,
}

impl Finder<'_> {
    fn compare<'a>(&self, idents: impl DoubleEndedIterator<Item = &'a Ident>) -> ControlFlow<Location> {
        let mut idents = idents.rev();
        let mut start = Location { line: 0, column: 0 };
        for part in self.parts.iter().rev() {
            match idents.next() {
                Some(ident) if ident.value.eq_ignore_ascii_case(part) => start = ident.span.start,
                _ => return ControlFlow::Continue(()),
            }
        }
        let further = idents.next_back();
        if self.whole && further.is_some() {
            return ControlFlow::Continue(());
        }
        // Identifiers that a rule made have no place in the text.
        let first = further.map_or(start, |ident| ident.span.start);
        if first.line == 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(first) }
    }
}

impl Visitor for Finder<'_> {
    type Break = Location;

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Location> {
        self.compare(name.0.iter().filter_map(|part| part.as_ident()).collect::<Vec<_>>().into_iter())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Location> {
        match expr {
            Expr::Identifier(ident) => self.compare(std::iter::once(ident)),
            Expr::CompoundIdentifier(idents) => self.compare(idents.iter()),
            Expr::Function(function) => {
                self.compare(function.name.0.iter().filter_map(|part| part.as_ident()).collect::<Vec<_>>().into_iter())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
