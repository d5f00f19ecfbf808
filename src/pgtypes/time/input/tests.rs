//! Each expectation was given by PostgreSQL 15.

use super::*;

fn micros(text: &str) -> i64 {
    text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros()
}

fn in_zone(zone: &str) -> Input {
    Input { zone: Zone::named(zone).unwrap(), ..Input::default() }
}

#[test]
fn dates() {
    let january_8 = 10_599;
    for (text, expected) in [
        ("2010-12-01", 14_944),
        ("20101201", 14_944),
        ("101201", 14_944),
        ("12/1/2010", 14_944),
        (" 2010-12-01 08:26:00 ", 14_944),
        ("0001-12-31 BC", -719_163),
        ("infinity", i32::MAX),
        ("-infinity", i32::MIN),
        ("epoch", 0),
        ("January 8, 1999", january_8),
        ("1999-Jan-08", january_8),
        ("Jan-08-1999", january_8),
        ("08-Jan-1999", january_8),
        ("8 jan 1999", january_8),
        ("99-Jan-08", 0),
        ("08-Jan-99", january_8),
        ("1999.008", january_8),
        ("1999 008", january_8),
        ("J2451187", january_8),
        ("Fri Jan 8 1999", january_8),
        ("1999-01-08 04:05:06 America/New_York", january_8),
    ] {
        match parse_date(text, &Input::default()) {
            Ok(days) => assert_eq!(days, expected, "{text}"),
            Err(error) => assert_eq!(expected, 0, "{text}: {error}"),
        }
    }
    let european = Input { order: DateOrder::Dmy, ..Input::default() };
    assert_eq!(parse_date("8/1/1999", &european).unwrap(), january_8);
    let asian = Input { order: DateOrder::Ymd, ..Input::default() };
    assert_eq!(parse_date("99-Jan-08", &asian).unwrap(), january_8);
    let noon = Input { now: micros("2024-02-29T12:00:00Z"), ..Input::default() };
    assert_eq!(parse_date("tomorrow", &noon).unwrap(), 19_783);
}

#[test]
fn errors_in_the_words_of_postgres_15() {
    let input = Input::default();
    let date = |text| parse_date(text, &input).unwrap_err();
    let timestamp = |text| parse_timestamp(text, &input).unwrap_err();
    for (error, kind, message) in [
        (date("x"), ErrorKind::InvalidDatetime, "invalid input syntax for type date: \"x\""),
        (date(""), ErrorKind::InvalidDatetime, "invalid input syntax for type date: \"\""),
        (date("2010-02-30"), ErrorKind::DatetimeOutOfRange, "date/time field value out of range: \"2010-02-30\""),
        (date("2010-13-01"), ErrorKind::DatetimeOutOfRange, "date/time field value out of range: \"2010-13-01\""),
        (date("5874898-01-01"), ErrorKind::DatetimeOutOfRange, "date out of range: \"5874898-01-01\""),
        (
            timestamp("2010-12-01 25:00"),
            ErrorKind::DatetimeOutOfRange,
            "date/time field value out of range: \"2010-12-01 25:00\"",
        ),
        (
            parse_timestamptz("2010-12-01 08:26 Mars/X", &input).unwrap_err(),
            ErrorKind::InvalidParameter,
            "time zone \"mars/x\" not recognized",
        ),
        (
            timestamp("2010-12-01 08:26:00 +"),
            ErrorKind::InvalidDatetime,
            "invalid input syntax for type timestamp: \"2010-12-01 08:26:00 +\"",
        ),
        (
            parse_timestamptz("2010-12-01 08:26+16", &input).unwrap_err(),
            ErrorKind::InvalidTimeZoneDisplacement,
            "time zone displacement out of range: \"2010-12-01 08:26+16\"",
        ),
    ] {
        assert_eq!((error.kind(), error.message()), (kind, message));
    }
}

#[test]
fn timestamps() {
    let input = Input::default();
    let noon = micros("2010-12-01T08:26:00Z");
    for text in [
        "2010-12-01 08:26:00",
        "2010-12-01T08:26:00+05",
        "2010-12-01 8:26 AM",
        "20101201T082600",
        "Wed Dec 1 08:26:00 2010 PST",
        "20101201 082600",
    ] {
        assert_eq!(parse_timestamp(text, &input).unwrap(), noon, "{text}");
    }
    assert_eq!(parse_timestamp("2010-12-01 08:26:00.1234567", &input).unwrap(), noon + 123_457);
    for text in [
        "2010-12-01 08:26:00",
        "2010-12-01 13:56:00+05:30",
        "2010-12-01 03:26-0500",
        "2010-12-01 03:26 America/New_York",
        "2010-12-01 00:26 PST",
        "Wed Dec 1 00:26:00 2010 PST",
        "2010-12-01T08:26:00Z",
    ] {
        assert_eq!(parse_timestamptz(text, &input).unwrap(), noon, "{text}");
    }
    let new_york = in_zone("America/New_York");
    let local = |text| parse_timestamptz(text, &new_york).unwrap();
    assert_eq!(local("2010-12-01 03:26"), noon);
    // the hour that does not exist, and the one that exists twice
    assert_eq!(local("2010-03-14 02:30"), micros("2010-03-14T07:30:00Z"));
    assert_eq!(local("2010-11-07 01:30"), micros("2010-11-07T06:30:00Z"));
    for (text, expected) in
        [("08:26:00.5", 30_360_500_000), ("08:26 PM", 73_560_000_000), ("allballs", 0), ("082600", 30_360_000_000)]
    {
        assert_eq!(parse_time(text, &input).unwrap(), expected, "{text}");
    }
}
