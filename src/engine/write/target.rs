//! The table whose rows a statement changes, and queries over it.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, Projection, TableSource};
use datafusion::sql::sqlparser::ast::{self, Ident};

use super::constraints::TableRules;
use super::names::{self, Verb};
use crate::catalog::{Object, Privilege};
use crate::dialect::{self, Statement, folded};
use crate::engine::errors;
use crate::engine::execute::Origin;
use crate::engine::planner::Planner;
use crate::engine::system_columns::placed;
use crate::engine::tree::system_columns;
use crate::error::{Error, ErrorKind, Result};
use crate::table::{FILE_COLUMN, ROW_COLUMN, Snapshot};

/// What the target is called in the queries made here. No client can write the name.
const TARGET: &str = "\u{1}target";

pub(super) struct Target {
    pub object: Arc<Object>,
    pub snapshot: Arc<Snapshot>,
    pub rules: Arc<TableRules>,
    /// What the statement calls it.
    pub alias: Ident,
}

impl Target {
    /// What a client is told of the column at a place.
    pub fn origin(&self, place: usize) -> Option<Origin> {
        Some((self.object.oid, i16::try_from(place + 1).ok()?))
    }

    pub async fn open(
        planner: &Planner,
        statement: &Statement,
        name: &ast::ObjectName,
        alias: Option<&Ident>,
        verb: Verb,
    ) -> Result<Self> {
        let object = names::changed(planner, name, verb).map_err(|error| {
            if error.kind() != ErrorKind::UndefinedTable {
                return error;
            }
            let parts = name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone());
            errors::at_name(error, statement, &parts.collect::<Vec<_>>())
        })?;
        // what is changed is read as well, and RETURNING shows it
        if verb != Verb::Insert {
            planner.check_right(&object, Privilege::Select)?;
        }
        let snapshot = planner.scope().snapshot(&object).await?;
        let rules = Arc::new(TableRules::of(planner, &object, &snapshot).await?);
        let last = name.0.last().and_then(|part| part.as_ident()).cloned();
        let alias = alias.cloned().or(last).ok_or_else(|| Error::internal("a table without a name"))?;
        let alias = Ident::with_quote('"', folded(&alias));
        Ok(Self { object, snapshot, rules, alias })
    }

    pub fn columns(&self) -> &[FieldRef] {
        self.rules.schema().fields()
    }

    /// A column as it was declared: `varchar`, `uuid`, where Arrow has text.
    pub fn declared(&self, index: usize) -> FieldRef {
        let field = &self.columns()[index];
        let known = self.object.columns.iter().find(|column| column.name == *field.name());
        let metadata = known.map(|column| column.field().metadata().clone()).unwrap_or_default();
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    }

    /// The position of a column that the statement gives a value to.
    ///
    /// # Errors
    /// `42703`.
    pub fn column(&self, name: &ast::ObjectName, statement: &Statement) -> Result<usize> {
        let ident = match name.0.as_slice() {
            [ast::ObjectNamePart::Identifier(ident)] => ident,
            // PostgreSQL takes what stands before the dot for the column
            [ast::ObjectNamePart::Identifier(ident), ..] => ident,
            _ => return Err(Error::new(ErrorKind::FeatureNotSupported, "only a column can be given a value")),
        };
        let wanted = folded(ident);
        self.columns().iter().position(|field| *field.name() == wanted && name.0.len() == 1).ok_or_else(|| {
            let message = format!("column \"{wanted}\" of relation \"{}\" does not exist", self.rules.relation());
            let error = Error::new(ErrorKind::UndefinedColumn, message);
            match dialect::place_of(statement, ident) {
                Some(position) => error.at(position),
                None => error,
            }
        })
    }

    /// The target in FROM, with the places of its rows.
    pub fn factor(&self) -> ast::TableFactor {
        table_factor(TARGET, self.alias.clone())
    }

    /// `alias.column`
    pub fn item(&self, column: &str) -> ast::Expr {
        qualified(std::slice::from_ref(&self.alias), column)
    }

    /// The two columns that say where a row lies.
    pub fn place(&self) -> [ast::Expr; 2] {
        [self.item(FILE_COLUMN), self.item(ROW_COLUMN)]
    }

    /// What the queries' own names stand for; the target has the system columns that the statement names.
    pub fn sources(&self, statement: &Statement) -> Result<HashMap<TableReference, Arc<dyn TableSource>>> {
        let named = system_columns::named(&statement.ast);
        let wanted: Vec<&str> =
            named.into_iter().filter(|name| self.rules.schema().column_with_name(name).is_none()).collect();
        let placed = match wanted.is_empty() {
            true => self.snapshot.placed(None)?,
            false => {
                let own = self.columns().iter().map(|field| field.name().as_str());
                let columns: Vec<&str> = own.chain([FILE_COLUMN, ROW_COLUMN]).collect();
                placed(&self.snapshot, &self.object, &columns, &wanted)?
            }
        };
        Ok(HashMap::from([(TableReference::bare(TARGET), provider_as_source(placed))]))
    }
}

pub(super) fn table_factor(name: &str, alias: Ident) -> ast::TableFactor {
    ast::TableFactor::Table {
        name: ast::ObjectName::from(vec![Ident::with_quote('"', name)]),
        alias: Some(ast::TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

pub(super) fn alone(relation: ast::TableFactor) -> ast::TableWithJoins {
    ast::TableWithJoins { relation, joins: Vec::new() }
}

/// `qualifier.column`, each part as it is.
pub(super) fn qualified(qualifier: &[Ident], column: &str) -> ast::Expr {
    let mut parts = qualifier.to_vec();
    parts.push(Ident::with_quote('"', column));
    ast::Expr::CompoundIdentifier(parts)
}

/// `WITH … SELECT items FROM … WHERE …`, in the place of the statement.
pub(super) fn query(
    statement: &Statement,
    with: Option<&ast::With>,
    items: Vec<ast::Expr>,
    from: Vec<ast::TableWithJoins>,
    selection: Option<ast::Expr>,
) -> Result<Statement> {
    let named = items.into_iter().enumerate().map(|(index, expr)| ast::SelectItem::ExprWithAlias {
        expr,
        alias: Ident::with_quote('"', format!("\u{1}{index}")),
    });
    select(statement, with, named.collect(), from, selection)
}

/// [`query`] with the SELECT list as given.
pub(super) fn select(
    statement: &Statement,
    with: Option<&ast::With>,
    projection: Vec<ast::SelectItem>,
    from: Vec<ast::TableWithJoins>,
    selection: Option<ast::Expr>,
) -> Result<Statement> {
    let mut ast = dialect::parse_single("select 1")?.ast;
    if let ast::Statement::Query(query) = &mut ast
        && let ast::SetExpr::Select(select) = query.body.as_mut()
    {
        query.with = with.cloned();
        select.projection = projection;
        select.from = from;
        select.selection = selection;
    }
    Ok(Statement { ast, ..statement.clone() })
}

/// A planned SELECT list and what it is computed from.
///
/// # Errors
/// `0A000` where the list is more than expressions over one row.
pub(super) fn projection(plan: LogicalPlan) -> Result<Projection> {
    match plan {
        LogicalPlan::Projection(projection) => Ok(projection),
        _ => Err(Error::new(ErrorKind::FeatureNotSupported, "values of a row must be computed from one row")),
    }
}
