//! What one event holds at the paths that rules name: its leaves, and the array elements they are in.
//!
//! Filled anew for each event, without giving memory back. Nothing is cleared: what another event left is known by its
//! epoch. Leaves and elements are known by the place of their node in the [`Document`](crate::event::Document).

use super::literals::LiteralId;
use super::paths::PathId;
use super::verdicts::Epochs;
use super::vocabulary::{Look, Vocabulary};
use simd_json::Node;
use std::ops::Range;

/// A leaf at a named path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    /// Its place in the document.
    pub(super) node: u32,
    /// Which literal it is; known once its path has been looked at.
    pub(super) literal: LiteralId,
    /// The next leaf at the same path.
    next: u32,
}

/// An object, or an array inside an array, at a path that several fields of a rule have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    /// Its place in the document, and that of all it contains.
    pub(super) nodes: (u32, u32),
    /// Whether it stands in an array, rather than being the value of a key.
    pub(super) in_array: bool,
}

const NONE: u32 = u32::MAX;

/// From this many leaves on, a path is searched for the literals of a test rather than the other way round.
pub(super) const MANY_LEAVES: u32 = 4;

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    epoch: u32,
    /// The epoch in which an element stood in an array at this path.
    array_epoch: u32,
    first: u32,
    last: u32,
    count: u32,
    /// What has been seen there, if it has been looked at.
    look: Option<Look>,
}

/// The leaves of one event.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    epoch: u32,
    slots: Vec<Slot>,
    found: Vec<Leaf>,
    elements: Vec<(PathId, Element)>,
    /// The literals that are among the leaves, of paths with many.
    seen: Epochs,
    /// Whether an array holds elements that fields of a rule have in common.
    any_array: bool,
    /// Whether a path that has been looked at hides the ranks of its leaves.
    any_hidden_rank: bool,
    /// Whether leaves and elements are in order.
    sorted: bool,
    /// The leaves by path, then place: sorted when first asked for.
    by_path: Vec<(PathId, u32, LiteralId)>,
}

impl Leaves {
    /// Makes ready for rules with so many paths and literals.
    pub(super) fn reset(&mut self, paths: usize, literals: usize) {
        self.epoch = 0;
        self.slots.clear();
        self.slots.resize(paths, Slot::default());
        self.seen.reset(literals);
    }

    /// Makes ready for the next event.
    pub(super) fn begin(&mut self) {
        if self.epoch == u32::MAX {
            self.epoch = 0;
            self.slots.fill(Slot::default());
        }
        self.epoch += 1;
        self.seen.begin();
        self.found.clear();
        self.elements.clear();
        self.by_path.clear();
        self.any_array = false;
        self.any_hidden_rank = false;
        self.sorted = false;
    }

    pub(super) fn add_leaf(&mut self, path: PathId, node: u32) {
        let added = index_u32(self.found.len());
        self.found.push(Leaf { node, literal: LiteralId::UNKNOWN, next: NONE });
        let slot = &mut self.slots[path.index()];
        if slot.epoch == self.epoch {
            self.found[slot.last as usize].next = added;
            slot.last = added;
            slot.count += 1;
        } else {
            *slot = Slot {
                epoch: self.epoch,
                array_epoch: slot.array_epoch,
                first: added,
                last: added,
                count: 1,
                look: None,
            };
        }
    }

    pub(super) fn add_element(&mut self, path: PathId, element: Element) {
        if element.in_array {
            self.slots[path.index()].array_epoch = self.epoch;
            self.any_array = true;
        }
        self.elements.push((path, element));
    }

    /// How many leaves there are at a path.
    pub(super) fn count(&self, path: PathId) -> u32 {
        let slot = &self.slots[path.index()];
        if slot.epoch == self.epoch { slot.count } else { 0 }
    }

    /// The leaves at a path.
    pub(super) fn at(&self, path: PathId) -> impl Iterator<Item = Leaf> {
        std::iter::successors(self.first(path), |leaf| self.after(*leaf))
    }

    /// The first leaf at a path.
    pub(super) fn first(&self, path: PathId) -> Option<Leaf> {
        let slot = &self.slots[path.index()];
        if slot.epoch == self.epoch { self.found.get(slot.first as usize).copied() } else { None }
    }

