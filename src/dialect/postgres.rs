//! sqlparser's dialect of PostgreSQL, in which the name of an argument is a name, `f(a => 1)`, and words of other dialects
//! are none.
//!
//! Blocked by: sqlparser 0.62 takes any expression for a name, so reads every argument twice, and calls within calls 2ⁿ times.
//! Remove when its PostgreSQL reads names only, as PostgreSQL does.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::{Keyword, RESERVED_FOR_TABLE_ALIAS};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

#[derive(Debug)]
pub(super) struct Postgres;

/// Words of other dialects, which name relations in PostgreSQL: `FROM pg_class view`.
const PLAIN: &[Keyword] = &[
    Keyword::ANTI,
    Keyword::ASOF,
    Keyword::CLUSTER,
    Keyword::CONNECT,
    Keyword::DISTRIBUTE,
    Keyword::EXPLAIN,
    Keyword::FORMAT,
    Keyword::GLOBAL,
    Keyword::MATCH_RECOGNIZE,
    Keyword::MINUS,
    Keyword::OPEN,
    Keyword::OUTPUT,
    Keyword::PARTITION,
    Keyword::PIVOT,
    Keyword::PREWHERE,
    Keyword::QUALIFY,
    Keyword::SAMPLE,
    Keyword::SEMI,
    Keyword::SETTINGS,
    Keyword::SORT,
    Keyword::START,
    Keyword::TOP,
    Keyword::UNPIVOT,
    Keyword::VIEW,
];

/// Words that name a column of a result only behind AS.
const BEHIND_AS: &[Keyword] = &[
    Keyword::ARRAY,
    Keyword::AS,
    Keyword::CHAR,
    Keyword::CHARACTER,
    Keyword::CREATE,
    Keyword::DAY,
    Keyword::EXCEPT,
    Keyword::FETCH,
    Keyword::FILTER,
    Keyword::FOR,
    Keyword::FROM,
    Keyword::GRANT,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::HOUR,
    Keyword::INTERSECT,
    Keyword::INTO,
    Keyword::LIMIT,
    Keyword::MINUTE,
    Keyword::MONTH,
    Keyword::NOTNULL,
    Keyword::OFFSET,
    Keyword::ON,
    Keyword::ORDER,
    Keyword::OVER,
    Keyword::OVERLAPS,
    Keyword::PRECISION,
    Keyword::RETURNING,
    Keyword::SECOND,
    Keyword::TO,
    Keyword::UNION,
    Keyword::VARYING,
    Keyword::WHERE,
    Keyword::WINDOW,
    Keyword::WITH,
    Keyword::WITHIN,
    Keyword::WITHOUT,
    Keyword::YEAR,
];

/// Operators of other dialects.
const NO_OPERATORS: &[Keyword] =
    &[Keyword::DIV, Keyword::MATCH, Keyword::MEMBER, Keyword::REGEXP, Keyword::RLIKE, Keyword::XOR];

/// As sqlparser's dialect has it.
macro_rules! as_theirs {
    ($($name:ident),* $(,)?) => {
        $(fn $name(&self) -> bool {
            PostgreSqlDialect {}.$name()
        })*
    };
}

impl Dialect for Postgres {
    fn dialect(&self) -> TypeId {
        PostgreSqlDialect {}.dialect()
    }

    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        false
    }

    fn is_table_alias(&self, word: &Keyword, _parser: &mut Parser) -> bool {
        PLAIN.contains(word) || !RESERVED_FOR_TABLE_ALIAS.contains(word)
    }

    fn is_column_alias(&self, word: &Keyword, _parser: &mut Parser) -> bool {
        !BEHIND_AS.contains(word)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        PostgreSqlDialect {}.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        PostgreSqlDialect {}.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        PostgreSqlDialect {}.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        PostgreSqlDialect {}.is_identifier_part(ch)
    }

    fn is_reserved_for_identifier(&self, kw: Keyword) -> bool {
        PostgreSqlDialect {}.is_reserved_for_identifier(kw)
    }

    fn is_custom_operator_part(&self, ch: char) -> bool {
        PostgreSqlDialect {}.is_custom_operator_part(ch)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::Word(word) if NO_OPERATORS.contains(&word.keyword) => Some(Ok(0)),
            // as all operators but those of arithmetic and comparison: `a = b ~ c` is `a = (b ~ c)`
            Token::Word(word) if word.keyword == Keyword::OPERATOR => Some(Ok(self.prec_value(Precedence::PgOther))),
            Token::Tilde
            | Token::TildeAsterisk
            | Token::ExclamationMarkTilde
            | Token::ExclamationMarkTildeAsterisk
            | Token::DoubleTilde
            | Token::DoubleTildeAsterisk
            | Token::ExclamationMarkDoubleTilde
            | Token::ExclamationMarkDoubleTildeAsterisk => Some(Ok(self.prec_value(Precedence::PgOther))),
            _ => PostgreSqlDialect {}.get_next_precedence(parser),
        }
    }

    /// `a::text COLLATE "C"`: sqlparser reads the word behind names and literals only.
    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        if !parser.parse_keyword(Keyword::COLLATE) {
            return None;
        }
        let collated = |collation| Expr::Collate { expr: Box::new(expr.clone()), collation };
        Some(parser.parse_object_name(false).map(collated))
    }

    fn prec_value(&self, prec: Precedence) -> u8 {
        PostgreSqlDialect {}.prec_value(prec)
    }

    as_theirs! {
        supports_unicode_string_literal,
        supports_filter_during_aggregation,
        supports_group_by_expr,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_create_index_with_clause,
        supports_explain_with_utility_options,
        supports_listen_notify,
        supports_factorial_operator,
        supports_bitwise_shift_operators,
        supports_comment_on,
        supports_load_extension,
        supports_named_fn_args_with_colon_operator,
        supports_empty_projections,
        supports_nested_comments,
        supports_string_escape_constant,
        supports_numeric_literal_underscores,
        supports_array_typedef_with_brackets,
        supports_geometric_types,
        supports_set_names,
        supports_alter_column_type_using,
        supports_notnull_operator,
        supports_interval_options,
        supports_insert_table_alias,
        supports_create_table_like_parenthesized,
        supports_select_wildcard_with_alias,
        supports_comma_separated_trim,
        supports_xml_expressions,
        supports_comment_optimizer_hint,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn calls_within_calls_are_read_once() {
        let nested = format!("SELECT {}a{} AS n", "upper(".repeat(40), ")".repeat(40));
        assert_eq!(parse_single(&nested).unwrap().ast.to_string(), nested);
    }

    #[test]
    fn columns_have_names_without_as() {
        let shown = |sql| parse_single(sql).unwrap().ast.to_string();
        let sql = "SELECT a start, b end, c.member member, d top, e AS from FROM t minus";
        let expected = "SELECT a AS start, b AS end, c.member AS member, d AS top, e AS from FROM t minus";
        assert_eq!(shown(sql), expected);
    }

    #[test]
    fn arguments_have_names() {
        let shown = |sql| parse_single(sql).unwrap().ast.to_string();
        assert_eq!(shown("select f(a => 1, b := 'x') as n"), "SELECT f(a => 1, b := 'x') AS n");
    }
}
