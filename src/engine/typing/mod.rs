//! Types as PostgreSQL's parse analysis gives them, before DataFusion's coercion sees the plan.
//!
//! A quoted literal and a parameter of which nothing is said have no type yet: they are *unknown*, and take the type that
//! their place asks for ([`operators`], [`choices`], [`casts`]). An unknown literal is then read by PostgreSQL's input
//! function of that type ([`literals`]); an unknown parameter is announced with it.
//!
//! It happens in two places: [`Typing`] is DataFusion's first planner of operators, because their operands have to have
//! types before anything asks for the operator's; and [`Typing::settle`] walks the finished plan once for all the rest.
//!
//! Invariant: a plan that has nothing unknown and nothing that PostgreSQL would refuse keeps its types.
//! Invariant: names of a plan's columns stay what they were.

mod ambiguous;
mod arrays;
mod candidates;
mod casts;
mod choices;
mod functions;
mod in_lists;
mod kinds;
mod lengths;
mod literals;
mod operators;
mod outer_fields;
mod place;
mod recursion;
mod rounding;
mod scales;
mod set_operations;
mod subscripts;
mod unnested;
mod windows;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::config::ConfigOptions;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr::{Cast, Placeholder};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable, Filter, Limit, LogicalPlan, Values};
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

pub(super) use casts::casts_as_deep;
pub(super) use lengths::unpadded;
pub(super) use place::{Place, Placed, at};
pub(super) use scales::is_declared;

use kinds::is_text;

use super::context::SessionInfo;
use super::{arithmetic, text_casts};
use crate::pgfunctions::time::rewrite_casts;
use crate::pgfunctions::{self, session_style};
use crate::pgtypes::{FREE, Style, Type, arrow_type, column_type};

/// Field metadata of a parameter that is text for want of anything better.
const UNSETTLED: &str = "pg_unsettled";

/// Whether no place has given the parameter a type.
pub(super) fn is_unsettled(parameter: &Placeholder) -> bool {
    parameter.field.as_ref().is_none_or(|field| field.metadata().contains_key(UNSETTLED))
}

/// Literals and what they were read as.
pub(super) type Reads = Arc<Mutex<Vec<(String, Type)>>>;

/// Gives the expressions of one statement their types.
#[derive(Debug)]
pub(super) struct Typing {
    /// `None` where no session is known: text is then read when the expression is computed.
    style: Option<Style>,
    /// What is known of the parameters, by `$n`.
    parameters: Mutex<HashMap<String, FieldRef>>,
    /// Whether the statement has any.
    has_parameters: AtomicBool,
    /// Where literals that are read are noted.
    reads: Option<Reads>,
}

/// What the resolution of types knows of an operand.
#[derive(Clone)]
enum Operand {
    /// A quoted literal, NULL, or a parameter of which nothing is known.
    Unknown,
    Known(Type, FieldRef),
}

impl Operand {
    fn known(&self) -> Option<(&Type, &FieldRef)> {
        match self {
            Self::Unknown => None,
            Self::Known(pg_type, field) => Some((pg_type, field)),
        }
    }
}

impl Typing {
    /// `declared` are the types that the client, or PREPARE, gives to the parameters.
    pub fn new(options: &ConfigOptions, declared: &[Option<Type>], reads: Option<Reads>) -> Self {
        let style = SessionInfo::of(options).map(|_| session_style(options));
        let parameters = declared.iter().enumerate().filter_map(|(index, pg_type)| {
            let field = parameter_field(pg_type.as_ref()?)?;
            Some((format!("${}", index + 1), field))
        });
        Self { style, parameters: Mutex::new(parameters.collect()), has_parameters: AtomicBool::new(false), reads }
    }

    /// For expressions that no statement of a session holds.
    pub fn outside_sessions() -> Self {
        Self { style: None, parameters: Mutex::default(), has_parameters: AtomicBool::new(false), reads: None }
    }

    /// The plan with every expression typed. `assigns`: the columns of the topmost projection go to a table's columns,
    /// and whether their casts are allowed is not asked here.
    ///
    /// # Errors
    /// PostgreSQL's, [`Placed`] where the statement says it.
    pub fn settle(&self, plan: LogicalPlan, assigns: bool) -> DataFusionResult<LogicalPlan> {
        let plan = match outer_fields::depends(&plan)? {
            true => self.settle_inputs_first(plan, assigns)?,
            false => self.settle_nodes(plan, |node| self.node(node, assigns))?,
        };
        if self.has_parameters.load(Ordering::Relaxed) { self.settle_parameters(plan) } else { Ok(plan) }
    }

