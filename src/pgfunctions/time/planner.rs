//! Operators on times, chosen while a statement is planned, before DataFusion settles on types of its own.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, ScalarUDF, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::call::Ty;
use super::cast::{cast_to, is_unknown, ty_of};
use super::operators::{DIVIDED, MINUS, PLUS, SPAN, TIMES};
use crate::error::Error;
use crate::pgfunctions::{external, type_name};

/// A call of one of the functions behind operators.
pub(super) fn call(name: &str, args: Vec<Expr>) -> DataFusionResult<Expr> {
    static FUNCTIONS: LazyLock<HashMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
        let all = super::call::functions(&[super::operators::ROWS]);
        all.into_iter().map(|function| (function.name().to_owned(), Arc::new(function))).collect()
    });
    let function = FUNCTIONS.get(name).ok_or_else(|| DataFusionError::Internal(format!("no operator {name}")))?;
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function.clone(), args)))
}

/// Plans `+ - * /` and comparisons where one side is a time.
#[derive(Debug)]
pub struct TimePlanner;

impl ExprPlanner for TimePlanner {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> DataFusionResult<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        let types = (ty_of(&left, schema), ty_of(&right, schema));
        let temporal = |ty: Option<Ty>| ty.is_some_and(Ty::is_temporal);
        if !temporal(types.0) && !temporal(types.1) {
            return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
        }
        if let Some(comparison) = comparison(&op) {
            return Ok(match compare(comparison, left, right, schema)? {
                Ok(planned) => PlannerResult::Planned(planned),
                Err((left, right)) => PlannerResult::Original(RawBinaryExpr { op, left, right }),
            });
        }
        if op == BinaryOperator::StringConcat {
            let [left, right] = [(left, types.0), (right, types.1)]
                .map(|(side, ty)| if temporal(ty) { cast(side, DataType::Utf8View) } else { side });
            return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
        }
        let name = match op {
            BinaryOperator::Plus => PLUS,
            BinaryOperator::Minus => MINUS,
            BinaryOperator::Multiply => TIMES,
            BinaryOperator::Divide => DIVIDED,
            op => return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right })),
        };
        let (left, right) = (told(left, name, types.1), told(right, name, types.0));
        let fields = [left.to_field(schema)?.1, right.to_field(schema)?.1];
        let planned = call(name, vec![left, right])?;
        match planned.to_field(schema) {
            Ok(_) => Ok(PlannerResult::Planned(planned)),
            Err(_) => Err(no_operator(&op.to_string(), &fields[0], &fields[1])),
        }
    }
}

/// An operand without a type, as what the operator wants beside the other.
fn told(operand: Expr, name: &str, other: Option<Ty>) -> Expr {
    if !is_unknown(&operand) {
        return operand;
    }
    match (name, other) {
        (TIMES | DIVIDED, Some(Ty::Interval)) => cast_to(operand, Ty::Float),
        (PLUS, Some(Ty::Timestamp | Ty::Timestamptz | Ty::Time | Ty::Interval)) => cast_to(operand, Ty::Interval),
        (MINUS, Some(ty)) if ty.is_temporal() => cast_to(operand, ty),
        _ => operand,
    }
}

fn no_operator(op: &str, left: &Field, right: &Field) -> DataFusionError {
    external(Error::no_operator(&type_name(left), op, &type_name(right)))
}

fn comparison(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

/// The type that both sides of a comparison are brought to.
fn common(left: Ty, right: Ty) -> Option<Ty> {
    use Ty::{Date, Interval, Time, Timestamp, Timestamptz};
    match (left, right) {
        (left, right) if left == right => Some(left),
        (Date, Timestamp) | (Timestamp, Date) => Some(Timestamp),
        (Date | Timestamp, Timestamptz) | (Timestamptz, Date | Timestamp) => Some(Timestamptz),
        (Time, Interval) | (Interval, Time) => Some(Interval),
        _ => None,
    }
}

/// A comparison of times; its operands back where DataFusion's is the same.
pub(super) fn compare(
    op: Operator,
    left: Expr,
    right: Expr,
    schema: &dyn ExprSchema,
) -> DataFusionResult<Result<Expr, (Expr, Expr)>> {
    let types = (ty_of(&left, schema), ty_of(&right, schema));
    let wanted = match types {
        (Some(ty), None) if is_unknown(&right) => Some(ty),
        (None, Some(ty)) if is_unknown(&left) => Some(ty),
        (Some(left), Some(right)) => common(left, right),
        _ => return Ok(Err((left, right))),
    };
    let Some(wanted) = wanted else {
        return Err(no_operator(&op.to_string(), &left.to_field(schema)?.1, &right.to_field(schema)?.1));
    };
    let brought = |side: Expr, ty: Option<Ty>| match side {
        side if ty == Some(wanted) => side,
        // a parameter takes the type of the other side, as DataFusion does it
        Expr::Placeholder(placeholder) if wanted != Ty::Interval => Expr::Placeholder(placeholder),
        side => cast_to(side, wanted),
    };
    let (left, right) = (brought(left, types.0), brought(right, types.1));
    if wanted == Ty::Interval {
        let (left, right) = (call(SPAN, vec![left])?, call(SPAN, vec![right])?);
        return Ok(Ok(Expr::BinaryExpr(BinaryExpr::new(left.into(), op, right.into()))));
    }
    if types == (Some(wanted), Some(wanted)) {
        return Ok(Err((left, right)));
    }
    Ok(Ok(Expr::BinaryExpr(BinaryExpr::new(left.into(), op, right.into()))))
}
