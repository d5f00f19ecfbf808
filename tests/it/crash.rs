//! Kills at named points and at any moment: the last release stays in service, the next run succeeds.
//!
//! What a publish does (`catalog/publish.rs`), and where it is killed here:
//!
//! | step | killed after it |
//! |---|---|
//! | 1 another engine's commit is adopted | `publish.adopted`, and every point of the adoption's own release |
//! | rows of the next release written | `publish.rows_written` |
//! | 2 intent put | `publish.intent_put` |
//! | 3 each table's commit put, a created table's too | `publish.table_put`, `:2` between tables, `publish.tables_put` |
//! | 3 another engine was first: ours undone | `publish.undo_put`, then `publish.catalog_put` |
//! | 4 catalog committed, intent not yet swept | `publish.catalog_put` |
//! | any file written, its name not yet there | `store.staged`, every one in turn |

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{LAKEWIRE, lakewire, lakewire_ok};

/// A lake with a project of one source and three models, and a second file that waits to be ingested.
struct Shop {
    folder: TempDir,
}

impl Shop {
    /// Everything built once from the first file: 2 orders, sum 30.
    fn new() -> Self {
        let shop = Self::unbuilt();
        lakewire_ok(&shop.arguments(&["ingest"], &[]));
        lakewire_ok(&shop.arguments(&["run"], &[]));
        assert_eq!(shop.totals(), "2,30\n");
        std::fs::write(shop.path("data/orders2.csv"), "id,amount\n3,70\n").unwrap();
        shop
    }

