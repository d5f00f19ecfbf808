//! `sqrt`, `exp`, `ln`, `log`, `power`, `factorial` and `trim_scale` of numerics, which are numerics.
//!
//! Blocked by: DataFusion computes them as floats. Remove when it does not.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, i256};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::error::{Error, ErrorKind};
use crate::pgtypes::powers::{self, Undefined};
use crate::pgtypes::{Exact, FREE, FUNCTION, ROOT, rescaled};

const DIGITS: u8 = 38;
/// A numeric to a whole power.
const POWER: DataType = DataType::Decimal128(DIGITS, 16);
const WHOLE: DataType = DataType::Decimal128(DIGITS, 0);

/// Functions that PostgreSQL has for numerics alone, of integers too.
const OF_NUMERICS_ALONE: [(&str, usize); 3] = [("log", 2), ("factorial", 1), ("trim_scale", 1)];

/// The function of numerics that a call of the name with such arguments means; `None` where it means one of floats.
pub(super) fn of_numerics(function: &str, types: &[DataType]) -> Option<Arc<ScalarUDF>> {
    let name = match (function, types.len()) {
        ("sqrt", 1) => "sqrt",
        ("exp", 1) => "exp",
        ("ln", 1) => "ln",
        ("log" | "log10", 1) | ("log", 2) => "log",
        ("power", 2) => "power",
        ("factorial", 1) => "factorial",
        ("trim_scale", 1) => "trim_scale",
        _ => return None,
    };
    let exact = |given: &DataType| given.is_integer() || matches!(given, DataType::Decimal128(..) | DataType::Null);
    let is_meant = types.iter().any(DataType::is_decimal) || OF_NUMERICS_ALONE.contains(&(name, types.len()));
    let function = Function { name, signature: Signature::any(types.len(), Volatility::Immutable) };
    (is_meant && types.iter().all(exact)).then(|| Arc::new(ScalarUDF::from(function)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    name: &'static str,
    signature: Signature,
}

impl Function {
    fn compute(&self, args: &[Exact]) -> std::result::Result<Exact, Undefined> {
        match (self.name, args) {
            ("sqrt", [x]) => powers::sqrt(*x),
            ("exp", [x]) => powers::exp(*x),
            ("ln", [x]) => powers::ln(*x),
            ("log", [x]) => powers::log(Exact { number: 10, scale: 0 }, *x),
            ("log", [base, x]) => powers::log(*base, *x),
            ("power", [base, exponent]) => powers::power(*base, *exponent),
            ("factorial", [n]) => factorial(*n),
            ("trim_scale", [x]) => Ok(trimmed(*x)),
            _ => Err(Undefined::Overflow),
        }
    }

    /// The type of results whose operands are not all known.
    fn of_values(&self, types: &[DataType]) -> DataType {
        match self.name {
            "sqrt" => ROOT,
            "factorial" => WHOLE,
            "trim_scale" => FREE,
            "power" if types.last().is_some_and(DataType::is_integer) => POWER,
            _ => FUNCTION,
        }
    }
}

/// The function that takes zeros off at the end.
pub(super) fn trim_scale() -> ScalarUDF {
    ScalarUDF::from(Function { name: "trim_scale", signature: Signature::any(1, Volatility::Immutable) })
}

fn trimmed(mut x: Exact) -> Exact {
    while x.scale > 0 && x.number % 10 == 0 {
        x = Exact { number: x.number / 10, scale: x.scale - 1 };
    }
    x
}

fn factorial(n: Exact) -> std::result::Result<Exact, Undefined> {
    if n.number < 0 {
        return Err(Undefined::FactorialOfNegative);
    }
    let number = (2..=n.number.min(40)).try_fold(1i128, |product, factor| product.checked_mul(factor));
    number.map(|number| Exact { number, scale: 0 }).ok_or(Undefined::Overflow)
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.of_values(arg_types))
    }
    /// Of constants the result is known, and with it the decimals it has.
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let constants: Option<Vec<Exact>> = args.scalar_arguments.iter().map(|value| exact((*value)?)).collect();
        let known = constants.and_then(|constants| self.compute(&constants).ok());
        let data_type = match known {
            Some(Exact { scale, .. }) => DataType::Decimal128(DIGITS, scale),
            None => self.of_values(&args.arg_fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>()),
        };
        Ok(Arc::new(Field::new(self.name, data_type, true)))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let operands = args.args.iter().map(|arg| decimals(&arg.to_array(rows)?)).collect::<Result<Vec<_>>>()?;
        let DataType::Decimal128(_, scale) = *args.return_field.data_type() else {
            return Err(DataFusionError::Internal("a numeric function of another type".to_owned()));
        };
        let results = (0..rows).map(|row| {
            let values: Option<Vec<Exact>> = operands.iter().map(|operand| value(operand, row)).collect();
            let Some(values) = values else { return Ok(None) };
            let Exact { number, scale: from } = self.compute(&values).map_err(failed)?;
            let number = rescaled(i256::from_i128(number), from, scale).and_then(i256::to_i128);
            let number = number.filter(|number| number.unsigned_abs() < 10u128.pow(DIGITS.into()));
            number.map(Some).ok_or_else(|| failed(Undefined::Overflow))
        });
        let results: Decimal128Array = results.collect::<Result<Vec<Option<i128>>>>()?.into();
        let results: ArrayRef = Arc::new(results.with_precision_and_scale(DIGITS, scale)?);
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&results, 0)?),
            false => ColumnarValue::Array(results),
        })
    }
}

/// Integers as decimals without decimals.
fn decimals(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Decimal128(..) => Ok(array.clone()),
        _ => Ok(cast(array, &DataType::Decimal128(20, 0))?),
    }
}

fn value(array: &ArrayRef, row: usize) -> Option<Exact> {
    let values = array.as_primitive_opt::<Decimal128Type>()?;
    values.is_valid(row).then(|| Exact::new(values.value(row), array.data_type()))
}

fn exact(constant: &ScalarValue) -> Option<Exact> {
    value(&decimals(&constant.to_array().ok()?).ok()?, 0)
}

fn failed(why: Undefined) -> DataFusionError {
    use ErrorKind as K;
    let (kind, message) = match why {
        Undefined::RootOfNegative => (K::InvalidArgumentForPower, "cannot take square root of a negative number"),
        Undefined::LogarithmOfZero => (K::InvalidArgumentForLog, "cannot take logarithm of zero"),
        Undefined::LogarithmOfNegative => (K::InvalidArgumentForLog, "cannot take logarithm of a negative number"),
        Undefined::ZeroToNegative => (K::InvalidArgumentForPower, "zero raised to a negative power is undefined"),
        Undefined::NegativeToFraction => {
            (K::InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
        }
        Undefined::DivisionByZero => (K::DivisionByZero, "division by zero"),
        Undefined::FactorialOfNegative => (K::NumericOutOfRange, "factorial of a negative number is undefined"),
        Undefined::Overflow => (K::NumericOutOfRange, "value overflows numeric format"),
    };
    DataFusionError::External(Box::new(Error::new(kind, message)))
}
