//! A file's bytes: hashed as they are read, decompressed, transcoded.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use encoding_rs::{Decoder, DecoderResult, Encoding};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

const CHUNK_BYTES: usize = 256 << 10;
/// Chunks decompressed ahead of the parser.
const CHUNKS_AHEAD: usize = 4;
/// No encoding writes this byte in UTF-8: it marks what could not be decoded, so that the row is rejected.
const UNDECODABLE: u8 = 0xFF;

/// SHA-256 (hex) of a file as it lies there, known once it was read to its end.
pub(super) type ContentHash = Arc<OnceLock<String>>;

/// Opens a file for reading on another thread where there is work to do besides reading.
pub(super) fn open(path: &Path) -> io::Result<(Chunks, ContentHash)> {
    let hash = ContentHash::default();
    let file = Hashing { inner: File::open(path)?, digest: Sha256::new(), hash: Arc::clone(&hash) };
    let reader: Box<dyn Read + Send> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK_BYTES, file))),
        Some("zst") => Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(CHUNK_BYTES, file))?),
        _ => Box::new(file),
    };
    let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
    std::thread::Builder::new().name("lakewire-read".to_owned()).spawn(move || send_chunks(reader, &sender))?;
    Ok((Chunks { receiver }, hash))
}

/// SHA-256 (hex) of a file's content.
pub(in crate::source) fn content_hash(path: &Path) -> io::Result<String> {
    let hash = ContentHash::default();
    let mut file = Hashing { inner: File::open(path)?, digest: Sha256::new(), hash: Arc::clone(&hash) };
    let mut buffer = vec![0; CHUNK_BYTES];
    while file.read(&mut buffer)? > 0 {}
    Ok(hash.get().cloned().unwrap_or_default())
}

/// Ends when the file does or nobody listens any more.
fn send_chunks(mut reader: Box<dyn Read + Send>, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut filled = 0;
        while filled < chunk.len() {
            match chunk.get_mut(filled..).map_or(Ok(0), |rest| reader.read(rest)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // A receiver that went away has no use for the error.
                    let _ = sender.send(Err(error));
                    return;
                }
            }
        }
        chunk.truncate(filled);
        if filled == 0 || sender.send(Ok(chunk)).is_err() {
            return;
        }
    }
}

/// A file's decompressed bytes, chunk by chunk.
pub(super) struct Chunks {
    receiver: Receiver<io::Result<Vec<u8>>>,
}

impl Chunks {
    /// `None` at the end of the file.
    pub(super) fn next(&self) -> io::Result<Option<Vec<u8>>> {
        self.receiver.recv().ok().transpose()
    }
}

struct Hashing {
    inner: File,
    digest: Sha256,
    hash: ContentHash,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            let digest = std::mem::take(&mut self.digest).finalize();
            // The first end of file counts; a reader may ask again.
            let _ = self.hash.set(digest.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        self.digest.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Turns chunks of some encoding into UTF-8.
pub(super) struct Transcoder {
    decoder: Decoder,
}

impl Transcoder {
    pub(super) fn new(encoding: &'static Encoding) -> Self {
        Self { decoder: encoding.new_decoder() }
    }

    pub(super) fn transcode(&mut self, mut chunk: &[u8], last: bool) -> Vec<u8> {
        let mut text = Vec::with_capacity(chunk.len() * 2 + 16);
        loop {
            let mut buffer = [0; 4096];
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(chunk, &mut buffer, last);
            text.extend_from_slice(buffer.get(..written).unwrap_or_default());
            chunk = chunk.get(read..).unwrap_or_default();
            match result {
                DecoderResult::InputEmpty => return text,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => text.push(UNDECODABLE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcodes_across_chunks_and_marks_what_is_malformed() {
        let mut transcoder = Transcoder::new(encoding_rs::UTF_16LE);
        let bytes: Vec<u8> = "a£\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut text = transcoder.transcode(&bytes[..3], false);
        text.extend(transcoder.transcode(&bytes[3..], true));
        assert_eq!(text, "a£\n".as_bytes());
        let mut transcoder = Transcoder::new(encoding_rs::SHIFT_JIS);
        assert_eq!(transcoder.transcode(b"a\xFFb", true), b"a\xFFb");
    }
}
