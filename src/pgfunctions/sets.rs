//! Functions that return rows: each is a function that returns an array, unnested.
//!
//! In a SELECT list `dialect` has put `unnest` around them. In FROM they are planned here, as the rows of `unnest` over one
//! row; where they look at the tables before them (every function in FROM may), [`laterals_unfolded`] puts those tables
//! in the place of that one row, so that nothing has to be joined.
//!
//! Invariant: the columns of a join keep their names and order when a function in it is unfolded.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, NullHandling, UnnestOptions};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{
    EmptyRelation, Expr, ExprSchemable, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, ScalarUDF,
    SubqueryAlias,
};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, TableAlias,
    TableAliasColumnDef, TableFactor,
};

use super::json::JsonType;
use super::{call, external, is_stand_in, undefined_call};
use crate::dialect::{RECORD_FUNCTIONS, SET_FUNCTIONS, repeated_name};
use crate::error::{Error, ErrorKind};

/// The planner of functions in FROM.
#[derive(Debug)]
pub struct Sets;

/// Functions of values that in FROM are DataFusion's functions of tables.
const TABLE_FUNCTIONS: &[&str] = &["generate_series", "range"];

/// A call in FROM.
struct Call {
    name: String,
    args: Vec<SqlExpr>,
    ordinality: bool,
    alias: Option<TableAlias>,
}

impl RelationPlanner for Sets {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> DataFusionResult<RelationPlanning> {
        let call = match &relation {
            TableFactor::Function { lateral: true, name, args, with_ordinality, alias } => {
                let name = name.0.last().and_then(|part| part.as_ident());
                let args: Option<Vec<SqlExpr>> = args.iter().map(expression).collect();
                name.zip(args).map(|(name, args)| Call {
                    name: name.value.to_lowercase(),
                    args,
                    ordinality: *with_ordinality,
                    alias: alias.clone(),
                })
            }
            TableFactor::Table { name, args: Some(args), alias, with_ordinality, .. } => {
                let name = name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase());
                let name = name.filter(|name| {
                    !TABLE_FUNCTIONS.contains(&name.as_str()) && (name == "unnest" || function(name, context).is_some())
                });
                let args: Option<Vec<SqlExpr>> = args.args.iter().map(expression).collect();
                name.zip(args).map(|(name, args)| Call {
                    name,
                    args,
                    ordinality: *with_ordinality,
                    alias: alias.clone(),
                })
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_ordinality, .. } => Some(Call {
                name: "unnest".to_owned(),
                args: array_exprs.clone(),
                ordinality: *with_ordinality,
                alias: alias.clone(),
            }),
            _ => None,
        };
        match call {
            Some(call) => Ok(RelationPlanning::Planned(Box::new(plan(call, context)?))),
            None => Ok(RelationPlanning::Original(Box::new(relation))),
        }
    }
}

fn expression(argument: &FunctionArg) -> Option<SqlExpr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
        | FunctionArg::Named { arg: FunctionArgExpr::Expr(expr), .. } => Some(expr.clone()),
        _ => None,
    }
}

/// What the field of an array says whose one element is what a function gives, an array perhaps.
pub const ONE_ROW: &str = "lakewire.one_row";

/// Columns `__0`, `__1` … are the arrays.
fn hidden(nth: usize) -> String {
    format!("__{nth}")
}

