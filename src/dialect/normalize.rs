//! A statement's text without its constants, as `pg_stat_statements` shows it.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// The text with `$n` in place of each constant, numbered after the parameters it has; cut after `bytes_max`.
pub fn normalized(sql: &str, bytes_max: usize) -> String {
    let mut text = match Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize() {
        Ok(tokens) => without_constants(&tokens),
        Err(_) => sql.to_owned(),
    };
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn without_constants(tokens: &[Token]) -> String {
    let placeholder = |token: &Token| match token {
        Token::Placeholder(name) => name.strip_prefix('$')?.parse::<usize>().ok(),
        _ => None,
    };
    let mut number = tokens.iter().filter_map(placeholder).max().unwrap_or(0);
    let mut text = String::new();
    for token in tokens {
        match token {
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::UnicodeStringLiteral(_) => {
                number += 1;
                text.push_str(&format!("${number}"));
            }
            other => text.push_str(&other.to_string()),
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn constants_become_parameters_after_those_there_are() {
        for (sql, expected) in [
            ("select 1", "select $1"),
            ("select 'a', b  from t where c = $1 and d > 1.5", "select $2, b  from t where c = $1 and d > $3"),
            ("select 'open", "select 'open"),
        ] {
            assert_eq!(normalized(sql, 100), expected);
        }
        assert_eq!(normalized("select é", 8), "select ");
    }
}
