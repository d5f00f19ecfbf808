//! CREATE TABLE, CREATE TABLE AS, SELECT INTO.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Schema};
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, OnCommit};

use super::super::{Change, unsupported};
use super::columns::{Declared, declared};
use super::constraints::Constraints;
use super::relations::{self, existing, is_temporary, place, quoted};
use super::{checks, expressions, options, sequences};
use crate::catalog::{Column, ObjectKind};
use crate::dialect::{LIKE, Statement, folded, visible_name};
use crate::engine::planned::bind;
use crate::engine::session::Outcome;
use crate::engine::{errors, execute};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgtypes::{FREE, TYPE_MODIFIER_KEY};
use crate::table::{ColumnDefinition, ConstraintKind, Definition, WriteMode, WriteSpec};

pub(super) async fn create(
    change: &Change,
    statement: &Statement,
    table: &ast::CreateTable,
    params: &[ScalarValue],
) -> Result<Outcome> {
    check_supported(table)?;
    let tag = if table.query.is_some() { "CREATE TABLE AS" } else { "CREATE TABLE" };
    let name = place(change, &table.name, table.temporary)?;
    if change.scope().object(&name).is_some() {
        return existing(change, &name, table.if_not_exists, tag);
    }
    if table.on_commit.is_some() && !is_temporary(&name.schema) {
        let message = "ON COMMIT can only be used on temporary tables";
        return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
    }
    let outcome = match &table.query {
        Some(query) => {
            let with_data = !table.strict;
            let ast = ast::Statement::Query(query.clone());
            let query = Statement { ast, ..statement.clone() };
            let plan = planned(change, &query, params).await?;
            let names: Vec<String> = table.columns.iter().map(|column| folded(&column.name)).collect();
            let kept = Kept {
                properties: options::of_table(change, table)?,
                partition_by: options::partition_columns(table)?,
            };
            let rows = fill(change, &name, renamed(plan, &names)?, kept, with_data).await?;
            Outcome::command(if with_data { format!("SELECT {rows}") } else { tag.to_owned() })
        }
        None => {
            let mut definition = defined(change, &name, table).await?;
            change.planner.fix(&name, &mut definition).await?;
            let schema = DFSchema::try_from(definition.schema.as_ref().clone()).map_err(errors::from_datafusion)?;
            let none = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(schema) });
            let asks = definition.clone();
            let spec = WriteSpec { definition: Some(definition), ..WriteSpec::new(WriteMode::Overwrite) };
            change.write(&name, spec, none).await?;
            sequences::settle_owners(change, &name);
            for column in asks.columns.keys() {
                expressions::check_generated(change, &name, &asks, column).await?;
            }
            checks::expressions(change, &name, &asks).await?;
            Outcome::command(tag)
        }
    };
    match table.on_commit {
        Some(OnCommit::Drop) => change.overlay.at_commit(&name, true),
        Some(OnCommit::DeleteRows) => change.overlay.at_commit(&name, false),
        Some(OnCommit::PreserveRows) | None => {}
    }
    Ok(outcome)
}

fn check_supported(table: &ast::CreateTable) -> Result<()> {
    let refused = if table.partition_of.is_some() {
        Some(("PARTITION OF", "PARTITION BY LIST (column) makes the partitions as rows come"))
    } else if table.inherits.is_some() {
        Some(("INHERITS", "CREATE TABLE t (LIKE other INCLUDING ALL) copies the columns"))
    } else {
        None
    };
    refused.map_or(Ok(()), |(what, hint)| Err(unsupported(what).with_hint(hint)))
}

/// The target of `SELECT … INTO`.
pub(super) fn into(query: &ast::Query) -> Option<&ast::SelectInto> {
    match query.body.as_ref() {
        ast::SetExpr::Select(select) => select.into.as_ref(),
        _ => None,
    }
}

fn without_into(query: &ast::Query) -> ast::Query {
    let mut query = query.clone();
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        select.into = None;
    }
    query
}

/// The query whose rows a statement makes a table of.
pub(in crate::engine) fn table_query(statement: &ast::Statement) -> Option<ast::Query> {
    match statement {
        ast::Statement::CreateTable(table) => table.query.as_deref().cloned(),
        ast::Statement::Query(query) if into(query).is_some() => Some(without_into(query)),
        _ => None,
    }
}

pub(super) async fn select_into(
    change: &Change,
    statement: &Statement,
    query: &ast::Query,
    params: &[ScalarValue],
) -> Result<Outcome> {
    let Some(target) = into(query) else { return Err(Error::internal("SELECT INTO without INTO")) };
    let name = place(change, &target.name, target.temporary)?;
    if change.scope().object(&name).is_some() {
        return existing(change, &name, false, "SELECT INTO");
    }
    let query = Statement { ast: ast::Statement::Query(Box::new(without_into(query))), ..statement.clone() };
    let plan = planned(change, &query, params).await?;
    let rows = fill(change, &name, renamed(plan, &[])?, Kept::default(), true).await?;
    Ok(Outcome::command(format!("SELECT {rows}")))
}

