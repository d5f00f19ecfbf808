//! PostgreSQL's advanced regular expressions.
//!
//! A pattern is read into a tree ([`parse`]). What the crate `regex` provably finds too it finds, for it is fast
//! ([`fast`]); of other patterns it says where matches begin. All else is done by a matcher of our own ([`engine`]):
//! alternatives are not taken in turn but the longest or the shortest match, as quantifiers like it.
//!
//! Invariant: a pattern takes time that its texts' lengths bound, but for back references, which are given up with
//! `2201B` when they take too long.
//! Invariant: positions are bytes, and always between letters.

mod alphabet;
mod class;
mod dfa;
mod dissect;
mod engine;
mod fast;
mod flags;
mod like;
mod nfa;
mod parse;
mod plan;
mod scan;
#[cfg(test)]
mod tests;
mod tree;

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use regex_automata::{Input, meta};

use crate::error::{Error, ErrorKind, Result};
use engine::{Engine, Places, Scan};
pub use flags::Flags;
pub use like::{of_similar, with_backslashes};
use tree::Syntax;

/// A compiled expression.
pub struct Regex {
    syntax: Rc<Syntax>,
    /// Tells whether there is a match and where one begins.
    fast: Option<meta::Regex>,
    /// `fast` tells the truth of ends and groups too.
    is_sure: bool,
    /// Made when it is needed; taken out while it runs.
    engine: Cell<Option<Box<Engine>>>,
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Regex").field("syntax", &self.syntax).finish_non_exhaustive()
    }
}

/// A match: the whole, then the groups, of a text.
#[derive(Debug)]
pub struct Found<'t> {
    text: &'t str,
    parts: Places,
}

impl Regex {
    /// # Errors
    /// `2201B` where it takes too many steps.
    pub fn is_match(&self, text: &str) -> Result<bool> {
        if let Some(fast) = &self.fast {
            return Ok(fast.is_match(text));
        }
        self.with_engine(|engine| {
            let scan = engine.scan(text)?;
            match self.syntax.has_backs {
                true => Ok(engine.find(&scan, 0)?.is_some()),
                false => Ok(engine.first_end(&scan, 0)?.is_some()),
            }
        })
    }

    /// The first match that begins at this byte or after it.
    ///
    /// # Errors
    /// `2201B` where it takes too many steps.
    pub fn find_at<'t>(&self, text: &'t str, at: usize) -> Result<Option<Found<'t>>> {
        self.find(text, at, &mut None)
    }

    /// The matches from this byte on, one after the other; an empty one may begin where the one before it ends.
    pub fn all_from<'t>(&'t self, text: &'t str, start: usize) -> impl Iterator<Item = Result<Found<'t>>> {
        let mut at = Some(start);
        let mut scan = None;
        std::iter::from_fn(move || {
            let found = match self.find(text, at?, &mut scan) {
                Ok(found) => found?,
                Err(error) => {
                    at = None;
                    return Some(Err(error));
                }
            };
            let whole = found.range(0)?;
            let next = text.get(whole.end..).and_then(|rest| rest.chars().next());
            at = if whole.is_empty() { next.map(|c| whole.end + c.len_utf8()) } else { Some(whole.end) };
            Some(Ok(found))
        })
    }

    /// With what is known of the text, which a search for more needs too.
    fn find<'t>(&self, text: &'t str, at: usize, scan: &mut Option<Scan<'t>>) -> Result<Option<Found<'t>>> {
        if at > text.len() {
            return Ok(None);
        }
        let input = Input::new(text).span(at..text.len());
        let parts = match &self.fast {
            Some(fast) if self.is_sure => found_by(fast, &input),
            Some(fast) => match fast.find(input) {
                Some(found) => self.with_engine(|engine| {
                    let scan = engine.scan(text)?;
                    engine.find_from(&scan, found.start())
                })?,
                None => None,
            },
            None => self.with_engine(|engine| {
                let scan = match scan {
                    Some(scan) => scan,
                    None => scan.insert(engine.scan(text)?),
                };
                engine.find(scan, at)
            })?,
        };
        Ok(parts.map(|parts| Found { text, parts }))
    }

    fn with_engine<T>(&self, run: impl FnOnce(&mut Engine) -> Result<T>) -> Result<T> {
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => Box::new(Engine::new(&self.syntax)?),
        };
        let found = run(&mut engine);
        self.engine.set(Some(engine));
        found
    }
}

