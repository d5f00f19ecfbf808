//! The runner over a real lake: what runs and why, what is published, what the run log says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::{StreamExt, TryStreamExt};
use lakewire::catalog::Catalog;
use lakewire::config::Config;
use lakewire::dialect;
use lakewire::engine::{CancelHandle, Engine, Notice, Outcome, Session, SessionParams, Severity};
use lakewire::error::{Error, ErrorKind, Result};
use lakewire::names::TableName;
use lakewire::run::{Progress, RunEvent, RunReport, RunRequest, Runner, Selection, Silent, StepStatus, TestStatus};
use lakewire::store::LakeStore;
use lakewire::table::Tables;

const PROJECT: &[(&str, &str)] = &[
    (
        "dbt_project.yml",
        "name: shop\nversion: '1.0'\nprofile: lakewire\nmodel-paths: [bronze, silver, gold]\n\
         macro-paths: [macros]\ntest-paths: [tests]\nmodels:\n  shop:\n    +materialized: table\n",
    ),
    ("macros/generate_schema_name.sql", include_str!("../../sql/macros/generate_schema_name.sql")),
    (
        "bronze/sources.yml",
        "version: 2\nsources:\n  - name: bronze\n    schema: bronze\n    tables:\n      - name: orders\n        meta:\n          \
         lakewire: {format: csv, path: 'orders*.csv', mode: append}\n        columns:\n          \
         - {name: id, data_type: bigint}\n          - {name: customer, data_type: text}\n          \
         - {name: amount, data_type: 'numeric(12,2)'}\n",
    ),
    (
        "silver/orders_clean.sql",
        "select id, customer, amount from {{ source('bronze', 'orders') }} where amount <> 0\n",
    ),
    (
        "silver/customers.sql",
        "{{ config(materialized='view') }}\nselect distinct customer from {{ ref('orders_clean') }}\n",
    ),
    ("gold/totals.sql", "select customer, sum(amount) as total from {{ ref('orders_clean') }} group by customer\n"),
    ("gold/volume.sql", "select count(*) as orders from {{ ref('orders_clean') }}\n"),
    (
        "gold/named.sql",
        "select c.customer, t.total from {{ ref('customers') }} c join {{ ref('totals') }} t on t.customer = c.customer\n",
    ),
    (
        "gold/schema.yml",
        "version: 2\nmodels:\n  - name: totals\n    description: what each customer spent\n    columns:\n      \
         - name: customer\n        data_tests: [not_null, unique]\n  - name: orders_clean\n    columns:\n      \
         - name: id\n        data_tests: [unique]\n",
    ),
];

/// A lake, a project and what runs it.
struct Lab {
    dir: tempfile::TempDir,
    catalog: Arc<Catalog>,
    engine: Arc<Engine>,
    runner: Arc<Runner>,
}

impl Lab {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in PROJECT {
            write(&dir.path().join("sql").join(path), text);
        }
        write(
            &dir.path().join("data/orders-1.csv"),
            "id,customer,amount\n1,ana,10.00\n2,bo,5.50\n3,ana,2.25\n4,cy,0\n",
        );
        let (catalog, engine, runner) = server(dir.path(), settings).await;
        Self { dir, catalog, engine, runner }
    }

    fn model(&self, path: &str, sql: &str) {
        write(&self.dir.path().join("sql").join(path), sql);
    }

    fn data(&self, name: &str, csv: &str) {
        write(&self.dir.path().join("data").join(name), csv);
    }

    async fn all(&self) -> RunReport {
        self.run(RunRequest::refresh("refresh all", Selection::All).with_ingest()).await
    }

    async fn run(&self, request: RunRequest) -> RunReport {
        self.runner.run(request, Arc::new(Silent), CancelHandle::default()).await.unwrap()
    }

    /// Rows of a query as text, columns joined by `|`.
    async fn query(&self, sql: &str) -> Vec<String> {
        let scope = self.catalog.scope();
        let plan = self.engine.plan(&scope, sql).await.unwrap_or_else(|e| panic!("{sql}: {}", e.chain()));
        let state = self.engine.state(&scope).unwrap();
        let rows = self.engine.execute(state, &plan, CancelHandle::default()).await.unwrap();
        text(&rows.try_collect::<Vec<_>>().await.unwrap_or_else(|e| panic!("{sql}: {}", e.chain())))
    }

    fn release(&self) -> u64 {
        self.catalog.current().id().0
    }

    fn version(&self, table: &str) -> Option<u64> {
        self.catalog.current().get(&table.parse().unwrap()).and_then(|object| object.version())
    }
}

