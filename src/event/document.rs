//! JSON text → the document that rules are matched against.
//!
//! A [`Document`] is simd-json's tape: a flat list of nodes, every key and value in the order of the text, keys that
//! occur twice included. The [`Parser`] owns all buffers, so parsing allocates nothing once they have grown.

use simd_json::{Buffers, ErrorType, Node, Tape};

/// A parsed JSON document. `'a` is the life of the parser's buffers.
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
    /// Not JSON (RFC 8259), or a number beyond binary64.
    #[error("not valid JSON: {reason} at byte {offset}")]
    Malformed {
        /// What the parser met, in its own words.
        reason: String,
        /// Where, from the start of the text; near the place rather than exactly at it.
        offset: usize,
    },
}

impl JsonError {
    fn from_parser(error: &simd_json::Error, limit: usize) -> Self {
        match error.error() {
            ErrorType::DepthLimitExceeded => Self::TooDeep { limit },
            reason => Self::Malformed { reason: format!("{reason:?}"), offset: error.index() },
        }
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
            Ok(()) => Ok(read(Document { nodes: &tape.0 })),
            Err(error) => Err(JsonError::from_parser(&error, self.max_depth)),
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
