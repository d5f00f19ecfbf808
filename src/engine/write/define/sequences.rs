//! Sequences: made, altered, and named in the defaults of columns.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName};
use uuid::Uuid;

use super::super::Change;
use super::columns::as_written;
use super::relations::{existing, owned, owned_if, place};
use crate::catalog::{Column, Object, ObjectKind, OwnedBy, Position, Sequence};
use crate::dialect::{self, SequenceOption, sequence_options};
use crate::engine::names::Relation;
use crate::engine::session::Outcome;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{SEQUENCE_LABEL, TableName, free_name};
use crate::table::ColumnDefinition;

pub(super) async fn create(change: &Change, name: &ObjectName, if_not_exists: bool, options: &str) -> Result<Outcome> {
    let tag = "CREATE SEQUENCE";
    let name = place(change, name, false)?;
    if change.scope().object(&name).is_some() {
        return existing(change, &name, if_not_exists, tag);
    }
    let options = sequence_options(options)?;
    if options.iter().any(|option| matches!(option, SequenceOption::Restart(_))) {
        return Err(Error::new(ErrorKind::SyntaxError, "syntax error at or near \"restart\""));
    }
    let mut sequence = Sequence::default();
    declare(&mut sequence, &options, true)?;
    sequence.owned_by = owner(change, &name, &options)?.flatten();
    change.overlay.put_sequence(&name, sequence);
    Ok(Outcome::command(tag))
}

pub(super) async fn alter(change: &Change, name: &ObjectName, if_exists: bool, options: &str) -> Result<Outcome> {
    let done = Ok(Outcome::command("ALTER SEQUENCE"));
    let Some(object) = owned_if(change, name, if_exists)? else { return done };
    if object.sequence().is_none() {
        return Err(no_sequence(&object.name));
    }
    apply(change, &object, &sequence_options(options)?).await?;
    done
}

/// Declares a sequence anew, and has it begin again where that is said.
pub(super) async fn apply(change: &Change, object: &Arc<Object>, options: &[SequenceOption]) -> Result<()> {
    let Some(old) = object.sequence() else { return Ok(()) };
    let mut sequence = old.clone();
    declare(&mut sequence, options, false)?;
    if let Some(owner) = owner(change, &object.name, options)? {
        sequence.owned_by = owner;
    }
    let sequences = change.shared.running.catalog.sequences();
    if sequence.start != old.start {
        // where a sequence starts is asked at RESTART only
        let (at, _) = sequences.position(object.id, old).await?;
        sequences.set(object.id, at).await?;
    }
    for option in options {
        if let SequenceOption::Restart(value) = option {
            let value = value.unwrap_or(sequence.start);
            check_within("RESTART", value, &sequence)?;
            sequences.set(object.id, Position { value, is_called: false }).await?;
        }
    }
    if sequence != *old {
        change.overlay.put_sequence(&object.name, sequence);
    }
    Ok(())
}

fn no_sequence(name: &TableName) -> Error {
    Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a sequence", name.name))
}

/// The range of a type's values.
fn range(data_type: &str) -> Option<(i64, i64)> {
    Some(match data_type {
        "smallint" => (i16::MIN.into(), i16::MAX.into()),
        "integer" => (i32::MIN.into(), i32::MAX.into()),
        "bigint" => (i64::MIN, i64::MAX),
        _ => return None,
    })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidParameter, message)
}

