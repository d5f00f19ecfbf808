//! Expressions over a table's columns as PostgreSQL tells them: with the casts that its parser puts in, and a pair of
//! parentheses around every operator, or, for people, as few as there may be.
//!
//! Invariant: what is not known here for certain is not told: then the words stay that somebody wrote.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Expr, UnaryOperator, Value};

use super::functions::format_type;
use crate::catalog::Column;
use crate::dialect::{self, folded};
use crate::names::{quote_ident, quote_literal};
use crate::pgtypes::{self, Type};

/// The expression in PostgreSQL's words; `None` where they are not known.
pub fn told(text: &str, columns: &[Column], pretty: bool) -> Option<String> {
    let expr = dialect::parse_expression(text)?;
    Teller { columns, pretty }.tell(&expr, None).map(|told| told.text)
}

/// What an expression is made of at its outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A column, a constant, a call.
    Simple,
    Operator(&'static str),
    And,
    Or,
    Not,
}

struct Told {
    text: String,
    form: Form,
    pg_type: Type,
    /// A constant, which takes the type that its place asks for.
    unknown: bool,
}

struct Teller<'a> {
    columns: &'a [Column],
    pretty: bool,
}

const INTEGERS: [Type; 3] = [Type::INT2, Type::INT4, Type::INT8];

/// Types, besides integers and texts, that have operators of their own.
#[rustfmt::skip]
const COMPARED: [Type; 8] = [
    Type::BPCHAR, Type::BOOL, Type::DATE, Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::NUMERIC, Type::FLOAT8, Type::UUID,
];

fn simple(text: impl Into<String>, pg_type: Type) -> Told {
    Told { text: text.into(), form: Form::Simple, pg_type, unknown: false }
}

