//! Common columns of joins: `USING` and `NATURAL`, put into the words of `ON`.
//!
//! In PostgreSQL a common column comes once, before the others, and where it is named alone it is of the side that has a row.
//! DataFusion takes it from one of the sides, chosen by their names, and leaves it in its place.
//!
//! Invariant: what is left as it was written has no common columns.

mod column;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchemaRef, TableReference};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Cte, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, OrderByKind, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableFactor, TableWithJoins, Value, VisitMut,
    VisitorMut, WildcardAdditionalOptions, With,
};

use self::column::{Column, as_wide_as, common, natural, one, quoted, width};
use crate::dialect::{call, folded, parse_single, repeated_name, visible_name};
use crate::error::{Error, Result};

/// The columns of a query that stands alone.
pub(in crate::engine) type Columns<'a> = &'a dyn Fn(Query) -> Result<DFSchemaRef>;

/// Puts every join with common columns, in a statement or an expression, into words that leave no doubt.
///
/// # Errors
/// `42703` and `42702` where a side does not have the column, or has it twice; `0A000` where its columns cannot be known.
pub(in crate::engine) fn expand(part: &mut impl VisitMut, columns: Columns) -> Result<()> {
    let mut finder = Finder { found: false };
    let _ = part.visit(&mut finder);
    if !finder.found {
        return Ok(());
    }
    let Statement::Query(all) = parse_single("SELECT *")?.ast else { return Err(Error::internal("not a query")) };
    Scope { columns, all: &all, with: Vec::new(), recursive: false }.nested(part)
}

struct Finder {
    found: bool,
}

impl VisitorMut for Finder {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.found |= select.from.iter().any(has_common);
        if self.found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Whether a join in it, not in a query in it, has common columns.
pub(super) fn has_common(from: &TableWithJoins) -> bool {
    let inside = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => has_common(table_with_joins),
        _ => false,
    };
    let common = |join: &Join| {
        let (JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)) = &join.join_operator
        else {
            return inside(&join.relation);
        };
        matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) || inside(&join.relation)
    };
    inside(&from.relation) || from.joins.iter().any(common)
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// What a query may name besides tables.
#[derive(Clone)]
struct Scope<'a> {
    columns: Columns<'a>,
    /// `SELECT *`
    all: &'a Query,
    with: Vec<Cte>,
    /// Whether one of them may name itself.
    recursive: bool,
}

