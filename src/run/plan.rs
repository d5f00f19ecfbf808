//! What would run, and why.

//!
//! A model is up to date when it was built from this SQL, with this configuration, out of these versions of its inputs;
//! all of that is in the catalog's rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::versions::{Versions, sha256_hex};
use super::{RunRequest, Selection};
use crate::catalog::{Object, ObjectKind, Scope};
use crate::error::{Error, Result};
use crate::model::{Materialization, Model, Project, selector};
use crate::names::{ModelName, ReleaseId, TableName};

/// Why a model runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No release has it.
    New,
    SqlChanged,
    ConfigChanged,
    /// Something it reads has another version than the one it was built from.
    InputChanged {
        input: String,
        was: String,
        now: String,
    },
    /// It was built without this input.
    InputAppeared {
        input: String,
    },
    /// It was built from something that is no longer there.
    InputGone {
        input: String,
    },
    /// A model it reads runs.
    Upstream {
        input: TableName,
    },
    /// It calls a function whose result changes by itself.
    Volatile,
    FullRefresh,
    /// The relation exists but no model made it.
    NotBuiltByModel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Run(Reason),
    /// Up to date.
    Skip,
}

/// One model of the plan.
#[derive(Debug, Clone)]
pub struct Step {
    pub model: Arc<Model>,
    pub decision: Decision,
}

/// What a run would do on a release, in an order in which it may be done.
#[derive(Debug, Clone)]
pub struct RunPlan {
    pub release: ReleaseId,
    pub project: Arc<Project>,
    pub steps: Vec<Step>,
}

impl RunPlan {
    /// Compares the selected models with what the scope has of them.
    ///
    /// # Errors
    /// `22023` for a selector that names nothing.
    pub(super) async fn make(project: Arc<Project>, scope: &Scope, request: &RunRequest) -> Result<Self> {
        let chosen = chosen(&project, request)?;
        let selected = selected(&project, request, &chosen)?;
        let order = project.dag().subgraph(&selected).order().map_err(|cycle| Error::internal(cycle.to_string()))?;
        let mut planner =
            Planner { project: &project, scope, versions: Versions::new(scope), running: BTreeSet::new() };
        let mut steps = Vec::with_capacity(order.len());
        for name in order {
            let Some(model) = project.models.get(&name) else { continue };
            let decision = planner.decide(model, request.full_refresh && chosen.contains(&name)).await?;
            if matches!(decision, Decision::Run(_)) {
                planner.running.insert(name);
            }
            steps.push(Step { model: Arc::new(model.clone()), decision });
        }
        Ok(Self { release: scope.release.id(), project, steps })
    }
}

/// The models the request is about.
fn chosen(project: &Project, request: &RunRequest) -> Result<BTreeSet<ModelName>> {
    Ok(match &request.selection {
        Selection::Nothing => BTreeSet::new(),
        Selection::All => project.models.keys().cloned().collect(),
        Selection::Layer(schema) => project.models.keys().filter(|name| name.schema == *schema).cloned().collect(),
        Selection::Selectors(selectors) => selector::select(project, selectors, &[])?,
    })
}

/// The same with the models they read where the request asks for them, without those it leaves out.
fn selected(project: &Project, request: &RunRequest, chosen: &BTreeSet<ModelName>) -> Result<BTreeSet<ModelName>> {
    let mut selected = chosen.clone();
    if request.upstream {
        let dag = project.dag();
        selected.extend(chosen.iter().flat_map(|name| dag.ancestors(name, None)));
    }
    if !request.exclude.is_empty() {
        let kept = selector::select(project, &[], &request.exclude)?;
        selected.retain(|name| kept.contains(name));
    }
    selected.retain(|name| project.models.contains_key(name));
    Ok(selected)
}

/// Decides models in the order of the graph.
struct Planner<'a> {
    project: &'a Project,
    scope: &'a Scope,
    versions: Versions<'a>,
    running: BTreeSet<ModelName>,
}

