//! Constraints as they are declared, under the names PostgreSQL gives them.
//!
//! Invariant: of one table, no two constraints have one name.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, NullsDistinctOption, TableConstraint};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::columns::as_written;
use super::relations;
use crate::dialect::folded;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{TableName, free_name};
use crate::pgcatalog::opclasses::key_name;
use crate::table::{Actions, Constraint, ConstraintKind};

/// The constraints of a table that is made or altered.
pub(super) struct Constraints {
    name: TableName,
    columns: Vec<String>,
    pub all: Vec<Constraint>,
    /// Columns of the primary key.
    pub not_null: BTreeSet<String>,
    /// Whether keys were declared, which nobody enforces.
    pub keys: Vec<&'static str>,
}

impl Constraints {
    pub fn new(name: &TableName, columns: Vec<String>, all: Vec<Constraint>) -> Self {
        Self { name: name.clone(), columns, all, not_null: BTreeSet::new(), keys: Vec::new() }
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
                self.primary_key(primary.name.as_ref().map(folded), columns?)
            }
            TableConstraint::Unique(unique) => {
                let columns: Result<Vec<String>> = key(&unique.columns);
                self.unique(
                    unique.name.as_ref().map(folded),
                    columns?,
                    unique.nulls_distinct == NullsDistinctOption::NotDistinct,
                )
            }
            TableConstraint::ForeignKey(foreign) => {
                let columns = foreign.columns.iter().map(folded).collect();
                self.foreign_key(change, foreign.name.as_ref().map(folded), columns, foreign)
            }
            other => Err(unsupported(&format!("constraint {other}"))),
        }
    }

    pub fn check(&mut self, name: Option<String>, condition: &ast::Expr, column: Option<&str>) -> Result<()> {
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
        let name = self.named(name, &[], "pkey")?;
        self.not_null.extend(columns.iter().cloned());
        self.keys.push("PRIMARY KEY");
        self.all.push(Constraint::new(name, ConstraintKind::PrimaryKey { columns }));
        Ok(())
    }

    pub fn unique(&mut self, name: Option<String>, columns: Vec<String>, nulls_not_distinct: bool) -> Result<()> {
        let name = self.named(name, &columns, "key")?;
        self.keys.push("UNIQUE");
        self.all.push(Constraint::new(name, ConstraintKind::Unique { columns, nulls_not_distinct }));
        Ok(())
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
        let actions = actions(key);
        let kind = ConstraintKind::ForeignKey { columns, schema, table, references, actions };
        self.all.push(Constraint::new(name, kind));
        Ok(())
    }

    /// Tells of keys that they are not enforced, and checks that their columns are there.
    pub fn settle(&self, change: &Change) -> Result<()> {
        for constraint in &self.all {
            if let Some(missing) = constraint.kind.columns().iter().find(|column| !self.columns.contains(column)) {
                if let ConstraintKind::ForeignKey { .. } = constraint.kind {
                    return Err(no_key_column(missing));
                }
                let message = format!("column \"{missing}\" named in key does not exist");
                return Err(Error::new(ErrorKind::UndefinedColumn, message));
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
        columns_in(condition).into_iter().filter(|name| self.columns.contains(name)).collect()
    }
}

fn actions(key: &ast::ForeignKeyConstraint) -> Actions {
    let action = |given: Option<ast::ReferentialAction>| {
        given.map(|action| action.to_string()).filter(|action| action != "NO ACTION")
    };
    let given = key.characteristics.as_ref();
    let deferred = given.is_some_and(|given| given.initially == Some(ast::DeferrableInitial::Deferred));
    let deferrable = given.and_then(|given| given.deferrable).unwrap_or(deferred);
    let match_full = key.match_kind == Some(ast::ConstraintReferenceMatchKind::Full);
    Actions { on_delete: action(key.on_delete), on_update: action(key.on_update), deferrable, deferred, match_full }
}

/// What an expression names, folded.
pub(super) fn columns_in(expr: &ast::Expr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let _ = ast::visit_expressions(expr, |inner| {
        match inner {
            ast::Expr::Identifier(ident) => drop(found.insert(folded(ident))),
            ast::Expr::CompoundIdentifier(parts) => found.extend(parts.last().map(folded)),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

fn key_column(expr: &ast::Expr) -> Result<String> {
    match expr {
        ast::Expr::Identifier(ident) => Ok(folded(ident)),
        other => Err(unsupported(&format!("a key of {other}"))),
    }
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
