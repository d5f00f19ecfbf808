//! COPY as PostgreSQL writes it. sqlparser's options know neither `HEADER match` nor `FORCE_QUOTE *`, and what a value may
//! be is for the one who reads the option to say.
//!
//! Invariant: options stand in the tree's `values`, as [`options`] reads them; its own lists of options are empty.

use datafusion::sql::sqlparser::ast::{self, CopySource, CopyTarget, Ident, Statement};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{IsOptional, Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::folded;
use super::postgres::Postgres;

/// Begins a value that is a list of names, each after one of these: no text of SQL holds it.
const LIST: char = '\0';

/// What an option is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyValue {
    None,
    Text(String),
    /// `*`.
    All,
    Columns(Vec<String>),
}

/// The options of a COPY, in either syntax: lower-case names and values, in the order written.
pub fn options(values: &[Option<String>]) -> Vec<(String, CopyValue)> {
    let pair = |pair: &[Option<String>]| {
        let (Some(Some(name)), Some(value)) = (pair.first(), pair.get(1)) else { return None };
        let value = match value.as_deref() {
            None => CopyValue::None,
            Some("\0*") => CopyValue::All,
            Some(list) if list.starts_with(LIST) => {
                CopyValue::Columns(list.split(LIST).skip(1).map(str::to_owned).collect())
            }
            Some(text) => CopyValue::Text(text.to_owned()),
        };
        Some((name.clone(), value))
    };
    values.chunks(2).filter_map(pair).collect()
}

/// `None` where the tokens are no COPY.
pub(super) fn parse(tokens: &[TokenWithSpan], nesting: usize) -> Option<Result<Statement, ParserError>> {
    if !matches!(tokens.first().map(|first| &first.token), Some(Token::Word(word)) if word.keyword == Keyword::COPY) {
        return None;
    }
    let parser = Parser::new(&Postgres).with_recursion_limit(nesting);
    let mut reader = Reader { parser: parser.with_tokens_with_locations(tokens.to_vec()), values: Vec::new() };
    Some(reader.copy())
}

struct Reader<'a> {
    parser: Parser<'a>,
    values: Vec<Option<String>>,
}

