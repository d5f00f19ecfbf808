//! Messages from a client: bytes of one frame → one message.
//!
//! Invariant: decoding never panics and never reads past the frame, whatever the bytes.

use bytes::{Buf, Bytes};

use super::charset;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{Encoding, Format};

/// One message as it came: its type and its body.
#[derive(Debug)]
pub(super) struct Frame {
    pub tag: u8,
    pub body: Bytes,
}

/// What a client asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(Target),
    Execute {
        portal: String,
        rows_max: Option<usize>,
    },
    Close(Target),
    Flush,
    Sync,
    Terminate,
    /// Password or SASL data; what it is depends on the state of the log-in.
    Password,
    Copy,
    FunctionCall,
}

#[derive(Debug, PartialEq)]
pub(super) struct Bind {
    pub portal: String,
    pub statement: String,
    pub parameter_formats: Vec<Format>,
    pub parameters: Vec<Option<Bytes>>,
    pub result_formats: Vec<Format>,
}

/// What Describe and Close name.
#[derive(Debug, PartialEq)]
pub(super) enum Target {
    Statement(String),
    Portal(String),
}

/// Whether a message type exists; one that does not means that the stream is out of step.
pub(super) fn is_known(tag: u8) -> bool {
    matches!(tag, b'Q' | b'P' | b'B' | b'D' | b'E' | b'C' | b'H' | b'S' | b'X' | b'p' | b'd' | b'c' | b'f' | b'F')
}

impl Message {
    /// Decodes a frame of a client with that character set; `08P01` where the body is not what its type says.
    pub(super) fn decode(frame: Frame, encoding: Encoding) -> Result<Self> {
        let mut body = Body(frame.body, encoding);
        let message = match frame.tag {
            b'Q' => Self::Query(body.string()?),
            b'P' => {
                let (name, sql) = (body.string()?, body.string()?);
                let count = body.count(4)?;
                Self::Parse { name, sql, types: (0..count).map(|_| body.u32()).collect::<Result<_>>()? }
            }
            b'B' => Self::Bind(Bind::decode(&mut body)?),
            b'D' => Self::Describe(body.target()?),
            b'E' => {
                let portal = body.string()?;
                let rows = body.u32()? as i32;
                Self::Execute { portal, rows_max: usize::try_from(rows).ok().filter(|rows| *rows > 0) }
            }
            b'C' => Self::Close(body.target()?),
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            // bodies that nothing here reads
            b'p' => return Ok(Self::Password),
            b'd' | b'c' | b'f' => return Ok(Self::Copy),
            b'F' => return Ok(Self::FunctionCall),
            other => return Err(violation(format!("invalid frontend message type {other}"))),
        };
        if body.0.has_remaining() {
            return Err(violation("invalid message format"));
        }
        Ok(message)
    }
}

impl Bind {
    fn decode(body: &mut Body) -> Result<Self> {
        let (portal, statement) = (body.string()?, body.string()?);
        let parameter_formats = body.formats()?;
        let count = body.count(4)?;
        let parameters = (0..count).map(|_| body.value()).collect::<Result<_>>()?;
        Ok(Self { portal, statement, parameter_formats, parameters, result_formats: body.formats()? })
    }
}

pub(super) fn violation(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ProtocolViolation, message)
}

/// The unread rest of a message's body, and the character set of its texts.
pub(super) struct Body(pub Bytes, Encoding);

