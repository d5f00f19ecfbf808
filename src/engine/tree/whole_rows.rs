//! A relation's name as a value: `row_to_json(t)` takes its row, as a structure of its columns; `SELECT t` shows it, as the
//! text of a composite value.
//!
//! Only where the relation's columns are known from its source or its text; a column of that name comes first, as in
//! PostgreSQL.
//!
//! Blocked by: DataFusion knows columns only. Remove when it resolves a relation's name to its row.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, Ident, JoinOperator, ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableFactor, Value,
    ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

use super::known_relations::Known;
use crate::dialect::{call, cast, folded, visible_name};
use crate::pgfunctions::{COMPOSITE, RECORD_OUT};

/// Where `(a, b)` is no row.
const TAKING_LISTS: &[&str] = &["grouping", "overlaps"];

/// Puts rows in the place of relations' names.
pub(in crate::engine) fn expand(statement: &mut Statement, tables: &HashMap<TableReference, Arc<dyn TableSource>>) {
    let _ = statement.visit(&mut Expander { known: Known::new(tables) });
}

/// [`expand`] for expressions over the columns of these relations.
pub(in crate::engine) fn expand_over(exprs: &mut [Expr], relations: &[(String, Vec<String>)]) {
    let is_column = |name: &String| relations.iter().any(|(_, columns)| columns.contains(name));
    let named = relations.iter().filter(|(name, _)| !is_column(name));
    let rows = named.map(|(name, columns)| (name.clone(), members(name, columns))).collect();
    let mut rows = Rows { rows, ..Rows::default() };
    for expr in exprs {
        match rows.shown(expr) {
            Some(row) => *expr = row,
            None => {
                let _ = expr.visit(&mut rows);
            }
        }
    }
}

struct Expander<'a> {
    known: Known<'a>,
}

impl VisitorMut for Expander<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.known.enter_all(query);
        if let SetExpr::Values(values) = query.body.as_mut() {
            let rows = Rows::default();
            for value in values.rows.iter_mut().flat_map(|row| &mut row.content) {
                if let Some(members) = rows.written(value) {
                    *value = structure(members);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.known.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let relations = self.known.relations(select);
        let is_column = |name: &String| relations.iter().any(|relation| relation.has(name));
        let rows: HashMap<String, Members> = relations
            .iter()
            .filter(|relation| !is_column(&relation.name))
            .filter_map(|relation| Some((relation.name.clone(), members(&relation.name, relation.columns.as_ref()?))))
            .collect();
        let mut rows = Rows { rows, optional: optional(select), ..Rows::default() };
        for item in &mut select.projection {
            let shown = match item {
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                    rows.shown(&Expr::Identifier(name.clone())).map(|row| (row, name.clone()))
                }
                SelectItem::ExprWithAlias { expr, alias } => rows.shown(expr).map(|row| (row, alias.clone())),
                _ => None,
            };
            if let Some((expr, alias)) = shown {
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                let _ = expr.visit(&mut rows);
            }
        }
        // functions and subqueries of FROM may look at the relations before them
        for factor in factors(select).filter(|factor| !matches!(factor, TableFactor::Derived { lateral: false, .. })) {
            let own = name_of(factor).into_iter().collect();
            rows.within.push(own);
            let _ = factor.visit(&mut rows);
            rows.within.pop();
        }
        rows.here_only = true;
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            let _ = VisitMut::visit(&mut join.join_operator, &mut rows);
        }
        for condition in select.selection.iter_mut().chain(&mut select.having) {
            let _ = condition.visit(&mut rows);
        }
        ControlFlow::Continue(())
    }
}

/// What stands in a FROM, in its order.
fn factors(select: &mut Select) -> impl Iterator<Item = &mut TableFactor> {
    select.from.iter_mut().flat_map(|from| {
        std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation))
    })
}

/// The name that a relation of a FROM has there.
fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. }
        | TableFactor::NestedJoin { alias: Some(alias), .. } => Some(folded(&alias.name)),
        TableFactor::Table { name, .. } => Some(folded(name.0.last()?.as_ident()?)),
        _ => None,
    }
}

