//! Rows of a COPY on their way into a table: defaults for the columns it leaves out, and what the table asks of all rows.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{DFSchema, TableReference};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::sql::sqlparser::ast::{self, CopySource};
use futures::StreamExt;

use super::constraints::{TableRules, physical};
use super::effects::Tally;
use super::names::Verb;
use super::target::Target;
use super::{Change, rows};
use crate::catalog::{Object, Sequences, sequence_of};
use crate::engine::copy::CopyFrom;
use crate::engine::names::Relation;
use crate::engine::{BatchStream, SessionEntry, SessionInfo, errors};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::LINE;
use crate::table::{WriteMode, WriteSpec};

/// Where a column of the table comes from.
enum Source {
    /// The column of that name in the data.
    Data(String),
    Default(Arc<dyn PhysicalExpr>),
    /// The next values of a sequence.
    Next(Arc<Object>),
}

impl Change {
    /// Writes rows that come in; how many there were.
    pub(super) async fn append(&self, copy: &CopyFrom, data: BatchStream) -> Result<u64> {
        let ast::Statement::Copy { source: CopySource::Table { table_name, .. }, .. } = &copy.statement.ast else {
            return Err(Error::internal("a COPY from the client without a table"));
        };
        let target = Target::open(&self.planner, &copy.statement, table_name, None, Verb::Copy).await?;
        rows::number_on(self, &target).await?;
        let sources = self.sources(copy, &target)?;
        let (rules, relation) = (target.rules.clone(), target.object.name.name.clone());
        let (sources, sequences) = (Arc::new(sources), self.shared.running.catalog.sequences().clone());
        let entry = SessionInfo::of(self.state().config_options()).and_then(SessionInfo::entry).cloned();
        let data = data.then(move |batch| {
            let (sources, sequences, entry) = (sources.clone(), sequences.clone(), entry.clone());
            async move {
                let batch = batch?;
                let mut columns = Vec::with_capacity(sources.len());
                for source in sources.iter() {
                    columns.push(source.column(&batch, &sequences, entry.as_deref()).await?);
                }
                Ok((batch, columns))
            }
        });
        let finished = data.map(move |taken: Result<(RecordBatch, Vec<ArrayRef>)>| {
            let (batch, columns) = taken?;
            let columns = columns.into_iter().zip(rules.schema().fields()).map(|(column, field)| {
                let strict = CastOptions { safe: false, ..CastOptions::default() };
                let failed = |error: datafusion::arrow::error::ArrowError| errors::from_datafusion(error.into());
                cast_with_options(&column, field.data_type(), &strict).map_err(failed)
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            rules.finish(columns.clone(), batch.num_rows()).map_err(|error| {
                let lines = batch.column_by_name(LINE).and_then(|lines| lines.as_primitive_opt::<Int64Type>());
                match first_refused(&rules, &columns, batch.num_rows()).zip(lines) {
                    Some((row, lines)) => error.in_context(format!("COPY {relation}, line {}", lines.value(row))),
                    None => error,
                }
            })
        });
        let spec = WriteSpec { checked: true, ..WriteSpec::new(WriteMode::Append) };
        let (name, schema) = (&target.object.name, target.rules.schema().clone());
        let written = self.write_batches(name, spec, schema, finished.boxed()).await?;
        rows::count(self, &target, Tally { inserted: written.rows, ..Tally::default() });
        Ok(written.rows)
    }

    fn sources(&self, copy: &CopyFrom, target: &Target) -> Result<Vec<Source>> {
        let none = DFSchema::empty();
        let source = |(index, field): (usize, &datafusion::arrow::datatypes::FieldRef)| {
            if copy.fields.iter().any(|given| given.name() == field.name()) {
                let rule = target.rules.rules().column(field.name());
                if rule.is_some_and(|rule| rule.generated.is_some()) {
                    let message = format!("column \"{}\" is a generated column", field.name());
                    return Err(Error::new(ErrorKind::InvalidColumnReference, message)
                        .with_detail("Generated columns cannot be used in COPY."));
                }
                return Ok(Source::Data(field.name().clone()));
            }
            if let Some(sequence) = target.rules.default_text(index)?.and_then(sequence_of) {
                return Ok(Source::Next(self.sequence(sequence)?));
            }
            Ok(Source::Default(physical(&self.planner, target.rules.default(index)?, &none)?))
        };
        target.columns().iter().enumerate().map(source).collect()
    }

    fn sequence(&self, name: &str) -> Result<Arc<Object>> {
        match self.planner.relation(&TableReference::parse_str(name))? {
            Relation::Object(object) if object.sequence().is_some() => Ok(object),
            _ => Err(Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a sequence"))),
        }
    }
}

/// The first row that the table does not take, of some that it has refused as a whole.
fn first_refused(rules: &TableRules, columns: &[ArrayRef], rows: usize) -> Option<usize> {
    let takes = |count: usize| {
        let first = columns.iter().map(|column| column.slice(0, count)).collect();
        rules.finish(first, count).is_ok()
    };
    let (mut taken, mut refused) = (0, rows);
    while taken + 1 < refused {
        let middle = usize::midpoint(taken, refused);
        if takes(middle) {
            taken = middle;
        } else {
            refused = middle;
        }
    }
    refused.checked_sub(1)
}

impl Source {
    /// The values of the column; `entry` is told the numbers that a sequence gives.
    async fn column(
        &self,
        batch: &RecordBatch,
        sequences: &Sequences,
        entry: Option<&SessionEntry>,
    ) -> Result<ArrayRef> {
        match self {
            Self::Data(name) => batch
                .column_by_name(name)
                .cloned()
                .ok_or_else(|| Error::internal(format!("the data of a COPY lacks column \"{name}\""))),
            Self::Default(value) => {
                let value = value.evaluate(batch).and_then(|value| value.into_array(batch.num_rows()));
                value.map_err(errors::from_datafusion)
            }
            Self::Next(object) => {
                let declared = object.sequence().ok_or_else(|| Error::internal("a default without its sequence"))?;
                let values = sequences.next(object.id, &object.name.name, declared, batch.num_rows()).await?;
                if let (Some(entry), Some(last)) = (entry, values.last()) {
                    entry.given.put(object.id, *last);
                }
                Ok(Arc::new(Int64Array::from(values)))
            }
        }
    }
}