impl Scope<'_> {
    fn with(mut self, cte: &Cte) -> Self {
        self.with.push(cte.clone());
        self
    }

    fn select_all(&self, from: TableWithJoins) -> Query {
        let mut query = self.all.clone();
        if let SetExpr::Select(select) = query.body.as_mut() {
            select.from = vec![from];
        }
        query
    }

    /// Expands the queries that stand in a statement or an expression.
    fn nested(&self, part: &mut impl VisitMut) -> Result<()> {
        match part.visit(&mut Outermost { scope: self, depth: 0 }) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    fn query(&self, query: &mut Query) -> Result<()> {
        let mut scope = self.clone();
        if let Some(With { recursive, cte_tables, .. }) = &mut query.with {
            scope.recursive |= *recursive;
            for cte in cte_tables {
                let inside = if *recursive { scope.clone().with(cte) } else { scope.clone() };
                inside.query(&mut cte.query)?;
                scope = scope.with(cte);
            }
        }
        let names = scope.body(&mut query.body)?;
        let (SetExpr::Select(select), Some(order_by), false) =
            (query.body.as_ref(), query.order_by.as_mut(), names.is_empty())
        else {
            return Ok(());
        };
        let OrderByKind::Expressions(exprs) = &mut order_by.kind else { return Ok(()) };
        let mut values = Values { names, scope: &scope, hidden: Vec::new() };
        for order in exprs {
            // a name alone is first that of a column of the result
            let is_result = matches!(&order.expr, Expr::Identifier(name) if gives(select, &folded(name)));
            if !is_result {
                let _ = order.expr.visit(&mut values);
            }
        }
        Ok(())
    }

    /// The values of common columns, for what follows the body.
    fn body(&self, body: &mut SetExpr) -> Result<HashMap<String, Expr>> {
        match body {
            SetExpr::Select(select) => return self.select(select),
            SetExpr::Query(query) => self.query(query)?,
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                self.body(right)?;
            }
            SetExpr::Insert(statement)
            | SetExpr::Update(statement)
            | SetExpr::Delete(statement)
            | SetExpr::Merge(statement) => self.nested(statement)?,
            SetExpr::Values(_) | SetExpr::Table(_) => {}
        }
        Ok(HashMap::new())
    }

    fn select(&self, select: &mut Select) -> Result<HashMap<String, Expr>> {
        let mut from = std::mem::take(&mut select.from);
        self.nested(select)?;
        if !from.iter().any(has_common) {
            self.nested(&mut from)?;
            select.from = from;
            return Ok(HashMap::new());
        }
        let mut columns = Vec::new();
        for item in &mut from {
            columns.extend(self.item(item)?);
        }
        let names = common(&columns);
        let written = std::mem::take(&mut select.projection);
        for item in written {
            match item {
                SelectItem::Wildcard(options) if options == WildcardAdditionalOptions::default() => {
                    select.projection.extend(columns.iter().cloned().map(Column::item));
                }
                SelectItem::UnnamedExpr(Expr::Identifier(name)) if names.contains_key(&folded(&name)) => {
                    let is_it = |column: &&Column| column.is(&folded(&name));
                    select.projection.extend(columns.iter().find(is_it).cloned().map(Column::item));
                }
                other => select.projection.push(other),
            }
        }
        self.rename_repeated(&mut select.projection, &columns, &from);
        let _ = select.visit(&mut Values { names: names.clone(), scope: self, hidden: Vec::new() });
        select.from = from;
        Ok(names)
    }

    /// Two columns of one name are told apart by their relations, those of several relations by a mark.
    fn rename_repeated(&self, items: &mut [SelectItem], columns: &[Column], from: &[TableWithJoins]) {
        let has = |item: &SelectItem, wanted: &str| match item {
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let mut factors = Vec::new();
                from.iter().for_each(|item| relations_in(item, &mut factors));
                let is_it = |factor: &&&TableFactor| match name_of(factor) {
                    Some(own) => own.0.last().zip(name.0.last()).is_some_and(|(a, b)| a.to_string() == b.to_string()),
                    None => false,
                };
                let columns = factors.iter().find(is_it).and_then(|factor| self.leaf(factor).ok());
                columns.is_none_or(|columns| columns.iter().any(|column| column.is(wanted)))
            }
            other => name_of_item(other).is_some_and(|name| visible_name(&name) == wanted),
        };
        for at in 0..items.len() {
            let Some(SelectItem::ExprWithAlias { expr, alias }) = items.get(at) else { continue };
            let name = folded(alias);
            if !columns.iter().any(|column| column.is(&name) && column.value() == Some(expr)) {
                continue;
            }
            let repeated = items.iter().enumerate().any(|(other, item)| other != at && has(item, &name));
            if let (true, Some(SelectItem::ExprWithAlias { alias, .. })) = (repeated, items.get_mut(at)) {
                *alias = quoted(&repeated_name(&name, at));
            }
        }
    }

    fn item(&self, item: &mut TableWithJoins) -> Result<Vec<Column>> {
        let mut columns = self.factor(&mut item.relation)?;
        for join in &mut item.joins {
            let right = self.factor(&mut join.relation)?;
            columns = self.join(columns, right, &mut join.join_operator)?;
        }
        Ok(columns)
    }

    fn factor(&self, factor: &mut TableFactor) -> Result<Vec<Column>> {
        if let TableFactor::NestedJoin { table_with_joins, alias } = factor {
            let Some(alias) = alias.take() else { return self.item(table_with_joins) };
            let subquery = Box::new(self.select_all(table_with_joins.as_ref().clone()));
            *factor = TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
        }
        self.nested(factor)?;
        self.leaf(factor)
    }

    fn leaf(&self, factor: &TableFactor) -> Result<Vec<Column>> {
        let schema = match ((self.columns)(self.alone(factor)), name_of(factor)) {
            (Err(_), Some(name)) if is_dependent(factor) => return Ok(vec![Column::All(name)]),
            // one in a subquery may name what is around that
            (Err(error), Some(name)) => return as_written(factor, &name).ok_or(error),
            (schema, _) => schema?,
        };
        let column = |(relation, field): (Option<&TableReference>, &FieldRef)| {
            let parts = relation.map(TableReference::to_vec).unwrap_or_default();
            let mut path: Vec<Ident> = parts.iter().chain([field.name()]).map(|part| quoted(part)).collect();
            let value = match (path.pop(), path.is_empty()) {
                (Some(name), true) => Expr::Identifier(name),
                (name, _) => Expr::CompoundIdentifier(path.into_iter().chain(name).collect()),
            };
            Column::Known {
                name: field.name().clone(),
                value: Box::new(value),
                data_type: field.data_type().clone(),
                common: false,
            }
        };
        Ok(schema.iter().map(column).collect())
    }

    /// The query for all of a relation, with what it may name of WITH.
    fn alone(&self, factor: &TableFactor) -> Query {
        let mut query = self.select_all(TableWithJoins { relation: factor.clone(), joins: Vec::new() });
        let seen = match factor {
            TableFactor::Table { name, args: None, .. } => {
                let bare = match name.0.as_slice() {
                    [part] => part.as_ident().map(folded),
                    _ => None,
                };
                let is_it = |cte: &Cte| bare.as_ref() == Some(&folded(&cte.alias.name));
                self.with.iter().rposition(is_it).map_or(0, |at| at + 1)
            }
            _ => self.with.len(),
        };
        let mut cte_tables: Vec<Cte> = Vec::new();
        for cte in self.with.iter().take(seen) {
            // the nearest of a name
            cte_tables.retain(|known| folded(&known.alias.name) != folded(&cte.alias.name));
            cte_tables.push(cte.clone());
        }
        if !cte_tables.is_empty() {
            query.with = Some(With { with_token: AttachedToken::empty(), recursive: self.recursive, cte_tables });
        }
        query
    }

    /// The columns of a join, whose condition is put into words.
    fn join(&self, left: Vec<Column>, right: Vec<Column>, operator: &mut JoinOperator) -> Result<Vec<Column>> {
        let kind = operator.clone();
        let both = || left.iter().chain(&right).cloned().collect::<Vec<_>>();
        let Some(constraint) = constraint(operator) else { return Ok(both()) };
        let names: Vec<String> = match constraint {
            JoinConstraint::Using(names) => {
                names.iter().filter_map(|name| name.0.last()?.as_ident().map(folded)).collect()
            }
            JoinConstraint::Natural => natural(&left, &right)?,
            JoinConstraint::On(condition) => {
                self.nested(condition)?;
                let names = common(&both());
                let _ = condition.visit(&mut Values { names, scope: self, hidden: Vec::new() });
                return Ok(both());
            }
            JoinConstraint::None => return Ok(both()),
        };
        let mut condition: Option<Expr> = None;
        let mut columns = Vec::new();
        for name in &names {
            let (ours, of_left) = one(&left, name, "left")?;
            let (theirs, of_right) = one(&right, name, "right")?;
            let equal = binary(ours.clone(), BinaryOperator::Eq, theirs.clone());
            condition = Some(match condition {
                None => equal,
                Some(before) => binary(before, BinaryOperator::And, equal),
            });
            let value = match kind {
                JoinOperator::FullOuter(_) => call("coalesce", vec![ours, theirs]),
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) => as_wide_as(theirs, &of_right, &of_left),
                JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => as_wide_as(ours, &of_left, &of_right),
                // equal, so that of the wider type
                _ if width(&of_right) > width(&of_left) => theirs,
                _ => ours,
            };
            columns.push(Column::Known {
                name: name.clone(),
                value: Box::new(value),
                data_type: if width(&of_right) > width(&of_left) { of_right } else { of_left },
                common: true,
            });
        }
        let always = || Expr::Value(Value::Boolean(true).with_empty_span());
        *constraint = JoinConstraint::On(condition.unwrap_or_else(always));
        let rest = |column: &Column| !names.iter().any(|name| column.is(name));
        columns.extend(left.into_iter().chain(right).filter(rest));
        Ok(columns)
    }

    /// Which of the names mean something else in a query.
    fn hides(&self, query: &Query, names: &HashMap<String, Expr>) -> HashSet<String> {
        let mut factors = Vec::new();
        relations(&query.body, &mut factors);
        let hidden = |name: &&String| {
            factors.iter().any(|factor| match self.leaf(factor) {
                Ok(columns) => columns.iter().any(|column| column.is(name) || matches!(column, Column::All(_))),
                Err(_) => true,
            })
        };
        names.keys().filter(hidden).cloned().collect()
    }
}

