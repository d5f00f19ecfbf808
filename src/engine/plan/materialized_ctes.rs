//! `WITH r AS (…)` that is read more than once: computed once where that matters, as PostgreSQL always does.
//!
//! DataFusion puts the query in every place that names it. Two readers of `random()` then see different rows, and an
//! aggregate is computed twice. Here such a query becomes a node that all places share: whoever reads first computes its rows,
//! the others read them from memory. What `NOT MATERIALIZED` says, and queries that are as cheap to read as to keep, stay
//! as DataFusion has them, for conditions on them reach their tables.
//!
//! Invariant: rows that are kept are counted. Where they are too many, each reader computes its own, unless they would differ.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, SubqueryAlias, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use datafusion::sql::sqlparser::ast::{self, CteAsMaterialized, Visit, Visitor};
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::dialect::folded;

/// The queries of WITH that are named more than once, and what is said of them: whether they are to be materialized.
pub(in crate::engine) type Repeated = HashMap<String, Option<CteAsMaterialized>>;

/// Those of a statement.
pub(in crate::engine) fn repeated(statement: &ast::Statement) -> Repeated {
    struct Names {
        said: Repeated,
        read: HashMap<String, usize>,
    }
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
            let tables = query.with.iter().flat_map(|with| &with.cte_tables);
            self.said.extend(tables.map(|cte| (folded(&cte.alias.name), cte.materialized)));
            ControlFlow::Continue(())
        }
        fn pre_visit_relation(&mut self, name: &ast::ObjectName) -> ControlFlow<()> {
            // most statements have no WITH
            if !self.said.is_empty()
                && let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice()
            {
                *self.read.entry(folded(name)).or_default() += 1;
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names { said: Repeated::new(), read: HashMap::new() };
    let _ = statement.visit(&mut names);
    let Names { mut said, read } = names;
    said.retain(|name, said| {
        *said != Some(CteAsMaterialized::NotMaterialized) && read.get(name).is_some_and(|count| *count > 1)
    });
    said
}

/// The plan in which the places that read one such query share its rows.
pub(super) fn shared(plan: LogicalPlan, repeated: &Repeated) -> Result<LogicalPlan> {
    if repeated.is_empty() {
        return Ok(plan);
    }
    let mut places: Vec<(SubqueryAlias, usize)> = Vec::new();
    plan.apply_with_subqueries(|node| {
        match node {
            // what a recursion reads is other rows each time
            LogicalPlan::RecursiveQuery(_) => return Ok(TreeNodeRecursion::Jump),
            LogicalPlan::SubqueryAlias(alias) if repeated.contains_key(alias.alias.table()) => {
                match places.iter_mut().find(|(known, _)| known == alias) {
                    Some((_, count)) => *count += 1,
                    None => places.push((alias.clone(), 1)),
                }
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let mut kept = Vec::new();
    for (place, count) in places {
        let varies = varies(&place.input)?;
        let asked = repeated.get(place.alias.table()).is_some_and(Option::is_some);
        if count > 1 && !depends_on_rows(&place.input)? && (asked || varies || is_fewer_rows(&place.input)) {
            kept.push((place, NEXT.fetch_add(1, Atomic::Relaxed), varies));
        }
    }
    if kept.is_empty() {
        return Ok(plan);
    }
    let sharing = |node: LogicalPlan| match node {
        LogicalPlan::RecursiveQuery(_) => Ok(Transformed::new(node, false, TreeNodeRecursion::Jump)),
        LogicalPlan::SubqueryAlias(alias) => match kept.iter().find(|(place, ..)| *place == alias) {
            Some((_, id, varies)) => {
                let name = alias.alias.table().to_owned();
                let node = Materialized { id: *id, name, varies: *varies, input: Arc::unwrap_or_clone(alias.input) };
                let input = Arc::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }));
                Ok(Transformed::yes(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(input, alias.alias)?)))
            }
            None => Ok(Transformed::no(LogicalPlan::SubqueryAlias(alias))),
        },
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_down_with_subqueries(sharing)?.data)
}

/// The query's rows, which would be others when computed again, kept for all that read a clone of this plan.
pub(super) fn kept(name: &str, input: LogicalPlan) -> LogicalPlan {
    let id = NEXT.fetch_add(1, Atomic::Relaxed);
    let node = Materialized { id, name: name.to_owned(), varies: true, input };
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}

/// Numbers of shared queries: no two in a process are alike.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Whether the rows may be others when computed again.
fn varies(plan: &LogicalPlan) -> Result<bool> {
    mentions(plan, Expr::is_volatile_node)
}

/// Whether a query around it gives it values.
fn depends_on_rows(plan: &LogicalPlan) -> Result<bool> {
    mentions(plan, |expr| matches!(expr, Expr::OuterReferenceColumn(..)))
}

fn mentions(plan: &LogicalPlan, is: fn(&Expr) -> bool) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(is(expr)))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