impl Teller<'_> {
    /// `wanted`: the type that the place asks for, of a constant without one.
    fn tell(&self, expr: &Expr, wanted: Option<&Type>) -> Option<Told> {
        match expr {
            Expr::Nested(inner) => self.tell(inner, wanted),
            Expr::Identifier(name) => {
                let name = folded(name);
                let column = self.columns.iter().find(|column| column.name == name)?;
                Some(simple(quote_ident(&name), pgtypes::column_type(&column.field())))
            }
            Expr::Value(value) => constant(&value.value, wanted),
            Expr::TypedString(typed) => {
                let Value::SingleQuotedString(text) = &typed.value.value else { return None };
                literal(text, &type_of(&typed.data_type)?)
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => self.negated(expr),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                let inner = self.tell(expr, None).filter(is_boolean)?;
                let needs = matches!(inner.form, Form::And | Form::Or | Form::Not);
                Some(self.boolean(format!("NOT {}", self.inside(inner, needs)), Form::Not))
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.compare(expr, if *negated { "!~~" } else { "~~" }, pattern)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                self.compare(expr, if *negated { "!~~*" } else { "~~*" }, pattern)
            }
            Expr::IsNull(inner) => self.test(inner, "IS NULL"),
            Expr::IsNotNull(inner) => self.test(inner, "IS NOT NULL"),
            Expr::IsTrue(inner) => self.test(inner, "IS TRUE"),
            Expr::IsFalse(inner) => self.test(inner, "IS FALSE"),
            Expr::IsNotTrue(inner) => self.test(inner, "IS NOT TRUE"),
            Expr::IsNotFalse(inner) => self.test(inner, "IS NOT FALSE"),
            Expr::IsDistinctFrom(left, right) => self.compare(left, "IS DISTINCT FROM", right),
            Expr::Cast { kind: ast::CastKind::Cast | ast::CastKind::DoubleColon, expr, data_type, .. } => {
                let wanted = type_of(data_type)?;
                let inner = self.tell(expr, Some(&wanted))?;
                if inner.unknown || inner.pg_type == wanted {
                    return Some(Told { unknown: false, ..inner });
                }
                Some(self.cast(inner, &wanted))
            }
            Expr::Function(call) => self.call(call),
            _ => None,
        }
    }

    fn boolean(&self, text: String, form: Form) -> Told {
        let text = if self.pretty { text } else { format!("({text})") };
        Told { text, form, pg_type: Type::BOOL, unknown: false }
    }

    /// Within another: in parentheses where it has none of its own and needs them.
    fn inside(&self, inner: Told, needs: bool) -> String {
        if self.pretty && needs { format!("({})", inner.text) } else { inner.text }
    }

    fn operand(&self, inner: Told, operator: &str, is_left: bool) -> String {
        let rank = |operator: &str| match operator {
            "*" | "/" | "%" => 2,
            "+" | "-" => 1,
            _ => 0,
        };
        let needs = match inner.form {
            Form::Simple => false,
            Form::Operator(own) => {
                let (own, outer) = (rank(own), rank(operator));
                !(outer > 0 && (own > outer || own == outer && is_left))
            }
            _ => true,
        };
        self.inside(inner, needs)
    }

    fn cast(&self, inner: Told, to: &Type) -> Told {
        let name = cast_name(to);
        let text = match self.pretty && inner.form == Form::Simple {
            true => format!("{}::{name}", inner.text),
            false => format!("({})::{name}", inner.text),
        };
        simple(text, to.clone())
    }

    fn cast_where_needed(&self, inner: Told, to: &Type) -> Told {
        if inner.pg_type == *to { inner } else { self.cast(inner, to) }
    }

    fn negated(&self, expr: &Expr) -> Option<Told> {
        if let Expr::Value(value) = expr
            && let Value::Number(digits, _) = &value.value
        {
            let number = number(digits)?;
            return literal(&format!("-{digits}"), &number.pg_type);
        }
        let inner = self.tell(expr, None)?;
        let pg_type = inner.pg_type.clone();
        let is_number = INTEGERS.contains(&pg_type) || matches!(pg_type, Type::NUMERIC | Type::FLOAT8);
        let inner = self.operand(inner, "- ", false);
        let text = if self.pretty { format!("- {inner}") } else { format!("(- {inner})") };
        is_number.then_some(Told { text, form: Form::Operator("- "), pg_type, unknown: false })
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Told> {
        let operator = match op {
            BinaryOperator::And => return self.junction([left, right], Form::And),
            BinaryOperator::Or => return self.junction([left, right], Form::Or),
            BinaryOperator::Eq => "=",
            BinaryOperator::NotEq => "<>",
            BinaryOperator::Lt => "<",
            BinaryOperator::LtEq => "<=",
            BinaryOperator::Gt => ">",
            BinaryOperator::GtEq => ">=",
            BinaryOperator::PGRegexMatch => "~",
            BinaryOperator::PGRegexNotMatch => "!~",
            BinaryOperator::PGRegexIMatch => "~*",
            BinaryOperator::PGRegexNotIMatch => "!~*",
            BinaryOperator::Plus => return self.arithmetic(left, "+", right),
            BinaryOperator::Minus => return self.arithmetic(left, "-", right),
            BinaryOperator::Multiply => return self.arithmetic(left, "*", right),
            BinaryOperator::Divide => return self.arithmetic(left, "/", right),
            BinaryOperator::Modulo => return self.arithmetic(left, "%", right),
            BinaryOperator::StringConcat => {
                let (left, right) = self.both(left, right)?;
                if left.pg_type != Type::TEXT || right.pg_type != Type::TEXT {
                    return None;
                }
                return Some(Told { pg_type: Type::TEXT, ..self.operation(left, "||", right) });
            }
            _ => return None,
        };
        self.compare(left, operator, right)
    }

    /// `AND` and `OR`. As PostgreSQL has it, what stands on the left with the same word belongs to it.
    fn junction(&self, [left, right]: [&Expr; 2], form: Form) -> Option<Told> {
        let (word, same) = match form {
            Form::And => (" AND ", BinaryOperator::And),
            _ => (" OR ", BinaryOperator::Or),
        };
        let (mut first, mut sides) = (left, vec![right]);
        loop {
            match first {
                Expr::Nested(inner) => first = inner,
                Expr::BinaryOp { left, op, right } if *op == same => {
                    sides.push(right);
                    first = left;
                }
                _ => break,
            }
        }
        sides.push(first);
        let mut parts = Vec::with_capacity(sides.len());
        for side in sides.into_iter().rev() {
            let told = self.tell(side, None).filter(is_boolean)?;
            let needs = form == Form::And && told.form == Form::Or;
            parts.push(self.inside(told, needs));
        }
        Some(self.boolean(parts.join(word), form))
    }

    fn operation(&self, left: Told, operator: &'static str, right: Told) -> Told {
        let (left, right) = (self.operand(left, operator, true), self.operand(right, operator, false));
        self.boolean(format!("{left} {operator} {right}"), Form::Operator(operator))
    }

    fn compare(&self, left: &Expr, operator: &'static str, right: &Expr) -> Option<Told> {
        let (left, right) = self.both(left, right)?;
        Some(self.operation(left, operator, right))
    }

    fn arithmetic(&self, left: &Expr, operator: &'static str, right: &Expr) -> Option<Told> {
        let (left, right) = self.both(left, right)?;
        let widest = INTEGERS.iter().rev().find(|known| **known == left.pg_type || **known == right.pg_type);
        let pg_type = match (&left.pg_type, &right.pg_type) {
            (a, b) if INTEGERS.contains(a) && INTEGERS.contains(b) => widest?.clone(),
            (a @ (&Type::NUMERIC | &Type::FLOAT8), b) if a == b => (*a).clone(),
            _ => return None,
        };
        Some(Told { pg_type, ..self.operation(left, operator, right) })
    }

    /// Both sides of an operator, of the types that it takes.
    fn both(&self, left: &Expr, right: &Expr) -> Option<(Told, Told)> {
        let (mut a, mut b) = (self.tell(left, None)?, self.tell(right, None)?);
        if a.unknown && b.unknown {
            return None;
        }
        if a.unknown {
            a = self.tell(left, Some(&operand_type(&b.pg_type)))?;
        } else if b.unknown {
            b = self.tell(right, Some(&operand_type(&a.pg_type)))?;
        }
        match common_type(&a.pg_type, &b.pg_type)? {
            Sides::AsTheyAre => Some((a, b)),
            Sides::Cast(to) => Some((self.cast_where_needed(a, &to), self.cast_where_needed(b, &to))),
        }
    }

    fn between(&self, expr: &Expr, negated: bool, low: &Expr, high: &Expr) -> Option<Told> {
        let (at_least, at_most) = if negated { ("<", ">") } else { (">=", "<=") };
        let (low, high) = (self.compare(expr, at_least, low)?, self.compare(expr, at_most, high)?);
        let (word, form) = if negated { ("OR", Form::Or) } else { ("AND", Form::And) };
        Some(self.boolean(format!("{} {word} {}", low.text, high.text), form))
    }

    fn in_list(&self, expr: &Expr, list: &[Expr], negated: bool) -> Option<Told> {
        let operator = if negated { "<>" } else { "=" };
        if let [one] = list {
            return self.compare(expr, operator, one);
        }
        let left = self.tell(expr, None).filter(|left| !left.unknown)?;
        let (of, array) = match left.pg_type {
            Type::VARCHAR => (Type::VARCHAR, Some(Type::TEXT_ARRAY)),
            ref other => (other.clone(), None),
        };
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            let item = self.tell(item, Some(&of))?;
            let fits = item.pg_type == of || INTEGERS.contains(&of) && item.pg_type == Type::INT4;
            let item = match (fits, &of, &item.pg_type) {
                (true, ..) => item,
                (false, &Type::NUMERIC, &Type::INT4) => self.cast(item, &Type::NUMERIC),
                _ => return None,
            };
            items.push(item.text);
        }
        let list = simple(format!("ARRAY[{}]", items.join(", ")), of);
        let (left, list) = match array {
            Some(array) => (self.cast(left, &Type::TEXT), self.cast(list, &array)),
            None => (left, list),
        };
        let quantifier = if negated { "ALL" } else { "ANY" };
        let left = self.operand(left, operator, true);
        Some(self.boolean(format!("{left} {operator} {quantifier} ({})", list.text), Form::Operator("=")))
    }

    fn test(&self, inner: &Expr, words: &str) -> Option<Told> {
        let inner = self.tell(inner, None).filter(|inner| !inner.unknown)?;
        let needs = inner.form != Form::Simple;
        Some(self.boolean(format!("{} {words}", self.inside(inner, needs)), Form::Operator("IS")))
    }

    fn call(&self, call: &ast::Function) -> Option<Told> {
        let [name] = call.name.0.as_slice() else { return None };
        let name = folded(name.as_ident()?);
        let arguments: Vec<&Expr> = match &call.args {
            ast::FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
                let plain = |argument| match argument {
                    &ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ref expr)) => Some(expr),
                    _ => None,
                };
                list.args.iter().map(plain).collect::<Option<_>>()?
            }
            _ => return None,
        };
        let is_plain = call.over.is_none() && call.filter.is_none() && call.within_group.is_empty();
        let result = match (name.as_str(), arguments.len()) {
            _ if !is_plain => return None,
            ("length" | "char_length" | "character_length" | "octet_length", 1) => Type::INT4,
            ("lower" | "upper" | "initcap" | "reverse" | "md5", 1) | ("btrim" | "ltrim" | "rtrim", 1 | 2) => Type::TEXT,
            ("now", 0) => return Some(simple("now()", Type::TIMESTAMPTZ)),
            ("abs", 1) => {
                let inner = self.tell(arguments.first()?, None)?;
                let pg_type = inner.pg_type.clone();
                let is_number = INTEGERS.contains(&pg_type) || matches!(pg_type, Type::NUMERIC | Type::FLOAT8);
                return is_number.then(|| simple(format!("abs({})", inner.text), pg_type));
            }
            ("coalesce", 2) => {
                let (a, b) = self.both(arguments.first()?, arguments.get(1)?)?;
                let same = a.pg_type == b.pg_type;
                return same.then(|| simple(format!("COALESCE({}, {})", a.text, b.text), a.pg_type));
            }
            _ => return None,
        };
        let mut texts = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let told = self.tell(argument, Some(&Type::TEXT))?;
            let told = match told.pg_type {
                Type::TEXT => told,
                Type::VARCHAR => self.cast(told, &Type::TEXT),
                _ => return None,
            };
            texts.push(told.text);
        }
        Some(simple(format!("{name}({})", texts.join(", ")), result))
    }
}

