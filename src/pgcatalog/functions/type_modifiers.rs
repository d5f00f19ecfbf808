//! `information_schema._pg_…`: what a type and its modifier say of lengths, digits and precisions.
//!
//! Source: PostgreSQL 15, `information_schema.sql`.

use datafusion::scalar::ScalarValue;

use super::{Definition, number_of, oid_of, strict};
use crate::error::Result;
use crate::pgtypes::Type;

/// What a modifier counts besides the length.
const HEADER: i64 = 4;
/// Bytes that a letter of UTF-8 may have.
const LETTER_BYTES: i64 = 4;

pub const FUNCTIONS: &[Definition] = &[
    strict("_pg_char_max_length", 2..=2, "int4", |_, args| of(args, letters)),
    strict("_pg_char_octet_length", 2..=2, "int4", |_, args| {
        of(args, |pg_type, modifier| match pg_type {
            Type::TEXT | Type::VARCHAR | Type::BPCHAR if modifier == -1 => Some(1 << 30),
            _ => letters(pg_type, modifier).map(|letters| letters * LETTER_BYTES),
        })
    }),
    strict("_pg_numeric_precision", 2..=2, "int4", |_, args| of(args, precision)),
    strict("_pg_numeric_precision_radix", 2..=2, "int4", |_, args| {
        of(args, |pg_type, _| match pg_type {
            Type::NUMERIC => Some(10),
            Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 => Some(2),
            _ => None,
        })
    }),
    strict("_pg_numeric_scale", 2..=2, "int4", |_, args| {
        of(args, |pg_type, modifier| match pg_type {
            Type::NUMERIC if modifier != -1 => Some((modifier - HEADER) & 0x7ff),
            Type::INT2 | Type::INT4 | Type::INT8 => Some(0),
            _ => None,
        })
    }),
    strict("_pg_datetime_precision", 2..=2, "int4", |_, args| {
        of(args, |pg_type, modifier| match pg_type {
            Type::DATE => Some(0),
            Type::TIME | Type::TIMETZ | Type::TIMESTAMP | Type::TIMESTAMPTZ => {
                Some(if modifier < 0 { 6 } else { modifier })
            }
            Type::INTERVAL => Some(if modifier < 0 || modifier & 0xffff == 0xffff { 6 } else { modifier & 0xffff }),
            _ => None,
        })
    }),
];

fn letters(pg_type: Type, modifier: i64) -> Option<i64> {
    (matches!(pg_type, Type::VARCHAR | Type::BPCHAR) && modifier != -1).then_some(modifier - HEADER)
}

fn precision(pg_type: Type, modifier: i64) -> Option<i64> {
    match pg_type {
        Type::NUMERIC if modifier != -1 => Some(((modifier - HEADER) >> 16) & 0xffff),
        Type::INT2 => Some(16),
        Type::INT4 => Some(32),
        Type::INT8 => Some(64),
        Type::FLOAT4 => Some(24),
        Type::FLOAT8 => Some(53),
        _ => None,
    }
}

/// What is told of the type and the modifier that are the arguments.
fn of(args: &[ScalarValue], tell: impl Fn(Type, i64) -> Option<i64>) -> Result<ScalarValue> {
    let pg_type = args.first().and_then(oid_of).and_then(Type::from_oid);
    let told = pg_type.zip(args.get(1).and_then(number_of)).and_then(|(pg_type, modifier)| tell(pg_type, modifier));
    Ok(ScalarValue::Int32(told.and_then(|number| i32::try_from(number).ok())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_are_read() {
        assert_eq!(letters(Type::VARCHAR, 24), Some(20));
        assert_eq!((letters(Type::VARCHAR, -1), letters(Type::TEXT, 24)), (None, None));
        assert_eq!((precision(Type::NUMERIC, 655_366), precision(Type::NUMERIC, -1)), (Some(10), None));
    }
}
