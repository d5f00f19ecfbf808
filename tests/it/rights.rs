//! GRANT and REVOKE: who may do what, in every way there is to do it.

use tokio_postgres::Client;

use crate::support::{Lake, connect, error, rows, run, value};

fn lake() -> Lake {
    Lake::with(&["--set", "server.password=own", "--set", "users.ann=a", "--set", "users.bob=b"])
}

async fn client(lake: &Lake, user: &str, password: &str) -> Client {
    connect(&lake.server.url.replace("lakewire@", &format!("{user}:{password}@"))).await
}

/// Forbidden, and at no place of the statement, as in PostgreSQL.
async fn forbidden(client: &Client, sql: &str) {
    let error = client.simple_query(sql).await.expect_err(sql);
    let told = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}"));
    assert_eq!((told.code().code(), told.position()), ("42501", None), "{sql}: {told}");
}

#[tokio::test]
async fn a_table_is_everybody_s_until_rights_are_taken_away() {
    let lake = lake();
    let (owner, ann, bob) =
        (client(&lake, "lakewire", "own").await, client(&lake, "ann", "a").await, client(&lake, "bob", "b").await);
    run(&owner, "create table t as select 1 as a; create view v as select a from t").await;
    run(&ann, "insert into t values (2)").await;
    let before = value(&owner, "select max(release) from lakewire.releases").await;
    forbidden(&ann, "revoke all on t from public").await;
    run(&owner, "revoke all on t from public; grant select, insert on t to ann").await;

    assert_eq!(rows(&ann, "select a from t order by a").await, [["1"], ["2"]]);
    run(&ann, "insert into t values (3)").await;
    for sql in [
        "update t set a = 0",
        "delete from t",
        "truncate t",
        "insert into t values (3) on conflict do nothing; update t set a = 1",
        "merge into t using (select 1 as b) s on a = b when matched then delete",
        "alter table t add column b integer",
        "drop table t",
        "drop view v; drop table t cascade",
        "comment on table t is 'mine'",
        "grant select on t to bob",
        "call forget('public.t', 'a = 1')",
        "call rollback_release(1)",
    ] {
        forbidden(&ann, sql).await;
    }
    for sql in [
        "select a from t".to_owned(),
        "select count(*) from t join v using (a)".to_owned(),
        "with w as (select * from t) select 1 from w".to_owned(),
        "select 1 where exists (select from t)".to_owned(),
        "copy t to stdout".to_owned(),
        "insert into t values (4)".to_owned(),
        "create table mine as select * from t".to_owned(),
        "create view mine as select * from t".to_owned(),
        "declare c cursor for select * from t".to_owned(),
        "explain select * from t".to_owned(),
        "prepare p as select * from t".to_owned(),
        "select * from lakewire.table_at('t', 0)".to_owned(),
        "select * from rfm(t, customer => 'a', time => 'a', value => 'a')".to_owned(),
        format!("set lakewire.as_of = '{before}'; select * from t"),
    ] {
        forbidden(&bob, &sql).await;
    }
    // a view shows what its maker may see
    assert_eq!(value(&bob, "select count(*) from v").await, "3");
    run(&owner, "revoke select on v from public").await;
    forbidden(&bob, "select count(*) from v").await;

    let asked = "select has_table_privilege('bob', 't', 'select'), has_table_privilege('ann', 't', 'select'),
                 has_table_privilege('ann', 't', 'delete'), has_table_privilege('lakewire', 't', 'delete'),
                 has_column_privilege('ann', 't', 'a', 'insert')";
    assert_eq!(rows(&owner, asked).await, [["f", "t", "f", "t", "t"]]);
    assert_eq!(
        value(&owner, "select relacl::text from pg_class where oid = 't'::regclass").await,
        "{lakewire=arwdDxt/lakewire,ann=ar/lakewire}"
    );
    let told = "select grantee, privilege_type from information_schema.table_privileges
                where table_name = 't' and grantee <> 'lakewire' order by 1, 2";
    assert_eq!(rows(&owner, told).await, [["ann", "INSERT"], ["ann", "SELECT"]]);
}

