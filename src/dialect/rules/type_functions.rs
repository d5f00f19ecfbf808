//! A type's name as a function: `date(x)` → `x::date`.
//!
//! Only of types whose names PostgreSQL lets stand there unquoted, and of one argument.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::Rule;

const TYPES: &[&str] = &[
    "bool",
    "bpchar",
    "bytea",
    "date",
    "float4",
    "float8",
    "int2",
    "int4",
    "int8",
    "json",
    "jsonb",
    "name",
    "oid",
    "regclass",
    "regproc",
    "regtype",
    "text",
    "timestamptz",
    "uuid",
];

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(Function { name, args: FunctionArguments::List(list), over: None, filter: None, .. }) =
            expr
            && let Some(data_type) = type_named(name)
            && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] = list.args.as_slice()
        {
            let value = Box::new(value.clone());
            *expr = Expr::Cast { kind: CastKind::Cast, expr: value, data_type, array: false, format: None };
        }
    }
}

fn type_named(name: &ObjectName) -> Option<DataType> {
    let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    let name = match idents.as_slice() {
        [name] => name.value.to_lowercase(),
        [schema, name] if schema.value.eq_ignore_ascii_case("pg_catalog") => name.value.to_lowercase(),
        _ => return None,
    };
    TYPES.iter().find(|known| **known == name)?;
    Parser::new(&PostgreSqlDialect {}).try_with_sql(&name).ok()?.parse_data_type().ok()
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn types_are_functions_of_one_value() {
        let sql = "select date(a), pg_catalog.int4(b), date_trunc('day', a) as c from t";
        let expected =
            "SELECT CAST(a AS DATE) AS date, CAST(b AS INT4) AS int4, date_trunc('day', a) AS c FROM t".to_owned();
        assert_eq!(parse_single(sql).unwrap().ast.to_string().replace('"', ""), expected);
    }
}
