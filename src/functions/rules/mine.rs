//! Frequent sets of items, and the rules they give.

use std::collections::HashMap;

use super::Baskets;
use crate::functions::{FunctionError, Stop, check_stop};

/// The largest `size_max` that can be asked for.
pub const SIZE_LIMIT: usize = 6;
/// No more frequent sets than this are kept.
const SETS_MAX: usize = 1_000_000;

/// Which rules are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleOptions {
    /// Least share of the baskets that hold the whole rule, above 0 and at most 1.
    pub min_support: f64,
    /// Least confidence, 0 to 1.
    pub min_confidence: f64,
    /// Least lift, 0 or above; above 1 keeps what is bought together more often than by chance.
    pub min_lift: f64,
    /// Most items in a rule, both sides together: 2 to [`SIZE_LIMIT`].
    pub size_max: usize,
}

impl Default for RuleOptions {
    /// Pairs in at least 1 % of the baskets, of any confidence and lift.
    fn default() -> Self {
        Self { min_support: 0.01, min_confidence: 0.0, min_lift: 0.0, size_max: 2 }
    }
}

/// Who buys all of `antecedent` also buys `consequent`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Items, ascending.
    pub antecedent: Vec<u32>,
    pub consequent: u32,
    /// Baskets that hold all items of the rule.
    pub count: usize,
    /// Baskets that hold all of the antecedent.
    pub antecedent_count: usize,
    /// Baskets that hold the consequent.
    pub consequent_count: usize,
    /// `count` as a share of all baskets.
    pub support: f64,
    /// `count` as a share of the antecedent's baskets.
    pub confidence: f64,
    /// Confidence over the consequent's share of all baskets: 1 is chance.
    pub lift: f64,
}

/// All rules that satisfy `options`: highest lift first, then count, then antecedent and consequent in ascending order.
pub fn basket_rules(baskets: &Baskets, options: &RuleOptions, stop: Stop<'_>) -> Result<Vec<Rule>, FunctionError> {
    check_options(options)?;
    if baskets.is_empty() {
        return Err(FunctionError::TooFew { what: "baskets", found: 0, needed: 1 });
    }
    let sets = frequent_sets(baskets, options, stop)?;
    let mut rules = rules(&sets, baskets.len(), options);
    rules.sort_unstable_by(|x, y| {
        let by_items = || x.antecedent.cmp(&y.antecedent).then(x.consequent.cmp(&y.consequent));
        y.lift.total_cmp(&x.lift).then(y.count.cmp(&x.count)).then_with(by_items)
    });
    Ok(rules)
}

fn check_options(options: &RuleOptions) -> Result<(), FunctionError> {
    // Written so that NaN is outside every range.
    let checks = [
        (options.min_support > 0.0 && options.min_support <= 1.0, "min_support", "above 0 and at most 1"),
        ((0.0..=1.0).contains(&options.min_confidence), "min_confidence", "from 0 to 1"),
        (options.min_lift >= 0.0 && options.min_lift.is_finite(), "min_lift", "zero or above"),
        ((2..=SIZE_LIMIT).contains(&options.size_max), "max_size", "from 2 to 6"),
    ];
    match checks.into_iter().find(|(good, ..)| !good) {
        Some((_, argument, must)) => Err(FunctionError::Argument { argument, must }),
        None => Ok(()),
    }
}

/// Baskets that hold each frequent set; the items of a set are ascending.
type Sets = HashMap<Vec<u32>, usize>;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of baskets"
)]
fn frequent_sets(baskets: &Baskets, options: &RuleOptions, stop: Stop<'_>) -> Result<Sets, FunctionError> {
    // A share that is meant to be a whole count must not miss it by rounding.
    let count_min = ((options.min_support * baskets.len() as f64 - 1e-9).ceil() as usize).max(1);
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for item in baskets.iter().flatten() {
        *counts.entry(*item).or_default() += 1;
    }
    // Rare items first: the sets that start with them are few, and common items are read as extensions only.
    let mut frequent: Vec<(usize, u32)> =
        counts.into_iter().filter(|(_, count)| *count >= count_min).map(|(item, count)| (count, item)).collect();
    frequent.sort_unstable();
    let ranks: HashMap<u32, u32> = frequent.iter().zip(0..).map(|((_, item), rank)| (*item, rank)).collect();
    let mut ranked: Vec<Vec<u32>> = Vec::with_capacity(baskets.len());
    let mut holders: Vec<Vec<Place>> = frequent.iter().map(|(count, _)| Vec::with_capacity(*count)).collect();
    for basket in baskets.iter() {
        let mut row: Vec<u32> = basket.iter().filter_map(|item| ranks.get(item).copied()).collect();
        row.sort_unstable();
        for (at, rank) in row.iter().enumerate() {
            if let Some(places) = holders.get_mut(*rank as usize) {
                places.push(Place { basket: ranked.len(), next: at + 1 });
            }
        }
        ranked.push(row);
    }
    let mut search = Search {
        baskets: &ranked,
        items: frequent.iter().map(|(_, item)| *item).collect(),
        count_min,
        size_max: options.size_max,
        set: Vec::new(),
        found: HashMap::new(),
        stop,
    };
    for (rank, places) in holders.iter().enumerate() {
        search.extend(rank, places)?;
    }
    Ok(search.found)
}

