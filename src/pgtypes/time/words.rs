//! The words in dates, times and intervals.

/// What a word in a date means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateWord {
    Month(u32),
    Weekday,
    /// The word itself means nothing: `at`, `on`.
    Ignored,
    Am,
    Pm,
    Ad,
    Bc,
    Now,
    /// That many days from today.
    Today(i64),
    Epoch,
    Infinity,
    MinusInfinity,
    /// Midnight, UTC.
    AllBalls,
    /// The field after it is a time.
    Time,
    /// The field after it is a Julian day.
    Julian,
}

/// A unit of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

/// Words are told by their first ten letters.
const LENGTH_MAX: usize = 10;

#[rustfmt::skip]
const DATE_WORDS: &[(&str, DateWord)] = &[
    ("-infinity", DateWord::MinusInfinity), ("ad", DateWord::Ad), ("allballs", DateWord::AllBalls), ("am", DateWord::Am),
    ("apr", DateWord::Month(4)), ("april", DateWord::Month(4)), ("at", DateWord::Ignored), ("aug", DateWord::Month(8)),
    ("august", DateWord::Month(8)), ("bc", DateWord::Bc), ("dec", DateWord::Month(12)), ("december", DateWord::Month(12)),
    ("epoch", DateWord::Epoch), ("+infinity", DateWord::Infinity), ("feb", DateWord::Month(2)),
    ("february", DateWord::Month(2)), ("fri", DateWord::Weekday), ("friday", DateWord::Weekday),
    ("infinity", DateWord::Infinity), ("j", DateWord::Julian), ("jan", DateWord::Month(1)),
    ("january", DateWord::Month(1)), ("jd", DateWord::Julian), ("jul", DateWord::Month(7)), ("julian", DateWord::Julian),
    ("july", DateWord::Month(7)), ("jun", DateWord::Month(6)), ("june", DateWord::Month(6)), ("mar", DateWord::Month(3)),
    ("march", DateWord::Month(3)), ("may", DateWord::Month(5)), ("mon", DateWord::Weekday), ("monday", DateWord::Weekday),
    ("nov", DateWord::Month(11)), ("november", DateWord::Month(11)), ("now", DateWord::Now),
    ("oct", DateWord::Month(10)), ("october", DateWord::Month(10)), ("on", DateWord::Ignored), ("pm", DateWord::Pm),
    ("sat", DateWord::Weekday), ("saturday", DateWord::Weekday), ("sep", DateWord::Month(9)),
    ("sept", DateWord::Month(9)), ("september", DateWord::Month(9)), ("sun", DateWord::Weekday),
    ("sunday", DateWord::Weekday), ("t", DateWord::Time), ("thu", DateWord::Weekday), ("thur", DateWord::Weekday),
    ("thurs", DateWord::Weekday), ("thursday", DateWord::Weekday), ("today", DateWord::Today(0)),
    ("tomorrow", DateWord::Today(1)), ("tue", DateWord::Weekday), ("tues", DateWord::Weekday),
    ("tuesday", DateWord::Weekday), ("wed", DateWord::Weekday), ("wednesday", DateWord::Weekday),
    ("weds", DateWord::Weekday), ("yesterday", DateWord::Today(-1)),
];

#[rustfmt::skip]
const UNITS: &[(&str, Unit)] = &[
    ("c", Unit::Century), ("cent", Unit::Century), ("centuries", Unit::Century), ("century", Unit::Century),
    ("d", Unit::Day), ("day", Unit::Day), ("days", Unit::Day),
    ("dec", Unit::Decade), ("decade", Unit::Decade), ("decades", Unit::Decade), ("decs", Unit::Decade),
    ("h", Unit::Hour), ("hour", Unit::Hour), ("hours", Unit::Hour), ("hr", Unit::Hour), ("hrs", Unit::Hour),
    ("m", Unit::Minute), ("min", Unit::Minute), ("mins", Unit::Minute), ("minute", Unit::Minute),
    ("minutes", Unit::Minute),
    ("mil", Unit::Millennium), ("millennia", Unit::Millennium), ("millennium", Unit::Millennium),
    ("mils", Unit::Millennium),
    ("millisecon", Unit::Millisecond), ("ms", Unit::Millisecond), ("msec", Unit::Millisecond),
    ("msecond", Unit::Millisecond), ("mseconds", Unit::Millisecond), ("msecs", Unit::Millisecond),
    ("mon", Unit::Month), ("mons", Unit::Month), ("month", Unit::Month), ("months", Unit::Month),
    ("s", Unit::Second), ("sec", Unit::Second), ("second", Unit::Second), ("seconds", Unit::Second),
    ("secs", Unit::Second),
    ("microsecon", Unit::Microsecond), ("us", Unit::Microsecond), ("usec", Unit::Microsecond),
    ("usecond", Unit::Microsecond), ("useconds", Unit::Microsecond), ("usecs", Unit::Microsecond),
    ("w", Unit::Week), ("week", Unit::Week), ("weeks", Unit::Week),
    ("y", Unit::Year), ("year", Unit::Year), ("years", Unit::Year), ("yr", Unit::Year), ("yrs", Unit::Year),
];

fn find<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    let word = word.get(..LENGTH_MAX).unwrap_or(word);
    table.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

/// Letters of units that a number may follow at once: `1h30m`. Of PostgreSQL's words of dates they are those that mean none.
const UNIT_LETTERS: [&str; 5] = ["d", "h", "m", "s", "y"];

/// Whether the word is whole where a number follows it at once.
pub(super) fn ends_before_number(word: &str) -> bool {
    date_word(word).is_some() || UNIT_LETTERS.contains(&word)
}

pub(super) fn date_word(word: &str) -> Option<DateWord> {
    find(DATE_WORDS, word)
}

pub(super) fn unit(word: &str) -> Option<Unit> {
    find(UNITS, word)
}
