//! Statements that are not queries, to whom they belong: settings here, the rest in [`super::blocks`] and
//! [`super::procedures`]; and what is refused.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    self, ContextModifier, Expr, Ident, Interval, Set, SetSessionAuthorizationParamKind, Value,
};
use futures::TryStreamExt;

use super::postgres_settings::{confidential, is_confidential};
use super::procedures::{constant, procedure_name};
use super::session::{Outcome, Prepared, Session};
use super::settings::{NO_ROLE, ROLE, SESSION_AUTHORIZATION, Settings, canonical, unknown};
use super::time_travel::AsOf;
use super::{BatchStream, blocks, cursors, errors, explain, locks, modes, notify, procedures, role_statements};
use crate::catalog::memberships::READ_ALL_SETTINGS;
use crate::dialect::{self, Command, Statement, folded};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::{MICROS_PER_HOUR, Zone, parse_interval};
use crate::pgtypes::{Style, Type};

/// Columns of what a statement shows; `None` where it shows nothing.
pub(super) fn result_schema(statement: &ast::Statement) -> Option<SchemaRef> {
    match statement {
        ast::Statement::ShowVariable { variable } => Some(show_schema(&show_name(variable))),
        ast::Statement::Explain { .. } => explain::schema(statement),
        _ => None,
    }
}

