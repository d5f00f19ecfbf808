//! A pattern as a tree.
//!
//! Invariant: no tree is higher than [`HEIGHT_MAX`], so what walks over it may recurse.

use std::rc::Rc;

use regex_syntax::hir::ClassUnicode;

/// How many groups and look-arounds may nest in each other.
pub(super) const HEIGHT_MAX: usize = 250;
/// How many steps over letters an automaton of a pattern may have, about as many as PostgreSQL's.
pub(super) const STEPS_MAX: usize = 64_000;

/// What is true or not at a place between two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    TextStart,
    TextEnd,
    LineStart,
    LineEnd,
    WordStart,
    WordEnd,
    WordEdge,
    NoWordEdge,
}

#[derive(Debug)]
pub(super) enum Node {
    /// A letter out of a set, by its number.
    Set(usize),
    Place(Place),
    /// A look-around, by its number.
    Look(usize),
    /// What a group has matched, by the group's number.
    Back(usize),
    /// In parentheses; with a number if it captures.
    Group(Option<usize>, Rc<Node>),
    Repeat {
        node: Rc<Node>,
        min: usize,
        max: Option<usize>,
        taste: Option<Taste>,
    },
    Concat(Vec<Rc<Node>>),
    /// Alternatives, two at least; each is a [`Node::Concat`].
    Alt(Vec<Rc<Node>>),
}

/// What a quantifier likes; `{m}` has no liking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taste {
    Longest,
    Shortest,
}

/// `(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`.
#[derive(Debug)]
pub(super) struct Look {
    pub ahead: bool,
    pub negated: bool,
    pub body: Rc<Node>,
}

/// A pattern that has been read.
#[derive(Debug)]
pub(super) struct Syntax {
    pub root: Rc<Node>,
    pub sets: Vec<ClassUnicode>,
    /// Those within others stand before them.
    pub looks: Vec<Look>,
    /// What is in the groups; the first is group 1.
    pub groups: Vec<Rc<Node>>,
    /// How letters are compared by back references.
    pub insensitive: bool,
    pub has_backs: bool,
    pub has_places: bool,
}

/// A group that is closed.
pub(super) struct Closed {
    pub body: Rc<Node>,
    pub weight: usize,
}

/// How many steps over a letter, or a place, an automaton of a node has; `groups` are those that it may refer back to.
pub(super) fn weight(node: &Node, groups: &[Option<Closed>]) -> usize {
    match node {
        Node::Set(_) | Node::Place(_) | Node::Look(_) => 1,
        Node::Back(group) => groups.get(group - 1).and_then(Option::as_ref).map_or(1, |group| group.weight),
        Node::Group(_, body) => weight(body, groups),
        Node::Repeat { node, min, max, .. } => weight(node, groups).saturating_mul(max.unwrap_or(*min.max(&1))),
        Node::Concat(nodes) | Node::Alt(nodes) => {
            nodes.iter().fold(0, |sum, node| weight(node, groups).saturating_add(sum))
        }
    }
}