fn plan(call: Call, context: &mut dyn RelationPlannerContext) -> DataFusionResult<PlannedRelation> {
    let empty = DFSchema::empty();
    let args = call.args.iter().map(|arg| context.sql_expr_to_logical_expr(arg.clone(), &empty));
    let args = args.collect::<DataFusionResult<Vec<Expr>>>()?;
    let mut is_one_row = false;
    let mut arrays =
        match call.name.as_str() {
            "unnest" if args.iter().any(is_unknown_literal) => {
                let error = Error::new(ErrorKind::AmbiguousFunction, "function unnest(unknown) is not unique");
                return Err(external(error.with_hint(
                    "Could not choose a best candidate function. You might need to add explicit type casts.",
                )));
            }
            "unnest" => args,
            // rows of columns that the alias names
            name if RECORD_FUNCTIONS.contains(&name) => vec![records(name, args)?],
            name if SET_FUNCTIONS.contains(&name) || name == "generate_series" => vec![named(name, args, context)?],
            // any other function is one row
            name => {
                is_one_row = true;
                vec![make_array(vec![named(name, args, context)?])]
            }
        };
    let count = arrays.len();
    if call.ordinality {
        arrays.push(super::call("array_ordinals", arrays.clone())?);
    }
    // an array that is the row is no row of an array of arrays
    let metadata = is_one_row.then(|| FieldMetadata::new([(ONE_ROW.to_owned(), String::new())].into()));
    let columns = arrays.into_iter().enumerate();
    let columns: Vec<Expr> =
        columns.map(|(nth, array)| array.alias_with_metadata(hidden(nth), metadata.clone())).collect();
    let lists = (0..columns.len()).map(|nth| Column::from_name(hidden(nth))).collect();
    let one_row =
        LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema: Arc::new(DFSchema::empty()) });
    let unnested = LogicalPlanBuilder::from(one_row)
        .project(columns)?
        .unnest_columns_with_options(lists, UnnestOptions::new().with_null_handling(NullHandling::Drop))?;
    let arrays = unnested.plan().inputs().first().map(|input| input.schema().clone());
    let mut shown = Vec::new();
    for nth in 0..count {
        shown.extend(values(&call, nth, count, arrays.as_ref(), context)?);
    }
    if call.ordinality {
        shown.push(Expr::Column(Column::from_name(hidden(count))).alias("ordinality"));
    }
    let names: Vec<String> = shown.iter().map(|expr| expr.schema_name().to_string()).collect();
    let plan = unnested.project(shown)?.build()?;
    Ok(PlannedRelation::new(plan, Some(named_columns(&call, count, &names))))
}

fn is_unknown_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.data_type().is_null() || value.data_type().is_string())
}

/// The call of a function that returns an array.
fn named(name: &str, args: Vec<Expr>, context: &mut dyn RelationPlannerContext) -> DataFusionResult<Expr> {
    call(name, args.clone()).or_else(|_| {
        let call = function(name, context).map(|function| function.call(args));
        call.ok_or_else(|| external(undefined_call(name, &[])))
    })
}

fn function(name: &str, context: &dyn RelationPlannerContext) -> Option<Arc<ScalarUDF>> {
    context.context_provider().get_function_meta(name).filter(|function| !is_stand_in(function))
}

/// The array of the objects that records are made of.
fn records(name: &str, args: Vec<Expr>) -> DataFusionResult<Expr> {
    let json = if name.starts_with("jsonb") { "jsonb" } else { "json" };
    match name.ends_with("set") {
        true => call(&format!("{json}_array_elements"), args),
        false => call(
            &format!("{json}_build_array"),
            args.into_iter().map(|arg| call(&format!("{json}_in"), vec![arg])).collect::<DataFusionResult<_>>()?,
        )
        .and_then(|array| call(&format!("{json}_array_elements"), vec![array])),
    }
}

/// The columns that one array's elements are shown as.
fn values(
    call: &Call,
    nth: usize,
    count: usize,
    arrays: Option<&DFSchemaRef>,
    context: &mut dyn RelationPlannerContext,
) -> DataFusionResult<Vec<Expr>> {
    let value = Expr::Column(Column::from_name(hidden(nth)));
    let item = match arrays.map(|schema| schema.field(nth).data_type().clone()) {
        Some(DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) => Some(item),
        _ => None,
    };
    let mark = |item: &datafusion::arrow::datatypes::Field, value: Expr| match JsonType::of_field(item) {
        Some(json) => json.mark(value),
        None => Ok(value),
    };
    if RECORD_FUNCTIONS.contains(&call.name.as_str()) {
        let object = JsonType::Json.mark(value)?;
        return typed_members(call, &object, context);
    }
    match item.as_deref() {
        Some(item) if call.name != "unnest" && matches!(item.data_type(), DataType::Struct(_)) => {
            let DataType::Struct(fields) = item.data_type() else { return Ok(Vec::new()) };
            let member = |field: &Arc<datafusion::arrow::datatypes::Field>| {
                let part = datafusion::functions::expr_fn::get_field(value.clone(), field.name().as_str());
                Ok(mark(field, part)?.alias(field.name()))
            };
            fields.iter().map(member).collect()
        }
        Some(item) => {
            let name = match count {
                1 if call.name.contains("_array_elements") => "value".to_owned(),
                1 => call.name.clone(),
                _ => format!("{}{nth}", call.name),
            };
            Ok(vec![mark(item, value)?.alias(name)])
        }
        None => Ok(vec![value.alias(call.name.clone())]),
    }
}

