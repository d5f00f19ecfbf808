//! The rewrites that datafusion-pg-catalog brings, of which each maps one PostgreSQL spelling to one DataFusion knows.
//!
//! Each walks over the whole statement; [`Finder`] tells which of them have something to do there.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, ObjectName, Statement, TableFactor};
use datafusion_pg_catalog::sql::rules::{
    CurrentUserVariableToSessionUserFunctionCall, ResolveUnqualifiedIdentifier, RewriteArrayAnyAllOperation,
    RewritePgCatalogOperator, SqlStatementRewriteRule, StripCallableQualifier, StripCollate,
};

use super::Rule;

/// Words that are called without parentheses.
const VARIABLES: &[&str] = &["current_catalog", "current_schema", "current_user"];

/// What the rewrites are for, as far as a statement has it.
#[derive(Default)]
pub struct Finder {
    any_or_all: bool,
    qualified_call: bool,
    variable: bool,
    collation: bool,
    qualified_operator: bool,
}

impl Rule for Finder {
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        self.qualified_call |= matches!(factor, TableFactor::Table { name, args: Some(_), .. } if is_qualified(name));
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::AnyOp { .. } | Expr::AllOp { .. } => self.any_or_all = true,
            Expr::Collate { .. } => self.collation = true,
            Expr::BinaryOp { op: BinaryOperator::PGCustomBinaryOperator(_), .. } => self.qualified_operator = true,
            Expr::Identifier(word) => self.variable |= is_variable(&word.value),
            Expr::Function(function) => {
                self.qualified_call |= is_qualified(&function.name);
                let name = function.name.0.last().and_then(|part| part.as_ident());
                self.variable |= name.is_some_and(|name| is_variable(&name.value));
            }
            _ => {}
        }
    }
}

fn is_qualified(name: &ObjectName) -> bool {
    name.0.len() > 1
}

fn is_variable(word: &str) -> bool {
    VARIABLES.iter().any(|variable| word.eq_ignore_ascii_case(variable))
}

/// `metadata`: the statement reads PostgreSQL's own catalogs.
pub fn apply(statement: &mut Statement, found: &Finder, metadata: bool) {
    let rules: [(bool, &dyn SqlStatementRewriteRule); 6] = [
        (found.any_or_all, &RewriteArrayAnyAllOperation),
        (found.qualified_call, &StripCallableQualifier),
        (found.variable, &CurrentUserVariableToSessionUserFunctionCall),
        (found.collation, &StripCollate),
        (found.qualified_operator, &RewritePgCatalogOperator),
        (metadata, &ResolveUnqualifiedIdentifier),
    ];
    for (_, rule) in rules.into_iter().filter(|(wanted, _)| *wanted) {
        let taken = std::mem::replace(statement, Statement::Commit { chain: false, end: false, modifier: None });
        *statement = rule.rewrite(taken);
    }
}