    /// The project and the first file; no lake yet.
    fn unbuilt() -> Self {
        let shop = Self { folder: tempfile::tempdir().unwrap() };
        let project = shop.path("sql");
        let write = |file: &str, text: &str| {
            let file = project.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write(
            "dbt_project.yml",
            "name: shop\nmodel-paths: [bronze, silver, gold]\nmodels:\n  shop:\n    +materialized: table\n",
        );
        write(
            "bronze/sources.yml",
            "version: 2
sources:
  - name: bronze
    tables:
      - name: orders
        meta:
          lakewire: {format: csv, path: 'orders*.csv', mode: append}
        columns:
          - {name: id, data_type: bigint}
          - {name: amount, data_type: bigint}
",
        );
        write(
            "silver/orders_clean.sql",
            "select id, amount from {{ source('bronze', 'orders') }} where amount is not null",
        );
        write("gold/total.sql", "select count(*) as orders, sum(amount) as total from {{ ref('orders_clean') }}");
        write("gold/largest.sql", "select max(amount) as amount from {{ ref('orders_clean') }}");
        std::fs::create_dir_all(shop.path("data")).unwrap();
        std::fs::write(shop.path("data/orders1.csv"), "id,amount\n1,10\n2,20\n").unwrap();
        shop
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn arguments(&self, command: &[&str], settings: &[&str]) -> Vec<&'static str> {
        let mut all: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        all.extend(["--lake".into(), self.path("lake").display().to_string()]);
        let own = [
            format!("project.dir={}", self.path("sql").display()),
            format!("ingest.data_dir={}", self.path("data").display()),
        ];
        for setting in own.iter().map(String::as_str).chain(settings.iter().copied()) {
            all.extend(["--set".into(), setting.to_owned()]);
        }
        all.into_iter().map(|word| &*word.leak()).collect()
    }

    fn query(&self, sql: &str) -> String {
        let text = lakewire_ok(&self.arguments(&["query", sql, "--format", "csv"], &[]));
        text.split_once('\n').expect("a header").1.to_owned()
    }

    /// Orders and their sum, as gold has them.
    fn totals(&self) -> String {
        self.query("select orders, total from gold.total")
    }

    /// Runs a command that is to die at the point.
    fn crash(&self, command: &[&str], point: &str) {
        assert!(self.crashes(command, point), "{point} was never reached by {command:?}");
    }

    /// Whether the command came to the point and died there; else it has succeeded.
    fn crashes(&self, command: &[&str], point: &str) -> bool {
        let output = lakewire(&self.arguments(command, &[&format!("test.crash_at={point}")]));
        let aborted = output.status.signal().is_some();
        assert!(aborted || output.status.success(), "{point}: {}", String::from_utf8_lossy(&output.stderr));
        aborted
    }

    /// Tables and versions that the one intent in the lake is to commit, in its order.
    fn intended(&self) -> Vec<(String, u64)> {
        let intents: Vec<_> = std::fs::read_dir(self.path("lake/_lakewire/intents")).unwrap().collect();
        let [Ok(intent)] = intents.as_slice() else { panic!("one intent wanted: {intents:?}") };
        let intent: serde_json::Value = serde_json::from_slice(&std::fs::read(intent.path()).unwrap()).unwrap();
        let table = |table: &serde_json::Value| {
            (table["location"].as_str().unwrap().to_owned(), table["version"].as_u64().unwrap())
        };
        intent["tables"].as_array().unwrap().iter().map(table).collect()
    }

    /// Another engine's commit, which changes nothing.
    fn foreign_commit(&self, location: &str, version: u64) {
        let file = self.path(&format!("lake/{location}/_delta_log/{version:020}.json"));
        assert!(!file.exists(), "{} is taken", file.display());
        std::fs::write(file, "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"WRITE\",\"engineInfo\":\"other\"}}\n")
            .unwrap();
    }

    /// Ingests and runs until nothing is left to do. A first try may end in 40001: it adopts what others committed.
    fn catch_up(&self) {
        for command in ["ingest", "run"] {
            let first = lakewire(&self.arguments(&[command], &[]));
            let told = String::from_utf8_lossy(&first.stderr);
            assert!(first.status.success() || told.contains("concurrent update"), "{command}: {told}");
            lakewire_ok(&self.arguments(&[command], &[]));
        }
    }

    /// Every file is ingested once and gold agrees with bronze.
    fn assert_whole(&self) {
        lakewire_ok(&self.arguments(&["ingest"], &[]));
        lakewire_ok(&self.arguments(&["run"], &[]));
        assert_eq!(self.totals(), "3,100\n");
        assert_eq!(self.query("select count(*) from bronze.orders"), "3\n");
        assert_eq!(self.query("select count(*) from lakewire.ingests"), "2\n");
        assert_eq!(self.query("select amount from gold.largest"), "70\n");
    }
}

const POINTS_AFTER_THE_INTENT: [&str; 5] =
    ["publish.intent_put", "publish.table_put", "publish.table_put:2", "publish.tables_put", "publish.catalog_put"];

#[test]
fn an_ingest_that_dies_before_its_intent_never_happened() {
    let shop = Shop::new();
    shop.crash(&["ingest"], "publish.rows_written");
    assert_eq!(shop.query("select count(*) from bronze.orders"), "2\n");
    shop.assert_whole();
}

#[test]
fn an_ingest_that_dies_after_its_intent_is_finished_by_the_next_start() {
    for point in POINTS_AFTER_THE_INTENT {
        let shop = Shop::new();
        shop.crash(&["ingest"], point);
        assert_eq!(shop.query("select count(*) from bronze.orders"), "3\n", "{point}");
        shop.assert_whole();
    }
}

#[test]
fn a_run_that_dies_shows_the_old_gold_or_the_new_and_never_a_mix() {
    for point in ["publish.rows_written"].iter().chain(&POINTS_AFTER_THE_INTENT) {
        let shop = Shop::new();
        lakewire_ok(&shop.arguments(&["ingest"], &[]));
        shop.crash(&["run"], point);
        let seen = (shop.totals(), shop.query("select amount from gold.largest"));
        let wanted = match *point {
            "publish.rows_written" => ("2,30\n", "20\n"),
            _ => ("3,100\n", "70\n"),
        };
        assert_eq!((seen.0.as_str(), seen.1.as_str()), wanted, "{point}");
        shop.assert_whole();
    }
}

#[test]
fn tables_that_are_made_appear_whole_or_not_at_all() {
    for point in ["publish.rows_written"].iter().chain(&POINTS_AFTER_THE_INTENT) {
        let shop = Shop::unbuilt();
        shop.crash(&["ingest"], point);
        let made = *point != "publish.rows_written";
        let count = "select count(*) from lakewire.tables where name = 'orders' and rows = 2 and not follows_head";
        assert_eq!(shop.query(count), if made { "1\n" } else { "0\n" }, "{point}");
        lakewire_ok(&shop.arguments(&["ingest"], &[]));
        shop.crash(&["run"], point);
        let count = "select count(*) from lakewire.tables where schema in ('silver', 'gold') and not follows_head";
        assert_eq!(shop.query(count), if made { "3\n" } else { "0\n" }, "{point}");
        lakewire_ok(&shop.arguments(&["run"], &[]));
        assert_eq!(shop.totals(), "2,30\n", "{point}");
        assert!(no_orphan_is_listed(&shop.path("lake")), "{point}");
    }
}

#[test]
fn a_publish_that_another_engine_was_before_is_taken_back_whoever_dies_meanwhile() {
    for point in ["publish.undo_put", "publish.undo_put:2", "publish.catalog_put"] {
        let shop = Shop::new();
        lakewire_ok(&shop.arguments(&["ingest"], &[]));
        shop.crash(&["run"], "publish.intent_put");
        let tables = shop.intended();
        assert_eq!(tables.len(), 3);
        let (location, version) = tables.last().unwrap();
        shop.foreign_commit(location, *version);
        // the next start puts the first two, finds the third taken, and dies while it takes them back
        shop.crash(&["query", "select 1"], point);
        assert_eq!(shop.totals(), "2,30\n", "{point}");
        assert_eq!(shop.query("select amount from gold.largest"), "20\n", "{point}");
        shop.catch_up();
        shop.assert_whole();
    }
}

#[test]
fn a_table_that_was_made_and_taken_back_can_be_made_again() {
    let shop = Shop::unbuilt();
    lakewire_ok(&shop.arguments(&["ingest"], &[]));
    shop.crash(&["run"], "publish.intent_put");
    let (location, version) = shop.intended().pop().unwrap();
    std::fs::create_dir_all(shop.path(&format!("lake/{location}/_delta_log"))).unwrap();
    shop.foreign_commit(&location, version);
    assert_eq!(
        shop.query("select coalesce(sum(rows), 0) from lakewire.tables where schema in ('silver', 'gold')"),
        "0\n"
    );
    // what the other engine began is no table: it is listed as broken, and has to go before ours can be made
    let broken = shop.query("select name from lakewire.tables where error is not null");
    assert_eq!(broken, "orders_clean\n");
    std::fs::remove_dir_all(shop.path(&format!("lake/{location}"))).unwrap();
    shop.catch_up();
    assert_eq!(shop.totals(), "2,30\n");
}

#[test]
fn an_adoption_may_die_at_any_step() {
    for point in ["publish.intent_put", "publish.tables_put", "publish.catalog_put", "publish.adopted"] {
        let shop = Shop::new();
        lakewire_ok(&shop.arguments(&["ingest"], &[]));
        shop.foreign_commit("gold/total", 1);
        shop.crash(&["run"], point);
        assert_eq!(shop.totals(), "2,30\n", "{point}");
        shop.catch_up();
        shop.assert_whole();
    }
}

#[test]
fn every_file_that_is_written_may_be_the_last() {
    let shop = Shop::new();
    std::fs::remove_file(shop.path("data/orders2.csv")).unwrap();
    let (mut orders, mut total) = (2, 30);
    for time in 1.. {
        (orders, total) = (orders + 1, total + time);
        let file = shop.path(&format!("data/orders{orders}.csv"));
        std::fs::write(file, format!("id,amount\n{orders},{time}\n")).unwrap();
        let died = shop.crashes(&["build"], &format!("store.staged:{time}"));
        lakewire_ok(&shop.arguments(&["build"], &[]));
        assert_eq!(shop.totals(), format!("{orders},{total}\n"), "file {time}");
        if !died {
            // two publishes, each with its intent, the catalog's rows and commit, and a commit per table; the run log
            assert!(time > 12, "{time} files only");
            break;
        }
    }
    assert!(no_orphan_is_listed(&shop.path("lake")));
}

#[test]
fn a_kill_at_any_moment_loses_nothing_and_doubles_nothing() {
    let shop = Shop::new();
    for delay_ms in [5, 20, 40, 60, 80, 110, 150, 200] {
        let mut child = Command::new(LAKEWIRE)
            .args(shop.arguments(&["ingest"], &[]))
            .current_dir(crate::support::root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay_ms));
        let _ = child.kill();
        child.wait().unwrap();
        let count = shop.query("select count(*) from bronze.orders");
        assert!(count == "2\n" || count == "3\n", "{count}");
    }
    shop.assert_whole();
    assert!(no_orphan_is_listed(&shop.path("lake")), "a table that no release names appeared");
}

/// Whatever was killed left no table folder beside those of the project.
fn no_orphan_is_listed(lake: &Path) -> bool {
    let folders = |schema: &str| {
        let entries = std::fs::read_dir(lake.join(schema)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| lake.join(schema).join(name).join("_delta_log").exists());
        names.sort();
        names
    };
    folders("bronze") == ["orders"] && folders("gold") == ["largest", "total"]
}
