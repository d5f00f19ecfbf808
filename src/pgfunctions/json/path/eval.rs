//! A path walked over a document: what each step finds.
//!
//! Invariant: the walk recurses as deep as the path is high, whatever the document is.

use std::collections::HashMap;
use std::mem;

use super::super::value::Value;
use super::Zone;
use super::item::Item;
use super::layout;
use super::moment::Moment;
use super::number;
use super::template::Written;
use super::tree::{Arithmetic, Level, Method, Path, Sign, Step};
use crate::error::{Error, ErrorKind};

/// Why a walk ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// One was found, and no more are wanted.
    Found,
    /// The data are not as the path says: a condition on it is unknown, and a silent query passes over it.
    Failed(Error),
    /// Wrong in any case.
    Raised(Error),
}

pub(super) type Flow<T = ()> = Result<T, Stop>;

/// Where what is found goes.
pub(super) enum Sink<'a> {
    All(Vec<Item<'a>>),
    /// Nowhere: it is enough that there is one.
    One,
}

impl<'a> Sink<'a> {
    fn put(&mut self, item: Item<'a>) -> Flow {
        match self {
            Self::All(items) => items.push(item),
            Self::One => return Err(Stop::Found),
        }
        Ok(())
    }
}

fn failed<T>(kind: ErrorKind, message: impl Into<String>) -> Flow<T> {
    Err(Stop::Failed(Error::new(kind, message)))
}

pub(super) struct Walk<'a> {
    pub lax: bool,
    /// Members and elements that are not there are passed over.
    forgives: bool,
    /// Failures are not seen by who asked.
    pub is_quiet: bool,
    root: &'a Value,
    vars: Option<&'a Value>,
    pub zone: Option<&'a Zone<'a>>,
    /// `@`.
    current: Item<'a>,
    /// The size of the array whose subscripts are being computed.
    array_size: Option<usize>,
    ids: Ids<'a>,
}

/// What `.keyvalue()` tells objects apart by: the whole that they are in and their place in it.
struct Ids<'a> {
    /// The whole: 0 is the document, 1 the variables, then those that `.keyvalue()` makes.
    base: u64,
    next: u64,
    places: HashMap<*const Value, u64>,
    wholes: [Option<&'a Value>; 2],
}

impl Ids<'_> {
    const PER_BASE: u64 = 10_000_000_000;

    fn of(&mut self, item: &Item<'_>) -> u64 {
        let place = match item {
            Item::Made { offset, .. } => *offset,
            Item::Held(value) => {
                for whole in self.wholes.iter_mut().filter_map(Option::take) {
                    layout::walk(whole, 0, &mut |value, at| {
                        self.places.insert(std::ptr::from_ref(value), at);
                    });
                }
                self.places.get(&std::ptr::from_ref(*value)).copied().unwrap_or_default()
            }
            Item::Moment(_) => 0,
        };
        self.base * Self::PER_BASE + place
    }
}

impl<'a> Walk<'a> {
    pub fn new(lax: bool, root: &'a Value, vars: Option<&'a Value>) -> Self {
        let next = if vars.is_some() { 2 } else { 1 };
        let ids = Ids { base: 0, next, places: HashMap::new(), wholes: [Some(root), vars] };
        let current = Item::Held(root);
        Self { lax, forgives: lax, is_quiet: false, root, vars, zone: None, current, array_size: None, ids }
    }

    /// What the path finds, from the root on.
    pub fn run(&mut self, path: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        self.follow(path, &Item::Held(self.root), sink)
    }

    /// The steps one after the other.
    fn follow(&mut self, path: &'a [Step], item: &Item<'a>, sink: &mut Sink<'a>) -> Flow {
        self.step(path, item, self.lax, sink)
    }

