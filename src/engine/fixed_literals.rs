//! Definitions that are kept (views, defaults, checks), their literals written so that every session reads them alike.
//!
//! PostgreSQL keeps an expression analysed: in a view, `'2024-01-01'` is the instant that it was for who made the view. A
//! definition here is text, planned anew by who reads it; a literal that would be another value under another `TimeZone`,
//! `DateStyle` or `IntervalStyle` is written with its zone, as ISO 8601 has it.
//!
//! Invariant: where no literal depends on the session, the text stays as it is.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::datasource::MemTable;
use datafusion::scalar::ScalarValue;

use super::planner::Planner;
use super::typing::Reads;
use crate::dialect::{self, quoted};
use crate::error::Result;
use crate::names::{TableName, quote_ident};
use crate::pgcatalog::format_type;
use crate::pgfunctions::session_style;
use crate::pgtypes::time::{Zone, is_relative};
use crate::pgtypes::{self, DateFormat, DateOrder, IntervalStyle, Style, Type};
use crate::table::{ConstraintKind, Definition};

/// Whose literals are read first where one place is several types.
const ZONED_FIRST: [Type; 4] = [Type::TIMESTAMPTZ, Type::TIMESTAMP, Type::DATE, Type::INTERVAL];

/// What tells literals apart while the types are noted that they are read as: the blanks that follow, which are no part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    OfEach,
    /// Those of one text have one mark, and stay as they are where they are of several types of which one is no time.
    OfAlike,
}

impl Marks {
    fn marked(self, text: &str, number: usize) -> String {
        let blanks = if self == Self::OfEach { number + 1 } else { 1 };
        format!("{text}{}", " ".repeat(blanks))
    }
}

impl Planner {
    /// The query, its literals fixed.
    ///
    /// # Errors
    /// Where it does not parse, or cannot be planned.
    pub(super) async fn fixed(&self, sql: &str) -> Result<String> {
        // an expression of GROUP BY is one of SELECT only where their literals are alike
        match self.fixed_by(sql, Marks::OfEach).await {
            Err(_) => self.fixed_by(sql, Marks::OfAlike).await,
            fixed => fixed,
        }
    }

    async fn fixed_by(&self, sql: &str, marks: Marks) -> Result<String> {
        let mut statement = dialect::parse_single(sql)?;
        let style = session_style(self.state().config_options());
        let marked = |text: &str, number: usize| marks.marked(text, number);
        let literals = quoted::named(&mut statement, |text| may_depend(text, &style), marked);
        if literals.is_empty() {
            return Ok(sql.to_owned());
        }
        let reads = Reads::default();
        self.noting(&reads).plan_with_types(&statement).await?;
        let reads = reads.lock();
        let values = literals.iter().enumerate().filter_map(|(number, literal)| {
            let marked = marked(&literal.value, number);
            let types = || reads.iter().filter(|(text, _)| *text == marked).map(|(_, pg_type)| pg_type);
            if marks == Marks::OfAlike && types().any(|pg_type| !ZONED_FIRST.contains(pg_type)) {
                return None;
            }
            let first = ZONED_FIRST.iter().find(|first| types().any(|pg_type| pg_type == *first));
            let pg_type = first.or_else(|| types().next())?;
            Some((literal, fixed(&literal.value, pg_type, &style)?))
        });
        Ok(quoted::replaced(sql, &statement, values.collect()))
    }

    /// Fixes the literals of a table's defaults, generated columns and checks.
    ///
    /// # Errors
    /// Where the schema is none that a table can have.
    pub(super) async fn fix(&self, name: &TableName, definition: &mut Definition) -> Result<()> {
        let table =
            MemTable::try_new(definition.schema.clone(), vec![vec![]]).map_err(super::errors::from_datafusion)?;
        let mut planner = self.again();
        planner.give(name.name.clone(), Arc::new(table));
        let from = format!(" FROM {}", quote_ident(&name.name));
        for (column, known) in &mut definition.columns {
            let stored = definition.schema.field_with_name(column).map(pgtypes::column_type);
            let told = stored.map_or_else(|_| "text".to_owned(), |pg_type| format_type(pg_type.oid(), -1));
            for value in [&mut known.default, &mut known.generated].into_iter().flatten() {
                planner.fix_expression("SELECT CAST((", value, &format!(") AS {told}){from}")).await;
            }
        }
        for constraint in &mut definition.constraints {
            if let ConstraintKind::Check { condition } = &mut constraint.kind {
                planner.fix_expression("SELECT (", condition, &format!("){from}")).await;
            }
        }
        Ok(())
    }

