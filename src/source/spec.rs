//! What `sources.yml` says about a source, typed and checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use encoding_rs::Encoding;
use serde_json::Value;

use super::datetime::DateTimeFormat;
use super::types::ColumnType;
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::model::SourceSpec;
use crate::names::TableName;

/// Columns that ingestion adds behind the declared ones.
pub const SOURCE_FILE: &str = "_source_file";
pub const ROW_NUMBER: &str = "_row_number";
pub const INGESTED_AT: &str = "_ingested_at";

const OPTIONS: [&str; 13] = [
    "format",
    "path",
    "mode",
    "encoding",
    "delimiter",
    "quote",
    "header",
    "date_format",
    "timestamp_format",
    "null_values",
    "max_reject_ratio",
    "max_rejects",
    "extra_columns",
];

/// A source of CSV files, ready to be read.
#[derive(Debug, Clone)]
pub struct CsvSource {
    pub table: TableName,
    pub description: Option<String>,
    pub column_comments: BTreeMap<String, String>,
    /// Glob, relative to `ingest.data_dir`.
    pub path: String,
    pub mode: Mode,
    pub(super) format: CsvFormat,
}

/// What becomes of rows ingested earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Each file is ingested once and stays.
    Append,
    /// The files there are now are the table.
    Replace,
}

/// How to read one file.
#[derive(Debug, Clone)]
pub(super) struct CsvFormat {
    pub columns: Vec<CsvColumn>,
    pub encoding: TextEncoding,
    pub delimiter: u8,
    pub quote: u8,
    pub header: bool,
    pub extra_columns_allowed: bool,
    /// Fields that stand for null, besides the empty one.
    pub null_values: Vec<Vec<u8>>,
    pub limits: Limits,
}

#[derive(Debug, Clone)]
pub(super) struct CsvColumn {
    pub name: String,
    pub header: String,
    pub ty: ColumnType,
    /// For dates and timestamps; tried in order.
    pub formats: Vec<DateTimeFormat>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub max_field_bytes: usize,
    pub max_row_bytes: usize,
    pub max_reject_ratio: f64,
    pub max_rejects: u64,
    pub batch_rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextEncoding {
    /// Each field is UTF-8 where it is valid UTF-8, else ISO-8859-1.
    Auto,
    Utf8,
    /// ISO-8859-1: each byte is the code point of that number.
    Latin1,
    /// Anything else is transcoded before it is split into rows.
    Other(&'static Encoding),
}

impl TextEncoding {
    fn parse(label: &str) -> Option<Self> {
        match label.to_ascii_lowercase().as_str() {
            "auto" => Some(Self::Auto),
            // encoding_rs, like browsers, takes these labels for Windows-1252; databases do not.
            "latin1" | "latin-1" | "iso-8859-1" | "iso8859-1" | "iso_8859-1" => Some(Self::Latin1),
            label => match Encoding::for_label(label.as_bytes())? {
                encoding if encoding == encoding_rs::UTF_8 => Some(Self::Utf8),
                encoding => Some(Self::Other(encoding)),
            },
        }
    }
}

impl CsvSource {
    /// # Errors
    /// Everything that is wrong with the declaration, at once.
    pub fn new(spec: &SourceSpec, ingest: &config::Ingest) -> Result<Self> {
        let mut problems = Vec::new();
        let mut options = Options::new(&spec.options, &mut problems);
        if let Some(format) = options.text("format")
            && format != "csv"
        {
            options.problem(format!("format \"{format}\" is not supported"), "the format is csv");
        }
        let path = options.text("path");
        if path.is_none() {
            options
                .problem("option \"path\" is missing".into(), "path is a glob of files, relative to ingest.data_dir");
        }
        let mode =
            options.choice("mode", &[("append", Mode::Append), ("replace", Mode::Replace)]).unwrap_or(Mode::Append);
        let label = options.text("encoding").unwrap_or_else(|| "utf-8".into());
        let encoding = TextEncoding::parse(&label);
        if encoding.is_none() {
            options.problem(
                format!("encoding \"{label}\" is not known"),
                "use utf-8, latin1, auto or a name that browsers know",
            );
        }
        let dates = options.formats("date_format");
        let timestamps = options.formats("timestamp_format");
        let format = CsvFormat {
            columns: columns(spec, &dates, &timestamps, options.problems),
            encoding: encoding.unwrap_or(TextEncoding::Utf8),
            delimiter: options.byte("delimiter").unwrap_or(b','),
            quote: options.byte("quote").unwrap_or(b'"'),
            header: options.boolean("header").unwrap_or(true),
            extra_columns_allowed: options
                .choice("extra_columns", &[("error", false), ("ignore", true)])
                .unwrap_or(false),
            null_values: options.texts("null_values").into_iter().map(String::into_bytes).collect(),
            limits: Limits {
                max_field_bytes: ingest.max_field_size.as_usize(),
                max_row_bytes: ingest.max_row_size.as_usize(),
                max_reject_ratio: options.ratio("max_reject_ratio").unwrap_or(ingest.max_reject_ratio),
                max_rejects: options.count("max_rejects").unwrap_or(ingest.max_rejects as u64),
                batch_rows: ingest.batch_rows,
            },
        };
        if !problems.is_empty() {
            return Err(wrong(spec, &problems));
        }
        let column_comments =
            spec.columns.iter().filter_map(|c| Some((c.name.clone(), c.description.clone()?))).collect();
        Ok(Self {
            table: spec.name.clone(),
            description: spec.description.clone(),
            column_comments,
            path: path.unwrap_or_default(),
            mode,
            format,
        })
    }

    /// The bronze table's columns.
    pub fn schema(&self) -> SchemaRef {
        let declared = self.format.columns.iter().map(|column| Field::new(&column.name, column.ty.arrow(), true));
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let added = [
            Field::new(SOURCE_FILE, DataType::Utf8, true),
            Field::new(ROW_NUMBER, DataType::Int64, true),
            Field::new(INGESTED_AT, instant, true),
        ];
        Arc::new(Schema::new(declared.chain(added).collect::<Vec<_>>()))
    }
}

fn columns(
    spec: &SourceSpec,
    dates: &[DateTimeFormat],
    timestamps: &[DateTimeFormat],
    problems: &mut Vec<(String, String)>,
) -> Vec<CsvColumn> {
    if spec.columns.is_empty() {
        problems.push(("no columns are declared".into(), "list them under columns, with name and data_type".into()));
    }
    let mut columns: Vec<CsvColumn> = Vec::with_capacity(spec.columns.len());
    for column in &spec.columns {
        if columns.iter().any(|earlier| earlier.name == column.name) {
            problems.push((format!("column \"{}\" is declared twice", column.name), String::new()));
        }
        if [SOURCE_FILE, ROW_NUMBER, INGESTED_AT].contains(&column.name.as_str()) {
            problems.push((format!("column \"{}\" has a name that ingestion uses", column.name), "rename it".into()));
        }
        let ty = match ColumnType::parse(column.data_type.as_deref().unwrap_or("text")) {
            Ok(ty) => ty,
            Err(error) => {
                let message = format!("column \"{}\": {}", column.name, error.message());
                problems.push((message, error.hint().unwrap_or_default().to_owned()));
                continue;
            }
        };
        let formats = match ty {
            ColumnType::Date => dates.to_vec(),
            ColumnType::Timestamp | ColumnType::TimestampTz => timestamps.to_vec(),
            _ => Vec::new(),
        };
        let header = column.header.clone().unwrap_or_else(|| column.name.clone());
        columns.push(CsvColumn { name: column.name.clone(), header, ty, formats });
    }
    columns
}

fn wrong(spec: &SourceSpec, problems: &[(String, String)]) -> Error {
    let place = format!("{}:{}", spec.declared_at.file.display(), spec.declared_at.line);
    let (first, hint) = problems.first().map(|(message, hint)| (message.as_str(), hint.as_str())).unwrap_or_default();
    let error = match problems.len() {
        1 => Error::new(ErrorKind::Project, format!("{place}: source \"{}\": {first}", spec.name)),
        count => {
            let lines: Vec<_> = problems.iter().map(|(message, _)| message.as_str()).collect();
            Error::new(ErrorKind::Project, format!("{place}: source \"{}\" has {count} problems", spec.name))
                .with_detail(lines.join("\n"))
        }
    };
    if hint.is_empty() { error } else { error.with_hint(hint) }
}

/// Options of a source, taken one by one; what is wrong with them is collected.
struct Options<'a> {
    values: Option<&'a serde_json::Map<String, Value>>,
    /// (what is wrong, what to do)
    problems: &'a mut Vec<(String, String)>,
}

impl<'a> Options<'a> {
    fn new(options: &'a Value, problems: &'a mut Vec<(String, String)>) -> Self {
        let values = options.as_object();
        for name in values.into_iter().flat_map(|values| values.keys()).filter(|name| !OPTIONS.contains(&name.as_str()))
        {
            let nearest =
                OPTIONS.iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
            let hint = nearest.map(|near| format!("did you mean \"{near}\"?")).unwrap_or_default();
            problems.push((format!("unknown option \"{name}\""), hint));
        }
        Self { values, problems }
    }

