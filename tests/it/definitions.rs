//! Statements that define things: what they leave, what they refuse, and what other sessions and engines see of it.

use tokio_postgres::Client;

use crate::support::{Lake, error, rows, run, value};

async fn check_errors(client: &Client, cases: &[(&str, &str, &str)]) {
    for (sql, sqlstate, message) in cases {
        let (state, told) = error(client, sql).await;
        assert_eq!(state, *sqlstate, "{sql}: {told}");
        assert!(told.contains(message), "{sql}: {told}");
    }
}

#[tokio::test]
async fn a_table_keeps_what_it_was_declared_to_ask_of_rows() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(
        &client,
        "create table t (id serial primary key, name varchar(6) not null default 'none', price numeric(8,2) constraint
         paid check (price > 0), twice numeric(10,2) generated always as (price * 2) stored, at timestamptz default now(),
         check (name <> 'nobody'))",
    )
    .await;
    run(&client, "insert into t (price) values (1.5); insert into t (name, price) values ('ann', 2)").await;
    let expected = [["1", "none", "1.50", "3.00"], ["2", "ann", "2.00", "4.00"]];
    assert_eq!(rows(&client, "select id, name, price, twice from t order by id").await, expected);
    check_errors(
        &client,
        &[
            ("insert into t (price) values (0)", "23514", "paid"),
            ("insert into t (name, price) values ('nobody', 1)", "23514", "t_name_check"),
            ("insert into t (name, price) values (null, 1)", "23502", "\"name\""),
            ("insert into t (name, price) values ('too long', 1)", "22001", "varying(6)"),
        ],
    )
    .await;
    run(&client, "create table u (a integer, b text, unique (a, b), foreign key (a) references t) with (delta.appendOnly = false)").await;
    check_errors(
        &client,
        &[
            ("create table v (a integer references nope)", "42P01", "nope"),
            ("create table v (a integer references u)", "42830", "no primary key"),
            ("create table v (a integer default 1 default 2, b nosuchtype)", "42601", "multiple default values"),
            ("create table v (a integer default 1, b nosuchtype)", "42704", "nosuchtype"),
            ("create table v (a integer) with (nope = 1)", "22023", "unrecognized parameter \"nope\""),
            ("create table v (a integer) with (delta.columnMapping.mode = 'name')", "0A000", "columnMapping"),
            ("create table v (a integer) partition by range (a)", "0A000", "RANGE"),
        ],
    )
    .await;
    // what is asked of rows stands in Delta's own log
    let log =
        std::fs::read_to_string(lake.folder.path().join("public/t/_delta_log/00000000000000000000.json")).unwrap();
    for part in ["delta.constraints.paid", "delta.generationExpression", "checkConstraints", "generatedColumns"] {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[tokio::test]
async fn tables_are_altered_and_their_rows_stay() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t as select g as id, 'n' || g as name from generate_series(1, 3) g").await;
    run(&client, "alter table t add column price numeric(8,2) default 1.5, add column note text").await;
    run(&client, "alter table t rename column name to label; alter table t alter column id type integer").await;
    run(&client, "alter table t alter column label set not null, add constraint low check (id < 10)").await;
    run(&client, "comment on table t is 'things'; comment on column t.label is 'what it is called'").await;
    assert_eq!(rows(&client, "select * from t where id = 2").await, [["2", "n2", "1.50", "NULL"]]);
    check_errors(
        &client,
        &[
            ("insert into t (id, label) values (10, 'x')", "23514", "low"),
            ("insert into t (id) values (1)", "23502", "label"),
            ("alter table t alter column note set not null", "23502", "contains null values"),
            ("alter table t add constraint none check (id < 2)", "23514", "violated by some row"),
            ("alter table t add column x integer not null", "23502", "contains null values"),
            ("alter table t drop column nope", "42703", "nope"),
            ("alter table t add column id integer", "42701", "already exists"),
            ("alter table t alter column label type integer", "42804", "cast automatically"),
        ],
    )
    .await;
    run(&client, "create view v as select id, label from t; create view w as select id from v").await;
    check_errors(&client, &[("alter table t drop column label", "2BP01", "column label of table t")]).await;
    run(&client, "alter table t drop column note; alter table t drop constraint low; alter table t rename to things")
        .await;
    assert_eq!(rows(&client, "select count(*), min(label) from v").await, [["3", "n1"]]);
    run(&client, "create schema s; alter table things set schema s; alter schema s rename to shop").await;
    assert_eq!(value(&client, "select count(*) from w").await, "3");
    assert_eq!(value(&client, "select count(*) from shop.things").await, "3");
    assert_eq!(value(&client, "select obj_description('shop.things'::regclass)").await, "things");
    run(&client, "alter table shop.things drop column label cascade").await;
    assert_eq!(error(&client, "select * from v").await.0, "42P01");
    run(&client, "begin; alter table shop.things rename to away; drop table shop.away; rollback").await;
    assert_eq!(value(&client, "select count(*) from shop.things").await, "3");
}

