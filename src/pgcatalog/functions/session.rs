//! Functions about the session and the server.

use std::sync::Arc;

use datafusion::arrow::array::{Int32Array, ListArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::scalar::ScalarValue;

use super::{Definition, acting, number_of, strict, text_of, utf8};
use crate::engine::{SERVER_VERSION, SessionInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::Encoding;

pub const FUNCTIONS: &[Definition] = &[
    strict("version", 0..=0, "text", |_, _| Ok(utf8(format!("PostgreSQL {SERVER_VERSION}")))),
    strict("current_database", 0..=0, "name", database),
    strict("current_catalog", 0..=0, "name", database),
    strict("current_schema", 0..=0, "name", current_schema),
    strict("current_schemas", 1..=1, "_name", current_schemas),
    strict("current_user", 0..=0, "name", user),
    strict("session_user", 0..=0, "name", session_user),
    strict("current_role", 0..=0, "name", user),
    strict("user", 0..=0, "name", user),
    acting("setseed", 1..=1, "void", set_seed),
    strict("current_query", 0..=0, "text", |session, _| {
        Ok(ScalarValue::Utf8(session.entry().map(|entry| entry.activity().query)))
    }),
    strict("current_setting", 1..=2, "text", current_setting),
    strict("set_config", 3..=3, "text", |_, args| Ok(utf8(args.get(1).map(text_of).unwrap_or_default()))),
    strict("pg_backend_pid", 0..=0, "int4", |session, _| Ok(ScalarValue::Int32(Some(session.backend_pid())))),
    strict("pg_is_in_recovery", 0..=0, "bool", |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_is_wal_replay_paused", 0..=0, "bool", |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_is_other_temp_schema", 1..=1, "bool", |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_my_temp_schema", 0..=0, "oid", |session, _| {
        let oid = session.metadata().temporary_namespace().map_or(0, |namespace| namespace.oid);
        Ok(ScalarValue::Int32(Some(i32::try_from(oid).unwrap_or_default())))
    }),
    strict("pg_client_encoding", 0..=0, "name", |session, _| {
        Ok(utf8(session.settings().get("client_encoding").unwrap_or_else(|| "UTF8".to_owned())))
    }),
    strict("getdatabaseencoding", 0..=0, "name", |_, _| Ok(utf8("UTF8"))),
    strict("pg_encoding_to_char", 1..=1, "name", |_, args| {
        let number = args.first().and_then(number_of).and_then(|number| usize::try_from(number).ok());
        Ok(utf8(number.and_then(|number| ENCODINGS.get(number).copied()).unwrap_or_default()))
    }),
    strict("pg_char_to_encoding", 1..=1, "int4", |_, args| {
        Ok(ScalarValue::Int32(Some(encoding_number(&args.first().map(text_of).unwrap_or_default()))))
    }),
    strict("host", 1..=1, "text", |_, args| {
        let address = args.first().map(text_of).unwrap_or_default();
        Ok(utf8(address.split('/').next().unwrap_or_default()))
    }),
    // what is notified is with its listeners at once
    strict("pg_notification_queue_usage", 0..=0, "float8", |_, _| Ok(ScalarValue::Float64(Some(0.0)))),
    strict("inet_client_addr", 0..=0, "inet", |session, _| {
        Ok(ScalarValue::Utf8(client(session).map(|address| address.ip().to_string())))
    }),
    strict("inet_client_port", 0..=0, "int4", |session, _| {
        Ok(ScalarValue::Int32(client(session).map(|address| i32::from(address.port()))))
    }),
    strict("inet_server_addr", 0..=0, "inet", |session, _| {
        Ok(ScalarValue::Utf8(server(session).map(|address| address.ip().to_string())))
    }),
    strict("inet_server_port", 0..=0, "int4", |session, _| {
        Ok(ScalarValue::Int32(server(session).map(|address| i32::from(address.port()))))
    }),
    strict("pg_postmaster_start_time", 0..=0, "timestamptz", |session, _| Ok(started(session))),
    strict("pg_conf_load_time", 0..=0, "timestamptz", |session, _| Ok(started(session))),
    strict("pg_last_wal_replay_lsn", 0..=0, "pg_lsn", |_, _| Ok(ScalarValue::Utf8(None))),
    strict("pg_last_wal_receive_lsn", 0..=0, "pg_lsn", |_, _| Ok(ScalarValue::Utf8(None))),
    strict("pg_last_xact_replay_timestamp", 0..=0, "timestamptz", |_, _| {
        Ok(ScalarValue::TimestampMicrosecond(None, Some("UTC".into())))
    }),
    strict("txid_current_if_assigned", 0..=0, "int8", |session, _| Ok(ScalarValue::Int64(Some(session.release())))),
    strict("pg_export_snapshot", 0..=0, "text", |session, _| Ok(utf8(session.exported_snapshot()))),
    strict("pg_current_xact_id_if_assigned", 0..=0, "xid8", |_, _| Ok(ScalarValue::Utf8(None))),
    strict("pg_current_wal_lsn", 0..=0, "pg_lsn", log_position),
    strict("pg_current_wal_insert_lsn", 0..=0, "pg_lsn", log_position),
    strict("pg_current_wal_flush_lsn", 0..=0, "pg_lsn", log_position),
    strict("pg_wal_lsn_diff", 2..=2, "int8", |_, args| {
        let [left, right] = args else { return Ok(ScalarValue::Int64(None)) };
        Ok(ScalarValue::Int64(Some(position_of(&text_of(left))? - position_of(&text_of(right))?)))
    }),
    strict("mxid_age", 1..=1, "int4", |_, _| Ok(ScalarValue::Int32(Some(0)))),
    strict("pg_jit_available", 0..=0, "bool", |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_blocking_pids", 1..=1, "_int4", |session, args| {
        let pid = args.first().and_then(number_of).and_then(|pid| i32::try_from(pid).ok());
        let blocking = pid.map(|pid| session.running().locks.blocking(pid)).unwrap_or_default();
        let list: ListArray = SingleRowListArrayBuilder::new(Arc::new(Int32Array::from(blocking))).build_list_array();
        Ok(ScalarValue::List(Arc::new(list)))
    }),
    // a release that is read is there as a whole, and none after it
    strict("txid_current_snapshot", 0..=0, "text", snapshot),
    strict("pg_current_snapshot", 0..=0, "text", snapshot),
    strict("txid_snapshot_xmin", 1..=1, "int8", |_, args| snapshot_part(args, 0)),
    strict("txid_snapshot_xmax", 1..=1, "int8", |_, args| snapshot_part(args, 1)),
    strict("pg_snapshot_xmin", 1..=1, "int8", |_, args| snapshot_part(args, 0)),
    strict("pg_snapshot_xmax", 1..=1, "int8", |_, args| snapshot_part(args, 1)),
    strict("txid_current", 0..=0, "int8", |session, _| Ok(ScalarValue::Int64(Some(session.release())))),
    strict("pg_current_xact_id", 0..=0, "int8", |session, _| Ok(ScalarValue::Int64(Some(session.release())))),
    acting("pg_notify", 2..=2, "void", pg_notify),
    strict("pg_listening_channels", 0..=0, "_text", listening_channels),
];

