//! PostgreSQL 15's settings, of which most do nothing here: they are known, checked and shown as there.
//!
//! `pgcatalog/postgres/pg_settings.tsv` lists them; `export.sh` beside it makes it anew.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::error::{Error, ErrorKind, Result};

/// One of them.
#[derive(Debug)]
pub struct PgSetting {
    pub name: &'static str,
    pub unit: Option<&'static str>,
    pub category: &'static str,
    pub description: &'static str,
    /// What more there is to say of it.
    pub more: Option<&'static str>,
    /// Who may set it, and when: `user`, `superuser`, `sighup`, `postmaster` …
    pub context: &'static str,
    /// `bool`, `integer`, `real`, `string`, `enum`.
    pub vartype: &'static str,
    pub min: Option<&'static str>,
    pub max: Option<&'static str>,
    pub choices: Option<Vec<&'static str>>,
    /// In the unit.
    pub boot: Option<&'static str>,
}

/// By lower-case name.
pub static SETTINGS: LazyLock<BTreeMap<String, PgSetting>> = LazyLock::new(|| {
    let lines = include_str!("../pgcatalog/postgres/pg_settings.tsv").lines();
    lines.filter_map(parse).map(|setting| (setting.name.to_lowercase(), setting)).collect()
});

fn parse(line: &'static str) -> Option<PgSetting> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [name, unit, category, description, more, context, vartype, min, max, choices, boot] = cells.as_slice() else {
        return None;
    };
    let given = |cell: &'static str| (cell != "\\N").then_some(cell);
    let listed = |cell: &'static str| {
        let items = cell.trim_start_matches('{').trim_end_matches('}').split(',');
        items.map(|item| item.trim_matches('"')).collect()
    };
    Some(PgSetting {
        name,
        unit: given(unit),
        category,
        description,
        more: given(more),
        context,
        vartype,
        min: given(min),
        max: given(max),
        choices: given(choices).map(listed),
        boot: given(boot),
    })
}

/// Those whose values PostgreSQL tells only to members of `pg_read_all_settings`.
const CONFIDENTIAL: [&str; 20] = [
    "config_file",
    "data_directory",
    "dynamic_library_path",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "jit_provider",
    "krb_server_keyfile",
    "log_directory",
    "log_filename",
    "primary_conninfo",
    "session_preload_libraries",
    "shared_preload_libraries",
    "ssl_ciphers",
    "ssl_dh_params_file",
    "ssl_ecdh_curve",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "ssl_passphrase_command",
    "unix_socket_directories",
];