    /// The first step, then the others; `unwraps`: of an array, each of its elements is taken where the step is none for
    /// arrays.
    fn step(&mut self, path: &'a [Step], item: &Item<'a>, unwraps: bool, sink: &mut Sink<'a>) -> Flow {
        let Some((step, next)) = path.split_first() else { return sink.put(item.clone()) };
        if unwraps && item.is_array() && is_for_elements(step) {
            return self.each(item.children(), path, false, sink);
        }
        match step {
            Step::Root => self.based(0, |walk| walk.follow(next, &Item::Held(walk.root), sink)),
            Step::Current => self.follow(next, &self.current.clone(), sink),
            Step::Last => {
                let size =
                    self.array_size.ok_or_else(|| Stop::Raised(Error::internal("last outside of a subscript")))?;
                self.made(Value::Number((size as i64 - 1).to_string()), next, sink)
            }
            Step::Literal(value) => self.follow(next, &Item::Held(value), sink),
            Step::Variable(name) => self.variable(name, next, sink),
            Step::Key(key) => self.key(key, item, next, sink),
            Step::AnyKey if item.is_object() => self.each(item.children(), next, self.lax, sink),
            Step::AnyKey => self.unless_forgiven(
                ErrorKind::JsonObjectNotFound,
                "jsonpath wildcard member accessor can only be applied to an object",
            ),
            Step::AnyElement if item.is_array() => self.each(item.children(), next, self.lax, sink),
            Step::AnyElement if self.lax => self.follow(next, item, sink),
            Step::AnyElement => self.unless_forgiven(
                ErrorKind::JsonArrayNotFound,
                "jsonpath wildcard array accessor can only be applied to an array",
            ),
            Step::Elements(ranges) => self.elements(ranges, item, next, sink),
            Step::Within { from, to } => self.within((*from, *to), item, next, sink),
            Step::Method(method) => self.method(*method, item, next, sink),
            Step::Datetime(template) => self.datetime(template.as_ref(), item, next, sink),
            Step::Filter(condition) => {
                let outer = mem::replace(&mut self.current, item.clone());
                let holds = self.condition(condition, item);
                self.current = outer;
                if holds? == Some(true) { self.follow(next, item, sink) } else { Ok(()) }
            }
            Step::Sign(sign, operand) => self.signed(*sign, operand, item, next, sink),
            Step::Arithmetic(operator, left, right) => self.arithmetic(*operator, (left, right), item, next, sink),
            condition => {
                let holds = self.holds(condition, item)?;
                self.made(holds.map_or(Value::Null, Value::Bool), next, sink)
            }
        }
    }

    fn made(&mut self, value: Value, next: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        self.follow(next, &Item::made(value), sink)
    }

    fn each(&mut self, items: Vec<Item<'a>>, path: &'a [Step], unwraps: bool, sink: &mut Sink<'a>) -> Flow {
        items.iter().try_for_each(|item| self.step(path, item, unwraps, sink))
    }

    fn unless_forgiven(&self, kind: ErrorKind, message: impl Into<String>) -> Flow {
        if self.forgives { Ok(()) } else { failed(kind, message) }
    }

    /// Runs with another whole that objects are in.
    fn based(&mut self, base: u64, run: impl FnOnce(&mut Self) -> Flow) -> Flow {
        let outer = mem::replace(&mut self.ids.base, base);
        let flow = run(self);
        self.ids.base = outer;
        flow
    }

    /// Runs with structural errors passed over.
    fn forgiving(&mut self, run: impl FnOnce(&mut Self) -> Flow) -> Flow {
        let outer = mem::replace(&mut self.forgives, true);
        let flow = run(self);
        self.forgives = outer;
        flow
    }

