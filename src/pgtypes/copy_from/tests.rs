//! Data of every format, whole and in pieces: rows, and what is said of mistakes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, TimeUnit};
use datafusion::arrow::util::display::array_value_to_string;

use super::*;
use crate::pgtypes::ForceQuote;

fn text() -> CopyFormat {
    CopyFormat::Text { delimiter: b'\t', null: "\\N".to_owned(), header: false }
}

fn csv() -> CopyFormat {
    let force_quote = ForceQuote::None;
    CopyFormat::Csv { delimiter: b',', null: String::new(), header: false, quote: b'"', escape: b'"', force_quote }
}

fn input(format: CopyFormat) -> CopyInput {
    CopyInput {
        format,
        header: Header::Absent,
        encoding: Encoding::UTF8,
        force_null: Vec::new(),
        force_not_null: Vec::new(),
    }
}

fn columns() -> Vec<FieldRef> {
    vec![
        Arc::new(Field::new("a", DataType::Int32, false)),
        Arc::new(Field::new("b", DataType::Utf8, true)),
        Arc::new(Field::new("c", DataType::Decimal128(6, 2), true)),
    ]
}

/// Decodes the data in pieces of the size; each row as its values.
fn decode(input: &CopyInput, data: &[u8], piece: usize) -> Result<Vec<String>> {
    let mut decoder = CopyDecoder::new(input.clone(), "t", &columns(), Style::default())?;
    for piece in data.chunks(piece) {
        decoder.feed(piece, false)?;
    }
    decoder.feed(&[], true)?;
    let Some(batch) = decoder.take(true)? else { return Ok(Vec::new()) };
    let cell = |column: &Arc<dyn Array>, row| {
        if column.is_null(row) { "null".to_owned() } else { array_value_to_string(column, row).unwrap() }
    };
    // the last column is the line's number
    let columns = &batch.columns()[..batch.num_columns() - 1];
    let row = |row| columns.iter().map(|column| cell(column, row)).collect::<Vec<_>>().join("|");
    Ok((0..batch.num_rows()).map(row).collect())
}

fn check(input: &CopyInput, data: &str, expected: &[&str]) {
    for piece in [1, 2, 3, 7, 1000] {
        assert_eq!(decode(input, data.as_bytes(), piece).unwrap(), expected, "{data:?} in pieces of {piece}");
    }
}

fn check_error(input: &CopyInput, data: &[u8], message: &str, context: &str) {
    for piece in [1, 3, 1000] {
        let error = decode(input, data, piece).expect_err(message);
        assert_eq!((error.message(), error.server_context()), (message, Some(context)), "in pieces of {piece}");
    }
}

#[test]
fn text_rows() {
    check(&input(text()), "1\tx\t1.5\n2\t\\N\t\\N\n", &["1|x|1.50", "2|null|null"]);
    check(&input(text()), "1\ta\\tb\\nc\\\\d\\x41\\101\t-.5\r\n2\t\t7\r\n", &["1|a\tb\nc\\dAA|-0.50", "2||7.00"]);
    check(&input(text()), "1\tx\t1\n\\.\nwhat follows is not read\n", &["1|x|1.00"]);
    check(&input(text()), "1\tx\\\ny\t1", &["1|x\ny|1.00"]);
    check(&input(text()), "1\té\t1\r2\t\\\\N\t1\r", &["1|é|1.00", "2|\\N|1.00"]);
    check(&input(text()), "", &[]);
}

#[test]
fn csv_rows() {
    check(&input(csv()), "1,x,1.5\n2,,\n3,\"\",12.345\n", &["1|x|1.50", "2|null|null", "3||12.35"]);
    check(&input(csv()), "1,\"a,\"\"b\"\"\nc\",1\r\n2,x\"y,\"z,1\r\n", &["1|a,\"b\"\nc|1.00", "2|xy,z|1.00"]);
    check(&input(csv()), "1,x,1\n\\.\n", &["1|x|1.00"]);
    let escaped = CopyFormat::Csv {
        delimiter: b';',
        null: "NIL".to_owned(),
        header: false,
        quote: b'\'',
        escape: b'\\',
        force_quote: ForceQuote::None,
    };
    check(&input(escaped), "1;'a\\'b\\\\c\\d';NIL\n2;'NIL';1\n", &["1|a'b\\c\\d|null", "2|NIL|1.00"]);
}

#[test]
fn nulls_as_forced() {
    let mut forced = input(csv());
    forced.force_null = vec![false, true, false];
    check(&forced, "1,\"\",1\n", &["1|null|1.00"]);
    let mut forced = input(csv());
    forced.force_not_null = vec![false, true, false];
    check(&forced, "1,,1\n", &["1||1.00"]);
}

#[test]
fn the_first_line_may_be_names() {
    let mut named = input(csv());
    named.header = Header::Skipped;
    check(&named, "x,y\n1,x,1\n", &["1|x|1.00"]);
    named.header = Header::Match;
    check(&named, "a,b,c\n1,x,1\n", &["1|x|1.00"]);
    let mismatch = "column name mismatch in header line field 2: got \"x\", expected \"b\"";
    check_error(&named, b"a,x,c\n", mismatch, "COPY t, line 1: \"a,x,c\"");
    let count = "wrong number of fields in header line: got 2, expected 3";
    check_error(&named, b"a,b\n", count, "COPY t, line 1: \"a,b\"");
}

