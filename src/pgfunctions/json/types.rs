//! Which expressions are json or jsonb, and casts to and from them. Structures and maps of Delta tables stay what they are to
//! the engine, and are `jsonb` to who asks: functions read them as such ([`super::super::row::Kind::Json`]).
//!
//! Invariant: a mark is that of the expression's own type; a cast to another type has lost it, whatever its field says.

use std::borrow::Cow;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr::{Alias, Cast};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;

use super::value::Value as Jsonb;
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::format_type;
use crate::pgfunctions::{call, external, type_name};
use crate::pgtypes::json_tree::Json;
use crate::pgtypes::{PG_TYPE_KEY, Type, column_type};

/// The function that a document is written with as text.
pub const JSON_OUT: &str = "json_out";

/// One of the two types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    Json,
    Jsonb,
}

impl JsonType {
    pub fn of_field(field: &Field) -> Option<Self> {
        match field.metadata().get(PG_TYPE_KEY).map(String::as_str) {
            Some("json") => Some(Self::Json),
            Some("jsonb") => Some(Self::Jsonb),
            // of a structure or a map that a table keeps; a row is marked as one
            None if matches!(field.data_type(), DataType::Struct(_) | DataType::Map(..)) => Some(Self::Jsonb),
            _ => None,
        }
    }

    /// Of an expression.
    pub fn of(expr: &Expr, schema: &DFSchema) -> Option<Self> {
        match expr {
            Expr::Cast(Cast { field, .. }) => Self::of_field(field),
            Expr::Alias(Alias { expr, .. }) => Self::of(expr, schema),
            Expr::Case(case) => {
                let branches = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
                let mut branches = branches.chain(case.else_expr.as_deref());
                branches.find_map(|branch| Self::of(branch, schema))
            }
            Expr::ScalarFunction(function) if matches!(function.name(), "coalesce" | "nullif") => {
                function.args.iter().find_map(|arg| Self::of(arg, schema))
            }
            Expr::Unnest(unnest) => {
                let (_, array) = unnest.expr.to_field(schema).ok()?;
                match (array.data_type(), array.metadata().get(PG_TYPE_KEY).map(String::as_str)) {
                    (_, Some("_json")) => Some(Self::Json),
                    (_, Some("_jsonb")) => Some(Self::Jsonb),
                    (DataType::List(item), _) => Self::of_field(item),
                    _ => None,
                }
            }
            other => Self::of_field(&other.to_field(schema).ok()?.1),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Jsonb => "jsonb",
        }
    }

    /// The expression, known to be of this type.
    pub fn mark(self, expr: Expr) -> DataFusionResult<Expr> {
        call(if self == Self::Json { "json_mark" } else { "jsonb_mark" }, vec![expr])
    }

    /// A text read as a value of this type; Owned where it is written otherwise.
    ///
    /// # Errors
    /// `22P02`, saying where the text is no JSON.
    pub fn read_text(self, text: &str) -> Result<Cow<'_, str>> {
        match self {
            Self::Json => Json::parse(text).map(|_| Cow::Borrowed(text)),
            Self::Jsonb => {
                let written = Jsonb::parse(text)?.to_text();
                Ok(if written == text { Cow::Borrowed(text) } else { Cow::Owned(written) })
            }
        }
    }

    /// The expression read as a value of this type.
    pub fn read(self, expr: Expr) -> DataFusionResult<Expr> {
        call(if self == Self::Json { "json_in" } else { "jsonb_in" }, vec![expr])
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => true,
        _ => false,
    }
}

/// Casts to json and jsonb that check and normalize, casts from them that PostgreSQL has, and marks where DataFusion
/// forgets them.
pub fn rewrite_casts(expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    let Expr::Cast(cast) = expr else {
        return match &expr {
            // DataFusion puts a CASE around what a subquery gives
            Expr::Case(_) | Expr::ScalarSubquery(_) => marked(expr, schema),
            Expr::ScalarFunction(function) if matches!(function.name(), "coalesce" | "nullif") => marked(expr, schema),
            _ => Ok(Transformed::no(expr)),
        };
    };
    if matches!(cast.field.data_type(), DataType::Struct(_) | DataType::Map(..)) {
        return Ok(Transformed::no(Expr::Cast(cast)));
    }
    let (from, to) = (JsonType::of(&cast.expr, schema), JsonType::of_field(&cast.field));
    match (from, to) {
        (None, None) => Ok(Transformed::no(Expr::Cast(cast))),
        (None, Some(to)) => {
            let given = cast.expr.to_field(schema)?.1;
            match (is_text(given.data_type()), cast.expr.as_ref()) {
                (true, _) if [Type::UUID, Type::CHAR].contains(&column_type(&given)) => {
                    Err(no_cast(&type_name(&given), to.name()))
                }
                (true, _) => Ok(Transformed::yes(to.read(*cast.expr)?)),
                // a literal that is an integer is read as a bigint
                (false, Expr::Literal(ScalarValue::Int64(Some(number)), _)) if i32::try_from(*number).is_ok() => {
                    Err(no_cast("integer", to.name()))
                }
                (false, _) => Err(no_cast(&type_name(&given), to.name())),
            }
        }
        (Some(from), Some(to)) if from == to => Ok(Transformed::yes(*cast.expr)),
        (Some(_), Some(JsonType::Jsonb)) => Ok(Transformed::yes(JsonType::Jsonb.read(*cast.expr)?)),
        (Some(_), Some(JsonType::Json)) => Ok(Transformed::yes(JsonType::Json.mark(*cast.expr)?)),
        (Some(from), None) => {
            let target = cast.field.data_type();
            let name = format_type(column_type(&cast.field).oid(), -1);
            if is_text(target) {
                let named = column_type(&cast.field);
                let text = call(JSON_OUT, vec![*cast.expr])?;
                return match named {
                    Type::TEXT => Ok(Transformed::yes(text)),
                    Type::VARCHAR | Type::BPCHAR | Type::NAME => {
                        Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(text), cast.field))))
                    }
                    other => Err(no_cast(from.name(), &format_type(other.oid(), -1))),
                };
            }
            let scalar = target.is_numeric() || *target == DataType::Boolean;
            if from == JsonType::Json || !scalar || column_type(&cast.field) == Type::OID {
                return Err(no_cast(from.name(), &name));
            }
            let text = call("jsonb_scalar", vec![*cast.expr, datafusion::logical_expr::lit(name)])?;
            Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(text), cast.field))))
        }
    }
}

fn marked(expr: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
    match JsonType::of(&expr, schema) {
        Some(json) => Ok(Transformed::yes(json.mark(expr)?)),
        None => Ok(Transformed::no(expr)),
    }
}

fn no_cast(from: &str, to: &str) -> datafusion::error::DataFusionError {
    external(Error::new(ErrorKind::CannotCoerce, format!("cannot cast type {from} to {to}")))
}
