//! A constraint or an index of a table: its numbers, what it refers to, and its statement.
//!
//! A key has an index here, since clients look for it there; none is on disk, and keys are not enforced.

use datafusion::arrow::datatypes::DataType;

use super::super::deparse;
use super::super::metadata::{Metadata, Relation};
use super::super::opclasses::{self, KeyOption, Method};
use super::of_catalogs;
use crate::catalog::Column;
use crate::dialect;
use crate::names::{quote_ident, quote_literal};
use crate::pgtypes::{self, Type};
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
    /// OID of the index it would have.
    index_oid: u32,
}

impl<'a> Declared<'a> {
    /// The index of a key, or that it is.
    pub fn index(&self) -> Option<u32> {
        self.constraint.kind.has_index().then_some(self.index_oid)
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
                let names = dialect::names_in(condition);
                let numbered = self.relation.columns.iter().zip(1..);
                numbered.filter(|(column, _)| names.contains(&column.name)).map(|(_, n)| n).collect()
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

    /// What a check asks. `pretty`: for people, with no more parentheses than are needed.
    pub fn check(&self, pretty: bool) -> Option<String> {
        let ConstraintKind::Check { condition } = &self.constraint.kind else { return None };
        let as_written = || if pretty { condition.clone() } else { format!("({condition})") };
        Some(deparse::told(condition, &self.relation.columns, pretty).unwrap_or_else(as_written))
    }

    /// The keys of its index as they are told.
    pub fn told_keys(&self, pretty: bool) -> Vec<String> {
        let told = |key: String| {
            let Some(inner) = key.strip_prefix('(') else { return key };
            let told = inner.strip_suffix(')').and_then(|inner| deparse::told(inner, &self.relation.columns, pretty));
            told.map_or(key, |told| format!("({told})"))
        };
        self.keys().into_iter().map(told).collect()
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
            _ => &self.constraint.covers,
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
        let option = KeyOption::parse(self.option(key));
        i32::from(option.descends) + 2 * i32::from(option.nulls_first)
    }

    /// How its index would be kept.
    pub fn method(&self) -> Option<&'static Method> {
        opclasses::method(match &self.constraint.kind {
            ConstraintKind::Index { method: Some(method), .. } => method,
            _ => "btree",
        })
    }

    /// The types of the keys of its index; none of those that nobody knows.
    pub fn key_types(&self) -> Vec<Option<Type>> {
        match &self.constraint.kind {
            ConstraintKind::Index { types, columns, keys, .. } if columns.is_empty() => {
                (0..keys.len()).map(|key| pgtypes::type_named(types.get(key)?)).collect()
            }
            kind => {
                let column = |name: &String| self.relation.columns.iter().find(|column| &column.name == name);
                kind.columns().iter().map(|name| Some(self.relation.type_of(column(name)?))).collect()
            }
        }
    }

    /// The operator class of each key, its collation, and the type of what is kept of it.
    pub fn key_classes(&self) -> Vec<KeyClass> {
        let Some(method) = self.method() else { return Vec::new() };
        let of = |(at, key): (usize, Option<Type>)| {
            let option = KeyOption::parse(self.option(at));
            let class = match (&option.class, &key) {
                (Some(name), _) => opclasses::class_named(method, name),
                (None, Some(key)) => opclasses::default_class(method, key),
                (None, None) => None,
            };
            let own = || key.as_ref().map_or(0, |key| opclasses::type_collation(key.oid()));
            let collation = option.collation.as_deref().and_then(opclasses::collation).unwrap_or_else(own);
            let kept = class.zip(key.as_ref()).and_then(|(class, key)| class.kept(key));
            KeyClass { class: class.map_or(0, |class| class.oid), collation, kept, key }
        };
        self.key_types().into_iter().enumerate().map(of).collect()
    }

    /// Whether NULLs are alike to it.
    pub fn nulls_not_distinct(&self) -> bool {
        match &self.constraint.kind {
            ConstraintKind::Unique { nulls_not_distinct, .. } | ConstraintKind::Index { nulls_not_distinct, .. } => {
                *nulls_not_distinct
            }
            _ => false,
        }
    }

