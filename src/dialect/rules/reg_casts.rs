//! `'gold.daily_sales'::regclass`, `oid::regtype`, `regclass 'a'` …: casts to types that DataFusion does not have.
//!
//! A cast to one becomes a call of the function that finds the OID; what it stands for stays with the value, which is shown
//! as a name. One to `jsonpath` becomes a call of the function that reads it.

use datafusion::sql::sqlparser::ast::{Array, ArrayElemTypeDef, DataType, Expr, TypedString, Value, ValueWithSpan};

use super::{Rule, call};

/// What the functions' names begin with; the type's name follows.
pub const REG_IN: &str = "lakewire_";

/// The function that reads a `jsonpath`.
pub const JSONPATH_IN: &str = "jsonpath_in";

const KINDS: &[&str] = &[
    "jsonpath",
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
        read_beside(expr);
        let cast = match &*expr {
            Expr::Cast { expr: inner, data_type, .. } => kind(data_type).map(|kind| (kind, inner.as_ref().clone())),
            Expr::TypedString(TypedString { data_type, value, .. }) => {
                kind(data_type).map(|kind| (kind, Expr::Value(value.clone())))
            }
            _ => None,
        };
        if let Some((kind, operand)) = cast {
            *expr = reg_call(kind, operand);
        } else if let Some(array) = array_of_names(expr) {
            *expr = array;
        }
    }
}

/// Quoted names in a list beside a cast are of its type: `attrelid::regclass IN ('orders', 'items')`. One alone would be read
/// as an OID.
fn read_beside(expr: &mut Expr) {
    let Expr::InList { expr, list, .. } = expr else { return };
    let kind = match expr.as_ref() {
        Expr::Cast { data_type, .. } | Expr::TypedString(TypedString { data_type, .. }) => kind(data_type),
        _ => None,
    };
    if let Some(kind) = kind.filter(|_| list.len() > 1) {
        for item in list {
            if matches!(item, Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. })) {
                *item = reg_call(kind, item.clone());
            }
        }
    }
}

/// `'{int, text}'::regtype[]`, of names that are not quoted: an array of calls.
fn array_of_names(expr: &Expr) -> Option<Expr> {
    let Expr::Cast { expr: inner, data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)), .. } = expr
    else {
        return None;
    };
    let kind = kind(item)?;
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span }) = inner.as_ref() else {
        return None;
    };
    let names = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    if names.trim().is_empty() || names.contains(['"', '{', '\\']) {
        return None;
    }
    let name = |name: &str| Value::SingleQuotedString(name.trim().to_owned()).with_span(*span);
    let elem = names.split(',').map(|one| reg_call(kind, Expr::Value(name(one)))).collect();
    Some(Expr::Array(Array { elem, named: true }))
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
    match kind {
        "jsonpath" => call(JSONPATH_IN, vec![operand]),
        kind => call(&format!("{REG_IN}{kind}"), vec![operand]),
    }
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
        check(
            "SELECT '{int, text}'::regtype[] AS n",
            "SELECT make_array(lakewire_regtype('int'), lakewire_regtype('text')) AS n",
        );
        check("SELECT regclass 'a' AS n", "SELECT lakewire_regclass('a') AS n");
    }
}
