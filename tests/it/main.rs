//! Integration tests: real stores, real Delta tables, real sockets. One binary, because linking is the cost.

mod golden;
mod tables;
