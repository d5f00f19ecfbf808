//! Rows beside rows: `(a, b) < (1, 2)`, `(a, b) IN (SELECT …)`, `(a, b) IS NULL`, one column after the other.
//!
//! `(a, b) < (c, d)` is `a <= c AND (a < c OR a = c AND b < d)`: what the first column excludes is excluded before anything
//! is read. A query's rows are looked for with EXISTS, where a comparison that is unknown counts as PostgreSQL lets it.
//! Blocked by: DataFusion compares rows as structures, to which NULL equals NULL. Remove when it compares their members.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SelectItem, SetExpr,
    TableAliasColumnDef, TableFactor, Value,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{Rule, one_value};

/// What the rows of a query are called where they are looked through. No client writes the name.
const ROWS: &str = "\u{1}rows";

/// Whether a relation is the subquery of such a comparison.
pub fn is_of_rows(name: &Ident) -> bool {
    name.value == ROWS
}

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        let new = match expr {
            Expr::BinaryOp { left, op, right } => row(left).and_then(|l| match (row(right), right.as_ref()) {
                (Some(r), _) => compared(&l, op, &r),
                (None, Expr::Subquery(query)) => compared_with(&l, op, query),
                _ => None,
            }),
            Expr::IsDistinctFrom(left, right) => row(left).zip(row(right)).and_then(|(l, r)| distinct(&l, &r, true)),
            Expr::IsNotDistinctFrom(left, right) => {
                row(left).zip(row(right)).and_then(|(l, r)| distinct(&l, &r, false))
            }
            Expr::IsNull(operand) => row(operand).map(|members| each(&members, |member| Expr::IsNull(member.into()))),
            Expr::IsNotNull(operand) => {
                row(operand).map(|members| each(&members, |member| Expr::IsNotNull(member.into())))
            }
            Expr::InList { expr, list, negated } => row(expr).and_then(|left| in_list(&left, list, *negated)),
            Expr::InSubquery { expr, subquery, negated } => {
                row(expr).and_then(|left| in_query(&left, subquery, *negated))
            }
            _ => None,
        };
        if let Some(new) = new {
            *expr = Expr::Nested(Box::new(new));
        }
    }
}

/// The members of `(a, b)` and `ROW(a, b)`.
fn row(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Nested(inner) if matches!(inner.as_ref(), Expr::Tuple(_) | Expr::Function(_)) => row(inner),
        Expr::Tuple(members) => Some(members.clone()),
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. })
            if name.to_string().eq_ignore_ascii_case("row") && !list.args.is_empty() =>
        {
            let member = |argument: &FunctionArg| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(member)) => Some(member.clone()),
                _ => None,
            };
            list.args.iter().map(member).collect()
        }
        _ => None,
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// All of them, or any, as a tree that is as deep as it has to be.
fn joined(mut exprs: Vec<Expr>, op: &BinaryOperator) -> Option<Expr> {
    if exprs.len() < 2 {
        return exprs.pop();
    }
    let right = exprs.split_off(exprs.len() / 2);
    let (left, right) = (joined(exprs, op)?, joined(right, op)?);
    Some(Expr::Nested(Box::new(binary(left, op.clone(), right))))
}

fn each(members: &[Expr], test: impl Fn(Expr) -> Expr) -> Expr {
    let tests = members.iter().cloned().map(test).collect();
    joined(tests, &BinaryOperator::And).unwrap_or_else(|| Expr::Value(Value::Boolean(true).with_empty_span()))
}

fn pairs(left: &[Expr], right: &[Expr], op: &BinaryOperator) -> Vec<Expr> {
    left.iter().zip(right).map(|(left, right)| binary(left.clone(), op.clone(), right.clone())).collect()
}

