//! The one integration-test binary: the real server over real sockets, real Delta tables on disk.

mod analytics;
mod busy;
mod catalog;
mod cli;
mod clients;
mod compat;
mod copy;
mod crash;
mod definitions;
mod fdw;
mod figures;
mod foreign;
mod golden;
mod history;
mod ingest;
mod kept;
mod kills;
mod maintenance;
mod rights;
mod rows;
mod runs;
mod sessions;
mod slt;
mod sql;
#[allow(dead_code)]
mod support;
mod tables;
mod times;
mod tls;
mod transactions;
mod wire;
mod writes;
