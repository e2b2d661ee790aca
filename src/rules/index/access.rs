//! From the keys that hold for an event to the few rules that may match it.
//!
//! A tree: each node holds rules, and *splits* by a path each, from a key at that path to the node with the rules that
//! want it. A rule stands under one key for each of its alternatives at every split on its way. The way to a rule asks
//! for as many fields as it takes to be among few; how they are chosen is the matter of [`super::plan`].

use super::keys::{Key, Keys};
use super::program::Span;
use std::ops::ControlFlow;

/// The place of a node in [`Access::nodes`].
pub(super) type NodeId = u32;

#[derive(Debug, Default)]
pub(super) struct Node {
    /// In [`Access::rules`].
    pub(super) rules: Span,
    /// In [`Access::splits`].
    pub(super) splits: Span,
}

/// The children of a node by their keys at one path: a hash table within [`Access::slots`].
#[derive(Debug)]
pub(super) struct Split {
    /// Which path, as the place of its watch.
    pub(super) watch: u32,
    pub(super) slots: Span,
}

/// A slot of a split's table; the free ones have [`Slot::FREE`] for a child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) child: NodeId,
}

impl Slot {
    /// No child: the root is nobody's child.
    const FREE: NodeId = 0;
}

/// A rule in a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posting {
    pub(super) rule: u32,
    /// Whether the rule stands in other nodes, too, and may be met again.
    pub(super) repeated: bool,
}

#[derive(Debug, Default)]
pub(super) struct Access {
    /// The first is the root.
    pub(super) nodes: Vec<Node>,
    pub(super) splits: Vec<Split>,
    pub(super) slots: Vec<Slot>,
    pub(super) rules: Vec<Posting>,
}

impl Access {
    /// Calls `candidate` for every rule whose way is open.
    pub(super) fn candidates(&self, keys: &Keys, candidate: &mut impl FnMut(Posting)) {
        if let Some(root) = self.nodes.first() {
            self.visit(root, keys, candidate);
        }
    }

    fn visit(&self, node: &Node, keys: &Keys, candidate: &mut impl FnMut(Posting)) {
        node.rules.of(&self.rules).iter().for_each(|posting| candidate(*posting));
        for split in node.splits.of(&self.splits) {
            let slots = split.slots.of(&self.slots);
            let holding = keys.at(split.watch as usize);
            if holding.len() <= slots.len() {
                for child in holding.iter().filter_map(|key| find(slots, *key)) {
                    self.visit(&self.nodes[child as usize], keys, candidate);
                }
            } else {
                for slot in slots.iter().filter(|slot| slot.child != Slot::FREE) {
                    if holding.binary_search(&slot.key).is_ok() {
                        self.visit(&self.nodes[slot.child as usize], keys, candidate);
                    }
                }
            }
        }
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
            + self.rules.capacity() * size_of::<Posting>()
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