/// Types of `$n` in statements that are not planned: as hinted, else text.
pub(super) fn parameter_types(statement: &Statement, hints: &[Option<Type>]) -> Vec<Type> {
    struct Highest(usize);
    impl ast::Visitor for Highest {
        type Break = ();
        fn pre_visit_value(&mut self, value: &ast::ValueWithSpan) -> std::ops::ControlFlow<()> {
            if let Value::Placeholder(name) = &value.value
                && let Some(number) = name.strip_prefix('$').and_then(|number| number.parse().ok())
            {
                self.0 = self.0.max(number);
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    let mut highest = Highest(hints.len());
    // what PREPARE names are parameters of the statement it prepares
    if !matches!(statement.ast, ast::Statement::Prepare { .. }) {
        let _ = ast::Visit::visit(&statement.ast, &mut highest);
    }
    (0..highest.0).map(|index| hints.get(index).cloned().flatten().unwrap_or(Type::TEXT)).collect()
}

/// Carries out a statement that is neither a query nor EXPLAIN.
pub(super) async fn execute(session: &mut Session, statement: &Statement, params: &[ScalarValue]) -> Result<Outcome> {
    match &statement.ast {
        ast::Statement::Set(set) => apply_set(session, set).await,
        ast::Statement::ShowVariable { variable } => show(session, &show_name(variable)),
        ast::Statement::Reset(reset) => {
            match &reset.reset {
                ast::Reset::ALL => {
                    session.settings.reset_all();
                    session.transaction.block_mut().into_iter().for_each(|block| block.lasting.reset_all());
                }
                ast::Reset::ConfigurationParameter(name) => assign(session, &name.to_string(), None, false).await?,
            }
            Ok(Outcome::command("RESET"))
        }
        ast::Statement::Discard { object_type } => discard(session, object_type),
        ast::Statement::StartTransaction { begin, modes, .. } => {
            let tag = if *begin { "BEGIN" } else { "START TRANSACTION" };
            blocks::begin_block(session, modes).await?;
            Ok(Outcome::command(tag))
        }
        ast::Statement::Commit { chain, .. } => blocks::commit(session, *chain).await,
        ast::Statement::Rollback { chain, savepoint: None } => blocks::rollback(session, *chain).await,
        ast::Statement::Rollback { savepoint: Some(name), .. } => blocks::rollback_to(session, &folded(name)),
        ast::Statement::Savepoint { name } => blocks::savepoint(session, &folded(name)),
        ast::Statement::ReleaseSavepoint { name } => blocks::release(session, &folded(name)),
        ast::Statement::Prepare { name, data_types, statement: inner } => {
            procedures::prepare(session, statement, name, data_types, inner).await
        }
        ast::Statement::Execute { name: Some(name), parameters, .. } => {
            procedures::execute_named(session, statement, name, parameters, params).await
        }
        ast::Statement::Close { cursor } => cursors::close(session, cursor),
        ast::Statement::Deallocate { name, .. } => procedures::deallocate(session, name),
        ast if let Some(command) = dialect::command(ast) => match command {
            Command::Harmless(tag) => {
                if tag == "SET CONSTRAINTS" && session.transaction.block().is_none() {
                    session.warn("25P01", "SET CONSTRAINTS can only be used in transaction blocks");
                }
                Ok(Outcome::command(tag))
            }
            Command::Role(command) => role_statements::execute(session, statement, command).await,
            _ => Err(refused(ast)),
        },
        // the catalog's rows know what ANALYZE would count, and VACUUM is a procedure
        ast::Statement::Analyze(_) => Ok(Outcome::command("ANALYZE")),
        ast::Statement::Vacuum(_) if session.transaction.block().is_some() => Err(in_block("VACUUM")),
        ast::Statement::Vacuum(_) => Ok(Outcome::command("VACUUM")),
        ast::Statement::Call(call) => procedures::call_procedure(session, call, params).await,
        ast::Statement::LISTEN { channel } => {
            session.mailbox().map_or(Ok(()), |mailbox| mailbox.listen(&folded(channel)))?;
            Ok(Outcome::command("LISTEN"))
        }
        ast::Statement::UNLISTEN { channel } => {
            let channel = (channel.value != "*").then(|| folded(channel));
            session.mailbox().into_iter().for_each(|mailbox| mailbox.unlisten(channel.as_deref()));
            Ok(Outcome::command("UNLISTEN"))
        }
        ast::Statement::NOTIFY { channel, payload } => {
            let (channel, payload) = (folded(channel), payload.as_deref().unwrap_or_default());
            notify::check_room(&channel, &session.shared.running.sessions)?;
            session.mailbox().map_or(Ok(()), |mailbox| mailbox.notify(&channel, payload))?;
            Ok(Outcome::command("NOTIFY"))
        }
        ast::Statement::CreateExtension(extension) => create_extension(session, extension),
        ast::Statement::Lock(lock) => locks::lock_tables(session, lock).await,
        other => Err(refused(other)),
    }
}

/// What there is without asking for it.
pub(super) const EXTENSIONS: [&str; 3] = ["lakewire", "pg_stat_statements", "plpgsql"];

/// Schemas that programs dump ask for what PostgreSQL always has.
fn create_extension(session: &Session, extension: &ast::CreateExtension) -> Result<Outcome> {
    let name = folded(&extension.name);
    if !EXTENSIONS.contains(&name.as_str()) {
        let error = Error::new(ErrorKind::FeatureNotSupported, format!("extension \"{name}\" is not available"));
        return Err(match name.as_str() {
            "uuid-ossp" | "pgcrypto" => error.with_hint("gen_random_uuid() is there without it."),
            _ => error,
        });
    }
    let message = format!("extension \"{name}\" already exists");
    if !extension.if_not_exists {
        return Err(Error::new(ErrorKind::DuplicateObject, message));
    }
    session.notice("42710", format!("{message}, skipping"));
    Ok(Outcome::command("CREATE EXTENSION"))
}

fn refused(statement: &ast::Statement) -> Error {
    if let Some(Command::Refused(what)) = dialect::command(statement) {
        return Error::new(ErrorKind::FeatureNotSupported, format!("{what} is not supported"));
    }
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    let what = match words.as_slice() {
        [first @ ("INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY" | "TRUNCATE" | "GRANT" | "REVOKE"), ..] => {
            (*first).to_owned()
        }
        [first, second] => format!("{first} {second}"),
        other => other.join(" "),
    };
    Error::new(ErrorKind::FeatureNotSupported, format!("{what} is not supported"))
}

// ── settings ──

async fn apply_set(session: &mut Session, set: &Set) -> Result<Outcome> {
    match set {
        Set::SingleAssignment { scope, variable, values, .. } => {
            let name = variable.to_string().replace('"', "");
            let is_default =
                matches!(values.as_slice(), [Expr::Identifier(word)] if word.value.eq_ignore_ascii_case("default"));
            // a list of names is kept as it is written
            let value = match values.as_slice() {
                _ if is_default => None,
                [Expr::Identifier(word)] if !name.eq_ignore_ascii_case("search_path") => Some(word.value.clone()),
                values => Some(setting_text(values)?),
            };
            assign(session, &name, value.as_deref(), *scope == Some(ContextModifier::Local)).await?;
        }
        Set::SetTimeZone { local, value } => {
            let text = match value {
                Expr::Interval(interval) => zone_of_interval(interval)?,
                Expr::Identifier(zone) => zone.value.clone(),
                value => setting_text(std::slice::from_ref(value))?,
            };
            let reset = ["local", "default"].iter().any(|word| text.eq_ignore_ascii_case(word));
            assign(session, "TimeZone", (!reset).then_some(text.as_str()), *local).await?;
        }
        Set::SetNames { charset_name, .. } => {
            assign(session, "client_encoding", Some(&charset_name.value), false).await?;
        }
        Set::SetNamesDefault {} => assign(session, "client_encoding", None, false).await?,
        Set::SetTransaction { snapshot: Some(id), .. } => modes::adopt_snapshot(session, id).await?,
        Set::SetTransaction { modes, session: for_session, .. } => modes::set_modes(session, modes, *for_session)?,
        Set::SetSessionAuthorization(given) => {
            let user = match &given.kind {
                SetSessionAuthorizationParamKind::Default => None,
                SetSessionAuthorizationParamKind::User(name) => Some(folded(name)),
            };
            let local = given.scope == ContextModifier::Local;
            assign(session, SESSION_AUTHORIZATION, user.as_deref(), local).await?;
        }
        Set::SetRole { context_modifier, role_name } => {
            let role = role_name.as_ref().map_or_else(|| NO_ROLE.to_owned(), folded);
            assign(session, ROLE, Some(&role), *context_modifier == Some(ContextModifier::Local)).await?;
        }
        other => return Err(Error::new(ErrorKind::FeatureNotSupported, format!("{other} is not supported"))),
    }
    Ok(Outcome::command("SET"))
}

/// `SET TIME ZONE interval '-08:00' hour to minute`.
fn zone_of_interval(interval: &Interval) -> Result<String> {
    let text = value_text(&interval.value)?;
    let parsed = parse_interval(&text, None, &Style::default())?;
    let bad = |detail: &str| {
        let message = format!("invalid value for parameter \"TimeZone\": \"INTERVAL '{parsed}'\"");
        Error::new(ErrorKind::InvalidParameter, message).with_detail(detail)
    };
    if parsed.months != 0 {
        return Err(bad("Cannot specify months in time zone interval."));
    }
    if parsed.days != 0 {
        return Err(bad("Cannot specify days in time zone interval."));
    }
    let hours = parsed.micros as f64 / MICROS_PER_HOUR as f64;
    Zone::shown(&hours.to_string()).ok_or_else(|| bad("UTC timezone offset is out of range."))
}

/// `SET a = b, c` is one text: `b, c`.
pub(super) fn setting_text(values: &[Expr]) -> Result<String> {
    let texts: Result<Vec<String>> = values.iter().map(value_text).collect();
    Ok(texts?.join(", "))
}

fn value_text(value: &Expr) -> Result<String> {
    Ok(match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => text.clone(),
            Value::Number(text, _) => text.clone(),
            Value::Boolean(value) => value.to_string(),
            other => return Err(Error::new(ErrorKind::SyntaxError, format!("{other} is no value of a setting"))),
        },
        Expr::Identifier(ident) => match ident.quote_style {
            Some(_) => ident.to_string(),
            None => ident.value.clone(),
        },
        Expr::CompoundIdentifier(_) | Expr::UnaryOp { .. } | Expr::Interval(_) => {
            value.to_string().replace(' ', "").replace(['\'', '"'], "")
        }
        other => return Err(Error::new(ErrorKind::SyntaxError, format!("{other} is no value of a setting"))),
    })
}

/// `None` resets to the default.
pub(super) async fn assign(session: &mut Session, name: &str, value: Option<&str>, local: bool) -> Result<()> {
    let as_of = name.eq_ignore_ascii_case("lakewire.as_of");
    if as_of && let Some(text) = value.filter(|text| !text.is_empty()) {
        AsOf::parse(text)?;
    }
    if as_of && session.transaction.scope().is_some_and(|scope| scope.overlay.is_some()) {
        let message = "lakewire.as_of cannot be set in a transaction that has changed something";
        return Err(Error::new(ErrorKind::ActiveTransaction, message).with_hint("COMMIT or ROLLBACK first"));
    }
    if modes::is_mode(name) && session.transaction.block().is_some() {
        return modes::assign(session, name, value);
    }
    if let Some(value) = value {
        session.check_identity(name, value)?;
    }
    let before = session.settings.clone();
    set(&mut session.settings, name, value)?;
    if as_of {
        // What it stands for must exist, and a transaction reads it from here on.
        match session.scope_outside().await {
            Ok(scope) => {
                if let Some(block) = session.transaction.block_mut() {
                    block.scope = scope;
                }
            }
            Err(error) => {
                session.settings = before;
                return Err(error);
            }
        }
    }
    if !local {
        // beyond COMMIT; what was SET LOCAL before does not last
        if let Some(block) = session.transaction.block_mut() {
            set(&mut block.lasting, name, value)?;
        }
    } else if session.transaction.block().is_none() {
        session.settings = before;
        session.warn("25P01", "SET LOCAL can only be used in transaction blocks");
    }
    Ok(())
}

/// `SELECT set_config(name, value, is_local), …`: the function itself only answers the value; this sets it.
pub(super) async fn apply_set_config(
    session: &mut Session,
    prepared: &Prepared,
    query: &ast::Query,
    params: &[ScalarValue],
) -> Result<()> {
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return Ok(()) };
    let calls: Vec<Vec<Expr>> = select.projection.iter().filter_map(set_config_arguments).collect();
    if calls.is_empty() {
        return Ok(());
    }
    if !select.from.is_empty() || select.selection.is_some() {
        return set_for_rows(session, &prepared.parameters, query, &calls, params).await;
    }
    for arguments in calls {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in &arguments {
            values.push(constant(session, argument, params).await?);
        }
        set_config(session, &values).await?;
    }
    Ok(())
}

