//! Delta tables as `table` makes, reads and changes them, on a local disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::displayable;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use lakewire::error::{ErrorKind, Result};
use lakewire::store::{LakeStore, OverlayStore, StoreOptions};
use lakewire::table::{CacheLimits, ScanPath, Snapshot, TableSettings, Tables, WriteMode, WriteSpec, Written};
use serde_json::json;

/// A lake in a folder of its own, and a session to query it with.
struct Lake {
    folder: tempfile::TempDir,
    store: LakeStore,
    tables: Arc<Tables>,
    context: SessionContext,
}

#[allow(clippy::disallowed_methods)]
fn lake() -> Lake {
    let folder = tempfile::tempdir().unwrap();
    let store = LakeStore::open(folder.path().to_str().unwrap(), &StoreOptions::default()).unwrap();
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    Lake { tables: Tables::new(store.clone()), folder, store, context }
}

impl Lake {
    async fn write(&self, location: &str, spec: &WriteSpec, sql: &str) -> Result<Written> {
        self.write_in(&self.store, location, spec, sql).await
    }

    async fn write_in(&self, store: &LakeStore, location: &str, spec: &WriteSpec, sql: &str) -> Result<Written> {
        let plan = self.context.sql(sql).await.unwrap().into_unoptimized_plan();
        self.tables.write(store, location, spec, plan, &self.context.state(), None).await
    }

    /// Registers the table's version (or head) as `t` and answers the query as text.
    async fn query(&self, location: &str, version: Option<u64>, sql: &str) -> String {
        let snapshot = self.tables.snapshot(location, version).await.unwrap();
        self.register(snapshot.provider().unwrap());
        self.rows(sql).await.unwrap()
    }

    fn register(&self, provider: Arc<dyn datafusion::catalog::TableProvider>) {
        self.context.deregister_table("t").unwrap();
        self.context.register_table("t", provider).unwrap();
    }

    async fn rows(&self, sql: &str) -> datafusion::error::Result<String> {
        let batches = self.context.sql(sql).await?.collect().await?;
        let table = pretty_format_batches(&batches)?.to_string();
        let rows = table.lines().filter(|line| line.starts_with('|')).skip(1);
        Ok(rows
            .map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(","))
            .collect::<Vec<_>>()
            .join(";"))
    }

    async fn plan(&self, sql: &str) -> String {
        let plan = self.context.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        displayable(plan.as_ref()).indent(true).to_string()
    }

    fn path(&self, location: &str) -> std::path::PathBuf {
        self.folder.path().join(location)
    }
}

fn overwrite() -> WriteSpec {
    WriteSpec::new(WriteMode::Overwrite)
}

fn append() -> WriteSpec {
    WriteSpec::new(WriteMode::Append)
}

fn parquet_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "parquet")).collect()
}

