//! `coalesce(sum(price), 0)`, `sum(CASE WHEN … THEN price ELSE 0 END)`, `SELECT 1 UNION ALL SELECT 2.5`: numbers of several
//! scales in one column, each shown with the decimals that it has.
//!
//! PostgreSQL's numerics carry their scale; Arrow's have that of their type. So what a client sees is told beside the number:
//! where an expression chooses among scales, a column more says which was chosen, and at the very end both become the text
//! of a numeric.
//!
//! Invariant: columns are those the plan had, by the names they had; a plan that chooses among no scales is not changed.
//! Where a scale is lost on the way (groups, `min`, windows), a number has that of its type.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Case, Expr, ExprFunctionExt, ExprSchemable, Filter, Join, Limit, LogicalPlan, Operator,
    Projection, Sort, SubqueryAlias, Union, Values, Window, when,
};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

use super::exact;
use super::{shown_numeric, typing};
use crate::pgtypes::{FREE, TYPE_MODIFIER_KEY, shown_scale};

/// What begins the names of the columns that say how others are shown.
const NAME: &str = "\u{1}scale";

/// Functions that give one of their arguments.
const CHOICES: [&str; 3] = ["coalesce", "greatest", "least"];

/// The query with such numbers as texts of numerics.
pub(super) fn shown(plan: LogicalPlan) -> Result<LogicalPlan> {
    let wanted: HashSet<Column> = numerics(plan.schema()).collect();
    if wanted.is_empty() || !chooses_somewhere(&plan)? {
        return Ok(plan);
    }
    let columns = plan.schema().columns();
    let Some(Told { plan, scales }) = Tell::default().told(&plan, &wanted)? else { return Ok(plan) };
    let shown = columns.into_iter().map(|column| match scales.get(&column) {
        Some(scale) => {
            let arguments = vec![Expr::Column(column.clone()), Expr::Column(scale.column.clone())];
            let text = Expr::ScalarFunction(ScalarFunction::new_udf(shown_numeric::function(), arguments));
            text.alias_qualified(column.relation, column.name)
        }
        None => Expr::Column(column),
    });
    Ok(LogicalPlan::Projection(Projection::try_new(shown.collect(), Arc::new(plan))?))
}

/// Columns that may hold numerics: whole numbers too, before the types of a UNION are settled.
fn numerics(schema: &DFSchema) -> impl Iterator<Item = Column> {
    schema.iter().filter(|(_, field)| shown_scale(field.data_type()).is_some()).map(Column::from)
}

