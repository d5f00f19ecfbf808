//! PostgreSQL's SQL as statements DataFusion can plan.
//!
//! Query string → tokens → one token run per statement → our own syntax ([`syntax`]) → sqlparser → [`rules`].
//!
//! Invariant: the text of a statement is kept, and every syntax error has a position in it.
//! Invariant: rules never turn the tree back into text, so identifiers keep their spans.

mod alterations;
mod chains;
mod clauses;
mod commands;
mod comments;
mod conflicts;
mod copy;
mod cursor;
mod definitions;
mod error;
mod foreign;
mod grants;
mod grouping_sets;
mod literals;
mod merge;
mod nested_joins;
mod normalize;
mod objects;
mod places;
mod position;
mod postgres;
pub mod quoted;
mod refused;
mod roles;
pub mod rules;
mod sequences;
mod spellings;
mod split;
mod syntax;
mod texts;
mod tokens;
mod ungrammatical;
mod windows;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::config::ConfigOptions;
use datafusion::sql::planner::{NullOrdering, ParserOptions};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use postgres::Postgres;

pub use alterations::{Alteration, alteration, alteration_of_column};
pub use clauses::{KeyClauses, STORAGE, columns_set, key_clauses};
pub use commands::{Command, command};
pub use comments::CONSTRAINT;
pub use conflicts::{ConflictKey, conflict_key};
pub use copy::{CopyValue, options as copy_options};
pub use cursor::MOVE;
pub use definitions::{LIKE, altered};
pub use grants::{EVERYBODY as PUBLIC, GrantCommand, OPTION};
pub use merge::{is_nothing, is_nothing_column};
pub use normalize::normalized;
pub use objects::{Form, NamedObject, ObjectCommand, TypeName};
pub use places::{calls_over_rows, place_told, written_type};
pub use position::{
    Spot, identifier_position, literal_position, names_parameter, operator_position, place_of, placeholder,
};
pub use roles::RoleCommand;
pub use rules::{
    GATHERED, OF_TEXT, RECORD_FUNCTIONS, RELATION, RELATION_FUNCTIONS, SET_FUNCTIONS, SINGLE_VALUE, call, cast,
    frame_parameter, is_aggregate, is_of_rows, one_value, repeated_name, rewritten_functions, visible_name,
};
pub use sequences::{SequenceOption, sequence_options};
pub use ungrammatical::is_locale;

/// How deep expressions may nest before `54001`.
const NESTING_MAX: usize = 128;

/// One statement of a query string.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The statement's own text, without what precedes and follows it.
    pub text: String,
    /// Where `text` begins in the query string, in characters from 0. Positions of the engine's errors count it already.
    pub offset: usize,
    pub ast: ast::Statement,
}

/// Splits and parses a query string. Empty statements are dropped.
///
/// # Errors
/// `42601` with a position counted from the beginning of the query string; `54001` where it nests too deep; `0A000` for
/// what would be answered wrongly.
pub fn parse(sql: &str) -> Result<Vec<Statement>> {
    let tokens = tokens::tokenized(sql).map_err(|error| error::from_tokenizer(sql, &error))?;
    let positions = position::Positions::new(sql);
    split::statements(&tokens)
        .map(|tokens| {
            let (text, offset) = positions.slice(sql, tokens);
            refused::two_phase(tokens)?;
            literals::check(tokens, sql, &positions)?;
            let has_chain = chains::check(tokens)?;
            let mut ast = parse_one(&position::relative(tokens)).map_err(|mut parse_error| {
                // Only the tokens as they were know where in the query string they are.
                if let Err(error) = parse_one(tokens) {
                    parse_error = error;
                }
                error::from_parser(&positions, tokens, &parse_error)
            })?;
            if has_chain {
                chains::balance(&mut ast);
            }
            let statement = Statement { text: text.to_owned(), offset, ast };
            refused::swallowed(tokens, &statement)?;
            refused::check(&statement)?;
            Ok(Statement { ast: rules::apply(statement.ast), ..statement })
        })
        .collect()
}

/// An expression as it is written: no rule has been applied.
pub fn parse_expression(sql: &str) -> Option<ast::Expr> {
    let tokens = tokens::tokenized(sql).ok()?;
    let tokens = syntax::rewrite(&tokens);
    let mut parser = Parser::new(&Postgres).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens);
    let expr = parser.parse_expr().ok()?;
    (parser.peek_token().token == Token::EOF).then_some(expr)
}

/// Parses text that must hold exactly one statement.
pub fn parse_single(sql: &str) -> Result<Statement> {
    let mut statements = parse(sql)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(Error::new(ErrorKind::SyntaxError, "the statement is empty")),
        (Some(second), false) => {
            Err(Error::new(ErrorKind::SyntaxError, "more than one statement where one is expected")
                .at(second.offset + 1))
        }
    }
}

