//! What delta-rs, its kernel and the Parquet reader say, as our errors: the table named, the right SQLSTATE, what to do.
//!
//! The kernel's error type cannot be named from outside delta-rs, and it wraps most causes as text; so its messages
//! are told apart by their words. The words are pinned by tests over real tables.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use deltalake::DeltaTableError;
use deltalake::kernel::transaction::TransactionError;

use crate::error::{Error, ErrorKind};

/// There is no table at this place.
pub(super) fn not_a_table(location: &str) -> Error {
    Error::new(ErrorKind::UndefinedTable, format!("\"{location}\" is not a Delta table"))
        .with_hint("a Delta table is a folder with a _delta_log folder that holds commits")
}

/// The table's log does not hold this version.
pub(super) fn no_version(location: &str, version: u64) -> Error {
    Error::new(ErrorKind::UndefinedObject, format!("table \"{location}\": version {version} does not exist"))
        .with_hint(VERSION_HINT)
}

/// The object store failed while reading the table's log.
pub(super) fn from_store(error: object_store::Error, location: &str) -> Error {
    Error::from(error).context(format_args!("table \"{location}\""))
}

/// Whether somebody else committed first: loading the table anew and doing the work again may succeed.
pub(super) fn is_conflict(error: &DeltaTableError) -> bool {
    match error {
        DeltaTableError::VersionAlreadyExists(_) => true,
        DeltaTableError::Transaction { source } => matches!(
            source,
            TransactionError::VersionAlreadyExists(_)
                | TransactionError::CommitConflict(_)
                | TransactionError::MaxCommitAttempts(_)
        ),
        _ => false,
    }
}

/// An error of delta-rs about the table at `location`.
pub(super) fn from_delta(error: DeltaTableError, location: &str) -> Error {
    if is_conflict(&error) {
        return Error::new(
            ErrorKind::SerializationFailure,
            format!("table \"{location}\" was changed by another writer"),
        )
        .with_hint("try the statement again")
        .with_source(error);
    }
    let (kind, message, hint) = describe(&error);
    let error = match kind {
        ErrorKind::UndefinedTable => return not_a_table(location).with_source(error),
        kind => Error::new(kind, format!("table \"{location}\": {message}")).with_source(error),
    };
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The error of ours, of the store or of delta-rs that a DataFusion error carries; `None` when it is DataFusion's own.
///
/// For whoever runs plans over tables: a data file that is gone is `UndefinedFile` and named.
pub fn find_in(error: &DataFusionError) -> Option<Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(ours) = cause.downcast_ref::<Error>() {
            return Some(ours.as_told());
        }
        if let Some(store) = cause.downcast_ref::<object_store::Error>() {
            return Some(data_file(store));
        }
        if let Some(delta) = cause.downcast_ref::<DeltaTableError>() {
            let (kind, message, hint) = describe(delta);
            let error = Error::new(kind, message);
            return Some(if let Some(hint) = hint { error.with_hint(hint) } else { error });
        }
        if let Some(ParquetError::General(text)) = cause.downcast_ref::<ParquetError>() {
            // the footer cache of delta-rs's scan keeps no more than the store's words
            let path = text.split_once("Object at location ").and_then(|(_, rest)| rest.split_once(" not found"));
            if let Some((path, _)) = path {
                return Some(vanished(path));
            }
        }
        next = cause.source();
    }
    None
}

/// An error of a plan that feeds a write: what it carries of ours or the store's, else by its own kind. The DataFusion
/// error stays the source, for those who can tell more of it.
pub(super) fn from_plan(error: DataFusionError) -> Error {
    if let Some(found) = find_in(&error) {
        return found.with_source(error);
    }
    let root = error.find_root();
    let kind = match root {
        DataFusionError::ResourcesExhausted(_) => ErrorKind::OutOfMemory,
        DataFusionError::NotImplemented(_) => ErrorKind::FeatureNotSupported,
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::DivideByZero => ErrorKind::DivisionByZero,
            ArrowError::ArithmeticOverflow(_) => ErrorKind::NumericOutOfRange,
            ArrowError::CastError(_) | ArrowError::ParseError(_) => ErrorKind::InvalidTextRepresentation,
            _ => ErrorKind::Internal,
        },
        _ => ErrorKind::Internal,
    };
    Error::new(kind, root.strip_backtrace()).with_source(error)
}

/// A data file could not be read.
pub(super) fn data_file(error: &object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { path, .. } => vanished(path),
        object_store::Error::PermissionDenied { path, .. } | object_store::Error::Unauthenticated { path, .. } => {
            Error::new(ErrorKind::InsufficientPrivilege, format!("data file \"{path}\" may not be read"))
                .with_hint("let the server's user, or its cloud credentials, read the lake")
        }
        error => Error::new(ErrorKind::Io, format!("a data file could not be read: {error}")),
    }
}

/// A data file that the log names is not there.
pub(super) fn vanished(path: &str) -> Error {
    Error::new(ErrorKind::UndefinedFile, format!("data file \"{path}\" does not exist, but the table's log names it"))
        .with_hint("it was removed by hand, or by a VACUUM with too short a retention; restore it, or the table to another version")
}

