//! The matcher of our own: it finds matches as PostgreSQL does, and takes them apart.
//!
//! First the match as a whole is found: the leftmost, of those the longest or the shortest as the pattern likes. Then
//! its parts are found in it.
//!
//! Invariant: without back references the time is bounded by the text's length, squared; cubed at worst, where groups
//! within a repetition can be cut in many ways and most of them do not reach the end.

use std::ops::{ControlFlow, Range};
use std::rc::Rc;

use super::alphabet::Alphabet;
use super::dfa::{Bits, Dfa, View, Way};
use super::dissect::Dissection;
use super::plan::{Part, parts};
use super::too_complex_to_run;
use super::tree::Syntax;
use crate::error::Result;

/// Bytes that may be read for one match with back references, and how many of them starting an automaton is worth.
const WORK_MAX: usize = 500_000_000;
const RUN_WORK: usize = 16;

/// Places of a match: the whole, then the groups.
pub(super) type Places = Vec<Option<Range<usize>>>;

#[derive(Debug)]
pub(super) struct Engine {
    pub syntax: Rc<Syntax>,
    /// The last is the whole.
    plan: Rc<[Part]>,
    alphabet: Alphabet,
    /// Automata that have been needed so far: of parts, of the whole anywhere in a text, of look-arounds.
    forwards: Vec<Option<Dfa>>,
    backwards: Vec<Option<Dfa>>,
    anywhere: Option<Dfa>,
    looks: Vec<Option<Dfa>>,
    /// Bytes read for the match that is looked for.
    work: usize,
}

/// A text that is searched.
pub(super) struct Scan<'t> {
    pub text: &'t str,
    looks: Vec<Bits>,
}

impl Engine {
    /// # Errors
    /// `2201B` for a pattern that is too complex.
    pub fn new(syntax: &Rc<Syntax>) -> Result<Self> {
        let plan: Rc<[Part]> = parts(&syntax.root)?.into();
        let none = || std::iter::repeat_with(|| None);
        Ok(Self {
            alphabet: Alphabet::new(syntax)?,
            forwards: none().take(plan.len()).collect(),
            backwards: none().take(plan.len()).collect(),
            anywhere: None,
            looks: none().take(syntax.looks.len()).collect(),
            syntax: syntax.clone(),
            plan,
            work: 0,
        })
    }