/// Whether the plan has a union, a list of rows, or an expression that chooses: nearly all have neither.
fn chooses_somewhere(plan: &LogicalPlan) -> Result<bool> {
    let (mut found, nothing) = (false, Scales::new());
    plan.apply(|node| {
        found |= matches!(node, LogicalPlan::Union(_) | LogicalPlan::Values(_));
        node.apply_expressions(|expr| {
            found |= may_choose(expr, &nothing);
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

/// The wanted columns among those of an input.
fn among(wanted: &HashSet<Column>, schema: &DFSchema) -> HashSet<Column> {
    schema.columns().into_iter().filter(|column| wanted.contains(column)).collect()
}

/// A plan with columns more, and which of its numbers they are of.
struct Told {
    plan: LogicalPlan,
    scales: Scales,
}

/// What tells how numbers are shown.
type Scales = HashMap<Column, By>;

/// The column that tells it, which never says less than nothing if `plain`.
#[derive(Clone)]
struct By {
    column: Column,
    plain: bool,
}

/// How an expression's numbers are shown.
enum Scale {
    /// All alike, as `shown_scale` counts it.
    Of(i8),
    /// As the expression says, row by row; it never says less than nothing if `plain`.
    Chosen { by: Expr, plain: bool },
    /// There are none: NULL.
    Nothing,
    /// They are no numerics.
    Other,
}

impl Scale {
    fn expr(&self) -> Expr {
        match self {
            Self::Of(scale) => lit(*scale),
            Self::Chosen { by, .. } => by.clone(),
            Self::Nothing | Self::Other => lit(ScalarValue::Int8(None)),
        }
    }
    fn is_plain(&self) -> bool {
        match self {
            Self::Of(scale) => *scale >= 0,
            Self::Chosen { plain, .. } => *plain,
            Self::Nothing | Self::Other => true,
        }
    }
}

#[derive(Default)]
struct Tell {
    told: usize,
}

impl Tell {
    fn name(&mut self) -> String {
        self.told += 1;
        format!("{NAME}{}", self.told)
    }

    /// The plan with columns that tell how the wanted numbers are shown; `None` where each is shown as its type is.
    fn told(&mut self, plan: &LogicalPlan, wanted: &HashSet<Column>) -> Result<Option<Told>> {
        match plan {
            LogicalPlan::Projection(projection) => self.projection(projection, wanted),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, wanted),
            LogicalPlan::Union(union) => self.union(union, wanted),
            LogicalPlan::Values(values) => self.values(values, wanted),
            LogicalPlan::Join(join) => self.join(join, wanted),
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias, wanted),
            LogicalPlan::Sort(Sort { expr, input, fetch }) => self.through(input, wanted, |input| {
                Ok(LogicalPlan::Sort(Sort { expr: expr.clone(), input, fetch: *fetch }))
            }),
            LogicalPlan::Limit(Limit { skip, fetch, input }) => self.through(input, wanted, |input| {
                Ok(LogicalPlan::Limit(Limit { skip: skip.clone(), fetch: fetch.clone(), input }))
            }),
            LogicalPlan::Filter(filter) => self.through(&filter.input, wanted, |input| {
                Ok(LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), input)?))
            }),
            LogicalPlan::Window(window) => self.through(&window.input, wanted, |input| {
                Ok(LogicalPlan::Window(Window::try_new(window.window_expr.clone(), input)?))
            }),
            _ => Ok(None),
        }
    }

    /// A node that hands the columns of its input on.
    fn through(
        &mut self,
        input: &LogicalPlan,
        wanted: &HashSet<Column>,
        over: impl FnOnce(Arc<LogicalPlan>) -> Result<LogicalPlan>,
    ) -> Result<Option<Told>> {
        let Some(Told { plan, scales }) = self.told(input, &among(wanted, input.schema()))? else { return Ok(None) };
        Ok(Some(Told { plan: over(Arc::new(plan))?, scales }))
    }

    fn alias(&mut self, alias: &SubqueryAlias, wanted: &HashSet<Column>) -> Result<Option<Told>> {
        let inner = alias.input.schema().columns();
        let renamed: HashMap<Column, Column> = inner.into_iter().zip(alias.schema.columns()).collect();
        let asked = renamed.iter().filter(|(_, outer)| wanted.contains(outer));
        let below = asked.map(|(inner, _)| inner.clone()).collect();
        let Some(Told { plan, scales }) = self.told(&alias.input, &below)? else { return Ok(None) };
        let scales = scales.into_iter().filter_map(|(of, By { column, plain })| {
            let column = Column::new(Some(alias.alias.clone()), column.name);
            Some((renamed.get(&of)?.clone(), By { column, plain }))
        });
        let scales = scales.collect();
        let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(plan), alias.alias.clone())?);
        Ok(Some(Told { plan, scales }))
    }

    fn join(&mut self, join: &Join, wanted: &HashSet<Column>) -> Result<Option<Told>> {
        let mut sides = [&join.left, &join.right].map(Arc::clone);
        let mut scales = HashMap::new();
        for side in &mut sides {
            let wanted = among(wanted, side.schema());
            if let Some(told) = self.told(side, &wanted)? {
                scales.extend(told.scales);
                *side = Arc::new(told.plan);
            }
        }
        let [left, right] = sides;
        let over = || {
            let (on, filter, constraint) = (join.on.clone(), join.filter.clone(), join.join_constraint);
            Join::try_new(left, right, on, filter, join.join_type, constraint, join.null_equality, join.null_aware)
        };
        if scales.is_empty() {
            return Ok(None);
        }
        Ok(Some(Told { plan: LogicalPlan::Join(over()?), scales }))
    }

    fn projection(&mut self, projection: &Projection, wanted: &HashSet<Column>) -> Result<Option<Told>> {
        let columns = projection.schema.columns();
        let asked = || columns.iter().zip(&projection.expr).filter(|(column, _)| wanted.contains(column));
        let read: HashSet<&Column> = asked().flat_map(|(_, expr)| expr.column_refs()).collect();
        let read = numerics(projection.input.schema()).filter(|column| read.contains(column)).collect();
        let below = self.told(&projection.input, &read)?;
        let (input, known) = match below {
            Some(Told { plan, scales }) => (Arc::new(plan), scales),
            None => (Arc::clone(&projection.input), HashMap::new()),
        };
        let (mut exprs, mut scales) = (projection.expr.clone(), HashMap::new());
        for (column, expr) in asked().filter(|(_, expr)| may_choose(expr, &known)) {
            if let Scale::Chosen { by, plain } = scale(expr, projection.input.schema(), &known)? {
                let name = self.name();
                exprs.push(by.alias(&name));
                scales.insert(column.clone(), By { column: Column::from_name(name), plain });
            }
        }
        if scales.is_empty() {
            return Ok(None);
        }
        Ok(Some(Told { plan: LogicalPlan::Projection(Projection::try_new(exprs, input)?), scales }))
    }

    /// Sums have the most decimals of what they are of.
    fn aggregate(&mut self, aggregate: &Aggregate, wanted: &HashSet<Column>) -> Result<Option<Told>> {
        let columns = aggregate.schema.columns();
        let groups = columns.len() - aggregate.aggr_expr.len();
        let asked: Vec<(&Column, &AggregateFunction)> = columns[groups..]
            .iter()
            .zip(&aggregate.aggr_expr)
            .filter(|(column, _)| wanted.contains(column))
            .filter_map(|(column, expr)| Some((column, sum(expr)?)))
            .collect();
        let read: HashSet<&Column> = asked.iter().flat_map(|(_, sum)| sum.params.args[0].column_refs()).collect();
        let read = numerics(aggregate.input.schema()).filter(|column| read.contains(column)).collect();
        let (input, known) = match self.told(&aggregate.input, &read)? {
            Some(Told { plan, scales }) => (Arc::new(plan), scales),
            None => (Arc::clone(&aggregate.input), HashMap::new()),
        };
        let (mut exprs, mut scales) = (aggregate.aggr_expr.clone(), HashMap::new());
        for (column, sum) in asked.into_iter().filter(|(_, sum)| may_choose(&sum.params.args[0], &known)) {
            let of = scale(&sum.params.args[0], aggregate.input.schema(), &known)?;
            if let Scale::Chosen { by, plain: true } = of {
                let name = self.name();
                let most = match sum.params.filter.as_deref() {
                    Some(filter) => max(by).filter(filter.clone()).build()?,
                    None => max(by),
                };
                exprs.push(most.alias(&name));
                scales.insert(column.clone(), By { column: Column::from_name(name), plain: true });
            }
        }
        if scales.is_empty() {
            return Ok(None);
        }
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(input, aggregate.group_expr.clone(), exprs)?);
        Ok(Some(Told { plan, scales }))
    }

    /// `VALUES`: a column of scales beside each whose rows are not alike.
    fn values(&mut self, list: &Values, wanted: &HashSet<Column>) -> Result<Option<Told>> {
        // once values are in their place, DataFusion would name the columns anew
        if list.values.iter().flatten().any(is_open) {
            return Ok(None);
        }
        let (mut values, mut scales, nothing) = (list.values.clone(), HashMap::new(), DFSchema::empty());
        let mut fields: Vec<_> =
            list.schema.iter().map(|(relation, field)| (relation.cloned(), Arc::clone(field))).collect();
        for (place, column) in list.schema.columns().into_iter().enumerate().filter(|(_, own)| wanted.contains(own)) {
            let common = list.schema.field(place).data_type();
            let rows = || list.values.iter().map(|row| &row[place]);
            if typing::is_declared(rows(), common, &nothing) {
                continue;
            }
            let of = rows().map(|value| as_written(value, &nothing, common)).collect::<Result<Vec<_>>>()?;
            if alike(of.iter()).is_some() {
                continue;
            }
            let name = self.name();
            fields.push((None, Arc::new(Field::new(&name, DataType::Int8, true))));
            values.iter_mut().zip(&of).for_each(|(row, scale)| row.push(scale.expr()));
            let plain = of.iter().all(Scale::is_plain);
            scales.insert(column, By { column: Column::from_name(name), plain });
        }
        if scales.is_empty() {
            return Ok(None);
        }
        let schema = Arc::new(DFSchema::new_with_metadata(fields, list.schema.metadata().clone())?);
        Ok(Some(Told { plan: LogicalPlan::Values(Values { schema, values }), scales }))
    }

    fn union(&mut self, union: &Union, wanted: &HashSet<Column>) -> Result<Option<Told>> {
        let columns = union.schema.columns();
        let places: Vec<usize> = (0..columns.len()).filter(|place| wanted.contains(&columns[*place])).collect();
        let (mut inputs, mut of_inputs) = (Vec::new(), Vec::new());
        for input in &union.inputs {
            let own = input.schema().columns();
            let Some(numbers) = places.iter().map(|place| own.get(*place).cloned()).collect::<Option<Vec<_>>>() else {
                return Ok(None);
            };
            let told = self.told(input, &numbers.iter().cloned().collect())?;
            let (input, known) = match told {
                Some(Told { plan, scales }) => (Arc::new(plan), scales),
                None => (Arc::clone(input), HashMap::new()),
            };
            let scales = numbers.into_iter().map(|number| scale(&Expr::Column(number), input.schema(), &known));
            of_inputs.push(scales.collect::<Result<Vec<_>>>()?);
            inputs.push((input, own));
        }
        let mut scales = HashMap::new();
        for (nth, place) in places.iter().enumerate() {
            if alike(of_inputs.iter().map(|of| &of[nth])).is_none() {
                let plain = of_inputs.iter().all(|of| of[nth].is_plain());
                scales.insert(*place, (nth, By { column: Column::from_name(self.name()), plain }));
            }
        }
        if scales.is_empty() {
            return Ok(None);
        }
        let told = inputs.into_iter().zip(of_inputs).map(|((input, own), of)| {
            let more = scales.values().map(|(nth, by)| of[*nth].expr().alias(&by.column.name));
            let exprs = own.into_iter().map(Expr::Column).chain(more).collect();
            Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(exprs, input)?)))
        });
        let union = Union::try_new_with_loose_types(told.collect::<Result<_>>()?)?;
        let scales = scales.into_iter().map(|(place, (_, by))| (columns[place].clone(), by));
        Ok(Some(Told { scales: scales.collect(), plan: LogicalPlan::Union(union) }))
    }
}

