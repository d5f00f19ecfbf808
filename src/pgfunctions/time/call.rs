//! How functions of dates and times are called: by overload, on whole columns of plain values.
//!
//! A function is some rows of a table: what it takes, what it returns, and a Rust function from arrays to an array.
//! Which row is meant follows from the arguments' types as in PostgreSQL: the one with most exact types, the first of
//! equals. Arguments are converted to the row's types before.
//!
//! Invariant: NULL for any NULL argument.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, PrimitiveArray, PrimitiveBuilder,
    StringArray, StringViewBuilder,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, FieldRef, Float32Type, Float64Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::casts;
use crate::error::Result;
use crate::pgfunctions::{external, session_style, undefined};
use crate::pgtypes::Style;
use crate::pgtypes::time::Interval;

/// A type of PostgreSQL, as far as these functions take and give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ty {
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Text,
    Integer,
    Bigint,
    Real,
    Float,
    Numeric,
    Boolean,
}

impl Ty {
    /// Of an Arrow type; `None` for one that is not known here.
    pub fn of(data_type: &DataType) -> Option<Self> {
        use DataType as T;
        Some(match data_type {
            T::Date32 | T::Date64 => Self::Date,
            T::Time32(_) | T::Time64(_) => Self::Time,
            T::Timestamp(_, None) => Self::Timestamp,
            T::Timestamp(_, Some(_)) => Self::Timestamptz,
            T::Interval(_) | T::Duration(_) => Self::Interval,
            T::Utf8 | T::LargeUtf8 | T::Utf8View => Self::Text,
            T::Int64 | T::UInt32 => Self::Bigint,
            other if other.is_integer() => Self::Integer,
            T::Float32 => Self::Real,
            T::Float16 | T::Float64 => Self::Float,
            other if other.is_decimal() => Self::Numeric,
            T::Boolean => Self::Boolean,
            T::Dictionary(_, value) => return Self::of(value),
            _ => return None,
        })
    }

    /// The Arrow type that its values are held in.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Text => DataType::Utf8View,
            Self::Integer => DataType::Int32,
            Self::Bigint => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Float => DataType::Float64,
            Self::Numeric => DataType::Decimal128(38, 10),
            Self::Boolean => DataType::Boolean,
        }
    }

    /// Whether it is one of time.
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Time | Self::Timestamp | Self::Timestamptz | Self::Interval)
    }

    /// How well a value of type `given` fits: 2 exactly, 1 by an implicit cast.
    fn fit(self, given: &DataType) -> Option<u32> {
        use Ty::{Bigint, Date, Float, Integer, Interval, Numeric, Real, Text, Time, Timestamp, Timestamptz};
        // a string constant, or nothing at all, becomes what is wanted
        if matches!(given, DataType::Null | DataType::Utf8) {
            return Some(if self == Text { 2 } else { 1 });
        }
        let given = Self::of(given)?;
        let implicit = match self {
            Timestamp => given == Date,
            Timestamptz => matches!(given, Date | Timestamp),
            Interval => given == Time,
            // constants are bigint until something narrower is wanted
            Integer => given == Bigint,
            Bigint => given == Integer,
            Numeric => matches!(given, Integer | Bigint),
            Float => matches!(given, Integer | Bigint | Numeric | Real),
            _ => false,
        };
        if given == self { Some(2) } else { implicit.then_some(1) }
    }
}

/// What a function knows beside its arguments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context {
    pub style: Style,
    /// Microseconds since 1970.
    pub now: i64,
}

pub type Eval = fn(&Context, &[ArrayRef]) -> Result<ArrayRef>;

/// What a call returns.
#[derive(Debug, Clone, Copy)]
pub enum Returns {
    Always(Ty),
    /// A numeric with as many decimals as the text of one argument says, and the type of the second.
    Numeric {
        told_by: usize,
        decimals: fn(&str, Ty) -> i8,
    },
}

/// The function that depends on the day besides its argument.
const READS_CLOCK: &str = "age";

/// One overload of a function.
pub struct Row {
    pub name: &'static str,
    pub takes: &'static [Ty],
    pub returns: Returns,
    pub eval: Eval,
}

pub const fn row(name: &'static str, takes: &'static [Ty], returns: Ty, eval: Eval) -> Row {
    Row { name, takes, returns: Returns::Always(returns), eval }
}

