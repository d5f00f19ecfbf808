//! The options of COPY: what they may be, and which go together.

use crate::dialect::CopyValue;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{CopyFormat, CopyInput, Encoding, ForceQuote, Header};

/// What the options say, in the words of either syntax.
#[derive(Debug, Default)]
pub(super) struct Options {
    format: Option<String>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<Header>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<CopyValue>,
    force_not_null: Option<CopyValue>,
    force_null: Option<CopyValue>,
    encoding: Option<Encoding>,
    freeze: Option<()>,
}

fn syntax(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::SyntaxError, message)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidParameter, message)
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::FeatureNotSupported, message)
}

/// Keeps an option's value; it may be given once.
fn put<T>(place: &mut Option<T>, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(syntax("conflicting or redundant options")),
    }
}

fn text(name: &str, value: &CopyValue) -> Result<String> {
    match value {
        CopyValue::Text(text) => Ok(text.clone()),
        _ => Err(syntax(format!("{name} requires a parameter"))),
    }
}

fn columns(name: &str, value: &CopyValue, all: bool) -> Result<CopyValue> {
    match value {
        CopyValue::Columns(_) => Ok(value.clone()),
        CopyValue::All if all => Ok(value.clone()),
        _ => Err(invalid(format!("argument to option \"{name}\" must be a list of column names"))),
    }
}