fn set_config_arguments(item: &ast::SelectItem) -> Option<Vec<Expr>> {
    let (ast::SelectItem::UnnamedExpr(Expr::Function(call))
    | ast::SelectItem::ExprWithAlias { expr: Expr::Function(call), .. }) = item
    else {
        return None;
    };
    let ast::FunctionArguments::List(list) = &call.args else { return None };
    let plain = |argument: &ast::FunctionArg| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    };
    let arguments: Vec<Expr> = list.args.iter().filter_map(plain).collect();
    (procedure_name(&call.name) == "set_config" && arguments.len() == 3).then_some(arguments)
}

/// Sets what the calls say for each row that they stand beside.
async fn set_for_rows(
    session: &mut Session,
    parameters: &[Type],
    query: &ast::Query,
    calls: &[Vec<Expr>],
    params: &[ScalarValue],
) -> Result<()> {
    let mut query = query.clone();
    let ast::SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    if query.limit_clause.is_none() && query.fetch.is_none() {
        // all rows say it, whatever their order, and it may name an item that is none here
        query.order_by = None;
    }
    select.distinct = None;
    let named = |(place, expr): (usize, &Expr)| ast::SelectItem::ExprWithAlias {
        expr: expr.clone(),
        alias: ast::Ident::with_quote('"', format!("argument{place}")),
    };
    select.projection = calls.iter().flatten().enumerate().map(named).collect();
    let statement = Statement { text: query.to_string(), offset: 0, ast: ast::Statement::Query(Box::new(query)) };
    let hints: Vec<_> = parameters.iter().cloned().map(Some).collect();
    let prepared = Box::pin(session.prepare_unguarded(Arc::new(statement), &hints)).await?;
    let guard = session.guard().clone();
    let mut rows = session.query(&prepared, params, guard).await?;
    while let Some(batch) = rows.try_next().await? {
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayRef| ScalarValue::try_from_array(column, row).map_err(errors::from_datafusion);
            let values = batch.columns().iter().map(value).collect::<Result<Vec<_>>>()?;
            for call in values.chunks_exact(3) {
                set_config(session, call).await?;
            }
        }
    }
    Ok(())
}

