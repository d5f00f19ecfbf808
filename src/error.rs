//! The one error type. Its kind decides everything an edge needs to know: SQLSTATE, exit code, whether a retry can
//! help, and whether the message may be shown to a client.
//!
//! Invariant: every `ErrorKind` has exactly one row in the table below.
//! Invariant: an `Internal` error reaches clients as an id only; its chain goes to the log.

use std::fmt;

/// Declares `ErrorKind` as a table: variant, SQLSTATE, exit code, retryable.
macro_rules! error_kinds {
    ($($(#[$doc:meta])* $kind:ident $sqlstate:literal $exit:literal $retry:literal;)*) => {
        /// What went wrong, as far as anyone must act on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $kind,)* }

        impl ErrorKind {
            /// Five-character SQLSTATE as PostgreSQL defines it (appendix A of its manual).
            pub fn sqlstate(self) -> &'static str { match self { $(Self::$kind => $sqlstate,)* } }
            /// Exit code of the command line: 1 tests failed, 2 usage or configuration, 3 internal.
            pub fn exit_code(self) -> u8 { match self { $(Self::$kind => $exit,)* } }
            /// The same request may succeed when sent again unchanged.
            pub fn retryable(self) -> bool { match self { $(Self::$kind => $retry,)* } }
            /// Label for metrics and logs.
            pub fn label(self) -> &'static str { match self { $(Self::$kind => stringify!($kind),)* } }
        }
    };
}

error_kinds! {
    // kind                  SQLSTATE exit retry
    ProtocolViolation        "08P01" 2 false;
    ConnectionFailure        "08006" 3 true;
    FeatureNotSupported      "0A000" 2 false;
    InvalidSavepoint         "3B001" 2 false;
    InvalidTransactionState  "25000" 2 false;
    ActiveTransaction        "25001" 2 false;
    ReadOnlyTransaction      "25006" 2 false;
    NoActiveTransaction      "25P01" 2 false;
    InFailedTransaction      "25P02" 2 false;
    InvalidPassword          "28P01" 2 false;
    InvalidAuthorization     "28000" 2 false;
    InvalidCatalogName       "3D000" 2 false;
    InvalidSchemaName        "3F000" 2 false;
    InvalidCursorName        "34000" 2 false;
    InvalidStatementName     "26000" 2 false;
    SerializationFailure     "40001" 2 true;
    SyntaxError              "42601" 2 false;
    InsufficientPrivilege    "42501" 2 false;
    UndefinedTable           "42P01" 2 false;
    UndefinedColumn          "42703" 2 false;
    UndefinedFunction        "42883" 2 false;
    AmbiguousFunction        "42725" 2 false;
    DuplicateAlias           "42712" 2 false;
    WindowingError           "42P20" 2 false;
    InvalidFrameOffset       "22013" 2 false;
    InvalidArgumentForNtile  "22014" 2 false;
    CannotCoerce             "42846" 2 false;
    InvalidRowCountInLimit   "2201W" 2 false;
    InvalidRowCountInOffset  "2201X" 2 false;
    UndefinedObject          "42704" 2 false;
    UndefinedParameter       "42P02" 2 false;
    /// A position in GROUP BY or ORDER BY, or a column list, that does not fit.
    InvalidColumnReference   "42P10" 2 false;
    AmbiguousColumn          "42702" 2 false;
    DuplicateTable           "42P07" 2 false;
    DuplicateObject          "42710" 2 false;
    DuplicateColumn          "42701" 2 false;
    DuplicateSchema          "42P06" 2 false;
    InvalidTableDefinition   "42P16" 2 false;
    InvalidObjectDefinition  "42P17" 2 false;
    InvalidForeignKey        "42830" 2 false;
    InvalidGrantOperation    "0LP01" 2 false;
    ReservedName             "42939" 2 false;
    DependentObjects         "2BP01" 2 false;
    DuplicateCursor          "42P03" 2 false;
    DuplicateStatement       "42P05" 2 false;
    WrongObjectType          "42809" 2 false;
    DatatypeMismatch         "42804" 2 false;
    IndeterminateDatatype    "42P18" 2 false;
    GroupingError            "42803" 2 false;
    /// A value for a column that the table computes.
    GeneratedAlways          "428C9" 2 false;
    InvalidParameter         "22023" 2 false;
    InvalidTextRepresentation "22P02" 2 false;
    InvalidJsonDatetime      "22031" 2 false;
    InvalidJsonSubscript     "22033" 2 false;
    NonNumericJsonItem       "22036" 2 false;
    SingletonJsonItemRequired "22038" 2 false;
    JsonArrayNotFound        "22039" 2 false;
    JsonMemberNotFound       "2203A" 2 false;
    JsonNumberNotFound       "2203B" 2 false;
    JsonObjectNotFound       "2203C" 2 false;
    InvalidBinaryRepresentation "22P03" 2 false;
    /// Data of COPY that is not laid out as its format says.
    BadCopyFormat            "22P04" 2 false;
    UntranslatableCharacter  "22P05" 2 false;
    InvalidDatetime          "22007" 2 false;
    DatetimeOutOfRange       "22008" 2 false;
    InvalidTimeZoneDisplacement "22009" 2 false;
    IntervalFieldOverflow    "22015" 2 false;
    NumericOutOfRange        "22003" 2 false;
    DivisionByZero           "22012" 2 false;
    InvalidRegex             "2201B" 2 false;
    InvalidArgumentForLog    "2201E" 2 false;
    SequenceLimitExceeded    "2200H" 2 false;
    InvalidArgumentForPower  "2201F" 2 false;
    SubstringError           "22011" 2 false;
    NullNotAllowed           "22004" 2 false;
    InvalidArgumentForWidthBucket "2201G" 2 false;
    InvalidEscapeSequence    "22025" 2 false;
    InvalidUseOfEscapeCharacter "2200C" 2 false;
    ArraySubscriptError      "2202E" 2 false;
    CharacterNotInRepertoire "22021" 2 false;
    /// A text that is longer than its column takes.
    StringTooLong            "22001" 2 false;
    NotNullViolation         "23502" 2 false;
    /// A data test of severity error found rows, or a check constraint failed.
    CheckViolation           "23514" 1 false;
    CardinalityViolation     "21000" 2 false;
    OutOfMemory              "53200" 3 true;
    DiskFull                 "53100" 3 true;
    TooManyConnections       "53300" 3 true;
    /// A configured limit (size, count, nesting) was reached.
    ProgramLimitExceeded     "54000" 2 false;
    StatementTooComplex      "54001" 2 false;
    /// A portal or cursor that cannot do this any more.
    ObjectNotInPrerequisiteState "55000" 2 false;
    ObjectInUse              "55006" 2 true;
    /// Another run, or another writer, holds what this one needs.
    /// Sessions wait for each other.
    DeadlockDetected         "40P01" 3 true;
    LockNotAvailable         "55P03" 2 true;
    CantChangeSetting        "55P02" 2 false;
    QueryCanceled            "57014" 2 false;
    AdminShutdown            "57P01" 3 true;
    IdleSessionTimeout       "57P05" 3 true;
    IdleInTransactionTimeout "25P03" 3 true;
    CannotConnectNow         "57P03" 3 true;
    /// The object store or the disk failed.
    Io                       "58030" 3 true;
    /// A file that the log names is not there.
    UndefinedFile            "58P01" 3 false;
    /// A table's log or a data file is not what the format says.
    DataCorrupted            "XX001" 3 false;
    /// A configuration value or file is wrong.
    Config                   "F0000" 2 false;
    /// The project's SQL or YAML is wrong.
    Project                  "42P17" 2 false;
    /// Ours to fix.
    Internal                 "XX000" 3 false;
}

/// What every fallible function of the crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with two audiences: `Display` is for the user, [`Error::chain`] for the log.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<usize>,
    server_context: Option<String>,
    about: Option<About>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What of the lake an error is about: clients read it by parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    pub schema: String,
    pub table: String,
    pub column: Option<String>,
    pub constraint: Option<String>,
}

impl Error {
    /// `message` is lower case, names the object and has no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        let (detail, hint, position, server_context, about, source) = (None, None, None, None, None, None);
        Self(Box::new(Inner { kind, message, detail, hint, position, server_context, about, source }))
    }
    /// No `operator` takes operands of these types.
    pub fn no_operator(left: &str, operator: &str, right: &str) -> Self {
        let message = format!("operator does not exist: {left} {operator} {right}");
        Self::new(ErrorKind::UndefinedFunction, message).with_hint(
            "No operator matches the given name and argument types. You might need to add explicit type casts.",
        )
    }
    /// No `operator` before an operand of this type.
    pub fn no_operator_before(operator: &str, operand: &str) -> Self {
        let message = format!("operator does not exist: {operator} {operand}");
        Self::new(ErrorKind::UndefinedFunction, message).with_hint(
            "No operator matches the given name and argument type. You might need to add an explicit type cast.",
        )
    }
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }
    /// What to do next, as a sentence.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
    pub fn about(mut self, about: About) -> Self {
        self.0.about = Some(about);
        self
    }
    /// Where in the statement, counted in characters from 1.
    pub fn at(mut self, position: usize) -> Self {
        self.0.position = Some(position);
        self
    }
    /// Where the place is in another text than the one the reader has.
    pub fn without_position(mut self) -> Self {
        self.0.position = None;
        self
    }
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
    /// What was being done, as PostgreSQL's CONTEXT tells it: `COPY t, line 3`. A line each, the innermost first.
    pub fn in_context(mut self, context: impl Into<String>) -> Self {
        let context = context.into();
        self.0.server_context = Some(match self.0.server_context {
            Some(inner) => format!("{inner}\n{context}"),
            None => context,
        });
        self
    }
    /// Puts `context: ` before the message.
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }
    /// The same for whoever is told, without its source: errors of others cannot be cloned.
    pub fn as_told(&self) -> Self {
        let Inner { kind, message, detail, hint, position, server_context, about, source: _ } = self.0.as_ref();
        Self(Box::new(Inner {
            kind: *kind,
            message: message.clone(),
            detail: detail.clone(),
            hint: hint.clone(),
            position: *position,
            server_context: server_context.clone(),
            about: about.clone(),
            source: None,
        }))
    }
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    pub fn message(&self) -> &str {
        &self.0.message
    }
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
    /// What of the lake it is about.
    pub fn subject(&self) -> Option<&About> {
        self.0.about.as_ref()
    }
    pub fn position(&self) -> Option<usize> {
        self.0.position
    }
    /// PostgreSQL's CONTEXT.
    pub fn server_context(&self) -> Option<&str> {
        self.0.server_context.as_deref()
    }
    /// The whole chain, for the log.
    pub fn chain(&self) -> String {
        let mut text = self.0.message.clone();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::UndefinedFile,
            std::io::ErrorKind::StorageFull => ErrorKind::DiskFull,
            _ => ErrorKind::Io,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        let kind = match &error {
            object_store::Error::NotFound { .. } => ErrorKind::UndefinedFile,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                ErrorKind::InsufficientPrivilege
            }
            _ => ErrorKind::Io,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}
