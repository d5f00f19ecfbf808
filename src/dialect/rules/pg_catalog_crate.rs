//! The rewrites that datafusion-pg-catalog brings, of which each maps one PostgreSQL spelling to one DataFusion knows.
//!
//! Each walks over the whole statement; [`Finder`] tells which of them have something to do there.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, ObjectName, Select, SelectItem, Statement, TableFactor};
use datafusion_pg_catalog::sql::rules::{
    ResolveUnqualifiedIdentifier, RewriteArrayAnyAllOperation, RewritePgCatalogOperator, SqlStatementRewriteRule,
    StripCallableQualifier, StripCollate,
};

use super::Rule;

/// What the rewrites are for, as far as a statement has it.
#[derive(Default)]
pub struct Finder {
    any_or_all: bool,
    qualified_call: bool,
    collation: bool,
    qualified_operator: bool,
    wildcard_of_one: bool,
}

impl Rule for Finder {
    fn pre_visit_select(&mut self, select: &mut Select) {
        self.wildcard_of_one |= select.projection.iter().any(|item| matches!(item, SelectItem::QualifiedWildcard(..)));
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        self.qualified_call |= matches!(factor, TableFactor::Table { name, args: Some(_), .. } if is_qualified(name));
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::AnyOp { .. } | Expr::AllOp { .. } => self.any_or_all = true,
            Expr::Collate { .. } => self.collation = true,
            Expr::BinaryOp { op: BinaryOperator::PGCustomBinaryOperator(_), .. } => self.qualified_operator = true,
            Expr::Function(function) => self.qualified_call |= is_qualified(&function.name),
            _ => {}
        }
    }
}

fn is_qualified(name: &ObjectName) -> bool {
    name.0.len() > 1
}

/// `metadata`: the statement reads PostgreSQL's own catalogs.
pub fn apply(statement: &mut Statement, found: &Finder, metadata: bool) {
    let rules: [(bool, &dyn SqlStatementRewriteRule); 5] = [
        (found.any_or_all, &RewriteArrayAnyAllOperation),
        (found.qualified_call, &StripCallableQualifier),
        (found.collation, &StripCollate),
        (found.qualified_operator, &RewritePgCatalogOperator),
        // of `t.*` it takes every name for one of `t`
        (metadata && !found.wildcard_of_one, &ResolveUnqualifiedIdentifier),
    ];
    for (_, rule) in rules.into_iter().filter(|(wanted, _)| *wanted) {
        let taken = std::mem::replace(statement, Statement::Commit { chain: false, end: false, modifier: None });
        *statement = rule.rewrite(taken);
    }
}