    /// Storage parameters of its index, `fillfactor=70`.
    pub fn parameters(&self) -> &[String] {
        match &self.constraint.kind {
            ConstraintKind::Index { parameters, .. } => parameters,
            _ => &self.constraint.with,
        }
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
        let included = match self.included() {
            [] => String::new(),
            columns => format!(" INCLUDE ({})", list(columns)),
        };
        match &self.constraint.kind {
            ConstraintKind::Check { .. } => format!("CHECK ({})", self.check(pretty).unwrap_or_default()),
            ConstraintKind::PrimaryKey { columns } => format!("PRIMARY KEY ({}){included}", list(columns)),
            ConstraintKind::Unique { columns, .. } | ConstraintKind::Index { columns, .. } => {
                let nulls = if self.nulls_not_distinct() { "NULLS NOT DISTINCT " } else { "" };
                format!("UNIQUE {nulls}({}){included}", list(columns))
            }
            ConstraintKind::ForeignKey { columns, schema, table, references, actions } => {
                let first = metadata.first_named(table, search_path);
                let target = match first.is_some_and(|first| first.schema == *schema) {
                    true => quote_ident(table),
                    false => format!("{}.{}", quote_ident(schema), quote_ident(table)),
                };
                let mut text = format!("FOREIGN KEY ({}) REFERENCES {target}({})", list(columns), list(references));
                text.push_str(if actions.match_full { " MATCH FULL" } else { "" });
                for (event, action) in [("UPDATE", &actions.on_update), ("DELETE", &actions.on_delete)] {
                    text.extend(action.iter().map(|action| format!(" ON {event} {action}")));
                }
                if !actions.delete_columns.is_empty() {
                    text.push_str(&format!(" ({})", list(&actions.delete_columns)));
                }
                text.push_str(if actions.deferrable { " DEFERRABLE" } else { "" });
                text.push_str(if actions.deferred { " INITIALLY DEFERRED" } else { "" });
                text
            }
        }
    }

    /// The statement that would make its index. `pretty`: for people, with no more parentheses than are needed.
    pub fn index_definition(&self, pretty: bool) -> String {
        let method = self.method().map_or("btree", |method| method.name);
        let nulls = if self.nulls_not_distinct() { " NULLS NOT DISTINCT" } else { "" };
        let parameters: Vec<String> = self.parameters().iter().filter_map(|text| told_parameter(text)).collect();
        let parameters = match parameters.is_empty() {
            true => String::new(),
            false => format!(" WITH ({})", parameters.join(", ")),
        };
        // a session's own schema has one name for all
        let schema = if self.relation.schema.starts_with("pg_temp_") { "pg_temp" } else { &self.relation.schema };
        // a column alone has no parentheses
        let as_written = |condition: &str| match pretty || !condition.contains(' ') {
            true => condition.to_owned(),
            false => format!("({condition})"),
        };
        let told = |condition: &str| deparse::told(condition, &self.relation.columns, pretty);
        let condition = self.index_condition().map(|text| told(text).unwrap_or_else(|| as_written(text)));
        let condition = condition.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
        let with_option = |(at, key): (usize, String)| format!("{key} {}", self.option(at)).trim_end().to_owned();
        let keys: Vec<String> = self.told_keys(pretty).into_iter().enumerate().map(with_option).collect();
        let included = self.index_columns().split_off(keys.len()).join(", ");
        let included = if included.is_empty() { included } else { format!(" INCLUDE ({included})") };
        format!(
            "CREATE {}INDEX {} ON {}.{} USING {method} ({}){included}{nulls}{parameters}{condition}",
            if self.is_unique() { "UNIQUE " } else { "" },
            quote_ident(&self.constraint.name),
            quote_ident(schema),
            quote_ident(&self.relation.name),
            keys.join(", ")
        )
    }
}

/// What PostgreSQL makes of one key of an index.
pub struct KeyClass {
    /// OID of its operator class; 0: not known.
    pub class: u32,
    pub collation: u32,
    /// The type of what the index has of it, where that is not the key's own.
    pub kept: Option<Type>,
    pub key: Option<Type>,
}

