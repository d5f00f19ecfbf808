//! What a table asks of its rows, ready to be asked of batches: generated columns are filled in, lengths,
//! NOT NULL and conditions are checked.
//!
//! Invariant: every row that a statement writes has passed [`TableRules::finish`], once.
//! Invariant: a condition that cannot be planned here is an error, never passed over.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::sql::sqlparser::ast;

use super::define::sequences;
use super::{assign, forms};
use crate::catalog::Object;
use crate::dialect;
use crate::engine::plan::settled_expr;
use crate::engine::planner::Planner;
use crate::engine::{SessionInfo, errors, exact};
use crate::error::{About, Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgtypes::{self, texts};
use crate::table::Snapshot;
use crate::table::rules::{Form, Identity, Rules};

/// A value longer than this many bytes is cut short in a message, as PostgreSQL does.
const SHOWN_BYTES_MAX: usize = 64;

/// The rules of one table, planned in one session.
#[derive(Debug)]
pub(super) struct TableRules {
    /// The table, as errors name it.
    name: TableName,
    /// The table's columns as its scan gives them.
    schema: SchemaRef,
    rules: Arc<Rules>,
    defaults: Vec<Option<Expr>>,
    /// The same as text; of an identity column, that it takes the next value of its sequence.
    default_texts: Vec<Option<String>>,
    generated: Vec<(usize, Arc<dyn PhysicalExpr>)>,
    checks: Vec<(String, Arc<dyn PhysicalExpr>)>,
    forms: Vec<(usize, Form)>,
    session: Option<SessionInfo>,
}

/// The parsed text of a default, a generated column or a condition.
pub(super) fn expression(text: &str) -> Result<(dialect::Statement, ast::Expr)> {
    let statement = dialect::parse_single(&format!("select {text}"))?;
    let item = match &statement.ast {
        ast::Statement::Query(query) => match query.body.as_ref() {
            ast::SetExpr::Select(select) => select.projection.first().cloned(),
            _ => None,
        },
        _ => None,
    };
    match item {
        Some(ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) => Ok((statement, expr)),
        _ => Err(Error::new(ErrorKind::SyntaxError, format!("\"{text}\" is not an expression"))),
    }
}

impl TableRules {
    /// Plans what the table asks for.
    ///
    /// # Errors
    /// `0A000` for a condition or a computed column that cannot be evaluated here.
    pub async fn of(planner: &Planner, object: &Object, snapshot: &Snapshot) -> Result<Self> {
        let schema = snapshot.provider()?.schema();
        let rules = snapshot.rules().clone();
        let mut ready = Self {
            name: object.name.clone(),
            defaults: vec![None; schema.fields().len()],
            generated: Vec::new(),
            checks: Vec::new(),
            forms: Vec::new(),
            default_texts: vec![None; schema.fields().len()],
            session: SessionInfo::of(planner.state().config_options()).cloned(),
            schema,
            rules: rules.clone(),
        };
        if rules.columns.is_empty() && rules.checks.is_empty() {
            return Ok(ready);
        }
        // before they are filled in and checked, all may be null
        let fields: Vec<FieldRef> =
            ready.schema.fields().iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect();
        let columns = DFSchema::try_from(Schema::new(fields)).map_err(errors::from_datafusion)?;
        let none = DFSchema::empty();
        let foreign = |error: Error, what: &str| {
            Error::new(
                ErrorKind::FeatureNotSupported,
                format!("{what} of table \"{}\" cannot be evaluated: {error}", object.name),
            )
            .with_hint("write the table with the engine that made it; reading works")
        };
        for (index, field) in ready.schema.clone().fields().iter().enumerate() {
            let Some(rule) = rules.column(field.name()) else { continue };
            let default = rule.default.clone().or_else(|| {
                let sequence = rule.identity.and_then(|_| planner.scope().sequence_of(object, field.name()))?;
                Some(sequences::next_of(&sequence.name))
            });
            if let Some(text) = &default {
                let planned = planned(planner, text, &none).await;
                let value =
                    planned.map_err(|error| foreign(error, &format!("default of column \"{}\"", field.name())))?;
                ready.defaults[index] = Some(assign::assigned(value, field, &none)?);
            }
            ready.default_texts[index] = default;
            if let Some(text) = &rule.generated {
                let named = |error| foreign(error, &format!("generated column \"{}\"", field.name()));
                let value = planned(planner, text, &columns).await.map_err(named)?;
                let value = assign::assigned(value, field, &columns)?;
                ready.generated.push((index, physical(planner, value, &columns)?));
            }
            if let Some(form) = rule.form {
                ready.forms.push((index, form));
            }
        }
        for check in &rules.checks {
            let named = |error| foreign(error, &format!("constraint \"{}\"", check.name));
            let condition = planned(planner, &check.condition, &columns).await.map_err(named)?;
            let condition = physical(planner, condition, &columns).map_err(named)?;
            ready.checks.push((check.name.clone(), condition));
        }
        Ok(ready)
    }

    /// The table's columns as its scan gives them.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn relation(&self) -> &str {
        &self.name.name
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What the column is where a statement gives it no value: typed, null where it has no default.
    ///
    /// # Errors
    /// `55000` for an identity column whose sequence is gone.
    pub fn default(&self, index: usize) -> Result<Expr> {
        let null = || {
            let data_type = self.schema.field(index).data_type();
            datafusion::scalar::ScalarValue::try_from(data_type).map(|value| Expr::Literal(value, None))
        };
        match self.defaults.get(index) {
            Some(Some(value)) => Ok(value.clone()),
            _ if self.is_identity(self.schema.field(index).name()) => Err(self.no_sequence(index)),
            _ => null().map_err(errors::from_datafusion),
        }
    }

    /// The same as an expression of SQL, `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::default`].
    pub fn default_text(&self, index: usize) -> Result<Option<&str>> {
        match self.default_texts.get(index).and_then(Option::as_deref) {
            None if self.is_identity(self.schema.field(index).name()) => Err(self.no_sequence(index)),
            text => Ok(text),
        }
    }

    fn no_sequence(&self, index: usize) -> Error {
        let column = self.schema.field(index).name();
        let message =
            format!("no owned sequence found for identity column \"{column}\" of relation \"{}\"", self.name.name);
        let hint = "ALTER COLUMN … DROP IDENTITY and ADD GENERATED … AS IDENTITY make another.";
        Error::new(ErrorKind::ObjectNotInPrerequisiteState, message).with_hint(hint)
    }

    /// Whether the same values make the same row whenever they are inserted.
    pub fn is_plain(&self) -> bool {
        let constant = |value: &Option<Expr>| value.as_ref().is_none_or(|value| !value.is_volatile());
        self.defaults.iter().all(constant)
    }

    /// Refuses a value for a column that the table itself computes; `inserts` tells INSERT from UPDATE.
    ///
    /// # Errors
    /// `428C9`.
    pub fn check_given(&self, column: &str, inserts: bool) -> Result<()> {
        let Some(rule) = self.rules.column(column) else { return Ok(()) };
        let detail = if rule.generated.is_some() {
            format!("Column \"{column}\" is a generated column.")
        } else if rule.identity == Some(Identity::Always) {
            format!("Column \"{column}\" is an identity column defined as GENERATED ALWAYS.")
        } else {
            return Ok(());
        };
        let message = match inserts {
            true => format!("cannot insert a non-DEFAULT value into column \"{column}\""),
            false => format!("column \"{column}\" can only be updated to DEFAULT"),
        };
        let error = Error::new(ErrorKind::GeneratedAlways, message).with_detail(detail);
        let may_override = inserts && rule.generated.is_none();
        Err(if may_override { error.with_hint("Use OVERRIDING SYSTEM VALUE to override.") } else { error })
    }

    pub fn is_identity(&self, column: &str) -> bool {
        self.rules.column(column).is_some_and(|rule| rule.identity.is_some())
    }

    /// The rows as the table takes them. `columns` are the table's, in order and of its types.
    ///
    /// # Errors
    /// `23502`, `23514`, `22001`, `22P02`; and what computing a column gives.
    pub fn finish(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let mut columns = columns;
        for (index, form) in &self.forms {
            columns[*index] = forms::formed(&columns[*index], *form)?;
        }
        if !self.generated.is_empty() {
            let row = self.batch(columns.clone(), rows, true)?;
            for (index, value) in &self.generated {
                columns[*index] = evaluated(value, &row)?;
            }
        }
        for (index, field) in self.schema.fields().iter().enumerate() {
            if !field.is_nullable() && columns[index].null_count() > 0 {
                let row = (0..rows).find(|row| columns[index].is_null(*row)).unwrap_or_default();
                let message = format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    field.name(),
                    self.name.name
                );
                let about = About { column: Some(field.name().clone()), ..self.name.about() };
                let error = Error::new(ErrorKind::NotNullViolation, message);
                return Err(error.with_detail(self.failing(&columns, row)).about(about));
            }
        }
        let batch = self.batch(columns, rows, false)?;
        for (name, condition) in &self.checks {
            let met = evaluated(condition, &batch)?;
            let met: &BooleanArray =
                met.as_boolean_opt().ok_or_else(|| Error::internal("a condition is not a boolean"))?;
            if let Some(row) = (0..rows).find(|row| met.is_valid(*row) && !met.value(*row)) {
                let message =
                    format!("new row for relation \"{}\" violates check constraint \"{name}\"", self.name.name);
                let detail = self.failing(batch.columns(), row);
                let about = About { constraint: Some(name.clone()), ..self.name.about() };
                return Err(Error::new(ErrorKind::CheckViolation, message).with_detail(detail).about(about));
            }
        }
        Ok(batch)
    }

    /// Whether there are rows that the table does not take.
    pub fn asks(&self) -> bool {
        let refuses_nulls = self.schema.fields().iter().any(|field| !field.is_nullable());
        refuses_nulls || !self.checks.is_empty() || !self.forms.is_empty() || !self.generated.is_empty()
    }

    /// The positions of the columns that are computed from the others.
    pub fn generated_columns(&self) -> impl Iterator<Item = usize> {
        self.generated.iter().map(|(index, _)| *index).filter(|index| *index > 0)
    }

    /// An expression over a row of the table.
    ///
    /// # Errors
    /// What planning it gives.
    pub async fn computed(&self, planner: &Planner, text: &str) -> Result<Arc<dyn PhysicalExpr>> {
        let columns = DFSchema::try_from(self.nullable()).map_err(errors::from_datafusion)?;
        physical(planner, planned(planner, text, &columns).await?, &columns)
    }

    /// The table's columns where all may be null.
    fn nullable(&self) -> Schema {
        let nullable = |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
        Schema::new(self.schema.fields().iter().map(nullable).collect::<Vec<FieldRef>>())
    }

    pub fn batch(&self, columns: Vec<ArrayRef>, rows: usize, nullable: bool) -> Result<RecordBatch> {
        let schema = match nullable {
            true => Arc::new(self.nullable()),
            false => self.schema.clone(),
        };
        let cast_to = |(column, field): (ArrayRef, &FieldRef)| match column.data_type() == field.data_type() {
            true => Ok(column),
            false => fitted(&column, field.data_type()),
        };
        let columns = columns.into_iter().zip(schema.fields()).map(cast_to).collect::<Result<_>>()?;
        let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema.clone(), columns, &options)
            .map_err(|error| Error::internal("rows do not fit the table's columns").with_source(error))
    }

    /// `Failing row contains (1, null).`
    fn failing(&self, columns: &[ArrayRef], row: usize) -> String {
        let style = self.session.as_ref().map(SessionInfo::style).unwrap_or_default();
        let shown = columns.iter().zip(self.schema.fields()).map(|(column, field)| {
            let one = column.slice(row, 1);
            let field = Field::new(field.name(), column.data_type().clone(), true);
            let text = texts(&field, &one, &style).ok();
            let text = text.as_ref().and_then(|text| text.as_string_opt::<i32>()).filter(|text| text.is_valid(0));
            match text.map(|text| text.value(0)) {
                None => "null".to_owned(),
                Some(text) if text.len() > SHOWN_BYTES_MAX => {
                    format!("{}...", &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)])
                }
                Some(text) => text.to_owned(),
            }
        });
        format!("Failing row contains ({}).", shown.collect::<Vec<_>>().join(", "))
    }
}

