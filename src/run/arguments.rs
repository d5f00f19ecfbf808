//! The arguments of a `CALL`, bound to the procedure's signature.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use datafusion::scalar::ScalarValue;

use crate::engine::Signature;
use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;

/// Values by argument name; those left out are absent.
#[derive(Debug)]
pub(super) struct Arguments {
    signature: &'static Signature,
    values: BTreeMap<&'static str, ScalarValue>,
}

impl Arguments {
    /// # Errors
    /// `42883` for an argument too many, unknown, given twice or missing; the hint shows the signature.
    pub fn bind(
        signature: &'static Signature,
        positional: Vec<ScalarValue>,
        named: Vec<(String, ScalarValue)>,
    ) -> Result<Self> {
        let mut arguments = Self { signature, values: BTreeMap::new() };
        if positional.len() > signature.arguments.len() {
            let (given, at_most) = (positional.len(), signature.arguments.len());
            return Err(arguments.mismatch(format!("{given} arguments were given, it takes at most {at_most}")));
        }
        for ((name, ..), value) in signature.arguments.iter().zip(positional) {
            arguments.values.insert(name, value);
        }
        for (name, value) in named {
            let Some((known, ..)) = signature.arguments.iter().find(|(known, ..)| *known == name) else {
                return Err(arguments.mismatch(format!("it has no argument \"{name}\"")));
            };
            if arguments.values.insert(known, value).is_some() {
                return Err(arguments.mismatch(format!("argument \"{name}\" was given twice")));
            }
        }
        match signature.arguments.iter().find(|(name, _, default)| !default && !arguments.values.contains_key(name)) {
            Some((name, ..)) => Err(arguments.mismatch(format!("argument \"{name}\" is missing"))),
            None => Ok(arguments),
        }
    }

    /// None where the argument was left out or is null.
    ///
    /// # Errors
    /// `22023` for a value of another type.
    pub fn text(&self, name: &'static str) -> Result<Option<String>> {
        match self.values.get(name) {
            None => Ok(None),
            Some(value) if value.is_null() => Ok(None),
            Some(value) => match value.try_as_str() {
                Some(Some(text)) => Ok(Some(text.to_owned())),
                _ => Err(self.invalid(name, "a text")),
            },
        }
    }

    /// False where the argument was left out or is null.
    ///
    /// # Errors
    /// `22023` for a value of another type.
    pub fn boolean(&self, name: &'static str) -> Result<bool> {
        match self.values.get(name) {
            None => Ok(false),
            Some(value) if value.is_null() => Ok(false),
            Some(ScalarValue::Boolean(Some(value))) => Ok(*value),
            // an untyped literal, as in full_refresh => 'on'
            Some(value) => match value.try_as_str().flatten().map(str::to_ascii_lowercase).as_deref() {
                Some("t" | "true" | "on" | "yes" | "1") => Ok(true),
                Some("f" | "false" | "off" | "no" | "0") => Ok(false),
                _ => Err(self.invalid(name, "true or false")),
            },
        }
    }

    /// # Errors
    /// `22023` for anything but a whole number from 0 up.
    pub fn release(&self, name: &'static str) -> Result<ReleaseId> {
        self.values
            .get(name)
            .and_then(|value| value.to_string().parse().ok())
            .map(ReleaseId)
            .ok_or_else(|| self.invalid(name, "the number of a release"))
    }

    /// None where the argument was left out or is null.
    ///
    /// # Errors
    /// `22023` for what is no span of time.
    pub fn interval(&self, name: &'static str) -> Result<Option<TimeDelta>> {
        let span = match self.values.get(name) {
            None => return Ok(None),
            Some(value) if value.is_null() => return Ok(None),
            Some(ScalarValue::IntervalMonthDayNano(Some(span))) => {
                let days = i64::from(span.months) * 30 + i64::from(span.days);
                TimeDelta::try_days(days).map(|days| days + TimeDelta::nanoseconds(span.nanoseconds))
            }
            Some(value) => value.try_as_str().flatten().and_then(span),
        };
        span.filter(|span| *span >= TimeDelta::zero()).map(Some).ok_or_else(|| self.invalid(name, "a span of time"))
    }