/// `xmin:xmax:`, what lies between of none in flight.
fn snapshot(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    let release = session.release();
    Ok(ScalarValue::Utf8(Some(format!("{release}:{release}:"))))
}

fn snapshot_part(args: &[ScalarValue], nth: usize) -> Result<ScalarValue> {
    let text = args.first().map(super::text_of).unwrap_or_default();
    Ok(ScalarValue::Int64(text.split(':').nth(nth).and_then(|number| number.parse().ok())))
}

fn set_seed(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let seed = match args.first().map(|seed| seed.cast_to(&DataType::Float64)) {
        Some(Ok(ScalarValue::Float64(Some(seed)))) => seed,
        _ => f64::NAN,
    };
    if !(-1.0..=1.0).contains(&seed) {
        let message = format!("setseed parameter {seed} is out of allowed range [-1,1]");
        return Err(Error::new(ErrorKind::InvalidParameter, message));
    }
    if let Some(entry) = session.entry() {
        entry.random.seed(seed);
    }
    Ok(utf8(""))
}

fn client(session: &SessionInfo) -> Option<std::net::SocketAddr> {
    session.entry()?.client_addr
}

fn server(session: &SessionInfo) -> Option<std::net::SocketAddr> {
    session.entry()?.server_addr
}

/// Where a log that went on by one with each release would be.
fn log_position(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    let release = session.release();
    Ok(utf8(format!("{:X}/{:X}", release >> 32, release & 0xffff_ffff)))
}

