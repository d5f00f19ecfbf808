//! Ordered drain, by ownership.
