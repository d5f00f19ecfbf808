//! Functions of floats that fail where PostgreSQL's do, instead of giving NaN or infinity, and that round as its do.
//!
//! Blocked by: DataFusion's follow IEEE 754. Remove when they can be told otherwise.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, SimpleScalarUDF,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::error::{Error, ErrorKind};

/// The functions that are checked.
const CHECKED: &[&str] = &[
    "ln", "log", "log2", "log10", "sqrt", "exp", "power", "sin", "cos", "tan", "cot", "asin", "acos", "acosh", "atanh",
];

/// Functions that PostgreSQL has none of reals of.
const OF_DOUBLES: &[&str] = &[
    "sqrt", "cbrt", "exp", "ln", "log", "log10", "power", "sin", "cos", "tan", "cot", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "degrees", "radians", "floor", "ceil", "signum",
];

/// The call with doubles in place of reals, where it is of such a function: `sqrt(2::real)`.
pub(super) fn of_doubles(call: &ScalarFunction, schema: &DFSchema) -> Option<ScalarFunction> {
    let is_real = |arg: &Expr| matches!(arg.get_type(schema), Ok(DataType::Float32));
    if !OF_DOUBLES.contains(&call.func.name()) || !call.args.iter().any(is_real) {
        return None;
    }
    let double = |arg: &Expr| match is_real(arg) {
        true => Expr::Cast(Cast::new(Box::new(arg.clone()), DataType::Float64)),
        false => arg.clone(),
    };
    Some(ScalarFunction::new_udf(call.func.clone(), call.args.iter().map(double).collect()))
}

/// The function with a check of its results; `None` where it needs none.
pub(super) fn checked(function: &Arc<ScalarUDF>) -> Option<Arc<ScalarUDF>> {
    let known = CHECKED.contains(&function.name());
    let wrapped = function.inner().downcast_ref::<Checked>().is_some();
    (known && !wrapped).then(|| Arc::new(ScalarUDF::from(Checked { inner: function.clone() })))
}

/// DataFusion's function without what it says of orders, and with its results checked where it is one of [`CHECKED`].
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if !CHECKED.contains(&self.name()) {
            return self.inner.invoke_with_args(args);
        }
        let given = args.args.clone();
        let rows = args.number_rows;
        let result = self.inner.invoke_with_args(args)?;
        check(self.name(), &given, &result, rows)?;
        Ok(result)
    }
}

/// A function of which no order is known: DataFusion's `abs` asks for the range of its argument, and fails where that has
/// no type, as that of our functions has none. Remove when it does not.
pub(super) fn unordered(inner: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::from(Checked { inner })
}

/// `round` of a float: halves go to the even neighbor.
pub(super) fn round_to_even(number: Expr) -> Expr {
    static ROUND: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let signature = Signature::exact(vec![DataType::Float64], Volatility::Immutable);
        let rounded = |args: &[ColumnarValue]| {
            let rows = args.iter().find_map(|arg| match arg {
                ColumnarValue::Array(array) => Some(array.len()),
                ColumnarValue::Scalar(_) => None,
            });
            let Some(number) = args.first() else { return plan_err!("round of nothing") };
            let numbers = number.to_array(rows.unwrap_or(1))?;
            let rounded = numbers.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even);
            match rows {
                Some(_) => Ok(ColumnarValue::Array(Arc::new(rounded))),
                None => ScalarValue::try_from_array(&rounded, 0).map(ColumnarValue::Scalar),
            }
        };
        let implementation = Arc::new(rounded);
        Arc::new(ScalarUDF::from(SimpleScalarUDF::new_with_signature(
            "round",
            signature,
            DataType::Float64,
            implementation,
        )))
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(ROUND.clone(), vec![number]))
}

fn check(function: &str, given: &[ColumnarValue], result: &ColumnarValue, rows: usize) -> Result<()> {
    let floats =
        |value: &ColumnarValue| cast(&value.to_array(rows)?, &DataType::Float64).map_err(DataFusionError::from);
    let results = floats(result)?;
    let results = results.as_primitive::<Float64Type>();
    let suspicious = |value: f64| !value.is_finite() || value == 0.0 && matches!(function, "exp" | "power");
    if !results.iter().flatten().any(suspicious) {
        return Ok(());
    }
    let given = given.iter().map(floats).collect::<Result<Vec<_>>>()?;
    for (row, result) in results.iter().enumerate() {
        let Some(result) = result.filter(|result| suspicious(*result)) else { continue };
        let operands: Vec<f64> = given.iter().map(|operand| operand.as_primitive::<Float64Type>().value(row)).collect();
        if let Some((kind, message)) = complaint(function, &operands, result) {
            return Err(DataFusionError::External(Box::new(Error::new(kind, message))));
        }
    }
    Ok(())
}

fn complaint(function: &str, operands: &[f64], result: f64) -> Option<(ErrorKind, &'static str)> {
    let last = *operands.last()?;
    if operands.iter().any(|operand| operand.is_nan()) {
        return None;
    }
    let finite = operands.iter().all(|operand| operand.is_finite());
    match function {
        "ln" | "log" | "log2" | "log10" if operands.contains(&0.0) => {
            Some((ErrorKind::InvalidArgumentForLog, "cannot take logarithm of zero"))
        }
        "ln" | "log" | "log2" | "log10" if operands.iter().any(|operand| *operand < 0.0) => {
            Some((ErrorKind::InvalidArgumentForLog, "cannot take logarithm of a negative number"))
        }
        "sqrt" if last < 0.0 => {
            Some((ErrorKind::InvalidArgumentForPower, "cannot take square root of a negative number"))
        }
        "power" if operands.first() == Some(&0.0) && last < 0.0 => {
            Some((ErrorKind::InvalidArgumentForPower, "zero raised to a negative power is undefined"))
        }
        "power" if result.is_nan() => Some((
            ErrorKind::InvalidArgumentForPower,
            "a negative number raised to a non-integer power yields a complex result",
        )),
        _ if result.is_nan() => Some((ErrorKind::NumericOutOfRange, "input is out of range")),
        _ if result.is_infinite() && finite => Some((ErrorKind::NumericOutOfRange, "value out of range: overflow")),
        "exp" | "power" if result == 0.0 && finite && operands.first() != Some(&0.0) => {
            Some((ErrorKind::NumericOutOfRange, "value out of range: underflow"))
        }
        _ => None,
    }
}