#[tokio::test]
async fn rights_are_part_of_transactions_and_outlive_rebuilding() {
    let lake = lake();
    let (owner, bob) = (client(&lake, "lakewire", "own").await, client(&lake, "bob", "b").await);
    run(&owner, "create schema s; create table s.t as select 1 as a; create table s.u as select 2 as a").await;
    run(&owner, "begin; revoke all on all tables in schema s from public; rollback").await;
    assert_eq!(value(&bob, "select a from s.t").await, "1");
    run(&owner, "revoke all on all tables in schema s from public; grant usage on schema s to bob").await;
    forbidden(&bob, "select a from s.t").await;
    forbidden(&bob, "select a from s.u").await;
    run(&owner, "truncate s.t; insert into s.t values (5); alter table s.t rename to r").await;
    forbidden(&bob, "select a from s.r").await;
    forbidden(&bob, "drop schema s cascade").await;
    // a statement that was prepared while it was allowed
    run(&owner, "grant select on s.r to bob").await;
    run(&bob, "prepare p as select a from s.r").await;
    assert_eq!(value(&bob, "execute p").await, "5");
    run(&owner, "revoke select on s.r from bob").await;
    forbidden(&bob, "execute p").await;
    for (sql, sqlstate) in [
        ("grant select on s.r to nobody", "42704"),
        ("grant select on s.nope to bob", "42P01"),
        ("grant usage on s.r to bob", "0LP01"),
        ("grant select (a) on s.r to bob", "0A000"),
        ("grant select on s.r to bob with grant option", "0A000"),
        ("create role r", "0A000"),
    ] {
        assert_eq!(error(&owner, sql).await.0, sqlstate, "{sql}");
    }
}

#[tokio::test]
async fn members_of_predefined_roles_may_do_what_the_roles_may() {
    let lake = lake();
    let (owner, ann, bob) =
        (client(&lake, "lakewire", "own").await, client(&lake, "ann", "a").await, client(&lake, "bob", "b").await);
    run(&owner, "create table t as select 1 as a; revoke all on t from public").await;
    let before = value(&owner, "select max(release) from lakewire.releases").await;
    forbidden(&ann, "select a from t").await;
    forbidden(&ann, "grant pg_read_all_data to ann").await;

    run(&owner, "begin; grant pg_read_all_data to ann; rollback").await;
    forbidden(&ann, "select a from t").await;
    run(&owner, "grant pg_read_all_data to ann; grant pg_write_all_data to bob").await;
    assert_eq!(value(&ann, "select a from t").await, "1");
    run(&bob, "insert into t values (2)").await;
    for (who, sql) in [(&ann, "insert into t values (3)"), (&bob, "select a from t"), (&bob, "truncate t")] {
        forbidden(who, sql).await;
    }
    let held = "select has_table_privilege('ann', 't', 'select'), has_table_privilege('ann', 't', 'insert'),
                pg_has_role('ann', 'pg_read_all_data', 'member'), pg_has_role('bob', 'pg_read_all_data', 'member')";
    assert_eq!(rows(&owner, held).await, [["t", "f", "t", "f"]]);

    // sessions of others: what they do, and to end it
    let statement = "select query from pg_stat_activity where usename = 'bob'";
    assert_eq!(value(&ann, statement).await, "<insufficient privilege>");
    run(&owner, "grant pg_monitor to ann").await;
    assert_eq!(value(&ann, statement).await, "truncate t");
    let cancel = "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'bob'";
    forbidden(&ann, cancel).await;
    run(&owner, "grant pg_signal_backend to ann").await;
    assert_eq!(value(&ann, cancel).await, "t");
    forbidden(&ann, "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'lakewire'").await;

    run(&owner, "revoke pg_read_all_data, pg_monitor, pg_signal_backend from ann").await;
    forbidden(&ann, "select a from t").await;
    // the past is no way around it
    run(&ann, &format!("set lakewire.as_of = '{before}'")).await;
    forbidden(&ann, "select a from t").await;
    for (sql, sqlstate) in [
        ("grant pg_checkpoint to ann", "0A000"),
        ("grant pg_monitor to ann with admin option", "0A000"),
        ("grant lakewire to ann", "0A000"),
        ("grant pg_monitor to nobody", "42704"),
        ("create role pg_mine", "42939"),
    ] {
        assert_eq!(error(&owner, sql).await.0, sqlstate, "{sql}");
    }
}

