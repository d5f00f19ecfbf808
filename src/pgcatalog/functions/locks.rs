//! Advisory locks (those that are waited for: [`super::waiting`]), and what one session may do to another.

use datafusion::scalar::ScalarValue;

use super::{Definition, acting, boolean, number_of, utf8};
use crate::catalog::memberships::SIGNAL_BACKEND;
use crate::engine::{LockKey, SessionInfo};
use crate::error::{Error, ErrorKind, Result};

pub const FUNCTIONS: &[Definition] = &[
    acting("pg_try_advisory_lock", 1..=2, "bool", |s, args| acquire(s, args, false, false)),
    acting("pg_try_advisory_lock_shared", 1..=2, "bool", |s, args| acquire(s, args, true, false)),
    acting("pg_try_advisory_xact_lock", 1..=2, "bool", |s, args| acquire(s, args, false, true)),
    acting("pg_try_advisory_xact_lock_shared", 1..=2, "bool", |s, args| acquire(s, args, true, true)),
    acting("pg_advisory_unlock", 1..=2, "bool", |s, args| Ok(boolean(release(s, args, false)))),
    acting("pg_advisory_unlock_shared", 1..=2, "bool", |s, args| Ok(boolean(release(s, args, true)))),
    acting("pg_advisory_unlock_all", 0..=0, "void", |session, _| {
        session.running().locks.release_all(session.backend_pid(), false);
        Ok(utf8(""))
    }),
    acting("pg_cancel_backend", 1..=1, "bool", cancel),
    acting("pg_terminate_backend", 1..=2, "bool", terminate),
    acting("pg_stat_statements_reset", 0..=3, "void", |session, _| {
        session.running().statements.reset();
        Ok(utf8(""))
    }),
];

pub(super) fn key(args: &[ScalarValue]) -> LockKey {
    let number = |value: &ScalarValue| number_of(value).unwrap_or(0);
    match args {
        [first, second] => LockKey::Two(number(first) as i32, number(second) as i32),
        _ => LockKey::One(args.first().map_or(0, number)),
    }
}

fn acquire(session: &SessionInfo, args: &[ScalarValue], shared: bool, in_transaction: bool) -> Result<ScalarValue> {
    session.running().locks.acquire(key(args), session.backend_pid(), shared, in_transaction).map(boolean)
}

fn release(session: &SessionInfo, args: &[ScalarValue], shared: bool) -> bool {
    let was_held = session.running().locks.release(key(args), session.backend_pid(), shared);
    if !was_held {
        session.warn(format!("you don't own a lock of type {}", if shared { "ShareLock" } else { "ExclusiveLock" }));
    }
    was_held
}

fn cancel(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let words = ["cancel superuser query", "query is being canceled"];
    other(session, args, words, |entry| entry.cancel())
}

fn terminate(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let words = ["terminate superuser process", "process is being terminated"];
    other(session, args, words, |entry| entry.terminate())
}

fn other(
    session: &SessionInfo,
    args: &[ScalarValue],
    [superusers, whose]: [&str; 2],
    act: impl Fn(&crate::engine::SessionEntry),
) -> Result<ScalarValue> {
    let Some(pid) = args.first().and_then(number_of).and_then(|pid| i32::try_from(pid).ok()) else {
        return Ok(boolean(false));
    };
    let Some(entry) = session.running().sessions.get(pid) else {
        session.warn(format!("PID {pid} is not a PostgreSQL backend process"));
        return Ok(boolean(false));
    };
    let refuse = |message| Err(Error::new(ErrorKind::InsufficientPrivilege, message));
    let me = session.user();
    if session.is_owner(&entry.user) && !session.is_owner(me) {
        return refuse(format!("must be a superuser to {superusers}"));
    }
    if !session.acts_as(me, &entry.user) && !session.acts_as(me, SIGNAL_BACKEND) {
        return refuse(format!("must be a member of the role whose {whose} or member of {SIGNAL_BACKEND}"));
    }
    act(&entry);
    Ok(boolean(true))
}
