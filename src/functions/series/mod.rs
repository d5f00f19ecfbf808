//! Forecasts and anomalies of one regular time series.
//!
//! Time is counted in periods: whole days since 1970-01-01 for a daily series, any count of equal steps otherwise. The
//! caller maps its timestamps to them; a period without a point is a gap.
//!
//! Invariant: a method is chosen by a back-test on the series itself, beside seasonal-naive, and its error is reported.

mod anomalies;
mod backtest;
mod calendar;
mod forecast;
mod history;
mod intervals;
mod methods;
mod prepare;
mod robust;
mod seasonal;
mod smoothing;
#[cfg(test)]
mod tests;
mod types;

pub use anomalies::anomalies;
pub use forecast::forecast;
pub use types::{
    Anomalies, AnomalyMethod, AnomalyOptions, AnomalyPoint, Forecast, ForecastOptions, ForecastPoint, Method,
    MethodScore, Point, Step,
};
