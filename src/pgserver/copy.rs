//! COPY: rows to the client, and the client's data to the engine.

use std::panic::AssertUnwindSafe;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use pgwire::messages::copy::{CopyDone, CopyInResponse, CopyOutResponse};
use pgwire::messages::response::CommandComplete;
use tokio::sync::mpsc;

use super::connection::Connection;
use super::errors::{Disconnect, Halt};
use super::frontend::{Body, violation};
use super::io::{FLUSH_BYTES, Reader};
use super::link::{Link, panicked};
use crate::engine::{BatchStream, CopyFrom, Guard, Outcome};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{CopyFormat, Encoding, RowEncoder};

/// Messages of data are joined to pieces of this size, where they come faster than they are used.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait for the engine.
const PIECES_AHEAD: usize = 4;

impl Connection {
    /// Sends all rows, each as a CopyData message; waits for the client where it does not keep up.
    pub(super) async fn copy_out(
        &mut self,
        mut stream: BatchStream,
        format: &CopyFormat,
        encoding: Encoding,
        running: &Guard,
    ) -> Result<(), Halt> {
        let encoder = RowEncoder::new(stream.schema(), &[], self.style())?;
        let columns = stream.schema().fields().len();
        let code = format.code().code();
        let count = i16::try_from(columns).unwrap_or(i16::MAX);
        self.link.writer.put(&CopyOutResponse::new(code as i8, count, vec![code; columns]));
        let (mut row_bytes, mut scratch) = (BytesMut::new(), BytesMut::new());
        let encoding = if *format == CopyFormat::Binary { Encoding::UTF8 } else { encoding };
        let mut data = BytesMut::new();
        format.put_header(stream.schema().fields().iter().map(|field| field.name().as_str()), &mut row_bytes);
        encoding.put(&row_bytes, &mut data)?;
        if *format != CopyFormat::Binary {
            // a line is a message, the first one too
            self.link.writer.put_copy_data(&mut data);
        }
        let mut sent = 0;
        loop {
            let batch = self.link.watch(running, true, async { stream.next().await.transpose() }).await?;
            let Some(batch) = batch else { break };
            let batch = encoder.canonical(&batch)?;
            let rows = encoder.bind(&batch)?;
            for row in 0..batch.num_rows() {
                if encoding == Encoding::UTF8 {
                    rows.put_copy_row(row, format, &mut scratch, &mut data)?;
                } else {
                    row_bytes.clear();
                    rows.put_copy_row(row, format, &mut scratch, &mut row_bytes)?;
                    encoding.put(&row_bytes, &mut data)?;
                }
                self.link.writer.put_copy_data(&mut data);
                if self.link.writer.buffer.len() >= FLUSH_BYTES {
                    self.link.flush_running(running).await?;
                }
            }
            sent += batch.num_rows();
        }
        format.put_trailer(&mut data);
        self.link.writer.put_copy_data(&mut data);
        self.link.writer.put(&CopyDone::new());
        self.link.writer.put(&CommandComplete::new(format!("COPY {sent}")));
        Ok(())
    }

    /// Asks the client for its data and has it written; the tag is the engine's.
    pub(super) async fn copy_in(&mut self, copy: CopyFrom, running: &Guard) -> Result<(), Halt> {
        let columns = copy.columns();
        let code = copy.format().code().code();
        let count = i16::try_from(columns).unwrap_or(i16::MAX);
        self.link.writer.put(&CopyInResponse::new(code as i8, count, vec![code; columns]));
        self.link.flush().await?;
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let work = Box::pin(self.session.copy_from(copy, receiver));
        if let Outcome::Command { tag } = self.link.receive(running, sender, work).await? {
            self.link.writer.put(&CommandComplete::new(tag));
        }
        Ok(())
    }
}

impl Link {
    /// Runs work that uses the data which the client sends meanwhile. Work that ends before the data does leaves the
    /// rest to be skipped.
    async fn receive<T>(
        &mut self,
        running: &Guard,
        data: mpsc::Sender<Result<Bytes>>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T, Halt> {
        let caught = AssertUnwindSafe(work).catch_unwind();
        let mut work = pin!(caught.map(|done| done.unwrap_or_else(|panic| Err(panicked(&*panic)))));
        let stopped = self.stop.terminate.clone();
        let pumped = tokio::select! {
            biased;
            // first, so that a Sync right behind Execute is not taken for the one behind the data if the work fails at once
            pumped = pump(&mut self.reader, data) => pumped,
            done = &mut work => return done.map_err(Halt::Failed),
            () = stopped.cancelled() => Err(Halt::Fatal(super::link::shutting_down())),
        };
        if let Err(halt) = pumped {
            running.cancel.cancel();
            return Err(halt);
        }
        self.watch(running, false, work).await
    }
}

/// The client's messages of data, up to CopyDone or CopyFail.
async fn pump(reader: &mut Reader, data: mpsc::Sender<Result<Bytes>>) -> Result<(), Halt> {
    let mut piece = BytesMut::new();
    loop {
        let frame = reader.frame().await?;
        match frame.tag {
            b'd' => {
                piece.extend_from_slice(&frame.body);
                // small messages are joined while the engine is busy
                if piece.len() < PIECE_BYTES && (reader.has_frame() || data.capacity() == 0) {
                    continue;
                }
                // the engine failed, and says so itself
                if data.send(Ok(piece.split().freeze())).await.is_err() {
                    return Ok(());
                }
            }
            b'c' => {
                if !piece.is_empty() {
                    let _ = data.send(Ok(piece.freeze())).await;
                }
                return Ok(());
            }
            b'f' => {
                let reason = Body::plain(frame.body).string().unwrap_or_default();
                let error = Error::new(ErrorKind::QueryCanceled, format!("COPY from stdin failed: {reason}"));
                let _ = data.send(Err(error)).await;
                return Ok(());
            }
            // as in PostgreSQL: they are the habit of the extended protocol
            b'H' | b'S' => {}
            b'X' => return Err(Halt::Lost(Disconnect::Closed)),
            other => {
                return Err(Halt::Fatal(violation(format!(
                    "unexpected message type 0x{other:02X} during COPY from stdin"
                ))));
            }
        }
    }
}
