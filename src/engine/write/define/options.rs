//! Table properties: `WITH (…)`, `SET (…)`, `SET TBLPROPERTIES (…)`, and how a table is partitioned.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::ast::{self, CreateTableOptions, HiveDistributionStyle, SqlOption};

use super::super::{Change, unsupported};
use super::index_keys::{check_parameter, value_text};
use super::storage;
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
/// Those of which is known what they may be.
const CHECKED: [&str; 4] = ["fillfactor", "parallel_workers", "toast_tuple_target", "user_catalog_table"];
/// PostgreSQL's storage parameters, which have nothing to say about a Delta table.
const POSTGRES: [&str; 6] =
    ["fillfactor", "toast_tuple_target", "parallel_workers", "user_catalog_table", "oids", "autosummarize"];

pub(super) fn of_table(change: &Change, table: &ast::CreateTable) -> Result<BTreeMap<String, String>> {
    properties(change, given(&table.table_options))
}

/// The options of a table or view.
pub(super) fn given(options: &CreateTableOptions) -> &[SqlOption] {
    match options {
        CreateTableOptions::None => &[],
        CreateTableOptions::With(options)
        | CreateTableOptions::Options(options)
        | CreateTableOptions::Plain(options)
        | CreateTableOptions::TableProperties(options) => options,
    }
}

fn key_value(option: &SqlOption) -> Result<(&ast::Ident, String)> {
    match option {
        SqlOption::KeyValue { key, value } => Ok((key, value_text(value))),
        SqlOption::Ident(key) => Ok((key, "true".to_owned())),
        other => Err(unsupported(&format!("table option {other}"))),
    }
}

/// Whether a property is what the name says.
pub(super) fn is_called(property: &str, name: &str) -> bool {
    property.eq_ignore_ascii_case(name)
}

/// Checks the options of a view; answers whether what goes in through it is to be checked.
///
/// # Errors
/// `22023` for what is none; `0A000` for what would not be kept.
pub(super) fn check_of_view(change: &Change, options: &[SqlOption]) -> Result<bool> {
    let mut seen = BTreeSet::new();
    for option in options {
        let (key, value) = key_value(option)?;
        let name = folded(key);
        check_parameter("view", &name, &value)?;
        let holds = !["false", "off", "no", "0"].contains(&value.to_lowercase().as_str());
        if name == "security_invoker" && holds {
            return Err(unsupported("security_invoker").with_hint("a view reads what its maker may read"));
        }
        if name == "security_barrier" && holds {
            let message = "security_barrier has no effect: there are no functions of users that could tell rows";
            change.notice("00000", message.to_owned());
        }
        if !seen.insert(name.clone()) {
            let message = format!("parameter \"{name}\" specified more than once");
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
    }
    Ok(seen.contains("check_option"))
}

pub(super) fn properties(change: &Change, options: &[SqlOption]) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    for option in options {
        let (key, value) = key_value(option)?;
        let name = key.value.as_str();
        let plain = folded(key);
        if storage::check_option(change, name, &value)? {
            continue;
        }
        if CHECKED.contains(&plain.as_str()) {
            check_parameter("heap", &plain, &value)?;
        }
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
