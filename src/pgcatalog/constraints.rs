//! Keys, checks and defaults of tables, as the catalogs tell them: `pg_constraint`, `pg_index`, `pg_attrdef` and the views of
//! `information_schema` on them.
//!
//! A key has an index here, since clients look for it there; none is on disk, and keys are not enforced.

use std::collections::HashSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::columns::Columns;
use super::layout::LAYOUTS;
use super::metadata::{Metadata, Relation};
use crate::names::quote_ident;
use crate::table::{Actions, Constraint, ConstraintKind};

/// Bits of the OIDs of constraints and their indexes, which no object has; below them are the table's OID and the number.
pub(super) const CONSTRAINT: u32 = 0x7000_0000;
pub(super) const NUMBER_BITS: u32 = 6;
/// Constraints of a table that have an OID.
const CONSTRAINTS_MAX: usize = 32;

/// A constraint with its table.
pub struct Declared<'a> {
    pub relation: &'a Relation,
    pub constraint: &'a Constraint,
    pub oid: u32,
}

impl Declared<'_> {
    /// The index of a key, or that it is.
    pub fn index(&self) -> Option<u32> {
        self.constraint.kind.has_index().then_some(self.oid | CONSTRAINTS_MAX as u32)
    }

    pub fn is_primary(&self) -> bool {
        matches!(self.constraint.kind, ConstraintKind::PrimaryKey { .. })
    }

    /// What a foreign key leads to: the table, and the numbers of its columns.
    pub fn target<'m>(&self, metadata: &'m Metadata) -> Option<(&'m Relation, Vec<i32>)> {
        let ConstraintKind::ForeignKey { references, .. } = &self.constraint.kind else { return None };
        let name = self.constraint.kind.target()?;
        let target = metadata.find(&name.schema, &name.name)?;
        Some((target, numbers(target, references)))
    }

    /// The index of the key that a foreign key leads to.
    pub fn target_index(&self, metadata: &Metadata) -> Option<u32> {
        let (target, mut wanted) = self.target(metadata)?;
        wanted.sort_unstable();
        let is_led_to = |key: &Declared<'_>| {
            let mut columns = key.numbers();
            columns.sort_unstable();
            key.is_unique() && columns == wanted
        };
        of(target).filter(|key| key.index().is_some()).find(is_led_to)?.index()
    }

    /// Numbers of its columns; of a check, those its condition names.
    pub fn numbers(&self) -> Vec<i32> {
        match &self.constraint.kind {
            ConstraintKind::Check { condition } => {
                let words: Vec<&str> = condition.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
                let numbered = self.relation.columns.iter().zip(1..);
                numbered.filter(|(column, _)| words.contains(&column.name.as_str())).map(|(_, n)| n).collect()
            }
            // an expression has none
            ConstraintKind::Index { keys, .. } if !keys.is_empty() => {
                let number = |key: &String| {
                    let mut columns = self.relation.columns.iter().zip(1..);
                    columns.find(|(column, _)| quote_ident(&column.name) == *key).map_or(0, |(_, number)| number)
                };
                keys.iter().map(number).collect()
            }
            kind => numbers(self.relation, kind.columns()),
        }
    }

    /// Those of a foreign key.
    fn actions(&self) -> Option<&Actions> {
        match &self.constraint.kind {
            ConstraintKind::ForeignKey { actions, .. } => Some(actions),
            _ => None,
        }
    }

    /// The keys of its index, in SQL.
    fn keys(&self) -> Vec<String> {
        match &self.constraint.kind {
            ConstraintKind::Index { keys, .. } if !keys.is_empty() => keys.clone(),
            kind => kind.columns().iter().map(|name| quote_ident(name)).collect(),
        }
    }

    /// What its index has, in SQL: the keys, then the columns that are none.
    pub fn index_columns(&self) -> Vec<String> {
        self.keys().into_iter().chain(self.included().iter().map(|name| quote_ident(name))).collect()
    }

    /// The columns of its index that are no keys.
    fn included(&self) -> &[String] {
        match &self.constraint.kind {
            ConstraintKind::Index { included, .. } => included,
            _ => &[],
        }
    }

    /// What follows the key of that number in its index: `DESC NULLS LAST`.
    fn option(&self, key: usize) -> &str {
        match &self.constraint.kind {
            ConstraintKind::Index { options, .. } => options.get(key).map_or("", String::as_str),
            _ => "",
        }
    }

    /// The bits of `pg_index.indoption`: 1 for descending, 2 for NULLs first.
    fn option_bits(&self, key: usize) -> i32 {
        let option = self.option(key);
        let descends = option.contains("DESC");
        let first = if descends { !option.contains("LAST") } else { option.contains("FIRST") };
        i32::from(descends) + 2 * i32::from(first)
    }

    fn is_unique(&self) -> bool {
        !matches!(self.constraint.kind, ConstraintKind::Index { unique: false, .. })
    }

    /// What is true for the rows of its index, where it has not all.
    fn index_condition(&self) -> Option<&str> {
        match &self.constraint.kind {
            ConstraintKind::Index { condition, .. } => condition.as_deref(),
            _ => None,
        }
    }

    /// What the constraint's statement says after its name; tables that bare names lead to are named so. `pretty`: for people,
    /// with no more parentheses than are needed.
    pub fn definition(&self, metadata: &Metadata, search_path: &[String], pretty: bool) -> String {
        let list = |names: &[String]| names.iter().map(|name| quote_ident(name)).collect::<Vec<_>>().join(", ");
        match &self.constraint.kind {
            ConstraintKind::Check { condition } if pretty => format!("CHECK ({condition})"),
            ConstraintKind::Check { condition } => format!("CHECK (({condition}))"),
            ConstraintKind::PrimaryKey { columns } => format!("PRIMARY KEY ({})", list(columns)),
            ConstraintKind::Unique { columns } | ConstraintKind::Index { columns, .. } => {
                format!("UNIQUE ({})", list(columns))
            }
            ConstraintKind::ForeignKey { columns, schema, table, references, actions } => {
                let first = metadata.first_named(table, search_path);
                let target = match first.is_some_and(|first| first.schema == *schema) {
                    true => quote_ident(table),
                    false => format!("{}.{}", quote_ident(schema), quote_ident(table)),
                };
                let mut text = format!("FOREIGN KEY ({}) REFERENCES {target}({})", list(columns), list(references));
                for (event, action) in [("UPDATE", &actions.on_update), ("DELETE", &actions.on_delete)] {
                    text.extend(action.iter().map(|action| format!(" ON {event} {action}")));
                }
                text.push_str(if actions.deferrable { " DEFERRABLE" } else { "" });
                text.push_str(if actions.deferred { " INITIALLY DEFERRED" } else { "" });
                text
            }
        }
    }

    /// The statement that would make its index. `pretty`: for people, with no more parentheses than are needed.
    pub fn index_definition(&self, pretty: bool) -> String {
        let method = match &self.constraint.kind {
            ConstraintKind::Index { method: Some(method), .. } => method.as_str(),
            _ => "btree",
        };
        let condition = match self.index_condition() {
            // a column alone has none
            Some(condition) if pretty || !condition.contains(' ') => format!(" WHERE {condition}"),
            Some(condition) => format!(" WHERE ({condition})"),
            None => String::new(),
        };
        let with_option = |(at, key): (usize, String)| format!("{key} {}", self.option(at)).trim_end().to_owned();
        let keys: Vec<String> = self.keys().into_iter().enumerate().map(with_option).collect();
        let included = self.index_columns().split_off(keys.len()).join(", ");
        let included = if included.is_empty() { included } else { format!(" INCLUDE ({included})") };
        format!(
            "CREATE {}INDEX {} ON {}.{} USING {method} ({}){included}{condition}",
            if self.is_unique() { "UNIQUE " } else { "" },
            quote_ident(&self.constraint.name),
            quote_ident(&self.relation.schema),
            quote_ident(&self.relation.name),
            keys.join(", ")
        )
    }
}

