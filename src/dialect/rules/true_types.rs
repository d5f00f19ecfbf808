//! `information_schema._pg_truetypid(a.*, t.*)` and `_pg_truetypmod`: what a column's type is where domains are looked through.
//! PostgREST and pipelines ask it of rows of `pg_attribute` and `pg_type`; it is put into the columns that it reads.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::Rule;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(call) = &*expr
            && let Some(read) = written_out(call)
        {
            *expr = read;
        }
    }
}

fn written_out(call: &Function) -> Option<Expr> {
    let (of_base, of_column) = match call.name.0.last()?.as_ident()?.value.to_lowercase().as_str() {
        "_pg_truetypid" => ("typbasetype", "atttypid"),
        "_pg_truetypmod" => ("typtypmod", "atttypmod"),
        _ => return None,
    };
    let FunctionArguments::List(list) = &call.args else { return None };
    let [FunctionArg::Unnamed(column), FunctionArg::Unnamed(data_type)] = list.args.as_slice() else { return None };
    let (column, data_type) = (relation(column)?, relation(data_type)?);
    let text = format!("CASE WHEN {data_type}.typtype = 'd' THEN {data_type}.{of_base} ELSE {column}.{of_column} END");
    Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).ok()?.parse_expr().ok()
}

/// The relation whose row an argument is, `a.*` or `a`.
fn relation(argument: &FunctionArgExpr) -> Option<Ident> {
    match argument {
        FunctionArgExpr::QualifiedWildcard(ObjectName(parts)) => parts.last()?.as_ident().cloned(),
        FunctionArgExpr::Expr(Expr::Identifier(name)) => Some(name.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn rows_are_their_columns() {
        let sql = "SELECT information_schema._pg_truetypid(a.*, \"T\".*) AS x, _pg_truetypmod(a, t) AS y FROM a, t";
        let shown = parse_single(sql).unwrap().ast.to_string();
        let id = "CASE WHEN \"T\".typtype = 'd' THEN \"T\".typbasetype ELSE a.atttypid END AS x";
        let modifier = "CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS y";
        assert_eq!(shown, format!("SELECT {id}, {modifier} FROM a, t"));
    }
}
