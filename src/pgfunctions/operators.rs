//! Which function an operator is: JSON's, arrays', strings'.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, Operator, binary_expr, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator as Op;

use super::arrays::elements;
use super::guarded::of_one_scale;
use super::json::JsonType;
use super::regex::is_plain;
use super::{call, external};
use crate::error::Error;
use crate::pgtypes;

/// The planner of operators.
#[derive(Debug)]
pub struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> DataFusionResult<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = &expr;
        let (l, r) = (JsonType::of(left, schema), JsonType::of(right, schema));
        let planned = match (l, r) {
            // a text may turn out to be one of the two
            (None, None) if reads(op) && matches!(left, Expr::Column(_)) && type_of(left, schema).is_string() => {
                Some(read(JsonType::Json, op, left, right, schema)?)
            }
            (None, None)
                if is_jsonb_only(op) && matches!(left, Expr::Column(_)) && type_of(left, schema).is_string() =>
            {
                jsonb(op, left, right, schema)?
            }
            (None, None) => values(op, left, right, schema)?,
            (Some(json), _) if reads(op) => Some(read(json, op, left, right, schema)?),
            (Some(JsonType::Json), _) | (_, Some(JsonType::Json)) => match refused(op) {
                Some(op) => return Err(no_operator(op, left, right, schema)),
                None => None,
            },
            _ => jsonb(op, left, right, schema)?,
        };
        Ok(planned.map_or(PlannerResult::Original(expr), PlannerResult::Planned))
    }

    /// `document['key']`, `document[0]`: a member, as JSON.
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> DataFusionResult<PlannerResult<RawFieldAccessExpr>> {
        let Some(json) = JsonType::of(&access.expr, schema) else { return Ok(PlannerResult::Original(access)) };
        if type_of(&access.expr, schema).is_nested() {
            return Ok(PlannerResult::Original(access));
        }
        let key = match &access.field_access {
            GetFieldAccess::NamedStructField { name } => lit(name.clone()),
            GetFieldAccess::ListIndex { key } => key.as_ref().clone(),
            GetFieldAccess::ListRange { .. } => return Ok(PlannerResult::Original(access)),
        };
        if json == JsonType::Jsonb && type_of(&key, schema).is_string() {
            // of an array, the text of a number is a place
            return call("jsonb_extract_path", vec![access.expr, key]).map(PlannerResult::Planned);
        }
        read(json, &Op::Arrow, &access.expr, &key, schema).map(PlannerResult::Planned)
    }

    fn plan_position(&self, args: Vec<Expr>) -> DataFusionResult<PlannerResult<Vec<Expr>>> {
        call("strpos", args).map(PlannerResult::Planned)
    }

    fn plan_overlay(&self, args: Vec<Expr>) -> DataFusionResult<PlannerResult<Vec<Expr>>> {
        call("overlay", args).map(PlannerResult::Planned)
    }

    /// `substring(text from pattern)`, `substring(text similar pattern escape escape)`: what has no type is text.
    fn plan_substring(&self, args: Vec<Expr>) -> DataFusionResult<PlannerResult<Vec<Expr>>> {
        // of other values the types are not known yet: `engine::typing` looks at them
        let may_be_text = |expr: &Expr| match expr {
            Expr::Literal(value, _) => value.data_type().is_string(),
            Expr::Placeholder(Placeholder { field, .. }) => {
                field.as_ref().is_none_or(|field| field.data_type().is_string())
            }
            _ => false,
        };
        match args.as_slice() {
            [_, pattern] if may_be_text(pattern) => matching_part(&args),
            [_, pattern, escape] if may_be_text(pattern) && may_be_text(escape) => matching_part(&args),
            _ => call("substr", args),
        }
        .map(PlannerResult::Planned)
    }
}

/// The function that an operator is of a left side which turned out to be jsonb once its types were settled: `s.a || '[1]'`
/// where `a` is `CASE … THEN jsonb_agg(b) ELSE '[]' END` in a subquery.
pub fn settled_jsonb(op: Operator, left: &Expr, right: &Expr, schema: &DFSchema) -> DataFusionResult<Option<Expr>> {
    let op = match op {
        Operator::AtArrow => Op::AtArrow,
        Operator::ArrowAt => Op::ArrowAt,
        Operator::StringConcat => Op::StringConcat,
        _ => return Ok(None),
    };
    match JsonType::of(left, schema) {
        Some(JsonType::Jsonb) => jsonb(&op, left, right, schema),
        _ => Ok(None),
    }
}