#[tokio::test]
async fn who_acts_for_a_role_may_do_what_the_role_may() {
    let lake = lake();
    let (owner, ann) = (client(&lake, "lakewire", "own").await, client(&lake, "ann", "a").await);
    run(&owner, "create table t as select 1 as a; revoke all on t from public; grant select on t to ann").await;
    run(&owner, "prepare p as select a from t; grant pg_read_all_data to ann").await;

    // the owner as others see the lake, a statement prepared before too
    run(&owner, "set role bob").await;
    assert_eq!(rows(&owner, "select current_user, session_user").await, [["bob", "lakewire"]]);
    for sql in ["select a from t", "execute p", "drop table t", "grant select on t to bob", "call rollback_release(1)"]
    {
        forbidden(&owner, sql).await;
    }
    run(&owner, "set role ann").await;
    assert_eq!(value(&owner, "execute p").await, "1");
    forbidden(&owner, "delete from t").await;
    run(&owner, "begin; set local role none; insert into t values (2); commit").await;
    forbidden(&owner, "insert into t values (3)").await;
    run(&owner, "reset role; insert into t values (3); set session authorization bob").await;
    forbidden(&owner, "select a from t").await;
    assert_eq!(value(&owner, "show is_superuser").await, "off");
    // who logged in decides whom the session may become
    run(&owner, "set session authorization ann; reset session authorization").await;
    assert_eq!(value(&owner, "select count(*) from t").await, "3");

    assert_eq!(error(&ann, "set role lakewire").await.1, "permission denied to set role \"lakewire\"");
    assert_eq!(error(&ann, "set session authorization bob").await.1, "permission denied to set session authorization");
    forbidden(&ann, "select set_config('role', 'bob', false)").await;
    assert_eq!(error(&ann, "set role nosuch").await, ("22023".to_owned(), "role \"nosuch\" does not exist".to_owned()));
    run(&ann, "set role pg_read_all_data").await;
    assert_eq!(value(&ann, "select count(*) from t").await, "3");
    run(&ann, "set session authorization ann").await;
    assert_eq!(value(&ann, "select current_user").await, "ann");

    // nor does a connection begin as somebody else
    for setting in ["role=lakewire", "session_authorization=lakewire", "is_superuser=on"] {
        let url = lake.server.url.replace("lakewire@", "bob:b@");
        let sneaking = connect(&format!("{url}?options=-c%20{setting}")).await;
        assert_eq!(rows(&sneaking, "select current_user, session_user").await, [["bob", "bob"]], "{setting}");
        forbidden(&sneaking, "select a from t").await;
    }
}

#[tokio::test]
async fn schemas_and_sequences_are_everybody_s_until_something_is_taken_away() {
    let lake = lake();
    let (owner, ann, bob) =
        (client(&lake, "lakewire", "own").await, client(&lake, "ann", "a").await, client(&lake, "bob", "b").await);
    run(&owner, "create schema s; create table s.t as select 1 as a; create sequence s.q").await;
    run(&owner, "grant usage on schema s to ann").await;
    run(&ann, "create table s.mine (a integer); select nextval('s.q'); create table moved (a integer)").await;
    forbidden(&ann, "revoke create on schema s from public").await;

    run(&owner, "revoke create on schema s from public").await;
    for sql in [
        "create table s.more (a integer)",
        "create table s.more as select 1 as a",
        "select 1 as a into s.more",
        "create view s.more as select 1 as a",
        "create materialized view s.more as select 1 as a",
        "create sequence s.more",
        "alter table moved set schema s",
    ] {
        forbidden(&ann, sql).await;
    }
    let held = "select has_schema_privilege('ann', 's', 'create'), has_schema_privilege('bob', 's', 'usage')";
    assert_eq!(rows(&owner, held).await, [["f", "t"]]);
    assert_eq!(value(&bob, "select a from s.t").await, "1");
    run(&owner, "create table s.more (a integer)").await;

    run(&owner, "revoke all on schema s from public; revoke all on sequence s.q from public").await;
    for sql in ["select a from s.t", "insert into s.t values (2)", "copy s.t to stdout"] {
        forbidden(&bob, sql).await;
    }
    assert_eq!(value(&ann, "select a from s.t").await, "1");
    for sql in ["select nextval('s.q')", "select setval('s.q', 9)"] {
        forbidden(&ann, sql).await;
    }
    run(&owner, "grant usage on sequence s.q to ann").await;
    assert_eq!(value(&ann, "select nextval('s.q')").await, "2");
    forbidden(&ann, "select setval('s.q', 9)").await;
    // what a transaction sees is no way around what was taken away since it began
    run(&owner, "create sequence s.r").await;
    run(&ann, "begin; select 1 from s.t").await;
    run(&owner, "revoke all on sequence s.r from public").await;
    forbidden(&ann, "select nextval('s.r')").await;
    run(&ann, "rollback").await;

    run(&owner, "drop owned by ann").await;
    forbidden(&ann, "select a from s.t").await;
}

#[tokio::test]
async fn sessions_begin_with_what_is_said_of_their_role() {
    let lake = lake();
    let owner = client(&lake, "lakewire", "own").await;
    run(&owner, "alter role ann set search_path to gold, public; alter database lake set datestyle to 'SQL, DMY'")
        .await;
    let (ann, bob) = (client(&lake, "ann", "a").await, client(&lake, "bob", "b").await);
    assert_eq!(value(&ann, "show search_path").await, "gold, public");
    assert_ne!(value(&bob, "show search_path").await, "gold, public");
    assert_eq!(value(&bob, "show datestyle").await, "SQL, DMY");
    forbidden(&ann, "alter role bob set search_path to gold").await;
    run(&ann, "alter role ann set search_path to silver").await;
    assert_eq!(value(&client(&lake, "ann", "a").await, "show search_path").await, "silver");
    run(&owner, "alter role ann reset all; alter database lake reset datestyle").await;
    assert_ne!(value(&client(&lake, "ann", "a").await, "show search_path").await, "silver");
}
