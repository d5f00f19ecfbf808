//! Compatibility as small rewrites of the syntax tree, one file each, in a few walks over it.
//!
//! Invariant: a rule may be left out and every other still does its part.

mod array_literals;
mod array_subquery;
mod base_types;
mod bits;
mod boolean_literals;
mod cast_arguments;
mod catalog_functions;
mod column_names;
mod ctid;
mod distinct_on;
mod distinct_order;
mod element_names;
mod empty_catalogs;
mod fetch_first;
mod field_access;
mod float_literals;
mod frame_offsets;
mod function_columns;
mod function_names;
mod gathered_elements;
mod grouping_members;
mod grouping_positions;
mod hidden_columns;
mod hypothetical_sets;
mod inner_ctes;
mod integer_literals;
mod lag_defaults;
mod lateral_sets;
mod like_escape;
mod literal_arguments;
mod named_windows;
mod ordered_strings;
mod parameter_types;
mod pg_catalog_crate;
mod plain_literals;
mod precedence;
mod qualified_wildcards;
mod quantified;
mod reg_casts;
mod relation_arguments;
mod repeated_keys;
mod row_comparisons;
mod row_numbers;
mod row_wildcards;
mod samples;
mod scalar_subqueries;
mod sequence_names;
mod set_functions;
mod shadowed_ctes;
mod slices;
mod symmetric;
mod tableoid;
mod time_syntax;
mod true_types;
mod type_functions;
mod unary_operators;
mod values_types;
mod walk;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Statement, Value,
};

pub use array_subquery::GATHERED;
pub use cast_arguments::is_aggregate;
pub use column_names::{repeated_name, visible_name};
pub use frame_offsets::parameter_in as frame_parameter;
pub use function_names::rewritten as rewritten_functions;
pub use literal_arguments::OF_TEXT;
pub use reg_casts::{JSONPATH_IN, REG_IN};
pub use relation_arguments::{RELATION, RELATION_FUNCTIONS, takes_relation};
pub use row_comparisons::is_of_rows;
pub use row_wildcards::{ALL, has_columns};
pub use scalar_subqueries::{SINGLE_VALUE, one_value};
pub use set_functions::{RECORD_FUNCTIONS, SET_FUNCTIONS};
pub use values_types::type_of as type_in_list;
use walk::{Rule, walk};

/// The statement as DataFusion can plan it.
pub fn apply(mut statement: Statement) -> Statement {
    match &mut statement {
        // defaults and conditions are kept as they are written
        Statement::CreateTable(table) => {
            walk(table, &mut [&mut plain_literals::Rewriter]);
            if let Some(query) = table.query.take() {
                let mut query = Statement::Query(query);
                rewrite(&mut query);
                if let Statement::Query(query) = query {
                    table.query = Some(query);
                }
            }
        }
        planned if plannable(planned) => rewrite(planned),
        other => walk(other, &mut [&mut plain_literals::Rewriter]),
    }
    statement
}

/// Operators are bound and relations in arguments made visible before all else; names are taken from the text as written.
fn rewrite(statement: &mut Statement) {
    let mut catalogs = Catalogs::default();
    walk(
        statement,
        &mut [
            &mut samples::Rewriter,
            &mut relation_arguments::Rewriter,
            &mut catalog_functions::Rewriter,
            &mut catalogs,
            &mut precedence::Binder,
            &mut named_windows::Rewriter::default(),
            &mut shadowed_ctes::Renamer::default(),
        ],
    );
    walk(
        statement,
        &mut [
            &mut plain_literals::Rewriter,
            &mut qualified_wildcards::Rewriter::default(),
            &mut row_wildcards::Rewriter,
            &mut lateral_sets::Rewriter,
            &mut element_names::Rewriter::default(),
            &mut column_names::Namer,
            &mut type_functions::Rewriter,
            &mut sequence_names::Rewriter::default(),
            &mut set_functions::Rewriter::default(),
            &mut boolean_literals::Rewriter,
            &mut true_types::Rewriter,
            &mut function_columns::Rewriter,
            &mut time_syntax::Rewriter,
            &mut frame_offsets::Rewriter,
            &mut like_escape::Rewriter,
            &mut fetch_first::Rewriter,
            &mut symmetric::Rewriter,
            &mut parameter_types::Typer,
            &mut quantified::Rewriter,
            &mut hypothetical_sets::Rewriter,
            &mut bits::Rewriter,
            &mut row_comparisons::Rewriter,
            &mut lag_defaults::Rewriter,
            &mut grouping_members::Rewriter,
            &mut grouping_positions::Rewriter,
            &mut slices::Rewriter,
            &mut repeated_keys::Rewriter,
            &mut distinct_order::Rewriter,
            &mut unary_operators::Rewriter,
            &mut literal_arguments::Rewriter,
            &mut row_numbers::Rewriter,
            &mut float_literals::Reader,
            &mut field_access::Rewriter,
        ],
    );
    walk(
        statement,
        &mut [
            &mut hidden_columns::Rewriter,
            &mut distinct_on::Rewriter,
            &mut values_types::Rewriter,
            &mut base_types::Rewriter,
            &mut inner_ctes::Rewriter,
        ],
    );
    for_planner(statement, catalogs.read);
}

/// What only DataFusion's planner asks for. It comes last: the others know what stands in the text.
fn for_planner(statement: &mut Statement, reads_catalogs: bool) {
    if reads_catalogs {
        walk(statement, &mut [&mut empty_catalogs::Emptier, &mut tableoid::Rewriter::default()]);
    }
    let (mut casts, mut strings, mut spellings) = Default::default();
    walk(
        statement,
        &mut [
            &mut array_subquery::Rewriter,
            &mut ctid::Rewriter,
            &mut reg_casts::Rewriter,
            &mut scalar_subqueries::Rewriter::default(),
            &mut function_names::Renamer,
            &mut casts,
            &mut strings,
        ],
    );
    ordered_strings::apply(statement, &strings);
    cast_arguments::apply(statement, &casts);
    walk(
        statement,
        &mut [
            &mut integer_literals::Narrower::default(),
            &mut array_literals::Rewriter,
            &mut gathered_elements::Rewriter,
            &mut spellings,
        ],
    );
    pg_catalog_crate::apply(statement, &spellings, reads_catalogs);
}

/// The name of a function that is called without a schema or with `pg_catalog`, lower case.
fn own_name(function: &Function) -> Option<String> {
    let idents: Vec<&Ident> = function.name.0.iter().filter_map(|part| part.as_ident()).collect();
    match idents.as_slice() {
        [name] => Some(name.value.to_lowercase()),
        [schema, name] if schema.value.eq_ignore_ascii_case("pg_catalog") => Some(name.value.to_lowercase()),
        _ => None,
    }
}

/// Whether the statement reads PostgreSQL's own catalogs.
#[derive(Default)]
struct Catalogs {
    read: bool,
}

impl Rule for Catalogs {
    fn pre_visit_relation(&mut self, name: &mut ObjectName) {
        self.read |= catalog_relation(name).is_some();
    }
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
    )
}

/// `name(arguments …)`.
pub fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(plain_call(ObjectName::from(vec![Ident::new(name)]), arguments))
}

/// `CAST(expr AS type)`.
pub fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `$1`, perhaps in parentheses.
pub fn is_parameter(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_parameter(inner),
        Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
        _ => false,
    }
}

pub fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_null(inner),
        Expr::Value(value) => value.value == Value::Null,
        _ => false,
    }
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
