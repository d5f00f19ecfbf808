//! What a path finds on its way.

use std::rc::Rc;

use super::super::value::Value;
use super::layout;
use super::moment::Moment;

/// A value, or a date or time, which only lives within a path.
#[derive(Debug, Clone)]
pub(super) enum Item<'a> {
    /// A part of the document, of the variables or of the path.
    Held(&'a Value),
    /// One that the path made, or a part of one.
    Made {
        value: Rc<Value>,
        /// Where in the made one it would be stored.
        offset: u64,
    },
    Moment(Moment),
}

impl<'a> Item<'a> {
    pub fn made(value: Value) -> Self {
        Self::Made { value: Rc::new(value), offset: 0 }
    }

    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Held(value) => Some(value),
            Self::Made { value, .. } => Some(value),
            Self::Moment(_) => None,
        }
    }

    pub fn into_value(self) -> Value {
        match self {
            Self::Held(value) => value.clone(),
            Self::Made { value, .. } => Rc::unwrap_or_clone(value),
            Self::Moment(moment) => Value::String(moment.to_string()),
        }
    }

    pub fn is_array(&self) -> bool {
        matches!(self.value(), Some(Value::Array(_)))
    }

    pub fn is_object(&self) -> bool {
        matches!(self.value(), Some(Value::Object(_)))
    }

    /// An array or an object.
    pub fn is_container(&self) -> bool {
        self.value().is_some_and(|value| !value.is_scalar())
    }

    pub fn number(&self) -> Option<&str> {
        if let Some(Value::Number(digits)) = self.value() { Some(digits) } else { None }
    }

    pub fn text(&self) -> Option<&str> {
        if let Some(Value::String(text)) = self.value() { Some(text) } else { None }
    }

    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Moment(moment) => moment.type_name(),
            Self::Held(value) => value.type_name(),
            Self::Made { value, .. } => value.type_name(),
        }
    }

    /// How many elements an array has.
    pub fn size(&self) -> Option<usize> {
        if let Some(Value::Array(items)) = self.value() { Some(items.len()) } else { None }
    }

    pub fn member(&self, key: &str) -> Option<Self> {
        match self {
            Self::Held(value) => value.get(key).map(Self::Held),
            Self::Made { value, offset } => value.get(key).map(|part| Self::part(value, *offset, part)),
            Self::Moment(_) => None,
        }
    }

    pub fn element(&self, index: usize) -> Option<Self> {
        match self {
            Self::Held(Value::Array(items)) => items.get(index).map(Self::Held),
            Self::Made { value, offset } => match value.as_ref() {
                Value::Array(items) => items.get(index).map(|part| Self::part(value, *offset, part)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The elements of an array or the values of an object.
    pub fn children(&self) -> Vec<Self> {
        match self {
            Self::Held(value) => parts(value).into_iter().map(Self::Held).collect(),
            Self::Made { value, offset } => {
                parts(value).into_iter().map(|part| Self::part(value, *offset, part)).collect()
            }
            Self::Moment(_) => Vec::new(),
        }
    }

    fn part(whole: &Value, offset: u64, part: &Value) -> Self {
        Self::Made { value: Rc::new(part.clone()), offset: layout::offset(whole, offset, part) }
    }
}

fn parts(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.iter().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    }
}
