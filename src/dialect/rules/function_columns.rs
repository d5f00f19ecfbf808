//! `FROM generate_series(1, 3) g`: PostgreSQL names the one column after the alias, else after the function.

use datafusion::sql::sqlparser::ast::{Ident, TableAlias, TableAliasColumnDef, TableFactor};

use super::Rule;

/// Functions that give one column.
const ONE_COLUMN: &[&str] = &["generate_series", "range"];

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        if let TableFactor::Table { name, alias, args: Some(_), .. } = factor
            && let Some(function) = name.0.last().and_then(|part| part.as_ident())
            && ONE_COLUMN.contains(&function.value.to_lowercase().as_str())
        {
            let alias = alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: Ident::new(function.value.to_lowercase()),
                columns: Vec::new(),
                at: None,
            });
            if alias.columns.is_empty() {
                alias.columns.push(TableAliasColumnDef { name: alias.name.clone(), data_type: None });
            }
        }
    }
}
