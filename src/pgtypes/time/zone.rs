//! Time zones: by name, by offset, by abbreviation, and as POSIX writes them (`<-08>+08`).

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{OffsetComponents, OffsetName, TZ_VARIANTS, Tz};

use super::abbreviations::ABBREVIATIONS;

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Zone {
    /// Needs no look-up per value.
    #[default]
    Utc,
    Named(Tz),
    /// Seconds east of Greenwich.
    Fixed(i32),
}

/// Hours that an offset may have.
const HOURS_MAX: i32 = 167;

impl Zone {
    /// All that have a name.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        TZ_VARIANTS.iter().filter_map(|zone| Some((zone.name(), Self::named(zone.name())?)))
    }

    /// A zone by its name in any case, or by a POSIX specification without rules; not by an abbreviation.
    pub fn named(name: &str) -> Option<Self> {
        static NAMES: LazyLock<HashMap<String, Tz>> =
            LazyLock::new(|| TZ_VARIANTS.iter().map(|zone| (zone.name().to_ascii_lowercase(), *zone)).collect());
        let name = name.trim();
        match NAMES.get(&name.to_ascii_lowercase()) {
            Some(zone) if is_utc(*zone) => Some(Self::Utc),
            Some(zone) => Some(Self::Named(*zone)),
            None => posix(name).map(Self::Fixed),
        }
    }

    /// What `AT TIME ZONE 'name'` means: an abbreviation first, then a name.
    pub fn of_text(name: &str) -> Option<Self> {
        Self::abbreviated(name).or_else(|| Self::named(name))
    }

    /// A zone by its abbreviation, as in `PST`.
    pub fn abbreviated(name: &str) -> Option<Self> {
        let lower = name.trim().to_ascii_lowercase();
        let found = ABBREVIATIONS.binary_search_by(|(known, _)| (*known).cmp(lower.as_str())).ok()?;
        ABBREVIATIONS.get(found).map(|(_, quarters)| Self::Fixed(quarters * 900))
    }

    /// What SHOW prints for a zone that is set by this text: a name as it is written officially, a POSIX
    /// specification for a number of hours.
    pub fn shown(text: &str) -> Option<String> {
        let text = text.trim();
        if let Ok(hours) = text.parse::<f64>() {
            let seconds = (hours * 3_600.0).round();
            let fits = seconds.abs() <= f64::from(HOURS_MAX) * 3_600.0;
            return fits.then(|| Self::Fixed(seconds as i32).posix_name());
        }
        let known = TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(text));
        known.map(|zone| zone.name().to_owned()).or_else(|| posix(text).map(|_| text.to_owned()))
    }

    /// `<+05:30>-05:30`: POSIX counts west of Greenwich.
    pub fn posix_name(self) -> String {
        match self {
            Self::Fixed(east) => format!("<{}>{}", signed(east), signed(-east)),
            Self::Utc => "UTC".to_owned(),
            Self::Named(zone) => zone.name().to_owned(),
        }
    }

    /// Seconds east at an instant, in microseconds since 1970.
    pub fn offset_at(self, instant: i64) -> i32 {
        match self {
            Self::Utc => 0,
            Self::Fixed(east) => east,
            Self::Named(zone) => {
                at(instant).map_or(0, |utc| zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
            }
        }
    }

    /// Seconds east of a local time: in a gap the time before it counts, in an overlap the later (standard) one.
    pub fn offset_of_local(self, local: i64) -> i32 {
        let zone = match self {
            Self::Utc => return 0,
            Self::Fixed(east) => return east,
            Self::Named(zone) => zone,
        };
        let Some(local) = at(local) else { return 0 };
        let fixed = |at: NaiveDateTime| zone.offset_from_local_datetime(&at).latest();
        let before = || local.checked_sub_signed(TimeDelta::hours(3)).and_then(fixed);
        fixed(local).or_else(before).map_or(0, |offset| offset.fix().local_minus_utc())
    }

    /// The instant as the zone's clocks show it.
    pub fn local(self, instant: i64) -> i64 {
        instant.saturating_add(i64::from(self.offset_at(instant)) * super::MICROS_PER_SECOND)
    }

    /// The instant at which the zone's clocks show this.
    pub fn instant(self, local: i64) -> i64 {
        local.saturating_sub(i64::from(self.offset_of_local(local)) * super::MICROS_PER_SECOND)
    }

    /// `CET`, `PDT`, `+03`.
    pub fn abbreviation_at(self, instant: i64) -> String {
        match self {
            Self::Utc => "UTC".to_owned(),
            Self::Fixed(east) => signed(east),
            Self::Named(zone) => {
                let abbreviation =
                    at(instant).and_then(|utc| zone.offset_from_utc_datetime(&utc).abbreviation().map(str::to_owned));
                abbreviation.unwrap_or_else(|| signed(self.offset_at(instant)))
            }
        }
    }

    /// Whether daylight saving is in force.
    pub fn is_daylight_at(self, instant: i64) -> bool {
        match self {
            Self::Named(zone) => {
                at(instant).is_some_and(|utc| !zone.offset_from_utc_datetime(&utc).dst_offset().is_zero())
            }
            _ => false,
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.posix_name())
    }
}

