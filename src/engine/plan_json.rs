//! A physical plan as JSON, in the shape that PostgreSQL's `EXPLAIN (FORMAT JSON)` has: what pgAdmin and others draw.
//!
//! Invariant: `Node Type` is PostgreSQL's word where the node does the same; `Operator` always says what it is.

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use serde_json::{Map, Value, json};

/// Lakewire's operators and PostgreSQL's.
const NODES: &[(&str, &str)] = &[
    ("AggregateExec", "Aggregate"),
    ("BoundedWindowAggExec", "WindowAgg"),
    ("CoalescePartitionsExec", "Gather"),
    ("CrossJoinExec", "Nested Loop"),
    ("DataSourceExec", "Seq Scan"),
    ("EmptyExec", "Result"),
    ("FilterExec", "Result"),
    ("GlobalLimitExec", "Limit"),
    ("HashJoinExec", "Hash Join"),
    ("InOrderExec", "Gather"),
    ("LocalLimitExec", "Limit"),
    ("NestedLoopJoinExec", "Nested Loop"),
    ("PlaceholderRowExec", "Result"),
    ("ProjectionExec", "Result"),
    ("RecursiveQueryExec", "Recursive Union"),
    ("SortExec", "Sort"),
    ("SortMergeJoinExec", "Merge Join"),
    ("SortPreservingMergeExec", "Gather Merge"),
    ("UnionExec", "Append"),
    ("UnnestExec", "ProjectSet"),
    ("WindowAggExec", "WindowAgg"),
];

/// How long it took, in milliseconds.
pub(super) struct Measured {
    pub planning: f64,
    pub execution: f64,
}

/// The document that EXPLAIN shows; with `measured`, after the plan ran. `change` is what is done with its rows.
pub(super) fn document(plan: &dyn ExecutionPlan, change: Option<&str>, measured: Option<&Measured>) -> String {
    let mut root = Map::new();
    root.insert("Plan".to_owned(), node(plan, measured.is_some()));
    if let Some(change) = change {
        root.insert("Change".to_owned(), change.into());
    }
    if let Some(measured) = measured {
        root.insert("Planning Time".to_owned(), milliseconds(measured.planning));
        root.insert("Execution Time".to_owned(), milliseconds(measured.execution));
    }
    format!("{:#}", Value::Array(vec![Value::Object(root)]))
}

fn node(plan: &dyn ExecutionPlan, measured: bool) -> Value {
    let operator = plan.name();
    let known = NODES.iter().find(|(ours, _)| *ours == operator);
    let detail = DisplayableExecutionPlan::new(plan).one_line().to_string();
    let mut fields = Map::new();
    fields.insert("Node Type".to_owned(), known.map_or(operator, |(_, theirs)| *theirs).into());
    fields.insert("Operator".to_owned(), operator.into());
    fields.insert("Detail".to_owned(), detail.trim().into());
    if measured && let Some(metrics) = plan.metrics() {
        let took = metrics.elapsed_compute().map_or(0.0, |nanoseconds| nanoseconds as f64 / 1e6);
        fields.insert("Actual Total Time".to_owned(), milliseconds(took));
        fields.insert("Actual Rows".to_owned(), metrics.output_rows().unwrap_or_default().into());
        fields.insert("Actual Loops".to_owned(), json!(1));
    }
    let children: Vec<Value> = plan.children().into_iter().map(|child| node(child.as_ref(), measured)).collect();
    if !children.is_empty() {
        fields.insert("Plans".to_owned(), Value::Array(children));
    }
    Value::Object(fields)
}

/// With three decimals.
fn milliseconds(number: f64) -> Value {
    json!((number * 1e3).round() / 1e3)
}