/// Puts what is said into the declaration; what is not said is as it was, or as PostgreSQL has it for a new one.
fn declare(sequence: &mut Sequence, options: &[SequenceOption], is_new: bool) -> Result<()> {
    let old = range(&sequence.data_type);
    let mut said = (None, None, None);
    for option in options {
        match option {
            SequenceOption::As(data_type) => {
                sequence.data_type = match data_type.as_str() {
                    "smallint" | "int2" => "smallint",
                    "int" | "integer" | "int4" => "integer",
                    "bigint" | "int8" => "bigint",
                    _ => return Err(invalid("sequence type must be smallint, integer, or bigint".to_owned())),
                }
                .to_owned();
            }
            SequenceOption::Increment(0) => return Err(invalid("INCREMENT must not be zero".to_owned())),
            SequenceOption::Increment(step) => sequence.increment = *step,
            SequenceOption::Min(min) => said.0 = Some(*min),
            SequenceOption::Max(max) => said.1 = Some(*max),
            SequenceOption::Start(start) => said.2 = Some(*start),
            SequenceOption::Cache(cache) if *cache < 1 => {
                return Err(invalid(format!("CACHE ({cache}) must be greater than zero")));
            }
            SequenceOption::Cache(cache) => sequence.cache = *cache,
            SequenceOption::Cycle(cycle) => sequence.cycle = *cycle,
            SequenceOption::Restart(_) | SequenceOption::OwnedBy(_) => {}
        }
    }
    let (least, most) = range(&sequence.data_type).unwrap_or((i64::MIN, i64::MAX));
    let ascends = sequence.increment > 0;
    // of another type than before, a bound that was the type's own is that of the new one
    let widens = |bound: i64| old.is_some_and(|(least, most)| bound == least || bound == most);
    sequence.min = match said.0 {
        Some(Some(min)) => min,
        None if !is_new && !widens(sequence.min) => sequence.min,
        _ if ascends => 1,
        _ => least,
    };
    sequence.max = match said.1 {
        Some(Some(max)) => max,
        None if !is_new && !widens(sequence.max) => sequence.max,
        _ if ascends => most,
        _ => -1,
    };
    for (word, bound) in [("MINVALUE", sequence.min), ("MAXVALUE", sequence.max)] {
        if !(least..=most).contains(&bound) {
            let message = format!("{word} ({bound}) is out of range for sequence data type {}", sequence.data_type);
            return Err(invalid(message));
        }
    }
    if sequence.min >= sequence.max {
        let message = format!("MINVALUE ({}) must be less than MAXVALUE ({})", sequence.min, sequence.max);
        return Err(invalid(message));
    }
    sequence.start = match said.2 {
        Some(start) => start,
        None if !is_new => sequence.start,
        None if ascends => sequence.min,
        None => sequence.max,
    };
    check_within("START", sequence.start, sequence)
}

fn check_within(word: &str, value: i64, sequence: &Sequence) -> Result<()> {
    if value < sequence.min {
        return Err(invalid(format!("{word} value ({value}) cannot be less than MINVALUE ({})", sequence.min)));
    }
    if value > sequence.max {
        return Err(invalid(format!("{word} value ({value}) cannot be greater than MAXVALUE ({})", sequence.max)));
    }
    Ok(())
}

/// The column that the sequence is said to go with: `Some(None)` for none.
fn owner(change: &Change, name: &TableName, options: &[SequenceOption]) -> Result<Option<Option<OwnedBy>>> {
    let said = options.iter().find_map(|option| match option {
        SequenceOption::OwnedBy(owner) => Some(owner),
        _ => None,
    });
    let Some(owner) = said else { return Ok(None) };
    let Some((table, column)) = owner else { return Ok(Some(None)) };
    let table = owned(change, table)?;
    if table.noun() != "table" {
        let message = format!("sequence cannot be owned by relation \"{}\"", table.name.name);
        return Err(Error::new(ErrorKind::WrongObjectType, message)
            .with_detail(format!("This operation is not supported for {}s.", table.noun())));
    }
    if table.name.schema != name.schema {
        let message = "sequence must be in same schema as table it is linked to";
        return Err(Error::new(ErrorKind::ObjectNotInPrerequisiteState, message));
    }
    if !table.columns.iter().any(|known| known.name == *column) {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name.name);
        return Err(Error::new(ErrorKind::UndefinedColumn, message));
    }
    Ok(Some(Some(OwnedBy { table: table.id, column: column.clone() })))
}

/// The default of a serial column, whose sequence this makes.
///
/// # Errors
/// None that a serial column has.
pub(super) fn of_serial(change: &Change, table: &TableName, column: &Field) -> Result<String> {
    Ok(next_of(&make_for(change, table, column, None)?))
}

