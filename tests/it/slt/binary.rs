//! Binary results as PostgreSQL would have written them as text, by another hand than the server's.

use std::error::Error;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use tokio_postgres::types::{FromSql, Kind, Type};

type Result<T> = std::result::Result<T, Box<dyn Error + Sync + Send>>;

/// A value of any type, as text.
pub struct Shown(pub String);

impl<'a> FromSql<'a> for Shown {
    fn from_sql(pg_type: &Type, raw: &'a [u8]) -> Result<Self> {
        Ok(Self(text(pg_type, raw)?))
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

fn text(pg_type: &Type, raw: &[u8]) -> Result<String> {
    if let Kind::Array(_) = pg_type.kind() {
        return Ok(array(&Vec::<Option<Shown>>::from_sql(pg_type, raw)?));
    }
    Ok(match *pg_type {
        Type::BOOL => if bool::from_sql(pg_type, raw)? { "t" } else { "f" }.to_owned(),
        Type::INT2 => i16::from_sql(pg_type, raw)?.to_string(),
        Type::INT4 => i32::from_sql(pg_type, raw)?.to_string(),
        Type::INT8 => i64::from_sql(pg_type, raw)?.to_string(),
        Type::OID | Type::REGCLASS | Type::REGTYPE => u32::from_sql(&Type::OID, raw)?.to_string(),
        Type::FLOAT4 => {
            float(&f32::from_sql(pg_type, raw)?.to_string(), &format!("{:e}", f32::from_sql(pg_type, raw)?), 6)
        }
        Type::FLOAT8 => {
            float(&f64::from_sql(pg_type, raw)?.to_string(), &format!("{:e}", f64::from_sql(pg_type, raw)?), 15)
        }
        Type::NUMERIC => numeric(raw)?,
        Type::DATE => NaiveDate::from_sql(pg_type, raw)?.to_string(),
        Type::TIME => fraction(NaiveTime::from_sql(pg_type, raw)?.format("%H:%M:%S%.6f")),
        Type::TIMESTAMP => fraction(NaiveDateTime::from_sql(pg_type, raw)?.format("%Y-%m-%d %H:%M:%S%.6f")),
        // an instant carries no zone: cases that show one are to be in UTC
        Type::TIMESTAMPTZ => fraction(DateTime::<Utc>::from_sql(pg_type, raw)?.format("%Y-%m-%d %H:%M:%S%.6f")) + "+00",
        Type::INTERVAL => interval(raw)?,
        Type::BYTEA => raw.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
        Type::UUID => uuid::Uuid::from_slice(raw)?.to_string(),
        Type::JSONB => String::from_utf8(raw.get(1..).unwrap_or_default().to_vec())?,
        _ => String::from_utf8(raw.to_vec())?,
    })
}

/// Without the zeros that end it.
fn fraction(text: impl std::fmt::Display) -> String {
    text.to_string().trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The shortest digits that give the number back; as a power of ten where PostgreSQL writes it so.
fn float(plain: &str, scientific: &str, digits: i32) -> String {
    let word = match plain {
        "inf" => "Infinity",
        "-inf" => "-Infinity",
        other => other,
    };
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return word.to_owned() };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..digits).contains(&exponent) {
        return word.to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Digits to the base of 10,000, as `numeric_send` lays them out.
fn numeric(raw: &[u8]) -> Result<String> {
    let words: Vec<i16> = raw.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
    let [_, weight, sign, scale, digits @ ..] = words.as_slice() else { return Err("a short numeric".into()) };
    if *sign as u16 == 0xC000 {
        return Ok("NaN".to_owned());
    }
    let digit = |at: i16| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    let whole: String = (0..=*weight).map(|at| format!("{:04}", digit(at))).collect();
    let whole = whole.trim_start_matches('0');
    let scale = usize::try_from(*scale)?;
    let places = i16::try_from(scale.div_ceil(4))?;
    let fraction: String = (1..=places).map(|place| format!("{:04}", digit(weight + place))).collect();
    let minus = if *sign == 0 { "" } else { "-" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if scale == 0 { "" } else { "." };
    Ok(format!("{minus}{whole}{point}{}", &fraction[..scale]))
}

/// Microseconds, days, months.
fn interval(raw: &[u8]) -> Result<String> {
    let (micros, rest) = raw.split_first_chunk::<8>().ok_or("a short interval")?;
    let (days, months) = rest.split_first_chunk::<4>().ok_or("a short interval")?;
    let (micros, days) = (i64::from_be_bytes(*micros), i32::from_be_bytes(*days));
    let months = i32::from_be_bytes(months.try_into()?);
    let mut text = String::new();
    let mut before_is_negative = false;
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count != 0 {
            let plus = if before_is_negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            let space = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{space}{plus}{count} {unit}{plural}"));
            before_is_negative = count < 0;
        }
    }
    if micros != 0 || text.is_empty() {
        let sign = match micros {
            ..0 => "-",
            _ if before_is_negative => "+",
            _ => "",
        };
        let (seconds, micros) = (micros.abs() / 1_000_000, micros.abs() % 1_000_000);
        let space = if text.is_empty() { "" } else { " " };
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let time = fraction(format!("{hours:02}:{minutes:02}:{seconds:02}.{micros:06}"));
        text.push_str(&format!("{space}{sign}{time}"));
    }
    Ok(text)
}

fn array(values: &[Option<Shown>]) -> String {
    let quoted = |text: &str| {
        let plain = !text.is_empty()
            && !text.eq_ignore_ascii_case("null")
            && !text.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',' | '"' | '\\'));
        if plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
    };
    let values: Vec<String> =
        values.iter().map(|value| value.as_ref().map_or("NULL".to_owned(), |value| quoted(&value.0))).collect();
    format!("{{{}}}", values.join(","))
}
