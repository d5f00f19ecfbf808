//! The generated data is what it claims to be: as dirty as the real file, and the same for the same seed.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use chrono::{NaiveDateTime, Weekday};

use super::*;

const ROWS: usize = 60_000;

fn generate(rows: usize, seed: u64) -> HashMap<&'static str, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    Sample { rows, seed }.write(dir.path(), |_| {}).unwrap();
    let files = [INVOICES_FILE, CUSTOMERS_FILE, PRODUCTS_FILE];
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), files.len());
    files.map(|name| (name, fs::read(dir.path().join(name)).unwrap())).into()
}

fn unpack(gz: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(gz).read_to_end(&mut text).unwrap();
    text
}

/// Fields of each row, the header left out.
fn rows(text: &[u8]) -> Vec<Vec<String>> {
    let text: String = text.iter().copied().map(char::from).collect();
    let mut rows = Vec::new();
    for line in text.split("\r\n").skip(1).filter(|line| !line.is_empty()) {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().unwrap().push(c),
            }
        }
        assert_eq!(fields.len(), 8, "{line}");
        rows.push(fields);
    }
    rows
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    assert_eq!(generate(3_000, 7), generate(3_000, 7));
    assert_ne!(generate(3_000, 7)[INVOICES_FILE], generate(3_000, 8)[INVOICES_FILE]);
}

#[test]
fn any_number_of_rows_is_exact() {
    for count in [1, 250, 4_999, 5_000] {
        let text = unpack(&generate(count, 1)[INVOICES_FILE]);
        assert_eq!(rows(&text).len(), count);
    }
}

#[test]
fn the_dirt_is_there() {
    let text = unpack(&generate(ROWS, 42)[INVOICES_FILE]);
    let rows = rows(&text);
    let share =
        |is: &dyn Fn(&Vec<String>) -> bool| rows.iter().filter(|row| is(row)).count() as f64 / rows.len() as f64;
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert!((0.2..0.32).contains(&share(&|row| row[6].is_empty())), "missing customers");
    let distinct: HashSet<_> = rows.iter().collect();
    let duplicates = 1.0 - distinct.len() as f64 / rows.len() as f64;
    assert!((0.005..0.02).contains(&duplicates), "duplicates: {duplicates}");
    assert!((0.008..0.04).contains(&share(&|row| row[0].starts_with('C'))), "cancellations");
    assert_eq!(rows.iter().filter(|row| row[0].starts_with('A')).count(), 3);
    assert_eq!(rows.iter().filter(|row| number(&row[5]) < 0.0).count(), 2);
    assert!((0.001..0.01).contains(&share(&|row| number(&row[5]) == 0.0)), "zero prices");
    assert!((0.01..0.05).contains(&share(&|row| number(&row[3]) < 0.0)), "negative quantities");
    assert!(rows.iter().any(|row| row[2].is_empty()), "no description");
    assert!((0.1..0.35).contains(&share(&|row| row[2] != row[2].trim())), "stray spaces");
    assert!(
        rows.iter().any(|row| row[2].contains(',')) && text.windows(2).any(|pair| pair == b"\"\""),
        "commas and quotes"
    );
    assert!(text.contains(&0xA3) && std::str::from_utf8(&text).is_err(), "ISO-8859-1");
    let codes: HashSet<_> = rows.iter().map(|row| row[1].as_str()).collect();
    assert!(codes.iter().any(|code| code.starts_with(|c: char| c.is_ascii_digit()) && code.to_uppercase() != **code));
    for code in ["POST", "DOT", "M", "BANK CHARGES", "D"] {
        assert!(codes.contains(code), "{code}");
    }
    assert!(rows.iter().any(|row| number(&row[3]) > 70_000.0) && rows.iter().any(|row| number(&row[3]) < -70_000.0));
}

#[test]
fn the_year_and_the_world_are_there() {
    let rows = rows(&unpack(&generate(ROWS, 42)[INVOICES_FILE]));
    let times: Vec<_> =
        rows.iter().map(|row| NaiveDateTime::parse_from_str(&row[4], "%m/%d/%Y %H:%M").unwrap()).collect();
    assert!(times.is_sorted());
    assert!(times.iter().all(|at| at.weekday() != Weekday::Sat));
    let christmas = |at: &NaiveDateTime| matches!((at.month(), at.day()), (12, 24..) | (1, ..=3));
    assert!(!times.iter().any(christmas));
    let in_month = |month: u32| times.iter().filter(|at| at.year() == 2011 && at.month() == month).count();
    assert!(in_month(11) > 2 * in_month(2), "Christmas season");
    let countries: HashSet<_> = rows.iter().map(|row| row[7].as_str()).collect();
    assert_eq!(countries.len(), 38);
    let british = rows.iter().filter(|row| row[7] == "United Kingdom").count() as f64 / rows.len() as f64;
    assert!((0.85..0.95).contains(&british), "{british}");
    let mut lines = HashMap::<&str, usize>::new();
    rows.iter().filter(|row| !row[6].is_empty()).for_each(|row| *lines.entry(&row[6]).or_default() += 1);
    let mut lines: Vec<_> = lines.into_values().collect();
    lines.sort_unstable();
    let top: usize = lines.iter().rev().take(lines.len() / 10).sum();
    assert!(top as f64 > 0.3 * lines.iter().sum::<usize>() as f64, "a tenth of the customers buys much of everything");
}

#[test]
fn customers_and_products_are_those_of_the_invoices() {
    let files = generate(ROWS, 42);
    let rows = rows(&unpack(&files[INVOICES_FILE]));
    let first_fields = |name: &str| -> HashSet<String> {
        let text = String::from_utf8(files[name].iter().copied().filter(u8::is_ascii).collect()).unwrap();
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    let of_rows = |column: usize| -> HashSet<String> {
        rows.iter().map(|row| row[column].clone()).filter(|value| !value.is_empty()).collect()
    };
    assert_eq!(first_fields(CUSTOMERS_FILE), of_rows(6));
    assert_eq!(first_fields(PRODUCTS_FILE), of_rows(1));
}
