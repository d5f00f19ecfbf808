//! Table properties: `WITH (…)`, `SET (…)`, `SET TBLPROPERTIES (…)`, and how a table is partitioned.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{self, CreateTableOptions, HiveDistributionStyle, SqlOption};

use super::super::unsupported;
use crate::dialect::folded;
use crate::error::{Error, ErrorKind, Result};

/// Properties of Delta's that change how a table is kept, and not what a reader or writer must know.
const DELTA: [&str; 9] = [
    "delta.appendOnly",
    "delta.logRetentionDuration",
    "delta.deletedFileRetentionDuration",
    "delta.checkpointInterval",
    "delta.dataSkippingNumIndexedCols",
    "delta.dataSkippingStatsColumns",
    "delta.targetFileSize",
    "delta.setTransactionRetentionDuration",
    "delta.isolationLevel",
];
/// PostgreSQL's storage parameters, which have nothing to say about a Delta table.
const POSTGRES: [&str; 6] =
    ["fillfactor", "toast_tuple_target", "parallel_workers", "user_catalog_table", "oids", "autosummarize"];

pub(super) fn of_table(table: &ast::CreateTable) -> Result<BTreeMap<String, String>> {
    match &table.table_options {
        CreateTableOptions::None => Ok(BTreeMap::new()),
        CreateTableOptions::With(options)
        | CreateTableOptions::Options(options)
        | CreateTableOptions::Plain(options)
        | CreateTableOptions::TableProperties(options) => properties(options),
    }
}

pub(super) fn properties(options: &[SqlOption]) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    for option in options {
        let (key, value) = match option {
            SqlOption::KeyValue { key, value } => (key, text(value)),
            SqlOption::Ident(key) => (key, "true".to_owned()),
            other => return Err(unsupported(&format!("table option {other}"))),
        };
        let name = key.value.as_str();
        let plain = folded(key);
        if POSTGRES.contains(&plain.as_str()) || plain.starts_with("autovacuum_") || plain.starts_with("toast.") {
            continue;
        }
        if !name.contains('.') || name.starts_with("lakewire.") {
            return Err(Error::new(ErrorKind::InvalidParameter, format!("unrecognized parameter \"{name}\"")));
        }
        let known = DELTA.iter().find(|known| known.eq_ignore_ascii_case(name));
        if name.to_lowercase().starts_with("delta.") && known.is_none() {
            return Err(unsupported(&format!("table property \"{name}\""))
                .with_hint(format!("of Delta's own properties these can be set: {}", DELTA.join(", "))));
        }
        properties.insert(known.map_or(name, |known| *known).to_owned(), value);
    }
    Ok(properties)
}

fn text(value: &ast::Expr) -> String {
    match value {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) => text.clone(),
            other => other.to_string().to_lowercase(),
        },
        ast::Expr::Identifier(ident) => folded(ident),
        other => other.to_string(),
    }
}

/// `PARTITION BY LIST (a, b)` and `PARTITIONED BY (a, b)`: a folder for each value of the columns.
pub(super) fn partition_columns(table: &ast::CreateTable) -> Result<Vec<String>> {
    if let HiveDistributionStyle::PARTITIONED { columns } = &table.hive_distribution {
        return Ok(columns.iter().map(|column| folded(&column.name)).collect());
    }
    let Some(by) = table.partition_by.as_deref() else { return Ok(Vec::new()) };
    let ast::Expr::Function(call) = by else { return Err(unsupported(&format!("PARTITION BY {by}"))) };
    let strategy = call.name.to_string().to_lowercase();
    let ast::FunctionArguments::List(list) = &call.args else {
        return Err(unsupported("PARTITION BY without columns"));
    };
    if strategy != "list" {
        return Err(unsupported(&format!("PARTITION BY {}", strategy.to_uppercase()))
            .with_hint("PARTITION BY LIST (column) gives each value of the column a folder of its own"));
    }
    let column = |argument: &ast::FunctionArg| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Identifier(ident))) => Ok(folded(ident)),
        other => Err(unsupported(&format!("PARTITION BY LIST ({other})"))),
    };
    list.args.iter().map(column).collect()
}