#[tokio::test]
async fn a_table_is_replaced_by_renaming() {
    let lake = Lake::new();
    let (ours, theirs) = (lake.client().await, lake.client().await);
    run(&ours, "create table t as select 1 as a").await;
    let oid = value(&ours, "select 't'::regclass::oid").await;
    run(
        &ours,
        "begin; create table t_new as select 2 as a; alter table t rename to t_old; alter table t_new rename to t",
    )
    .await;
    assert_eq!(value(&ours, "select a from t").await, "2");
    assert_eq!(value(&theirs, "select a from t").await, "1");
    run(&ours, "commit; drop table t_old cascade").await;
    assert_eq!(value(&theirs, "select a from t").await, "2");
    assert_ne!(value(&theirs, "select 't'::regclass::oid").await, oid);
    run(&ours, "create table t_old as select 3 as a").await;
    assert_eq!(value(&theirs, "select a from t_old").await, "3");
}

#[tokio::test]
async fn temporary_relations_are_their_session_s_own() {
    let lake = Lake::new();
    let (ours, theirs) = (lake.client().await, lake.client().await);
    run(&ours, "create table t as select 1 as a").await;
    let release = value(&ours, "select max(release) from lakewire.releases").await;
    run(&ours, "create temp table t (a integer, b text); insert into t values (2, 'x'), (3, 'y')").await;
    run(&ours, "update t set b = 'z' where a = 3; create temp view v as select a from t where b = 'z'").await;
    assert_eq!(value(&ours, "select a from v").await, "3");
    assert_eq!(value(&ours, "select count(*) from t").await, "2");
    assert_eq!(value(&ours, "select count(*) from public.t").await, "1");
    assert_eq!(value(&theirs, "select a from t").await, "1");
    assert_eq!(error(&theirs, "select * from v").await.0, "42P01");
    run(&ours, "begin; insert into t values (4, 'w'); create temp table gone (x integer) on commit drop; rollback")
        .await;
    assert_eq!(value(&ours, "select count(*) from t").await, "2");
    run(&ours, "begin; savepoint s; delete from t; rollback to s; insert into public.t select a from t; commit").await;
    assert_eq!(rows(&theirs, "select a from t order by a").await, [["1"], ["2"], ["3"]]);
    run(&ours, "begin; create temp table gone on commit drop as select 1 as x; select x from gone; commit").await;
    assert_eq!(error(&ours, "select * from gone").await.0, "42P01");
    run(&ours, "drop view v; drop table t; select a from t").await;
    run(&ours, "create temp table last as select 1 as x").await;
    run(&ours, "discard all").await;
    assert_eq!(error(&ours, "select * from last").await.0, "42P01");
    let now: u64 = value(&ours, "select max(release) from lakewire.releases").await.parse().unwrap();
    assert_eq!(now, release.parse::<u64>().unwrap() + 1, "only the insert into public.t made a release");
}

#[tokio::test]
async fn materialized_views_hold_what_they_were_filled_with() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t as select 1 as a; create materialized view m as select a, a * 2 as b from t").await;
    run(&client, "insert into t values (5)").await;
    assert_eq!(value(&client, "select count(*) from m").await, "1");
    run(&client, "refresh materialized view m").await;
    assert_eq!(rows(&client, "select * from m order by a").await, [["1", "2"], ["5", "10"]]);
    check_errors(
        &client,
        &[
            ("drop table m", "42809", "\"m\" is not a table"),
            ("refresh materialized view t", "0A000", "\"t\" is not a materialized view"),
            ("drop table t", "2BP01", "other objects depend on it"),
        ],
    )
    .await;
    run(&client, "drop materialized view m; drop table t").await;
}

#[tokio::test]
async fn what_tools_send_after_a_load_does_no_harm() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (a integer)").await;
    for sql in [
        "create unique index on t (a)",
        "vacuum",
        "vacuum (full, analyze) t",
        "analyze t",
        "reindex table t",
        "cluster",
        "checkpoint",
        "alter table t owner to lakewire",
        "alter default privileges grant select on tables to public",
        "begin; lock table t in exclusive mode; commit",
        "set constraints all deferred",
    ] {
        run(&client, sql).await;
    }
    check_errors(
        &client,
        &[
            ("create index on nope (a)", "42P01", "nope"),
            ("create index on t (nope)", "42703", "nope"),
            ("create domain d as int", "0A000", "DOMAIN"),
            ("create type e as enum ('a')", "0A000", "TYPE"),
            ("create rule r as on insert to t do nothing", "0A000", "RULE"),
        ],
    )
    .await;
}
