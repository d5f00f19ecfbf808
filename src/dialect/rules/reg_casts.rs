//! `'gold.daily_sales'::regclass`, `oid::regtype`, `regclass 'a'` …: casts to types that DataFusion does not have.
//!
//! A cast to one becomes a call of the function that finds the OID; what it stands for stays with the value, which is shown
//! as a name.

use datafusion::sql::sqlparser::ast::{DataType, Expr, TypedString};

use super::{Rule, call};

/// What the functions' names begin with; the type's name follows.
pub const REG_IN: &str = "lakewire_";

const KINDS: &[&str] = &[
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
];

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let cast = match &*expr {
            Expr::Cast { expr: inner, data_type, .. } => kind(data_type).map(|kind| (kind, inner.as_ref().clone())),
            Expr::TypedString(TypedString { data_type, value, .. }) => {
                kind(data_type).map(|kind| (kind, Expr::Value(value.clone())))
            }
            _ => None,
        };
        if let Some((kind, operand)) = cast {
            *expr = reg_call(kind, operand);
        }
    }
}

fn kind(data_type: &DataType) -> Option<&'static str> {
    let name = match data_type {
        DataType::Regclass => "regclass".to_owned(),
        DataType::Custom(name, args) if args.is_empty() => name.0.last()?.as_ident()?.value.to_ascii_lowercase(),
        _ => return None,
    };
    KINDS.iter().find(|kind| **kind == name).copied()
}

fn reg_call(kind: &str, operand: Expr) -> Expr {
    call(&format!("{REG_IN}{kind}"), vec![operand])
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn casts_are_calls() {
        check(
            "SELECT c.oid::regclass AS n FROM t AS c WHERE c.oid = 'a.b'::pg_catalog.regclass",
            "SELECT lakewire_regclass(c.oid) AS n FROM t AS c WHERE c.oid = lakewire_regclass('a.b')",
        );
        check("SELECT f(x::regtype::text) AS n", "SELECT f(lakewire_regtype(x)::TEXT) AS n");
        check("SELECT regclass 'a' AS n", "SELECT lakewire_regclass('a') AS n");
    }
}
