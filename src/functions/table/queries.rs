//! The functions that are a query over their relation.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::error::Result as DataFusionResult;
use datafusion::functions::core::expr_fn::arrow_cast;
use datafusion::logical_expr::{Expr, LogicalPlan, cast, lit};
use datafusion::scalar::ScalarValue;

use super::Function;
use super::call::{Call, external};
use super::signature::{Kind, Signature, optional, required};
use super::template;
use crate::dialect::{RELATION, visible_name};

const PERIODS: &[&str] = &["day", "week", "month", "quarter", "year"];

/// Recency, frequency and monetary value, scored in fifths.
pub static RFM: Function = Function {
    signature: Signature {
        name: "rfm",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("customer", Kind::Column),
            required("time", Kind::TimeColumn),
            required("value", Kind::NumberColumn),
            optional("order_id", Kind::Column, "null"),
            optional("as_of", Kind::Date, "null"),
        ],
        comment: "recency, frequency and monetary value of each customer, scored in fifths, with a segment",
    },
    plan: rfm,
};

fn rfm(call: &Call) -> DataFusionResult<LogicalPlan> {
    let customer = call.column("customer").map_err(external)?;
    let order = call.optional_column("order_id").map_err(external)?;
    let by_order = lit(order.is_some());
    let order = order.map_or(lit(ScalarValue::Utf8(None)), Expr::Column);
    let input = vec![
        ("customer", Expr::Column(customer.clone())),
        ("order_id", order),
        ("day", day(call)?),
        ("value", exact(call, "value")?),
    ];
    let as_of = days(call.value("as_of").map_err(external)?);
    template::plan(
        call,
        include_str!("sql/rfm.sql"),
        input,
        &[by_order, as_of],
        &[("customer", visible_name(&customer.name))],
    )
}

/// Items by value: rank, share and Pareto class.
pub static ABC_CLASS: Function = Function {
    signature: Signature {
        name: "abc_class",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("item", Kind::Column),
            required("value", Kind::NumberColumn),
            optional("a", Kind::Number(0.0, 1.0), "0.8"),
            optional("b", Kind::Number(0.0, 1.0), "0.95"),
        ],
        comment: "items by value, with rank, share, cumulative share and ABC class",
    },
    plan: abc_class,
};

fn abc_class(call: &Call) -> DataFusionResult<LogicalPlan> {
    let item = call.column("item").map_err(external)?;
    let value = call.column("value").map_err(external)?;
    let input = vec![("item", Expr::Column(item.clone())), ("value", exact(call, "value")?)];
    let bounds = [call.value("a").map_err(external)?, call.value("b").map_err(external)?];
    let names = [("item", visible_name(&item.name)), ("value", visible_name(&value.name))];
    template::plan(call, include_str!("sql/abc_class.sql"), input, &bounds, &names)
}

/// How many customers of each period's newcomers come back in later periods.
pub static COHORT_RETENTION: Function = Function {
    signature: Signature {
        name: "cohort_retention",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("customer", Kind::Column),
            required("time", Kind::TimeColumn),
            optional("value", Kind::NumberColumn, "null"),
            optional("period", Kind::Choice(PERIODS), "month"),
        ],
        comment: "customers by the period of their first order, and how many of them ordered in each later period",
    },
    plan: cohort_retention,
};

fn cohort_retention(call: &Call) -> DataFusionResult<LogicalPlan> {
    let customer = call.column("customer").map_err(external)?;
    let value = match call.optional_column("value").map_err(external)? {
        Some(_) => exact(call, "value")?,
        None => lit(ScalarValue::Decimal128(None, 38, 6)),
    };
    let input = vec![("customer", Expr::Column(customer)), ("day", day(call)?), ("value", value)];
    let period = lit(call.choice("period").map_err(external)?);
    template::plan(call, include_str!("sql/cohort_retention.sql"), input, &[period], &[])
}

/// The time column as days since 1970-01-01, which subtract to numbers.
pub fn day(call: &Call) -> DataFusionResult<Expr> {
    let time = call.column("time").map_err(external)?;
    Ok(days(Expr::Column(time)))
}

pub fn days(date: Expr) -> Expr {
    // PostgreSQL has no such cast, so none that is written passes: the function is not one of its
    arrow_cast(cast(date, DataType::Date32), lit("Int32"))
}

/// The column's numbers so that their sum does not depend on their order: doubles with six decimals.
pub fn exact(call: &Call, name: &str) -> DataFusionResult<Expr> {
    let column: Column = call.column(name).map_err(external)?;
    let is_float = call.type_of(&column).map_err(external)?.is_floating();
    let column = Expr::Column(column);
    Ok(if is_float { cast(column, DataType::Decimal128(38, 6)) } else { column })
}
