//! Indexes: scans of Delta tables are pruned by the log's statistics, so there is nothing to make. Tools send CREATE INDEX
//! after every load; that it does nothing is said, not hidden.

use datafusion::sql::sqlparser::ast;

use super::super::Change;
use super::relations;
use crate::catalog::ObjectKind;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn create(change: &Change, index: &ast::CreateIndex) -> Result<()> {
    let table = relations::known(change, &index.table_name)?;
    if matches!(table.kind, ObjectKind::View { .. }) {
        return Err(Error::new(
            ErrorKind::WrongObjectType,
            format!("cannot create index on relation \"{}\"", table.name.name),
        )
        .with_detail("This operation is not supported for views."));
    }
    for column in &index.columns {
        if let ast::Expr::Identifier(ident) = &column.column.expr {
            let name = crate::dialect::folded(ident);
            if !table.columns.iter().any(|column| column.name == name) {
                return Err(Error::new(ErrorKind::UndefinedColumn, format!("column \"{name}\" does not exist")));
            }
        }
    }
    let what = if index.unique { "a unique index is not made, and not enforced" } else { "an index is not made" };
    change.notice("00000", format!("{what}: Delta tables are read by the statistics of their files"));
    Ok(())
}
