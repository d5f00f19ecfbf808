//! Powers, roots and logarithms of numerics, with the decimals that PostgreSQL gives them.
//!
//! Source: PostgreSQL 15, `numeric.c`: at least sixteen significant digits, and no fewer decimals than the operands have.
//!
//! Invariant: what is computed has errors in the thirtieth digit or behind it. Numbers on the way are integers that count
//! units of 10^−36.

use datafusion::arrow::datatypes::i256;

use super::numeric::{Exact, divide, rescaled};

/// Decimals of numbers on the way.
const UNITS: i8 = 36;
const LN_2: i128 = 693_147_180_559_945_309_417_232_121_458_176_568;
const LN_10: i128 = 2_302_585_092_994_045_684_017_991_454_684_364_208;
/// Significant digits that a result has at least.
const DIGITS: i32 = 16;
/// No decimal has more.
const DIGITS_MAX: i32 = 38;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    RootOfNegative,
    LogarithmOfZero,
    LogarithmOfNegative,
    ZeroToNegative,
    NegativeToFraction,
    DivisionByZero,
    FactorialOfNegative,
    /// More digits than there are.
    Overflow,
}

use Undefined::Overflow;

type Result<T> = std::result::Result<T, Undefined>;

/// √x
pub fn sqrt(x: Exact) -> Result<Exact> {
    if x.number < 0 {
        return Err(Undefined::RootOfNegative);
    }
    // two decimals of the operand are one of the root
    let group = (weight(x).unwrap_or(0)).div_euclid(4);
    let scale = decimals(15 - 2 * group, &[x]);
    let wanted = shift(i256::from_i128(x.number), 2 * (scale + 1) - i32::from(x.scale))?;
    result(root(wanted), scale + 1, scale)
}

/// e^x
pub fn exp(x: Exact) -> Result<Exact> {
    exp_of(units(x)?, &[x])
}

/// The natural logarithm.
pub fn ln(x: Exact) -> Result<Exact> {
    let logarithm = ln_of(x)?;
    let scale = decimals(DIGITS - ln_weight(x, logarithm), &[x]);
    result(logarithm, UNITS.into(), scale)
}

/// The logarithm of x to a base.
pub fn log(base: Exact, x: Exact) -> Result<Exact> {
    let (of_base, of_x) = (ln_of(base)?, ln_of(x)?);
    if of_base == i256::ZERO {
        return Err(Undefined::DivisionByZero);
    }
    let scale = decimals(DIGITS - (ln_weight(x, of_x) - ln_weight(base, of_base)), &[base, x]);
    // the thirty digits that are sure, so that the product does not overflow
    let quotient = divide(of_x, of_base, 30).ok_or(Overflow)?;
    result(quotient, 30, scale)
}

/// base^exponent
pub fn power(base: Exact, exponent: Exact) -> Result<Exact> {
    if base.number == 0 && exponent.number < 0 {
        return Err(Undefined::ZeroToNegative);
    }
    if let Some(exponent) = whole(exponent) {
        return whole_power(base, exponent, decimals(DIGITS, &[base]));
    }
    match base.number {
        0 => return Ok(Exact { number: 0, scale: 16 }),
        ..0 => return Err(Undefined::NegativeToFraction),
        _ => {}
    }
    let product = multiplied(ln_of(base)?, units(exponent)?)?;
    exp_of(product, &[base, exponent])
}

