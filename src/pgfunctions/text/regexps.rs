//! Regular expressions: `regexp_…`, `substring(… FROM …)`, `SIMILAR TO`.

use std::rc::Rc;

use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::regex::{Flags, Found, Regex, of_similar, with_backslashes};
use crate::pgfunctions::row::{Env, Function, Output, Returns, Value, lax, strict};

const TEXTS: Returns = Returns::Array(&Returns::Text);

pub const FUNCTIONS: &[Function] = &[
    strict("regexp_match", "text text text?", TEXTS, first_match),
    strict("regexp_matches", "text text text?", Returns::Set(&TEXTS), all_matches),
    strict(
        "regexp_replace",
        "text text text text?|text text text int text?|text text text int int text?",
        Returns::Text,
        replace,
    ),
    strict("regexp_split_to_array", "text text text?", TEXTS, |env, args| split(env, args, "regexp_split_to_array")),
    strict("regexp_split_to_table", "text text text?", Returns::Set(&Returns::Text), |env, args| {
        split(env, args, "regexp_split_to_table")
    }),
    strict("regexp_count", "text text int? text?", Returns::Int, count),
    strict("regexp_like", "text text text?", Returns::Bool, |env, args| {
        let regex = pattern(env, args, 2, "regexp_like")?;
        Ok(Output::Bool(regex.is_match(text(args, 0))?))
    }),
    strict("regexp_instr", "text text int? int? int? text? int?", Returns::Int, instr),
    strict("regexp_substr", "text text int? int? text? int?", Returns::Text, substr),
    strict("similar_to_escape", "text text?", Returns::Text, |_, args| {
        Ok(Output::Text(of_similar(text(args, 0), args.get(1).map(Value::text))?))
    }),
    strict("like_escape", "text text", Returns::Text, |_, args| {
        Ok(Output::Text(with_backslashes(text(args, 0), text(args, 1))?))
    }),
    lax("lakewire_matches_any", "text text[] text", Returns::Bool, |env, args| quantified(env, args, false)),
    lax("lakewire_matches_all", "text text[] text", Returns::Bool, |env, args| quantified(env, args, true)),
    strict("substring_matching", "text text", Returns::Text, |env, args| {
        let regex = pattern(env, args, usize::MAX, "substring")?;
        Ok(regex.find_at(text(args, 0), 0)?.and_then(|found| part(&found)).into())
    }),
];

fn text<'a>(args: &[Value<'a>], nth: usize) -> &'a str {
    args.get(nth).map_or("", Value::text)
}