/// The name that a relation goes by.
fn name_of(factor: &TableFactor) -> Option<ObjectName> {
    match factor {
        TableFactor::Table { alias: None, name, .. } | TableFactor::Function { alias: None, name, .. } => {
            Some(name.clone())
        }
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::TableFunction { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(ObjectName::from(vec![alias.name.clone()])),
        _ => None,
    }
}

/// The columns of a query in FROM, if its text names them all.
fn as_written(factor: &TableFactor, relation: &ObjectName) -> Option<Vec<Column>> {
    let TableFactor::Derived { subquery, .. } = factor else { return None };
    let SetExpr::Select(select) = subquery.body.as_ref() else { return None };
    let relation = relation.0.last()?.as_ident()?;
    let column = |item: &SelectItem| {
        let name = name_of_item(item)?;
        let value = Box::new(Expr::CompoundIdentifier(vec![relation.clone(), quoted(&name)]));
        Some(Column::Known { name, value, data_type: DataType::Null, common: false })
    };
    select.projection.iter().map(column).collect()
}

/// Whether the relation may depend on those before it.
fn is_dependent(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { args, .. } => args.is_some(),
        TableFactor::Derived { lateral, .. } => *lateral,
        _ => true,
    }
}

fn name_of_item(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => path.last().map(folded),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(folded(name)),
        _ => None,
    }
}