/// `16/B374D848` as one number.
fn position_of(text: &str) -> Result<i64> {
    let half = |digits: &str| i64::from_str_radix(digits, 16).ok().filter(|half| (0..=0xffff_ffff).contains(half));
    let position = text.split_once('/').and_then(|(high, low)| Some((half(high)? << 32) | half(low)?));
    position.ok_or_else(|| {
        let message = format!("invalid input syntax for type pg_lsn: \"{text}\"");
        Error::new(ErrorKind::InvalidTextRepresentation, message)
    })
}

fn started(session: &SessionInfo) -> ScalarValue {
    let at = session.running().started_at.timestamp_micros();
    ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into()))
}

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

fn session_user(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(utf8(session.settings().session_user()))
}

/// Schemas of the search path that exist.
fn existing(session: &SessionInfo, implicit: bool) -> Vec<String> {
    let path = session.settings().search_path();
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
    let temporary = session.metadata().temporary_namespace().filter(|_| implicit).map(|schema| schema.name.clone());
    let schemas: Vec<String> = temporary.into_iter().chain(existing(session, implicit)).collect();
    let schemas = StringArray::from(schemas);
    let list: ListArray = SingleRowListArrayBuilder::new(Arc::new(schemas)).build_list_array();
    Ok(ScalarValue::List(Arc::new(list)))
}

fn current_setting(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let name = args.first().map(text_of).unwrap_or_default();
    let missing_ok = matches!(args.get(1), Some(ScalarValue::Boolean(Some(true))));
    session.check_setting(&name)?;
    match session.settings().get(&name) {
        Some(value) => Ok(utf8(value)),
        None if missing_ok => Ok(ScalarValue::Utf8(None)),
        None => Err(Error::new(ErrorKind::UndefinedObject, format!("unrecognized configuration parameter \"{name}\""))),
    }
}

/// PostgreSQL's character sets by their numbers.
#[rustfmt::skip]
const ENCODINGS: [&str; 42] = [
    "SQL_ASCII", "EUC_JP", "EUC_CN", "EUC_KR", "EUC_TW", "EUC_JIS_2004", "UTF8", "MULE_INTERNAL", "LATIN1", "LATIN2",
    "LATIN3", "LATIN4", "LATIN5", "LATIN6", "LATIN7", "LATIN8", "LATIN9", "LATIN10", "WIN1256", "WIN1258", "WIN866",
    "WIN874", "KOI8R", "WIN1251", "WIN1252", "ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8", "WIN1250",
    "WIN1253", "WIN1254", "WIN1255", "WIN1257", "KOI8U", "SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB",
    "SHIFT_JIS_2004",
];

/// The number of a character set, which has several names; -1 where there is none.
fn encoding_number(name: &str) -> i32 {
    let named = |known: &str| ENCODINGS.iter().position(|encoding| encoding.eq_ignore_ascii_case(known));
    let found = match Encoding::named(name) {
        Some(known) if known != Encoding::UTF8 => named(known.name()),
        Some(_) if name.to_ascii_lowercase().contains("ascii") => Some(0),
        Some(_) => named(Encoding::UTF8.name()),
        None => named(name),
    };
    found.and_then(|number| i32::try_from(number).ok()).unwrap_or(-1)
}