/// How a number in a list of rows is shown, which were cast to the type that holds them all.
fn as_written(value: &Expr, schema: &DFSchema, common: &DataType) -> Result<Scale> {
    match value {
        // to have the scale of each they were cast once more
        Expr::Cast(cast) if *common == FREE && matches!(&*cast.expr, Expr::Cast(_)) => {
            as_written(&cast.expr, schema, &cast.expr.get_type(schema)?)
        }
        Expr::Cast(cast) if cast.field.data_type() == common => match scale(&cast.expr, schema, &Scales::new())? {
            Scale::Other => of_type(value, schema),
            written => Ok(written),
        },
        value => scale(value, schema, &Scales::new()),
    }
}

/// Whether there is a parameter in it.
fn is_open(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::Placeholder(_)))).unwrap_or(true)
}

/// The sum that an aggregate's column is, if it is one of all that it reads.
fn sum(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::Alias(alias) => sum(&alias.expr),
        Expr::AggregateFunction(call) => {
            let is_sum = call.func.name() == "sum" && !call.params.distinct && call.params.args.len() == 1;
            is_sum.then_some(call)
        }
        _ => None,
    }
}

/// Whether there is anything in an expression that chooses among scales: most have nothing, and their types are not asked for.
fn may_choose(expr: &Expr, known: &Scales) -> bool {
    let chooses = |expr: &Expr| match expr {
        Expr::Case(_) => true,
        Expr::ScalarFunction(call) => CHOICES.contains(&call.func.name()),
        Expr::Column(column) => known.contains_key(column),
        _ => false,
    };
    expr.exists(|expr| Ok(chooses(expr))).unwrap_or(true)
}

