//! `has_*_privilege`: the one role owns the lake and may read all of it; nobody writes by SQL yet.

use datafusion::scalar::ScalarValue;

use super::{Definition, boolean, strict, text_of};
use crate::engine::SessionInfo;
use crate::error::Result;

pub const FUNCTIONS: &[Definition] = &[
    strict("has_any_column_privilege", 2..=3, boolean, reading),
    strict("has_column_privilege", 3..=4, boolean, reading),
    strict("has_database_privilege", 2..=3, boolean, reading),
    strict("has_foreign_data_wrapper_privilege", 2..=3, boolean, reading),
    strict("has_function_privilege", 2..=3, boolean, reading),
    strict("has_language_privilege", 2..=3, boolean, reading),
    strict("has_schema_privilege", 2..=3, boolean, reading),
    strict("has_sequence_privilege", 2..=3, boolean, reading),
    strict("has_server_privilege", 2..=3, boolean, reading),
    strict("has_table_privilege", 2..=3, boolean, reading),
    strict("has_tablespace_privilege", 2..=3, boolean, reading),
    strict("has_type_privilege", 2..=3, boolean, reading),
    strict("pg_has_role", 2..=3, boolean, |_, _| Ok(ScalarValue::Boolean(Some(true)))),
];

/// One of the privileges of a comma-separated list suffices, as in PostgreSQL.
fn reading(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let wanted = args.last().map(text_of).unwrap_or_default().to_uppercase();
    let granted = ["SELECT", "USAGE", "CONNECT", "EXECUTE"];
    let held = wanted.split(',').any(|privilege| {
        let privilege = privilege.trim().trim_end_matches(" WITH GRANT OPTION");
        granted.contains(&privilege)
    });
    Ok(ScalarValue::Boolean(Some(held)))
}