/// The expression of the second argument, with the flags of another. `g` is only for functions that take every match anyway.
fn pattern(env: &Env, args: &[Value<'_>], flags: usize, function: &str) -> Result<Rc<Regex>> {
    let flags = text(args, flags);
    if Flags::parse(flags)?.global {
        let error =
            Error::new(ErrorKind::InvalidParameter, format!("{function}() does not support the \"global\" option"));
        return Err(match function {
            "regexp_match" => error.with_hint("Use the regexp_matches function instead."),
            _ => error,
        });
    }
    env.patterns.borrow_mut().get(text(args, 1), flags)
}

/// The first group if there is one, else the whole match.
fn part(found: &Found<'_>) -> Option<String> {
    let group = if found.len() > 1 { 1 } else { 0 };
    found.text(group).map(str::to_owned)
}

/// `text LIKE ANY (patterns)` and its kin; the third argument is the operator: `~~*`, `!~` … True or false where some pattern
/// decides, else NULL where one may.
fn quantified(env: &Env, args: &[Value<'_>], every: bool) -> Result<Output> {
    let [value, patterns @ Value::Texts(_), operator] = args else { return Ok(Output::Null) };
    let operator = operator.text();
    let (negated, operator) = operator.strip_prefix('!').map_or((false, operator), |operator| (true, operator));
    let insensitive = operator.ends_with('*');
    let mut unknown = false;
    for pattern in patterns.texts() {
        let (Some(pattern), false) = (pattern, value.is_null()) else {
            unknown = true;
            continue;
        };
        let regex = match operator.starts_with("~~") {
            true => env.patterns.borrow_mut().like(pattern, insensitive)?,
            false => env.patterns.borrow_mut().get(pattern, if insensitive { "i" } else { "" })?,
        };
        if (regex.is_match(value.text())? != negated) != every {
            return Ok(Output::Bool(!every));
        }
    }
    Ok(if unknown { Output::Null } else { Output::Bool(every) })
}

fn groups(found: &Found<'_>) -> Output {
    let first = usize::from(found.len() > 1);
    let group = |nth| Output::from(found.text(nth).map(str::to_owned));
    Output::List((first..found.len()).map(group).collect())
}

fn first_match(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    let regex = pattern(env, args, 2, "regexp_match")?;
    Ok(regex.find_at(text(args, 0), 0)?.map_or(Output::Null, |found| groups(&found)))
}

fn all_matches(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    let flags = text(args, 2);
    let regex = env.patterns.borrow_mut().get(text(args, 1), flags)?;
    let limit = if Flags::parse(flags)?.global { usize::MAX } else { 1 };
    let found = regex.all_from(text(args, 0), 0).take(limit).map(|found| Ok(groups(&found?)));
    Ok(Output::List(found.collect::<Result<_>>()?))
}

fn split(env: &Env, args: &[Value<'_>], function: &str) -> Result<Output> {
    let regex = pattern(env, args, 2, function)?;
    let text = text(args, 0);
    let (mut parts, mut from) = (Vec::new(), 0);
    for found in regex.all_from(text, 0) {
        let Some(whole) = found?.range(0) else { break };
        // an empty match at either end, or right behind another, divides nothing
        if whole.start < text.len() && whole.end > from {
            parts.push(Output::from(text.get(from..whole.start).unwrap_or_default()));
            from = whole.end;
        }
    }
    parts.push(Output::from(text.get(from..).unwrap_or_default()));
    Ok(Output::List(parts))
}

/// A number from 1, or an error that names it.
fn positive(args: &[Value<'_>], nth: usize, name: &str) -> Result<usize> {
    let given = args.get(nth).map_or(1, Value::int);
    usize::try_from(given).ok().filter(|number| *number > 0).ok_or_else(|| {
        Error::new(ErrorKind::InvalidParameter, format!("invalid value for parameter \"{name}\": {given}"))
    })
}

/// Where the letter of a number from 1 begins.
fn offset(text: &str, letter: usize) -> usize {
    text.char_indices().nth(letter - 1).map_or(text.len(), |(at, _)| at)
}

fn count(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    let start = positive(args, 2, "start")?;
    let regex = pattern(env, args, 3, "regexp_count")?;
    let text = text(args, 0);
    if start > text.chars().count() + 1 {
        return Ok(Output::Int(0));
    }
    let found = regex.all_from(text, offset(text, start)).try_fold(0, |found, next| next.map(|_| found + 1))?;
    Ok(Output::Int(found))
}

fn group_of(args: &[Value<'_>], nth: usize) -> Result<usize> {
    let given = args.get(nth).map_or(0, Value::int);
    usize::try_from(given).map_err(|_| {
        Error::new(ErrorKind::InvalidParameter, format!("invalid value for parameter \"subexpr\": {given}"))
    })
}

fn instr(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    let (start, nth) = (positive(args, 2, "start")?, positive(args, 3, "n")?);
    let end = match args.get(4).map_or(0, Value::int) {
        0 => false,
        1 => true,
        other => {
            let message = format!("invalid value for parameter \"endoption\": {other}");
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
    };
    let group = group_of(args, 6)?;
    let regex = pattern(env, args, 5, "regexp_instr")?;
    let text = text(args, 0);
    let found = regex.all_from(text, offset(text, start)).nth(nth - 1).transpose()?;
    let place = found.and_then(|found| found.range(group).map(|part| if end { part.end } else { part.start }));
    Ok(Output::Int(place.map_or(0, |at| text.get(..at).unwrap_or_default().chars().count() as i64 + 1)))
}

fn substr(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    let (start, nth, group) = (positive(args, 2, "start")?, positive(args, 3, "n")?, group_of(args, 5)?);
    let regex = pattern(env, args, 4, "regexp_substr")?;
    let text = text(args, 0);
    let found = regex.all_from(text, offset(text, start)).nth(nth - 1).transpose()?;
    Ok(found.and_then(|found| found.text(group).map(str::to_owned)).into())
}

/// With flags fourth, or with where to start, and which match to replace (0: all), before them.
fn replace(env: &Env, args: &[Value<'_>]) -> Result<Output> {
    let (start, which, flags) = match (args.get(3), args.get(4)) {
        (Some(Value::Int(_)), Some(Value::Int(nth))) => (positive(args, 3, "start")?, Some(*nth), text(args, 5)),
        (Some(Value::Int(_)), _) => (positive(args, 3, "start")?, None, text(args, 4)),
        _ => (1, None, text(args, 3)),
    };
    if args.len() == 4
        && let Some(first) = flags.chars().next().filter(char::is_ascii_digit)
    {
        let message = format!("invalid regular expression option: \"{first}\"");
        return Err(Error::new(ErrorKind::InvalidParameter, message)
            .with_hint("If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly."));
    }
    let regex = env.patterns.borrow_mut().get(text(args, 1), flags)?;
    let which = match which {
        Some(nth) if nth < 0 => {
            return Err(Error::new(ErrorKind::InvalidParameter, format!("invalid value for parameter \"n\": {nth}")));
        }
        Some(nth) => nth,
        None => i64::from(!Flags::parse(flags)?.global),
    };
    let (subject, replacement) = (text(args, 0), text(args, 2));
    let (mut out, mut at) = (String::with_capacity(subject.len()), 0);
    for (nth, found) in regex.all_from(subject, offset(subject, start)).enumerate() {
        let found = found?;
        if which > 0 && nth as i64 + 1 != which {
            continue;
        }
        let Some(whole) = found.range(0) else { break };
        out.push_str(subject.get(at..whole.start).unwrap_or_default());
        put_replacement(&mut out, replacement, &found);
        at = whole.end;
        if which > 0 {
            break;
        }
    }
    out.push_str(subject.get(at..).unwrap_or_default());
    Ok(Output::Text(out))
}

/// `\1` is the first group, `\&` the whole match, `\\` a backslash.
fn put_replacement(out: &mut String, replacement: &str, found: &Found<'_>) {
    let mut letters = replacement.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let group = |nth: usize| found.text(nth).unwrap_or("");
        match letters.next() {
            Some('&') => out.push_str(group(0)),
            Some(digit @ '1'..='9') => out.push_str(group(digit as usize - '0' as usize)),
            Some('\\') | None => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
        }
    }
}
