//! Data on stdout, talk on stderr.

use std::io::{ErrorKind, Write};

use crate::error::Result;

/// Writes to stdout. A reader that went away (`| head`) is no error.
pub(super) fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Writes to stderr. Whoever closed it does not want to know.
pub(super) fn tell(text: impl AsRef<[u8]>) {
    let _ = std::io::stderr().lock().write_all(text.as_ref());
}

/// Rows below aligned headers; the columns in `right` are aligned to the right.
pub(super) fn table(names: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> String {
    let widths: Vec<usize> = (0..names.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(names.get(column).map(|name| name.chars().count())).max().unwrap_or(0)
        })
        .collect();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let mut text = String::new();
    for row in [&names, &rule].into_iter().chain(&rows) {
        text.push_str(&table_line(row, &widths, right));
    }
    text
}

/// One line of a table, without spaces at its end.
pub(super) fn table_line(row: &[String], widths: &[usize], right: &[usize]) -> String {
    let cells: Vec<String> = row
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(column, (cell, width))| match right.contains(&column) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        })
        .collect();
    format!("{}\n", cells.join("  ").trim_end())
}

/// `1,234,567`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned() {
        let rows = vec![vec!["gold.daily".to_owned(), "305".to_owned()], vec!["x".to_owned(), "12,345".to_owned()]];
        let expected = "model         rows\n──────────  ──────\ngold.daily     305\nx           12,345\n";
        assert_eq!(table(&["model", "rows"], &[1], rows), expected);
    }

    #[test]
    fn thousands_are_grouped() {
        let groups: Vec<_> = [0, 999, 1_000, 541_909, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(groups, ["0", "999", "1,000", "541,909", "1,234,567"]);
    }
}
