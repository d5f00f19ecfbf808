//! A pattern as a tree.

use std::rc::Rc;

use regex_syntax::hir::ClassUnicode;

use super::class::{Sets, any, element, folded, named, range};
use super::flags::{Flags, Form};
use super::scan::{Scanner, Token, bad_count, nothing_to_repeat};
use super::tree::{Closed, HEIGHT_MAX, Look, Node, STEPS_MAX, Syntax, Taste, weight};
use super::{invalid, too_complex};
use crate::error::Result;

/// Repetitions that a bound may ask for.
const REPETITIONS_MAX: usize = 255;
/// Look-arounds that a pattern may have.
const LOOKS_MAX: usize = 64;

/// # Errors
/// `2201B`.
pub(super) fn parse(pattern: &str, flags: Flags) -> Result<Syntax> {
    let (flags, pattern) = flags.front(pattern)?;
    let scanner = Scanner::new(pattern, flags)?;
    let mut parser = Parser {
        scanner,
        flags,
        sets: Sets::default(),
        looks: Vec::new(),
        groups: Vec::new(),
        height: 0,
        in_look: false,
        has_backs: false,
        has_places: false,
    };
    let root = parser.alternatives()?;
    let bodies = parser.looks.iter().map(|look| &look.body).chain([&root]);
    if bodies.fold(0_usize, |sum, body| sum.saturating_add(weight(body, &parser.groups))) > STEPS_MAX {
        return Err(too_complex());
    }
    Ok(Syntax {
        root,
        sets: parser.sets.sets,
        looks: parser.looks,
        // all are closed
        groups: parser.groups.into_iter().flatten().map(|group| group.body).collect(),
        insensitive: flags.insensitive,
        has_backs: parser.has_backs,
        has_places: parser.has_places,
    })
}

