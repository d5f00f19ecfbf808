//! Files as they come: quoting, encodings, compression, rows that do not fit.

use std::io::Write;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use serde_json::json;

use super::*;
use crate::config::Config;
use crate::model::{ColumnSpec, Place, SourceSpec};
use crate::names::TableName;

const HEADER: &str = "No,When,Price,Name";

fn source(options: serde_json::Value) -> CsvSource {
    let column = |name: &str, header: &str, data_type: &str| ColumnSpec {
        name: name.into(),
        description: None,
        data_type: Some(data_type.into()),
        header: Some(header.into()),
    };
    let mut all = json!({"path": "x.csv", "timestamp_format": "%m/%d/%Y %H:%M"});
    all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let spec = SourceSpec {
        name: TableName::new("bronze", "x"),
        source: "bronze".into(),
        tags: Vec::new(),
        description: None,
        columns: vec![
            column("no", "No", "bigint"),
            column("at", "When", "timestamp"),
            column("price", "Price", "numeric(12,3)"),
            column("name", "Name", "text"),
        ],
        options: all,
        declared_at: Place { file: "sources.yml".into(), line: 3, column: 1 },
    };
    CsvSource::new(
        &spec,
        &Config::with(&[("ingest.max_field_size", "1KiB"), ("ingest.batch_rows", "64")]).unwrap().ingest,
    )
    .unwrap()
}

fn read_bytes(name: &str, bytes: &[u8], source: &CsvSource) -> Result<(Vec<RecordBatch>, Summary)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let input = Input { path, name: name.into(), ingested_at: DateTime::UNIX_EPOCH };
    let mut batches = Vec::new();
    let summary = read(&input, source, |batch| {
        batches.push(batch);
        true
    })?;
    Ok((batches, summary.expect("read to the end")))
}

/// Rows as `no at price name`, then rejects as `row: reason`.
fn check(options: serde_json::Value, text: impl AsRef<[u8]>, rows: &[&str], rejects: &[&str]) {
    let (batches, summary) = read_bytes("x.csv", text.as_ref(), &source(options)).unwrap();
    let mut found = Vec::new();
    for batch in &batches {
        let (no, at) =
            (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<TimestampMicrosecondType>());
        let (price, name) = (batch.column(2).as_primitive::<Decimal128Type>(), batch.column(3).as_string::<i32>());
        for row in 0..batch.num_rows() {
            let show = |null: bool, text: String| if null { "-".to_owned() } else { text };
            found.push(format!(
                "{} {} {} {}",
                show(no.is_null(row), no.value(row).to_string()),
                show(
                    at.is_null(row),
                    at.value_as_datetime(row).map(|at| at.format("%FT%R").to_string()).unwrap_or_default()
                ),
                show(price.is_null(row), price.value_as_string(row)),
                show(name.is_null(row), name.value(row).to_owned()),
            ));
        }
    }
    assert_eq!(found, rows);
    let reasons: Vec<_> =
        summary.rejects.iter().map(|reject| format!("{}: {}", reject.row_number, reject.reason)).collect();
    assert_eq!(reasons, rejects);
    assert_eq!(summary.rows as usize, rows.len());
}

