//! Another Delta engine writes to our tables: before, between and in the middle of our commits, at every point where one
//! can be interrupted. None of its commits is lost, and none is hidden for good.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::array::{
    ArrayRef, Int64Array, Int64Builder, MapBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema};
use tokio_postgres::Client;

use crate::support::{Server, connect, error, rows, run, value};

fn serve(lake: &Path, settings: &[&str]) -> Server {
    let settings = [&["lake.adopt_interval=100ms"], settings].concat();
    Server::serve(lake, &settings.iter().flat_map(|setting| ["--set", setting]).collect::<Vec<_>>())
}

/// Appends rows as delta-rs does it by itself.
async fn foreign_append(lake: &Path, table: &str, values: &[i64]) {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values.to_vec()))]).unwrap();
    let url = url::Url::from_directory_path(lake.join(table)).unwrap();
    deltalake::open_table(url).await.unwrap().write(vec![batch]).await.unwrap();
}

/// The value that the query comes to have, soon.
async fn becomes(client: &Client, sql: &str, wanted: &str) {
    let begun = Instant::now();
    loop {
        let now = value(client, sql).await;
        if now == wanted {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{sql}: {now}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Rows of a table as another engine reads it.
#[expect(clippy::disallowed_methods, reason = "the other engine is not ours")]
async fn as_others_read(lake: &Path, table: &str) -> i64 {
    let url = url::Url::from_directory_path(lake.join(table)).unwrap();
    let table = deltalake::open_table(url).await.unwrap();
    let context = deltalake::datafusion::prelude::SessionContext::new();
    let provider = table.table_provider().await.unwrap();
    i64::try_from(context.read_table(provider).unwrap().count().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_others_are_seen_soon_without_a_write_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &[]);
    let client = server.connect().await;
    run(&client, "create table t (n bigint); insert into t values (1)").await;
    foreign_append(folder.path(), "public/t", &[10, 11]).await;
    becomes(&client, "select count(*) from t", "3").await;
    assert!(
        rows(&client, "select operation from lakewire.releases")
            .await
            .concat()
            .contains(&"adopt foreign commits".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_goes_on_top_of_what_others_have_added_and_not_of_what_they_have_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &["lake.adopt_interval=1h"]);
    let (client, other) = (server.connect().await, server.connect().await);
    run(&client, "create table t (n bigint); insert into t values (1)").await;

    run(&client, "begin; insert into t values (2)").await;
    foreign_append(folder.path(), "public/t", &[10]).await;
    run(&client, "commit").await;
    assert_eq!(rows(&client, "select n from t order by n").await, [["1"], ["2"], ["10"]]);

    run(&client, "begin; update t set n = n + 100").await;
    foreign_append(folder.path(), "public/t", &[20]).await;
    run(&client, "commit").await;
    assert_eq!(rows(&client, "select n from t order by n").await, [["20"], ["101"], ["102"], ["110"]]);

    run(&client, "begin; update t set n = n + 1000").await;
    let url = url::Url::from_directory_path(folder.path().join("public/t")).unwrap();
    let (_, gone) = deltalake::open_table(url).await.unwrap().delete().with_predicate("n = 20").await.unwrap();
    assert_eq!(gone.num_deleted_rows, Some(1));
    assert_eq!(error(&client, "commit").await.0, "40001");
    run(&client, "begin; update t set n = n + 1000; commit").await;
    assert_eq!(rows(&other, "select n from t order by n").await, [["1101"], ["1102"], ["1110"]]);
    assert_eq!(as_others_read(folder.path(), "public/t").await, 3);

    // a statement changes what it sees: not yet what was added a moment ago
    foreign_append(folder.path(), "public/t", &[30]).await;
    run(&client, "delete from t").await;
    assert_eq!(rows(&client, "select n from t").await, [["30"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_our_own_transactions_those_that_add_rows_or_change_others_do_not_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &[]);
    let (ana, bob) = (server.connect().await, server.connect().await);
    run(&ana, "create table t (n bigint); insert into t values (1)").await;
    run(&ana, "begin; insert into t values (2)").await;
    run(&bob, "begin; insert into t values (3)").await;
    run(&ana, "commit").await;
    run(&bob, "commit").await;
    assert_eq!(rows(&ana, "select n from t order by n").await, [["1"], ["2"], ["3"]]);
    run(&ana, "begin; delete from t where n = 1").await;
    run(&bob, "insert into t values (4)").await;
    run(&ana, "commit").await;
    assert_eq!(rows(&ana, "select n from t order by n").await, [["2"], ["3"], ["4"]]);
    let counted = value(&ana, "select rows from lakewire.tables where name = 't'").await;
    assert_eq!(counted, "3", "the catalog's count of rows goes along");
    // what replaces everything cannot miss what others add
    run(&ana, "begin; truncate t").await;
    run(&bob, "insert into t values (5)").await;
    assert_eq!(error(&ana, "commit").await.0, "40001");
}

const POINTS: [&str; 5] =
    ["publish.rows_written", "publish.intent_put", "publish.table_put", "publish.tables_put", "publish.catalog_put"];

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_others_in_the_middle_of_ours_is_kept_wherever_ours_was_interrupted() {
    for point in POINTS {
        for table in ["a", "b"] {
            let folder = tempfile::tempdir().unwrap();
            let lake = folder.path();
            let server = serve(lake, &[]);
            let tables =
                "create table a (n bigint); create table b (n bigint); create table c as select 0::bigint as n";
            run(&server.connect().await, tables).await;
            drop(server);
            let server = serve(lake, &["lake.adopt_interval=1h", &format!("test.crash_at={point}")]);
            let client = connect(&server.url).await;
            let transaction =
                "begin; insert into a values (1); insert into b values (1); update c set n = n + 1; commit";
            let died = client.batch_execute(transaction).await;
            assert!(died.is_err_and(|error| error.as_db_error().is_none()), "{point} was never reached");
            foreign_append(lake, &format!("public/{table}"), &[7]).await;
            drop(server);

            let server = serve(lake, &[]);
            let client = server.connect().await;
            becomes(&client, &format!("select count(*) from {table} where n = 7"), "1").await;
            let ours =
                rows(&client, "select (select count(*) from a where n = 1), (select count(*) from b where n = 1)")
                    .await
                    .concat();
            assert_eq!(ours[0], ours[1], "{point}, {table}: half a transaction is visible");
            assert_eq!(value(&client, "select n from c").await, ours[0], "{point}, {table}: half of it in c");
            becomes(&client, "select rows from lakewire.tables where name = 'c'", "1").await;
            if ["publish.tables_put", "publish.catalog_put"].contains(&point) {
                assert_eq!(ours[0], "1", "{point}, {table}: what was put is finished");
            }
            for name in ["a", "b", "c"] {
                let count = value(&client, &format!("select count(*) from {name}")).await;
                assert_eq!(as_others_read(lake, &format!("public/{name}")).await.to_string(), count, "{point}, {name}");
            }
            run(&client, "insert into a values (2); insert into b values (2)").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_is_made_anew_under_a_server_is_not_given_the_old_rows() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    std::fs::create_dir_all(&lake).unwrap();
    let server = serve(&lake, &["lake.release_poll_interval=100ms"]);
    let client = server.connect().await;
    run(&client, "create table old (n bigint); insert into old values (1)").await;
    std::fs::remove_dir_all(&lake).unwrap();
    let refused = client.batch_execute("insert into old values (2)").await.unwrap_err();
    assert!(refused.as_db_error().is_some(), "{refused:?}");
    std::fs::create_dir_all(&lake).unwrap();
    let new = serve(&lake, &[]);
    let theirs = new.connect().await;
    run(&theirs, "create table new (n bigint); insert into new values (5)").await;
    becomes(&client, "select count(*) from pg_class where relname = 'new'", "1").await;
    assert_eq!(error(&client, "select * from old").await.0, "42P01");
    run(&client, "insert into new values (6)").await;
    becomes(&theirs, "select sum(n) from new", "11").await;
    assert_eq!(value(&theirs, "select count(*) from pg_class where relname = 'old'").await, "0");
}

/// What PostgreSQL has no columns for is `jsonb` to clients, and to its operators.
#[tokio::test(flavor = "multi_thread")]
async fn structures_and_maps_of_others_are_jsonb() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path();
    let members =
        Fields::from(vec![Field::new("name", DataType::Utf8, true), Field::new("age", DataType::Int64, true)]);
    let names: ArrayRef = Arc::new(StringArray::from(vec!["Ann", "Bob"]));
    let ages: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), None]));
    let structures: ArrayRef = Arc::new(StructArray::new(members, vec![names, ages], None));
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for (key, value) in [("b", 1), ("aa", 2)] {
        maps.keys().append_value(key);
        maps.values().append_value(value);
    }
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let maps: ArrayRef = Arc::new(maps.finish());
    let columns = [("n", ids, true), ("s", structures, true), ("m", maps, true)];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    std::fs::create_dir_all(lake.join("public/nested")).unwrap();
    let url = url::Url::from_directory_path(lake.join("public/nested")).unwrap();
    deltalake::DeltaTable::try_from_url(url).await.unwrap().write(vec![batch]).await.unwrap();

    let server = serve(lake, &[]);
    let client = server.connect().await;
    let answers = |sql: &'static str| rows(&client, sql);
    assert_eq!(
        answers("select n, s, m from nested order by n").await,
        [
            ["1", r#"{"age": 3, "name": "Ann"}"#, r#"{"b": 1, "aa": 2}"#],
            ["2", r#"{"age": null, "name": "Bob"}"#, "NULL"]
        ]
    );
    let parts =
        "select s->>'name', (s).age, m->'aa', coalesce(m, '{}') || '{\"z\": 0}', pg_typeof(m) from nested where n = 1";
    assert_eq!(rows(&client, parts).await, [["Ann", "3", "2", r#"{"b": 1, "z": 0, "aa": 2}"#, "jsonb"]]);
    assert_eq!(answers("select n from nested where m @> '{\"b\": 1}' and s->>'age' = '3'").await, [["1"]]);
    assert_eq!(
        answers("select key, value from nested, jsonb_each_text(m) order by 1").await,
        [["aa", "2"], ["b", "1"]]
    );
    let prepared = client.prepare("select s, m from nested order by n").await.unwrap();
    let documents: Vec<_> = prepared.columns().iter().map(|column| column.type_().name().to_owned()).collect();
    assert_eq!(documents, ["jsonb", "jsonb"]);
    let row = &client.query(&prepared, &[]).await.unwrap()[0];
    let document: Document = row.get(1);
    assert_eq!(document.0, r#"{"b": 1, "aa": 2}"#);
    let (code, message) = error(&client, "update nested set m = '{\"b\": 2}' where n = 1").await;
    assert!(code == "0A000" && message.contains("is a map of the Delta table"), "{code} {message}");
}

/// A `jsonb` as it travels in binary.
struct Document(String);

impl tokio_postgres::types::FromSql<'_> for Document {
    fn from_sql(_: &tokio_postgres::types::Type, raw: &[u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let (version, text) = raw.split_first().ok_or("an empty document")?;
        assert_eq!(*version, 1);
        Ok(Self(std::str::from_utf8(text)?.to_owned()))
    }
    fn accepts(known: &tokio_postgres::types::Type) -> bool {
        *known == tokio_postgres::types::Type::JSONB
    }
}
