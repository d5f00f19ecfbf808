//! Where one row ends and the next begins, in text and CSV.

use memchr::{memchr_iter, memchr2, memchr3};

use super::super::copy::CopyFormat;
use super::{ROW_BYTES_MAX, bad_format};
use crate::error::{Error, ErrorKind, Result};

/// Splits data that comes in pieces.
pub(super) struct Lines {
    /// Quote and escape of CSV; `None` is the text format.
    csv: Option<(u8, u8)>,
    pending: Vec<u8>,
    /// How far `pending` was looked at.
    at: usize,
    in_quotes: bool,
    /// Newlines seen inside the quotes of the row in hand.
    inner_lines: u64,
    ending: Ending,
    line: u64,
    /// `\.` was seen: what follows is not read.
    ended: bool,
}

/// How the lines of this data end, known from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Unknown,
    Newline,
    Return,
    Both,
}

enum Next {
    /// A line ends here, and the next begins there.
    Line(usize, usize),
    /// More data is needed to tell.
    Unfinished,
}

impl Lines {
    pub(super) fn of(format: &CopyFormat) -> Self {
        let csv = match format {
            CopyFormat::Csv { quote, escape, .. } => Some((*quote, *escape)),
            _ => None,
        };
        Self {
            csv,
            pending: Vec::new(),
            at: 0,
            in_quotes: false,
            inner_lines: 0,
            ending: Ending::Unknown,
            line: 0,
            ended: false,
        }
    }

    /// The number of the last line that was given, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Gives each whole line, without its end, and its number; or what is wrong with it.
    pub(super) fn feed(
        &mut self,
        data: &[u8],
        last: bool,
        mut take: impl FnMut(Result<&[u8]>, u64) -> Result<()>,
    ) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        self.pending.extend_from_slice(data);
        let mut start = 0;
        loop {
            let next = match self.next(last) {
                Ok(next) => next,
                Err(error) => return take(Err(error), self.line + 1),
            };
            let Next::Line(end, next) = next else { break };
            let line = self.pending.get(start..end).unwrap_or_default();
            self.line += 1 + std::mem::take(&mut self.inner_lines);
            if line == b"\\." {
                self.ended = true;
                self.pending = Vec::new();
                return Ok(());
            }
            take(Ok(line), self.line)?;
            start = next;
        }
        self.pending.drain(..start);
        self.at -= start;
        if self.pending.len() > ROW_BYTES_MAX {
            let message = format!("a row is longer than {ROW_BYTES_MAX} bytes");
            return take(Err(Error::new(ErrorKind::ProgramLimitExceeded, message)), self.line + 1);
        }
        if last && !self.pending.is_empty() {
            self.line += 1 + self.inner_lines;
            let rest = std::mem::take(&mut self.pending);
            if rest != b"\\." {
                take(Ok(&rest), self.line)?;
            }
        }
        Ok(())
    }

    fn next(&mut self, last: bool) -> Result<Next> {
        match self.csv {
            Some((quote, escape)) => self.next_csv(quote, escape, last),
            None => self.next_text(last),
        }
    }

    fn rest(&self) -> &[u8] {
        self.pending.get(self.at..).unwrap_or_default()
    }

    fn unfinished(&mut self) -> Next {
        self.at = self.pending.len();
        Next::Unfinished
    }

    fn next_csv(&mut self, quote: u8, escape: u8, last: bool) -> Result<Next> {
        loop {
            if self.in_quotes {
                let found = memchr2(quote, escape, self.rest());
                let passed = self.rest().get(..found.unwrap_or(self.rest().len())).unwrap_or_default();
                let newline =
                    if self.ending == Ending::Newline || self.ending == Ending::Unknown { b'\n' } else { b'\r' };
                self.inner_lines += memchr_iter(newline, passed).count() as u64;
                let Some(found) = found else { return Ok(self.unfinished()) };
                let here = self.at + found;
                let byte = self.pending.get(here).copied();
                if byte == Some(escape) && escape != quote {
                    // the next character is data, whatever it is
                    if here + 1 >= self.pending.len() {
                        self.at = here;
                        return Ok(Next::Unfinished);
                    }
                    let escaped = self.pending.get(here + 1).copied();
                    self.at = here + if escaped == Some(quote) || escaped == Some(escape) { 2 } else { 1 };
                } else {
                    // a doubled quote ends and begins again
                    self.in_quotes = false;
                    self.at = here + 1;
                }
                continue;
            }
            let Some(found) = memchr3(b'\n', b'\r', quote, self.rest()) else { return Ok(self.unfinished()) };
            let here = self.at + found;
            if self.pending.get(here).copied() == Some(quote) {
                self.in_quotes = true;
                self.at = here + 1;
                continue;
            }
            return self.end_of_line(here, last);
        }
    }

    fn next_text(&mut self, last: bool) -> Result<Next> {
        loop {
            let Some(found) = memchr3(b'\n', b'\r', b'\\', self.rest()) else { return Ok(self.unfinished()) };
            let here = self.at + found;
            if self.pending.get(here).copied() != Some(b'\\') {
                return self.end_of_line(here, last);
            }
            if here + 1 >= self.pending.len() {
                self.at = if last { here + 1 } else { here };
                return Ok(Next::Unfinished);
            }
            // a backslash takes the next character, a newline too, as data
            self.at = here + 2;
        }
    }

    /// A newline or carriage return outside quotes at `here`.
    fn end_of_line(&mut self, here: usize, last: bool) -> Result<Next> {
        if self.pending.get(here).copied() == Some(b'\n') {
            if matches!(self.ending, Ending::Return | Ending::Both) {
                return Err(self.stray("newline", "\\n"));
            }
            self.ending = Ending::Newline;
            self.at = here + 1;
            return Ok(Next::Line(here, here + 1));
        }
        if self.ending == Ending::Newline {
            return Err(self.stray("carriage return", "\\r"));
        }
        if self.ending == Ending::Return {
            self.at = here + 1;
            return Ok(Next::Line(here, here + 1));
        }
        match self.pending.get(here + 1).copied() {
            None if !last => {
                self.at = here;
                Ok(Next::Unfinished)
            }
            Some(b'\n') => {
                self.ending = Ending::Both;
                self.at = here + 2;
                Ok(Next::Line(here, here + 2))
            }
            _ if self.ending == Ending::Both => Err(self.stray("carriage return", "\\r")),
            _ => {
                self.ending = Ending::Return;
                self.at = here + 1;
                Ok(Next::Line(here, here + 1))
            }
        }
    }

    fn stray(&self, what: &str, escaped: &str) -> Error {
        if self.csv.is_some() {
            bad_format(format!("unquoted {what} found in data"))
                .with_hint(format!("Use quoted CSV field to represent {what}."))
        } else {
            bad_format(format!("literal {what} found in data"))
                .with_hint(format!("Use \"{escaped}\" to represent {what}."))
        }
    }
}
