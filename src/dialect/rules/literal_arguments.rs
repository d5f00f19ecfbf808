//! Quoted literals where a function takes a number: `left(name, '2')` → `left(name, '2'::integer)`.
//!
//! Blocked by: DataFusion takes such a literal for text, which these functions refuse. Remove when it leaves it untyped.

use datafusion::sql::sqlparser::ast::{
    DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value, ValueWithSpan,
};

use super::{Rule, cast, own_name};

/// Functions of text, with the types of their arguments: no other type becomes text without a cast.
///
/// `t` text, `i` integer; the last is that of all further ones.
pub const OF_TEXT: &[(&str, &str)] = &[
    ("upper", "t"),
    ("lower", "t"),
    ("initcap", "t"),
    ("reverse", "t"),
    ("btrim", "tt"),
    ("ltrim", "tt"),
    ("rtrim", "tt"),
    ("lpad", "tit"),
    ("rpad", "tit"),
    ("left", "ti"),
    ("right", "ti"),
    ("repeat", "ti"),
    ("replace", "ttt"),
    ("translate", "ttt"),
    ("split_part", "tti"),
    ("strpos", "tt"),
    ("starts_with", "tt"),
    ("ascii", "t"),
    ("chr", "i"),
    ("character_length", "t"),
    ("substr", "tii"),
    ("md5", "t"),
    ("hashtext", "t"),
];

/// Functions of one number, of which PostgreSQL prefers the one of a `double precision`.
const OF_NUMBER: &[&str] = &[
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "cbrt", "ceiling", "cos", "cosh", "cot", "degrees",
    "exp", "ln", "log", "radians", "round", "sign", "sin", "sinh", "sqrt", "tan", "tanh",
];

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let function = match expr {
            Expr::Function(function) => function,
            Expr::Floor { expr, .. } | Expr::Ceil { expr, .. } => {
                return read_as(expr, DataType::Double(ExactNumberInfo::None));
            }
            Expr::Substring { substring_from, substring_for, shorthand: true, .. } => {
                let places = substring_from.iter_mut().chain(substring_for);
                return places.for_each(|place| {
                    if matches!(place.as_ref(), Expr::Value(ValueWithSpan { value: Value::Placeholder(_), .. })) {
                        // of `substring` it is text
                        **place = cast(place.as_ref().clone(), DataType::Integer(None));
                    }
                    read_as(place, DataType::Integer(None));
                });
            }
            _ => return,
        };
        let Some(name) = own_name(function) else { return };
        if let Some((_, types)) = OF_TEXT.iter().find(|(known, _)| *known == name) {
            let integers = types.chars().map(|wanted| wanted == 'i');
            let places = arguments(function).zip(integers).filter(|(_, integer)| *integer);
            places.for_each(|(place, _)| read_as(place, DataType::Integer(None)));
        } else if OF_NUMBER.contains(&name.as_str()) && arguments(function).count() == 1 {
            arguments(function).for_each(|number| read_as(number, DataType::Double(ExactNumberInfo::None)));
        }
    }
}

fn arguments(function: &mut Function) -> impl Iterator<Item = &mut Expr> {
    let list = match &mut function.args {
        FunctionArguments::List(list) => list.args.as_mut_slice(),
        _ => &mut [],
    };
    list.iter_mut().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
        _ => None,
    })
}

fn read_as(value: &mut Expr, data_type: DataType) {
    if matches!(value, Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. })) {
        *value = cast(value.clone(), data_type);
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn they_are_the_numbers_they_are_read_as() {
        let check = |sql: &str, expected: &str| assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        check(
            "SELECT left('a', '2') AS a, left('a', b) AS b",
            "SELECT left('a', CAST('2' AS INTEGER)) AS a, left('a', b) AS b",
        );
        check("SELECT substr('a', '2') AS a", "SELECT SUBSTR('a', CAST('2' AS INTEGER)) AS a");
        check("SELECT floor('2.5') AS a", "SELECT FLOOR(CAST('2.5' AS DOUBLE)) AS a");
        check(
            "SELECT round('2.5') AS a, round('2.5', 1) AS b",
            "SELECT round(CAST('2.5' AS DOUBLE)) AS a, round('2.5', 1) AS b",
        );
    }
}
