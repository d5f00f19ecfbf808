//! The alias of a function in FROM whose one column has a name of its own: `jsonb_array_elements(x) AS e` is read as `e`
//! and as `e.value`.
//!
//! PostgreSQL takes the alias for the function's row, which is its one value. Blocked by: DataFusion knows columns only.

use datafusion::sql::sqlparser::ast::{Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor};

use super::{Rule, walk};
use crate::dialect::folded;

/// What the column is called.
const VALUE: &str = "value";
const FUNCTIONS: &[&str] =
    &["json_array_elements", "json_array_elements_text", "jsonb_array_elements", "jsonb_array_elements_text"];

#[derive(Default)]
pub struct Rewriter {
    /// Those of the SELECTs around, from the outermost.
    aliases: Vec<Vec<String>>,
}

impl Rewriter {
    fn value(&self, expr: &Expr) -> Option<Expr> {
        let Expr::Identifier(name) = expr else { return None };
        let wanted = folded(name);
        let known = self.aliases.iter().flatten().any(|alias| *alias == wanted);
        known.then(|| Expr::CompoundIdentifier(vec![name.clone(), Ident::new(VALUE)]))
    }
}

/// The aliases of a FROM that stand for values.
fn aliases(select: &Select) -> Vec<String> {
    let joined = |from: &datafusion::sql::sqlparser::ast::TableWithJoins| {
        std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)).filter_map(alias).collect()
    };
    select.from.iter().flat_map(|from| -> Vec<String> { joined(from) }).collect()
}

fn alias(factor: &TableFactor) -> Option<String> {
    let (name, alias) = match factor {
        TableFactor::Table { name, args: Some(_), alias: Some(alias), with_ordinality: false, .. }
        | TableFactor::Function { name, alias: Some(alias), with_ordinality: false, .. } => (name, alias),
        _ => return None,
    };
    let function = name.0.last().and_then(|part| part.as_ident())?.value.to_lowercase();
    (alias.columns.is_empty() && FUNCTIONS.contains(&function.as_str())).then(|| folded(&alias.name))
}

impl Rule for Rewriter {
    fn pre_visit_query(&mut self, query: &mut Query) {
        let (SetExpr::Select(select), Some(order_by)) = (query.body.as_ref(), &mut query.order_by) else {
            return;
        };
        self.aliases.push(aliases(select));
        // a name of the result comes first
        let is_result = |expr: &Expr| {
            let Expr::Identifier(name) = expr else { return false };
            select.projection.iter().any(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => folded(alias) == folded(name),
                SelectItem::UnnamedExpr(shown) => shown == expr,
                _ => false,
            })
        };
        if let OrderByKind::Expressions(exprs) = &mut order_by.kind {
            for by in exprs.iter_mut().filter(|by| !is_result(&by.expr)) {
                walk(&mut by.expr, &mut [self]);
            }
        }
        self.aliases.pop();
    }

    fn pre_visit_select(&mut self, select: &mut Select) {
        self.aliases.push(aliases(select));
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr @ Expr::Identifier(_)) = item
                && let (Some(value), Expr::Identifier(name)) = (self.value(expr), &*expr)
            {
                *item = SelectItem::ExprWithAlias { expr: value, alias: name.clone() };
            }
        }
    }

    fn post_visit_select(&mut self, _select: &mut Select) {
        self.aliases.pop();
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Some(value) = self.value(expr) {
            *expr = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn an_alias_is_the_value() {
        let sql = "select e, upper(e) as u from jsonb_array_elements_text(j) as e where e <> 'x' and e.value > 'a' order by e";
        let expected = "SELECT e.value AS e, upper(e.value) AS u FROM LATERAL jsonb_array_elements_text(j) AS e \
                        WHERE e.value <> 'x' AND e.value > 'a' ORDER BY e";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