/// What the SELECT's result has under the name.
fn gives(select: &Select, wanted: &str) -> bool {
    select.projection.iter().any(|item| name_of_item(item).is_some_and(|name| name == wanted))
}

fn relations_in<'q>(item: &'q TableWithJoins, found: &mut Vec<&'q TableFactor>) {
    for factor in std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)) {
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias: None } => relations_in(table_with_joins, found),
            other => found.push(other),
        }
    }
}

fn relations<'q>(body: &'q SetExpr, found: &mut Vec<&'q TableFactor>) {
    match body {
        SetExpr::Select(select) => select.from.iter().for_each(|item| relations_in(item, found)),
        SetExpr::Query(query) => relations(&query.body, found),
        SetExpr::SetOperation { left, right, .. } => {
            relations(left, found);
            relations(right, found);
        }
        _ => {}
    }
}

/// Puts values of common columns in the place of their names.
struct Values<'a> {
    names: HashMap<String, Expr>,
    scope: &'a Scope<'a>,
    /// By query within: the names that it has itself.
    hidden: Vec<HashSet<String>>,
}

impl VisitorMut for Values<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let hidden = if self.names.is_empty() { HashSet::new() } else { self.scope.hides(query, &self.names) };
        self.hidden.push(hidden);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.hidden.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr {
            let name = folded(name);
            if let Some(value) = self.names.get(&name)
                && !self.hidden.iter().any(|hidden| hidden.contains(&name))
            {
                *expr = value.clone();
            }
        }
        ControlFlow::Continue(())
    }
}

/// Expands queries, each with what is in it.
struct Outermost<'a> {
    scope: &'a Scope<'a>,
    depth: usize,
}

impl VisitorMut for Outermost<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.depth += 1;
        match self.depth {
            1 => match self.scope.query(query) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            },
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}