#[test]
fn errors_say_where() {
    let (text, csv) = (input(text()), input(csv()));
    check_error(&csv, b"1,x,1\n2,y\n", "missing data for column \"c\"", "COPY t, line 2: \"2,y\"");
    check_error(&csv, b"1,x,1,2\n", "extra data after last expected column", "COPY t, line 1: \"1,x,1,2\"");
    let integer = "invalid input syntax for type integer: \"q\"";
    check_error(&csv, b"1,\"a\nb\",1\nq,y,1\n", integer, "COPY t, line 3, column a: \"q\"");
    check_error(&csv, b"1,x,12345.6\n", "numeric field overflow", "COPY t, line 1, column c: \"12345.6\"");
    let null = "null value in column \"a\" of relation \"t\" violates not-null constraint";
    check_error(&csv, b",x,1\n", null, "COPY t, line 1: \",x,1\"");
    check_error(&csv, b"1,\"x,1\n", "unterminated CSV quoted field", "COPY t, line 2: \"1,\"x,1\n\"");
    check_error(&csv, b"1,x,1\n2,y\r,1\n", "unquoted carriage return found in data", "COPY t, line 2");
    check_error(&text, b"1\tx\t1\r\n2\ty\t1\n", "literal newline found in data", "COPY t, line 2");
    check_error(&text, b"1\tx\\.\t1\n", "end-of-copy marker corrupt", "COPY t, line 1: \"1\tx\\.\t1\"");
    let encoding = "invalid byte sequence for encoding \"UTF8\": 0xe9";
    check_error(&csv, b"1,x,1\n2,\xe9\n", encoding, "COPY t, line 2");
    let long = format!("1,{},1,2\n", "x".repeat(200));
    let shown = format!("COPY t, line 1: \"1,{}...\"", "x".repeat(98));
    check_error(&csv, long.as_bytes(), "extra data after last expected column", &shown);
}

#[test]
fn other_encodings() {
    let mut latin = input(csv());
    latin.encoding = Encoding::named("latin1").unwrap();
    let rows = decode(&latin, b"1,caf\xe9,1\n", 2).unwrap();
    assert_eq!(rows, ["1|café|1.00"]);
}

fn binary(rows: &[u8]) -> Vec<u8> {
    [&b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"[..], rows].concat()
}

#[test]
fn binary_rows() {
    let input = input(CopyFormat::Binary);
    let row = b"\0\x03\0\0\0\x04\0\0\0\x07\0\0\0\x01x\xff\xff\xff\xff";
    let whole = binary(&[&row[..], b"\xff\xff"].concat());
    for piece in [1, 5, 1000] {
        assert_eq!(decode(&input, &whole, piece).unwrap(), ["7|x|null"]);
    }
    assert_eq!(decode(&input, &binary(row), 1000).unwrap(), ["7|x|null"], "the trailer may be absent");
    for (data, message) in [
        (b"PGCOPX\n".to_vec(), "COPY file signature not recognized"),
        (binary(b"\0\x02"), "unexpected EOF in COPY data"),
        (binary(b"\0\x02\0\0\0\0\0\0\0\0"), "row field count is 2, expected 3"),
        (binary(b"\0\x03\0\0\0\x01x\0\0\0\0\0\0\0\0"), "incorrect binary data format"),
        (binary(b"\0\x01\xff\xff\xff\0"), "invalid field size"),
        (binary(b"\xff\xffx"), "received copy data after EOF marker"),
    ] {
        assert_eq!(decode(&input, &data, 1000).unwrap_err().message(), message);
    }
}

#[test]
fn every_plain_type_and_lists() {
    let fields: Vec<FieldRef> = [
        DataType::Boolean,
        DataType::Int16,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
        DataType::Binary,
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::new_list(DataType::Int32, true),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, data_type)| Arc::new(Field::new(format!("c{index}"), data_type, true)))
    .collect();
    let mut decoder = CopyDecoder::new(input(csv()), "t", &fields, Style::default()).unwrap();
    let line = "t,1,2,1.5,-Infinity,\\x01ff,2020-02-29,2020-01-01 10:00:00.5,2020-01-01 10:00:00+02,\"{1,NULL,3}\"\n";
    decoder.feed(line.as_bytes(), false).unwrap();
    decoder.feed(b",,,,,,,,,\n", true).unwrap();
    let batch = decoder.take(true).unwrap().unwrap();
    assert_eq!(batch.num_rows(), 2);
    assert!(batch.columns()[..fields.len()].iter().all(|column| column.is_null(1) && !column.is_null(0)));
    let list = batch.column(9).as_list::<i32>().value(0);
    assert_eq!(list.as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(1), None, Some(3)]);
}

/// Any bytes in any pieces: rows or an error, never a panic.
#[test]
fn noise_is_an_error_or_rows() {
    use rand::{Rng, SeedableRng};
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(11);
    for round in 0..3_000 {
        let input = input([text(), csv(), CopyFormat::Binary][round % 3].clone());
        let mut data: Vec<u8> =
            (0..random.random_range(0..60)).map(|_| b"1,\t\"\\\n\r.xN\xff\0"[random.random_range(0..12)]).collect();
        if round % 3 == 2 && random.random_bool(0.8) {
            data = binary(&data);
        }
        let whole = decode(&input, &data, 1000);
        let pieces = decode(&input, &data, random.random_range(1..9));
        assert_eq!(whole.ok(), pieces.ok(), "{data:?}");
    }
}
