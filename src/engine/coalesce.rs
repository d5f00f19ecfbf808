//! `coalesce` beside quoted literals, `coalesce(ordered_at, '1900-01-01')`, and bytes beside NULL.
//!
//! DataFusion asks for the function's type while it plans, before [`super::typing`] reads the literal as what the others are,
//! and finds none for a timestamp and a text. Remove when it lets literals be unknown.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::binary::try_type_union_resolution;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::pgfunctions::JsonType;
use crate::pgtypes::PG_TYPE_KEY;

/// DataFusion's function, which takes texts for what they may be.
pub(super) fn function(inner: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::from(Coalesce { inner })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Coalesce {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Coalesce {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let json =
            args.arg_fields.iter().find(|field| JsonType::of_field(field).is_some() && !field.data_type().is_nested());
        let said = json.and_then(|field| field.metadata().get(PG_TYPE_KEY)).cloned();
        let field = self.inner.return_field_from_args(args)?;
        Ok(match said {
            Some(said) if field.data_type().is_string() => {
                Arc::new(field.as_ref().clone().with_metadata([(PG_TYPE_KEY.to_owned(), said)].into()))
            }
            _ => field,
        })
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types).or_else(|error| {
            let known: Vec<DataType> =
                types.iter().filter(|given| !given.is_string() && !given.is_null()).cloned().collect();
            if known.is_empty() {
                return Err(error);
            }
            // maps have no common type, not even with themselves
            let alike = known.iter().all(|other| Some(other) == known.first());
            let common = if alike { known } else { try_type_union_resolution(&known)? };
            Ok(common.first().map(|common| vec![common.clone(); types.len()]).unwrap_or_default())
        })
    }
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }
    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }
    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }
}
