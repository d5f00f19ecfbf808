//! Whole batches as DataRow messages.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};

use super::Format;
use super::binary;
use super::column::{Column, Values, canonical};
use super::number::digits_i64;
use super::style::Style;
use crate::error::{Error, ErrorKind, Result};

/// What PostgreSQL's clients accept as one message, in bytes.
const MESSAGE_BYTES_MAX: usize = 0x3fff_ffff;

/// Encodes the rows of one result.
#[derive(Debug, Clone)]
pub struct RowEncoder {
    columns: Arc<[ColumnPlan]>,
    style: Style,
}

#[derive(Debug)]
struct ColumnPlan {
    /// With the canonical data type.
    field: Field,
    cast: Option<DataType>,
    format: Format,
}

impl RowEncoder {
    /// `formats` as Bind gives them: none = all text, one = for all columns, else one per column (`08P01` otherwise).
    pub fn new(schema: &SchemaRef, formats: &[Format], style: Style) -> Result<Self> {
        let formats = column_formats(formats, schema.fields().len())?;
        let plan = |(field, format): (&Arc<Field>, Format)| {
            let cast = canonical(field.data_type());
            let data_type = cast.clone().unwrap_or_else(|| field.data_type().clone());
            ColumnPlan { field: field.as_ref().clone().with_data_type(data_type), cast, format }
        };
        Ok(Self { columns: schema.fields().iter().zip(formats).map(plan).collect(), style })
    }

    /// The batch's columns in the types that [`Self::bind`] takes; only what must be cast is copied.
    pub fn canonical(&self, batch: &RecordBatch) -> Result<CanonicalBatch> {
        if batch.num_columns() != self.columns.len() {
            return Err(Error::internal(format!(
                "a batch has {} columns, its result {}",
                batch.num_columns(),
                self.columns.len()
            )));
        }
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let column = |(plan, array): (&ColumnPlan, &ArrayRef)| match &plan.cast {
            None => Ok(Arc::clone(array)),
            Some(target) => cast_with_options(array, target, &options).map_err(|error| {
                Error::internal(format!("cannot encode column \"{}\"", plan.field.name())).with_source(error)
            }),
        };
        let columns = self.columns.iter().zip(batch.columns()).map(column).collect::<Result<_>>()?;
        Ok(CanonicalBatch { columns, rows: batch.num_rows() })
    }

    /// Downcasts a batch's columns.
    pub fn bind<'a>(&self, batch: &'a CanonicalBatch) -> Result<BoundRows<'a>> {
        let column = |(plan, array): (&ColumnPlan, &'a ArrayRef)| {
            if array.data_type() != plan.field.data_type() {
                return Err(Error::internal(format!(
                    "column \"{}\" was announced as {} and came as {}",
                    plan.field.name(),
                    plan.field.data_type(),
                    array.data_type()
                )));
            }
            Ok((Column::bind(&plan.field, array)?, plan.format))
        };
        let columns = self.columns.iter().zip(&batch.columns).map(column).collect::<Result<_>>()?;
        Ok(BoundRows { columns, rows: batch.rows, style: self.style })
    }
}

/// A batch whose columns are of the few types that the encoder knows.
#[derive(Debug, Clone)]
pub struct CanonicalBatch {
    columns: Vec<ArrayRef>,
    rows: usize,
}

impl CanonicalBatch {
    pub fn num_rows(&self) -> usize {
        self.rows
    }
}

/// A batch ready to be written.
pub struct BoundRows<'a> {
    pub(super) columns: Vec<(Column<'a>, Format)>,
    rows: usize,
    pub(super) style: Style,
}

