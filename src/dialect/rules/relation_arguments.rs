//! `rfm(gold.t, …)`, `rfm('gold.t', …)`, `rfm('select …', …)`: functions over a relation take it as a subquery.
//!
//! Whoever reads the tree afterwards, be it the planner or the model graph, finds the relation where every other is: in
//! a FROM. Of the other arguments, bare names are texts: `time => invoice_day` says the same as `time => 'invoice_day'`.
//!
//! Invariant: names inside a quoted argument carry the place they have in the statement.

use datafusion::sql::sqlparser::ast::{
    Array, Expr, FunctionArg, FunctionArgExpr, Ident, Query, Statement, TableFactor, Value,
};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::Rule;
use crate::dialect::parse_one;
use crate::dialect::tokens::tokenized;

/// Functions in FROM whose first argument, or the one named `relation`, is a relation or a query.
pub const RELATION_FUNCTIONS: &[&str] = &[
    "abc_class",
    "anomalies",
    "basket_rules",
    "clv_fit",
    "clv_holdout",
    "clv_predict",
    "cohort_retention",
    "forecast",
    "forecast_backtest",
    "rfm",
];

/// The name of the argument that is a relation.
pub const RELATION: &str = "relation";

/// Whether a function of this name, in any case, takes a relation.
pub fn takes_relation(name: &str) -> bool {
    RELATION_FUNCTIONS.iter().any(|function| function.eq_ignore_ascii_case(name))
}

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        if let TableFactor::Table { name, args: Some(arguments), .. } = factor
            && name.0.last().and_then(|part| part.as_ident()).is_some_and(|name| takes_relation(&name.value))
        {
            for (nth, argument) in arguments.args.iter_mut().enumerate() {
                rewrite(nth, argument);
            }
        }
    }
}

fn rewrite(nth: usize, argument: &mut FunctionArg) {
    let is_relation = match argument {
        FunctionArg::Named { name, .. } | FunctionArg::ExprNamed { name: Expr::Identifier(name), .. } => {
            name.value.eq_ignore_ascii_case(RELATION)
        }
        FunctionArg::ExprNamed { .. } => false,
        FunctionArg::Unnamed(_) => nth == 0,
    };
    let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) = argument;
    let FunctionArgExpr::Expr(value) = arg else { return };
    if is_relation {
        // What is no relation stays as it is: the function says so when it is planned.
        if let Some(query) = relation(value) {
            *value = Expr::Subquery(Box::new(query));
        }
    } else {
        names_to_texts(value);
    }
}

fn names_to_texts(value: &mut Expr) {
    match value {
        Expr::Identifier(name) => {
            let text = if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() };
            *value = Expr::Value(Value::SingleQuotedString(text).with_span(name.span));
        }
        Expr::Array(Array { elem, .. }) => elem.iter_mut().for_each(names_to_texts),
        _ => {}
    }
}

fn relation(value: &Expr) -> Option<Query> {
    let tokens = match value {
        Expr::Identifier(name) => selecting(name_tokens(std::slice::from_ref(name))),
        Expr::CompoundIdentifier(names) => selecting(name_tokens(names)),
        Expr::Value(text) => {
            let (text, start, quoted) = match &text.value {
                Value::SingleQuotedString(value) => (value, moved(text.span.start, 1), true),
                Value::DollarQuotedString(value) => {
                    let tag = value.tag.as_ref().map_or(0, |tag| tag.chars().count() as u64);
                    (&value.value, moved(text.span.start, 2 + tag), false)
                }
                _ => return None,
            };
            let tokens = tokenized(text).ok()?;
            let tokens = placed(text, start, quoted, tokens);
            if begins_query(&tokens) { tokens } else { selecting(tokens) }
        }
        _ => return None,
    };
    match parse_one(&tokens) {
        Ok(Statement::Query(query)) => Some(*query),
        _ => None,
    }
}

fn begins_query(tokens: &[TokenWithSpan]) -> bool {
    match tokens.iter().map(|token| &token.token).find(|token| !matches!(token, Token::Whitespace(_))) {
        Some(Token::LParen) => true,
        Some(Token::Word(word)) => {
            let words = ["select", "with", "values", "table"];
            word.quote_style.is_none() && words.iter().any(|query| word.value.eq_ignore_ascii_case(query))
        }
        _ => false,
    }
}

/// `SELECT * FROM` before a relation's name.
fn selecting(name: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let span = name.first().map_or_else(Span::empty, |first| first.span);
    let words = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
    words.into_iter().map(|token| TokenWithSpan { token, span }).chain(name).collect()
}

fn name_tokens(parts: &[Ident]) -> Vec<TokenWithSpan> {
    let mut tokens = Vec::with_capacity(parts.len() * 2);
    for part in parts {
        if !tokens.is_empty() {
            tokens.push(TokenWithSpan { token: Token::Period, span: part.span });
        }
        tokens.push(TokenWithSpan { token: Token::make_word(&part.value, part.quote_style), span: part.span });
    }
    tokens
}

/// The tokens of a text inside the statement, with their places in the statement. In quotes, a quote is written twice.
fn placed(text: &str, start: Location, quoted: bool, mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let lines: Vec<&str> = text.split('\n').collect();
    let place = |at: Location| {
        let nth = usize::try_from(at.line.saturating_sub(1)).unwrap_or_default();
        let before = lines.get(nth).into_iter().flat_map(|line| line.chars());
        let before = before.take(usize::try_from(at.column.saturating_sub(1)).unwrap_or_default());
        let doubled = if quoted { before.filter(|c| *c == '\'').count() as u64 } else { 0 };
        let column = at.column + doubled;
        match nth {
            0 => moved(start, column.saturating_sub(1)),
            _ => Location { line: start.line + at.line - 1, column },
        }
    };
    for token in &mut tokens {
        token.span = Span { start: place(token.span.start), end: place(token.span.end) };
    }
    tokens
}

fn moved(at: Location, columns: u64) -> Location {
    Location { line: at.line, column: at.column + columns }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected, "{sql}");
    }

    #[test]
    fn relations_become_subqueries_in_every_spelling() {
        let expected = "SELECT * FROM rfm((SELECT * FROM gold.t), customer => 'c')";
        for relation in ["gold.t", "'gold.t'", "'select * from gold.t'", "$$ select * from gold.t $$", "table gold.t"] {
            check(&format!("select * from rfm({relation}, customer => 'c')"), expected);
        }
        check(
            "select * from RFM(relation => t, customer => c)",
            "SELECT * FROM RFM(relation => (SELECT * FROM t), customer => 'c')",
        );
        check(
            "select * from rfm((select a from b), group_by => array[a, \"B\"])",
            "SELECT * FROM rfm((SELECT a FROM b), group_by => make_array('a', 'B'))",
        );
    }

    #[test]
    fn what_is_no_relation_stays() {
        check("select * from rfm('gold.', customer => c)", "SELECT * FROM rfm('gold.', customer => 'c')");
        check("select * from rfm(3)", "SELECT * FROM rfm(3)");
    }
}