    /// Subqueries that depend on rows around them are typed after those, and with their types.
    fn settle_inputs_first(&self, plan: LogicalPlan, assigns: bool) -> DataFusionResult<LogicalPlan> {
        let settle_node = |node| self.node(node, assigns)?.transform_data(set_operations::brought_to_one_type);
        if !outer_fields::depends(&plan)? {
            return self.settle_nodes(plan, settle_node);
        }
        let settle = |input| self.settle_inputs_first(input, assigns);
        let plan = match plan {
            LogicalPlan::Join(mut join) => {
                join.left = Arc::new(settle(Arc::unwrap_or_clone(join.left))?);
                let right = Arc::unwrap_or_clone(join.right);
                join.right = Arc::new(settle(outer_fields::told(right, &[join.left.schema()])?)?);
                LogicalPlan::Join(join)
            }
            other => other.map_children(|input| settle(input).map(Transformed::yes))?.data,
        };
        let plan = plan.recompute_schema()?;
        let schemas: Vec<DFSchemaRef> = plan.inputs().into_iter().map(|input| input.schema().clone()).collect();
        let around: Vec<&DFSchemaRef> = schemas.iter().collect();
        let plan =
            plan.map_subqueries(|subquery| settle(outer_fields::told(subquery, &around)?).map(Transformed::yes))?;
        settle_node(plan.data)?.data.recompute_schema()
    }

    fn settle_nodes(
        &self,
        plan: LogicalPlan,
        settle: impl Fn(LogicalPlan) -> DataFusionResult<Transformed<LogicalPlan>>,
    ) -> DataFusionResult<LogicalPlan> {
        let mut below = false;
        let settled = plan.transform_up_with_subqueries(|node| {
            let settled = settle(node)?;
            below |= settled.transformed;
            if below { settled.map_data(LogicalPlan::recompute_schema) } else { Ok(settled) }
        })?;
        Ok(settled.data)
    }

    /// A parameter takes the type that any place gives it; one that no place gives a type is text, unless a column of a
    /// table is to take it ([`is_unsettled`]).
    fn settle_parameters(&self, plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
        let unsettled = [(UNSETTLED.to_owned(), String::new())].into();
        let text = Arc::new(field_of(DataType::Utf8).as_ref().clone().with_metadata(unsettled));
        let settled = plan.transform_up_with_subqueries(|node| {
            let names = NamePreserver::new(&node);
            let node = node.map_expressions(|expr| {
                let name = names.save(&expr);
                let typed = expr.transform_up(|expr| match expr {
                    Expr::Placeholder(Placeholder { id, field: None }) => {
                        let field = self.parameters.lock().get(&id).unwrap_or(&text).clone();
                        Ok(Transformed::yes(Expr::Placeholder(Placeholder { id, field: Some(field) })))
                    }
                    other => Ok(Transformed::no(other)),
                })?;
                Ok(typed.update_data(|expr| name.restore(expr)))
            })?;
            node.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(settled.data)
    }

    fn node(&self, node: LogicalPlan, assigns: bool) -> DataFusionResult<Transformed<LogicalPlan>> {
        match &node {
            LogicalPlan::RecursiveQuery(query) => return recursion::recursive_query(self, query.clone()),
            LogicalPlan::Limit(_) => return self.limit(node),
            LogicalPlan::Union(_) => return set_operations::union(self, node),
            LogicalPlan::Distinct(Distinct::All(rows)) => return set_operations::distinct(rows.clone()),
            LogicalPlan::Join(join) if set_operations::is_set_operation(join) => {
                return set_operations::set_operation(self, join.clone());
            }
            LogicalPlan::Filter(filter) => choices::condition(&filter.predicate, filter.input.schema(), "WHERE")?,
            _ => {}
        }
        let node = match node {
            LogicalPlan::Unnest(unnest) => unnested::flat(unnest)?,
            LogicalPlan::Filter(Filter { predicate: parameter @ Expr::Placeholder(_), input, .. }) => {
                let condition = self.read(parameter, &Type::BOOL, &field_of(DataType::Boolean))?;
                Transformed::yes(LogicalPlan::Filter(Filter::try_new(condition, input)?))
            }
            LogicalPlan::Projection(projection) => {
                unnested::named(projection)?.map_data(|projection| Ok(LogicalPlan::Projection(projection)))?
            }
            other => Transformed::no(other),
        };
        node.transform_data(|node| self.expressions(node, assigns))
    }

    fn expressions(&self, node: LogicalPlan, assigns: bool) -> DataFusionResult<Transformed<LogicalPlan>> {
        let schema = input_schema(&node);
        if let LogicalPlan::Values(values) = node {
            return self.values(values, &schema, assigns);
        }
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let typed = self.expression(expr, &schema, assigns)?;
            Ok(if typed.transformed { typed.update_data(|expr| name.restore(expr)) } else { typed })
        })
    }

