//! SQL that writes: what it answers, and what others see of it.

use futures::future::join_all;
use tokio_postgres::Client;

use crate::support::{Lake, error, rows, run, value};

/// How many rows the statement says it changed.
async fn changed(client: &Client, sql: &str) -> u64 {
    client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

#[tokio::test]
async fn rows_come_change_and_go() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id bigint not null, name text, price numeric(12,2), at timestamptz, day date)").await;
    assert_eq!(changed(&client, "insert into t values (1, 'a', 1.5, '2020-01-01 00:00:00Z', '2020-01-01')").await, 1);
    assert_eq!(changed(&client, "insert into t values (2, 'b')").await, 1);
    assert_eq!(changed(&client, "insert into t (name, id) select 'n' || g, g from generate_series(3, 6) g").await, 4);
    assert_eq!(changed(&client, "update t set price = price * 2, name = upper(name) where id < 3").await, 2);
    assert_eq!(changed(&client, "update t set name = 'last' where id in (select max(id) from t)").await, 1);
    assert_eq!(changed(&client, "update t as x set day = date '2021-01-01' where x.id = 3").await, 1);
    assert_eq!(changed(&client, "delete from t where id = 4").await, 1);
    assert_eq!(changed(&client, "delete from t where false").await, 0);
    assert_eq!(changed(&client, "delete from t where price < 0").await, 0);
    let expected = [
        ["1", "A", "3.00", "2020-01-01 00:00:00+00", "2020-01-01"],
        ["2", "B", "NULL", "NULL", "NULL"],
        ["3", "n3", "NULL", "NULL", "2021-01-01"],
        ["5", "n5", "NULL", "NULL", "NULL"],
        ["6", "last", "NULL", "NULL", "NULL"],
    ];
    assert_eq!(rows(&client, "select * from t order by id").await, expected);
    assert_eq!(changed(&client, "delete from t where name in (select name from t where id > 4)").await, 2);
    assert_eq!(changed(&client, "update t set name = null").await, 3);
    assert_eq!(changed(&client, "delete from t").await, 3);
    assert_eq!(value(&client, "select count(*) from t").await, "0");
    run(&client, "insert into t (id) values (1); truncate table t").await;
    assert_eq!(value(&client, "select count(*) from t").await, "0");
}

#[tokio::test]
async fn parameters_take_the_types_of_their_columns() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id bigint, name text, share double precision)").await;
    let insert = client.prepare("insert into t values ($1, $2, $3)").await.unwrap();
    for id in 0..3_i64 {
        assert_eq!(client.execute(&insert, &[&id, &format!("n{id}"), &0.5_f64]).await.unwrap(), 1);
    }
    let updated = client.execute("update t set share = $1 where id >= $2", &[&0.25_f64, &1_i64]).await.unwrap();
    assert_eq!(updated, 2);
    assert_eq!(client.execute("delete from t where name = $1", &[&"n0"]).await.unwrap(), 1);
    assert_eq!(rows(&client, "select * from t order by id").await, [["1", "n1", "0.25"], ["2", "n2", "0.25"]]);
}

#[tokio::test]
async fn whether_a_row_is_changed_is_decided_once() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t as select g as id, 0 as hit from generate_series(1, 1000) g").await;
    run(&client, "update t set hit = 1 where random() < 0.5").await;
    assert_eq!(value(&client, "select count(*) from t").await, "1000");
    assert_eq!(value(&client, "select count(distinct id) from t").await, "1000");
    let hit: u64 = value(&client, "select sum(hit) from t").await.parse().unwrap();
    assert!((1..1000).contains(&hit), "{hit}");
}

#[tokio::test]
async fn wrong_statements_change_nothing_and_say_why() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id bigint not null, n integer); create view v as select id from t").await;
    run(&client, "insert into t values (1, 1)").await;
    for (sql, sqlstate, message) in [
        ("insert into t (n) values (1)", "23502", "null value in column \"id\""),
        ("insert into t values (1, 2), (null, 3)", "23502", "null value in column \"id\""),
        ("update t set id = null", "23502", "null value in column \"id\""),
        ("insert into t values (1, 2, 3)", "42601", "more expressions than target columns"),
        ("insert into t select 1, 2, 3", "42601", "more expressions than target columns"),
        ("insert into t (nope) values (1)", "42703", "\"nope\""),
        ("update t set nope = 1", "42703", "\"nope\""),
        (
            "insert into t values (true, 2)",
            "42804",
            "column \"id\" is of type bigint but expression is of type boolean",
        ),
        ("insert into t select 'a' || n, n from t", "42804", "expression is of type text"),
        ("update t set n = current_date", "42804", "column \"n\" is of type integer but expression is of type date"),
        ("insert into t values ('x', 2)", "22P02", "invalid input syntax for type bigint: \"x\""),
        ("insert into nope values (1)", "42P01", "\"nope\" does not exist"),
        ("insert into v values (1)", "55000", "cannot insert into view \"v\""),
        ("delete from lakewire.releases", "42501", "system catalog"),
        ("create table t (id bigint)", "42P07", "relation \"t\" already exists"),
        ("create table u (a bigint, A text)", "42701", "\"a\" specified more than once"),
        ("create table nope.t (id bigint)", "3F000", "schema \"nope\" does not exist"),
        ("create table lakewire.t (id bigint)", "42501", "schema lakewire"),
        ("drop table t", "2BP01", "other objects depend on it"),
        ("drop view t", "42809", "is not a view"),
        ("drop table nope", "42P01", "table \"nope\" does not exist"),
        ("insert into t values (1, 1) on conflict (id) do nothing", "42P10", "no unique or exclusion constraint"),
    ] {
        let (state, told) = error(&client, sql).await;
        assert_eq!(state, sqlstate, "{sql}: {told}");
        assert!(told.contains(message), "{sql}: {told}");
    }
    assert_eq!(rows(&client, "select * from t").await, [["1", "1"]]);
    run(&client, "set default_transaction_read_only = on").await;
    assert_eq!(error(&client, "delete from t").await.0, "25006");
    run(&client, "reset default_transaction_read_only; set lakewire.as_of = '1'").await;
    assert_eq!(error(&client, "delete from t").await.0, "25006");
}

