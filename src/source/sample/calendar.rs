//! When the shop is open, and how busy it is.

use chrono::{Datelike, NaiveDate, Weekday};

/// Invoices by month, December 2010 to December 2011: quiet after Christmas, busiest before it.
const MONTHS: [f64; 13] = [20.0, 14.8, 14.0, 19.8, 17.4, 21.6, 20.1, 19.3, 17.4, 23.3, 29.0, 37.0, 39.0];
/// Sunday to Friday; closed on Saturdays.
const WEEKDAYS: [f64; 7] = [0.97, 1.08, 1.1, 1.28, 1.0, 0.0, 0.55];
/// By hour, from six in the morning to eight in the evening.
pub(super) const HOURS: [f64; 15] =
    [0.02, 0.03, 0.62, 1.82, 2.96, 3.17, 3.96, 3.37, 3.15, 3.07, 1.95, 1.2, 0.33, 0.22, 0.03];
pub(super) const FIRST_HOUR: u32 = 6;
/// English bank holidays that are not within the Christmas break.
const HOLIDAYS: [(u32, u32); 7] = [(4, 22), (4, 24), (4, 25), (4, 29), (5, 2), (5, 30), (8, 29)];

/// A day of business and its share of the year's invoices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day {
    pub date: NaiveDate,
    /// Not normalized.
    pub weight: f64,
    /// 0 for a spring day, 1 for one shortly before Christmas.
    pub christmas: f64,
}

/// All open days from 2010-12-01 to 2011-12-09.
pub(super) fn days() -> Vec<Day> {
    let (Some(first), Some(last)) = (NaiveDate::from_ymd_opt(2010, 12, 1), NaiveDate::from_ymd_opt(2011, 12, 9)) else {
        return Vec::new();
    };
    first.iter_days().take_while(|date| *date <= last).filter(|date| is_open(*date)).map(day).collect()
}

fn is_open(date: NaiveDate) -> bool {
    let christmas = (date.month() == 12 && date.day() >= 24) || (date.month() == 1 && date.day() <= 3);
    let holiday = date.year() == 2011 && HOLIDAYS.contains(&(date.month(), date.day()));
    date.weekday() != Weekday::Sat && !christmas && !holiday
}

fn day(date: NaiveDate) -> Day {
    let months = (date.year() - 2010) * 12 + date.month() as i32 - 12;
    let month = usize::try_from(months).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or(1.0);
    let weekday = WEEKDAYS.get(date.weekday().num_days_from_monday() as usize).copied().unwrap_or(1.0);
    let christmas = match date.month() {
        8 => 0.15,
        9 => 0.4,
        10 => 0.8,
        11 => 1.0,
        12 => 0.7,
        _ => 0.0,
    };
    Day { date, weight: month * weekday, christmas }
}
