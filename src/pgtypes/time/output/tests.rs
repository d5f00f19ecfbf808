//! Each expectation was printed by PostgreSQL 15.

use super::*;
use crate::pgtypes::put_text as text;
use crate::pgtypes::time::{Input, parse_date, parse_timestamp, parse_timestamptz};

fn plain(shown: &str, style: Style) -> String {
    let timestamp = parse_timestamp(shown, &Input::default()).unwrap();
    text(|out| put_timestamp(out, timestamp, None, Layout::Sql, &style))
}

fn zoned(shown: &str, zone: &str, layout: Layout, style: Style) -> String {
    let timestamp = parse_timestamptz(shown, &Input::default()).unwrap();
    text(|out| put_timestamp(out, timestamp, Zone::named(zone), layout, &style))
}

#[test]
fn timestamps() {
    let iso = Style::default();
    for (given, shown) in [
        ("2010-12-01 08:26:00", "2010-12-01 08:26:00"),
        ("2010-12-01 08:26:00.120", "2010-12-01 08:26:00.12"),
        ("0044-03-15 12:00:00 BC", "0044-03-15 12:00:00 BC"),
        ("infinity", "infinity"),
        ("1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"),
    ] {
        assert_eq!(plain(given, iso), shown);
    }
    let style = |dates, order| Style { dates, order, ..Style::default() };
    let at = "2024-02-29 13:14:15.5";
    assert_eq!(plain(at, style(DateFormat::Sql, DateOrder::Mdy)), "02/29/2024 13:14:15.5");
    assert_eq!(plain(at, style(DateFormat::Postgres, DateOrder::Mdy)), "Thu Feb 29 13:14:15.5 2024");
    assert_eq!(plain(at, style(DateFormat::Postgres, DateOrder::Dmy)), "Thu 29 Feb 13:14:15.5 2024");
    assert_eq!(plain(at, style(DateFormat::German, DateOrder::Mdy)), "29.02.2024 13:14:15.5");
}

#[test]
fn zones_shift_and_show_their_offset() {
    let iso = Style::default();
    let noon = "2010-12-01 08:26:00";
    assert_eq!(zoned(noon, "UTC", Layout::Sql, iso), "2010-12-01 08:26:00+00");
    assert_eq!(zoned(noon, "Asia/Kolkata", Layout::Sql, iso), "2010-12-01 13:56:00+05:30");
    assert_eq!(zoned(noon, "America/New_York", Layout::Sql, iso), "2010-12-01 03:26:00-05");
    assert_eq!(zoned(noon, "America/New_York", Layout::Json, iso), "2010-12-01T03:26:00-05:00");
    let old = "1800-01-01 00:00:00";
    assert_eq!(zoned(old, "America/New_York", Layout::Sql, iso), "1799-12-31 19:03:58-04:56:02");
    let sql = Style { dates: DateFormat::Sql, ..iso };
    assert_eq!(zoned(noon, "America/New_York", Layout::Sql, sql), "12/01/2010 03:26:00 EST");
}

#[test]
fn dates_beyond_four_digits_and_before_christ() {
    let date = |days| text(|out| put_date(out, days, &Style::default()));
    assert_eq!(date(2_932_897), "10000-01-01");
    assert_eq!(date(-719_163), "0001-12-31 BC");
    assert_eq!(date(i32::MIN), "-infinity");
    let postgres = Style { dates: DateFormat::Postgres, ..Style::default() };
    let day = parse_date("2024-02-29", &Input::default()).unwrap();
    assert_eq!(text(|out| put_date(out, day, &postgres)), "02-29-2024");
}

#[test]
fn intervals_in_all_styles() {
    let hms = |h: i64, m: i64, s: f64| (h * 3600 + m * 60) * 1_000_000 + (s * 1e6) as i64;
    for (months, days, micros, [postgres, verbose, sql, iso]) in [
        (
            14,
            -3,
            hms(4, 5, 6.789),
            [
                "1 year 2 mons -3 days +04:05:06.789",
                "@ 1 year 2 mons -3 days 4 hours 5 mins 6.789 secs",
                "+1-2 -3 +4:05:06.789",
                "P1Y2M-3DT4H5M6.789S",
            ],
        ),
        (0, 0, 0, ["00:00:00", "@ 0", "0", "PT0S"]),
        (-1, 0, 0, ["-1 mons", "@ 1 mon ago", "-0-1", "P-1M"]),
        (0, 0, -hms(4, 5, 6.5), ["-04:05:06.5", "@ 4 hours 5 mins 6.5 secs ago", "-4:05:06.5", "PT-4H-5M-6.5S"]),
        (0, -1, hms(0, 0, 1.0), ["-1 days +00:00:01", "@ 1 day -1 sec ago", "+0-0 -1 +0:00:01", "P-1DT1S"]),
        (-12, 2, 0, ["-1 years +2 days", "@ 1 year -2 days ago", "-1-0 +2 +0:00:00", "P-1Y2D"]),
        (0, 1, hms(25, 0, 0.0), ["1 day 25:00:00", "@ 1 day 25 hours", "1 25:00:00", "P1DT25H"]),
    ] {
        let shown = |intervals| {
            let style = Style { intervals, ..Style::default() };
            text(|out| put_interval(out, Interval { months, days, micros }, &style))
        };
        assert_eq!(shown(IntervalStyle::Postgres), postgres);
        assert_eq!(shown(IntervalStyle::PostgresVerbose), verbose);
        assert_eq!(shown(IntervalStyle::SqlStandard), sql);
        assert_eq!(shown(IntervalStyle::Iso8601), iso);
    }
}