#[tokio::test]
async fn tables_views_and_schemas_are_made_and_dropped() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create schema shop; create schema if not exists shop").await;
    assert_eq!(error(&client, "create schema shop").await.0, "42P06");
    assert_eq!(changed(&client, "create table shop.a as select g as id from generate_series(1, 5) g").await, 5);
    run(&client, "create table if not exists shop.a (x text)").await;
    run(
        &client,
        "set search_path = shop; create view big as with a as (select id from a) select id from a where id > 3",
    )
    .await;
    run(&client, "create or replace view big as select id from a where id > 2; reset search_path").await;
    assert_eq!(value(&client, "select count(*) from shop.big").await, "3");
    assert_eq!(error(&client, "create view shop.big as select 1 as x").await.0, "42P07");
    assert_eq!(error(&client, "drop schema shop").await.0, "2BP01");
    run(&client, "drop table shop.a cascade").await;
    assert_eq!(error(&client, "select * from shop.big").await.0, "42P01");
    run(&client, "drop schema shop; drop schema if exists shop; drop table if exists shop.a").await;
    assert_eq!(value(&client, "select count(*) from pg_namespace where nspname = 'shop'").await, "0");
}

#[tokio::test]
async fn a_transaction_is_seen_whole_or_not_at_all() {
    let lake = Lake::new();
    let (ours, theirs) = (lake.client().await, lake.client().await);
    run(&ours, "create table a (n bigint); create table b (n bigint)").await;
    run(&ours, "begin; insert into a values (1); insert into b values (1), (2)").await;
    run(&ours, "create table c as select n from b; update b set n = n + 10").await;
    assert_eq!(rows(&ours, "select * from b order by n").await, [["11"], ["12"]]);
    assert_eq!(rows(&ours, "select * from c order by n").await, [["1"], ["2"]]);
    assert_eq!(value(&theirs, "select (select count(*) from a) + (select count(*) from b)").await, "0");
    assert_eq!(error(&theirs, "select * from c").await.0, "42P01");
    run(&ours, "commit").await;
    assert_eq!(
        value(&theirs, "select (select sum(n) from a) + (select sum(n) from b) + (select sum(n) from c)").await,
        "27"
    );
    let release = value(&theirs, "select max(release) from lakewire.releases").await;
    run(&ours, "begin; delete from a; drop table c; rollback").await;
    run(&ours, "begin; delete from a").await;
    assert_eq!(error(&ours, "select 1/0").await.0, "22012");
    run(&ours, "rollback").await;
    assert_eq!(value(&theirs, "select count(*) from a").await, "1");
    assert_eq!(value(&theirs, "select count(*) from c").await, "2");
    assert_eq!(value(&theirs, "select max(release) from lakewire.releases").await, release);
}

#[tokio::test]
async fn savepoints_take_back_what_came_after_them() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (n bigint)").await;
    run(&client, "begin; savepoint empty; insert into t values (1); savepoint one; insert into t values (2)").await;
    run(&client, "create table u (n bigint); rollback to one").await;
    assert_eq!(rows(&client, "select * from t").await, [["1"]]);
    assert_eq!(error(&client, "select * from u").await.0, "42P01");
    run(&client, "rollback to one; insert into t values (3)").await;
    assert_eq!(rows(&client, "select * from t order by n").await, [["1"], ["3"]]);
    run(&client, "rollback to empty").await;
    assert_eq!(value(&client, "select count(*) from t").await, "0");
    run(&client, "insert into t values (4); release empty; commit").await;
    assert_eq!(rows(&client, "select * from t").await, [["4"]]);
}

#[tokio::test]
async fn of_two_transactions_on_one_table_the_second_is_told_to_retry() {
    let lake = Lake::new();
    let (first, second) = (lake.client().await, lake.client().await);
    run(&first, "create table t (n bigint); insert into t values (1)").await;
    run(&first, "begin; update t set n = n + 1").await;
    run(&second, "begin; update t set n = n * 10").await;
    run(&first, "commit").await;
    assert_eq!(error(&second, "commit").await.0, "40001");
    assert_eq!(value(&second, "select n from t").await, "2");
    run(&second, "begin; update t set n = n * 10; commit").await;
    assert_eq!(value(&first, "select n from t").await, "20");
}

#[tokio::test]
async fn single_statements_of_many_clients_all_land() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table counter (n bigint); insert into counter values (0); create table log (who bigint)")
        .await;
    let work = (0..8).map(|who| {
        let lake = &lake;
        async move {
            let client = lake.client().await;
            for _ in 0..5 {
                assert_eq!(changed(&client, "update counter set n = n + 1").await, 1);
                assert_eq!(changed(&client, &format!("insert into log values ({who})")).await, 1);
            }
        }
    });
    join_all(work).await;
    assert_eq!(value(&client, "select n from counter").await, "40");
    assert_eq!(value(&client, "select count(*) from log").await, "40");
}
