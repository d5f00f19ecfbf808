//! `ARRAY(SELECT …)`: all rows of a one-column query as an array.
//!
//! Blocked by: DataFusion has no constructor of arrays from queries. Remove when it plans `ARRAY(query)`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, OrderByExpr, OrderByOptions, Query, SelectItem,
    SetExpr, Statement, TableFactor, Value, VisitMut, VisitorMut,
};

use super::Facts;

pub fn apply(statement: &mut Statement, facts: Facts) {
    let _ = statement.visit(&mut Rewriter { metadata: facts.metadata });
}

struct Rewriter {
    metadata: bool,
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(Function { name, args: FunctionArguments::Subquery(query), .. }) = expr
            && name.to_string().eq_ignore_ascii_case("array")
            && let Some(aggregated) = aggregate(query, self.metadata)
        {
            *expr = aggregated;
        }
        ControlFlow::Continue(())
    }
}

/// The query with its one column gathered by `array_agg`; an empty array where it has no rows for sure.
fn aggregate(query: &Query, metadata: bool) -> Option<Expr> {
    let mut query = query.clone();
    let order_by = query.order_by.take();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let never = matches!(&select.selection, Some(Expr::Value(value)) if value.value == Value::Boolean(false));
    // In catalogs, the arrays that clients unnest are options and privileges, which nothing here has.
    let unnests = metadata
        && matches!(select.from.as_slice(), [only] if matches!(&only.relation,
            TableFactor::Table { name, args: Some(_), .. } if is_unnest(name)));
    if never || unnests {
        let nothing = Expr::Array(Array { elem: Vec::new(), named: true });
        return Some(Expr::Cast {
            kind: CastKind::DoubleColon,
            expr: Box::new(nothing),
            data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None)),
            array: false,
            format: None,
        });
    }
    let [item] = select.projection.as_mut_slice() else { return None };
    let (SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }) = item else { return None };
    // Ordering by position or output name means ordering by the one column there is.
    let clauses = match order_by {
        Some(_) => vec![FunctionArgumentClause::OrderBy(vec![OrderByExpr {
            expr: value.clone(),
            options: OrderByOptions { asc: None, nulls_first: None },
            with_fill: None,
        }])],
        None => Vec::new(),
    };
    let call = Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("array_agg")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(value.clone()))],
            clauses,
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    });
    *item = SelectItem::ExprWithAlias { expr: call, alias: Ident::new("array") };
    Some(Expr::Subquery(Box::new(query)))
}

fn is_unnest(name: &ObjectName) -> bool {
    name.0.last().and_then(|part| part.as_ident()).is_some_and(|ident| ident.value.eq_ignore_ascii_case("unnest"))
}
