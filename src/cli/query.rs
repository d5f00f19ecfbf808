//! `lakewire query "SQL"`

use std::io::Read;
use std::sync::Arc;

use bytes::BytesMut;
use clap::{Args, ValueEnum};
use datafusion::arrow::datatypes::SchemaRef;
use futures::StreamExt;

use super::{Context, output, report, with_app};
use crate::config::Config;
use crate::dialect;
use crate::engine::{BatchStream, CancelHandle, Outcome, Session, SessionParams, Severity};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{RowEncoder, Style, Type, column_type};
use crate::server::App;

/// Rows that decide how wide a table's columns are; later rows that are wider stand out.
const ROWS_MEASURED: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct Query {
    /// One or more statements; - reads them from stdin
    sql: String,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

impl Query {
    pub(super) async fn execute(self, config: Config, context: &Context) -> Result<()> {
        let sql = match self.sql.as_str() {
            "-" => {
                let mut sql = String::new();
                std::io::stdin().read_to_string(&mut sql)?;
                sql
            }
            sql => sql.to_owned(),
        };
        let (user, database) = (config.server.user.clone(), config.server.database.clone());
        with_app(App::open(config).await?, async |app| {
            let params =
                SessionParams { user, database, application_name: "lakewire query".into(), ..Default::default() };
            let mut session = app.engine.session(params);
            let mut notices = session.take_notices();
            let talk = tokio::spawn(async move {
                while let Some(notice) = notices.recv().await {
                    let label = if notice.severity == Severity::Warning { "warning" } else { "notice" };
                    output::tell(format!("{label}: {}\n", notice.message));
                }
            });
            let result = statements(&mut session, &sql, self.format, context).await;
            drop(session);
            // The session held the other end: what it had to say is said.
            let _ = talk.await;
            result.map_err(|error| report::pointing(error, &sql))
        })
        .await
    }
}

async fn statements(session: &mut Session, sql: &str, format: Format, context: &Context) -> Result<()> {
    for statement in dialect::parse(sql)? {
        let offset = statement.offset;
        let running = session.begin_statement();
        stop_with(&running, context);
        one(session, statement, format).await.map_err(|error| match error.position() {
            Some(position) => error.at(position + offset),
            None => error,
        })?;
    }
    Ok(())
}

fn stop_with(running: &CancelHandle, context: &Context) {
    let (running, shutdown) = (running.clone(), context.shutdown.clone());
    tokio::spawn(async move {
        shutdown.cancelled().await;
        running.cancel();
    });
}

async fn one(session: &mut Session, statement: dialect::Statement, format: Format) -> Result<()> {
    let prepared = session.prepare(Arc::new(statement), &[]).await?;
    match session.execute(&prepared, &[]).await? {
        Outcome::Rows { stream, .. } | Outcome::CopyTo { stream, .. } => rows(stream, format).await,
        Outcome::Command { tag } => {
            output::tell(format!("{tag}\n"));
            Ok(())
        }
        Outcome::CopyFrom(_) => Err(Error::new(ErrorKind::FeatureNotSupported, "COPY FROM STDIN needs a server")
            .with_hint("serve the lake, and copy with a client")),
        Outcome::Empty => Ok(()),
    }
}

async fn rows(mut stream: BatchStream, format: Format) -> Result<()> {
    let schema = stream.schema().clone();
    let encoder = RowEncoder::new(&schema, &[], Style::default())?;
    let mut printer = Printer::new(&schema, format);
    output::print(printer.begin())?;
    while let Some(batch) = stream.next().await {
        let batch = encoder.canonical(&batch?)?;
        let mut message = BytesMut::new();
        let (mut next, bound) = (0, encoder.bind(&batch)?);
        let mut text = String::new();
        while next < batch.num_rows() {
            message.clear();
            next = bound.write(next, next + 1, usize::MAX, &mut message)?;
            text.push_str(&printer.row(data_row(&message)?));
        }
        output::print(text)?;
    }
    output::print(printer.end())
}

/// Fields of a DataRow message in text format; `None` is null.
fn data_row(message: &[u8]) -> Result<Vec<Option<String>>> {
    let broken = || Error::internal("a row was encoded wrongly");
    // 'D', length of the message, number of fields
    let mut rest = message.get(7..).ok_or_else(broken)?;
    let mut fields = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = i32::from_be_bytes(*length);
        let (field, after) = after.split_at_checked(usize::try_from(length).unwrap_or(0)).ok_or_else(broken)?;
        fields.push((length >= 0).then(|| String::from_utf8_lossy(field).into_owned()));
        rest = after;
    }
    Ok(fields)
}

/// Turns rows into text of one format.
struct Printer {
    format: Format,
    names: Vec<String>,
    /// Numbers stand to the right in tables and without quotes in JSON.
    numeric: Vec<usize>,
    /// JSON takes them as they are.
    raw: Vec<usize>,
    rows: u64,
    widths: Vec<usize>,
    held_back: Vec<Vec<String>>,
}

