//! JSON text → the document that rules are matched against.
//!
//! A [`Document`] is simd-json's tape: a flat list of nodes, every key and value in the order of the text, keys that
//! occur twice included. The [`Parser`] owns all buffers, so parsing allocates nothing once they have grown.

use super::exact;
use simd_json::{Buffers, ErrorType, Node, Tape};

use super::flaw::{self, Flaw};
use super::place::Place;

/// A parsed JSON value, all of a text or a part of it. `'a` is the life of the parser's buffers.
///
/// Invariant: the first node is the value itself, and the others are what it contains.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    nodes: &'a [Node<'a>],
}

impl<'a> Document<'a> {
    /// The nodes in document order; the first is the root. `Node::Object` and `Node::Array` say how many entries and
    /// how many nodes follow that belong to them.
    #[must_use]
    pub fn nodes(&self) -> &'a [Node<'a>] {
        self.nodes
    }

    /// Whether the root is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Object { .. }))
    }

    /// The keys and values of an object, in the order of the text; nothing for any other value.
    pub fn entries(self) -> impl Iterator<Item = (&'a str, Document<'a>)> {
        let mut rest = if self.is_object() { &self.nodes[1..] } else { &[] };
        std::iter::from_fn(move || {
            let (Node::String(key), values) = rest.split_first()? else { return None };
            let (value, after) = split_value(values)?;
            rest = after;
            Some((*key, value))
        })
    }

    /// The elements of an array, in order; nothing for any other value.
    pub fn elements(self) -> impl Iterator<Item = Document<'a>> {
        let mut rest =
            if matches!(self.nodes.first(), Some(Node::Array { .. })) { &self.nodes[1..] } else { &[] };
        std::iter::from_fn(move || {
            let (value, after) = split_value(rest)?;
            rest = after;
            Some(value)
        })
    }
}

/// The value at the start of `nodes`, and the nodes after it.
fn split_value<'a>(nodes: &'a [Node<'a>]) -> Option<(Document<'a>, &'a [Node<'a>])> {
    let length = node_count(nodes.first()?);
    let (value, rest) = nodes.split_at_checked(length)?;
    Some((Document { nodes: value }, rest))
}

/// How many nodes a value takes, itself included.
#[must_use]
pub(crate) fn node_count(node: &Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}

/// Why a text is not acceptable JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Deeper than the parser's limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit, in levels of arrays and objects.
        limit: usize,
    },
    /// JSON, with a value that cannot be kept.
    #[error("{} at {}", .0.reason, .0.place)]
    Flawed(Flaw),
    /// Not JSON (RFC 8259).
    #[error("not valid JSON: {reason} at {place}")]
    Malformed {
        /// What was met, and what was expected.
        reason: String,
        /// Where in the text.
        place: Place,
    },
}

impl JsonError {
    /// The fast parser hardly says what it met; a slower one, which does, reads the text again.
    fn from_parser(error: &simd_json::Error, limit: usize, json: &[u8]) -> Self {
        if let ErrorType::DepthLimitExceeded = error.error() {
            return Self::TooDeep { limit };
        }
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(json) {
            return Self::from_reader(&error, json);
        }
        if let Err(error) = std::str::from_utf8(json) {
            let place = Place::of(json, error.valid_up_to());
            return Self::Malformed { reason: "it is not UTF-8".to_owned(), place };
        }
        flaw::find(json).map_or_else(
            || Self::Malformed {
                reason: format!("{:?}", error.error()),
                place: Place::of(json, error.index().min(json.len())),
            },
            Self::Flawed,
        )
    }

    /// The same, of a text that is a part of another one, from `start` on.
    #[must_use]
    pub fn from(self, start: Place) -> Self {
        match self {
            Self::TooDeep { limit } => Self::TooDeep { limit },
            Self::Flawed(flaw) => Self::Flawed(Flaw { place: flaw.place.from(start), ..flaw }),
            Self::Malformed { reason, place } => Self::Malformed { reason, place: place.from(start) },
        }
    }

