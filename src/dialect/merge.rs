//! `THEN DO NOTHING` of MERGE, and `INSERT DEFAULT VALUES` in it, which sqlparser does not know.
//!
//! Blocked by: sqlparser's MERGE has UPDATE, INSERT and DELETE only. Remove when it has these.

use datafusion::sql::sqlparser::ast::{Assignment, AssignmentTarget, ObjectName};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::syntax::is_word;

/// The column that nothing is done with. No client can write the name.
const NOTHING: &str = "\u{1}nothing";

/// `THEN DO NOTHING` → an UPDATE or an INSERT of a column that no table has; `INSERT DEFAULT VALUES` → of no column.
pub fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    if !tokens.iter().any(|token| is_word(Some(token), "merge")) {
        return;
    }
    let mut at = 0;
    while at + 2 < tokens.len() {
        let is = |offset: usize, text: &str| is_word(tokens.get(at + offset), text);
        if is(0, "then") && is(1, "do") && is(2, "nothing") {
            let span = tokens[at].span;
            let make = |token: Token| TokenWithSpan { token, span };
            let when = (0..at).rev().find(|before| is_word(tokens.get(*before), "matched"));
            let unmatched = when.is_some_and(|when| when > 0 && is_word(tokens.get(when - 1), "not"));
            let (word, name) =
                (|text: &str| make(Token::make_keyword(text)), make(Token::make_word(NOTHING, Some('"'))));
            let zero = make(Token::Number("0".to_owned(), false));
            let new = match unmatched {
                true => vec![
                    word("INSERT"),
                    make(Token::LParen),
                    name,
                    make(Token::RParen),
                    word("VALUES"),
                    make(Token::LParen),
                    zero,
                    make(Token::RParen),
                ],
                false => vec![word("UPDATE"), word("SET"), name, make(Token::Eq), zero],
            };
            tokens.splice(at + 1..at + 3, new);
        } else if is(0, "insert") && is(1, "default") && is(2, "values") {
            let span = tokens[at].span;
            let make = |token: Token| TokenWithSpan { token, span };
            let new = [
                make(Token::make_keyword("VALUES")),
                make(Token::LParen),
                make(Token::make_keyword("DEFAULT")),
                make(Token::RParen),
            ];
            tokens.splice(at + 1..at + 3, new);
        }
        at += 1;
    }
}

/// Whether the assignment stands for DO NOTHING.
pub fn is_nothing(assignment: Option<&Assignment>) -> bool {
    match assignment.map(|assignment| &assignment.target) {
        Some(AssignmentTarget::ColumnName(name)) => is_nothing_column(Some(name)),
        _ => false,
    }
}

/// Whether the column of an INSERT stands for DO NOTHING.
pub fn is_nothing_column(column: Option<&ObjectName>) -> bool {
    column.and_then(|name| name.0.first()?.as_ident()).is_some_and(|ident| ident.value == NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;
    use datafusion::sql::sqlparser::ast::{MergeAction, Statement};

    #[test]
    fn do_nothing_is_told_on_both_sides() {
        let sql = "merge into t using s on t.id = s.id when matched and case when true then true end then do nothing \
                   when not matched then do nothing";
        let Statement::Merge(merge) = parse_single(sql).unwrap().ast else { panic!("not a MERGE") };
        match (&merge.clauses[0].action, &merge.clauses[1].action) {
            (MergeAction::Update(update), MergeAction::Insert(insert)) => {
                assert!(is_nothing(update.assignments.first()));
                assert!(is_nothing_column(insert.columns.first()));
            }
            other => panic!("{other:?}"),
        }
    }
}
