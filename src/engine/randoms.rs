//! `random()`, which `setseed()` makes repeatable within a session.
//!
//! Source: PostgreSQL 15, `pg_prng.c`: the same seed gives the numbers that it gives there.
//!
//! Blocked by: DataFusion's `random` knows no session. Remove when it does.

use std::sync::Arc;

use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use parking_lot::Mutex;
use rand::Rng;

use super::context::SessionInfo;

/// A session's numbers, once it has given a seed.
#[derive(Debug, Default)]
pub struct Seeded(Mutex<Option<Xoroshiro>>);

impl Seeded {
    /// `seed` lies between −1 and 1.
    pub fn seed(&self, seed: f64) {
        *self.0.lock() = Some(Xoroshiro::new(seed));
    }

    /// So many numbers; `None` without a seed.
    fn numbers(&self, count: usize) -> Option<Vec<f64>> {
        let mut generator = self.0.lock();
        let generator = generator.as_mut()?;
        Some((0..count).map(|_| generator.number()).collect())
    }
}

/// xoroshiro128**
#[derive(Debug, Clone, Copy)]
struct Xoroshiro(u64, u64);

impl Xoroshiro {
    fn new(seed: f64) -> Self {
        let mut state = (((1u64 << 52) - 1) as f64 * seed) as i64 as u64;
        let mut mixed = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let value = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            value ^ (value >> 31)
        };
        Self(mixed(), mixed())
    }

    /// At least 0, less than 1.
    fn number(&mut self) -> f64 {
        let Self(first, second) = *self;
        let value = first.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let mixed = second ^ first;
        *self = Self(first.rotate_left(24) ^ mixed ^ (mixed << 16), mixed.rotate_left(37));
        (value >> 12) as f64 / (1u64 << 52) as f64
    }
}

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Random { signature: Signature::new(TypeSignature::Nullary, Volatility::Volatile) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Random {
    signature: Signature,
}

impl ScalarUDFImpl for Random {
    fn name(&self) -> &str {
        "random"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let seeded = SessionInfo::of(&args.config_options)
            .and_then(SessionInfo::entry)
            .and_then(|entry| entry.random.numbers(rows));
        let numbers = seeded.unwrap_or_else(|| {
            let mut generator = rand::rng();
            (0..rows).map(|_| generator.random_range(0.0..1.0)).collect()
        });
        Ok(ColumnarValue::Array(Arc::new(Float64Array::from(numbers))))
    }
}

#[cfg(test)]
mod tests {
    use super::Xoroshiro;

    #[test]
    fn a_seed_gives_the_numbers_of_postgres_15() {
        let mut generator = Xoroshiro::new(0.5);
        let numbers = [generator.number(), generator.number(), generator.number()];
        assert_eq!(numbers, [0.9851677175347999, 0.825301858027981, 0.12974610012450416]);
        assert_eq!(Xoroshiro::new(-0.25).number(), 0.5553213340039351);
    }
}
