//! COPY: to the client here, from the client in [`from`].

mod from;
mod options;

use datafusion::sql::sqlparser::ast::{self, CopySource, CopyTarget, Expr, Ident, SelectItem, SetExpr, TableFactor};

use self::options::Options;
use super::names::Relation;
use super::session::{Outcome, Prepared, Session};
use super::write;
use crate::dialect::{self, copy_options, folded, rules};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::Encoding;

pub use from::CopyFrom;
pub(super) use from::{begin, carry_out};

/// The query whose rows are copied to the client; `None` for a COPY from it.
///
/// # Errors
/// `42501` for a file or a program, `42P10` for a generated column.
pub(super) async fn query_of(
    session: &mut Session,
    source: &CopySource,
    to: bool,
    target: &CopyTarget,
) -> Result<Option<ast::Statement>> {
    check_target(to, target)?;
    match source {
        _ if !to => Ok(None),
        CopySource::Query(query) => Ok(Some(rules::apply(ast::Statement::Query(query.clone())))),
        CopySource::Table { table_name, columns } => {
            let columns = stored_columns(session, table_name, columns).await?;
            whole_table(table_name, &columns).map(Some)
        }
    }
}

/// The columns that are copied, in a list where not all are: what the table computes is not in the data.
async fn stored_columns(session: &mut Session, table: &ast::ObjectName, given: &[Ident]) -> Result<Vec<Ident>> {
    let planner = session.planner_now().await?;
    // what there is not is told when the query is planned
    let Ok(Relation::Object(object)) = planner.relation(&write::names::reference(table)?) else {
        return Ok(given.to_vec());
    };
    let generated: Vec<&str> =
        object.columns.iter().filter(|column| column.generated.is_some()).map(|column| column.name.as_str()).collect();
    if let Some(name) = given.iter().map(folded).find(|name| generated.contains(&name.as_str())) {
        let message = format!("column \"{name}\" is a generated column");
        return Err(Error::new(ErrorKind::InvalidColumnReference, message)
            .with_detail("Generated columns cannot be used in COPY."));
    }
    if generated.is_empty() || !given.is_empty() {
        return Ok(given.to_vec());
    }
    let stored = object.columns.iter().filter(|column| column.generated.is_none());
    Ok(stored.map(|column| Ident::with_quote('"', &column.name)).collect())
}

/// As PostgreSQL tells whoever is not its superuser.
fn check_target(to: bool, target: &CopyTarget) -> Result<()> {
    let message = match (target, to) {
        (CopyTarget::Stdin | CopyTarget::Stdout, _) => return Ok(()),
        (CopyTarget::Program { .. }, _) => {
            "must be superuser or have privileges of the pg_execute_server_program role to COPY to or from an external \
             program"
        }
        (CopyTarget::File { .. }, true) => {
            "must be superuser or have privileges of the pg_write_server_files role to COPY to a file"
        }
        (CopyTarget::File { .. }, false) => {
            "must be superuser or have privileges of the pg_read_server_files role to COPY from a file"
        }
    };
    Err(Error::new(ErrorKind::InsufficientPrivilege, message)
        .with_hint("Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone."))
}

fn whole_table(name: &ast::ObjectName, columns: &[Ident]) -> Result<ast::Statement> {
    let mut statement = dialect::parse_single("SELECT * FROM t")?.ast;
    let unexpected = || Error::internal("a select without a table");
    let ast::Statement::Query(query) = &mut statement else { return Err(unexpected()) };
    let SetExpr::Select(select) = query.body.as_mut() else { return Err(unexpected()) };
    match select.from.first_mut().map(|from| &mut from.relation) {
        Some(TableFactor::Table { name: table, .. }) => *table = name.clone(),
        _ => return Err(unexpected()),
    }
    if !columns.is_empty() {
        let item = |column: &Ident| SelectItem::UnnamedExpr(Expr::Identifier(column.clone()));
        select.projection = columns.iter().map(item).collect();
    }
    Ok(statement)
}

/// The character set of data where the COPY does not say another.
fn client_encoding(session: &Session) -> Encoding {
    session.settings.get("client_encoding").and_then(|name| Encoding::named(&name)).unwrap_or(Encoding::UTF8)
}

/// Starts the rows of a COPY whose query is prepared.
pub(super) async fn start(session: &mut Session, query: &Prepared, options: &[Option<String>]) -> Result<Outcome> {
    let columns = query.schema.iter().flat_map(|schema| schema.fields().iter().map(|field| field.name().clone()));
    let options = Options::read(&copy_options(options), false)?;
    let (format, encoding) = options.output(&columns.collect::<Vec<_>>(), client_encoding(session))?;
    let guard = session.guard.clone();
    let stream = session.query(query, &[], guard).await?;
    Ok(Outcome::CopyTo { stream, format, encoding })
}
