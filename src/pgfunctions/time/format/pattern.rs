//! A pattern for times, taken apart.

/// What a pattern's word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `AD`, `BC`, with dots or without.
    Era,
    /// `AM`, `PM`.
    Half,
    Century,
    DayName,
    ShortDayName,
    DayOfYear,
    DayOfMonth,
    DayOfWeek,
    Fraction(u32),
    Exactly,
    Hour24,
    Hour12,
    IsoDayOfYear,
    IsoDayOfWeek,
    IsoWeek,
    /// Of that many digits.
    IsoYear(usize),
    Julian,
    Minute,
    Month,
    MonthName,
    ShortMonthName,
    Milliseconds,
    Offset,
    Quarter,
    Roman,
    SecondOfDay,
    Second,
    OffsetHour,
    OffsetMinute,
    ZoneName,
    Microseconds,
    Week,
    WeekOfMonth,
    YearWithComma,
    Year(usize),
}

impl Key {
    /// Whether it is read as digits.
    pub(super) fn is_digits(self) -> bool {
        !matches!(
            self,
            Self::Era
                | Self::Half
                | Self::DayName
                | Self::ShortDayName
                | Self::MonthName
                | Self::ShortMonthName
                | Self::Roman
                | Self::ZoneName
                | Self::Offset
                | Self::Exactly
        )
    }
}

/// Longer ones first. A word may be written in capitals or small; some mean something by it.
#[rustfmt::skip]
const WORDS: &[(&str, Key)] = &[
    ("a.d.", Key::Era), ("a.m.", Key::Half), ("ad", Key::Era), ("am", Key::Half),
    ("b.c.", Key::Era), ("bc", Key::Era), ("cc", Key::Century),
    ("day", Key::DayName), ("ddd", Key::DayOfYear), ("dd", Key::DayOfMonth), ("dy", Key::ShortDayName), ("d", Key::DayOfWeek),
    ("ff1", Key::Fraction(1)), ("ff2", Key::Fraction(2)), ("ff3", Key::Fraction(3)),
    ("ff4", Key::Fraction(4)), ("ff5", Key::Fraction(5)), ("ff6", Key::Fraction(6)), ("fx", Key::Exactly),
    ("hh24", Key::Hour24), ("hh12", Key::Hour12), ("hh", Key::Hour12),
    ("iddd", Key::IsoDayOfYear), ("id", Key::IsoDayOfWeek), ("iw", Key::IsoWeek),
    ("iyyy", Key::IsoYear(4)), ("iyy", Key::IsoYear(3)), ("iy", Key::IsoYear(2)), ("i", Key::IsoYear(1)),
    ("j", Key::Julian), ("mi", Key::Minute), ("mm", Key::Month), ("month", Key::MonthName), ("mon", Key::ShortMonthName),
    ("ms", Key::Milliseconds), ("of", Key::Offset), ("p.m.", Key::Half), ("pm", Key::Half), ("q", Key::Quarter),
    ("rm", Key::Roman), ("sssss", Key::SecondOfDay), ("ssss", Key::SecondOfDay), ("ss", Key::Second),
    ("tzh", Key::OffsetHour), ("tzm", Key::OffsetMinute), ("tz", Key::ZoneName), ("us", Key::Microseconds),
    ("ww", Key::Week), ("w", Key::WeekOfMonth), ("y,yyy", Key::YearWithComma),
    ("yyyy", Key::Year(4)), ("yyy", Key::Year(3)), ("yy", Key::Year(2)), ("y", Key::Year(1)),
];

/// How the letters of a word are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Title,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Field {
        key: Key,
        /// As it is written.
        word: String,
        case: Case,
        /// `FM`: without padding.
        fill: bool,
        /// `TM`: as the language writes it, without padding.
        translated: bool,
        /// `TH` or `th` after it.
        ordinal: Option<Case>,
    },
    /// Text to be written; a space or a separator is read freely.
    Text(char),
    Separator(char),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    pub nodes: Vec<Node>,
    pub exactly: bool,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first == '"' {
                rest = pattern.quoted(&rest[1..]);
                continue;
            }
            match word(rest) {
                Some((Node::Field { key: Key::Exactly, .. }, after)) => (pattern.exactly, rest) = (true, after),
                Some((node, after)) => {
                    pattern.nodes.push(node);
                    rest = after;
                }
                None => {
                    // outside of quotes a backslash hides a quote only
                    rest = match rest.strip_prefix("\\\"") {
                        Some(after) => {
                            pattern.nodes.push(Node::Text('"'));
                            after
                        }
                        None => {
                            pattern.nodes.push(literal(first));
                            &rest[first.len_utf8()..]
                        }
                    };
                }
            }
        }
        pattern
    }

    fn quoted<'a>(&mut self, text: &'a str) -> &'a str {
        let mut chars = text.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => return &text[at + 1..],
                '\\' => self.nodes.extend(chars.next().map(|(_, char)| Node::Text(char))),
                char => self.nodes.push(Node::Text(char)),
            }
        }
        ""
    }
}

fn literal(char: char) -> Node {
    if char.is_ascii_whitespace() || (char.is_ascii_punctuation() && char != '"') {
        Node::Separator(char)
    } else {
        Node::Text(char)
    }
}

fn strip<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word)).map(|_| &text[word.len()..])
}

/// A field at the front, with what modifies it.
fn word(text: &str) -> Option<(Node, &str)> {
    let (mut rest, mut fill, mut translated) = (text, false, false);
    loop {
        if let Some(after) = strip(rest, "fm") {
            (rest, fill) = (after, true);
        } else if let Some(after) = rest.strip_prefix("TM") {
            (rest, translated) = (after, true);
        } else {
            break;
        }
    }
    let (name, key) = WORDS.iter().find(|(name, _)| strip(rest, name).is_some())?;
    let (word, mut rest) = rest.split_at(name.len());
    let second = word.chars().filter(char::is_ascii_alphabetic).nth(1);
    let case = match (word.chars().next().is_some_and(|c| c.is_ascii_uppercase()), second) {
        (true, Some(second)) if second.is_ascii_lowercase() => Case::Title,
        (true, _) => Case::Upper,
        (false, _) => Case::Lower,
    };
    let mut ordinal = None;
    if let Some(after) = strip(rest, "th") {
        ordinal = Some(if rest.starts_with("TH") { Case::Upper } else { Case::Lower });
        rest = after;
    } else if let Some(after) = strip(rest, "sp") {
        rest = after;
    }
    Some((Node::Field { key: *key, word: word.to_owned(), case, fill, translated, ordinal }, rest))
}
