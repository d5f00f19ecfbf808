#![doc = include_str!("ARCHITECTURE.md")]

// base
pub mod config;
pub mod error;
pub mod names;
pub mod shutdown;
pub mod telemetry;
// formats and storage
pub mod dag;
pub mod pgtypes;
pub mod store;
pub mod table;
// query
pub mod catalog;
pub mod dialect;
pub mod engine;
pub mod functions;
pub mod pgcatalog;
pub mod pgfunctions;
// pipelines
pub mod model;
pub mod quality;
pub mod run;
pub mod runlog;
pub mod source;
// edges
pub mod pgserver;
// root
pub mod cli;
pub mod server;
