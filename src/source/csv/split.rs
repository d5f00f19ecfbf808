//! Bytes into records and fields, as RFC 4180 has it, without copying.
//!
//! A quote opens a field only at its start; after the closing quote nothing but the delimiter or the line's end may
//! follow. Where a record breaks these rules its first line alone is given up, and reading goes on with the next line:
//! one stray quote never swallows the rows behind it.

use std::borrow::Cow;
use std::ops::Range;

/// A field of the record last read.
#[derive(Debug, Clone)]
pub(super) struct FieldRange {
    range: Range<usize>,
    /// Holds doubled quotes.
    escaped: bool,
    pub quoted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    AfterQuote,
    UnclosedQuote,
    FieldTooLong,
    RowTooLong,
}

/// What the splitter found from a position on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// Its fields are in [`Splitter::fields`]; the next record begins at `next`.
    Complete {
        end: usize,
        next: usize,
    },
    Malformed {
        why: Malformed,
        end: usize,
        next: usize,
    },
    /// A line with nothing on it.
    Blank {
        next: usize,
    },
    /// More bytes are needed to tell.
    Incomplete,
    End,
}

#[derive(Debug)]
pub(super) struct Splitter {
    quote: u8,
    delimiter: u8,
    max_field: usize,
    max_row: usize,
    fields: Vec<FieldRange>,
    /// Bytes that end an unquoted field.
    special: Box<[bool; 256]>,
    /// Inside a line that was given up before its end arrived.
    skipping: bool,
}

impl Splitter {
    pub(super) fn new(delimiter: u8, quote: u8, max_field: usize, max_row: usize) -> Self {
        let mut special = Box::new([false; 256]);
        for byte in [delimiter, b'\n', b'\r'] {
            special[usize::from(byte)] = true;
        }
        Self { quote, delimiter, max_field, max_row, fields: Vec::new(), special, skipping: false }
    }

    pub(super) fn fields(&self) -> &[FieldRange] {
        &self.fields
    }

    /// Reads the record that begins at `start`. `last`: no bytes follow those in `bytes`.
    pub(super) fn next(&mut self, bytes: &[u8], start: usize, last: bool) -> Record {
        self.fields.clear();
        if self.skipping {
            let rest = bytes.get(start..).unwrap_or_default();
            let line_end = rest.iter().position(|byte| *byte == b'\n');
            self.skipping = line_end.is_none();
            return match line_end {
                Some(length) => Record::Blank { next: start + length + 1 },
                None if !rest.is_empty() => Record::Blank { next: bytes.len() },
                None if last => Record::End,
                None => Record::Incomplete,
            };
        }
        let mut at = start;
        loop {
            let Some(&first) = bytes.get(at) else {
                if !last {
                    return self.incomplete(bytes, start);
                }
                if at == start {
                    return Record::End;
                }
                // The text ends right behind a delimiter: an empty last field.
                self.fields.push(FieldRange { range: at..at, escaped: false, quoted: false });
                return Record::Complete { end: at, next: at };
            };
            let end = if first == self.quote {
                match self.quoted_field(bytes, at, last) {
                    Ok(end) => end,
                    Err(None) => return self.incomplete(bytes, start),
                    Err(Some(why)) => return self.give_up_line(bytes, start, last, why),
                }
            } else {
                let end = self.unquoted_end(bytes, at);
                self.fields.push(FieldRange { range: at..end, escaped: false, quoted: false });
                end
            };
            if end - at > self.max_field {
                return self.give_up_line(bytes, start, last, Malformed::FieldTooLong);
            }
            match bytes.get(end) {
                Some(&byte) if byte == self.delimiter => at = end + 1,
                Some(b'\n') => return self.complete(start, end, end + 1),
                Some(_) => match bytes.get(end + 1) {
                    Some(b'\n') => return self.complete(start, end, end + 2),
                    None if !last => return self.incomplete(bytes, start),
                    // A lone carriage return ends a line as well.
                    _ => return self.complete(start, end, end + 1),
                },
                None if last => return self.complete(start, end, end),
                None => return self.incomplete(bytes, start),
            }
        }
    }

    /// A record that is not whole yet, unless it is too long already.
    fn incomplete(&mut self, bytes: &[u8], start: usize) -> Record {
        if bytes.len() - start <= self.max_row {
            return Record::Incomplete;
        }
        self.give_up_line(bytes, start, false, Malformed::RowTooLong)
    }

    fn complete(&mut self, start: usize, end: usize, next: usize) -> Record {
        if end - start > self.max_row {
            return Record::Malformed { why: Malformed::RowTooLong, end, next };
        }
        let blank = start == end && self.fields.iter().all(|field| !field.quoted);
        if blank { Record::Blank { next } } else { Record::Complete { end, next } }
    }