/// How an expression over columns is shown, of some of which it is known which column tells it.
fn scale(expr: &Expr, schema: &DFSchema, known: &Scales) -> Result<Scale> {
    let scale_of = |expr: &Expr| scale(expr, schema, known);
    match expr {
        Expr::Alias(alias) => scale_of(&alias.expr),
        Expr::Column(column) => match known.get(column) {
            Some(By { column, plain }) => Ok(Scale::Chosen { by: Expr::Column(column.clone()), plain: *plain }),
            None => of_type(expr, schema),
        },
        Expr::Literal(value, _) if value.is_null() => Ok(Scale::Nothing),
        Expr::Negative(of) => scale_of(of),
        // it says that no scale is declared, and changes none
        Expr::Cast(cast)
            if cast.field.metadata().get(TYPE_MODIFIER_KEY).is_some_and(|modifier| modifier == "-1")
                && cast.expr.get_type(schema)? == *cast.field.data_type() =>
        {
            scale_of(&cast.expr)
        }
        Expr::Case(case) => chosen(case, schema, known),
        Expr::ScalarFunction(call) => match (call.func.name(), call.args.as_slice()) {
            ("abs" | "nullif", [of, ..]) => scale_of(of),
            (exact::MULTIPLY, [left, right]) => {
                let product = computed(scale_of(left)?, Operator::Multiply, scale_of(right)?)?;
                product.map_or_else(|| of_type(expr, schema), Ok)
            }
            ("greatest" | "least", values) if !values.iter().any(Expr::is_volatile) => {
                let is_it = |value: &Expr| (Box::new(expr.clone().eq(value.clone())), Box::new(value.clone()));
                chosen(&Case::new(None, values.iter().map(is_it).collect(), None), schema, known)
            }
            ("coalesce", [first @ .., last]) if !first.iter().any(Expr::is_volatile) => {
                let branches =
                    first.iter().map(|value| (Box::new(value.clone().is_not_null()), Box::new(value.clone())));
                chosen(&Case::new(None, branches.collect(), Some(Box::new(last.clone()))), schema, known)
            }
            _ => of_type(expr, schema),
        },
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::Plus | Operator::Minus | Operator::Multiply),
            right,
        }) => {
            let number = computed(scale_of(left)?, *op, scale_of(right)?)?;
            number.map_or_else(|| of_type(expr, schema), Ok)
        }
        _ => of_type(expr, schema),
    }
}

