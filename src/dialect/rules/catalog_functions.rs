//! `pg_show_all_settings()` and its kin, which PostgreSQL's views are made of: the views themselves.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, TableAlias, TableFactor};

use super::Rule;

/// Functions in FROM, and the views that have their columns.
const VIEWS: &[(&str, &str)] = &[
    ("pg_available_extension_versions", "pg_available_extension_versions"),
    ("pg_available_extensions", "pg_available_extensions"),
    ("pg_cursor", "pg_cursors"),
    ("pg_get_replication_slots", "pg_replication_slots"),
    ("pg_lock_status", "pg_locks"),
    ("pg_prepared_statement", "pg_prepared_statements"),
    ("pg_prepared_xact", "pg_prepared_xacts"),
    ("pg_show_all_file_settings", "pg_file_settings"),
    ("pg_show_all_settings", "pg_settings"),
    ("pg_stat_get_activity", "pg_stat_activity"),
    ("pg_stat_get_slru", "pg_stat_slru"),
    ("pg_timezone_abbrevs", "pg_timezone_abbrevs"),
    ("pg_timezone_names", "pg_timezone_names"),
];

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        if let TableFactor::Table { name, args: args @ Some(_), alias, .. } = factor
            && let Some(function) = name.0.last().and_then(|part| part.as_ident()).cloned()
            && let Some((_, view)) = VIEWS.iter().find(|(known, _)| function.value.eq_ignore_ascii_case(known))
        {
            *args = None;
            *name = ObjectName::from(vec![Ident::new("pg_catalog"), Ident::new(*view)]);
            alias.get_or_insert_with(|| TableAlias { explicit: false, name: function, columns: Vec::new(), at: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn functions_are_their_views() {
        let sql = "SELECT a AS a FROM pg_show_all_settings() WHERE name = 'x'";
        let expected = "SELECT a AS a FROM pg_catalog.pg_settings pg_show_all_settings WHERE name = 'x'";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
