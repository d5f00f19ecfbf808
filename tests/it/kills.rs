//! A server that is killed at random moments under a mixed load, again and again.
//!
//! The load: transfers between accounts in two tables, as transactions; single inserts; appends to one table by us and by
//! another Delta engine at once; refreshes of a project; compaction. After each kill: every acknowledged commit is there and
//! nothing is there twice, no half transaction is visible, no money is lost. At the end another Delta engine reads
//! every table, and finds in each what the server shows.
//!
//! `LAKEWIRE_TEST_KILLS=1000 cargo test --test it kills -- --nocapture` is the long run; `LAKEWIRE_TEST_BINARY` names
//! another binary to kill.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use crate::support::{LAKEWIRE, connect, python, root, rows, skipped, value};

/// Another Delta engine that appends rows (1, 2, …) to a table and prints what it has committed.
const OTHER_ENGINE: &str = r#"
import sys, time
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
path, n = sys.argv[1], 0
while True:
    n += 1
    batch = pa.table({"who": pa.array(["other"], pa.string()), "seq": pa.array([n], pa.int64())})
    for attempt in range(1000):
        try:
            write_deltalake(path, batch, mode="append")
            break
        except Exception as error:
            if "version" not in str(error).lower() and "conflict" not in str(error).lower() and "exist" not in str(error).lower():
                print("failed", type(error).__name__, str(error).replace("\n", " ")[:300], flush=True)
                sys.exit(1)
    print(n, flush=True)
    time.sleep(0.5)
"#;

/// Reads every table as another engine, to its last row, and prints how many there are.
const READ_ALL: &str = r#"
import os, sys
from deltalake import DeltaTable
lake = sys.argv[1]
for folder, folders, files in sorted(os.walk(lake)):
    if "_delta_log" in folders:
        table = DeltaTable(folder)
        rows = table.to_pyarrow_dataset().to_table().num_rows
        print(os.path.relpath(folder, lake), rows)
"#;

struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(lake: &Path, project: &Path) -> Self {
        // another build of the same may be put to the test
        let binary = std::env::var("LAKEWIRE_TEST_BINARY").unwrap_or_else(|_| LAKEWIRE.to_owned());
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--lake"])
            .arg(lake)
            .args(["--set", &format!("project.dir={}", project.display())])
            .args(["--set", "lake.checkpoint_interval=7", "--set", "lake.adopt_interval=200ms"])
            // small files are put together even in the short lives that servers have here
            .args(["--set", "maintenance.interval=300ms", "--set", "maintenance.compact_files=20"])
            .args(["--set", "log.level=error"])
            .current_dir(root())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other engine, and what it has committed.
struct OtherEngine {
    child: Child,
    committed: Arc<AtomicU64>,
}

impl OtherEngine {
    fn start(table: &Path) -> Option<Self> {
        let python = root().join(".venv/bin/python");
        if !python.exists() {
            skipped(".venv is absent, so no other engine takes part");
            return None;
        }
        let mut child =
            Command::new(python).arg("-c").arg(OTHER_ENGINE).arg(table).stdout(Stdio::piped()).spawn().unwrap();
        let committed = Arc::new(AtomicU64::new(0));
        let (lines, counter) = (BufReader::new(child.stdout.take().unwrap()).lines(), committed.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                match line.parse() {
                    Ok(number) => counter.store(number, Ordering::SeqCst),
                    Err(_) => eprintln!("the other engine: {line}"),
                }
            }
        });
        Some(Self { child, committed })
    }

    fn stop(mut self) -> u64 {
        let _ = self.child.kill();
        let _ = self.child.wait();
        std::thread::sleep(Duration::from_millis(100));
        self.committed.load(Ordering::SeqCst)
    }
}

/// What one writer has been told.
#[derive(Default)]
struct Told {
    /// Rows that were acknowledged.
    acknowledged: BTreeSet<(String, u64)>,
    transfers: u64,
    conflicts: u64,
    refreshes: u64,
    errors: Vec<String>,
}

impl Told {
    fn join(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.transfers += other.transfers;
        self.conflicts += other.conflicts;
        self.refreshes += other.refreshes;
        self.errors.extend(other.errors);
    }
}

/// Whether an error is the server's answer, rather than its end. Answers other than 40001 are kept: there should be none.
fn answered(told: &mut Told, error: &tokio_postgres::Error) -> bool {
    let Some(answer) = error.as_db_error() else { return false };
    match answer.code().code() {
        "40001" => told.conflicts += 1,
        "57P01" => return false,
        code => told.errors.push(format!("{code} {}", answer.message())),
    }
    true
}

