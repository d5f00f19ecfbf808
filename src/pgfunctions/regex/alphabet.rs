//! Letters sorted into kinds that no set of the pattern, and no place between letters, tells apart.

use std::collections::HashMap;

use regex_syntax::hir::ClassUnicode;

use super::class::{Class, one};
use super::too_complex;
use super::tree::{Place, Syntax};
use crate::error::Result;

/// What a place may want to know of a letter next to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Side {
    /// There is none: the text begins or ends.
    Edge,
    LineFeed,
    Word,
    Other,
}

pub(super) const SIDES: [Side; 4] = [Side::Edge, Side::LineFeed, Side::Word, Side::Other];

impl Place {
    pub fn holds(self, left: Side, right: Side) -> bool {
        let is_break = |side| matches!(side, Side::Edge | Side::LineFeed);
        match self {
            Self::TextStart => left == Side::Edge,
            Self::TextEnd => right == Side::Edge,
            Self::LineStart => is_break(left),
            Self::LineEnd => is_break(right),
            Self::WordStart => left != Side::Word && right == Side::Word,
            Self::WordEnd => left == Side::Word && right != Side::Word,
            Self::WordEdge => (left == Side::Word) != (right == Side::Word),
            Self::NoWordEdge => (left == Side::Word) == (right == Side::Word),
        }
    }
}

#[derive(Debug)]
pub(super) struct Alphabet {
    ascii: [u16; 128],
    /// Where stretches of letters beyond ASCII begin, and their kind.
    stretches: Vec<(u32, u16)>,
    /// The kinds that are in each set, sorted.
    members: Vec<Vec<u16>>,
    sides: Vec<Side>,
}

impl Alphabet {
    /// # Errors
    /// `2201B` for a pattern that tells too many kinds apart.
    pub fn new(syntax: &Syntax) -> Result<Self> {
        let sides =
            if syntax.has_places { [Class::Word.set(), one('\n')] } else { [(); 2].map(|()| ClassUnicode::empty()) };
        let sets: Vec<&ClassUnicode> = syntax.sets.iter().chain(&sides).collect();
        let mut turns: Vec<(u32, Option<usize>)> = vec![(0, None), (128, None)];
        for (number, set) in sets.iter().enumerate() {
            for range in set.ranges() {
                turns.extend([(u32::from(range.start()), Some(number)), (u32::from(range.end()) + 1, Some(number))]);
            }
        }
        turns.sort_unstable();
        let mut kinds = Kinds { inside: Vec::new(), known: HashMap::new(), members: vec![Vec::new(); sets.len()] };
        let (mut ascii, mut stretches) = ([0; 128], Vec::new());
        let mut at = 0;
        while let Some((start, _)) = turns.get(at).copied() {
            while let Some((_, set)) = turns.get(at).filter(|(turn, _)| *turn == start) {
                set.iter().for_each(|set| kinds.turn(*set));
                at += 1;
            }
            let kind = kinds.number();
            let end = turns.get(at).map_or(u32::MAX, |(turn, _)| *turn);
            if start < 128 {
                ascii.iter_mut().take(end as usize).skip(start as usize).for_each(|place| *place = kind);
            } else {
                stretches.push((start, kind));
            }
        }
        let Kinds { known, mut members, .. } = kinds;
        if known.len() > usize::from(u16::MAX) {
            return Err(too_complex());
        }
        let (line_feeds, words) = (members.pop().unwrap_or_default(), members.pop().unwrap_or_default());
        let is_in = |kinds: &[u16], kind: u16| kinds.binary_search(&kind).is_ok();
        let side = |kind: u16| match (is_in(&words, kind), is_in(&line_feeds, kind)) {
            (true, _) => Side::Word,
            (_, true) => Side::LineFeed,
            _ => Side::Other,
        };
        let sides = (0..=u16::MAX).take(known.len()).map(side).collect();
        Ok(Self { ascii, stretches, members, sides })
    }

    /// How many kinds there are.
    pub fn len(&self) -> usize {
        self.sides.len()
    }

    pub fn side(&self, kind: usize) -> Side {
        self.sides.get(kind).copied().unwrap_or(Side::Edge)
    }

    pub fn contains(&self, set: usize, kind: usize) -> bool {
        let kind = u16::try_from(kind).unwrap_or(u16::MAX);
        self.members.get(set).is_some_and(|kinds| kinds.binary_search(&kind).is_ok())
    }

    /// The kind of the letter that begins at a byte, and its bytes; `None` at the end.
    pub fn after(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        let byte = *text.as_bytes().get(at)?;
        match self.ascii.get(usize::from(byte)) {
            Some(kind) => Some((usize::from(*kind), 1)),
            None => text.get(at..)?.chars().next().map(|letter| (self.kind(letter), letter.len_utf8())),
        }
    }

    /// The kind of the letter that ends at a byte, and its bytes; `None` at the beginning.
    pub fn before(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        let byte = *text.as_bytes().get(at.checked_sub(1)?)?;
        match self.ascii.get(usize::from(byte)) {
            Some(kind) => Some((usize::from(*kind), 1)),
            None => text.get(..at)?.chars().next_back().map(|letter| (self.kind(letter), letter.len_utf8())),
        }
    }

    /// Of a letter beyond ASCII.
    fn kind(&self, letter: char) -> usize {
        let behind = self.stretches.partition_point(|(start, _)| *start <= u32::from(letter));
        self.stretches.get(behind.wrapping_sub(1)).map_or(0, |(_, kind)| usize::from(*kind))
    }
}

/// Kinds found so far: each is told by the sets it is in.
struct Kinds {
    /// The sets that the letters at hand are in, sorted.
    inside: Vec<usize>,
    known: HashMap<Vec<usize>, u16>,
    members: Vec<Vec<u16>>,
}

impl Kinds {
    /// Into a set, or out of it.
    fn turn(&mut self, set: usize) {
        match self.inside.binary_search(&set) {
            Ok(at) => drop(self.inside.remove(at)),
            Err(at) => self.inside.insert(at, set),
        }
    }

    fn number(&mut self) -> u16 {
        if let Some(known) = self.known.get(&self.inside) {
            return *known;
        }
        let number = u16::try_from(self.known.len()).unwrap_or(u16::MAX);
        self.known.insert(self.inside.clone(), number);
        for set in &self.inside {
            if let Some(kinds) = self.members.get_mut(*set) {
                kinds.push(number);
            }
        }
        number
    }
}
