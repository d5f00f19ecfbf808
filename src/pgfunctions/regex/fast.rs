//! Patterns put into the words of the crate `regex`, which is faster where it can say the same.
//!
//! Whether there is a match, and where the first begins, does not depend on what is liked. Where it ends and where the
//! groups are does; but not if at each letter there is one way to go on at most: then there is one way to match, and
//! both take it as far as it goes.

use regex_automata::meta::{Builder, Config, Regex};
use regex_syntax::hir::{Capture, Class, ClassUnicode, Hir, Look, Repetition};

use super::tree::{Node, Place, Syntax, Taste};

/// Bytes that the crate may take to compile a pattern, and to match it.
const SIZE_MAX: usize = 10 << 20;
const CACHE_MAX: usize = 2 << 20;

/// The pattern in the crate's words; `None` if it has none.
pub(super) fn hir(syntax: &Syntax) -> Option<Hir> {
    (!syntax.has_backs && syntax.looks.is_empty()).then(|| translate(&syntax.root, syntax))
}

/// `None` where it is too large.
pub(super) fn compile(hir: &Hir) -> Option<Regex> {
    let config = Config::new().nfa_size_limit(Some(SIZE_MAX)).hybrid_cache_capacity(CACHE_MAX);
    Builder::new().configure(config).build_from_hir(hir).ok()
}

fn translate(node: &Node, syntax: &Syntax) -> Hir {
    match node {
        Node::Set(set) => {
            Hir::class(Class::Unicode(syntax.sets.get(*set).cloned().unwrap_or_else(ClassUnicode::empty)))
        }
        Node::Place(place) => Hir::look(match place {
            Place::TextStart => Look::Start,
            Place::TextEnd => Look::End,
            Place::LineStart => Look::StartLF,
            Place::LineEnd => Look::EndLF,
            Place::WordStart => Look::WordStartUnicode,
            Place::WordEnd => Look::WordEndUnicode,
            Place::WordEdge => Look::WordUnicode,
            Place::NoWordEdge => Look::WordUnicodeNegate,
        }),
        Node::Look(_) | Node::Back(_) => Hir::fail(),
        Node::Group(None, body) => translate(body, syntax),
        Node::Group(Some(number), body) => {
            let sub = Box::new(translate(body, syntax));
            Hir::capture(Capture { index: *number as u32, name: None, sub })
        }
        Node::Repeat { node, min, max, taste } => Hir::repetition(Repetition {
            min: *min as u32,
            max: max.map(|max| max as u32),
            greedy: *taste != Some(Taste::Shortest),
            sub: Box::new(translate(node, syntax)),
        }),
        Node::Concat(nodes) => Hir::concat(nodes.iter().map(|node| translate(node, syntax)).collect()),
        Node::Alt(nodes) => Hir::alternation(nodes.iter().map(|node| translate(node, syntax)).collect()),
    }
}

/// Whether the crate's matches are PostgreSQL's, groups and all.
pub(super) fn is_sure(syntax: &Syntax) -> bool {
    Ways { syntax }.is_one(&syntax.root, &ClassUnicode::empty())
}

/// What a node can begin with, and whether it can be empty.
struct Head {
    letters: ClassUnicode,
    optional: bool,
}

impl Head {
    fn empty() -> Self {
        Self { letters: ClassUnicode::empty(), optional: true }
    }

    /// What it can begin with if these can follow it.
    fn before(mut self, follow: &ClassUnicode) -> ClassUnicode {
        if self.optional {
            self.letters.union(follow);
        }
        self.letters
    }
}

struct Ways<'s> {
    syntax: &'s Syntax,
}

impl Ways<'_> {
    fn head(&self, node: &Node) -> Head {
        match node {
            Node::Set(set) => {
                let letters = self.syntax.sets.get(*set).cloned().unwrap_or_else(ClassUnicode::empty);
                Head { letters, optional: false }
            }
            Node::Place(_) | Node::Look(_) | Node::Back(_) => Head::empty(),
            Node::Group(_, body) => self.head(body),
            Node::Concat(nodes) => {
                let mut head = Head::empty();
                for node in nodes {
                    let next = self.head(node);
                    head.letters.union(&next.letters);
                    if !next.optional {
                        return Head { optional: false, ..head };
                    }
                }
                head
            }
            Node::Alt(nodes) => {
                let mut head = Head { letters: ClassUnicode::empty(), optional: false };
                for node in nodes {
                    let next = self.head(node);
                    head.letters.union(&next.letters);
                    head.optional |= next.optional;
                }
                head
            }
            Node::Repeat { node, min, .. } => {
                let head = self.head(node);
                Head { optional: head.optional || *min == 0, ..head }
            }
        }
    }

    /// Whether there is one way at most to match a node if these letters follow.
    fn is_one(&self, node: &Node, follow: &ClassUnicode) -> bool {
        match node {
            Node::Set(_) | Node::Place(_) => true,
            Node::Look(_) | Node::Back(_) => false,
            Node::Group(_, body) => self.is_one(body, follow),
            Node::Concat(nodes) => {
                let mut follow = follow.clone();
                nodes.iter().rev().all(|node| {
                    let is_one = self.is_one(node, &follow);
                    follow = self.head(node).before(&follow);
                    is_one
                })
            }
            Node::Alt(nodes) => {
                let mut others = ClassUnicode::empty();
                nodes.iter().all(|node| {
                    let head = self.head(node);
                    let is_apart = !head.optional && !overlap(&others, &head.letters);
                    others.union(&head.letters);
                    is_apart && self.is_one(node, follow)
                })
            }
            Node::Repeat { node, min, max, taste } => {
                let head = self.head(node);
                let is_single = *max == Some(1);
                let mut behind = follow.clone();
                if !is_single {
                    behind.union(&head.letters);
                }
                *max != Some(0)
                    && !head.optional
                    && *taste != Some(Taste::Shortest)
                    && (*max == Some(*min) || !overlap(&head.letters, follow))
                    && (is_single || always_captures(node))
                    && self.is_one(node, &behind)
            }
        }
    }
}

/// Whether all groups within take part whenever it matches.
fn always_captures(node: &Node) -> bool {
    match node {
        Node::Set(_) | Node::Place(_) | Node::Look(_) | Node::Back(_) => true,
        Node::Group(_, body) => always_captures(body),
        Node::Concat(nodes) => nodes.iter().all(|node| always_captures(node)),
        Node::Alt(nodes) => nodes.iter().all(|node| !captures(node)),
        Node::Repeat { node, min, .. } => !captures(node) || *min > 0 && always_captures(node),
    }
}

fn captures(node: &Node) -> bool {
    match node {
        Node::Set(_) | Node::Place(_) | Node::Look(_) | Node::Back(_) => false,
        Node::Group(number, body) => number.is_some() || captures(body),
        Node::Repeat { node, .. } => captures(node),
        Node::Concat(nodes) | Node::Alt(nodes) => nodes.iter().any(|node| captures(node)),
    }
}

fn overlap(one: &ClassUnicode, other: &ClassUnicode) -> bool {
    let mut both = one.clone();
    both.intersect(other);
    !both.ranges().is_empty()
}
