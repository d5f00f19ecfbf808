//! Rows per second of the row encoder, on a batch like those of `bronze.online_retail`.

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Field, Schema};
use lakewire::pgtypes::{Format, RowEncoder, Style};

const ROWS: i64 = 8192;

fn bronze_like() -> RecordBatch {
    let rows = 0..ROWS;
    let text =
        |value: fn(i64) -> String| -> ArrayRef { Arc::new(StringViewArray::from_iter_values(rows.clone().map(value))) };
    let times = |start: i64, zone: Option<&str>| -> ArrayRef {
        let values = TimestampMicrosecondArray::from_iter_values(rows.clone().map(|row| start + row * 60_000_000));
        Arc::new(values.with_timezone_opt(zone))
    };
    let prices = Decimal128Array::from_iter_values(rows.clone().map(|row| i128::from(row % 9_000 + 850)));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("invoice_no", text(|row| (536_365 + row / 20).to_string())),
        ("stock_code", text(|row| format!("{}A", 20_000 + row % 4_000))),
        ("description", text(|row| format!("WHITE HANGING HEART T-LIGHT HOLDER {}", row % 100))),
        ("quantity", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row % 48 - 4)))),
        ("invoice_date", times(1_291_191_960_000_000, None)),
        ("unit_price", Arc::new(prices.with_precision_and_scale(12, 3).expect("12,3 is a precision and scale"))),
        (
            "customer_id",
            Arc::new(Int64Array::from_iter(rows.clone().map(|row| (row % 4 != 0).then_some(17_850 + row % 900)))),
        ),
        ("country", text(|_| "United Kingdom".to_owned())),
        ("_source_file", text(|_| "online_retail.csv.gz".to_owned())),
        ("_row_number", Arc::new(Int64Array::from_iter_values(rows.clone()))),
        ("_ingested_at", times(1_700_000_000_123_456, Some("UTC"))),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns fit their schema")
}

fn encode_rows(criterion: &mut Criterion) {
    let batch = bronze_like();
    let mut group = criterion.benchmark_group("encode_rows");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, format) in [("text", Format::Text), ("binary", Format::Binary)] {
        let encoder = RowEncoder::new(batch.schema_ref(), &[format], Style::default()).expect("one format fits");
        let mut out = BytesMut::with_capacity(4 << 20);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                out.clear();
                let canonical = encoder.canonical(&batch).expect("nothing to cast");
                let rows = encoder.bind(&canonical).expect("types are known");
                rows.write(0, usize::MAX, usize::MAX, &mut out).expect("rows are short");
                black_box(out.len());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encode_rows);
criterion_main!(benches);