impl Printer {
    fn new(schema: &SchemaRef, format: Format) -> Self {
        let types: Vec<Type> = schema.fields().iter().map(|field| column_type(field)).collect();
        let of = |wanted: &[Type]| -> Vec<usize> {
            types.iter().enumerate().filter(|(_, ty)| wanted.contains(ty)).map(|(index, _)| index).collect()
        };
        Self {
            format,
            names: schema.fields().iter().map(|field| field.name().clone()).collect(),
            numeric: of(&[Type::INT2, Type::INT4, Type::INT8, Type::FLOAT4, Type::FLOAT8, Type::NUMERIC, Type::OID]),
            raw: of(&[Type::JSON, Type::JSONB]),
            rows: 0,
            widths: Vec::new(),
            held_back: Vec::new(),
        }
    }

    fn begin(&self) -> String {
        match self.format {
            Format::Table => String::new(),
            Format::Csv => csv_line(self.names.iter().map(|name| Some(name.as_str()))),
            Format::Json => "[".to_owned(),
        }
    }

    fn row(&mut self, row: Vec<Option<String>>) -> String {
        self.rows += 1;
        match self.format {
            Format::Csv => csv_line(row.iter().map(Option::as_deref)),
            Format::Json => format!("{}\n  {}", if self.rows > 1 { "," } else { "" }, self.json_object(&row)),
            Format::Table => {
                let row: Vec<String> =
                    row.into_iter().map(|field| field.unwrap_or_default().replace('\n', "↵")).collect();
                if !self.widths.is_empty() {
                    return output::table_line(&row, &self.widths, &self.numeric);
                }
                self.held_back.push(row);
                if self.held_back.len() < ROWS_MEASURED { String::new() } else { self.release() }
            }
        }
    }

    /// Measures the rows held back and prints them.
    fn release(&mut self) -> String {
        let rows = std::mem::take(&mut self.held_back);
        self.widths = (self.names.iter().enumerate())
            .map(|(column, name)| {
                let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
                cells.chain([name.chars().count(), 1]).max().unwrap_or(1)
            })
            .collect();
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        output::table(&names, &self.numeric, rows)
    }

    fn end(&mut self) -> String {
        match self.format {
            Format::Csv => String::new(),
            Format::Json => if self.rows > 0 { "\n]\n" } else { "]\n" }.to_owned(),
            Format::Table => {
                let rest = if self.widths.is_empty() { self.release() } else { String::new() };
                format!("{rest}({} {})\n", self.rows, if self.rows == 1 { "row" } else { "rows" })
            }
        }
    }

    fn json_object(&self, row: &[Option<String>]) -> String {
        let quoted = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
        let fields = self.names.iter().zip(row).enumerate().map(|(index, (name, field))| {
            let value = match field {
                None => "null".to_owned(),
                // NaN and Infinity are no JSON numbers.
                Some(number) if self.numeric.contains(&index) && number.ends_with(|c: char| c.is_ascii_digit()) => {
                    number.clone()
                }
                Some(json) if self.raw.contains(&index) => json.clone(),
                Some(text) => quoted(text),
            };
            format!("{}: {value}", quoted(name))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
    }
}

/// As PostgreSQL's COPY writes CSV: null is nothing, the empty text is `""`.
fn csv_line<'a>(fields: impl Iterator<Item = Option<&'a str>>) -> String {
    let fields = fields.map(|field| match field {
        None => String::new(),
        Some(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(text) => text.to_owned(),
    });
    format!("{}\n", fields.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn check(format: Format, expected: &str) {
        let schema = Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, true)]);
        let mut printer = Printer::new(&Arc::new(schema), format);
        let mut text = printer.begin();
        text += &printer.row(vec![Some("10".into()), Some("a, \"b\"".into())]);
        text += &printer.row(vec![None, Some(String::new())]);
        text += &printer.end();
        assert_eq!(text, expected);
    }

    #[test]
    fn formats() {
        check(Format::Csv, "n,t\n10,\"a, \"\"b\"\"\"\n,\"\"\n");
        check(Format::Json, "[\n  {\"n\": 10, \"t\": \"a, \\\"b\\\"\"},\n  {\"n\": null, \"t\": \"\"}\n]\n");
        check(Format::Table, " n  t\n──  ──────\n10  a, \"b\"\n\n(2 rows)\n");
    }

    #[test]
    fn data_rows_are_taken_apart() {
        let message = b"D\0\0\0\x12\0\x02\0\0\0\x02ab\xff\xff\xff\xff";
        assert_eq!(data_row(message).unwrap(), [Some("ab".to_owned()), None]);
        assert!(data_row(b"D\0\0\0\x12\0\x02\0\0\0\x09ab").is_err());
    }
}
