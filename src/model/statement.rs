//! What a compiled model reads and calls, found in its parsed statement.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Statement, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::dialect;

/// Functions whose result is not a function of their arguments and the tables read.
const VOLATILE: &[&str] = &[
    "clock_timestamp",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_time",
    "current_timestamp",
    "current_user",
    "gen_random_uuid",
    "localtime",
    "localtimestamp",
    "nextval",
    "now",
    "pg_backend_pid",
    "random",
    "session_user",
    "statement_timestamp",
    "timeofday",
    "today",
    "transaction_timestamp",
    "txid_current",
    "user",
    "uuid",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
    "version",
];

/// A relation named in a statement; CTEs are not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `None` where the name is not qualified.
    pub schema: Option<String>,
    pub name: String,
    /// Of the first part of the name, in the statement's text; both from 1, the column in characters.
    pub line: usize,
    pub column: usize,
}

/// What a model's statement is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysis {
    pub references: Vec<Reference>,
    /// The volatile functions that it calls.
    pub volatile: Vec<String>,
}

/// Why a text is not a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadStatement {
    pub message: String,
    /// In the text, both from 1; `None` if the parser did not say.
    pub at: Option<(usize, usize)>,
    pub hint: Option<String>,
}

/// Parses a model's SQL: one query.
pub fn analyse(sql: &str) -> Result<Analysis, BadStatement> {
    let statements = dialect::parse(sql).map_err(|error| {
        let at = error.position().map(|position| line_and_column(sql, position.saturating_sub(1)));
        BadStatement { message: error.message().to_owned(), at, hint: error.hint().map(str::to_owned) }
    })?;
    let statement = match statements.as_slice() {
        [statement] => statement,
        [] => return Err(bad("the model is empty", None, "write one SELECT")),
        [_, second, ..] => {
            let message = format!("a model is one query, and this file has {} statements", statements.len());
            let at = line_and_column(sql, second.offset);
            return Err(bad(&message, Some(at), "put each into a file of its own"));
        }
    };
    let Statement::Query(query) = &statement.ast else {
        let at = line_and_column(sql, statement.offset);
        return Err(bad("a model is one query", Some(at), "begin it with SELECT, WITH or VALUES"));
    };
    let mut finder = Finder::default();
    let _ = query.visit(&mut finder);
    let Finder { mut found, .. } = finder;
    found.volatile.sort();
    found.volatile.dedup();
    // Spans count from the statement's first token.
    let (line, column) = line_and_column(sql, statement.offset);
    for reference in &mut found.references {
        if reference.line == 1 {
            reference.column += column - 1;
        }
        reference.line += line - 1;
    }
    Ok(found)
}

fn bad(message: &str, at: Option<(usize, usize)>, hint: &str) -> BadStatement {
    BadStatement { message: message.to_owned(), at, hint: Some(hint.to_owned()) }
}

/// Both from 1, of the character that `chars` others precede.
fn line_and_column(text: &str, chars: usize) -> (usize, usize) {
    let before: String = text.chars().take(chars).collect();
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, last_line.chars().count() + 1)
}

/// The text without the semicolon at its end, if it has one.
pub fn without_semicolon(sql: &str) -> &str {
    sql.trim_end().strip_suffix(';').map_or(sql, str::trim_end)
}

/// Writes a schema before each name that has none. `schemas` are by position, line and column, in any order.
pub fn qualify(sql: &str, schemas: &[(usize, usize, String)]) -> String {
    let mut lines: Vec<String> = sql.split('\n').map(str::to_owned).collect();
    let mut schemas: Vec<_> = schemas.iter().collect();
    schemas.sort();
    for (line, column, schema) in schemas.into_iter().rev() {
        if let Some(text) = lines.get_mut(line.saturating_sub(1)) {
            let at = text.char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(byte, _)| byte);
            text.insert_str(at, &format!("{}.", crate::names::quote_ident(schema)));
        }
    }
    lines.join("\n")
}

/// The CTEs of a query, and how many of them the text visited now can see.
struct Frame {
    /// Name, and the address of the body: how the visitor's queries are told apart.
    ctes: Vec<(String, *const Query)>,
    visible: usize,
    recursive: bool,
}

#[derive(Default)]
struct Finder {
    frames: Vec<Frame>,
    found: Analysis,
}

impl Finder {
    fn is_cte(&self, name: &str) -> bool {
        self.frames.iter().any(|frame| frame.ctes[..frame.visible].iter().any(|(cte, _)| cte == name))
    }

    fn relation(&mut self, name: &ObjectName) {
        let parts: Vec<&Ident> = name
            .0
            .iter()
            .filter_map(|part| match part {
                ObjectNamePart::Identifier(ident) => Some(ident),
                ObjectNamePart::Function(_) => None,
            })
            .collect();
        let Some((last, before)) = parts.split_last() else { return };
        let name = fold(last);
        let schema = before.last().map(|ident| fold(ident));
        if schema.is_none() && self.is_cte(&name) {
            return;
        }
        let Location { line, column } = parts[0].span.start;
        self.found.references.push(Reference { schema, name, line: line as usize, column: column as usize });
    }
}