/// The default that takes the next value of the sequence.
pub(in crate::engine::write) fn next_of(sequence: &TableName) -> String {
    format!("nextval({})", regclass(&sequence.quoted()))
}

/// Makes the sequence of a column that numbers itself, as the options declare it. Its table may not be there yet
/// ([`settle_owners`]).
///
/// # Errors
/// As those of CREATE SEQUENCE, for the options.
pub(super) fn make_for(
    change: &Change,
    table: &TableName,
    column: &Field,
    options: Option<&[ast::SequenceOptions]>,
) -> Result<TableName> {
    let mut declared = Sequence::numbering(column.data_type());
    let options: Vec<String> = options.unwrap_or_default().iter().map(ToString::to_string).collect();
    declare(&mut declared, &sequence_options(&options.join(" "))?, true)?;
    Ok(put_for(change, table, column.name(), declared))
}

/// [`make_for`] for a column that numbers itself as that of another table does.
pub(super) fn make_like(change: &Change, table: &TableName, column: &Column, other: Option<&Sequence>) {
    let declared = other.cloned().unwrap_or_else(|| Sequence::numbering(&column.data_type));
    put_for(change, table, &column.name, declared);
}

fn put_for(change: &Change, table: &TableName, column: &str, declared: Sequence) -> TableName {
    let is_taken = |name: &str| change.overlay.scope().object(&TableName::new(table.schema.as_str(), name)).is_some();
    let name = TableName::new(table.schema.as_str(), free_name(&table.name, column, SEQUENCE_LABEL, is_taken));
    let owned_by = Some(OwnedBy { table: Uuid::nil(), column: column.to_owned() });
    change.overlay.put_sequence(&name, Sequence { owned_by, ..declared });
    name
}

/// Whether the default takes values of a sequence that was made for the column, and is no table's yet.
pub(super) fn is_serial(change: &Change, column: &ColumnDefinition) -> bool {
    let default = column.default.as_deref().unwrap_or_default();
    let is_its = |object: &Arc<Object>| {
        let owner = object.sequence().and_then(|sequence| sequence.owned_by.as_ref());
        owner.is_some_and(|owner| owner.table.is_nil()) && default == next_of(&object.name)
    };
    change.overlay.scope().objects().iter().any(is_its)
}

/// Has the sequence of a column that was added go on behind the rows that it has counted.
pub(super) async fn pass_rows(change: &Change, table: &Object, column: &str) -> Result<()> {
    let rows = change.overlay.scope().object(&table.name).and_then(|table| match table.kind {
        ObjectKind::Table { rows, .. } => rows.and_then(|rows| i64::try_from(rows).ok()),
        _ => None,
    });
    let Some(rows) = rows.filter(|rows| *rows > 0) else { return Ok(()) };
    for object in change.owned_sequences(table, Some(column)) {
        if let Some(sequence) = object.sequence() {
            change.shared.running.catalog.sequences().pass(object.id, sequence, rows).await?;
        }
    }
    Ok(())
}

/// Gives the sequences of serial columns to the table, now that it is there.
pub(super) fn settle_owners(change: &Change, table: &TableName) {
    let Some(table) = change.overlay.scope().object(table) else { return };
    for object in change.overlay.scope().objects() {
        let Some(sequence) = object.sequence().filter(|_| object.name.schema == table.name.schema) else { continue };
        if let Some(owner) = sequence.owned_by.as_ref().filter(|owner| owner.table.is_nil()) {
            let owned_by = Some(OwnedBy { table: table.id, column: owner.column.clone() });
            change.overlay.put_sequence(&object.name, Sequence { owned_by, ..sequence.clone() });
        }
    }
}

/// A default as it is kept: its sequences under their full names, whatever the search path.
///
/// # Errors
/// `42P01` and `42809` where `nextval` is asked of what is no sequence.
pub(super) fn default_of(change: &Change, value: &Expr) -> Result<String> {
    let mut value = value.clone();
    let found = each_sequence(&mut value, |text| {
        let reference = TableReference::parse_str(text);
        match change.planner.relation(&reference)? {
            Relation::Object(object) if object.sequence().is_some() => Ok(Some(object.name.quoted())),
            Relation::Object(object) => Err(no_sequence(&object.name)),
            Relation::Provider(_) => Err(no_sequence(&TableName::new("", reference.table()))),
        }
    });
    found.map(|()| as_written(&value))
}

