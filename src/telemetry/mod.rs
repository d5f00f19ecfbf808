//! Logs and facts.
