//! Ingestion through the binary: each file once, rejects with their reason, refused files, sets that are replaced, and
//! whatever is killed when.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::LAKEWIRE;

const SOURCES: &str = "version: 2
sources:
  - name: bronze
    schema: bronze
    tables:
      - name: orders
        meta:
          lakewire: {format: csv, path: 'orders*.csv*', mode: append, max_reject_ratio: 0.5}
        columns:
          - {name: id, data_type: bigint}
          - {name: amount, data_type: 'numeric(12,2)'}
      - name: rates
        meta:
          lakewire: {format: csv, path: 'rates/*.csv', mode: replace}
        columns:
          - {name: currency, data_type: text}
          - {name: rate, data_type: double precision}
";

/// A project with two sources, its data and its lake.
struct Shop {
    dir: TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self { dir: tempfile::tempdir().unwrap() };
        shop.put("sql/dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: lakewire\nmodel-paths: [bronze]\n");
        shop.put("sql/bronze/sources.yml", SOURCES);
        shop.put("data/orders-1.csv", "id,amount\n1,1.50\n2,2.50\n");
        shop.put("data/rates/eur.csv", "currency,rate\nEUR,1.1\n");
        shop
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(LAKEWIRE);
        command.args(arguments).current_dir(self.dir.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Ingests, wanting this exit code; gives stderr.
    fn ingest(&self, arguments: &[&str], exit_code: i32) -> String {
        let output = self.run(&[&["ingest"], arguments].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit_code), "{stderr}");
        assert!(output.stdout.is_empty(), "talk goes to stderr");
        stderr
    }

    /// Rows of a query as CSV, without the header.
    fn query(&self, sql: &str) -> Vec<String> {
        let output = self.run(&["query", "--format", "csv", sql]);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().skip(1).map(str::to_owned).collect()
    }
}

#[test]
fn each_file_is_ingested_once() {
    let shop = Shop::new();
    shop.ingest(&[], 0);
    assert_eq!(
        shop.query("select id, amount, _source_file, _row_number from bronze.orders order by id"),
        ["1,1.50,orders-1.csv,1", "2,2.50,orders-1.csv,2"]
    );
    assert!(shop.ingest(&[], 0).contains("nothing changed"));
    shop.put("data/orders-2.csv", "amount,id\n3.50,3\n");
    shop.ingest(&["orders"], 0);
    assert_eq!(shop.query("select sum(id), count(*), count(distinct _ingested_at) from bronze.orders"), ["6,3,2"]);
    assert_eq!(
        shop.query("select source, file, rows, rejects, state, length(sha256) from lakewire.ingests order by file"),
        [
            "bronze.orders,orders-1.csv,2,0,ingested,64",
            "bronze.orders,orders-2.csv,1,0,ingested,64",
            "bronze.rates,rates/eur.csv,1,0,ingested,64"
        ]
    );
}

#[test]
fn a_file_that_changed_is_told_and_not_ingested_again() {
    let shop = Shop::new();
    shop.ingest(&[], 0);
    shop.put("data/orders-1.csv", "id,amount\n1,1.50\n2,2.50\n3,3.50\n");
    assert!(shop.ingest(&[], 0).contains("orders-1.csv changed after it was ingested"));
    assert_eq!(shop.query("select count(*) from bronze.orders"), ["2"]);
}

#[test]
fn rows_that_do_not_fit_are_rejected_with_their_reason() {
    let shop = Shop::new();
    shop.put("data/orders-2.csv", "id,amount\n4,4.50\nfive,5.50\n6,6.50\n7,7.505\n");
    shop.ingest(&[], 0);
    assert_eq!(shop.query("select count(*) from bronze.orders"), ["4"]);
    assert_eq!(
        shop.query("select source, file, row_number, raw, reason from lakewire.rejects order by row_number"),
        [
            "bronze.orders,orders-2.csv,2,\"five,5.50\",\"column id: \"\"five\"\" is not a bigint\"",
            "bronze.orders,orders-2.csv,4,\"7,7.505\",\"column amount: \"\"7.505\"\" is not a numeric(12,2)\""
        ]
    );
}

