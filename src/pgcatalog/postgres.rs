//! Catalogs whose rows are PostgreSQL's own and never change: types, operators, casts …, as PostgreSQL 15 has them.
//!
//! The files of `postgres/` hold them as COPY writes rows; `postgres/export.sh` makes them anew.
//!
//! Invariant: a file is read once per process, when its catalog is first asked for.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock, OnceLock};

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, ListBuilder, RecordBatch, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use datafusion::error::Result;

use super::layout::{self, LAYOUTS};

/// Name of a relation and its rows.
type File = (&'static str, &'static str);

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("postgres/", $name, ".tsv")))),*]
    };
}

const FILES: &[File] = files![
    "information_schema.sql_features",
    "information_schema.sql_implementation_info",
    "information_schema.sql_parts",
    "information_schema.sql_sizing",
    "pg_aggregate",
    "pg_am",
    "pg_amop",
    "pg_amproc",
    "pg_cast",
    "pg_collation",
    "pg_conversion",
    "pg_description",
    "pg_language",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_proc",
    "pg_range",
    "pg_tablespace",
    "pg_ts_config",
    "pg_ts_config_map",
    "pg_ts_dict",
    "pg_ts_parser",
    "pg_ts_template",
    "pg_type",
];

const KEY_WORDS: &str = include_str!("postgres/pg_get_keywords.tsv");
const TOKEN_TYPES: &str = include_str!("postgres/ts_token_type.tsv");

type Rows = (&'static str, OnceLock<Option<RecordBatch>>);

static RELATIONS: LazyLock<HashMap<(&'static str, &'static str), Rows>> = LazyLock::new(|| {
    let keyed = FILES.iter().map(|(name, text)| {
        let key = name.split_once('.').unwrap_or(("pg_catalog", name));
        (key, (*text, OnceLock::new()))
    });
    keyed.collect()
});

/// The rows of one of the catalogs that never change; `None` for others.
pub fn rows(schema: &str, name: &str) -> Option<&'static RecordBatch> {
    let (key, (text, read)) = RELATIONS.iter().find(|(known, _)| **known == (schema, name))?;
    read.get_or_init(|| parsed(&LAYOUTS.get(key)?.columns, text).ok()).as_ref()
}

/// PostgreSQL's key words, as `pg_get_keywords()` gives them.
pub fn key_words() -> Result<RecordBatch> {
    let columns =
        [("word", "text"), ("catcode", "char"), ("barelabel", "bool"), ("catdesc", "text"), ("baredesc", "text")];
    of_function(&columns, KEY_WORDS)
}

/// Kinds of tokens of the one text search parser there is.
pub fn token_types() -> Result<RecordBatch> {
    of_function(&[("tokid", "int4"), ("alias", "text"), ("description", "text")], TOKEN_TYPES)
}

fn of_function(columns: &[(&str, &str)], text: &str) -> Result<RecordBatch> {
    let fields: Vec<Field> = columns.iter().map(|(name, pg_type)| layout::field_of(name, pg_type, true)).collect();
    parsed(&Arc::new(Schema::new(fields)), text)
}

/// Rows as COPY writes them.
fn parsed(schema: &SchemaRef, text: &str) -> Result<RecordBatch> {
    let mut builders: Vec<StringBuilder> = schema.fields().iter().map(|_| StringBuilder::new()).collect();
    for line in text.lines() {
        for (builder, cell) in builders.iter_mut().zip(line.split('\t')) {
            match cell {
                "\\N" => builder.append_null(),
                cell => builder.append_value(unescaped(cell)),
            }
        }
    }
    let columns = builders.iter_mut().zip(schema.fields()).map(|(builder, field)| {
        let texts: ArrayRef = Arc::new(builder.finish());
        typed(&texts, field)
    });
    Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<Vec<_>>>()?)?)
}

fn unescaped(cell: &str) -> Cow<'_, str> {
    if !cell.contains('\\') {
        return Cow::Borrowed(cell);
    }
    let mut text = String::with_capacity(cell.len());
    let mut characters = cell.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

fn typed(texts: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    match field.data_type() {
        DataType::Utf8 => Ok(texts.clone()),
        DataType::Boolean => {
            let truths = texts.as_string::<i32>().iter().map(|text| text.map(|text| text == "t"));
            Ok(Arc::new(truths.collect::<BooleanArray>()))
        }
        DataType::List(_) => lists(texts, field.data_type()),
        other => Ok(cast(texts, other)?),
    }
}

/// Arrays as text, `{a,b}`, or vectors, `1 2`.
fn lists(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for text in column.as_string::<i32>() {
        let Some(text) = text else {
            builder.append(false);
            continue;
        };
        let separator = if text.starts_with('{') { ',' } else { ' ' };
        let items = text.trim_start_matches('{').trim_end_matches('}').split(separator);
        for item in items.filter(|item| !item.is_empty()) {
            builder.values().append_value(item.trim_matches('"'));
        }
        builder.append(true);
    }
    Ok(cast(&builder.finish(), wanted)?)
}

