//! Runs, steps, tests, ingests: plain Delta tables under `_lakewire/`, read by SQL as `lakewire.*`.