fn numbers(relation: &Relation, names: &[String]) -> Vec<i32> {
    let number = |name: &String| relation.columns.iter().zip(1..).find(|(c, _)| &c.name == name).map(|(_, n)| n);
    names.iter().filter_map(number).collect()
}

/// The constraints of a relation.
pub fn of(relation: &Relation) -> impl Iterator<Item = Declared<'_>> {
    let numbered = relation.constraints.iter().take(CONSTRAINTS_MAX).zip(0u32..);
    numbered.map(move |(constraint, number)| {
        let oid = CONSTRAINT | (relation.oid << NUMBER_BITS & !CONSTRAINT) | number;
        Declared { relation, constraint, oid }
    })
}

/// The one of an OID, its own or that of its index.
pub fn with_oid(metadata: &Metadata, oid: u32) -> Option<Declared<'_>> {
    if oid & CONSTRAINT != CONSTRAINT {
        return None;
    }
    let relation = metadata.relation((oid & !CONSTRAINT) >> NUMBER_BITS)?;
    of(relation).find(|declared| declared.oid == oid & !(CONSTRAINTS_MAX as u32))
}

/// The index relations of a table's keys.
pub fn indexes(relation: &Relation) -> Vec<Relation> {
    let index = |declared: Declared<'_>| {
        let names = declared.constraint.kind.columns();
        let columns = names.iter().filter_map(|name| relation.columns.iter().find(|c| &c.name == name));
        Some(Relation {
            id: None,
            oid: declared.index()?,
            schema: relation.schema.clone(),
            namespace: relation.namespace,
            name: declared.constraint.name.clone(),
            kind: "i",
            row_type: 0,
            columns: columns.cloned().collect(),
            constraints: Vec::new(),
            rights: None,
            comment: None,
            rows: relation.rows,
            bytes: 0,
            definition: None,
            sequence: None,
            system: false,
        })
    };
    of(relation).filter_map(index).collect()
}

