//! A statement's logical plan, what it was made under, and the values bound to it.
//!
//! Invariant: a plan is used again only under an equal [`Basis`].

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ParamValues;
use datafusion::common::config::ConfigOptions;
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::{Cast, Placeholder};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::scalar::ScalarValue;

use super::settings::Settings;
use super::{errors, execute, frame_parameters, typing};
use crate::catalog::{Overlay, Release, Scope};
use crate::dialect::Statement;
use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::JsonType;
use crate::pgtypes::{self, PG_TYPE_KEY, Type};

/// A logical plan, and what it was made under.
#[derive(Debug)]
pub(super) struct Planned {
    pub logical: LogicalPlan,
    /// Its columns as the client is told of them.
    pub schema: SchemaRef,
    /// The plan optimized, once it was executed without parameters; not where it reads the clock or the session.
    pub optimized: OnceLock<LogicalPlan>,
    pub reads_clock: bool,
    /// No relation but PostgreSQL's catalogs and the server's own.
    pub reads_catalogs: bool,
    pub basis: Basis,
    /// Some table follows its head, which no release pins: good for one execution.
    pub follows_head: bool,
    pub used: AtomicBool,
}

/// Two plans made under the same basis are the same.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    release: Arc<Release>,
    /// A transaction's changes, and how many there were. Held weakly: a plan must not keep what was rolled back.
    pub overlay: Option<(Weak<Overlay>, u64, u64)>,
    /// The session's own relations, where it has any.
    pub temporary: Option<(Weak<Overlay>, u64, u64)>,
    settings: Settings,
}

impl Basis {
    pub fn new(scope: &Scope, settings: &Settings) -> Self {
        let now = |overlay: &Arc<Overlay>| (Arc::downgrade(overlay), overlay.edition(), overlay.rows_edition());
        let overlay = scope.overlay.as_ref().map(now);
        let temporary = scope.temporary.as_ref().filter(|temporary| !temporary.is_empty()).map(now);
        Self { release: scope.release.clone(), overlay, temporary, settings: settings.clone() }
    }

    /// Whether what was planned under one is true under the other.
    pub fn is(&self, other: &Self) -> bool {
        let rows = |of: &Option<(Weak<Overlay>, u64, u64)>| of.as_ref().map(|(_, _, rows)| *rows);
        self.names_as(other)
            && rows(&self.overlay) == rows(&other.overlay)
            && rows(&self.temporary) == rows(&other.temporary)
    }

    /// Whether names, versions and settings are the same; rows that wait to be written may differ.
    pub fn names_as(&self, other: &Self) -> bool {
        let same =
            |ours: &Option<(Weak<Overlay>, u64, u64)>, theirs: &Option<(Weak<Overlay>, u64, u64)>| match (ours, theirs)
            {
                (None, None) => true,
                (Some((ours, edition, _)), Some((theirs, other, _))) => ours.ptr_eq(theirs) && edition == other,
                _ => false,
            };
        same(&self.overlay, &other.overlay)
            && same(&self.temporary, &other.temporary)
            && Arc::ptr_eq(&self.release, &other.release)
            && self.settings.same(&other.settings)
    }
}

/// Types may have been widened by the optimizer; what the client was told are names and types.
pub(super) fn same_columns(told: &SchemaRef, now: &SchemaRef) -> bool {
    told.fields().len() == now.fields().len()
        && told
            .fields()
            .iter()
            .zip(now.fields())
            .all(|(a, b)| a.name() == b.name() && pgtypes::column_type(a) == pgtypes::column_type(b))
}

/// The answer has other columns than the client was told.
pub(super) fn other_columns() -> Error {
    Error::new(ErrorKind::FeatureNotSupported, "cached plan must not change result type")
        .with_hint("prepare the statement again: the columns of a table it reads have changed")
}

/// Coercion asks for no setting that sessions set.
static DEFAULTS: LazyLock<ConfigOptions> = LazyLock::new(ConfigOptions::default);

