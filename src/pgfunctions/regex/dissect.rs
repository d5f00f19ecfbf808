//! A match taken apart: where its groups are.
//!
//! Invariant: a part is only taken apart at a stretch of text that its automaton matches.
//! Invariant: while a part is not matched, its groups are not set.

use std::collections::HashSet;
use std::ops::Range;

use super::engine::{Engine, Scan};
use super::plan::{Kind, Part};
use crate::error::Result;

pub(super) struct Dissection<'m, 't> {
    pub plan: &'m [Part],
    pub engine: &'m mut Engine,
    pub scan: &'m Scan<'t>,
    pub groups: Vec<Option<Range<usize>>>,
}

impl Dissection<'_, '_> {
    /// Whether a part matches just this stretch; if so, its groups are set.
    pub fn part(&mut self, part: usize, within: Range<usize>) -> Result<bool> {
        self.engine.spend(1)?;
        let Some(known) = self.plan.get(part) else { return Ok(false) };
        let is_match = match &known.kind {
            Kind::Whole => true,
            Kind::Back { .. } => self.back_ends(part, within.clone()).is_some_and(|ends| ends.contains(&within.end)),
            Kind::Concat(left, right) => self.concat(*left, *right, within.clone())?,
            Kind::Alt(branches) => self.alternatives(branches, within.clone())?,
            Kind::Repeat { part, min, max } => {
                let shortest = self.plan.get(*part).is_some_and(Part::likes_shortest);
                Repetition::new(*part, shortest, (*min, *max), within.clone(), self.scan.text).run(self)?
            }
        };
        for group in known.groups.iter().filter(|_| is_match) {
            if let Some(place) = self.groups.get_mut(*group) {
                *place = Some(within.clone());
            }
        }
        Ok(is_match)
    }

    /// Forgets what the groups of a part have matched.
    fn clear(&mut self, part: usize) {
        let mut parts = vec![part];
        while let Some(known) = parts.pop().and_then(|part| self.plan.get(part)) {
            for group in &known.groups {
                if let Some(place) = self.groups.get_mut(*group) {
                    *place = None;
                }
            }
            match &known.kind {
                Kind::Whole | Kind::Back { .. } => {}
                Kind::Concat(left, right) => parts.extend([*left, *right]),
                Kind::Alt(branches) => parts.extend(branches),
                Kind::Repeat { part, .. } => parts.push(*part),
            }
        }
    }

