//! Values of `regclass` and its kin: OIDs within a plan, names where a client sees them or they become text.
//!
//! Such a value is an integer whose field names the type; so it is compared, joined and ordered as in PostgreSQL.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int32Type};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

use super::context::SessionInfo;
use crate::pgcatalog;
use crate::pgtypes::{self, Format, PG_TYPE_KEY, Style};

/// Functions that make text of whatever they are given.
const WRITES_TEXT: &[&str] = &[
    "concat",
    "concat_ws",
    "format",
    "json_build_array",
    "json_build_object",
    "json_element",
    "json_pair",
    "jsonb_build_array",
    "jsonb_build_object",
    "quote_literal",
    "quote_nullable",
    "to_json",
    "to_jsonb",
];

/// The type's name, if the field holds OIDs that stand for names.
fn kind(field: &Field) -> Option<&str> {
    let kind = field.metadata().get(PG_TYPE_KEY)?;
    (kind.starts_with("reg") && field.data_type() == &DataType::Int32).then_some(kind)
}

fn kind_of(expr: &Expr, schema: &DFSchema) -> Option<String> {
    let (_, field) = expr.to_field(schema).ok()?;
    kind(&field).map(str::to_owned)
}

/// The query with such columns of its result as the wire takes them.
pub(super) fn shown(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    if !plan.schema().fields().iter().any(|field| kind(field).is_some()) {
        return Ok(plan);
    }
    let columns: Vec<Expr> = plan
        .schema()
        .iter()
        .map(|(qualifier, field)| {
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            match kind(field) {
                Some(kind) => call(&SHOWN, kind, column).alias_qualified(qualifier.cloned(), field.name()),
                None => column,
            }
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// A cast of such a value to text, what a function makes text of, its concatenation with text, its comparison with a name that is written out.
pub(super) fn change(expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    match expr {
        Expr::Cast(cast) if cast.field.data_type().is_string() => match kind_of(&cast.expr, schema) {
            Some(kind) => Ok(Transformed::yes(call(&TEXT, &kind, *cast.expr))),
            None => Ok(Transformed::no(Expr::Cast(cast))),
        },
        // as an OID it is a plain number
        Expr::Cast(mut cast) if cast.field.data_type().is_integer() => match kind_of(&cast.expr, schema) {
            Some(kind) => {
                let number = call(&NUMBER, &kind, *cast.expr);
                if cast.field.data_type() == &DataType::Int32 {
                    return Ok(Transformed::yes(number));
                }
                cast.expr = Box::new(number);
                Ok(Transformed::yes(Expr::Cast(cast)))
            }
            None => Ok(Transformed::no(Expr::Cast(cast))),
        },
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
            let (kind_left, kind_right) = (kind_of(&left, schema), kind_of(&right, schema));
            let as_text = |side: Expr, kind: &Option<String>| match kind {
                Some(kind) => call(&TEXT, kind, side),
                None => side,
            };
            let changed = kind_left.is_some() || kind_right.is_some();
            let left = Box::new(as_text(*left, &kind_left));
            let right = Box::new(as_text(*right, &kind_right));
            let whole = Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right });
            Ok(if changed { Transformed::yes(whole) } else { Transformed::no(whole) })
        }
        Expr::ScalarFunction(mut function) if WRITES_TEXT.contains(&function.func.name()) => {
            let mut changed = false;
            for arg in &mut function.args {
                if let Some(kind) = kind_of(arg, schema) {
                    *arg = call(&TEXT, &kind, std::mem::take(arg));
                    changed = true;
                }
            }
            let whole = Expr::ScalarFunction(function);
            Ok(if changed { Transformed::yes(whole) } else { Transformed::no(whole) })
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
            let (left, left_changed) = named(*left, &right, schema);
            let (right, right_changed) = named(*right, &left, schema);
            let whole = Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) });
            Ok(if left_changed || right_changed { Transformed::yes(whole) } else { Transformed::no(whole) })
        }
        other => Ok(Transformed::no(other)),
    }
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// A name that is compared with such a value is of its type, as a text that is compared with an array is an array.
fn named(expr: Expr, beside: &Expr, schema: &DFSchema) -> (Expr, bool) {
    let Expr::Literal(value, _) = &expr else { return (expr, false) };
    let Some(text) = value.try_as_str().flatten() else { return (expr, false) };
    if let Ok(data_type) = beside.get_type(schema)
        && matches!(data_type, DataType::List(_))
    {
        let pg_type = pgtypes::pg_type(&data_type);
        let array = pgtypes::decode_parameter(&pg_type, Format::Text, Some(text.as_bytes()), 1, &Style::default());
        return array.map_or((expr.clone(), false), |array| (Expr::Literal(array, None), true));
    }
    match kind_of(beside, schema).and_then(|kind| pgcatalog::reg_function(&kind)) {
        Some(function) => (Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![expr])), true),
        None => (expr, false),
    }
}