impl Planner<'_> {
    async fn decide(&mut self, model: &Model, full_refresh: bool) -> Result<Decision> {
        if let Some(reason) = own_reason(model, self.scope.object(&model.name).as_deref(), full_refresh) {
            return Ok(Decision::Run(reason));
        }
        if let Some(input) = self.running_upstream(model) {
            return Ok(Decision::Run(Reason::Upstream { input }));
        }
        if model.materialized == Materialization::Table && self.changes_by_itself(model) {
            return Ok(Decision::Run(Reason::Volatile));
        }
        let recorded = self.scope.object(&model.name).and_then(|object| object.provenance.clone());
        let now = self.versions.of_all(&model.depends_on).await?;
        Ok(input_reason(&recorded.map(|made| made.inputs).unwrap_or_default(), &now)
            .map_or(Decision::Skip, Decision::Run))
    }

    /// A model that runs and that it reads, be it through views.
    fn running_upstream(&self, model: &Model) -> Option<ModelName> {
        let mut seen = BTreeSet::new();
        let mut open = vec![model];
        while let Some(model) = open.pop() {
            if let Some(input) = model.depends_on.iter().find(|input| self.running.contains(input)) {
                return Some(input.clone());
            }
            open.extend(self.views_of(model).filter(|view| seen.insert(&view.name)));
        }
        None
    }

    /// The models it reads that are views.
    fn views_of(&self, model: &Model) -> impl Iterator<Item = &Model> {
        let inputs = model.depends_on.iter().filter_map(|input| self.project.models.get(input));
        inputs.filter(|input| input.materialized == Materialization::View)
    }

    /// It is volatile, or reads a volatile view: the rows below a table are built once, those below a view each time.
    fn changes_by_itself(&self, model: &Model) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![model];
        while let Some(model) = open.pop() {
            if model.volatile {
                return true;
            }
            open.extend(self.views_of(model).filter(|view| seen.insert(&view.name)));
        }
        false
    }
}

/// Why the model runs whatever its inputs are.
fn own_reason(model: &Model, object: Option<&Object>, full_refresh: bool) -> Option<Reason> {
    let Some(object) = object else { return Some(Reason::New) };
    if full_refresh {
        return Some(Reason::FullRefresh);
    }
    let Some(made) = &object.provenance else { return Some(Reason::NotBuiltByModel) };
    let is_view = matches!(object.kind, ObjectKind::View { .. });
    if made.sql_hash != sha256_hex(&model.compiled_sql) {
        Some(Reason::SqlChanged)
    } else if made.fingerprint != model.fingerprint || is_view != (model.materialized == Materialization::View) {
        Some(Reason::ConfigChanged)
    } else {
        None
    }
}

/// The first difference between the inputs a model was built from and those it would be built from.
fn input_reason(recorded: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<Reason> {
    let changed = now.iter().find_map(|(input, now)| match recorded.get(input) {
        None => Some(Reason::InputAppeared { input: input.clone() }),
        Some(was) if was != now => {
            Some(Reason::InputChanged { input: input.clone(), was: was.clone(), now: now.clone() })
        }
        Some(_) => None,
    });
    let gone = || recorded.keys().find(|input| !now.contains_key(*input));
    changed.or_else(|| gone().map(|input| Reason::InputGone { input: input.clone() }))
}

impl Step {
    pub fn runs(&self) -> bool {
        matches!(self.decision, Decision::Run(_))
    }
}

impl RunPlan {
    /// Models that would run.
    pub fn running(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.runs())
    }
    pub fn is_noop(&self) -> bool {
        self.running().next().is_none()
    }
    pub fn step(&self, name: &ModelName) -> Option<&Step> {
        self.steps.iter().find(|step| step.model.name == *name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::SqlChanged => f.write_str("sql changed"),
            Self::ConfigChanged => f.write_str("config changed"),
            Self::InputChanged { input, was, now } => match versions(was, now) {
                Some((was, now)) => write!(f, "input {input} changed (version {was} → {now})"),
                None => write!(f, "input {input} changed"),
            },
            Self::InputAppeared { input } => write!(f, "input {input} is new"),
            Self::InputGone { input } => write!(f, "input {input} is gone"),
            Self::Upstream { input } => write!(f, "upstream {input} runs"),
            Self::Volatile => f.write_str("volatile"),
            Self::FullRefresh => f.write_str("full refresh"),
            Self::NotBuiltByModel => f.write_str("not built by a model"),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(reason) => reason.fmt(f),
            Self::Skip => f.write_str("unchanged"),
        }
    }
}

/// The Delta versions in two `<object id>@<version>` of the same table.
fn versions<'a>(was: &'a str, now: &'a str) -> Option<(&'a str, &'a str)> {
    let ((old, was), (new, now)) = (was.split_once('@')?, now.split_once('@')?);
    (old == new).then_some((was, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn a_changed_input_is_named_with_its_versions() {
        let reason = input_reason(&inputs(&[("silver.x", "id@3")]), &inputs(&[("silver.x", "id@4")])).unwrap();
        assert_eq!(reason.to_string(), "input silver.x changed (version 3 → 4)");
        let view = input_reason(&inputs(&[("silver.v", "aa")]), &inputs(&[("silver.v", "bb")])).unwrap();
        assert_eq!(view.to_string(), "input silver.v changed");
    }

    #[test]
    fn inputs_that_come_and_go_are_differences() {
        let (one, both) = (inputs(&[("a.a", "1")]), inputs(&[("a.a", "1"), ("b.b", "1")]));
        assert_eq!(input_reason(&one, &both).unwrap().to_string(), "input b.b is new");
        assert_eq!(input_reason(&both, &one).unwrap().to_string(), "input b.b is gone");
        assert_eq!(input_reason(&both, &both), None);
    }
}
