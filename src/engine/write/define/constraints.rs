//! Constraints as they are declared, under the names PostgreSQL gives them.
//!
//! Invariant: of one table, no two constraints have one name.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, NullsDistinctOption, TableConstraint};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::columns::as_written;
use super::expressions::{self, Place};
use super::{index_keys, relations, storage};
use crate::dialect::{self, KeyClauses, columns_set, folded, key_clauses};
use crate::error::{Error, ErrorKind, Result};
use crate::names::{TableName, free_name};
use crate::pgcatalog::opclasses::{key_name, method};
use crate::pgcatalog::{format_type, implicit_casts};
use crate::pgtypes::{self, Type};
use crate::table::{Actions, Constraint, ConstraintKind};

/// The constraints of a table that is made or altered.
pub(super) struct Constraints {
    name: TableName,
    columns: Vec<String>,
    pub all: Vec<Constraint>,
    /// How many of them the table had before.
    had: usize,
    /// Columns of the primary key.
    pub not_null: BTreeSet<String>,
    /// Whether keys were declared, which nobody enforces.
    pub keys: Vec<&'static str>,
}

impl Constraints {
    pub fn new(name: &TableName, columns: Vec<String>, all: Vec<Constraint>) -> Self {
        let had = all.len();
        Self { name: name.clone(), columns, all, had, not_null: BTreeSet::new(), keys: Vec::new() }
    }

    pub fn relation(&self) -> &TableName {
        &self.name
    }

    pub fn table(&self) -> &str {
        &self.name.name
    }

    /// Puts a constraint of the table with the others.
    pub fn add(&mut self, change: &Change, constraint: &TableConstraint) -> Result<()> {
        let key = |columns: &[ast::IndexColumn]| columns.iter().map(|column| key_column(&column.column.expr)).collect();
        match constraint {
            TableConstraint::Check(check) => self.check(check.name.as_ref().map(folded), &check.expr, None),
            TableConstraint::PrimaryKey(primary) => {
                let columns: Result<Vec<String>> = key(&primary.columns);
                self.primary_key(primary.name.as_ref().map(folded), columns?)?;
                self.key_clauses(change, &clauses_of(&primary.index_options))
            }
            TableConstraint::Unique(unique) => {
                let (columns, clauses): (Result<Vec<String>>, _) =
                    (key(&unique.columns), clauses_of(&unique.index_options));
                let nulls_not_distinct = unique.nulls_distinct == NullsDistinctOption::NotDistinct;
                self.unique(unique.name.as_ref().map(folded), columns?, nulls_not_distinct, &clauses.included)?;
                self.key_clauses(change, &clauses)
            }
            TableConstraint::ForeignKey(foreign) => {
                let columns = foreign.columns.iter().map(folded).collect();
                self.foreign_key(change, foreign.name.as_ref().map(folded), columns, foreign)
            }
            other => Err(unsupported(&format!("constraint {other}"))),
        }
    }

    pub fn check(&mut self, name: Option<String>, condition: &ast::Expr, column: Option<&str>) -> Result<()> {
        expressions::check(condition, Place::Check)?;
        let mentioned = self.mentioned(condition);
        let only = match mentioned.iter().collect::<Vec<_>>().as_slice() {
            [one] => Some((*one).clone()),
            _ => column.filter(|_| mentioned.is_empty()).map(str::to_owned),
        };
        let parts = only.or_else(|| column.map(str::to_owned));
        let name = self.named(name, parts.as_slice(), "check")?;
        let condition = as_written(&self.bare(condition));
        self.all.push(Constraint::new(name, ConstraintKind::Check { condition }));
        Ok(())
    }

    /// The condition without the table's own name before its columns.
    fn bare(&self, condition: &ast::Expr) -> ast::Expr {
        let mut condition = condition.clone();
        let _ = ast::visit_expressions_mut(&mut condition, |expr| {
            if let ast::Expr::CompoundIdentifier(parts) = expr
                && let [.., table, column] = parts.as_slice()
                && folded(table) == self.name.name
            {
                *expr = ast::Expr::Identifier(column.clone());
            }
            ControlFlow::<()>::Continue(())
        });
        condition
    }

