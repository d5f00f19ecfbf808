//! Types of settings: each knows how to be read from a TOML value or from text.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::environment;
use super::layers::Raw;

/// A type that a setting may have.
pub(super) trait Setting: Sized {
    /// # Errors
    /// What was expected, as the end of "… must be …".
    fn read(raw: &Raw) -> Result<Self, String>;
}

/// Bytes: `512`, `"64KiB"`, `"2GiB"`, `"1.5GB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }
    pub const fn as_u64(self) -> u64 {
        self.0
    }
    /// Saturates where addresses are smaller than 64 bits.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split_unit(text)?;
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" | "k" => 1 << 10,
            "mib" | "m" => 1 << 20,
            "gib" | "g" => 1 << 30,
            "tib" | "t" => 1 << 40,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return None,
        };
        match number.parse::<u64>() {
            Ok(count) => count.checked_mul(factor).map(Self),
            Err(_) => scale(number, factor).map(Self),
        }
    }
}

/// A decimal fraction times a factor, rounded down; `None` where the result does not fit.
fn scale(number: &str, factor: u64) -> Option<u64> {
    let product = number.parse::<f64>().ok()? * factor as f64;
    (product.is_finite() && (0.0..9.0e18).contains(&product)).then_some(product as u64)
}

/// `"1.5 GiB"` → `("1.5", "GiB")`.
fn split_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (!number.is_empty()).then_some((number, unit.trim()))
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.iter().find(|(factor, _)| self.0 >= *factor) {
            Some((factor, unit)) if self.0.is_multiple_of(*factor) => write!(f, "{}{unit}", self.0 / factor),
            Some((factor, unit)) => write!(f, "{:.1}{unit}", self.0 as f64 / *factor as f64),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Setting for ByteSize {
    fn read(raw: &Raw) -> Result<Self, String> {
        let expected = || "a size such as 512, \"64KiB\" or \"2GiB\"".to_owned();
        match raw {
            Raw::Integer(bytes) => u64::try_from(*bytes).map(Self).map_err(|_| expected()),
            Raw::String(text) | Raw::Untyped(text) => Self::parse(text).ok_or_else(expected),
            _ => Err(expected()),
        }
    }
}

/// Memory: a size, or a share of what the machine has, already turned into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemorySize(ByteSize);

impl MemorySize {
    /// Taken as the machine's memory where the system does not tell.
    const UNKNOWN_MACHINE: u64 = 4 << 30;

    pub fn size(self) -> ByteSize {
        self.0
    }
    pub fn as_usize(self) -> usize {
        self.0.as_usize()
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for MemorySize {
    fn read(raw: &Raw) -> Result<Self, String> {
        let expected = || "a size such as \"2GiB\", or a share of the machine's memory such as \"60%\"".to_owned();
        if let Raw::String(text) | Raw::Untyped(text) = raw
            && let Some(percent) = text.trim().strip_suffix('%')
        {
            let percent: f64 = percent.trim().parse().map_err(|_| expected())?;
            if !(1.0..=100.0).contains(&percent) {
                return Err("a share between 1% and 100%".to_owned());
            }
            let machine = environment::memory_bytes().unwrap_or(Self::UNKNOWN_MACHINE);
            return Ok(Self(ByteSize((machine as f64 * percent / 100.0) as u64)));
        }
        ByteSize::read(raw).map(Self).map_err(|_| expected())
    }
}

impl Setting for Duration {
    fn read(raw: &Raw) -> Result<Self, String> {
        let expected = || "a duration such as \"250ms\", \"30s\", \"5m\" or \"90d\"".to_owned();
        match raw {
            Raw::String(text) | Raw::Untyped(text) => parse_duration(text).ok_or_else(expected),
            // A bare number says nothing of its unit; 0 alone is clear.
            Raw::Integer(0) => Ok(Duration::ZERO),
            _ => Err(expected()),
        }
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    if unit.is_empty() {
        return (number == "0").then_some(Duration::ZERO);
    }
    let nanos_per_unit: u64 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    match number.parse::<u64>() {
        Ok(count) => count.checked_mul(nanos_per_unit).map(Duration::from_nanos),
        Err(_) => scale(number, nanos_per_unit).map(Duration::from_nanos),
    }
}

/// An address to listen on: `127.0.0.1:5433`, `[::1]:5433`, `localhost:5433`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddr(pub SocketAddr);

impl ListenAddr {
    /// Only this machine can connect.
    pub fn is_loopback(self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for ListenAddr {
    fn read(raw: &Raw) -> Result<Self, String> {
        let expected = || "an address and port such as \"127.0.0.1:5433\"".to_owned();
        let (Raw::String(text) | Raw::Untyped(text)) = raw else { return Err(expected()) };
        let text = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.clone(),
        };
        text.parse().map(Self).map_err(|_| expected())
    }
}

/// A value that no log and no `config show` prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(value: String) -> Self {
        Self(value)
    }
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Setting for LogFormat {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::String(text) | Raw::Untyped(text) if text == "text" => Ok(Self::Text),
            Raw::String(text) | Raw::Untyped(text) if text == "json" => Ok(Self::Json),
            _ => Err("\"text\" or \"json\"".to_owned()),
        }
    }
}

impl Setting for String {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::String(text) | Raw::Untyped(text) if !text.is_empty() => Ok(text.clone()),
            Raw::String(_) | Raw::Untyped(_) => Err("a text that is not empty".to_owned()),
            _ => Err("a text in quotes".to_owned()),
        }
    }
}

