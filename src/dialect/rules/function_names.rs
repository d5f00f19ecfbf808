//! Functions that DataFusion has under another name, or as an operator.
//!
//! Blocked by: DataFusion's names. Remove a row when it knows PostgreSQL's.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, UnaryOperator, Value, ValueWithSpan,
};

use super::{RECORD_FUNCTIONS, Rule, call, cast, is_null, is_parameter, own_name};
use crate::dialect::folded;

/// PostgreSQL's name, DataFusion's.
const NAMES: &[(&str, &str)] = &[
    ("array_remove", "array_remove_all"),
    ("array_replace", "array_replace_all"),
    ("ceiling", "ceil"),
    ("every", "bool_and"),
    ("sign", "signum"),
    ("variance", "var_samp"),
];

/// Functions that have become others, or operators, before anything is planned.
pub fn rewritten() -> impl Iterator<Item = &'static str> {
    let operators = ["mod", "unnest"];
    NAMES.iter().map(|(given, _)| *given).chain(operators).chain(RECORD_FUNCTIONS.iter().copied())
}

/// Whether a word is a function's that is called without parentheses, and that the parser takes for a column.
pub fn is_call(word: &Ident) -> bool {
    word.quote_style.is_none() && ["current_role", "current_schema"].contains(&folded(word).as_str())
}

pub struct Renamer;

impl Rule for Renamer {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::SimilarTo { negated, expr: text, pattern, escape_char } = expr {
            *expr = similar_to(*negated, text, pattern, escape_char.as_ref());
        }
        if let Expr::Identifier(word) = expr
            && is_call(word)
        {
            *expr = call(&folded(word), Vec::new());
        }
        if let Expr::Function(function) = expr {
            let name = own_name(function);
            if let Some((_, known)) = NAMES.iter().find(|(given, _)| name.as_deref() == Some(*given)) {
                // the place stays, for errors about the call
                let span = function.name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.span);
                let mut ident = Ident::new(*known);
                ident.span = span.unwrap_or(ident.span);
                function.name = ObjectName::from(vec![ident]);
            } else if name.as_deref() == Some("pg_partition_ancestors") {
                *expr = no_relations();
            } else if name.as_deref() == Some("mod")
                && let Some((left, right)) = two_arguments(function)
            {
                let modulo = Expr::BinaryOp { left: left.into(), op: BinaryOperator::Modulo, right: right.into() };
                *expr = Expr::Nested(Box::new(modulo));
            } else if name.as_deref() == Some("array_cat")
                && let Some((left, right)) = two_arguments(function)
                && [&left, &right].into_iter().any(|side| is_parameter(side) || is_null(side))
            {
                // DataFusion takes what has no type for an element
                let joined =
                    Expr::BinaryOp { left: left.into(), op: BinaryOperator::StringConcat, right: right.into() };
                *expr = Expr::Nested(Box::new(joined));
            }
        }
    }
}

/// `unnest('{}'::oid[])::regclass`: no table is a partition of another.
fn no_relations() -> Expr {
    let oids = DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(custom("oid")), None));
    let none = cast(Expr::Value(Value::SingleQuotedString("{}".to_owned()).with_empty_span()), oids);
    cast(call("unnest", vec![none]), custom("regclass"))
}

fn custom(name: &str) -> DataType {
    DataType::Custom(ObjectName::from(vec![Ident::new(name)]), Vec::new())
}

/// `a SIMILAR TO b` → `regexp_like(a, similar_to_escape(b))`: DataFusion takes the pattern for a regular expression.
fn similar_to(negated: bool, text: &Expr, pattern: &Expr, escape: Option<&ValueWithSpan>) -> Expr {
    let mut arguments = vec![pattern.clone()];
    arguments.extend(escape.map(|escape| Expr::Value(escape.clone())));
    let pattern = call("similar_to_escape", arguments);
    let matches = call("regexp_like", vec![text.clone(), pattern]);
    if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(matches) } } else { matches }
}

fn two_arguments(function: &Function) -> Option<(Expr, Expr)> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(left)), FunctionArg::Unnamed(FunctionArgExpr::Expr(right))] => {
            Some((Expr::Nested(left.clone().into()), Expr::Nested(right.clone().into())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected, "{sql}");
    }

    #[test]
    fn names_are_those_that_datafusion_knows() {
        check("select every(a) as e, variance(b) as v from t", "SELECT bool_and(a) AS e, var_samp(b) AS v FROM t");
        check("select mod(a - b, c) as m from t", "SELECT ((a - b) % (c)) AS m FROM t");
    }
}
