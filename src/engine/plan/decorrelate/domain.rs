//! The distinct values that subqueries depend on, and plans computed for all of them at once.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, NullEquality};
use datafusion::error::Result as DataFusionResult;
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, ExprFunctionExt, Filter, GroupingSet, Join, JoinConstraint, JoinType, Limit,
    LogicalPlan, LogicalPlanBuilder, Operator, Projection, Sort, SortExpr, Subquery, Union, Window, binary_expr, cast,
};
use datafusion::prelude::lit;

use super::rows::before_others;
use super::{all_outer_columns, is_count, outer_columns, subqueries, under_alias};

/// The combinations of outer values, and what stands for each of them.
pub(super) struct Domain {
    plan: LogicalPlan,
    outer: Vec<Column>,
    columns: Vec<Column>,
}

impl Domain {
    /// The combinations that the input's rows have of these columns, those of them that are asked; the number tells it from
    /// others in the plan.
    pub fn of(input: &LogicalPlan, outer: Vec<Column>, asked: Option<Expr>, number: usize) -> DataFusionResult<Self> {
        let name = format!("outer_{number}");
        let keys = (0..outer.len()).map(|at| format!("k{number}_{at}"));
        let named = outer.iter().zip(keys.clone()).map(|(column, key)| Expr::Column(column.clone()).alias(key));
        let read = asked.iter().flat_map(Expr::column_refs).cloned().chain(outer.iter().cloned());
        let rows = LogicalPlanBuilder::from(before_others(input, &read.collect::<Vec<_>>()).clone());
        let rows = if let Some(asked) = asked { rows.filter(asked)? } else { rows };
        let plan = rows.project(named)?.distinct()?.alias(name.as_str())?.build()?;
        let columns = keys.map(|key| Column::new(Some(name.as_str()), key)).collect();
        Ok(Self { plan, outer, columns })
    }

    /// The bare names of its columns.
    pub fn keys(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    pub fn exprs(&self) -> impl Iterator<Item = Expr> {
        self.columns.iter().cloned().map(Expr::Column)
    }

    /// Its column that stands for the outer one.
    fn column(&self, outer: &Column) -> Option<Column> {
        let at = self.outer.iter().position(|column| column == outer);
        at.and_then(|at| self.columns.get(at)).cloned()
    }

    fn replaced(&self, expr: &Expr) -> DataFusionResult<Expr> {
        let replaced = expr.clone().transform(|expr| {
            Ok(match expr {
                Expr::OuterReferenceColumn(field, outer) => match self.column(&outer) {
                    Some(column) => Transformed::yes(Expr::Column(column)),
                    None => Transformed::no(Expr::OuterReferenceColumn(field, outer)),
                },
                Expr::ScalarSubquery(subquery) => Transformed::yes(Expr::ScalarSubquery(self.within(&subquery)?)),
                Expr::Exists(mut exists) => {
                    exists.subquery = self.within(&exists.subquery)?;
                    Transformed::yes(Expr::Exists(exists))
                }
                Expr::InSubquery(mut tested) => {
                    tested.subquery = self.within(&tested.subquery)?;
                    Transformed::yes(Expr::InSubquery(tested))
                }
                other => Transformed::no(other),
            })
        })?;
        Ok(replaced.data)
    }

    /// A subquery within the plan: it depends on the domain's columns in place of those further out.
    fn within(&self, subquery: &Subquery) -> DataFusionResult<Subquery> {
        let plan = self.further_in(subquery.subquery.as_ref().clone(), &DFSchema::empty())?;
        let outer_ref_columns = plan.all_out_ref_exprs();
        Ok(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: subquery.spans.clone() })
    }

    /// The plan, which depends on the domain's columns in place of those further out than `around`.
    fn further_in(&self, plan: LogicalPlan, around: &DFSchema) -> DataFusionResult<LogicalPlan> {
        let replace = |expr: Expr| {
            expr.transform(|expr| {
                let Expr::OuterReferenceColumn(field, outer) = expr else { return Ok(Transformed::no(expr)) };
                Ok(match self.column(&outer).filter(|_| !around.has_column(&outer)) {
                    Some(column) => Transformed::yes(Expr::OuterReferenceColumn(field, column)),
                    None => Transformed::no(Expr::OuterReferenceColumn(field, outer)),
                })
            })
        };
        let replaced = plan.transform_down_with_subqueries(|node| match node {
            LogicalPlan::Subquery(Subquery { subquery, outer_ref_columns, spans }) => {
                let outer = outer_ref_columns.into_iter().map(|column| replace(column).map(|column| column.data));
                let outer_ref_columns = outer.collect::<DataFusionResult<_>>()?;
                Ok(Transformed::yes(LogicalPlan::Subquery(Subquery { subquery, outer_ref_columns, spans })))
            }
            node => {
                let names = NamePreserver::new(&node);
                node.map_expressions(|expr| {
                    let name = names.save(&expr);
                    Ok(replace(expr)?.update_data(|expr| name.restore(expr)))
                })
            }
        })?;
        Ok(replaced.data)
    }