async fn set_config(session: &mut Session, arguments: &[ScalarValue]) -> Result<()> {
    let [name, value, local] = arguments else { return Ok(()) };
    let is_local = matches!(local, ScalarValue::Boolean(Some(true)));
    let value = (!value.is_null()).then(|| value.to_string());
    assign(session, &name.to_string(), value.as_deref(), is_local).await
}

/// Sets or resets a setting. Who becomes another user is in none of the roles they were in.
fn set(settings: &mut Settings, name: &str, value: Option<&str>) -> Result<()> {
    if name.eq_ignore_ascii_case(SESSION_AUTHORIZATION) {
        settings.set(ROLE, NO_ROLE)?;
    }
    match value {
        Some(value) => settings.set(name, value),
        None => settings.reset(name),
    }
}

fn show_name(variable: &[Ident]) -> String {
    let words: Vec<String> = variable.iter().map(|ident| ident.value.to_lowercase()).collect();
    match words.join(" ").as_str() {
        "time zone" => "timezone".to_owned(),
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "session authorization" => "session_authorization".to_owned(),
        _ => words.join("."),
    }
}

fn text_columns(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>()))
}

fn show_schema(name: &str) -> SchemaRef {
    match name {
        "all" => text_columns(&["name", "setting", "description"]),
        name => text_columns(&[&canonical(name)]),
    }
}

