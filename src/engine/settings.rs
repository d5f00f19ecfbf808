//! PostgreSQL's settings, as far as clients set or read them.
//!
//! Invariant: a session's values are its own; cloning is cheap and never shares later changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::postgres_settings;
use super::roles::Roles;
use super::setting_values::{boolean, date_style, milliseconds, time_zone};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes;

/// How a value is checked, where PostgreSQL's way is not ours.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    /// As PostgreSQL checks the setting of that name.
    Postgres,
    Choice(&'static [&'static str]),
    TimeZone,
    DateStyle,
    Encoding,
    /// A switch that has no other side.
    Off,
    /// Shown, never set.
    Fixed,
}

use Kind::{Choice, DateStyle, Encoding, Fixed, Off, Postgres, Text, TimeZone};

struct Definition {
    /// As SHOW and ParameterStatus write it.
    name: &'static str,
    default: &'static str,
    kind: Kind,
    /// Told to the client when it changes.
    report: bool,
    description: &'static str,
}

const fn own(name: &'static str, default: &'static str, kind: Kind, description: &'static str) -> Definition {
    Definition { name, default, kind, report: false, description }
}

const fn told(name: &'static str, default: &'static str, kind: Kind, description: &'static str) -> Definition {
    Definition { name, default, kind, report: true, description }
}

/// PostgreSQL's version that clients are told.
pub const SERVER_VERSION: &str = concat!("15.0 (Lakewire ", env!("CARGO_PKG_VERSION"), ")");

/// Settings that mean something here, or differ from PostgreSQL's; the others are in [`postgres_settings`].
#[rustfmt::skip]
const DEFINITIONS: &[Definition] = &[
    told("application_name", "", Text, "the application's name, as it gives it"),
    told("client_encoding", "UTF8", Encoding, "the client's character set"),
    told("DateStyle", "ISO, MDY", DateStyle, "display format for dates"),
    own("default_transaction_isolation", "repeatable read", Postgres, "every transaction reads one release"),
    own("default_with_oids", "off", Off, "tables have no oids"),
    told("default_transaction_read_only", "off", Postgres, "whether transactions are read-only"),
    told("in_hot_standby", "off", Fixed, "always off"),
    told("integer_datetimes", "on", Fixed, "always on"),
    told("IntervalStyle", "postgres", Postgres, "display format for intervals"),
    told("is_superuser", "on", Fixed, "whether the session acts for the lake's owner"),
    own("lakewire.as_of", "", Text, "release number or timestamp that statements read; empty for the newest"),
    own("lc_messages", "C", Text, "accepted, without effect"),
    own("password_encryption", "scram-sha-256", Fixed, "how passwords are checked"),
    own("role", NO_ROLE, Text, "the role that the session acts for"),
    own("search_path", DEFAULT_SEARCH_PATH, Text, "schemas searched for names without one"),
    told("server_encoding", "UTF8", Fixed, "the server's character set"),
    told("server_version", SERVER_VERSION, Fixed, "the version that clients adapt to"),
    own("server_version_num", "150000", Fixed, "the version as a number"),
    told("session_authorization", "", Text, "the session's user"),
    own("ssl", "off", Fixed, "whether the server offers TLS"),
    told("standard_conforming_strings", "on", Choice(&["on"]), "always on"),
    told("TimeZone", "Etc/UTC", TimeZone, "time zone of timestamps"),
    own("transaction_isolation", "repeatable read", Postgres, "every transaction reads one release"),
];

/// Those that are shown by name only, as in PostgreSQL.
const UNLISTED: [&str; 4] = ["default_with_oids", "is_superuser", ROLE, SESSION_AUTHORIZATION];

/// Who the session is, and whom it acts for. Neither is changed by RESET ALL.
pub const SESSION_AUTHORIZATION: &str = "session_authorization";
pub const ROLE: &str = "role";
/// The role of a session that acts for itself.
pub const NO_ROLE: &str = "none";