fn is_boolean(told: &Told) -> bool {
    told.pg_type == Type::BOOL
}

/// The type in which an operator takes a constant beside this one.
fn operand_type(other: &Type) -> Type {
    if *other == Type::VARCHAR { Type::TEXT } else { other.clone() }
}

/// What the sides of an operator become.
enum Sides {
    AsTheyAre,
    Cast(Type),
}

/// `None` where that is not known.
fn common_type(a: &Type, b: &Type) -> Option<Sides> {
    let integer = |pg_type: &Type| INTEGERS.contains(pg_type);
    let textual = |pg_type: &Type| matches!(*pg_type, Type::TEXT | Type::VARCHAR);
    let number = |pg_type: &Type| integer(pg_type) || *pg_type == Type::NUMERIC;
    match (a, b) {
        _ if integer(a) && integer(b) => Some(Sides::AsTheyAre),
        _ if textual(a) && textual(b) => Some(Sides::Cast(Type::TEXT)),
        _ if a == b => COMPARED.contains(a).then_some(Sides::AsTheyAre),
        (&Type::FLOAT8, other) | (other, &Type::FLOAT8) if number(other) => Some(Sides::Cast(Type::FLOAT8)),
        (&Type::NUMERIC, other) | (other, &Type::NUMERIC) if integer(other) => Some(Sides::Cast(Type::NUMERIC)),
        _ => None,
    }
}