    /// The rows of VALUES keep the types that their columns have, but that floats beside numerics make a float of them.
    fn values(&self, values: Values, schema: &DFSchema, assigns: bool) -> DataFusionResult<Transformed<LogicalPlan>> {
        let Values { schema: columns, values } = values;
        let typed =
            |expr: Expr| self.expression(casts::as_given(expr, schema), schema, assigns).map(|typed| typed.data);
        let rows = values.into_iter().map(|row| row.into_iter().map(typed).collect());
        let rows = rows.collect::<DataFusionResult<Vec<Vec<Expr>>>>()?;
        let is_float = |index: usize| {
            let mut exprs = rows.iter().filter_map(|row: &Vec<Expr>| row.get(index));
            exprs.any(|expr: &Expr| expr.get_type(schema).is_ok_and(|given| given.is_floating()))
        };
        let are_free = |index: usize| {
            let column = || rows.iter().filter_map(|row| row.get(index));
            scales::are_free(column()) && !is_declared(column(), columns.field(index).data_type(), schema)
        };
        let fields = columns.iter().enumerate().map(|(index, (qualifier, field))| {
            let wanted = match field.data_type() {
                decimal if decimal.is_decimal() && is_float(index) => Some(DataType::Float64),
                decimal if decimal.is_decimal() && !assigns && are_free(index) => Some(FREE),
                // there are not enough nanoseconds for all dates
                DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                    Some(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
                }
                _ => None,
            };
            let wanted = wanted.map(|wanted| Arc::new(field.as_ref().clone().with_data_type(wanted)));
            (qualifier.cloned(), choices::undeclared_in(wanted.unwrap_or_else(|| field.clone()), &rows, index, schema))
        });
        let columns = Arc::new(DFSchema::new_with_metadata(fields.collect(), columns.metadata().clone())?);
        let cast = |(index, expr): (usize, Expr)| {
            let wanted = columns.field(index).data_type();
            let given = expr.get_type(schema)?;
            // where another row says that the column is of another text
            let is_padded = !assigns && is_text(&given) && lengths::is_padded(&self.operand(&expr, schema)?);
            let expr = match is_padded && column_type(columns.field(index)) != Type::BPCHAR {
                true => lengths::unpadded(expr),
                false => expr,
            };
            match (&given, wanted) {
                _ if given == *wanted => Ok(expr),
                (DataType::Date32 | DataType::Timestamp(..), DataType::Timestamp(..)) => {
                    Ok(rewrite_casts(Expr::Cast(Cast::new(Box::new(expr), wanted.clone())), schema)?.data)
                }
                _ => expr.cast_to(wanted, schema),
            }
        };
        let values = rows.into_iter().map(|row| row.into_iter().enumerate().map(cast).collect());
        let values = values.collect::<DataFusionResult<Vec<Vec<Expr>>>>()?;
        Ok(Transformed::yes(LogicalPlan::Values(Values { schema: columns, values })))
    }

    fn expression(&self, expr: Expr, schema: &DFSchema, assigns: bool) -> DataFusionResult<Transformed<Expr>> {
        expr.transform_up(|expr| {
            let expr = choices::chosen(self, casts::parameter(self, expr)?, schema)?;
            casts::check_json(&expr)?;
            let marked = pgfunctions::rewrite_json_casts(expr, schema)?;
            let typed = marked.transform_data(|expr| self.resolve(expr, schema, assigns))?;
            let checked = typed.transform_data(|expr| arithmetic::check(expr, schema))?;
            let timed = checked.transform_data(|expr| rewrite_casts(expr, schema))?;
            let written = timed.transform_data(|expr| text_casts::change(expr, schema))?;
            written.transform_data(|expr| casts::as_nullable(expr, schema))
        })
    }