/// Where values are from, as `pg_settings.source` has it.
const CLIENT: &str = "client";
const DEFAULT: &str = "default";

/// One setting, as `pg_settings` lists it.
#[derive(Debug, Clone)]
pub struct ListedSetting {
    pub name: String,
    /// As SHOW prints it.
    pub shown: String,
    /// In the unit.
    pub setting: String,
    pub unit: Option<&'static str>,
    pub category: &'static str,
    pub description: &'static str,
    pub more: Option<&'static str>,
    pub context: &'static str,
    pub vartype: &'static str,
    pub source: &'static str,
    pub min: Option<String>,
    pub max: Option<String>,
    pub choices: Option<Vec<String>>,
    pub boot: Option<String>,
    pub reset: Option<String>,
}

/// Bare names are looked for in these schemas, in order. `pg_catalog` comes before all of them.
const DEFAULT_SEARCH_PATH: &str = "public, gold, analytics, silver, bronze";

/// Values of one session. Names are compared without regard to case.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    roles: Arc<Roles>,
    /// What a connection starts with, and RESET goes back to.
    start: Arc<BTreeMap<String, Start>>,
    /// What was SET since, by lower-case name.
    set: Arc<BTreeMap<String, String>>,
}

/// A value that a session starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Start {
    value: String,
    /// Where it is from, as `pg_settings.source` has it.
    source: &'static str,
}

impl Settings {
    /// What a session of this user begins with.
    pub fn of_session(&self, roles: &Arc<Roles>, user: &str) -> Self {
        let mut settings = Self { roles: roles.clone(), ..self.clone() };
        settings.force(SESSION_AUTHORIZATION, user);
        settings
    }

    /// The effective value, as SHOW prints it.
    pub fn get(&self, name: &str) -> Option<String> {
        let key = name.to_lowercase();
        if key == "is_superuser" {
            return Some(if self.roles.is_owner(self.user()) { "on" } else { "off" }.to_owned());
        }
        self.given(&key).map(str::to_owned).or_else(|| default(&key))
    }

    /// What was SET, or given for the start.
    fn given(&self, key: &str) -> Option<&str> {
        let start = || self.start.get(key).map(|start| &start.value);
        self.set.get(key).or_else(start).map(String::as_str)
    }

    /// Who the session is: PostgreSQL's `session_user`.
    pub fn session_user(&self) -> &str {
        self.given(SESSION_AUTHORIZATION).unwrap_or_default()
    }

    /// Whom the session acts for: PostgreSQL's `current_user`.
    pub fn user(&self) -> &str {
        self.given(ROLE).filter(|role| *role != NO_ROLE).unwrap_or_else(|| self.session_user())
    }

