//! `typreceive <> 0`, as drivers ask, where `pg_type` holds the functions' names: → `typreceive <> '-'`.
//!
//! Blocked by: a type for `regproc`, whose text is a name and whose number is an OID. Remove when there is one.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Statement, Value, VisitMut, VisitorMut};

use super::Facts;

const COLUMNS: &[&str] = &["typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "typanalyze"];

pub fn apply(statement: &mut Statement, facts: Facts) {
    if facts.metadata {
        let _ = statement.visit(&mut Comparer);
    }
}

struct Comparer;

impl VisitorMut for Comparer {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp { left, right, .. } = expr
            && names_function(left)
            && let Expr::Value(value) = right.as_mut()
            && matches!(&value.value, Value::Number(text, _) if text == "0")
        {
            value.value = Value::SingleQuotedString("-".to_owned());
        }
        ControlFlow::Continue(())
    }
}

fn names_function(expr: &Expr) -> bool {
    let column = match expr {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(idents) => idents.last(),
        _ => None,
    };
    column.is_some_and(|column| COLUMNS.iter().any(|known| column.value.eq_ignore_ascii_case(known)))
}
