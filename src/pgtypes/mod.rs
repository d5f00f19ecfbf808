//! Arrow ⇄ PostgreSQL types: encode rows, decode parameters. Pure.
//!
//! A result is encoded by a [`RowEncoder`], made once per result: what a column is, as which PostgreSQL type it is
//! announced and in which format it travels is settled there. Per batch the columns are downcast once; the row loop
//! only writes bytes.
//!
//! Invariant: nothing here does IO, waits, or knows a session; what a session can SET comes in as [`Style`].
//! Invariant: the type announced for a column ([`column_type`]) and the bytes sent for it come from the same place.
//! Invariant: text is what PostgreSQL 15 prints under the same settings.

mod array;
mod array_text;
mod binary;
mod column;
mod copy;
mod copy_from;
mod encoding;
mod float;
mod input;
mod json;
pub mod json_tree;
mod number;
mod numeric;
mod params;
pub mod powers;
mod record;
mod rows;
mod scales;
mod style;
mod text;
pub mod time;
mod types;

pub use copy::{CopyFormat, ForceQuote};
pub use copy_from::{CopyDecoder, CopyInput, Header, LINE};
pub use encoding::Encoding;
pub use input::read_text;
pub use numeric::{
    DEVIATION, DEVIATION_SCALE, Exact, FREE, FUNCTION, QUOTIENT, QUOTIENT_SCALE, ROOT, divide as divide_exact,
    field_overflow, is_held_free, is_of_values, nearest_doubles, quotient, quotient_of, rescaled,
};
pub use params::decode_parameter;
pub(crate) use params::utf8;
pub use pgwire::api::Type;
pub(crate) use rows::column_formats;
pub use rows::{BoundRows, CanonicalBatch, RowEncoder};
pub use scales::{scaled_texts, shown_scale};
pub use style::{ByteaOutput, DateFormat, DateOrder, IntervalStyle, Style};
pub use text::{json_texts, put_json_string, texts};
pub use types::{
    PG_TYPE_KEY, TYPE_MODIFIER_KEY, array_type, arrow_type, column_modifier, column_origin, column_type, dimensions,
    element_of, is_reg, pg_type, type_modifier, type_named, type_size, with_origin,
};

/// How a value travels: Bind's and RowDescription's format code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// 0: as PostgreSQL's output functions print it.
    #[default]
    Text,
    /// 1: as PostgreSQL's send functions lay it out.
    Binary,
}

impl Format {
    /// Format of a wire code; `None` where there is no such code.
    pub fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }
    pub fn code(self) -> i16 {
        self as i16
    }
}

/// What is put, as text.
#[cfg(test)]
fn put_text(put: impl FnOnce(&mut bytes::BytesMut)) -> String {
    let mut out = bytes::BytesMut::new();
    put(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}