struct Parser<'p> {
    scanner: Scanner<'p>,
    flags: Flags,
    sets: Sets,
    looks: Vec<Look>,
    /// `None` while one is open.
    groups: Vec<Option<Closed>>,
    height: usize,
    /// Within a look-around no group captures.
    in_look: bool,
    has_backs: bool,
    has_places: bool,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Rc<Node>> {
        let mut branches = vec![self.branch()?];
        while self.scanner.eat(Token::Or)? {
            branches.push(self.branch()?);
        }
        Ok(match branches.pop() {
            Some(only) if branches.is_empty() => only,
            last => Rc::new(Node::Alt(branches.into_iter().chain(last).collect())),
        })
    }

    /// Up to the parenthesis that closes it.
    fn nested(&mut self) -> Result<Rc<Node>> {
        self.height += 1;
        if self.height > HEIGHT_MAX {
            return Err(too_complex());
        }
        let body = self.alternatives()?;
        self.height -= 1;
        if self.scanner.eat(Token::Close)? { Ok(body) } else { Err(invalid("parentheses () not balanced")) }
    }

    fn branch(&mut self) -> Result<Rc<Node>> {
        let mut items = Vec::new();
        loop {
            match self.scanner.token {
                Token::Or | Token::End => break,
                Token::Close if self.height > 0 => break,
                Token::Place(place) => {
                    self.has_places = true;
                    self.scanner.advance()?;
                    items.push(Rc::new(Node::Place(place)));
                }
                Token::Look { ahead, negated } => items.push(self.look(ahead, negated)?),
                _ => {
                    let atom = self.atom()?;
                    items.push(self.quantified(atom)?);
                }
            }
        }
        Ok(Rc::new(Node::Concat(items)))
    }

    fn look(&mut self, ahead: bool, negated: bool) -> Result<Rc<Node>> {
        self.scanner.advance()?;
        let was_in_look = std::mem::replace(&mut self.in_look, true);
        let body = self.nested()?;
        self.in_look = was_in_look;
        if self.looks.len() == LOOKS_MAX {
            return Err(too_complex());
        }
        self.looks.push(Look { ahead, negated, body });
        Ok(Rc::new(Node::Look(self.looks.len() - 1)))
    }

    fn atom(&mut self) -> Result<Rc<Node>> {
        let set = match self.scanner.token {
            Token::Letter(code) => self.sets.letter(code, self.flags.insensitive),
            Token::Any => self.sets.add(any(self.flags.dot_stops)),
            Token::Class { class, negated } => {
                let mut set = class.set();
                if negated {
                    set.negate();
                }
                self.sets.add(set)
            }
            Token::Bracket { negated } => {
                self.scanner.advance()?;
                let set = self.bracket(negated)?;
                self.sets.add(set)
            }
            Token::Open { captures } => return self.group(captures && !self.in_look),
            Token::Back(group) => return self.back(group),
            Token::Close if self.flags.form == Form::Extended => {
                self.sets.letter(u32::from(')'), self.flags.insensitive)
            }
            Token::Close => return Err(invalid("parentheses () not balanced")),
            _ => return Err(nothing_to_repeat()),
        };
        self.scanner.advance()?;
        Ok(Rc::new(Node::Set(set)))
    }

    fn group(&mut self, captures: bool) -> Result<Rc<Node>> {
        if captures {
            self.groups.push(None);
            self.scanner.groups = self.groups.len();
        }
        let number = captures.then_some(self.groups.len());
        self.scanner.advance()?;
        let body = self.nested()?;
        let closed = number.map(|_| Closed { body: body.clone(), weight: weight(&body, &self.groups) });
        if let Some(place) = number.and_then(|number| self.groups.get_mut(number - 1)) {
            *place = closed;
        }
        Ok(Rc::new(Node::Group(number, body)))
    }

    fn back(&mut self, group: usize) -> Result<Rc<Node>> {
        let is_closed = group > 0 && self.groups.get(group - 1).is_some_and(Option::is_some);
        if self.in_look || !is_closed {
            return Err(invalid("invalid backreference number"));
        }
        self.has_backs = true;
        self.scanner.advance()?;
        Ok(Rc::new(Node::Back(group)))
    }

    fn quantified(&mut self, node: Rc<Node>) -> Result<Rc<Node>> {
        let (min, max, taste) = match self.scanner.token {
            Token::Repeat { min, max, taste } => (min, max, Some(taste)),
            Token::Bound => {
                self.scanner.advance()?;
                self.bound()?
            }
            _ => return Ok(node),
        };
        self.scanner.advance()?;
        Ok(Rc::new(Node::Repeat { node, min, max, taste }))
    }

    /// Up to the brace that ends it.
    fn bound(&mut self) -> Result<(usize, Option<usize>, Option<Taste>)> {
        let min = self.count()?;
        let has_max = self.scanner.eat(Token::Comma)?;
        let max = match self.scanner.token {
            _ if !has_max => Some(min),
            Token::Digit(_) => Some(self.count()?),
            _ => None,
        };
        match self.scanner.token {
            Token::BoundEnd(taste) if max.is_none_or(|max| min <= max) => Ok((min, max, has_max.then_some(taste))),
            _ => Err(bad_count()),
        }
    }

    fn count(&mut self) -> Result<usize> {
        let mut count = 0;
        while let Token::Digit(digit) = self.scanner.token
            && count < REPETITIONS_MAX
        {
            count = count * 10 + digit;
            self.scanner.advance()?;
        }
        let has_more = matches!(self.scanner.token, Token::Digit(_));
        if has_more || count > REPETITIONS_MAX { Err(bad_count()) } else { Ok(count) }
    }

    /// Up to the bracket that closes it.
    fn bracket(&mut self, negated: bool) -> Result<ClassUnicode> {
        let insensitive = self.flags.insensitive;
        let (mut set, mut complements) = (ClassUnicode::empty(), ClassUnicode::empty());
        loop {
            match self.scanner.token {
                Token::BracketEnd => break,
                Token::Class { class, negated } => {
                    let mut class = class.set();
                    if negated {
                        class.negate();
                        complements.union(&class);
                    } else {
                        set.union(&class);
                    }
                    self.scanner.advance()?;
                }
                Token::Name(':') => {
                    let class = named(&self.name()?, insensitive).ok_or_else(|| invalid("invalid character class"))?;
                    set.union(&class);
                }
                Token::Name('=') => {
                    let code = self.element()?;
                    set.union(&ClassUnicode::new(range(code, code)));
                }
                _ => {
                    let first = self.range_end()?;
                    let last = if self.scanner.eat(Token::Dash)? { self.range_end_after_dash()? } else { first };
                    if last < first {
                        return Err(invalid("invalid character range"));
                    }
                    set.union(&ClassUnicode::new(range(first, last)));
                }
            }
        }
        let mut set = folded(set, insensitive);
        set.union(&complements);
        if negated {
            if self.flags.dot_stops {
                set.union(&super::class::one('\n'));
            }
            set.negate();
        }
        Ok(set)
    }

    fn range_end_after_dash(&mut self) -> Result<u32> {
        if self.scanner.eat(Token::Dash)? { Ok(u32::from('-')) } else { self.range_end() }
    }

    fn range_end(&mut self) -> Result<u32> {
        match self.scanner.token {
            Token::Letter(code) => {
                self.scanner.advance()?;
                Ok(code)
            }
            Token::Name('.') => self.element(),
            _ => Err(invalid("invalid character range")),
        }
    }

    fn element(&mut self) -> Result<u32> {
        element(&self.name()?).ok_or_else(|| invalid("invalid collating element"))
    }

    /// What stands between `[:` and `:]` and their kin.
    fn name(&mut self) -> Result<String> {
        let mut name = String::new();
        self.scanner.advance()?;
        while let Token::Letter(code) = self.scanner.token {
            name.extend(char::from_u32(code));
            self.scanner.advance()?;
        }
        self.scanner.advance()?;
        Ok(name)
    }
}