/// A connection, unless the server was killed before it stood.
async fn connected(url: &str) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
    tokio::spawn(async move { drop(connection.await) });
    Some(client)
}

/// Moves money from one table to the other, and notes each move, in transactions.
async fn transfer(url: String, who: String, first: u64) -> Told {
    let (mut told, mut seq) = (Told::default(), first);
    let Some(client) = connected(&url).await else { return told };
    loop {
        let sql = format!(
            "begin; update here set n = n - 1; update there set n = n + 1; insert into moves values ('{who}', {seq}); commit"
        );
        match client.batch_execute(&sql).await {
            Ok(()) => {
                told.acknowledged.insert((format!("moves {who}"), seq));
                told.transfers += 1;
            }
            Err(error) if answered(&mut told, &error) => {
                let _ = client.batch_execute("rollback").await;
            }
            Err(_) => return told,
        }
        seq += 1;
    }
}

/// Inserts rows, each a transaction of its own.
async fn insert(url: String, table: &'static str, who: String, first: u64) -> Told {
    let (mut told, mut seq) = (Told::default(), first);
    let Some(client) = connected(&url).await else { return told };
    loop {
        match client.batch_execute(&format!("insert into {table} values ('{who}', {seq})")).await {
            Ok(()) => drop(told.acknowledged.insert((format!("{table} {who}"), seq))),
            Err(error) if answered(&mut told, &error) => {}
            Err(_) => return told,
        }
        seq += 1;
    }
}

/// Rebuilds the project's models, and now and then puts small files together.
async fn refresh(url: String, round: u64) -> Told {
    let mut told = Told::default();
    let Some(client) = connected(&url).await else { return told };
    let tables = ["notes", "moves", "shared"];
    let mut statements = vec!["call refresh_gold()".to_owned()];
    if round.is_multiple_of(3) {
        statements.push(format!("call optimize_table('{}')", tables[(round / 3) as usize % tables.len()]));
    }
    for sql in statements.iter().cycle() {
        match client.simple_query(sql).await {
            Ok(_) => told.refreshes += 1,
            Err(error) if answered(&mut told, &error) => {}
            Err(_) => return told,
        }
    }
    told
}

/// Every row of the table exactly once, as `<table> <who>` and number.
async fn noted(client: &Client, table: &str) -> BTreeSet<(String, u64)> {
    let rows = rows(client, &format!("select who, seq from {table}")).await;
    let count = rows.len();
    let noted: BTreeSet<_> =
        rows.into_iter().map(|row| (format!("{table} {}", row[0]), row[1].parse().unwrap())).collect();
    assert_eq!(noted.len(), count, "{table} has rows twice");
    noted
}

