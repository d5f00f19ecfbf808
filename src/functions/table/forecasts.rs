//! `forecast`, `forecast_backtest` and `anomalies`: functions over series of values in time.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::scalar::ScalarValue;

use super::Function;
use super::call::{Call, external};
use super::every::Every;
use super::node::{Kernel, Plan};
use super::signature::{Kind, Signature, optional, required};
use super::values::{bigint, column, count, doubles, number, text};
use crate::dialect::{RELATION, visible_name};
use crate::error::Result;
use crate::functions::series::{
    AnomalyMethod, AnomalyOptions, Forecast, ForecastOptions, Method, MethodScore, Point, anomalies, forecast,
};
use crate::functions::{FunctionError, Stop};

const METHODS: &[&str] = &["auto", "seasonal_naive", "theta", "ets", "mstl"];
const ANOMALY_METHODS: &[&str] = &["seasonal", "robust_z"];
const SIGNS: &[&str] = &["auto", "true", "false"];
/// Of a series' point in the working arrays of all methods and folds.
const BYTES_PER_POINT: usize = 512;

/// Forecasts of each series, with intervals.
pub static FORECAST: Function = Function {
    signature: Signature {
        name: "forecast",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("time", Kind::TimeColumn),
            required("value", Kind::NumberColumn),
            optional("horizon", Kind::Integer(1, 3660), "90"),
            optional("levels", Kind::Levels, "80, 95"),
            optional("group_by", Kind::Columns, "null"),
            optional("method", Kind::Choice(METHODS), "auto"),
            optional("every", Kind::Choice(Every::NAMES), "day"),
            optional("season", Kind::Integer(1, 10_000), "null"),
            optional("non_negative", Kind::Choice(SIGNS), "auto"),
            optional("folds", Kind::Integer(2, 20), "5"),
        ],
        comment: "the periods ahead of each series, with intervals, by the method that did best in a back-test",
    },
    plan: |call| plan_forecast(call, false),
};

/// How each method did on each series.
pub static FORECAST_BACKTEST: Function = Function {
    signature: Signature {
        name: "forecast_backtest",
        arguments: FORECAST.signature.arguments,
        comment: "how well each method would have forecast each series from earlier origins",
    },
    plan: |call| plan_forecast(call, true),
};

/// Values that do not fit the rest of their series.
pub static ANOMALIES: Function = Function {
    signature: Signature {
        name: "anomalies",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("time", Kind::TimeColumn),
            required("value", Kind::NumberColumn),
            optional("group_by", Kind::Columns, "null"),
            optional("method", Kind::Choice(ANOMALY_METHODS), "seasonal"),
            optional("threshold", Kind::Number(0.1, 1000.0), "3.5"),
            optional("every", Kind::Choice(Every::NAMES), "day"),
            optional("season", Kind::Integer(1, 10_000), "null"),
        ],
        comment: "every value of each series, with what was expected and whether it is an anomaly",
    },
    plan: plan_anomalies,
};

fn constant(text: String) -> ScalarValue {
    ScalarValue::Utf8(Some(text))
}