    /// One expression whose children are resolved.
    fn resolve(&self, expr: Expr, schema: &DFSchema, assigns: bool) -> DataFusionResult<Transformed<Expr>> {
        match expr {
            Expr::Literal(value, metadata) => Ok(literals::number(value, metadata)),
            Expr::Placeholder(placeholder) => Ok(self.recall(placeholder)),
            Expr::BinaryExpr(binary) => operators::binary(self, binary, schema),
            Expr::Not(_) | Expr::Negative(_) => operators::unary(self, expr, schema),
            Expr::IsTrue(_) | Expr::IsNotTrue(_) | Expr::IsFalse(_) | Expr::IsNotFalse(_) => {
                choices::truth(&expr, schema)?;
                Ok(Transformed::no(expr))
            }
            Expr::Like(_) | Expr::SimilarTo(_) => operators::like(self, expr, schema),
            Expr::Between(between) => operators::between(self, between, schema),
            Expr::InList(list) => in_lists::in_list(self, list, schema),
            Expr::InSubquery(within) => choices::in_subquery(self, within, schema),
            Expr::Case(case) => choices::case(self, case, schema),
            Expr::Cast(cast) => match lengths::apart(&cast) {
                Some((to_text, length)) => {
                    let text = casts::cast(self, to_text, schema, assigns)?.data;
                    Ok(Transformed::yes(lengths::cut(text_casts::change(text, schema)?.data, length)))
                }
                None => casts::cast(self, cast, schema, assigns),
            },
            Expr::ScalarFunction(call) => functions::scalar(self, call, schema),
            Expr::AggregateFunction(call) => functions::aggregate(self, call, schema),
            Expr::WindowFunction(call) => windows::window(self, call, schema),
            other => Ok(Transformed::no(other)),
        }
    }

    fn limit(&self, node: LogicalPlan) -> DataFusionResult<Transformed<LogicalPlan>> {
        let LogicalPlan::Limit(Limit { skip, fetch, input }) = node else { return Ok(Transformed::no(node)) };
        let bigint = field_of(DataType::Int64);
        let nothing = DFSchema::empty();
        let count = |part: Option<Box<Expr>>| {
            let settled = part.map(|expr| self.expression(*expr, &nothing, false)).transpose()?;
            settled.map(|expr| Ok(Box::new(self.read(expr.data, &Type::INT8, &bigint)?))).transpose()
        };
        let (skip, fetch): (DataFusionResult<_>, DataFusionResult<_>) = (count(skip), count(fetch));
        Ok(Transformed::yes(LogicalPlan::Limit(Limit { skip: skip?, fetch: fetch?, input })))
    }

    /// The parameter with the type that is known of it.
    fn recall(&self, placeholder: Placeholder) -> Transformed<Expr> {
        self.has_parameters.store(true, Ordering::Relaxed);
        let mut known = self.parameters.lock();
        match (&placeholder.field, known.get(&placeholder.id)) {
            (None, Some(field)) => {
                Transformed::yes(Expr::Placeholder(Placeholder { field: Some(field.clone()), ..placeholder }))
            }
            (Some(field), None) => {
                known.insert(placeholder.id.clone(), field.clone());
                Transformed::no(Expr::Placeholder(placeholder))
            }
            _ => Transformed::no(Expr::Placeholder(placeholder)),
        }
    }

    /// What is known of an expression. What DataFusion cannot type is said by DataFusion, later.
    fn operand(&self, expr: &Expr, schema: &DFSchema) -> DataFusionResult<Operand> {
        match expr {
            Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Utf8View(None) | ScalarValue::Null, _) => {
                return Ok(Operand::Unknown);
            }
            // where only its value counts, a whole number is left as DataFusion reads it
            Expr::Literal(ScalarValue::Int64(Some(number)), None) if i32::try_from(*number).is_ok() => {
                return Ok(Operand::Known(Type::INT4, field_of(DataType::Int32)));
            }
            Expr::Placeholder(Placeholder { id, field: None }) if !self.parameters.lock().contains_key(id) => {
                return Ok(Operand::Unknown);
            }
            Expr::Placeholder(Placeholder { id, field: None }) => {
                if let Some(field) = self.parameters.lock().get(id) {
                    return Ok(Operand::Known(column_type(field), field.clone()));
                }
            }
            _ => {}
        }
        let (_, field) = expr.to_field(schema)?;
        Ok(if field.data_type().is_null() { Operand::Unknown } else { Operand::Known(column_type(&field), field) })
    }

    fn note(&self, text: &str, pg_type: &Type) {
        if let Some(reads) = &self.reads {
            reads.lock().push((text.to_owned(), pg_type.clone()));
        }
    }

    /// An unknown expression as a value of the type; any other as it is.
    fn read(&self, expr: Expr, pg_type: &Type, field: &FieldRef) -> DataFusionResult<Expr> {
        match expr {
            Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) => {
                self.note(&text, pg_type);
                literals::read(self.style.as_ref(), text, metadata, pg_type, field.data_type())
            }
            Expr::Placeholder(Placeholder { id, field: None }) => {
                let mut known = self.parameters.lock();
                let field = known.entry(id.clone()).or_insert_with(|| bare(field)).clone();
                Ok(Expr::Placeholder(Placeholder { id, field: Some(field) }))
            }
            other => Ok(other),
        }
    }
}