/// `as x(a int, b text)`: the members of the names, cast to the types.
fn typed_members(call: &Call, object: &Expr, context: &mut dyn RelationPlannerContext) -> DataFusionResult<Vec<Expr>> {
    let columns = call.alias.iter().flat_map(|alias| &alias.columns);
    let members = columns.map(|column| {
        let name = context.normalize_ident(column.name.clone());
        let wanted = column.data_type.clone().unwrap_or(SqlType::Text);
        let null = SqlExpr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(SqlExpr::Value(datafusion::sql::sqlparser::ast::Value::Null.with_empty_span())),
            data_type: wanted.clone(),
            array: false,
            format: None,
        };
        // the planner knows what type a name stands for
        let empty = DFSchema::empty();
        let typed = context.sql_expr_to_logical_expr(null, &empty)?.to_field(&empty)?.1;
        let key = Expr::Literal(ScalarValue::Utf8(Some(name.clone())), None);
        let member = match JsonType::of_field(&typed) {
            Some(json) => {
                json.mark(super::call(&format!("{}_object_field", json.name()), vec![object.clone(), key])?)?
            }
            None => {
                let mut text = super::call("json_object_field_text", vec![object.clone(), key])?;
                if matches!(typed.data_type(), DataType::List(_)) {
                    text = super::call("json_array_literal", vec![text])?;
                }
                let field = typed.as_ref().clone().with_name("").with_nullable(true);
                Expr::Cast(datafusion::logical_expr::expr::Cast::new_from_field(Box::new(text), Arc::new(field)))
            }
        };
        Ok(member.alias(name))
    });
    let members = members.collect::<DataFusionResult<Vec<_>>>()?;
    if members.is_empty() {
        let message = "a column definition list is required for functions returning \"record\"";
        return Err(external(Error::new(ErrorKind::SyntaxError, message)));
    }
    Ok(members)
}

/// PostgreSQL's names: the function's for the relation; a single column has the alias's, else the function's.
fn named_columns(call: &Call, count: usize, names: &[String]) -> TableAlias {
    let mut alias = call.alias.clone().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::with_quote('"', &call.name),
        columns: Vec::new(),
        at: None,
    });
    let single = count == 1 && names.len() == 1 + usize::from(call.ordinality);
    let is_record = RECORD_FUNCTIONS.contains(&call.name.as_str());
    let mut columns: Vec<TableAliasColumnDef> = names
        .iter()
        .enumerate()
        .map(|(nth, name)| {
            let name = match nth {
                0 if single && names.first() == Some(&call.name) => alias.name.clone(),
                0 if count > 1 => Ident::with_quote('"', &call.name),
                _ if nth < count && count > 1 => Ident::with_quote('"', repeated_name(&call.name, nth)),
                _ => Ident::with_quote('"', name),
            };
            TableAliasColumnDef { name, data_type: None }
        })
        .collect();
    if !is_record {
        columns.iter_mut().zip(&alias.columns).for_each(|(column, given)| column.name = given.name.clone());
    }
    alias.columns = columns;
    alias
}

/// The plan with functions in FROM unfolded over the tables they look at.
///
/// # Errors
/// `0A000` where such a function is joined in another way than `CROSS JOIN` or `LEFT JOIN … ON true`.
pub fn laterals_unfolded(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let unfolded = plan.transform_up_with_subqueries(|node| match &node {
        LogicalPlan::Join(join) => match unfolded(join)? {
            Some(plan) => Ok(Transformed::yes(plan)),
            None => Ok(Transformed::no(node)),
        },
        _ => Ok(Transformed::no(node)),
    })?;
    if !unfolded.transformed {
        return Ok(unfolded.data);
    }
    // what a function looked at beside it is no outer column any more
    let pruned = unfolded.data.transform_up_with_subqueries(|node| {
        node.map_expressions(|expr| {
            expr.transform_up(|expr| {
                Ok(match expr {
                    Expr::ScalarSubquery(subquery) => Transformed::yes(Expr::ScalarSubquery(pruned(subquery))),
                    Expr::Exists(exists) => {
                        Transformed::yes(Expr::Exists(Exists { subquery: pruned(exists.subquery), ..exists }))
                    }
                    Expr::InSubquery(within) => {
                        Transformed::yes(Expr::InSubquery(InSubquery { subquery: pruned(within.subquery), ..within }))
                    }
                    other => Transformed::no(other),
                })
            })
        })
    })?;
    Ok(pruned.data)
}

