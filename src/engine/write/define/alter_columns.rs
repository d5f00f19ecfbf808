//! ALTER TABLE, where it is about columns.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{self, AlterColumnOperation};

use super::super::{Change, unsupported};
use super::checks;
use super::columns::{check_identity, declared, stored_name, typed};
use super::constraints::Constraints;
use super::drop::{cascades, depended_on, settle_readers};
use super::expressions::{self, Place};
use super::relations::{edit_foreign_keys, plan, quoted, readers, shown};
use super::tables::select_from;
use super::{alterations, sequences};
use crate::catalog::{Object, ObjectKind, OwnedBy, Sequence};
use crate::dialect::{self, alteration_of_column, folded};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgcatalog::format_type;
use crate::pgtypes;
use crate::table::{ColumnDefinition, ConstraintKind, Definition, WriteMode, WriteSpec};

/// The columns, each nullable or not as the function says.
pub(super) fn with_nullability(schema: &Schema, nullable: impl Fn(&str, bool) -> bool) -> SchemaRef {
    let field = |field: &FieldRef| field.as_ref().clone().with_nullable(nullable(field.name(), field.is_nullable()));
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

pub(super) fn undefined(table: &Object, column: &str) -> Error {
    let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name.name);
    Error::new(ErrorKind::UndefinedColumn, message)
}

/// PostgreSQL's type of a column.
pub(super) fn type_of(table: &Object, column: &str) -> Option<pgtypes::Type> {
    let column = table.columns.iter().find(|known| known.name == column)?;
    Some(pgtypes::column_type(&column.field()))
}

fn has(table: &Object, column: &str) -> bool {
    table.columns.iter().any(|known| known.name == column)
}

/// Writes the table's rows anew: of each column of the definition its value, which is the column itself where none is given.
async fn rewrite(
    change: &Change,
    table: &Object,
    definition: Definition,
    value: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    let item = |field: &FieldRef| match value(field.name()) {
        Some(value) => format!("{value} AS {}", quoted(field.name())),
        None => quoted(field.name()),
    };
    let items: Vec<String> = definition.schema.fields().iter().map(item).collect();
    let rows = plan(change, &select_from(&table.name, &items)).await?;
    let spec = WriteSpec { definition: Some(definition), checked: true, ..WriteSpec::new(WriteMode::Overwrite) };
    change.write(&table.name, spec, rows).await.map(|_| ())
}

pub(super) async fn add(
    change: &Change,
    table: &Arc<Object>,
    column: &ast::ColumnDef,
    if_not_exists: bool,
) -> Result<()> {
    let name = folded(&column.name);
    if has(table, &name) {
        let message = format!("column \"{name}\" of relation \"{}\" already exists", table.name.name);
        if !if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        change.notice("42701", format!("{message}, skipping"));
        return Ok(());
    }
    let mut definition = change.definition(table).await?;
    let had = definition.constraints.len();
    let columns = table.columns.iter().map(|column| column.name.clone()).chain([name.clone()]).collect();
    let mut constraints = Constraints::new(&table.name, columns, definition.constraints.clone());
    let new = declared(change, column, &mut constraints)?;
    constraints.settle(change, |column| match column == name {
        true => Some(new.pg_type()),
        false => type_of(table, column),
    })?;
    let refuses_nulls = !new.field.is_nullable();
    let value = match (&new.definition.default, &new.definition.generated, &new.definition.identity) {
        (_, Some(generated), _) => Some(format!("({generated})")),
        // a serial column counts the rows that are there: its sequence is not to be seen by the statement that makes it
        (Some(_), ..) if sequences::is_serial(change, &new.definition) => Some("row_number() OVER ()".to_owned()),
        (Some(default), ..) => Some(format!("CAST(({default}) AS {})", stored_name(&column.data_type)?)),
        (_, _, Some(_)) => Some("row_number() OVER ()".to_owned()),
        _ => None,
    };
    if refuses_nulls && value.is_none() {
        checks::no_row(change, &table.name, &name, "true").await?;
    }
    let fields = definition.schema.fields().iter().map(|field| field.as_ref().clone()).chain([new.field]);
    definition.schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
    let announced = new.definition.clone();
    definition.columns.insert(name.clone(), new.definition);
    expressions::check_generated(change, &table.name, &definition, &name).await?;
    let checked = Definition { constraints: Vec::new(), ..definition.clone() };
    definition.constraints = constraints.all;
    change.planner.fix(&table.name, &mut definition).await?;
    let new_checks: Vec<_> = definition.constraints.iter().skip(had).cloned().collect();
    match value {
        None => change.overlay.redefine(&table.name, &definition).await?,
        Some(value) => {
            let value = fitted(change, table, value, &announced).await?;
            rewrite(change, table, definition.clone(), |column| (column == name).then(|| value.clone())).await?;
        }
    }
    sequences::settle_owners(change, &table.name);
    sequences::pass_rows(change, table, &name).await?;
    checks::expressions(change, &table.name, &Definition { constraints: new_checks.clone(), ..checked }).await?;
    for constraint in new_checks {
        if let ConstraintKind::Check { condition } = &constraint.kind {
            checks::no_violation(change, &table.name, &constraint.name, condition).await?;
        }
    }
    Ok(())
}

