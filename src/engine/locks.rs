//! `SELECT … FOR UPDATE` and its kin, and `LOCK TABLE`: promises about tables, as Delta has no locks.
//!
//! Nobody waits. What is locked must be, when the transaction commits a change, as the transaction has read it.
//!
//! Invariant: a transaction that locks a table and changes anything commits only where nobody has changed that table since
//! its snapshot; else it ends in `40001`. So what it decided from the rows it locked still holds.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    self, LockTableMode, LockType, ObjectName, Query, SetExpr, TableFactor, TableWithJoins,
};

use super::names::Relation;
use super::planner::Planner;
use super::session::{Outcome, Session};
use super::write::{self, names::reference};
use crate::catalog::{Object, ObjectKind, Privilege};
use crate::dialect::{self, Statement, folded, place_of};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;

/// Tables that read each other through views are looked through this deep.
const DEPTH_MAX: usize = 32;

fn strength(lock: &ast::LockClause) -> &'static str {
    match lock.lock_type {
        LockType::Update => "FOR UPDATE",
        LockType::Share => "FOR SHARE",
    }
}

/// Whether the query may say what it says of locks.
///
/// # Errors
/// `0A000` where its rows are not those of tables, `42P01` for a name that is not in its FROM.
pub(super) fn check(statement: &Statement, query: &Query, plan: &LogicalPlan) -> Result<()> {
    let Some(lock) = query.locks.first() else { return Ok(()) };
    let refuse = |what: &str| {
        let message = format!("{} is not allowed with {what}", strength(lock));
        Err(Error::new(ErrorKind::FeatureNotSupported, message))
    };
    let select = match query.body.as_ref() {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { .. } => return refuse("UNION/INTERSECT/EXCEPT"),
        SetExpr::Values(_) => {
            let message = format!("{} cannot be applied to VALUES", strength(lock));
            return Err(Error::new(ErrorKind::FeatureNotSupported, message));
        }
        _ => return Ok(()),
    };
    if select.distinct.is_some() {
        return refuse("DISTINCT clause");
    }
    if !matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, more) if keys.is_empty() && more.is_empty()) {
        return refuse("GROUP BY clause");
    }
    if select.having.is_some() {
        return refuse("HAVING clause");
    }
    if above_the_tables(plan, |node| matches!(node, LogicalPlan::Aggregate(_))) {
        return refuse("aggregate functions");
    }
    if above_the_tables(plan, |node| matches!(node, LogicalPlan::Window(_))) {
        return refuse("window functions");
    }
    for lock in &query.locks {
        let Some(of) = &lock.of else { continue };
        let Some(name) = of.0.last().and_then(|part| part.as_ident()) else { continue };
        let mut found = false;
        each_factor(&select.from, &mut |factor| found |= visible_as(factor).is_some_and(|seen| seen == folded(name)));
        if !found {
            let message =
                format!("relation \"{}\" in {} clause not found in FROM clause", folded(name), strength(lock));
            let error = Error::new(ErrorKind::UndefinedTable, message);
            return Err(match place_of(statement, name) {
                Some(position) => error.at(position),
                None => error,
            });
        }
    }
    Ok(())
}

/// Whether such a node makes the query's rows, before any of FROM's own.
fn above_the_tables(plan: &LogicalPlan, is: fn(&LogicalPlan) -> bool) -> bool {
    if is(plan) {
        return true;
    }
    let passes = matches!(
        plan,
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_)
    );
    passes && plan.inputs().first().is_some_and(|input| above_the_tables(input, is))
}

/// Locks what the query says, in a transaction; outside of one there is nothing to keep a promise for.
pub(super) async fn take(session: &mut Session, statement: &Statement) -> Result<()> {
    let ast::Statement::Query(query) = &statement.ast else { return Ok(()) };
    let Some(lock) = query.locks.first() else { return Ok(()) };
    write::check_not_read_only(session, &format!("SELECT {}", strength(lock)))?;
    let mut names = Vec::new();
    let everything = query.locks.iter().any(|lock| lock.of.is_none());
    let of: BTreeSet<String> =
        query.locks.iter().filter_map(|lock| lock.of.as_ref()?.0.last()?.as_ident().map(folded)).collect();
    if let SetExpr::Select(select) = query.body.as_ref() {
        each_factor(&select.from, &mut |factor| {
            if everything || visible_as(factor).is_some_and(|name| of.contains(&name)) {
                names_in(factor, &mut names);
            }
        });
    }
    hold(session, &names, false).await
}

