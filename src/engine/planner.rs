//! Statement → logical plan, within one scope.
//!
//! Invariant: everything asynchronous (opening snapshots, planning views) is done before DataFusion's planner runs,
//! which is not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::catalog::{TableFunctionArgs, TableProvider};
use datafusion::common::TableReference;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::config::ConfigOptions;
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::{PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast::{self, Visit};

use super::number_series::{integers, is_integer, numerics, widened};
use super::sql_types::SqlTypes;
use super::stream::Guard;
use super::tree::calls::{Calls, call_key};
use super::tree::{call_clauses, common_columns, value_rows, values_parameters};
use super::typing::{Reads, Typing};
use super::{Shared, errors, execute, plan, shown_scales, time_travel, tree, unknown_functions};
use crate::catalog::{Scope, Sequences};
use crate::dialect::{self, Statement};
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::{self, Metadata};
use crate::pgfunctions;
use crate::pgfunctions::time::rewrite_casts;
use crate::pgtypes::{Type, pg_type};

/// Plans statements as one session sees one scope. Made once per release and settings, used for many statements.
#[derive(Debug)]
pub(super) struct Planner {
    shared: Arc<Shared>,
    scope: Scope,
    state: Arc<SessionState>,
    search_path: Vec<String>,
    metadata: Arc<Metadata>,
    /// Whose rights count; none for the server's own work.
    user: Option<String>,
    /// Types of parameters that the client, or PREPARE, has given.
    pub(super) parameters: Vec<Option<Type>>,
    /// Whether a table was resolved that follows its head.
    pub(super) follows_head: AtomicBool,
    /// What bare names stand for before all others: rows that parts of the statement return.
    given: HashMap<String, Arc<dyn TableProvider>>,
    /// Where the literals are noted that were read as values, for who asks.
    reads: Option<Reads>,
}

impl Planner {
    /// Where the lake's sequences stand.
    pub(super) fn sequences(&self) -> &Sequences {
        self.shared.running.catalog.sequences()
    }

    pub fn new(
        shared: Arc<Shared>,
        scope: Scope,
        state: Arc<SessionState>,
        search_path: Vec<String>,
        metadata: Arc<Metadata>,
    ) -> Self {
        Self {
            shared,
            scope,
            state,
            search_path,
            metadata,
            user: None,
            follows_head: AtomicBool::new(false),
            parameters: Vec::new(),
            given: HashMap::new(),
            reads: None,
        }
    }

    /// The same planner, to be given names of its own.
    pub fn again(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            scope: self.scope.clone(),
            state: self.state.clone(),
            search_path: self.search_path.clone(),
            metadata: self.metadata.clone(),
            user: self.user.clone(),
            follows_head: AtomicBool::new(self.follows_head()),
            parameters: self.parameters.clone(),
            given: self.given.clone(),
            reads: None,
        }
    }

    /// The same planner, which notes the literals that it reads.
    pub fn noting(&self, reads: &Reads) -> Self {
        Self { reads: Some(reads.clone()), ..self.again() }
    }

    /// Lets a bare name stand for this table.
    pub fn give(&mut self, name: String, table: Arc<dyn TableProvider>) {
        self.given.insert(name, table);
    }

    /// What was given under the name.
    pub fn given(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.given.get(name).cloned()
    }

    /// The planner for what a user may do.
    pub fn for_user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// The user, where that is one whose rights may end.
    pub fn limited_user(&self) -> Option<&str> {
        self.user.as_deref().filter(|user| !self.shared.running.roles.is_owner(user))
    }

    /// The planner for statements whose parameters have these types, where there are any.
    pub fn with_parameters(mut self, parameters: &[Option<Type>]) -> Self {
        self.parameters = parameters.to_vec();
        self
    }

    pub fn parameters(&self) -> &[Option<Type>] {
        &self.parameters
    }

    pub fn engine(&self) -> &Arc<Shared> {
        &self.shared
    }
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
    pub fn state(&self) -> &Arc<SessionState> {
        &self.state
    }
    pub fn search_path(&self) -> &[String] {
        &self.search_path
    }
    pub fn metadata(&self) -> &Arc<Metadata> {
        &self.metadata
    }
    pub fn database(&self) -> &str {
        &self.shared.database
    }
    /// Whether something planned so far may differ in the next statement, though the release does not.
    pub fn follows_head(&self) -> bool {
        self.follows_head.load(Ordering::Relaxed)
    }

    /// The statement's logical plan, not yet optimized.
    ///
    /// # Errors
    /// With PostgreSQL's SQLSTATE, and the place in the query string where one is known.
    pub async fn plan(&self, statement: &Statement) -> Result<LogicalPlan> {
        self.plan_at(statement, 0).await
    }

    /// [`Self::plan`], its types settled as far as its parameters allow.
    pub async fn plan_with_types(&self, statement: &Statement) -> Result<LogicalPlan> {
        self.typed(self.plan(statement).await?, statement)
    }

    /// [`Self::plan_with_types`] of a query whose rows a client is shown.
    pub async fn plan_shown(&self, statement: &Statement) -> Result<LogicalPlan> {
        let plan = shown_scales::shown(self.plan(statement).await?);
        self.typed(plan.map_err(|error| errors::in_statement(error, statement))?, statement)
    }

    fn typed(&self, plan: LogicalPlan, statement: &Statement) -> Result<LogicalPlan> {
        execute::coerced(plan, self.state.config_options()).map_err(|error| errors::in_statement(error, statement))
    }

    /// Makes a plan away from the threads that serve clients, as long as the guard lets it: one that takes long keeps
    /// nobody waiting, and a cancel is obeyed meanwhile.
    pub fn apart<T, F>(
        self: &Arc<Self>,
        guard: &Guard,
        statement: &Statement,
        plan: impl FnOnce(Arc<Self>, Statement) -> F,
    ) -> impl Future<Output = Result<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        guard.run(self.shared.resources.workers().apart(plan(self.clone(), statement.clone())))
    }

    pub(super) async fn plan_at(&self, statement: &Statement, depth: usize) -> Result<LogicalPlan> {
        self.plan_over(statement, HashMap::new(), depth).await
    }

    /// The plan of a statement in which some names stand for what the caller gives.
    pub(super) async fn plan_over(
        &self,
        statement: &Statement,
        known: HashMap<TableReference, Arc<dyn TableSource>>,
        depth: usize,
    ) -> Result<LogicalPlan> {
        if let Some(ast) = tree::out_parameters::left_out(&statement.ast, &self.parameters) {
            return Box::pin(self.plan_over(&Statement { ast, ..statement.clone() }, known, depth)).await;
        }
        let mut names = self.names_in(statement, known.clone(), depth).await?;
        self.add_system_columns(&statement.ast, &mut names.tables).await?;
        let mut ast = statement.ast.clone();
        call_clauses::check(&ast, &self.state).map_err(|error| errors::in_statement(error, statement))?;
        values_parameters::settle_whole(&mut ast, &self.parameters);
        tree::having_names::settle(&mut ast, &names.tables).map_err(|name| errors::undefined(&name, statement))?;
        let key_of = |name: &[String]| self.metadata.primary_key(name, &self.search_path);
        tree::expand(&mut ast, &names.tables, &key_of, &|query| names.columns_of(query, statement))?;
        let repeated = plan::repeated(&ast);
        let assigns = matches!(ast, ast::Statement::Insert(_) | ast::Statement::Update(_));
        let planned = SqlToRel::new_with_options(&names, dialect::parser_options(self.state.config_options()))
            .statement_to_plan(DfStatement::Statement(Box::new(ast)))
            .and_then(|made| plan::rewritten(made, &names.typing, assigns, &repeated));
        match planned {
            Err(error) if value_rows::is_refusal(&error) => {
                let Some(ast) = value_rows::apart(&statement.ast) else {
                    return Err(errors::in_statement(error, statement));
                };
                Box::pin(self.plan_over(&Statement { ast, ..statement.clone() }, known, depth)).await
            }
            planned => planned.map_err(|error| errors::in_statement(error, statement)),
        }
    }

    /// Expressions over columns: what the items of the query's SELECT list are where a row has these.
    pub(super) async fn exprs(
        &self,
        statement: &Statement,
        mut items: Vec<ast::Expr>,
        columns: &DFSchema,
    ) -> Result<Vec<Expr>> {
        let names = self.names_in(statement, HashMap::new(), 0).await?;
        let planner = SqlToRel::new_with_options(&names, dialect::parser_options(self.state.config_options()));
        let plan = |item| planner.sql_to_expr(item, columns, &mut PlannerContext::new());
        common_columns::expand(&mut items, &|query| names.columns_of(query, statement))?;
        let planned = items.into_iter().map(|item| plan(item).and_then(plan::multisets::counted_in));
        planned.collect::<DataFusionResult<_>>().map_err(|error| errors::in_statement(error, statement))
    }

    /// Everything that the statement names, opened.
    async fn names_in(
        &self,
        statement: &Statement,
        mut tables: HashMap<TableReference, Arc<dyn TableSource>>,
        depth: usize,
    ) -> Result<Names<'_>> {
        let parsed = DfStatement::Statement(Box::new(statement.ast.clone()));
        let references =
            self.state.resolve_table_references(&parsed).map_err(|error| errors::in_statement(error, statement))?;
        let mut calls = Calls::default();
        let _ = statement.ast.visit(&mut calls);
        for reference in references {
            // Functions in FROM count as references too.
            let is_call = reference.schema().is_none() && calls.names.contains(reference.table());
            if !is_call && !tables.contains_key(&reference) {
                let source = self.source(&reference, depth).await.map_err(|error| {
                    let name: Vec<String> = reference.to_vec();
                    errors::at_name(error, statement, &name)
                })?;
                tables.insert(reference, source);
            }
        }
        let functions = self.table_functions(calls).await?;
        Ok(self.names(tables, functions))
    }

    fn names(
        &self,
        tables: HashMap<TableReference, Arc<dyn TableSource>>,
        functions: HashMap<String, Arc<dyn TableSource>>,
    ) -> Names<'_> {
        let typing = Arc::new(Typing::new(self.state.config_options(), &self.parameters, self.reads.clone()));
        let mut expr_planners: Vec<Arc<dyn ExprPlanner>> = vec![typing.clone()];
        expr_planners.extend(self.state.expr_planners().iter().cloned());
        Names { planner: self, tables, functions, typing, expr_planners }
    }

    /// The type that a name of one in a statement stands for.
    pub(super) fn type_named(&self, data_type: &ast::DataType) -> Result<Type> {
        let definition = ast::ColumnDef { name: ast::Ident::new("t"), data_type: data_type.clone(), options: vec![] };
        let schema = self.columns(vec![definition])?;
        Ok(schema.fields().first().map_or(Type::TEXT, |field| pg_type(field.data_type())))
    }

    /// The columns that definitions stand for; those with NOT NULL are not nullable.
    pub(super) fn columns(&self, definitions: Vec<ast::ColumnDef>) -> Result<Schema> {
        let names = self.names(HashMap::new(), HashMap::new());
        SqlToRel::new_with_options(&names, dialect::parser_options(self.state.config_options()))
            .build_schema(definitions)
            .map_err(errors::from_datafusion)
    }

    /// A table or view by reference, as DataFusion's planner takes it.
    pub(super) async fn source(&self, reference: &TableReference, depth: usize) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(self.provider(reference, depth).await?))
    }

    /// The table functions that must open something, made ready by the text of their arguments.
    async fn table_functions(&self, calls: Calls) -> Result<HashMap<String, Arc<dyn TableSource>>> {
        let mut ready = HashMap::new();
        for (name, arguments) in calls.constant {
            if let Some(provider) = time_travel::call(self, &name, &arguments).await? {
                ready.insert(call_key(&name, &arguments), provider_as_source(provider));
            }
        }
        Ok(ready)
    }

    /// The plan with its columns named as a client may write them.
    pub(super) fn visible(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        visible_columns(plan).map_err(errors::from_datafusion)
    }

    /// The expression with everything constant computed.
    pub(super) fn simplified(&self, expr: Expr) -> DataFusionResult<Expr> {
        self.simplified_over(expr, &DFSchema::empty())
    }

    /// The same of one that reads these columns.
    pub(super) fn simplified_over(&self, expr: Expr, schema: &DFSchema) -> DataFusionResult<Expr> {
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(schema.clone()))
            .with_config_options(Arc::clone(self.state.config_options()))
            .with_query_execution_start_time(self.state.execution_props().query_execution_start_time)
            .build();
        let simplifier = ExprSimplifier::new(context);
        let expr = expr.transform_up(|expr| rewrite_casts(expr, schema))?.data;
        simplifier.coerce(expr, schema).and_then(|expr| simplifier.simplify(expr))
    }
}