fn numbers(values: std::ops::Range<i64>) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(values)) as ArrayRef]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_type_comes_back_as_it_went() {
    let lake = lake();
    let sql = "select true as b, cast(1 as smallint) as i2, cast(2 as int) as i4, cast(3 as bigint) as i8,
        cast(1.5 as real) as f4, cast(2.5 as double) as f8, cast('12345678901234.567' as numeric(18,3)) as m,
        'grüße' as s, date '2011-12-09' as d, timestamp '2010-12-01 08:26:00.123456' as ts,
        arrow_cast('2010-12-01T08:26:00Z', 'Timestamp(Microsecond, Some(\"UTC\"))') as tz, arrow_cast('ab', 'Binary') as raw,
        time '13:04:05.25' as o, interval '14 months -3 days 0.5 seconds' as span
        union all select null, null, null, null, null, null, null, null, null, null, null, null, null, null";
    let written = lake.write("x/types", &overwrite(), sql).await.unwrap();
    assert_eq!((written.version, written.rows), (0, 2));
    let snapshot = lake.tables.snapshot("x/types", None).await.unwrap();
    let types: Vec<DataType> = snapshot.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    let micros = TimeUnit::Microsecond;
    assert_eq!(
        types,
        [
            DataType::Boolean,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::Float32,
            DataType::Float64,
            DataType::Decimal128(18, 3),
            DataType::Utf8,
            DataType::Date32,
            DataType::Timestamp(micros, None),
            DataType::Timestamp(micros, Some("UTC".into())),
            DataType::Binary,
            DataType::Time64(micros),
            DataType::Interval(IntervalUnit::MonthDayNano),
        ]
    );
    assert!(snapshot.is_plain());
    let expected = "true,1,2,3,1.5,2.5,12345678901234.567,grüße,2011-12-09,2010-12-01T08:26:00.123456,2010-12-01T08:26:00Z,6162,13:04:05.250,14 mons -3 days 0.500000000 secs;,,,,,,,,,,,,,";
    assert_eq!(lake.query("x/types", None, "select * from t order by i8 nulls last").await, expected);
    let by_delta_rs = lake.tables.snapshot_by("x/types", None, ScanPath::DeltaRs).await.unwrap();
    lake.register(by_delta_rs.provider().unwrap());
    assert_eq!(lake.rows("select * from t order by i8 nulls last").await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn overwrite_replaces_rows_columns_and_comments_in_one_commit() {
    let lake = lake();
    let mut spec = overwrite();
    spec.comment = Some("first".to_owned());
    spec.column_comments = BTreeMap::from([("a".to_owned(), "the a".to_owned())]);
    spec.provenance = BTreeMap::from([("run_id".to_owned(), json!("r1"))]);
    lake.write("gold/t", &spec, "select 1 as a, 'x' as b").await.unwrap();
    let first = lake.tables.snapshot("gold/t", None).await.unwrap();
    assert_eq!(
        (first.comment(), first.column_comment("a"), first.column_comment("b")),
        (Some("first"), Some("the a"), None)
    );

    spec.comment = Some("second".to_owned());
    spec.column_comments = BTreeMap::new();
    spec.provenance = BTreeMap::from([("run_id".to_owned(), json!("r2"))]);
    let written = lake.write("gold/t", &spec, "select 2.5 as c, now() as at").await.unwrap();
    assert_eq!(written.version, 1);
    let second = lake.tables.snapshot("gold/t", None).await.unwrap();
    assert_eq!(
        (second.comment(), second.column_comment("a"), second.rows(), second.files()),
        (Some("second"), None, Some(1), 1)
    );
    assert_eq!(second.schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["c", "at"]);
    assert_eq!(lake.query("gold/t", Some(0), "select * from t").await, "1,x");
    assert_eq!(lake.query("gold/t", Some(1), "select c from t").await, "2.5");

    let history = lake.tables.history("gold/t", 10).await.unwrap();
    assert_eq!(history.iter().map(|commit| commit.version).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(history[0].operation.as_deref(), Some("WRITE"));
    assert_eq!(history[0].provenance["run_id"], json!("r2"));
    assert_eq!(lake.tables.history("gold/t", 1).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_no_rows_still_makes_the_table() {
    let lake = lake();
    let written = lake.write("x/none", &overwrite(), "select 1 as a, 'x' as b where false").await.unwrap();
    assert_eq!((written.version, written.rows, written.bytes), (0, 0, 0));
    assert_eq!(lake.query("x/none", None, "select count(*), count(b) from t").await, "0,0");
    assert_eq!(lake.query("x/none", None, "select * from t").await, "");
    lake.write("x/none", &append(), "select 2 as a, 'y' as b").await.unwrap();
    lake.write("x/none", &overwrite(), "select 1 as a, 'x' as b where false").await.unwrap();
    assert_eq!(lake.query("x/none", None, "select count(*) from t").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_adds_columns_and_keeps_comments() {
    let lake = lake();
    let mut spec = append();
    spec.comment = Some("kept".to_owned());
    spec.column_comments = BTreeMap::from([("a".to_owned(), "the a".to_owned())]);
    lake.write("x/grows", &spec, "select cast(1 as bigint) as a").await.unwrap();
    lake.write("x/grows", &append(), "select cast(2 as int) as a, 'new' as b").await.unwrap();
    let written = lake.write("x/grows", &append(), "select 'b only' as b").await.unwrap();
    assert_eq!(written.version, 2);
    assert_eq!(lake.query("x/grows", None, "select a, b from t order by a nulls last").await, "1,;2,new;,b only");
    let snapshot = lake.tables.snapshot("x/grows", None).await.unwrap();
    assert_eq!((snapshot.comment(), snapshot.column_comment("a")), (Some("kept"), Some("the a")));
    assert_eq!(snapshot.schema().field(0).data_type(), &DataType::Int64);

    let error = lake.write("x/grows", &append(), "select 'not a number' as a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DatatypeMismatch);
    let error = lake.write("x/grows", &append(), "select 3 as \"A\"").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DatatypeMismatch);
    assert_eq!(lake.tables.head("x/grows").await.unwrap(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_keep_odd_values_through_append_overwrite_and_pruning() {
    let lake = lake();
    let mut spec = overwrite();
    spec.partition_by = vec!["p".to_owned()];
    let sql = "select * from (values ('a b', 1), ('50%/é', 2), ('x=y', 3), ('a%20b', 4), (null, 5), ('', 6)) v(p, n)";
    lake.write("x/parts", &spec, sql).await.unwrap();
    let all = "select coalesce(nullif(p, ''), '-') as p, n from t order by n";
    // Delta cannot tell an empty text from null in a partition column
    assert_eq!(lake.query("x/parts", None, all).await, "a b,1;50%/é,2;x=y,3;a%20b,4;-,5;-,6");
    assert_eq!(lake.query("x/parts", None, "select n from t where p = '50%/é'").await, "2");
    assert_eq!(lake.query("x/parts", None, "select n from t where p is null order by n").await, "5;6");
    assert_eq!(lake.query("x/parts", None, "select min(p), max(p), count(p) from t").await, "50%/é,x=y,4");
    let plan = lake.plan("select n from t where p = 'x=y'").await;
    assert_eq!(plan.matches(".parquet").count(), 1, "{plan}");

    lake.write("x/parts", &append(), "select 7 as n, 'a b' as p").await.unwrap();
    assert_eq!(lake.query("x/parts", None, "select p, n from t where p = 'a b' order by n").await, "a b,1;a b,7");
    // every file, however its folder is named, is gone after this
    lake.write("x/parts", &spec, "select 'z' as p, 9 as n").await.unwrap();
    assert_eq!(lake.query("x/parts", None, "select p, n from t").await, "z,9");
    let by_delta_rs = lake.tables.snapshot_by("x/parts", Some(1), ScanPath::DeltaRs).await.unwrap();
    lake.register(by_delta_rs.provider().unwrap());
    assert_eq!(lake.rows("select count(*), sum(n) from t").await.unwrap(), "7,28");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_answers_counts_and_extremes_and_leaves_files_out() {
    let lake = lake();
    for start in [0, 100, 200] {
        let batch = numbers(start..start + 100);
        lake.tables.append_direct("x/n", &append(), batch).await.unwrap();
    }
    assert_eq!(lake.query("x/n", None, "select count(*), min(n), max(n) from t").await, "300,0,299");
    let plan = lake.plan("select count(*), min(n), max(n) from t").await;
    assert!(!plan.contains("DataSourceExec: file_groups"), "{plan}");
    let plan = lake.plan("select * from t where n between 120 and 130").await;
    assert_eq!(plan.matches(".parquet").count(), 1, "{plan}");
    assert_eq!(lake.rows("select count(*) from t where n between 120 and 130").await.unwrap(), "11");
    let plan = lake.plan("select * from t limit 50").await;
    assert_eq!(plan.matches(".parquet").count(), 1, "{plan}");
    assert_eq!(lake.rows("select sum(n) from t where n > 1000").await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_that_the_log_cuts_short_exclude_nothing_they_hold() {
    let lake = lake();
    let long = "z".repeat(80);
    let sql = format!(
        "select * from (values (timestamp '2024-01-01 00:00:00.000999', cast('123456789012345.678' as numeric(18,3)), '{long}'),
            (timestamp '2024-01-01 00:00:00.000001', cast(-1 as numeric(18,3)), 'a')) v(ts, m, s)"
    );
    lake.write("x/bounds", &overwrite(), &sql).await.unwrap();
    // a second file, so that files are judged at all
    lake.write(
        "x/bounds",
        &append(),
        "select timestamp '1999-01-01 00:00:00' as ts, cast(0 as numeric(18,3)) as m, 'b' as s",
    )
    .await
    .unwrap();
    let max = lake.query("x/bounds", None, "select max(ts), max(m), max(s) from t").await;
    assert_eq!(max, format!("2024-01-01T00:00:00.000999,123456789012345.678,{long}"));
    assert_eq!(
        lake.rows("select count(*) from t where ts > timestamp '2024-01-01 00:00:00.000500'").await.unwrap(),
        "1"
    );
    assert_eq!(
        lake.rows("select count(*) from t where m = cast('123456789012345.678' as numeric(18,3))").await.unwrap(),
        "1"
    );
    assert_eq!(lake.rows(&format!("select count(*) from t where s = '{long}'")).await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_write_streams_into_row_groups_and_a_small_one_is_one_file() {
    let lake = lake();
    let batches = (0..64).map(|part| Ok(numbers(part * 8192..(part + 1) * 8192)));
    let schema: SchemaRef = numbers(0..0).schema();
    let stream = futures::stream::iter(batches.collect::<Vec<_>>()).boxed();
    let written = lake.tables.write_batches(&lake.store, "x/large", &overwrite(), schema, stream, None).await.unwrap();
    assert_eq!(written.rows, 64 * 8192);
    assert_eq!(lake.query("x/large", None, "select count(distinct n), sum(n) from t").await, "524288,137438691328");
    let on_disk: u64 = parquet_files(&lake.path("x/large")).iter().map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(on_disk, written.bytes);
    assert_eq!(lake.tables.snapshot("x/large", None).await.unwrap().bytes(), written.bytes);

    let sql = "select n % 7 as k, count(*) as c from t group by 1";
    lake.write("x/small", &overwrite(), sql).await.unwrap();
    assert_eq!(parquet_files(&lake.path("x/small")).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_leaves_the_table_as_it_was() {
    let lake = lake();
    lake.write("x/t", &overwrite(), "select 1 as a").await.unwrap();
    let error =
        lake.write("x/t", &overwrite(), "select 1 / (a - 1) as a from (values (2), (1)) v(a)").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DivisionByZero, "{}", error.chain());
    assert_eq!(lake.tables.head("x/t").await.unwrap(), Some(0));
    let error = lake.write("x/u", &overwrite(), "select [interval '1 day'] as pause").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FeatureNotSupported);
    assert!(error.message().contains("\"pause\""), "{error}");
    assert_eq!(lake.tables.head("x/u").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_overlay_writes_only_its_holder_sees() {
    let lake = lake();
    lake.write("x/t", &overwrite(), "select 1 as a").await.unwrap();
    let overlay = Arc::new(OverlayStore::new(Arc::clone(lake.store.root())));
    overlay.freeze(lake.store.path("x/t"), Some(0));
    overlay.freeze(lake.store.path("x/new"), None);
    let inside = lake.store.through(overlay);
    assert_eq!(lake.write_in(&inside, "x/t", &append(), "select 2 as a").await.unwrap().version, 1);
    assert_eq!(lake.write_in(&inside, "x/t", &overwrite(), "select 3 as a, 4 as b").await.unwrap().version, 2);
    lake.write_in(&inside, "x/new", &overwrite(), "select 5 as c").await.unwrap();

    let seen = lake.tables.snapshot_in(&inside, "x/t", None).await.unwrap();
    assert_eq!(seen.version(), 2);
    lake.register(seen.provider().unwrap());
    assert_eq!(lake.rows("select * from t").await.unwrap(), "3,4");
    assert_eq!(lake.tables.head_in(&inside, "x/new").await.unwrap(), Some(0));

    assert_eq!(lake.tables.head("x/t").await.unwrap(), Some(0));
    assert_eq!(lake.query("x/t", None, "select * from t").await, "1");
    assert_eq!(lake.tables.head("x/new").await.unwrap(), None);
    // another writer goes first, outside: the frozen overlay does not notice
    lake.write("x/t", &append(), "select 9 as a").await.unwrap();
    assert_eq!(lake.tables.snapshot_in(&inside, "x/t", Some(&seen)).await.unwrap().version(), 2);
}

/// Every version read on from the one before it says what the same version says that is read as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn versions_that_are_read_on_are_those_that_are_read_whole() {
    let lake = lake();
    let mut spec = overwrite();
    spec.comment = Some("first".to_owned());
    lake.write("x/t", &spec, "select 1 as a").await.unwrap();
    lake.tables.snapshot("x/t", Some(0)).await.unwrap();
    // past the point where the log is read whole again, and past two checkpoints
    for version in 1..120_u64 {
        let written = match version % 20 {
            19 => lake.write("x/t", &overwrite(), &format!("select {version} as a, 'x' as b{version}")).await,
            7 => {
                lake.tables.checkpoint("x/t").await.unwrap();
                lake.write("x/t", &append(), &format!("select {version} as a")).await
            }
            _ => lake.write("x/t", &append(), &format!("select {version} as a")).await,
        };
        assert_eq!(written.unwrap().version, version);
        let on = lake.tables.snapshot("x/t", Some(version)).await.unwrap();
        let whole = Tables::new(lake.store.clone()).snapshot("x/t", Some(version)).await.unwrap();
        let told =
            |s: &Snapshot| (s.version(), s.files(), s.rows(), s.bytes(), s.schema(), s.comment().map(str::to_owned));
        assert_eq!(told(&on), told(&whole), "version {version}");
        let mut rows = Vec::new();
        for snapshot in [on, whole] {
            lake.register(snapshot.provider().unwrap());
            rows.push(lake.rows("select * from t order by a").await.unwrap());
        }
        assert_eq!(rows[0], rows[1], "version {version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_appends_of_many_writers_all_land() {
    let lake = lake();
    let elsewhere = Tables::new(lake.store.clone());
    let appends = (0..12).map(|index| {
        let tables = if index % 2 == 0 { Arc::clone(&lake.tables) } else { Arc::clone(&elsewhere) };
        async move { tables.append_direct("x/log", &append(), numbers(index..index + 1)).await }
    });
    let outcomes = futures::future::join_all(appends).await;
    let mut versions: Vec<u64> = outcomes.into_iter().map(|written| written.unwrap().version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (0..12).collect::<Vec<_>>());
    assert_eq!(lake.query("x/log", None, "select count(distinct n) from t").await, "12");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_another_overtakes_is_a_conflict() {
    let lake = lake();
    lake.write("x/t", &overwrite(), "select cast(1 as bigint) as n").await.unwrap();
    for location in ["x/t", "x/new"] {
        let tables = Arc::clone(&lake.tables);
        // the rows come only after another writer has committed
        let overtaken = futures::stream::once(async move {
            tables.append_direct(location, &append(), numbers(5..6)).await?;
            Ok(numbers(0..1))
        });
        let schema = numbers(0..0).schema();
        let lost = lake.tables.write_batches(&lake.store, location, &append(), schema, overtaken.boxed(), None).await;
        let error = lost.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SerializationFailure, "{}", error.chain());
        assert!(error.kind().retryable());
    }
    assert_eq!(lake.query("x/t", None, "select n from t order by n").await, "1;5");
    assert_eq!(lake.query("x/new", None, "select n from t order by n").await, "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_finds_the_version_that_was_newest_then() {
    let lake = lake();
    for _ in 0..3 {
        lake.write("x/t", &append(), "select 1 as a").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let commits = lake.tables.history("x/t", 3).await.unwrap();
    for commit in &commits {
        let at = commit.timestamp.unwrap();
        assert_eq!(lake.tables.version_at("x/t", at).await.unwrap(), Some(commit.version));
    }
    let before = commits[2].timestamp.unwrap() - chrono::Duration::seconds(1);
    assert_eq!(lake.tables.version_at("x/t", before).await.unwrap(), None);
    let later = chrono::Utc::now() + chrono::Duration::hours(1);
    assert_eq!(lake.tables.version_at("x/t", later).await.unwrap(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_changes_nothing_that_readers_see() {
    let lake = lake();
    for start in 0..52 {
        lake.tables.append_direct("x/log", &append(), numbers(start..start + 1)).await.unwrap();
    }
    assert!(lake.path("x/log/_delta_log/_last_checkpoint").exists());
    assert_eq!(lake.tables.head("x/log").await.unwrap(), Some(51));
    // commits before the checkpoint are no longer needed
    for version in 0..40 {
        std::fs::remove_file(lake.path(&format!("x/log/_delta_log/{version:020}.json"))).unwrap();
    }
    assert_eq!(lake.query("x/log", None, "select count(*), min(n), max(n) from t").await, "52,0,51");
    assert_eq!(lake.query("x/log", None, "select sum(n) from t where n >= 50").await, "101");
    assert_eq!(lake.tables.snapshot("x/log", Some(3)).await.unwrap_err().kind(), ErrorKind::UndefinedObject);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_cursor_of_each_application_is_known() {
    let lake = lake();
    let mut spec = append();
    for version in [3, 7] {
        spec.txn = Some(("source:a".to_owned(), version));
        lake.write("x/t", &spec, "select 1 as a").await.unwrap();
    }
    let snapshot = lake.tables.snapshot("x/t", None).await.unwrap();
    assert_eq!(snapshot.txn_version("source:a").await.unwrap(), Some(7));
    assert_eq!(snapshot.txn_version("source:b").await.unwrap(), None);
    let earlier = lake.tables.snapshot("x/t", Some(0)).await.unwrap();
    assert_eq!(earlier.txn_version("source:a").await.unwrap(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_loaded_once_and_evicted_when_there_are_too_many() {
    let lake = lake();
    for value in 0..3 {
        lake.write("x/t", &append(), &format!("select {value} as a")).await.unwrap();
    }
    let cache = CacheLimits { snapshots_max: 2, bytes_max: u64::MAX };
    let tables = Tables::with(lake.store.clone(), TableSettings { cache, ..TableSettings::default() });
    let at_once = futures::future::join_all((0..8).map(|_| tables.snapshot("x/t", Some(2)))).await;
    let first = at_once[0].as_ref().unwrap();
    assert!(at_once.iter().all(|snapshot| Arc::ptr_eq(first, snapshot.as_ref().unwrap())));
    tables.snapshot("x/t", Some(0)).await.unwrap();
    assert!(Arc::ptr_eq(first, &tables.snapshot("x/t", None).await.unwrap()));
    tables.snapshot("x/t", Some(1)).await.unwrap();
    tables.snapshot("x/t", Some(0)).await.unwrap();
    assert!(!Arc::ptr_eq(first, &tables.snapshot("x/t", Some(2)).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_is_named() {
    let lake = lake();
    let error = lake.tables.snapshot("x/nothing", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
    std::fs::create_dir_all(lake.path("x/folder/_delta_log")).unwrap();
    assert_eq!(lake.tables.snapshot("x/folder", None).await.unwrap_err().kind(), ErrorKind::UndefinedTable);
    assert_eq!(lake.tables.head("x/folder").await.unwrap(), None);

    lake.write("x/t", &overwrite(), "select 1 as a").await.unwrap();
    let error = lake.tables.snapshot("x/t", Some(7)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedObject, "{}", error.chain());

    let file = parquet_files(&lake.path("x/t")).remove(0);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let snapshot = lake.tables.snapshot("x/t", None).await.unwrap();
    lake.register(snapshot.provider().unwrap());
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let error = lakewire::table::error_in(&lake.rows("select * from t").await.unwrap_err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::UndefinedFile);
    assert!(error.message().contains(&name) && error.hint().is_some(), "{error}");
    let by_delta_rs = lake.tables.snapshot_by("x/t", None, ScanPath::DeltaRs).await.unwrap();
    lake.register(by_delta_rs.provider().unwrap());
    let error = lakewire::table::error_in(&lake.rows("select * from t").await.unwrap_err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::UndefinedFile);
    assert!(error.message().contains(&name), "{error}");
    lake.register(snapshot.provider().unwrap());
    std::fs::write(&file, vec![0; bytes.len()]).unwrap();
    let error = lakewire::table::error_in(&lake.rows("select * from t").await.unwrap_err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::DataCorrupted);
    assert!(error.message().contains(&name), "{error}");

    std::fs::write(lake.path("x/t/_delta_log/00000000000000000001.json"), "{\"add\": nonsense\n").unwrap();
    let error = lake.tables.snapshot("x/t", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataCorrupted, "{}", error.chain());
    assert!(error.message().contains("x/t"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_that_cannot_be_read_is_named() {
    let lake = lake();
    lake.write("x/t", &overwrite(), "select 1 as a").await.unwrap();
    let log = lake.path("x/t/_delta_log/00000000000000000000.json");
    let made = std::fs::read_to_string(&log).unwrap();
    for feature in ["typeWidening", "vacuumProtocolCheck", "catalogManaged", "fromTheFuture"] {
        let protocol = json!({ "protocol": { "minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": [feature], "writerFeatures": [feature] } });
        let lines =
            made.lines().map(|line| if line.contains("protocol") { protocol.to_string() } else { line.to_owned() });
        std::fs::write(&log, lines.collect::<Vec<_>>().join("\n")).unwrap();
        let error = lake.tables.snapshot("x/t", None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FeatureNotSupported, "{}", error.chain());
        assert!(error.message().contains(feature), "{feature}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_ask_for_more_than_writing_are_left_alone() {
    let lake = lake();
    lake.write("x/t", &overwrite(), "select 1 as a").await.unwrap();
    let log = lake.path("x/t/_delta_log/00000000000000000000.json");
    let made = std::fs::read_to_string(&log).unwrap();
    for (property, value) in [("delta.constraints.positive", "a > 0"), ("delta.columnMapping.mode", "name")] {
        let entry = format!("\"configuration\":{{\"{property}\":\"{value}\"}}");
        std::fs::write(&log, made.replace("\"configuration\":{}", &entry)).unwrap();
        let error = lake.write("x/t", &append(), "select 2 as a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FeatureNotSupported, "{property}: {}", error.chain());
    }
    std::fs::write(&log, made.replace("\"configuration\":{}", "\"configuration\":{\"delta.appendOnly\":\"true\"}"))
        .unwrap();
    lake.write("x/t", &append(), "select 2 as a").await.unwrap();
    let error = lake.write("x/t", &overwrite(), "select 3 as a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FeatureNotSupported);
    assert!(error.message().contains("append-only"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_batches_need_no_session() {
    let lake = lake();
    let schema = Arc::new(Schema::new(vec![Field::new("s", DataType::Utf8, false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringArray::from(vec!["a", "b"]))]).unwrap();
    let stream = futures::stream::iter([Ok(batch)]).boxed();
    let written = lake.tables.write_batches(&lake.store, "x/s", &append(), schema, stream, None).await.unwrap();
    assert_eq!((written.version, written.rows), (0, 2));
    assert_eq!(lake.query("x/s", None, "select s from t order by s").await, "a;b");
}
