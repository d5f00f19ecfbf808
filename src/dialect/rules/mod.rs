//! Compatibility as an ordered list of small rewrites of the syntax tree, one file each.
//!
//! Invariant: a rule may be left out and every other still does its part.

mod array_literals;
mod array_subquery;
mod base_types;
mod cast_arguments;
mod catalog_functions;
mod column_names;
mod ctid;
mod distinct_order;
mod element_names;
mod empty_catalogs;
mod fetch_first;
mod field_access;
mod float_literals;
mod function_columns;
mod function_names;
mod grouping_positions;
mod inner_ctes;
mod integer_literals;
mod like_escape;
mod parameter_types;
mod pg_catalog_crate;
mod precedence;
mod quantified;
mod reg_casts;
mod relation_arguments;
mod row_comparisons;
mod scalar_subqueries;
mod set_functions;
mod slices;
mod symmetric;
mod tableoid;
mod time_syntax;
mod type_functions;
mod unary_operators;
mod values_types;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Insert, ObjectName,
    SetExpr, Statement, Value, Visit, Visitor,
};

pub use array_subquery::GATHERED;
pub use cast_arguments::is_aggregate;
pub use column_names::{repeated_name, visible_name};
pub use reg_casts::REG_IN;
pub use relation_arguments::{RELATION, RELATION_FUNCTIONS, takes_relation};
pub use scalar_subqueries::{SINGLE_VALUE, one_value};
pub use set_functions::{RECORD_FUNCTIONS, SET_FUNCTIONS};

/// What a rule is told about the statement.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// It reads PostgreSQL's own catalogs.
    pub metadata: bool,
}

type Rule = fn(&mut Statement, Facts);

/// In order: operators are bound, relations in arguments are made visible to all others, then names are taken from the text
/// as written.
const RULES: &[Rule] = &[
    precedence::apply,
    relation_arguments::apply,
    catalog_functions::apply,
    element_names::apply,
    column_names::apply,
    type_functions::apply,
    set_functions::apply,
    function_columns::apply,
    time_syntax::apply,
    like_escape::apply,
    values_types::apply,
    fetch_first::apply,
    symmetric::apply,
    parameter_types::apply,
    quantified::apply,
    row_comparisons::apply,
    grouping_positions::apply,
    slices::apply,
    distinct_order::apply,
    unary_operators::apply,
    float_literals::apply,
    base_types::apply,
    inner_ctes::apply,
    empty_catalogs::apply,
    array_subquery::apply,
    ctid::apply,
    tableoid::apply,
    reg_casts::apply,
    scalar_subqueries::apply,
    field_access::apply,
    cast_arguments::apply,
    function_names::apply,
    integer_literals::apply,
    array_literals::apply,
    pg_catalog_crate::apply,
];

/// The statement as DataFusion can plan it.
pub fn apply(mut statement: Statement) -> Statement {
    if adds_constants(&statement) {
        // thousands come one after another, and no other rule has anything to say of them
        integer_literals::apply(&mut statement, Facts { metadata: false });
    } else if plannable(&statement) {
        let facts = Facts { metadata: reads_catalogs(&statement) };
        RULES.iter().for_each(|rule| rule(&mut statement, facts));
    }
    statement
}

/// Whether it is an INSERT of nothing but literals.
fn adds_constants(statement: &Statement) -> bool {
    let Statement::Insert(Insert { source: Some(source), on: None, returning: None, .. }) = statement else {
        return false;
    };
    let SetExpr::Values(values) = source.body.as_ref() else { return false };
    let is_literal = |expr: &Expr| match expr {
        Expr::Value(value) => {
            matches!(value.value, Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null)
        }
        _ => false,
    };
    source.with.is_none()
        && source.order_by.is_none()
        && source.limit_clause.is_none()
        && source.fetch.is_none()
        && values.rows.iter().all(|row| row.content.iter().all(is_literal))
}

fn plannable(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Query(_)
            | Statement::Explain { .. }
            | Statement::Prepare { .. }
            | Statement::Declare { .. }
            | Statement::Insert(_)
            | Statement::Update(_)
            | Statement::Delete(_)
            | Statement::Merge(_)
            | Statement::CreateTable(_)
    )
}

/// `name(arguments …)`.
pub fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(plain_call(ObjectName::from(vec![Ident::new(name)]), arguments))
}

/// A call without anything but its arguments.
pub fn plain_call(name: ObjectName, arguments: Vec<Expr>) -> Function {
    let argument = |value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value));
    Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

/// The relation's own name, lower case, if it is one of PostgreSQL's catalogs.
fn catalog_relation(name: &ObjectName) -> Option<String> {
    let mut idents = name.0.iter().filter_map(|part| part.as_ident()).rev();
    let relation = idents.next()?.value.to_ascii_lowercase();
    let is_system = match idents.next() {
        Some(schema) => ["pg_catalog", "information_schema"].iter().any(|s| schema.value.eq_ignore_ascii_case(s)),
        None => relation.starts_with("pg_"),
    };
    is_system.then_some(relation)
}

fn reads_catalogs(statement: &Statement) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            if catalog_relation(name).is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    statement.visit(&mut Finder).is_break()
}