/// The plan with values in place of `$n`; `None` where it has none.
pub(super) fn bind(plan: &LogicalPlan, statement: &Statement, params: &[ScalarValue]) -> Result<Option<LogicalPlan>> {
    if params.is_empty() {
        return Ok(None);
    }
    let values = told(plan, params).map_err(|error| errors::in_statement(error, statement))?;
    let announced = values.iter().any(|value| value.metadata().is_some());
    let plan = if announced { announced_values(plan.clone()) } else { Ok(plan.clone()) };
    let bound = plan.and_then(|plan| plan.with_param_values(ParamValues::List(values)));
    let bound = bound.and_then(|plan| frame_parameters::bind(plan, params));
    // a numeric comes with digits of its own, and an array with a name for its items: types beside it are made alike anew
    let is_shaped = |value: &ScalarValue| value.data_type().is_decimal() || value.data_type().is_nested();
    let alike = |plan| match params.iter().any(is_shaped) {
        true => execute::coerced(plan, &DEFAULTS),
        false => Ok(plan),
    };
    let deep = |plan| match params.iter().any(|value| pgtypes::dimensions(&value.data_type()) > 1) {
        true => typing::casts_as_deep(plan),
        false => Ok(plan),
    };
    bound.and_then(deep).and_then(alike).map(Some).map_err(|error| errors::in_statement(error, statement))
}

/// The values as what the plan takes them for, where their Arrow type does not tell: documents and UUIDs, which are text.
fn told(plan: &LogicalPlan, params: &[ScalarValue]) -> DataFusionResult<Vec<ScalarAndMetadata>> {
    let mut values: Vec<_> = params.iter().cloned().map(ScalarAndMetadata::from).collect();
    let is_text = |value: &ScalarValue| value.data_type().is_string() && !value.is_null();
    if !params.iter().any(is_text) {
        return Ok(values);
    }
    let mut note = |expr: &Expr| -> DataFusionResult<TreeNodeRecursion> {
        if let Expr::Placeholder(Placeholder { id, field: Some(field) }) = expr
            && let Some(place) = id.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()?.checked_sub(1))
            && let Some(value) =
                values.get_mut(place).filter(|known| known.metadata().is_none() && is_text(known.value()))
            && let Some(Some(text)) = value.value().try_as_str()
        {
            let named = |name: &str| FieldMetadata::new(BTreeMap::from([(PG_TYPE_KEY.to_owned(), name.to_owned())]));
            if let Some(json) = JsonType::of_field(field) {
                let document = json.read_text(text).map_err(|error| DataFusionError::External(Box::new(error)))?;
                let document = ScalarValue::Utf8(Some(document.into_owned()));
                *value = ScalarAndMetadata::new(document, Some(named(json.name())));
            } else if pgtypes::column_type(field) == Type::UUID {
                *value = ScalarAndMetadata::new(value.value().clone(), Some(named("uuid")));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    };
    plan.apply_with_subqueries(|node| node.apply_expressions(|expr| expr.apply(&mut note)))?;
    Ok(values)
}

/// The plan with all rows of a VALUES announced alike, which DataFusion asks for once values are in the place of parameters.
fn announced_values(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let announced = |node: LogicalPlan| {
        let LogicalPlan::Values(mut values) = node else { return Ok(Transformed::no(node)) };
        let document = |value: &Expr| match value {
            Expr::Placeholder(Placeholder { field: Some(field), .. }) => {
                field.metadata().contains_key(PG_TYPE_KEY).then(|| Arc::clone(field))
            }
            _ => None,
        };
        for at in 0..values.schema.fields().len() {
            let Some(field) = values.values.iter().find_map(|row| document(row.get(at)?)) else { continue };
            for value in values.values.iter_mut().filter_map(|row| row.get_mut(at)) {
                *value = Expr::Cast(Cast::new_from_field(Box::new(std::mem::take(value)), Arc::clone(&field)));
            }
        }
        Ok(Transformed::yes(LogicalPlan::Values(values)))
    };
    plan.transform_up_with_subqueries(announced).map(|plan| plan.data)
}

/// Errors of the optimizer name columns too.
pub(super) fn locate(error: Error, statement: &Statement) -> Error {
    if error.kind() != ErrorKind::UndefinedColumn {
        return error;
    }
    let name: Vec<String> = error.message().split('"').nth(1).map(str::to_owned).into_iter().collect();
    errors::at_name(error, statement, &name)
}
