//! `upper` and `lower`: letter by letter, as the C library does it. DataFusion's follow Unicode's rules for whole texts, by which
//! `ß` becomes `SS`, and a sigma is another at a word's end.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::functions::string;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        ScalarUDF::from(LetterCase { inner: string::upper(), capital: true }),
        ScalarUDF::from(LetterCase { inner: string::lower(), capital: false }),
    ]
}

/// The letter's capital; itself where that is more than one.
pub(super) fn upper(letter: char) -> char {
    alone(letter, letter.to_uppercase())
}

/// The capital's small letter.
pub(super) fn lower(letter: char) -> char {
    match letter {
        // the one that is two letters by the rules for texts
        'İ' => 'i',
        other => alone(other, other.to_lowercase()),
    }
}

fn alone(letter: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LetterCase {
    inner: Arc<ScalarUDF>,
    capital: bool,
}

impl ScalarUDFImpl for LetterCase {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.inner().return_type(arg_types)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else { return self.inner.inner().invoke_with_args(args) };
        let texts = value.to_array(1)?;
        if is_ascii(&texts) {
            return self.inner.inner().invoke_with_args(args);
        }
        let letter = if self.capital { upper } else { lower };
        let texts = cast(&texts, &DataType::Utf8View)?;
        let changed = texts.as_string_view().iter().map(|text| Some(text?.chars().map(letter).collect::<String>()));
        let changed = cast(&changed.collect::<StringArray>(), args.return_type())?;
        Ok(match value {
            ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::try_from_array(&changed, 0)?),
            ColumnarValue::Array(_) => ColumnarValue::Array(changed),
        })
    }
}

fn is_ascii(texts: &ArrayRef) -> bool {
    match texts.data_type() {
        DataType::Utf8 => texts.as_string::<i32>().is_ascii(),
        DataType::LargeUtf8 => texts.as_string::<i64>().is_ascii(),
        DataType::Utf8View => texts.as_string_view().is_ascii(),
        _ => true,
    }
}
