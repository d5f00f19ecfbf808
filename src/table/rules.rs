//! What a table asks of its rows beyond their types, as its metadata tells: defaults, lengths, generated columns,
//! identity columns, conditions, declared keys.
//!
//! A table keeps these where Delta does: in the metadata of its columns and in `delta.constraints.*`. What Delta has no
//! place for lies under names of ours, which other engines carry along and do not read.
//!
//! Invariant: reading never fails; what cannot be understood is a condition that nobody can meet unnoticed, so it is kept.

use std::collections::BTreeMap;

use deltalake::kernel::{DataType, MetadataValue, StructField, StructType};
use serde::Deserialize;
use serde_json::Value;

/// Column: the SQL text of its default; ours goes before Spark's.
const DEFAULTS: [&str; 2] = ["lakewire.default", "CURRENT_DEFAULT"];
/// Column: the SQL text of what it is computed from, as Delta names it.
pub const GENERATED: &str = "delta.generationExpression";
/// Column: `varchar(n)` or `char(n)`, as Spark writes it.
const LENGTH: &str = "__CHAR_VARCHAR_TYPE_STRING";
/// Column: PostgreSQL's name of its type (`varchar`, `bpchar`) and `atttypmod`.
const PG_TYPE: [&str; 2] = ["pg_type", "pg_typmod"];
/// Column: `always` or `by default`. Its next value is one more than the greatest of the table.
pub const IDENTITY: &str = "lakewire.identity";
/// Column: a condition of Delta's old kind, as JSON.
const INVARIANT: &str = "delta.invariants";
/// Table property: a named condition.
pub const CHECK_PREFIX: &str = "delta.constraints.";
/// Table property: a declared key, as JSON with its `name`, `kind` and `columns`. Nothing enforces it.
const KEY_PREFIX: &str = "lakewire.constraints.";

/// What one column asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnRule {
    pub default: Option<String>,
    pub generated: Option<String>,
    pub identity: Option<Identity>,
    pub form: Option<Form>,
}

/// What the declared type of a column asks of its values, beyond the type that Delta has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Length(Length),
    Json,
    Jsonb,
    Uuid,
    /// The type modifier of a time: digits of the second, and fields of an interval.
    Time(i32),
}

/// Who may give an identity column its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Only the table itself.
    Always,
    /// Whoever inserts; the table where they do not.
    ByDefault,
}

/// The longest text a column takes, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    pub max: usize,
    /// `char(n)`: shorter texts are filled up with blanks.
    pub padded: bool,
}

/// A condition that every row must meet, or be unknown for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub condition: String,
}

/// A key as it was declared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Key {
    pub name: String,
    kind: String,
    pub columns: Vec<String>,
    /// The rest is an index's.
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    condition: Option<String>,
    /// Whether rows with NULLs are alike.
    #[serde(default)]
    pub nulls_not_distinct: bool,
}

/// The kind of a key that is an index alone.
const INDEX: &str = "index";

impl Key {
    fn tells_rows_apart(&self) -> bool {
        match self.kind.as_str() {
            "primary_key" | "unique" => true,
            INDEX => self.unique && self.keys.is_empty() && self.condition.is_none(),
            _ => false,
        }
    }

    /// Whether it is a constraint, and not an index alone.
    pub fn is_constraint(&self) -> bool {
        self.kind != INDEX
    }
}

/// What a table asks of its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// By column; those that ask for nothing are not here.
    pub columns: BTreeMap<String, ColumnRule>,
    pub checks: Vec<Check>,
    pub keys: Vec<Key>,
}

impl Rules {
    pub(super) fn of<'a>(columns: &StructType, properties: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut rules = Self::default();
        for (name, value) in properties {
            if let Some(check) = name.strip_prefix(CHECK_PREFIX) {
                rules.checks.push(Check { name: check.to_owned(), condition: value.to_owned() });
            } else if name.starts_with(KEY_PREFIX)
                && let Ok(key) = serde_json::from_str::<Key>(value)
                && key.tells_rows_apart()
            {
                rules.keys.push(key);
            }
        }
        for field in columns.fields() {
            let text = |key: &str| text_of(field, key);
            let rule = ColumnRule {
                default: DEFAULTS.iter().find_map(|key| text(key)),
                generated: text(GENERATED),
                identity: text(IDENTITY).map(|kind| match kind.as_str() {
                    "by default" => Identity::ByDefault,
                    _ => Identity::Always,
                }),
                form: declared_form(field).or_else(|| length(&text(LENGTH)?).map(Form::Length)),
            };
            if rule != ColumnRule::default() {
                rules.columns.insert(field.name().clone(), rule);
            }
            if let Some(invariant) = text(INVARIANT) {
                let condition = condition_in(&invariant).unwrap_or(invariant);
                rules.checks.push(Check { name: format!("{}_invariant", field.name()), condition });
            }
        }
        rules.checks.sort_by(|a, b| a.name.cmp(&b.name));
        rules
    }

    /// What the column asks for, if anything.
    pub fn column(&self, name: &str) -> Option<&ColumnRule> {
        self.columns.get(name)
    }
}

fn text_of(field: &StructField, key: &str) -> Option<String> {
    match field.metadata().get(key)? {
        MetadataValue::String(text) => Some(text.clone()),
        MetadataValue::Other(Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// `{"expression":{"expression":"x > 3"}}`
fn condition_in(invariant: &str) -> Option<String> {
    let value: Value = serde_json::from_str(invariant).ok()?;
    Some(value.get("expression")?.get("expression")?.as_str()?.to_owned())
}

/// As our metadata tells it: PostgreSQL counts four bytes of header in a length.
fn declared_form(field: &StructField) -> Option<Form> {
    let [name, modifier] = PG_TYPE.map(|key| text_of(field, key));
    if is_time(field.data_type()) || matches!(name.as_deref(), Some("time" | "interval")) {
        return modifier?.parse().ok().map(Form::Time);
    }
    let length = |padded| {
        let max = usize::try_from(modifier?.parse::<i64>().ok()? - 4).ok()?;
        Some(Form::Length(Length { max, padded }))
    };
    let name = name?;
    // an array's elements
    match name.strip_prefix('_').unwrap_or(&name) {
        "varchar" => length(false),
        "bpchar" | "char" => length(true),
        "json" => Some(Form::Json),
        "jsonb" => Some(Form::Jsonb),
        "uuid" => Some(Form::Uuid),
        _ => None,
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, &DataType::TIMESTAMP | &DataType::TIMESTAMP_NTZ)
}

/// `varchar(3)`, `char(3)`.
fn length(declared: &str) -> Option<Length> {
    let (kind, rest) = declared.split_once('(')?;
    let max = rest.strip_suffix(')')?.trim().parse().ok()?;
    Some(Length { max, padded: kind.trim().eq_ignore_ascii_case("char") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_invariants_are_read_as_spark_writes_them() {
        assert_eq!(length("varchar(3)"), Some(Length { max: 3, padded: false }));
        assert_eq!(length("char(10)"), Some(Length { max: 10, padded: true }));
        assert_eq!(length("string"), None);
        assert_eq!(condition_in(r#"{"expression":{"expression":"x > 3"}}"#).as_deref(), Some("x > 3"));
    }
}
