//! From text to a plan that is ready to run: what a dashboard asks of gold, and what psql asks for `\d gold.daily_sales`.
//!
//! Every round is a statement of its own, as in the simple protocol; snapshots and metadata are those of a warm server.

mod shop;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use lakewire::dialect;
use lakewire::engine::{Outcome, Session, SessionParams};
use tokio::runtime::Runtime;

const STATEMENTS: [(&str, &str); 6] = [
    ("dashboard/months", include_str!("peers/dashboard/months.sql")),
    ("dashboard/countries", include_str!("peers/dashboard/countries.sql")),
    ("dashboard/classes", include_str!("peers/dashboard/classes.sql")),
    ("psql/relation", include_str!("planning/psql_relation.sql")),
    ("psql/class", include_str!("planning/psql_class.sql")),
    ("psql/columns", include_str!("planning/psql_columns.sql")),
];

/// The stream it answers is not pulled: nothing is read but what planning reads.
async fn plan(session: &mut Session, sql: &str) -> Outcome {
    session.begin_statement();
    let statement = dialect::parse_single(sql).expect("a statement");
    let prepared = session.prepare(Arc::new(statement), &[]).await.expect("a plan");
    session.execute(&prepared, &[]).await.expect("a stream")
}

fn planning(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (files, lake) = (shop::files(), tempfile::tempdir().expect("a temporary folder"));
    let app = runtime.block_on(shop::open(files.path(), lake.path()));
    let params = SessionParams { user: "lakewire".into(), database: "lake".into(), ..SessionParams::default() };
    let mut session = app.engine.session(params);
    for (name, sql) in STATEMENTS {
        criterion.bench_function(&format!("parse/{name}"), |bencher| {
            bencher.iter(|| black_box(dialect::parse_single(sql).expect("a statement")));
        });
        criterion.bench_function(&format!("plan/{name}"), |bencher| {
            bencher.iter(|| runtime.block_on(plan(&mut session, sql)));
        });
    }
    drop(session);
    runtime.block_on(app.close()).expect("the run log can be written");
}

criterion_group!(benches, planning);
criterion_main!(benches);