    /// Gives up the record's first line: waits for its end, or skips to it where it is too long to wait for.
    fn give_up_line(&mut self, bytes: &[u8], start: usize, last: bool, why: Malformed) -> Record {
        let line = bytes.get(start..).unwrap_or_default();
        let (end, next) = match line.iter().position(|byte| *byte == b'\n') {
            Some(length) => (start + length, start + length + 1),
            None if last => (bytes.len(), bytes.len()),
            None if line.len() <= self.max_row => return Record::Incomplete,
            None => {
                self.skipping = true;
                (bytes.len(), bytes.len())
            }
        };
        let end = if end > start && bytes.get(end - 1) == Some(&b'\r') { end - 1 } else { end };
        Record::Malformed { why, end, next }
    }

    fn unquoted_end(&self, bytes: &[u8], at: usize) -> usize {
        let rest = bytes.get(at..).unwrap_or_default();
        rest.iter().position(|byte| self.special[usize::from(*byte)]).map_or(bytes.len(), |length| at + length)
    }

    /// Where the field with an opening quote at `open` ends. `Err(None)`: more bytes are needed.
    fn quoted_field(&mut self, bytes: &[u8], open: usize, last: bool) -> Result<usize, Option<Malformed>> {
        let mut at = open + 1;
        let mut escaped = false;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| *byte == self.quote) else {
                let too_long = bytes.len() - open > self.max_field;
                return Err(if too_long || last { Some(Malformed::UnclosedQuote) } else { None });
            };
            let close = at + length;
            match bytes.get(close + 1) {
                Some(&byte) if byte == self.quote => {
                    escaped = true;
                    at = close + 2;
                }
                Some(&byte) if self.special[usize::from(byte)] => {
                    self.fields.push(FieldRange { range: open + 1..close, escaped, quoted: true });
                    return Ok(close + 1);
                }
                Some(_) => return Err(Some(Malformed::AfterQuote)),
                None if last => {
                    self.fields.push(FieldRange { range: open + 1..close, escaped, quoted: true });
                    return Ok(close + 1);
                }
                None => return Err(None),
            }
        }
    }
}

impl FieldRange {
    pub(super) fn text<'a>(&self, bytes: &'a [u8], quote: u8) -> Cow<'a, [u8]> {
        let text = bytes.get(self.range.clone()).unwrap_or_default();
        if !self.escaped {
            return Cow::Borrowed(text);
        }
        let mut unescaped = Vec::with_capacity(text.len());
        let mut bytes = text.iter();
        while let Some(byte) = bytes.next() {
            unescaped.push(*byte);
            if *byte == quote {
                bytes.next();
            }
        }
        Cow::Owned(unescaped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every record, with its fields joined by `|`, or why it is malformed; fed whole and byte by byte.
    fn check(text: &str, expected: &[&str]) {
        for step in [text.len().max(1), 1, 3] {
            let mut splitter = Splitter::new(b',', b'"', 40, 100);
            let (bytes, mut records) = (text.as_bytes(), Vec::new());
            let (mut at, mut seen) = (0, 0);
            loop {
                let window = &bytes[..seen];
                match splitter.next(window, at, seen == bytes.len()) {
                    Record::Incomplete => seen = (seen + step).min(bytes.len()),
                    Record::End => break,
                    Record::Blank { next } => at = next,
                    Record::Malformed { why, next, .. } => {
                        records.push(format!("{why:?}"));
                        at = next;
                    }
                    Record::Complete { next, .. } => {
                        let fields = splitter.fields().iter().map(|field| field.text(window, b'"').into_owned());
                        records.push(String::from_utf8(fields.collect::<Vec<_>>().join(&b'|')).unwrap());
                        at = next;
                    }
                }
            }
            assert_eq!(records, expected, "fed {step} bytes at a time");
        }
    }

    #[test]
    fn lines_of_all_kinds() {
        check("a,b\r\nc,d\n\n\r\ne,\r\n,f", &["a|b", "c|d", "e|", "|f"]);
        check("a\rb", &["a", "b"]);
        check("a,", &["a|"]);
        check("", &[]);
    }

    #[test]
    fn quotes() {
        check("\"a,\"\"b\"\"\r\nc\",d\r\n\"\"\n", &["a,\"b\"\r\nc|d", ""]);
        check("5\" pipe,x\n", &["5\" pipe|x"]);
    }

    #[test]
    fn a_stray_quote_costs_one_line() {
        check("\"a,b\nc,d\n\"e\",f\n", &["AfterQuote", "c|d", "e|f"]);
        check("a,\"b\nc,d", &["UnclosedQuote", "c|d"]);
        check("\"a\"b,c\nd,e\n", &["AfterQuote", "d|e"]);
    }

    #[test]
    fn limits() {
        let long = "x".repeat(41);
        check(&format!("{long},a\nb,c\n"), &["FieldTooLong", "b|c"]);
        check(&format!("\"{long}\nb,c\n"), &["UnclosedQuote", "b|c"]);
        check(&format!("a,{}\nb,c\n", long.repeat(5)), &["FieldTooLong", "b|c"]);
        check(&format!("{}\nb,c\n", "x,".repeat(60)), &["RowTooLong", "b|c"]);
    }
}
