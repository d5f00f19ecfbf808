//! Errors and notices as messages, and how a statement or a connection ends.

use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::engine::{Notice, Severity};
use crate::error::{About, Error, ErrorKind};

/// Proof that the client was told of an error: only [`super::io::Writer::report`] makes one.
#[derive(Debug)]
pub(super) struct ReportedError(());

impl ReportedError {
    /// For the writer, at the moment it puts the message.
    pub(super) fn told() -> Self {
        Self(())
    }
}

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum Disconnect {
    /// The client went away, politely or not.
    Closed,
    Io(std::io::Error),
    /// We ended it, and said why.
    Told(#[allow(dead_code, reason = "a proof, not data")] ReportedError),
}

/// Why handling a message stopped early.
#[derive(Debug)]
pub(super) enum Halt {
    /// The statement failed; the connection goes on.
    Failed(Error),
    /// The connection cannot go on, and the client is to be told why.
    Fatal(Error),
    Lost(Disconnect),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Disconnect> for Halt {
    fn from(disconnect: Disconnect) -> Self {
        Self::Lost(disconnect)
    }
}

impl From<std::io::Error> for Disconnect {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::*;
        match error.kind() {
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof | NotConnected => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// `E`: only ERROR leaves the connection usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorSeverity {
    Error,
    Fatal,
}

/// The message for an error. An internal error goes to the log in full and to the client as an id.
pub(super) fn error_response(error: &Error, severity: ErrorSeverity) -> ErrorResponse {
    let severity = match severity {
        ErrorSeverity::Error => "ERROR",
        ErrorSeverity::Fatal => "FATAL",
    };
    if error.kind() == ErrorKind::Internal {
        let id = uuid::Uuid::now_v7();
        tracing::error!(%id, error = %error.chain(), "internal error");
        let message = format!("internal error, id {id}");
        let hint = "The server's log has the details under this id.".to_owned();
        let told = Told { message: &message, hint: Some(&hint), ..Told::default() };
        return ErrorResponse::new(fields(severity, error.kind().sqlstate(), &told));
    }
    tracing::debug!(sqlstate = error.kind().sqlstate(), error = %error.chain(), "statement failed");
    let told = Told {
        message: error.message(),
        detail: error.detail(),
        hint: error.hint(),
        position: error.position(),
        context: error.server_context(),
        about: error.subject(),
    };
    let mut fields = fields(severity, error.kind().sqlstate(), &told);
    // where in the server's source: some programs take what lacks it for no error of a database, and asyncpg prepares a
    // statement again by it
    let routine = match error.message() {
        "cached plan must not change result type" => "RevalidateCachedQuery",
        _ => error.kind().label(),
    };
    fields.extend([(b'F', "lakewire".to_owned()), (b'L', "1".to_owned()), (b'R', routine.to_owned())]);
    ErrorResponse::new(fields)
}

pub(super) fn notice_response(notice: &Notice) -> NoticeResponse {
    let severity = match notice.severity {
        Severity::Debug => "DEBUG",
        Severity::Log => "LOG",
        Severity::Info => "INFO",
        Severity::Notice => "NOTICE",
        Severity::Warning => "WARNING",
    };
    let told = Told {
        message: &notice.message,
        detail: notice.detail.as_deref(),
        hint: notice.hint.as_deref(),
        ..Told::default()
    };
    NoticeResponse::new(fields(severity, notice.sqlstate, &told))
}

/// What a message says.
#[derive(Default)]
struct Told<'a> {
    message: &'a str,
    detail: Option<&'a str>,
    hint: Option<&'a str>,
    position: Option<usize>,
    context: Option<&'a str>,
    about: Option<&'a About>,
}

fn fields(severity: &str, sqlstate: &str, told: &Told<'_>) -> Vec<(u8, String)> {
    let position = told.position.map(|position| position.to_string());
    [
        (b'S', Some(severity)),
        (b'V', Some(severity)),
        (b'C', Some(sqlstate)),
        (b'M', Some(told.message)),
        (b'D', told.detail),
        (b'H', told.hint),
        (b'P', position.as_deref()),
        (b'W', told.context),
        (b's', told.about.map(|about| about.schema.as_str())),
        (b't', told.about.map(|about| about.table.as_str())),
        (b'c', told.about.and_then(|about| about.column.as_deref())),
        (b'n', told.about.and_then(|about| about.constraint.as_deref())),
    ]
    .into_iter()
    // the text of a field ends at its first zero byte
    .filter_map(|(code, text)| text.map(|text| (code, text.replace('\0', ""))))
    .collect()
}

/// Whether a notice is sent under the session's `client_min_messages`.
pub(super) fn is_sent(notice: Severity, client_min_messages: &str) -> bool {
    let rank = match notice {
        Severity::Debug => 0,
        Severity::Log => 1,
        Severity::Notice => 2,
        Severity::Warning => 3,
        Severity::Info => return true,
    };
    let least = match client_min_messages.to_ascii_lowercase().as_str() {
        level if level.starts_with("debug") => 0,
        "log" => 1,
        "warning" => 3,
        "error" | "fatal" | "panic" => 4,
        _ => 2,
    };
    rank >= least
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(response: &ErrorResponse, code: u8) -> Option<&str> {
        response.fields.iter().find(|(name, _)| *name == code).map(|(_, text)| text.as_str())
    }

    #[test]
    fn an_error_says_all_it_knows() {
        let error = Error::new(ErrorKind::UndefinedTable, "relation \"sales\" does not exist")
            .with_hint("did you mean \"gold.daily_sales\"?")
            .at(15);
        let response = error_response(&error, ErrorSeverity::Error);
        for (code, text) in [
            (b'S', "ERROR"),
            (b'V', "ERROR"),
            (b'C', "42P01"),
            (b'M', "relation \"sales\" does not exist"),
            (b'H', "did you mean \"gold.daily_sales\"?"),
            (b'P', "15"),
        ] {
            assert_eq!(field(&response, code), Some(text));
        }
        assert_eq!(field(&response, b'D'), None);
    }

    #[test]
    fn an_internal_error_shows_an_id_only() {
        let response = error_response(&Error::internal("the secret path"), ErrorSeverity::Error);
        let message = field(&response, b'M').unwrap();
        assert!(message.starts_with("internal error, id "), "{message}");
        assert!(!response.fields.iter().any(|(_, text)| text.contains("secret")));
    }

    #[test]
    fn client_min_messages_filters() {
        assert!(is_sent(Severity::Notice, "notice"));
        assert!(!is_sent(Severity::Notice, "warning"));
        assert!(is_sent(Severity::Warning, "WARNING"));
        assert!(!is_sent(Severity::Warning, "error"));
        assert!(is_sent(Severity::Info, "error"));
        assert!(!is_sent(Severity::Debug, "notice"));
        assert!(is_sent(Severity::Debug, "debug1"));
    }
}
