//! COPY from the client: into which columns, and the rows on their way there.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::FieldRef;
use datafusion::sql::sqlparser::ast::{self, CopySource, Ident};
use futures::StreamExt;
use tokio::sync::mpsc;

use super::options::Options;
use crate::catalog::{Column, Object, ObjectKind};
use crate::dialect::{Statement, copy_options, folded};
use crate::engine::session::{Outcome, Session};
use crate::engine::{BatchStream, errors, write};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{CopyDecoder, CopyFormat, CopyInput, Style};

/// A COPY that waits for its data.
pub struct CopyFrom {
    pub(in crate::engine) statement: Arc<Statement>,
    pub(in crate::engine) table: Arc<Object>,
    pub(in crate::engine) fields: Vec<FieldRef>,
    input: CopyInput,
    style: Style,
}

impl CopyFrom {
    /// What CopyInResponse announces: the layout and the count of columns.
    pub fn format(&self) -> &CopyFormat {
        &self.input.format
    }

    pub fn columns(&self) -> usize {
        self.fields.len()
    }
}

/// Checks the statement; its data is asked for next.
pub(in crate::engine) async fn begin(
    session: &mut Session,
    statement: &Arc<Statement>,
    options: &[Option<String>],
) -> Result<Outcome> {
    let ast::Statement::Copy { source: CopySource::Table { table_name, columns }, .. } = &statement.ast else {
        return Err(Error::internal("a COPY from the client without a table"));
    };
    let options = Options::read(&copy_options(options), true)?;
    write::check_writable(session, &statement.ast)?;
    let planner = session.planner_now().await?;
    let table = write::names::changed(&planner, table_name, write::names::Verb::Copy).map_err(|error| {
        let parts = table_name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone());
        errors::at_name(error, statement, &parts.collect::<Vec<_>>())
    })?;
    let fields = fields(&table, columns)?;
    let names = fields.iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let input = options.input(&names, super::client_encoding(session))?;
    let style = Style::of_settings(|name| session.setting(name));
    Ok(Outcome::CopyFrom(CopyFrom { statement: Arc::clone(statement), table, fields, input, style }))
}

/// The columns that the data has, in its order.
fn fields(table: &Object, names: &[Ident]) -> Result<Vec<FieldRef>> {
    if let ObjectKind::Broken { .. } = &table.kind {
        return Err(Error::new(ErrorKind::FeatureNotSupported, format!("table {} cannot be read", table.name)));
    }
    let field = |column: &Column| Arc::new(column.field());
    if names.is_empty() {
        // what the table computes is not in the data
        return Ok(table.columns.iter().filter(|column| column.generated.is_none()).map(field).collect());
    }
    let mut seen = BTreeSet::new();
    let find = |name: &Ident| {
        let name = folded(name);
        let column = table.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name.name);
            Error::new(ErrorKind::UndefinedColumn, message)
        })?;
        if !seen.insert(name.clone()) {
            return Err(Error::new(ErrorKind::DuplicateColumn, format!("column \"{name}\" specified more than once")));
        }
        Ok(field(column))
    };
    names.iter().map(find).collect()
}

/// Writes the rows of the data; its end is the channel's, an error in it that of the statement.
pub(in crate::engine) async fn carry_out(
    session: &mut Session,
    copy: CopyFrom,
    data: mpsc::Receiver<Result<Bytes>>,
) -> Result<Outcome> {
    let decoder = CopyDecoder::new(copy.input.clone(), &copy.table.name.name, &copy.fields, copy.style)?;
    let rows = decoded(decoder, data);
    let written = write::append(session, &copy, rows).await?;
    Ok(Outcome::command(format!("COPY {written}")))
}

struct Decoding {
    decoder: CopyDecoder,
    data: mpsc::Receiver<Result<Bytes>>,
    ended: bool,
}

impl Decoding {
    async fn next(&mut self) -> Option<Result<datafusion::arrow::array::RecordBatch>> {
        loop {
            match self.decoder.take(self.ended) {
                Ok(Some(batch)) => return Some(Ok(batch)),
                Ok(None) if self.ended => return None,
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
            let (piece, last) = match self.data.recv().await {
                Some(Ok(piece)) => (piece, false),
                None => (Bytes::new(), true),
                Some(Err(error)) => return Some(Err(error.in_context(self.decoder.place()))),
            };
            self.ended = last;
            if let Err(error) = self.decoder.feed(&piece, last) {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }
}

/// Rows decoded as they are asked for.
fn decoded(decoder: CopyDecoder, data: mpsc::Receiver<Result<Bytes>>) -> BatchStream {
    let schema = Arc::clone(decoder.schema());
    let decoding = Decoding { decoder, data, ended: false };
    let rows = futures::stream::unfold(Some(decoding), |decoding| async move {
        let mut decoding = decoding?;
        let next = decoding.next().await?;
        let goes_on = next.is_ok();
        Some((next, goes_on.then_some(decoding)))
    });
    BatchStream::new(schema, rows.boxed())
}
