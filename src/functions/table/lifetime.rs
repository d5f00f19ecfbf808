//! `clv_fit`, `clv_predict`, `clv_holdout`: how often customers will buy, and what that is worth.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, LogicalPlan, col};
use datafusion::scalar::ScalarValue;

use super::Function;
use super::call::{Call, external};
use super::node::{Kernel, MakeKernel, Plan};
use super::queries::{day, days, exact};
use super::signature::{Argument, Kind, Signature, optional, required};
use super::template;
use super::values::{bigint, column, doubles, number, wholes};
use crate::dialect::{RELATION, visible_name};
use crate::error::Result;
use crate::functions::clv::{
    BgNbdFit, Customer, GammaGammaFit, HoldoutCustomer, Spend, check_holdout, deciles, discounted_purchases,
    fit_bg_nbd, fit_gamma_gamma,
};
use crate::functions::{FunctionError, Stop, check_stop};

const DAYS: Kind = Kind::Integer(1, 36_500);
const PENALTY: Argument = optional("penalty", Kind::Number(0.0, 1000.0), "0");
const AS_OF: Argument = optional("as_of", Kind::Date, "null");
/// Of a customer in the histories of all three fits and in the results.
const BYTES_PER_CUSTOMER: usize = 256;
/// Customers between two looks at whether to stop.
const CUSTOMERS_PER_CHECK: usize = 4096;

/// Parameters of the models, with standard errors.
pub static CLV_FIT: Function = Function {
    signature: Signature {
        name: "clv_fit",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("customer", Kind::Column),
            required("time", Kind::TimeColumn),
            required("value", Kind::NumberColumn),
            PENALTY,
            AS_OF,
        ],
        comment: "BG/NBD and Gamma-Gamma models of customers' purchases, fitted by maximum likelihood",
    },
    plan: |call| {
        let result = vec![
            text("model"),
            text("parameter"),
            double("estimate"),
            double("standard_error"),
            double("log_likelihood"),
            Field::new("customers", DataType::Int64, true),
            Field::new("converged", DataType::Boolean, true),
            Field::new("identified", DataType::Boolean, true),
            text("reason"),
        ];
        customers(
            call,
            false,
            &["penalty"],
            |values| Ok(Arc::new(Fit { penalty: number(values, 0).unwrap_or(0.0) })),
            result,
        )
    },
};

/// What each customer will buy.
pub static CLV_PREDICT: Function = Function {
    signature: Signature {
        name: "clv_predict",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("customer", Kind::Column),
            required("time", Kind::TimeColumn),
            required("value", Kind::NumberColumn),
            optional("horizon", DAYS, "90"),
            optional("days", DAYS, "365"),
            optional("discount_rate", Kind::Number(0.0, 10.0), "0.1"),
            PENALTY,
            AS_OF,
        ],
        comment: "expected purchases and discounted lifetime value of each customer, by models fitted to all of them",
    },
    plan: |call| {
        let customer = call.column("customer").map_err(external)?;
        let result = vec![
            Field::new(visible_name(&customer.name), call.type_of(&customer).map_err(external)?, true),
            Field::new("frequency", DataType::Int64, true),
            Field::new("recency_days", DataType::Int64, true),
            Field::new("age_days", DataType::Int64, true),
            double("monetary_value"),
            double("p_alive"),
            double("expected_purchases"),
            double("expected_order_value"),
            double("clv"),
            Field::new("clv_decile", DataType::Int32, true),
            text("reason"),
        ];
        customers(call, true, &["horizon", "days", "discount_rate", "penalty"], make_predict, result)
    },
};

/// How well the purchase model would have foreseen the last days.
pub static CLV_HOLDOUT: Function = Function {
    signature: Signature {
        name: "clv_holdout",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("customer", Kind::Column),
            required("time", Kind::TimeColumn),
            optional("holdout_days", DAYS, "90"),
            PENALTY,
            AS_OF,
        ],
        comment: "how well the purchase model, fitted without the last days, foresees the purchases of those days",
    },
    plan: plan_holdout,
};