/// How a sum or a product is shown, of which an operand chooses.
fn computed(left: Scale, op: Operator, right: Scale) -> Result<Option<Scale>> {
    let chosen = matches!(left, Scale::Chosen { .. }) || matches!(right, Scale::Chosen { .. });
    if !chosen || !left.is_plain() || !right.is_plain() {
        return Ok(None);
    }
    let (left, right) = (left.expr(), right.expr());
    let by = match op {
        Operator::Multiply => left + right,
        _ => when(left.clone().gt(right.clone()), left).otherwise(right)?,
    };
    Ok(Some(Scale::Chosen { by, plain: true }))
}

fn of_type(expr: &Expr, schema: &DFSchema) -> Result<Scale> {
    let data_type = expr.get_type(schema)?;
    Ok(if data_type.is_null() { Scale::Nothing } else { shown_scale(&data_type).map_or(Scale::Other, Scale::Of) })
}

/// The scale that they all have, if there is one.
fn alike<'a>(scales: impl Iterator<Item = &'a Scale>) -> Option<Scale> {
    let (mut so_far, mut alike) = (Scale::Nothing, true);
    for scale in scales {
        match (scale, &so_far) {
            (Scale::Nothing, _) => {}
            (Scale::Other, _) => return Some(Scale::Other),
            (Scale::Of(one), Scale::Nothing) => so_far = Scale::Of(*one),
            (Scale::Of(one), Scale::Of(other)) if one == other => {}
            _ => alike = false,
        }
    }
    alike.then_some(so_far)
}

/// What CASE chooses.
fn chosen(case: &Case, schema: &DFSchema, known: &Scales) -> Result<Scale> {
    let results = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
    let scales = results.map(|result| scale(result, schema, known)).collect::<Result<Vec<_>>>()?;
    if let Some(scale) = alike(scales.iter()) {
        return Ok(scale);
    }
    let plain = scales.iter().all(Scale::is_plain);
    let mut exprs = scales.iter().map(|scale| Box::new(scale.expr()));
    let conditions = case.when_then_expr.iter().map(|(when, _)| when.clone());
    let branches = conditions.zip(exprs.by_ref()).collect();
    let by = Expr::Case(Case { expr: case.expr.clone(), when_then_expr: branches, else_expr: exprs.next() });
    Ok(Scale::Chosen { by, plain })
}
