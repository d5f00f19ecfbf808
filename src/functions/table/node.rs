//! The functions that are more than a query, as nodes of a plan: rows in groups go in, each group's result comes out.
//!
//! Invariant: a kernel sees the rows of a group in the order of all their columns, so it does not matter how they came.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::Field;
use datafusion::catalog::Session;
use datafusion::common::{Column, DFSchema, DFSchemaRef};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use datafusion::scalar::ScalarValue;

use super::call::{Call, check_range, external};
use super::groups::GroupsExec;
use crate::error::{Error, Result};
use crate::functions::{FunctionError, Stop};

/// What is done with one group.
pub trait Kernel: fmt::Debug + Send + Sync {
    /// The result's columns, without the group's, for the rows of one group, whose columns come without the group's too.
    fn run(&self, rows: &RecordBatch, stop: Stop<'_>) -> std::result::Result<Vec<ArrayRef>, FunctionError>;

    /// Memory that [`Kernel::run`] takes per row beside the rows themselves, in bytes.
    fn bytes_per_row(&self) -> usize;
}

/// Makes the kernel once the values of all arguments are known.
pub type MakeKernel = fn(&[ScalarValue]) -> Result<Arc<dyn Kernel>>;

/// Plans the node for a call.
pub struct Plan<'a> {
    /// Columns of the user that rows are grouped by.
    pub groups: Vec<Column>,
    /// The kernel's columns, from the call's relation.
    pub columns: Vec<(&'a str, Expr)>,
    /// Names of arguments whose values the kernel needs, in its order. They may be parameters of a prepared statement.
    pub values: &'static [&'static str],
    /// What the kernel needs besides, after those.
    pub constants: Vec<ScalarValue>,
    pub make: MakeKernel,
    /// The result's columns after the groups'.
    pub result: Vec<Field>,
}

impl Plan<'_> {
    pub fn build(self, call: &Call, input: LogicalPlan) -> DataFusionResult<LogicalPlan> {
        let groups = self.groups.len();
        let mut columns: Vec<Expr> = Vec::new();
        let mut fields = Vec::new();
        for group in &self.groups {
            let name = crate::dialect::visible_name(&group.name);
            fields.push(Field::new(name, call.type_of(group).map_err(external)?, true));
            // Their names may be those of the kernel's columns.
            columns.push(Expr::Column(group.clone()).alias(format!("group {}", columns.len() + 1)));
        }
        columns.extend(self.columns.into_iter().map(|(name, expr)| expr.alias(name)));
        fields.extend(self.result);
        let mut names: Vec<&String> = fields.iter().map(Field::name).collect();
        names.sort();
        if let Some([name, _]) = names.array_windows::<2>().find(|[a, b]| a == b) {
            return Err(external(call.taken(name)));
        }
        let input = LogicalPlanBuilder::from(input).project(columns)?.build()?;
        let mut options = Vec::new();
        for name in self.values {
            options.push(call.value(name).map_err(external)?);
        }
        options.extend(self.constants.into_iter().map(|value| Expr::Literal(value, None)));
        let schema = Arc::new(DFSchema::from_unqualified_fields(fields.into(), std::collections::HashMap::new())?);
        let node =
            Groups { signature: call.signature, values: self.values, input, groups, options, make: self.make, schema };
        if node.options.iter().all(|option| matches!(option, Expr::Literal(..))) {
            node.kernel()?;
        }
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }
}

/// A kernel over the groups of its input.
#[derive(Debug, Clone)]
struct Groups {
    signature: &'static super::Signature,
    values: &'static [&'static str],
    input: LogicalPlan,
    /// How many of the input's columns, from the first, make the groups.
    groups: usize,
    options: Vec<Expr>,
    make: MakeKernel,
    schema: DFSchemaRef,
}

impl Groups {
    /// # Errors
    /// `22023` for values outside their ranges; a parameter without a value is a fault of the planner.
    fn kernel(&self) -> DataFusionResult<Arc<dyn Kernel>> {
        let mut values = Vec::with_capacity(self.options.len());
        for (nth, option) in self.options.iter().enumerate() {
            let folded =
                ExprSimplifier::new(SimplifyContext::default()).simplify(option.clone().unalias_nested().data)?;
            let Expr::Literal(value, _) = folded else { return Err(self.unbound()) };
            if let Some(argument) = self.values.get(nth).and_then(|name| self.signature.argument(name)) {
                check_range(self.signature, argument, &value).map_err(external)?;
            }
            values.push(value);
        }
        (self.make)(&values).map_err(external)
    }

    fn unbound(&self) -> DataFusionError {
        let message = format!("the arguments of {} must be constants or parameters", self.signature.name);
        external(Error::new(crate::error::ErrorKind::FeatureNotSupported, message))
    }

    fn key(&self) -> (&'static str, &LogicalPlan, usize, &[Expr]) {
        (self.signature.name, &self.input, self.groups, &self.options)
    }
}

impl PartialEq for Groups {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Groups {}

impl PartialOrd for Groups {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.key().partial_cmp(&other.key())
    }
}

impl Hash for Groups {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl UserDefinedLogicalNodeCore for Groups {
    fn name(&self) -> &str {
        self.signature.name
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.options.clone()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: groups={}", self.signature.name, self.groups)
    }

    fn with_exprs_and_inputs(&self, options: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DataFusionResult<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Self { input, options, ..self.clone() }),
            _ => Err(DataFusionError::Internal(format!("{} reads one relation", self.signature.name))),
        }
    }
}

/// What plans the nodes of these functions.
pub fn extension_planner() -> Arc<dyn ExtensionPlanner + Send + Sync> {
    Arc::new(GroupsPlanner)
}

struct GroupsPlanner;

#[async_trait]
impl ExtensionPlanner for GroupsPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<Groups>() else { return Ok(None) };
        let [input] = physical_inputs else {
            return Err(DataFusionError::Internal(format!("{} reads one relation", node.signature.name)));
        };
        let schema = node.schema.inner().clone();
        let operator = GroupsExec::new(node.signature.name, input.clone(), node.groups, node.kernel()?, schema)?;
        Ok(Some(Arc::new(operator)))
    }
}