fn visible_columns(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let hidden = |name: &String| dialect::visible_name(name).len() != name.len();
    if !plan.schema().fields().iter().any(|field| hidden(field.name())) {
        return Ok(plan);
    }
    let columns: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .map(|column| {
            let name = dialect::visible_name(&column.name).to_owned();
            Expr::Column(column).alias(name)
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// Resolved names, as DataFusion's planner asks for them.
struct Names<'a> {
    planner: &'a Planner,
    tables: HashMap<TableReference, Arc<dyn TableSource>>,
    functions: HashMap<String, Arc<dyn TableSource>>,
    typing: Arc<Typing>,
    /// [`Typing`] before DataFusion's own.
    expr_planners: Vec<Arc<dyn ExprPlanner>>,
}

impl Names<'_> {
    fn columns_of(&self, query: ast::Query, statement: &Statement) -> Result<DFSchemaRef> {
        let names = self.planner.names(self.tables.clone(), self.functions.clone());
        let query = DfStatement::Statement(Box::new(ast::Statement::Query(Box::new(query))));
        let plan = SqlToRel::new_with_options(&names, dialect::parser_options(self.state().config_options()))
            .statement_to_plan(query)
            .map_err(|error| errors::in_statement(error, statement))?;
        Ok(plan.schema().clone())
    }

    fn state(&self) -> &SessionState {
        &self.planner.state
    }
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> DataFusionResult<Arc<dyn TableSource>> {
        self.tables.get(&name).cloned().ok_or_else(|| {
            let message = format!("relation \"{name}\" does not exist");
            DataFusionError::External(Box::new(Error::new(ErrorKind::UndefinedTable, message)))
        })
    }

    fn get_table_function_source(&self, name: &str, arguments: Vec<Expr>) -> DataFusionResult<Arc<dyn TableSource>> {
        let arguments = if pgcatalog::ignores_arguments(name) { Vec::new() } else { arguments };
        let of_integers = name == "generate_series" && arguments.iter().all(is_integer);
        let arguments =
            arguments.into_iter().map(|e| self.planner.simplified(e)).collect::<DataFusionResult<Vec<_>>>()?;
        let text: Option<Vec<String>> = arguments.iter().map(literal_text).collect();
        if let Some(ready) = text.and_then(|text| self.functions.get(&call_key(name, &text))) {
            return Ok(ready.clone());
        }
        // PostgreSQL's take any integer, DataFusion's only its widest.
        let arguments: Vec<Expr> = arguments.into_iter().map(widened).collect();
        let function = self.state().table_functions().get(name).cloned().ok_or_else(|| {
            let message = match time_travel::FUNCTIONS.contains(&name) {
                true => {
                    Error::new(ErrorKind::FeatureNotSupported, format!("the arguments of {name} must be constants"))
                }
                false => return unknown_functions::in_from(name, &arguments),
            };
            DataFusionError::External(Box::new(message))
        })?;
        if name == "generate_series"
            && let Some(function) = self.state().scalar_functions().get(name)
            && let Some(numerics) = numerics(function, &arguments)?
        {
            return Ok(numerics);
        }
        let provider = function.create_table_provider_with_args(TableFunctionArgs::new(&arguments, self.state()))?;
        let source = provider_as_source(provider);
        if of_integers { integers(source) } else { Ok(source) }
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> DataFusionResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expr_planners
    }
    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state().relation_planners()
    }
    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(SqlTypes))
    }
    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let state = self.state();
        state.scalar_functions().get(name).cloned().or_else(|| {
            let known = state.aggregate_functions().contains_key(name)
                || state.window_functions().contains_key(name)
                || state.higher_order_functions().contains_key(name)
                || state.table_functions().contains_key(name)
                || name == "unnest";
            let near =
                || errors::nearest(name, self.udf_names().into_iter().chain(self.udaf_names()).map(|n| (n.clone(), n)));
            (!known).then(|| pgfunctions::stand_in(name, near()))
        })
    }
    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state().higher_order_functions().get(name).cloned()
    }
    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state().aggregate_functions().get(name).cloned()
    }
    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state().window_functions().get(name).cloned()
    }
    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }
    fn options(&self) -> &ConfigOptions {
        self.state().config_options()
    }
    fn udf_names(&self) -> Vec<String> {
        self.state().scalar_functions().keys().cloned().collect()
    }
    fn higher_order_function_names(&self) -> Vec<String> {
        self.state().higher_order_functions().keys().cloned().collect()
    }
    fn udaf_names(&self) -> Vec<String> {
        self.state().aggregate_functions().keys().cloned().collect()
    }
    fn udwf_names(&self) -> Vec<String> {
        self.state().window_functions().keys().cloned().collect()
    }
}

fn literal_text(argument: &Expr) -> Option<String> {
    match argument {
        Expr::Literal(value, _) if !value.is_null() => match value {
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => Some(text.clone()),
            other => Some(other.to_string()),
        },
        _ => None,
    }
}
