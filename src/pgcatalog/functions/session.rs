//! Functions about the session and the server.

use std::sync::Arc;

use datafusion::arrow::array::{ListArray, StringArray};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::scalar::ScalarValue;

use super::{Definition, bigint, boolean, integer, number_of, strict, text, text_of, texts, utf8};
use crate::engine::{SERVER_VERSION, SessionInfo};
use crate::error::{Error, ErrorKind, Result};

pub const FUNCTIONS: &[Definition] = &[
    strict("version", 0..=0, text, |_, _| Ok(utf8(format!("PostgreSQL {SERVER_VERSION}")))),
    strict("current_database", 0..=0, text, database),
    strict("current_catalog", 0..=0, text, database),
    strict("current_schema", 0..=0, text, current_schema),
    strict("current_schemas", 1..=1, texts, current_schemas),
    strict("current_user", 0..=0, text, user),
    strict("session_user", 0..=0, text, user),
    strict("current_role", 0..=0, text, user),
    strict("user", 0..=0, text, user),
    strict("current_setting", 1..=2, text, current_setting),
    strict("set_config", 3..=3, text, |_, args| Ok(utf8(args.get(1).map(text_of).unwrap_or_default()))),
    strict("pg_backend_pid", 0..=0, integer, |session, _| Ok(ScalarValue::Int32(Some(session.backend_pid())))),
    strict("pg_is_in_recovery", 0..=0, boolean, |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_is_wal_replay_paused", 0..=0, boolean, |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_is_other_temp_schema", 1..=1, boolean, |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_my_temp_schema", 0..=0, integer, |_, _| Ok(ScalarValue::Int32(Some(0)))),
    strict("pg_client_encoding", 0..=0, text, |_, _| Ok(utf8("UTF8"))),
    strict("getdatabaseencoding", 0..=0, text, |_, _| Ok(utf8("UTF8"))),
    strict("pg_encoding_to_char", 1..=1, text, encoding_to_char),
    strict("pg_char_to_encoding", 1..=1, integer, |_, _| Ok(ScalarValue::Int32(Some(6)))),
    strict("inet_client_addr", 0..=0, text, |_, _| Ok(ScalarValue::Utf8(None))),
    strict("inet_client_port", 0..=0, integer, |_, _| Ok(ScalarValue::Int32(None))),
    strict("inet_server_addr", 0..=0, text, |_, _| Ok(ScalarValue::Utf8(None))),
    strict("inet_server_port", 0..=0, integer, |_, _| Ok(ScalarValue::Int32(None))),
    strict("txid_current", 0..=0, bigint, |session, _| Ok(ScalarValue::Int64(Some(session.release())))),
    strict("pg_current_xact_id", 0..=0, bigint, |session, _| Ok(ScalarValue::Int64(Some(session.release())))),
    strict("pg_cancel_backend", 1..=1, boolean, |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_terminate_backend", 1..=2, boolean, |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_notify", 2..=2, text, pg_notify),
    strict("pg_listening_channels", 0..=0, texts, listening_channels),
    strict("pg_advisory_lock", 1..=2, text, |_, _| Ok(utf8(""))),
    strict("pg_advisory_unlock", 1..=2, boolean, |_, _| Ok(ScalarValue::Boolean(Some(true)))),
    strict("pg_try_advisory_lock", 1..=2, boolean, |_, _| Ok(ScalarValue::Boolean(Some(true)))),
];

fn pg_notify(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let argument = |at: usize| args.get(at).map(text_of).unwrap_or_default();
    session.entry().map_or(Ok(()), |entry| entry.mailbox.notify(&argument(0), &argument(1)))?;
    Ok(utf8(""))
}

fn listening_channels(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    let channels = session.entry().map(|entry| entry.mailbox.channels()).unwrap_or_default();
    let list: ListArray = SingleRowListArrayBuilder::new(Arc::new(StringArray::from(channels))).build_list_array();
    Ok(ScalarValue::List(Arc::new(list)))
}

fn database(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(utf8(session.metadata().database.as_str()))
}

fn user(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(utf8(session.user()))
}

/// Schemas of the search path that exist.
fn existing(session: &SessionInfo, implicit: bool) -> Vec<String> {
    let path = session.settings().search_path(session.user());
    let explicit = session.settings().get("search_path").unwrap_or_default().contains("pg_catalog");
    path.into_iter()
        .filter(|schema| session.metadata().namespace_named(schema).is_some())
        .filter(|schema| schema != "pg_catalog" || implicit || explicit)
        .collect()
}

fn current_schema(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(ScalarValue::Utf8(existing(session, false).into_iter().next()))
}

fn current_schemas(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let implicit = matches!(args.first(), Some(ScalarValue::Boolean(Some(true))));
    let schemas = StringArray::from(existing(session, implicit));
    let list: ListArray = SingleRowListArrayBuilder::new(Arc::new(schemas)).build_list_array();
    Ok(ScalarValue::List(Arc::new(list)))
}

fn current_setting(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let name = args.first().map(text_of).unwrap_or_default();
    let missing_ok = matches!(args.get(1), Some(ScalarValue::Boolean(Some(true))));
    match session.settings().get(&name) {
        Some(value) => Ok(utf8(value)),
        None if missing_ok => Ok(ScalarValue::Utf8(None)),
        None => Err(Error::new(ErrorKind::UndefinedObject, format!("unrecognized configuration parameter \"{name}\""))),
    }
}

fn encoding_to_char(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let name = match args.first().and_then(number_of) {
        Some(0) => "SQL_ASCII",
        Some(6) => "UTF8",
        _ => "",
    };
    Ok(utf8(name))
}
