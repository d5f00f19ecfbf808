//! The start-up packet: cancel requests, protocol version, parameters. Encryption comes before ([`super::tls`]).

use bytes::Bytes;
use pgwire::messages::ProtocolVersion;
use pgwire::messages::startup::NegotiateProtocolVersion;

use super::errors::Halt;
use super::frontend::{Body, violation};
use super::io::{Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::Encoding;

const CANCEL_REQUEST: u32 = 80_877_102;
/// Newest minor version of protocol 3 that is spoken here.
const MINOR_MAX: u16 = 2;

/// What a connection was opened for.
#[derive(Debug)]
pub(super) enum Opening {
    Session(StartupParameters),
    Cancel { pid: i32, key: Bytes },
}

#[derive(Debug, PartialEq)]
pub(super) struct StartupParameters {
    pub user: String,
    pub database: Option<String>,
    pub application_name: String,
    /// Settings, those of `options` included, in the order given.
    pub settings: Vec<(String, String)>,
    /// Secret keys may be longer than four bytes (protocol 3.2).
    pub long_key: bool,
}

/// Reads what the client opens with.
pub(super) async fn open(reader: &mut Reader, writer: &mut Writer) -> Result<Opening, Halt> {
    let mut packet = Body::plain(reader.startup_packet().await?);
    let code = packet.u32().map_err(Halt::Fatal)?;
    if code == CANCEL_REQUEST {
        let pid = packet.u32().map_err(Halt::Fatal)? as i32;
        return Ok(Opening::Cancel { pid, key: packet.0 });
    }
    session(code, packet, writer).map(Opening::Session).map_err(Halt::Fatal)
}

fn session(version: u32, packet: Body, writer: &mut Writer) -> Result<StartupParameters> {
    let (major, minor) = ((version >> 16) as u16, version as u16);
    if major != 3 {
        return Err(Error::new(
            ErrorKind::FeatureNotSupported,
            format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{MINOR_MAX}"),
        ));
    }
    let pairs = pairs(packet)?;
    let unknown: Vec<String> =
        pairs.iter().filter(|(name, _)| name.starts_with("_pq_.")).map(|(name, _)| name.clone()).collect();
    // there is no 3.1
    let spoken = if minor >= 2 { ProtocolVersion::PROTOCOL3_2 } else { ProtocolVersion::PROTOCOL3_0 };
    if minor > MINOR_MAX || minor == 1 || !unknown.is_empty() {
        writer.put(&NegotiateProtocolVersion::new(spoken.into(), unknown));
    }
    parameters(pairs, spoken == ProtocolVersion::PROTOCOL3_2)
}

fn pairs(mut packet: Body) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    loop {
        let name = packet.string().map_err(|_| invalid_layout())?;
        if name.is_empty() {
            return if packet.0.is_empty() { Ok(pairs) } else { Err(invalid_layout()) };
        }
        pairs.push((name, packet.string().map_err(|_| invalid_layout())?));
    }
}

fn invalid_layout() -> Error {
    violation("invalid startup packet layout: expected terminator as last byte")
}

fn parameters(pairs: Vec<(String, String)>, long_key: bool) -> Result<StartupParameters> {
    let mut start = StartupParameters {
        user: String::new(),
        database: None,
        application_name: String::new(),
        settings: Vec::new(),
        long_key,
    };
    for (name, value) in pairs {
        match name.as_str() {
            "user" => start.user = value,
            "database" => start.database = Some(value).filter(|name| !name.is_empty()),
            "options" => start.settings.extend(options(&value)?),
            "replication" if !matches!(value.as_str(), "false" | "off" | "no" | "0") => {
                return Err(Error::new(ErrorKind::FeatureNotSupported, "replication connections are not supported"));
            }
            // what it says next could not be read
            "client_encoding" if Encoding::named(&value).is_none() && !value.is_empty() => {
                let message = format!("invalid value for parameter \"{name}\": \"{value}\"");
                return Err(Error::new(ErrorKind::InvalidParameter, message));
            }
            _ if name.starts_with("_pq_.") || name == "replication" => {}
            _ => {
                if name == "application_name" {
                    start.application_name.clone_from(&value);
                }
                start.settings.push((name, value));
            }
        }
    }
    if start.user.is_empty() {
        return Err(Error::new(ErrorKind::InvalidAuthorization, "no PostgreSQL user name specified in startup packet"));
    }
    Ok(start)
}

/// `-c name=value`, `--name=value`; a backslash takes the next character as it is.
fn options(text: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next(),
            Some(setting) => Some(setting.to_owned()),
            None => None,
        };
        let pair = setting.as_deref().and_then(|setting| setting.split_once('='));
        let (name, value) = pair.ok_or_else(|| {
            Error::new(ErrorKind::SyntaxError, format!("invalid command-line argument for server process: {word}"))
                .with_hint("Write settings as -c name=value.")
        })?;
        settings.push((name.trim().replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => word.extend(chars.next()),
            char if char.is_ascii_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            char => word.push(char),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(text: &[(&str, &str)]) -> Result<StartupParameters> {
        parameters(text.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(), false)
    }

    #[test]
    fn parameters_and_options_become_settings() {
        let start = start(&[
            ("user", "ana"),
            ("database", "lake"),
            ("application_name", "psql"),
            ("client_encoding", "UTF8"),
            ("options", r"-c statement_timeout=5s --search_path=gold\ ,silver -cDateStyle=ISO"),
        ])
        .unwrap();
        assert_eq!((start.user.as_str(), start.database.as_deref()), ("ana", Some("lake")));
        let settings: Vec<_> = start.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            settings,
            [
                ("application_name", "psql"),
                ("client_encoding", "UTF8"),
                ("statement_timeout", "5s"),
                ("search_path", "gold ,silver"),
                ("DateStyle", "ISO")
            ]
        );
    }

    #[test]
    fn what_cannot_start_says_why() {
        for (pairs, kind) in [
            (&[("database", "lake")][..], ErrorKind::InvalidAuthorization),
            (&[("user", "a"), ("client_encoding", "nosuch")], ErrorKind::InvalidParameter),
            (&[("user", "a"), ("replication", "true")], ErrorKind::FeatureNotSupported),
            (&[("user", "a"), ("options", "-x")], ErrorKind::SyntaxError),
        ] {
            assert_eq!(start(pairs).unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn packets_must_end_where_they_say() {
        let body = |bytes: &'static [u8]| pairs(Body::plain(Bytes::from_static(bytes)));
        assert_eq!(body(b"user\0a\0\0").unwrap(), [("user".to_owned(), "a".to_owned())]);
        for bytes in [&b"user\0a\0"[..], b"user\0", b"user", b"user\0a\0\0x"] {
            assert_eq!(body(bytes).unwrap_err().kind(), ErrorKind::ProtocolViolation);
        }
    }
}