fn double(name: &str) -> Field {
    Field::new(name, DataType::Float64, true)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

/// A kernel over one row per customer: the customer if `named`, frequency, recency, age, mean value.
fn customers(
    call: &Call,
    named: bool,
    values: &'static [&'static str],
    make: MakeKernel,
    result: Vec<Field>,
) -> DataFusionResult<LogicalPlan> {
    let customer = call.column("customer").map_err(external)?;
    let input = vec![("customer", Expr::Column(customer)), ("day", day(call)?), ("value", exact(call, "value")?)];
    let as_of = days(call.value("as_of").map_err(external)?);
    let input = template::plan(call, include_str!("sql/clv_customers.sql"), input, &[as_of], &[])?;
    let mut columns =
        ["frequency", "recency_days", "age_days", "monetary_value"].map(|name| (name, col(name))).to_vec();
    if named {
        columns.insert(0, ("customer", col("customer")));
    }
    Plan { groups: Vec::new(), columns, values, constants: Vec::new(), make, result }.build(call, input)
}

fn plan_holdout(call: &Call) -> DataFusionResult<LogicalPlan> {
    let customer = call.column("customer").map_err(external)?;
    let input = vec![("customer", Expr::Column(customer)), ("day", day(call)?)];
    let as_of = days(call.value("as_of").map_err(external)?);
    let holdout = call.value("holdout_days").map_err(external)?;
    let input = template::plan(call, include_str!("sql/clv_holdout.sql"), input, &[as_of, holdout], &[])?;
    let columns = ["frequency", "recency_days", "age_days", "purchases"].map(|name| (name, col(name))).to_vec();
    let result = vec![
        Field::new("holdout_days", DataType::Int64, true),
        Field::new("customers", DataType::Int64, true),
        double("expected_purchases"),
        double("actual_purchases"),
        double("mae"),
        double("rmse"),
        double("mae_same_rate"),
        double("correlation"),
        Field::new("identified", DataType::Boolean, true),
        text("reason"),
    ];
    let make: MakeKernel = |values| {
        Ok(Arc::new(Check { days: number(values, 0).unwrap_or(90.0), penalty: number(values, 1).unwrap_or(0.0) }))
    };
    let plan =
        Plan { groups: Vec::new(), columns, values: &["holdout_days", "penalty"], constants: Vec::new(), make, result };
    plan.build(call, input)
}

/// Customers and their spending, from the columns frequency, recency, age and mean value at `first`.
fn histories(rows: &RecordBatch, first: usize) -> (Vec<Customer>, Vec<Spend>) {
    let (frequency, recency, age) = (wholes(rows, first), wholes(rows, first + 1), wholes(rows, first + 2));
    let values = doubles(rows, first + 3);
    let counts = frequency.iter().map(|frequency| u32::try_from(*frequency).unwrap_or(u32::MAX));
    let customers = counts.zip(recency).zip(age).map(|((frequency, recency), age)| Customer {
        frequency,
        recency: days_of(recency),
        age: days_of(age),
    });
    let customers: Vec<Customer> = customers.collect();
    let spends = customers.iter().zip(values);
    let spends =
        spends.map(|(customer, value)| Spend { frequency: customer.frequency, mean_value: value.unwrap_or(0.0) });
    let spends = spends.collect();
    (customers, spends)
}

#[expect(clippy::cast_precision_loss, reason = "days of a calendar")]
fn days_of(days: i64) -> f64 {
    days as f64
}

