//! Steps that a match takes from letter to letter, forwards or backwards, many at once.

use super::too_complex;
use super::tree::{Node, Place, STEPS_MAX, Syntax};
use crate::error::Result;

/// For each step over a letter there may be so many in all: of forks there can be more.
const FORKS_MAX: usize = 4;

/// Steps go by their number.
pub(super) type Id = u32;

#[derive(Debug)]
pub(super) enum Step {
    /// Over a letter of a set.
    Take(usize, Id),
    Fork(Vec<Id>),
    Place(Place, Id),
    Look(usize, Id),
    End,
}

#[derive(Debug)]
pub(super) struct Nfa {
    pub steps: Vec<Step>,
    pub start: Id,
    /// Look-arounds that matter.
    pub looks: Vec<usize>,
    pub has_places: bool,
}

impl Nfa {
    /// # Errors
    /// `2201B` for one of too many steps.
    pub fn new(node: &Node, syntax: &Syntax, backwards: bool) -> Result<Self> {
        let mut builder =
            Builder { syntax, backwards, is_free: false, steps: Vec::new(), looks: Vec::new(), has_places: false };
        let end = builder.push(Step::End)?;
        let start = builder.put(node, end)?;
        let Builder { steps, mut looks, has_places, .. } = builder;
        looks.sort_unstable();
        looks.dedup();
        Ok(Self { steps, start, looks, has_places })
    }
}

struct Builder<'s> {
    syntax: &'s Syntax,
    backwards: bool,
    /// Within a back reference places and look-arounds do not matter.
    is_free: bool,
    steps: Vec<Step>,
    looks: Vec<usize>,
    has_places: bool,
}

impl Builder<'_> {
    fn push(&mut self, step: Step) -> Result<Id> {
        if self.steps.len() > STEPS_MAX * FORKS_MAX {
            return Err(too_complex());
        }
        self.steps.push(step);
        Ok((self.steps.len() - 1) as Id)
    }

    /// Steps that match the node and then go on; returns the first.
    fn put(&mut self, node: &Node, next: Id) -> Result<Id> {
        match node {
            Node::Set(set) => self.push(Step::Take(*set, next)),
            Node::Place(_) | Node::Look(_) if self.is_free => Ok(next),
            Node::Place(place) => {
                self.has_places = true;
                self.push(Step::Place(*place, next))
            }
            Node::Look(look) => {
                self.looks.push(*look);
                self.push(Step::Look(*look, next))
            }
            Node::Back(group) => {
                let syntax = self.syntax;
                let Some(body) = syntax.groups.get(group - 1) else { return Ok(next) };
                let was_free = std::mem::replace(&mut self.is_free, true);
                let first = self.put(body, next)?;
                self.is_free = was_free;
                Ok(first)
            }
            Node::Group(_, body) => self.put(body, next),
            Node::Repeat { node, min, max, .. } => self.repeat(node, *min, *max, next),
            Node::Concat(nodes) if self.backwards => nodes.iter().try_fold(next, |next, node| self.put(node, next)),
            Node::Concat(nodes) => nodes.iter().rev().try_fold(next, |next, node| self.put(node, next)),
            Node::Alt(nodes) => {
                let firsts = nodes.iter().map(|node| self.put(node, next)).collect::<Result<_>>()?;
                self.push(Step::Fork(firsts))
            }
        }
    }

    fn repeat(&mut self, node: &Node, min: usize, max: Option<usize>, next: Id) -> Result<Id> {
        let (mut first, mut missing) = (next, min);
        if let Some(max) = max {
            for _ in min..max {
                let body = self.put(node, first)?;
                first = self.push(Step::Fork(vec![body, next]))?;
            }
        } else {
            let fork = self.push(Step::Fork(Vec::new()))?;
            let body = self.put(node, fork)?;
            if let Some(Step::Fork(ways)) = self.steps.get_mut(fork as usize) {
                ways.extend([body, next]);
            }
            first = if min == 0 { fork } else { body };
            missing = min.saturating_sub(1);
        }
        (0..missing).try_fold(first, |next, _| self.put(node, next))
    }
}
