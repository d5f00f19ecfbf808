//! Transactions as PostgreSQL has them: statements that come together, modes, chains, conflicts.

use tokio_postgres::Client;

use crate::support::{Lake, error, rows, run, value};

async fn releases(client: &Client) -> u64 {
    value(client, "select max(release) from lakewire.releases").await.parse().unwrap()
}

#[tokio::test]
async fn statements_of_one_string_are_one_transaction() {
    let lake = Lake::new();
    let client = lake.client().await;
    let other = lake.client().await;
    run(&client, "create table t (n bigint); create table u (n bigint)").await;
    let before = releases(&client).await;
    run(&client, "insert into t values (1); insert into u values (1); insert into t select n + 1 from t").await;
    assert_eq!(releases(&client).await, before + 1, "all three in one release");
    assert_eq!(rows(&other, "select n from t order by n").await, [["1"], ["2"]]);

    assert_eq!(
        error(&client, "insert into t values (3); set work_mem = '7MB'; select 1/0; insert into u values (3)").await.0,
        "22012"
    );
    assert_eq!(value(&client, "select count(*) from t").await, "2", "an error takes all of it back");
    assert_eq!(value(&client, "show work_mem").await, "4MB");
    run(&client, "insert into u values (2)").await;

    // a BEGIN makes a block of what came before it; a COMMIT ends the statements up to it
    assert_eq!(
        error(&client, "insert into t values (4); begin; insert into t values (5); select nope").await.0,
        "42703"
    );
    assert_eq!(error(&client, "select 1").await.0, "25P02");
    run(&client, "rollback").await;
    assert_eq!(value(&client, "select count(*) from t").await, "2");
    assert_eq!(
        error(&client, "insert into t values (6); commit; insert into t values (7); select nope").await.0,
        "42703"
    );
    assert_eq!(rows(&client, "select n from t where n > 2").await, [["6"]]);
    run(&client, "insert into t values (8); rollback; insert into t values (9)").await;
    assert_eq!(rows(&client, "select n from t where n > 6").await, [["9"]]);
    assert_eq!(error(&client, "insert into t values (10); savepoint s").await.0, "25P01");
    assert_eq!(error(&client, "select 1; commit and chain").await.0, "25P01");
    assert_eq!(error(&client, "insert into t values (10); call run_tests()").await.0, "25001");
    assert_eq!(value(&client, "select count(*) from t where n = 10").await, "0");
}

#[tokio::test]
async fn a_pipeline_is_one_transaction_until_sync() {
    let lake = Lake::new();
    run(&lake.client().await, "create table t (n bigint)").await;
    let python = r#"
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as c:
    releases = lambda: c.execute("select max(release) from lakewire.releases").fetchone()[0]
    before = releases()
    with c.pipeline():
        for n in range(5):
            c.execute("insert into t values (%s)", (n,))
    assert c.execute("select count(*) from t").fetchone()[0] == 5
    assert releases() == before + 1, (releases(), before)
    try:
        with c.pipeline():
            c.execute("insert into t values (100)")
            c.execute("select 1/0")
            c.execute("insert into t values (101)")
    except psycopg.errors.DivisionByZero:
        pass
    else:
        raise AssertionError("no error")
    assert c.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert c.execute("select count(*) from t").fetchone()[0] == 5
"#;
    let url = lake.server.url.clone();
    tokio::task::spawn_blocking(move || crate::support::python(&[&url], python)).await.unwrap();
}

#[tokio::test]
async fn modes_of_transactions_are_true() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (n bigint)").await;
    assert_eq!(value(&client, "show transaction_isolation").await, "repeatable read");
    run(&client, "begin isolation level read committed").await;
    assert_eq!(value(&client, "show transaction_isolation").await, "repeatable read");
    run(&client, "commit; begin read only").await;
    assert_eq!(value(&client, "show transaction_read_only").await, "on");
    assert_eq!(error(&client, "insert into t values (1)").await.0, "25006");
    run(&client, "rollback and chain").await;
    assert_eq!(value(&client, "show transaction_read_only").await, "on");
    run(&client, "commit").await;
    assert_eq!(value(&client, "show transaction_read_only").await, "off");
    run(&client, "start transaction; set transaction read only").await;
    assert_eq!(error(&client, "create table u (n bigint)").await.0, "25006");
    run(&client, "rollback; begin; insert into t values (1); commit and chain; insert into t values (2); rollback")
        .await;
    assert_eq!(rows(&client, "select n from t").await, [["1"]]);
    assert_eq!(error(&client, "prepare transaction 'x'").await.0, "55000");
    assert_eq!(error(&client, "commit prepared 'x'").await.0, "42704");
}

