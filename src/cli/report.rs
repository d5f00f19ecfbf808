//! Errors as a user reads them.

use std::fmt::Write;

use super::output;
use crate::error::{Error, ErrorKind};

/// Prints an error with its details and its hint on stderr.
pub(super) fn error(error: &Error) {
    output::tell(describe(error));
}

/// The error with the place in the statement that it points to as its detail.
pub(super) fn pointing(error: Error, sql: &str) -> Error {
    let Some(position) = error.position() else { return error };
    let detail: Vec<_> =
        [error.detail().map(str::to_owned), Some(excerpt(sql, position))].into_iter().flatten().collect();
    error.with_detail(detail.join("\n"))
}

fn describe(error: &Error) -> String {
    // Nobody but us can act on an internal error: show all there is.
    let message = if error.kind() == ErrorKind::Internal { error.chain() } else { error.message().to_owned() };
    let mut text = format!("error: {message}\n");
    for line in error.detail().into_iter().flat_map(str::lines) {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

/// `LINE 1: select x` with a caret below; `position` in characters from 1.
fn excerpt(sql: &str, position: usize) -> String {
    let before: String = sql.chars().take(position.saturating_sub(1)).collect();
    let number = before.matches('\n').count();
    let Some(line) = sql.lines().nth(number) else { return String::new() };
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    let label = format!("LINE {}: ", number + 1);
    format!("{label}{line}\n{}^", " ".repeat(label.len() + column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_well() {
        let error = Error::new(ErrorKind::UndefinedTable, "relation \"x\" does not exist")
            .with_detail("a\nb")
            .with_hint("did you mean y?");
        assert_eq!(describe(&error), "error: relation \"x\" does not exist\n  a\n  b\nhint: did you mean y?\n");
    }

    #[test]
    fn the_caret_points_to_the_place() {
        assert_eq!(excerpt("select 1,\n  frm", 13), "LINE 2:   frm\n          ^");
        assert_eq!(excerpt("select", 99), "LINE 1: select\n              ^");
    }
}
