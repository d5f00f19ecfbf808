//! What sessions do to each other and to themselves: notifications, cancel in every phase, limits of time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::{self, Server, sample_demo, value};
use crate::wire::{Raw, column, error, tags};

struct Lake {
    server: Server,
    _folder: tempfile::TempDir,
}

impl Lake {
    fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { server: Server::serve(folder.path(), &[]), _folder: folder }
    }

    fn address(&self) -> SocketAddr {
        let authority = self.server.url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        authority.parse().unwrap()
    }

    async fn raw(&self) -> Raw {
        Raw::start(self.address(), &[]).await.0
    }

    /// A session, and what cancels it.
    async fn cancellable(&self) -> (Raw, Vec<u8>) {
        let (raw, answers) = Raw::start(self.address(), &[]).await;
        let key = answers.into_iter().find(|answer| answer.tag == 'K').unwrap().body;
        (raw, [&80_877_102u32.to_be_bytes()[..], &key].concat())
    }
}

#[tokio::test]
async fn notifications_are_heard_at_commit() {
    let lake = Lake::serve();
    let (mut ana, mut bob) = (lake.raw().await, lake.raw().await);
    ana.query("listen news; listen \"Old News\"").await;
    assert_eq!(column(&ana.query("select pg_listening_channels()").await), ["Old News", "news"]);
    bob.query("begin").await;
    bob.query("notify news, 'first'").await;
    bob.query("savepoint s").await;
    bob.query("notify news, 'never'").await;
    bob.query("rollback to s").await;
    bob.query("notify news, 'first'").await;
    bob.query("select pg_notify('Old News', 'second')").await;
    assert_eq!(tags(&ana.query("select 1").await), "TDCZ", "nothing before the commit");
    bob.query("commit").await;
    for expected in ["news\0first\0", "Old News\0second\0"] {
        let heard = ana.answer().await.unwrap();
        assert_eq!(heard.tag, 'A');
        assert!(heard.body.ends_with(expected.as_bytes()), "{heard:?}");
    }
    bob.query("begin; notify news, 'x'; rollback").await;
    bob.query("notify news, 'fails'; select 1 / 0").await;
    assert_eq!(tags(&ana.query("select 1").await), "TDCZ", "what was rolled back was never said");
    assert_eq!(tags(&ana.query("notify news").await), "CAZ", "one's own are heard at once");
    ana.query("unlisten news").await;
    bob.query("notify news, 'y'; notify \"Old News\", 'z'").await;
    assert!(ana.answer().await.unwrap().body.ends_with(b"Old News\0z\0"));
    ana.query("discard all").await;
    assert_eq!(tags(&ana.query("notify \"Old News\"").await), "CZ");
    assert_eq!(error(&bob.query(&format!("notify news, '{}'", "x".repeat(8000))).await).sqlstate(), "22023");
}

/// Each part has the one before twice: soon parsed, long planned, nothing to execute.
fn long_to_plan() -> String {
    let part = |index: u32| {
        let before = index - 1;
        format!(", v{index} as (select a.n + b.n as n from v{before} a join v{before} b on a.n = b.n)")
    };
    let parts: String = (1..=11).map(part).collect();
    format!("with v0 as (select n from generate_series(1, 1) as t(n)){parts} select * from v11")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_is_obeyed_at_once_in_every_phase() {
    let lake = Lake::serve();
    let planning = long_to_plan();
    for (phase, sql) in [
        ("planning", planning.as_str()),
        ("executing", "select sum(n) from generate_series(1, 1000000000000) as t(n)"),
        ("streaming", "select repeat('x', 1000) from generate_series(1, 10000000)"),
    ] {
        let (mut raw, cancel) = lake.cancellable().await;
        raw.send(&[crate::wire::query(sql)]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut other = Raw::connect(lake.address()).await;
        let asked = Instant::now();
        other.packet(&cancel).await;
        let answers = raw.until_ready().await;
        let took = asked.elapsed();
        eprintln!("cancel while {phase}: {took:?}");
        assert_eq!(error(&answers).sqlstate(), "57014", "{phase}");
        assert!(took < Duration::from_secs(2), "{phase}: {took:?}");
        assert_eq!(column(&raw.query("select 1").await), ["1"]);
    }
}

#[tokio::test]
async fn limits_of_time_are_those_of_the_session() {
    let lake = Lake::serve();
    let mut raw = lake.raw().await;
    raw.query("set statement_timeout = '100ms'").await;
    let failed = raw.query("select sum(n) from generate_series(1, 1000000000000) as t(n)").await;
    assert_eq!(error(&failed).field(b'M').as_deref(), Some("canceling statement due to statement timeout"));
    raw.query("reset statement_timeout; set idle_session_timeout = '100ms'").await;
    let ended = raw.until_closed().await;
    assert_eq!(error(&ended).sqlstate(), "57P05");
}

/// SQL and the protocol have one set of names for prepared statements, as drivers that mix them expect.
#[tokio::test]
async fn prepared_statements_are_the_same_in_sql_and_in_the_protocol() {
    let lake = Lake::serve();
    let mut raw = lake.raw().await;
    raw.send(&[crate::wire::parse("_PLAN1", "select 41 + 1"), crate::wire::sync()]).await;
    assert_eq!(tags(&raw.until_ready().await), "1Z");
    assert_eq!(column(&raw.query("execute \"_PLAN1\"").await), ["42"]);
    assert_eq!(tags(&raw.query("deallocate \"_PLAN1\"").await), "CZ");
    raw.query("prepare plan as select 7").await;
    raw.send(&[crate::wire::bind("", "plan", &[]), crate::wire::execute("", 0), crate::wire::sync()]).await;
    assert_eq!(column(&raw.until_ready().await), ["7"]);
    raw.send(&[crate::wire::parse("plan", "select 1"), crate::wire::sync()]).await;
    assert_eq!(error(&raw.until_ready().await).sqlstate(), "42P05");
    raw.query("deallocate all").await;
    raw.send(&[crate::wire::bind("", "plan", &[]), crate::wire::sync()]).await;
    assert_eq!(error(&raw.until_ready().await).sqlstate(), "26000");
}

#[tokio::test]
async fn advisory_locks_are_waited_for() {
    let demo = sample_demo();
    let (first, second) = (demo.connect().await, demo.connect().await);
    value(&first, "select pg_advisory_lock(77)::text").await;
    assert_eq!(value(&second, "select pg_try_advisory_lock(77)").await, "f");
    second.batch_execute("set lock_timeout = '50ms'").await.unwrap();
    assert_eq!(support::error(&second, "select pg_advisory_lock(77)").await.0, "55P03");
    second.batch_execute("set lock_timeout = 0").await.unwrap();
    let waits = tokio::spawn(async move {
        second.batch_execute("begin; select pg_advisory_xact_lock(77)").await.unwrap();
        second
    });
    // long enough that one who does not wait would be through
    value(&first, "select pg_sleep(0.3)::text").await;
    assert!(!waits.is_finished());
    assert_eq!(value(&first, "select pg_advisory_unlock(77)").await, "t");
    let second = waits.await.unwrap();
    assert_eq!(value(&first, "select pg_try_advisory_lock(77)").await, "f");
    second.batch_execute("commit").await.unwrap();
    assert_eq!(value(&first, "select pg_try_advisory_lock(77)").await, "t");
    // one leaves: what it holds is free
    value(&second, "select pg_advisory_lock(78)::text").await;
    drop(second);
    value(&first, "select pg_advisory_lock(78)::text").await;
}