fn constant(value: &Value, wanted: Option<&Type>) -> Option<Told> {
    match value {
        Value::Number(digits, _) => number(digits),
        Value::Boolean(truth) => Some(simple(truth.to_string(), Type::BOOL)),
        Value::SingleQuotedString(text) => match wanted {
            Some(wanted) => Some(Told { unknown: true, ..literal(text, wanted)? }),
            None => Some(Told { unknown: true, ..simple(quote_literal(text), Type::UNKNOWN) }),
        },
        _ => None,
    }
}

fn number(digits: &str) -> Option<Told> {
    if digits.contains(['.', 'e', 'E']) {
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !digits.starts_with('.');
        return is_plain.then(|| simple(digits, Type::NUMERIC));
    }
    match digits.parse::<i64>().ok()? {
        number if i32::try_from(number).is_ok() => Some(simple(number.to_string(), Type::INT4)),
        number => literal(&number.to_string(), &Type::INT8),
    }
}

/// A constant of a type, where it is written as that type writes it.
fn literal(text: &str, pg_type: &Type) -> Option<Told> {
    let style = pgtypes::Style::default();
    let is_own = match *pg_type {
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::INT4 | Type::INT8 | Type::NUMERIC => true,
        Type::DATE => text.len() == 10,
        Type::TIMESTAMP => text.len() == 19 && text.as_bytes().get(10) == Some(&b' '),
        Type::UUID => text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase()),
        _ => false,
    };
    let valid = is_own && pgtypes::read_text(pg_type, text, &style).is_ok();
    valid.then(|| simple(format!("{}::{}", quote_literal(text), cast_name(pg_type)), pg_type.clone()))
}

