//! Kills at named points and at any moment: the last release stays in service, the next run succeeds.

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
        lakewire_ok(&shop.arguments(&["ingest"], &[]));
        lakewire_ok(&shop.arguments(&["run"], &[]));
        assert_eq!(shop.totals(), "2,30\n");
        std::fs::write(shop.path("data/orders2.csv"), "id,amount\n3,70\n").unwrap();
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
        let output = lakewire(&self.arguments(command, &[&format!("test.crash_at={point}")]));
        assert!(!output.status.success(), "{point} was never reached by {command:?}");
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

const POINTS_AFTER_THE_INTENT: [&str; 4] =
    ["publish.intent_put", "publish.table_put", "publish.tables_put", "publish.catalog_put"];

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
