//! What a session can SET that changes how values look.

use std::fmt;

use datafusion::arrow::array::timezone::Tz;

/// `bytea_output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ByteaOutput {
    #[default]
    Hex,
    Escape,
}

/// A session's output settings, resolved once per result.
#[derive(Clone, Copy)]
pub struct Style {
    /// `None` is UTC, which needs no look-up per value.
    time_zone: Option<Tz>,
    pub bytea: ByteaOutput,
}

impl Style {
    /// From the values of `TimeZone` and `bytea_output`, as SHOW prints them. A zone that is not known counts as UTC:
    /// SET has refused it already.
    pub fn new(time_zone: &str, bytea_output: &str) -> Self {
        let bytea = if bytea_output.eq_ignore_ascii_case("escape") { ByteaOutput::Escape } else { ByteaOutput::Hex };
        Self { time_zone: parse_zone(time_zone), bytea }
    }
    /// The session's zone; `None` is UTC.
    pub fn time_zone(&self) -> Option<Tz> {
        self.time_zone
    }
}

impl Default for Style {
    fn default() -> Self {
        Self { time_zone: None, bytea: ByteaOutput::Hex }
    }
}

impl fmt::Debug for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.time_zone.map_or_else(|| "UTC".to_owned(), |zone| zone.to_string());
        f.debug_struct("Style").field("time_zone", &zone).field("bytea", &self.bytea).finish()
    }
}

fn parse_zone(name: &str) -> Option<Tz> {
    const UTC: [&str; 8] = ["utc", "etc/utc", "gmt", "etc/gmt", "uct", "zulu", "z", "+00"];
    if UTC.iter().any(|utc| name.eq_ignore_ascii_case(utc)) { None } else { name.parse().ok() }
}