/// Looks at the sequence of each `nextval('…')`, and names it anew where told to: `nextval('s.q'::regclass)`.
fn each_sequence(expr: &mut Expr, mut change: impl FnMut(&str) -> Result<Option<String>>) -> Result<()> {
    let visited = ast::visit_expressions_mut(expr, |expr| {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let FunctionArguments::List(list) = &mut function.args else { return ControlFlow::Continue(()) };
        let is_nextval = function.name.0.last().and_then(|part| part.as_ident());
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_mut_slice() else {
            return ControlFlow::Continue(());
        };
        if !is_nextval.is_some_and(|name| name.value.eq_ignore_ascii_case("nextval")) {
            return ControlFlow::Continue(());
        }
        let Some(text) = literal(argument) else { return ControlFlow::Continue(()) };
        match change(&text) {
            Ok(Some(name)) => *argument = regclass(&name),
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    });
    match visited {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The text of `'s'`, `'s'::regclass`, `'s'::text::regclass`.
fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => literal(expr),
        Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(text), .. }) => Some(text.clone()),
        _ => None,
    }
}

fn regclass(name: &str) -> Expr {
    Expr::Cast {
        kind: ast::CastKind::DoubleColon,
        expr: Box::new(Expr::Value(ast::Value::SingleQuotedString(name.to_owned()).with_empty_span())),
        data_type: ast::DataType::Custom(ObjectName::from(vec![ast::Ident::new("regclass")]), Vec::new()),
        array: false,
        format: None,
    }
}

/// The columns whose defaults take values of the sequence.
pub(super) fn users(change: &Change, sequence: &TableName) -> Vec<(Arc<Object>, String)> {
    let quoted = sequence.quoted();
    let mut found = Vec::new();
    for object in change.overlay.scope().objects() {
        for column in &object.columns {
            let mut uses = false;
            if let Some(mut default) =
                column.default.as_deref().filter(|text| text.contains("nextval")).and_then(parsed)
            {
                let _ = each_sequence(&mut default, |name| {
                    uses |= name == quoted;
                    Ok(None)
                });
            }
            if uses {
                found.push((object.clone(), column.name.clone()));
            }
        }
    }
    found.sort_by_key(|(object, _)| object.oid);
    found
}

fn parsed(default: &str) -> Option<Expr> {
    let statement = dialect::parse_single(&format!("SELECT {default}")).ok()?;
    let ast::Statement::Query(query) = statement.ast else { return None };
    let ast::SetExpr::Select(mut select) = *query.body else { return None };
    match select.projection.pop()? {
        ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// Has the defaults that take values of the sequence do so by its new name.
pub(super) async fn follow(change: &Change, old: &TableName, new: &TableName) -> Result<()> {
    let (before, after) = (old.quoted(), new.quoted());
    edit_defaults(change, users(change, old), |default| {
        let mut expr = parsed(default)?;
        each_sequence(&mut expr, |name| Ok((name == before).then(|| after.clone()))).ok()?;
        Some(as_written(&expr))
    })
    .await
}

/// Takes the defaults from the columns.
pub(super) async fn forget_defaults(change: &Change, users: Vec<(Arc<Object>, String)>) -> Result<()> {
    edit_defaults(change, users, |_| None).await
}

async fn edit_defaults(
    change: &Change,
    users: Vec<(Arc<Object>, String)>,
    edit: impl Fn(&str) -> Option<String>,
) -> Result<()> {
    for (table, column) in users {
        // as it is now: another of its columns may have been changed
        let Some(table) = change.overlay.scope().object(&table.name) else { continue };
        let mut definition = change.definition(&table).await?;
        let known = definition.columns.entry(column).or_default();
        known.default = known.default.as_deref().and_then(&edit);
        change.overlay.redefine(&table.name, &definition).await?;
    }
    Ok(())
}
