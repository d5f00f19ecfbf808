//! Baskets of items, packed.

/// Distinct items per basket. Baskets and items are numbered by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baskets {
    /// Items of all baskets, basket after basket, ascending within each.
    items: Vec<u32>,
    /// Where each basket ends in `items`.
    ends: Vec<usize>,
}

impl Baskets {
    /// Gathers `(basket, item)` lines in any order; a line that is there twice counts once.
    pub fn from_lines(mut lines: Vec<(u32, u32)>) -> Self {
        lines.sort_unstable();
        lines.dedup();
        let mut ends = Vec::new();
        for basket in lines.chunk_by(|one, other| one.0 == other.0) {
            ends.push(ends.last().copied().unwrap_or(0) + basket.len());
        }
        Self { items: lines.into_iter().map(|(_, item)| item).collect(), ends }
    }

    /// Number of baskets.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// There is no basket.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The items of each basket, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| self.items.get(begin..*end).unwrap_or_default())
    }
}
