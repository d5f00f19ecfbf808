//! Functions that return rows: in a SELECT list `f(x)` → `unnest(f(x))`, in FROM `f(x)` → `LATERAL f(x)`.
//!
//! Blocked by: DataFusion knows `unnest` only, and functions in FROM that look at no table. The functions themselves return
//! arrays (`pgfunctions`).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, TableFactor, Value,
    ValueWithSpan, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{Rule, call, scalar_subqueries, takes_relation};

/// All of them, but those of [`RECORD_FUNCTIONS`].
pub const SET_FUNCTIONS: &[&str] = &[
    "_pg_expandarray",
    "aclexplode",
    "generate_subscripts",
    "json_array_elements",
    "json_array_elements_text",
    "json_each",
    "json_each_text",
    "json_object_keys",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_object_keys",
    "jsonb_path_query",
    "jsonb_path_query_tz",
    "pg_listening_channels",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
];

/// In FROM, with constants, it is DataFusion's table function.
const SERIES: &str = "generate_series";

/// Those whose columns the alias in FROM declares.
pub const RECORD_FUNCTIONS: &[&str] = &["json_to_record", "json_to_recordset", "jsonb_to_record", "jsonb_to_recordset"];

#[derive(Default)]
pub struct Rewriter {
    /// Queries in arguments up to now.
    queries: u32,
}

fn name_of(name: &ObjectName) -> Option<String> {
    Some(name.0.last()?.as_ident()?.value.to_lowercase())
}

fn is_constant(argument: &FunctionArg) -> bool {
    let (FunctionArg::Unnamed(value) | FunctionArg::Named { arg: value, .. }) = argument else { return false };
    struct Names;
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Subquery(_) => ControlFlow::Break(()),
                Expr::Value(ValueWithSpan { value: Value::Placeholder(_), .. }) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    value.visit(&mut Names).is_continue()
}

/// Functions of the catalogs that are tables here, whatever they are asked of.
const CATALOG_TABLES: &[&str] = &[
    "aclexplode",
    "pg_get_publication_tables",
    "pg_options_to_table",
    "pg_partition_ancestors",
    "pg_partition_tree",
    "pg_tablespace_databases",
    "ts_token_type",
];

/// Whether the function is planned as a table, which sees no other.
fn is_table(function: &str) -> bool {
    takes_relation(function) || CATALOG_TABLES.contains(&function)
}

/// Whether a column stands in it, outside of queries.
fn names_column(argument: &FunctionArg) -> bool {
    let (FunctionArg::Unnamed(value) | FunctionArg::Named { arg: value, .. }) = argument else { return false };
    let FunctionArgExpr::Expr(value) = value else { return false };
    scalar_subqueries::holds(value, |expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)))
}

impl Rewriter {
    /// `unnest((SELECT …))` → `unnest(CASE WHEN 2 = 2 THEN (SELECT …) END)`: DataFusion takes queries in the arguments of two
    /// such calls for one.
    fn tell_queries_apart(&mut self, function: &mut Function) {
        let is_set = name_of(&function.name)
            .is_some_and(|name| SET_FUNCTIONS.contains(&name.as_str()) || name == SERIES || name == "unnest");
        let FunctionArguments::List(list) = &mut function.args else { return };
        if !is_set {
            return;
        }
        for argument in &mut list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument else { continue };
            if !is_query(value) {
                continue;
            }
            self.queries += 1;
            if self.queries > 1 {
                let text = format!("CASE WHEN {0} = {0} THEN 1 END", self.queries);
                let parsed =
                    Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_expr());
                if let Ok(Expr::Case { case_token, end_token, mut conditions, .. }) = parsed
                    && let Some(when) = conditions.first_mut()
                {
                    when.result = value.clone();
                    *value = Expr::Case { case_token, end_token, operand: None, conditions, else_result: None };
                }
            }
        }
    }
}

fn is_query(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_query(inner),
        other => matches!(other, Expr::Subquery(_)),
    }
}

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(function) = expr {
            self.tell_queries_apart(function);
        }
        if let Expr::Function(function) = expr
            && name_of(&function.name).is_some_and(|name| SET_FUNCTIONS.contains(&name.as_str()) || name == SERIES)
        {
            // what an array is unnested to is not known to be json any more
            let mark = match name_of(&function.name).as_deref() {
                Some("json_array_elements") => Some("json_mark"),
                Some("jsonb_array_elements" | "jsonb_path_query" | "jsonb_path_query_tz") => Some("jsonb_mark"),
                _ => None,
            };
            let element = call("unnest", vec![Expr::Function(function.clone())]);
            *expr = match mark {
                Some(mark) => call(mark, vec![element]),
                None => element,
            };
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        if let TableFactor::Table { name, args: Some(_), .. } = factor
            && name_of(name).as_deref() == Some(SERIES)
        {
            // DataFusion knows it under this name only
            *name = ObjectName::from(vec![Ident::new(SERIES)]);
        }
        let (TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. }) = &*factor else {
            return;
        };
        let Some(function) = name_of(name) else { return };
        let is_set = [SET_FUNCTIONS, RECORD_FUNCTIONS].iter().any(|names| names.contains(&function.as_str()));
        let replacement = match &*factor {
            TableFactor::Table { name, alias, args: Some(arguments), with_ordinality, .. }
                if is_set
                    || function == SERIES && (*with_ordinality || !arguments.args.iter().all(is_constant))
                    // any function in FROM sees the relations before it
                    || !is_table(&function) && arguments.args.iter().any(names_column) =>
            {
                TableFactor::Function {
                    lateral: true,
                    name: name.clone(),
                    args: arguments.args.clone(),
                    with_ordinality: *with_ordinality,
                    alias: alias.clone(),
                }
            }
            TableFactor::Function { name, args, with_ordinality, alias, .. } if is_set || function == SERIES => {
                TableFactor::Function {
                    lateral: true,
                    name: name.clone(),
                    args: args.clone(),
                    with_ordinality: *with_ordinality,
                    alias: alias.clone(),
                }
            }
            _ => return,
        };
        *factor = replacement;
    }
}
