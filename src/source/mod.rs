//! What arrives: sources poll for what is new and give batches, rejects and the next cursor.
//!
//! Invariant: each file is ingested exactly once; its rows, its rejects and its row in `lakewire.ingests` become visible
//! together or not at all.

mod csv;
mod datetime;
mod facts;
mod files;
mod ingest;
mod log;
pub mod sample;
mod spec;
mod types;

pub use csv::Reject;
pub use ingest::{IngestEvent, IngestObserver, IngestReport, IngestRequest, SourceOutcome, ingest};
pub use log::{IngestEntry, IngestState, ingests_schema, ingests_table, rejects_schema, rejects_table};
pub use spec::{CsvSource, Mode};