    /// Checks and stores a value.
    ///
    /// # Errors
    /// `42704` for a name nobody knows, `22023` for a bad value, `55P02` for one that cannot change.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let (key, value) = checked(name, value, &self.get(name).unwrap_or_default())?;
        Arc::make_mut(&mut self.set).insert(key, value);
        Ok(())
    }

    /// A value that the client gives for the session to start with, checked.
    pub fn set_start(&mut self, name: &str, value: &str) -> Result<()> {
        let (key, value) = checked(name, value, &self.get(name).unwrap_or_default())?;
        Arc::make_mut(&mut self.start).insert(key, Start { value, source: CLIENT });
        Ok(())
    }

    /// A value of the server's configuration, checked.
    pub fn configure(&mut self, name: &str, value: &str) -> Result<()> {
        let (_, value) = checked(name, value, "")?;
        self.force(name, &value);
        Ok(())
    }

    /// A value of the server's that no session changes, or of the session's own.
    pub fn force(&mut self, name: &str, value: &str) {
        let key = name.to_lowercase();
        let source = if default(&key).as_deref() == Some(value) { DEFAULT } else { "configuration file" };
        Arc::make_mut(&mut self.start).insert(key, Start { value: value.to_owned(), source });
    }

    /// # Errors
    /// `42704` for a name nobody knows, `55P02` for one that cannot change.
    pub fn reset(&mut self, name: &str) -> Result<()> {
        let key = name.to_lowercase();
        match (definition(&key), postgres_settings::SETTINGS.get(&key)) {
            (Some(Definition { kind: Fixed, name, .. }), _) => return Err(fixed(name)),
            (Some(_), _) => {}
            (None, Some(setting)) => setting.check_changes()?,
            (None, None) if key.contains('.') => {}
            (None, None) => return Err(unknown(name)),
        }
        Arc::make_mut(&mut self.set).remove(&key);
        Ok(())
    }

    /// RESET ALL: the session goes on as whom it is.
    pub fn reset_all(&mut self) {
        Arc::make_mut(&mut self.set).retain(|key, _| [SESSION_AUTHORIZATION, ROLE].contains(&key.as_str()));
    }

    /// DISCARD ALL: as after log-in.
    pub fn discard(&mut self) {
        self.set = Arc::default();
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<ListedSetting> {
        let known = DEFINITIONS.iter().map(|definition| definition.name);
        let theirs = postgres_settings::SETTINGS.values().map(|setting| setting.name);
        let custom = self.set.keys().chain(self.start.keys()).map(String::as_str);
        let shown = custom.chain(theirs).chain(known).filter(|name| !UNLISTED.contains(name));
        let all: BTreeMap<String, &str> = shown.map(|name| (name.to_lowercase(), name)).collect();
        all.into_iter().map(|(key, name)| self.listed(&key, name)).collect()
    }

    fn listed(&self, key: &str, name: &str) -> ListedSetting {
        let (ours, theirs) = (definition(key), postgres_settings::SETTINGS.get(key));
        let kept = |shown: &str| theirs.map_or_else(|| shown.to_owned(), |setting| setting.kept(shown));
        let fixed = ours.is_some_and(|definition| matches!(definition.kind, Fixed));
        let texts = |choices: &Vec<&'static str>| choices.iter().map(|choice| (*choice).to_owned()).collect();
        let shown = self.get(key).unwrap_or_default();
        let own_boot = || default(key).map(|shown| kept(&shown));
        let boot = match (ours.map(|definition| definition.kind), theirs) {
            // the server's and the client's character set and zone are what they are by other means
            (None | Some(TimeZone | Encoding), Some(setting)) => setting.boot.map(str::to_owned),
            _ => own_boot(),
        };
        let start = self.start.get(key);
        let reset = match (start, ours) {
            (Some(start), _) => Some(kept(&start.value)),
            (None, Some(_)) => own_boot(),
            (None, None) => boot.clone().or_else(|| default(key).filter(|shown| !shown.is_empty())),
        };
        let source = match (self.set.contains_key(key), start) {
            _ if key.starts_with("transaction_") => "override",
            (true, _) => "session",
            (_, Some(start)) => start.source,
            _ => DEFAULT,
        };
        let limit =
            |told: Option<&'static str>| match theirs.is_some_and(|setting| fixed && setting.vartype == "integer") {
                true => Some(shown.clone()),
                false => told.map(str::to_owned),
            };
        ListedSetting {
            name: name.to_owned(),
            setting: kept(&shown),
            min: limit(theirs.and_then(|setting| setting.min)),
            max: limit(theirs.and_then(|setting| setting.max)),
            shown,
            unit: theirs.and_then(|setting| setting.unit),
            category: theirs.map_or("Customized Options", |setting| setting.category),
            description: ours.map(|d| d.description).or(theirs.map(|s| s.description)).unwrap_or_default(),
            more: theirs.and_then(|setting| setting.more),
            context: if fixed { "internal" } else { theirs.map_or("user", |setting| setting.context) },
            vartype: theirs.map_or("string", |setting| setting.vartype),
            source,
            choices: theirs.and_then(|setting| setting.choices.as_ref()).map(texts),
            boot,
            reset,
        }
    }

    /// Those that the client is told of, with their values.
    pub fn reported(&self) -> Vec<(String, String)> {
        let reported = DEFINITIONS.iter().filter(|d| d.report);
        reported.map(|d| (d.name.to_owned(), self.get(d.name).unwrap_or_default())).collect()
    }

    /// Whether a plan made under one holds under the other. Never wrongly true.
    pub fn same(&self, other: &Self) -> bool {
        let starts = Arc::ptr_eq(&self.start, &other.start) || self.start == other.start;
        starts && (Arc::ptr_eq(&self.set, &other.set) || self.set == other.set)
    }

    pub fn is(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "on")
    }

    /// A duration setting; zero where there is no limit.
    pub fn duration(&self, name: &str) -> Duration {
        let millis = self.get(name).and_then(|value| milliseconds(&value)).unwrap_or(0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// The schemas of `search_path`, `pg_catalog` where PostgreSQL searches it.
    pub fn search_path(&self) -> Vec<String> {
        let text = self.get("search_path").unwrap_or_default();
        let mut path: Vec<String> = split_identifiers(&text)
            .into_iter()
            .map(|name| if name == "$user" { self.user().to_owned() } else { name })
            .collect();
        if !path.iter().any(|schema| schema == "pg_catalog") {
            path.insert(0, "pg_catalog".to_owned());
        }
        path
    }
}

/// `a, "B c"` as names.
pub fn split_identifiers(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut current, mut quoted) = (String::new(), false);
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut current)),
            c if c.is_whitespace() && !quoted => {}
            c if quoted => current.push(c),
            c => current.extend(c.to_lowercase()),
        }
    }
    names.push(current);
    names.retain(|name| !name.is_empty());
    names
}

