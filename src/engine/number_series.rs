//! `generate_series` over numbers in FROM, of the type of its bounds.
//!
//! Blocked by: DataFusion's function takes and gives integers of 64 bits only. Remove when it gives what it is given.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, ScalarUDF, TableSource, cast, ident};
use datafusion::scalar::ScalarValue;

use crate::pgfunctions::numeric_series::numeric;

/// Whether PostgreSQL takes the argument for an `integer`, not a `bigint`.
pub(super) fn is_integer(argument: &Expr) -> bool {
    match argument {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => i32::try_from(*number).is_ok(),
        Expr::Literal(ScalarValue::Int64(None), _) => false,
        Expr::Negative(inner) => is_integer(inner),
        other => matches!(other.get_type(&DFSchema::empty()), Ok(DataType::Int16 | DataType::Int32)),
    }
}

/// The numbers of DataFusion's `generate_series`, which are all `bigint`, as `integer`.
pub(super) fn integers(source: Arc<dyn TableSource>) -> DataFusionResult<Arc<dyn TableSource>> {
    let columns: Vec<Expr> = source.schema().fields().iter().map(|field| ident(field.name())).collect();
    let narrow = |column: Expr| {
        let name = column.schema_name().to_string();
        cast(column, DataType::Int32).alias(name)
    };
    let plan = LogicalPlanBuilder::scan("numbers", source, None)?.project(columns.into_iter().map(narrow))?.build()?;
    Ok(provider_as_source(Arc::new(ViewTable::new(plan, None))))
}

/// The numbers of a series between numerics: DataFusion's knows none.
pub(super) fn numerics(
    function: &Arc<ScalarUDF>,
    arguments: &[Expr],
) -> DataFusionResult<Option<Arc<dyn TableSource>>> {
    let types: Vec<DataType> =
        arguments.iter().map(|argument| argument.get_type(&DFSchema::empty())).collect::<DataFusionResult<_>>()?;
    if numeric(&types).is_none() {
        return Ok(None);
    }
    let series = Expr::ScalarFunction(ScalarFunction::new_udf(function.clone(), arguments.to_vec()));
    let plan = LogicalPlanBuilder::empty(true).project([series.alias("value")])?.unnest_column("value")?.build()?;
    Ok(Some(provider_as_source(Arc::new(ViewTable::new(plan, None)))))
}

/// The argument as DataFusion's `generate_series` takes it: it knows the widest integers only.
pub(super) fn widened(argument: Expr) -> Expr {
    match argument {
        Expr::Literal(value, metadata) => match value {
            ScalarValue::Int32(number) => Expr::Literal(ScalarValue::Int64(number.map(i64::from)), metadata),
            other => Expr::Literal(other, metadata),
        },
        other => other,
    }
}