fn whole_power(base: Exact, exponent: i32, scale: i32) -> Result<Exact> {
    let number = i256::from_i128(base.number);
    let times = exponent.unsigned_abs();
    let exact = (0..times.min(256)).try_fold(i256::ONE, |power, _| power.checked_mul(number));
    let exact_scale = i32::from(base.scale).checked_mul(i32::try_from(times).map_err(|_| Overflow)?);
    match (exact.filter(|_| times <= 256), exact_scale) {
        (Some(power), Some(power_scale)) if exponent >= 0 => result(power, power_scale, scale),
        (Some(power), Some(power_scale)) if power.checked_mul(power).is_some() => {
            result(divide(i256::ONE, power, power_scale + scale + 1).ok_or(Overflow)?, scale + 1, scale)
        }
        _ => {
            let magnitude = Exact { number: base.number.checked_abs().ok_or(Overflow)?, scale: base.scale };
            if magnitude.number == 0 {
                return result(i256::ZERO, 0, scale);
            }
            let logarithm = ln_of(magnitude)?.checked_mul(i256::from_i128(exponent.into())).ok_or(Overflow)?;
            let power = e_to(logarithm)?;
            let negative = base.number < 0 && exponent % 2 != 0;
            result(if negative { power.wrapping_neg() } else { power }, UNITS.into(), scale)
        }
    }
}

/// The exponent as an integer, if it is one.
fn whole(exponent: Exact) -> Option<i32> {
    let unit = 10i128.checked_pow(u32::from(exponent.scale.max(0).unsigned_abs()))?;
    (exponent.number % unit == 0).then(|| i32::try_from(exponent.number / unit).ok())?
}

/// e^units, of operands that are these.
fn exp_of(units: i256, operands: &[Exact]) -> Result<Exact> {
    let decimal_weight = (to_f64(units) * std::f64::consts::LOG10_E).clamp(-2000.0, 2000.0).trunc() as i32;
    result(e_to(units)?, UNITS.into(), decimals(DIGITS - decimal_weight, operands))
}

/// How many decimals a result has that shall have so many, beside such operands.
fn decimals(wanted: i32, operands: &[Exact]) -> i32 {
    let least = operands.iter().map(|operand| i32::from(operand.scale)).max().unwrap_or(0);
    wanted.max(least).clamp(0, DIGITS_MAX)
}

/// The number, rounded to the scale; with fewer decimals where it has too many digits.
fn result(number: i256, from: i32, scale: i32) -> Result<Exact> {
    let limit = i256::from_i128(10i128.pow(38));
    let mut scale = i8::try_from(scale).map_err(|_| Overflow)?;
    loop {
        let rounded = shift(number, i32::from(scale) - from)?;
        if rounded < limit && rounded > limit.wrapping_neg() {
            return Ok(Exact { number: rounded.to_i128().ok_or(Overflow)?, scale });
        }
        scale -= 1;
        if scale < 0 {
            return Err(Overflow);
        }
    }
}

/// `number × 10^by`, rounded half away from zero.
fn shift(number: i256, by: i32) -> Result<i256> {
    if by < -76 {
        return Ok(i256::ZERO);
    }
    divide(number, i256::ONE, by).ok_or(Overflow)
}

fn units(x: Exact) -> Result<i256> {
    rescaled(i256::from_i128(x.number), x.scale, UNITS).ok_or(Overflow)
}

fn to_f64(units: i256) -> f64 {
    units.to_string().parse::<f64>().unwrap_or(f64::NAN) / 1e36
}

/// Where the first digit stands: 0 for 1 to 9. `None` for zero.
fn weight(x: Exact) -> Option<i32> {
    let digits = x.number.unsigned_abs().checked_ilog10()?;
    Some(i32::try_from(digits).ok()? - i32::from(x.scale))
}

/// Where PostgreSQL takes the first digit of a logarithm to stand.
fn ln_weight(x: Exact, logarithm: i256) -> i32 {
    let size = to_f64(logarithm).abs();
    if size == 0.0 {
        return 0;
    }
    let near_one = to_f64(units(x).unwrap_or(i256::ZERO)) - 1.0;
    if near_one.abs() <= 0.1 { near_one.abs().log10().floor() as i32 } else { size.log10().trunc() as i32 }
}

/// `a × b` of units.
fn multiplied(a: i256, b: i256) -> Result<i256> {
    if let Some(product) = a.checked_mul(b) {
        return shift(product, -i32::from(UNITS));
    }
    // large ones: both lose digits that do not count
    let half = i32::from(UNITS) / 2;
    shift(a, -half)?.checked_mul(shift(b, -half)?).ok_or(Overflow)
}

