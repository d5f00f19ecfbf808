//! A statement's logical plan, what it was made under, and the values bound to it.
//!
//! Invariant: a plan is used again only under an equal [`Basis`].

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, Weak};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;

use super::settings::Settings;
use super::{errors, frame_parameters};
use crate::catalog::{Overlay, Release, Scope};
use crate::dialect::Statement;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes;

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
    /// Whose `"$user"` the names were looked up with.
    pub user: String,
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

/// The plan with values in place of `$n`; `None` where it has none.
pub(super) fn bind(plan: &LogicalPlan, statement: &Statement, params: &[ScalarValue]) -> Result<Option<LogicalPlan>> {
    if params.is_empty() {
        return Ok(None);
    }
    let bound = plan.clone().with_param_values(params.to_vec());
    let bound = bound.and_then(|plan| frame_parameters::bind(plan, params));
    bound.map(Some).map_err(|error| errors::in_statement(error, statement))
}

/// Errors of the optimizer name columns too.
pub(super) fn locate(error: Error, statement: &Statement) -> Error {
    if error.kind() != ErrorKind::UndefinedColumn {
        return error;
    }
    let name: Vec<String> = error.message().split('"').nth(1).map(str::to_owned).into_iter().collect();
    errors::at_name(error, statement, &name)
}
