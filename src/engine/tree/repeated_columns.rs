//! Columns that a wildcard brings beside others of their name: `SELECT o.*, o.id`, `SELECT a.*, b.*` in FROM.
//!
//! PostgreSQL lets the names of a result repeat, DataFusion wants them to differ. The second of a name gets the hidden mark of
//! [`repeated_name`]; in a query that others name the columns of, the first as well: the bare name is ambiguous, and nobody's.
//! Runs when common columns are put into words.
//!
//! Invariant: a list in which no name repeats, as far as that is known, stays as it is written.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, Statement, VisitMut, VisitorMut,
};

use super::known_relations::Known;
use crate::dialect::{folded, repeated_name, visible_name};

/// Tells such columns apart.
pub(super) fn expand(statement: &mut Statement, tables: &HashMap<TableReference, Arc<dyn TableSource>>) {
    let mut expander = Expander { known: Known::new(tables) };
    match statement {
        Statement::Query(query) => expander.query(query, Names::MayRepeat),
        other => expander.nested(other),
    }
}

/// Whether two relations' columns of one name may stand in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Nothing names them: it is the statement's result.
    MayRepeat,
    MustDiffer,
}

struct Expander<'a> {
    known: Known<'a>,
}

/// Hands on the queries that stand in something, not those in them.
struct Outermost<'e, 'a> {
    expander: &'e mut Expander<'a>,
    depth: usize,
}

impl VisitorMut for Outermost<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.depth == 0 {
            self.expander.query(query, Names::MustDiffer);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }
    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

impl Expander<'_> {
    fn nested(&mut self, part: &mut impl VisitMut) {
        let _ = part.visit(&mut Outermost { expander: self, depth: 0 });
    }

    /// Inner queries first: what is around them sees the names that they end with.
    fn query(&mut self, query: &mut Query, names: Names) {
        self.known.begin();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            // it may name itself
            self.known.enter(cte);
            self.query(&mut cte.query, Names::MustDiffer);
            self.known.enter(cte);
        }
        self.body(&mut query.body, names);
        self.nested(&mut query.order_by);
        self.nested(&mut query.limit_clause);
        self.known.leave();
    }

    fn body(&mut self, body: &mut SetExpr, names: Names) {
        match body {
            SetExpr::Select(select) => {
                self.nested(select);
                if let Some(apart) = self.apart(select, names) {
                    select.projection = apart;
                }
            }
            SetExpr::Query(query) => self.query(query, names),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, Names::MustDiffer);
                self.body(right, Names::MustDiffer);
            }
            other => self.nested(other),
        }
    }

    /// The list with its repeated names marked; `None` where none repeats.
    fn apart(&self, select: &Select, names: Names) -> Option<Vec<SelectItem>> {
        let mut items = Vec::with_capacity(select.projection.len());
        for item in &select.projection {
            match self.known.wildcard(select, item) {
                Some(columns) => items.extend(columns.into_iter().map(|(relation, column)| {
                    let path = [relation, column].map(|part| Ident::with_quote('"', part));
                    SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path.to_vec()))
                })),
                None => items.push(item.clone()),
            }
        }
        let names_of: Vec<_> = items.iter().map(name_of).collect();
        let mut repeats = false;
        for (position, item) in items.iter_mut().enumerate() {
            let Some(Some((relation, name))) = names_of.get(position) else { continue };
            let is_same = |(other, taken): &(Option<String>, String)| {
                let told_apart = names == Names::MayRepeat && relation.is_some() && other.is_some();
                taken == name && (!told_apart || other == relation)
            };
            let others = names_of.iter().enumerate().filter(|(other, _)| match names {
                Names::MayRepeat => *other < position,
                Names::MustDiffer => *other != position,
            });
            if others.filter_map(|(_, other)| other.as_ref()).any(is_same) {
                repeats = true;
                let alias = Ident::with_quote('"', repeated_name(name, position));
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                }
            }
        }
        repeats.then_some(items)
    }
}

/// The name of a column, and of the relation where it is told.
fn name_of(item: &SelectItem) -> Option<(Option<String>, String)> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some((None, visible_name(&folded(alias)).to_owned())),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => match path.as_slice() {
            [.., relation, column] => Some((Some(folded(relation)), folded(column))),
            _ => None,
        },
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some((None, folded(name))),
        _ => None,
    }
}
