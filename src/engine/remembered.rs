//! What all sessions share by the text of their statements, trees and plans: clients send the same few over and over.
//!
//! Invariant: it decides nothing; whoever takes a plan checks that it holds for the release and the settings.

use std::collections::HashMap;

use parking_lot::Mutex;

/// The values made last; when there are more, those not used since the last time there were go.
#[derive(Debug)]
pub(super) struct Remembered<Value> {
    entries: Mutex<HashMap<String, Entry<Value>>>,
    max: usize,
    /// Longer texts are not asked for twice.
    text_bytes_max: usize,
}

#[derive(Debug)]
struct Entry<Value> {
    value: Value,
    used: bool,
}

impl<Value: Clone> Remembered<Value> {
    pub fn new(max: usize, text_bytes_max: usize) -> Self {
        Self { entries: Mutex::default(), max, text_bytes_max }
    }

    pub fn get(&self, text: &str) -> Option<Value> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(text)?;
        entry.used = true;
        Some(entry.value.clone())
    }

    pub fn put(&self, text: &str, value: Value) {
        if text.len() > self.text_bytes_max {
            return;
        }
        let mut entries = self.entries.lock();
        if entries.len() >= self.max {
            entries.retain(|_, entry| std::mem::take(&mut entry.used));
            if entries.len() >= self.max {
                entries.clear();
            }
        }
        entries.insert(text.to_owned(), Entry { value, used: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_when_there_is_no_room() {
        let remembered = Remembered::new(2, 4);
        remembered.put("a", 1);
        remembered.put("b", 2);
        assert_eq!(remembered.get("a"), Some(1));
        remembered.put("c", 3);
        assert_eq!([remembered.get("a"), remembered.get("b"), remembered.get("c")], [Some(1), None, Some(3)]);
        remembered.put("longer", 4);
        assert_eq!(remembered.get("longer"), None);
    }
}
