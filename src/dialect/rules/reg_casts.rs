//! `'gold.daily_sales'::regclass`, `oid::regtype::text` …: casts between names and OIDs.
//!
//! DataFusion has no such types. A cast to one becomes a call: of [`REG_OUT`], the name, where the value is shown or
//! turned into text; of [`REG_IN`], the OID, where it is compared or computed with.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    Select, SelectItem, Statement, Value, VisitMut, VisitorMut,
};

use super::Facts;

/// `(kind, value)` → OID as integer.
pub const REG_IN: &str = "lakewire_reg_in";
/// `(kind, value)` → name as text.
pub const REG_OUT: &str = "lakewire_reg_out";

const KINDS: &[&str] = &["regclass", "regtype", "regnamespace", "regproc", "regprocedure", "regrole"];

pub fn apply(statement: &mut Statement, _facts: Facts) {
    let _ = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
                && let Some((kind, inner)) = reg_cast(expr)
            {
                *expr = call(REG_OUT, kind, inner);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { expr: inner, data_type, .. } = &*expr
            && is_text(data_type)
            && let Some((kind, inner)) = reg_cast(inner)
        {
            *expr = call(REG_OUT, kind, inner);
        } else if let Some((kind, inner)) = reg_cast(expr) {
            *expr = call(REG_IN, kind, inner);
        }
        ControlFlow::Continue(())
    }
}

/// The kind and the operand, if this is a cast to one of the types.
fn reg_cast(expr: &Expr) -> Option<(&'static str, Expr)> {
    let Expr::Cast { expr: inner, data_type, .. } = expr else { return None };
    let name = match data_type {
        DataType::Regclass => "regclass".to_owned(),
        DataType::Custom(name, args) if args.is_empty() => name.0.last()?.as_ident()?.value.to_ascii_lowercase(),
        _ => return None,
    };
    let kind = KINDS.iter().find(|kind| **kind == name)?;
    Some((kind, inner.as_ref().clone()))
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Text | DataType::Varchar(_) => true,
        DataType::Custom(name, _) => {
            name.0.last().and_then(|part| part.as_ident()).is_some_and(|ident| {
                ["text", "varchar", "name"].iter().any(|text| ident.value.eq_ignore_ascii_case(text))
            })
        }
        _ => false,
    }
}

fn call(name: &str, kind: &str, operand: Expr) -> Expr {
    let kind = Expr::Value(Value::SingleQuotedString(kind.to_owned()).with_empty_span());
    let args = [kind, operand].map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).to_vec();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn shown_as_names_compared_as_numbers() {
        check(
            "SELECT c.oid::regclass AS n FROM t AS c WHERE c.oid = 'a.b'::pg_catalog.regclass",
            "SELECT lakewire_reg_out('regclass', c.oid) AS n FROM t AS c WHERE c.oid = lakewire_reg_in('regclass', 'a.b')",
        );
        check("SELECT f(x::regtype::text) AS n", "SELECT f(lakewire_reg_out('regtype', x)) AS n");
        check("SELECT 'a'::regclass::oid AS n", "SELECT lakewire_reg_in('regclass', 'a')::oid AS n");
    }
}