pub(super) async fn planned(change: &Change, query: &Statement, params: &[ScalarValue]) -> Result<LogicalPlan> {
    let planned = change.plan(query).await?;
    Ok(bind(&planned, query, params)?.unwrap_or(planned))
}

/// The plan with its first columns under these names, the others under those that the query gives them.
///
/// # Errors
/// `42601` for more names than columns, `42701` for two columns of one name.
pub(super) fn renamed(plan: LogicalPlan, names: &[String]) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    if names.len() > columns.len() {
        return Err(Error::new(ErrorKind::SyntaxError, "too many column names were specified"));
    }
    let own = columns.iter().skip(names.len()).map(|column| visible_name(&column.name).to_owned());
    let all: Vec<String> = names.iter().cloned().chain(own).collect();
    check_distinct(all.iter().map(String::as_str))?;
    if columns.iter().zip(&all).all(|(column, name)| column.name == *name) {
        return Ok(plan);
    }
    let columns: Vec<Expr> =
        columns.into_iter().zip(all).map(|(column, name)| Expr::Column(column).alias(name)).collect();
    LogicalPlanBuilder::from(plan).project(columns).and_then(LogicalPlanBuilder::build).map_err(errors::from_datafusion)
}

/// What a table made of a query keeps besides its rows.
#[derive(Default)]
pub(super) struct Kept {
    pub properties: BTreeMap<String, String>,
    pub partition_by: Vec<String>,
}

/// Makes the table of a query's rows; answers how many.
pub(super) async fn fill(
    change: &Change,
    name: &TableName,
    plan: LogicalPlan,
    kept: Kept,
    with_data: bool,
) -> Result<u64> {
    let plan = with_room(plan).map_err(errors::from_datafusion)?;
    let columns: Vec<Column> = plan.schema().fields().iter().map(|field| Column::of_result(field)).collect();
    let fields = columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true));
    let mut definition = Definition {
        properties: kept.properties,
        partition_by: kept.partition_by,
        ..Definition::new(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    };
    for column in columns {
        let Column { name, pg_type, modifier, .. } = column;
        definition.columns.insert(name, ColumnDefinition { pg_type, modifier, ..ColumnDefinition::default() });
    }
    let plan = match with_data {
        true => plan,
        false => LogicalPlanBuilder::from(plan)
            .limit(0, Some(0))
            .and_then(LogicalPlanBuilder::build)
            .map_err(errors::from_datafusion)?,
    };
    let spec = WriteSpec { definition: Some(definition), ..WriteSpec::new(WriteMode::Overwrite) };
    Ok(change.write(name, spec, plan).await?.rows)
}

/// The plan with room in its computed numerics for rows to come, which PostgreSQL's have without end: all digits there are;
/// a constant says nothing of decimals either.
fn with_room(plan: LogicalPlan) -> datafusion::error::Result<LogicalPlan> {
    let is_constant = |index: usize| match &plan {
        LogicalPlan::Projection(projection) => {
            projection.expr.get(index).is_some_and(|expr| matches!(expr.clone().unalias(), Expr::Literal(..)))
        }
        _ => false,
    };
    let mut changed = false;
    let columns = plan.schema().iter().enumerate().map(|(index, (qualifier, field))| {
        let column = Expr::Column((qualifier, field).into());
        let wide = match field.data_type() {
            DataType::Decimal128(..) if execute::is_declared(&plan, index) => return column,
            DataType::Decimal128(..) if is_constant(index) => FREE,
            DataType::Decimal128(_, scale) => DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale),
            _ => return column,
        };
        changed = true;
        let undeclared = [(TYPE_MODIFIER_KEY.to_owned(), "-1".to_owned())].into();
        let wide = Field::new("", wide, field.is_nullable()).with_metadata(undeclared);
        Expr::Cast(Cast::new_from_field(Box::new(column), Arc::new(wide))).alias(field.name())
    });
    let columns: Vec<Expr> = columns.collect();
    if changed { LogicalPlanBuilder::from(plan).project(columns)?.build() } else { Ok(plan) }
}

fn check_distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.to_lowercase()) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
    }
    Ok(())
}