/// The functions of some tables; rows of one name are one function.
pub fn functions(tables: &[&'static [Row]]) -> Vec<ScalarUDF> {
    let mut functions: Vec<TimeFunction> = Vec::new();
    for row in tables.iter().flat_map(|table| table.iter()) {
        match functions.iter_mut().find(|function| function.name == row.name) {
            Some(function) => function.rows.push(row),
            None => functions.push(TimeFunction::new(row)),
        }
    }
    functions.into_iter().map(ScalarUDF::new_from_impl).collect()
}

pub struct TimeFunction {
    name: &'static str,
    rows: Vec<&'static Row>,
    signature: Signature,
}

impl TimeFunction {
    fn new(row: &'static Row) -> Self {
        let any = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
        // what they give may depend on the session's settings, which plans are kept by
        let volatility = if row.name == READS_CLOCK { Volatility::Stable } else { Volatility::Immutable };
        Self { name: row.name, rows: vec![row], signature: Signature::new(any, volatility) }
    }

    fn resolve(&self, fields: &[FieldRef]) -> DataFusionResult<&'static Row> {
        let fit = |row: &'static Row| -> Option<(u32, &'static Row)> {
            if row.takes.len() != fields.len() {
                return None;
            }
            let mut total = 0;
            for (ty, field) in row.takes.iter().zip(fields) {
                total += ty.fit(field.data_type())?;
            }
            Some((total, row))
        };
        let best =
            self.rows.iter().filter_map(|row| fit(row)).reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, row)| row).ok_or_else(|| external(undefined(self.name, fields)))
    }
}

impl std::fmt::Debug for TimeFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for TimeFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TimeFunction {}

impl Hash for TimeFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for TimeFunction {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Err(DataFusionError::Internal(format!("the type of {} depends on its arguments", self.name)))
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        let row = self.resolve(args.arg_fields)?;
        let data_type = match row.returns {
            Returns::Always(ty) => ty.arrow(),
            Returns::Numeric { told_by, decimals } => {
                let told = args.scalar_arguments.get(told_by).copied().flatten();
                let text = told.and_then(|text| text.try_as_str().flatten());
                let from = row.takes.get(1).copied().unwrap_or(Ty::Date);
                DataType::Decimal128(38, decimals(text.unwrap_or_default(), from))
            }
        };
        Ok(Arc::new(Field::new(self.name, data_type, true)))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let row = self.resolve(&args.arg_fields)?;
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let context = context(&args.config_options);
        let mut columns = Vec::with_capacity(args.args.len());
        for (argument, ty) in args.args.iter().zip(row.takes) {
            columns.push(casts::convert(&argument.to_array(rows)?, *ty, &context).map_err(external)?);
        }
        let result = (row.eval)(&context, &columns).map_err(external)?;
        let result = casts::rescaled(result, args.return_field.data_type())?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    }
}

/// What the session says.
pub fn context(options: &datafusion::config::ConfigOptions) -> Context {
    Context { style: session_style(options), now: chrono::Utc::now().timestamp_micros() }
}

/// How values of a type are read from a column.
pub trait Read {
    type Item<'a>;
    fn get(array: &ArrayRef, row: usize) -> Self::Item<'_>;
}

/// How values of a type are written to a column.
pub trait Write {
    type Item;
    fn build(values: impl Iterator<Item = Result<Option<Self::Item>>>, rows: usize) -> Result<ArrayRef>;
}

macro_rules! primitive {
    ($($name:ident $arrow:ty, $item:ty;)*) => {$(
        #[doc = concat!("Values of `", stringify!($arrow), "`.")]
        pub struct $name;

        impl Read for $name {
            type Item<'a> = $item;
            fn get(array: &ArrayRef, row: usize) -> $item {
                array.as_primitive::<$arrow>().value(row)
            }
        }

        impl Write for $name {
            type Item = $item;
            fn build(values: impl Iterator<Item = Result<Option<$item>>>, rows: usize) -> Result<ArrayRef> {
                build_primitive::<$arrow>(values, rows)
            }
        }
    )*};
}

primitive! {
    Date Date32Type, i32;
    Time Time64MicrosecondType, i64;
    Timestamp TimestampMicrosecondType, i64;
    Bigint Int64Type, i64;
    Integer datafusion::arrow::datatypes::Int32Type, i32;
    Real Float32Type, f32;
    Float Float64Type, f64;
}

