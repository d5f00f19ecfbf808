//! The Gregorian calendar in both directions, for ever; the year before 1 is 0.

/// Year, month, day of a day since 1970.
#[inline]
pub fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Day since 1970 of a year, month and day that exist.
#[inline]
pub fn day_number(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

pub fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// 0 is Sunday.
pub fn weekday(days: i64) -> u32 {
    (days + 4).rem_euclid(7) as u32
}

/// 1 is 1 January.
pub fn day_of_year(days: i64) -> i64 {
    let (year, ..) = civil(days);
    days - day_number(year, 1, 1) + 1
}

/// First day (Monday) of week 1 of an ISO year.
pub fn iso_year_begin(year: i64) -> i64 {
    let fourth = day_number(year, 1, 4);
    fourth - i64::from((weekday(fourth) + 6) % 7)
}

/// ISO year and week.
pub fn iso_week(days: i64) -> (i64, i64) {
    let (year, ..) = civil(days);
    let year = if days >= iso_year_begin(year + 1) {
        year + 1
    } else if days < iso_year_begin(year) {
        year - 1
    } else {
        year
    };
    (year, (days - iso_year_begin(year)) / 7 + 1)
}

/// The same day of the month that many months later, or the month's last.
pub fn plus_months(days: i64, months: i32) -> i64 {
    if months == 0 {
        return days;
    }
    let (year, month, day) = civil(days);
    let total = year * 12 + i64::from(month) - 1 + i64::from(months);
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    day_number(year, month, day.min(days_in_month(year, month)))
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};

    use super::*;

    #[test]
    fn agrees_with_chrono_on_every_hundredth_day() {
        for days in (-800_000..3_000_000).step_by(97) {
            let date = NaiveDate::from_epoch_days(days).unwrap();
            let days = i64::from(days);
            assert_eq!(civil(days), (i64::from(date.year()), date.month(), date.day()));
            assert_eq!(day_number(i64::from(date.year()), date.month(), date.day()), days);
            assert_eq!(weekday(days), date.weekday().num_days_from_sunday());
            assert_eq!(day_of_year(days), i64::from(date.ordinal()));
            let iso = date.iso_week();
            assert_eq!(iso_week(days), (i64::from(iso.year()), i64::from(iso.week())));
        }
    }

    #[test]
    fn months_end_at_their_last_day() {
        let day = |year, month, day| day_number(year, month, day);
        assert_eq!(plus_months(day(2024, 1, 31), 1), day(2024, 2, 29));
        assert_eq!(plus_months(day(2024, 3, 31), -13), day(2023, 2, 28));
        assert_eq!(plus_months(day(1, 1, 1), -1), day(0, 12, 1));
    }
}
