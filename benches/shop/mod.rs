//! A small shop for benches: generated files, and lakes made of them by the project's own models.

use std::path::Path;

use lakewire::config::Config;
use lakewire::engine::CancelHandle;
use lakewire::run::{RunRequest, Selection, Silent};
use lakewire::server::App;
use lakewire::source::sample::Sample;
use tempfile::TempDir;

/// Lines of invoices; small enough for many samples.
pub const ROWS: usize = 20_000;

/// Source files, the same in every run.
pub fn files() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Sample { rows: ROWS, seed: 42 }.write(folder.path(), |_| {}).expect("sample data can be written");
    folder
}

/// A new lake in `lake`: the files ingested, every model built and tested, one release.
pub async fn open(files: &Path, lake: &Path) -> App {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let settings = [("lake.url", text(lake)), ("ingest.data_dir", text(files)), ("project.dir", text(&project))];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let app = App::create(Config::with(&settings).expect("good settings")).await.expect("a lake");
    let request = RunRequest::refresh("bench", Selection::All).with_ingest();
    let report = app.runner.run(request, std::sync::Arc::new(Silent), CancelHandle::default()).await.expect("a run");
    report.into_result().expect("a run without failures");
    app
}
