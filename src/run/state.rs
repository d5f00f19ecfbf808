//! `lakewire.models` and `lakewire.lineage`: the project beside what the lake has of it.

use datafusion::arrow::array::RecordBatch;

use super::{Decision, RunPlan};
use crate::catalog::{Object, ObjectKind, Scope};
use crate::error::{Error, Result};
use crate::model::Project;
use crate::runlog::{LINEAGE, MODELS, numbers, optional, text};

/// A row per model of the plan.
pub(super) fn models(plan: &RunPlan, scope: &Scope) -> Result<RecordBatch> {
    let steps: Vec<_> = plan.steps.iter().map(|step| (step, scope.object(&step.model.name))).collect();
    let made_by = |object: &Object| object.provenance.as_ref().map(|made| made.run_id.clone());
    let columns = vec![
        text(steps.iter().map(|(step, _)| step.model.name.to_string())),
        text(steps.iter().map(|(step, _)| &step.model.name.schema)),
        text(steps.iter().map(|(step, _)| step.model.materialized.as_str())),
        text(steps.iter().map(|(step, _)| step.model.path.display().to_string())),
        optional(steps.iter().map(|(step, _)| step.model.description.as_ref())),
        text(steps.iter().map(|(step, _)| step.model.tags.join(", "))),
        text(steps.iter().map(|(step, _)| &step.model.fingerprint)),
        optional(steps.iter().map(|(_, object)| object.as_deref().and_then(made_by))),
        numbers(steps.iter().map(|(_, object)| match object.as_ref().map(|object| &object.kind) {
            Some(ObjectKind::Table { rows, .. }) => *rows,
            _ => None,
        })),
        text(steps.iter().map(|(step, _)| if step.runs() { "stale" } else { "fresh" })),
        optional(steps.iter().map(|(step, _)| match &step.decision {
            Decision::Run(reason) => Some(reason.to_string()),
            Decision::Skip => None,
        })),
    ];
    RecordBatch::try_new(MODELS.clone(), columns)
        .map_err(|error| Error::internal("rows of lakewire.models").with_source(error))
}

/// A row per edge, from what is read to what reads it.
pub(super) fn lineage(project: &Project) -> Result<RecordBatch> {
    let edges: Vec<_> = project
        .models
        .values()
        .flat_map(|model| model.depends_on.iter().map(move |input| (input, &model.name)))
        .collect();
    let kind = |(input, _): &(&crate::names::TableName, _)| {
        if project.models.contains_key(input) {
            "model"
        } else if project.sources.contains_key(input) {
            "source"
        } else {
            "table"
        }
    };
    let columns = vec![
        text(edges.iter().map(|(from, _)| from.to_string())),
        text(edges.iter().map(|(_, to)| to.to_string())),
        text(edges.iter().map(kind)),
    ];
    RecordBatch::try_new(LINEAGE.clone(), columns)
        .map_err(|error| Error::internal("rows of lakewire.lineage").with_source(error))
}