impl Setting for PathBuf {
    fn read(raw: &Raw) -> Result<Self, String> {
        String::read(raw).map(Self::from).map_err(|_| "a path in quotes".to_owned())
    }
}

impl Setting for Secret {
    fn read(raw: &Raw) -> Result<Self, String> {
        String::read(raw).map(Self)
    }
}

impl Setting for bool {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw.to_text().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("true or false".to_owned()),
        }
    }
}

/// The empty text is `None`.
impl<T: Setting> Setting for Option<T> {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::String(text) | Raw::Untyped(text) if text.is_empty() => Ok(None),
            raw => T::read(raw).map(Some),
        }
    }
}

impl Setting for f64 {
    fn read(raw: &Raw) -> Result<Self, String> {
        let number = match raw {
            Raw::Float(number) => Some(*number),
            Raw::Integer(number) => Some(*number as f64),
            Raw::Untyped(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| number.is_finite()).ok_or_else(|| "a number".to_owned())
    }
}

impl Setting for u64 {
    fn read(raw: &Raw) -> Result<Self, String> {
        let number = match raw {
            Raw::Integer(number) => u64::try_from(*number).ok(),
            Raw::Untyped(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| "a whole number, 0 or more".to_owned())
    }
}

impl Setting for usize {
    fn read(raw: &Raw) -> Result<Self, String> {
        u64::read(raw).and_then(|number| usize::try_from(number).map_err(|_| "a smaller number".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: Setting>(text: &str) -> Result<T, String> {
        T::read(&Raw::Untyped(text.to_owned()))
    }

    #[test]
    fn sizes() {
        for (given, bytes) in [("0", 0), ("512", 512), ("64KiB", 65_536), ("1.5 GB", 1_500_000_000), ("2g", 2 << 30)] {
            assert_eq!(text::<ByteSize>(given), Ok(ByteSize(bytes)), "{given}");
        }
        for wrong in ["", "GiB", "-1", "1.5.2MB", "3 apples", "99999999999TiB"] {
            assert!(text::<ByteSize>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ByteSize(3 << 30).to_string(), "3GiB");
        assert_eq!(ByteSize(1_600).to_string(), "1.6KiB");
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(text::<Duration>("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(text::<Duration>("1.5h"), Ok(Duration::from_secs(5_400)));
        assert_eq!(text::<Duration>("0"), Ok(Duration::ZERO));
        assert!(text::<Duration>("30").is_err());
        assert!(text::<Duration>("30 fortnights").is_err());
    }

    #[test]
    fn addresses() {
        assert!(text::<ListenAddr>("localhost:0").is_ok_and(ListenAddr::is_loopback));
        assert!(text::<ListenAddr>("0.0.0.0:5433").is_ok_and(|addr| !addr.is_loopback()));
        assert!(text::<ListenAddr>("5433").is_err());
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Secret("hunter2".into())), "***");
    }
}
