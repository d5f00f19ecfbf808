//! From a position in compiled SQL back to the model's own file.

use std::path::Path;

use super::diagnostic::Place;

/// Where a position of the compiled SQL stands in the source. Exact where the line came through Jinja unchanged;
/// otherwise the nearest line before it that did, and `false`.
pub fn locate(file: &Path, source: &str, compiled: &str, line: usize, column: usize) -> (Place, bool) {
    let source: Vec<&str> = source.lines().collect();
    let compiled: Vec<&str> = compiled.lines().collect();
    let same = |line: usize| {
        let text = compiled.get(line - 1)?;
        if text.trim().is_empty() {
            return None;
        }
        let nth = compiled[..line].iter().filter(|other| *other == text).count();
        let of = compiled.iter().filter(|other| *other == text).count();
        let places: Vec<usize> = (1..=source.len()).filter(|i| source[i - 1] == *text).collect();
        (places.len() == of).then(|| places[nth - 1])
    };
    if line == 0 {
        return (Place::start_of(file), false);
    }
    if let Some(line) = same(line.min(compiled.len().max(1))) {
        return (Place { file: file.to_owned(), line, column: column.max(1) }, true);
    }
    // As many lines further as in the compiled text: exact as long as no Jinja between them spans lines.
    let before =
        (1..line.min(compiled.len() + 1)).rev().find_map(|earlier| same(earlier).map(|at| at + line - earlier));
    let line = before.unwrap_or(line).clamp(1, source.len().max(1));
    (Place { file: file.to_owned(), line, column: 1 }, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_lines_map_exactly() {
        let source = "{% set a = 1 %}\nselect\n  {{ a }},\n  b,\nfrom t\nwhere {{ a }} = b";
        let compiled = "\nselect\n  1,\n  b,\nfrom t\nwhere 1 = b";
        let at = |line, column| {
            let (place, exact) = locate(Path::new("x.sql"), source, compiled, line, column);
            (place.line, place.column, exact)
        };
        assert_eq!(at(5, 3), (5, 3, true));
        assert_eq!(at(3, 4), (3, 1, false));
        assert_eq!(at(6, 4), (6, 1, false));
        // A macro that spans lines moves all that follow it.
        let (place, exact) = locate(Path::new("x.sql"), "{{ m() }}\nfrom t", "select\n 1\nfrom t", 3, 2);
        assert_eq!((place.line, place.column, exact), (2, 2, true));
    }
}
