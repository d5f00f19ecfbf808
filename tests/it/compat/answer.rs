//! What a server answers to a statement, and how two answers differ.

use std::fmt;
use std::net::SocketAddr;

use crate::wire::{Answer as Message, Raw, describe, execute, parse, query, sync, tags};

/// A connection to either server.
pub struct Peer {
    address: SocketAddr,
    raw: Raw,
}

/// All that came back for one statement, as far as it must not depend on the server.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// OIDs of the parameters' types; extended protocol only.
    pub parameters: Vec<u32>,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// Command tags, `EMPTY`, `NODATA`.
    pub tags: Vec<String>,
    pub error: Option<Fault>,
    /// SQLSTATE, message and detail.
    pub notices: Vec<(String, String, Option<String>)>,
    /// Bytes of a COPY to the client.
    pub copied: Vec<u8>,
}

#[derive(Debug, PartialEq)]
pub struct Column {
    name: String,
    type_oid: u32,
    type_modifier: i32,
    type_size: i16,
    /// Whether it is a relation's, and its number there. OIDs are each server's own.
    origin: (bool, i16),
}

#[derive(Debug, Default, PartialEq)]
pub struct Fault {
    sqlstate: String,
    message: String,
    position: Option<String>,
    detail: Option<String>,
    hint: Option<String>,
    context: Option<String>,
    /// Schema, table, column, data type and constraint, as far as they are told.
    about: String,
}

/// How much a difference matters, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The same but for a message's words, a position or a notice.
    Wording,
    /// The same values under another name or type.
    Types,
    /// Other rows, another tag, or an error on one side only.
    Answer,
}

/// One aspect in which the answers differ.
#[derive(Debug, Clone)]
pub struct Difference {
    pub weight: Weight,
    pub what: &'static str,
    pub protocol: &'static str,
    pub wanted: String,
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): PostgreSQL {}, Lakewire {}", self.what, self.protocol, self.wanted, self.got)
    }
}

impl Peer {
    pub async fn connect(address: SocketAddr) -> Self {
        let (raw, answers) = Raw::start(address, &[("TimeZone", "Etc/UTC")]).await;
        assert!(tags(&answers).ends_with('Z'), "{answers:?}");
        Self { address, raw }
    }

    pub async fn simple(&mut self, sql: &str) -> Answer {
        self.raw.send(&[query(sql)]).await;
        self.collect().await
    }

    /// Parse, describe, bind with results in binary, execute, sync.
    pub async fn extended(&mut self, sql: &str) -> Answer {
        let bind = ('B', [&b"\0\0\0\0\0\0"[..], &[0, 1, 0, 1]].concat());
        let messages = [parse("", sql), describe('S', ""), bind, execute("", 0), sync()];
        self.raw.send(&messages).await;
        self.collect().await
    }

    async fn collect(&mut self) -> Answer {
        let mut answer = Answer::default();
        loop {
            let Some(message) = self.raw.answer().await else {
                *self = Self::connect(self.address).await;
                let closed = "the connection was closed".to_owned();
                answer.error = Some(Fault { sqlstate: "closed".to_owned(), message: closed, ..Fault::default() });
                return answer;
            };
            match message.tag {
                'Z' => return answer,
                'T' => answer.columns = columns(&message.body),
                't' => answer.parameters = message.body[2..].chunks(4).map(u32_of).collect(),
                'D' => answer.rows.push(fields(&message.body)),
                'C' => answer.tags.push(message.text()),
                'I' => answer.tags.push("EMPTY".to_owned()),
                'd' => answer.copied.extend_from_slice(&message.body),
                'N' => {
                    let text = message.field(b'M').unwrap_or_default();
                    answer.notices.push((message.sqlstate(), text, message.field(b'D')));
                }
                'E' => answer.error = Some(Fault::of(&message)),
                // asked for rows to copy in: there are none
                'G' => self.raw.send(&[('f', b"none\0".to_vec())]).await,
                _ => {}
            }
        }
    }
}

fn u32_of(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().expect("four bytes"))
}

fn columns(body: &[u8]) -> Vec<Column> {
    let mut rest = &body[2..];
    let mut columns = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        let fixed = &rest[end + 1..end + 19];
        columns.push(Column {
            name,
            type_oid: u32_of(&fixed[6..10]),
            type_size: i16::from_be_bytes([fixed[10], fixed[11]]),
            type_modifier: u32_of(&fixed[12..16]).cast_signed(),
            origin: (u32_of(&fixed[..4]) != 0, i16::from_be_bytes([fixed[4], fixed[5]])),
        });
        rest = &rest[end + 19..];
    }
    columns
}

fn fields(body: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut rest = &body[2..];
    let mut fields = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = i32::from_be_bytes(*length);
        let size = usize::try_from(length).unwrap_or(0);
        fields.push((length >= 0).then(|| tail[..size].to_vec()));
        rest = &tail[size..];
    }
    fields
}