pub(super) async fn drop(
    change: &Change,
    table: &Arc<Object>,
    columns: &[ast::Ident],
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    let mut definition = change.definition(table).await?;
    let mut gone = Vec::new();
    for column in columns {
        let name = folded(column);
        if definition.schema.field_with_name(&name).is_err() {
            let error = undefined(table, &name);
            if !if_exists {
                return Err(error);
            }
            change.notice("00000", format!("{}, skipping", error.message()));
            continue;
        }
        if definition.partition_by.contains(&name) {
            return Err(unsupported("dropping a partition column")
                .with_hint("make the table anew: CREATE TABLE … PARTITION BY LIST (…) AS SELECT …"));
        }
        let fields = definition.schema.fields().iter().filter(|field| *field.name() != name).cloned();
        definition.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        definition.columns.remove(&name);
        gone.push(name);
    }
    let Some(first) = gone.first() else { return Ok(()) };
    for sequence in gone.iter().flat_map(|column| change.owned_sequences(table, Some(column))) {
        change.overlay.drop_object(&sequence.name)?;
    }
    if definition.schema.fields().is_empty() {
        return Err(unsupported("a table without columns"));
    }
    let reads = |text: &str| gone.iter().any(|name| mentions(text, name));
    let told = |column: &str| format!("column {column} of table {}", shown(change, &table.name));
    let computed: Vec<String> = definition
        .columns
        .iter()
        .filter(|(_, column)| column.generated.as_deref().is_some_and(reads))
        .map(|(name, _)| name.clone())
        .collect();
    if !computed.is_empty() && !cascade {
        let lines: Vec<String> =
            computed.iter().map(|column| format!("{} depends on {}", told(column), told(first))).collect();
        return Err(depended_on(format!("cannot drop {} because other objects depend on it", told(first)), &lines));
    }
    cascades(change, &computed.iter().map(|column| told(column)).collect::<Vec<_>>());
    let first = first.clone();
    for column in computed {
        let fields = definition.schema.fields().iter().filter(|field| *field.name() != column).cloned();
        definition.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        definition.columns.remove(&column);
        gone.push(column);
    }
    let reads = |text: &str| gone.iter().any(|name| mentions(text, name));
    definition.constraints.retain(|constraint| match &constraint.kind {
        ConstraintKind::Check { condition } => !reads(condition),
        ConstraintKind::Index { columns, keys, condition, included, .. } => {
            !columns.iter().chain(included).any(|column| gone.contains(column))
                && !keys.iter().chain(condition).any(|text| reads(text))
        }
        kind => !kind.columns().iter().chain(&constraint.covers).any(|column| gone.contains(column)),
    });
    rewrite(change, table, definition, |_| None).await?;
    settle_readers(change, table, &told(&first), cascade).await
}

