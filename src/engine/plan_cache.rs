//! Plans of all sessions by the text of their statements: dashboards send the same few over and over.
//!
//! Invariant: the cache decides nothing; whoever takes a plan checks that it holds for the release and the settings.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::planned::Planned;

/// Plans remembered; when there are more, those not used since the last time there were go.
const PLANS_MAX: usize = 1024;
/// Longer statements are not asked twice.
const TEXT_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct PlanCache(Mutex<HashMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    plan: Arc<Planned>,
    used: bool,
}

impl PlanCache {
    pub fn get(&self, text: &str) -> Option<Arc<Planned>> {
        let mut entries = self.0.lock();
        let entry = entries.get_mut(text)?;
        entry.used = true;
        Some(entry.plan.clone())
    }

    pub fn put(&self, text: &str, plan: Arc<Planned>) {
        if text.len() > TEXT_BYTES_MAX {
            return;
        }
        let mut entries = self.0.lock();
        if entries.len() >= PLANS_MAX {
            entries.retain(|_, entry| std::mem::take(&mut entry.used));
            if entries.len() >= PLANS_MAX {
                entries.clear();
            }
        }
        entries.insert(text.to_owned(), Entry { plan, used: false });
    }
}
