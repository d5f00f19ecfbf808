//! `(row).field`: a member of a composite value.
//!
//! Blocked by: DataFusion takes the member's name after the dot as a string only. Remove when it takes an identifier.

use datafusion::sql::sqlparser::ast::{AccessExpr, BinaryOperator, Expr, Subscript, Value};

use super::Rule;
use crate::dialect::folded;

pub struct Rewriter;

/// `document['a'][0]` → `(document -> 'a' -> 0)`: with a name in brackets it is one of JSON.
fn json_member(expr: &Expr) -> Option<Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let is_name = |access: &AccessExpr| {
        let AccessExpr::Subscript(Subscript::Index { index: Expr::Value(value) }) = access else { return false };
        matches!(value.value, Value::SingleQuotedString(_))
    };
    let first = access_chain.iter().position(is_name)?;
    let (before, after) = access_chain.split_at(first);
    let mut whole = match before.is_empty() {
        true => root.as_ref().clone(),
        false => Expr::CompoundFieldAccess { root: root.clone(), access_chain: before.to_vec() },
    };
    for access in after {
        let AccessExpr::Subscript(Subscript::Index { index }) = access else { return None };
        let (left, right) = (Box::new(whole), Box::new(index.clone()));
        whole = Expr::BinaryOp { left, op: BinaryOperator::Arrow, right };
    }
    Some(Expr::Nested(Box::new(whole)))
}

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        if let Some(member) = json_member(expr) {
            *expr = member;
        }
    }

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