fn call(function: &LazyLock<Arc<ScalarUDF>>, kind: &str, value: Expr) -> Expr {
    let function = Arc::clone(function);
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![lit(kind), value]))
}

static SHOWN: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| function(Form::Wire));
static TEXT: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| function(Form::Text));
static NUMBER: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| function(Form::Number));

fn function(form: Form) -> Arc<ScalarUDF> {
    let signature = Signature::any(2, Volatility::Stable);
    Arc::new(ScalarUDF::from(Names { form, signature }))
}

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// What the wire takes: both.
    Wire,
    Text,
    /// The OID.
    Number,
}

/// `(kind, OID)` → the OID or the name, or what the wire takes for both.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Names {
    form: Form,
    signature: Signature,
}

impl ScalarUDFImpl for Names {
    fn name(&self) -> &str {
        match self.form {
            Form::Wire => "shown_reg",
            Form::Text => "text_of_reg",
            Form::Number => "oid_of_reg",
        }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(match self.form {
            Form::Wire => DataType::Binary,
            Form::Text => DataType::Utf8,
            Form::Number => DataType::Int32,
        })
    }
    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        let field = Field::new(self.name(), self.return_type(&[])?, true);
        let kind = match (self.form, arguments.scalar_arguments.first()) {
            (Form::Wire, Some(Some(ScalarValue::Utf8(Some(kind))))) => kind.clone(),
            (Form::Number, _) => "oid".to_owned(),
            _ => return Ok(Arc::new(field)),
        };
        Ok(Arc::new(field.with_metadata([(PG_TYPE_KEY.to_owned(), kind)].into())))
    }
    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let session = SessionInfo::of(&call.config_options)
            .ok_or_else(|| DataFusionError::Execution("names of objects need a session".to_owned()))?;
        let [ColumnarValue::Scalar(ScalarValue::Utf8(Some(kind))), value] = call.args.as_slice() else {
            return Err(DataFusionError::Internal("a kind and an OID".to_owned()));
        };
        if self.form == Form::Number {
            return Ok(value.clone());
        }
        let oids = value.to_array(call.number_rows)?;
        let oids = oids.as_primitive_opt::<Int32Type>();
        let oids = oids.ok_or_else(|| DataFusionError::Internal("an OID is an integer".to_owned()))?;
        let oids = oids.iter().map(|oid| oid.map(|oid| u32::try_from(oid).unwrap_or(0)));
        let names: ArrayRef = match self.form {
            Form::Wire => {
                let shown: Vec<Option<Vec<u8>>> =
                    oids.map(|oid| oid.map(|oid| pgcatalog::shown_reg(session, kind, oid))).collect();
                Arc::new(BinaryArray::from_iter(shown))
            }
            _ => Arc::new(
                oids.map(|oid| oid.map(|oid| pgcatalog::text_of_reg(session, kind, oid))).collect::<StringArray>(),
            ),
        };
        Ok(match value {
            ColumnarValue::Scalar(_) if names.len() == 1 => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&names, 0)?)
            }
            _ => ColumnarValue::Array(names),
        })
    }
}
