//! Tables written by Spark and other engines must give exactly the rows that their writers say they hold, through both
//! scans; tables that cannot be read must say why.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::prelude::SessionContext;
use lakewire::error::{Error, ErrorKind};
use lakewire::store::{LakeStore, StoreOptions};
use lakewire::table::{ScanPath, Snapshot, Tables};

/// Tables that cannot be read, and the kind of error that says why.
const UNREADABLE: &[(&str, ErrorKind)] = &[
    // logs without the data files that they name
    ("golden/canonicalized-paths-normal-a/delta", ErrorKind::UndefinedFile),
    ("golden/canonicalized-paths-special-a/delta", ErrorKind::UndefinedFile),
    ("golden/checkpoint/delta", ErrorKind::UndefinedFile),
    ("golden/delete-re-add-same-file-different-transactions/delta", ErrorKind::UndefinedFile),
    ("golden/log-replay-special-characters-b/delta", ErrorKind::UndefinedFile),
    ("delta-rs/checkpoint_with_partitions", ErrorKind::UndefinedFile),
    ("delta-rs/checkpoints", ErrorKind::UndefinedFile),
    ("delta-rs/checkpoints_vacuumed", ErrorKind::UndefinedFile),
    ("delta-rs/latest_not_checkpointed", ErrorKind::UndefinedFile),
    ("delta-rs/spark-variant-stable-feature-checkpoint", ErrorKind::UndefinedFile),
    ("delta-rs/table-with-domain-metadata", ErrorKind::UndefinedFile),
    ("delta-rs/with_checkpoint_no_last_checkpoint", ErrorKind::UndefinedFile),
    // logs without metadata, on purpose
    ("golden/data-reader-absolute-paths-escaped-chars/delta", ErrorKind::DataCorrupted),
    ("golden/deltalog-state-reconstruction-from-checkpoint-missing-metadata/delta", ErrorKind::DataCorrupted),
    ("golden/deltalog-state-reconstruction-without-metadata/delta", ErrorKind::DataCorrupted),
    ("golden/update-deleted-directory/delta", ErrorKind::DataCorrupted),
    // features that the reader does not know
    ("delta-rs/simple_table_features", ErrorKind::FeatureNotSupported),
    ("delta-rs/spark-shredded-variant-preview-delta", ErrorKind::FeatureNotSupported),
];

/// A partition value `2021-09-08 11:11:11` without a time zone: its writer, and the reader that wrote down what to
/// expect, ran in Los Angeles; the protocol leaves the zone to the reader, and ours is UTC.
const LOCAL_TIMESTAMP: (&str, &str, &str) =
    ("data-reader-partition-values", "2021-09-08T18:11:11Z", "2021-09-08T11:11:11Z");

/// The unpacked tables; `None`, with a word about it, where the archive is absent.
fn unpack() -> Option<tempfile::TempDir> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/delta_tables.tar.gz");
    if !archive.exists() {
        eprintln!("skipped: ../shared/data is absent");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(folder.path()).status().unwrap();
    assert!(status.success(), "tar cannot unpack {}", archive.display());
    Some(folder)
}

fn tables(folder: &Path) -> Arc<Tables> {
    let lake = folder.join("delta_tables");
    Tables::new(LakeStore::open(lake.to_str().unwrap(), &StoreOptions::default()).unwrap())
}

/// Names of the folders in `folder` below which `within` exists.
fn names(folder: &Path, within: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| folder.join(name).join(within).exists())
        .collect();
    names.sort();
    names
}

/// Rows as text, sorted: each column cast to the table's type, whatever form it was read in.
fn render(batches: &[RecordBatch], schema: &SchemaRef) -> Vec<String> {
    let format = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| cast(batch.column_by_name(field.name()).unwrap(), field.data_type()).unwrap())
            .collect();
        let formatters: Vec<_> =
            columns.iter().map(|column| ArrayFormatter::try_new(column, &format).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = formatters.iter().map(|cell| cell.value(row).to_string()).collect();
            rows.push(cells.join(" | "));
        }
    }
    rows.sort();
    rows
}