    fn mismatch(&self, message: String) -> Error {
        Error::new(ErrorKind::UndefinedFunction, format!("cannot call {}: {message}", self.signature.name))
            .with_hint(self.usage())
    }

    fn invalid(&self, name: &str, expected: &str) -> Error {
        let value = self.values.get(name).map(ToString::to_string).unwrap_or_default();
        let message = format!("{} of {} must be {expected}, not {value}", name, self.signature.name);
        Error::new(ErrorKind::InvalidParameter, message).with_hint(self.usage())
    }

    /// `call refresh(selector text, full_refresh => boolean)`
    fn usage(&self) -> String {
        let shown = self.signature.arguments.iter().map(|(name, of, default)| match default {
            true => format!("{name} => {of}"),
            false => format!("{name} {of}"),
        });
        format!("call {}({})", self.signature.name, shown.collect::<Vec<_>>().join(", "))
    }
}

/// `7 days`, `12 hours`, `1 day 6 hours`.
fn span(text: &str) -> Option<TimeDelta> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let parts = words.chunks(2).map(|part| {
        let [number, unit] = part else { return None };
        let number: i64 = number.parse().ok()?;
        match unit.trim_end_matches('s') {
            "week" => TimeDelta::try_weeks(number),
            "day" => TimeDelta::try_days(number),
            "hour" => TimeDelta::try_hours(number),
            "minute" | "min" => TimeDelta::try_minutes(number),
            "second" | "sec" => TimeDelta::try_seconds(number),
            _ => None,
        }
    });
    let parts: Vec<TimeDelta> = parts.collect::<Option<_>>()?;
    (!parts.is_empty()).then(|| parts.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    static REFRESH: Signature = Signature {
        name: "refresh",
        arguments: &[("selector", "text", false), ("full_refresh", "boolean", true)],
        comment: "",
    };

    fn text(value: &str) -> ScalarValue {
        ScalarValue::Utf8(Some(value.into()))
    }

    #[test]
    fn positional_and_named_arguments_are_bound() {
        let named = vec![("full_refresh".to_owned(), ScalarValue::Boolean(Some(true)))];
        let arguments = Arguments::bind(&REFRESH, vec![text("tag:daily")], named).unwrap();
        assert_eq!(arguments.text("selector").unwrap().as_deref(), Some("tag:daily"));
        assert!(arguments.boolean("full_refresh").unwrap());
        let alone = Arguments::bind(&REFRESH, vec![text("x")], vec![]).unwrap();
        assert!(!alone.boolean("full_refresh").unwrap());
    }

    #[test]
    fn a_wrong_call_says_what_is_wrong_and_how_it_is_called() {
        let fails = |positional, named| Arguments::bind(&REFRESH, positional, named).unwrap_err();
        let missing = fails(vec![], vec![]);
        assert_eq!(missing.kind(), ErrorKind::UndefinedFunction);
        assert_eq!(missing.message(), "cannot call refresh: argument \"selector\" is missing");
        assert_eq!(missing.hint(), Some("call refresh(selector text, full_refresh => boolean)"));
        assert!(fails(vec![text("a"), text("b"), text("c")], vec![]).message().contains("at most 2"));
        assert!(fails(vec![text("a")], vec![("selector".into(), text("b"))]).message().contains("given twice"));
        assert!(fails(vec![text("a")], vec![("ful".into(), text("b"))]).message().contains("no argument \"ful\""));
        let wrong = Arguments::bind(&REFRESH, vec![ScalarValue::Int64(Some(1)), text("maybe")], vec![]).unwrap();
        assert_eq!(wrong.text("selector").unwrap_err().kind(), ErrorKind::InvalidParameter);
        assert_eq!(wrong.boolean("full_refresh").unwrap_err().kind(), ErrorKind::InvalidParameter);
    }
}
