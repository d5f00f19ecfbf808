//! Arithmetic that fails where PostgreSQL's does: integers that overflow, division of floats by zero.
//!
//! Blocked by: DataFusion wraps integers and lets floats become infinite. Remove when its planner can be told otherwise.
//!
//! Invariant: types and names of a plan's columns stay what they were.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Datum};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    BinaryExpr, Cast, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;
use datafusion::scalar::ScalarValue;

use super::exact;
use crate::error::{Error, ErrorKind};

/// The expression with an operator that checks, where it computes with machine numbers.
pub(super) fn check(expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    match expr {
        // DataFusion takes it for 0, though it is NULL where the operand is
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::BitwiseXor, right }) if left == right => {
            let none = Box::new(Expr::Literal(ScalarValue::new_zero(&left.get_type(schema)?)?, None));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op: Operator::BitwiseAnd, right: none })))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let operands = (left.get_type(schema), right.get_type(schema));
            match operands {
                (Ok(l), Ok(r)) if let Some(call) = exact::operator(op, &l, &r) => {
                    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(call, vec![*left, *right]))))
                }
                (Ok(l), Ok(r)) if is_real_and_other(op, &l, &r) => {
                    let wide = |expr: Box<Expr>| Expr::Cast(Cast::new(expr, DataType::Float64));
                    Ok(Transformed::yes(call(op, vec![wide(left), wide(right)])))
                }
                (Ok(l), Ok(r)) if can_fail(&l, op, &r) => Ok(Transformed::yes(call(op, vec![*left, *right]))),
                _ => Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
            }
        }
        Expr::Negative(inner) if !is_constant(&inner) => match inner.get_type(schema) {
            Ok(data_type) if data_type.is_signed_integer() => {
                let zero = Expr::Literal(ScalarValue::new_zero(&data_type)?, None);
                Ok(Transformed::yes(call(Operator::Minus, vec![zero, *inner])))
            }
            _ => Ok(Transformed::no(Expr::Negative(inner))),
        },
        other => Ok(Transformed::no(other)),
    }
}

/// A real and a number of another kind are computed with as double precision.
fn is_real_and_other(op: Operator, left: &DataType, right: &DataType) -> bool {
    let other = |data_type: &DataType| data_type.is_integer() || data_type.is_decimal();
    let real = |data_type: &DataType| *data_type == DataType::Float32;
    matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide)
        && (real(left) && other(right) || other(left) && real(right))
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => true,
        Expr::Cast(cast) => is_constant(&cast.expr),
        _ => false,
    }
}

/// Whether DataFusion computes this with machine numbers and without a check.
fn can_fail(left: &DataType, op: Operator, right: &DataType) -> bool {
    let is_number = |data_type: &DataType| data_type.is_integer() || data_type.is_floating() || data_type.is_decimal();
    if !matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide)
        || !is_number(left)
        || !is_number(right)
    {
        return false;
    }
    match BinaryTypeCoercer::new(left, &op, right).get_result_type() {
        // integers are divided with a check already
        Ok(result) if result.is_integer() => op != Operator::Divide,
        Ok(result) => matches!(result, DataType::Float32 | DataType::Float64),
        Err(_) => false,
    }
}

fn call(op: Operator, args: Vec<Expr>) -> Expr {
    static CALLS: LazyLock<[(Operator, Arc<ScalarUDF>); 4]> = LazyLock::new(|| {
        [
            (Operator::Plus, "checked_add"),
            (Operator::Minus, "checked_subtract"),
            (Operator::Multiply, "checked_multiply"),
            (Operator::Divide, "checked_divide"),
        ]
        .map(|(op, name)| (op, Arc::new(ScalarUDF::from(Checked::new(op, name)))))
    });
    match CALLS.iter().find(|(known, _)| *known == op) {
        Some((_, function)) => Expr::ScalarFunction(ScalarFunction::new_udf(function.clone(), args)),
        // not reached: `can_fail` names these four
        None => args.into_iter().next().unwrap_or(Expr::Literal(ScalarValue::Null, None)),
    }
}

