//! How a match is taken apart: the pattern as a tree of those parts whose ends matter.
//!
//! Where a part ends matters if it captures, refers back, or likes another length than what stands before it. All others
//! are one [`Kind::Whole`], for which an automaton is enough.
//!
//! Invariant: the parts are PostgreSQL's: which ends are tried first depends on how a pattern is cut up.
//! Invariant: no part is higher than [`PARTS_HEIGHT_MAX`], so what walks over them may recurse.

use std::ops::BitOr;
use std::rc::Rc;

use super::too_complex;
use super::tree::{Node, Taste};
use crate::error::Result;

/// How many parts may be within each other, or behind each other in one branch.
const PARTS_HEIGHT_MAX: usize = 500;

#[derive(Debug)]
pub(super) struct Part {
    /// What it matches.
    pub node: Rc<Node>,
    pub kind: Kind,
    traits: Traits,
    /// The groups that it is; of `((x))` two.
    pub groups: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Whole,
    Back {
        group: usize,
        min: usize,
        max: Option<usize>,
    },
    /// Parts by their number.
    Concat(usize, usize),
    Alt(Vec<usize>),
    Repeat {
        part: usize,
        min: usize,
        max: Option<usize>,
    },
}

/// What is to be known of a part when it is joined with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Traits(u8);

impl Traits {
    const LONGEST: Self = Self(1);
    const SHORTEST: Self = Self(2);
    /// Parts within differ in what they like.
    const MIXED: Self = Self(4);
    const CAPTURES: Self = Self(8);
    const REFERS_BACK: Self = Self(16);
    const LIKINGS: Self = Self(3);

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that what it is in has too.
    fn inherited(self) -> Self {
        let mixed = if self.only(Self::LIKINGS) == Self::LIKINGS { Self::MIXED } else { Self::default() };
        self.only(Self::MIXED | Self::CAPTURES | Self::REFERS_BACK) | mixed
    }

    /// Of what begins with the one: the first liking counts.
    fn before(self, other: Self) -> Self {
        let first = if self.has(Self::LIKINGS) { self } else { other };
        (self | other).inherited() | first.only(Self::LIKINGS)
    }

    /// Whether ends within it matter.
    fn matters(self) -> bool {
        self.inherited() != Self::default()
    }
}

impl BitOr for Traits {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl From<Option<Taste>> for Traits {
    fn from(taste: Option<Taste>) -> Self {
        match taste {
            Some(Taste::Longest) => Self::LONGEST,
            Some(Taste::Shortest) => Self::SHORTEST,
            None => Self::default(),
        }
    }
}

impl Part {
    pub fn likes_shortest(&self) -> bool {
        self.traits.has(Traits::SHORTEST)
    }

    fn whole(node: Node, traits: Traits) -> Self {
        Self { node: Rc::new(node), kind: Kind::Whole, traits, groups: Vec::new() }
    }

    fn is_whole(&self) -> bool {
        matches!(self.kind, Kind::Whole)
    }
}

/// The parts of a pattern; the last is the whole of it.
///
/// # Errors
/// `2201B` where they are too high.
pub(super) fn parts(root: &Rc<Node>) -> Result<Vec<Part>> {
    let mut plan = Plan { parts: Vec::new(), height: 0 };
    let root = plan.alternatives(root)?;
    plan.push(root);
    Ok(plan.parts)
}

struct Plan {
    parts: Vec<Part>,
    height: usize,
}

/// A quantifier, `{1}` where there is none.
#[derive(Clone, Copy)]
struct Quantifier {
    min: usize,
    max: Option<usize>,
    liking: Traits,
}

impl Plan {
    fn push(&mut self, part: Part) -> usize {
        self.parts.push(part);
        self.parts.len() - 1
    }

    fn alternatives(&mut self, node: &Rc<Node>) -> Result<Part> {
        self.height += 1;
        if self.height > PARTS_HEIGHT_MAX {
            return Err(too_complex());
        }
        let part = match &**node {
            Node::Alt(branches) => {
                let branches = branches.iter().map(|branch| self.branch(branch)).collect::<Result<Vec<_>>>()?;
                let traits =
                    branches.iter().fold(Traits::LONGEST, |all, branch| all | (all | branch.traits).inherited());
                let kind = match traits.matters() {
                    true => Kind::Alt(branches.into_iter().map(|branch| self.push(branch)).collect()),
                    false => Kind::Whole,
                };
                Part { node: node.clone(), kind, traits, groups: Vec::new() }
            }
            _ => self.branch(node)?,
        };
        self.height -= 1;
        Ok(part)
    }

    fn branch(&mut self, node: &Rc<Node>) -> Result<Part> {
        match &**node {
            Node::Concat(items) => self.items(items),
            _ => Ok(Part { node: node.clone(), kind: Kind::Whole, traits: Traits::default(), groups: Vec::new() }),
        }
    }