/// Whether the rows are likely fewer than those that they are made of.
fn is_fewer_rows(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) | LogicalPlan::Limit(_) => true,
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::SubqueryAlias(_) => plan.inputs().into_iter().all(is_fewer_rows),
        _ => false,
    }
}

/// A query whose rows all nodes of its number share.
#[derive(Debug, Clone)]
struct Materialized {
    id: u64,
    name: String,
    varies: bool,
    input: LogicalPlan,
}

impl PartialEq for Materialized {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.input == other.input
    }
}

impl Eq for Materialized {}

impl PartialOrd for Materialized {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.id, &self.input).partial_cmp(&(other.id, &other.input))
    }
}

impl Hash for Materialized {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, &self.input).hash(state);
    }
}

impl UserDefinedLogicalNodeCore for Materialized {
    fn name(&self) -> &str {
        "Materialized"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Materialized: {}", self.name)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Self { input, ..self.clone() }),
            _ => Err(DataFusionError::Internal("a materialized query reads one relation".to_owned())),
        }
    }
}

/// Plans the nodes of one statement's execution.
#[derive(Debug, Default)]
pub(in crate::engine) struct MaterializedPlanner {
    kept: Mutex<HashMap<u64, Arc<OnceCell<Kept>>>>,
}

#[async_trait]
impl ExtensionPlanner for MaterializedPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(node), [input]) = (node.as_any().downcast_ref::<Materialized>(), physical_inputs) else {
            return Ok(None);
        };
        let kept = self.kept.lock().entry(node.id).or_default().clone();
        Ok(Some(Arc::new(MaterializedExec::new(node.name.clone(), node.varies, kept, input.clone()))))
    }
}

/// What came of the query.
#[derive(Debug)]
enum Kept {
    Rows(
        Vec<RecordBatch>,
        #[expect(dead_code, reason = "counts the rows as long as they are there")] MemoryReservation,
    ),
    TooMany,
}

#[derive(Debug)]
struct MaterializedExec {
    query: String,
    varies: bool,
    kept: Arc<OnceCell<Kept>>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl MaterializedExec {
    fn new(query: String, varies: bool, kept: Arc<OnceCell<Kept>>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Self { query, varies, kept, input, properties }
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(self.query.clone(), self.varies, self.kept.clone(), input))),
            _ => Err(DataFusionError::Internal("a materialized query reads one relation".to_owned())),
        }
    }
}

impl DisplayAs for MaterializedExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "MaterializedExec: {}", self.query)
    }
}

impl ExecutionPlan for MaterializedExec {
    fn name(&self) -> &str {
        "MaterializedExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }
    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new(format!("WITH {}", self.query)).register(context.memory_pool());
        let rows = rows(self.kept.clone(), self.input.clone(), context, memory, self.varies);
        let rows = futures::stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// The rows that are kept, which the first reader computes. Where they are too many, it goes on with those it has.
async fn rows(
    kept: Arc<OnceCell<Kept>>,
    input: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    memory: MemoryReservation,
    varies: bool,
) -> Result<SendableRecordBatchStream> {
    let mut begun = None;
    let computing = async || {
        let mut rows = input.execute(0, context.clone())?;
        let mut batches = Vec::new();
        while let Some(batch) = rows.next().await.transpose()? {
            let counted = memory.try_grow(batch.get_array_memory_size());
            batches.push(batch);
            match counted {
                Ok(()) if varies || memory.size() <= KEPT_MAX => {}
                Err(error) if varies => return Err(error),
                _ => {
                    begun = Some((batches, rows));
                    return Ok(Kept::TooMany);
                }
            }
        }
        Ok(Kept::Rows(batches, memory))
    };
    let outcome = kept.get_or_try_init(computing).await?;
    let schema = input.schema();
    match (outcome, begun) {
        (Kept::Rows(batches, _), _) => {
            let rows = MemoryStream::try_new(batches.clone(), schema.clone(), None)?;
            let held = kept.clone();
            let rows = rows.inspect(move |_| {
                // the rows are counted until their last reader is done
                let _ = &held;
            });
            Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
        }
        (Kept::TooMany, Some((batches, rest))) => {
            let rows = futures::stream::iter(batches.into_iter().map(Ok)).chain(rest);
            Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
        }
        (Kept::TooMany, None) => input.execute(0, context),
    }
}

/// Memory that rows may take which can be computed again, in bytes.
const KEPT_MAX: usize = 64 << 20;