/// Nothing for what is too little to fit: the sentence is told instead. All else is an error.
fn unless_too_little<T>(
    fit: std::result::Result<T, FunctionError>,
) -> std::result::Result<std::result::Result<T, String>, FunctionError> {
    match fit {
        Ok(fit) => Ok(Ok(fit)),
        Err(error @ (FunctionError::TooFew { .. } | FunctionError::NoFit { .. })) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

#[derive(Debug)]
struct Fit {
    penalty: f64,
}

/// One row of `clv_fit`.
struct Estimate {
    model: &'static str,
    parameter: &'static str,
    value: Option<f64>,
    error: Option<f64>,
}

/// What holds for all parameters of a model.
struct Facts {
    log_likelihood: Option<f64>,
    customers: Option<usize>,
    converged: bool,
    identified: bool,
    reason: Option<String>,
}

impl Kernel for Fit {
    fn run(&self, rows: &RecordBatch, stop: Stop<'_>) -> std::result::Result<Vec<ArrayRef>, FunctionError> {
        let (customers, spends) = histories(rows, 0);
        let purchases = unless_too_little(fit_bg_nbd(&customers, self.penalty, stop))?;
        let values = unless_too_little(fit_gamma_gamma(&spends, stop))?;
        let (of_purchases, purchase_facts) = purchase_estimates(purchases);
        let (of_values, value_facts) = value_estimates(values);
        let models = [(&of_purchases, &purchase_facts), (&of_values, &value_facts)];
        let all: Vec<(&Estimate, &Facts)> = models
            .iter()
            .flat_map(|(estimates, facts)| estimates.iter().map(move |estimate| (estimate, *facts)))
            .collect();
        Ok(vec![
            Arc::new(StringArray::from_iter_values(all.iter().map(|(estimate, _)| estimate.model))),
            Arc::new(StringArray::from_iter_values(all.iter().map(|(estimate, _)| estimate.parameter))),
            Arc::new(all.iter().map(|(estimate, _)| estimate.value).collect::<Float64Array>()),
            Arc::new(all.iter().map(|(estimate, _)| estimate.error).collect::<Float64Array>()),
            Arc::new(all.iter().map(|(_, facts)| facts.log_likelihood).collect::<Float64Array>()),
            Arc::new(all.iter().map(|(_, facts)| facts.customers.map(bigint)).collect::<Int64Array>()),
            Arc::new(all.iter().map(|(_, facts)| Some(facts.converged)).collect::<BooleanArray>()),
            Arc::new(all.iter().map(|(_, facts)| Some(facts.identified)).collect::<BooleanArray>()),
            Arc::new(all.iter().map(|(_, facts)| facts.reason.as_deref()).collect::<StringArray>()),
        ])
    }

    fn bytes_per_row(&self) -> usize {
        BYTES_PER_CUSTOMER
    }
}

fn purchase_estimates(fit: std::result::Result<BgNbdFit, String>) -> (Vec<Estimate>, Facts) {
    let names = ["r", "alpha", "a", "b"];
    let (values, errors, facts) = match fit {
        Ok(fit) => {
            let model = fit.model;
            let facts = Facts {
                log_likelihood: Some(fit.log_likelihood),
                customers: Some(fit.customers),
                converged: fit.converged,
                identified: fit.identified,
                reason: fit.reason,
            };
            ([model.r, model.alpha, model.a, model.b].map(Some), fit.standard_errors, facts)
        }
        Err(reason) => ([None; 4], [None; 4], no_fit(reason)),
    };
    let rows = names.into_iter().zip(values).zip(errors);
    (rows.map(|((parameter, value), error)| Estimate { model: "bg_nbd", parameter, value, error }).collect(), facts)
}

fn value_estimates(fit: std::result::Result<GammaGammaFit, String>) -> (Vec<Estimate>, Facts) {
    let names = ["p", "q", "v", "population_value", "correlation"];
    let (values, errors, facts) = match fit {
        Ok(fit) => {
            let (model, errors) = (fit.model, fit.standard_errors);
            let values = [Some(model.p), Some(model.q), Some(model.v), Some(fit.population_value), fit.correlation];
            let errors = errors.map_or([None; 5], |[p, q, v]| [Some(p), Some(q), Some(v), None, None]);
            let facts = Facts {
                log_likelihood: Some(fit.log_likelihood),
                customers: Some(fit.customers),
                converged: fit.converged,
                identified: fit.identified,
                reason: fit.reason,
            };
            (values, errors, facts)
        }
        Err(reason) => ([None; 5], [None; 5], no_fit(reason)),
    };
    let rows = names.into_iter().zip(values).zip(errors);
    (
        rows.map(|((parameter, value), error)| Estimate { model: "gamma_gamma", parameter, value, error }).collect(),
        facts,
    )
}

fn no_fit(reason: String) -> Facts {
    Facts { log_likelihood: None, customers: None, converged: false, identified: false, reason: Some(reason) }
}

#[derive(Debug)]
struct Predict {
    horizon: f64,
    days: f64,
    discount_rate: f64,
    penalty: f64,
}

fn make_predict(values: &[ScalarValue]) -> Result<Arc<dyn Kernel>> {
    Ok(Arc::new(Predict {
        horizon: number(values, 0).unwrap_or(90.0),
        days: number(values, 1).unwrap_or(365.0),
        discount_rate: number(values, 2).unwrap_or(0.1),
        penalty: number(values, 3).unwrap_or(0.0),
    }))
}

/// What is foreseen of customers, column by column.
#[derive(Default)]
struct Foreseen {
    p_alive: Vec<Option<f64>>,
    purchases: Vec<Option<f64>>,
    order_value: Vec<Option<f64>>,
    worth: Vec<Option<f64>>,
    reason: Vec<Option<String>>,
}

impl Kernel for Predict {
    fn run(&self, rows: &RecordBatch, stop: Stop<'_>) -> std::result::Result<Vec<ArrayRef>, FunctionError> {
        let (customers, spends) = histories(rows, 1);
        let purchases = unless_too_little(fit_bg_nbd(&customers, self.penalty, stop))?;
        let values = unless_too_little(fit_gamma_gamma(&spends, stop))?;
        let foreseen = self.foresee(&customers, &spends, &purchases, &values, stop)?;
        let worth: Vec<f64> = foreseen.worth.iter().map(|worth| worth.unwrap_or(f64::NAN)).collect();
        let tenths =
            deciles(&worth).into_iter().zip(&foreseen.worth).map(|(tenth, worth)| worth.map(|_| i32::from(tenth)));
        Ok(vec![
            column(rows, 0),
            column(rows, 1),
            column(rows, 2),
            column(rows, 3),
            column(rows, 4),
            Arc::new(Float64Array::from(foreseen.p_alive)),
            Arc::new(Float64Array::from(foreseen.purchases)),
            Arc::new(Float64Array::from(foreseen.order_value)),
            Arc::new(foreseen.worth.iter().copied().collect::<Float64Array>()),
            Arc::new(tenths.collect::<Int32Array>()),
            Arc::new(StringArray::from(foreseen.reason)),
        ])
    }

    fn bytes_per_row(&self) -> usize {
        BYTES_PER_CUSTOMER
    }
}

impl Predict {
    fn foresee(
        &self,
        customers: &[Customer],
        spends: &[Spend],
        purchases: &std::result::Result<BgNbdFit, String>,
        values: &std::result::Result<GammaGammaFit, String>,
        stop: Stop<'_>,
    ) -> std::result::Result<Foreseen, FunctionError> {
        let mut all = Foreseen::default();
        for (at, (customer, spend)) in customers.iter().zip(spends).enumerate() {
            if at % CUSTOMERS_PER_CHECK == 0 {
                check_stop(stop)?;
            }
            let model = purchases.as_ref().ok().map(|fit| &fit.model);
            let order_value = values.as_ref().ok().map(|fit| fit.expected_value(spend));
            let discounted = match model {
                Some(model) => Some(discounted_purchases(model, customer, self.days, self.discount_rate)?),
                None => None,
            };
            let expected = match model {
                Some(model) => Some(model.expected_purchases(customer, self.horizon)?),
                None => None,
            };
            all.p_alive.push(model.map(|model| model.p_alive(customer)));
            all.purchases.push(expected);
            all.order_value.push(order_value);
            all.worth.push(discounted.zip(order_value).map(|(discounted, value)| discounted * value));
            all.reason.push(match (purchases, values) {
                (Err(reason), _) | (_, Err(reason)) => Some(reason.clone()),
                _ if spend.frequency == 0 => Some("no repeat purchase: order value of the population".to_owned()),
                _ if spend.mean_value <= 0.0 => {
                    Some("repeat purchases without a positive value: order value of the population".to_owned())
                }
                _ => None,
            });
        }
        Ok(all)
    }
}

#[derive(Debug)]
struct Check {
    days: f64,
    penalty: f64,
}

impl Kernel for Check {
    fn run(&self, rows: &RecordBatch, stop: Stop<'_>) -> std::result::Result<Vec<ArrayRef>, FunctionError> {
        let (customers, _) = histories(rows, 0);
        let purchases = wholes(rows, 3).into_iter().map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let customers: Vec<HoldoutCustomer> = customers
            .into_iter()
            .zip(purchases)
            .map(|(calibration, purchases)| HoldoutCustomer { calibration, purchases })
            .collect();
        let check = unless_too_little(check_holdout(&customers, self.days, self.penalty, stop))?;
        let found = check.as_ref().ok();
        let number = |value: Option<f64>| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
        let reason = match &check {
            Ok(check) => check.fit.reason.clone(),
            Err(reason) => Some(reason.clone()),
        };
        #[expect(clippy::cast_possible_truncation, reason = "days that came as a whole number")]
        let days = self.days as i64;
        Ok(vec![
            Arc::new(Int64Array::from(vec![days])),
            Arc::new(Int64Array::from(vec![bigint(customers.len())])),
            number(found.map(|check| check.expected)),
            number(found.map(|check| check.actual)),
            number(found.map(|check| check.mae)),
            number(found.map(|check| check.rmse)),
            number(found.map(|check| check.mae_same_rate)),
            number(found.and_then(|check| check.correlation)),
            Arc::new(BooleanArray::from(vec![found.is_some_and(|check| check.fit.identified)])),
            Arc::new(StringArray::from(vec![reason])),
        ])
    }

    fn bytes_per_row(&self) -> usize {
        BYTES_PER_CUSTOMER
    }
}
