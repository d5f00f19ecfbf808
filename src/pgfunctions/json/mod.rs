//! `json` and `jsonb`: their values, operators and functions.
//!
//! A json travels as text in a column whose field says `pg_type = json`; a jsonb as its normalized text. [`json_tree`](crate::pgtypes::json_tree)
//! reads text, [`value`] is the tree that jsonb is compared and changed as, `path` reads and walks SQL/JSON paths; `get`, `make`,
//! `edit` and `query` are the functions.
//!
//! Invariant: text in a column marked `jsonb` is what PostgreSQL would print for it.

mod edit;
mod get;
mod make;
mod path;
mod query;
mod types;
pub mod value;

use super::row::Function;
pub use get::JSONB_SORT_KEY;
pub use query::{LastPath, check_path};
pub use types::{JSON_OUT, JsonType, rewrite_casts};

/// All of them.
pub const FUNCTIONS: &[&[Function]] = &[edit::FUNCTIONS, get::FUNCTIONS, make::FUNCTIONS, query::FUNCTIONS];