impl BoundRows<'_> {
    /// Appends the rows `from..until` as DataRow messages, but stops after the row that takes what was appended to
    /// `budget` bytes. Gives the next row to write. On an error nothing of the row at fault is left in `out`.
    pub fn write(&self, from: usize, until: usize, budget: usize, out: &mut BytesMut) -> Result<usize> {
        let until = until.min(self.rows);
        let begin = out.len();
        let count = u16::try_from(self.columns.len()).unwrap_or(u16::MAX);
        for row in from..until {
            let start = out.len();
            let mut header = [b'D', 0, 0, 0, 0, 0, 0];
            header[5..].copy_from_slice(&count.to_be_bytes());
            out.put_slice(&header);
            for (column, format) in &self.columns {
                if let Err(error) = self.put_field(column, *format, row, out) {
                    out.truncate(start);
                    return Err(error);
                }
            }
            let length = out.len() - start - 1;
            if length > MESSAGE_BYTES_MAX {
                out.truncate(start);
                return Err(too_long(length));
            }
            out[start + 1..start + 5].copy_from_slice(&(length as u32).to_be_bytes());
            if out.len() - begin >= budget {
                return Ok(row + 1);
            }
        }
        Ok(until)
    }

    #[inline]
    fn put_field(&self, column: &Column<'_>, format: Format, row: usize, out: &mut BytesMut) -> Result<()> {
        if column.is_null(row) {
            out.put_i32(-1);
            return Ok(());
        }
        if format == Format::Binary {
            return put_sized(out, |out| binary::put_binary(column, row, &self.style, out));
        }
        match &column.values {
            // what most columns are, written without going back for the length
            Values::Int64(values) => put_integer_field(out, values[row]),
            Values::Int32(values) => put_integer_field(out, values[row].into()),
            Values::Text(values) => put_text_field(out, values.value(row))?,
            Values::TextView(values) => put_text_field(out, values.value(row))?,
            _ => {
                return put_sized(out, |out| {
                    column.put_text(row, &self.style, out);
                    Ok(())
                });
            }
        }
        Ok(())
    }
}

#[inline]
fn put_integer_field(out: &mut BytesMut, value: i64) {
    let mut buffer = [0; 24];
    let at = digits_i64(value, &mut buffer);
    let length = (buffer.len() - at) as u32;
    buffer[at - 4..at].copy_from_slice(&length.to_be_bytes());
    out.put_slice(&buffer[at - 4..]);
}

#[inline]
fn put_text_field(out: &mut BytesMut, text: &str) -> Result<()> {
    out.put_i32(i32::try_from(text.len()).map_err(|_| too_long(text.len()))?);
    out.put_slice(text.as_bytes());
    Ok(())
}

