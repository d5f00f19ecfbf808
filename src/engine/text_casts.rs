//! Casts to text as PostgreSQL writes the values: `2024-02-29 13:00:00+01`, `1e+20`, `{1,2}`, `1 day`; and those of text to
//! bytea, which is read (`\\x41`), where DataFusion takes the letters for the bytes.
//!
//! Blocked by: DataFusion's casts write ISO 8601 with a `T` and Rust's floats. Remove when its cast can be replaced.
//!
//! Invariant: the text of a value is the one that the wire sends for it under the same settings.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use super::reg_values;
use crate::pgfunctions::{self, session_style};
use crate::pgtypes::{is_of_values, texts};

/// The expression with PostgreSQL's cast, where it is one to text.
pub(super) fn change(expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    let changed = reg_values::change(expr, schema)?;
    if changed.transformed {
        return Ok(changed);
    }
    let cast = match changed.data {
        Expr::Cast(cast) => cast,
        Expr::BinaryExpr(joined) if joined.op == Operator::StringConcat => return joined_texts(joined, schema),
        other => return Ok(Transformed::no(other)),
    };
    let given = cast.expr.get_type(schema);
    match given {
        Ok(given) if cast.field.data_type() == &DataType::Utf8View && is_written_otherwise(&given) => {
            let text = text_of(*cast.expr);
            Ok(Transformed::yes(match cast.field.metadata().is_empty() {
                true => text,
                false => Expr::Cast(Cast::new_from_field(Box::new(text), cast.field)),
            }))
        }
        Ok(given) if given.is_string() && cast.field.data_type().is_binary() => {
            let bytes = pgfunctions::call("byteain", vec![*cast.expr])?;
            Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(bytes), cast.field))))
        }
        _ => Ok(Transformed::no(Expr::Cast(cast))),
    }
}

/// `a || b` with the text of an operand that DataFusion would write otherwise.
fn joined_texts(joined: BinaryExpr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    let otherwise = |side: &Expr| side.get_type(schema).is_ok_and(|given| given.is_floating());
    let (left, right) = (otherwise(&joined.left), otherwise(&joined.right));
    let side = |side: Box<Expr>, otherwise| if otherwise { Box::new(text_of(*side)) } else { side };
    let whole = BinaryExpr::new(side(joined.left, left), joined.op, side(joined.right, right));
    Ok(Transformed::new_transformed(Expr::BinaryExpr(whole), left || right))
}

/// The value as text, a call of which a planner knows nothing.
pub(super) fn text_of(value: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function(), vec![value]))
}

/// Whether DataFusion's text is another.
fn is_written_otherwise(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Float16 | Float32 | Float64 | Date32 | Date64 | Timestamp(..) | Time32(_) | Time64(_) | Interval(_)
        | Duration(_) => true,
        Binary | LargeBinary | BinaryView => true,
        numeric if is_of_values(numeric) => true,
        Dictionary(_, value) => is_written_otherwise(value),
        other => other.is_nested(),
    }
}

fn function() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(ToText { signature: Signature::any(1, Volatility::Immutable) })));
    FUNCTION.clone()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToText {
    signature: Signature,
}

impl ScalarUDFImpl for ToText {
    fn name(&self) -> &str {
        "text_of"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8View)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let ([value], [field]) = (args.args.as_slice(), args.arg_fields.as_slice()) else {
            return Err(DataFusionError::Internal("a cast has one value".to_owned()));
        };
        let style = session_style(&args.config_options);
        let write = |array: &ArrayRef| -> DataFusionResult<ArrayRef> {
            let written = texts(field, array, &style).map_err(|error| DataFusionError::External(Box::new(error)))?;
            Ok(cast(&written, &DataType::Utf8View)?)
        };
        Ok(match value {
            ColumnarValue::Array(array) => ColumnarValue::Array(write(array)?),
            ColumnarValue::Scalar(scalar) => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&write(&scalar.to_array()?)?, 0)?)
            }
        })
    }
}
