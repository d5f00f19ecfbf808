//! How much each table is read and written, counted since the process began.
//!
//! Invariant: nothing is counted row by row: a scan adds once, when it is over.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use parking_lot::Mutex;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What was done to one table.
#[derive(Debug, Default)]
pub struct Usage {
    pub scans: Count,
    /// Rows that scans gave.
    pub read: Count,
    /// Rows of statements, those of transactions that were rolled back too.
    pub inserted: Count,
    pub updated: Count,
    pub deleted: Count,
}

/// So many tables' figures are kept before those of tables that nobody has open are forgotten.
const KEPT_MAX: usize = 32_768;

/// What was done to each table, by location.
#[derive(Debug, Default)]
pub(super) struct Usages(Mutex<HashMap<String, Arc<Usage>>>);

impl Usages {
    pub fn all(&self) -> Vec<Arc<Usage>> {
        self.0.lock().values().cloned().collect()
    }

    pub fn of(&self, location: &str) -> Arc<Usage> {
        let mut usages = self.0.lock();
        if usages.len() >= KEPT_MAX {
            // of tables that are long gone
            usages.retain(|_, usage| Arc::strong_count(usage) > 1);
        }
        match usages.get(location) {
            Some(usage) => Arc::clone(usage),
            None => Arc::clone(usages.entry(location.to_owned()).or_default()),
        }
    }
}

/// One scan of a table, counted when it is dropped, if it was begun.
#[derive(Debug)]
pub(super) struct Reading {
    usage: Arc<Usage>,
    metrics: OnceLock<ExecutionPlanMetricsSet>,
}

impl Reading {
    pub fn of(usage: &Arc<Usage>) -> Self {
        Self { usage: Arc::clone(usage), metrics: OnceLock::new() }
    }

    /// The scan is begun; its figures are in these metrics.
    pub fn begin(&self, metrics: &ExecutionPlanMetricsSet) {
        self.metrics.get_or_init(|| metrics.clone());
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(metrics) = self.metrics.get() {
            self.usage.scans.add(1);
            self.usage.read.add(metrics.clone_inner().output_rows().unwrap_or(0) as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::metrics::BaselineMetrics;

    use super::*;

    #[test]
    fn a_scan_counts_once_it_is_over_and_only_if_it_was_begun() {
        let usages = Usages::default();
        let usage = usages.of("gold/t");
        drop(Reading::of(&usage));
        let (reading, metrics) = (Reading::of(&usage), ExecutionPlanMetricsSet::new());
        reading.begin(&metrics);
        BaselineMetrics::new(&metrics, 0).record_output(3);
        BaselineMetrics::new(&metrics, 1).record_output(4);
        assert_eq!(usage.scans.get(), 0);
        drop(reading);
        assert_eq!((usages.of("gold/t").scans.get(), usage.read.get()), (1, 7));
    }
}
