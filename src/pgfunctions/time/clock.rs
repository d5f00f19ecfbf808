//! The time now: of the statement, and of the moment.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::call::{Context, Ty, context};
use super::casts;
use crate::pgfunctions::external;
use crate::pgtypes::time::{MICROS_PER_SECOND, split};

/// A function of the clock: its name, its type, and whether it reads the clock at every call.
const CLOCKS: &[(&str, Ty, bool)] = &[
    ("now", Ty::Timestamptz, false),
    ("current_timestamp", Ty::Timestamptz, false),
    ("transaction_timestamp", Ty::Timestamptz, false),
    ("statement_timestamp", Ty::Timestamptz, false),
    ("clock_timestamp", Ty::Timestamptz, true),
    ("localtimestamp", Ty::Timestamp, false),
    ("current_date", Ty::Date, false),
    ("current_time", Ty::Time, false),
    ("localtime", Ty::Time, false),
    ("timeofday", Ty::Text, true),
];

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    let clock = |(name, ty, moving): &(&'static str, Ty, bool)| {
        let volatility = if *moving { Volatility::Volatile } else { Volatility::Stable };
        // digits of the second may be told
        let any = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::Any(1)]);
        ScalarUDF::new_from_impl(Clock { name, ty: *ty, signature: Signature::new(any, volatility) })
    };
    CLOCKS.iter().map(clock).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Clock {
    name: &'static str,
    ty: Ty,
    signature: Signature,
}

impl Clock {
    fn value(&self, context: &Context, digits: Option<u8>) -> DataFusionResult<ScalarValue> {
        if self.ty == Ty::Text {
            return Ok(ScalarValue::Utf8View(Some(time_of_day(context))));
        }
        let now = ScalarValue::TimestampMicrosecond(Some(context.now), Some("UTC".into())).to_array()?;
        let value = casts::convert(&now, self.ty, context).map_err(external)?;
        let value = casts::Modifier { digits, fields: None }.apply(value, self.ty).map_err(external)?;
        debug_assert_eq!(value.len(), 1);
        ScalarValue::try_from_array(&value, 0)
    }
}

/// `Thu Feb 29 13:14:15.123456 2024 CET`.
fn time_of_day(context: &Context) -> String {
    let zone = context.style.zone;
    let (days, micros) = split(zone.local(context.now));
    let at = chrono::DateTime::from_timestamp(days * 86_400 + micros / MICROS_PER_SECOND, 0).unwrap_or_default();
    let fraction = micros % MICROS_PER_SECOND;
    format!(
        "{}.{fraction:06} {} {}",
        at.format("%a %b %d %H:%M:%S"),
        at.format("%Y"),
        zone.abbreviation_at(context.now)
    )
}

fn digits(argument: Option<&ScalarValue>) -> Option<u8> {
    argument.and_then(|digits| match digits.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(Some(digits))) => u8::try_from(digits.clamp(0, 6)).ok(),
        _ => None,
    })
}

impl ScalarUDFImpl for Clock {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.ty.arrow())
    }
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DataFusionResult<ExprSimplifyResult> {
        let Some(start) = info.query_execution_start_time().filter(|_| self.signature.volatility == Volatility::Stable)
        else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let context = Context { now: start.timestamp_micros(), ..context(info.config_options()) };
        let digits = match args.first() {
            Some(Expr::Literal(value, _)) => digits(Some(value)),
            _ => None,
        };
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(self.value(&context, digits)?, None)))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        // the same for the whole statement: a constant of its plan
        if self.signature.volatility == Volatility::Stable {
            return Err(DataFusionError::Internal(format!("{} is known when a statement is planned", self.name)));
        }
        let first = match args.args.first() {
            Some(ColumnarValue::Scalar(value)) => Some(value),
            _ => None,
        };
        Ok(ColumnarValue::Scalar(self.value(&context(&args.config_options), digits(first))?))
    }
}