impl Body {
    /// Of a client that has not named a character set, or where it does not matter.
    pub(super) fn plain(bytes: Bytes) -> Self {
        Self(bytes, Encoding::UTF8)
    }
    fn short() -> Error {
        violation("insufficient data left in message")
    }
    /// Text up to a zero byte.
    pub(super) fn string(&mut self) -> Result<String> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or_else(|| violation("invalid string in message"))?;
        let text = self.0.split_to(end);
        self.0.advance(1);
        let text = if self.1 == Encoding::UTF8 { text } else { charset::read(self.1, &text)? };
        String::from_utf8(text.into()).map_err(|error| {
            let bad = error.as_bytes().get(error.utf8_error().valid_up_to()).copied().unwrap_or_default();
            Error::new(
                ErrorKind::CharacterNotInRepertoire,
                format!("invalid byte sequence for encoding \"UTF8\": {bad:#04x}"),
            )
        })
    }
    pub(super) fn u32(&mut self) -> Result<u32> {
        self.0.try_get_u32().map_err(|_| Self::short())
    }
    fn u16(&mut self) -> Result<u16> {
        self.0.try_get_u16().map_err(|_| Self::short())
    }
    /// A count of elements of at least `size` bytes each, which must be there.
    fn count(&mut self, size: usize) -> Result<usize> {
        let count = usize::from(self.u16()?);
        if count * size > self.0.len() { Err(Self::short()) } else { Ok(count) }
    }
    fn formats(&mut self) -> Result<Vec<Format>> {
        let count = self.count(2)?;
        let format = |code: u16| {
            Format::from_code(code as i16).ok_or_else(|| {
                Error::new(ErrorKind::InvalidParameter, format!("unsupported format code: {}", code as i16))
            })
        };
        (0..count).map(|_| self.u16().and_then(format)).collect()
    }
    fn value(&mut self) -> Result<Option<Bytes>> {
        match usize::try_from(self.u32()? as i32) {
            Err(_) => Ok(None),
            Ok(length) if length <= self.0.len() => Ok(Some(self.0.split_to(length))),
            Ok(_) => Err(Self::short()),
        }
    }
    fn target(&mut self) -> Result<Target> {
        let kind = self.0.try_get_u8().map_err(|_| Self::short())?;
        let name = self.string()?;
        match kind {
            b'S' => Ok(Target::Statement(name)),
            b'P' => Ok(Target::Portal(name)),
            other => Err(violation(format!("invalid DESCRIBE or CLOSE message subtype {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(tag: u8, body: &[u8]) -> Result<Message> {
        Message::decode(Frame { tag, body: Bytes::copy_from_slice(body) }, Encoding::UTF8)
    }

    #[test]
    fn messages() {
        assert_eq!(decode(b'Q', b"select 1\0").unwrap(), Message::Query("select 1".into()));
        assert_eq!(
            decode(b'P', b"s\0select $1\0\0\x01\0\0\0\x17").unwrap(),
            Message::Parse { name: "s".into(), sql: "select $1".into(), types: vec![23] }
        );
        assert_eq!(decode(b'E', b"\0\0\0\0\x05").unwrap(), Message::Execute { portal: "".into(), rows_max: Some(5) });
        assert_eq!(decode(b'E', b"\0\0\0\0\0").unwrap(), Message::Execute { portal: "".into(), rows_max: None });
        assert_eq!(decode(b'D', b"Sx\0").unwrap(), Message::Describe(Target::Statement("x".into())));
        assert_eq!(
            decode(b'B', b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\0").unwrap(),
            Message::Bind(Bind {
                portal: "p".into(),
                statement: "s".into(),
                parameter_formats: vec![Format::Binary],
                parameters: vec![Some(Bytes::from_static(b"a")), None],
                result_formats: vec![],
            })
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (tag, body, message) in [
            (b'Q', &b"select 1"[..], "invalid string in message"),
            (b'Q', b"a\0b", "invalid message format"),
            (b'E', b"\0\0", "insufficient data left in message"),
            (b'P', b"\0\0\xff\xff", "insufficient data left in message"),
            (b'B', b"\0\0\0\x01\0\x02\0\0\0\0", "unsupported format code: 2"),
            (b'B', b"\0\0\0\0\0\x01\0\0\0\x09a\0\0", "insufficient data left in message"),
            (b'D', b"Zx\0", "invalid DESCRIBE or CLOSE message subtype 90"),
            (b'Q', b"caf\xe9\0", "invalid byte sequence for encoding \"UTF8\": 0xe9"),
        ] {
            assert_eq!(decode(tag, body).unwrap_err().message(), message);
        }
    }

    /// Every prefix and many mutations of real messages, and noise: an answer, never a panic.
    #[test]
    fn noise_never_panics() {
        use rand::{Rng, SeedableRng};
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(42);
        let seeds: [(u8, &[u8]); 5] = [
            (b'Q', b"select 1\0"),
            (b'P', b"s\0select $1\0\0\x01\0\0\0\x17"),
            (b'B', b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\0"),
            (b'E', b"\0\0\0\0\x05"),
            (b'D', b"Sx\0"),
        ];
        let mut refused = 0;
        for round in 0..20_000 {
            let (tag, seed) = seeds[round % seeds.len()];
            let mut body = seed.to_vec();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..body.len());
                body[at] = random.random();
            }
            body.truncate(random.random_range(0..=seed.len()));
            refused += usize::from(decode(tag, &body).is_err());
            let _ = decode(random.random(), &body);
        }
        assert!(refused > 1_000, "only {refused} mutations were refused");
    }
}