/// A basket that holds the current set, and where its items after the set's last one begin.
#[derive(Clone, Copy)]
struct Place {
    basket: usize,
    next: usize,
}

struct Search<'a> {
    /// Ranks of the frequent items of each basket, ascending.
    baskets: &'a [Vec<u32>],
    /// The item of each rank.
    items: Vec<u32>,
    count_min: usize,
    size_max: usize,
    /// Items of the current set.
    set: Vec<u32>,
    found: Sets,
    stop: Stop<'a>,
}

impl Search<'_> {
    /// Notes the current set with the item of `rank` added, which `places` hold, and goes on from there.
    fn extend(&mut self, rank: usize, places: &[Place]) -> Result<(), FunctionError> {
        check_stop(self.stop)?;
        let Some(item) = self.items.get(rank) else { return Ok(()) };
        self.set.push(*item);
        let mut key = self.set.clone();
        key.sort_unstable();
        self.found.insert(key, places.len());
        if self.found.len() > SETS_MAX {
            let hint = "raise min_support or lower max_size";
            return Err(FunctionError::WorkLimit { what: "the frequent sets of items", limit: SETS_MAX, hint });
        }
        if self.set.len() < self.size_max {
            for (rank, places) in self.extensions(rank, places) {
                self.extend(rank, &places)?;
            }
        }
        self.set.pop();
        Ok(())
    }

    /// The ranks above `last` that enough of `places` hold, with their places.
    fn extensions(&self, last: usize, places: &[Place]) -> Vec<(usize, Vec<Place>)> {
        let rest =
            |place: &Place| self.baskets.get(place.basket).and_then(|row| row.get(place.next..)).unwrap_or_default();
        let mut counts = vec![0_usize; self.items.len() - last];
        let slot = |rank: u32| rank as usize - last;
        for rank in places.iter().flat_map(rest) {
            if let Some(count) = counts.get_mut(slot(*rank)) {
                *count += 1;
            }
        }
        let mut kept: Vec<(usize, Vec<Place>)> = Vec::new();
        // From here on: one more than the place in `kept`, zero for what is not.
        for (offset, count) in counts.iter_mut().enumerate() {
            if *count >= self.count_min {
                kept.push((last + offset, Vec::with_capacity(*count)));
                *count = kept.len();
            } else {
                *count = 0;
            }
        }
        if kept.is_empty() {
            return kept;
        }
        for place in places {
            for (at, rank) in rest(place).iter().enumerate() {
                let index = counts.get(slot(*rank)).and_then(|index| index.checked_sub(1));
                if let Some((_, places)) = index.and_then(|index| kept.get_mut(index)) {
                    places.push(Place { basket: place.basket, next: place.next + at + 1 });
                }
            }
        }
        kept
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of baskets")]
fn rules(sets: &Sets, baskets: usize, options: &RuleOptions) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (set, count) in sets.iter().filter(|(set, _)| set.len() > 1) {
        for consequent in set {
            let antecedent: Vec<u32> = set.iter().filter(|item| *item != consequent).copied().collect();
            // Every part of a frequent set is frequent.
            let (Some(of_antecedent), Some(of_consequent)) =
                (sets.get(&antecedent), sets.get(std::slice::from_ref(consequent)))
            else {
                continue;
            };
            let confidence = *count as f64 / *of_antecedent as f64;
            let lift = confidence * baskets as f64 / *of_consequent as f64;
            if confidence >= options.min_confidence && lift >= options.min_lift {
                rules.push(Rule {
                    antecedent,
                    consequent: *consequent,
                    count: *count,
                    antecedent_count: *of_antecedent,
                    consequent_count: *of_consequent,
                    support: *count as f64 / baskets as f64,
                    confidence,
                    lift,
                });
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(lines: &[(u32, u32)], options: RuleOptions) -> Vec<Rule> {
        basket_rules(&Baskets::from_lines(lines.to_vec()), &options, &|| false).unwrap()
    }

    /// Bread 0, milk 1, diapers 2, beer 3, eggs 4, cola 5: the five baskets of Tan, Steinbach, Kumar, "Introduction to
    /// Data Mining", table 6.1, where {milk, diapers} → {beer} has a support of 0.4 and a confidence of 0.67.
    const MARKET: &[(u32, u32)] = &[
        (1, 0),
        (1, 1),
        (2, 0),
        (2, 2),
        (2, 3),
        (2, 4),
        (3, 1),
        (3, 2),
        (3, 3),
        (3, 5),
        (4, 0),
        (4, 1),
        (4, 2),
        (4, 3),
        (5, 0),
        (5, 1),
        (5, 2),
        (5, 5),
    ];

    #[test]
    fn the_textbook_rule() {
        let options = RuleOptions { min_support: 0.4, size_max: 3, ..RuleOptions::default() };
        let rules = rules_of(MARKET, options);
        let rule = rules.iter().find(|rule| rule.antecedent == [1, 2] && rule.consequent == 3).unwrap();
        assert_eq!((rule.count, rule.antecedent_count, rule.consequent_count), (2, 3, 3));
        assert!((rule.support - 0.4).abs() < 1e-12);
        assert!((rule.confidence - 2.0 / 3.0).abs() < 1e-12);
        assert!((rule.lift - 10.0 / 9.0).abs() < 1e-12);
    }

    #[test]
    fn order_and_repetition_of_the_lines_do_not_matter() {
        let options = RuleOptions { min_support: 0.2, size_max: 4, ..RuleOptions::default() };
        let mut turned: Vec<_> = MARKET.iter().rev().copied().collect();
        turned.extend_from_slice(MARKET);
        assert_eq!(rules_of(MARKET, options), rules_of(&turned, options));
    }

    /// Every set, counted by trying all of them.
    #[test]
    fn finds_what_counting_everything_finds() {
        let mut state = 7_u32;
        let lines: Vec<(u32, u32)> = (0..600)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 8) % 90, (state >> 20) % 12)
            })
            .collect();
        let baskets = Baskets::from_lines(lines.clone());
        let options = RuleOptions { min_support: 0.05, size_max: 4, ..RuleOptions::default() };
        let found = frequent_sets(&baskets, &options, &|| false).unwrap();
        let mut expected = Sets::new();
        for mask in 1_u32..1 << 12 {
            let set: Vec<u32> = (0..12).filter(|item| mask >> item & 1 == 1).collect();
            let count = baskets.iter().filter(|basket| set.iter().all(|item| basket.contains(item))).count();
            if set.len() <= 4 && count as f64 >= 0.05 * baskets.len() as f64 {
                expected.insert(set, count);
            }
        }
        assert!(expected.len() > 50);
        assert_eq!(found, expected);
    }

    #[test]
    fn limits_have_sentences() {
        let baskets = Baskets::from_lines(MARKET.to_vec());
        for (options, sentence) in [
            (
                RuleOptions { min_support: f64::NAN, ..RuleOptions::default() },
                "min_support must be above 0 and at most 1",
            ),
            (RuleOptions { size_max: 7, ..RuleOptions::default() }, "max_size must be from 2 to 6"),
        ] {
            assert_eq!(basket_rules(&baskets, &options, &|| false).unwrap_err().to_string(), sentence);
        }
        let none = basket_rules(&Baskets::from_lines(Vec::new()), &RuleOptions::default(), &|| false);
        assert_eq!(none.unwrap_err().to_string(), "0 baskets given, at least 1 are needed");
        let cancelled = basket_rules(&baskets, &RuleOptions::default(), &|| true);
        assert_eq!(cancelled.unwrap_err(), FunctionError::Cancelled);
    }
}