/// [`read`] of a json that turned out to be jsonb.
pub fn settled_reading(function: &str, args: &[Expr], schema: &DFSchema) -> DataFusionResult<Option<Expr>> {
    let known = READING.iter().find(|name| function.strip_prefix("json") == Some(name));
    match (known, args.first().and_then(|json| JsonType::of(json, schema))) {
        (Some(name), Some(JsonType::Jsonb)) => call(&format!("jsonb{name}"), args.to_vec()).map(Some),
        _ => Ok(None),
    }
}

/// `substring(text from pattern)` and `substring(text similar pattern escape escape)`.
pub fn matching_part(args: &[Expr]) -> DataFusionResult<Expr> {
    match args {
        [text, pattern, escape] => {
            let pattern = call("similar_to_escape", vec![pattern.clone(), escape.clone()])?;
            call("substring_matching", vec![text.clone(), pattern])
        }
        args => call("substring_matching", args.to_vec()),
    }
}

/// Arrays as arrays of their elements.
fn flat(arrays: [&Expr; 2], schema: &DFSchema) -> Vec<Expr> {
    arrays.map(|array| elements(array.clone(), pgtypes::dimensions(&type_of(array, schema)))).into()
}

fn type_of(expr: &Expr, schema: &DFSchema) -> DataType {
    expr.get_type(schema).unwrap_or(DataType::Null)
}

fn is_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..))
}

fn is_bare_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Null, _))
}

/// Operators that both types have.
fn reads(op: &Op) -> bool {
    matches!(op, Op::Arrow | Op::LongArrow | Op::HashArrow | Op::HashLongArrow)
}

/// Operators that no other type has.
fn is_jsonb_only(op: &Op) -> bool {
    matches!(op, Op::Question | Op::QuestionAnd | Op::QuestionPipe | Op::HashMinus)
}

/// What [`read`] calls, without the name of the type.
const READING: [&str; 6] = [
    "_object_field",
    "_object_field_text",
    "_array_element",
    "_array_element_text",
    "_extract_array_path",
    "_extract_array_path_text",
];

fn read(json: JsonType, op: &Op, left: &Expr, right: &Expr, schema: &DFSchema) -> DataFusionResult<Expr> {
    let path = matches!(op, Op::HashArrow | Op::HashLongArrow);
    let what = match path {
        true => "extract_array_path",
        false if type_of(right, schema).is_integer() => "array_element",
        false => "object_field",
    };
    let end = if matches!(op, Op::LongArrow | Op::HashLongArrow) { "_text" } else { "" };
    call(&format!("{}_{what}{end}", json.name()), vec![left.clone(), right.clone()])
}

/// Operators that json has not.
fn refused(op: &Op) -> Option<&'static str> {
    Some(match op {
        Op::Eq => "=",
        Op::NotEq => "<>",
        Op::Lt => "<",
        Op::LtEq => "<=",
        Op::Gt => ">",
        Op::GtEq => ">=",
        Op::AtArrow => "@>",
        Op::ArrowAt => "<@",
        Op::Question => "?",
        Op::QuestionAnd => "?&",
        Op::QuestionPipe => "?|",
        Op::AtQuestion => "@?",
        Op::AtAt => "@@",
        Op::Minus => "-",
        Op::HashMinus => "#-",
        _ => return None,
    })
}

fn no_operator(op: &str, left: &Expr, right: &Expr, schema: &DFSchema) -> datafusion::error::DataFusionError {
    let name = |expr: &Expr| match (JsonType::of(expr, schema), expr.to_field(schema)) {
        (Some(json), _) => json.name().to_owned(),
        (None, Ok((_, field))) => super::type_name(&field),
        (None, Err(_)) => "unknown".to_owned(),
    };
    external(Error::no_operator(&name(left), op, &name(right)))
}

