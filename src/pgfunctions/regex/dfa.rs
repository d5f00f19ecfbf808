//! An automaton that is worked out as texts need it: it tells all places where matches end that begin at one.
//!
//! Invariant: a text is read once from where the automaton is started; no letter is returned to.
//! Invariant: what has been worked out takes no more than [`CACHE_MAX`] numbers, or it is forgotten.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::alphabet::{Alphabet, SIDES, Side};
use super::nfa::{Id, Nfa, Step};
use super::tree::{Node, Syntax};
use crate::error::Result;

/// Numbers that an automaton may keep.
const CACHE_MAX: usize = 1 << 19;
/// Look-arounds with which what follows is kept, not worked out anew at each letter.
const LOOKS_MAX: usize = 4;

/// A text, and where in it look-arounds hold.
pub(super) struct View<'v> {
    pub text: &'v str,
    pub alphabet: &'v Alphabet,
    pub looks: &'v [Bits],
}

/// Places of a text.
#[derive(Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub fn new(len: usize) -> Self {
        Self(vec![0; len / 64 + 1])
    }

    pub fn set(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    pub fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    pub fn invert(&mut self) {
        self.0.iter_mut().for_each(|word| *word = !*word);
    }
}

/// Where a text is read from, and to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Forwards,
    Backwards,
}

/// A state's number, whether a match ended before the letter that led to it, and whether it leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Next(u32);

impl Next {
    const UNKNOWN: Self = Self(u32::MAX);

    fn new(state: usize, matched: bool, dead: bool) -> Self {
        Self((state as u32) << 2 | u32::from(matched) << 1 | u32::from(dead))
    }

    fn state(self) -> usize {
        (self.0 >> 2) as usize
    }

    fn matched(self) -> bool {
        self.0 & 2 != 0
    }

    fn dead(self) -> bool {
        self.0 & 1 != 0
    }
}

/// The steps to go on with, and what stands behind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    side: u8,
    steps: Box<[Id]>,
}

#[derive(Debug)]
pub(super) struct Dfa {
    nfa: Nfa,
    way: Way,
    /// Whether matches begin anywhere, not only where it is started.
    anywhere: bool,
    /// Kinds of letters, and the text's end.
    kinds: usize,
    keeps: bool,
    states: Vec<State>,
    numbers: HashMap<State, usize>,
    /// By state, look-arounds that hold, and kind of the next letter.
    table: Vec<Next>,
    starts: [Option<usize>; SIDES.len()],
    kept: usize,
    work: Work,
}

/// What working out a state needs.
#[derive(Debug, Default)]
struct Work {
    stack: Vec<Id>,
    seen: Vec<u32>,
    round: u32,
}

impl Dfa {
    /// # Errors
    /// `2201B` for one that would be too large.
    pub fn new(node: &Node, syntax: &Syntax, alphabet: &Alphabet, way: Way, anywhere: bool) -> Result<Self> {
        let nfa = Nfa::new(node, syntax, matches!(way, Way::Backwards))?;
        let work = Work { seen: vec![0; nfa.steps.len()], ..Work::default() };
        Ok(Self {
            way,
            anywhere,
            kinds: alphabet.len() + 1,
            keeps: nfa.looks.len() <= LOOKS_MAX,
            nfa,
            states: Vec::new(),
            numbers: HashMap::new(),
            table: Vec::new(),
            starts: [None; SIDES.len()],
            kept: 0,
            work,
        })
    }

    /// Tells where matches that begin at `from` end, up to `to`, as the text is read; returns how many bytes of it are.
    pub fn run(
        &mut self,
        view: &View<'_>,
        from: usize,
        to: usize,
        mut found: impl FnMut(usize) -> ControlFlow<()>,
    ) -> usize {
        let behind = match self.way {
            Way::Forwards => view.alphabet.before(view.text, from),
            Way::Backwards => view.alphabet.after(view.text, from),
        };
        let mut state = self.start(behind.map_or(Side::Edge, |(kind, _)| view.alphabet.side(kind)));
        let mut at = from;
        loop {
            let letter = match self.way {
                Way::Forwards => view.alphabet.after(view.text, at),
                Way::Backwards => view.alphabet.before(view.text, at),
            };
            let (kind, bytes) = letter.unwrap_or((self.kinds - 1, 0));
            let looks = if self.nfa.looks.is_empty() { 0 } else { self.looks(view, at) };
            let next = self.next(view, state, kind, looks);
            if next.matched() && found(at).is_break() || next.dead() || at == to || bytes == 0 {
                return at.abs_diff(from);
            }
            state = next.state();
            at = match self.way {
                Way::Forwards => at + bytes,
                Way::Backwards => at - bytes,
            };
        }
    }