fn is_utc(zone: Tz) -> bool {
    matches!(zone, Tz::UTC | Tz::Etc__UTC | Tz::UCT | Tz::Etc__UCT | Tz::Universal | Tz::Zulu | Tz::Etc__Zulu)
}

/// The last year whose changes to daylight saving and back are known one by one. Later years go on by the same rules.
const LAST_YEAR: i32 = 2097;

/// The time by which offsets are looked up: in a year that is known, whose days fall alike.
fn at(micros: i64) -> Option<NaiveDateTime> {
    let at = DateTime::from_timestamp_micros(micros)?.naive_utc();
    if at.year() <= LAST_YEAR {
        return Some(at);
    }
    let kind = |year: i32| NaiveDate::from_ymd_opt(year, 1, 1).map(|first| (first.weekday(), first.leap_year()));
    let alike = (LAST_YEAR - 27..=LAST_YEAR).find(|year| kind(*year) == kind(at.year()));
    alike.map_or(Some(at), |year| at.with_year(year))
}

/// `+05:30`; minutes and seconds where there are some.
fn signed(east: i32) -> String {
    let sign = if east < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (east.abs() / 3_600, east.abs() / 60 % 60, east.abs() % 60);
    match (minutes, seconds) {
        (0, 0) => format!("{sign}{hours:02}"),
        (_, 0) => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// Seconds east of `FOO+3`, `<-08>+08`, `XYZ-5:30`.
fn posix(text: &str) -> Option<i32> {
    let rest = match text.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.1,
        None => {
            let letters = text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            (letters == 0 || letters >= 3).then(|| &text[letters..])?
        }
    };
    let (sign, digits) = match rest.strip_prefix('-') {
        Some(digits) => (1, digits),
        None => (-1, rest.strip_prefix('+').unwrap_or(rest)),
    };
    let mut parts = digits.split(':');
    let mut part = |max: i32| match parts.next() {
        Some(text) => text.parse::<i32>().ok().filter(|value| !text.starts_with(['+', '-']) && *value <= max),
        None => Some(0),
    };
    let (hours, minutes, seconds) = (part(HOURS_MAX)?, part(59)?, part(59)?);
    (!digits.is_empty() && parts.next().is_none()).then_some(sign * (hours * 3_600 + minutes * 60 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_postgres_15_shows_them() {
        for (text, shown) in [
            ("-8", "<-08>+08"),
            ("5.5", "<+05:30>-05:30"),
            ("europe/berlin", "Europe/Berlin"),
            ("utc", "UTC"),
            ("FOO+3", "FOO+3"),
            ("<-08>+08", "<-08>+08"),
        ] {
            assert_eq!(Zone::shown(text).as_deref(), Some(shown), "{text}");
        }
        assert_eq!(Zone::shown("Mars/Olympus"), None);
        assert_eq!(Zone::shown("200"), None);
    }

    #[test]
    fn found_by_name_offset_and_abbreviation() {
        assert_eq!(Zone::named("<-08>+08"), Some(Zone::Fixed(-8 * 3_600)));
        assert_eq!(Zone::named("etc/utc"), Some(Zone::Utc));
        assert_eq!(Zone::of_text("pst"), Some(Zone::Fixed(-8 * 3_600)));
        assert_eq!(Zone::of_text("UTC+2"), Some(Zone::Fixed(-2 * 3_600)));
        assert_eq!(Zone::of_text("nowhere"), None);
        assert!(ABBREVIATIONS.is_sorted());
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let of =
            |text: &str| berlin.offset_of_local(text.parse::<NaiveDateTime>().unwrap().and_utc().timestamp_micros());
        for year in [2026, 2097, 2098, 2104, 2400, 9999] {
            let day = |day: &str| of(&format!("{year}-{day}T12:00:00"));
            assert_eq!((day("01-15"), day("07-15"), day("12-31")), (3_600, 7_200, 3_600), "{year}");
        }
        assert_eq!(berlin.abbreviation_at(0), "CET");
    }
}
