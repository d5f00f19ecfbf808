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

impl Usage {
    fn add(&self, other: &Self) {
        self.scans.add(other.scans.get());
        self.read.add(other.read.get());
        self.inserted.add(other.inserted.get());
        self.updated.add(other.updated.get());
        self.deleted.add(other.deleted.get());
    }
}

/// Tables whose figures are kept apart. Beyond that, those that nobody has open are counted as one.
const KEPT_MAX: usize = 65_536;

/// What was done to each table, by location.
#[derive(Debug, Default)]
pub(super) struct Usages(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    tables: HashMap<String, Arc<Usage>>,
    /// Of all that are not kept apart.
    others: Arc<Usage>,
}

impl Usages {
    pub fn of(&self, location: &str) -> Arc<Usage> {
        let mut kept = self.0.lock();
        if let Some(usage) = kept.tables.get(location) {
            return Arc::clone(usage);
        }
        if kept.tables.len() >= KEPT_MAX {
            let others = Arc::clone(&kept.others);
            kept.tables.retain(|_, usage| {
                let is_open = Arc::strong_count(usage) > 1;
                if !is_open {
                    others.add(usage);
                }
                is_open
            });
        }
        Arc::clone(kept.tables.entry(location.to_owned()).or_default())
    }

    pub fn all(&self) -> Vec<Arc<Usage>> {
        let kept = self.0.lock();
        kept.tables.values().chain([&kept.others]).cloned().collect()
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

    #[test]
    fn tables_are_kept_apart_up_to_a_number_and_none_is_lost() {
        let usages = Usages::default();
        let open = usages.of("open");
        open.inserted.add(1);
        for number in 0..KEPT_MAX {
            usages.of(&number.to_string()).inserted.add(1);
        }
        assert_eq!(usages.of("open").inserted.get(), 1);
        assert!(usages.0.lock().tables.len() <= KEPT_MAX);
        let all: u64 = usages.all().iter().map(|usage| usage.inserted.get()).sum();
        assert_eq!(all, KEPT_MAX as u64 + 1);
    }
}
