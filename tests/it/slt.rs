//! SQL cases as data: `tests/slt/postgres` is answered alike by a PostgreSQL 15 and by Lakewire, `tests/slt/lake` needs a
//! lake with the sample data (20,000 rows, seed 7).
//!
//! Every file runs in a session of its own, once in the simple and once in the extended protocol with binary results. With
//! `LAKEWIRE_SLT=write` what is expected is written anew instead: by PostgreSQL where it can be, so that no answer of ours
//! becomes the one that is wanted.

mod binary;
mod client;

use std::path::{Path, PathBuf};

use sqllogictest::{Runner, default_normalizer, default_validator};

use crate::compat::reference::Reference;
use crate::support::{self, sample_demo};
use client::{Column, Protocol, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn postgres_answers_these_as_written() {
    let Some(reference) = Reference::start() else {
        support::skipped("no PostgreSQL server is installed to compare with");
        return;
    };
    reference.load(&[]).await;
    let url = format!("postgresql://ana@{}/lake", reference.address);
    let files = files("postgres");
    if writing() {
        for file in files {
            write(&file, &url).await;
        }
        return;
    }
    check(&files, &url, "postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lakewire_answers_as_postgres_does() {
    check(&files("postgres"), &sample_demo().url, "lakewire").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lake_answers_as_written() {
    let files = files("lake");
    if writing() {
        for file in files {
            write(&file, &sample_demo().url).await;
        }
        return;
    }
    check(&files, &sample_demo().url, "lakewire").await;
}

/// Whether what is expected is to be written instead of checked.
fn writing() -> bool {
    std::env::var("LAKEWIRE_SLT").as_deref() == Ok("write")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = support::root().join("tests/slt").join(folder);
    let entries = std::fs::read_dir(&folder).expect("a folder of cases");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no cases in {}", folder.display());
    files
}

/// Runs every record of every file in both protocols and fails with all that went otherwise.
async fn check(files: &[PathBuf], url: &str, server: &'static str) {
    let mut failures = Vec::new();
    for file in files {
        for protocol in [Protocol::Simple, Protocol::Extended] {
            let mut runner = Runner::new(|| Wire::connect(url, protocol, server));
            runner.with_column_validator(client::same_columns);
            for record in sqllogictest::parse_file::<Column>(file).expect("a file of cases") {
                if let Err(failure) = runner.run_async(record).await {
                    failures.push(format!("{protocol:?}: {}", failure.display(false)));
                }
            }
            runner.shutdown_async().await;
        }
    }
    assert!(failures.is_empty(), "{} wrong answers of {server}:\n{}", failures.len(), failures.join("\n"));
}

async fn write(file: &Path, url: &str) {
    let mut runner = Runner::new(|| Wire::connect(url, Protocol::Extended, "postgres"));
    let written = runner.update_test_file(file, " ", default_validator, default_normalizer, client::same_columns).await;
    written.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    runner.shutdown_async().await;
}