    pub fn primary_key(&mut self, name: Option<String>, columns: Vec<String>) -> Result<()> {
        if self.all.iter().any(|constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey { .. })) {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", self.table());
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
        }
        check_twice(&columns, "primary key")?;
        let name = self.named(name, &[], "pkey")?;
        self.not_null.extend(columns.iter().cloned());
        self.keys.push("PRIMARY KEY");
        self.all.push(Constraint::new(name, ConstraintKind::PrimaryKey { columns }));
        Ok(())
    }

    /// `included`: columns that its index has besides, which name it too.
    pub fn unique(
        &mut self,
        name: Option<String>,
        columns: Vec<String>,
        nulls_not_distinct: bool,
        included: &[String],
    ) -> Result<()> {
        check_twice(&columns, "unique")?;
        let name = self.named(name, &[&columns, included].concat(), "key")?;
        self.keys.push("UNIQUE");
        self.all.push(Constraint::new(name, ConstraintKind::Unique { columns, nulls_not_distinct }));
        Ok(())
    }

    /// What is said of the index of the key that came last.
    pub fn key_clauses(&mut self, change: &Change, clauses: &KeyClauses) -> Result<()> {
        if let Some(name) = &clauses.tablespace {
            storage::check_tablespace(change, name)?;
        }
        if let Some(missing) = clauses.included.iter().find(|column| !self.columns.contains(column)) {
            return Err(no_key(missing));
        }
        let with = match method("btree") {
            Some(method) => index_keys::parameters(change, method, &clauses.parameters)?,
            None => Vec::new(),
        };
        let Some(last) = self.all.last_mut() else { return Ok(()) };
        if let ConstraintKind::Unique { nulls_not_distinct, .. } = &mut last.kind {
            *nulls_not_distinct |= clauses.nulls_not_distinct;
        }
        (last.covers, last.with) = (clauses.included.clone(), with);
        Ok(())
    }

    /// Has the key that came last an index like that of another table.
    pub fn as_in(&mut self, other: &Constraint) {
        if let Some(last) = self.all.last_mut() {
            (last.covers, last.with) = (other.covers.clone(), other.with.clone());
        }
    }

    /// Another table's index, under a name of its own.
    pub fn index(&mut self, kind: &ConstraintKind) -> Result<()> {
        let parts = match kind {
            ConstraintKind::Index { keys, included, columns, .. } => {
                let keys = keys.iter().map(|key| key_name(key));
                keys.chain(columns.iter().chain(included).cloned()).collect()
            }
            other => other.columns().to_vec(),
        };
        let name = self.named(None, &parts, "idx")?;
        self.all.push(Constraint::new(name, kind.clone()));
        Ok(())
    }

    pub fn foreign_key(
        &mut self,
        change: &Change,
        name: Option<String>,
        columns: Vec<String>,
        key: &ast::ForeignKeyConstraint,
    ) -> Result<()> {
        if key.match_kind == Some(ast::ConstraintReferenceMatchKind::Partial) {
            return Err(Error::new(ErrorKind::FeatureNotSupported, "MATCH PARTIAL not yet implemented"));
        }
        let own = reference(&key.foreign_table)?;
        let given: Vec<String> = key.referred_columns.iter().map(folded).collect();
        let is_self = own.table() == self.name.name && own.schema().is_none_or(|schema| schema == self.name.schema);
        let (target, constraints) = match relations::known(change, &key.foreign_table) {
            Ok(object) => {
                let known = |name: &&String| object.columns.iter().any(|column| column.name == **name);
                if let Some(missing) = given.iter().find(|name| !known(name)) {
                    return Err(no_key_column(missing));
                }
                (object.name.clone(), object.constraints.clone())
            }
            Err(_) if is_self => (self.name.clone(), self.all.clone()),
            Err(error) => return Err(error),
        };
        let references = referenced(&target, &constraints, given)?;
        if references.len() != columns.len() {
            let message = "number of referencing and referenced columns for foreign key disagree";
            return Err(Error::new(ErrorKind::InvalidForeignKey, message));
        }
        let name = self.named(name, &columns, "fkey")?;
        self.keys.push("FOREIGN KEY");
        let TableName { schema, name: table, .. } = target;
        let mut actions = actions(key);
        actions.delete_columns = key.index_name.as_ref().and_then(columns_set).unwrap_or_default();
        if let Some(other) = actions.delete_columns.iter().find(|column| !columns.contains(column)) {
            let message = format!("column \"{other}\" referenced in ON DELETE SET action must be part of foreign key");
            return Err(Error::new(ErrorKind::InvalidColumnReference, message));
        }
        let kind = ConstraintKind::ForeignKey { columns, schema, table, references, actions };
        self.all.push(Constraint::new(name, kind));
        Ok(())
    }

    /// Tells of keys that they are not enforced, and checks that their columns are there, and of types that can be alike.
    pub fn settle(&self, change: &Change, type_of: impl Fn(&str) -> Option<Type>) -> Result<()> {
        for constraint in &self.all {
            if let Some(missing) = constraint.kind.columns().iter().find(|column| !self.columns.contains(column)) {
                if let ConstraintKind::ForeignKey { .. } = constraint.kind {
                    return Err(no_key_column(missing));
                }
                return Err(no_key(missing));
            }
        }
        for constraint in self.all.iter().skip(self.had) {
            if let ConstraintKind::ForeignKey { columns, references, .. } = &constraint.kind {
                let target = constraint.kind.target().and_then(|target| change.overlay.scope().object(&target));
                let theirs = |name: &str| match &target {
                    Some(object) => {
                        let column = object.columns.iter().find(|column| column.name == *name)?;
                        Some(pgtypes::column_type(&column.field()))
                    }
                    None => type_of(name),
                };
                for (own, other) in columns.iter().zip(references) {
                    check_alike(&constraint.name, (own, type_of(own)), (other, theirs(other)))?;
                }
            }
        }
        for what in &self.keys {
            let why = match what.starts_with("FOREIGN") {
                true => "it is kept as information",
                false => "Delta tables have no unique index",
            };
            change.notice("00000", format!("{what} is not enforced: {why}"));
        }
        Ok(())
    }

    fn named(&self, given: Option<String>, columns: &[String], kind: &str) -> Result<String> {
        let taken = |name: &str| self.all.iter().any(|constraint| constraint.name == name);
        if let Some(name) = given {
            return match taken(&name) {
                false => Ok(name),
                true => Err(Error::new(
                    ErrorKind::DuplicateObject,
                    format!("constraint \"{name}\" for relation \"{}\" already exists", self.table()),
                )),
            };
        }
        Ok(free_name(self.table(), &columns.join("_"), kind, taken))
    }

    /// The table's columns that the condition names.
    fn mentioned(&self, condition: &ast::Expr) -> BTreeSet<String> {
        dialect::columns_in(condition).into_iter().filter(|name| self.columns.contains(name)).collect()
    }
}

