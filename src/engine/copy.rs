//! COPY to the client: which rows, and how they are to be written.

use datafusion::sql::sqlparser::ast::{
    self, CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget, Expr, Ident, SelectItem, SetExpr,
    TableFactor,
};

use super::session::{Outcome, Prepared, Session};
use crate::dialect::{self, folded, rules};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{CopyFormat, ForceQuote};

/// The query whose rows are copied.
///
/// # Errors
/// `0A000` for every COPY but those to the client.
pub(super) fn query_of(source: &CopySource, to: bool, target: &CopyTarget) -> Result<ast::Statement> {
    if !to {
        return Err(Error::new(ErrorKind::FeatureNotSupported, "COPY FROM is not supported")
            .with_hint("tables are written by models and sources: change those under sql/ and CALL refresh_all()"));
    }
    if !matches!(target, CopyTarget::Stdout) {
        return Err(Error::new(ErrorKind::FeatureNotSupported, "COPY to a file or program is not supported")
            .with_hint("COPY … TO STDOUT, or psql's \\copy, sends the rows to the client"));
    }
    match source {
        CopySource::Query(query) => Ok(rules::apply(ast::Statement::Query(query.clone()))),
        CopySource::Table { table_name, columns } => whole_table(table_name, columns),
    }
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

/// Starts the rows of a COPY whose query is prepared.
pub(super) async fn start(
    session: &mut Session,
    query: &Prepared,
    options: &[CopyOption],
    legacy: &[CopyLegacyOption],
) -> Result<Outcome> {
    let columns = query.schema.iter().flat_map(|schema| schema.fields().iter().map(|field| field.name().clone()));
    let format = format(options, legacy, &columns.collect::<Vec<_>>())?;
    let guard = session.guard.clone();
    let stream = session.query(query, &[], guard).await?;
    Ok(Outcome::Copy { stream, format })
}

/// What the options say, in the words of either syntax.
#[derive(Default)]
struct Options {
    format: Option<String>,
    delimiter: Option<char>,
    null: Option<String>,
    header: bool,
    quote: Option<char>,
    escape: Option<char>,
    force_quote: Option<Vec<Ident>>,
}

/// How the rows are to be written; `columns` are the names of the result's.
///
/// # Errors
/// As PostgreSQL for options that do not go together.
fn format(options: &[CopyOption], legacy: &[CopyLegacyOption], columns: &[String]) -> Result<CopyFormat> {
    let mut all = Options::default();
    for option in options {
        match option {
            CopyOption::Format(name) => all.format = Some(folded(name)),
            CopyOption::Delimiter(delimiter) => all.delimiter = Some(*delimiter),
            CopyOption::Null(null) => all.null = Some(null.clone()),
            CopyOption::Header(header) => all.header = *header,
            CopyOption::Quote(quote) => all.quote = Some(*quote),
            CopyOption::Escape(escape) => all.escape = Some(*escape),
            CopyOption::ForceQuote(names) => all.force_quote = Some(names.clone()),
            CopyOption::Encoding(name) => check_encoding(name)?,
            CopyOption::ForceNotNull(_) => return Err(only_from("force not null")),
            CopyOption::ForceNull(_) => return Err(only_from("force null")),
            CopyOption::Freeze(_) => return Err(only_from("freeze")),
        }
    }
    for option in legacy {
        read_legacy(option, &mut all)?;
    }
    all.format(columns)
}

fn read_legacy(option: &CopyLegacyOption, all: &mut Options) -> Result<()> {
    match option {
        CopyLegacyOption::Binary => all.format = Some("binary".to_owned()),
        CopyLegacyOption::Delimiter(delimiter) => all.delimiter = Some(*delimiter),
        CopyLegacyOption::Null(null) => all.null = Some(null.clone()),
        CopyLegacyOption::Header => all.header = true,
        CopyLegacyOption::Csv(options) => {
            all.format = Some("csv".to_owned());
            for option in options {
                match option {
                    CopyLegacyCsvOption::Header => all.header = true,
                    CopyLegacyCsvOption::Quote(quote) => all.quote = Some(*quote),
                    CopyLegacyCsvOption::Escape(escape) => all.escape = Some(*escape),
                    CopyLegacyCsvOption::ForceQuote(names) => all.force_quote = Some(names.clone()),
                    CopyLegacyCsvOption::ForceNotNull(_) => return Err(only_from("force not null")),
                }
            }
        }
        other => {
            return Err(Error::new(ErrorKind::SyntaxError, format!("option \"{other}\" not recognized")));
        }
    }
    Ok(())
}

fn only_from(option: &str) -> Error {
    Error::new(ErrorKind::FeatureNotSupported, format!("COPY {option} only available using COPY FROM"))
}

fn check_encoding(name: &str) -> Result<()> {
    if ["utf8", "utf-8", "unicode"].iter().any(|utf8| name.eq_ignore_ascii_case(utf8)) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::FeatureNotSupported, format!("COPY in encoding \"{name}\" is not supported"))
        .with_hint("everything is sent as UTF8"))
}

