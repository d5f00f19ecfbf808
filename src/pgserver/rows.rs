//! Results to the client: their description, and rows with back-pressure.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use futures::StreamExt;
use pgwire::messages::data::{FieldDescription, RowDescription};

use super::charset;
use super::errors::Halt;
use super::io::FLUSH_BYTES;
use super::link::Link;
use crate::engine::{BatchStream, Guard};
use crate::error::Result;
use crate::pgtypes::{
    CanonicalBatch, Encoding, Format, RowEncoder, Style, column_formats, column_modifier, column_origin, column_type,
    type_size,
};

/// A result that is being sent, perhaps in several goes.
pub(super) struct Cursor {
    schema: SchemaRef,
    /// `None` once it has ended: what it held is free, whether or not the portal is closed.
    stream: Option<BatchStream>,
    encoder: RowEncoder,
    /// As the client asked for them.
    formats: Vec<Format>,
    /// First word of the command tag.
    tag: &'static str,
    /// A batch of which the rows from this one on are not sent yet.
    rest: Option<(CanonicalBatch, usize)>,
}

/// How far a cursor got.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All rows are sent: the command tag.
    Complete(String),
    /// As many rows are sent as were asked for.
    Suspended,
}

impl Cursor {
    pub(super) fn new(stream: BatchStream, tag: &'static str, formats: &[Format], style: Style) -> Result<Self> {
        let encoder = RowEncoder::new(stream.schema(), formats, style)?;
        let formats = formats.to_vec();
        Ok(Self { schema: stream.schema().clone(), stream: Some(stream), encoder, formats, tag, rest: None })
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Sends rows, at most `rows_max`; waits for the client where it does not keep up.
    pub(super) async fn send(
        &mut self,
        link: &mut Link,
        running: &Guard,
        rows_max: Option<usize>,
    ) -> Result<Progress, Halt> {
        let texts = match link.writer.encoding {
            Encoding::UTF8 => None,
            _ => Some(charset::text_columns(&self.schema, &self.formats)?),
        };
        let mut left = rows_max.unwrap_or(usize::MAX);
        let mut sent = 0;
        while left > 0 {
            let (batch, mut next) = match self.rest.take() {
                Some(rest) => rest,
                None => match self.next_batch(link, running).await? {
                    Some(batch) => (self.encoder.canonical(&batch)?, 0),
                    None => return Ok(Progress::Complete(command_tag(self.tag, sent))),
                },
            };
            let until = next.saturating_add(left).min(batch.num_rows());
            let begin = next;
            {
                let rows = self.encoder.bind(&batch)?;
                while next < until {
                    let start = link.writer.buffer.len();
                    next = rows.write(next, until, FLUSH_BYTES, &mut link.writer.buffer)?;
                    if let Some(texts) = &texts {
                        charset::recode_rows(link.writer.encoding, texts, &mut link.writer.buffer, start)?;
                    }
                    if link.writer.buffer.len() >= FLUSH_BYTES {
                        link.flush_running(running).await?;
                    }
                }
            }
            sent += until - begin;
            left -= until - begin;
            if until < batch.num_rows() {
                self.rest = Some((batch, until));
            }
        }
        Ok(Progress::Suspended)
    }

    async fn next_batch(&mut self, link: &mut Link, running: &Guard) -> Result<Option<RecordBatch>, Halt> {
        // rows that are encoded do not wait for those that are not computed yet: flush while waiting
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let batch = link.watch(running, true, async { stream.next().await.transpose() }).await?;
        if batch.is_none() {
            self.stream = None;
        }
        Ok(batch)
    }
}

fn command_tag(tag: &str, rows: usize) -> String {
    match tag {
        "SELECT" | "FETCH" | "UPDATE" | "DELETE" | "MERGE" | "MOVE" | "COPY" => format!("{tag} {rows}"),
        "INSERT" => format!("INSERT 0 {rows}"),
        other => other.to_owned(),
    }
}

/// What Describe and a simple query announce.
pub(super) fn row_description(schema: &Schema, formats: &[Format]) -> Result<RowDescription> {
    let formats = column_formats(formats, schema.fields().len())?;
    let describe = |(field, format): (&std::sync::Arc<datafusion::arrow::datatypes::Field>, Format)| {
        let pg_type = column_type(field);
        let modifier = column_modifier(field);
        let (table, number) = column_origin(field).unwrap_or_default();
        let (oid, size) = (pg_type.oid(), type_size(&pg_type));
        FieldDescription::new(field.name().clone(), table.cast_signed(), number, oid, size, modifier, format.code())
    };
    Ok(RowDescription::new(schema.fields().iter().zip(formats).map(describe).collect()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int32Array};
    use datafusion::arrow::datatypes::{DataType, Field};
    use futures::stream;
    use tokio::io::{AsyncReadExt, DuplexStream};
    use tokio::sync::mpsc;

    use super::super::io::{Reader, Writer};
    use super::super::link::Stop;
    use super::*;
    use crate::error::ErrorKind;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, false)]))
    }

    fn batch(rows: i32) -> Result<RecordBatch> {
        let column: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows));
        Ok(RecordBatch::try_new(schema(), vec![column]).unwrap())
    }

    fn link(bytes: usize) -> (Link, DuplexStream, Stop) {
        let (ours, theirs) = tokio::io::duplex(bytes);
        let (read, write) = tokio::io::split(ours);
        let stop = Stop::default();
        let (_, notices) = mpsc::unbounded_channel();
        (Link::new(Reader::new(read, 1 << 20), Writer::new(write), notices, stop.clone()), theirs, stop)
    }

    fn cursor(batches: Vec<Result<RecordBatch>>) -> Cursor {
        let stream = BatchStream::new(schema(), Box::pin(stream::iter(batches)));
        Cursor::new(stream, "SELECT", &[], Style::default()).unwrap()
    }

    #[tokio::test]
    async fn a_limit_suspends_and_the_next_go_resumes() {
        let (mut link, _theirs, _stop) = link(1 << 20);
        let running = Guard::default();
        let mut cursor = cursor(vec![batch(3), batch(0), batch(2)]);
        assert_eq!(cursor.send(&mut link, &running, Some(2)).await.unwrap(), Progress::Suspended);
        assert_eq!(cursor.send(&mut link, &running, Some(2)).await.unwrap(), Progress::Suspended);
        assert_eq!(cursor.send(&mut link, &running, Some(2)).await.unwrap(), Progress::Complete("SELECT 1".to_owned()));
        assert_eq!(cursor.send(&mut link, &running, None).await.unwrap(), Progress::Complete("SELECT 0".to_owned()));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_holds_a_bounded_buffer_until_it_cancels() {
        let (mut link, _theirs, _stop) = link(1024);
        let running = Guard::default();
        let mut cursor = cursor((0..100).map(|_| batch(10_000)).collect());
        let canceler = running.cancel.clone();
        let cancel = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            canceler.cancel();
        };
        let (sent, ()) = tokio::join!(cursor.send(&mut link, &running, None), cancel);
        match sent {
            Err(Halt::Failed(error)) => assert_eq!(error.kind(), ErrorKind::QueryCanceled),
            other => panic!("{other:?}"),
        }
        assert!(link.writer.buffer.len() < 2 * FLUSH_BYTES);
    }

    #[tokio::test]
    async fn a_client_that_leaves_cancels_the_work() {
        let (mut link, theirs, _stop) = link(1024);
        let running = Guard::default();
        let stream = BatchStream::new(schema(), Box::pin(stream::pending()));
        let mut cursor = Cursor::new(stream, "SELECT", &[], Style::default()).unwrap();
        drop(theirs);
        assert!(matches!(cursor.send(&mut link, &running, None).await, Err(Halt::Lost(_))));
        assert!(running.cancel.is_canceled());
    }

    #[tokio::test]
    async fn rows_are_sent_while_the_next_ones_are_awaited() {
        let (mut link, mut theirs, stop) = link(1024);
        let running = Guard::default();
        let slow = stream::iter([batch(1)]).chain(stream::pending());
        let mut cursor =
            Cursor::new(BatchStream::new(schema(), Box::pin(slow)), "SELECT", &[], Style::default()).unwrap();
        let client = async {
            let mut row = [0; 12];
            theirs.read_exact(&mut row).await.unwrap();
            stop.terminate.cancel();
            row
        };
        let (sent, row) = tokio::join!(cursor.send(&mut link, &running, None), client);
        assert_eq!(&row, b"D\0\0\0\x0b\0\x01\0\0\0\x010");
        assert!(matches!(sent, Err(Halt::Fatal(error)) if error.kind() == ErrorKind::AdminShutdown));
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let (mut link, _theirs, _stop) = link(1024);
        let running = Guard::default();
        let work = async { if link_is_used() { panic!("bang") } else { Ok(()) } };
        match link.watch(&running, false, work).await {
            Err(Halt::Failed(error)) => assert_eq!(error.message(), "a statement panicked: bang"),
            other => panic!("{other:?}"),
        }
    }

    fn link_is_used() -> bool {
        true
    }

    #[test]
    fn tags_count_where_postgres_counts() {
        assert_eq!(command_tag("SELECT", 3), "SELECT 3");
        assert_eq!(command_tag("SHOW", 1), "SHOW");
        assert_eq!(command_tag("CALL", 4), "CALL");
        assert_eq!(command_tag("INSERT", 2), "INSERT 0 2");
    }
}