fn found_by(regex: &meta::Regex, input: &Input<'_>) -> Option<Places> {
    if regex.captures_len() == 1 {
        return regex.find(input.clone()).map(|found| vec![Some(found.range())]);
    }
    let mut captures = regex.create_captures();
    regex.search_captures(input, &mut captures);
    let range = |group| captures.get_group(group).map(|span| span.range());
    captures.is_match().then(|| (0..captures.group_len()).map(range).collect())
}

impl<'t> Found<'t> {
    /// How many groups there are, the whole included.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Where a group is, in bytes; `None` where it took no part.
    pub fn range(&self, group: usize) -> Option<Range<usize>> {
        self.parts.get(group).cloned().flatten()
    }

    pub fn text(&self, group: usize) -> Option<&'t str> {
        self.text.get(self.range(group)?)
    }
}

/// Compiled expressions of one batch; nearly always one.
#[derive(Default)]
pub struct Patterns {
    compiled: HashMap<(String, String), Rc<Regex>>,
    /// Patterns of LIKE, and of ILIKE.
    likes: [HashMap<String, Rc<Regex>>; 2],
}

impl Patterns {
    /// The expression compiled.
    ///
    /// # Errors
    /// `2201B`.
    pub fn get(&mut self, pattern: &str, flags: &str) -> Result<Rc<Regex>> {
        let key = (pattern.to_owned(), flags.to_owned());
        if let Some(regex) = self.compiled.get(&key) {
            return Ok(regex.clone());
        }
        let regex = Rc::new(compile(pattern, Flags::parse(flags)?)?);
        if self.compiled.len() >= 64 {
            self.compiled.clear();
        }
        self.compiled.insert(key, regex.clone());
        Ok(regex)
    }

    /// The pattern of LIKE, or of ILIKE, compiled.
    ///
    /// # Errors
    /// `2201B` for one that is too long.
    pub fn like(&mut self, pattern: &str, insensitive: bool) -> Result<Rc<Regex>> {
        let [sensitive, other] = &mut self.likes;
        let compiled = if insensitive { other } else { sensitive };
        if let Some(regex) = compiled.get(pattern) {
            return Ok(regex.clone());
        }
        let regex = Rc::new(compile(&like::of_like(pattern), Flags { insensitive, ..Flags::default() })?);
        if compiled.len() >= 64 {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

/// Whether DataFusion's own operator reads a constant pattern as PostgreSQL does.
///
/// # Errors
/// `2201B` for a pattern that is none.
pub fn is_plain(pattern: &str) -> Result<bool> {
    let ours = fast::hir(&parse::parse(pattern, Flags::default())?);
    Ok(ours.is_some_and(|ours| regex_syntax::parse(pattern).is_ok_and(|theirs| theirs == ours)))
}

fn compile(pattern: &str, flags: Flags) -> Result<Regex> {
    let syntax = Rc::new(parse::parse(pattern, flags)?);
    let fast = fast::hir(&syntax).and_then(|hir| fast::compile(&hir));
    let is_sure = fast.is_some() && fast::is_sure(&syntax);
    Ok(Regex { syntax, fast, is_sure, engine: Cell::new(None) })
}

fn invalid(complaint: &str) -> Error {
    Error::new(ErrorKind::InvalidRegex, format!("invalid regular expression: {complaint}"))
}

fn too_complex() -> Error {
    invalid("regular expression is too complex")
}

fn too_complex_to_run() -> Error {
    Error::new(ErrorKind::InvalidRegex, "regular expression failed: regular expression is too complex")
}