fn jsonb(op: &Op, left: &Expr, right: &Expr, schema: &DFSchema) -> DataFusionResult<Option<Expr>> {
    let both = |name: &str| call(name, vec![left.clone(), right.clone()]).map(Some);
    let compared = || call("jsonb_cmp", vec![left.clone(), right.clone()]);
    let zero = || lit(0_i32);
    match op {
        Op::AtArrow => both("jsonb_contains"),
        Op::ArrowAt => both("jsonb_contained"),
        Op::Question => both("jsonb_exists"),
        Op::QuestionAnd => both("jsonb_exists_all"),
        Op::QuestionPipe => both("jsonb_exists_any"),
        Op::AtQuestion => both("jsonb_path_exists_opr"),
        Op::AtAt => both("jsonb_path_match_opr"),
        Op::HashMinus => both("jsonb_delete_path"),
        Op::Minus => both("jsonb_delete"),
        // a text is no jsonb, but a constant becomes one
        Op::StringConcat => match type_of(left, schema) == DataType::Utf8View && JsonType::of(left, schema).is_none() {
            true => Ok(None),
            false => both("jsonb_concat"),
        },
        Op::Eq => both("jsonb_eq"),
        Op::NotEq => Ok(both("jsonb_eq")?.map(|equal| Expr::Not(Box::new(equal)))),
        Op::Lt => Ok(Some(compared()?.lt(zero()))),
        Op::LtEq => Ok(Some(compared()?.lt_eq(zero()))),
        Op::Gt => Ok(Some(compared()?.gt(zero()))),
        Op::GtEq => Ok(Some(compared()?.gt_eq(zero()))),
        _ => Ok(None),
    }
}

/// `~` and its kin, but where the pattern is constant and says to DataFusion what it says to PostgreSQL.
fn matching(left: &Expr, right: &Expr, negated: bool, flags: &str) -> DataFusionResult<Option<Expr>> {
    if let Expr::Literal(ScalarValue::Utf8(Some(pattern)), _) = right
        && is_plain(pattern).map_err(external)?
    {
        return Ok(None);
    }
    let found = call("regexp_like", vec![left.clone(), right.clone(), lit(flags)])?;
    Ok(Some(if negated { Expr::Not(Box::new(found)) } else { found }))
}

/// Operators of other types that DataFusion has as functions only.
fn values(op: &Op, left: &Expr, right: &Expr, schema: &DFSchema) -> DataFusionResult<Option<Expr>> {
    let lists = is_list(&type_of(left, schema)) || is_list(&type_of(right, schema));
    let bytes = type_of(left, schema).is_binary() && type_of(right, schema).is_binary();
    match op {
        Op::PGLikeMatch if bytes => call("bytealike", vec![left.clone(), right.clone()]).map(Some),
        Op::PGNotLikeMatch if bytes => {
            let matched = call("bytealike", vec![left.clone(), right.clone()])?;
            Ok(Some(Expr::Not(Box::new(matched))))
        }
        // the operator joins arrays, whatever the NULL is: a NULL element has to have its type
        Op::StringConcat if lists && is_bare_null(right) => Ok(Some(left.clone())),
        Op::StringConcat if lists && is_bare_null(left) => Ok(Some(right.clone())),
        Op::StringConcat if lists && of_one_scale(&[type_of(left, schema), type_of(right, schema)]).is_some() => {
            let function = match (is_list(&type_of(left, schema)), is_list(&type_of(right, schema))) {
                (true, true) => "array_concat",
                (true, false) => "array_append",
                _ => "array_prepend",
            };
            call(function, vec![left.clone(), right.clone()]).map(Some)
        }
        Op::PGOverlap if lists => call("array_has_any", flat([left, right], schema)).map(Some),
        Op::AtArrow if lists => call("array_has_all", flat([left, right], schema)).map(Some),
        Op::ArrowAt if lists => call("array_has_all", flat([right, left], schema)).map(Some),
        // text is in the order of its bytes anyway
        Op::Custom(symbol) => Ok(by_bytes(symbol).map(|op| binary_expr(left.clone(), op, right.clone()))),
        Op::PGStartsWith => Ok(Some(datafusion::functions::expr_fn::starts_with(left.clone(), right.clone()))),
        Op::PGRegexMatch => matching(left, right, false, ""),
        Op::PGRegexIMatch => matching(left, right, false, "i"),
        Op::PGRegexNotMatch => matching(left, right, true, ""),
        Op::PGRegexNotIMatch => matching(left, right, true, "i"),
        _ => Ok(None),
    }
}

/// Comparisons of texts as bytes, whatever their collation.
fn by_bytes(symbol: &str) -> Option<Operator> {
    match symbol {
        "~<~" => Some(Operator::Lt),
        "~<=~" => Some(Operator::LtEq),
        "~>=~" => Some(Operator::GtEq),
        "~>~" => Some(Operator::Gt),
        _ => None,
    }
}