/// The root of an integer, rounded down.
fn root(number: i256) -> i256 {
    if number <= i256::ZERO {
        return i256::ZERO;
    }
    // from above, each step comes nearer until it does not
    let digits = number.to_string().len() as i32;
    let mut guess = (0..(digits + 1) / 2).fold(i256::ONE, |power, _| power.wrapping_mul(i256::from_i128(10)));
    loop {
        let next = guess.wrapping_add(number.wrapping_div(guess)).wrapping_div(i256::from_i128(2));
        if next >= guess {
            return guess;
        }
        guess = next;
    }
}

/// The natural logarithm in units.
fn ln_of(x: Exact) -> Result<i256> {
    match x.number {
        0 => return Err(Undefined::LogarithmOfZero),
        ..0 => return Err(Undefined::LogarithmOfNegative),
        _ => {}
    }
    let one = unit()?;
    // x = m × 10^tens × 2^twos, m near 1
    let tens = weight(x).unwrap_or(0);
    let mut m = shift(i256::from_i128(x.number), i32::from(UNITS) - i32::from(x.scale) - tens)?;
    let mut twos = 0;
    let above = divide(one, i256::from_i128(10), 0).ok_or(Overflow)?.wrapping_mul(i256::from_i128(14));
    while m > above {
        m = divide(m, i256::from_i128(2), 0).ok_or(Overflow)?;
        twos += 1;
    }
    // 2 artanh((m − 1) / (m + 1))
    let y = divide(m.wrapping_sub(one).wrapping_mul(one), m.wrapping_add(one), 0).ok_or(Overflow)?;
    let square = multiplied(y, y)?;
    let (mut sum, mut term, mut nth) = (i256::ZERO, y, 1);
    while term != i256::ZERO {
        sum = sum.wrapping_add(term.wrapping_div(i256::from_i128(nth)));
        term = multiplied(term, square)?;
        nth += 2;
    }
    let of_tens = i256::from_i128(LN_10).wrapping_mul(i256::from_i128(tens.into()));
    let of_twos = i256::from_i128(LN_2).wrapping_mul(i256::from_i128(twos));
    Ok(sum.wrapping_add(sum).wrapping_add(of_tens).wrapping_add(of_twos))
}

/// e^units in units.
fn e_to(units: i256) -> Result<i256> {
    let twos = divide(units, i256::from_i128(LN_2), 0).and_then(i256::to_i128).ok_or(Overflow)?;
    if twos > 140 {
        return Err(Overflow);
    }
    if twos < -140 {
        return Ok(i256::ZERO);
    }
    let rest = units.wrapping_sub(i256::from_i128(LN_2).wrapping_mul(i256::from_i128(twos)));
    let (mut sum, mut term, mut nth) = (i256::ZERO, unit()?, 1);
    while term != i256::ZERO {
        sum = sum.wrapping_add(term);
        term = multiplied(term, rest)?.wrapping_div(i256::from_i128(nth));
        nth += 1;
    }
    let power = (0..twos.unsigned_abs()).try_fold(i256::ONE, |power, _| power.checked_mul(i256::from_i128(2)));
    let power = power.ok_or(Overflow)?;
    match twos {
        0.. => sum.checked_mul(power).ok_or(Overflow),
        _ => divide(sum, power, 0).ok_or(Overflow),
    }
}