#[tokio::test]
async fn write_skew_is_possible_unless_serializable_is_asked_for() {
    let lake = Lake::new();
    let (ana, bob) = (lake.client().await, lake.client().await);
    run(&ana, "create table black (n bigint); create table white (n bigint)").await;
    let skew = |level: &'static str| {
        let (ana, bob) = (&ana, &bob);
        async move {
            run(ana, "truncate black; truncate white; insert into black values (0); insert into white values (0)")
                .await;
            run(ana, &format!("begin isolation level {level}; update black set n = 1 + (select n from white)")).await;
            run(bob, &format!("begin isolation level {level}; update white set n = 1 + (select n from black)")).await;
            run(ana, "commit").await;
            bob.batch_execute("commit").await
        }
    };
    skew("repeatable read").await.unwrap();
    assert_eq!(rows(&ana, "select black.n, white.n from black, white").await, [["1", "1"]]);
    let refused = skew("serializable").await.unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().code().code(), "40001");
    assert_eq!(rows(&ana, "select black.n, white.n from black, white").await, [["1", "0"]]);
    run(&bob, "begin isolation level serializable; update white set n = 1 + (select n from black); commit").await;
    assert_eq!(value(&bob, "select n from white").await, "2");
    run(&ana, "begin isolation level serializable").await;
    assert_eq!(value(&ana, "show transaction_isolation").await, "serializable");
    run(&ana, "rollback").await;
}

/// Ten clients, each writing a table of its own: nobody conflicts, and transactions that wait share a release.
#[tokio::test(flavor = "multi_thread")]
async fn writers_of_different_tables_never_conflict_and_share_releases() {
    const WRITERS: usize = 10;
    const EACH: usize = 8;
    let lake = Lake::new();
    let client = lake.client().await;
    for n in 0..WRITERS {
        run(&client, &format!("create table t{n} (n bigint)")).await;
    }
    let before = releases(&client).await;
    let begun = std::time::Instant::now();
    let work = (0..WRITERS).map(|n| {
        let lake = &lake;
        async move {
            let client = lake.client().await;
            for i in 0..EACH {
                run(&client, &format!("begin; insert into t{n} values ({i}); insert into t{n} values ({i}); commit"))
                    .await;
            }
        }
    });
    futures::future::join_all(work).await;
    let seconds = begun.elapsed().as_secs_f64();
    let made = releases(&client).await - before;
    println!("{} transactions in {made} releases, {:.0} a second", WRITERS * EACH, (WRITERS * EACH) as f64 / seconds);
    for n in 0..WRITERS {
        assert_eq!(value(&client, &format!("select count(*) from t{n}")).await, (2 * EACH).to_string());
    }
    assert!(made < (WRITERS * EACH) as u64, "{made} releases: none was shared");
    let operations = rows(&client, "select operation from lakewire.releases").await.concat();
    assert!(operations.iter().any(|operation| operation.starts_with("transaction × ")), "{operations:?}");
}

/// Clients that add to one table: each waits for nobody, and none is told to retry.
#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_table_do_not_conflict_as_long_as_they_add() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (who bigint, n bigint)").await;
    let work = (0..6).map(|who| {
        let lake = &lake;
        async move {
            let client = lake.client().await;
            for n in 0..5 {
                run(&client, &format!("begin; insert into t values ({who}, {n}); select count(*) from t; commit"))
                    .await;
                run(&client, &format!("insert into t values ({who}, {})", 100 + n)).await;
            }
        }
    });
    futures::future::join_all(work).await;
    assert_eq!(value(&client, "select count(*) from t").await, "60");
}

/// The classic: two doctors are on call, and each leaves where the other stays.
#[tokio::test]
async fn what_was_locked_must_be_as_it_was() {
    let lake = Lake::new();
    let (ours, theirs) = (lake.client().await, lake.client().await);
    run(&ours, "create table on_call as select 'ann' as who union all select 'bob'; create table left_at (who text)")
        .await;
    run(&ours, "create view doctors as select who from on_call").await;
    let leave = |who: &str| format!("insert into left_at values ('{who}')");
    for lock in [
        "select who from on_call for update",
        "select who from (select * from doctors) d for no key update of d",
        "lock table on_call in exclusive mode",
    ] {
        run(&ours, &format!("begin; {lock}")).await;
        run(&ours, &leave("ann")).await;
        run(&theirs, "insert into on_call values ('cid')").await;
        assert_eq!(error(&ours, "commit").await.0, "40001", "{lock}");
        assert_eq!(value(&ours, "select count(*) from left_at").await, "0", "{lock}");
        // as it was: a lock on another table, or on none, forbids nothing
        run(&ours, "begin; lock table on_call in access share mode; select who from left_at for share").await;
        run(&theirs, "insert into on_call values ('dan')").await;
        run(&ours, &format!("{}; commit", leave("ann"))).await;
        run(&ours, "truncate left_at").await;
    }
    // nothing was changed: there is nothing that could rest on what was read
    run(&ours, "begin; select who from on_call for update").await;
    run(&theirs, "delete from on_call").await;
    run(&ours, "commit").await;
    assert_eq!(error(&ours, "begin read only; select who from on_call for update").await.0, "25006");
}
