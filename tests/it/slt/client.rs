//! A session of tokio-postgres as `sqllogictest` wants it.

use async_trait::async_trait;
use sqllogictest::{AsyncDB, ColumnType, DBOutput};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::binary::Shown;

/// The protocol that statements travel in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Simple,
    Extended,
}

/// Families of types; `?` is any other, or not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    Boolean,
    Integer,
    Numeric,
    Float,
    /// Dates, times, intervals.
    Time,
    Text,
    Other,
}

impl Column {
    fn of(pg_type: &Type) -> Self {
        match *pg_type {
            Type::BOOL => Self::Boolean,
            Type::INT2 | Type::INT4 | Type::INT8 => Self::Integer,
            Type::NUMERIC => Self::Numeric,
            Type::FLOAT4 | Type::FLOAT8 => Self::Float,
            Type::DATE | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::INTERVAL => Self::Time,
            Type::TEXT | Type::CHAR | Type::VARCHAR | Type::NAME | Type::BPCHAR | Type::UNKNOWN => Self::Text,
            _ => Self::Other,
        }
    }
}

const LETTERS: [(char, Column); 7] = [
    ('B', Column::Boolean),
    ('I', Column::Integer),
    ('N', Column::Numeric),
    ('R', Column::Float),
    ('D', Column::Time),
    ('T', Column::Text),
    ('?', Column::Other),
];

impl ColumnType for Column {
    fn from_char(letter: char) -> Option<Self> {
        LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, column)| column.clone())
    }
    fn to_char(&self) -> char {
        LETTERS.iter().find(|(_, known)| known == self).map_or('?', |(letter, _)| *letter)
    }
}

/// As many columns, of the same families where the protocol tells them.
pub fn same_columns(actual: &Vec<Column>, expected: &Vec<Column>) -> bool {
    actual.len() == expected.len() && (actual == expected || actual.iter().all(|column| *column == Column::Other))
}

/// An error as the cases have it: `22012: division by zero`.
#[derive(Debug)]
pub struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl From<tokio_postgres::Error> for Refused {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(match error.as_db_error() {
            Some(error) => format!("{}: {}", error.code().code(), error.message()),
            None => format!("the connection failed: {error:?}"),
        })
    }
}

pub struct Wire {
    client: Client,
    protocol: Protocol,
    /// What `skipif` and `onlyif` go by.
    server: &'static str,
}

impl Wire {
    pub async fn connect(url: &str, protocol: Protocol, server: &'static str) -> Result<Self, Refused> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self { client, protocol, server })
    }

    async fn simple(&self, sql: &str) -> Result<DBOutput<Column>, Refused> {
        let (mut columns, mut rows, mut count) = (None, Vec::new(), 0);
        for message in self.client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(description) => columns = Some(description.len()),
                SimpleQueryMessage::Row(row) => rows.push((0..row.len()).map(|at| shown(row.get(at))).collect()),
                SimpleQueryMessage::CommandComplete(affected) => count = affected,
                _ => {}
            }
        }
        Ok(match columns {
            Some(columns) => DBOutput::Rows { types: vec![Column::Other; columns], rows },
            None => DBOutput::StatementComplete(count),
        })
    }

    async fn extended(&self, sql: &str) -> Result<DBOutput<Column>, Refused> {
        let statement = self.client.prepare(sql).await?;
        if statement.columns().is_empty() {
            return Ok(DBOutput::StatementComplete(self.client.execute(&statement, &[]).await?));
        }
        let types = statement.columns().iter().map(|column| Column::of(column.type_())).collect();
        let rows = self.client.query(&statement, &[]).await?;
        let text = |row: &tokio_postgres::Row| {
            (0..row.len()).map(|at| shown(row.get::<_, Option<Shown>>(at).as_ref().map(|shown| &*shown.0))).collect()
        };
        Ok(DBOutput::Rows { types, rows: rows.iter().map(text).collect() })
    }
}

/// A value as the cases have it: all on one line, null and the empty text told apart.
fn shown(value: Option<&str>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some("") => "(empty)".to_owned(),
        Some(text) => text.replace('\n', "\\n"),
    }
}

#[async_trait]
impl AsyncDB for Wire {
    type Error = Refused;
    type ColumnType = Column;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Column>, Refused> {
        match self.protocol {
            Protocol::Simple => self.simple(sql).await,
            Protocol::Extended => self.extended(sql).await,
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        self.server
    }
}
