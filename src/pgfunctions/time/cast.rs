//! Casts to dates, times and intervals as expressions, in place of DataFusion's.
//!
//! Blocked by: DataFusion's casts know neither the session's zone nor PostgreSQL's spellings. Remove when its cast can
//! be replaced.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    Between, Cast, ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, binary_expr, cast,
};
use datafusion::scalar::ScalarValue;

use super::call::{Context, Ty, context};
use super::casts::{self, Modifier};
use super::operators;
use super::planner::call;
use crate::error::Result;
use crate::pgfunctions::external;
use crate::pgtypes::TYPE_MODIFIER_KEY;
use crate::pgtypes::time::{IntervalFields, is_relative};

/// One expression, its casts, negation and comparisons with times done as in PostgreSQL.
pub fn rewrite_casts(expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    match expr {
        Expr::Cast(Cast { expr, field }) => change(*expr, field, schema),
        Expr::Negative(inner) if ty_of(&inner, schema) == Some(Ty::Interval) => {
            Ok(Transformed::yes(call(operators::NEGATED, vec![*inner])?))
        }
        Expr::Between(between) => between_times(between, schema),
        Expr::InList(InList { expr, list, negated }) => {
            let Some(ty) = ty_of(&expr, schema).filter(|ty| ty.is_temporal()) else {
                return Ok(Transformed::no(Expr::InList(InList { expr, list, negated })));
            };
            let list = list.into_iter().map(|item| if is_unknown(&item) { cast_to(item, ty) } else { item });
            if ty != Ty::Interval {
                return Ok(Transformed::yes(Expr::InList(InList { expr, list: list.collect(), negated })));
            }
            let list = list.map(|item| call(operators::SPAN, vec![item])).collect::<DataFusionResult<_>>()?;
            let expr = Box::new(call(operators::SPAN, vec![*expr])?);
            Ok(Transformed::yes(Expr::InList(InList { expr, list, negated })))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// An interval's length, by which intervals are compared, as a whole number.
pub fn span_of(interval: Expr) -> DataFusionResult<Expr> {
    call(operators::SPAN, vec![interval])
}

/// The type of an expression, if it is one of those known here.
pub(super) fn ty_of(expr: &Expr, schema: &dyn ExprSchema) -> Option<Ty> {
    if is_unknown(expr) { None } else { Ty::of(&expr.get_type(schema).ok()?) }
}

/// A string constant, NULL, or a parameter: what becomes what its surroundings want.
pub(super) fn is_unknown(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => matches!(value, ScalarValue::Utf8(_) | ScalarValue::Null),
        Expr::Placeholder(placeholder) => placeholder.field.is_none(),
        _ => false,
    }
}

fn between_times(between: Between, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    let Between { expr, negated, low, high } = between;
    let temporal = [&expr, &low, &high].iter().any(|side| ty_of(side, schema).is_some_and(Ty::is_temporal));
    if !temporal {
        return Ok(Transformed::no(Expr::Between(Between { expr, negated, low, high })));
    }
    let (least, most, both) = match negated {
        false => (Operator::GtEq, Operator::LtEq, Operator::And),
        true => (Operator::Lt, Operator::Gt, Operator::Or),
    };
    let side = |operator, bound: Expr| -> DataFusionResult<Expr> {
        let planned = super::planner::compare(operator, *expr.clone(), bound, schema)?;
        Ok(planned.unwrap_or_else(|(left, right)| binary_expr(left, operator, right)))
    };
    Ok(Transformed::yes(binary_expr(side(least, *low)?, both, side(most, *high)?)))
}

fn change(expr: Expr, field: FieldRef, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    let unchanged =
        |expr: Expr, field: FieldRef| Ok(Transformed::no(Expr::Cast(Cast::new_from_field(Box::new(expr), field))));
    let given = match expr.to_field(schema) {
        Ok((_, given)) => given,
        Err(_) => return unchanged(expr, field),
    };
    let (Some(from), Some(to)) = (Ty::of(given.data_type()), Ty::of(field.data_type())) else {
        return unchanged(expr, field);
    };
    // others are refused, or not, like any cast
    if !to.is_temporal() || !casts::exists(from, to) {
        return unchanged(expr, field);
    }
    let modifier = field.metadata().get(TYPE_MODIFIER_KEY).and_then(|text| text.parse().ok());
    if from == to && modifier.is_none() && *given.data_type() == to.arrow() {
        return Ok(Transformed::yes(expr));
    }
    Ok(Transformed::yes(TimeCast::of(expr, to, modifier)))
}

/// `'now'` and its kin as a value of a type that has a date or a time: the same for the whole statement.
pub fn value_of_clock(text: Expr, data_type: &DataType) -> Option<Expr> {
    Ty::of(data_type).filter(|ty| ty.is_temporal()).map(|ty| TimeCast::of(text, ty, None))
}

/// The expression, cast.
pub(super) fn cast_to(expr: Expr, to: Ty) -> Expr {
    match expr {
        // its type is what is wanted of it
        Expr::Placeholder(mut placeholder) if placeholder.field.is_none() => {
            placeholder.field = Some(Arc::new(Field::new("", to.arrow(), true)));
            Expr::Placeholder(placeholder)
        }
        expr if to.is_temporal() => TimeCast::of(expr, to, None),
        expr => cast(expr, to.arrow()),
    }
}

/// A cast to one type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeCast {
    to: Ty,
    /// As PostgreSQL counts it.
    modifier: Option<i32>,
    signature: Signature,
}

impl TimeCast {
    fn of(expr: Expr, to: Ty, modifier: Option<i32>) -> Expr {
        let relative = match &expr {
            Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => is_relative(text),
            _ => false,
        };
        let volatility = if relative { Volatility::Stable } else { Volatility::Immutable };
        let function = Self { to, modifier, signature: Signature::any(1, volatility) };
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::new_from_impl(function)), vec![expr]))
    }

    fn field(&self) -> Field {
        let field = Field::new(self.name(), self.to.arrow(), true);
        match self.modifier {
            Some(modifier) => {
                field.with_metadata([(TYPE_MODIFIER_KEY.to_owned(), modifier.to_string())].into_iter().collect())
            }
            None => field,
        }
    }

    fn convert(&self, value: &ColumnarValue, context: &Context) -> DataFusionResult<ColumnarValue> {
        let array = value.to_array(1)?;
        let modifier = self.modifier.map(|code| read_modifier(code, self.to)).unwrap_or_default();
        let converted = if self.to == Ty::Interval && Ty::of(array.data_type()) == Some(Ty::Text) {
            casts::convert(&array, Ty::Text, context).and_then(|texts| modifier.interval(&texts, context))
        } else {
            casts::convert(&array, self.to, context)
        };
        let converted = converted.and_then(|array| modifier.apply(array, self.to)).map_err(external)?;
        Ok(match value {
            ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::try_from_array(&converted, 0)?),
            ColumnarValue::Array(_) => ColumnarValue::Array(converted),
        })
    }
}