    /// Whether a subquery in the plan names a column of the plan as the domain's columns are named further out.
    pub fn is_hidden(&self, plan: &LogicalPlan) -> DataFusionResult<bool> {
        plan.exists(|node| {
            let inputs = node.inputs();
            let own = |column: &Column| inputs.iter().any(|input| input.schema().has_column(column));
            let nested = subqueries(node);
            let mut nested = nested.iter().flat_map(|subquery| all_outer_columns(&subquery.subquery));
            Ok(nested.any(|column| self.outer.contains(&column) && own(&column)))
        })
    }

    fn all_replaced(&self, exprs: &[Expr]) -> DataFusionResult<Vec<Expr>> {
        exprs.iter().map(|expr| self.replaced(expr)).collect()
    }

    fn sorted(&self, keys: &[SortExpr]) -> DataFusionResult<Vec<SortExpr>> {
        keys.iter().map(|key| Ok(SortExpr { expr: self.replaced(&key.expr)?, ..key.clone() })).collect()
    }

    /// [`Self::pushed`] for a plan of one value that is NULL where there is nothing to make it of: combinations without rows
    /// may be missing.
    pub fn pushed_value(&self, plan: &LogicalPlan) -> DataFusionResult<Option<LogicalPlan>> {
        match plan {
            LogicalPlan::Aggregate(aggregate)
                if aggregate.group_expr.is_empty() && !aggregate.aggr_expr.iter().any(is_count) =>
            {
                self.grouped(aggregate)
            }
            LogicalPlan::Projection(projection) if projection.expr.iter().all(is_column) => {
                let Some(input) = self.pushed_value(&projection.input)? else { return Ok(None) };
                self.projected(projection, input).map(Some)
            }
            plan => self.pushed(plan),
        }
    }

    /// The plan for all combinations at once, whose columns it has besides its own; `None` where it is not understood.
    pub fn pushed(&self, plan: &LogicalPlan) -> DataFusionResult<Option<LogicalPlan>> {
        if all_outer_columns(plan).is_empty() {
            return LogicalPlanBuilder::from(self.plan.clone()).cross_join(plan.clone())?.build().map(Some);
        }
        Ok(Some(match plan {
            LogicalPlan::Filter(filter) => {
                let filter = super::lateral::asked_before(filter)?;
                let Some(input) = self.pushed(&filter.input)? else { return Ok(None) };
                LogicalPlan::Filter(Filter::try_new(self.replaced(&filter.predicate)?, Arc::new(input))?)
            }
            LogicalPlan::Projection(projection) => {
                let Some(input) = self.pushed(&projection.input)? else { return Ok(None) };
                self.projected(projection, input)?
            }
            // a function in FROM, which may name what is around it
            LogicalPlan::Subquery(subquery) => return self.pushed(&subquery.subquery),
            LogicalPlan::SubqueryAlias(alias) => {
                let Some(input) = self.pushed(&alias.input)? else { return Ok(None) };
                LogicalPlanBuilder::from(input)
                    .project(under_alias(alias).into_iter().chain(self.exprs()).collect::<Vec<_>>())?
                    .build()?
            }
            LogicalPlan::Aggregate(aggregate) => return self.pushed_aggregate(aggregate),
            LogicalPlan::Unnest(unnest) => {
                let Some(input) = self.pushed(&unnest.input)? else { return Ok(None) };
                let columns = unnest.exec_columns.clone();
                LogicalPlanBuilder::from(input).unnest_columns_with_options(columns, unnest.options.clone())?.build()?
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let Some(input) = self.pushed(input)? else { return Ok(None) };
                LogicalPlan::Distinct(Distinct::All(Arc::new(input)))
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => return self.pushed_distinct_on(distinct),
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                let Some(input) = self.pushed(&sort.input)? else { return Ok(None) };
                LogicalPlan::Sort(Sort { expr: self.sorted(&sort.expr)?, input: Arc::new(input), fetch: None })
            }
            LogicalPlan::Union(union) => return self.pushed_union(union),
            LogicalPlan::Limit(limit) => return self.pushed_limit(limit),
            LogicalPlan::Window(window) => return self.pushed_window(window),
            LogicalPlan::Join(join) => return self.pushed_join(join),
            _ => return Ok(None),
        }))
    }

