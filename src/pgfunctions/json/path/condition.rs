//! Conditions: true, false, or unknown where something in them fails.

use std::cmp::Ordering;
use std::mem;

use super::super::value::Value;
use super::eval::{Flow, Stop, Walk};
use super::item::Item;
use super::tree::{Compare, Step};
use crate::error::Error;

impl<'a> Walk<'a> {
    /// Whether the condition holds; `None`: unknown.
    ///
    /// # Errors
    /// Never that the data are not as the path says.
    pub fn condition(&mut self, path: &'a [Step], item: &Item<'a>) -> Flow<Option<bool>> {
        match path {
            [step] => self.holds(step, item),
            _ => Err(no_condition()),
        }
    }

    /// The same of one step.
    pub fn holds(&mut self, step: &'a Step, item: &Item<'a>) -> Flow<Option<bool>> {
        Ok(match step {
            Step::And(left, right) => match self.condition(left, item)? {
                Some(false) => Some(false),
                left => match self.condition(right, item)? {
                    Some(true) => left,
                    right => right,
                },
            },
            Step::Or(left, right) => match self.condition(left, item)? {
                Some(true) => Some(true),
                left => match self.condition(right, item)? {
                    Some(false) => left,
                    right => right,
                },
            },
            Step::Not(inner) => self.condition(inner, item)?.map(|holds| !holds),
            Step::IsUnknown(inner) => Some(self.condition(inner, item)?.is_none()),
            Step::Exists(inner) => self.quietly(|walk| walk.finds(inner, item))?,
            Step::Compare(operator, left, right) => {
                let Some(lefts) = self.operand(left, item, true)? else { return Ok(None) };
                let Some(rights) = self.operand(right, item, true)? else { return Ok(None) };
                let pairs = lefts.iter().flat_map(|left| rights.iter().map(move |right| (left, right)));
                self.any(pairs, |walk, (left, right)| walk.compare(*operator, left, right))?
            }
            Step::StartsWith(left, right) => {
                let Some(wholes) = self.operand(left, item, true)? else { return Ok(None) };
                let Some(starts) = self.operand(right, item, false)? else { return Ok(None) };
                let pairs = wholes.iter().flat_map(|whole| starts.iter().map(move |start| (whole, start)));
                let starts_with =
                    |(whole, start): (&Item<'_>, &Item<'_>)| Some(whole.text()?.starts_with(start.text()?));
                self.any(pairs, |_, pair| Ok(starts_with(pair)))?
            }
            Step::LikeRegex(left, pattern) => {
                let Some(texts) = self.operand(left, item, true)? else { return Ok(None) };
                self.any(texts.iter(), |_, text| {
                    text.text().map(|text| pattern.regex.is_match(text).map_err(Stop::Raised)).transpose()
                })?
            }
            _ => return Err(no_condition()),
        })
    }

    /// `None` where it fails; who asked does not see it.
    fn quietly<T>(&mut self, run: impl FnOnce(&mut Self) -> Flow<T>) -> Flow<Option<T>> {
        let outer = mem::replace(&mut self.is_quiet, true);
        let flow = run(self);
        self.is_quiet = outer;
        match flow {
            Ok(result) => Ok(Some(result)),
            Err(Stop::Failed(_)) => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    fn operand(&mut self, path: &'a [Step], item: &Item<'a>, unwraps: bool) -> Flow<Option<Vec<Item<'a>>>> {
        self.quietly(|walk| walk.sequence(path, item, unwraps))
    }

    /// Whether one holds. In lax mode the first that does decides; in strict mode the first that is unknown.
    fn any<T>(
        &mut self,
        candidates: impl Iterator<Item = T>,
        holds: impl Fn(&Self, T) -> Flow<Option<bool>>,
    ) -> Flow<Option<bool>> {
        let (mut found, mut is_unknown) = (false, false);
        for candidate in candidates {
            match holds(self, candidate)? {
                Some(true) if self.lax => return Ok(Some(true)),
                Some(holds) => found |= holds,
                None if !self.lax => return Ok(None),
                None => is_unknown = true,
            }
        }
        Ok(if found || !is_unknown { Some(found) } else { None })
    }

    fn compare(&self, operator: Compare, left: &Item<'_>, right: &Item<'_>) -> Flow<Option<bool>> {
        let order = match (left, right) {
            (Item::Moment(left), Item::Moment(right)) => {
                match left.compare(*right, self.zone).map_err(Stop::Raised)? {
                    Some(order) => order,
                    None => return Ok(None),
                }
            }
            _ => match (left.value(), right.value()) {
                (Some(Value::Null), Some(Value::Null)) => Ordering::Equal,
                (Some(Value::Null), _) | (_, Some(Value::Null)) => return Ok(Some(operator == Compare::NotEqual)),
                (Some(Value::Bool(left)), Some(Value::Bool(right))) => left.cmp(right),
                (Some(left @ Value::Number(_)), Some(right @ Value::Number(_))) => left.cmp(right),
                (Some(Value::String(left)), Some(Value::String(right))) => left.cmp(right),
                _ => return Ok(None),
            },
        };
        Ok(Some(match operator {
            Compare::Equal => order.is_eq(),
            Compare::NotEqual => order.is_ne(),
            Compare::Less => order.is_lt(),
            Compare::Greater => order.is_gt(),
            Compare::LessOrEqual => order.is_le(),
            Compare::GreaterOrEqual => order.is_ge(),
        }))
    }
}

fn no_condition() -> Stop {
    Stop::Raised(Error::internal("a jsonpath step is no condition"))
}