#[test]
fn a_refused_file_leaves_nothing_and_stops_no_other() {
    let shop = Shop::new();
    shop.put("data/orders-2.csv", "id,amount\nx,1\ny,2\n3,3\n");
    shop.put("data/orders-3.csv", "id,cost\n3,3\n");
    shop.put("data/orders-4.csv", "id,amount\n4,4\n");
    let told = shop.ingest(&[], 1);
    assert!(told.contains("orders-2.csv is not ingested: 2 of 3 rows do not fit"), "{told}");
    assert!(told.contains("row 1: column id: \"x\" is not a bigint"), "{told}");
    assert!(told.contains("orders-3.csv is not ingested: in its header column \"amount\" is missing"), "{told}");
    assert_eq!(shop.query("select sum(id) from bronze.orders"), ["7"]);
    assert_eq!(shop.query("select count(*) from bronze.rates"), ["1"]);
    assert_eq!(
        shop.query("select file, rows, state from lakewire.ingests where source = 'bronze.orders' order by file"),
        ["orders-1.csv,2,ingested", "orders-2.csv,0,refused", "orders-3.csv,0,refused", "orders-4.csv,1,ingested"]
    );
    // corrected, they are ingested; refused again, they are not logged again
    shop.put("data/orders-2.csv", "id,amount\n2,2\n");
    shop.ingest(&[], 1);
    assert_eq!(shop.query("select sum(id) from bronze.orders"), ["9"]);
    assert_eq!(shop.query("select count(*) from lakewire.ingests where file = 'orders-3.csv'"), ["1"]);
}

#[test]
fn a_set_is_replaced_as_a_whole() {
    let shop = Shop::new();
    shop.ingest(&["rates"], 0);
    shop.put("data/rates/usd.csv", "currency,rate\nUSD,1.0\n");
    shop.ingest(&["rates"], 0);
    let currencies = "select currency from bronze.rates order by currency";
    assert_eq!(shop.query(currencies), ["EUR", "USD"]);
    shop.put("data/rates/usd.csv", "currency,rate\nUSD,one\n");
    assert!(shop.ingest(&["rates"], 1).contains("usd.csv is not ingested"));
    assert_eq!(shop.query(currencies), ["EUR", "USD"], "the old set stays until the new one is whole");
    std::fs::remove_file(shop.path("data/rates/usd.csv")).unwrap();
    shop.ingest(&["rates"], 0);
    assert_eq!(shop.query(currencies), ["EUR"]);
}

#[test]
fn whatever_step_is_killed_every_row_is_there_once() {
    let points = [
        "publish.rows_written",
        "publish.intent_put",
        "publish.table_put",
        "publish.tables_put",
        "publish.catalog_put",
    ];
    for point in points {
        let shop = Shop::new();
        shop.ingest(&["rates"], 0);
        let killed = shop.run(&["ingest", "--set", &format!("test.crash_at={point}")]);
        assert!(!killed.status.success(), "{point} is reached");
        shop.ingest(&[], 0);
        assert_eq!(shop.query("select count(*), sum(amount) from bronze.orders"), ["2,4.00"], "{point}");
        assert_eq!(shop.query("select count(*) from lakewire.ingests where file = 'orders-1.csv'"), ["1"], "{point}");
    }
}

#[test]
fn two_processes_that_ingest_at_once_ingest_each_file_once() {
    let shop = Shop::new();
    for number in 2..6 {
        shop.put(&format!("data/orders-{number}.csv"), &format!("id,amount\n{number},1\n"));
    }
    let start = || shop.command(&["ingest"]).stderr(Stdio::piped()).spawn().unwrap();
    for output in [start(), start(), start()].map(|child| child.wait_with_output().unwrap()) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(shop.query("select count(*), count(distinct id) from bronze.orders"), ["6,5"]);
    assert_eq!(shop.query("select count(*) from lakewire.ingests where source = 'bronze.orders'"), ["5"]);
}

#[test]
fn compressed_files_with_other_encodings_arrive() {
    let shop = Shop::new();
    let sources = SOURCES.replace("mode: replace", "mode: replace, encoding: latin1, delimiter: ';'");
    shop.put("sql/bronze/sources.yml", &sources.replace("rates/*.csv", "rates/*.zst"));
    let text = b"rate;currency\r\n1.5;\"\xA3; sterling\"\r\n";
    std::fs::write(shop.path("data/rates/gbp.csv.zst"), zstd::encode_all(&text[..], 1).unwrap()).unwrap();
    shop.ingest(&["bronze.rates"], 0);
    assert_eq!(shop.query("select * from (select currency, rate from bronze.rates) r"), ["£; sterling,1.5"]);
}

#[test]
fn wrong_names_and_folders_are_told() {
    let shop = Shop::new();
    assert!(shop.ingest(&["ordres"], 2).contains("hint: did you mean \"orders\"?"));
    let told = shop.ingest(&["--data", "nowhere"], 1);
    assert!(told.contains("data directory nowhere does not exist"), "{told}");
    let broken = SOURCES.replace("mode: append", "mode: apend").replace("double precision", "money");
    shop.put("sql/bronze/sources.yml", &broken);
    let told = shop.ingest(&[], 2);
    assert!(told.contains("option \"mode\" must be append or replace"), "{told}");
    assert!(told.contains("sources cannot read columns of type \"money\""), "{told}");
    assert!(!Path::new(&shop.path("lake/bronze")).exists());
}