fn unit() -> Result<i256> {
    shift(i256::ONE, UNITS.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Exact {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        Exact { number: format!("{whole}{fraction}").parse().unwrap(), scale: i8::try_from(fraction.len()).unwrap() }
    }

    fn shown(result: Result<Exact>) -> String {
        let Exact { number, scale } = result.unwrap();
        crate::pgtypes::put_text(|out| crate::pgtypes::number::put_decimal128(out, number, scale))
    }

    #[test]
    fn powers_are_those_of_postgres_15() {
        for (base, exponent, expected) in [
            ("2.0", "3", "8.0000000000000000"),
            ("2.0", "0.5", "1.4142135623730950"),
            ("100.5", "3", "1015075.1250000000000000"),
            ("1.05", "30", "4.3219423751506620"),
            ("2.0", "-3", "0.1250000000000000"),
            ("10.0", "20", "100000000000000000000.0000000000000000"),
            ("100.5", "2.5", "101254.69140381225"),
            ("0.0", "3", "0.0000000000000000"),
            ("0.0", "0.5", "0.0000000000000000"),
            ("3.0", "0", "1.0000000000000000"),
            ("7.25", "-1", "0.1379310344827586"),
            ("0.001", "3.5", "0.00000000003162277660168379"),
            ("12345678.91", "3", "1881676376361628489657.9289710000000000"),
            ("-1.5", "3", "-3.3750000000000000"),
            ("1000.0", "1.5", "31622.776601683793"),
        ] {
            assert_eq!(shown(power(exact(base), exact(exponent))), expected, "{base} ^ {exponent}");
        }
    }

    #[test]
    fn roots_and_logarithms_are_those_of_postgres_15() {
        for (number, expected) in [
            ("2.0", "1.414213562373095"),
            ("12345.0", "111.1080555135405"),
            ("0.5", "0.70710678118654752"),
            ("150000000.25", "12247.44872412210"),
            ("0.0", "0.000000000000000"),
            ("0.000004", "0.0020000000000000000"),
            ("2.000000000000000000", "1.414213562373095049"),
        ] {
            assert_eq!(shown(sqrt(exact(number))), expected, "√{number}");
        }
        for (number, expected) in [
            ("10.0", "2.3025850929940457"),
            ("1.05", "0.048790164169432003"),
            ("0.95", "-0.051293294387550533"),
            ("0.5", "-0.6931471805599453"),
            ("1000000.0", "13.815510557964274"),
            ("1.0", "0.0000000000000000"),
        ] {
            assert_eq!(shown(ln(exact(number))), expected, "ln {number}");
        }
        for (number, expected) in [
            ("1.0", "2.7182818284590452"),
            ("10.5", "36315.502674246638"),
            ("-3.2", "0.04076220397836622"),
            ("0.0", "1.0000000000000000"),
            ("1.500000000000000000", "4.481689070338064823"),
        ] {
            assert_eq!(shown(exp(exact(number))), expected, "e^{number}");
        }
        for (base, number, expected) in [
            ("10", "100.0", "2.0000000000000000"),
            ("10", "1.5", "0.1760912590556812"),
            ("2.0", "64.0", "6.0000000000000000"),
            ("2.5", "1000.0", "7.5388247841961802"),
        ] {
            assert_eq!(shown(log(exact(base), exact(number))), expected, "log {base} {number}");
        }
    }

    #[test]
    fn what_is_undefined_is_told() {
        assert_eq!(sqrt(exact("-1")).unwrap_err(), Undefined::RootOfNegative);
        assert_eq!(ln(exact("0")).unwrap_err(), Undefined::LogarithmOfZero);
        assert_eq!(ln(exact("-2.5")).unwrap_err(), Undefined::LogarithmOfNegative);
        assert_eq!(power(exact("0"), exact("-1")).unwrap_err(), Undefined::ZeroToNegative);
        assert_eq!(power(exact("-2"), exact("0.5")).unwrap_err(), Undefined::NegativeToFraction);
        assert_eq!(log(exact("1"), exact("2")).unwrap_err(), Undefined::DivisionByZero);
        assert_eq!(exp(exact("1000")).unwrap_err(), Overflow);
        assert_eq!(power(exact("10"), exact("40")).unwrap_err(), Overflow);
        assert_eq!(shown(power(exact("10.0"), exact("30"))), "1000000000000000000000000000000.0000000");
    }
}
