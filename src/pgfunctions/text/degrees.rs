//! Trigonometry in degrees, exact wherever its results are.
//!
//! Source: PostgreSQL 15, `float.c`: all is led back to the first quadrant, and there measured by what is known at 30, 45
//! and 60 degrees.

pub fn sine(angle: f64) -> f64 {
    let (sign, half) = half_circle(angle);
    sign * sine_of_quadrant(half.min(180.0 - half))
}

pub fn cosine(angle: f64) -> f64 {
    let (_, half) = half_circle(angle);
    if half > 90.0 { -cosine_of_quadrant(180.0 - half) } else { cosine_of_quadrant(half) }
}

pub fn tangent(angle: f64) -> f64 {
    let ratio = |angle: f64| sine_of_quadrant(angle) / cosine_of_quadrant(angle);
    let (sign, angle) = first_quadrant(angle);
    without_sign(sign * (ratio(angle) / ratio(45.0)))
}

pub fn cotangent(angle: f64) -> f64 {
    let ratio = |angle: f64| cosine_of_quadrant(angle) / sine_of_quadrant(angle);
    let (sign, angle) = first_quadrant(angle);
    without_sign(sign * (ratio(angle) / ratio(45.0)))
}

pub fn arc_sine(value: f64) -> f64 {
    if value < 0.0 { -arc_of_quadrant(-value) } else { arc_of_quadrant(value) }
}

pub fn arc_cosine(value: f64) -> f64 {
    match value {
        ..0.0 => 90.0 + arc_of_quadrant(-value),
        ..=0.5 => 90.0 - value.asin() / 0.5f64.asin() * 30.0,
        _ => value.acos() / 0.5f64.acos() * 60.0,
    }
}

pub fn arc_tangent(value: f64) -> f64 {
    value.atan() / 1f64.atan() * 45.0
}

pub fn arc_tangent_of(y: f64, x: f64) -> f64 {
    y.atan2(x) / 1f64.atan() * 45.0
}

/// Nought has no sign.
fn without_sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

/// The angle between 0 and 180 degrees, and the sign that its sine has to be given.
fn half_circle(angle: f64) -> (f64, f64) {
    let turned = angle % 360.0;
    let (sign, turned) = if turned < 0.0 { (-1.0, -turned) } else { (1.0, turned) };
    if turned > 180.0 { (-sign, 360.0 - turned) } else { (sign, turned) }
}

/// The angle between 0 and 90 degrees, and the sign that its tangent has to be given.
fn first_quadrant(angle: f64) -> (f64, f64) {
    let (sign, half) = half_circle(angle);
    if half > 90.0 { (-sign, 180.0 - half) } else { (sign, half) }
}

/// Of an angle between 0 and 90 degrees.
fn sine_of_quadrant(angle: f64) -> f64 {
    if angle <= 30.0 { sine_to_30(angle) } else { cosine_to_60(90.0 - angle) }
}

/// Of an angle between 0 and 90 degrees.
fn cosine_of_quadrant(angle: f64) -> f64 {
    if angle <= 60.0 { cosine_to_60(angle) } else { sine_to_30(90.0 - angle) }
}

fn sine_to_30(angle: f64) -> f64 {
    angle.to_radians().sin() / 30f64.to_radians().sin() / 2.0
}

fn cosine_to_60(angle: f64) -> f64 {
    let below_one = |angle: f64| 1.0 - angle.to_radians().cos();
    1.0 - below_one(angle) / below_one(60.0) / 2.0
}

/// The angle whose sine lies between 0 and 1.
fn arc_of_quadrant(sine: f64) -> f64 {
    if sine <= 0.5 { sine.asin() / 0.5f64.asin() * 30.0 } else { 90.0 - sine.acos() / 0.5f64.acos() * 60.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_those_of_postgres_15() {
        let check = |of: fn(f64) -> f64, pairs: &[(f64, f64)]| {
            for (given, expected) in pairs {
                assert_eq!(of(*given), *expected, "{given}");
            }
        };
        check(sine, &[(0.0, 0.0), (30.0, 0.5), (90.0, 1.0), (150.0, 0.5), (210.0, -0.5), (-30.0, -0.5), (180.0, 0.0)]);
        check(cosine, &[(0.0, 1.0), (60.0, 0.5), (90.0, 0.0), (120.0, -0.5), (180.0, -1.0), (270.0, 0.0)]);
        check(tangent, &[(45.0, 1.0), (135.0, -1.0), (0.0, 0.0), (180.0, 0.0), (30.0, 0.5773502691896257)]);
        check(cotangent, &[(45.0, 1.0), (60.0, 0.5773502691896257), (90.0, 0.0)]);
        check(arc_sine, &[(0.5, 30.0), (1.0, 90.0), (-0.5, -30.0)]);
        check(arc_cosine, &[(0.5, 60.0), (0.0, 90.0), (-1.0, 180.0)]);
        check(arc_tangent, &[(1.0, 45.0), (0.0, 0.0)]);
        assert_eq!(arc_tangent_of(1.0, -1.0), 135.0);
    }
}
