//! Expressions that are text, as their words alone tell.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value, ValueWithSpan,
};

use super::folded;

/// Functions whose result is text, whatever they are given.
const GIVE_TEXT: &[&str] = &[
    "chr",
    "concat",
    "concat_ws",
    "format",
    "initcap",
    "lower",
    "lpad",
    "md5",
    "quote_ident",
    "quote_literal",
    "regexp_replace",
    "repeat",
    "replace",
    "rpad",
    "split_part",
    "to_char",
    "to_hex",
    "translate",
    "upper",
];
/// Functions whose result is text where the first of what they are given is.
const GIVE_THE_SAME: &[&str] = &["btrim", "left", "ltrim", "right", "rtrim", "substr"];

/// Whether the expression is text, or a literal that is text beside one; `false` where its tables would have to tell.
pub(super) fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value, .. }) => {
            matches!(
                value,
                Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) | Value::DollarQuotedString(_)
            )
        }
        Expr::Nested(inner) => is_text(inner),
        Expr::Cast { data_type, .. } => matches!(
            data_type,
            DataType::Text | DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_)
        ),
        Expr::Trim { expr, .. } | Expr::Substring { expr, .. } => is_text(expr),
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter().all(|when| is_text(&when.result)) && else_result.as_deref().is_none_or(is_text)
        }
        Expr::Function(function) => gives_text(function),
        _ => false,
    }
}

fn gives_text(function: &Function) -> bool {
    let name = function.name.0.last().and_then(|part| part.as_ident()).map(folded);
    let (Some(name), FunctionArguments::List(list), None) = (name, &function.args, &function.over) else {
        return false;
    };
    let values = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
        _ => None,
    });
    let mut values = values.collect::<Option<Vec<_>>>().unwrap_or_default().into_iter();
    match name.as_str() {
        known if GIVE_TEXT.contains(&known) => true,
        "coalesce" | "greatest" | "least" | "nullif" => values.len() > 0 && values.all(is_text),
        known if GIVE_THE_SAME.contains(&known) => values.next().is_some_and(is_text),
        _ => false,
    }
}
