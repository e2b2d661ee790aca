//! One pass over an event that picks out what rules name and skips the rest.

use super::hints::{Hints, Lead};
use super::leaves::{Element, Leaves, index_u32};
use super::paths::{PathId, Paths};
use super::texts::Fingerprint;
use crate::event::node_count;
use simd_json::Node;
use std::ops::Range;

/// What rules want to know about a path.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent questions, asked of each node of an event"
)]
pub(super) struct Interest {
    /// Some rule has a field here.
    pub(super) field: bool,
    /// Some rule has a field further down.
    pub(super) inner: bool,
    /// Some rule has a field more than one step further down, which a key with dots can name.
    pub(super) far: bool,
    /// Several fields of one rule are here or further down, so that it matters which element they are in.
    pub(super) joint: bool,
}

/// The way through an event.
pub(super) struct Walk<'a> {
    pub(super) paths: &'a Paths,
    /// By path.
    pub(super) interests: &'a [Interest],
    pub(super) nodes: &'a [Node<'a>],
    pub(super) leaves: &'a mut Leaves,
    pub(super) hints: &'a mut Hints,
}

impl Walk<'_> {
    /// Fills the leaves from the document that these nodes are.
    pub(super) fn run(mut self) {
        self.leaves.begin();
        if let Some(Node::Object { .. }) = self.nodes.first() {
            self.object(0, PathId::ROOT);
        }
    }

    fn object(&mut self, at: usize, path: PathId) {
        let end = self.after(at);
        let (mut next, mut ordinal) = (at + 1, 0);
        while next < end {
            if let Node::String(key) = self.nodes[next] {
                self.entry(path, ordinal, key, next + 1);
            }
            (next, ordinal) = (self.after(next + 1), ordinal + 1);
        }
    }

    fn entry(&mut self, object: PathId, ordinal: usize, key: &str, value: usize) {
        let fingerprint = Fingerprint::of(key.as_bytes());
        match self.hints.get(object, ordinal, fingerprint) {
            Some(Lead::To(path)) => self.value(path, value),
            Some(Lead::Nowhere) => {}
            None => self.unexpected_entry(object, ordinal, fingerprint, key, value),
        }
    }

    #[inline(never)]
    fn unexpected_entry(
        &mut self,
        object: PathId,
        ordinal: usize,
        fingerprint: Fingerprint,
        key: &str,
        value: usize,
    ) {
        let path = self.paths.child_by(object, fingerprint, key);
        let dotted = path.is_none() && self.interests[object.index()].far && key.contains('.');
        if fingerprint.is_whole() && !dotted {
            self.hints.set(object, ordinal, fingerprint, path.map_or(Lead::Nowhere, Lead::To));
        }
        match path {
            Some(path) => self.value(path, value),
            None if dotted => self.dotted_entry(object, key, value),
            None => {}
        }
    }

    /// `"a.b": 1` is `"a": {"b": 1}`.
    fn dotted_entry(&mut self, object: PathId, key: &str, value: usize) {
        let Some((step, rest)) = key.split_once('.') else { return };
        let Some(path) = self.paths.child(object, step) else { return };
        if self.interests[path.index()].inner {
            // This object has no node of its own; it starts with its key.
            self.element(path, value - 1..self.after(value), false);
            self.entry(path, 0, rest, value);
        }
    }

    fn value(&mut self, path: PathId, at: usize) {
        match self.nodes[at] {
            Node::Array { .. } => self.array(path, at),
            Node::Object { .. } => self.object_at(path, at, false),
            _ => self.leaf(path, at),
        }
    }

    fn array(&mut self, path: PathId, at: usize) {
        let end = self.after(at);
        let mut next = at + 1;
        while next < end {
            match self.nodes[next] {
                Node::Array { .. } => {
                    self.element(path, next..self.after(next), true);
                    self.array(path, next);
                }
                Node::Object { .. } => self.object_at(path, next, true),
                _ => self.leaf(path, next),
            }
            next = self.after(next);
        }
    }

    fn object_at(&mut self, path: PathId, at: usize, in_array: bool) {
        if self.interests[path.index()].inner {
            self.element(path, at..self.after(at), in_array);
            self.object(at, path);
        }
    }

    fn element(&mut self, path: PathId, nodes: Range<usize>, in_array: bool) {
        if self.interests[path.index()].joint {
            let nodes = (index_u32(nodes.start), index_u32(nodes.end));
            self.leaves.add_element(path, Element { nodes, in_array });
        }
    }

    fn leaf(&mut self, path: PathId, at: usize) {
        if self.interests[path.index()].field {
            self.leaves.add_leaf(path, index_u32(at));
        }
    }

    /// Where the value at `at` ends.
    fn after(&self, at: usize) -> usize {
        at + node_count(&self.nodes[at])
    }
}