/// The tables that have foreign keys, and those that these lead to.
pub(super) fn in_foreign_keys(metadata: &Metadata) -> HashSet<u32> {
    let keys = all(metadata);
    let ends = keys.iter().filter_map(|key| Some([key.relation.oid, key.target(metadata)?.0.oid]));
    ends.flatten().collect()
}

pub(super) fn all(metadata: &Metadata) -> Vec<Declared<'_>> {
    metadata.user_relations().flat_map(of).collect()
}

/// Without the indexes that no constraint has.
fn constraints(metadata: &Metadata) -> Vec<Declared<'_>> {
    let mut all = all(metadata);
    all.retain(|declared| declared.constraint.kind.is_constraint());
    all
}

pub fn pg_constraint(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = constraints(metadata);
    let target = |d: &Declared<'_>| d.constraint.kind.target().and_then(|name| metadata.find(&name.schema, &name.name));
    let letter = |action: &Option<String>| match action.as_deref() {
        Some("CASCADE") => "c",
        Some("RESTRICT") => "r",
        Some("SET NULL") => "n",
        Some("SET DEFAULT") => "d",
        _ => "a",
    };
    let smalls = |d: &Declared<'_>| Some(d.numbers());
    Columns::of(&all)
        .oid("oid", |d| d.oid)
        .text("conname", |d| &d.constraint.name)
        .oid("connamespace", |d| d.relation.namespace)
        .text("contype", |d| match d.constraint.kind {
            ConstraintKind::Check { .. } => "c",
            ConstraintKind::PrimaryKey { .. } => "p",
            ConstraintKind::Unique { .. } | ConstraintKind::Index { .. } => "u",
            ConstraintKind::ForeignKey { .. } => "f",
        })
        .flag("condeferrable", |d| d.actions().is_some_and(|actions| actions.deferrable))
        .flag("condeferred", |d| d.actions().is_some_and(|actions| actions.deferred))
        .flag("convalidated", |_| true)
        .oid("conrelid", |d| d.relation.oid)
        .oid("conindid", |d| d.index().or_else(|| d.target_index(metadata)).unwrap_or(0))
        .oid("confrelid", |d| target(d).map_or(0, |relation| relation.oid))
        .text("confupdtype", |d| d.actions().map_or(" ", |actions| letter(&actions.on_update)))
        .text("confdeltype", |d| d.actions().map_or(" ", |actions| letter(&actions.on_delete)))
        .text("confmatchtype", |d| if d.constraint.kind.target().is_some() { "s" } else { " " })
        .flag("conislocal", |_| true)
        .flag("connoinherit", |d| !matches!(d.constraint.kind, ConstraintKind::Check { .. }))
        .numbers("conkey", smalls)
        .numbers("confkey", |d| match &d.constraint.kind {
            ConstraintKind::ForeignKey { references, .. } => Some(numbers(target(d)?, references)),
            _ => None,
        })
        .opt_text("conbin", |d| match &d.constraint.kind {
            ConstraintKind::Check { condition } => Some(condition.as_str()),
            _ => None,
        })
        .build(schema)
}