/// Whether not everybody may see the setting of that name.
pub fn is_confidential(name: &str) -> bool {
    CONFIDENTIAL.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// # Errors
/// `42501`, to whom the setting is not told.
pub fn confidential(name: &str) -> Error {
    let message = format!("must be superuser or have privileges of pg_read_all_settings to examine \"{name}\"");
    Error::new(ErrorKind::InsufficientPrivilege, message)
}

/// Multiples of each unit of memory in bytes, of time in microseconds; largest first.
const MEMORY: &[(&str, f64)] =
    &[("TB", 1_099_511_627_776.0), ("GB", 1_073_741_824.0), ("MB", 1_048_576.0), ("kB", 1024.0), ("B", 1.0)];
const TIME: &[(&str, f64)] = &[("d", 86_400e6), ("h", 3_600e6), ("min", 60e6), ("s", 1e6), ("ms", 1e3), ("us", 1.0)];

impl PgSetting {
    /// The value as SHOW prints it.
    ///
    /// # Errors
    /// `22023` for a bad value, `55P02` where it cannot be set by a client.
    pub fn checked(&self, value: &str) -> Result<String> {
        self.check_changes()?;
        let name = self.name;
        match self.vartype {
            "bool" => super::setting_values::boolean(value).map(str::to_owned).ok_or_else(|| {
                let message = format!("parameter \"{name}\" requires a Boolean value");
                Error::new(ErrorKind::InvalidParameter, message)
            }),
            "enum" => self.choice(value),
            "integer" | "real" => Ok(self.shown(self.number(value)?)),
            _ => Ok(value.to_owned()),
        }
    }

    /// # Errors
    /// `55P02` where it cannot be set by a client.
    pub fn check_changes(&self) -> Result<()> {
        let name = self.name;
        let when = match self.context {
            "internal" => Some(""),
            "postmaster" => Some(" without restarting the server"),
            "sighup" => Some(" now"),
            _ => None,
        };
        if let Some(when) = when {
            let message = format!("parameter \"{name}\" cannot be changed{when}");
            return Err(Error::new(ErrorKind::CantChangeSetting, message));
        }
        if self.context.ends_with("backend") {
            let message = format!("parameter \"{name}\" cannot be set after connection start");
            return Err(Error::new(ErrorKind::CantChangeSetting, message));
        }
        Ok(())
    }

    fn bad(&self, value: &str) -> Error {
        // told as it is written, which is without quotes
        let name = self.name.to_lowercase();
        let message = format!("invalid value for parameter \"{name}\": \"{value}\"");
        Error::new(ErrorKind::InvalidParameter, message)
    }

    fn choice(&self, value: &str) -> Result<String> {
        let choices = self.choices.as_deref().unwrap_or_default();
        let known = choices.iter().find(|choice| choice.eq_ignore_ascii_case(value.trim()));
        // some have spellings that are not listed, all of them Boolean
        let known = known.map(|choice| (*choice).to_owned()).or_else(|| {
            let truth = super::setting_values::boolean(value)?;
            choices.contains(&truth).then(|| truth.to_owned())
        });
        known.ok_or_else(|| self.bad(value).with_hint(format!("Available values: {}.", choices.join(", "))))
    }

    /// The factors of its units, and that of the one it is kept in.
    fn units(&self) -> Option<(&'static [(&'static str, f64)], f64)> {
        Some(match self.unit? {
            "B" => (MEMORY, 1.0),
            "kB" => (MEMORY, 1024.0),
            "8kB" => (MEMORY, 8192.0),
            "MB" => (MEMORY, 1_048_576.0),
            "ms" => (TIME, 1e3),
            "s" => (TIME, 1e6),
            _ => (TIME, 60e6),
        })
    }

    /// A number in the unit it is kept in.
    pub fn number(&self, value: &str) -> Result<f64> {
        let text = value.trim();
        let letter = |(at, c): (usize, char)| {
            let exponent = matches!(c, 'e' | 'E') && text[at + 1..].starts_with(|c: char| c.is_ascii_digit());
            (!c.is_ascii_digit() && !matches!(c, '.' | '-' | '+') && !exponent).then_some(at)
        };
        let end = text.char_indices().find_map(letter).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let number: f64 = digits.trim().parse().map_err(|_| self.bad(value))?;
        let unit = unit.trim();
        let factor = match (unit, self.units()) {
            ("", _) => 1.0,
            (unit, Some((known, kept))) => match known.iter().find(|(name, _)| *name == unit) {
                Some((_, factor)) => factor / kept,
                None => return Err(self.bad(value).with_hint(valid_units(known))),
            },
            (_, None) => return Err(self.bad(value)),
        };
        let number = number * factor;
        let number = if self.vartype == "integer" { number.round_ties_even() } else { number };
        let limit = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
        let fits = limit(self.min).is_none_or(|min| number >= min) && limit(self.max).is_none_or(|max| number <= max);
        if fits {
            return Ok(number);
        }
        let unit = self.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        let (min, max) = (self.min.unwrap_or_default(), self.max.unwrap_or_default());
        let message =
            format!("{number}{unit} is outside the valid range for parameter \"{}\" ({min} .. {max})", self.name);
        Err(Error::new(ErrorKind::InvalidParameter, message))
    }

    /// A number as SHOW prints it: in the largest unit that leaves it whole.
    pub fn shown(&self, number: f64) -> String {
        let Some((known, kept)) = self.units().filter(|_| number > 0.0) else { return number.to_string() };
        let base = number * kept;
        match known.iter().find(|(_, factor)| base >= *factor && (base / factor).fract() == 0.0) {
            Some((name, factor)) => format!("{}{name}", base / factor),
            None => format!("{number}{}", self.unit.unwrap_or_default()),
        }
    }

    /// What a setting is without a SET, as SHOW prints it.
    pub fn default(&self) -> String {
        let boot = self.boot.unwrap_or(match self.name {
            "timezone_abbreviations" => "Default",
            _ => "",
        });
        match (self.vartype, boot.parse::<f64>()) {
            ("integer", Ok(mode)) if self.is_mode() => format!("{:04o}", mode as u32),
            ("integer" | "real", Ok(number)) => self.shown(number),
            // so it is shown while nothing is archived
            _ if self.name == "archive_command" => "(disabled)".to_owned(),
            _ => boot.to_owned(),
        }
    }

    /// Whether it is shown as a file's mode, in octal.
    fn is_mode(&self) -> bool {
        self.name.ends_with("_mode") && self.max == Some("511") || self.name == "unix_socket_permissions"
    }

    /// What SHOW prints as `pg_settings.setting` has it: in the unit it is kept in.
    pub fn kept(&self, shown: &str) -> String {
        match self.vartype {
            _ if self.is_mode() => shown.to_owned(),
            "integer" | "real" => self.number(shown).map_or_else(|_| shown.to_owned(), |number| number.to_string()),
            _ => shown.to_owned(),
        }
    }
}

