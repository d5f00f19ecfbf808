//! `nextval`, `currval`, `lastval`, `setval`.
//!
//! Values are given as PostgreSQL gives them: at once, and whatever becomes of the transaction.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::logical_expr::ScalarUDF;
use datafusion::scalar::ScalarValue;
use uuid::Uuid;

use super::awaited::{Work, function, row};
use super::{Definition, acting, number_of, oid_of, text_of};
use crate::catalog::{Position, Privilege, Rights, Sequence};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgcatalog::Relation;

/// What one needs to look at a sequence.
const READS: &[Privilege] = &[Privilege::Usage, Privilege::Select];

/// Those that only look at what the session was given.
pub const FUNCTIONS: &[Definition] = &[
    acting("pg_sequence_last_value", 1..=1, "int8", last_given),
    acting("currval", 1..=1, "int8", |session, args| {
        let (id, name, _) = sequence(session, args.first().unwrap_or(&ScalarValue::Null), READS)?;
        let given = session.entry().and_then(|entry| entry.given.value(id));
        given.map(|value| ScalarValue::Int64(Some(value))).ok_or_else(|| {
            let message = format!("currval of sequence \"{name}\" is not yet defined in this session");
            Error::new(ErrorKind::ObjectNotInPrerequisiteState, message)
        })
    }),
    acting("lastval", 0..=0, "int8", |session, _| {
        let given = session.entry().and_then(|entry| entry.given.last());
        given.map(|value| ScalarValue::Int64(Some(value))).ok_or_else(|| {
            let message = "lastval is not yet defined in this session";
            Error::new(ErrorKind::ObjectNotInPrerequisiteState, message)
        })
    }),
];

/// The value that was given last, where this server has given one.
fn last_given(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let (id, ..) = sequence(session, args.first().unwrap_or(&ScalarValue::Null), READS)?;
    let at = session.running().catalog.sequences().known(id).filter(|at| at.is_called);
    Ok(ScalarValue::Int64(at.map(|at| at.value)))
}

pub(super) fn functions() -> [ScalarUDF; 2] {
    [
        // the second argument tells calls apart that are written alike
        function("nextval", &[1, 2], "int8", Moving::Next),
        function("setval", &[2, 3], "int8", Moving::Set),
    ]
}

/// The sequence of a name or an OID: its permanent id, its own name, and what it is declared as.
///
/// # Errors
/// `42501` where the user may do none of these with it.
fn sequence<'a>(
    session: &'a SessionInfo,
    given: &ScalarValue,
    wanted: &[Privilege],
) -> Result<(Uuid, &'a str, &'a Sequence)> {
    let metadata = session.metadata();
    let text = text_of(given);
    let relation = match given {
        ScalarValue::Utf8(_) | ScalarValue::Utf8View(_) | ScalarValue::LargeUtf8(_) => {
            metadata.relation_named(&text, session.search_path())
        }
        number => oid_of(number).and_then(|oid| metadata.relation(oid)),
    };
    let relation =
        relation.ok_or_else(|| Error::new(ErrorKind::UndefinedTable, format!("relation \"{text}\" does not exist")))?;
    match (relation.id, &relation.sequence) {
        (Some(id), Some(sequence)) => {
            check_right(session, relation, wanted)?;
            Ok((id, &relation.name, sequence))
        }
        _ => Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a sequence", relation.name))),
    }
}

/// # Errors
/// `42501`. What an identity column takes of its sequence is the table's.
fn check_right(session: &SessionInfo, sequence: &Relation, wanted: &[Privilege]) -> Result<()> {
    if session.is_owner(session.user()) {
        return Ok(());
    }
    let newest = session.running().catalog.current();
    let now = newest.objects.get(&TableName::new(&sequence.schema, &sequence.name));
    let now = now.filter(|object| Some(object.id) == sequence.id);
    let now = now.or_else(|| newest.objects.values().find(|object| Some(object.id) == sequence.id));
    // what the session sees may be older than what was taken away
    let mut rights =
        sequence.rights.as_ref().into_iter().chain(now.and_then(|object| object.rights.as_ref())).peekable();
    if rights.peek().is_none() {
        return Ok(());
    }
    let owner = sequence.sequence.as_ref().and_then(|declared| declared.owned_by.as_ref());
    let of_identity = owner.is_some_and(|owner| {
        let table = session.metadata().relations().iter().find(|relation| relation.id == Some(owner.table));
        let column = table.and_then(|table| table.columns.iter().find(|column| column.name == owner.column));
        column.is_some_and(|column| column.identity.is_some())
    });
    let memberships = session.memberships();
    let allows = |rights: &Rights| wanted.iter().any(|privilege| memberships.allow(session.user(), rights, *privilege));
    if of_identity || rights.all(allows) {
        return Ok(());
    }
    let message = format!("permission denied for sequence {}", sequence.name);
    Err(Error::new(ErrorKind::InsufficientPrivilege, message))
}

/// What has a sequence go on.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Moving {
    Next,
    Set,
}

impl Moving {
    async fn next(&self, session: &SessionInfo, given: &ScalarValue, count: usize) -> Result<Vec<i64>> {
        let (id, name, declared) = sequence(session, given, &[Privilege::Usage, Privilege::Update])?;
        let values = session.running().catalog.sequences().next(id, name, declared, count).await?;
        if let (Some(entry), Some(last)) = (session.entry(), values.last()) {
            entry.given.put(id, *last);
        }
        Ok(values)
    }

    async fn set(&self, session: &SessionInfo, args: &[ScalarValue]) -> Result<i64> {
        let [given, value, rest @ ..] = args else { return Err(Error::internal("setval without a value")) };
        let (id, name, declared) = sequence(session, given, &[Privilege::Update])?;
        let value = number_of(value).unwrap_or_default();
        if !(declared.min..=declared.max).contains(&value) {
            let bounds = format!("({}..{})", declared.min, declared.max);
            let message = format!("setval: value {value} is out of bounds for sequence \"{name}\" {bounds}");
            return Err(Error::new(ErrorKind::NumericOutOfRange, message));
        }
        let is_called = match rest.first() {
            Some(ScalarValue::Boolean(Some(called))) => *called,
            Some(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text))) => {
                text.starts_with(['t', 'T', '1'])
            }
            _ => true,
        };
        session.running().catalog.sequences().set(id, Position { value, is_called }).await?;
        if let Some(entry) = session.entry().filter(|_| is_called) {
            entry.given.put(id, value);
        }
        Ok(value)
    }
}

#[async_trait]
impl Work for Moving {
    async fn answers(&self, session: &SessionInfo, arguments: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        if session.settings().get("transaction_read_only").is_some_and(|on| on == "on") {
            let name = if *self == Self::Next { "nextval" } else { "setval" };
            let message = format!("cannot execute {name}() in a read-only transaction");
            return Err(Error::new(ErrorKind::ReadOnlyTransaction, message));
        }
        let mut values: Vec<Option<i64>> = Vec::with_capacity(rows);
        while values.len() < rows {
            let given = row(arguments, values.len())?;
            if given.iter().any(ScalarValue::is_null) {
                values.push(None);
            } else if *self == Self::Set {
                values.push(Some(self.set(session, &given).await?));
            } else {
                // rows that ask the same sequence are given theirs together
                let mut alike = 1;
                while values.len() + alike < rows && row(arguments, values.len() + alike)? == given {
                    alike += 1;
                }
                let sequence = given.first().unwrap_or(&ScalarValue::Null);
                values.extend(self.next(session, sequence, alike).await?.into_iter().map(Some));
            }
        }
        Ok(Arc::new(Int64Array::from(values)))
    }
}