/// Relation and columns of a series' kernel: time, value. Rows without a time are left out.
fn series(call: &Call, every: Every) -> DataFusionResult<(LogicalPlan, Vec<(&'static str, Expr)>)> {
    let time = Expr::Column(call.column("time").map_err(external)?);
    let value = Expr::Column(call.column("value").map_err(external)?);
    let input = LogicalPlanBuilder::from(call.input.clone()).filter(time.clone().is_not_null())?.build()?;
    Ok((input, vec![("time", cast(time, every.data_type())), ("value", cast(value, DataType::Float64))]))
}

fn points(every: Every, rows: &RecordBatch) -> Vec<Point> {
    let periods = every.periods(&*column(rows, 0));
    let values = doubles(rows, 1);
    periods.into_iter().zip(values).filter_map(|(period, value)| Some(Point { period: period?, value })).collect()
}

fn plan_forecast(call: &Call, backtest: bool) -> DataFusionResult<LogicalPlan> {
    let every = call.choice("every").map_err(external)?;
    let levels = call.levels("levels").map_err(external)?;
    let method = call.choice("method").map_err(external)?;
    let non_negative = call.choice("non_negative").map_err(external)?;
    let time = call.column("time").map_err(external)?;
    let (input, columns) = series(call, Every::parse(&every))?;
    let result = match backtest {
        true => backtest_fields(&levels),
        false => forecast_fields(visible_name(&time.name), Every::parse(&every), &levels),
    };
    let levels = levels.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    Plan {
        groups: call.columns("group_by").map_err(external)?,
        columns,
        values: &["horizon", "season", "folds"],
        constants: vec![constant(every), constant(levels), constant(method), constant(non_negative)],
        make: if backtest { make_backtest } else { make_forecast },
        result,
    }
    .build(call, input)
}

fn double(name: impl Into<String>) -> Field {
    Field::new(name, DataType::Float64, true)
}

fn forecast_fields(time: &str, every: Every, levels: &[u8]) -> Vec<Field> {
    let mut fields = vec![Field::new(time, every.data_type(), true), double("forecast")];
    fields.extend(levels.iter().flat_map(|level| [double(format!("lower_{level}")), double(format!("upper_{level}"))]));
    fields.push(Field::new("method", DataType::Utf8, true));
    fields.push(Field::new("trained_through", every.data_type(), true));
    fields.push(Field::new("reason", DataType::Utf8, true));
    fields
}

fn backtest_fields(levels: &[u8]) -> Vec<Field> {
    let mut fields = vec![
        Field::new("method", DataType::Utf8, true),
        Field::new("chosen", DataType::Boolean, true),
        Field::new("folds", DataType::Int64, true),
        Field::new("compared", DataType::Int64, true),
        double("mae"),
        double("smape"),
        double("mase"),
    ];
    fields.extend(levels.iter().map(|level| double(format!("coverage_{level}"))));
    fields.push(Field::new("reason", DataType::Utf8, true));
    fields
}

/// Forecasts a series, or tells of the back-test.
#[derive(Debug)]
struct Forecasts {
    every: Every,
    options: ForecastOptions,
    backtest: bool,
}

fn make_forecast(values: &[ScalarValue]) -> Result<Arc<dyn Kernel>> {
    Ok(Arc::new(forecasts(values, false)))
}

fn make_backtest(values: &[ScalarValue]) -> Result<Arc<dyn Kernel>> {
    Ok(Arc::new(forecasts(values, true)))
}

fn forecasts(values: &[ScalarValue], backtest: bool) -> Forecasts {
    let every = Every::parse(text(values, 3));
    let levels: Vec<u8> = text(values, 4).split(',').filter_map(|level| level.parse().ok()).collect();
    let default = ForecastOptions::default();
    let options = ForecastOptions {
        horizon: count(values, 0).unwrap_or(default.horizon),
        levels: levels.iter().copied().map(f64::from).collect(),
        step: every.step(),
        season: Some(count(values, 1).unwrap_or(every.season())),
        method: Method::parse(text(values, 5)),
        non_negative: text(values, 6).parse().ok(),
        folds: count(values, 2).unwrap_or(default.folds),
    };
    Forecasts { every, options, backtest }
}

impl Kernel for Forecasts {
    fn run(&self, rows: &RecordBatch, stop: Stop<'_>) -> std::result::Result<Vec<ArrayRef>, FunctionError> {
        let forecast = forecast(&points(self.every, rows), &self.options, stop)?;
        Ok(if self.backtest { self.scores(&forecast) } else { self.ahead(&forecast) })
    }

    fn bytes_per_row(&self) -> usize {
        BYTES_PER_POINT
    }
}

impl Forecasts {
    fn ahead(&self, forecast: &Forecast) -> Vec<ArrayRef> {
        let points = &forecast.points;
        let mut columns: Vec<ArrayRef> = vec![
            self.every.times(points.iter().map(|point| point.period)),
            Arc::new(points.iter().map(|point| Some(point.value)).collect::<Float64Array>()),
        ];
        for level in 0..self.options.levels.len() {
            let bound = |of: fn(&(f64, f64)) -> f64| -> ArrayRef {
                Arc::new(points.iter().map(|point| point.intervals.get(level).map(of)).collect::<Float64Array>())
            };
            columns.extend([bound(|interval| interval.0), bound(|interval| interval.1)]);
        }
        let through = std::iter::repeat_n(forecast.trained_through, points.len());
        columns.push(Arc::new(StringArray::from_iter_values(points.iter().map(|_| forecast.method.name()))));
        columns.push(self.every.times(through));
        columns.push(Arc::new(points.iter().map(|_| forecast.reason.as_deref()).collect::<StringArray>()));
        columns
    }

    /// A row per method; one that only says why there was no back-test, if there was none.
    fn scores(&self, forecast: &Forecast) -> Vec<ArrayRef> {
        let scores = &forecast.backtest;
        if scores.is_empty() {
            return self.no_scores(forecast);
        }
        let whole = |of: fn(&MethodScore) -> usize| -> ArrayRef {
            Arc::new(scores.iter().map(|score| Some(bigint(of(score)))).collect::<Int64Array>())
        };
        let number = |of: &dyn Fn(&MethodScore) -> Option<f64>| -> ArrayRef {
            Arc::new(scores.iter().map(|score| of(score).filter(|value| value.is_finite())).collect::<Float64Array>())
        };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(scores.iter().map(|score| score.method.name()))),
            Arc::new(scores.iter().map(|score| Some(score.chosen)).collect::<BooleanArray>()),
            whole(|score| score.folds),
            whole(|score| score.compared),
            number(&|score| Some(score.mae)),
            number(&|score| Some(score.smape)),
            number(&|score| score.mase),
        ];
        for level in 0..self.options.levels.len() {
            columns.push(number(&|score| score.coverage.get(level).copied().flatten()));
        }
        let reasons =
            scores.iter().map(|score| score.error.as_deref().or(forecast.reason.as_deref().filter(|_| score.chosen)));
        columns.push(Arc::new(reasons.collect::<StringArray>()));
        columns
    }
}