fn valid_units(known: &[(&str, f64)]) -> String {
    let mut names: Vec<String> = known.iter().rev().map(|(name, _)| format!("\"{name}\"")).collect();
    let last = names.pop().unwrap_or_default();
    format!("Valid units for this parameter are {}, and {last}.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, shown: &str) {
        assert_eq!(SETTINGS[name].checked(value).unwrap(), shown, "{name} = {value}");
    }

    fn check_error(name: &str, value: &str, message: &str) {
        assert_eq!(SETTINGS[name].checked(value).unwrap_err().message(), message);
    }

    #[test]
    fn values_are_shown_as_postgres_shows_them() {
        check("work_mem", "1.5MB", "1536kB");
        check("work_mem", "1024", "1MB");
        check("temp_buffers", "16MB", "16MB");
        check("seq_page_cost", "1.50", "1.5");
        check("wal_sender_timeout", "90000", "90s");
        check("vacuum_cost_delay", "5us", "5us");
        check("enable_seqscan", "FALSE", "off");
        check("default_statistics_target", "1e2", "100");
        assert_eq!(SETTINGS["work_mem"].kept("4MB"), "4096");
        assert_eq!(SETTINGS["work_mem"].default(), "4MB");
        let mode = &SETTINGS["data_directory_mode"];
        assert_eq!((mode.default().as_str(), mode.kept("0700").as_str(), mode.boot), ("0700", "0700", Some("448")));
    }

    #[test]
    fn bad_values_are_refused_in_postgres_words() {
        check_error("work_mem", "1", "1 kB is outside the valid range for parameter \"work_mem\" (64 .. 2147483647)");
        check_error("geqo_effort", "100", "100 is outside the valid range for parameter \"geqo_effort\" (1 .. 10)");
        check_error("enable_seqscan", "maybe", "parameter \"enable_seqscan\" requires a Boolean value");
        check_error("work_mem", "abc", "invalid value for parameter \"work_mem\": \"abc\"");
        check_error(
            "max_connections",
            "1",
            "parameter \"max_connections\" cannot be changed without restarting the server",
        );
        check_error("block_size", "1", "parameter \"block_size\" cannot be changed");
        let hint = SETTINGS["statement_timeout"].checked("1x").unwrap_err();
        assert_eq!(
            hint.hint(),
            Some("Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".")
        );
    }
}