/// What the statement says the table is.
async fn defined(change: &Change, name: &TableName, table: &ast::CreateTable) -> Result<Definition> {
    let mut columns: Vec<Declared> = Vec::new();
    let mut constraints = Constraints::new(name, column_names(change, table)?, Vec::new());
    if let Some(ast::CreateTableLikeKind::Plain(like) | ast::CreateTableLikeKind::Parenthesized(like)) = &table.like {
        copied(change, name, &like.name, &[], &mut columns, &mut constraints)?;
    }
    for column in &table.columns {
        if column.name.value == LIKE {
            let (from, what) = like_of(&column.data_type)?;
            copied(change, name, from, what, &mut columns, &mut constraints)?;
        } else {
            columns.push(declared(change, column, &mut constraints)?);
        }
    }
    check_distinct(columns.iter().map(Declared::name))?;
    for constraint in &table.constraints {
        constraints.add(change, constraint)?;
    }
    let declared = |name: &str| columns.iter().find(|column| column.name() == name);
    constraints.settle(change, |name| declared(name).map(Declared::pg_type))?;
    let partition_by = options::partition_columns(table)?;
    for column in &partition_by {
        if !columns.iter().any(|known| known.name() == column) {
            let message = format!("column \"{column}\" named in partition key does not exist");
            return Err(Error::new(ErrorKind::UndefinedColumn, message));
        }
    }
    let not_null = |field: &Field| !field.is_nullable() || constraints.not_null.contains(field.name());
    let fields = columns.iter().map(|column| column.field.clone().with_nullable(!not_null(&column.field)));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let columns = columns.into_iter().map(|column| (column.field.name().clone(), column.definition)).collect();
    let properties = options::of_table(change, table)?;
    Ok(Definition {
        columns,
        constraints: constraints.all,
        properties,
        partition_by,
        ..Definition::new(Arc::new(schema))
    })
}

/// Names of the columns, those of other tables too: constraints are named after them.
fn column_names(change: &Change, table: &ast::CreateTable) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let like = |name: &ast::ObjectName| -> Result<Vec<String>> {
        Ok(relations::known(change, name)?.columns.iter().map(|column| column.name.clone()).collect())
    };
    if let Some(ast::CreateTableLikeKind::Plain(from) | ast::CreateTableLikeKind::Parenthesized(from)) = &table.like {
        names.extend(like(&from.name)?);
    }
    for column in &table.columns {
        match column.name.value == LIKE {
            true => names.extend(like(like_of(&column.data_type)?.0)?),
            false => names.push(folded(&column.name)),
        }
    }
    Ok(names)
}

fn like_of(data_type: &ast::DataType) -> Result<(&ast::ObjectName, &[String])> {
    match data_type {
        ast::DataType::Custom(name, what) => Ok((name, what)),
        other => Err(Error::new(ErrorKind::SyntaxError, format!("syntax error at or near \"{other}\""))),
    }
}

/// The columns of another relation, with what INCLUDING and EXCLUDING say, the last of each.
fn copied(
    change: &Change,
    table: &TableName,
    from: &ast::ObjectName,
    what: &[String],
    columns: &mut Vec<Declared>,
    constraints: &mut Constraints,
) -> Result<()> {
    let object = relations::known(change, from)?;
    let is_view = matches!(object.kind, ObjectKind::View { .. });
    let has = |word: &str| {
        let said = what.iter().rev().find_map(|given| {
            let given = given.trim_matches('\'');
            let (is_in, given) = given.strip_prefix('-').map_or((true, given), |given| (false, given));
            (given == word || given == "all").then_some(is_in)
        });
        said == Some(true)
    };
    for column in &object.columns {
        let definition = ColumnDefinition {
            comment: column.comment.clone().filter(|_| has("comments")),
            pg_type: column.pg_type.clone(),
            modifier: column.modifier,
            default: column.default.clone().filter(|_| has("defaults")),
            generated: column.generated.clone().filter(|_| has("generated")),
            identity: column.identity.clone().filter(|_| has("identity")),
        };
        if definition.identity.is_some() {
            let sequences = change.owned_sequences(&object, Some(&column.name));
            let numbering = sequences.first().and_then(|sequence| sequence.sequence());
            sequences::make_like(change, table, column, numbering);
        }
        // what a query is known to give is no constraint
        let nullable = column.nullable || is_view;
        columns.push(Declared { field: Field::new(&column.name, column.data_type.clone(), nullable), definition });
    }
    for constraint in &object.constraints {
        match &constraint.kind {
            ConstraintKind::Check { .. } if has("constraints") => constraints.all.push(constraint.clone()),
            ConstraintKind::PrimaryKey { columns } if has("indexes") => {
                constraints.primary_key(None, columns.clone())?;
                constraints.as_in(constraint);
            }
            ConstraintKind::Unique { columns, nulls_not_distinct } if has("indexes") => {
                constraints.unique(None, columns.clone(), *nulls_not_distinct, &constraint.covers)?;
                constraints.as_in(constraint);
            }
            kind @ ConstraintKind::Index { .. } if has("indexes") => constraints.index(kind)?,
            _ => {}
        }
    }
    Ok(())
}

/// `SELECT …` of these expressions from the table.
pub(super) fn select_from(name: &TableName, items: &[String]) -> String {
    format!("SELECT {} FROM {}.{}", items.join(", "), quoted(&name.schema), quoted(&name.name))
}