/// Appends what `put` appends, its length before it.
#[inline]
pub(super) fn put_sized(out: &mut BytesMut, put: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
    let at = out.len();
    out.put_i32(0);
    put(out)?;
    let length = out.len() - at - 4;
    let length = i32::try_from(length).map_err(|_| too_long(length))?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn too_long(bytes: usize) -> Error {
    Error::new(ErrorKind::ProgramLimitExceeded, format!("a row of {bytes} bytes is too long for a message"))
        .with_hint(format!("A row may have {MESSAGE_BYTES_MAX} bytes; select fewer columns or shorter values."))
}

/// One format per column from Bind's list.
pub(crate) fn column_formats(formats: &[Format], columns: usize) -> Result<Vec<Format>> {
    match formats {
        [] => Ok(vec![Format::Text; columns]),
        [all] => Ok(vec![*all; columns]),
        each if each.len() == columns => Ok(each.to_vec()),
        each => Err(Error::new(
            ErrorKind::ProtocolViolation,
            format!("bind message has {} result formats but query has {columns} columns", each.len()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::*;
    use datafusion::arrow::buffer::OffsetBuffer;
    use datafusion::arrow::datatypes::*;

    use super::*;

    /// The fields of each row as the encoder sends them.
    fn encode(column: ArrayRef, format: Format, style: Style) -> Vec<Option<Vec<u8>>> {
        let schema = Arc::new(Schema::new(vec![Field::new("c", column.data_type().clone(), true)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
        let encoder = RowEncoder::new(&schema, &[format], style).unwrap();
        let canonical = encoder.canonical(&batch).unwrap();
        let mut out = BytesMut::new();
        let next = encoder.bind(&canonical).unwrap().write(0, usize::MAX, usize::MAX, &mut out).unwrap();
        assert_eq!(next, batch.num_rows());
        let mut rest = &out[..];
        let mut fields = Vec::new();
        while let [b'D', a, b, c, d, 0, 1, w, x, y, z, tail @ ..] = rest {
            let (message, length) = (u32::from_be_bytes([*a, *b, *c, *d]), i32::from_be_bytes([*w, *x, *y, *z]));
            let size = length.max(0) as usize;
            assert_eq!(message as usize, 4 + 2 + 4 + size);
            fields.push((length >= 0).then(|| tail[..size].to_vec()));
            rest = &tail[size..];
        }
        assert!(rest.is_empty());
        fields
    }

    fn text(column: ArrayRef) -> Vec<String> {
        let shown =
            |field: Option<Vec<u8>>| field.map_or("<null>".to_owned(), |field| String::from_utf8(field).unwrap());
        encode(column, Format::Text, Style::default()).into_iter().map(shown).collect()
    }

    fn hex(column: ArrayRef) -> Vec<String> {
        let shown = |field: Option<Vec<u8>>| {
            field.map_or("<null>".to_owned(), |field| field.iter().map(|byte| format!("{byte:02x}")).collect())
        };
        encode(column, Format::Binary, Style::default()).into_iter().map(shown).collect()
    }

    #[test]
    fn scalars_as_text() {
        assert_eq!(text(Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))), ["t", "<null>", "f"]);
        assert_eq!(text(Arc::new(Int64Array::from(vec![Some(-7), None]))), ["-7", "<null>"]);
        assert_eq!(text(Arc::new(UInt64Array::from(vec![u64::from(u32::MAX) + 1]))), ["4294967296"]);
        assert_eq!(
            text(Arc::new(StringViewArray::from(vec![Some("£ a long enough text"), Some("")]))),
            ["£ a long enough text", ""]
        );
        assert_eq!(text(Arc::new(BinaryArray::from(vec![&b"\x01\xff"[..]]))), ["\\x01ff"]);
        assert_eq!(text(Arc::new(NullArray::new(2))), ["<null>", "<null>"]);
        let decimals = Decimal128Array::from(vec![Some(-2550), None]).with_precision_and_scale(12, 3).unwrap();
        assert_eq!(text(Arc::new(decimals)), ["-2.550", "<null>"]);
        assert_eq!(text(Arc::new(Time32SecondArray::from(vec![30_360]))), ["08:26:00"]);
        assert_eq!(text(Arc::new(Date64Array::from(vec![1_291_161_600_000]))), ["2010-12-01"]);
    }

    #[test]
    fn slices_and_dictionaries_keep_their_rows() {
        let whole: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(4)]));
        assert_eq!(text(whole.slice(1, 2)), ["<null>", "3"]);
        let dictionary: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("b"), Some("a")].into_iter().collect();
        assert_eq!(text(Arc::new(dictionary)), ["a", "<null>", "b", "a"]);
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1)]),
            Some(vec![Some(2), None]),
            None,
        ]));
        assert_eq!(text(lists.slice(1, 2)), ["{2,NULL}", "<null>"]);
    }

    #[test]
    fn arrays_quote_as_postgres_15() {
        let items = StringArray::from(vec![
            Some("a"),
            Some("b c"),
            None,
            Some("NULL"),
            Some(""),
            Some("x\"y"),
            Some("x\\y"),
            Some("{"),
            Some("a,b"),
        ]);
        let list = ListArray::new(
            Arc::new(Field::new("item", DataType::Utf8, true)),
            OffsetBuffer::from_lengths([9]),
            Arc::new(items),
            None,
        );
        assert_eq!(text(Arc::new(list)), [r#"{a,"b c",NULL,"NULL","","x\"y","x\\y","{","a,b"}"#]);
        let times = TimestampMicrosecondArray::from(vec![1_291_191_960_000_000]);
        let list = ListArray::new(
            Arc::new(Field::new("item", times.data_type().clone(), true)),
            OffsetBuffer::from_lengths([1]),
            Arc::new(times),
            None,
        );
        assert_eq!(text(Arc::new(list)), ["{\"2010-12-01 08:26:00\"}"]);
    }

    fn square(lengths: [usize; 2]) -> ArrayRef {
        let inner = ListArray::new(
            Arc::new(Field::new("item", DataType::Int32, true)),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(Int32Array::from((1..=lengths.iter().sum::<usize>() as i32).collect::<Vec<_>>())),
            None,
        );
        Arc::new(ListArray::new(
            Arc::new(Field::new("item", inner.data_type().clone(), true)),
            OffsetBuffer::from_lengths([2]),
            Arc::new(inner),
            None,
        ))
    }

    #[test]
    fn nested_lists_are_dimensions() {
        assert_eq!(text(square([2, 2])), ["{{1,2},{3,4}}"]);
        // array_send of PostgreSQL 15
        assert_eq!(
            hex(square([2, 2])),
            [
                "000000020000000000000017000000020000000100000002000000010000000400000001000000040000000200000004000000030000000400000004"
            ]
        );
        let schema = Arc::new(Schema::new(vec![Field::new("c", square([1, 2]).data_type().clone(), true)]));
        let encoder = RowEncoder::new(&schema, &[Format::Binary], Style::default()).unwrap();
        let batch = encoder.canonical(&RecordBatch::try_new(schema, vec![square([1, 2])]).unwrap()).unwrap();
        let mut out = BytesMut::from("before");
        let error = encoder.bind(&batch).unwrap().write(0, 1, usize::MAX, &mut out).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FeatureNotSupported);
        assert_eq!(&out[..], b"before");
    }

    #[test]
    fn structures_are_jsonb() {
        let fields = Fields::from(vec![
            Field::new("a", DataType::Int32, true),
            Field::new("é\"", DataType::Utf8, true),
            Field::new("f", DataType::Float64, true),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(1), None])),
            Arc::new(StringArray::from(vec!["a\"\\\n\u{1}/é", "z"])),
            Arc::new(Float64Array::from(vec![f64::NAN, 1e20])),
        ];
        let expected = [
            r#"{"a": 1, "f": "NaN", "é\"": "a\"\\\n\u0001/é"}"#,
            r#"{"a": null, "f": 100000000000000000000, "é\"": "z"}"#,
        ];
        let structs: ArrayRef = Arc::new(StructArray::new(fields, columns, None));
        assert_eq!(text(structs.clone()), expected);
        let list = ListArray::new(
            Arc::new(Field::new("item", structs.data_type().clone(), true)),
            OffsetBuffer::from_lengths([1, 1]),
            structs,
            None,
        );
        assert_eq!(text(Arc::new(list))[1], r#"{"{\"a\": null, \"f\": 100000000000000000000, \"é\\\"\": \"z\"}"}"#);
    }

    #[test]
    fn maps_are_jsonb() {
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for (key, value) in [("bb", 1), ("c", 2), ("bb", 3), ("a\"", 4)] {
            map.keys().append_value(key);
            map.values().append_value(value);
        }
        map.append(true).unwrap();
        map.append(false).unwrap();
        assert_eq!(text(Arc::new(map.finish())), [r#"{"c": 2, "a\"": 4, "bb": 3}"#, "<null>"]);
    }

    #[test]
    fn scalars_as_binary() {
        // *_send of PostgreSQL 15
        assert_eq!(hex(Arc::new(Int64Array::from(vec![-2]))), ["fffffffffffffffe"]);
        assert_eq!(hex(Arc::new(Int8Array::from(vec![-2]))), ["fffe"]);
        assert_eq!(hex(Arc::new(UInt32Array::from(vec![u32::MAX]))), ["00000000ffffffff"]);
        assert_eq!(hex(Arc::new(BooleanArray::from(vec![true, false]))), ["01", "00"]);
        assert_eq!(hex(Arc::new(Float64Array::from(vec![1.5]))), ["3ff8000000000000"]);
        assert_eq!(hex(Arc::new(Date32Array::from(vec![14_944]))), ["00000f93"]);
        assert_eq!(
            hex(Arc::new(TimestampNanosecondArray::from(vec![1_291_191_960_000_000_000]))),
            ["00013953d2e4f600"]
        );
        let interval = IntervalMonthDayNanoType::make_value(14, -3, 1_500_000_000);
        assert_eq!(
            hex(Arc::new(IntervalMonthDayNanoArray::from(vec![interval]))),
            ["000000000016e360fffffffd0000000e"]
        );
    }

    #[test]
    fn a_budget_ends_the_slice_at_a_row() {
        let schema = Arc::new(Schema::new(vec![Field::new("c", DataType::Int32, true)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int32Array::from(vec![1; 10]))]).unwrap();
        let encoder = RowEncoder::new(&schema, &[], Style::default()).unwrap();
        let canonical = encoder.canonical(&batch).unwrap();
        let rows = encoder.bind(&canonical).unwrap();
        let mut out = BytesMut::new();
        assert_eq!(rows.write(0, 10, 1, &mut out).unwrap(), 1);
        assert_eq!(rows.write(1, 4, usize::MAX, &mut out).unwrap(), 4);
        assert_eq!(out.len(), 4 * (1 + 4 + 2 + 4 + 1));
    }

    #[test]
    fn formats_are_none_one_or_each() {
        use Format::*;
        assert_eq!(column_formats(&[], 2).unwrap(), [Text, Text]);
        assert_eq!(column_formats(&[Binary], 2).unwrap(), [Binary, Binary]);
        assert_eq!(column_formats(&[Text, Binary], 2).unwrap(), [Text, Binary]);
        let error = column_formats(&[Text, Binary], 3).unwrap_err();
        assert_eq!(error.message(), "bind message has 2 result formats but query has 3 columns");
    }
}
