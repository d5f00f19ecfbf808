//! `rank(3) WITHIN GROUP (ORDER BY a)` → `1 + count(*) FILTER (WHERE a < 3)`: where a row would stand among those there are.
//!
//! Blocked by: DataFusion knows these as window functions only. Remove when it has the aggregates.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DuplicateTreatment, ExactNumberInfo, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, ObjectName, OrderByExpr, Value,
};

use super::{Rule, call, cast, own_name, plain_call};

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::Function(function) = &*expr else { return };
        let (Some(name), FunctionArguments::List(list)) = (own_name(function), &function.args) else { return };
        let keys = &function.within_group;
        let values: Option<Vec<&Expr>> = list.args.iter().map(value_of).collect();
        let Some(values) = values.filter(|values| !values.is_empty() && values.len() == keys.len()) else { return };
        let row = Row { keys, values, filter: function.filter.as_deref() };
        if let Some(place) = row.place(&name) {
            *expr = Expr::Nested(Box::new(place));
        }
    }
}

fn value_of(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
        _ => None,
    }
}

/// The row that is not there, and the keys of those that are.
struct Row<'a> {
    keys: &'a [OrderByExpr],
    values: Vec<&'a Expr>,
    filter: Option<&'a Expr>,
}

impl Row<'_> {
    fn place(&self, function: &str) -> Option<Expr> {
        let before = || self.before(false);
        Some(match function {
            "rank" => plus_one(self.count(None, Some(before()))),
            "dense_rank" => {
                let [key] = self.keys else { return None };
                // count leaves a NULL out, which is one value more
                let null = both(before(), BinaryOperator::And, Expr::IsNull(Box::new(key.expr.clone())));
                let nulls = both(self.count(None, Some(null)), BinaryOperator::Gt, number("0"));
                let nulls = cast(nulls, DataType::Int(None));
                plus_one(both(self.count(Some(&key.expr), Some(before())), BinaryOperator::Plus, nulls))
            }
            "percent_rank" => {
                let some = call("nullif", vec![self.count(None, None), number("0")]);
                let part = both(float(self.count(None, Some(before()))), BinaryOperator::Divide, some);
                call("coalesce", vec![part, float(number("0"))])
            }
            "cume_dist" => {
                let place = plus_one(self.count(None, Some(self.before(true))));
                both(float(Expr::Nested(Box::new(place))), BinaryOperator::Divide, plus_one(self.count(None, None)))
            }
            _ => return None,
        })
    }

    /// Whether a row sorts before this one, or also beside it.
    fn before(&self, or_beside: bool) -> Expr {
        let mut pairs = self.keys.iter().zip(&self.values).rev();
        let beside = |key: &OrderByExpr, value: &Expr| {
            Expr::IsNotDistinctFrom(Box::new(key.expr.clone()), Box::new(value.clone()))
        };
        let mut whole: Option<Expr> = None;
        for (key, value) in &mut pairs {
            let rest = match whole.take() {
                Some(rest) => Some(both(beside(key, value), BinaryOperator::And, Expr::Nested(Box::new(rest)))),
                None => or_beside.then(|| beside(key, value)),
            };
            let before = sorts_before(key, value);
            whole = Some(match rest {
                Some(rest) => both(before, BinaryOperator::Or, rest),
                None => before,
            });
        }
        Expr::Nested(Box::new(whole.unwrap_or_else(|| Expr::Value(Value::Boolean(or_beside).with_empty_span()))))
    }

    /// `count(*)`, or `count(DISTINCT of)`, of the rows that fulfil the condition.
    fn count(&self, of: Option<&Expr>, condition: Option<Expr>) -> Expr {
        let mut count = plain_call(ObjectName::from(vec![Ident::new("count")]), of.cloned().into_iter().collect());
        if let FunctionArguments::List(list) = &mut count.args {
            match of {
                Some(_) => list.duplicate_treatment = Some(DuplicateTreatment::Distinct),
                None => list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Wildcard)),
            }
        }
        let filter = self.filter.map(|filter| Expr::Nested(Box::new(filter.clone())));
        count.filter = match (filter, condition) {
            (Some(filter), Some(condition)) => Some(Box::new(both(filter, BinaryOperator::And, condition))),
            (filter, condition) => filter.or(condition).map(Box::new),
        };
        Expr::Function(count)
    }
}

/// Whether the key of a row sorts before the value, NULLs where the order has them.
fn sorts_before(key: &OrderByExpr, value: &Expr) -> Expr {
    let descending = key.options.asc == Some(false);
    let nulls_first = key.options.nulls_first.unwrap_or(descending);
    let op = if descending { BinaryOperator::Gt } else { BinaryOperator::Lt };
    let (null, other) = if nulls_first { (&key.expr, value) } else { (value, &key.expr) };
    let of_null =
        both(Expr::IsNull(Box::new(null.clone())), BinaryOperator::And, Expr::IsNotNull(Box::new(other.clone())));
    Expr::Nested(Box::new(both(both(key.expr.clone(), op, value.clone()), BinaryOperator::Or, of_null)))
}

fn both(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn number(digits: &str) -> Expr {
    Expr::Value(Value::Number(digits.to_owned(), false).with_empty_span())
}

fn plus_one(count: Expr) -> Expr {
    Expr::Nested(Box::new(both(number("1"), BinaryOperator::Plus, count)))
}

fn float(expr: Expr) -> Expr {
    cast(expr, DataType::Double(ExactNumberInfo::None))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn rows_are_counted_that_sort_before() {
        for (sql, expected) in [
            (
                "rank(3) within group (order by a)",
                "((1 + count(*) FILTER (WHERE ((a < 3 OR 3 IS NULL AND a IS NOT NULL)))))",
            ),
            (
                "rank(3, 'x') within group (order by a desc, b) filter (where c)",
                "((1 + count(*) FILTER (WHERE (c) AND ((a > 3 OR a IS NULL AND 3 IS NOT NULL) OR a IS NOT DISTINCT FROM 3 \
                 AND ((b < 'x' OR 'x' IS NULL AND b IS NOT NULL))))))",
            ),
            ("rank(3) over (order by a)", "CAST(rank(3) OVER (ORDER BY a) AS BIGINT)"),
        ] {
            let shown = parse_single(&format!("select {sql} as x from t")).unwrap().ast.to_string();
            assert_eq!(shown, format!("SELECT {expected} AS x FROM t"));
        }
    }
}
