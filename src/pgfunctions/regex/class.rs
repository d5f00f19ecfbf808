//! Sets of letters.
//!
//! `\d`, `\s` and `\w` are Unicode's, classes in brackets ASCII's: PostgreSQL leaves both to the locale.

use std::collections::HashMap;

use regex_syntax::hir::{Class as HirClass, ClassUnicode, ClassUnicodeRange, HirKind};

/// What can be named by a letter behind a backslash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Digit,
    Space,
    Word,
}

impl Class {
    pub fn set(self) -> ClassUnicode {
        let name = match self {
            Self::Digit => r"\d",
            Self::Space => r"\s",
            Self::Word => r"\w",
        };
        let hir = regex_syntax::parse(name).map(regex_syntax::hir::Hir::into_kind);
        match hir {
            Ok(HirKind::Class(HirClass::Unicode(set))) => set,
            _ => ClassUnicode::empty(),
        }
    }
}

/// `[:name:]`, `None` if there is no such name.
pub(super) fn named(name: &str, insensitive: bool) -> Option<ClassUnicode> {
    let ranges: &[(u32, u32)] = match name {
        "lower" | "upper" if insensitive => &[(0x41, 0x5a), (0x61, 0x7a)],
        "alnum" => &[(0x30, 0x39), (0x41, 0x5a), (0x61, 0x7a)],
        "alpha" => &[(0x41, 0x5a), (0x61, 0x7a)],
        "ascii" => &[(0, 0x7f)],
        "blank" => &[(0x09, 0x09), (0x20, 0x20)],
        "cntrl" => &[(0, 0x1f), (0x7f, 0x9f)],
        "digit" => &[(0x30, 0x39)],
        "graph" => &[(0x21, 0x7e)],
        "lower" => &[(0x61, 0x7a)],
        "print" => &[(0x20, 0x7e)],
        "punct" => &[(0x21, 0x2f), (0x3a, 0x40), (0x5b, 0x60), (0x7b, 0x7e)],
        "space" => &[(0x09, 0x0d), (0x20, 0x20)],
        "upper" => &[(0x41, 0x5a)],
        "xdigit" => &[(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)],
        "word" => &[(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)],
        _ => return None,
    };
    Some(ClassUnicode::new(ranges.iter().filter_map(|(first, last)| range(*first, *last))))
}

/// Letters from one to another; `None` where Unicode has none there.
pub(super) fn range(first: u32, last: u32) -> Option<ClassUnicodeRange> {
    const SURROGATES: std::ops::RangeInclusive<u32> = 0xd800..=0xdfff;
    let first = if SURROGATES.contains(&first) { SURROGATES.end() + 1 } else { first };
    let last = if SURROGATES.contains(&last) { SURROGATES.start() - 1 } else { last.min(u32::from(char::MAX)) };
    let (first, last) = (char::from_u32(first)?, char::from_u32(last)?);
    (first <= last).then(|| ClassUnicodeRange::new(first, last))
}

/// Every letter, but for line feeds maybe.
pub(super) fn any(no_line_feed: bool) -> ClassUnicode {
    let mut set = if no_line_feed { one('\n') } else { ClassUnicode::empty() };
    set.negate();
    set
}

pub(super) fn one(letter: char) -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new(letter, letter)])
}

/// With their other cases.
pub(super) fn folded(mut set: ClassUnicode, insensitive: bool) -> ClassUnicode {
    // fails only without Unicode's tables
    let _ = insensitive && set.try_case_fold_simple().is_ok();
    set
}

/// The sets of a pattern.
#[derive(Default)]
pub(super) struct Sets {
    pub sets: Vec<ClassUnicode>,
    letters: HashMap<u32, usize>,
}

impl Sets {
    pub fn letter(&mut self, code: u32, insensitive: bool) -> usize {
        if let Some(known) = self.letters.get(&code) {
            return *known;
        }
        let number = self.sets.len();
        self.sets.push(folded(ClassUnicode::new(range(code, code)), insensitive));
        self.letters.insert(code, number);
        number
    }

    pub fn add(&mut self, set: ClassUnicode) -> usize {
        let known = self.sets.iter().position(|known| *known == set);
        known.unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        })
    }
}

/// A letter by its name within `[.….]` or `[=…=]`.
pub(super) fn element(name: &str) -> Option<u32> {
    let mut letters = name.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => Some(u32::from(letter)),
        _ => NAMES.iter().find(|(names, _)| names.split(' ').any(|known| known == name)).map(|(_, code)| *code),
    }
}

const NAMES: &[(&str, u32)] = &[
    ("NUL", 0),
    ("SOH", 1),
    ("STX", 2),
    ("ETX", 3),
    ("EOT", 4),
    ("ENQ", 5),
    ("ACK", 6),
    ("BEL alert", 7),
    ("BS backspace", 8),
    ("HT tab", 9),
    ("LF newline", 10),
    ("VT vertical-tab", 11),
    ("FF form-feed", 12),
    ("CR carriage-return", 13),
    ("SO", 14),
    ("SI", 15),
    ("DLE", 16),
    ("DC1", 17),
    ("DC2", 18),
    ("DC3", 19),
    ("DC4", 20),
    ("NAK", 21),
    ("SYN", 22),
    ("ETB", 23),
    ("CAN", 24),
    ("EM", 25),
    ("SUB", 26),
    ("ESC", 27),
    ("IS4 FS", 28),
    ("IS3 GS", 29),
    ("IS2 RS", 30),
    ("IS1 US", 31),
    ("space", 0x20),
    ("exclamation-mark", 0x21),
    ("quotation-mark", 0x22),
    ("number-sign", 0x23),
    ("dollar-sign", 0x24),
    ("percent-sign", 0x25),
    ("ampersand", 0x26),
    ("apostrophe", 0x27),
    ("left-parenthesis", 0x28),
    ("right-parenthesis", 0x29),
    ("asterisk", 0x2a),
    ("plus-sign", 0x2b),
    ("comma", 0x2c),
    ("hyphen hyphen-minus", 0x2d),
    ("period full-stop", 0x2e),
    ("slash solidus", 0x2f),
    ("zero", 0x30),
    ("one", 0x31),
    ("two", 0x32),
    ("three", 0x33),
    ("four", 0x34),
    ("five", 0x35),
    ("six", 0x36),
    ("seven", 0x37),
    ("eight", 0x38),
    ("nine", 0x39),
    ("colon", 0x3a),
    ("semicolon", 0x3b),
    ("less-than-sign", 0x3c),
    ("equals-sign", 0x3d),
    ("greater-than-sign", 0x3e),
    ("question-mark", 0x3f),
    ("commercial-at", 0x40),
    ("left-square-bracket", 0x5b),
    ("backslash reverse-solidus", 0x5c),
    ("right-square-bracket", 0x5d),
    ("circumflex circumflex-accent", 0x5e),
    ("underscore low-line", 0x5f),
    ("grave-accent", 0x60),
    ("left-brace left-curly-bracket", 0x7b),
    ("vertical-line", 0x7c),
    ("right-brace right-curly-bracket", 0x7d),
    ("tilde", 0x7e),
    ("DEL", 0x7f),
];