    /// Which look-arounds hold at a place, a bit each.
    fn looks(&self, view: &View<'_>, at: usize) -> u64 {
        let holds = |look: &usize| view.looks.get(*look).is_some_and(|places| places.contains(at));
        self.nfa.looks.iter().rev().fold(0, |bits, look| bits << 1 | u64::from(holds(look)))
    }

    fn start(&mut self, side: Side) -> usize {
        let side = if self.nfa.has_places { side } else { Side::Other };
        if let Some(Some(known)) = self.starts.get(side as usize) {
            return *known;
        }
        let number = self.number(State { side: side as u8, steps: Box::new([self.nfa.start]) });
        if let Some(start) = self.starts.get_mut(side as usize) {
            *start = Some(number);
        }
        number
    }

    #[inline]
    fn next(&mut self, view: &View<'_>, state: usize, kind: usize, looks: u64) -> Next {
        if !self.keeps {
            return self.work_out(view.alphabet, state, kind, looks, 0);
        }
        let place = (state << self.nfa.looks.len() | looks as usize) * self.kinds + kind;
        match self.table.get(place) {
            Some(next) if *next != Next::UNKNOWN => *next,
            _ => self.work_out(view.alphabet, state, kind, looks, place),
        }
    }

    fn work_out(&mut self, alphabet: &Alphabet, state: usize, kind: usize, looks: u64, place: usize) -> Next {
        let Some(known) = self.states.get(state).cloned() else { return Next::new(0, false, true) };
        let is_end = kind == self.kinds - 1;
        let next_side = if is_end { Side::Edge } else { alphabet.side(kind) };
        let (mut steps, matched) = self.follow(&known, alphabet, kind, next_side, looks);
        if is_end || steps.is_empty() && !self.anywhere {
            return self.keep(place, Next::new(0, matched, true));
        }
        if self.anywhere {
            steps.push(self.nfa.start);
        }
        steps.sort_unstable();
        steps.dedup();
        let side = if self.nfa.has_places { next_side } else { Side::Other };
        let target = State { side: side as u8, steps: steps.into() };
        if !self.numbers.contains_key(&target) && self.kept > CACHE_MAX {
            self.forget();
            let number = self.number(target);
            // the state it comes from has no place any more
            return Next::new(number, matched, false);
        }
        let number = self.number(target);
        self.keep(place, Next::new(number, matched, false))
    }

    fn keep(&mut self, place: usize, next: Next) -> Next {
        if self.keeps
            && let Some(cell) = self.table.get_mut(place)
        {
            *cell = next;
        }
        next
    }

    fn forget(&mut self) {
        self.states.clear();
        self.numbers.clear();
        self.table.clear();
        self.starts = [None; SIDES.len()];
        self.kept = 0;
    }

    fn number(&mut self, state: State) -> usize {
        if let Some(known) = self.numbers.get(&state) {
            return *known;
        }
        let number = self.states.len();
        self.kept += state.steps.len() * 2 + 8;
        if self.keeps {
            let row = self.kinds << self.nfa.looks.len();
            self.table.resize(self.table.len() + row, Next::UNKNOWN);
            self.kept += row;
        }
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }

    /// The steps behind a letter of a kind, and whether a match ends before it.
    fn follow(&mut self, from: &State, alphabet: &Alphabet, kind: usize, next: Side, looks: u64) -> (Vec<Id>, bool) {
        let side = SIDES.get(usize::from(from.side)).copied().unwrap_or(Side::Edge);
        let (left, right) = match self.way {
            Way::Forwards => (side, next),
            Way::Backwards => (next, side),
        };
        let holds = |look: usize| {
            self.nfa.looks.iter().position(|known| *known == look).is_some_and(|bit| looks >> bit & 1 == 1)
        };
        let Work { stack, seen, round } = &mut self.work;
        *round = round.wrapping_add(1);
        let (mut steps, mut matched) = (Vec::new(), false);
        stack.extend(from.steps.iter().rev());
        while let Some(id) = stack.pop() {
            let Some(mark) = seen.get_mut(id as usize).filter(|mark| **mark != *round) else { continue };
            *mark = *round;
            match self.nfa.steps.get(id as usize) {
                Some(Step::Take(set, next)) if alphabet.contains(*set, kind) => steps.push(*next),
                Some(Step::Fork(ways)) => stack.extend(ways),
                Some(Step::Place(place, next)) if place.holds(left, right) => stack.push(*next),
                Some(Step::Look(look, next)) if holds(*look) => stack.push(*next),
                Some(Step::End) => matched = true,
                _ => {}
            }
        }
        (steps, matched)
    }
}
