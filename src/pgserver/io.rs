//! The two directions of a connection's socket, each with its buffer.

use bytes::{Bytes, BytesMut};
use pgwire::messages::Message as WireMessage;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::charset;
use super::errors::{Disconnect, ErrorSeverity, Halt, ReportedError, error_response};
use super::frontend::{Frame, is_known, violation};
use crate::error::{Error, ErrorKind};
use crate::pgtypes::Encoding;

/// Bytes buffered for a client before they are written to its socket.
pub(super) const FLUSH_BYTES: usize = 128 << 10;
/// Bytes read ahead of the message in hand, to notice a client that goes away while its statement runs.
const READ_AHEAD_BYTES: usize = 64 << 10;
const READ_CHUNK_BYTES: usize = 64 << 10;
/// Longest start-up packet, as PostgreSQL has it.
const STARTUP_BYTES_MAX: usize = 10_000;

/// From the client.
pub(super) struct Reader {
    half: Box<dyn AsyncRead + Send + Sync + Unpin>,
    buffer: BytesMut,
    message_bytes_max: usize,
}

impl Reader {
    pub(super) fn new(half: impl AsyncRead + Send + Sync + Unpin + 'static, message_bytes_max: usize) -> Self {
        Self { half: Box::new(half), buffer: BytesMut::new(), message_bytes_max }
    }

    /// With bytes that were read already.
    pub(super) fn beginning_with(self, buffer: BytesMut) -> Self {
        Self { buffer, ..self }
    }

    /// The next message. Cancel-safe: what was read stays in the buffer.
    pub(super) async fn frame(&mut self) -> Result<Frame, Halt> {
        loop {
            if let Some(frame) = take_frame(&mut self.buffer, self.message_bytes_max).map_err(Halt::Fatal)? {
                return Ok(frame);
            }
            self.fill().await?;
        }
    }

    /// Whether a whole message is there already.
    pub(super) fn has_frame(&self) -> bool {
        self.buffer
            .split_first_chunk::<5>()
            .is_some_and(|([_, length @ ..], _)| self.buffer.len() > u32::from_be_bytes(*length) as usize)
    }

    /// Whether the next message has come already, and is of this type.
    pub(super) fn has(&self, tag: u8) -> bool {
        self.buffer.first() == Some(&tag)
    }