/// What a cast to the type says.
fn cast_name(pg_type: &Type) -> String {
    if *pg_type == Type::BPCHAR { "bpchar".to_owned() } else { format_type(pg_type.oid(), -1) }
}

/// Of types without modifiers.
fn type_of(data_type: &ast::DataType) -> Option<Type> {
    let name = data_type.to_string().to_lowercase();
    Some(match name.as_str() {
        "int" | "integer" | "int4" => Type::INT4,
        "bigint" | "int8" => Type::INT8,
        "smallint" | "int2" => Type::INT2,
        "text" => Type::TEXT,
        "varchar" | "character varying" => Type::VARCHAR,
        "numeric" | "decimal" => Type::NUMERIC,
        "double precision" | "float8" => Type::FLOAT8,
        "date" => Type::DATE,
        "timestamp" | "timestamp without time zone" => Type::TIMESTAMP,
        "boolean" | "bool" => Type::BOOL,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    fn columns() -> Vec<Column> {
        let of = |name: &str, data_type, pg_type: Option<&str>| Column {
            pg_type: pg_type.map(str::to_owned),
            ..Column::new(name, data_type, true)
        };
        vec![
            of("a", DataType::Int32, None),
            of("b", DataType::Int64, None),
            of("n", DataType::Decimal128(10, 2), None),
            of("f", DataType::Float64, None),
            of("t", DataType::Utf8, None),
            of("v", DataType::Utf8, Some("varchar")),
            of("d", DataType::Date32, None),
            of("bo", DataType::Boolean, None),
        ]
    }

    fn check(text: &str, full: &str, pretty: &str) {
        let tell = |pretty| told(text, &columns(), pretty);
        assert_eq!((tell(false).as_deref(), tell(true).as_deref()), (Some(full), Some(pretty)), "{text}");
    }

    #[test]
    fn expressions_are_told_as_by_postgres() {
        check("a > 0 and b < 5 or not bo", "(((a > 0) AND (b < 5)) OR (NOT bo))", "a > 0 AND b < 5 OR NOT bo");
        check("(a > 0 or bo) and b < 5", "(((a > 0) OR bo) AND (b < 5))", "(a > 0 OR bo) AND b < 5");
        check("n > 0", "(n > (0)::numeric)", "n > 0::numeric");
        check("f < 1.5", "(f < (1.5)::double precision)", "f < 1.5::double precision");
        check("v <> 'x'", "((v)::text <> 'x'::text)", "v::text <> 'x'::text");
        check("a in (1, 2)", "(a = ANY (ARRAY[1, 2]))", "a = ANY (ARRAY[1, 2])");
        check("t in ('a')", "(t = 'a'::text)", "t = 'a'::text");
        let full = "((v)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))";
        check("v in ('a','b')", full, "v::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[])");
        check("a between 1 and 5", "((a >= 1) AND (a <= 5))", "a >= 1 AND a <= 5");
        check("v not like 'a%'", "((v)::text !~~ 'a%'::text)", "v::text !~~ 'a%'::text");
        check("length(v) > 2", "(length((v)::text) > 2)", "length(v::text) > 2");
        check("a * 2 > b", "((a * 2) > b)", "(a * 2) > b");
        check("a + a * 2 = 0", "((a + (a * 2)) = 0)", "(a + a * 2) = 0");
        check("a > -1", "(a > '-1'::integer)", "a > '-1'::integer");
        check("b > 3000000000", "(b > '3000000000'::bigint)", "b > '3000000000'::bigint");
        check("d > date '2020-01-01'", "(d > '2020-01-01'::date)", "d > '2020-01-01'::date");
        check("not (a > 1)", "(NOT (a > 1))", "NOT a > 1");
        check("bo", "bo", "bo");
        check("-a < 0", "((- a) < 0)", "(- a) < 0");
        check("t || v = 'x'", "((t || (v)::text) = 'x'::text)", "(t || v::text) = 'x'::text");
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        for text in ["nosuch > 1", "d > 'yesterday'", "f(a) > 1", "d + 1 > d", "case when bo then true end"] {
            assert_eq!(told(text, &columns(), false), None, "{text}");
        }
    }
}
