//! The PostgreSQL wire: a real server, real sockets; a driver, psql, and a client that speaks by hand.

mod raw;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lakewire::catalog::Catalog;
use lakewire::config::Config;
use lakewire::engine::Engine;
use lakewire::error::{ErrorKind, Result};
use lakewire::names::TableName;
use lakewire::pgserver::{PgServer, ServerSettings};
use lakewire::store::{LakeStore, StoreOptions};
use lakewire::table::Tables;
pub use raw::{Answer, Raw, bind, close, column, describe, error, execute, parse, query, sync, tags};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Rows that take the engine longer than any test waits.
const FOREVER: &str = "select sum(n) from generate_series(1, 1000000000000) as t(n)";
/// More bytes than any socket buffers.
const FLOOD: &str = "select repeat('x', 1000) from generate_series(1, 10000000)";

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<Result<()>>,
    catalog: Arc<Catalog>,
    _lake: tempfile::TempDir,
}

impl Server {
    async fn start(change: impl FnOnce(&mut ServerSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = LakeStore::open(folder.path().to_str().unwrap(), &StoreOptions::default()).unwrap();
        let catalog = Catalog::open(lake.clone(), Tables::new(lake)).await.unwrap();
        let engine = Engine::new(&Config::with(&[]).unwrap(), Arc::clone(&catalog)).unwrap();
        let mut settings = ServerSettings { listen: "127.0.0.1:0".to_owned(), ..ServerSettings::default() };
        change(&mut settings);
        let server = PgServer::bind(Arc::clone(&engine), settings).await.unwrap();
        let (address, shutdown) = (server.local_addr(), CancellationToken::new());
        let running = tokio::spawn(server.run(shutdown.clone()));
        Self { address, shutdown, running, catalog, _lake: folder }
    }

    async fn plain() -> Self {
        Self::start(|_| {}).await
    }

    async fn raw(&self) -> Raw {
        Raw::start(self.address, &[]).await.0
    }

    async fn client(&self) -> tokio_postgres::Client {
        let url = format!("host=127.0.0.1 port={} user=ana dbname=lake", self.address.port());
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_session_starts_after_encryption_was_refused() {
    let server = Server::plain().await;
    let mut raw = Raw::connect(server.address).await;
    for code in [80_877_103u32, 80_877_104] {
        raw.packet(&code.to_be_bytes()).await;
        assert_eq!(raw.stream.read_u8().await.unwrap(), b'N');
    }
    raw.startup(0x0003_0000, &[("application_name", "by hand")]).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[0].body, 0u32.to_be_bytes());
    let settings: Vec<_> = answers.iter().filter(|answer| answer.tag == 'S').map(|answer| &answer.body).collect();
    for setting in ["server_encoding\0UTF8\0", "application_name\0by hand\0", "standard_conforming_strings\0on\0"] {
        assert!(settings.iter().any(|body| body.as_slice() == setting.as_bytes()), "{setting:?} is not reported");
    }
    assert_eq!(answers.iter().filter(|answer| answer.tag == 'K').map(|key| key.body.len()).collect::<Vec<_>>(), [8]);
    assert_eq!(answers.last().unwrap().body, b"I");
    server.stop().await;
}

#[tokio::test]
async fn newer_protocols_are_negotiated() {
    let server = Server::plain().await;
    let mut raw = Raw::connect(server.address).await;
    raw.startup(0x0003_270f, &[("_pq_.unheard_of", "1")]).await;
    let answers = raw.until_ready().await;
    assert_eq!(answers[0].tag, 'v');
    assert_eq!(answers[0].body, b"\0\x03\0\x02\0\0\0\x01_pq_.unheard_of\0");
    let key = answers.iter().find(|answer| answer.tag == 'K').unwrap();
    assert!(key.body.len() > 8, "3.2 has long keys");
    let mut old = Raw::connect(server.address).await;
    old.startup(0x0002_0000, &[]).await;
    assert_eq!(error(&old.until_closed().await).sqlstate(), "0A000");
    server.stop().await;
}

#[tokio::test]
async fn who_cannot_start_is_told_why() {
    let server = Server::plain().await;
    let mut raw = Raw::connect(server.address).await;
    raw.startup(0x0003_0000, &[("database", "nowhere")]).await;
    let answers = raw.until_closed().await;
    assert_eq!(error(&answers).sqlstate(), "3D000");
    assert_eq!(error(&answers).field(b'S').as_deref(), Some("FATAL"));
    assert_eq!(error(&answers).field(b'M').as_deref(), Some("database \"nowhere\" does not exist"));
    server.stop().await;
}

#[tokio::test]
async fn noise_is_answered_and_hurts_nobody() {
    let server = Server::plain().await;
    for noise in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0xff; 64], &[0, 0, 0, 9, 0, 3, 0, 0, 0]] {
        let mut raw = Raw::connect(server.address).await;
        raw.stream.write_all(noise).await.unwrap();
        raw.stream.shutdown().await.unwrap();
        let answers = raw.until_closed().await;
        assert!(matches!(error(&answers).sqlstate().as_str(), "08P01" | "28000"), "{answers:?}");
    }
    let mut raw = server.raw().await;
    raw.stream.write_all(b"Q\x7f\xff\xff\xff").await.unwrap();
    assert_eq!(error(&raw.until_closed().await).sqlstate(), "54000");
    let mut raw = server.raw().await;
    raw.stream.write_all(b"!\0\0\0\x04").await.unwrap();
    assert_eq!(error(&raw.until_closed().await).sqlstate(), "08P01");
    assert_eq!(column(&server.raw().await.query("select 1").await), ["1"]);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_not_waited_for() {
    let server = Server::start(|settings| settings.authentication_timeout = Duration::from_millis(50)).await;
    let mut raw = Raw::connect(server.address).await;
    assert_eq!(error(&raw.until_closed().await).field(b'S').as_deref(), Some("FATAL"));
    server.stop().await;
}

#[tokio::test]
async fn every_statement_of_a_simple_query_has_its_answer() {
    let server = Server::plain().await;
    let mut raw = server.raw().await;
    let answers = raw.query("select 1 as a; select 'x' as b, null as c; set application_name = 'y'").await;
    assert_eq!(tags(&answers), "TDCTDCCSZ");
    assert_eq!(answers[4].values(), [Some("x".to_owned()), None]);
    let commands: Vec<_> = answers.iter().filter(|answer| answer.tag == 'C').map(raw::Answer::text).collect();
    assert_eq!(commands, ["SELECT 1", "SELECT 1", "SET"]);
    assert_eq!(tags(&raw.query(" ; ").await), "IZ");
    let failed = raw.query("select 1; select nope; select 2").await;
    assert_eq!(tags(&failed), "TDCEZ");
    assert_eq!(error(&failed).sqlstate(), "42703");
    let wrong = raw.query("select 1; selec 2").await;
    assert_eq!(tags(&wrong), "EZ", "a syntax error anywhere stops all: {wrong:?}");
    assert_eq!(error(&wrong).sqlstate(), "42601");
    server.stop().await;
}

#[tokio::test]
async fn transactions_show_in_ready_for_query() {
    let server = Server::plain().await;
    let mut raw = server.raw().await;
    let status = |answers: &[raw::Answer]| char::from(answers.last().unwrap().body[0]);
    assert_eq!(status(&raw.query("begin").await), 'T');
    assert_eq!(status(&raw.query("select nope").await), 'E');
    let refused = raw.query("select 1").await;
    assert_eq!((error(&refused).sqlstate().as_str(), status(&refused)), ("25P02", 'E'));
    assert_eq!(status(&raw.query("rollback").await), 'I');
    assert_eq!(status(&raw.query("select nope").await), 'I');
    server.stop().await;
}

#[tokio::test]
async fn settings_are_reported_and_change_what_values_look_like() {
    let server = Server::plain().await;
    let mut raw = server.raw().await;
    let answers = raw.query("set timezone = 'Asia/Kolkata'").await;
    assert!(
        answers.iter().any(|answer| answer.tag == 'S' && answer.body == b"TimeZone\0Asia/Kolkata\0"),
        "{answers:?}"
    );
    let shown = raw.query("select timestamptz '2010-12-01 08:26:00+00'").await;
    assert_eq!(column(&shown), ["2010-12-01 13:56:00+05:30"]);
    let mut other = server.raw().await;
    assert_eq!(column(&other.query("select timestamptz '2010-12-01 08:26:00+00'").await), ["2010-12-01 08:26:00+00"]);
    server.stop().await;
}

#[tokio::test]
async fn portals_stop_and_go_on_side_by_side() {
    let server = Server::plain().await;
    let mut raw = server.raw().await;
    raw.query("begin").await;
    raw.send(&[
        parse("s", "select n from generate_series(1, 5) as t(n) where n > $1"),
        describe('S', "s"),
        bind("a", "s", &["0"]),
        bind("b", "s", &["3"]),
        describe('P', "a"),
        execute("a", 2),
        execute("b", 1),
        execute("a", 2),
        sync(),
    ])
    .await;
    let answers = raw.until_ready().await;
    assert_eq!(tags(&answers), "1tT22TDDsDsDDsZ");
    assert_eq!(column(&answers), ["1", "2", "4", "3", "4"]);
    raw.send(&[execute("a", 0), execute("b", 0), execute("a", 0), sync()]).await;
    let answers = raw.until_ready().await;
    assert_eq!(tags(&answers), "DCDCCZ");
    assert_eq!(answers[1].text(), "SELECT 1");
    assert_eq!(answers[4].text(), "SELECT 0");
    raw.query("declare c cursor for select n from generate_series(6, 8) as t(n)").await;
    raw.send(&[execute("c", 2), execute("c", 0), sync()]).await;
    let answers = raw.until_ready().await;
    assert_eq!((tags(&answers).as_str(), column(&answers).join(",")), ("DDsDCZ", "6,7,8".to_owned()));
    raw.query("commit").await;
    raw.send(&[execute("a", 0), sync()]).await;
    let gone = raw.until_ready().await;
    assert_eq!(error(&gone).sqlstate(), "34000");
    assert_eq!(error(&gone).field(b'M').as_deref(), Some("portal \"a\" does not exist"));
    server.stop().await;
}

#[tokio::test]
async fn after_an_error_all_is_skipped_up_to_sync() {
    let server = Server::plain().await;
    let mut raw = server.raw().await;
    raw.send(&[parse("", "select nope"), bind("", "", &[]), execute("", 0), query("select 1"), sync()]).await;
    let answers = raw.until_ready().await;
    assert_eq!(tags(&answers), "EZ");
    for (messages, sqlstate) in [
        (vec![bind("", "absent", &[])], "26000"),
        (vec![describe('S', "absent")], "26000"),
        (vec![execute("absent", 0)], "34000"),
        (vec![parse("twice", "select 1"), parse("twice", "select 1")], "42P05"),
        (vec![parse("", "select 1"), bind("p", "", &[]), bind("p", "", &[])], "42P03"),
        (vec![parse("", "select 1; select 2")], "42601"),
        (vec![parse("", "select $1::int"), bind("", "", &[])], "08P01"),
        (vec![parse("", "select $1::int"), bind("", "", &["abc"])], "22P02"),
        (vec![parse("", "set application_name = 'z'"), bind("", "", &[]), execute("", 0), execute("", 0)], "55000"),
    ] {
        raw.send(&messages).await;
        raw.send(&[sync()]).await;
        let answers = raw.until_ready().await;
        assert_eq!(error(&answers).sqlstate(), sqlstate, "{messages:?}");
    }
    raw.send(&[close('S', "twice"), close('P', "absent"), parse("", ""), bind("", "", &[]), execute("", 0), sync()])
        .await;
    assert_eq!(tags(&raw.until_ready().await), "3312IZ");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_spoken_here_does_not_break_the_session() {
    let server = Server::plain().await;
    let mut raw = server.raw().await;
    raw.send(&[('F', vec![0; 8])]).await;
    assert_eq!(error(&raw.until_ready().await).sqlstate(), "0A000");
    raw.send(&[('d', b"1\t2\n".to_vec()), ('c', Vec::new()), query("select 1")]).await;
    assert_eq!(tags(&raw.until_ready().await), "TDCZ");
    raw.send(&[('B', vec![1, 2]), sync()]).await;
    assert_eq!(error(&raw.until_ready().await).sqlstate(), "08P01");
    raw.send(&[('Q', b"select '\xff'\0".to_vec())]).await;
    assert_eq!(error(&raw.until_ready().await).sqlstate(), "22021");
    server.stop().await;
}

#[tokio::test]
async fn a_driver_reads_and_writes_binary() {
    let server = Server::plain().await;
    let client = server.client().await;
    let when = chrono::NaiveDate::from_ymd_opt(2010, 12, 1).unwrap().and_hms_micro_opt(8, 26, 0, 5).unwrap();
    let row = client
        .query_one(
            "select $1::bigint as a, $2::text as b, $3::timestamp as c, $4::double precision as d, $5::boolean as e,
             $6::date as f, null::int as g",
            &[&-7i64, &"é", &when, &1.5f64, &true, &when.date()],
        )
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (-7, "é"));
    assert_eq!((row.get::<_, chrono::NaiveDateTime>(2), row.get::<_, f64>(3)), (when, 1.5));
    assert_eq!((row.get::<_, bool>(4), row.get::<_, chrono::NaiveDate>(5)), (true, when.date()));
    assert_eq!(row.get::<_, Option<i32>>(6), None);
    let limited = client.query("select n from generate_series(1, 9) as t(n) limit $1", &[&2i64]).await.unwrap();
    assert_eq!(limited.len(), 2);
    let lists = client.query_one("select array[1, null, 3]::int[] as a, array['x', 'y z'] as b", &[]).await.unwrap();
    assert_eq!(lists.get::<_, Vec<Option<i32>>>(0), [Some(1), None, Some(3)]);
    assert_eq!(lists.get::<_, Vec<String>>(1), ["x", "y z"]);
    let rows = client.query("select n from generate_series(1, 100000) as t(n)", &[]).await.unwrap();
    assert_eq!(rows.len(), 100_000);
    server.stop().await;
}

#[tokio::test]
async fn a_cancel_request_ends_what_runs() {
    let server = Server::plain().await;
    let client = server.client().await;
    let token = client.cancel_token();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        token.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (ran, ()) = tokio::join!(client.query(FOREVER, &[]), cancel);
    assert_eq!(ran.unwrap_err().code(), Some(&tokio_postgres::error::SqlState::QUERY_CANCELED));
    assert_eq!(client.query_one("select 1::bigint", &[]).await.unwrap().get::<_, i64>(0), 1);
    server.stop().await;
}

#[tokio::test]
async fn statement_timeout_ends_what_computes_and_what_is_not_read() {
    let server = Server::plain().await;
    let mut raw = server.raw().await;
    raw.query("set statement_timeout = 200").await;
    let answers = raw.query(FOREVER).await;
    assert_eq!(error(&answers).sqlstate(), "57014");
    assert_eq!(error(&answers).field(b'M').as_deref(), Some("canceling statement due to statement timeout"));
    raw.send(&[query(FLOOD)]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answers = raw.until_ready().await;
    assert_eq!(error(&answers).sqlstate(), "57014");
    assert!(answers.len() < 1_000_000, "{} rows came", answers.len());
    server.stop().await;
}

#[tokio::test]
async fn a_session_holds_so_many_statements_and_no_more() {
    let server = Server::start(|settings| settings.statements_max = 2).await;
    let client = server.client().await;
    let mut held = Vec::new();
    for number in 1..=2 {
        held.push(client.prepare(&format!("select {number}")).await.unwrap());
    }
    let error = client.prepare("select 3").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "54000");
    drop(held.pop());
    assert_eq!(client.query_one("select 4 as n", &[]).await.unwrap().get::<_, i32>(0), 4);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_makes_room() {
    let server = Server::start(|settings| settings.connections_max = 1).await;
    let mut first = server.raw().await;
    let mut second = Raw::connect(server.address).await;
    second.startup(0x0003_0000, &[]).await;
    let refused = second.until_closed().await;
    assert_eq!(error(&refused).sqlstate(), "53300");
    assert_eq!(error(&refused).field(b'M').as_deref(), Some("sorry, too many clients already"));
    for flood in [FOREVER, FLOOD] {
        first.send(&[query(flood)]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(first);
        first = loop {
            let mut next = Raw::connect(server.address).await;
            next.startup(0x0003_0000, &[]).await;
            match next.answer().await {
                Some(answer) if answer.tag == 'R' => break next,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        first.until_ready().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn the_end_is_announced() {
    let server = Server::start(|settings| settings.shutdown_timeout = Duration::from_millis(100)).await;
    let (mut idle, mut busy) = (server.raw().await, server.raw().await);
    busy.send(&[query(FOREVER)]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop().await;
    for raw in [&mut idle, &mut busy] {
        let answers = raw.until_closed().await;
        assert_eq!(error(&answers).sqlstate(), "57P01");
        assert_eq!(error(&answers).field(b'S').as_deref(), Some("FATAL"));
    }
}

#[tokio::test]
async fn idle_sessions_end_when_asked_to() {
    let server = Server::plain().await;
    let limits = "-c idle_session_timeout=50 -c idle_in_transaction_session_timeout=60";
    let (mut raw, _) = Raw::start(server.address, &[("options", limits)]).await;
    assert_eq!(error(&raw.until_closed().await).sqlstate(), "57P05");
    let mut raw = server.raw().await;
    raw.query("begin; set local idle_in_transaction_session_timeout = '50ms'").await;
    assert_eq!(error(&raw.until_closed().await).sqlstate(), "25P03");
    server.stop().await;
}

#[tokio::test]
async fn listeners_hear_of_every_release() {
    let server = Server::plain().await;
    let publish = async |name: &str| {
        let overlay = server.catalog.begin();
        overlay.put_view(&TableName::new("public", name), "select 1 as n".to_owned(), vec![], None, None).unwrap();
        server.catalog.publish(&overlay, "test").await.unwrap().expect("a view is a change").id()
    };
    let (mut raw, mut deaf) = (server.raw().await, server.raw().await);
    raw.query("listen lakewire_release").await;
    let first = publish("a").await;
    let heard = raw.answer().await.unwrap();
    assert_eq!(heard.tag, 'A');
    assert!(heard.body.ends_with(format!("lakewire_release\0{first}\0").as_bytes()), "{heard:?}");
    assert_eq!(tags(&raw.query("begin").await), "CZ");
    publish("b").await;
    publish("c").await;
    assert_eq!(tags(&raw.query("select 1").await), "TDCZ", "a transaction hears nothing");
    assert_eq!(tags(&raw.query("commit").await), "CAAZ");
    raw.query("unlisten *").await;
    publish("d").await;
    assert_eq!(tags(&raw.query("select 1").await), "TDCZ");
    assert_eq!(tags(&deaf.query("select 1").await), "TDCZ");
    server.stop().await;
}

fn passwords(password: &str) -> std::collections::BTreeMap<String, String> {
    [("ana".to_owned(), password.to_owned())].into()
}

#[tokio::test]
async fn a_password_is_asked_for_where_there_is_one() {
    let server = Server::start(|settings| settings.passwords = passwords("pässword")).await;
    let port = server.address.port();
    for (password, sqlstate) in [("pässword", None), ("wrong", Some("28P01"))] {
        let url = format!("host=127.0.0.1 port={port} user=ana dbname=lake password={password}");
        let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
        let code = connected.as_ref().err().and_then(|error| error.code()).map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), sqlstate);
        assert_eq!(connected.is_ok(), sqlstate.is_none());
    }
    let mut raw = Raw::connect(server.address).await;
    raw.startup(0x0003_0000, &[]).await;
    raw.answer().await;
    raw.send(&[query("select 1")]).await;
    assert_eq!(error(&raw.until_closed().await).sqlstate(), "08P01");
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_named() {
    let server = Server::plain().await;
    let bind = async |listen: String| {
        let folder = tempfile::tempdir().unwrap();
        let lake = LakeStore::open(folder.path().to_str().unwrap(), &StoreOptions::default()).unwrap();
        let catalog = Catalog::open(lake.clone(), Tables::new(lake)).await.unwrap();
        let engine = Engine::new(&Config::with(&[]).unwrap(), catalog).unwrap();
        PgServer::bind(engine, ServerSettings { listen, ..ServerSettings::default() }).await.unwrap_err()
    };
    let taken = bind(server.address.to_string()).await;
    assert_eq!(taken.kind(), ErrorKind::Config);
    assert_eq!(taken.message(), format!("cannot listen on {}: the port is in use", server.address));
    let open = bind("0.0.0.0:0".to_owned()).await;
    assert!(open.message().starts_with("refusing to listen on 0.0.0.0:0 without authentication"), "{open}");
    let invalid = bind("5433".to_owned()).await;
    assert!(invalid.hint().is_some_and(|hint| hint.contains("host:port")), "{invalid}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn psql_is_at_home() {
    let server = Server::plain().await;
    let port = server.address.port().to_string();
    let psql = |sql: &'static str| {
        let mut command = Command::new("psql");
        command.args(["-X", "-At", "-h", "127.0.0.1", "-p", &port, "-U", "ana", "-d", "lake", "-c", sql]);
        tokio::task::spawn_blocking(move || command.output())
    };
    match psql("select 1 + 1, 'é', null, 2.50, true").await.unwrap() {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout), "2|é||2.50|t\n", "{output:?}"),
        Err(error) => return eprintln!("skipped: psql is absent ({error})"),
    }
    let failed = psql("select nope").await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(told.contains("column \"nope\" does not exist") && told.contains("LINE 1: select nope"), "{told}");
    server.stop().await;
}