    /// The next packet of the start-up phase: its body, without the length.
    pub(super) async fn startup_packet(&mut self) -> Result<Bytes, Halt> {
        loop {
            if let Some(packet) = take_startup_packet(&mut self.buffer).map_err(Halt::Fatal)? {
                return Ok(packet);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Disconnect> {
        self.buffer.reserve(READ_CHUNK_BYTES);
        match self.half.read_buf(&mut self.buffer).await? {
            0 => Err(Disconnect::Closed),
            _ => Ok(()),
        }
    }

    /// Returns when the client is gone. What it sends meanwhile is kept, up to a bound; past that, nobody looks.
    pub(super) async fn gone(&mut self) -> Disconnect {
        while self.buffer.len() < READ_AHEAD_BYTES {
            if let Err(disconnect) = self.fill().await {
                return disconnect;
            }
        }
        std::future::pending().await
    }
}

/// Takes one whole message off the front. An unknown type or an impossible length means that the stream is out of
/// step: nothing after it can be trusted.
fn take_frame(buffer: &mut BytesMut, message_bytes_max: usize) -> Result<Option<Frame>, Error> {
    let Some((header, _)) = buffer.split_first_chunk::<5>() else {
        // a type that does not exist is known by its first byte already
        return match buffer.first() {
            Some(tag) if !is_known(*tag) => Err(violation(format!("invalid frontend message type {tag}"))),
            _ => Ok(None),
        };
    };
    let [tag, length @ ..] = *header;
    if !is_known(tag) {
        return Err(violation(format!("invalid frontend message type {tag}")));
    }
    let length = u32::from_be_bytes(length) as usize;
    if length < 4 {
        return Err(violation("invalid message length"));
    }
    if length > message_bytes_max {
        return Err(Error::new(
            ErrorKind::ProgramLimitExceeded,
            format!("a message of {length} bytes is over the limit of {message_bytes_max}"),
        )
        .with_hint("Send less at once, or raise the server's message size limit."));
    }
    if buffer.len() < 1 + length {
        return Ok(None);
    }
    let body = buffer.split_to(1 + length).freeze().slice(5..);
    Ok(Some(Frame { tag, body }))
}

fn take_startup_packet(buffer: &mut BytesMut) -> Result<Option<Bytes>, Error> {
    let Some((header, _)) = buffer.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*header) as usize;
    if !(8..=STARTUP_BYTES_MAX).contains(&length) {
        return Err(violation("invalid length of startup packet"));
    }
    if buffer.len() < length {
        return Ok(None);
    }
    Ok(Some(buffer.split_to(length).freeze().slice(4..)))
}

/// To the client.
pub(super) struct Writer {
    half: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    pub(super) buffer: BytesMut,
    /// The client's.
    pub(super) encoding: Encoding,
}

impl Writer {
    pub(super) fn new(half: impl AsyncWrite + Send + Sync + Unpin + 'static) -> Self {
        Self { half: Box::new(half), buffer: BytesMut::new(), encoding: Encoding::UTF8 }
    }

    /// Appends a message.
    pub(super) fn put(&mut self, message: &impl WireMessage) {
        let start = self.buffer.len();
        if let Err(error) = message.encode(&mut self.buffer) {
            // only a message over a size limit of pgwire's: leave it out rather than send half of it
            tracing::error!(%error, "a message could not be encoded");
            self.buffer.truncate(start);
        }
        charset::recode(self.encoding, &mut self.buffer, start);
    }

    /// Appends a CopyData message with these bytes, and takes them; nothing where there are none.
    pub(super) fn put_copy_data(&mut self, data: &mut BytesMut) {
        if data.is_empty() {
            return;
        }
        let length = u32::try_from(data.len() + 4).unwrap_or(u32::MAX);
        self.buffer.extend_from_slice(b"d");
        self.buffer.extend_from_slice(&length.to_be_bytes());
        self.buffer.extend_from_slice(data);
        data.clear();
    }

    /// Appends an ErrorResponse: from here on the client counts as told.
    pub(super) fn report(&mut self, error: &Error, severity: ErrorSeverity) -> ReportedError {
        self.put(&error_response(error, severity));
        ReportedError::told()
    }

    /// Writes all that is buffered. Cancel-safe: what was not written stays in the buffer.
    pub(super) async fn flush(&mut self) -> Result<(), Disconnect> {
        while !self.buffer.is_empty() {
            if self.half.write_buf(&mut self.buffer).await? == 0 {
                return Err(Disconnect::Closed);
            }
        }
        self.half.flush().await?;
        Ok(())
    }

    /// Flushes and ends our direction.
    pub(super) async fn close(&mut self) -> Result<(), Disconnect> {
        self.flush().await?;
        Ok(self.half.shutdown().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_and_in_order() {
        let mut buffer = BytesMut::from(&b"S\0\0\0\x04Q\0\0\0\x06a\0"[..]);
        let first = take_frame(&mut buffer, 100).unwrap().unwrap();
        assert_eq!((first.tag, &first.body[..]), (b'S', &b""[..]));
        let second = take_frame(&mut buffer, 100).unwrap().unwrap();
        assert_eq!((second.tag, &second.body[..]), (b'Q', &b"a\0"[..]));
        assert!(take_frame(&mut buffer, 100).unwrap().is_none());
        let mut part = BytesMut::from(&b"Q\0\0\0\x06a"[..]);
        assert!(take_frame(&mut part, 100).unwrap().is_none());
        assert_eq!(part.len(), 6);
    }

    #[test]
    fn a_stream_out_of_step_is_refused() {
        for (bytes, message) in [
            (&b"G"[..], "invalid frontend message type 71"),
            (b"\0\0\0\0\x08", "invalid frontend message type 0"),
            (b"Q\0\0\0\x03", "invalid message length"),
            (b"Q\x7f\xff\xff\xff", "a message of 2147483647 bytes is over the limit of 100"),
        ] {
            assert_eq!(take_frame(&mut BytesMut::from(bytes), 100).unwrap_err().message(), message);
        }
        for length in [0u32, 7, 10_001, u32::MAX] {
            let mut buffer = BytesMut::from(&length.to_be_bytes()[..]);
            assert_eq!(take_startup_packet(&mut buffer).unwrap_err().message(), "invalid length of startup packet");
        }
    }

    /// Any bytes, in pieces of any size, through the whole loop: frames or an error, never a panic or a hang.
    #[tokio::test]
    async fn noise_ends_in_an_error_or_at_the_end() {
        use rand::{Rng, SeedableRng};
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(7);
        for _ in 0..500 {
            let mut bytes = Vec::new();
            for _ in 0..random.random_range(1..5) {
                let body: Vec<u8> = (0..random.random_range(0..40)).map(|_| random.random()).collect();
                bytes.push(b"QPBDECHSXpdcfF"[random.random_range(0..14)]);
                bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
                bytes.extend_from_slice(&body);
            }
            if random.random_bool(0.5) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            let mut reader = Reader::new(std::io::Cursor::new(bytes), 1 << 20);
            loop {
                match reader.frame().await {
                    Ok(frame) => drop(super::super::frontend::Message::decode(frame, Encoding::UTF8)),
                    Err(Halt::Fatal(error)) => {
                        use ErrorKind::{ProgramLimitExceeded, ProtocolViolation};
                        assert!(matches!(error.kind(), ProtocolViolation | ProgramLimitExceeded), "{error}");
                        break;
                    }
                    Err(Halt::Lost(Disconnect::Closed)) => break,
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    }
}