/// The subquery with those of its outer columns that it looks at.
fn pruned(subquery: Subquery) -> Subquery {
    let seen = subquery.subquery.all_out_ref_exprs();
    let outer_ref_columns = subquery.outer_ref_columns.into_iter().filter(|column| seen.contains(column)).collect();
    Subquery { outer_ref_columns, ..subquery }
}

fn unfolded(join: &Join) -> DataFusionResult<Option<LogicalPlan>> {
    let (alias, subquery) = match join.right.as_ref() {
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => (Some(alias.clone()), input.as_ref()),
        other => (None, other),
    };
    let LogicalPlan::Subquery(Subquery { subquery, .. }) = subquery else { return Ok(None) };
    let Some(function) = Function::find(subquery) else { return Ok(None) };
    let on_true = matches!(&join.filter, None | Some(Expr::Literal(ScalarValue::Boolean(Some(true)), _)));
    let nulls = match join.join_type {
        JoinType::Inner => NullHandling::Drop,
        JoinType::Left if on_true && join.on.is_empty() => NullHandling::PreserveAndExpandEmpty,
        _ => return Ok(None),
    };
    let left = join.left.as_ref().clone();
    let mut columns: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
    let here = Arc::clone(left.schema());
    let arrays = function.arrays.iter().map(|array| inner(array.clone(), &here));
    columns.extend(arrays.collect::<DataFusionResult<Vec<_>>>()?);
    let options = UnnestOptions::new().with_null_handling(nulls);
    let mut shown: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
    for (expr, (qualifier, field)) in function.shown.iter().zip(join.right.schema().iter()) {
        let qualifier = alias.clone().or_else(|| qualifier.cloned());
        let expr = inner(expr.clone().unalias(), &here)?;
        shown.push(expr.alias_qualified(qualifier, field.name()));
    }
    let plan = LogicalPlanBuilder::from(left)
        .project(columns)?
        .unnest_columns_with_options(function.lists, options)?
        .project(shown)?;
    match (&join.filter, on_true) {
        (Some(filter), false) => Ok(Some(plan.filter(filter.clone())?.build()?)),
        _ => Ok(Some(plan.build()?)),
    }
}

/// A planned function: arrays over one row, unnested, and shown as columns.
struct Function {
    arrays: Vec<Expr>,
    lists: Vec<Column>,
    shown: Vec<Expr>,
}

impl Function {
    fn find(plan: &LogicalPlan) -> Option<Self> {
        // projections that only rename come from the alias
        let mut renames: Vec<&Projection> = Vec::new();
        let mut here = plan;
        let unnest = loop {
            match here {
                LogicalPlan::Projection(projection) => {
                    renames.push(projection);
                    here = projection.input.as_ref();
                }
                LogicalPlan::SubqueryAlias(alias) => here = alias.input.as_ref(),
                LogicalPlan::Unnest(unnest) => break unnest,
                _ => return None,
            }
        };
        let LogicalPlan::Projection(arrays) = unnest.input.as_ref() else { return None };
        if !matches!(arrays.input.as_ref(), LogicalPlan::EmptyRelation(empty) if empty.produce_one_row) {
            return None;
        }
        let shown = renames.pop()?.expr.clone();
        let renamed_only = renames.iter().all(|projection| projection.expr.len() == shown.len());
        renamed_only.then(|| Self { arrays: arrays.expr.clone(), lists: unnest.exec_columns.clone(), shown })
    }
}

/// The expression where the columns it looked at beside it are its own input's; those of queries further out stay theirs.
fn inner(expr: Expr, here: &DFSchema) -> DataFusionResult<Expr> {
    Ok(expr
        .transform(|expr| {
            Ok::<_, DataFusionError>(match expr {
                Expr::OuterReferenceColumn(_, column) if here.has_column(&column) => {
                    Transformed::yes(Expr::Column(column))
                }
                other => Transformed::no(other),
            })
        })?
        .data)
}