impl Reader<'_> {
    fn copy(&mut self) -> Result<Statement, ParserError> {
        self.parser.expect_keyword(Keyword::COPY)?;
        if self.parser.parse_keyword(Keyword::BINARY) {
            self.put("format", Some("binary".to_owned()));
        }
        let (source, to) = self.source()?;
        let target = self.target()?;
        if self.parser.parse_keyword(Keyword::USING) {
            let word = self.parser.next_token();
            if !matches!(&word.token, Token::Word(name) if name.value.eq_ignore_ascii_case("delimiters")) {
                return self.parser.expected("DELIMITERS", word);
            }
            let delimiter = self.parser.parse_literal_string()?;
            self.put("delimiter", Some(delimiter));
        }
        let _ = self.parser.parse_keyword(Keyword::WITH);
        if self.parser.consume_token(&Token::LParen) {
            loop {
                self.option()?;
                if !self.parser.consume_token(&Token::Comma) {
                    break;
                }
            }
            self.parser.expect_token(&Token::RParen)?;
        } else {
            while self.old_option()? {}
        }
        if self.parser.parse_keyword(Keyword::WHERE) {
            self.put("where", None);
            self.parser.parse_expr()?;
        }
        match self.parser.peek_token_ref() {
            end if end.token == Token::EOF => {}
            other => return self.parser.expected_ref("end of statement", other),
        }
        let values = std::mem::take(&mut self.values);
        Ok(Statement::Copy { source, to, target, options: Vec::new(), legacy_options: Vec::new(), values })
    }

    fn source(&mut self) -> Result<(CopySource, bool), ParserError> {
        if self.parser.consume_token(&Token::LParen) {
            let query = self.parser.parse_query()?;
            self.parser.expect_token(&Token::RParen)?;
            self.parser.expect_keyword(Keyword::TO)?;
            return Ok((CopySource::Query(query), true));
        }
        let table_name = self.parser.parse_object_name(false)?;
        let columns = self.parser.parse_parenthesized_column_list(IsOptional::Optional, false)?;
        let to = match self.parser.parse_one_of_keywords(&[Keyword::FROM, Keyword::TO]) {
            Some(word) => word == Keyword::TO,
            None => return self.parser.expected_ref("FROM or TO", self.parser.peek_token_ref()),
        };
        Ok((CopySource::Table { table_name, columns }, to))
    }

    fn target(&mut self) -> Result<CopyTarget, ParserError> {
        // as in PostgreSQL, either word stands for the client
        Ok(match self.parser.parse_one_of_keywords(&[Keyword::STDIN, Keyword::STDOUT, Keyword::PROGRAM]) {
            Some(Keyword::STDIN) => CopyTarget::Stdin,
            Some(Keyword::STDOUT) => CopyTarget::Stdout,
            Some(_) => CopyTarget::Program { command: self.parser.parse_literal_string()? },
            None => CopyTarget::File { filename: self.parser.parse_literal_string()? },
        })
    }

    fn put(&mut self, name: &str, value: Option<String>) {
        self.values.extend([Some(name.to_owned()), value]);
    }

    fn put_columns(&mut self, name: &str, columns: &[Ident]) {
        let list = columns.iter().flat_map(|column| [LIST.to_string(), folded(column)]).collect();
        self.put(name, Some(list));
    }

    /// `name [value]`: a word, a number, a string, `*` or a list of words.
    fn option(&mut self) -> Result<(), ParserError> {
        let name = folded(&self.parser.parse_identifier()?);
        if self.parser.consume_token(&Token::Mul) {
            self.put(&name, Some(format!("{LIST}*")));
        } else if self.parser.peek_token_ref().token == Token::LParen {
            let columns = self.parser.parse_parenthesized_column_list(IsOptional::Mandatory, false)?;
            self.put_columns(&name, &columns);
        } else {
            let value = self.value()?;
            self.put(&name, value);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Option<String>, ParserError> {
        if matches!(self.parser.peek_token_ref().token, Token::Comma | Token::RParen) {
            return Ok(None);
        }
        let negative = self.parser.consume_token(&Token::Minus);
        let next = self.parser.next_token();
        Ok(Some(match next.token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
            Token::Word(word) => word.value,
            Token::Number(number, _) if negative => format!("-{number}"),
            Token::Number(number, _) => number,
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => text,
            Token::DollarQuotedString(text) => text.value,
            _ => return self.parser.expected("an option's value", next),
        }))
    }

    /// The syntax before PostgreSQL 9.0: words one after the other. `false` where there are no more.
    fn old_option(&mut self) -> Result<bool, ParserError> {
        let words = [
            Keyword::BINARY,
            Keyword::FREEZE,
            Keyword::DELIMITER,
            Keyword::NULL,
            Keyword::CSV,
            Keyword::HEADER,
            Keyword::QUOTE,
            Keyword::ESCAPE,
            Keyword::FORCE,
            Keyword::ENCODING,
        ];
        let Some(word) = self.parser.parse_one_of_keywords(&words) else { return Ok(false) };
        match word {
            Keyword::BINARY => self.put("format", Some("binary".to_owned())),
            Keyword::CSV => self.put("format", Some("csv".to_owned())),
            Keyword::HEADER => self.put("header", None),
            Keyword::FREEZE => self.put("freeze", None),
            Keyword::FORCE => self.force()?,
            word => {
                if word != Keyword::ENCODING {
                    let _ = self.parser.parse_keyword(Keyword::AS);
                }
                let text = self.value()?;
                self.put(&format!("{word:?}").to_lowercase(), text);
            }
        }
        Ok(true)
    }

    fn force(&mut self) -> Result<(), ParserError> {
        let name = if self.parser.parse_keyword(Keyword::QUOTE) {
            "force_quote"
        } else if self.parser.parse_keywords(&[Keyword::NOT, Keyword::NULL]) {
            "force_not_null"
        } else {
            self.parser.expect_keyword(Keyword::NULL)?;
            "force_null"
        };
        if self.parser.consume_token(&Token::Mul) {
            self.put(name, Some(format!("{LIST}*")));
            return Ok(());
        }
        let mut columns: Vec<ast::Ident> = Vec::new();
        loop {
            columns.push(self.parser.parse_identifier()?);
            if !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        self.put_columns(name, &columns);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;

    fn read(sql: &str) -> Vec<(String, CopyValue)> {
        match parse_single(sql).unwrap().ast {
            Statement::Copy { values, .. } => options(&values),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn options_of_both_syntaxes() {
        let text = |name: &str, value: &str| (name.to_owned(), CopyValue::Text(value.to_owned()));
        assert_eq!(
            read("copy t from stdin (format CSV, header match, delimiter ';', freeze false, null E'\\t')"),
            [
                text("format", "csv"),
                text("header", "match"),
                text("delimiter", ";"),
                text("freeze", "false"),
                text("null", "\t")
            ]
        );
        assert_eq!(
            read("copy t (a, b) to stdout with csv header quote as '''' force quote a, \"B\""),
            [
                text("format", "csv"),
                ("header".to_owned(), CopyValue::None),
                text("quote", "'"),
                ("force_quote".to_owned(), CopyValue::Columns(vec!["a".to_owned(), "B".to_owned()])),
            ]
        );
        assert_eq!(
            read("copy (select 1) to stdout (format csv, force_quote *, force_null (a))"),
            [
                text("format", "csv"),
                ("force_quote".to_owned(), CopyValue::All),
                ("force_null".to_owned(), CopyValue::Columns(vec!["a".to_owned()])),
            ]
        );
        assert_eq!(
            read("copy binary t to stdout using delimiters ','"),
            [text("format", "binary"), text("delimiter", ",")]
        );
        assert_eq!(read("copy t from stdin").len(), 0);
    }

    #[test]
    fn errors_have_their_place() {
        let error = parse_single("copy t from stdin with csv nosuch").unwrap_err();
        assert_eq!(error.message(), "syntax error at or near \"nosuch\"");
        assert!(parse_single("copy (select 1) from stdin").is_err());
    }
}