async fn assert_whole(client: &Client, told: &Told, others: u64, round: u64) {
    let sums = "select (select sum(n) from here) + (select sum(n) from there), (select sum(n) from there), \
                (select count(*) from moves)";
    let sums = rows(client, sums).await;
    assert_eq!(sums[0][0], "1000000", "round {round}: money was lost or made");
    assert_eq!(sums[0][1], sums[0][2], "round {round}: half a transfer is visible");
    let mut all = noted(client, "moves").await;
    all.extend(noted(client, "notes").await);
    all.extend(noted(client, "shared").await);
    let lost: Vec<_> = told.acknowledged.difference(&all).collect();
    assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
    // what the other engine commits is adopted within moments
    let patience = Instant::now();
    loop {
        let seen = value(client, "select count(*) from shared where who = 'other'").await;
        if seen.parse::<u64>().unwrap() >= others {
            break;
        }
        assert!(
            patience.elapsed() < Duration::from_secs(20),
            "round {round}: {seen} of {others} rows of the other engine"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let model = "select model.moves <= (select count(*) from moves), model.moves = model.there from gold.summary model";
    for row in rows(client, model).await {
        assert_eq!(row, ["t", "t"], "round {round}: the model shows what never was");
    }
}

/// Random numbers enough for a test (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn write_project(project: &Path) {
    std::fs::create_dir_all(project.join("gold")).unwrap();
    let config = "name: bank\nmodel-paths: [gold]\nmodels:\n  bank:\n    +materialized: table\n";
    std::fs::write(project.join("dbt_project.yml"), config).unwrap();
    std::fs::write(
        project.join("gold/sources.yml"),
        "version: 2\nsources:\n  - name: public\n    tables: [{name: moves}, {name: there}]\n",
    )
    .unwrap();
    let model = "select (select count(*) from {{ source('public', 'moves') }}) as moves, \
                 (select sum(n) from {{ source('public', 'there') }}) as there";
    std::fs::write(project.join("gold/summary.sql"), model).unwrap();
}

/// How many kills: `LAKEWIRE_TEST_KILLS`, or a few.
fn kills() -> u64 {
    std::env::var("LAKEWIRE_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_lose_no_commit_and_halve_none() {
    let (kills, started) = (kills(), Instant::now());
    let folder = tempfile::tempdir().unwrap();
    let (lake, project) = (folder.path().join("lake"), folder.path().join("sql"));
    std::fs::create_dir_all(&lake).unwrap();
    write_project(&project);
    let mut server = Process::start(&lake, &project);
    let client = connect(&server.url).await;
    let tables = "create table here as select 1000000 as n; create table there as select 0 as n; \
                  create table moves (who text, seq bigint); create table notes (who text, seq bigint); \
                  create table shared (who text, seq bigint); insert into shared values ('us', 0)";
    client.batch_execute(tables).await.unwrap();
    client.batch_execute("call refresh_gold()").await.unwrap();
    drop(client);
    let other = OtherEngine::start(&lake.join("public/shared"));
    let mut told = Told::default();
    let mut random = Random(0x2545_f491_4f6c_dd1d ^ u64::from(std::process::id()));
    // a machine that is busy with other things may need longer lives to get anything done
    let mut rounds = 0;
    while rounds < kills || (told.transfers == 0 || told.refreshes == 0) && rounds < 10 * kills {
        let round = rounds;
        rounds += 1;
        let url = || server.url.clone();
        let first = round * 1_000_000;
        let writers = [
            tokio::spawn(transfer(url(), "a".into(), first)),
            tokio::spawn(transfer(url(), "b".into(), first)),
            tokio::spawn(insert(url(), "notes", "a".into(), first)),
            tokio::spawn(insert(url(), "notes", "b".into(), first)),
            tokio::spawn(insert(url(), "shared", "us".into(), first + 1)),
            tokio::spawn(refresh(url(), round)),
        ];
        tokio::time::sleep(Duration::from_millis(100 + random.below(1500))).await;
        server.kill();
        for writer in writers {
            told.join(writer.await.unwrap());
        }
        let others = other.as_ref().map_or(0, |other| other.committed.load(Ordering::SeqCst));
        server = Process::start(&lake, &project);
        let client = connect(&server.url).await;
        assert_whole(&client, &told, others, round).await;
        if (round + 1).is_multiple_of(10) {
            println!("{} kills, {} commits acknowledged, {:?}", round + 1, told.acknowledged.len(), started.elapsed());
        }
    }
    let others = other.map_or(0, OtherEngine::stop);
    let client = connect(&server.url).await;
    assert_whole(&client, &told, others, rounds).await;
    assert!(told.errors.is_empty(), "{:?}", &told.errors[..told.errors.len().min(20)]);
    assert!(told.transfers > 0 && told.refreshes > 0, "the load did nothing");
    // the server adopts what the other engine committed last, and puts small files together: such an intent goes by itself
    let intents = || -> Vec<String> {
        let entries = std::fs::read_dir(lake.join("_lakewire/intents")).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        // a kill may leave a file that never got its name: nobody reads it
        names.filter(|name| name.ends_with(".json")).collect()
    };
    let waited = Instant::now();
    loop {
        // looked at once in each turn: the next moment there may be another one, of work that goes on
        let left = intents();
        if left.is_empty() {
            break;
        }
        if waited.elapsed() > Duration::from_secs(20) {
            let newest = value(&client, "select max(release) from lakewire.releases").await;
            panic!("an intent was left behind: {left:?}; the newest release is {newest}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ours = rows(&client, "select name, rows from lakewire.tables where rows is not null").await;
    let lake_text = lake.to_str().unwrap().to_owned();
    if let Some(read) = tokio::task::spawn_blocking(move || python(&[&lake_text], READ_ALL)).await.unwrap() {
        for table in ["here", "there", "moves", "notes", "shared"] {
            let count = value(&client, &format!("select count(*) from {table}")).await;
            assert!(read.lines().any(|line| line == format!("public/{table} {count}")), "{table} {count}: {read}");
        }
        assert!(read.contains("_lakewire/catalog ") && read.contains("gold/summary 1"), "{read}");
        assert!(ours.len() >= 6, "{ours:?}");
    }
    println!(
        "{rounds} kills: {} commits acknowledged and all there ({} transfers, {} refreshes, {others} by the other engine), \
         {} conflicts told, {:?}",
        told.acknowledged.len(),
        told.transfers,
        told.refreshes,
        told.conflicts,
        started.elapsed()
    );
}
