//! What DataFusion does not do, said in words of SQL: its own messages show syntax trees and plans as Rust prints them.

use crate::error::{Error, ErrorKind};

/// Words of DataFusion's messages, and what it is about.
const KINDS: &[(&str, &str)] = &[
    ("logical expression ScalarSubquery", SUBQUERY),
    ("logical expression Exists", SUBQUERY),
    ("logical expression InSubquery", SUBQUERY),
    ("undecorrelated Subquery", SUBQUERY),
    ("orrelated scalar subquery can only be used", SUBQUERY),
    ("logical expression Wildcard", "all columns of a table as one value"),
    ("logical expression OuterReferenceColumn", SUBQUERY),
    ("LIMIT expression", "such a LIMIT"),
    ("OFFSET expression", "such an OFFSET"),
    ("in create_relation", "such a relation in FROM"),
    ("JOIN operator", "such a join"),
];

const SUBQUERY: &str = "a subquery that depends on the rows around it in this way";

/// The error for a message that says what is not implemented.
pub(super) fn in_words(message: &str) -> Error {
    known(message).unwrap_or_else(|| error(without_tree(message)))
}

/// The error for a message that is known to say so; `None` for others.
pub(super) fn known(message: &str) -> Option<Error> {
    KINDS.iter().find(|(words, _)| message.contains(words)).map(|(_, what)| error(what))
}

fn error(what: &str) -> Error {
    Error::new(ErrorKind::FeatureNotSupported, format!("not supported: {what}"))
}

/// The message up to where a tree begins: `Name { field: …`, `Name(Name { …`, `[Name(…`.
fn without_tree(message: &str) -> &str {
    let Some(brace) = message.find(" { ").or_else(|| message.find(": [")) else { return message };
    let before = message.get(..brace).unwrap_or(message);
    let words = before.rfind(' ').and_then(|space| before.get(..space)).unwrap_or(before);
    words.trim_end_matches([':', ' '])
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn no_tree_is_shown() {
        for (message, shown) in [
            (
                "Physical plan does not support logical expression Exists(Exists { subquery: <subquery>, negated: false })",
                "not supported: a subquery that depends on the rows around it in this way",
            ),
            (
                "Unsupported ast node in sqltorel: Prefixed { prefix: Ident { value: \"x\" } }",
                "not supported: Unsupported ast node in sqltorel",
            ),
            ("LATERAL of that kind", "not supported: LATERAL of that kind"),
        ] {
            assert_eq!(in_words(message).message(), shown);
        }
    }
}
