//! Association rules: what is bought together, and whether more often than chance would have it.
//!
//! Source: R. Agrawal, R. Srikant, "Fast Algorithms for Mining Association Rules", VLDB (1994), for support and
//! confidence; S. Brin, R. Motwani, J. Ullman, S. Tsur, SIGMOD (1997), for lift. The frequent sets are found depth
//! first: from a set, the baskets that hold it are read once to count every item that could extend it, so that no
//! candidate is made that no basket holds.
//!
//! Invariant: the result depends on the set of (basket, item) pairs only, not on their order or repetition.

mod baskets;
mod mine;

pub use baskets::Baskets;
pub use mine::{Rule, RuleOptions, SIZE_LIMIT, basket_rules};