    fn projected(&self, projection: &Projection, input: LogicalPlan) -> DataFusionResult<LogicalPlan> {
        let mut exprs = Vec::with_capacity(projection.expr.len() + self.columns.len());
        for (expr, field) in projection.expr.iter().zip(projection.schema.fields()) {
            let replaced = self.replaced(expr)?;
            // a column of the outer row keeps the name that those above know
            let renamed = !matches!(expr, Expr::Alias(_) | Expr::Column(_));
            exprs.push(if renamed { replaced.alias(field.name()) } else { replaced });
        }
        exprs.extend(self.exprs());
        Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?))
    }

    /// The groups of each combination by themselves; one that has no rows has one, too, where nothing is grouped by.
    fn pushed_aggregate(&self, aggregate: &Aggregate) -> DataFusionResult<Option<LogicalPlan>> {
        let Some(groups) = self.grouped(aggregate)? else { return Ok(None) };
        match aggregate.group_expr.is_empty() {
            true => self.with_empty(groups, aggregate).map(Some),
            false => Ok(Some(groups)),
        }
    }

    /// The groups of each combination that has rows.
    fn grouped(&self, aggregate: &Aggregate) -> DataFusionResult<Option<LogicalPlan>> {
        if aggregate.group_expr.iter().any(has_empty_set) {
            return Ok(None);
        }
        let Some(input) = self.pushed(&aggregate.input)? else { return Ok(None) };
        let groups = self.exprs().chain(self.all_replaced(&aggregate.group_expr)?).collect();
        let mut values = Vec::with_capacity(aggregate.aggr_expr.len());
        for expr in &aggregate.aggr_expr {
            let replaced = self.replaced(expr)?;
            values.push(if &replaced == expr { replaced } else { replaced.alias(expr.schema_name().to_string()) });
        }
        Aggregate::try_new(Arc::new(input), groups, values).map(LogicalPlan::Aggregate).map(Some)
    }

    /// The first rows of each combination's groups.
    fn pushed_distinct_on(&self, distinct: &DistinctOn) -> DataFusionResult<Option<LogicalPlan>> {
        let Some(input) = self.pushed(&distinct.input)? else { return Ok(None) };
        let keys = self.exprs().chain(self.all_replaced(&distinct.on_expr)?).collect();
        let values = self.all_replaced(&distinct.select_expr)?.into_iter().chain(self.exprs()).collect();
        let order = match &distinct.sort_expr {
            Some(order) => Some(self.exprs().map(|key| key.sort(true, false)).chain(self.sorted(order)?).collect()),
            None => None,
        };
        let first = DistinctOn::try_new(keys, values, order, Arc::new(input))?;
        Ok(Some(LogicalPlan::Distinct(Distinct::On(first))))
    }

    /// The aggregates with those of combinations that have no rows: counts are 0, all else is NULL.
    fn with_empty(&self, groups: LogicalPlan, aggregate: &Aggregate) -> DataFusionResult<LogicalPlan> {
        let keyed = self.columns.iter().map(|column| {
            let hidden = format!("{}_of_group", column.name);
            (Expr::Column(column.clone()).alias(&hidden), Column::new_unqualified(hidden))
        });
        let (keys, hidden): (Vec<Expr>, Vec<Column>) = keyed.unzip();
        let columns: Vec<Column> = aggregate.schema.columns();
        let own = columns.iter().cloned().map(Expr::Column);
        let groups =
            LogicalPlanBuilder::from(groups).project(keys.into_iter().chain(own).collect::<Vec<_>>())?.build()?;
        let values = columns.iter().zip(&aggregate.aggr_expr).map(|(column, expr)| {
            let value = Expr::Column(column.clone());
            if is_count(expr) { coalesce(vec![value, lit(0i64)]).alias(&column.name) } else { value }
        });
        LogicalPlanBuilder::from(self.plan.clone())
            .join_detailed(groups, JoinType::Left, (self.columns.clone(), hidden), None, NullEquality::NullEqualsNull)?
            .project(values.chain(self.exprs()).collect::<Vec<_>>())?
            .build()
    }

    /// All of them with the combinations behind their own columns.
    fn pushed_union(&self, union: &Union) -> DataFusionResult<Option<LogicalPlan>> {
        let mut whole: Option<LogicalPlanBuilder> = None;
        for input in &union.inputs {
            let Some(pushed) = self.pushed(input)? else { return Ok(None) };
            let own = input.schema().columns().into_iter().map(Expr::Column);
            let part = LogicalPlanBuilder::from(pushed).project(own.chain(self.exprs()).collect::<Vec<_>>())?;
            whole = Some(match whole {
                Some(whole) => whole.union(part.build()?)?,
                None => part,
            });
        }
        let Some(whole) = whole else { return Ok(None) };
        // a union's columns have no tables
        let names = union.schema.columns();
        let named = whole.schema().columns().into_iter().zip(names.iter().chain(&self.columns));
        let named = named.map(|(column, name)| Expr::Column(column).alias_qualified(name.relation.clone(), &name.name));
        whole.clone().project(named.collect::<Vec<_>>())?.build().map(Some)
    }

    /// Rows of the left side meet those of a subquery that depends on them, and on the combination beside them.
    fn pushed_lateral(&self, join: &Join) -> DataFusionResult<Option<LogicalPlan>> {
        let Some(left) = self.pushed(&join.left)? else { return Ok(None) };
        let right = self.further_in(join.right.as_ref().clone(), join.left.schema())?;
        let on = join.on.iter().map(|(left, right)| Ok((self.replaced(left)?, self.replaced(right)?)));
        let joined = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on.collect::<DataFusionResult<_>>()?,
            join.filter.as_ref().map(|filter| self.replaced(filter)).transpose()?,
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?;
        let columns = join.schema.columns().into_iter().map(Expr::Column).chain(self.exprs());
        LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build().map(Some)
    }

    /// Rows meet those of their own combination. The side whose rows stay without a partner has to know it.
    fn pushed_join(&self, join: &Join) -> DataFusionResult<Option<LogicalPlan>> {
        if super::lateral::is_lateral(join) {
            return self.pushed_lateral(join);
        }
        let depends = [&join.left, &join.right].map(|side| !all_outer_columns(side).is_empty());
        let [on_left, on_right] = match join.join_type {
            JoinType::Inner => {
                if depends == [false; 2] {
                    [true, false]
                } else {
                    depends
                }
            }
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => [true, depends[1]],
            JoinType::Right => [depends[0], true],
            JoinType::Full => [true, true],
            _ => return Ok(None),
        };
        let side = |input: &LogicalPlan, pushed| if pushed { self.pushed(input) } else { Ok(Some(input.clone())) };
        let (Some(mut left), Some(mut right)) = (side(&join.left, on_left)?, side(&join.right, on_right)?) else {
            return Ok(None);
        };
        let mut conditions: Vec<Expr> = Vec::new();
        let mut keys: Vec<Expr> = self.exprs().collect();
        let on = join.on.iter().map(|(left, right)| Ok((self.replaced(left)?, self.replaced(right)?)));
        let mut on = on.collect::<DataFusionResult<Vec<_>>>()?;
        if on_left && on_right {
            let on_right = join.join_type != JoinType::Right;
            let hidden = if on_right { &mut right } else { &mut left };
            let own = if on_right { join.right.schema() } else { join.left.schema() };
            let columns = own.columns().into_iter().map(Expr::Column);
            let beside = self.columns.iter().map(|key| format!("{}_beside", key.name)).collect::<Vec<_>>();
            let named = self.exprs().zip(&beside).map(|(key, name)| key.alias(name));
            *hidden =
                LogicalPlanBuilder::from(hidden.clone()).project(columns.chain(named).collect::<Vec<_>>())?.build()?;
            for (key, name) in keys.iter_mut().zip(beside) {
                let beside = Expr::Column(Column::new_unqualified(name));
                match join.null_equality {
                    NullEquality::NullEqualsNull if on_right => on.push((key.clone(), beside.clone())),
                    NullEquality::NullEqualsNull => on.push((beside.clone(), key.clone())),
                    NullEquality::NullEqualsNothing => conditions.push(same(key.clone(), beside.clone())),
                }
                if join.join_type == JoinType::Full {
                    // a row without a partner has one of them
                    let (relation, name) = key.qualified_name();
                    *key = coalesce(vec![key.clone(), beside]).alias_qualified(relation, name);
                }
            }
        }
        if let Some(filter) = &join.filter {
            conditions.push(self.replaced(filter)?);
        }
        let columns: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).chain(keys).collect();
        let joined = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on,
            conjunction(conditions),
            join.join_type,
            JoinConstraint::On,
            join.null_equality,
            join.null_aware,
        )?;
        LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build().map(Some)
    }

    /// The windows of each combination by themselves.
    fn pushed_window(&self, window: &Window) -> DataFusionResult<Option<LogicalPlan>> {
        let Some(input) = self.pushed(&window.input)? else { return Ok(None) };
        let mut columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        let mut windows = Vec::with_capacity(window.window_expr.len());
        for expr in &window.window_expr {
            let mut replaced = self.replaced(expr)?;
            let Expr::WindowFunction(function) = &mut replaced else { return Ok(None) };
            function.params.partition_by.extend(self.exprs());
            let computed = Column::new_unqualified(replaced.schema_name().to_string());
            columns.push(Expr::Column(computed).alias(expr.schema_name().to_string()));
            windows.push(replaced);
        }
        LogicalPlanBuilder::from(input).window(windows)?.project(columns)?.build().map(Some)
    }

    /// The first rows of each combination: those whose number in the order asked for is small enough.
    fn pushed_limit(&self, limit: &Limit) -> DataFusionResult<Option<LogicalPlan>> {
        // constants, or parameters of the statement
        let counts = limit.skip.iter().chain(&limit.fetch);
        if counts.into_iter().any(|count| !outer_columns(count).is_empty()) {
            return Ok(None);
        }
        // what is computed of each row may as well be computed of the rows that stay
        if let LogicalPlan::Projection(projection) = limit.input.as_ref() {
            let below = LogicalPlan::Limit(Limit { input: projection.input.clone(), ..limit.clone() });
            let projection = Projection::try_new(projection.expr.clone(), Arc::new(below))?;
            return self.pushed(&LogicalPlan::Projection(projection));
        }
        let (keys, input) = match limit.input.as_ref() {
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => (sort.expr.as_slice(), &sort.input),
            _ => (&[][..], &limit.input),
        };
        let Some(pushed) = self.pushed(input)? else { return Ok(None) };
        let keys = self.sorted(keys)?;
        let columns: Vec<Expr> = pushed.schema().columns().into_iter().map(Expr::Column).collect();
        let number = row_number().partition_by(self.exprs().collect());
        let number = if keys.is_empty() { number.build()? } else { number.order_by(keys).build()? };
        let name = Column::new_unqualified(number.schema_name().to_string());
        let number_of = || cast(Expr::Column(name.clone()), DataType::Int64);
        let count = |expr: &Expr| cast(expr.clone(), DataType::Int64);
        let skip = limit.skip.as_deref().map_or_else(|| lit(0i64), |skip| coalesce(vec![count(skip), lit(0i64)]));
        let mut stays = number_of().gt(skip.clone());
        if let Some(fetch) = limit.fetch.as_deref() {
            // NULL is no limit
            let within = (number_of() - skip).lt_eq(count(fetch));
            stays = stays.and(match fetch {
                Expr::Literal(..) => within,
                fetch => within.or(fetch.clone().is_null()),
            });
        }
        LogicalPlanBuilder::from(pushed).window([number])?.filter(stays)?.project(columns)?.build().map(Some)
    }
}

/// Whether one of the sets that rows are grouped by has no columns: it has a row where there are none.
fn has_empty_set(group: &Expr) -> bool {
    match group {
        Expr::GroupingSet(GroupingSet::Rollup(_) | GroupingSet::Cube(_)) => true,
        Expr::GroupingSet(GroupingSet::GroupingSets(sets)) => sets.iter().any(Vec::is_empty),
        _ => false,
    }
}

/// Whether it is a column of the rows, under whatever name: none of the rows around.
fn is_column(expr: &Expr) -> bool {
    matches!(expr.clone().unalias_nested().data, Expr::Column(_))
}

fn same(left: Expr, right: Expr) -> Expr {
    binary_expr(left, Operator::IsNotDistinctFrom, right)
}