/// `fillfactor=70` as a statement says it.
fn told_parameter(text: &str) -> Option<String> {
    let (name, value) = text.split_once('=')?;
    let value = if quote_ident(value) == value { value.to_owned() } else { quote_literal(value) };
    Some(format!("{}={value}", quote_ident(name)))
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
        let own = CONSTRAINT | (relation.oid << NUMBER_BITS & !CONSTRAINT) | number;
        let known = relation.system.then(|| of_catalogs::oids(&relation.name, number as usize)).flatten();
        let (oid, index_oid) = known.unwrap_or((own, own | CONSTRAINTS_MAX as u32));
        Declared { relation, constraint, oid, index_oid }
    })
}

/// The one of an OID, its own or that of its index.
pub fn with_oid(metadata: &Metadata, oid: u32) -> Option<Declared<'_>> {
    if oid & CONSTRAINT != CONSTRAINT {
        let (table, number) = of_catalogs::with_oid(oid)?;
        return of(metadata.find("pg_catalog", table)?).nth(number);
    }
    let relation = metadata.relation((oid & !CONSTRAINT) >> NUMBER_BITS)?;
    of(relation).find(|declared| declared.oid == oid & !(CONSTRAINTS_MAX as u32))
}

/// The index relations of a table's keys.
pub fn indexes(relation: &Relation) -> Vec<Relation> {
    let index = |declared: Declared<'_>| {
        let (columns, collations) = attributes(&declared);
        Some(Relation {
            id: None,
            oid: declared.index()?,
            schema: relation.schema.clone(),
            namespace: relation.namespace,
            name: declared.constraint.name.clone(),
            kind: "i",
            row_type: 0,
            columns,
            collations,
            constraints: Vec::new(),
            rights: None,
            unpopulated: false,
            comment: declared.constraint.comment.clone().filter(|_| !declared.constraint.kind.is_constraint()),
            rows: relation.rows,
            bytes: 0,
            location: None,
            definition: None,
            sequence: None,
            system: relation.system,
        })
    };
    of(relation).filter_map(index).collect()
}

/// The columns that an index has, keys first, with their collations.
fn attributes(declared: &Declared<'_>) -> (Vec<Column>, Vec<u32>) {
    let column = |name: &str| declared.relation.columns.iter().find(|column| column.name == name);
    let (mut columns, mut collations): (Vec<Column>, Vec<u32>) = (Vec::new(), Vec::new());
    let numbers = declared.numbers();
    let keys = declared.keys().into_iter().zip(declared.key_classes()).zip(numbers);
    for ((text, class), number) in keys {
        let own = usize::try_from(number - 1).ok().and_then(|at| declared.relation.columns.get(at));
        let base = own.map_or_else(|| opclasses::key_name(&text), |column| column.name.clone());
        let numbered = (1..).map(|number| format!("{base}{number}"));
        let is_free = |name: &String| !columns.iter().any(|column| column.name == *name);
        let name = std::iter::once(base.clone()).chain(numbered).find(is_free).unwrap_or(base);
        let kept = class.kept.filter(|kept| class.key.as_ref() != Some(kept));
        let column = match (kept.or(class.key.filter(|_| own.is_none())), own) {
            (None, Some(column)) => Column { name, ..column.clone() },
            (pg_type, _) => Column {
                pg_type: pg_type.as_ref().map(|pg_type| pg_type.name().to_owned()),
                ..Column::new(
                    name,
                    pg_type.and_then(|pg_type| pgtypes::arrow_type(&pg_type)).unwrap_or(DataType::Utf8),
                    true,
                )
            },
        };
        // an index has no defaults
        columns.push(Column { default: None, generated: None, identity: None, comment: None, ..column });
        collations.push(class.collation);
    }
    for included in declared.included().iter().filter_map(|name| column(name)) {
        columns.push(Column { default: None, generated: None, identity: None, comment: None, ..included.clone() });
        // what is no key has none
        collations.push(0);
    }
    (columns, collations)
}