    /// The next leaf at the path of another one.
    pub(super) fn after(&self, leaf: Leaf) -> Option<Leaf> {
        self.found.get(leaf.next as usize).copied()
    }

    /// The leaves at a path in short; they are looked at when that is first asked for.
    #[inline]
    pub(super) fn look(&mut self, path: PathId, vocabulary: &Vocabulary, nodes: &[Node<'_>]) -> Look {
        let slot = &self.slots[path.index()];
        if slot.epoch != self.epoch {
            return Look::NOTHING;
        }
        slot.look.unwrap_or_else(|| self.look_closely(path, vocabulary, nodes))
    }

    #[inline(never)]
    fn look_closely(&mut self, path: PathId, vocabulary: &Vocabulary, nodes: &[Node<'_>]) -> Look {
        let look = vocabulary.look(path, self, nodes);
        self.any_hidden_rank |= look.hides_ranks();
        self.slots[path.index()].look = Some(look);
        look
    }

    /// Notes which literal each leaf at a path is, as told by the place of its node.
    pub(super) fn identify(&mut self, path: PathId, mut literal_at: impl FnMut(u32) -> LiteralId) {
        let Slot { first: mut next, count, .. } = self.slots[path.index()];
        while let Some(leaf) = self.found.get_mut(next as usize) {
            leaf.literal = literal_at(leaf.node);
            if count >= MANY_LEAVES && leaf.literal != LiteralId::UNKNOWN {
                self.seen.is_new(leaf.literal.number());
            }
            next = leaf.next;
        }
    }

    /// Whether some leaf is this literal, of a path with [`MANY_LEAVES`].
    pub(super) fn has(&self, literal: LiteralId) -> bool {
        self.seen.has(literal.number())
    }

    /// Whether an array at any path holds elements that fields of a rule have in common.
    pub(super) fn any_array(&self) -> bool {
        self.any_array
    }

    /// Whether at a path that has been looked at there are several leaves, whose ranks the look does not tell.
    pub(super) fn any_hidden_rank(&self) -> bool {
        self.any_hidden_rank
    }

    /// Whether an array at one of these paths holds elements.
    pub(super) fn any_array_at(&self, paths: &[PathId]) -> bool {
        self.any_array && paths.iter().any(|path| self.slots[path.index()].array_epoch == self.epoch)
    }

    /// Puts leaves and elements in the order that [`Leaves::within`] and [`Leaves::elements_within`] need.
    pub(super) fn sort(&mut self, vocabulary: &Vocabulary, nodes: &[Node<'_>]) {
        if std::mem::replace(&mut self.sorted, true) {
            return;
        }
        (0..self.slots.len()).for_each(|path| {
            self.look(PathId::from_index(path), vocabulary, nodes);
        });
        for (path, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.epoch == self.epoch) {
            let mut next = slot.first;
            while let Some(leaf) = self.found.get(next as usize) {
                self.by_path.push((PathId::from_index(path), leaf.node, leaf.literal));
                next = leaf.next;
            }
        }
        self.elements
            .sort_unstable_by_key(|(path, element)| (*path, element.nodes.0, u32::MAX - element.nodes.1));
    }

    /// The leaves at a path among some nodes. Needs [`Leaves::sort`].
    pub(super) fn within(&self, path: PathId, nodes: Range<u32>) -> impl Iterator<Item = (u32, LiteralId)> {
        let from = self.by_path.partition_point(|(at, node, _)| (*at, *node) < (path, nodes.start));
        let rest = self.by_path[from..].iter();
        rest.take_while(move |(at, node, _)| *at == path && *node < nodes.end)
            .map(|(_, node, literal)| (*node, *literal))
    }

    /// The outermost elements at a path among some nodes. Needs [`Leaves::sort`].
    pub(super) fn elements_within(&self, path: PathId, nodes: Range<u32>) -> impl Iterator<Item = Element> {
        let mut from = nodes.start;
        std::iter::from_fn(move || {
            let next = self.elements.partition_point(|(at, element)| (*at, element.nodes.0) < (path, from));
            let (at, element) = *self.elements.get(next)?;
            from = element.nodes.1;
            (at == path && element.nodes.0 < nodes.end).then_some(element)
        })
    }
}

/// A place in a document, or a number of things found in it.
pub(super) fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("the parser refuses texts of 4 GiB")
}