fn mentions(text: &str, column: &str) -> bool {
    checks::names_in(text).is_ok_and(|names| names.contains(column))
}

pub(super) async fn rename(change: &Change, table: &Arc<Object>, old: &str, new: &str) -> Result<()> {
    if !has(table, old) {
        let message = format!("column \"{old}\" does not exist");
        return Err(Error::new(ErrorKind::UndefinedColumn, message));
    }
    check_free(table, new)?;
    let mut definition = change.definition(table).await?;
    let renamed = |name: &String| if name == old { new.to_owned() } else { name.clone() };
    let fields = definition.schema.fields().iter().map(|field| field.as_ref().clone().with_name(renamed(field.name())));
    definition.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    if let Some(column) = definition.columns.remove(old) {
        definition.columns.insert(new.to_owned(), column);
    }
    for column in definition.columns.values_mut() {
        column.generated = column.generated.as_deref().map(|text| renamed_in(text, old, new));
    }
    definition.partition_by = definition.partition_by.iter().map(renamed).collect();
    for constraint in &mut definition.constraints {
        constraint.covers = constraint.covers.iter().map(renamed).collect();
        match &mut constraint.kind {
            ConstraintKind::Check { condition } => *condition = renamed_in(condition, old, new),
            ConstraintKind::Index { columns, keys, condition, included, .. } => {
                *columns = columns.iter().map(renamed).collect();
                *included = included.iter().map(renamed).collect();
                for text in keys.iter_mut().chain(condition) {
                    *text = renamed_in(text, old, new);
                }
            }
            ConstraintKind::ForeignKey { columns, actions, .. } => {
                *columns = columns.iter().map(renamed).collect();
                actions.delete_columns = actions.delete_columns.iter().map(renamed).collect();
            }
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
                *columns = columns.iter().map(renamed).collect();
            }
        }
    }
    rewrite(change, table, definition, |column| (column == new).then(|| quoted(old))).await?;
    for object in change.owned_sequences(table, Some(old)) {
        if let Some(sequence) = object.sequence() {
            let owned_by = Some(OwnedBy { table: table.id, column: new.to_owned() });
            change.overlay.put_sequence(&object.name, Sequence { owned_by, ..sequence.clone() });
        }
    }
    edit_foreign_keys(change, &table.name, |key| {
        if let ConstraintKind::ForeignKey { references, .. } = key {
            *references = references.iter().map(renamed).collect();
        }
    })
    .await?;
    check_readers(change, &table.name).await
}

/// # Errors
/// `0A000` where a view reads a column that has another name now.
async fn check_readers(change: &Change, of: &TableName) -> Result<()> {
    for reader in readers(change, of) {
        let Some(definition) = reader.defining_query() else { continue };
        if plan(change, definition).await.is_err() {
            let message = format!("renaming a column that view \"{}\" reads", reader.name.name);
            return Err(unsupported(&message).with_hint("drop the view, rename the column, and make the view again"));
        }
    }
    Ok(())
}

fn check_free(table: &Object, column: &str) -> Result<()> {
    if !has(table, column) {
        return Ok(());
    }
    let message = format!("column \"{column}\" of relation \"{}\" already exists", table.name.name);
    Err(Error::new(ErrorKind::DuplicateColumn, message))
}