    /// What the slower parser met.
    pub(super) fn from_reader(error: &serde_json::Error, json: &[u8]) -> Self {
        let place = Place { line: error.line(), column: error.column() };
        let said = error.to_string();
        let reason = said.strip_suffix(&format!(" at {place}")).unwrap_or(&said);
        let mark =
            [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"].into_iter().find(|mark| json.starts_with(mark));
        let reason = match mark {
            Some(mark) if mark.len() == 3 => "a byte order mark stands before it".to_owned(),
            Some(_) => "it is UTF-16; send UTF-8".to_owned(),
            None => reason.to_owned(),
        };
        Self::Malformed { reason, place }
    }
}

/// A reusable JSON parser.
pub struct Parser {
    buffers: Buffers,
    nodes: Vec<Node<'static>>,
    text: Vec<u8>,
    max_depth: usize,
}

impl Parser {
    /// A parser that refuses documents nested deeper than `max_depth` arrays and objects.
    #[must_use]
    pub fn new(max_depth: usize) -> Self {
        Self {
            buffers: Buffers::with_max_depth(4096, max_depth),
            nodes: Vec::new(),
            text: Vec::new(),
            max_depth,
        }
    }

    /// Parses `json` and hands the document to `read`; its result is returned. `json` itself stays untouched: strings
    /// are unescaped in a copy.
    pub fn parse<R>(&mut self, json: &[u8], read: impl FnOnce(Document<'_>) -> R) -> Result<R, JsonError> {
        self.text.clear();
        self.text.extend_from_slice(json);
        let mut tape = Tape(std::mem::take(&mut self.nodes)).reset();
        let parsed = simd_json::fill_tape(&mut self.text, &mut self.buffers, &mut tape);
        let result = match parsed {
            Ok(()) => {
                exact::restore_integers(&mut tape.0, json);
                Ok(read(Document { nodes: &tape.0 }))
            }
            Err(error) => Err(JsonError::from_parser(&error, self.max_depth, json)),
        };
        self.nodes = tape.reset().0;
        result
    }
}

impl std::fmt::Debug for Parser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parser").field("max_depth", &self.max_depth).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth_of_nodes(json: &str) -> Result<usize, JsonError> {
        Parser::new(8).parse(json.as_bytes(), |document| document.nodes().len())
    }

    #[test]
    fn a_key_given_twice_is_kept_twice() {
        assert_eq!(depth_of_nodes(r#"{"a":1,"a":2}"#), Ok(5));
    }

    #[test]
    fn values_are_walked_in_the_order_of_the_text() {
        let walk = |document: Document<'_>| {
            let keys = document.entries().map(|(key, value)| (key.to_owned(), value.nodes().len()));
            let lengths = document.entries().map(|(_, value)| value.elements().count());
            (keys.collect::<Vec<_>>(), lengths.collect::<Vec<_>>())
        };
        let (keys, lengths) = Parser::new(8).parse(br#"{"b":[1,[2,3],{}],"a":{"c":4},"b":5}"#, walk).unwrap();
        assert_eq!(keys, [("b".to_owned(), 6), ("a".to_owned(), 3), ("b".to_owned(), 1)]);
        assert_eq!(lengths, [3, 0, 0]);
    }

    #[test]
    fn depth_is_limited() {
        assert!(depth_of_nodes("[[[[[[[[]]]]]]]]").is_ok());
        assert_eq!(depth_of_nodes("[[[[[[[[[]]]]]]]]]"), Err(JsonError::TooDeep { limit: 8 }));
    }

    #[test]
    fn trailing_text_empty_text_and_bad_text_are_refused() {
        for json in ["", " ", "{} x", "{", "{\"a\":}", "\"\\ud800\"", "[1e999]", "nul", "[1,]", "\u{feff}{}"]
        {
            assert!(depth_of_nodes(json).is_err(), "{json:?}");
        }
    }

    #[test]
    fn the_parser_is_reusable_after_an_error() {
        let mut parser = Parser::new(8);
        assert!(parser.parse(b"{", |_| ()).is_err());
        assert_eq!(parser.parse(b"{}", |document| document.is_object()), Ok(true));
    }
}
