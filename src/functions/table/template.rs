//! Functions that are a query over their relation, written in SQL: see `sql/`.
//!
//! A template reads one relation, `input`, whose columns the function chooses, and has its arguments as `$1`, `$2` ….
//!
//! Invariant: a template is a constant text; values and names reach it as plans and expressions only.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::TableReference;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::builder::{LogicalTableSource, subquery_alias};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::SqlToRel;
use datafusion::sql::sqlparser::ast::{self, VisitMut, VisitorMut};

use super::call::{Call, external};
use crate::dialect;

/// The template's plan over the call's relation.
///
/// `input` are the columns of the template's relation. `arguments` take the place of `$1`, `$2` …. `names` gives result
/// columns of the template the names that the user's columns have.
pub fn plan(
    call: &Call,
    template: &str,
    input: Vec<(&str, Expr)>,
    arguments: &[Expr],
    names: &[(&str, &str)],
) -> DataFusionResult<LogicalPlan> {
    let projected = LogicalPlanBuilder::from(call.input.clone())
        .project(input.into_iter().map(|(name, expr)| expr.alias(name)))?
        .build()?;
    // A stand-in at first: parameters of the user's statement are not the template's.
    let input = Arc::new(LogicalTableSource::new(projected.schema().inner().clone()));
    let context = Context { outer: call.context, input };
    let mut statement = dialect::parse_single(template).map_err(external)?;
    let _ = statement.ast.visit(&mut Renamed);
    let plan = SqlToRel::new_with_options(&context, dialect::parser_options(call.context.options()))
        .statement_to_plan(DfStatement::Statement(Box::new(statement.ast)))?;
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(scan) => subquery_alias(projected.clone(), scan.table_name).map(Transformed::yes),
        node => node.map_expressions(|expr| expr.transform_up(|expr| Ok(with_argument(expr, arguments)))),
    })?;
    // The types of the expressions may be known only now.
    let plan = plan.data.recompute_schema()?;
    named(call, plan, names)
}

/// Where the numbers of a template's arguments begin: beyond those that a client's statement can have, whose types they would
/// be taken for otherwise.
const FIRST_ARGUMENT: usize = 100_000;

fn number(id: &str) -> Option<usize> {
    id.strip_prefix('$')?.parse().ok()
}

/// Gives the arguments in a template their numbers.
struct Renamed;

impl VisitorMut for Renamed {
    type Break = ();
    fn pre_visit_value(&mut self, value: &mut ast::ValueWithSpan) -> ControlFlow<()> {
        if let ast::Value::Placeholder(name) = &mut value.value
            && let Some(nth) = number(name)
        {
            *name = format!("${}", FIRST_ARGUMENT + nth - 1);
        }
        ControlFlow::Continue(())
    }
}

fn with_argument(expr: Expr, arguments: &[Expr]) -> Transformed<Expr> {
    let Expr::Placeholder(Placeholder { id, .. }) = &expr else { return Transformed::no(expr) };
    let nth = number(id).and_then(|number| number.checked_sub(FIRST_ARGUMENT));
    match nth.and_then(|nth| arguments.get(nth)) {
        Some(argument) => Transformed::yes(argument.clone()),
        None => Transformed::no(expr),
    }
}

/// The plan with columns renamed.
///
/// # Errors
/// `42701` where a column of the user has the name of one of the function's.
pub fn named(call: &Call, plan: LogicalPlan, names: &[(&str, &str)]) -> DataFusionResult<LogicalPlan> {
    let mut taken = Vec::new();
    let mut columns = Vec::new();
    for column in plan.schema().columns() {
        let name = names.iter().find(|(from, _)| *from == column.name).map_or(column.name.as_str(), |(_, to)| *to);
        if taken.iter().any(|taken| taken == name) {
            return Err(external(call.taken(name)));
        }
        taken.push(name.to_owned());
        let name = name.to_owned();
        columns.push(Expr::Column(column).alias(name));
    }
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// The functions and types of the statement, and one relation.
struct Context<'a> {
    outer: &'a dyn ContextProvider,
    input: Arc<dyn TableSource>,
}

impl ContextProvider for Context<'_> {
    fn get_table_source(&self, name: TableReference) -> DataFusionResult<Arc<dyn TableSource>> {
        match name.table() {
            "input" => Ok(self.input.clone()),
            other => Err(DataFusionError::Internal(format!("a template reads \"{other}\""))),
        }
    }
    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> DataFusionResult<Arc<dyn TableSource>> {
        self.outer.create_cte_work_table(name, schema)
    }
    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.outer.get_expr_planners()
    }
    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        self.outer.get_type_planner()
    }
    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.outer.get_function_meta(name)
    }
    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.outer.get_higher_order_meta(name)
    }
    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.outer.get_aggregate_meta(name)
    }
    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.outer.get_window_meta(name)
    }
    fn get_variable_type(&self, names: &[String]) -> Option<DataType> {
        self.outer.get_variable_type(names)
    }
    fn options(&self) -> &ConfigOptions {
        self.outer.options()
    }
    fn udf_names(&self) -> Vec<String> {
        self.outer.udf_names()
    }
    fn higher_order_function_names(&self) -> Vec<String> {
        self.outer.higher_order_function_names()
    }
    fn udaf_names(&self) -> Vec<String> {
        self.outer.udaf_names()
    }
    fn udwf_names(&self) -> Vec<String> {
        self.outer.udwf_names()
    }
}