    /// Fixes an expression that stands between these in a query. What cannot be planned is told by who keeps it.
    async fn fix_expression(&self, before: &str, expression: &mut String, after: &str) {
        if let Ok(fixed) = self.fixed(&format!("{before}{expression}{after}")).await
            && let Some(within) = fixed.strip_prefix(before).and_then(|rest| rest.strip_suffix(after))
        {
            *expression = within.to_owned();
        }
    }
}

/// Whether it may be a time, or an array of such. Words for moments are those of whoever reads them.
fn may_depend(text: &str, style: &Style) -> bool {
    let reads = |pg_type: &Type| pgtypes::read_text(pg_type, text, style).is_ok();
    let is_one =
        || [Type::TIMESTAMPTZ, Type::INTERVAL, Type::TIMESTAMPTZ_ARRAY, Type::INTERVAL_ARRAY].iter().any(reads);
    text.contains(|character: char| character.is_ascii_digit()) && !is_relative(text) && is_one()
}

/// The literal's value, as every session reads it alike; none where they do so as it is.
fn fixed(text: &str, pg_type: &Type, style: &Style) -> Option<String> {
    let item = pgtypes::element_of(pg_type);
    if !ZONED_FIRST.contains(item.as_ref().unwrap_or(pg_type)) {
        return None;
    }
    let value = pgtypes::read_text(pg_type, text, style).ok()?;
    let is_same = |other: Style| pgtypes::read_text(pg_type, text, &other).is_ok_and(|read| read == value);
    if other_styles().all(is_same) {
        return None;
    }
    let plain = Style { dates: DateFormat::Iso, order: DateOrder::Ymd, intervals: IntervalStyle::Iso8601, ..*style };
    written(pg_type, &value, &plain)
}

/// Styles of which one at least reads a text otherwise, where any does.
fn other_styles() -> impl Iterator<Item = Style> {
    let zones = ["Etc/UTC", "Asia/Kathmandu"].map(|name| Zone::named(name).unwrap_or_default());
    let orders = [DateOrder::Mdy, DateOrder::Dmy, DateOrder::Ymd];
    let intervals = [IntervalStyle::Postgres, IntervalStyle::SqlStandard];
    zones.into_iter().flat_map(move |zone| {
        orders.into_iter().flat_map(move |order| {
            intervals.into_iter().map(move |intervals| Style { zone, order, intervals, ..Style::default() })
        })
    })
}

fn written(pg_type: &Type, value: &ScalarValue, style: &Style) -> Option<String> {
    let field = Field::new("value", value.data_type(), true);
    let array = value.to_array().ok()?;
    let texts = pgtypes::texts(&field, &array, style).ok()?;
    let text = ScalarValue::try_from_array(&texts, 0).ok()?;
    let text = text.try_as_str().flatten()?.to_owned();
    // what is read back is the value, or it stays as it was
    pgtypes::read_text(pg_type, &text, &Style::default()).is_ok_and(|read| read == *value).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Style {
        let (zone, order) = (Zone::named("Europe/Berlin").unwrap(), DateOrder::Dmy);
        Style { zone, order, ..Style::default() }
    }

    #[test]
    fn what_depends_on_the_session_is_written_with_its_zone_in_iso() {
        let told = |text, pg_type| fixed(text, &pg_type, &berlin());
        assert_eq!(told("2024-07-01", Type::TIMESTAMPTZ).as_deref(), Some("2024-07-01 00:00:00+02"));
        assert_eq!(told("01/02/2024", Type::DATE).as_deref(), Some("2024-02-01"));
        assert_eq!(told("{01/02/2024}", Type::DATE_ARRAY).as_deref(), Some("{2024-02-01}"));
        let standard = Style { intervals: IntervalStyle::SqlStandard, ..Style::default() };
        assert_eq!(fixed("-1 2:03:04", &Type::INTERVAL, &standard).as_deref(), Some("P-1DT-2H-3M-4S"));
    }

    #[test]
    fn what_every_session_reads_alike_stays() {
        let told = |text, pg_type| fixed(text, &pg_type, &berlin());
        assert_eq!(told("2024-07-01 00:00+00", Type::TIMESTAMPTZ), None);
        assert_eq!(told("2024-02-01", Type::DATE), None);
        assert_eq!(told("1 day", Type::INTERVAL), None);
        assert_eq!(told("01/02/2024", Type::TEXT), None);
    }
}
