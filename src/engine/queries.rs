//! A session's queries: planned once, optimized once, and executed in the state that suits them.
//!
//! Invariant: a plan is used again only for the release and the settings it was made under.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use datafusion::execution::SessionState;
use datafusion::scalar::ScalarValue;

use super::context::SessionInfo;
use super::planned::{Basis, Planned, bind, locate, other_columns, same_columns};
use super::planner::Planner;
use super::session::{Prepared, Session};
use super::stream::Guard;
use super::{BatchStream, execute, locks, reg_values, write};
use crate::catalog::Scope;
use crate::dialect::Statement;
use crate::error::Result;
use crate::pgtypes::Type;

/// DataFusion's states under one basis: making one copies every function registry.
#[derive(Debug)]
pub(super) struct States {
    basis: Basis,
    parallel: Arc<SessionState>,
    /// For what reads catalogs only.
    alone: OnceLock<Arc<SessionState>>,
}

impl States {
    fn suiting(&self, planned: &Planned) -> Arc<SessionState> {
        match planned.reads_catalogs {
            true => self.alone.get_or_init(|| Arc::new(execute::in_one_partition(&self.parallel))).clone(),
            false => self.parallel.clone(),
        }
    }
}

impl Session {
    /// The rows of a prepared query, good until `rows_guard` ends them.
    pub(super) async fn query(
        &mut self,
        prepared: &Prepared,
        params: &[ScalarValue],
        rows_guard: Guard,
    ) -> Result<BatchStream> {
        let guard = self.guard.clone();
        locks::take(self, &prepared.statement).await?;
        let statement = prepared.lifted.as_ref().map_or(prepared.statement.as_ref(), |(lifted, _)| &lifted.statement);
        let planned = match &prepared.plan {
            Some(planned) if self.still_holds(planned).await? => planned.clone(),
            _ => {
                let types: Vec<_> = prepared.parameters.iter().cloned().map(Some).collect();
                let planned = guard.run(Box::pin(self.plan(statement, &types))).await?;
                let changed = prepared.schema.as_ref().is_some_and(|schema| !same_columns(schema, &planned.schema));
                if changed {
                    return Err(other_columns());
                }
                planned
            }
        };
        planned.used.store(true, Ordering::Relaxed);
        let scope = self.scope().await?;
        let state = self.states(&scope, &planned.basis).suiting(&planned);
        let state = if planned.reads_clock { self.at_clock(&state) } else { state };
        let bound = bind(&planned.logical, &prepared.statement, params)?;
        let optimized = match (&bound, planned.optimized.get()) {
            (None, Some(known)) => known.clone(),
            _ => {
                let plan = bound.as_ref().unwrap_or(&planned.logical).clone();
                let (state, statement) = (Arc::clone(&state), Arc::clone(&prepared.statement));
                let work = async move {
                    let optimized = state.optimize(&plan);
                    optimized.map_err(|error| locate(super::errors::in_statement(error, &statement), &statement))
                };
                let optimized = guard.run(self.shared.resources.workers().apart(work)).await?;
                if bound.is_none() && !planned.reads_clock {
                    // Another session may have been first, with the same plan.
                    let _ = planned.optimized.set(optimized.clone());
                }
                optimized
            }
        };
        let optimized = match &prepared.lifted {
            Some((lifted, values)) => bind(&optimized, &lifted.statement, values)?.unwrap_or(optimized),
            None => optimized,
        };
        let schema = match &bound {
            Some(bound) => execute::described_as(bound, &planned.schema),
            None => planned.schema.clone(),
        };
        execute::optimized_rows(&self.shared.resources, &state, optimized, schema, rows_guard).await
    }

    async fn still_holds(&mut self, planned: &Planned) -> Result<bool> {
        let basis = Basis::new(&self.scope().await?, &self.settings);
        let fresh = !planned.follows_head || !planned.used.load(Ordering::Relaxed);
        Ok(fresh && planned.basis.is(&basis))
    }

