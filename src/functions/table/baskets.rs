//! `basket_rules`: what is bought together.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, UInt32Array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{partition, sort_to_indices, take};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;

use super::Function;
use super::call::{Call, external};
use super::node::{Kernel, Plan};
use super::signature::{Kind, Signature, optional, required};
use super::values::{bigint, column, count, number};
use crate::dialect::RELATION;
use crate::error::Result;
use crate::functions::rules::{Baskets, Rule, RuleOptions, basket_rules};
use crate::functions::{FunctionError, Stop};

/// Of a line in the numbering, the baskets and the search.
const BYTES_PER_LINE: usize = 96;

/// Association rules.
pub static BASKET_RULES: Function = Function {
    signature: Signature {
        name: "basket_rules",
        arguments: &[
            required(RELATION, Kind::Relation),
            required("basket", Kind::Column),
            required("item", Kind::Column),
            optional("min_support", Kind::Number(1e-9, 1.0), "0.01"),
            optional("min_confidence", Kind::Number(0.0, 1.0), "0"),
            optional("min_lift", Kind::Number(0.0, 1e12), "0"),
            optional("max_size", Kind::Integer(2, 6), "2"),
        ],
        comment: "rules of the kind: who buys these buys that, with support, confidence and lift",
    },
    plan,
};

fn plan(call: &Call) -> DataFusionResult<LogicalPlan> {
    let basket = call.column("basket").map_err(external)?;
    let item = call.column("item").map_err(external)?;
    let item_type = call.type_of(&item).map_err(external)?;
    let (basket, item) = (Expr::Column(basket), Expr::Column(item));
    let input = LogicalPlanBuilder::from(call.input.clone())
        .filter(basket.clone().is_not_null().and(item.clone().is_not_null()))?
        .project(vec![basket.alias("basket"), item.alias("item")])?
        .distinct()?
        .build()?;
    let whole = |name: &str| Field::new(name, DataType::Int64, true);
    let double = |name: &str| Field::new(name, DataType::Float64, true);
    let plan = Plan {
        groups: Vec::new(),
        columns: ["basket", "item"].map(|name| (name, datafusion::logical_expr::col(name))).to_vec(),
        values: &["min_support", "min_confidence", "min_lift", "max_size"],
        constants: Vec::new(),
        make,
        result: vec![
            Field::new("antecedent", DataType::List(Arc::new(Field::new_list_field(item_type.clone(), true))), true),
            Field::new("consequent", item_type, true),
            whole("baskets"),
            whole("antecedent_baskets"),
            whole("consequent_baskets"),
            double("support"),
            double("confidence"),
            double("lift"),
        ],
    };
    plan.build(call, input)
}

#[derive(Debug)]
struct Rules {
    options: RuleOptions,
}

fn make(values: &[ScalarValue]) -> Result<Arc<dyn Kernel>> {
    let default = RuleOptions::default();
    let options = RuleOptions {
        min_support: number(values, 0).unwrap_or(default.min_support),
        min_confidence: number(values, 1).unwrap_or(default.min_confidence),
        min_lift: number(values, 2).unwrap_or(default.min_lift),
        size_max: count(values, 3).unwrap_or(default.size_max),
    };
    Ok(Arc::new(Rules { options }))
}

impl Kernel for Rules {
    fn run(&self, rows: &RecordBatch, stop: Stop<'_>) -> std::result::Result<Vec<ArrayRef>, FunctionError> {
        let (lines, items) = numbered(rows).map_err(|_| FunctionError::WorkLimit {
            what: "the lines of all baskets",
            limit: u32::MAX as usize,
            hint: "choose fewer items or baskets",
        })?;
        let rules = basket_rules(&Baskets::from_lines(lines), &self.options, stop)?;
        Ok(columns(&rules, &items))
    }

    fn bytes_per_row(&self) -> usize {
        BYTES_PER_LINE
    }
}

/// Lines by number of basket and item, and the items in the order of their numbers, which is their own.
fn numbered(rows: &RecordBatch) -> std::result::Result<(Vec<(u32, u32)>, ArrayRef), ArrowError> {
    let too_many = |_| ArrowError::ComputeError("more than a u32 can count".to_owned());
    let (baskets, items) = (column(rows, 0), column(rows, 1));
    let order = sort_to_indices(&items, None, None)?;
    let sorted = take(&items, &order, None)?;
    let mut number_of_row = vec![0_u32; rows.num_rows()];
    let mut firsts = Vec::new();
    for range in partition(&[sorted])?.ranges() {
        let number = u32::try_from(firsts.len()).map_err(too_many)?;
        firsts.push(order.value(range.start));
        for at in range {
            if let Some(slot) = number_of_row.get_mut(order.value(at) as usize) {
                *slot = number;
            }
        }
    }
    let mut lines = Vec::with_capacity(rows.num_rows());
    for (basket, range) in partition(&[baskets])?.ranges().into_iter().enumerate() {
        let basket = u32::try_from(basket).map_err(too_many)?;
        lines.extend(number_of_row.get(range).unwrap_or_default().iter().map(|item| (basket, *item)));
    }
    Ok((lines, take(&items, &UInt32Array::from(firsts), None)?))
}

fn columns(rules: &[Rule], items: &ArrayRef) -> Vec<ArrayRef> {
    let named = |numbers: UInt32Array| take(items, &numbers, None).unwrap_or_else(|_| items.slice(0, 0));
    let antecedents = named(rules.iter().flat_map(|rule| rule.antecedent.iter().copied()).collect::<Vec<_>>().into());
    let lengths = OffsetBuffer::from_lengths(rules.iter().map(|rule| rule.antecedent.len()));
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    let whole = |of: fn(&Rule) -> usize| -> ArrayRef {
        Arc::new(rules.iter().map(|rule| Some(bigint(of(rule)))).collect::<Int64Array>())
    };
    let number = |of: fn(&Rule) -> f64| -> ArrayRef {
        Arc::new(rules.iter().map(|rule| Some(of(rule))).collect::<Float64Array>())
    };
    vec![
        Arc::new(ListArray::new(field, lengths, antecedents, None)),
        named(rules.iter().map(|rule| rule.consequent).collect::<Vec<_>>().into()),
        whole(|rule| rule.count),
        whole(|rule| rule.antecedent_count),
        whole(|rule| rule.consequent_count),
        number(|rule| rule.support),
        number(|rule| rule.confidence),
        number(|rule| rule.lift),
    ]
}