    fn alternatives(&mut self, branches: &[usize], within: Range<usize>) -> Result<bool> {
        for branch in branches {
            if self.matches(*branch, within.clone())? && self.part(*branch, within.clone())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn concat(&mut self, left: usize, right: usize, within: Range<usize>) -> Result<bool> {
        let shortest = self.plan.get(left).is_some_and(Part::likes_shortest);
        let starts = self.starts(right, within.clone())?;
        let mut middles = match self.back_ends(left, within.clone()) {
            Some(ends) => ends,
            None => self.engine.ends(left, self.scan, within.clone())?,
        };
        middles.retain(|middle| starts.binary_search_by(|start| middle.cmp(start)).is_ok());
        if !shortest {
            middles.reverse();
        }
        for middle in middles {
            if self.part(left, within.start..middle)? {
                if self.part(right, middle..within.end)? {
                    return Ok(true);
                }
                self.clear(left);
            }
        }
        Ok(false)
    }

    /// Where a part may begin that ends with the stretch, last first.
    fn starts(&mut self, part: usize, within: Range<usize>) -> Result<Vec<usize>> {
        if self.known_back(part).is_none() {
            return self.engine.starts(part, self.scan, within);
        }
        let text = self.scan.text;
        let at_letters = (within.start..=within.end).rev().filter(|at| text.is_char_boundary(*at));
        let matches = |at: &usize| self.back_ends(part, *at..within.end).is_some_and(|ends| ends.contains(&within.end));
        Ok(at_letters.filter(matches).collect())
    }

    fn matches(&mut self, part: usize, within: Range<usize>) -> Result<bool> {
        match self.back_ends(part, within.clone()) {
            Some(ends) => Ok(ends.contains(&within.end)),
            None => Ok(self.engine.longest(part, self.scan, within.clone())? == Some(within.end)),
        }
    }

    /// What a back reference refers to and how often; `None` if that is not matched, or the part is none.
    fn known_back(&self, part: usize) -> Option<(Range<usize>, usize, Option<usize>)> {
        match self.plan.get(part)?.kind {
            Kind::Back { group, min, max } => Some((self.groups.get(group)?.clone()?, min, max)),
            _ => None,
        }
    }

    /// Where what a back reference refers to ends, once, twice …, first first; `None` as in [`Self::known_back`].
    fn back_ends(&self, part: usize, within: Range<usize>) -> Option<Vec<usize>> {
        let (group, min, max) = self.known_back(part)?;
        if group.is_empty() {
            return Some(vec![within.start]);
        }
        let model = self.scan.text.get(group)?;
        let (mut ends, mut at, mut times) = (Vec::new(), Some(within.start), 0);
        while let Some(end) = at.filter(|end| *end <= within.end && max.is_none_or(|max| times <= max)) {
            if times >= min {
                ends.push(end);
            }
            at = self.again(model, end);
            times += 1;
        }
        Some(ends)
    }

    /// Where a text ends if it stands here.
    fn again(&self, model: &str, at: usize) -> Option<usize> {
        let rest = self.scan.text.get(at..)?;
        if !self.engine.syntax.insensitive {
            return rest.starts_with(model).then_some(at + model.len());
        }
        let same = |one: char, other: char| one == other || one.to_lowercase().eq(other.to_lowercase());
        let mut letters = rest.char_indices();
        for letter in model.chars() {
            letters.next().filter(|(_, other)| same(letter, *other))?;
        }
        Some(at + rest.len() - letters.as_str().len())
    }

    fn longest(&mut self, part: usize, within: Range<usize>) -> Result<Option<usize>> {
        match self.back_ends(part, within.clone()) {
            Some(ends) => Ok(ends.last().copied()),
            None => self.engine.longest(part, self.scan, within),
        }
    }

    fn shortest(&mut self, part: usize, from: usize, ends: Range<usize>) -> Result<Option<usize>> {
        match self.back_ends(part, from..ends.end) {
            Some(known) => Ok(known.into_iter().find(|end| *end >= ends.start)),
            None => self.engine.shortest(part, self.scan, from, ends),
        }
    }
}

/// A stretch cut up into matches of one part.
struct Repetition<'t> {
    part: usize,
    shortest: bool,
    /// Matches that there may be at least and at most; `is_optional`: none would do too.
    min: usize,
    max: usize,
    is_optional: bool,
    is_unbounded: bool,
    within: Range<usize>,
    text: &'t str,
    /// Where the matches found so far end; the first number is where the first begins.
    ends: Vec<usize>,
    /// How many of them are taken apart.
    verified: usize,
    /// Whether a way to the end was found behind the match of that number.
    arrived: Vec<bool>,
    /// Numbers of matches and places where they begin from which there is no way to the end.
    dead: HashSet<(usize, usize)>,
}

impl<'t> Repetition<'t> {
    fn new(part: usize, shortest: bool, bounds: (usize, Option<usize>), within: Range<usize>, text: &'t str) -> Self {
        let letters = text.get(within.clone()).map_or(0, |stretch| stretch.chars().count());
        let min = bounds.0.max(1);
        Self {
            part,
            shortest,
            min,
            max: bounds.1.unwrap_or(letters).min(letters).max(min),
            is_optional: bounds.0 == 0,
            is_unbounded: bounds.1.is_none(),
            ends: vec![within.start],
            within,
            text,
            verified: 0,
            arrived: vec![false],
            dead: HashSet::new(),
        }
    }

    fn letters(&self, from: usize) -> usize {
        self.text.get(from..self.within.end).map_or(0, |rest| rest.chars().count())
    }

    fn after(&self, at: usize) -> usize {
        at + self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
    }