/// A name as PostgreSQL takes it: in lower case where it is not quoted, but for letters beyond ASCII.
pub fn folded(ident: &ast::Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

/// How DataFusion is to plan our statements.
pub fn parser_options(options: &ConfigOptions) -> ParserOptions {
    let options = &options.sql_parser;
    ParserOptions {
        parse_float_as_decimal: options.parse_float_as_decimal,
        enable_ident_normalization: options.enable_ident_normalization,
        enable_options_value_normalization: options.enable_options_value_normalization,
        support_varchar_with_length: true,
        map_string_types_to_utf8view: options.map_string_types_to_utf8view,
        collect_spans: false,
        default_null_ordering: NullOrdering::NullsMax,
    }
}

/// The relations that a query names with their schemas; none where it cannot be parsed.
pub fn relations(sql: &str) -> BTreeSet<TableName> {
    let mut found = BTreeSet::new();
    let folded = |part: &ast::ObjectNamePart| part.as_ident().map(folded);
    if let Ok(statement) = parse_single(sql) {
        let _ = ast::visit_relations(&statement.ast, |name| {
            if let [.., schema, relation] = name.0.as_slice()
                && let (Some(schema), Some(relation)) = (folded(schema), folded(relation))
            {
                found.insert(TableName::new(schema, relation));
            }
            ControlFlow::<()>::Continue(())
        });
    }
    found
}

/// What an expression names, folded: columns, by their own names; none where it cannot be parsed.
pub fn names_in(expression: &str) -> BTreeSet<String> {
    parse_expression(expression).map(|expression| columns_in(&expression)).unwrap_or_default()
}

/// [`names_in`] of what is parsed already.
pub fn columns_in(expr: &ast::Expr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let _ = ast::visit_expressions(expr, |inner| {
        match inner {
            ast::Expr::Identifier(ident) => drop(found.insert(folded(ident))),
            ast::Expr::CompoundIdentifier(parts) => found.extend(parts.last().map(folded)),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

/// The statement's tree before any rule.
pub fn as_written(statement: &Statement) -> Option<ast::Statement> {
    let tokens = tokens::tokenized(&statement.text).ok()?;
    parse_one(&tokens).ok()
}

fn parse_one(tokens: &[TokenWithSpan]) -> std::result::Result<ast::Statement, ParserError> {
    let mut tokens = syntax::rewrite(tokens);
    let without_data = definitions::is_without_data(&tokens);
    definitions::rewrite(&mut tokens);
    if let Some(fetch) = cursor::parse_fetch(&tokens) {
        return Ok(fetch);
    }
    if let Some(command) =
        sequences::parse(&tokens).or_else(|| roles::parse(&tokens)).or_else(|| objects::parse(&tokens))
    {
        return Ok(command);
    }
    if let Some(copy) = copy::parse(&tokens, NESTING_MAX) {
        return copy;
    }
    let mut parser =
        Parser::new(&Postgres).with_recursion_limit(NESTING_MAX).with_tokens_with_locations(tokens.clone());
    let parsed = parser.parse_statement().and_then(|statement| {
        let next = parser.peek_token();
        match next.token {
            Token::EOF => Ok(statement),
            _ => Err(ParserError::ParserError(format!("Expected: end of statement, found: {next}{}", next.span.start))),
        }
    });
    let known = || syntax::parse_setting(&tokens).or_else(|| commands::parse_command(&tokens));
    let mut statement = parsed.or_else(|error| known().ok_or(error))?;
    if let (ast::Statement::CreateView(view), true) = (&mut statement, without_data) {
        view.with_no_schema_binding = view.materialized;
    }
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &[(&str, usize)]) {
        let statements = parse(sql).unwrap();
        let got: Vec<_> = statements.iter().map(|s| (s.text.as_str(), s.offset)).collect();
        assert_eq!(got, expected, "{sql}");
    }

    fn check_error(sql: &str, message: &str, position: usize) {
        let error = parse(sql).expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::SyntaxError, "{sql}");
        assert_eq!((error.message(), error.position()), (message, Some(position)), "{sql}");
    }

    #[test]
    fn splits_by_tokens_not_by_text() {
        check("", &[]);
        check(" ; -- nothing\n ;", &[]);
        check("select ';' ; select 2", &[("select ';'", 0), ("select 2", 13)]);
        check("/* é */ select $a$;$a$;", &[("select $a$;$a$", 8)]);
        check("select 'ü;'\n;\nselect \"a;b\" from t", &[("select 'ü;'", 0), ("select \"a;b\" from t", 14)]);
    }

    #[test]
    fn syntax_errors_read_as_in_postgres() {
        check_error("selec 1", "syntax error at or near \"selec\"", 1);
        check_error("select 1; selec 2", "syntax error at or near \"selec\"", 11);
        check_error("select a from t where", "syntax error at end of input", 22);
        check_error("select (1", "syntax error at end of input", 10);
        check_error("select 1 frm t x y", "syntax error at or near \"t\"", 14);
        check_error("select a, from t", "syntax error at or near \"from\"", 11);
        check_error("select * form t", "syntax error at or near \"form\"", 10);
        check_error("select a from t order a", "syntax error at or near \"a\"", 23);
        check_error("select a from t order", "syntax error at end of input", 22);
        check_error("select 'abc", "unterminated quoted string at or near \"'abc\"", 8);
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let sql = format!("select {}1{}", "(".repeat(5000), ")".repeat(5000));
        assert_eq!(parse(&sql).unwrap_err().kind(), ErrorKind::StatementTooComplex);
    }

    #[test]
    fn settings_take_words_that_are_keywords_elsewhere() {
        for sql in
            ["set x = on", "set a.b to off", "SET SESSION datestyle TO iso, mdy", "set y to default", "set z = -1"]
        {
            assert!(matches!(parse(sql).unwrap()[0].ast, ast::Statement::Set(_)), "{sql}");
        }
    }

    #[test]
    fn abort_is_rollback() {
        assert!(matches!(parse("abort").unwrap()[0].ast, ast::Statement::Rollback { .. }));
    }
}