impl ScalarUDFImpl for TimeCast {
    fn name(&self) -> &str {
        match self.to {
            Ty::Date => "date",
            Ty::Time => "time",
            Ty::Timestamp => "timestamp",
            Ty::Timestamptz => "timestamptz",
            _ => "interval",
        }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.to.arrow())
    }
    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        Ok(Arc::new(self.field()))
    }
    // of its own type, or no order is found of rows that are sorted by a comparison with it
    fn evaluate_bounds(&self, _inputs: &[&Interval]) -> DataFusionResult<Interval> {
        Interval::make_unbounded(&self.to.arrow())
    }
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DataFusionResult<ExprSimplifyResult> {
        let (Some(start), [Expr::Literal(text, _)]) = (info.query_execution_start_time(), args.as_slice()) else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        if self.signature.volatility != Volatility::Stable {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let context = Context { now: start.timestamp_micros(), ..context(info.config_options()) };
        let ColumnarValue::Scalar(value) = self.convert(&ColumnarValue::Scalar(text.clone()), &context)? else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(value, Some(FieldMetadata::from(&self.field())))))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return Err(DataFusionError::Internal("a cast has one value".to_owned()));
        };
        // `now` is the same for the whole statement: a constant of its plan
        if self.signature.volatility == Volatility::Stable {
            return Err(DataFusionError::Internal("what is now is known when a statement is planned".to_owned()));
        }
        self.convert(value, &context(&args.config_options))
    }
}

/// Values as a column of the type modifier holds them; those of no time as they are.
pub fn with_modifier(array: ArrayRef, modifier: i32) -> Result<ArrayRef> {
    let ty = match array.data_type() {
        DataType::Timestamp(_, None) => Ty::Timestamp,
        DataType::Timestamp(_, Some(_)) => Ty::Timestamptz,
        DataType::Time64(_) => Ty::Time,
        DataType::Interval(_) => Ty::Interval,
        _ => return Ok(array),
    };
    read_modifier(modifier, ty).apply(array, ty)
}

/// What a type modifier says: digits of the second; of an interval its fields in the upper half.
fn read_modifier(code: i32, ty: Ty) -> Modifier {
    let digits = |digits: i32| u8::try_from(digits).ok().filter(|digits| *digits <= 6);
    if ty != Ty::Interval {
        return Modifier { digits: digits(code), fields: None };
    }
    let (year, month, day) = (1 << 2, 1 << 1, 1 << 3);
    let (hour, minute, second) = (1 << 10, 1 << 11, 1 << 12);
    let range = (code >> 16) & 0x7fff;
    let fields = match range {
        0x7fff => None,
        range if range == minute | second => Some(IntervalFields::MinuteToSecond),
        range if range & second != 0 => Some(IntervalFields::Second),
        range if range & minute != 0 => Some(IntervalFields::Minute),
        range if range & hour != 0 => Some(IntervalFields::Hour),
        range if range & day != 0 => Some(IntervalFields::Day),
        range if range & month != 0 => Some(IntervalFields::Month),
        range if range & year != 0 => Some(IntervalFields::Year),
        _ => None,
    };
    Modifier { digits: digits(code & 0xffff), fields }
}
