//! Each expectation was given by PostgreSQL 15.

use super::*;

#[test]
fn numbers_as_postgres_15_writes_them() {
    let decimal = |digits, scale| Number::Decimal(digits, scale);
    for (number, pattern, shown) in [
        (decimal(12345, 1), "9999.99", " 1234.50"),
        (decimal(-12345, 1), "9,999.99", "-1,234.50"),
        (decimal(5, 1), "0.00", " 0.50"),
        (decimal(1, 1), "9.99", "  .10"),
        (decimal(1, 1), "FM9.99", ".1"),
        (decimal(-1, 1), "99.99", "  -.10"),
        (decimal(1, 1), "0.9", " 0.1"),
        (Number::Whole(12), "000", " 012"),
        (Number::Whole(12), "FM000", "012"),
        (Number::Whole(485), "999", " 485"),
        (Number::Whole(-485), "999", "-485"),
        (Number::Whole(485), "9 9 9", " 4 8 5"),
        (Number::Whole(1485), "9,999", " 1,485"),
        (Number::Whole(1485), "9G999", " 1,485"),
        (decimal(148500, 3), "999.999", " 148.500"),
        (decimal(148500, 3), "FM999.999", "148.5"),
        (decimal(148500, 3), "FM999.990", "148.500"),
        (Number::Whole(-485), "999S", "485-"),
        (Number::Whole(-485), "999MI", "485-"),
        (Number::Whole(485), "999MI", "485 "),
        (Number::Whole(485), "FM999MI", "485"),
        (Number::Whole(485), "PL999", "+ 485"),
        (Number::Whole(485), "SG999", "+485"),
        (Number::Whole(-485), "SG999", "-485"),
        (Number::Whole(-485), "9SG99", "4-85"),
        (Number::Whole(-485), "999PR", "<485>"),
        (Number::Whole(485), "999th", " 485th"),
        (Number::Whole(482), "999th", " 482nd"),
        (Number::Whole(485), "RN", "        CDLXXXV"),
        (Number::Whole(485), "FMRN", "CDLXXXV"),
        (decimal(4858, 1), "99", " ##"),
        (decimal(124, 1), "99V9", " 124"),
        (decimal(125, 2), "999.9", "   1.3"),
        (Number::Float(0.5), "0.999EEEE", " 5.000e-01"),
        (Number::Float(-0.5), "999", "  -0"),
        (Number::Real(1234.567), "9999.999", " 1234.57"),
        (Number::Real(12.345), "99V99", " 1234"),
        (decimal(485, 0), "9.9EEEE", " 4.9e+02"),
        (decimal(999, 2), "9.9EEEE", " 10.0e+00"),
        (Number::Whole(0), "9999", "    0"),
        (decimal(4858, 1), "\"Good number:\"999", "Good number: 486"),
    ] {
        assert_eq!(to_char(number, pattern).unwrap(), shown, "{number:?} {pattern}");
    }
    assert_eq!(to_number("1,234.50", "9,999.99").unwrap(), (123_450, 2));
    assert_eq!(to_number("-12,454.8-", "S99G999D9").unwrap(), (-124_548, 1));
}
