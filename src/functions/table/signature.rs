//! What a function takes, as data: one table per function serves the planner, error messages and `\df`.

use std::fmt;

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A relation or a query.
    Relation,
    /// Name of a column of any type.
    Column,
    /// Name of a column of dates or timestamps.
    TimeColumn,
    /// Name of a column of numbers.
    NumberColumn,
    /// Names of columns, as an array or with commas between them.
    Columns,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number from … to ….
    Integer(i64, i64),
    /// A number from … to ….
    Number(f64, f64),
    /// Percentages, whole numbers from 1 to 99.
    Levels,
    Date,
}

impl Kind {
    /// PostgreSQL's name of the type of the value that is written.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Relation | Self::Column | Self::TimeColumn | Self::NumberColumn | Self::Choice(_) => "text",
            Self::Columns => "text[]",
            Self::Integer(..) => "bigint",
            Self::Number(..) => "double precision",
            Self::Levels => "integer[]",
            Self::Date => "date",
        }
    }

    /// The values that are taken, in words, for a hint.
    pub fn allowed(self) -> String {
        match self {
            Self::Relation => "a relation or a query".to_owned(),
            Self::Column => "the name of a column".to_owned(),
            Self::TimeColumn => "the name of a column of dates or timestamps".to_owned(),
            Self::NumberColumn => "the name of a column of numbers".to_owned(),
            Self::Columns => "names of columns, as in array['country', 'sku']".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Integer(from, to) => format!("a whole number from {from} to {to}"),
            Self::Number(from, to) => format!("a number from {from} to {to}"),
            Self::Levels => "whole percentages from 1 to 99, as in array[80, 95]".to_owned(),
            Self::Date => "a date, as in date '2011-12-09'".to_owned(),
        }
    }
}

/// One argument; may be given by position or by name.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    pub name: &'static str,
    pub kind: Kind,
    /// As a user would write it; `None` where it must be given. `null` stands for "not used".
    pub default: Option<&'static str>,
}

/// An argument that must be given.
pub const fn required(name: &'static str, kind: Kind) -> Argument {
    Argument { name, kind, default: None }
}

/// An argument with a default.
pub const fn optional(name: &'static str, kind: Kind, default: &'static str) -> Argument {
    Argument { name, kind, default: Some(default) }
}

/// A function's name and arguments. Shown as a user would call it.
#[derive(Debug)]
pub struct Signature {
    pub name: &'static str,
    pub arguments: &'static [Argument],
    /// What it gives, as `\df+` shows it.
    pub comment: &'static str,
}

impl Signature {
    pub fn argument(&self, name: &str) -> Option<&'static Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (nth, Argument { name, kind, default }) in self.arguments.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            let type_name = if *kind == Kind::Relation { "relation or query" } else { kind.type_name() };
            write!(f, "{comma}{name} {type_name}")?;
            if let Some(default) = default {
                write!(f, " default {default}")?;
            }
        }
        f.write_str(")")
    }
}