/// A comparison of rows; `None` where they differ in length, or the operator is none of rows.
fn compared(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Option<Expr> {
    use BinaryOperator as B;
    if left.len() != right.len() {
        return None;
    }
    match op {
        B::Eq => joined(pairs(left, right, op), &B::And),
        B::NotEq => joined(pairs(left, right, op), &B::Or),
        B::Lt | B::LtEq | B::Gt | B::GtEq => ordered(left, op, right),
        _ => None,
    }
}

fn ordered(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Option<Expr> {
    use BinaryOperator as B;
    let (strict, lax) = match op {
        B::Lt | B::LtEq => (B::Lt, B::LtEq),
        _ => (B::Gt, B::GtEq),
    };
    let ((l, left), (r, right)) = (left.split_first()?, right.split_first()?);
    if left.is_empty() {
        return Some(binary(l.clone(), op.clone(), r.clone()));
    }
    let beyond = binary(l.clone(), strict, r.clone());
    let equal = binary(l.clone(), B::Eq, r.clone());
    let further = joined(vec![equal, ordered(left, op, right)?], &B::And)?;
    joined(vec![binary(l.clone(), lax, r.clone()), joined(vec![beyond, further], &B::Or)?], &B::And)
}

fn distinct(left: &[Expr], right: &[Expr], wanted: bool) -> Option<Expr> {
    if left.len() != right.len() {
        return None;
    }
    let test = |(left, right): (&Expr, &Expr)| {
        let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
        if wanted { Expr::IsDistinctFrom(left, right) } else { Expr::IsNotDistinctFrom(left, right) }
    };
    let op = if wanted { BinaryOperator::Or } else { BinaryOperator::And };
    joined(left.iter().zip(right).map(test).collect(), &op)
}

fn in_list(left: &[Expr], list: &[Expr], negated: bool) -> Option<Expr> {
    let (one, all) = match negated {
        false => (BinaryOperator::Eq, BinaryOperator::Or),
        true => (BinaryOperator::NotEq, BinaryOperator::And),
    };
    let tests: Option<Vec<Expr>> = list.iter().map(|item| compared(left, &one, &row(item)?)).collect();
    joined(tests?, &all)
}

/// `SELECT true FROM (query) AS rows (v1, v2) WHERE true`, and its columns.
fn looked_through(query: &Query, width: usize) -> Option<(Query, Vec<Expr>)> {
    let template = format!("SELECT true FROM (SELECT true) AS \"{ROWS}\" WHERE true");
    let mut outer = *Parser::new(&PostgreSqlDialect {}).try_with_sql(&template).ok()?.parse_query().ok()?;
    let SetExpr::Select(select) = outer.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, alias: Some(alias), .. } = &mut select.from.first_mut()?.relation else {
        return None;
    };
    let names: Vec<Ident> = (1..=width).map(|number| Ident::with_quote('"', format!("{ROWS}{number}"))).collect();
    **subquery = query.clone();
    alias.columns = names.iter().map(|name| TableAliasColumnDef { name: name.clone(), data_type: None }).collect();
    Some((outer, names.into_iter().map(Expr::Identifier).collect()))
}

/// `(a, b) = (query)` → `(SELECT a = v1 AND b = v2 FROM (query) AS rows (v1, v2))`.
fn compared_with(left: &[Expr], op: &BinaryOperator, query: &Query) -> Option<Expr> {
    let (mut subquery, members) = looked_through(query, left.len())?;
    let SetExpr::Select(select) = subquery.body.as_mut() else { return None };
    select.projection = vec![SelectItem::UnnamedExpr(compared(left, op, &members)?)];
    select.selection = None;
    one_value(&mut subquery);
    Some(Expr::Subquery(Box::new(subquery)))
}

/// `EXISTS (SELECT true FROM (query) AS rows (v1, v2) WHERE v1 = a AND v2 = b)`; of NOT IN the comparison must be false for all.
fn in_query(left: &[Expr], query: &Query, negated: bool) -> Option<Expr> {
    let (mut subquery, members) = looked_through(query, left.len())?;
    let SetExpr::Select(select) = subquery.body.as_mut() else { return None };
    let equal = compared(left, &BinaryOperator::Eq, &members)?;
    select.selection = Some(if negated { Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(equal)))) } else { equal });
    Some(Expr::Exists { subquery: Box::new(subquery), negated })
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(condition: &str, expected: &str) {
        let sql = format!("select from t where {condition}");
        let shown = parse_single(&sql).unwrap().ast.to_string().replace('\u{1}', "");
        assert_eq!(shown, format!("SELECT FROM t WHERE {expected}"), "{condition}");
    }

    #[test]
    fn rows_are_compared_by_their_members() {
        check("(a, b) = (1, x)", "((a = 1 AND b = x))");
        check("(a, b) <> row(1, x)", "((a <> 1 OR b <> x))");
        check("(a, b) >= (1, x)", "((a >= 1 AND (a > 1 OR (a = 1 AND b >= x))))");
        check("(a, b) is null", "((a IS NULL AND b IS NULL))");
        check("(a, b) in ((1, 2), (3, 4))", "(((a = 1 AND b = 2) OR (a = 3 AND b = 4)))");
        check("(a, b) not in ((1, 2))", "((a <> 1 OR b <> 2))");
    }

    #[test]
    fn rows_are_compared_with_the_one_of_a_query() {
        check(
            "(a, b) = (select x, y from u)",
            "((SELECT lakewire_single_value((a = \"rows1\" AND b = \"rows2\")) FROM (SELECT x, y FROM u) AS \"rows\" (\"rows1\", \"rows2\")))",
        );
    }

    #[test]
    fn rows_of_queries_are_looked_for() {
        check(
            "(a, b) in (select x, y from u)",
            "(EXISTS (SELECT true FROM (SELECT x, y FROM u) AS \"rows\" (\"rows1\", \"rows2\") WHERE (a = \"rows1\" AND b = \"rows2\")))",
        );
        check(
            "(a, b) not in (select x, y from u)",
            "(NOT EXISTS (SELECT true FROM (SELECT x, y FROM u) AS \"rows\" (\"rows1\", \"rows2\") WHERE ((a = \"rows1\" AND b = \"rows2\")) IS NOT FALSE))",
        );
    }
}
