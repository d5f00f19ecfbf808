//! A problem of the project, with its place.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

/// A file and line of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// With the project's own folder, as the user gave it: `sql/gold/daily_sales.sql`.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Place {
    pub fn start_of(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), line: 1, column: 1 }
    }

    /// The place of a byte offset in a file's text.
    pub fn at_offset(file: &Path, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiagnosticSeverity {
    Error,
    Warning,
}

/// A problem of the project. `Display` gives one line, and a second one for the hint.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: DiagnosticSeverity,
    pub place: Option<Place>,
    pub message: String,
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        Self { severity: DiagnosticSeverity::Error, place: Some(place), message: message.into(), hint: None }
    }
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { severity: DiagnosticSeverity::Warning, place: Some(place), message: message.into(), hint: None }
    }
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// "did you mean …?", if anything is near enough.
    pub fn with_nearest(mut self, near: Option<impl fmt::Display>) -> Self {
        self.hint = near.map(|near| format!("did you mean \"{near}\"?")).or(self.hint);
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.severity {
            DiagnosticSeverity::Error => "error: ",
            DiagnosticSeverity::Warning => "warning: ",
        })?;
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }
    /// By file, line and column; the same problem at the same place once.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.0.sort_by(|a, b| (&a.place, a.severity, &a.message).cmp(&(&b.place, b.severity, &b.message)));
        self.0.dedup_by(|a, b| a.place == b.place && a.message == b.message);
        self.0
    }
}

/// One error for all problems of severity error; `None` if there is none.
pub fn to_error(diagnostics: &[Diagnostic]) -> Option<Error> {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|d| d.severity == DiagnosticSeverity::Error).collect();
    let first = errors.first()?;
    let message = match errors.len() {
        1 => "the project has an error".to_owned(),
        n => format!("the project has {n} errors"),
    };
    let place = first.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Some(Error::new(ErrorKind::Project, format!("{message}: {place}{}", first.message)).with_detail(list.join("\n")))
}