/// The relations of a FROM that an outer join has NULL in the place of, where it finds no row of theirs.
fn optional(select: &Select) -> HashSet<String> {
    let name = |factor: &TableFactor| match factor {
        // an aggregate without groups has a row always
        TableFactor::Derived { subquery, .. } if is_one_row(subquery) => None,
        TableFactor::Table { .. } | TableFactor::Derived { .. } => name_of(factor),
        _ => None,
    };
    let mut optional = HashSet::new();
    for from in &select.from {
        let mut before: Vec<String> = name(&from.relation).into_iter().collect();
        for join in &from.joins {
            use JoinOperator::{FullOuter, Left, LeftOuter, Right, RightOuter};
            let own = name(&join.relation);
            if matches!(join.join_operator, Left(_) | LeftOuter(_) | FullOuter(_)) {
                optional.extend(own.clone());
            }
            if matches!(join.join_operator, Right(_) | RightOuter(_) | FullOuter(_)) {
                optional.extend(before.iter().cloned());
            }
            before.extend(own);
        }
    }
    optional
}

fn is_one_row(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let is_aggregate = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => has_aggregate(expr),
        _ => false,
    };
    !grouped && select.projection.iter().any(is_aggregate)
}

fn has_aggregate(expr: &Expr) -> bool {
    struct Found;
    impl Visitor for Found {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
            let name = function.name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
            let known = ["avg", "count", "every", "max", "min", "mode", "sum"].contains(&name.as_str());
            match function.over.is_none() && (known || name.ends_with("_agg") || name.starts_with("bool_")) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Found).is_break()
}

/// The columns of a row, by their names.
type Members = Vec<(String, Expr)>;

fn members(relation: &str, columns: &[String]) -> Members {
    let member = |column: &String| {
        let path = vec![Ident::with_quote('"', relation), Ident::with_quote('"', column.as_str())];
        (visible_name(column).to_owned(), Expr::CompoundIdentifier(path))
    };
    columns.iter().map(member).collect()
}

fn values_of(members: &Members) -> Vec<Expr> {
    members.iter().map(|(_, value)| value.clone()).collect()
}

/// `lakewire_row('id', t.id, …)`.
fn structure(members: Members) -> Expr {
    let name = |name| Expr::Value(Value::SingleQuotedString(name).with_empty_span());
    call(COMPOSITE, members.into_iter().flat_map(|(member, value)| [name(member), narrowed(value)]).collect())
}

/// A whole number that fits an integer is one.
fn narrowed(value: Expr) -> Expr {
    match &value {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) if digits.parse::<i32>().is_ok() => {
            cast(value, DataType::Integer(None))
        }
        _ => value,
    }
}

/// Whether the test holds of all values.
fn all(members: &Members, test: fn(Box<Expr>) -> Expr) -> Option<Expr> {
    let both = |left, right| Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) };
    let tests = members.iter().map(|(_, value)| test(Box::new(value.clone())));
    tests.reduce(both).map(|all| Expr::Nested(Box::new(all)))
}

/// The rows that relations of one FROM have.
#[derive(Default)]
struct Rows {
    rows: HashMap<String, Members>,
    /// Those that may be missing.
    optional: HashSet<String>,
    /// Not within subqueries, whose own names come first.
    here_only: bool,
    /// Of subqueries.
    depth: usize,
    /// The relations of the queries within, which come first.
    within: Vec<HashSet<String>>,
}

impl Rows {
    fn members(&self, expr: &Expr) -> Option<Members> {
        match expr {
            Expr::Identifier(name) => self.of(name).cloned(),
            Expr::QualifiedWildcard(name, _) => self.of_all(name).cloned(),
            Expr::Nested(inner) => self.members(inner),
            expr => self.written(expr),
        }
    }

    /// The row of a relation, by the name that it has here.
    fn of(&self, name: &Ident) -> Option<&Members> {
        let name = folded(name);
        let hidden = self.within.iter().any(|names| names.contains(&name));
        self.rows.get(&name).filter(|_| !hidden)
    }

    /// `t.*`
    fn of_all(&self, name: &ObjectName) -> Option<&Members> {
        match name.0.as_slice() {
            [part] => self.of(part.as_ident()?),
            _ => None,
        }
    }