/// Whether a row of one of the catalogs that never change has this OID.
pub fn has(catalog: &str, oid: u32) -> bool {
    static KNOWN: LazyLock<HashMap<&'static str, OnceLock<HashSet<u32>>>> = LazyLock::new(|| {
        RELATIONS
            .keys()
            .filter(|(schema, _)| *schema == "pg_catalog")
            .map(|(_, name)| (*name, OnceLock::new()))
            .collect()
    });
    let known = KNOWN.get(catalog).map(|known| {
        known.get_or_init(|| {
            let oids = rows("pg_catalog", catalog).and_then(|rows| rows.column_by_name("oid"));
            let oids = oids.and_then(|oids| oids.as_primitive_opt::<Int32Type>());
            let oids = oids.map(|oids| oids.values().iter().filter_map(|oid| u32::try_from(*oid).ok()).collect());
            oids.unwrap_or_default()
        })
    });
    known.is_some_and(|known| known.contains(&oid))
}

/// What PostgreSQL says of objects of its own, by the OIDs of their catalogs and their own.
static DESCRIPTIONS: LazyLock<BTreeMap<(u32, u32), &'static str>> = LazyLock::new(|| {
    let Some(rows) = rows("pg_catalog", "pg_description") else { return BTreeMap::new() };
    let numbers = |name: &str| rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int32Type>());
    let texts = rows.column_by_name("description").and_then(|column| column.as_string_opt::<i32>());
    let (Some(objects), Some(classes), Some(parts), Some(texts)) =
        (numbers("objoid"), numbers("classoid"), numbers("objsubid"), texts)
    else {
        return BTreeMap::new();
    };
    let all = objects.values().iter().zip(classes.values()).zip(parts.values()).zip(texts);
    let key = |((object, class), part): ((&i32, &i32), &i32)| {
        (*part == 0).then_some((u32::try_from(*class).ok()?, u32::try_from(*object).ok()?))
    };
    all.filter_map(|(numbers, text)| Some((key(numbers)?, text?))).collect()
});

/// What PostgreSQL says of an object of its own, by the name of its catalog.
pub fn description(catalog: &str, oid: u32) -> Option<&'static str> {
    let (_, class) = LAYOUTS.iter().find(|((schema, name), _)| *schema == "pg_catalog" && *name == catalog)?;
    DESCRIPTIONS.get(&(class.oid, oid)).copied()
}

/// What PostgreSQL says of the first object of its own that has the OID.
pub fn any_description(oid: u32) -> Option<&'static str> {
    DESCRIPTIONS.iter().find(|((_, known), _)| *known == oid).map(|(_, text)| *text)
}

/// `pg_type.typbasetype` of a type; 0 where it is no domain.
pub fn base_type(oid: u32) -> Option<u32> {
    let rows = rows("pg_catalog", "pg_type")?;
    let numbers = |name: &str| Some(rows.column_by_name(name)?.as_primitive_opt::<Int32Type>()?.values());
    let at = numbers("oid")?.iter().position(|known| u32::try_from(*known) == Ok(oid))?;
    numbers("typbasetype")?.get(at).and_then(|base| u32::try_from(*base).ok())
}

/// `pg_type.typcollation` of a type; 0 where its values have none.
pub fn type_collation(oid: u32) -> u32 {
    static KNOWN: LazyLock<HashMap<i32, i32>> = LazyLock::new(|| {
        let Some(rows) = rows("pg_catalog", "pg_type") else { return HashMap::new() };
        let numbers = |name: &str| rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int32Type>());
        let (Some(oids), Some(collations)) = (numbers("oid"), numbers("typcollation")) else { return HashMap::new() };
        oids.values().iter().copied().zip(collations.values().iter().copied()).filter(|(_, of)| *of != 0).collect()
    });
    let found = i32::try_from(oid).ok().and_then(|oid| KNOWN.get(&oid));
    found.and_then(|collation| u32::try_from(*collation).ok()).unwrap_or(0)
}

/// `pg_type.typalign` of a type: `c`, `s`, `i` or `d`.
pub fn type_align(oid: u32) -> &'static str {
    static KNOWN: LazyLock<HashMap<i32, String>> = LazyLock::new(|| {
        let Some(rows) = rows("pg_catalog", "pg_type") else { return HashMap::new() };
        let oids = rows.column_by_name("oid").and_then(|column| column.as_primitive_opt::<Int32Type>());
        let alignments = rows.column_by_name("typalign").and_then(|column| column.as_string_opt::<i32>());
        let (Some(oids), Some(alignments)) = (oids, alignments) else { return HashMap::new() };
        let known = oids.values().iter().copied().zip(alignments);
        known.filter_map(|(oid, alignment)| Some((oid, alignment?.to_owned()))).collect()
    });
    let known: &'static HashMap<i32, String> = &KNOWN;
    i32::try_from(oid).ok().and_then(|oid| known.get(&oid)).map_or("i", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_understood() {
        for (schema, name) in RELATIONS.keys() {
            let rows = rows(schema, name);
            assert!(rows.is_some_and(|rows| rows.num_rows() > 0 || *name == "sql_parts"), "{schema}.{name}");
        }
        assert!(key_words().unwrap().num_rows() > 400);
    }

    #[test]
    fn types_have_their_numbers() {
        assert!(has("pg_type", 23) && !has("pg_type", 1_000_000));
    }
}
