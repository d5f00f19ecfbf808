//! The functions that PostgreSQL's clients call on its catalogs.
//!
//! Each is a row of a table: name, how many arguments, what it returns, and a Rust function from values to a value that
//! may look at the session. They are called on rows of catalogs, thousands at most, so one call a row is fast enough.

mod acl;
mod awaited;
mod describe;
mod lists;
mod locks;
mod privileges;
mod reg;
mod rows;
mod sequences;
mod session;
mod statistics;
mod text;
mod type_modifiers;
mod type_of;
mod visible;
mod waiting;

use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;
use datafusion_pg_catalog::pg_catalog::{self as crate_functions, array_bounds_udf};

pub use describe::format_type;
pub use reg::{object_named, shown_reg, text_of_reg};
pub use rows::{ignores_arguments, table_functions};
pub use type_of::TYPE_OF;

use super::layout;
use crate::dialect::rules::REG_IN;
use crate::engine::SessionInfo;

type Eval = fn(&SessionInfo, &[ScalarValue]) -> crate::error::Result<ScalarValue>;

/// One function.
struct Definition {
    name: &'static str,
    arguments: RangeInclusive<usize>,
    /// PostgreSQL's own name of the type.
    returns: &'static str,
    /// NULL for any NULL argument, without being called.
    strict: bool,
    /// Does something: called once a row, and never before the statement is executed.
    acts: bool,
    eval: Eval,
}

const fn strict(name: &'static str, arguments: RangeInclusive<usize>, returns: &'static str, eval: Eval) -> Definition {
    Definition { name, arguments, returns, strict: true, acts: false, eval }
}

/// One that is called with NULLs too.
const fn lenient(
    name: &'static str,
    arguments: RangeInclusive<usize>,
    returns: &'static str,
    eval: Eval,
) -> Definition {
    Definition { name, arguments, returns, strict: false, acts: false, eval }
}

const fn acting(name: &'static str, arguments: RangeInclusive<usize>, returns: &'static str, eval: Eval) -> Definition {
    Definition { name, arguments, returns, strict: true, acts: true, eval }
}

fn boolean(value: bool) -> ScalarValue {
    ScalarValue::Boolean(Some(value))
}

fn utf8(value: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(value.into()))
}

/// A text argument; numbers as their digits.
fn text_of(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => {
            text.clone()
        }
        other => other.to_string(),
    }
}

/// A number argument; digits as the number they are.
fn number_of(value: &ScalarValue) -> Option<i64> {
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(number)) => number,
        _ => None,
    }
}

fn oid_of(value: &ScalarValue) -> Option<u32> {
    number_of(value).and_then(|number| u32::try_from(number).ok())
}

/// A [`Definition`] as DataFusion calls it.
#[derive(Debug)]
struct CatalogFunction {
    definition: &'static Definition,
    signature: Signature,
    returned: FieldRef,
}

impl std::fmt::Debug for Definition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for CatalogFunction {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for CatalogFunction {}

impl Hash for CatalogFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl CatalogFunction {
    fn new(definition: &'static Definition) -> Self {
        let counts = definition.arguments.clone().map(|count| match count {
            0 => TypeSignature::Nullary,
            count => TypeSignature::Any(count),
        });
        let volatility = if definition.acts { Volatility::Volatile } else { Volatility::Stable };
        let signature = Signature::one_of(counts.collect(), volatility);
        let returned = layout::field_of(definition.name, definition.returns, true);
        Self { definition, signature, returned: Arc::new(returned) }
    }

    fn call(&self, session: &SessionInfo, arguments: &[ScalarValue]) -> Result<ScalarValue> {
        if self.definition.strict && arguments.iter().any(ScalarValue::is_null) {
            return ScalarValue::try_from(self.returned.data_type());
        }
        (self.definition.eval)(session, arguments).map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

impl ScalarUDFImpl for CatalogFunction {
    fn name(&self) -> &str {
        self.definition.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.returned.data_type().clone())
    }
    fn return_field_from_args(&self, _arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(self.returned.clone())
    }
    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let session = SessionInfo::of(&call.config_options)
            .ok_or_else(|| DataFusionError::Execution(format!("{} needs a session", self.definition.name)))?;
        let constants: Option<Vec<ScalarValue>> = call
            .args
            .iter()
            .map(|argument| match argument {
                ColumnarValue::Scalar(value) => Some(value.clone()),
                ColumnarValue::Array(_) => None,
            })
            .collect();
        if let Some(constants) = constants {
            return Ok(ColumnarValue::Scalar(self.call(session, &constants)?));
        }
        let columns: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&call.args)?;
        let rows = (0..call.number_rows).map(|row| {
            let arguments: Result<Vec<ScalarValue>> =
                columns.iter().map(|column| ScalarValue::try_from_array(column, row)).collect();
            self.call(session, &arguments?)
        });
        let values = rows.collect::<Result<Vec<_>>>()?;
        if values.is_empty() {
            return Ok(ColumnarValue::Array(datafusion::arrow::array::new_empty_array(self.returned.data_type())));
        }
        Ok(ColumnarValue::Array(ScalarValue::iter_to_array(values)?))
    }
}

/// All of them, in place of DataFusion's of the same name.
pub fn scalar_functions() -> Vec<ScalarUDF> {
    let tables = [
        describe::FUNCTIONS,
        locks::FUNCTIONS,
        sequences::FUNCTIONS,
        privileges::FUNCTIONS,
        reg::FUNCTIONS,
        session::FUNCTIONS,
        statistics::FUNCTIONS,
        text::FUNCTIONS,
        type_modifiers::FUNCTIONS,
        visible::FUNCTIONS,
    ];
    let ours =
        tables.into_iter().flatten().map(|definition| ScalarUDF::new_from_impl(CatalogFunction::new(definition)));
    let theirs = [
        array_bounds_udf::create_array_lower_udf(),
        array_bounds_udf::create_array_upper_udf(),
        crate_functions::create_pg_stat_get_numscans(),
        type_of::function(),
        acl::function(),
    ];
    theirs
        .into_iter()
        .chain(lists::functions())
        .chain(waiting::functions())
        .chain(sequences::functions())
        .chain(ours)
        .collect()
}

/// The function that takes a name or a number to the OID that a value of the type (`regclass` …) is.
pub fn reg_function(kind: &str) -> Option<Arc<ScalarUDF>> {
    let name = format!("{REG_IN}{kind}");
    let definition = reg::FUNCTIONS.iter().find(|definition| definition.name == name)?;
    Some(Arc::new(ScalarUDF::new_from_impl(CatalogFunction::new(definition))))
}
