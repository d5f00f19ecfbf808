//! Keeping a lake in order: compaction, vacuum, restoring, forgetting, and letting go of old releases.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::support::{Server, error, python, rows, run, value};

fn serve(lake: &Path, settings: &[&str]) -> Server {
    Server::serve(lake, &settings.iter().flat_map(|setting| ["--set", setting]).collect::<Vec<_>>())
}

fn data_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|of| of == "parquet")).collect();
    files.sort();
    files
}

async fn soon(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn fill(client: &Client, table: &str, count: usize) {
    run(client, &format!("create table {table} (n bigint, name text)")).await;
    for n in 0..count {
        run(client, &format!("insert into {table} values ({n}, 'name {n}')")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_are_put_together_and_readers_do_not_notice() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &[]);
    let (client, reader) = (server.connect().await, server.connect().await);
    fill(&client, "t", 12).await;
    run(&reader, "begin").await;
    assert_eq!(value(&reader, "select count(*) from t").await, "12");
    let done = rows(&client, "call optimize_table('t')").await;
    assert_eq!(done[0][..3], ["public.t", "12", "1"]);
    assert_eq!(rows(&client, "call optimize_table('public.t')").await[0][1..3], ["0", "0"], "there is nothing to gain");
    assert_eq!(value(&reader, "select sum(n) from t").await, "66");
    run(&reader, "insert into t values (100, 'from before'); commit").await;
    assert_eq!(value(&client, "select count(*) || ' ' || sum(n) from t").await, "13 166");
    let ordered = rows(&client, "call optimize_table('t', zorder => 'name, n')").await;
    assert_eq!(ordered[0][..3], ["public.t", "2", "1"]);
    assert_eq!(value(&client, "select count(*) || ' ' || sum(n) from t").await, "13 166");
    assert_eq!(value(&client, "select rows from lakewire.tables where name = 't'").await, "13");
    assert_eq!(error(&client, "call optimize_table('nope')").await.0, "42P01");
    assert_eq!(error(&client, "call optimize_table('t', zorder => 'nope')").await.0, "42703");
    assert_eq!(error(&client, "begin; call optimize_table('t')").await.0, "25001");
    let lake = folder.path().to_str().unwrap().to_owned();
    let code = "import sys; from deltalake import DeltaTable; t = DeltaTable(sys.argv[1] + '/public/t'); \
                assert t.to_pyarrow_table().num_rows == 13; assert len(t.file_uris()) == 1";
    tokio::task::spawn_blocking(move || python(&[&lake], code)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_deletes_what_no_kept_release_needs_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path();
    let server = serve(lake, &["maintenance.interval=0s"]);
    let client = server.connect().await;
    fill(&client, "t", 5).await;
    let release = value(&client, "select max(release) from lakewire.releases").await;
    run(&client, "update t set name = 'new'").await;
    let orphan = lake.join("public/t/part-00000-orphan.parquet");
    std::fs::write(&orphan, "left by a crash").unwrap();
    std::fs::write(lake.join("public/t/_hidden"), "not ours").unwrap();
    let before = data_files(&lake.join("public/t")).len();
    assert_eq!(before, 7);
    // every release is kept, and the orphan is young
    assert_eq!(rows(&client, "call vacuum_table('t')").await, [["public.t", "0", "0", "f"]]);
    std::thread::sleep(Duration::from_millis(1200));
    let dry = rows(&client, "call vacuum_table('t', retention => '0 seconds', dry_run => true)").await;
    assert_eq!(dry, [["public.t", "1", "15", "t"]]);
    assert!(orphan.exists());
    run(&client, "call vacuum_table('t', retention => interval '0 seconds')").await;
    assert!(!orphan.exists());
    run(&client, &format!("set lakewire.as_of = '{release}'")).await;
    assert_eq!(
        value(&client, "select count(*) from t where name <> 'new'").await,
        "5",
        "a kept release reads all it had"
    );
    drop(server);

    let server = serve(lake, &["maintenance.interval=0s", "lake.release_retention=0s"]);
    let client = server.connect().await;
    let done = rows(&client, "call vacuum_table('t', retention => '0 seconds')").await;
    assert_eq!(done[0][..2], ["public.t", "5"]);
    assert_eq!(data_files(&lake.join("public/t")).len(), 1);
    assert_eq!(value(&client, "select count(*) from t where name = 'new'").await, "5");
    assert!(lake.join("public/t/_hidden").exists());
    run(&client, "insert into t values (9, 'after')").await;
    assert_eq!(value(&client, "select count(*) from t").await, "6");
    assert_eq!(error(&client, "call vacuum_table('t', retention => 'soon')").await.0, "22023");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_restored_as_a_new_version() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &[]);
    let client = server.connect().await;
    fill(&client, "t", 3).await;
    run(&client, "delete from t").await;
    let done = rows(&client, "call restore_table('t', 3)").await;
    assert_eq!(done[0][..2], ["public.t", "3"]);
    assert_eq!(value(&client, "select count(*) from t").await, "3");
    assert_eq!(value(&client, "select max(version) from lakewire.table_history where name = 't'").await, "5");
    assert_eq!(error(&client, "call restore_table('t', 99)").await.0, "42704");
    run(&client, "insert into t values (3, 'more')").await;
    assert_eq!(value(&client, "select count(*) from t").await, "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path();
    let server = serve(lake, &["maintenance.interval=0s"]);
    let client = server.connect().await;
    run(&client, "create table t (n bigint, name text); create table other (n bigint)").await;
    run(&client, "insert into t values (1, 'ana secret'), (2, 'bob')").await;
    run(&client, "insert into t values (3, 'ana secret'); insert into other values (1)").await;
    run(&client, "update t set name = 'ana secret ' where n = 1").await;
    let release = value(&client, "select max(release) from lakewire.releases").await;
    let removed = rows(&client, "call forget('t', $$name like 'ana%'$$)").await;
    assert_eq!(removed[0], ["public.t", "2", "rows"]);
    assert!(removed.iter().any(|line| line[0] == "earlier versions of public.t" && line[1] != "0"), "{removed:?}");
    assert_eq!(rows(&client, "select * from t").await, [["2", "bob"]]);
    let mut left = Vec::new();
    for entry in walk(&lake.join("public/t")) {
        if String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).contains("ana secret") {
            left.push(entry);
        }
    }
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(data_files(&lake.join("public/t")).len(), 1);
    run(&client, "insert into t values (4, 'cy')").await;
    assert_eq!(value(&client, "select count(*) from t").await, "2");
    run(&client, &format!("set lakewire.as_of = '{release}'")).await;
    assert_eq!(value(&client, "select count(*) from other").await, "1", "other tables keep their past");
    assert!(client.simple_query("select * from t").await.is_err());
    run(&client, "reset lakewire.as_of").await;
    assert_eq!(error(&client, "call forget('t', 'nope = 1')").await.0, "42703");
    assert_eq!(error(&client, "call forget('t', '1 = 1); drop table t; --')").await.0, "42601");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn old_releases_and_dropped_tables_are_let_go_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path();
    let server = serve(lake, &["lake.checkpoint_interval=5", "maintenance.interval=0s"]);
    let client = server.connect().await;
    fill(&client, "t", 20).await;
    run(&client, "create table gone (n bigint); insert into gone values (1); drop table gone").await;
    run(&client, "create table gone2 (n bigint)").await;
    run(&client, "insert into gone2 values (1)").await;
    run(&client, "drop table gone2").await;
    assert!(lake.join("public/gone2").exists());
    drop(server);
    let catalog = lake.join("_lakewire/catalog");
    let before = data_files(&catalog).len();

    let keep = ["lake.release_retention=0s", "maintenance.file_retention=0s", "maintenance.interval=200ms"];
    let server = serve(lake, &[&keep[..], &["lake.checkpoint_interval=5"]].concat());
    let client = server.connect().await;
    soon("releases are forgotten", async || data_files(&catalog).len() < before / 2).await;
    soon("the folder goes", async || !lake.join("public/gone2").join("_delta_log").exists()).await;
    soon("superseded files go", async || data_files(&lake.join("public/t")).len() <= 20).await;
    let oldest: u64 = value(&client, "select min(release) from lakewire.releases").await.parse().unwrap();
    assert!(oldest > 10, "{oldest}");
    assert_eq!(error(&client, "set lakewire.as_of = '2'").await.0, "42704");
    assert_eq!(value(&client, "select count(*) from t").await, "20");
    drop(server);
    let server = serve(lake, &[]);
    let client = server.connect().await;
    run(&client, "insert into t values (20, 'after'); create table gone2 (n bigint)").await;
    assert_eq!(value(&client, "select count(*) from t").await, "21");
    let lake_text = lake.to_str().unwrap().to_owned();
    let code = "import sys; from deltalake import DeltaTable\n\
                assert DeltaTable(sys.argv[1] + '/public/t').to_pyarrow_table().num_rows == 21\n\
                assert DeltaTable(sys.argv[1] + '/_lakewire/catalog').to_pyarrow_table().num_rows > 2";
    tokio::task::spawn_blocking(move || python(&[&lake_text], code)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_are_compacted_by_themselves_and_nobody_conflicts_with_that() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &["maintenance.interval=100ms", "maintenance.compact_files=8"]);
    let client = server.connect().await;
    fill(&client, "t", 1).await;
    let writer = async {
        for n in 1..40 {
            run(&client, &format!("begin; insert into t values ({n}, 'x'); update t set n = n where n = 0; commit"))
                .await;
        }
    };
    writer.await;
    let compacted = async || {
        let operations = rows(&client, "select operation from lakewire.releases").await.concat();
        operations.contains(&"compact public.t".to_owned())
    };
    // now and then nobody writes
    for n in 40..60 {
        run(&client, &format!("insert into t values ({n}, 'x')")).await;
    }
    soon("the table is compacted", compacted).await;
    assert_eq!(value(&client, "select count(distinct n) || ' ' || count(*) from t").await, "60 60");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_put_together_while_rows_keep_coming() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &["maintenance.interval=1h", "maintenance.compact_files=8"]);
    let (one, other) = (server.connect().await, server.connect().await);
    fill(&one, "t", 1).await;
    // one writes by statements of their own, the other in transactions, until both have met three compactions
    let write = async |client: &tokio_postgres::Client, first: u64, insert: &dyn Fn(u64) -> String| {
        let mut rows_written = 0;
        loop {
            run(client, &insert(first + rows_written)).await;
            rows_written += 1;
            let compacted = "select count(*) from lakewire.releases where operation = 'compact public.t'";
            if rows_written % 5 == 0 && value(client, compacted).await.parse::<u64>().unwrap() >= 3 {
                return rows_written;
            }
            assert!(rows_written < 5000, "nothing is compacted");
        }
    };
    let (single, blocks) = tokio::join!(
        write(&one, 10_000, &|n| format!("insert into t values ({n}, 'x')")),
        write(&other, 20_000, &|n| format!("begin; insert into t values ({n}, 'x'); commit")),
    );
    let expected = format!("{0} {0}", 1 + single + blocks);
    assert_eq!(value(&one, "select count(distinct n) || ' ' || count(*) from t").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_from_a_table_stays_up_to_date_when_the_table_is_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("sql");
    std::fs::create_dir_all(project.join("gold")).unwrap();
    let config = "name: p\nmodel-paths: [gold]\nmodels:\n  p:\n    +materialized: table\n";
    std::fs::write(project.join("dbt_project.yml"), config).unwrap();
    let source = "version: 2\nsources:\n  - name: public\n    tables: [{name: t}]\n";
    std::fs::write(project.join("gold/sources.yml"), source).unwrap();
    std::fs::write(project.join("gold/total.sql"), "select sum(n) as n from {{ source('public', 't') }}").unwrap();
    let server = serve(folder.path(), &[&format!("project.dir={}", project.display())]);
    let client = server.connect().await;
    fill(&client, "t", 4).await;
    assert_eq!(rows(&client, "call refresh_gold()").await[0][1], "success");
    assert_eq!(rows(&client, "call optimize_table('t')").await[0][1], "4");
    assert_eq!(rows(&client, "call refresh_gold()").await[0][1], "skipped");
    run(&client, "insert into t values (100, 'x')").await;
    assert_eq!(rows(&client, "call refresh_gold()").await[0][1], "success");
    assert_eq!(value(&client, "select n from gold.total").await, "106");
}
