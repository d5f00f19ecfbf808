//! One model: its query planned in the overlay, its rows written there.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::errors;
use super::versions::{Versions, sha256_hex};
use crate::catalog::{Column, Overlay, Provenance, Scope};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Materialization, Model, Project};
use crate::names::RunId;
use crate::table::{WriteMode, WriteSpec};

/// What a model's run made.
#[derive(Debug)]
pub(super) struct Built {
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub inputs: BTreeMap<String, String>,
}

/// Builds the model in the overlay.
///
/// # Errors
/// Whatever planning or writing gives, naming the model and its file.
pub(super) async fn build(
    engine: &Engine,
    overlay: &Arc<Overlay>,
    project: &Project,
    model: &Model,
    run_id: RunId,
) -> Result<Built> {
    build_unnamed(engine, overlay, project, model, run_id).await.map_err(|error| named(error, model))
}

async fn build_unnamed(
    engine: &Engine,
    overlay: &Arc<Overlay>,
    project: &Project,
    model: &Model,
    run_id: RunId,
) -> Result<Built> {
    let scope = overlay.scope();
    check_inputs(&scope, project, model)?;
    let inputs = Versions::new(&scope).of_all(&model.depends_on).await?;
    let provenance = Provenance {
        run_id: run_id.to_string(),
        fingerprint: model.fingerprint.clone(),
        sql_hash: sha256_hex(&model.compiled_sql),
        inputs: inputs.clone(),
    };
    let sql = &model.compiled_sql;
    let plan = engine.plan(&scope, sql).await.map_err(|error| errors::located(error, sql))?;
    let state = engine.state(&scope)?;
    match model.materialized {
        Materialization::Table => {
            let spec = write_spec(model, &provenance);
            let written = overlay.write(&model.name, &spec, Some(provenance), plan, &state).await?;
            Ok(Built { rows: Some(written.rows), bytes: Some(written.bytes), inputs })
        }
        Materialization::View => {
            let columns = plan
                .schema()
                .fields()
                .iter()
                .map(|field| Column { comment: column_comment(model, field.name()), ..Column::of_result(field) });
            let definition = engine.fixed(&scope, sql).await?;
            let comment = model.description.clone();
            overlay.put_view(&model.name, definition, columns.collect(), comment, Some(provenance))?;
            Ok(Built { rows: None, bytes: None, inputs })
        }
    }
}

/// An input that is not there is told before the planner sees it, with what would make it.
fn check_inputs(scope: &Scope, project: &Project, model: &Model) -> Result<()> {
    // system tables are no objects of the catalog
    let missing = model.depends_on.iter().find(|input| input.schema != "lakewire" && scope.object(input).is_none());
    let Some(input) = missing else { return Ok(()) };
    let error = Error::new(ErrorKind::UndefinedTable, format!("its input {input} does not exist"));
    Err(if project.models.contains_key(input) {
        error.with_hint(format!("build it first: select +{}", model.name))
    } else if project.sources.contains_key(input) {
        error.with_hint("ingest it first: call refresh_bronze(), or lakewire ingest")
    } else {
        error.with_hint("declare it in bronze/sources.yml, or load the table into the lake")
    })
}

fn write_spec(model: &Model, provenance: &Provenance) -> WriteSpec {
    let comments = model.columns.iter().filter_map(|c| Some((c.name.clone(), c.description.clone()?)));
    WriteSpec {
        comment: model.description.clone(),
        column_comments: comments.collect(),
        partition_by: model.partition_by.clone(),
        // the release is added when it is known: at publish
        provenance: BTreeMap::from([
            ("run_id".into(), json!(provenance.run_id)),
            ("model".into(), json!(model.name.to_string())),
            ("sql_hash".into(), json!(provenance.sql_hash)),
            ("inputs".into(), json!(provenance.inputs)),
        ]),
        ..WriteSpec::new(WriteMode::Overwrite)
    }
}

fn column_comment(model: &Model, column: &str) -> Option<String> {
    model.columns.iter().find(|c| c.name == column)?.description.clone()
}

fn named(error: Error, model: &Model) -> Error {
    error.context(format!("model {} ({})", model.name, model.path.display()))
}
