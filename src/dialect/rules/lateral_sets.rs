//! `LATERAL (SELECT unnest(t.a), generate_subscripts(t.a, 1))` → `LATERAL (SELECT … FROM unnest(t.a, array_ordinals(t.a)))`.
//!
//! Blocked by: DataFusion does not find outer columns in the `unnest` of a SELECT list. Remove when it does.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Select, SelectItem,
    SetExpr, Statement, TableFactor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{Rule, call, cast, own_name};
use crate::dialect::folded;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        if let TableFactor::Derived { lateral: true, subquery, .. } = factor
            && let SetExpr::Select(select) = subquery.body.as_mut()
            && let Some(moved) = moved(select)
        {
            **select = moved;
        }
    }
}

/// The SELECT with its functions in FROM; `None` where it has other things.
fn moved(select: &Select) -> Option<Select> {
    if !select.from.is_empty() || select.selection.is_some() || select.distinct.is_some() {
        return None;
    }
    let items: Option<Vec<(Expr, Ident)>> = select.projection.iter().map(array_of).collect();
    let items = items.filter(|items| !items.is_empty())?;
    let quoted = |ident: &Ident| Ident::with_quote('"', folded(ident)).to_string();
    let names: Vec<String> = (0..items.len()).map(|nth| format!("\"\u{1}set{nth}\"")).collect();
    let shown: Vec<String> =
        items.iter().zip(&names).map(|((_, shown), name)| format!("{name} AS {}", quoted(shown))).collect();
    let zeros = vec!["0"; items.len()].join(", ");
    let text = format!("SELECT {} FROM unnest({zeros}) AS \"\u{1}sets\" ({})", shown.join(", "), names.join(", "));
    let Statement::Query(query) = Parser::parse_sql(&PostgreSqlDialect {}, &text).ok()?.pop()? else { return None };
    let SetExpr::Select(mut new) = *query.body else { return None };
    let from = &mut new.from.first_mut()?.relation;
    match from {
        TableFactor::UNNEST { array_exprs, .. } => *array_exprs = items.into_iter().map(|(array, _)| array).collect(),
        _ => return None,
    }
    Some(*new)
}

/// The array whose elements an item gives, and the item's name.
fn array_of(item: &SelectItem) -> Option<(Expr, Ident)> {
    let (expr, alias) = match item {
        SelectItem::UnnamedExpr(expr) => (expr, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.clone())),
        _ => return None,
    };
    let Expr::Function(function) = expr else { return None };
    let name = own_name(function)?;
    let FunctionArguments::List(list) = &function.args else { return None };
    let array = match (name.as_str(), list.args.as_slice()) {
        ("unnest", [FunctionArg::Unnamed(FunctionArgExpr::Expr(array))]) => array.clone(),
        (
            "generate_subscripts",
            [
                FunctionArg::Unnamed(FunctionArgExpr::Expr(array)),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(dimension)),
            ],
        ) if dimension.to_string() == "1" => {
            let integers = DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Int(None)), None));
            cast(call("array_ordinals", vec![array.clone()]), integers)
        }
        _ => return None,
    };
    Some((array, alias.unwrap_or_else(|| Ident::new(name))))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn functions_that_return_rows_move_to_from() {
        let sql = "select k.* from t, lateral (select unnest(t.a) as x, generate_subscripts(t.a, 1)) k";
        let shown = parse_single(sql).unwrap().ast.to_string();
        assert!(shown.contains("UNNEST(t.a, CAST(array_ordinals(t.a) AS INT[]))"), "{shown}");
        assert!(shown.contains("AS \"generate_subscripts\""), "{shown}");
    }
}
