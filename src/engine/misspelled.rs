//! `Perhaps you meant to reference the column "t.name".`
//!
//! Source: PostgreSQL 15, `parse_relation.c`: at most three letters apart, a wrong table's name counted with them, and at
//! most half of the name; two columns that are as near are both told, more are not.

use datafusion::common::Column;

use crate::dialect::visible_name;

const FARTHEST: usize = 3;

/// What PostgreSQL's hint says of a column that there is not, if it has one.
pub(super) fn hint(wanted: &Column, known: &[Column]) -> Option<String> {
    let mut nearest: Vec<(&str, &str)> = Vec::new();
    let mut distance = FARTHEST + 1;
    for column in known {
        let Some(table) = column.relation.as_ref().map(|relation| relation.table()) else { continue };
        let name = visible_name(&column.name);
        if nearest.contains(&(table, name)) {
            continue;
        }
        let astray = wanted.relation.as_ref().map_or(0, |relation| strsim::levenshtein(relation.table(), table));
        let letters = strsim::levenshtein(name, &wanted.name);
        if astray > distance || letters > wanted.name.chars().count() / 2 {
            continue;
        }
        let apart = letters + astray;
        if apart < distance {
            (nearest, distance) = (vec![(table, name)], apart);
        } else if apart == distance && distance <= FARTHEST {
            match nearest.len() {
                // as near as too many others
                2 => (nearest, distance) = (Vec::new(), distance.saturating_sub(1)),
                _ => nearest.push((table, name)),
            }
        }
    }
    match nearest.as_slice() {
        [(table, name)] => Some(format!("Perhaps you meant to reference the column \"{table}.{name}\".")),
        [(first, name), (second, other)] => Some(format!(
            "Perhaps you meant to reference the column \"{first}.{name}\" or the column \"{second}.{other}\"."
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(wanted: &str, known: &[&str]) -> Option<String> {
        let known: Vec<Column> = known.iter().map(|name| Column::from_qualified_name(*name)).collect();
        hint(&Column::from_qualified_name(wanted), &known)
    }

    #[test]
    fn columns_are_as_near_as_postgres_finds_them() {
        let only = |name: &str| Some(format!("Perhaps you meant to reference the column \"{name}\"."));
        assert_eq!(told("nmae", &["e.id", "e.name"]), only("e.name"));
        assert_eq!(told("e.nmae", &["e.id", "e.name", "d.named"]), only("e.name"));
        assert_eq!(told("x.name", &["e.id", "e.name"]), only("e.name"));
        assert_eq!(told("idx", &["e.id"]), only("e.id"));
        assert_eq!(told("ab", &["e.id", "plain"]), None);
        assert_eq!(told("name", &["employees.surname"]), None);
        let both = "Perhaps you meant to reference the column \"a.name\" or the column \"b.name\".";
        assert_eq!(told("nam", &["a.name", "b.name"]), Some(both.to_owned()));
        assert_eq!(told("nam", &["a.name", "b.name", "c.name"]), None);
    }
}
