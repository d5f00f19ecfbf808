//! The rewrites that datafusion-pg-catalog brings, of which each maps one PostgreSQL spelling to one DataFusion knows.

use datafusion::sql::sqlparser::ast::Statement;
use datafusion_pg_catalog::sql::rules::{
    CurrentUserVariableToSessionUserFunctionCall, ResolveUnqualifiedIdentifier, RewriteArrayAnyAllOperation,
    RewritePgCatalogOperator, SqlStatementRewriteRule, StripCallableQualifier, StripCollate,
};

use super::Facts;

const ALWAYS: &[&dyn SqlStatementRewriteRule] = &[
    &RewriteArrayAnyAllOperation,
    &StripCallableQualifier,
    &CurrentUserVariableToSessionUserFunctionCall,
    &StripCollate,
    &RewritePgCatalogOperator,
];

/// For catalog queries only.
const METADATA: &[&dyn SqlStatementRewriteRule] = &[&ResolveUnqualifiedIdentifier];

pub fn apply(statement: &mut Statement, facts: Facts) {
    let metadata = if facts.metadata { METADATA } else { &[] };
    for rule in ALWAYS.iter().chain(metadata) {
        let taken = std::mem::replace(statement, Statement::Commit { chain: false, end: false, modifier: None });
        *statement = rule.rewrite(taken);
    }
}
