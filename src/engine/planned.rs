//! A statement's logical plan, what it was made under, and the values bound to it.
//!
//! Invariant: a plan is used again only under an equal [`Basis`].

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::common::plan_err;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::{Cast, Placeholder};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Values};
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
    let bound = with_values(plan.clone(), &values);
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

/// The plan with the values in place of its parameters. DataFusion's own way makes every VALUES anew, of which the columns
/// would get other names, and the types of the values.
fn with_values(plan: LogicalPlan, values: &[ScalarAndMetadata]) -> DataFusionResult<LogicalPlan> {
    let value_of =
        |id: &str| id.strip_prefix('$').and_then(|number| values.get(number.parse::<usize>().ok()?.checked_sub(1)?));
    let bound = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        let bound = node.map_expressions(|expr| {
            // a name is a text to be made, and most expressions have no parameter
            if !expr.exists(|expr| Ok(matches!(expr, Expr::Placeholder(_))))? {
                return Ok(Transformed::no(expr));
            }
            let name = names.save(&expr);
            let bound = expr.transform_up(|expr| match &expr {
                Expr::Placeholder(Placeholder { id, .. }) => match value_of(id) {
                    Some(value) => {
                        let (value, metadata) = value.clone().into_inner();
                        Ok(Transformed::yes(Expr::Literal(value, metadata)))
                    }
                    None => plan_err!("there is no parameter {id}"),
                },
                _ => Ok(Transformed::no(expr)),
            })?;
            Ok(bound.update_data(|expr| name.restore(expr)))
        })?;
        bound.map_data(|node| match node {
            LogicalPlan::Values(list) => as_announced(list).map(LogicalPlan::Values),
            other => other.recompute_schema(),
        })
    })?;
    Ok(bound.data)
}

/// The list, its values in the types of its columns; a column of numerics is as wide as they are.
fn as_announced(list: Values) -> DataFusionResult<Values> {
    let Values { schema, mut values } = list;
    let nothing = DFSchema::empty();
    let mut fields = Vec::with_capacity(schema.fields().len());
    for (at, (relation, field)) in schema.iter().enumerate() {
        let cells = || values.iter().filter_map(|row| row.get(at));
        let types = cells().map(|cell| cell.get_type(&nothing)).collect::<DataFusionResult<Vec<_>>>()?;
        let wanted = match field.data_type().is_decimal() {
            true => types.iter().try_fold(field.data_type().clone(), wider_decimal),
            false => None,
        };
        let field = match wanted {
            Some(wanted) => Arc::new(field.as_ref().clone().with_data_type(wanted)),
            None => Arc::clone(field),
        };
        for (cell, data_type) in values.iter_mut().filter_map(|row| row.get_mut(at)).zip(types) {
            if data_type != *field.data_type() {
                *cell = Expr::Cast(Cast::new_from_field(Box::new(std::mem::take(cell)), Arc::clone(&field)));
            }
        }
        fields.push((relation.cloned(), field));
    }
    let schema = Arc::new(DFSchema::new_with_metadata(fields, schema.metadata().clone())?);
    Ok(Values { schema, values })
}

/// The decimal that holds both; none where one is something else, or there is none so wide.
fn wider_decimal(so_far: DataType, next: &DataType) -> Option<DataType> {
    let parts = |data_type: &DataType| match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => Some((*precision, *scale)),
        _ => None,
    };
    let ((precision, scale), (other_precision, other_scale)) = (parts(&so_far)?, parts(next)?);
    let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    let digits = whole(precision, scale).max(whole(other_precision, other_scale)) + i16::from(scale.max(other_scale));
    match u8::try_from(digits).ok()? {
        digits @ ..=DECIMAL128_MAX_PRECISION => Some(DataType::Decimal128(digits, scale.max(other_scale))),
        digits @ ..=DECIMAL256_MAX_PRECISION => Some(DataType::Decimal256(digits, scale.max(other_scale))),
        _ => None,
    }
}

/// Errors of the optimizer name columns too.
pub(super) fn locate(error: Error, statement: &Statement) -> Error {
    if error.kind() != ErrorKind::UndefinedColumn {
        return error;
    }
    let name: Vec<String> = error.message().split('"').nth(1).map(str::to_owned).into_iter().collect();
    errors::at_name(error, statement, &name)
}