async fn server(dir: &Path, settings: &[(&str, &str)]) -> (Arc<Catalog>, Arc<Engine>, Arc<Runner>) {
    let lake = dir.join("lake");
    std::fs::create_dir_all(&lake).unwrap();
    let (sql, data) = (dir.join("sql").display().to_string(), dir.join("data").display().to_string());
    let mut all = vec![("project.dir", sql.as_str()), ("ingest.data_dir", data.as_str())];
    all.extend(settings);
    let config = Arc::new(Config::with(&all).unwrap());
    let store = LakeStore::open(lake.to_str().unwrap(), &Default::default()).unwrap();
    let catalog = Catalog::open(store.clone(), Tables::new(store)).await.unwrap();
    let engine = Engine::new(&config, catalog.clone()).unwrap();
    let runner = Runner::new(engine.clone(), catalog.clone(), config);
    (catalog, engine, runner)
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn text(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("∅");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

/// `model: status, reason` of each step.
fn steps(report: &RunReport) -> Vec<String> {
    report.steps.iter().map(|step| format!("{}: {}, {}", step.model, step.status.as_str(), step.reason)).collect()
}

fn ok(report: RunReport) -> RunReport {
    report.into_result().unwrap_or_else(|error| panic!("{}\n{:?}", error.chain(), error.detail()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_builds_everything_and_the_second_nothing() {
    let lab = Lab::new().await;
    let first = ok(lab.all().await);
    assert_eq!(
        steps(&first),
        [
            "silver.orders_clean: success, new",
            "gold.totals: success, new",
            "gold.volume: success, new",
            "silver.customers: success, new",
            "gold.named: success, new",
        ]
    );
    assert_eq!(first.tests_with(TestStatus::Pass), 3);
    assert_eq!(lab.query("select customer, total from gold.named order by 1").await, ["ana|12.25", "bo|5.50"]);

    let release = lab.release();
    let second = ok(lab.all().await);
    assert!(second.nothing_changed());
    assert_eq!(second.steps_with(StepStatus::Skipped), 5);
    assert!(second.steps.iter().all(|step| step.reason == "unchanged"));
    assert_eq!((second.release, lab.release()), (None, release));
    let gold = second.steps.iter().find(|step| step.model.name == "totals").unwrap();
    assert_eq!((gold.delta_version, gold.release.unwrap().0), (lab.version("gold.totals"), release));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_models_of_a_run_are_published_in_one_release() {
    let lab = Lab::new().await;
    let report = ok(lab.all().await);
    let release = report.release.unwrap();
    assert!(report.steps.iter().all(|step| step.release == Some(release)));
    let operations: Vec<_> = lab.catalog.releases(10).await.unwrap().into_iter().map(|info| info.operation).collect();
    assert_eq!(operations.first().map(String::as_str), Some("refresh all"));
    assert_eq!(operations.iter().filter(|operation| *operation == "refresh all").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_runs_the_model_and_what_reads_it() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    lab.model(
        "gold/totals.sql",
        "select customer, sum(amount) * 2 as total from {{ ref('orders_clean') }} group by 1\n",
    );
    let plan = lab.runner.plan(&RunRequest::refresh("plan", Selection::All)).await.unwrap();
    let planned: Vec<_> = plan.running().map(|step| format!("{}: {}", step.model.name, step.decision)).collect();
    assert_eq!(planned, ["gold.totals: sql changed", "gold.named: upstream gold.totals runs"]);

    let report = ok(lab.all().await);
    assert_eq!(
        steps(&report),
        [
            "silver.orders_clean: skipped, unchanged",
            "gold.totals: success, sql changed",
            "gold.volume: skipped, unchanged",
            "silver.customers: skipped, unchanged",
            "gold.named: success, upstream gold.totals runs",
        ]
    );
    assert_eq!(lab.query("select total from gold.named order by 1").await, ["11.00", "24.50"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_runs_what_reads_it_and_says_from_which_version_to_which() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    let before = lab.version("bronze.orders").unwrap();
    lab.data("orders-2.csv", "id,customer,amount\n5,dee,100.00\n");
    let report = ok(lab.all().await);
    assert_eq!(report.sources.len(), 1);
    assert_eq!((report.sources[0].status, report.sources[0].rows), (StepStatus::Success, Some(1)));
    let reason = format!("input bronze.orders changed (version {before} → {})", lab.version("bronze.orders").unwrap());
    assert_eq!(report.steps[0].reason, reason);
    assert_eq!(report.steps_with(StepStatus::Success), 5);
    assert_eq!(lab.query("select orders from gold.volume").await, ["4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_refresh_and_configuration_run_what_is_unchanged() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    let gold = || RunRequest::refresh("refresh gold", Selection::Layer("gold".into()));
    let report = ok(lab.run(gold().with_full_refresh(true)).await);
    assert_eq!(
        steps(&report),
        [
            "silver.orders_clean: skipped, unchanged",
            "gold.totals: success, full refresh",
            "gold.volume: success, full refresh",
            "silver.customers: skipped, unchanged",
            "gold.named: success, full refresh",
        ]
    );
    lab.model(
        "gold/volume.sql",
        "{{ config(tags=['daily']) }}\nselect count(*) as orders from {{ ref('orders_clean') }}\n",
    );
    lab.model(
        "silver/customers.sql",
        "{{ config(materialized='table') }}\nselect distinct customer from {{ ref('orders_clean') }}\n",
    );
    let report = ok(lab.run(gold()).await);
    let customers = report.steps.iter().find(|step| step.model.name == "customers").unwrap();
    assert_eq!(customers.status, StepStatus::Success);
    assert!(lab.version("silver.customers").is_some(), "a view became a table");
    assert_eq!(lab.query("select count(*) from silver.customers").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volatile_model_always_runs() {
    let lab = Lab::new().await;
    lab.model("gold/stamped.sql", "select now() as at, count(*) as orders from {{ ref('orders_clean') }}\n");
    ok(lab.all().await);
    let report = ok(lab.all().await);
    let ran: Vec<_> = report.steps.iter().filter(|step| step.status == StepStatus::Success).collect();
    assert_eq!(ran.len(), 1);
    assert_eq!((ran[0].model.to_string(), ran[0].reason.as_str()), ("gold.stamped".to_owned(), "volatile"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_under_a_view_are_seen_by_what_reads_the_view() {
    let lab = Lab::new().await;
    lab.model("gold/names.sql", "select count(*) as n from {{ ref('customers') }}\n");
    ok(lab.all().await);
    lab.data("orders-2.csv", "id,customer,amount\n5,dee,100.00\n");
    ok(lab.all().await);
    assert_eq!(lab.query("select n from gold.names").await, ["3"]);
    assert!(ok(lab.all().await).nothing_changed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_test_publishes_nothing_and_keeps_a_sample() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    let release = lab.release();
    lab.model(
        "gold/totals.sql",
        "select 'x' || (id % 2) as customer, amount as total from {{ ref('orders_clean') }}\n",
    );
    let report = lab.all().await;
    let failed = report.tests.iter().find(|test| test.status == TestStatus::Fail).unwrap();
    assert_eq!(failed.target.to_string(), "gold.totals");
    let totals = report.steps.iter().find(|step| step.model.name == "totals").unwrap();
    assert_eq!(totals.status, StepStatus::Discarded);
    let run_id = report.run_id;
    let error = report.into_result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CheckViolation);
    assert!(error.message().contains("unique") && error.message().contains("gold.totals"), "{error}");
    assert!(error.message().ends_with("1 row"), "{error}");

    assert_eq!(lab.release(), release, "nothing was published");
    assert_eq!(lab.query("select total from gold.totals order by 1").await, ["5.50", "12.25"]);
    let logged = lab
        .query(&format!(
            "select model, status, failures, sample from lakewire.test_results where run_id = '{run_id}' and status = 'fail'"
        ))
        .await;
    assert_eq!(logged.len(), 1);
    assert!(logged[0].starts_with("gold.totals|fail|1|[{"), "{logged:?}");
    let runs = lab.query(&format!("select status, sqlstate from lakewire.runs where run_id = '{run_id}'")).await;
    assert_eq!(runs, ["failed|23514"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_of_failing_rows_is_bounded() {
    let lab = Lab::with(&[("run.failure_sample_rows", "2")]).await;
    lab.model("tests/no_orders.sql", "select * from {{ ref('orders_clean') }}\n");
    let report = lab.all().await;
    let test = report.tests.iter().find(|test| test.test == "no_orders").unwrap();
    let sample: serde_json::Value = serde_json::from_str(test.sample.as_ref().unwrap()).unwrap();
    assert_eq!((test.failures, sample.as_array().unwrap().len()), (3, 2));
    assert!(sample[0].get("customer").is_some(), "{sample}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_is_told_and_publishes() {
    let lab = Lab::new().await;
    lab.model(
        "tests/big_orders.sql",
        "{{ config(severity='warn') }}\nselect * from {{ ref('orders_clean') }} where amount > 9\n",
    );
    let (rows, notices) = call(&lab, "call refresh_all()").await.unwrap();
    assert_eq!(rows.len(), 6, "a row per source and model: {rows:?}");
    let warning = notices.iter().find(|notice| notice.severity == Severity::Warning).unwrap();
    assert_eq!(warning.message, "test big_orders on silver.orders_clean found 1 row");
    assert_eq!(lab.query("select tests_warned, tests_failed from lakewire.runs").await, ["1|0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_names_its_file_and_spares_what_reads_it() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    let release = lab.release();
    lab.model("gold/totals.sql", "select customer, 1 / (id - id) as total from {{ ref('orders_clean') }}\n");
    let report = lab.all().await;
    assert_eq!(steps(&report).last().map(String::as_str), Some("gold.named: skipped, upstream gold.totals failed"));
    let error = report.into_result().unwrap_err();
    assert!(error.message().starts_with("model gold.totals (gold/totals.sql): "), "{error}");
    assert_eq!(error.kind(), ErrorKind::DivisionByZero);
    assert_eq!(lab.release(), release);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_column_is_an_error_before_anything_is_published() {
    let lab = Lab::new().await;
    lab.model("gold/volume.sql", "select count(nothing) as orders from {{ ref('orders_clean') }}\n");
    let error = lab.all().await.into_result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedColumn);
    assert!(error.message().contains("gold/volume.sql"), "{error}");
    assert_eq!(error.position(), None, "the position would be in text the client did not send");
    assert_eq!(lab.version("silver.orders_clean"), None, "nothing of the run was published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_source_says_how_to_get_it() {
    let lab = Lab::new().await;
    let report = lab.run(RunRequest::refresh("refresh gold", Selection::Layer("gold".into()))).await;
    let error = report.into_result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
    assert!(error.message().contains("bronze.orders"), "{error}");
    assert!(error.hint().unwrap().contains("refresh_bronze()"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_is_an_error_with_its_path() {
    let lab = Lab::new().await;
    lab.model("gold/a.sql", "select * from {{ ref('b') }}\n");
    lab.model("gold/b.sql", "select * from {{ ref('a') }}\n");
    let error = lab.all().await.into_result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Project);
    let told = format!("{error} {}", error.detail().unwrap_or_default());
    assert!(told.contains("gold.a → gold.b → gold.a"), "{told}");
    assert_eq!(lab.query("select status, sqlstate from lakewire.runs").await, ["failed|42P17"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_brings_up_only_what_it_needs() {
    let lab = Lab::new().await;
    ok(lab.runner.ingest(vec![], "ana", Arc::new(Silent), CancelHandle::default()).await.unwrap());
    let report = ok(lab.run(RunRequest::refresh("refresh x", Selection::Selectors(vec!["totals".into()]))).await);
    assert_eq!(steps(&report), ["silver.orders_clean: success, new", "gold.totals: success, new"]);
    let unknown = lab.run(RunRequest::refresh("refresh x", Selection::Selectors(vec!["totls".into()]))).await;
    let error = unknown.into_result().unwrap_err();
    assert!(error.message().contains("totls"), "{error}");
}

/// Never ends by itself.
const ENDLESS: &str = "with recursive n as (select cast(1 as bigint) as v union all select v + 1 from n) \
                       select 'all' as customer, sum(v) as total from n\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_run_publishes_nothing() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    let release = lab.release();
    lab.model("gold/totals.sql", ENDLESS);
    let cancel = CancelHandle::default();
    let watch = Arc::new(CancelAt { model: "gold.totals".parse().unwrap(), cancel: cancel.clone() });
    let request = RunRequest::refresh("refresh all", Selection::All);
    let report = lab.runner.run(request, watch, cancel).await.unwrap();
    assert_eq!(report.status(), "canceled");
    let error = report.into_result().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QueryCanceled);
    assert_eq!(lab.release(), release);
    assert_eq!(lab.query("select status from lakewire.runs order by started_at desc limit 1").await, ["canceled"]);
    lab.model("gold/totals.sql", PROJECT[5].1);
    assert!(ok(lab.all().await).nothing_changed(), "the next run finds the lake as it was");
}

/// Cancels as soon as a model has begun.
struct CancelAt {
    model: TableName,
    cancel: CancelHandle,
}

impl Progress for CancelAt {
    fn event(&self, event: RunEvent<'_>) {
        if let RunEvent::StepStarted { model } = event
            && *model == self.model
        {
            let cancel = self.cancel.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                cancel.cancel();
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_stops_its_run() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    lab.model("gold/totals.sql", ENDLESS);
    let mut session = session(&lab);
    let mut stream = start(&mut session, "call refresh_all()").await.unwrap();
    tokio::time::timeout(Duration::from_millis(200), stream.next()).await.expect_err("the model cannot have ended");
    drop(stream);
    lab.model("gold/totals.sql", PROJECT[5].1);
    // the lock is free again only when the dropped run has ended
    assert!(ok(lab.all().await).nothing_changed());
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_stops_the_run_and_writes_it_down() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    lab.model("gold/totals.sql", ENDLESS);
    let (began, begun) = tokio::sync::oneshot::channel();
    let (runner, watch) = (lab.runner.clone(), Arc::new(Began(parking_lot::Mutex::new(Some(began)))));
    let request = RunRequest::refresh("refresh all", Selection::All);
    let run = tokio::spawn(async move { runner.run(request, watch, CancelHandle::default()).await });
    begun.await.unwrap();
    lab.runner.close().await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().status(), "canceled");
    let (_, _, next) = server(lab.dir.path(), &[]).await;
    let again = next.plan(&RunRequest::refresh("plan", Selection::All)).await.unwrap();
    assert_eq!(again.running().count(), 2, "the run was discarded");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_runs_waits_and_finds_nothing_to_do() {
    let lab = Lab::new().await;
    let (first, second) = tokio::join!(lab.all(), lab.all());
    let (first, second) = (ok(first), ok(second));
    let built = first.steps_with(StepStatus::Success) + second.steps_with(StepStatus::Success);
    assert_eq!(built, 5, "each model was built once");
    assert!(first.nothing_changed() != second.nothing_changed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_get_its_turn_says_who_runs() {
    let lab = Lab::with(&[("run.lock_timeout", "10ms")]).await;
    ok(lab.all().await);
    lab.model("gold/totals.sql", ENDLESS);
    let cancel = CancelHandle::default();
    let runner = lab.runner.clone();
    let (began, begun) = tokio::sync::oneshot::channel();
    let (request, held) = (RunRequest::refresh("refresh all", Selection::All).by("ana"), cancel.clone());
    let watch = Arc::new(Began(parking_lot::Mutex::new(Some(began))));
    let long = tokio::spawn(async move { runner.run(request, watch, held).await });
    begun.await.unwrap();
    let request = RunRequest::refresh("build", Selection::All);
    let error = lab.runner.run(request, Arc::new(Silent), CancelHandle::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockNotAvailable);
    assert!(error.message().contains("refresh all by ana"), "{error}");
    cancel.cancel();
    assert_eq!(long.await.unwrap().unwrap().status(), "canceled");
}

/// Tells when the run has got its turn.
struct Began(parking_lot::Mutex<Option<tokio::sync::oneshot::Sender<()>>>);

impl Progress for Began {
    fn event(&self, event: RunEvent<'_>) {
        if let (RunEvent::Planned(_), Some(began)) = (event, self.0.lock().take()) {
            let _ = began.send(());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_lake_lose_nothing() {
    let lab = Lab::new().await;
    let (_, _, other) = server(lab.dir.path(), &[]).await;
    let request = || RunRequest::refresh("refresh all", Selection::All).with_ingest();
    let (mine, theirs) = tokio::join!(lab.all(), other.run(request(), Arc::new(Silent), CancelHandle::default()),);
    ok(mine);
    ok(theirs.unwrap());
    // a run that did nothing is written down a little later
    other.close().await.unwrap();
    lab.catalog.refresh().await.unwrap();
    assert_eq!(lab.query("select orders from gold.volume").await, ["3"]);
    assert_eq!(lab.query("select count(*) from bronze.orders").await, ["4"], "the file was ingested once");
    assert_eq!(lab.query("select count(*) from lakewire.runs").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_another_server_overtakes_starts_over() {
    let lab = Lab::new().await;
    let (_, _, other) = server(lab.dir.path(), &[]).await;
    ok(lab.runner.ingest(vec![], "ana", Arc::new(Silent), CancelHandle::default()).await.unwrap());
    let request = || RunRequest::refresh("refresh all", Selection::All);
    let (reached, built) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel();
    let pause = Arc::new(PauseAfter {
        model: "gold.named".parse().unwrap(),
        reached: parking_lot::Mutex::new(Some((reached, wait))),
    });
    let slow = lab.runner.clone();
    let slow = tokio::spawn(async move { slow.run(request(), pause, CancelHandle::default()).await });
    built.await.unwrap();
    let overtaker = ok(other.run(request(), Arc::new(Silent), CancelHandle::default()).await.unwrap());
    go.send(()).unwrap();
    let overtaken = ok(slow.await.unwrap().unwrap());
    assert_eq!(overtaker.steps_with(StepStatus::Success), 5);
    assert_eq!(overtaken.steps_with(StepStatus::Skipped), 5, "what the other published is up to date");
    assert_eq!(lab.version("gold.named"), Some(0), "built twice, published once");
}

/// Holds the run once a model is built, until told to go on.
struct PauseAfter {
    model: TableName,
    reached: parking_lot::Mutex<Option<(tokio::sync::oneshot::Sender<()>, std::sync::mpsc::Receiver<()>)>>,
}

impl Progress for PauseAfter {
    fn event(&self, event: RunEvent<'_>) {
        if let RunEvent::StepFinished(step) = event
            && step.model == self.model
            && let Some((reached, go)) = self.reached.lock().take()
        {
            let _ = reached.send(());
            tokio::task::block_in_place(|| go.recv()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_finds_nothing_to_do_opens_no_table() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    for layer in ["silver", "gold"] {
        std::fs::remove_dir_all(lab.dir.path().join("lake").join(layer)).unwrap();
    }
    let report = lab.run(RunRequest::refresh("refresh gold", Selection::Layer("gold".into()))).await;
    assert!(ok(report).nothing_changed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_brings_back_a_release_and_the_next_run_goes_on_from_it() {
    let lab = Lab::new().await;
    let first = ok(lab.all().await).release.unwrap();
    lab.model("gold/volume.sql", "select -1 as orders\n");
    ok(lab.all().await);
    assert_eq!(lab.query("select orders from gold.volume").await, ["-1"]);
    let (rows, _) = call(&lab, &format!("call rollback_release({first})")).await.unwrap();
    assert_eq!(rows, [format!("{}|{first}", lab.release())]);
    assert_eq!(lab.query("select orders from gold.volume").await, ["3"]);
    let report = ok(lab.all().await);
    let ran: Vec<_> = steps(&report).into_iter().filter(|step| !step.ends_with("unchanged")).collect();
    assert_eq!(ran, ["gold.volume: success, sql changed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn system_tables_answer_before_anything_ran() {
    let lab = Lab::new().await;
    for table in ["runs", "run_steps", "test_results", "ingests", "rejects"] {
        assert_eq!(lab.query(&format!("select count(*) from lakewire.{table}")).await, ["0"], "{table}");
    }
    let models = lab.query("select name, materialized, status, reason from lakewire.models order by name").await;
    assert_eq!(models.first().map(String::as_str), Some("gold.named|table|stale|new"));
    let lineage =
        lab.query("select from_object, kind from lakewire.lineage where to_object = 'gold.named' order by 1").await;
    assert_eq!(lineage, ["gold.totals|model", "silver.customers|model"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_log_tells_each_run() {
    let lab = Lab::new().await;
    let first = ok(lab.all().await);
    ok(lab.all().await);
    let runs = lab
        .query("select operation, status, models_run, models_skipped, tests_passed, release from lakewire.runs order by started_at")
        .await;
    let release = first.release.unwrap();
    assert_eq!(runs, [format!("refresh all|success|5|0|3|{release}"), "refresh all|skipped|0|5|0|∅".to_owned()]);
    let steps = lab
        .query("select model, status, reason, rows from lakewire.run_steps where model like 'gold.%' order by model")
        .await;
    assert_eq!(steps, ["gold.named|success|new|2", "gold.totals|success|new|2", "gold.volume|success|new|1"]);
    let fresh = lab.query("select distinct status from lakewire.models").await;
    assert_eq!(fresh, ["fresh"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_says_which_run_made_it_of_what() {
    let lab = Lab::new().await;
    let report = ok(lab.all().await);
    let log = lab.dir.path().join("lake/gold/totals/_delta_log/00000000000000000000.json");
    let log = std::fs::read_to_string(log).unwrap();
    let info = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find_map(|action| action.get("commitInfo").cloned())
        .unwrap();
    let made = &info["lakewire"];
    assert_eq!(made["run_id"], report.run_id.to_string());
    assert_eq!(made["model"], "gold.totals");
    assert_eq!(made["sql_hash"].as_str().map(str::len), Some(64));
    assert!(made["inputs"]["silver.orders_clean"].as_str().unwrap().ends_with("@0"), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_can_be_run_alone() {
    let lab = Lab::new().await;
    ok(lab.all().await);
    let (rows, _) = call(&lab, "call run_tests('totals')").await.unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|row| row.contains("gold.totals|error|pass|0")), "{rows:?}");
    lab.model("tests/no_orders.sql", "select * from {{ ref('orders_clean') }}\n");
    let error = call(&lab, "call run_tests()").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CheckViolation);
    assert!(error.message().contains("no_orders"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_returns_a_row_and_a_notice_per_model() {
    let lab = Lab::new().await;
    ok(lab.runner.ingest(vec![], "ana", Arc::new(Silent), CancelHandle::default()).await.unwrap());
    let (rows, notices) = call(&lab, "call refresh_gold()").await.unwrap();
    assert_eq!(rows.len(), 5);
    let release = lab.release();
    assert!(
        rows.iter().any(|row| row.starts_with("gold.volume|success|1|") && row.ends_with(&format!("|0|{release}|new")))
    );
    for model in ["silver.orders_clean: 3 rows in ", "gold.totals: 2 rows in ", "gold.volume: 1 row in "] {
        assert!(notices.iter().any(|notice| notice.message.starts_with(model)), "{model}: {notices:?}");
    }
    let (rows, notices) = call(&lab, "call refresh_gold()").await.unwrap();
    assert!(rows.iter().all(|row| row.contains("|skipped|") && row.ends_with("|unchanged")), "{rows:?}");
    assert!(notices.iter().any(|notice| notice.message.starts_with("nothing changed")), "{notices:?}");
    let (rows, _) = call(&lab, "call refresh('gold.volume', full_refresh => true)").await.unwrap();
    assert!(rows[0].ends_with("|unchanged") && rows[1].ends_with("|full refresh"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_call_says_how_it_is_called() {
    let lab = Lab::new().await;
    let unknown = call(&lab, "call refresh_golt()").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UndefinedFunction);
    assert_eq!(unknown.hint(), Some("did you mean refresh_gold?"));
    let wrong = call(&lab, "call refresh_gold(full => true)").await.unwrap_err();
    assert_eq!(wrong.hint(), Some("call refresh_gold(full_refresh => boolean)"));
    let invalid = call(&lab, "call rollback_release('soon')").await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::InvalidParameter);
}

fn session(lab: &Lab) -> Session {
    lab.engine.session(SessionParams { user: "lakewire".into(), database: "lake".into(), ..Default::default() })
}

async fn start(session: &mut Session, sql: &str) -> Result<lakewire::engine::BatchStream> {
    session.begin_statement();
    let statement = Arc::new(dialect::parse(sql)?.remove(0));
    let prepared = session.prepare(statement, &[]).await?;
    match session.execute(&prepared, &[]).await? {
        Outcome::Rows { stream, .. } => Ok(stream),
        _ => Err(Error::internal("a CALL returns rows")),
    }
}

/// Rows of a `CALL`, as text, and its notices.
async fn call(lab: &Lab, sql: &str) -> Result<(Vec<String>, Vec<Notice>)> {
    let mut session = session(lab);
    let mut notices = session.take_notices();
    let rows: Vec<RecordBatch> = start(&mut session, sql).await?.try_collect().await?;
    let mut told = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        told.push(notice);
    }
    Ok((text(&rows), told))
}