    fn problem(&mut self, message: String, hint: &str) {
        self.problems.push((message, hint.to_owned()));
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.values?.get(name).filter(|value| !value.is_null())
    }

    fn convert<T>(&mut self, name: &str, expected: &str, convert: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.get(name)?;
        let converted = convert(value);
        if converted.is_none() {
            self.problem(format!("option \"{name}\" must be {expected}, not {value}"), "");
        }
        converted
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.convert(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    fn boolean(&mut self, name: &str) -> Option<bool> {
        self.convert(name, "true or false", Value::as_bool)
    }

    fn count(&mut self, name: &str) -> Option<u64> {
        self.convert(name, "a whole number", Value::as_u64)
    }

    fn ratio(&mut self, name: &str) -> Option<f64> {
        self.convert(name, "a number between 0 and 1", |value| {
            value.as_f64().filter(|ratio| (0.0..=1.0).contains(ratio))
        })
    }

    fn byte(&mut self, name: &str) -> Option<u8> {
        self.convert(name, "one ASCII character", |value| match value.as_str()?.as_bytes() {
            b"\\t" => Some(b'\t'),
            [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n') => Some(*byte),
            _ => None,
        })
    }

    /// A text, or a list of texts.
    fn texts(&mut self, name: &str) -> Vec<String> {
        let texts = self.convert(name, "a text or a list of texts", |value| match value {
            Value::Array(values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
            value => value.as_str().map(|text| vec![text.to_owned()]),
        });
        texts.unwrap_or_default()
    }

    /// Without the option: ISO 8601.
    fn formats(&mut self, name: &str) -> Vec<DateTimeFormat> {
        let patterns = self.texts(name);
        if patterns.is_empty() {
            return vec![DateTimeFormat::iso()];
        }
        let mut formats = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            match DateTimeFormat::compile(&pattern) {
                Ok(format) => formats.push(format),
                Err(error) => self.problem(error.message().to_owned(), error.hint().unwrap_or_default()),
            }
        }
        formats
    }

    fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let expected = choices.iter().map(|(choice, _)| *choice).collect::<Vec<_>>().join(" or ");
        self.convert(name, &expected, |value| {
            choices.iter().find(|(choice, _)| value.as_str() == Some(choice)).map(|(_, meaning)| *meaning)
        })
    }
}
