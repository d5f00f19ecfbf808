//! The indexes and keys of PostgreSQL's own catalogs, as `postgres/indexes.txt` lists them.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::table::{Constraint, ConstraintKind};

/// One line an index: table, name, OID, that of its constraint or 0, what it is, and its keys with their operator classes.
/// `p` primary key, `u` unique constraint, `x` unique index, `i` any other.
const INDEXES: &str = include_str!("../postgres/indexes.txt");

/// A key or an index of a catalog, with its OIDs.
struct Known {
    table: &'static str,
    index: u32,
    constraint_oid: u32,
    constraint: Constraint,
}

static KNOWN: LazyLock<HashMap<&'static str, Vec<Known>>> = LazyLock::new(|| {
    let mut known: HashMap<&'static str, Vec<Known>> = HashMap::new();
    for one in INDEXES.lines().filter_map(parse) {
        known.entry(one.table).or_default().push(one);
    }
    known
});

fn parse(line: &'static str) -> Option<Known> {
    let mut words = line.split(' ');
    let (table, name) = (words.next()?, words.next()?);
    let (index, constraint_oid) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let what = words.next()?;
    let columns = words.map(|key| key.split(':').next().unwrap_or(key).to_owned()).collect();
    let kind = match what {
        "p" => ConstraintKind::PrimaryKey { columns },
        "u" => ConstraintKind::Unique { columns, nulls_not_distinct: false },
        _ => ConstraintKind::Index {
            columns,
            unique: what == "x",
            keys: Vec::new(),
            types: Vec::new(),
            options: Vec::new(),
            included: Vec::new(),
            condition: None,
            method: None,
            nulls_not_distinct: false,
            parameters: Vec::new(),
        },
    };
    Some(Known { table, index, constraint_oid, constraint: Constraint::new(name, kind) })
}

fn of(table: &str) -> &'static [Known] {
    KNOWN.get(table).map(Vec::as_slice).unwrap_or_default()
}

/// The keys and indexes of a catalog.
pub fn constraints(table: &str) -> Vec<Constraint> {
    of(table).iter().map(|known| known.constraint.clone()).collect()
}

/// The OIDs of one of them, by its number: its own, 0 for an index alone, and its index's.
pub fn oids(table: &str, number: usize) -> Option<(u32, u32)> {
    of(table).get(number).map(|known| (known.constraint_oid, known.index))
}

/// The catalog that one of them is of, by either OID, and its number.
pub fn with_oid(oid: u32) -> Option<(&'static str, usize)> {
    static BY_OID: LazyLock<HashMap<u32, (&'static str, usize)>> = LazyLock::new(|| {
        let numbered =
            KNOWN.iter().flat_map(|(table, all)| all.iter().enumerate().map(move |(at, of)| (*table, at, of)));
        let both = numbered.flat_map(|(table, at, of)| [of.index, of.constraint_oid].map(|oid| (oid, (table, at))));
        both.filter(|(oid, _)| *oid != 0).collect()
    });
    BY_OID.get(&oid).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood() {
        assert_eq!(KNOWN.values().map(Vec::len).sum::<usize>(), INDEXES.lines().count());
        let (table, number) = with_oid(2662).unwrap();
        assert_eq!((table, oids(table, number).map(|(_, index)| index)), ("pg_class", Some(2662)));
        assert_eq!(of(table)[number].constraint.kind, ConstraintKind::PrimaryKey { columns: vec!["oid".to_owned()] });
    }
}
