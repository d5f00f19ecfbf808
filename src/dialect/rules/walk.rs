//! One walk over a statement's tree for many rules.
//!
//! At each node the rules have their turns one after the other, before what is below it and again after. Invariant: a rule
//! shares a walk with others only where it asks for nothing of the nodes around that one of those changes later.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Query, Select, Statement, TableFactor, VisitMut, VisitorMut};

/// What a rule does at the nodes of a tree; nothing where it does not say.
pub trait Rule {
    fn pre_visit_statement(&mut self, _statement: &mut Statement) {}
    fn pre_visit_query(&mut self, _query: &mut Query) {}
    fn post_visit_query(&mut self, _query: &mut Query) {}
    fn pre_visit_select(&mut self, _select: &mut Select) {}
    fn post_visit_select(&mut self, _select: &mut Select) {}
    fn pre_visit_table_factor(&mut self, _factor: &mut TableFactor) {}
    fn pre_visit_relation(&mut self, _name: &mut ObjectName) {}
    fn pre_visit_expr(&mut self, _expr: &mut Expr) {}
    fn post_visit_expr(&mut self, _expr: &mut Expr) {}
}

/// Walks over the tree once.
pub fn walk(tree: &mut impl VisitMut, rules: &mut [&mut dyn Rule]) {
    let ControlFlow::Continue(()) = tree.visit(&mut Walk { rules });
}

/// The one visitor there is for all rules: what visits a tree is much code, and many copies of it do not stay in a
/// processor's cache.
struct Walk<'a, 'b> {
    rules: &'a mut [&'b mut dyn Rule],
}

impl VisitorMut for Walk<'_, '_> {
    type Break = Infallible;

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.pre_visit_statement(statement));
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.pre_visit_query(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.post_visit_query(query));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.pre_visit_select(select));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.post_visit_select(select));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.pre_visit_table_factor(factor));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.pre_visit_relation(name));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.pre_visit_expr(expr));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        self.rules.iter_mut().for_each(|rule| rule.post_visit_expr(expr));
        ControlFlow::Continue(())
    }
}