impl Options {
    fn format(self, columns: &[String]) -> Result<CopyFormat> {
        let format = self.format.as_deref().unwrap_or("text");
        if format == "binary" {
            return self.binary();
        }
        let csv = match format {
            "text" => false,
            "csv" => true,
            other => {
                let message = format!("COPY format \"{other}\" not recognized");
                return Err(Error::new(ErrorKind::InvalidParameter, message));
            }
        };
        let delimiter = one_byte(self.delimiter.unwrap_or(if csv { ',' } else { '\t' }), "delimiter")?;
        let null = self.null.unwrap_or_else(|| if csv { String::new() } else { "\\N".to_owned() });
        if !csv {
            for (given, what) in [
                (self.quote.is_some(), "quote"),
                (self.escape.is_some(), "escape"),
                (self.force_quote.is_some(), "force quote"),
            ] {
                if given {
                    let message = format!("COPY {what} available only in CSV mode");
                    return Err(Error::new(ErrorKind::FeatureNotSupported, message));
                }
            }
            return Ok(CopyFormat::Text { delimiter, null, header: self.header });
        }
        let quote = one_byte(self.quote.unwrap_or('"'), "quote")?;
        let escape = self.escape.map_or(Ok(quote), |escape| one_byte(escape, "escape"))?;
        if quote == delimiter {
            return Err(Error::new(ErrorKind::InvalidParameter, "COPY delimiter and quote must be different"));
        }
        let force_quote = match self.force_quote {
            None => ForceQuote::None,
            Some(names) => forced(&names, columns)?,
        };
        Ok(CopyFormat::Csv { delimiter, null, header: self.header, quote, escape, force_quote })
    }

    fn binary(self) -> Result<CopyFormat> {
        for (given, what) in [(self.delimiter.is_some(), "DELIMITER"), (self.null.is_some(), "NULL")] {
            if given {
                return Err(Error::new(ErrorKind::SyntaxError, format!("cannot specify {what} in BINARY mode")));
            }
        }
        if self.header {
            return Err(Error::new(ErrorKind::FeatureNotSupported, "cannot specify HEADER in BINARY mode"));
        }
        Ok(CopyFormat::Binary)
    }
}

fn one_byte(character: char, what: &str) -> Result<u8> {
    u8::try_from(character).ok().filter(u8::is_ascii).ok_or_else(|| {
        Error::new(ErrorKind::FeatureNotSupported, format!("COPY {what} must be a single one-byte character"))
    })
}

fn forced(names: &[Ident], columns: &[String]) -> Result<ForceQuote> {
    if matches!(names, [Ident { value, quote_style: Some(_), .. }] if value == "*") {
        return Ok(ForceQuote::All);
    }
    let position = |name: &Ident| {
        let name = folded(name);
        columns
            .iter()
            .position(|column| *column == name)
            .ok_or_else(|| Error::new(ErrorKind::UndefinedColumn, format!("column \"{name}\" does not exist")))
    };
    Ok(ForceQuote::Columns(names.iter().map(position).collect::<Result<_>>()?))
}
