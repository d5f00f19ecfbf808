//! A WITH inside a query of another one that has a name of that: the inner one gets a name of its own.
//!
//! Blocked by: DataFusion refuses a name that a query around has. Remove when names of WITH are hidden by inner ones.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Query, TableAlias, TableFactor, VisitMut, VisitorMut, With,
};

use super::Rule;
use crate::dialect::folded;

#[derive(Default)]
pub struct Renamer {
    /// The names of each WITH around.
    around: Vec<HashSet<String>>,
    renamed: usize,
}

impl Rule for Renamer {
    fn pre_visit_query(&mut self, query: &mut Query) {
        let names = query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| folded(&cte.alias.name));
        self.around.push(names.collect());
    }

    // the innermost first: what it names is told apart when those around it are looked at
    fn post_visit_query(&mut self, query: &mut Query) {
        let own = self.around.pop().unwrap_or_default();
        for name in own.iter().filter(|name| self.around.iter().any(|names| names.contains(*name))) {
            self.renamed += 1;
            rename(query, name, &format!("{name} {}", self.renamed + 1));
        }
    }
}

fn rename(query: &mut Query, name: &str, new: &str) {
    let Some(mut with) = query.with.take() else { return };
    let mut reader = Reader { name, new };
    let _ = query.visit(&mut reader);
    let With { recursive, cte_tables, .. } = &mut with;
    let mut seen = false;
    for cte in cte_tables {
        let is_it = folded(&cte.alias.name) == name;
        // a query that does not call itself reads the outer one of its name
        if seen || is_it && *recursive {
            let _ = cte.query.visit(&mut reader);
        }
        if is_it {
            seen = true;
            cte.alias.name = Ident::with_quote('"', new);
        }
    }
    query.with = Some(with);
}

/// Reads the query of the one name by the other.
struct Reader<'a> {
    name: &'a str,
    new: &'a str,
}

impl VisitorMut for Reader<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor
            && let [ObjectNamePart::Identifier(given)] = name.0.as_slice()
            && folded(given) == self.name
        {
            if alias.is_none() {
                *alias = Some(TableAlias { explicit: true, name: given.clone(), columns: Vec::new(), at: None });
            }
            let mut new = Ident::with_quote('"', self.new);
            new.span = given.span;
            *name = ObjectName::from(vec![new]);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn inner_names_are_told_apart() {
        let sql = "WITH s AS (SELECT b AS a FROM u), t AS (WITH s AS (SELECT a AS a FROM s) SELECT s.a AS a FROM s) SELECT a AS a FROM s, t";
        let expected = "WITH s AS (SELECT b AS a FROM u), t AS (WITH \"s 2\" AS (SELECT a AS a FROM s) SELECT s.a AS a FROM \"s 2\" AS s) SELECT a AS a FROM s, t";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