/// The values as the column has them.
///
/// # Errors
/// `22003` for a number that it does not hold.
fn fitted(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if column.data_type().is_floating() && matches!(to, DataType::Decimal128(..)) {
        return exact::numerics(column, to).map_err(errors::from_datafusion);
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, to, &strict).map_err(|error| match to {
        DataType::Decimal128(precision, scale) if column.data_type().is_numeric() => {
            pgtypes::field_overflow(*precision, *scale)
        }
        _ => errors::from_datafusion(error.into()),
    })
}

async fn planned(planner: &Planner, text: &str, columns: &DFSchema) -> Result<Expr> {
    let (statement, expr) = expression(text)?;
    let mut planned = planner.exprs(&statement, vec![expr], columns).await?;
    planned.pop().ok_or_else(|| Error::internal("an expression was planned as nothing"))
}

/// The expression as it is computed, with PostgreSQL's operators and the time of the statement.
pub(super) fn physical(planner: &Planner, expr: Expr, columns: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
    let expr = settled_expr(expr, columns).and_then(|expr| planner.simplified_over(expr, columns));
    let physical = expr.and_then(|expr| planner.state().create_physical_expr(expr, columns));
    physical.map_err(errors::from_datafusion)
}

pub(super) fn evaluated(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<ArrayRef> {
    let value = expr.evaluate(rows).and_then(|value| value.into_array(rows.num_rows()));
    value.map_err(errors::from_datafusion)
}