impl Forecasts {
    fn no_scores(&self, forecast: &Forecast) -> Vec<ArrayRef> {
        let none = |data_type: DataType| new_null_array(&data_type, 1);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![forecast.method.name()])),
            Arc::new(BooleanArray::from(vec![true])),
            Arc::new(Int64Array::from(vec![0])),
            Arc::new(Int64Array::from(vec![0])),
        ];
        // mae, smape, mase, and a coverage per level
        columns.extend((0..3 + self.options.levels.len()).map(|_| none(DataType::Float64)));
        columns.push(Arc::new(StringArray::from(vec![forecast.reason.as_deref()])));
        columns
    }
}

fn plan_anomalies(call: &Call) -> DataFusionResult<LogicalPlan> {
    let every = call.choice("every").map_err(external)?;
    let method = call.choice("method").map_err(external)?;
    let time = call.column("time").map_err(external)?;
    let value = call.column("value").map_err(external)?;
    let (input, columns) = series(call, Every::parse(&every))?;
    let result = anomaly_fields(visible_name(&time.name), visible_name(&value.name), Every::parse(&every));
    Plan {
        groups: call.columns("group_by").map_err(external)?,
        columns,
        values: &["threshold", "season"],
        constants: vec![constant(every), constant(method)],
        make: make_anomalies,
        result,
    }
    .build(call, input)
}

fn anomaly_fields(time: &str, value: &str, every: Every) -> Vec<Field> {
    vec![
        Field::new(time, every.data_type(), true),
        double(value),
        double("expected"),
        double("lower"),
        double("upper"),
        double("score"),
        Field::new("is_anomaly", DataType::Boolean, true),
        Field::new("reason", DataType::Utf8, true),
    ]
}

#[derive(Debug)]
struct Unusual {
    every: Every,
    options: AnomalyOptions,
}

fn make_anomalies(values: &[ScalarValue]) -> Result<Arc<dyn Kernel>> {
    let every = Every::parse(text(values, 2));
    let default = AnomalyOptions::default();
    let options = AnomalyOptions {
        method: if text(values, 3) == "robust_z" { AnomalyMethod::RobustZ } else { AnomalyMethod::Seasonal },
        threshold: number(values, 0).unwrap_or(default.threshold),
        step: every.step(),
        season: Some(count(values, 1).unwrap_or(every.season())),
    };
    Ok(Arc::new(Unusual { every, options }))
}

impl Kernel for Unusual {
    fn run(&self, rows: &RecordBatch, stop: Stop<'_>) -> std::result::Result<Vec<ArrayRef>, FunctionError> {
        let found = anomalies(&points(self.every, rows), &self.options, stop)?;
        let points = &found.points;
        // What cannot be judged has no bounds.
        let number = |of: &dyn Fn(usize) -> Option<f64>| -> ArrayRef {
            Arc::new((0..points.len()).map(|at| of(at).filter(|value| value.is_finite())).collect::<Float64Array>())
        };
        Ok(vec![
            self.every.times(points.iter().map(|point| point.period)),
            number(&|at| points[at].value),
            number(&|at| Some(points[at].expected)),
            number(&|at| Some(points[at].lower)),
            number(&|at| Some(points[at].upper)),
            number(&|at| points[at].score),
            Arc::new(points.iter().map(|point| Some(point.is_anomaly)).collect::<BooleanArray>()),
            Arc::new(points.iter().map(|_| found.reason.as_deref()).collect::<StringArray>()),
        ])
    }

    fn bytes_per_row(&self) -> usize {
        BYTES_PER_POINT
    }
}
