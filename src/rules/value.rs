//! The values that rules compare with: leaves of an event, and literals of a rule.

use super::number::Number;
use simd_json::{Node, StaticNode};
use std::fmt;

/// A leaf of an event: everything but an object or an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(&'a str),
}

impl<'a> Value<'a> {
    /// The leaf that a node is, if it is one.
    pub(crate) fn of(node: &Node<'a>) -> Option<Self> {
        Some(match *node {
            Node::String(text) => Self::String(text),
            Node::Static(StaticNode::Null) => Self::Null,
            Node::Static(StaticNode::Bool(bool)) => Self::Bool(bool),
            Node::Static(StaticNode::I64(integer)) => Self::Number(integer.into()),
            Node::Static(StaticNode::U64(integer)) => Self::Number(integer.into()),
            Node::Static(StaticNode::F64(float)) => Self::Number(float.into()),
            Node::Object { .. } | Node::Array { .. } => return None,
        })
    }
}

impl From<Value<'_>> for serde_json::Value {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(bool),
            Value::String(text) => Self::String(text.to_owned()),
            // A number is shown as JSON writes it.
            Value::Number(number) => serde_json::from_str(&number.to_string()).unwrap_or_default(),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => write_quoted(text, f),
        }
    }
}

/// A value written out in a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(Number),
    String(Box<str>),
}

impl Literal {
    pub(crate) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Number(number) => Value::Number(*number),
            Self::String(text) => Value::String(text),
        }
    }
}

impl From<Value<'_>> for Literal {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(bool),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::String(text.into()),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_value().fmt(f)
    }
}

/// Writes `text` as a JSON string.
pub(crate) fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}
