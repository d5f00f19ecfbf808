//! Names and ids as types, so that one is never taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{About, Error, ErrorKind};

/// A table or view, always with its schema: `gold.daily_sales`. Both parts are as stored (already case-folded).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

/// A model is named after the relation it makes.
pub type ModelName = TableName;

impl TableName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }
    /// What an error says that it is about.
    pub fn about(&self) -> About {
        About { schema: self.schema.clone(), table: self.name.clone(), ..About::default() }
    }
    /// For SQL text: each part quoted where it must be.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_ident(&self.schema), quote_ident(&self.name))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl FromStr for TableName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('.') {
            Some((schema, name)) if !schema.is_empty() && !name.is_empty() && !name.contains('.') => {
                Ok(Self::new(schema, name))
            }
            _ => Err(Error::new(ErrorKind::InvalidParameter, format!("\"{text}\" is not a table name"))
                .with_hint("write it as schema.table, for example gold.daily_sales")),
        }
    }
}

/// PostgreSQL 15's keywords that are not names by themselves, in order.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "between",
    "bigint", "binary", "bit", "boolean", "both", "case", "cast", "char", "character", "check", "coalesce", "collate",
    "collation", "column", "concurrently", "constraint", "create", "cross", "current_catalog", "current_date",
    "current_role", "current_schema", "current_time", "current_timestamp", "current_user", "dec", "decimal",
    "default", "deferrable", "desc", "distinct", "do", "else", "end", "except", "exists", "extract", "false", "fetch",
    "float", "for", "foreign", "freeze", "from", "full", "grant", "greatest", "group", "grouping", "having", "ilike",
    "in", "initially", "inner", "inout", "int", "integer", "intersect", "interval", "into", "is", "isnull", "join",
    "lateral", "leading", "least", "left", "like", "limit", "localtime", "localtimestamp", "national", "natural",
    "nchar", "none", "normalize", "not", "notnull", "null", "nullif", "numeric", "offset", "on", "only", "or",
    "order", "out", "outer", "overlaps", "overlay", "placing", "position", "precision", "primary", "real",
    "references", "returning", "right", "row", "select", "session_user", "setof", "similar", "smallint", "some",
    "substring", "symmetric", "table", "tablesample", "then", "time", "timestamp", "to", "trailing", "treat", "trim",
    "true", "union", "unique", "user", "using", "values", "varchar", "variadic", "verbose", "when", "where", "window",
    "with", "xmlattributes", "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse",
    "xmlpi", "xmlroot", "xmlserialize", "xmltable",
];

/// An identifier as SQL text: as it is where PostgreSQL would read it back unchanged, else in double quotes.
pub fn quote_ident(name: &str) -> String {
    let is_keyword = KEYWORDS.binary_search(&name).is_ok();
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && !is_keyword { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Bytes of a name that PostgreSQL keeps.
const NAME_BYTES_MAX: usize = 63;

/// `table_part_label`, cut as PostgreSQL cuts it where that is too long: of the longer of the first two.
pub fn object_name(table: &str, part: &str, label: &str) -> String {
    let rest = label.len() + 1 + if part.is_empty() { 0 } else { 1 };
    let room = NAME_BYTES_MAX.saturating_sub(rest);
    let (mut of_table, mut of_part) = (table.len(), part.len());
    while of_table + of_part > room {
        if of_table > of_part { of_table -= 1 } else { of_part -= 1 }
    }
    let parts = [clipped(table, of_table), clipped(part, of_part), label];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
}

/// How PostgreSQL ends the names of sequences that it makes for columns.
pub const SEQUENCE_LABEL: &str = "seq";

/// The first name for an object of such a table that is not taken.
pub fn free_name(table: &str, part: &str, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let base = object_name(table, part, label);
    let numbered = (1..).map(|number| object_name(table, part, &format!("{label}{number}")));
    std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(base)
}

/// So many bytes at most, and whole characters.
fn clipped(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// The text as a literal of SQL.
pub fn quote_literal(text: &str) -> String {
    let escape = if text.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", text.replace('\'', "''").replace('\\', "\\\\"))
}

/// The candidate that `name` is most likely a slip of, for "did you mean …?"; `None` if none is near.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let slips_max = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A version of the catalog; release 0 is the empty lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReleaseId(pub u64);

impl ReleaseId {
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One run of the pipeline; ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub Uuid);

impl RunId {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_are_cut_as_by_postgres() {
        assert_eq!(object_name("t", "a_b", "key"), "t_a_b_key");
        assert_eq!(object_name("t", "", "pkey"), "t_pkey");
        let (table, column) = ("t".repeat(60), "c".repeat(60));
        assert_eq!(object_name(&table, "id", "seq"), format!("{}_id_seq", "t".repeat(56)));
        assert_eq!(object_name(&table, &column, "seq"), format!("{}_{}_seq", "t".repeat(29), "c".repeat(29)));
        assert_eq!(object_name(&"é".repeat(40), "", "pkey"), format!("{}_pkey", "é".repeat(29)));
    }
}