/// A data file is there, but its footer could not be read.
pub(super) fn footer(path: &object_store::path::Path, error: &dyn std::fmt::Display) -> Error {
    let text = error.to_string();
    if text.contains("Object Store error") {
        return Error::new(ErrorKind::Io, format!("data file \"{path}\" could not be read: {text}"));
    }
    Error::new(ErrorKind::DataCorrupted, format!("data file \"{path}\" is not a readable Parquet file: {text}"))
        .with_hint("restore the file from a copy, or the table to another version")
}

const VERSION_HINT: &str = "lakewire.table_history lists the versions that the log still holds";
const UNSUPPORTED_HINT: &str =
    "read or write it with an engine that supports the feature, or drop the feature from the table";
const CORRUPT_HINT: &str = "restore the log from a copy, or read the table as of an earlier version";

/// Kind, message and hint of an error of delta-rs.
fn describe(error: &DeltaTableError) -> (ErrorKind, String, Option<&'static str>) {
    match error {
        DeltaTableError::NotATable(_) => (ErrorKind::UndefinedTable, error.to_string(), None),
        DeltaTableError::ObjectStore { source } => match source {
            object_store::Error::NotFound { path, .. } => {
                (ErrorKind::DataCorrupted, format!("file \"{path}\" of the table's log is missing"), Some(CORRUPT_HINT))
            }
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                (ErrorKind::InsufficientPrivilege, source.to_string(), None)
            }
            source => (ErrorKind::Io, source.to_string(), None),
        },
        DeltaTableError::InvalidVersion(version) => {
            (ErrorKind::UndefinedObject, format!("version {version} does not exist"), Some(VERSION_HINT))
        }
        DeltaTableError::Transaction { source } => match source {
            TransactionError::UnsupportedTableFeatures(features) => {
                let names: Vec<String> = features.iter().map(ToString::to_string).collect();
                (
                    ErrorKind::FeatureNotSupported,
                    format!("the table feature {} is not supported", names.join(", ")),
                    Some(UNSUPPORTED_HINT),
                )
            }
            TransactionError::DeltaTableAppendOnly => (
                ErrorKind::FeatureNotSupported,
                "the table is append-only (delta.appendOnly)".to_owned(),
                Some("append to it, or unset the property"),
            ),
            TransactionError::ObjectStore { source } => (ErrorKind::Io, source.to_string(), None),
            source => (ErrorKind::Internal, source.to_string(), None),
        },
        DeltaTableError::InvalidJsonLog { .. }
        | DeltaTableError::InvalidStatsJson { .. }
        | DeltaTableError::Parquet { .. }
        | DeltaTableError::NoSchema
        | DeltaTableError::MetadataError(_) => (ErrorKind::DataCorrupted, error.to_string(), Some(CORRUPT_HINT)),
        DeltaTableError::Io { source } => match source.kind() {
            std::io::ErrorKind::StorageFull => (ErrorKind::DiskFull, source.to_string(), None),
            _ => (ErrorKind::Io, source.to_string(), None),
        },
        DeltaTableError::InvalidData { message } => (ErrorKind::CheckViolation, message.clone(), None),
        error => from_words(&error.to_string()),
    }
}

/// What the kernel's words mean; the first that occur decide.
const WORDS: [(&str, ErrorKind, Option<&str>); 10] = [
    ("No files in log segment", ErrorKind::UndefinedTable, None),
    ("catalog-managed", ErrorKind::FeatureNotSupported, Some(UNSUPPORTED_HINT)),
    ("Unsupported:", ErrorKind::FeatureNotSupported, Some(UNSUPPORTED_HINT)),
    ("not supported", ErrorKind::FeatureNotSupported, Some(UNSUPPORTED_HINT)),
    ("nsupported table feature", ErrorKind::FeatureNotSupported, Some(UNSUPPORTED_HINT)),
    ("Unknown feature", ErrorKind::FeatureNotSupported, Some(UNSUPPORTED_HINT)),
    ("Invalid protocol", ErrorKind::FeatureNotSupported, Some(UNSUPPORTED_HINT)),
    ("not the same as the specified end version", ErrorKind::UndefinedObject, Some(VERSION_HINT)),
    ("File not found", ErrorKind::UndefinedFile, Some(CORRUPT_HINT)),
    ("Error interacting with object store", ErrorKind::Io, None),
];

/// Tells an error by its words, where they are all there is. What none of them fits is taken for a broken log.
fn from_words(message: &str) -> (ErrorKind, String, Option<&'static str>) {
    // with backtraces on, the kernel appends one
    let first = message.lines().next().unwrap_or_default();
    let first = first.trim_start_matches("Kernel error: ").trim_start_matches("Generic DeltaTable error: ");
    let known = WORDS.iter().find(|(words, _, _)| message.contains(words));
    let (words, kind, hint) = known.copied().unwrap_or(("", ErrorKind::DataCorrupted, Some(CORRUPT_HINT)));
    let message = match words {
        "catalog-managed" => "the table feature catalogManaged is not supported".to_owned(),
        _ => first.to_owned(),
    };
    (kind, message, hint)
}