/// One operator.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    op: Operator,
    name: &'static str,
    signature: Signature,
}

impl Checked {
    fn new(op: Operator, name: &'static str) -> Self {
        Self { op, name, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn compute(&self, left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
        match self.op {
            Operator::Plus => numeric::add(left, right),
            Operator::Minus => numeric::sub(left, right),
            Operator::Multiply => numeric::mul(left, right),
            _ => numeric::div(left, right),
        }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        let [left, right] = arg_types else { return Err(operands()) };
        let (left, right) = BinaryTypeCoercer::new(left, &self.op, right).get_input_types()?;
        Ok(vec![left, right])
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        let [left, right] = arg_types else { return Err(operands()) };
        BinaryTypeCoercer::new(left, &self.op, right).get_result_type()
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [left, right] = args.args.as_slice() else { return Err(operands()) };
        let result = apply(left, right, |left, right| self.compute(left, right))
            .map_err(|error| out_of_range(error, args.return_field.data_type()))?;
        match args.return_field.data_type() {
            DataType::Float64 => check_floats::<Float64Type>(self.op, left, right, &result)?,
            DataType::Float32 => check_floats::<Float32Type>(self.op, left, right, &result)?,
            _ => {}
        }
        Ok(result)
    }
}

fn operands() -> DataFusionError {
    DataFusionError::Internal("an operator has two operands".to_owned())
}

fn failed(kind: ErrorKind, message: &str) -> DataFusionError {
    DataFusionError::External(Box::new(Error::new(kind, message)))
}

fn out_of_range(error: DataFusionError, data_type: &DataType) -> DataFusionError {
    let overflow =
        matches!(&error, DataFusionError::ArrowError(arrow, _) if matches!(**arrow, ArrowError::ArithmeticOverflow(_)));
    let name = match data_type {
        DataType::Int8 | DataType::Int16 => "smallint",
        DataType::Int32 | DataType::UInt16 => "integer",
        _ => "bigint",
    };
    if overflow { failed(ErrorKind::NumericOutOfRange, &format!("{name} out of range")) } else { error }
}

/// PostgreSQL's rules for floats: no division by zero, and only infinity makes infinity.
fn check_floats<T>(
    op: Operator,
    left: &ColumnarValue,
    right: &ColumnarValue,
    result: &ColumnarValue,
) -> DataFusionResult<()>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64>,
{
    let rows = match result {
        ColumnarValue::Array(array) => array.len(),
        ColumnarValue::Scalar(_) => 1,
    };
    let result = result.to_array(rows)?;
    let result = result.as_primitive::<T>();
    let suspicious = |value: &T::Native| {
        let value: f64 = (*value).into();
        !value.is_finite() || value == 0.0
    };
    if !result.values().iter().any(suspicious) {
        return Ok(());
    }
    let (left, right) = (left.to_array(rows)?, right.to_array(rows)?);
    let operands = left.as_primitive::<T>().iter().zip(right.as_primitive::<T>());
    for ((left, right), result) in operands.zip(result) {
        if let (Some(left), Some(right), Some(result)) = (left, right, result) {
            check_float(op, left.into(), right.into(), result.into())?;
        }
    }
    Ok(())
}

fn check_float(op: Operator, left: f64, right: f64, result: f64) -> DataFusionResult<()> {
    if op == Operator::Divide && right == 0.0 && !left.is_nan() {
        return Err(failed(ErrorKind::DivisionByZero, "division by zero"));
    }
    if result.is_infinite() && !left.is_infinite() && !right.is_infinite() {
        return Err(failed(ErrorKind::NumericOutOfRange, "value out of range: overflow"));
    }
    let vanished = match op {
        Operator::Multiply => left != 0.0 && right != 0.0,
        Operator::Divide => left != 0.0 && !right.is_infinite(),
        _ => false,
    };
    if result == 0.0 && vanished {
        return Err(failed(ErrorKind::NumericOutOfRange, "value out of range: underflow"));
    }
    Ok(())
}