/// What is compared of a column, as text.
type Show = fn(&Column) -> String;

/// Every aspect in which what Lakewire answered is not what PostgreSQL answered.
pub fn differences(protocol: &'static str, wanted: &Answer, got: &Answer) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut note = |weight, what, wanted: String, got: String| {
        if wanted != got {
            found.push(Difference { weight, what, protocol, wanted, got });
        }
    };
    match (&wanted.error, &got.error) {
        (Some(wanted), Some(got)) => {
            note(Weight::Answer, "SQLSTATE", wanted.to_string(), got.to_string_if(wanted));
            note(Weight::Wording, "message", wanted.message.clone(), got.message.clone());
            note(Weight::Wording, "position", wanted.place(), got.place());
            note(Weight::Wording, "detail", told(&wanted.detail), told(&got.detail));
            // a hint where PostgreSQL has none is a help of ours
            if wanted.hint.is_some() {
                note(Weight::Wording, "hint", told(&wanted.hint), told(&got.hint));
            }
            note(Weight::Wording, "context", told(&wanted.context), told(&got.context));
            note(Weight::Wording, "subject", wanted.about.clone(), got.about.clone());
            return found;
        }
        (Some(wanted), None) => {
            note(Weight::Answer, "accepted", wanted.to_string(), shown_rows(&got.rows, protocol));
            return found;
        }
        (None, Some(got)) => {
            note(Weight::Answer, "refused", shown_rows(&wanted.rows, protocol), got.to_string());
            return found;
        }
        (None, None) => {}
    }
    note(Weight::Answer, "rows", shown_rows(&wanted.rows, protocol), shown_rows(&got.rows, protocol));
    note(Weight::Answer, "tag", wanted.tags.join(", "), got.tags.join(", "));
    note(Weight::Answer, "copied", shown(&wanted.copied), shown(&got.copied));
    let each = |columns: &[Column], show: Show| columns.iter().map(show).collect::<Vec<_>>().join(", ");
    let aspects: [(&'static str, Show); 4] = [
        ("names", |column| column.name.clone()),
        ("types", |column| format!("{}/{}", type_name(column.type_oid), column.type_size)),
        ("type modifiers", |column| column.type_modifier.to_string()),
        ("origins", |column| match column.origin {
            (true, number) => number.to_string(),
            (false, _) => "none".to_owned(),
        }),
    ];
    for (what, show) in aspects {
        note(Weight::Types, what, each(&wanted.columns, show), each(&got.columns, show));
    }
    let types = |oids: &[u32]| oids.iter().map(|oid| type_name(*oid)).collect::<Vec<_>>().join(", ");
    note(Weight::Types, "parameters", types(&wanted.parameters), types(&got.parameters));
    note(Weight::Wording, "notices", format!("{:?}", wanted.notices), format!("{:?}", got.notices));
    found
}

impl Fault {
    fn of(message: &Message) -> Self {
        let about = [(b's', "schema"), (b't', "table"), (b'c', "column"), (b'd', "type"), (b'n', "constraint")];
        let about = about.into_iter().filter_map(|(code, what)| {
            // sessions are numbered as they come
            let name = message.field(code)?;
            let name = if name.starts_with("pg_temp_") { "pg_temp" } else { &name };
            Some(format!("{what} {name}"))
        });
        Self {
            sqlstate: message.sqlstate(),
            message: message.field(b'M').unwrap_or_default(),
            position: message.field(b'P'),
            detail: message.field(b'D'),
            hint: message.field(b'H'),
            context: message.field(b'W'),
            about: about.collect::<Vec<_>>().join(", "),
        }
    }

    fn place(&self) -> String {
        self.position.clone().unwrap_or_else(|| "nowhere".to_owned())
    }

    /// As the other one is written if only the words differ: those are an aspect of their own.
    fn to_string_if(&self, other: &Self) -> String {
        if self.sqlstate == other.sqlstate { other.to_string() } else { self.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sqlstate, self.message)
    }
}

fn told(field: &Option<String>) -> String {
    field.clone().unwrap_or_else(|| "none".to_owned())
}

fn type_name(oid: u32) -> String {
    pgwire::api::Type::from_oid(oid).map_or_else(|| oid.to_string(), |known| known.name().to_owned())
}

fn shown_rows(rows: &[Vec<Option<Vec<u8>>>], protocol: &str) -> String {
    let show = |field: &Option<Vec<u8>>| match field {
        None => "NULL".to_owned(),
        Some(bytes) if protocol == "simple" => shown(bytes),
        Some(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let lines: Vec<String> =
        rows.iter().map(|row| format!("({})", row.iter().map(show).collect::<Vec<_>>().join(", "))).collect();
    match lines.as_slice() {
        [] => "no rows".to_owned(),
        lines => lines.join(" "),
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).escape_debug().to_string()
}