    /// All that a path finds; of arrays their elements, in lax mode, where these are wanted.
    pub fn sequence(&mut self, path: &'a [Step], item: &Item<'a>, unwraps: bool) -> Flow<Vec<Item<'a>>> {
        let mut sink = Sink::All(Vec::new());
        self.follow(path, item, &mut sink)?;
        let Sink::All(items) = sink else { return Ok(Vec::new()) };
        if !unwraps || !self.lax || !items.iter().any(Item::is_array) {
            return Ok(items);
        }
        Ok(items.into_iter().flat_map(|item| if item.is_array() { item.children() } else { vec![item] }).collect())
    }

    /// Whether a path finds anything.
    pub fn finds(&mut self, path: &'a [Step], item: &Item<'a>) -> Flow<bool> {
        if !self.lax {
            // all are looked at: one might be wrong
            return Ok(!self.sequence(path, item, false)?.is_empty());
        }
        match self.follow(path, item, &mut Sink::One) {
            Ok(()) => Ok(false),
            Err(Stop::Found) => Ok(true),
            Err(stop) => Err(stop),
        }
    }

    fn variable(&mut self, name: &str, next: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        let Some(vars) = self.vars else { return self.made(Value::Null, next, sink) };
        let value = vars.get(name).ok_or_else(|| {
            let message = format!("could not find jsonpath variable \"{name}\"");
            Stop::Raised(Error::new(ErrorKind::UndefinedObject, message))
        })?;
        self.based(1, |walk| walk.follow(next, &Item::Held(value), sink))
    }

    fn key(&mut self, key: &str, item: &Item<'a>, next: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        match item.member(key) {
            Some(member) => self.follow(next, &member, sink),
            None if self.forgives => Ok(()),
            None if item.is_object() => {
                failed(ErrorKind::JsonMemberNotFound, format!("JSON object does not contain key \"{key}\""))
            }
            None => failed(ErrorKind::JsonMemberNotFound, "jsonpath member accessor can only be applied to an object"),
        }
    }

    fn elements(
        &mut self,
        ranges: &'a [(Path, Option<Path>)],
        item: &Item<'a>,
        next: &'a [Step],
        sink: &mut Sink<'a>,
    ) -> Flow {
        if !item.is_array() && !self.lax {
            return self.unless_forgiven(
                ErrorKind::JsonArrayNotFound,
                "jsonpath array accessor can only be applied to an array",
            );
        }
        let outer = self.array_size.replace(item.size().unwrap_or(1));
        let flow = ranges.iter().try_for_each(|(from, to)| self.range(from, to.as_ref(), item, next, sink));
        self.array_size = outer;
        flow
    }

    fn range(
        &mut self,
        from: &'a [Step],
        to: Option<&'a Path>,
        item: &Item<'a>,
        next: &'a [Step],
        sink: &mut Sink<'a>,
    ) -> Flow {
        let size = item.size().unwrap_or(1) as i64;
        let first = self.index(from, item)?;
        let last = to.map_or(Ok(first), |to| self.index(to, item))?;
        if !self.forgives && (first < 0 || first > last || last >= size) {
            return failed(ErrorKind::InvalidJsonSubscript, "jsonpath array subscript is out of bounds");
        }
        for index in first.max(0)..=last.min(size - 1) {
            // what is no array is the only element of one
            let element = usize::try_from(index).ok().and_then(|index| item.element(index));
            self.follow(next, element.as_ref().unwrap_or(item), sink)?;
        }
        Ok(())
    }

    fn index(&mut self, path: &'a [Step], item: &Item<'a>) -> Flow<i64> {
        let found = self.sequence(path, item, false)?;
        let [Some(digits)] = found.iter().map(Item::number).collect::<Vec<_>>()[..] else {
            return failed(ErrorKind::InvalidJsonSubscript, "jsonpath array subscript is not a single numeric value");
        };
        match number::index(digits) {
            Some(index) => Ok(index.into()),
            None => failed(ErrorKind::InvalidJsonSubscript, "jsonpath array subscript is out of integer range"),
        }
    }

    /// `.**`: the item itself, then what is within it, each before what is within that.
    fn within(&mut self, levels: (Level, Level), item: &Item<'a>, next: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        let (from, to) = levels;
        if from == Level::At(0) {
            let flow = self.forgiving(|walk| walk.follow(next, item, sink));
            // PostgreSQL forgets a failure that nobody sees when it goes on to what is within
            let is_forgotten = self.is_quiet && item.is_container();
            if !(is_forgotten && matches!(flow, Err(Stop::Failed(_)))) {
                flow?;
            }
        }
        let mut open = vec![item.children().into_iter()];
        while let Some(children) = open.last_mut() {
            let Some(child) = children.next() else {
                open.pop();
                continue;
            };
            let level = Level::At(u32::try_from(open.len()).unwrap_or(u32::MAX));
            if level > to {
                break;
            }
            let is_leaf = (from, to) == (Level::Last, Level::Last) && !child.is_container();
            if level >= from || is_leaf {
                self.forgiving(|walk| walk.follow(next, &child, sink))?;
            }
            if level < to {
                open.push(child.children().into_iter());
            }
        }
        Ok(())
    }

    fn method(&mut self, method: Method, item: &Item<'a>, next: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        let name = method.name();
        let rounded: fn(&str) -> crate::error::Result<String> = match method {
            Method::Type => return self.made(Value::String(item.type_name().to_owned()), next, sink),
            Method::Size => match item.size() {
                None if !self.lax => {
                    let message = format!("jsonpath item method .{name}() can only be applied to an array");
                    return self.unless_forgiven(ErrorKind::JsonArrayNotFound, message);
                }
                size => return self.made(Value::Number(size.unwrap_or(1).to_string()), next, sink),
            },
            Method::Keyvalue => return self.keyvalue(item, next, sink),
            Method::Double => return self.double(item, next, sink),
            Method::Abs => |digits| Ok(number::absolute(digits)),
            Method::Floor => number::floor,
            Method::Ceiling => number::ceiling,
        };
        let Some(digits) = item.number() else {
            let message = format!("jsonpath item method .{name}() can only be applied to a numeric value");
            return failed(ErrorKind::NonNumericJsonItem, message);
        };
        self.made(Value::Number(rounded(digits).map_err(Stop::Raised)?), next, sink)
    }

    fn double(&mut self, item: &Item<'a>, next: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        let wrong = |message: &str| failed(ErrorKind::NonNumericJsonItem, message);
        match item.value() {
            // one that fits keeps all its digits
            Some(Value::Number(digits)) if number::is_double(digits) => self.follow(next, item, sink),
            Some(Value::Number(_)) => {
                wrong("numeric argument of jsonpath item method .double() is out of range for type double precision")
            }
            Some(Value::String(text)) => match number::of_double(text) {
                Some(digits) => self.made(Value::Number(digits), next, sink),
                None => wrong(
                    "string argument of jsonpath item method .double() is not a valid representation of a double \
                     precision number",
                ),
            },
            _ => wrong("jsonpath item method .double() can only be applied to a string or numeric value"),
        }
    }

    fn keyvalue(&mut self, item: &Item<'a>, next: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        let Some(Value::Object(members)) = item.value() else {
            return failed(
                ErrorKind::JsonObjectNotFound,
                "jsonpath item method .keyvalue() can only be applied to an object",
            );
        };
        let id = self.ids.of(item).to_string();
        for (key, value) in members {
            let pair = Value::object(vec![
                ("id".to_owned(), Value::Number(id.clone())),
                ("key".to_owned(), Value::String(key.clone())),
                ("value".to_owned(), value.clone()),
            ]);
            let base = self.ids.next;
            self.ids.next += 1;
            self.based(base, |walk| walk.made(pair, next, sink))?;
        }
        Ok(())
    }

    fn datetime(&mut self, template: Option<&Written>, item: &Item<'a>, next: &'a [Step], sink: &mut Sink<'a>) -> Flow {
        let Some(text) = item.text() else {
            let message = "jsonpath item method .datetime() can only be applied to a string";
            return failed(ErrorKind::InvalidJsonDatetime, message);
        };
        let moment = match template {
            Some(template) => {
                let template = template.template().map_err(Stop::Raised)?;
                Moment::by(template, text).map_err(Stop::Failed)?
            }
            None => Moment::parse(text).ok_or_else(|| {
                let message = format!("datetime format is not recognized: \"{text}\"");
                let hint = "Use a datetime template argument to specify the input data format.";
                Stop::Failed(Error::new(ErrorKind::InvalidJsonDatetime, message).with_hint(hint))
            })?,
        };
        self.follow(next, &Item::Moment(moment), sink)
    }

    fn signed(
        &mut self,
        sign: Sign,
        operand: &'a [Step],
        item: &Item<'a>,
        next: &'a [Step],
        sink: &mut Sink<'a>,
    ) -> Flow {
        for found in self.sequence(operand, item, true)? {
            match found.number() {
                Some(_) if sign == Sign::Plus => self.follow(next, &found, sink)?,
                Some(digits) => self.made(Value::Number(number::negated(digits)), next, sink)?,
                // any number will do, if one comes
                None if next.is_empty() && matches!(sink, Sink::One) => {}
                None => {
                    let sign = sign.text();
                    let message = format!("operand of unary jsonpath operator {sign} is not a numeric value");
                    return failed(ErrorKind::JsonNumberNotFound, message);
                }
            }
        }
        Ok(())
    }

    fn arithmetic(
        &mut self,
        operator: Arithmetic,
        (left, right): (&'a Path, &'a Path),
        item: &Item<'a>,
        next: &'a [Step],
        sink: &mut Sink<'a>,
    ) -> Flow {
        let (lefts, rights) = (self.sequence(left, item, true)?, self.sequence(right, item, true)?);
        let single = |side: &str, items: &[Item<'_>]| match items {
            [item] if item.number().is_some() => Ok(item.number().unwrap_or_default().to_owned()),
            _ => {
                let operator = operator.text();
                let message = format!("{side} operand of jsonpath operator {operator} is not a single numeric value");
                failed(ErrorKind::SingletonJsonItemRequired, message)
            }
        };
        let (left, right) = (single("left", &lefts)?, single("right", &rights)?);
        let result = number::arithmetic(operator, &left, &right).map_err(Stop::Failed)?;
        self.made(Value::Number(result), next, sink)
    }
}

/// Steps that in lax mode are taken of an array's elements, not of the array.
fn is_for_elements(step: &Step) -> bool {
    match step {
        Step::Key(_) | Step::AnyKey | Step::Filter(_) | Step::Datetime(_) => true,
        Step::Method(method) => !matches!(method, Method::Type | Method::Size),
        _ => false,
    }
}