/// The expression with the column under its new name.
fn renamed_in(text: &str, old: &str, new: &str) -> String {
    let Ok(mut statement) = dialect::parse_single(&format!("SELECT {text}")) else { return text.to_owned() };
    let _ = ast::visit_expressions_mut(&mut statement.ast, |expr| {
        let ident = match expr {
            ast::Expr::Identifier(ident) => Some(ident),
            ast::Expr::CompoundIdentifier(parts) => parts.last_mut(),
            _ => None,
        };
        if let Some(ident) = ident.filter(|ident| folded(ident) == old) {
            *ident = ast::Ident::with_quote('"', new);
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    let ast::Statement::Query(query) = &statement.ast else { return text.to_owned() };
    match query.body.as_ref() {
        ast::SetExpr::Select(select) => match select.projection.first() {
            Some(ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) => expr.to_string(),
            _ => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

pub(super) async fn rename_in_view(change: &Change, view: &Arc<Object>, old: &str, new: &str) -> Result<()> {
    if !has(view, old) {
        return Err(Error::new(ErrorKind::UndefinedColumn, format!("column \"{old}\" does not exist")));
    }
    check_free(view, new)?;
    change.overlay.edit(&view.name, |object| {
        for column in object.columns.iter_mut().filter(|column| column.name == old) {
            column.name = new.to_owned();
        }
        let names: Vec<String> = object.columns.iter().map(|column| quoted(&column.name)).collect();
        if let ObjectKind::View { definition } = &mut object.kind {
            *definition = format!("SELECT * FROM ({definition}) AS view_query ({})", names.join(", "));
        }
    })?;
    check_readers(change, &view.name).await
}

pub(super) async fn alter(
    change: &Change,
    table: &Arc<Object>,
    column: &str,
    operation: &AlterColumnOperation,
) -> Result<()> {
    if !has(table, column) {
        return Err(undefined(table, column));
    }
    if let AlterColumnOperation::SetDefault { value } = operation
        && let Some(what) = alteration_of_column(value)
    {
        return alterations::of_column(change, table, column, &what).await;
    }
    let mut definition = change.definition(table).await?;
    let known = definition.columns.entry(column.to_owned()).or_default();
    match operation {
        AlterColumnOperation::SetNotNull => {
            checks::no_nulls(change, &table.name, column).await?;
            definition.schema = with_nullability(&definition.schema, |name, nullable| nullable && name != column);
        }
        AlterColumnOperation::DropNotNull => {
            let in_key = |constraint: &crate::table::Constraint| match &constraint.kind {
                ConstraintKind::PrimaryKey { columns } => columns.iter().any(|key| key == column),
                _ => false,
            };
            if definition.constraints.iter().any(in_key) {
                let message = format!("column \"{column}\" is in a primary key");
                return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
            }
            definition.schema = with_nullability(&definition.schema, |name, nullable| nullable || name == column);
        }
        AlterColumnOperation::SetDefault { .. } | AlterColumnOperation::DropDefault if known.generated.is_some() => {
            let message = format!("column \"{column}\" of relation \"{}\" is a generated column", table.name.name);
            return Err(Error::new(ErrorKind::SyntaxError, message));
        }
        AlterColumnOperation::SetDefault { value } => {
            expressions::check(value, Place::Default)?;
            let is_it = |known: &&crate::catalog::Column| known.name == column;
            table.columns.iter().find(is_it).map_or(Ok(()), |known| expressions::check_literal(known, value))?;
            let is_null = matches!(value, ast::Expr::Value(value) if value.value == ast::Value::Null);
            known.default = if is_null { None } else { Some(sequences::default_of(change, value)?) };
            change.planner.fix(&table.name, &mut definition).await?;
            checks::expressions(change, &table.name, &definition).await?;
        }
        AlterColumnOperation::DropDefault => known.default = None,
        AlterColumnOperation::SetDataType { data_type, using, .. } => {
            return set_type(change, table, column, data_type, using.as_ref(), definition).await;
        }
        AlterColumnOperation::AddGenerated { generated_as, sequence_options } => {
            let by_default = *generated_as == Some(ast::GeneratedAs::ByDefault);
            let field = add_identity(table, column, by_default, &mut definition)?;
            sequences::make_for(change, &table.name, &field, sequence_options.as_deref())?;
            sequences::settle_owners(change, &table.name);
        }
    }
    change.overlay.redefine(&table.name, &definition).await
}

/// Has the column number itself from here on, behind the greatest value that it has.
fn add_identity(table: &Object, column: &str, by_default: bool, definition: &mut Definition) -> Result<Field> {
    let field = definition.schema.field_with_name(column).cloned().map_err(|_| undefined(table, column))?;
    let known = definition.columns.entry(column.to_owned()).or_default();
    let message = match () {
        () if field.is_nullable() => "must be declared NOT NULL before identity can be added",
        () if known.identity.is_some() => "is already an identity column",
        () if known.default.is_some() => "already has a default value",
        () => {
            check_identity(&field)?;
            known.identity = Some(if by_default { "by default" } else { "always" }.to_owned());
            return Ok(field);
        }
    };
    let message = format!("column \"{column}\" of relation \"{}\" {message}", table.name.name);
    Err(Error::new(ErrorKind::ObjectNotInPrerequisiteState, message))
}

/// The value as a column of that length has it, for each row that is there.
///
/// # Errors
/// `22001` where a row's is too long.
async fn fitted(change: &Change, table: &Object, value: String, column: &ColumnDefinition) -> Result<String> {
    let (Some(name @ ("varchar" | "bpchar")), Some(modifier)) = (column.pg_type.as_deref(), column.modifier) else {
        return Ok(value);
    };
    let length = modifier - 4;
    let (told, cut) = match name {
        "bpchar" => ("character", "rpad"),
        _ => ("character varying", "left"),
    };
    // blanks at the end may go
    if checks::any_row(change, &table.name, &format!("length(rtrim({value}, ' ')) > {length}")).await? {
        let message = format!("value too long for type {told}({length})");
        return Err(Error::new(ErrorKind::StringTooLong, message));
    }
    Ok(format!("{cut}({value}, {length})"))
}

async fn set_type(
    change: &Change,
    table: &Arc<Object>,
    column: &str,
    data_type: &ast::DataType,
    using: Option<&ast::Expr>,
    mut definition: Definition,
) -> Result<()> {
    for reader in readers(change, &table.name) {
        let Some(definition) = reader.defining_query() else { continue };
        if checks::names_in(&format!("({definition})")).is_ok_and(|names| names.contains(column)) {
            let message = "cannot alter type of a column used by a view or rule";
            let detail = format!("rule _RETURN on view {} depends on column \"{column}\"", shown(change, &reader.name));
            return Err(Error::new(ErrorKind::FeatureNotSupported, message).with_detail(detail));
        }
    }
    let (field, announced, _) = typed(change, column, data_type)?;
    let old = definition.schema.field_with_name(column).cloned().map_err(|_| undefined(table, column))?;
    let stored = stored_name(data_type)?;
    if using.is_none() && !checks::assignable(old.data_type(), field.data_type()) {
        let told = format_type(pgtypes::pg_type(field.data_type()).oid(), -1);
        let message = format!("column \"{column}\" cannot be cast automatically to type {told}");
        return Err(Error::new(ErrorKind::DatatypeMismatch, message)
            .with_hint(format!("You might need to specify \"USING {column}::{told}\".")));
    }
    let value = match using {
        Some(using) => format!("CAST(({using}) AS {stored})"),
        None => format!("CAST({} AS {stored})", quoted(column)),
    };
    let value = fitted(change, table, value, &announced).await?;
    let fields = definition.schema.fields().iter().map(|had| match had.name() == column {
        true => had.as_ref().clone().with_data_type(field.data_type().clone()),
        false => had.as_ref().clone(),
    });
    definition.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let known = definition.columns.entry(column.to_owned()).or_default();
    (known.pg_type, known.modifier) = (announced.pg_type, announced.modifier);
    rewrite(change, table, definition.clone(), |name| (name == column).then(|| value.clone())).await?;
    checks::expressions(change, &table.name, &definition).await
}