    /// `row(a, t.*)` and `(a, b)`: the members are `f1`, `f2` …
    fn written(&self, expr: &Expr) -> Option<Members> {
        let values: Option<Vec<Vec<Expr>>> = match expr {
            Expr::Tuple(values) => values.iter().map(|value| self.spread(value)).collect(),
            Expr::Function(Function { name, args: FunctionArguments::List(list), .. })
                if name.to_string().eq_ignore_ascii_case("row") =>
            {
                let value = |argument: &FunctionArg| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => self.spread(value),
                    FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => {
                        Some(values_of(self.of_all(name)?))
                    }
                    _ => None,
                };
                list.args.iter().map(value).collect()
            }
            _ => None,
        };
        Some(values?.concat().into_iter().enumerate().map(|(nth, value)| (format!("f{}", nth + 1), value)).collect())
    }

    /// What stands in a row for a value: `t.*` is all columns.
    fn spread(&self, value: &Expr) -> Option<Vec<Expr>> {
        match value {
            Expr::QualifiedWildcard(name, _) => self.of_all(name).map(values_of),
            value => Some(vec![value.clone()]),
        }
    }

    /// The row as a value.
    fn shown(&self, expr: &Expr) -> Option<Expr> {
        let members = self.members(expr)?;
        Some(self.if_there(expr, &members, structure(members.clone())))
    }

    /// The text of the row.
    fn text(&self, expr: &Expr) -> Option<Expr> {
        let members = self.members(expr)?;
        let text = call(RECORD_OUT, values_of(&members));
        Some(self.if_there(expr, &members, text))
    }

    /// NULL where the relation's row is missing: where all of its columns are NULL, for no more is known.
    fn if_there(&self, expr: &Expr, members: &Members, value: Expr) -> Expr {
        match expr {
            Expr::Nested(inner) => self.if_there(inner, members, value),
            Expr::Identifier(name) if self.optional.contains(&folded(name)) => match all(members, Expr::IsNull) {
                Some(missing) => Expr::Case {
                    case_token: AttachedToken::empty(),
                    end_token: AttachedToken::empty(),
                    operand: None,
                    conditions: vec![CaseWhen {
                        condition: missing,
                        result: Expr::Value(Value::Null.with_empty_span()),
                    }],
                    else_result: Some(Box::new(value)),
                },
                None => value,
            },
            _ => value,
        }
    }

    /// `t IS NULL`: all of its columns are; `t IS NOT NULL`: none is.
    fn null_test(&self, expr: &Expr) -> Option<Expr> {
        let (row, is_null) = match expr {
            Expr::IsNull(row) => (row, true),
            Expr::IsNotNull(row) => (row, false),
            _ => return None,
        };
        let Expr::Identifier(relation) = row.as_ref() else { return None };
        let members = self.of(relation)?;
        all(members, if is_null { Expr::IsNull } else { Expr::IsNotNull })
    }

    /// `(t).column`
    fn member(&self, expr: &Expr) -> Option<Expr> {
        let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
        let (Expr::Nested(row), [AccessExpr::Dot(Expr::Value(wanted))]) = (root.as_ref(), access_chain.as_slice())
        else {
            return None;
        };
        let (Expr::Identifier(relation), Value::SingleQuotedString(wanted)) = (row.as_ref(), &wanted.value) else {
            return None;
        };
        let members = self.of(relation)?;
        members.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    }
}

impl VisitorMut for Rows {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.within.push(factors(select).filter_map(|factor| name_of(factor)).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<()> {
        self.within.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.here_only && self.depth > 0 {
            return ControlFlow::Continue(());
        }
        if let Some(member) = self.member(expr) {
            *expr = member;
        }
        if let Some(test) = self.null_test(expr) {
            *expr = test;
        }
        if let Expr::Cast { expr: row, data_type: DataType::Text | DataType::Varchar(None), .. } = expr
            && let Some(text) = self.text(row)
        {
            *expr = text;
        }
        if let Expr::Array(array) = expr {
            for element in &mut array.elem {
                if let Some(members) = self.written(element) {
                    *element = structure(members);
                }
            }
        }
        if let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr {
            let takes_lists = TAKING_LISTS.iter().any(|known| name.to_string().eq_ignore_ascii_case(known));
            for argument in &mut list.args {
                // count(t.*)
                if let FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) = argument
                    && let [part] = name.0.as_slice()
                    && let Some(relation) = part.as_ident().filter(|name| self.of(name).is_some())
                {
                    *argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(relation.clone())));
                }
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument
                    && !takes_lists
                    && let Some(members) = self.members(value)
                {
                    *value = self.if_there(value, &members, structure(members.clone()));
                }
            }
        }
        ControlFlow::Continue(())
    }
}