pub fn pg_index(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let keys: Vec<Declared<'_>> = all(metadata).into_iter().filter(|d| d.index().is_some()).collect();
    let count = |d: &Declared<'_>| i16::try_from(d.keys().len()).unwrap_or(0);
    let whole = |d: &Declared<'_>| i16::try_from(d.index_columns().len()).unwrap_or(0);
    let zeros = |d: &Declared<'_>| Some(vec![0; d.keys().len()]);
    let options = |d: &Declared<'_>| Some((0..d.keys().len()).map(|key| d.option_bits(key)).collect());
    let columns = |d: &Declared<'_>| Some([d.numbers(), numbers(d.relation, d.included())].concat());
    let expressions = |d: &Declared<'_>| {
        let texts: Vec<String> =
            d.keys().into_iter().zip(d.numbers()).filter(|(_, n)| *n == 0).map(|(key, _)| key).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    };
    Columns::of(&keys)
        .oid("indexrelid", |d| d.index().unwrap_or(0))
        .oid("indrelid", |d| d.relation.oid)
        .small("indnatts", whole)
        .small("indnkeyatts", count)
        .flag("indisunique", Declared::is_unique)
        .flag("indisprimary", Declared::is_primary)
        .flag("indimmediate", |_| true)
        .flag("indisvalid", |_| true)
        .flag("indisready", |_| true)
        .flag("indislive", |_| true)
        .numbers("indkey", columns)
        .numbers("indcollation", zeros)
        .numbers("indclass", zeros)
        .numbers("indoption", options)
        .opt_text("indexprs", expressions)
        .opt_text("indpred", |d| d.index_condition())
        .build(schema)
}

pub fn pg_indexes(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let keys: Vec<Declared<'_>> = all(metadata).into_iter().filter(|d| d.index().is_some()).collect();
    Columns::of(&keys)
        .text("schemaname", |d| &d.relation.schema)
        .text("tablename", |d| &d.relation.name)
        .text("indexname", |d| &d.constraint.name)
        .text("indexdef", |d| d.index_definition(false))
        .build(schema)
}

/// What `information_schema` tells of one constraint, those that NOT NULL stands for included.
struct Listed<'a> {
    relation: &'a Relation,
    name: String,
    kind: &'static str,
    declared: Option<Declared<'a>>,
    check: Option<String>,
}

impl Listed<'_> {
    fn actions(&self) -> Option<&Actions> {
        self.declared.as_ref()?.actions()
    }
}

fn yes(holds: bool) -> &'static str {
    if holds { "YES" } else { "NO" }
}

fn listed(metadata: &Metadata) -> Vec<Listed<'_>> {
    let declared = constraints(metadata).into_iter().map(|declared| {
        let (kind, check) = match &declared.constraint.kind {
            ConstraintKind::Check { condition } => ("CHECK", Some(format!("({condition})"))),
            ConstraintKind::PrimaryKey { .. } => ("PRIMARY KEY", None),
            ConstraintKind::Unique { .. } | ConstraintKind::Index { .. } => ("UNIQUE", None),
            ConstraintKind::ForeignKey { .. } => ("FOREIGN KEY", None),
        };
        let name = declared.constraint.name.clone();
        Listed { relation: declared.relation, name, kind, declared: Some(declared), check }
    });
    let tables = metadata.user_relations().filter(|r| r.kind == "r");
    let not_null = tables.flat_map(|relation| {
        let columns = relation.columns.iter().zip(1..).filter(|(column, _)| !column.nullable);
        columns.map(move |(column, number)| Listed {
            relation,
            name: format!("{}_{}_{number}_not_null", relation.namespace, relation.oid),
            kind: "CHECK",
            declared: None,
            check: Some(format!("{} IS NOT NULL", column.name)),
        })
    });
    declared.chain(not_null).collect()
}

/// The rows of a view of `information_schema` on constraints; `None` for the others.
pub fn information_schema(metadata: &Metadata, name: &str) -> Option<Result<RecordBatch>> {
    let schema = &LAYOUTS.get(&("information_schema", name))?.columns;
    Some(match name {
        "table_constraints" => table_constraints(metadata, schema),
        "check_constraints" => check_constraints(metadata, schema),
        "key_column_usage" => key_column_usage(metadata, schema),
        "constraint_column_usage" => constraint_column_usage(metadata, schema),
        "referential_constraints" => referential_constraints(metadata, schema),
        _ => return None,
    })
}

