//! From the leaves of an event to the few rules that may match it.
//!
//! A tree: each node holds rules, and *splits* by a path each. A split leads from what a leaf at its path satisfies to
//! the node with the rules that want just that: over [`keys`](super::keys), or over [`ranges`] of numbers. A rule stands
//! under one key or range for each of its alternatives at every split on its way. The way to a rule asks for as many
//! fields as it takes to be among few; how they are chosen is the matter of [`super::plan`].
//!
//! What stands in a node are [`blocks`](super::blocks) of rules, with the tests that the way there does not answer.

use super::blocks::Blocks;
use super::evaluate::Evaluation;
use super::keys::Key;
use super::paths::PathId;
use super::program::Span;
use super::ranges::Ranged;
use super::vocabulary::QuickTest;
use crate::rules::number::Number;
use std::ops::ControlFlow;

/// The place of a node in [`Access::nodes`].
pub(super) type NodeId = u32;

/// Room for going from the numbers of an event to the nodes below.
#[derive(Debug, Default)]
pub(super) struct Entered {
    /// The numbers at the path of a split, sorted.
    pub(super) numbers: Vec<Number>,
    /// A stack: the children of one split that are to be visited come after those of the splits above.
    pub(super) children: Vec<NodeId>,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    /// In [`Access::blocks`].
    pub(super) rules: Span,
    /// In [`Access::splits`].
    pub(super) splits: Span,
}

/// The children of a node by what holds at one path.
#[derive(Debug)]
pub(super) enum Split {
    /// By keys: a hash table.
    Keys {
        /// Which path, as the place of its watch.
        watch: u32,
        /// In [`Access::slots`].
        slots: Span,
    },
    /// By the ranges that hold a number.
    Ranges {
        path: PathId,
        /// In [`Access::ranges`].
        ranges: Span,
    },
}

/// A slot of a split's table; the free ones have [`Slot::FREE`] for a child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    key: Key,
    child: NodeId,
}

impl Slot {
    /// No child: the root is nobody's child.
    const FREE: NodeId = 0;
}

#[derive(Debug, Default)]
pub(super) struct Access {
    /// The first is the root.
    pub(super) nodes: Vec<Node>,
    pub(super) splits: Vec<Split>,
    pub(super) slots: Vec<Slot>,
    pub(super) ranges: Vec<Ranged<NodeId>>,
    pub(super) blocks: Blocks,
    /// The quick tests of all blocks, each once.
    pub(super) tests: Vec<QuickTest>,
}

impl Access {
    /// Holds every rule whose way is open against the event.
    pub(super) fn run(&self, event: &mut Evaluation<'_>) {
        if let Some(root) = self.nodes.first() {
            self.visit(root, event);
        }
    }

    fn visit(&self, node: &Node, event: &mut Evaluation<'_>) {
        for block in self.blocks.of(node.rules) {
            event.block(&block, &self.tests);
        }
        for split in node.splits.of(&self.splits) {
            match split {
                Split::Keys { watch, slots } => self.visit_keys(*watch, slots.of(&self.slots), event),
                Split::Ranges { path, ranges } => self.visit_ranges(*path, ranges.of(&self.ranges), event),
            }
        }
    }

    fn visit_keys(&self, watch: u32, slots: &[Slot], event: &mut Evaluation<'_>) {
        let holding = event.holding(watch);
        if holding.len() <= slots.len() {
            for at in holding {
                if let Some(child) = find(slots, event.keys.get(at)) {
                    self.visit(&self.nodes[child as usize], event);
                }
            }
        } else {
            for slot in slots.iter().filter(|slot| slot.child != Slot::FREE) {
                if event.keys.among(holding.clone(), slot.key) {
                    self.visit(&self.nodes[slot.child as usize], event);
                }
            }
        }
    }

    fn visit_ranges(&self, path: PathId, ranges: &[Ranged<NodeId>], event: &mut Evaluation<'_>) {
        let start = event.entered.children.len();
        event.ranges_holding(path, ranges);
        for at in start..event.entered.children.len() {
            let child = event.entered.children[at];
            self.visit(&self.nodes[child as usize], event);
        }
        event.entered.children.truncate(start);
    }

    /// Makes the table of a split.
    pub(super) fn add_slots(&mut self, children: &[(Key, NodeId)]) -> Span {
        let start = self.slots.len();
        let size = (children.len() * 4 / 3 + 1).next_power_of_two();
        let free = Slot { key: Key::literal(super::literals::LiteralId::UNKNOWN), child: Slot::FREE };
        self.slots.resize(start + size, free);
        for (key, child) in children {
            let table = &mut self.slots[start..];
            let place = probes(table.len(), *key).find(|place| table[*place].child == Slot::FREE);
            table[place.expect("the table has more slots than children")] = Slot { key: *key, child: *child };
        }
        Span::since(&self.slots, start)
    }

    /// The bytes that this takes.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.splits.capacity() * size_of::<Split>()
            + self.slots.capacity() * size_of::<Slot>()
            + self.ranges.capacity() * size_of::<Ranged<NodeId>>()
            + self.blocks.bytes()
            + self.tests.capacity() * size_of::<QuickTest>()
    }
}

/// The child under a key.
fn find(slots: &[Slot], key: Key) -> Option<NodeId> {
    let found = probes(slots.len(), key).try_for_each(|place| match slots[place] {
        Slot { child: Slot::FREE, .. } => ControlFlow::Break(None),
        slot if slot.key == key => ControlFlow::Break(Some(slot.child)),
        _ => ControlFlow::Continue(()),
    });
    found.break_value().flatten()
}

/// The slots in which a key may stand, the likeliest first; `size` is a power of two.
fn probes(size: usize, key: Key) -> impl Iterator<Item = usize> {
    let first = (u64::from(key.bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
    (0..size).map(move |step| (first + step) & (size - 1))
}