fn build_primitive<T: ArrowPrimitiveType>(
    values: impl Iterator<Item = Result<Option<T::Native>>>,
    rows: usize,
) -> Result<ArrayRef> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(rows);
    for value in values {
        builder.append_option(value?);
    }
    Ok(Arc::new(builder.finish()))
}

/// Timestamps with time zone: the same numbers under another type.
pub struct Timestamptz;

impl Read for Timestamptz {
    type Item<'a> = i64;
    fn get(array: &ArrayRef, row: usize) -> i64 {
        Timestamp::get(array, row)
    }
}

impl Write for Timestamptz {
    type Item = i64;
    fn build(values: impl Iterator<Item = Result<Option<i64>>>, rows: usize) -> Result<ArrayRef> {
        let built = Timestamp::build(values, rows)?;
        let plain: &PrimitiveArray<TimestampMicrosecondType> = built.as_primitive();
        Ok(Arc::new(plain.clone().with_timezone("UTC")))
    }
}

pub struct Intervals;

impl Read for Intervals {
    type Item<'a> = Interval;
    fn get(array: &ArrayRef, row: usize) -> Interval {
        Interval::of_arrow(array.as_primitive::<IntervalMonthDayNanoType>().value(row))
    }
}

impl Write for Intervals {
    type Item = Interval;
    fn build(values: impl Iterator<Item = Result<Option<Interval>>>, rows: usize) -> Result<ArrayRef> {
        let arrow = |value: Result<Option<Interval>>| value?.map(Interval::to_arrow).transpose();
        build_primitive::<IntervalMonthDayNanoType>(values.map(arrow), rows)
    }
}

pub struct Text;

impl Read for Text {
    type Item<'a> = &'a str;
    fn get(array: &ArrayRef, row: usize) -> &str {
        let texts: &StringArray = array.as_string();
        texts.value(row)
    }
}

impl Write for Text {
    type Item = String;
    fn build(values: impl Iterator<Item = Result<Option<String>>>, rows: usize) -> Result<ArrayRef> {
        let mut builder = StringViewBuilder::with_capacity(rows);
        for value in values {
            builder.append_option(value?);
        }
        Ok(Arc::new(builder.finish()))
    }
}

pub struct Boolean;

impl Write for Boolean {
    type Item = bool;
    fn build(values: impl Iterator<Item = Result<Option<bool>>>, _rows: usize) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<BooleanArray>>()?))
    }
}

/// Unscaled digits and how many of them are decimals.
pub struct Numeric;

impl Read for Numeric {
    type Item<'a> = (i128, i8);
    fn get(array: &ArrayRef, row: usize) -> (i128, i8) {
        let decimals: &Decimal128Array = array.as_primitive();
        (decimals.value(row), decimals.scale())
    }
}

/// A function of one argument, row by row.
pub fn map1<A: Read, R: Write>(args: &[ArrayRef], f: impl Fn(A::Item<'_>) -> Result<R::Item>) -> Result<ArrayRef> {
    each::<R>(args, |args, row| f(A::get(&args[0], row)).map(Some))
}

pub fn map2<A: Read, B: Read, R: Write>(
    args: &[ArrayRef],
    f: impl Fn(A::Item<'_>, B::Item<'_>) -> Result<R::Item>,
) -> Result<ArrayRef> {
    each::<R>(args, |args, row| f(A::get(&args[0], row), B::get(&args[1], row)).map(Some))
}

pub fn map3<A: Read, B: Read, C: Read, R: Write>(
    args: &[ArrayRef],
    f: impl Fn(A::Item<'_>, B::Item<'_>, C::Item<'_>) -> Result<R::Item>,
) -> Result<ArrayRef> {
    each::<R>(args, |args, row| f(A::get(&args[0], row), B::get(&args[1], row), C::get(&args[2], row)).map(Some))
}

/// `f` for every row in which no argument is NULL.
pub fn each<R: Write>(
    args: &[ArrayRef],
    f: impl Fn(&[ArrayRef], usize) -> Result<Option<R::Item>>,
) -> Result<ArrayRef> {
    let rows = args.first().map_or(1, |first| first.len());
    let value = |row| {
        if args.iter().any(|column| column.is_null(row)) { Ok(None) } else { f(args, row) }
    };
    R::build((0..rows).map(value), rows)
}
