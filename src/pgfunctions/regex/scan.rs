//! A pattern as tokens.
//!
//! Invariant: tokens are read one ahead of the parser, as PostgreSQL's are: of two faults in a pattern both then
//! complain of the same one.

use super::class::Class;
use super::flags::{Flags, Form};
use super::invalid;
use super::tree::{Place, Taste};
use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    End,
    /// A letter's code, which need not be one of Unicode.
    Letter(u32),
    Any,
    Class {
        class: Class,
        negated: bool,
    },
    Place(Place),
    Back(usize),
    Or,
    Open {
        captures: bool,
    },
    Look {
        ahead: bool,
        negated: bool,
    },
    Close,
    /// `*`, `+`, `?`.
    Repeat {
        min: usize,
        max: Option<usize>,
        taste: Taste,
    },
    /// `{`.
    Bound,
    Digit(usize),
    Comma,
    BoundEnd(Taste),
    Bracket {
        negated: bool,
    },
    BracketEnd,
    /// `-` between the ends of a range.
    Dash,
    /// `[.`, `[=`, `[:`.
    Name(char),
    NameEnd,
}

/// Where in the pattern the scanner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Main,
    Bound,
    Bracket,
    Name(char),
}

pub(super) struct Scanner<'p> {
    rest: &'p str,
    flags: Flags,
    within: Within,
    /// While the next one is read, the one before it.
    pub token: Token,
    /// Whether there is a token before the one being read.
    begun: bool,
    /// Groups opened so far: `\12` is a back reference only if there are so many.
    pub groups: usize,
}

const BAD_ESCAPE: &str = "invalid escape \\ sequence";
const BAD_QUANTIFIER: &str = "quantifier operand invalid";
const BAD_COUNT: &str = "invalid repetition count(s)";
/// Digits that a number behind a backslash may have.
const DIGITS_MAX: usize = 255;
/// The last code that PostgreSQL has letters for.
const CODE_MAX: u32 = 0x7fff_fffe;

impl<'p> Scanner<'p> {
    pub fn new(rest: &'p str, flags: Flags) -> Result<Self> {
        let mut scanner = Self { rest, flags, within: Within::Main, token: Token::End, begun: false, groups: 0 };
        scanner.token = scanner.read()?;
        Ok(scanner)
    }

    /// To the next token.
    pub fn advance(&mut self) -> Result<()> {
        self.begun = true;
        self.token = self.read()?;
        Ok(())
    }

    pub fn eat(&mut self, token: Token) -> Result<bool> {
        let is_there = self.token == token;
        if is_there {
            self.advance()?;
        }
        Ok(is_there)
    }

    fn advanced(&self) -> bool {
        self.flags.form == Form::Advanced
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.rest = self.rest.get(letter.len_utf8()..).unwrap_or_default();
        Some(letter)
    }