fn table_constraints(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = listed(metadata);
    Columns::of(&all)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |c| &c.relation.schema)
        .text("constraint_name", |c| &c.name)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |c| &c.relation.schema)
        .text("table_name", |c| &c.relation.name)
        .text("constraint_type", |c| c.kind)
        .text("is_deferrable", |c| yes(c.actions().is_some_and(|actions| actions.deferrable)))
        .text("initially_deferred", |c| yes(c.actions().is_some_and(|actions| actions.deferred)))
        .text("enforced", |c| if c.kind == "CHECK" { "YES" } else { "NO" })
        .opt_text("nulls_distinct", |c| (c.kind == "UNIQUE").then_some("YES"))
        .build(schema)
}

fn check_constraints(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all: Vec<Listed<'_>> = listed(metadata).into_iter().filter(|c| c.check.is_some()).collect();
    Columns::of(&all)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |c| &c.relation.schema)
        .text("constraint_name", |c| &c.name)
        .opt_text("check_clause", |c| c.check.as_deref())
        .build(schema)
}

fn key_column_usage(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let declared = constraints(metadata);
    let columns =
        declared.iter().flat_map(|d| d.constraint.kind.columns().iter().zip(1..).map(move |(c, n)| (d, c, n)));
    let all: Vec<(&Declared<'_>, &String, i32)> = columns.collect();
    Columns::of(&all)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |(d, ..)| &d.relation.schema)
        .text("constraint_name", |(d, ..)| &d.constraint.name)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |(d, ..)| &d.relation.schema)
        .text("table_name", |(d, ..)| &d.relation.name)
        .text("column_name", |(_, column, _)| *column)
        .int("ordinal_position", |(.., number)| *number)
        .opt_int("position_in_unique_constraint", |(d, _, number)| d.constraint.kind.target().map(|_| *number))
        .build(schema)
}

fn constraint_column_usage(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut all: Vec<(String, String, String, String, String)> = Vec::new();
    for listed in listed(metadata) {
        let Some(declared) = &listed.declared else { continue };
        let (table_schema, table, columns) = match &declared.constraint.kind {
            ConstraintKind::ForeignKey { schema, table, references, .. } => {
                (schema.clone(), table.clone(), references.clone())
            }
            _ => {
                let column = |n: &i32| declared.relation.columns.get(usize::try_from(*n).ok()?.checked_sub(1)?);
                let columns = declared.numbers().iter().filter_map(column).map(|c| c.name.clone()).collect();
                (declared.relation.schema.clone(), declared.relation.name.clone(), columns)
            }
        };
        all.extend(columns.into_iter().map(|column| {
            let schema = listed.relation.schema.clone();
            (table_schema.clone(), table.clone(), column, schema, listed.name.clone())
        }));
    }
    Columns::of(&all)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |row| &row.0)
        .text("table_name", |row| &row.1)
        .text("column_name", |row| &row.2)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |row| &row.3)
        .text("constraint_name", |row| &row.4)
        .build(schema)
}

fn referential_constraints(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let keys: Vec<Declared<'_>> = all(metadata).into_iter().filter(|d| d.constraint.kind.target().is_some()).collect();
    // the key over there that has the same columns
    let unique = |d: &Declared<'_>| -> Option<(String, String)> {
        let ConstraintKind::ForeignKey { schema, table, references, .. } = &d.constraint.kind else { return None };
        let relation = metadata.find(schema, table)?;
        let key = of(relation).find(|key| key.index().is_some() && key.constraint.kind.columns() == references)?;
        Some((relation.schema.clone(), key.constraint.name.clone()))
    };
    Columns::of(&keys)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |d| &d.relation.schema)
        .text("constraint_name", |d| &d.constraint.name)
        .opt_text("unique_constraint_catalog", |d| unique(d).map(|_| metadata.database.clone()))
        .opt_text("unique_constraint_schema", |d| unique(d).map(|(schema, _)| schema))
        .opt_text("unique_constraint_name", |d| unique(d).map(|(_, name)| name))
        .text("match_option", |_| "NONE")
        .text("update_rule", |d| d.actions().and_then(|a| a.on_update.as_deref()).unwrap_or("NO ACTION"))
        .text("delete_rule", |d| d.actions().and_then(|a| a.on_delete.as_deref()).unwrap_or("NO ACTION"))
        .build(schema)
}
