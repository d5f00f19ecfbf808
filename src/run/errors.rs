//! Errors about SQL text that the client did not send.

use crate::error::Error;

/// The error with its place in `sql` told in words, for a client that sent other text.
pub(super) fn located(error: Error, sql: &str) -> Error {
    let Some(position) = error.position() else { return error };
    let before: String = sql.chars().take(position.saturating_sub(1)).collect();
    let line = before.matches('\n').count();
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    let text = sql.lines().nth(line).unwrap_or_default().trim();
    let detail = format!("line {}, column {} of the compiled SQL: {text}", line + 1, column + 1);
    error.without_position().with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_position_in_compiled_sql_is_told_in_words() {
        let sql = "select a,\n       b.c\nfrom t";
        let error = located(Error::new(ErrorKind::UndefinedColumn, "column b.c does not exist").at(18), sql);
        assert_eq!(error.position(), None);
        assert_eq!(error.detail(), Some("line 2, column 8 of the compiled SQL: b.c"));
    }
}
