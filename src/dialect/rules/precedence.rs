//! Operators bind as in PostgreSQL where the parser lets them bind otherwise.
//!
//! `a IS DISTINCT FROM b OR c` ends at OR, `-2 ^ 2` is the square of -2, and `~ 1 + 2` inverts the sum: prefix operators
//! but `+` and `-` bind weaker than arithmetic. Blocked by: sqlparser's precedences. Remove when they are PostgreSQL's.
//!
//! Invariant: runs before all other rules, while what is in parentheses still says so.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::Rule;

pub struct Binder;

impl Rule for Binder {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        rebind(expr);
    }
}

/// The expression, whose parts are bound already.
fn rebind(expr: &mut Expr) {
    match expr {
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) if is_logic(right) => {
            under_leftmost(expr, is_logic);
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr: operand } if is_logic(operand) => under_leftmost(expr, is_logic),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: operand } if is_power(operand) => {
            under_leftmost(expr, is_power);
        }
        Expr::BinaryOp { op: BinaryOperator::And, right, .. } if is(right, &BinaryOperator::Or) => {
            under_leftmost(expr, |expr| is(expr, &BinaryOperator::Or));
        }
        Expr::BinaryOp { left, op, .. } if is_arithmetic(op) && is_weak_prefix(left) => {
            // (~ a) + b → ~ (a + b)
            let inner = std::mem::replace(left.as_mut(), nothing());
            let Expr::UnaryOp { op, expr: operand } = inner else { return };
            **left = *operand;
            rebind(expr);
            let sum = std::mem::replace(expr, nothing());
            *expr = Expr::UnaryOp { op, expr: Box::new(sum) };
        }
        _ => {}
    }
}

/// `f(a AND b)` → `f(a) AND b`: the last operand of `expr` gives way to the leftmost of what it consists of.
fn under_leftmost(expr: &mut Expr, part: impl Fn(&Expr) -> bool) {
    let Some(last) = last_operand(expr) else { return };
    let mut whole = std::mem::replace(last, nothing());
    let mut leftmost = &mut whole;
    while part(leftmost) {
        let Expr::BinaryOp { left, .. } = leftmost else { break };
        leftmost = left;
    }
    *last = std::mem::replace(leftmost, nothing());
    *leftmost = std::mem::replace(expr, nothing());
    rebind(leftmost);
    *expr = whole;
}

fn last_operand(expr: &mut Expr) -> Option<&mut Expr> {
    match expr {
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) | Expr::BinaryOp { right, .. } => {
            Some(right)
        }
        Expr::UnaryOp { expr: operand, .. } => Some(operand),
        _ => None,
    }
}

/// What stands in a place for a moment.
fn nothing() -> Expr {
    Expr::Tuple(Vec::new())
}

fn is(expr: &Expr, wanted: &BinaryOperator) -> bool {
    matches!(expr, Expr::BinaryOp { op, .. } if op == wanted)
}

fn is_logic(expr: &Expr) -> bool {
    is(expr, &BinaryOperator::And) || is(expr, &BinaryOperator::Or)
}

fn is_power(expr: &Expr) -> bool {
    is(expr, &BinaryOperator::PGExp)
}

fn is_arithmetic(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(op, B::Plus | B::Minus | B::Multiply | B::Divide | B::Modulo | B::PGExp)
}

fn is_weak_prefix(expr: &Expr) -> bool {
    use UnaryOperator as U;
    matches!(expr, Expr::UnaryOp { op: U::BitwiseNot | U::PGSquareRoot | U::PGCubeRoot | U::PGAbs, .. })
}

#[cfg(test)]
mod tests {
    use super::super::walk;
    use super::*;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    /// With everything that is bound together in parentheses.
    fn shown(expr: &Expr) -> String {
        match expr {
            Expr::BinaryOp { left, op, right } => format!("({} {op} {})", shown(left), shown(right)),
            Expr::UnaryOp { op, expr } => format!("({op} {})", shown(expr)),
            Expr::IsDistinctFrom(left, right) => format!("({} <!> {})", shown(left), shown(right)),
            Expr::Nested(inner) => format!("[{}]", shown(inner)),
            other => other.to_string(),
        }
    }

    fn check(sql: &str, expected: &str) {
        let mut expr = Parser::new(&PostgreSqlDialect {}).try_with_sql(sql).unwrap().parse_expr().unwrap();
        walk(&mut expr, &mut [&mut Binder]);
        assert_eq!(shown(&expr), expected, "{sql}");
    }

    #[test]
    fn distinct_ends_at_logic() {
        check("a is distinct from b or c", "((a <!> b) OR c)");
        check("x and a is distinct from b or c", "((x AND (a <!> b)) OR c)");
        check("x or a is distinct from b and c", "(x OR ((a <!> b) AND c))");
        check("not a is distinct from b and c", "((NOT (a <!> b)) AND c)");
        check("a is distinct from b and c is distinct from d or e", "(((a <!> b) AND (c <!> d)) OR e)");
        check("a is distinct from (b or c)", "(a <!> [(b OR c)])");
        check("a is distinct from b + 1", "(a <!> (b + 1))");
    }

    #[test]
    fn signs_bind_stronger_than_powers_and_other_prefixes_weaker() {
        check("-2 ^ 2", "((- 2) ^ 2)");
        check("-a ^ 2 ^ 3", "(((- a) ^ 2) ^ 3)");
        check("-(a ^ 2)", "(- [(a ^ 2)])");
        check("1 - 2 ^ 2", "(1 - (2 ^ 2))");
        check("~ 1 * 2 + 3", "(~ ((1 * 2) + 3))");
        check("|/ 16 + 9 = 5", "((|/ (16 + 9)) = 5)");
        check("(~ 1) + 2", "([(~ 1)] + 2)");
    }
}