    fn take_if(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn read(&mut self) -> Result<Token> {
        if self.flags.expanded && matches!(self.within, Within::Main | Within::Bound) {
            self.skip();
        }
        let Some(letter) = self.take() else {
            return match self.within {
                Within::Main => Ok(Token::End),
                Within::Bound => Err(invalid("braces {} not balanced")),
                Within::Bracket | Within::Name(_) => Err(invalid("brackets [] not balanced")),
            };
        };
        let within = self.within;
        match within {
            Within::Bound => self.bound(letter),
            Within::Bracket => self.bracket(letter),
            Within::Name(kind) if letter == kind && self.take_if("]") => {
                self.within = Within::Bracket;
                Ok(Token::NameEnd)
            }
            Within::Name(_) => Ok(Token::Letter(u32::from(letter))),
            Within::Main => match self.flags.form {
                Form::Literal => Ok(Token::Letter(u32::from(letter))),
                Form::Basic => self.basic(letter),
                Form::Extended | Form::Advanced => self.main(letter),
            },
        }
    }

    /// Over spaces and comments.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
            if !self.rest.starts_with('#') {
                return;
            }
            self.rest = self.rest.find('\n').and_then(|at| self.rest.get(at..)).unwrap_or_default();
        }
    }

    fn main(&mut self, letter: char) -> Result<Token> {
        Ok(match letter {
            '|' => Token::Or,
            '*' => self.repeat(0, None),
            '+' => self.repeat(1, None),
            '?' => self.repeat(0, Some(1)),
            '{' => {
                if self.flags.expanded {
                    self.skip();
                }
                if !self.rest.starts_with(|digit: char| digit.is_ascii_digit()) {
                    return Ok(Token::Letter(u32::from(letter)));
                }
                self.within = Within::Bound;
                Token::Bound
            }
            '(' if self.advanced() && self.take_if("?") => return self.special(),
            '(' => Token::Open { captures: true },
            ')' => Token::Close,
            '[' => self.open_bracket(),
            '.' => Token::Any,
            '^' => Token::Place(self.line_start()),
            '$' => Token::Place(self.line_end()),
            '\\' if self.advanced() => return self.escape(),
            '\\' => Token::Letter(self.take().map(u32::from).ok_or_else(|| invalid(BAD_ESCAPE))?),
            other => Token::Letter(u32::from(other)),
        })
    }

    fn line_start(&self) -> Place {
        if self.flags.multiline { Place::LineStart } else { Place::TextStart }
    }

    fn line_end(&self) -> Place {
        if self.flags.multiline { Place::LineEnd } else { Place::TextEnd }
    }

    fn repeat(&mut self, min: usize, max: Option<usize>) -> Token {
        Token::Repeat { min, max, taste: self.taste() }
    }

    fn taste(&mut self) -> Taste {
        if self.advanced() && self.take_if("?") { Taste::Shortest } else { Taste::Longest }
    }

    /// What `(?` begins.
    fn special(&mut self) -> Result<Token> {
        let behind = self.take_if("<");
        match self.take() {
            Some('=') => Ok(Token::Look { ahead: !behind, negated: false }),
            Some('!') => Ok(Token::Look { ahead: !behind, negated: true }),
            Some(':') if !behind => Ok(Token::Open { captures: false }),
            Some('#') if !behind => {
                let end = self.rest.find(')').map_or(self.rest.len(), |at| at + 1);
                self.rest = self.rest.get(end..).unwrap_or_default();
                self.read()
            }
            _ => Err(invalid(BAD_QUANTIFIER)),
        }
    }

    fn open_bracket(&mut self) -> Token {
        if self.take_if("[:<:]]") {
            return Token::Place(Place::WordStart);
        }
        if self.take_if("[:>:]]") {
            return Token::Place(Place::WordEnd);
        }
        self.within = Within::Bracket;
        Token::Bracket { negated: self.take_if("^") }
    }

    fn bound(&mut self, letter: char) -> Result<Token> {
        let is_basic = self.flags.form == Form::Basic;
        match letter {
            '0'..='9' => Ok(Token::Digit(letter as usize - '0' as usize)),
            ',' => Ok(Token::Comma),
            '}' if !is_basic => {
                self.within = Within::Main;
                Ok(Token::BoundEnd(self.taste()))
            }
            '\\' if is_basic && self.take_if("}") => {
                self.within = Within::Main;
                Ok(Token::BoundEnd(Taste::Longest))
            }
            _ => Err(invalid(BAD_COUNT)),
        }
    }

    fn bracket(&mut self, letter: char) -> Result<Token> {
        let is_first = matches!(self.token, Token::Bracket { .. });
        match letter {
            ']' if !is_first => {
                self.within = Within::Main;
                return Ok(Token::BracketEnd);
            }
            '\\' if self.advanced() => {
                let token = self.escape()?;
                return match token {
                    Token::Letter(_) | Token::Class { .. } => Ok(token),
                    _ => Err(invalid(BAD_ESCAPE)),
                };
            }
            '-' if !is_first && !self.rest.starts_with(']') => return Ok(Token::Dash),
            '[' if self.rest.is_empty() => return Err(invalid("brackets [] not balanced")),
            '[' => {
                if let Some(kind) = self.peek().filter(|kind| ['.', '=', ':'].contains(kind)) {
                    self.take();
                    self.within = Within::Name(kind);
                    return Ok(Token::Name(kind));
                }
            }
            _ => {}
        }
        Ok(Token::Letter(u32::from(letter)))
    }

    fn basic(&mut self, letter: char) -> Result<Token> {
        let is_first = !self.begun;
        let is_opened = matches!(self.token, Token::Open { .. });
        Ok(match letter {
            '*' if !is_first && !is_opened && self.token != Token::Place(self.line_start()) => {
                Token::Repeat { min: 0, max: None, taste: Taste::Longest }
            }
            '[' => self.open_bracket(),
            '.' => Token::Any,
            '^' if is_first || is_opened => Token::Place(self.line_start()),
            '$' => {
                if self.flags.expanded {
                    self.skip();
                }
                match self.rest.is_empty() || self.rest.starts_with("\\)") {
                    true => Token::Place(self.line_end()),
                    false => Token::Letter(u32::from(letter)),
                }
            }
            '\\' => match self.take().ok_or_else(|| invalid(BAD_ESCAPE))? {
                '{' => {
                    self.within = Within::Bound;
                    Token::Bound
                }
                '(' => Token::Open { captures: true },
                ')' => Token::Close,
                '<' => Token::Place(Place::WordStart),
                '>' => Token::Place(Place::WordEnd),
                digit @ '1'..='9' => Token::Back(digit as usize - '0' as usize),
                other => Token::Letter(u32::from(other)),
            },
            other => Token::Letter(u32::from(other)),
        })
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<Token> {
        let bad = || invalid(BAD_ESCAPE);
        let before = self.rest;
        let letter = self.take().ok_or_else(bad)?;
        let class = |class, negated| Token::Class { class, negated };
        Ok(match letter {
            'a' => Token::Letter(0x07),
            'A' => Token::Place(Place::TextStart),
            'b' => Token::Letter(0x08),
            'B' => Token::Letter(0x5c),
            'c' => Token::Letter(self.take().map(u32::from).ok_or_else(bad)? & 0x1f),
            'd' => class(Class::Digit, false),
            'D' => class(Class::Digit, true),
            'e' => Token::Letter(0x1b),
            'f' => Token::Letter(0x0c),
            'm' => Token::Place(Place::WordStart),
            'M' => Token::Place(Place::WordEnd),
            'n' => Token::Letter(0x0a),
            'r' => Token::Letter(0x0d),
            's' => class(Class::Space, false),
            'S' => class(Class::Space, true),
            't' => Token::Letter(0x09),
            'u' => Token::Letter(self.code(16, 4, 4)?),
            'U' => Token::Letter(self.code(16, 8, 8)?),
            'v' => Token::Letter(0x0b),
            'w' => class(Class::Word, false),
            'W' => class(Class::Word, true),
            'x' => Token::Letter(self.code(16, 1, DIGITS_MAX)?),
            'y' => Token::Place(Place::WordEdge),
            'Y' => Token::Place(Place::NoWordEdge),
            'Z' => Token::Place(Place::TextEnd),
            '0'..='9' => {
                self.rest = before;
                return self.number();
            }
            other if other.is_ascii_alphanumeric() => return Err(bad()),
            other => Token::Letter(u32::from(other)),
        })
    }

    /// A back reference or, failing that, a letter in octal.
    fn number(&mut self) -> Result<Token> {
        let before = self.rest;
        if !before.starts_with('0') {
            let group = self.digits(10, 1, DIGITS_MAX)? as usize;
            let is_single = before.len() - self.rest.len() == 1;
            if is_single || (1..=self.groups).contains(&group) {
                return Ok(Token::Back(group));
            }
            self.rest = before;
        }
        let code = self.digits(8, 1, 3)?;
        if code <= 0xff {
            return Ok(Token::Letter(code));
        }
        self.rest = before.get(2..).unwrap_or_default();
        Ok(Token::Letter(code >> 3))
    }

    fn code(&mut self, base: u32, min: usize, max: usize) -> Result<u32> {
        self.digits(base, min, max).and_then(|code| if code <= CODE_MAX { Ok(code) } else { Err(invalid(BAD_ESCAPE)) })
    }

    fn digits(&mut self, base: u32, min: usize, max: usize) -> Result<u32> {
        let (mut number, mut count) = (0_u32, 0);
        while count < max
            && let Some(digit) = self.peek().and_then(|letter| letter.to_digit(base))
        {
            number = number.wrapping_mul(base).wrapping_add(digit);
            self.take();
            count += 1;
        }
        if count < min { Err(invalid(BAD_ESCAPE)) } else { Ok(number) }
    }
}

/// What is said where a quantifier has nothing to repeat.
pub(super) fn nothing_to_repeat() -> Error {
    invalid(BAD_QUANTIFIER)
}

pub(super) fn bad_count() -> Error {
    invalid(BAD_COUNT)
}