impl ExprPlanner for Typing {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> DataFusionResult<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        let (left, left_written) = self.operand_settled(left, schema)?;
        let (right, right_written) = self.operand_settled(right, schema)?;
        let (left, right) = if is_open_array(&left, &right, schema) || is_open_array(&right, &left, schema) {
            (left, right)
        } else {
            operators::operands(self, &op.to_string(), left, right, schema)?
        };
        let left = as_written(left, left_written, schema);
        let right = as_written(right, right_written, schema);
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

impl Typing {
    /// An operand while planning, and how it is written where that is otherwise: operators below it have been through
    /// [`Self::plan_binary_op`] already.
    fn operand_settled(&self, expr: Expr, schema: &DFSchema) -> DataFusionResult<(Expr, Option<Written>)> {
        match expr {
            Expr::Column(_) | Expr::BinaryExpr(_) | Expr::OuterReferenceColumn(..) => Ok((expr, None)),
            expr => {
                let settled = self.expression(expr.clone(), schema, false)?.data;
                let written = (settled != expr).then(|| Written { expr, settled: settled.clone() });
                Ok((settled, written))
            }
        }
    }
}

/// Whether the side is a column of bigints beside integers, which may become one of integers once the types of the query it
/// comes from are settled: then it is asked for the operator again.
fn is_open_array(side: &Expr, other: &Expr, schema: &DFSchema) -> bool {
    let items = |array: &Expr| match array.get_type(schema) {
        Ok(DataType::List(item)) => Some(item.data_type().clone()),
        _ => None,
    };
    matches!(side, Expr::Column(_)) && items(side) == Some(DataType::Int64) && items(other) == Some(DataType::Int32)
}

/// An operand as it is written, and with its types settled.
struct Written {
    expr: Expr,
    settled: Expr,
}

/// The operand as it is written, where the operator asks for nothing else and knows it that way too: it may have to equal
/// an expression of GROUP BY, or be the same aggregate as another. Which number it is shows when the plan is settled.
fn as_written(taken: Expr, written: Option<Written>, schema: &DFSchema) -> Expr {
    let known_alike = |written: &Written| match (written.expr.to_field(schema), written.settled.to_field(schema)) {
        (Ok((_, before)), Ok((_, after))) => {
            let same = before.data_type() == after.data_type() && before.metadata() == after.metadata();
            same || before.data_type().is_numeric() && after.data_type().is_numeric()
        }
        _ => false,
    };
    match written {
        Some(written) if taken == written.settled && known_alike(&written) => written.expr,
        _ => taken,
    }
}

/// Where an expression stands among its node's inputs.
fn input_schema(node: &LogicalPlan) -> DFSchemaRef {
    match node.inputs().as_slice() {
        [only] => only.schema().clone(),
        inputs => Arc::new(merge_schema(inputs)),
    }
}

fn field_of(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("", data_type, true))
}

/// The field as a parameter's: what it belongs to is forgotten.
fn bare(field: &FieldRef) -> FieldRef {
    let mut metadata = field.metadata().clone();
    metadata.retain(|key, _| key == crate::pgtypes::PG_TYPE_KEY);
    Arc::new(Field::new("", field.data_type().clone(), true).with_metadata(metadata))
}

fn parameter_field(pg_type: &Type) -> Option<FieldRef> {
    if *pg_type == Type::UNKNOWN {
        return None;
    }
    Some(field_named(arrow_type(pg_type)?, pg_type))
}

/// A field that says its type's name where its Arrow type does not.
fn field_named(data_type: DataType, pg_type: &Type) -> FieldRef {
    let field = Field::new("", data_type, true);
    let named = [(crate::pgtypes::PG_TYPE_KEY.to_owned(), pg_type.name().to_owned())];
    Arc::new(if column_type(&field) == *pg_type { field } else { field.with_metadata(HashMap::from(named)) })
}