fn boolean(value: &CopyValue) -> Option<bool> {
    match value {
        CopyValue::None => Some(true),
        CopyValue::Text(text) => match text.to_lowercase().as_str() {
            "true" | "on" | "1" => Some(true),
            "false" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn header(value: &CopyValue, from: bool) -> Result<Header> {
    match (boolean(value), value) {
        (Some(true), _) => Ok(Header::Skipped),
        (Some(false), _) => Ok(Header::Absent),
        (None, CopyValue::Text(word)) if word.eq_ignore_ascii_case("match") => {
            if from {
                Ok(Header::Match)
            } else {
                Err(unsupported(format!("cannot use \"{word}\" with HEADER in COPY TO")))
            }
        }
        (None, _) => Err(syntax("header requires a Boolean value or \"match\"")),
    }
}

impl Options {
    /// # Errors
    /// As PostgreSQL for what is no option, is given twice, or does not go together.
    pub(super) fn read(given: &[(String, CopyValue)], from: bool) -> Result<Self> {
        let mut all = Self::default();
        for (name, value) in given {
            match name.as_str() {
                "format" => {
                    let format = text(name, value)?;
                    if !["text", "csv", "binary"].contains(&format.as_str()) {
                        return Err(invalid(format!("COPY format \"{format}\" not recognized")));
                    }
                    put(&mut all.format, format)?;
                }
                "delimiter" => put(&mut all.delimiter, text(name, value)?)?,
                "null" => put(&mut all.null, text(name, value)?)?,
                "header" => put(&mut all.header, header(value, from)?)?,
                "quote" => put(&mut all.quote, text(name, value)?)?,
                "escape" => put(&mut all.escape, text(name, value)?)?,
                "force_quote" => put(&mut all.force_quote, columns(name, value, true)?)?,
                "force_not_null" => put(&mut all.force_not_null, columns(name, value, false)?)?,
                "force_null" => put(&mut all.force_null, columns(name, value, false)?)?,
                "freeze" => {
                    boolean(value).ok_or_else(|| syntax("freeze requires a Boolean value"))?;
                    put(&mut all.freeze, ())?;
                }
                "encoding" => {
                    let encoding = Encoding::named(&text(name, value)?)
                        .ok_or_else(|| invalid("argument to option \"encoding\" must be a valid encoding name"))?;
                    put(&mut all.encoding, encoding)?;
                }
                "where" if from => {
                    return Err(unsupported("COPY FROM … WHERE is not supported")
                        .with_hint("copy into a temporary table, and INSERT … SELECT … WHERE from there"));
                }
                "where" => return Err(syntax("WHERE clause not allowed with COPY TO")),
                other => return Err(syntax(format!("option \"{other}\" not recognized"))),
            }
        }
        all.check(from)?;
        Ok(all)
    }

    fn is(&self, format: &str) -> bool {
        self.format.as_deref().unwrap_or("text") == format
    }

    fn null(&self) -> &str {
        self.null.as_deref().unwrap_or(if self.is("csv") { "" } else { "\\N" })
    }

    fn delimiter(&self) -> &str {
        self.delimiter.as_deref().unwrap_or(if self.is("csv") { "," } else { "\t" })
    }

    /// In PostgreSQL's order, so that the first of several problems is the same.
    fn check(&self, from: bool) -> Result<()> {
        let (csv, null, delimiter) = (self.is("csv"), self.null(), self.delimiter());
        if self.is("binary") {
            for (given, what) in [(&self.delimiter, "DELIMITER"), (&self.null, "NULL")] {
                if given.is_some() {
                    return Err(syntax(format!("cannot specify {what} in BINARY mode")));
                }
            }
        }
        one_byte(delimiter, "delimiter")?;
        if delimiter.contains(['\n', '\r']) {
            return Err(invalid("COPY delimiter cannot be newline or carriage return"));
        }
        if null.contains(['\n', '\r']) {
            return Err(invalid("COPY null representation cannot use newline or carriage return"));
        }
        if !csv && delimiter.chars().all(|c| c == '\\' || c == '.' || c.is_ascii_lowercase() || c.is_ascii_digit()) {
            return Err(invalid(format!("COPY delimiter cannot be \"{delimiter}\"")));
        }
        if self.is("binary") && self.header.is_some_and(|header| header != Header::Absent) {
            return Err(unsupported("cannot specify HEADER in BINARY mode"));
        }
        for (given, what) in [(&self.quote, "quote"), (&self.escape, "escape")] {
            let Some(given) = given else { continue };
            if !csv {
                return Err(unsupported(format!("COPY {what} available only in CSV mode")));
            }
            one_byte(given, what)?;
            if what == "quote" && given == delimiter {
                return Err(invalid("COPY delimiter and quote must be different"));
            }
        }
        if csv && self.quote.is_none() && delimiter == "\"" {
            return Err(invalid("COPY delimiter and quote must be different"));
        }
        for (given, what, direction) in [
            (&self.force_quote, "force quote", false),
            (&self.force_not_null, "force not null", true),
            (&self.force_null, "force null", true),
        ] {
            if given.is_some() && !csv {
                return Err(unsupported(format!("COPY {what} available only in CSV mode")));
            }
            if given.is_some() && from != direction {
                let only = if direction { "FROM" } else { "TO" };
                return Err(unsupported(format!("COPY {what} only available using COPY {only}")));
            }
        }
        if null.contains(delimiter) {
            return Err(unsupported("COPY delimiter must not appear in the NULL specification"));
        }
        if csv && null.contains(self.quote.as_deref().unwrap_or("\"")) {
            return Err(unsupported("CSV quote character must not appear in the NULL specification"));
        }
        Ok(())
    }

    fn layout(&self, columns: &[String]) -> Result<CopyFormat> {
        if self.is("binary") {
            return Ok(CopyFormat::Binary);
        }
        let byte = |text: &str| text.bytes().next().unwrap_or_default();
        let (delimiter, null) = (byte(self.delimiter()), self.null().to_owned());
        let header = self.header.is_some_and(|header| header != Header::Absent);
        if self.is("text") {
            return Ok(CopyFormat::Text { delimiter, null, header });
        }
        let quote = self.quote.as_deref().map_or(b'"', byte);
        let escape = self.escape.as_deref().map_or(quote, byte);
        let force_quote = match &self.force_quote {
            Some(CopyValue::All) => ForceQuote::All,
            Some(CopyValue::Columns(names)) => {
                let positions = names.iter().map(|name| position(name, columns, "FORCE_QUOTE"));
                ForceQuote::Columns(positions.collect::<Result<_>>()?)
            }
            _ => ForceQuote::None,
        };
        Ok(CopyFormat::Csv { delimiter, null, header, quote, escape, force_quote })
    }

    /// How rows of these columns are to be written, for a client with that character set.
    ///
    /// # Errors
    /// `42P10` for a column to be quoted that is not among them.
    pub(super) fn output(&self, columns: &[String], client: Encoding) -> Result<(CopyFormat, Encoding)> {
        Ok((self.layout(columns)?, self.encoding.unwrap_or(client)))
    }

    /// How data for these columns is to be read, of a client with that character set.
    ///
    /// # Errors
    /// `42P10` likewise.
    pub(super) fn input(&self, columns: &[String], client: Encoding) -> Result<CopyInput> {
        let flags = |value: &Option<CopyValue>, option: &str| -> Result<Vec<bool>> {
            let mut flags = vec![false; columns.len()];
            if let Some(CopyValue::Columns(names)) = value {
                for name in names {
                    let at = position(name, columns, option)?;
                    flags.iter_mut().skip(at).take(1).for_each(|flag| *flag = true);
                }
            }
            Ok(flags)
        };
        Ok(CopyInput {
            format: self.layout(columns)?,
            header: self.header.unwrap_or(Header::Absent),
            encoding: self.encoding.unwrap_or(client),
            force_null: flags(&self.force_null, "FORCE_NULL")?,
            force_not_null: flags(&self.force_not_null, "FORCE_NOT_NULL")?,
        })
    }
}

fn position(name: &str, columns: &[String], option: &str) -> Result<usize> {
    columns.iter().position(|column| column == name).ok_or_else(|| {
        Error::new(ErrorKind::InvalidColumnReference, format!("{option} column \"{name}\" not referenced by COPY"))
    })
}

fn one_byte(text: &str, what: &str) -> Result<()> {
    if text.len() == 1 {
        return Ok(());
    }
    Err(unsupported(format!("COPY {what} must be a single one-byte character")))
}