/// `LOCK TABLE`. The modes that forbid nobody's changes promise nothing.
pub(super) async fn lock_tables(session: &mut Session, lock: &ast::Lock) -> Result<Outcome> {
    if session.transaction.block().is_none_or(|block| block.implicit) {
        let message = "LOCK TABLE can only be used in transaction blocks";
        return Err(Error::new(ErrorKind::NoActiveTransaction, message));
    }
    let names: Vec<ObjectName> = lock.tables.iter().map(|target| target.name.clone()).collect();
    let shared = matches!(
        lock.lock_mode,
        Some(
            LockTableMode::AccessShare
                | LockTableMode::RowShare
                | LockTableMode::RowExclusive
                | LockTableMode::ShareUpdateExclusive
        )
    );
    if shared {
        let planner = session.planner_now().await?;
        names.iter().try_for_each(|name| planner.relation(&reference(name)?).map(drop))?;
    } else {
        hold(session, &names, true).await?;
    }
    Ok(Outcome::command("LOCK TABLE"))
}

/// # Errors
/// `42501` where the user may not change what is to be locked.
async fn hold(session: &mut Session, names: &[ObjectName], must_exist: bool) -> Result<()> {
    let planner = session.planner_now().await?;
    let mut tables = Vec::new();
    for name in names {
        match planner.relation(&reference(name)?) {
            Ok(Relation::Object(object)) => {
                planner.check_right(&object, Privilege::Update)?;
                tables_of(&planner, object, DEPTH_MAX, &mut tables);
            }
            // what is the server's own nobody changes
            Ok(Relation::Provider(_)) => {}
            Err(error) if must_exist => return Err(error),
            // the name of a WITH, or told when the statement is planned
            Err(_) => {}
        }
    }
    let catalog = session.shared.catalog.clone();
    if let Some(block) = session.transaction.block_mut().filter(|_| !tables.is_empty()) {
        let overlay = block.overlay(&catalog);
        tables.iter().for_each(|table| overlay.mind(table));
    }
    Ok(())
}

/// The tables that an object's rows come from.
fn tables_of(planner: &Planner, object: Arc<Object>, depth: usize, found: &mut Vec<TableName>) {
    match &object.kind {
        ObjectKind::View { definition } if depth > 0 => {
            for name in dialect::relations(definition) {
                if let Some(object) = planner.scope().object(&name) {
                    tables_of(planner, object, depth - 1, found);
                }
            }
        }
        ObjectKind::View { .. } | ObjectKind::Sequence(_) => {}
        ObjectKind::Table { .. } | ObjectKind::Broken { .. } => found.push(object.name.clone()),
    }
}

fn each_factor<'a>(from: &'a [TableWithJoins], visit: &mut impl FnMut(&'a TableFactor)) {
    for tables in from {
        let joined = tables.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&tables.relation).chain(joined) {
            match factor {
                TableFactor::NestedJoin { table_with_joins, .. } => {
                    each_factor(std::slice::from_ref(table_with_joins), visit);
                }
                factor => visit(factor),
            }
        }
    }
}

/// What the rest of the query calls it.
fn visible_as(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(folded(&alias.name))
        }
        TableFactor::Table { name, .. } => name.0.last()?.as_ident().map(folded),
        _ => None,
    }
}

/// The relations that it reads, those of a query in FROM too.
fn names_in(factor: &TableFactor, names: &mut Vec<ObjectName>) {
    match factor {
        TableFactor::Table { name, args: None, .. } => names.push(name.clone()),
        TableFactor::Derived { subquery, .. } => {
            let _ = ast::visit_relations(subquery.as_ref(), |name| {
                names.push(name.clone());
                ControlFlow::<()>::Continue(())
            });
        }
        _ => {}
    }
}