    fn items(&mut self, items: &[Rc<Node>]) -> Result<Part> {
        let mut traits = Traits::default();
        for (at, item) in items.iter().enumerate() {
            let (node, quantifier) = match &**item {
                Node::Place(_) | Node::Look(_) | Node::Repeat { max: Some(0), .. } => continue,
                Node::Repeat { node, min, max, taste } => {
                    (node, Quantifier { min: *min, max: *max, liking: (*taste).into() })
                }
                _ => (item, Quantifier { min: 1, max: Some(1), liking: Traits::default() }),
            };
            let atom = self.atom(node)?;
            let joined = traits | quantifier.liking | atom.traits;
            if joined.matters() {
                return self.split(items, at, traits, atom, quantifier);
            }
            traits = joined;
        }
        Ok(Part::whole(Node::Concat(items.to_vec()), traits))
    }

    fn atom(&mut self, node: &Rc<Node>) -> Result<Part> {
        match &**node {
            Node::Group(number, body) => {
                let mut part = self.alternatives(body)?;
                if let Some(number) = number {
                    part.groups.push(*number);
                    part.traits = part.traits | Traits::CAPTURES;
                }
                Ok(part)
            }
            Node::Back(group) => {
                let kind = Kind::Back { group: *group, min: 1, max: Some(1) };
                Ok(Part { node: node.clone(), kind, traits: Traits::REFERS_BACK, groups: Vec::new() })
            }
            _ => Ok(Part { node: node.clone(), kind: Kind::Whole, traits: Traits::default(), groups: Vec::new() }),
        }
    }

    /// A branch that is what stands before an atom, the atom, and the rest.
    fn split(
        &mut self,
        items: &[Rc<Node>],
        at: usize,
        traits: Traits,
        atom: Part,
        quantifier: Quantifier,
    ) -> Result<Part> {
        let likings = quantifier.liking.before(atom.traits);
        let atom = self.quantified(atom, quantifier);
        let (before, rest) = (items.get(..at).unwrap_or_default(), items.get(at + 1..).unwrap_or_default());
        let before = (!before.is_empty()).then(|| Part::whole(Node::Concat(before.to_vec()), traits));
        if rest.is_empty() {
            let Some(before) = before else { return Ok(atom) };
            let traits = traits | traits.before(atom.traits);
            return Ok(self.concat(before, atom, traits));
        }
        self.height += 1;
        if self.height > PARTS_HEIGHT_MAX {
            return Err(too_complex());
        }
        let rest_part = self.items(rest)?;
        self.height -= 1;
        let likings = likings | likings.before(rest_part.traits);
        let traits = traits | traits.before(likings);
        let Some(before) = before else { return Ok(self.concat(atom, rest_part, traits)) };
        let both = atom.traits | rest_part.traits;
        let behind = if atom.is_whole() && rest_part.is_whole() && !both.matters() {
            Part::whole(
                Node::Concat([atom.node].into_iter().chain(rest.to_vec()).collect()),
                atom.traits.before(rest_part.traits),
            )
        } else {
            self.concat(atom, rest_part, likings)
        };
        Ok(self.concat(before, behind, traits))
    }

    fn concat(&mut self, left: Part, right: Part, traits: Traits) -> Part {
        let node = Rc::new(Node::Concat(vec![left.node.clone(), right.node.clone()]));
        let kind = Kind::Concat(self.push(left), self.push(right));
        Part { node, kind, traits, groups: Vec::new() }
    }

    fn quantified(&mut self, atom: Part, Quantifier { min, max, liking }: Quantifier) -> Part {
        let repeat = |node: &Rc<Node>, min, max| Node::Repeat { node: node.clone(), min, max, taste: None };
        let traits = liking.before(atom.traits);
        if let Node::Back(group) = *atom.node {
            let node = Rc::new(repeat(&atom.node, min, max));
            return Part { node, kind: Kind::Back { group, min, max }, traits, groups: Vec::new() };
        }
        let likes = atom.traits.only(Traits::LIKINGS | Traits::MIXED);
        let is_vacuous = liking == Traits::default() || likes == Traits::default() || likes == liking;
        if min == 1 && max == Some(1) && is_vacuous {
            return atom;
        }
        if !atom.traits.has(Traits::CAPTURES | Traits::REFERS_BACK) {
            return Part::whole(repeat(&atom.node, min, max), traits);
        }
        if min > 0 && !atom.traits.has(Traits::REFERS_BACK) {
            // only the last time captures
            let before = Part::whole(repeat(&atom.node, min - 1, max.map(|max| max - 1)), traits.only(Traits::LIKINGS));
            return self.concat(before, atom, traits);
        }
        let node = Rc::new(repeat(&atom.node, min, max));
        let kind = Kind::Repeat { part: self.push(atom), min, max };
        Part { node, kind, traits, groups: Vec::new() }
    }
}