/// What the options of a key say of its index.
fn clauses_of(options: &[ast::IndexOption]) -> KeyClauses {
    let said = options.iter().find_map(|option| match option {
        ast::IndexOption::Comment(text) => key_clauses(text),
        ast::IndexOption::Using(_) => None,
    });
    said.unwrap_or_default()
}

fn check_twice(columns: &[String], kind: &str) -> Result<()> {
    let mut seen = BTreeSet::new();
    match columns.iter().find(|column| !seen.insert(column.as_str())) {
        None => Ok(()),
        Some(column) => {
            let message = format!("column \"{column}\" appears twice in {kind} constraint");
            Err(Error::new(ErrorKind::DuplicateColumn, message))
        }
    }
}

/// Types whose values PostgreSQL compares with each other.
const COMPARED: [&[Type]; 3] = [
    &[Type::INT2, Type::INT4, Type::INT8],
    &[Type::FLOAT4, Type::FLOAT8],
    &[Type::DATE, Type::TIMESTAMP, Type::TIMESTAMPTZ],
];

/// # Errors
/// `42804` where a value of the one column is never one of the other.
fn check_alike(key: &str, own: (&str, Option<Type>), other: (&str, Option<Type>)) -> Result<()> {
    let ((own, Some(from)), (other, Some(to))) = (own, other) else { return Ok(()) };
    let compared = COMPARED.iter().any(|types| types.contains(&from) && types.contains(&to));
    if from == to || compared || implicit_casts().contains(&(from.oid(), to.oid())) {
        return Ok(());
    }
    let told = |data_type: &Type| format_type(data_type.oid(), -1);
    let message = format!("foreign key constraint \"{key}\" cannot be implemented");
    let (from, to) = (told(&from), told(&to));
    Err(Error::new(ErrorKind::DatatypeMismatch, message)
        .with_detail(format!("Key columns \"{own}\" and \"{other}\" are of incompatible types: {from} and {to}.")))
}

fn actions(key: &ast::ForeignKeyConstraint) -> Actions {
    let action = |given: Option<ast::ReferentialAction>| {
        given.map(|action| action.to_string()).filter(|action| action != "NO ACTION")
    };
    let given = key.characteristics.as_ref();
    let deferred = given.is_some_and(|given| given.initially == Some(ast::DeferrableInitial::Deferred));
    let deferrable = given.and_then(|given| given.deferrable).unwrap_or(deferred);
    let match_full = key.match_kind == Some(ast::ConstraintReferenceMatchKind::Full);
    let (on_delete, on_update) = (action(key.on_delete), action(key.on_update));
    Actions { on_delete, on_update, deferrable, deferred, match_full, delete_columns: Vec::new() }
}

fn key_column(expr: &ast::Expr) -> Result<String> {
    match expr {
        ast::Expr::Identifier(ident) => Ok(folded(ident)),
        other => Err(unsupported(&format!("a key of {other}"))),
    }
}

fn no_key(missing: &str) -> Error {
    Error::new(ErrorKind::UndefinedColumn, format!("column \"{missing}\" named in key does not exist"))
}

fn no_key_column(missing: &str) -> Error {
    let message = format!("column \"{missing}\" referenced in foreign key constraint does not exist");
    Error::new(ErrorKind::UndefinedColumn, message)
}

/// The columns that a foreign key leads to, which must be a key there.
fn referenced(target: &TableName, constraints: &[Constraint], given: Vec<String>) -> Result<Vec<String>> {
    let primary = constraints.iter().find(|constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey { .. }));
    if given.is_empty() {
        let none = || format!("there is no primary key for referenced table \"{}\"", target.name);
        let primary = primary.ok_or_else(|| Error::new(ErrorKind::InvalidForeignKey, none()))?;
        return Ok(primary.kind.columns().to_vec());
    }
    let wanted: BTreeSet<&String> = given.iter().collect();
    let is_key = |constraint: &Constraint| {
        constraint.kind.is_key() && constraint.kind.columns().iter().collect::<BTreeSet<_>>() == wanted
    };
    if constraints.iter().any(is_key) {
        return Ok(given);
    }
    let message = format!("there is no unique constraint matching given keys for referenced table \"{}\"", target.name);
    Err(Error::new(ErrorKind::InvalidForeignKey, message))
}