    fn before(&self, at: usize) -> usize {
        at - self.text.get(..at).and_then(|rest| rest.chars().next_back()).map_or(0, char::len_utf8)
    }

    fn end(&self, nth: usize) -> usize {
        self.ends.get(nth).copied().unwrap_or(self.within.start)
    }

    /// Whether so many matches are missing that one of them has to be empty.
    fn needs_empty(&self, nth: usize, from: usize) -> bool {
        nth < self.min && self.min - nth >= self.letters(from)
    }

    fn run(mut self, dissection: &mut Dissection<'_, '_>) -> Result<bool> {
        let is_nothing = self.is_optional && self.within.is_empty();
        if self.shortest && is_nothing {
            return Ok(true);
        }
        let mut limit = if self.shortest { self.within.start } else { self.within.end };
        let mut nth = 1;
        while nth > 0 {
            let from = self.end(nth - 1);
            let is_dead = self.dead.contains(&self.place(nth));
            let end = if is_dead { None } else { self.pick(dissection, nth, from, limit)? };
            self.ends.truncate(nth);
            self.ends.extend(end);
            self.arrived.resize(nth + 1, false);
            self.verified = self.verified.min(nth - 1);
            let back_to = match end {
                None => nth - 1,
                Some(end) if end != self.within.end && nth >= self.max => nth - 1,
                Some(end) if end != self.within.end => {
                    if self.shortest || end != from || self.needs_empty(nth, end) {
                        limit = if self.shortest { end } else { self.within.end };
                        nth += 1;
                        continue;
                    }
                    nth
                }
                Some(_) if nth < self.min => nth,
                Some(_) => match self.verify(dissection, nth)? {
                    None => return Ok(true),
                    Some(failed) => failed,
                },
            };
            (nth, limit) = self.back_up(nth, back_to);
        }
        Ok(is_nothing)
    }

    /// Where the next match may end, under the limit.
    fn pick(
        &self,
        dissection: &mut Dissection<'_, '_>,
        nth: usize,
        from: usize,
        limit: usize,
    ) -> Result<Option<usize>> {
        if !self.shortest {
            return dissection.longest(self.part, from..limit);
        }
        let mut limit = limit;
        if limit == from && limit != self.within.end && !self.needs_empty(nth, limit) {
            limit = self.after(limit);
        }
        if nth >= self.max {
            limit = self.within.end;
        }
        dissection.shortest(self.part, from, limit..self.within.end)
    }

    /// Takes the matches apart; the number of the one with which that fails.
    fn verify(&mut self, dissection: &mut Dissection<'_, '_>, count: usize) -> Result<Option<usize>> {
        self.arrived.fill(true);
        for nth in self.verified + 1..=count {
            dissection.clear(self.part);
            if !dissection.part(self.part, self.end(nth - 1)..self.end(nth))? {
                return Ok(Some(nth));
            }
            self.verified = nth;
        }
        Ok(None)
    }

    /// The last match, from this one back, that may end elsewhere, and the limit for that; 0 if there is none.
    fn back_up(&mut self, from: usize, to: usize) -> (usize, usize) {
        for gone in (to + 1..=from).rev() {
            self.bury(gone);
        }
        let mut nth = to;
        while nth > 0 {
            let (start, end) = (self.end(nth - 1), self.end(nth));
            if self.shortest {
                if end < self.within.end {
                    return (nth, self.after(end));
                }
            } else if end > start {
                let limit = self.before(end);
                if limit > start || self.needs_empty(nth, start) {
                    return (nth, limit);
                }
            }
            self.bury(nth);
            nth -= 1;
        }
        (0, 0)
    }

    /// Remembers that a match begins where none leads to the end.
    fn bury(&mut self, nth: usize) {
        if self.arrived.get(nth).is_some_and(|arrived| !arrived) {
            self.dead.insert(self.place(nth));
        }
    }

    /// Where a match begins, and its number as far as it matters.
    fn place(&self, nth: usize) -> (usize, usize) {
        (if self.is_unbounded { nth.min(self.min) } else { nth }, self.end(nth - 1))
    }
}