    /// The statement's plan; the one that any session made for the same text under the same basis, if there is one.
    pub(super) async fn plan(&mut self, statement: &Statement, parameters: &[Option<Type>]) -> Result<Arc<Planned>> {
        let basis = Basis::new(&self.scope().await?, &self.settings);
        let key = plan_key(&statement.text, parameters);
        let known = self.shared.plans.get(&key);
        // who may not read what another may has settings of their own: the basis knows
        if let Some(planned) = known.filter(|known| known.basis.is(&basis)) {
            return Ok(planned);
        }
        let planned = self.plan_anew(statement, parameters).await?;
        if !planned.follows_head && planned.basis.overlay.is_none() && planned.basis.temporary.is_none() {
            self.shared.plans.put(&key, planned.clone());
        }
        Ok(planned)
    }

    async fn plan_anew(&mut self, statement: &Statement, parameters: &[Option<Type>]) -> Result<Arc<Planned>> {
        write::settle_places(self, statement).await?;
        let scope = self.scope().await?;
        let (planner, basis) = self.planner(scope);
        let planner = planner.with_parameters(parameters);
        let statement = statement.clone();
        let work = async move {
            let logical = planner.plan_shown(&statement).await.map_err(|error| locate(error, &statement))?;
            let known = execute::described(&logical, |scanned, place| planner.origin(scanned, place));
            let logical = reg_values::shown(logical).map_err(super::errors::from_datafusion)?;
            let schema = execute::described_as(&logical, &known);
            Ok((logical, schema, planner.follows_head()))
        };
        let (logical, schema, follows_head) = self.shared.resources.workers().apart(work).await?;
        Ok(Arc::new(Planned {
            schema,
            reads_clock: execute::reads_clock(&logical),
            reads_catalogs: execute::reads_catalogs_only(&logical),
            logical,
            optimized: OnceLock::new(),
            basis,
            follows_head,
            used: AtomicBool::new(false),
        }))
    }

    fn planner(&mut self, scope: Scope) -> (Planner, Basis) {
        let basis = Basis::new(&scope, &self.settings);
        let state = self.states(&scope, &basis).parallel.clone();
        let metadata = match SessionInfo::of(state.config_options()) {
            Some(info) => info.metadata().clone(),
            None => self.shared.metadata(&scope),
        };
        let path = self.settings.search_path();
        (Planner::new(self.shared.clone(), scope, state, path, metadata).for_user(self.settings.user()), basis)
    }

    /// A planner for what the session sees now. Its scope is fresh, so tables that follow their heads are too.
    pub(super) async fn planner_now(&mut self) -> Result<Planner> {
        let scope = self.scope().await?;
        Ok(self.planner_over(scope))
    }

    pub(super) fn planner_over(&mut self, scope: Scope) -> Planner {
        self.planner(scope).0
    }

    /// The states for plans over the scope, made under the basis.
    fn states(&mut self, scope: &Scope, basis: &Basis) -> &States {
        let known = self.states.take().filter(|known| known.basis.names_as(basis));
        let states = known.unwrap_or_else(|| {
            let info = SessionInfo::new(
                self.entry.clone(),
                Some(self.notice_sink()),
                self.shared.running.clone(),
                self.settings.clone(),
                self.shared.metadata(scope),
            );
            let parallel = Arc::new(self.shared.state_for(scope, info));
            States { basis: basis.clone(), parallel, alone: OnceLock::new() }
        });
        self.states.insert(states)
    }

    /// The state with its clock at the transaction's beginning, or now.
    fn at_clock(&self, state: &SessionState) -> Arc<SessionState> {
        let mut state = state.clone();
        state.execution_props_mut().query_execution_start_time =
            Some(self.transaction.started_at().unwrap_or_else(chrono::Utc::now));
        Arc::new(state)
    }
}

/// What a plan is remembered by: the statement, and the types that its parameters were given.
fn plan_key<'a>(text: &'a str, parameters: &[Option<Type>]) -> Cow<'a, str> {
    if parameters.iter().all(Option::is_none) {
        return Cow::Borrowed(text);
    }
    let oids = parameters.iter().map(|given| given.as_ref().map_or(0, Type::oid).to_string()).collect::<Vec<_>>();
    Cow::Owned(format!("{text}\0{}", oids.join(",")))
}