    /// The text, with where look-arounds hold in it.
    ///
    /// # Errors
    /// `2201B` for a pattern that is too complex.
    pub fn scan<'t>(&mut self, text: &'t str) -> Result<Scan<'t>> {
        let mut scan = Scan { text, looks: Vec::new() };
        let syntax = self.syntax.clone();
        for (look, place) in syntax.looks.iter().zip(&mut self.looks) {
            // what is ahead is read backwards, so that one pass tells of all places
            let (way, from, to) =
                if look.ahead { (Way::Backwards, text.len(), 0) } else { (Way::Forwards, 0, text.len()) };
            let dfa = match place {
                Some(dfa) => dfa,
                None => place.insert(Dfa::new(&look.body, &syntax, &self.alphabet, way, true)?),
            };
            let mut holds = Bits::new(text.len());
            let view = View { text, alphabet: &self.alphabet, looks: &scan.looks };
            dfa.run(&view, from, to, |at| {
                holds.set(at);
                ControlFlow::Continue(())
            });
            if look.negated {
                holds.invert();
            }
            scan.looks.push(holds);
        }
        Ok(scan)
    }

    /// The first match that begins at a byte or after it.
    ///
    /// # Errors
    /// `2201B`.
    pub fn find(&mut self, scan: &Scan<'_>, from: usize) -> Result<Option<Places>> {
        let mut from = from;
        self.work = 0;
        loop {
            let Some(first_end) = self.first_end(scan, from)? else { return Ok(None) };
            for start in letters(scan.text, from..first_end) {
                if let Some(found) = self.find_from(scan, start)? {
                    return Ok(Some(found));
                }
            }
            from =
                first_end + scan.text.get(first_end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            // as PostgreSQL, which then does not look at the very end
            if !self.syntax.has_backs || from >= scan.text.len() {
                return Ok(None);
            }
        }
    }

    /// Whether there is a match that begins at a byte or after it; back references may be taken to match more.
    ///
    /// # Errors
    /// `2201B` for a pattern that is too complex.
    pub fn first_end(&mut self, scan: &Scan<'_>, from: usize) -> Result<Option<usize>> {
        let dfa = match &mut self.anywhere {
            Some(dfa) => dfa,
            place => place.insert(Dfa::new(&self.syntax.root, &self.syntax, &self.alphabet, Way::Forwards, true)?),
        };
        let view = View { text: scan.text, alphabet: &self.alphabet, looks: &scan.looks };
        let mut first = None;
        dfa.run(&view, from, scan.text.len(), |at| {
            first = Some(at);
            ControlFlow::Break(())
        });
        Ok(first)
    }

    /// The match that begins just here.
    ///
    /// # Errors
    /// `2201B`.
    pub fn find_from(&mut self, scan: &Scan<'_>, start: usize) -> Result<Option<Places>> {
        let plan = self.plan.clone();
        let root = plan.len() - 1;
        let shortest = plan.last().is_some_and(Part::likes_shortest);
        let mut ends = start..scan.text.len();
        loop {
            let end = match shortest {
                true => self.shortest(root, scan, start, ends.clone())?,
                false => self.longest(root, scan, start..ends.end)?,
            };
            let Some(end) = end else { return Ok(None) };
            let mut groups = vec![None; self.syntax.groups.len() + 1];
            if let Some(whole) = groups.first_mut() {
                *whole = Some(start..end);
            }
            if groups.len() == 1 {
                return Ok(Some(groups));
            }
            let mut dissection = Dissection { plan: &plan, engine: self, scan, groups };
            if dissection.part(root, start..end)? {
                return Ok(Some(dissection.groups));
            }
            if !self.syntax.has_backs || end == if shortest { ends.end } else { start } {
                return Ok(None);
            }
            match shortest {
                true => ends.start = letters(scan.text, end..ends.end).nth(1).unwrap_or(ends.end),
                false => ends.end = letters(scan.text, start..end).rev().nth(1).unwrap_or(start),
            }
        }
    }

    /// Runs a part's automaton.
    fn run(
        &mut self,
        part: usize,
        scan: &Scan<'_>,
        way: Way,
        (from, to): (usize, usize),
        found: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<()> {
        let places = match way {
            Way::Forwards => &mut self.forwards,
            Way::Backwards => &mut self.backwards,
        };
        let (Some(place), Some(known)) = (places.get_mut(part), self.plan.get(part)) else { return Ok(()) };
        let dfa = match place {
            Some(dfa) => dfa,
            None => place.insert(Dfa::new(&known.node, &self.syntax, &self.alphabet, way, false)?),
        };
        let view = View { text: scan.text, alphabet: &self.alphabet, looks: &scan.looks };
        let read = dfa.run(&view, from, to, found);
        self.spend(read + RUN_WORK)
    }

    /// Gives a match up that takes too long, which only back references can make it.
    ///
    /// # Errors
    /// `2201B`.
    pub fn spend(&mut self, work: usize) -> Result<()> {
        if !self.syntax.has_backs {
            return Ok(());
        }
        self.work += work;
        if self.work > WORK_MAX { Err(too_complex_to_run()) } else { Ok(()) }
    }

    /// Where a part ends at the latest that begins with the stretch and is within it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn longest(&mut self, part: usize, scan: &Scan<'_>, within: Range<usize>) -> Result<Option<usize>> {
        let mut last = None;
        self.run(part, scan, Way::Forwards, (within.start, within.end), |at| {
            last = Some(at);
            ControlFlow::Continue(())
        })?;
        Ok(last)
    }

    /// Where a part that begins at a byte ends first, out of the stretch, its end included.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn shortest(&mut self, part: usize, scan: &Scan<'_>, from: usize, ends: Range<usize>) -> Result<Option<usize>> {
        let mut first = None;
        self.run(part, scan, Way::Forwards, (from, ends.end), |at| {
            if at < ends.start {
                return ControlFlow::Continue(());
            }
            first = Some(at);
            ControlFlow::Break(())
        })?;
        Ok(first)
    }

    /// Where a part ends that begins with the stretch, first first.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn ends(&mut self, part: usize, scan: &Scan<'_>, within: Range<usize>) -> Result<Vec<usize>> {
        self.all(part, scan, Way::Forwards, (within.start, within.end))
    }

    /// Where a part begins that ends with the stretch, last first.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn starts(&mut self, part: usize, scan: &Scan<'_>, within: Range<usize>) -> Result<Vec<usize>> {
        self.all(part, scan, Way::Backwards, (within.end, within.start))
    }

    fn all(&mut self, part: usize, scan: &Scan<'_>, way: Way, stretch: (usize, usize)) -> Result<Vec<usize>> {
        let mut all = Vec::new();
        self.run(part, scan, way, stretch, |at| {
            all.push(at);
            ControlFlow::Continue(())
        })?;
        Ok(all)
    }
}

/// Where letters begin in a stretch, its end included.
fn letters(text: &str, within: Range<usize>) -> impl DoubleEndedIterator<Item = usize> {
    (within.start..=within.end).filter(|at| text.is_char_boundary(*at))
}
