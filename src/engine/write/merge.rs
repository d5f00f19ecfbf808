//! MERGE, as PostgreSQL 15 has it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Ident, MergeAction, MergeClauseKind, MergeInsertKind, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::clauses::{self, Clause, Value};
use super::effects::{Effect, Twice};
use super::names::Verb;
use super::rows::Work;
use super::target::{self, Target};
use super::unsupported;
use super::update::{assignments, is_default};
use crate::catalog::Privilege;
use crate::dialect::{self, Statement};
use crate::engine::planner::Planner;
use crate::error::{Error, ErrorKind, Result};

pub(super) async fn plan(
    planner: &Planner,
    statement: &Statement,
    merge: &ast::Merge,
    with: Option<&ast::With>,
) -> Result<Work> {
    if merge.output.is_some() {
        return Err(unsupported("MERGE … RETURNING"));
    }
    let ast::TableFactor::Table { name, alias, .. } = &merge.table else {
        return Err(unsupported("merging into anything but a table"));
    };
    let alias = alias.as_ref().map(|alias| &alias.name);
    let target = Target::open(planner, statement, name, alias, Verb::Merge).await?;
    check_reachable(&merge.clauses)?;
    for clause in &merge.clauses {
        let privilege = match clause.action {
            MergeAction::Insert(_) => Privilege::Insert,
            MergeAction::Update { .. } => Privilege::Update,
            MergeAction::Delete { .. } => Privilege::Delete,
        };
        planner.check_right(&target.object, privilege)?;
    }
    let mut items = target.place().to_vec();
    items.extend(target.columns().iter().map(|field| target.item(field.name())));
    let mut list = Vec::with_capacity(merge.clauses.len());
    for clause in &merge.clauses {
        let from = items.len();
        list.push(planned_clause(clause, statement, &target, &mut items)?);
        // where nothing matched there is no row of the target to name
        if let (false, Some(source)) = (is_matched(clause), source_name(&merge.source)) {
            let source = Ident { span: Span::empty(), ..source.clone() };
            let given = items.get_mut(from..).unwrap_or_default();
            for item in given {
                let _ = item.visit(&mut OfSource { source: source.clone(), depth: 0 });
            }
        }
    }
    let outer = list.iter().any(|clause| !clause.matched);
    let from = clauses::joined(merge.source.clone(), target.factor(), merge.on.as_ref().clone(), outer);
    let query = target::query(statement, with, items, vec![from], None)?;
    let raw = target::projection(planner.plan_over(&query, target.sources(statement)?, 0).await?)?;
    let (changes, mut layout) = clauses::compose(raw, &target, 2, &list)?;
    layout.twice = Some(Twice {
        message: "MERGE command cannot affect row a second time",
        hint: "Ensure that not more than one source row matches any one target row.",
    });
    Work::new(planner, statement, with, target, Verb::Merge, changes, layout, None, &[]).await
}

/// What the statement calls the source.
fn source_name(source: &ast::TableFactor) -> Option<&Ident> {
    match source {
        ast::TableFactor::Table { alias: Some(alias), .. } | ast::TableFactor::Derived { alias: Some(alias), .. } => {
            Some(&alias.name)
        }
        ast::TableFactor::Table { name, .. } => name.0.last()?.as_ident(),
        _ => None,
    }
}

/// Has bare names stand for columns of the source.
struct OfSource {
    source: Ident,
    depth: usize,
}

impl VisitorMut for OfSource {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::Identifier(name) = expr
            && self.depth == 0
        {
            *expr = ast::Expr::CompoundIdentifier(vec![self.source.clone(), name.clone()]);
        }
        ControlFlow::Continue(())
    }
}

fn is_matched(clause: &ast::MergeClause) -> bool {
    clause.clause_kind == MergeClauseKind::Matched
}

/// What comes after a clause that takes every pair is never reached.
fn check_reachable(clauses: &[ast::MergeClause]) -> Result<()> {
    for (at, clause) in clauses.iter().enumerate() {
        let before = clauses
            .iter()
            .take(at)
            .any(|before| before.predicate.is_none() && is_matched(before) == is_matched(clause));
        if before {
            let message = "unreachable WHEN clause specified after unconditional WHEN clause";
            return Err(Error::new(ErrorKind::SyntaxError, message));
        }
    }
    Ok(())
}

fn planned_clause(
    clause: &ast::MergeClause,
    statement: &Statement,
    target: &Target,
    items: &mut Vec<ast::Expr>,
) -> Result<Clause> {
    if matches!(clause.clause_kind, MergeClauseKind::NotMatchedBySource | MergeClauseKind::NotMatchedByTarget) {
        return Err(Error::new(ErrorKind::SyntaxError, "syntax error at or near \"BY\""));
    }
    let condition = clause.predicate.as_ref().map(|condition| {
        items.push(condition.clone());
        items.len() - 1
    });
    let (effect, values) = match &clause.action {
        MergeAction::Delete { .. } => (Some(Effect::Delete), Vec::new()),
        MergeAction::Update(update) if dialect::is_nothing(update.assignments.first()) => (None, Vec::new()),
        MergeAction::Update(update) => {
            if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                return Err(Error::new(ErrorKind::SyntaxError, "syntax error at or near \"WHERE\""));
            }
            (Some(Effect::Update), assignments(&update.assignments, statement, target, items)?)
        }
        MergeAction::Insert(insert) if dialect::is_nothing_column(insert.columns.first()) => (None, Vec::new()),
        MergeAction::Insert(insert) => (Some(Effect::Insert), inserted(insert, statement, target, items)?),
    };
    Ok(Clause { matched: is_matched(clause), condition, effect, values })
}

/// What each column of an inserted row is.
fn inserted(
    insert: &ast::MergeInsertExpr,
    statement: &Statement,
    target: &Target,
    items: &mut Vec<ast::Expr>,
) -> Result<Vec<Value>> {
    let MergeInsertKind::Values(values) = &insert.kind else { return Err(unsupported("INSERT ROW")) };
    let [row] = values.rows.as_slice() else {
        return Err(Error::new(ErrorKind::SyntaxError, "INSERT of a MERGE takes one list of VALUES"));
    };
    let mut given = Vec::new();
    for name in &insert.columns {
        let index = target.column(name, statement)?;
        if given.contains(&index) {
            let message = format!("column \"{}\" specified more than once", target.columns()[index].name());
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        given.push(index);
    }
    let all = given.is_empty();
    if all {
        given = (0..target.columns().len()).collect();
    }
    if row.content.len() > given.len() {
        return Err(Error::new(ErrorKind::SyntaxError, "INSERT has more expressions than target columns"));
    }
    if row.content.len() < given.len() && !all {
        return Err(Error::new(ErrorKind::SyntaxError, "INSERT has more target columns than expressions"));
    }
    let mut columns = vec![Value::Default; target.columns().len()];
    for (index, value) in given.into_iter().zip(&row.content) {
        if !is_default(value) {
            target.rules.check_given(target.columns()[index].name(), true)?;
            items.push(value.clone());
            columns[index] = Value::Item(items.len() - 1);
        }
    }
    Ok(columns)
}