fn show(session: &Session, name: &str) -> Result<Outcome> {
    let columns: Vec<ArrayRef> = match name {
        "all" => {
            let mut all = session.settings.all();
            all.retain(|setting| !is_confidential(&setting.name) || session.acts_as(READ_ALL_SETTINGS));
            vec![
                Arc::new(StringArray::from_iter_values(all.iter().map(|s| &s.name))),
                Arc::new(StringArray::from_iter_values(all.iter().map(|s| &s.shown))),
                Arc::new(StringArray::from_iter_values(all.iter().map(|s| s.description))),
            ]
        }
        name => {
            let value = session.settings.get(name).ok_or_else(|| unknown(name))?;
            if is_confidential(name) && !session.acts_as(READ_ALL_SETTINGS) {
                return Err(confidential(&canonical(name)));
            }
            vec![Arc::new(StringArray::from_iter_values([value]))]
        }
    };
    let schema = show_schema(name);
    let batch = RecordBatch::try_new(schema.clone(), columns).map_err(|e| errors::from_datafusion(e.into()))?;
    Ok(Outcome::Rows { stream: BatchStream::of(schema, vec![batch]), tag: "SHOW" })
}

fn discard(session: &mut Session, what: &ast::DiscardObject) -> Result<Outcome> {
    match what {
        ast::DiscardObject::ALL => {
            if session.transaction.block().is_some() {
                return Err(in_block("DISCARD ALL"));
            }
            session.settings.discard();
            session.named.clear();
            session.entry.iter().for_each(|entry| entry.given.forget());
            session.cursors.close_all();
            session.mailbox().into_iter().for_each(|mailbox| mailbox.unlisten(None));
            session.entry.iter().for_each(|entry| session.shared.running.locks.release_all(entry.pid, false));
            session.temporary.iter().try_for_each(|temporary| temporary.clear())?;
        }
        ast::DiscardObject::TEMP => session.temporary.iter().try_for_each(|temporary| temporary.clear())?,
        ast::DiscardObject::SEQUENCES => session.entry.iter().for_each(|entry| entry.given.forget()),
        ast::DiscardObject::PLANS => {}
    }
    Ok(Outcome::command(format!("DISCARD {what}")))
}

pub(super) fn in_block(what: &str) -> Error {
    Error::new(ErrorKind::ActiveTransaction, format!("{what} cannot run inside a transaction block"))
}
