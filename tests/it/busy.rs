//! Statements that compare without end and give no row: cancel, deadline, a client that leaves, and shutdown reach them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::future::join_all;
use tokio_postgres::{Client, NoTls};

use crate::support::{LAKEWIRE, connect, error, root, value};

/// 10¹⁰ pairs of which none is wanted: hours of comparing.
const NESTED_LOOP: &str =
    "select count(*) from generate_series(1, 100000) a(x), generate_series(1, 100000) b(y) where a.x + b.y < 0";
/// 10¹⁴ pairs, all of them wanted.
const CROSS: &str = "select count(*) from generate_series(1, 10000000) a(x), generate_series(1, 10000000) b(y)";
/// Half an hour of back-tests, in groups of their own.
const FORECASTS: &str = "select count(*) from forecast((select s as series, date '2020-01-01' + d::integer as day, \
    (s * d) % 97 as amount from generate_series(1, 20000) s, generate_series(1, 400) d), day, amount, group_by => series)";

/// A server on an empty lake, with its process at hand.
struct Process {
    child: Child,
    url: String,
    _lake: tempfile::TempDir,
}

impl Process {
    fn start() -> Self {
        let lake = tempfile::tempdir().unwrap();
        let mut child = Command::new(LAKEWIRE)
            .args(["serve", "--listen", "127.0.0.1:0", "--set", "server.shutdown_timeout=1s", "--lake"])
            .arg(lake.path())
            .current_dir(root())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned(), _lake: lake }
    }

    /// Clock ticks of CPU the process has used.
    fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Waits until the process does next to nothing; panics if it never does.
    async fn wait_until_idle(&self, what: &str) {
        for _ in 0..60 {
            let before = self.cpu_ticks();
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.cpu_ticks() - before < 10 {
                return;
            }
        }
        panic!("{what} went on after it was ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// More clients than the machine has cores.
async fn busy_clients(url: &str) -> Vec<Client> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    join_all((0..2 * cores).map(|_| connect(url))).await
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap_or_else(|_| panic!("{what} never came back"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_it_while_others_are_served() {
    let server = Process::start();
    for sql in [NESTED_LOOP, CROSS, FORECASTS] {
        let other = connect(&server.url).await;
        let busy = busy_clients(&server.url).await;
        for client in &busy {
            client.simple_query("set statement_timeout = '4s'").await.unwrap();
        }
        let ended = join_all(busy.iter().map(|client| error(client, sql)));
        let served = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let late = connect(&server.url).await;
            (value(&other, "select 40 + 2").await, value(&late, "select count(*) from pg_class where false").await)
        };
        let mut order = Vec::new();
        let order_of = std::sync::Mutex::new(&mut order);
        let first = async {
            assert_eq!(served.await, ("42".to_owned(), "0".to_owned()));
            order_of.lock().unwrap().push("served");
        };
        let second = async {
            for ended in ended.await {
                assert_eq!(ended, ("57014".into(), "canceling statement due to statement timeout".into()), "{sql}");
            }
            order_of.lock().unwrap().push("ended");
        };
        within(sql, async { tokio::join!(first, second) }).await;
        assert_eq!(order, ["served", "ended"], "{sql}: others waited for the busy ones");
        server.wait_until_idle(sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_and_a_client_that_leaves_end_it() {
    let server = Process::start();
    for sql in [NESTED_LOOP, CROSS, FORECASTS] {
        let busy = connect(&server.url).await;
        let token = busy.cancel_token();
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            token.cancel_query(NoTls).await.unwrap();
        };
        let (ended, ()) = within(sql, async { tokio::join!(error(&busy, sql), cancel) }).await;
        assert_eq!(ended, ("57014".into(), "canceling statement due to user request".into()), "{sql}");
        server.wait_until_idle(sql).await;

        let (client, connection) = tokio_postgres::connect(&server.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let left = tokio::time::timeout(Duration::from_millis(500), client.simple_query(sql)).await;
        assert!(left.is_err(), "{sql} was to be still running");
        connection.abort();
        server.wait_until_idle(sql).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signal_ends_the_server_all_the_same() {
    for sql in [NESTED_LOOP, CROSS, FORECASTS] {
        let mut server = Process::start();
        let busy = busy_clients(&server.url).await;
        let all = join_all(busy.iter().map(|client| client.simple_query(sql)));
        let running = tokio::time::timeout(Duration::from_millis(500), all).await;
        assert!(running.is_err(), "{sql} was to be still running");
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let gone = async {
            while server.child.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        within("shutdown", gone).await;
    }
}
