//! `(row).field`: a member of a composite value.
//!
//! Blocked by: DataFusion takes the member's name after the dot as a string only. Remove when it takes an identifier.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Value};

use super::Rule;
use crate::dialect::folded;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        // after a plain name the dot is that of a relation's column: `con.conkey[1]`
        if let Expr::CompoundFieldAccess { root, access_chain } = expr
            && !matches!(root.as_ref(), Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        {
            for access in access_chain {
                if let AccessExpr::Dot(Expr::Identifier(name)) = access {
                    let name = Value::SingleQuotedString(folded(name));
                    *access = AccessExpr::Dot(Expr::Value(name.with_empty_span()));
                }
            }
        }
    }
}