fn definition(key: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name.eq_ignore_ascii_case(key))
}

/// What a setting is before anybody sets it, as SHOW prints it.
fn default(key: &str) -> Option<String> {
    let ours = definition(key).map(|definition| definition.default.to_owned());
    ours.or_else(|| postgres_settings::SETTINGS.get(key).map(postgres_settings::PgSetting::default))
}

/// The name as it is written, for messages and tags.
pub fn canonical(name: &str) -> String {
    let key = name.to_lowercase();
    let known = definition(&key).map(|definition| definition.name);
    known.or_else(|| postgres_settings::SETTINGS.get(&key).map(|s| s.name)).map_or(key.clone(), str::to_owned)
}

fn fixed(name: &str) -> Error {
    Error::new(ErrorKind::CantChangeSetting, format!("parameter \"{name}\" cannot be changed"))
}

pub fn unknown(name: &str) -> Error {
    let error = Error::new(ErrorKind::UndefinedObject, format!("unrecognized configuration parameter \"{name}\""));
    let known = DEFINITIONS.iter().map(|d| (d.name.to_owned(), d.name.to_owned()));
    match super::errors::nearest(name, known) {
        Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
        None => error,
    }
}

/// Key and value, as SHOW is to print it; `current` is the value now.
fn checked(name: &str, value: &str, current: &str) -> Result<(String, String)> {
    let key = name.to_lowercase();
    let theirs = postgres_settings::SETTINGS.get(&key);
    let Some(definition) = definition(&key) else {
        // As in PostgreSQL, a name with a dot is some extension's.
        return match theirs {
            Some(setting) => setting.checked(value).map(|value| (key, value)),
            None if key.contains('.') && !key.starts_with("lakewire.") => Ok((key, value.to_owned())),
            None => Err(unknown(name)),
        };
    };
    let bad = || {
        // settings that are checked by a function of their own are told by their proper name
        let name = match definition.kind {
            Text | TimeZone | DateStyle | Encoding | Fixed => definition.name,
            _ => name,
        };
        Error::new(ErrorKind::InvalidParameter, format!("invalid value for parameter \"{name}\": \"{value}\""))
    };
    let value = match definition.kind {
        Text => value.to_owned(),
        Off => boolean(value).filter(|value| *value == "off").ok_or_else(bad)?.to_owned(),
        Postgres => theirs.map_or_else(|| Ok(value.to_owned()), |setting| setting.checked(value))?,
        Choice(choices) => {
            let lower = value.to_lowercase();
            let lower =
                if choices.contains(&"on") { boolean(&lower).map_or(lower.clone(), str::to_owned) } else { lower };
            let list = choices.join(", ");
            choices
                .iter()
                .find(|choice| **choice == lower)
                .ok_or_else(|| bad().with_hint(format!("available values: {list}")))?
                .to_string()
        }
        TimeZone => time_zone(value, current).ok_or_else(bad)?,
        DateStyle => date_style(value, current).map_err(|detail| bad().with_detail(detail))?,
        // a client in the C locale says SQL_ASCII and takes the bytes as they are
        Encoding if value.is_empty() => "UTF8".to_owned(),
        Encoding => pgtypes::Encoding::named(value).ok_or_else(bad)?.name().to_owned(),
        Fixed => return Err(fixed(definition.name)),
    };
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, shown: &str) {
        let mut settings = Settings::default();
        settings.set(name, value).unwrap();
        assert_eq!(settings.get(name).as_deref(), Some(shown), "{name}");
    }

    fn check_error(name: &str, value: &str, sqlstate: &str) {
        let error = Settings::default().set(name, value).unwrap_err();
        assert_eq!(error.kind().sqlstate(), sqlstate, "{name}");
    }

    #[test]
    fn values_are_shown_as_postgres_shows_them() {
        check("statement_timeout", "1000", "1s");
        check("STATEMENT_TIMEOUT", "90000ms", "90s");
        check("timezone", "Europe/Berlin", "Europe/Berlin");
        check("datestyle", "iso, dmy", "ISO, DMY");
        check("datestyle", "german", "German, DMY");
        check("datestyle", "european", "ISO, DMY");
        check("timezone", "-8", "<-08>+08");
        check("jit", "TRUE", "on");
        check("my.own", "x", "x");
        check("work_mem", "64MB", "64MB");
        check("extra_float_digits", "3", "3");
        check("client_encoding", "utf-8", "UTF8");
    }

    #[test]
    fn bad_values_and_names_are_refused() {
        check_error("statement_timeout", "soon", "22023");
        check_error("extra_float_digits", "99", "22023");
        check_error("timezone", "Mars/Olympus", "22023");
        check_error("datestyle", "iso, nonsense", "22023");
        check_error("datestyle", "iso, sql", "22023");
        check_error("server_version", "16", "55P02");
        check_error("no_such_setting", "1", "42704");
        check_error("lakewire.nonsense", "1", "42704");
        check("client_encoding", "iso-8859-1", "LATIN1");
        check_error("client_encoding", "nosuch", "22023");
    }

    #[test]
    fn changes_are_not_shared_and_reset_goes_back_to_the_start() {
        let mut first = Settings::default();
        first.set_start("TimeZone", "Asia/Tokyo").unwrap();
        let second = first.clone();
        first.set("TimeZone", "UTC").unwrap();
        assert_eq!(second.get("timezone").as_deref(), Some("Asia/Tokyo"));
        first.reset("TIMEZONE").unwrap();
        assert_eq!(first.get("TimeZone").as_deref(), Some("Asia/Tokyo"));
    }

    #[test]
    fn the_search_path_is_names() {
        let mut settings = Settings::default().of_session(&Arc::default(), "ana");
        settings.set("search_path", "\"$user\", Gold, \"A b\"").unwrap();
        assert_eq!(settings.search_path(), ["pg_catalog", "ana", "gold", "A b"]);
        settings.set(ROLE, "bob").unwrap();
        assert_eq!((settings.session_user(), settings.search_path()[1].as_str()), ("ana", "bob"));
    }
}