/// An identifier as stored: lower case unless it was quoted.
fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        // Inside the body of a CTE only those before it are seen; WITH RECURSIVE lets it see all.
        for frame in &mut self.frames {
            if let Some(nth) = frame.ctes.iter().position(|(_, body)| std::ptr::eq(*body, query)) {
                frame.visible = if frame.recursive { frame.ctes.len() } else { nth };
            }
        }
        let with = query.with.as_ref();
        let ctes: Vec<(String, *const Query)> = with
            .into_iter()
            .flat_map(|with| &with.cte_tables)
            .map(|cte| (fold(&cte.alias.name), std::ptr::from_ref(&*cte.query)))
            .collect();
        let visible = ctes.len();
        self.frames.push(Frame { ctes, visible, recursive: with.is_some_and(|with| with.recursive) });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.frames.pop();
        for frame in &mut self.frames {
            if frame.ctes.iter().any(|(_, body)| std::ptr::eq(*body, query)) {
                frame.visible = frame.ctes.len();
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: None, .. } => self.relation(name),
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => self.call(name),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.call(&function.name);
        }
        ControlFlow::Continue(())
    }
}

impl Finder {
    fn call(&mut self, name: &ObjectName) {
        if let Some(ObjectNamePart::Identifier(ident)) = name.0.last() {
            let name = fold(ident);
            if VOLATILE.contains(&name.as_str()) {
                self.found.volatile.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_in_arguments_are_read() {
        assert_eq!(reads("select *\nfrom rfm('select ''x'' as c from t', customer => c)"), ["t@2:34"]);
        assert_eq!(reads("select * from rfm($$\n  select * from gold.t$$, customer => c)"), ["gold.t@2:17"]);
        assert_eq!(
            reads("with c as (select * from a) select * from rfm(c, customer => c) join rfm(\"b\".d) x on true"),
            ["a@1:26", "b.d@1:74"]
        );
        assert_eq!(qualify("select * from rfm('t')", &[(1, 20, "gold".to_owned())]), "select * from rfm('gold.t')");
    }

    fn reads(sql: &str) -> Vec<String> {
        analyse(sql)
            .unwrap()
            .references
            .iter()
            .map(|r| {
                format!(
                    "{}{}@{}:{}",
                    r.schema.as_ref().map(|s| format!("{s}.")).unwrap_or_default(),
                    r.name,
                    r.line,
                    r.column
                )
            })
            .collect()
    }

    #[test]
    fn references_are_found_and_ctes_are_not_among_them() {
        assert_eq!(reads("select 1 from Gold.Sales a, \"Gold\".x"), ["gold.sales@1:15", "Gold.x@1:29"]);
        assert_eq!(reads("with a as (select * from t),\nb as (select * from a) select * from b"), ["t@1:26"]);
        assert_eq!(
            reads("select (select max(x) from u), * from (select * from v) z where exists (select 1 from w)").len(),
            3
        );
        assert_eq!(reads("select * from generate_series(1, 3)"), Vec::<String>::new());
        assert_eq!(reads("select * from lake.gold.sales"), ["gold.sales@1:15"]);
    }

    #[test]
    fn a_cte_may_have_the_name_of_the_table_it_reads() {
        assert_eq!(reads("with sales as (select * from sales) select * from sales"), ["sales@1:30"]);
        assert_eq!(
            reads("with recursive n as (select 1 union all select * from n) select * from n"),
            Vec::<String>::new()
        );
        // The name ends with the query that gave it.
        assert_eq!(reads("select * from (with a as (select 1) select * from a) x, a"), ["a@1:57"]);
    }

    #[test]
    fn volatile_functions_are_found() {
        let volatile = |sql: &str| analyse(sql).unwrap().volatile;
        assert_eq!(volatile("select now(), current_date, RANDOM() from t"), ["current_date", "now", "random"]);
        assert_eq!(volatile("select gen_random_uuid(), pg_catalog.now()"), ["gen_random_uuid", "now"]);
        assert_eq!(volatile("select nowhere, lower('now()') from t"), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_one_query_is_refused_with_its_place() {
        let error = analyse("select 1\nfrom t where )").unwrap_err();
        assert_eq!(error.at, Some((2, 14)), "{error:?}");
        let error = analyse("select 1;\n-- more\nselect 2").unwrap_err();
        assert_eq!(error.at, Some((3, 1)), "{error:?}");
        assert!(analyse("drop table x").unwrap_err().message.contains("one query"));
        assert!(analyse(" -- nothing\n").unwrap_err().message.contains("empty"));
        assert!(analyse("select 'a").is_err());
    }

    #[test]
    fn names_are_qualified_in_place() {
        let sql = "select é, x from sales, other";
        let done = qualify(sql, &[(1, 18, "gold".into()), (1, 25, "My".into())]);
        assert_eq!(done, "select é, x from gold.sales, \"My\".other");
        assert_eq!(without_semicolon("select 1 ; \n"), "select 1");
    }
}
