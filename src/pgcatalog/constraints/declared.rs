//! A constraint or an index of a table: its numbers, what it refers to, and its statement.
//!
//! A key has an index here, since clients look for it there; none is on disk, and keys are not enforced.

use super::super::metadata::{Metadata, Relation};
use crate::names::quote_ident;
use crate::table::{Actions, Constraint, ConstraintKind};

/// Bits of the OIDs of constraints and their indexes, which no object has; below them are the table's OID and the number.
pub(crate) const CONSTRAINT: u32 = 0x7000_0000;
pub(crate) const NUMBER_BITS: u32 = 6;
/// Constraints of a table that have an OID.
const CONSTRAINTS_MAX: usize = 32;

/// A constraint with its table.
pub struct Declared<'a> {
    pub relation: &'a Relation,
    pub constraint: &'a Constraint,
    pub oid: u32,
}

impl<'a> Declared<'a> {
    /// The index of a key, or that it is.
    pub fn index(&self) -> Option<u32> {
        self.constraint.kind.has_index().then_some(self.oid | CONSTRAINTS_MAX as u32)
    }

    /// What is said of the constraint; nothing of an index alone, which is a relation with its own.
    pub fn comment(&self) -> Option<&'a str> {
        self.constraint.comment.as_deref().filter(|_| self.constraint.kind.is_constraint())
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
    pub fn actions(&self) -> Option<&Actions> {
        match &self.constraint.kind {
            ConstraintKind::ForeignKey { actions, .. } => Some(actions),
            _ => None,
        }
    }

    /// The keys of its index, in SQL.
    pub fn keys(&self) -> Vec<String> {
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
    pub fn included(&self) -> &[String] {
        match &self.constraint.kind {
            ConstraintKind::Index { included, .. } => included,
            _ => &[],
        }
    }

    /// What follows the key of that number in its index: `DESC NULLS LAST`.
    pub fn option(&self, key: usize) -> &str {
        match &self.constraint.kind {
            ConstraintKind::Index { options, .. } => options.get(key).map_or("", String::as_str),
            _ => "",
        }
    }

    /// The bits of `pg_index.indoption`: 1 for descending, 2 for NULLs first.
    pub fn option_bits(&self, key: usize) -> i32 {
        let option = self.option(key);
        let descends = option.contains("DESC");
        let first = if descends { !option.contains("LAST") } else { option.contains("FIRST") };
        i32::from(descends) + 2 * i32::from(first)
    }

    pub fn is_unique(&self) -> bool {
        !matches!(self.constraint.kind, ConstraintKind::Index { unique: false, .. })
    }

    /// What is true for the rows of its index, where it has not all.
    pub fn index_condition(&self) -> Option<&str> {
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

/// The numbers of columns by name, of those that there are.
pub fn numbers(relation: &Relation, names: &[String]) -> Vec<i32> {
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
            comment: declared.constraint.comment.clone().filter(|_| !declared.constraint.kind.is_constraint()),
            rows: relation.rows,
            bytes: 0,
            definition: None,
            sequence: None,
            system: false,
        })
    };
    of(relation).filter_map(index).collect()
}
