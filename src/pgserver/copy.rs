//! COPY to the client.

use futures::StreamExt;
use pgwire::messages::copy::{CopyDone, CopyOutResponse};
use pgwire::messages::response::CommandComplete;

use super::connection::Connection;
use super::errors::Halt;
use super::io::FLUSH_BYTES;
use crate::engine::{BatchStream, Guard};
use crate::pgtypes::{CopyFormat, RowEncoder};

impl Connection {
    /// Sends all rows, each as a CopyData message; waits for the client where it does not keep up.
    pub(super) async fn copy_out(
        &mut self,
        mut stream: BatchStream,
        format: &CopyFormat,
        running: &Guard,
    ) -> Result<(), Halt> {
        let encoder = RowEncoder::new(stream.schema(), &[], self.style())?;
        let columns = stream.schema().fields().len();
        let code = format.code().code();
        let count = i16::try_from(columns).unwrap_or(i16::MAX);
        self.link.writer.put(&CopyOutResponse::new(code as i8, count, vec![code; columns]));
        let (mut data, mut scratch) = (bytes::BytesMut::new(), bytes::BytesMut::new());
        format.put_header(stream.schema().fields().iter().map(|field| field.name().as_str()), &mut data);
        let mut sent = 0;
        loop {
            let batch = self.link.watch(running, true, async { stream.next().await.transpose() }).await?;
            let Some(batch) = batch else { break };
            let batch = encoder.canonical(&batch)?;
            let rows = encoder.bind(&batch)?;
            for row in 0..batch.num_rows() {
                rows.put_copy_row(row, format, &mut scratch, &mut data)?;
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
}
