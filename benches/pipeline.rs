//! CSV files → bronze → every model with its tests → one release, on a new lake each time.

mod shop;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;

fn pipeline(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let files = shop::files();
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(10).throughput(Throughput::Elements(shop::ROWS as u64));
    group.bench_function("csv_to_analytics", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let lake = tempfile::tempdir().expect("a temporary folder");
            let app = shop::open(files.path(), lake.path()).await;
            app.close().await.expect("the run log can be written");
        });
    });
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