fn refusal(options: serde_json::Value, text: &str) -> String {
    let error = read_bytes("x.csv", text.as_bytes(), &source(options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CheckViolation, "{error}");
    error.message().to_owned()
}

#[test]
fn rows_as_the_retail_file_writes_them() {
    let text = format!(
        "{HEADER}\r\n17850,12/1/2010 8:26,2.55,WHITE  HEART \r\n,1/2/2011 10:05,-11062.06,\"A, \"\"B\"\"\"\r\n,,,\r\n"
    );
    let rows = ["17850 2010-12-01T08:26 2.550 WHITE  HEART ", "- 2011-01-02T10:05 -11062.060 A, \"B\"", "- - - -"];
    check(json!({}), text, &rows, &[]);
}

#[test]
fn columns_are_found_by_name() {
    check(json!({}), "Name,Price,No,When\nx,1,2,1/1/2011 0:00\n", &["2 2011-01-01T00:00 1.000 x"], &[]);
    let extra = "Name,Colour,Price,No,When\nx,red,1,2,1/1/2011 0:00\n";
    check(json!({"extra_columns": "ignore"}), extra, &["2 2011-01-01T00:00 1.000 x"], &[]);
    assert_eq!(refusal(json!({}), extra), "x.csv is not ingested: in its header column \"Colour\" not declared");
    assert_eq!(
        refusal(json!({}), "No,When,Cost,Name\n"),
        "x.csv is not ingested: in its header column \"Price\" is missing; column \"Cost\" not declared"
    );
    assert_eq!(refusal(json!({}), ""), "x.csv is not ingested: the file is empty, not even a header is there");
}

#[test]
fn rows_that_do_not_fit_are_rejected_with_a_reason() {
    let rows = "1,1/1/2011 0:00,1,ok\nx,1/1/2011 0:00,1,a\n2,1/1/2011,1,a\n3,1/1/2011 0:00,1.0001,a\n4,,,a,b\n5,,\n6,\"x\"y,,\n7,,,\"open\n8,,,ok\n";
    check(
        json!({"max_reject_ratio": 1.0}),
        format!("{HEADER}\n{rows}"),
        &["1 2011-01-01T00:00 1.000 ok", "8 - - ok"],
        &[
            "2: column no: \"x\" is not a bigint",
            "3: column at: \"1/1/2011\" is not a timestamp written as %m/%d/%Y %H:%M",
            "4: column price: \"1.0001\" is not a numeric(12,3)",
            "5: 5 fields where 4 are expected",
            "6: 3 fields where 4 are expected",
            "7: text between a closing quote and the delimiter",
            "8: a quote that is not closed",
        ],
    );
}

#[test]
fn encodings() {
    let text = b"No,When,Price,Name\n1,,,\xA35\n";
    check(json!({"encoding": "latin1"}), text, &["1 - - £5"], &[]);
    check(json!({"encoding": "auto"}), text, &["1 - - £5"], &[]);
    check(json!({"encoding": "windows-1252"}), b"No,When,Price,Name\n1,,,\x80\n", &["1 - - €"], &[]);
    check(json!({"max_reject_ratio": 1.0}), text, &[], &["1: column name: not valid UTF-8"]);
    let utf16: Vec<u8> = format!("\u{FEFF}{HEADER}\n1,,,ß\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(json!({"encoding": "utf-16le"}), utf16, &["1 - - ß"], &[]);
    check(json!({}), format!("\u{FEFF}{HEADER}\n1,,,ß\n"), &["1 - - ß"], &[]);
}

#[test]
fn nulls_and_delimiters() {
    let options = json!({"delimiter": ";", "null_values": ["NULL", "-"], "header": false});
    check(options, "1;-;NULL;\"NULL\"\n", &["1 - - NULL"], &[]);
}

#[test]
fn too_many_rejects_refuse_the_file() {
    let rows = |good: usize, bad: usize| format!("{HEADER}\n{}{}", "1,,,\n".repeat(good), "x,,,\n".repeat(bad));
    assert!(read_bytes("x.csv", rows(99, 1).as_bytes(), &source(json!({}))).is_ok());
    let message = refusal(json!({}), &rows(98, 2));
    assert_eq!(
        message,
        "x.csv is not ingested: 2 of 100 rows do not fit the declared columns, more than 1 % or 100000 rows"
    );
    assert!(refusal(json!({}), &rows(0, 5_000)).contains("1000 of the first 1000 rows"));
    assert!(
        refusal(json!({"max_rejects": 3, "max_reject_ratio": 1.0}), &rows(9, 5)).contains("4 of the first 13 rows")
    );
}

#[test]
fn compressed_files_and_their_hash() {
    let text =
        format!("{HEADER}\n{}", (0..50_000).map(|n| format!("{n},1/1/2011 0:00,1.5,name {n}\n")).collect::<String>());
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (name, bytes) in [("x.csv", text.as_bytes()), ("x.csv.gz", &gz), ("x.csv.zst", &zst)] {
        let (batches, summary) = read_bytes(name, bytes, &source(json!({}))).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 50_000, "{name}");
        assert!(batches.iter().all(|batch| batch.num_rows() <= 64));
        assert_eq!(summary.sha256.len(), 64);
    }
    let cut = read_bytes("x.csv.gz", &gz[..gz.len() / 2], &source(json!({}))).unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::CheckViolation);
    let not_gz = read_bytes("x.csv.gz", text.as_bytes(), &source(json!({}))).unwrap_err();
    assert_eq!(not_gz.kind(), ErrorKind::CheckViolation);
}

#[test]
fn the_real_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/online_retail.csv.gz");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let column = |name: &str, data_type: &str| ColumnSpec {
        name: name.into(),
        description: None,
        data_type: Some(data_type.into()),
        header: Some(name.into()),
    };
    let spec = SourceSpec {
        name: TableName::new("bronze", "online_retail"),
        source: "bronze".into(),
        tags: Vec::new(),
        description: None,
        columns: vec![
            column("InvoiceNo", "text"),
            column("StockCode", "text"),
            column("Description", "text"),
            column("Quantity", "bigint"),
            column("InvoiceDate", "timestamp"),
            column("UnitPrice", "numeric(12,3)"),
            column("CustomerID", "bigint"),
            column("Country", "text"),
        ],
        options: json!({"path": "x", "encoding": "latin1", "timestamp_format": "%m/%d/%Y %H:%M"}),
        declared_at: Place { file: "sources.yml".into(), line: 3, column: 1 },
    };
    let source = CsvSource::new(&spec, &Config::with(&[]).unwrap().ingest).unwrap();
    let input = Input { path, name: "online_retail.csv.gz".into(), ingested_at: DateTime::UNIX_EPOCH };
    let (mut quantity, mut no_customer, mut no_description) = (0i64, 0, 0);
    let summary = read(&input, &source, |batch| {
        quantity += batch.column(3).as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        no_customer += batch.column(6).null_count();
        no_description += batch.column(2).null_count();
        true
    })
    .unwrap()
    .unwrap();
    assert_eq!((summary.rows, summary.rejects.len()), (541_909, 0));
    assert_eq!((quantity, no_customer, no_description), (5_176_450, 135_080, 1_454));
}
