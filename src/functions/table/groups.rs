//! The operator that hands a kernel one group of rows after the other.
//!
//! Rows come sorted, by an operator below that spills. Groups that are whole are gathered to jobs of some thousand rows, which
//! run on threads for long work, as many at a time as the query has partitions, and give their results in order.
//!
//! Invariant: what is held is counted: the group being gathered, and the jobs that run.
//! Invariant: dropping the stream tells running kernels to stop.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat_batches, partition, take};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexRequirement, OrderingRequirements, Partitioning, PhysicalExpr,
    PhysicalSortRequirement,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::call::external;
use super::failure;
use super::node::Kernel;

/// A kernel over the groups of a sorted input.
#[derive(Debug)]
pub struct GroupsExec {
    function: &'static str,
    input: Arc<dyn ExecutionPlan>,
    groups: usize,
    kernel: Arc<dyn Kernel>,
    ordering: LexRequirement,
    properties: Arc<PlanProperties>,
}

impl GroupsExec {
    /// The first `groups` columns of the input make the groups; `schema` is theirs and then the kernel's.
    pub fn new(
        function: &'static str,
        input: Arc<dyn ExecutionPlan>,
        groups: usize,
        kernel: Arc<dyn Kernel>,
        schema: SchemaRef,
    ) -> Result<Self> {
        let sorted = input
            .schema()
            .fields()
            .iter()
            .enumerate()
            .map(|(at, field)| {
                let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), at));
                PhysicalSortRequirement::new(column, Some(Default::default()))
            })
            .collect::<Vec<_>>();
        let ordering = LexRequirement::new(sorted)
            .ok_or_else(|| DataFusionError::Internal(format!("{function} reads no column")))?;
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(Self { function, input, groups, kernel, ordering, properties })
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                let schema = self.schema();
                Ok(Arc::new(Self::new(self.function, input, self.groups, self.kernel.clone(), schema)?))
            }
            _ => Err(DataFusionError::Internal(format!("{} reads one relation", self.function))),
        }
    }
}

impl DisplayAs for GroupsExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "GroupsExec: function={}, groups={}", self.function, self.groups)
    }
}

impl ExecutionPlan for GroupsExec {
    fn name(&self) -> &str {
        "GroupsExec"
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
    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![Some(OrderingRequirements::Hard(vec![self.ordering.clone()]))]
    }
    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for requirement in &self.ordering {
            if f(&requirement.expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
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

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context.clone())?;
        let stop = CancellationToken::new();
        let cutter = Cutter {
            input,
            groups: self.groups,
            bytes_per_row: self.kernel.bytes_per_row(),
            rows_max: context.session_config().batch_size(),
            memory: MemoryConsumer::new(self.function).register(context.memory_pool()),
            current: Group::default(),
            job: Vec::new(),
        };
        let (function, groups, kernel, schema) = (self.function, self.groups, self.kernel.clone(), self.schema());
        let stop_on_drop = stop.clone().drop_guard();
        let run = move |job: Job| {
            let (kernel, schema, stop) = (kernel.clone(), schema.clone(), stop.clone());
            let work = tokio::task::spawn_blocking(move || job.run(function, groups, &*kernel, &schema, &stop));
            async move { work.await.map_err(|error| DataFusionError::External(Box::new(error)))? }
        };
        let batches = futures::stream::try_unfold(cutter, |mut cutter| async move {
            Ok::<_, DataFusionError>(cutter.next_job().await?.map(|job| (job, cutter)))
        })
        .map_ok(run)
        .try_buffered(context.session_config().target_partitions().max(1))
        .try_filter(move |batch| {
            // lives as long as the stream does
            let _ = &stop_on_drop;
            futures::future::ready(batch.num_rows() > 0)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches.boxed())))
    }
}

/// Rows of one group, as they came.
#[derive(Debug, Default)]
struct Group {
    key: Vec<ScalarValue>,
    slices: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

/// Cuts sorted rows into groups, and gathers those to jobs.
struct Cutter {
    input: SendableRecordBatchStream,
    groups: usize,
    bytes_per_row: usize,
    rows_max: usize,
    memory: MemoryReservation,
    /// Not whole yet.
    current: Group,
    /// Whole ones.
    job: Vec<Group>,
}

impl Cutter {
    /// The next groups; `None` at the end.
    async fn next_job(&mut self) -> Result<Option<Job>> {
        while self.job.iter().map(|group| group.rows).sum::<usize>() < self.rows_max {
            match self.input.next().await {
                Some(batch) => self.take(&batch?)?,
                None => {
                    self.end_group();
                    break;
                }
            }
        }
        if self.job.is_empty() {
            return Ok(None);
        }
        let groups = std::mem::take(&mut self.job);
        let memory = self.memory.split(groups.iter().map(|group| group.bytes).sum());
        Ok(Some(Job { groups, _memory: memory }))
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let bytes_per_row = batch.get_array_memory_size() / batch.num_rows() + self.bytes_per_row;
        for range in self.ranges(batch)? {
            let key = batch.columns().iter().take(self.groups);
            let key = key.map(|column| ScalarValue::try_from_array(column, range.start)).collect::<Result<Vec<_>>>()?;
            if self.current.rows > 0 && key != self.current.key {
                self.end_group();
            }
            let bytes = range.len() * bytes_per_row;
            self.memory.try_grow(bytes)?;
            self.current.key = key;
            self.current.slices.push(batch.slice(range.start, range.len()));
            self.current.rows += range.len();
            self.current.bytes += bytes;
        }
        Ok(())
    }

    fn ranges(&self, batch: &RecordBatch) -> Result<Vec<Range<usize>>> {
        match batch.columns().get(..self.groups) {
            Some([]) | None => Ok(std::iter::once(0..batch.num_rows()).collect()),
            Some(columns) => Ok(partition(columns)?.ranges()),
        }
    }

    fn end_group(&mut self) {
        if self.current.rows > 0 {
            self.job.push(std::mem::take(&mut self.current));
        }
    }
}

/// Groups to work on, with the memory they were counted with.
struct Job {
    groups: Vec<Group>,
    _memory: MemoryReservation,
}

impl Job {
    fn run(
        self,
        function: &str,
        columns: usize,
        kernel: &dyn Kernel,
        schema: &SchemaRef,
        stop: &CancellationToken,
    ) -> Result<RecordBatch> {
        let mut results = Vec::with_capacity(self.groups.len());
        for group in self.groups {
            let Some(first) = group.slices.first() else { continue };
            let rows = concat_batches(first.schema_ref(), &group.slices)?;
            let own: Vec<usize> = (columns..rows.num_columns()).collect();
            let stopped = || stop.is_cancelled();
            let result = kernel
                .run(&rows.project(&own)?, &stopped)
                .map_err(|error| external(failure::of(function, &error, &group.key)))?;
            let repeated = UInt32Array::from(vec![0; result.first().map_or(0, |column| column.len())]);
            let keys = rows.columns().iter().take(columns).map(|column| take(column, &repeated, None));
            let mut all = keys.collect::<std::result::Result<Vec<ArrayRef>, _>>()?;
            all.extend(result);
            results.push(RecordBatch::try_new(schema.clone(), all)?);
        }
        Ok(concat_batches(schema, &results)?)
    }
}
