//! What the catalogs tell is what lies on disk, and stays the same over a restart of the server.

use std::fs;

use crate::support::{Server, rows, value};

const TABLES: &str = "create table public.kept (id int primary key, v varchar(5)); create index kept_v on public.kept (v); \
    insert into public.kept values (1, 'a'), (2, 'b'); create view public.kept_view as select id from public.kept; \
    create sequence public.kept_numbers";

/// Every OID that a tool may have remembered.
const OIDS: &str = "select 'class', oid, relname::text from pg_class union all select 'type', oid, typname from pg_type \
    union all select 'proc', oid, proname from pg_proc union all select 'namespace', oid, nspname from pg_namespace \
    union all select 'constraint', oid, conname from pg_constraint union all select 'role', oid, rolname from pg_roles \
    order by 1, 2";

#[tokio::test]
async fn oids_are_the_same_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let before = {
        let server = Server::serve(folder.path(), &[]);
        let client = server.connect().await;
        client.batch_execute(TABLES).await.expect("the tables are made");
        rows(&client, OIDS).await
    };
    for kept in ["kept", "kept_v", "kept_view", "kept_numbers", "kept_pkey"] {
        assert!(before.iter().any(|row| row[2] == kept), "{kept} has no OID");
    }
    let server = Server::serve(folder.path(), &[]);
    let after = rows(&server.connect().await, OIDS).await;
    let changed: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(before.len(), after.len());
}

#[tokio::test]
async fn a_relations_size_is_that_of_its_files_at_the_version_it_has() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::serve(folder.path(), &[]);
    let client = server.connect().await;
    client.batch_execute(TABLES).await.expect("the tables are made");
    let files = || {
        let entries = fs::read_dir(folder.path().join("public/kept")).expect("the table's folder");
        let entries = entries.map(|entry| entry.expect("an entry"));
        let data = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "parquet"));
        data.map(|entry| entry.metadata().expect("its metadata").len()).collect::<Vec<u64>>()
    };
    let size = "select pg_relation_size('public.kept')";
    let first = files();
    assert_eq!(value(&client, size).await, first.iter().sum::<u64>().to_string());
    // what an earlier version had stays on disk, and counts no more
    client.batch_execute("update public.kept set v = 'longer'::varchar(5)").await.expect("the rows are changed");
    let all: u64 = files().iter().sum();
    assert_eq!(value(&client, size).await, (all - first.iter().sum::<u64>()).to_string());
}

#[tokio::test]
async fn statements_that_differ_in_their_constants_are_counted_as_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::serve(folder.path(), &[]);
    let client = server.connect().await;
    for upper in [2, 3, 5] {
        rows(&client, &format!("select g as counted from generate_series(1, {upper}) g")).await;
    }
    let counted =
        rows(&client, "select calls, rows, query from pg_stat_statements where query like 'select g as counted%'")
            .await;
    assert_eq!(counted, [["3", "10", "select g as counted from generate_series($1, $2) g"]]);
}