#[allow(clippy::disallowed_methods)]
async fn read(snapshot: &Snapshot) -> Result<Vec<RecordBatch>, Error> {
    let context = SessionContext::new();
    let rows = context.read_table(snapshot.provider()?).unwrap().collect().await;
    rows.map_err(|error| {
        lakewire::table::error_in(&error).unwrap_or_else(|| Error::internal(format!("unexplained: {error}")))
    })
}

/// The Parquet files that hold what the table should hold, read without any of our code.
fn expected(folder: &Path) -> Vec<RecordBatch> {
    let files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
        .collect();
    let batches = files.iter().flat_map(|file| {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
        reader.build().unwrap().map(Result::unwrap).collect::<Vec<_>>()
    });
    batches.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_tables_give_exactly_their_rows_through_both_scans() {
    let Some(folder) = unpack() else { return };
    let golden = folder.path().join("delta_tables/golden");
    let tables = tables(folder.path());
    let mut wrong = Vec::new();
    let mut plain = 0;
    let names = names(&golden, "expected");
    for name in &names {
        for path in [ScanPath::Auto, ScanPath::DeltaRs] {
            let snapshot = match tables.snapshot_by(&format!("golden/{name}/delta"), None, path).await {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    wrong.push(format!("{name} ({path:?}): {}", error.chain()));
                    continue;
                }
            };
            plain += usize::from(snapshot.is_plain());
            let mut want = render(&expected(&golden.join(name).join("expected")), &snapshot.schema());
            if name == LOCAL_TIMESTAMP.0 {
                want = want.iter().map(|row| row.replace(LOCAL_TIMESTAMP.1, LOCAL_TIMESTAMP.2)).collect();
            }
            match read(&snapshot).await {
                Ok(rows) => {
                    let got = render(&rows, &snapshot.schema());
                    if got != want {
                        wrong.push(format!("{name} ({path:?}): got {got:#?}\nwant {want:#?}"));
                    }
                    if snapshot.rows().is_some_and(|rows| rows != want.len() as u64) {
                        wrong.push(format!("{name} ({path:?}): says {:?} rows, holds {}", snapshot.rows(), want.len()));
                    }
                }
                Err(error) => wrong.push(format!("{name} ({path:?}): {}", error.chain())),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(plain > names.len() / 2, "only {plain} of {} tables are scanned plainly", names.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_table_reads_or_says_why() {
    let Some(folder) = unpack() else { return };
    let root = folder.path().join("delta_tables");
    let tables = tables(folder.path());
    let golden = names(&root.join("golden"), "delta/_delta_log").into_iter().map(|name| format!("golden/{name}/delta"));
    let hive = names(&root.join("golden/hive/delta"), "_delta_log")
        .into_iter()
        .map(|name| format!("golden/hive/delta/{name}"));
    let others = names(&root.join("delta-rs"), "_delta_log").into_iter().map(|name| format!("delta-rs/{name}"));
    let mut wrong = Vec::new();
    for location in golden.chain(hive).chain(others) {
        let outcome = match tables.snapshot(&location, None).await {
            Ok(snapshot) => read(&snapshot).await.map(|rows| (snapshot, rows)),
            Err(error) => Err(error),
        };
        let want = UNREADABLE.iter().find(|(name, _)| *name == location).map(|(_, kind)| *kind);
        match outcome {
            Ok((snapshot, rows)) => {
                let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
                if want.is_some() || snapshot.rows().is_some_and(|rows| rows != count as u64) {
                    wrong.push(format!("{location}: reads {count} rows, says {:?}", snapshot.rows()));
                }
            }
            Err(error) if Some(error.kind()) == want => {}
            Err(error) => wrong.push(format!("{location}: {:?}: {} [{:?}]", error.kind(), error.chain(), error.hint())),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
