//! A fair waiting line for a bounded buffer: how much each owner holds, and whose waiter is next. Pure.
//!
//! The next waiter is the one whose API key holds the least; then the one whose address holds the least; then the first to
//! arrive. So an owner with many waiters delays only itself. The waiters of one owner keep their order.

use std::collections::VecDeque;
use std::net::IpAddr;

// Its hashes are cheaper than the standard library's; there are never more owners than connections
use hashbrown::HashMap;

/// The sender that room is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The id of its API key; `None` if no key is known.
    pub key: Option<i64>,
    /// Its address.
    pub source: IpAddr,
}

/// What each owner holds, and its waiters.
#[derive(Debug)]
pub(super) struct Line<T> {
    keys: HashMap<Option<i64>, usize>,
    owners: HashMap<Owner, Holding<T>>,
    waiting: usize,
    arrivals: u64,
}

/// What one owner holds, and its waiters in the order of their arrival numbers.
#[derive(Debug)]
struct Holding<T> {
    held: usize,
    line: VecDeque<(u64, T)>,
}

impl<T> Line<T> {
    /// An empty line.
    pub(super) fn new() -> Self {
        Self { keys: HashMap::new(), owners: HashMap::new(), waiting: 0, arrivals: 0 }
    }

    /// Charges `bytes` to an owner.
    pub(super) fn add(&mut self, owner: Owner, bytes: usize) {
        *self.keys.entry(owner.key).or_default() += bytes;
        self.holding(owner).held += bytes;
    }

    /// Takes back what [`Self::add`] counted.
    pub(super) fn remove(&mut self, owner: Owner, bytes: usize) {
        if let Some(held) = self.keys.get_mut(&owner.key) {
            *held -= bytes;
            if *held == 0 {
                self.keys.remove(&owner.key);
            }
        }
        self.holding(owner).held -= bytes;
        self.forget_if_empty(owner);
    }

    /// Adds a waiter of this owner.
    pub(super) fn join(&mut self, owner: Owner, waiter: T) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.holding(owner).line.push_back((arrival, waiter));
        self.waiting += 1;
    }

    /// Removes those waiters of this owner for which `gone` is true.
    pub(super) fn leave(&mut self, owner: Owner, gone: impl Fn(&T) -> bool) {
        let line = &mut self.holding(owner).line;
        let before = line.len();
        line.retain(|(_, waiter)| !gone(waiter));
        let left = before - line.len();
        self.waiting -= left;
        self.forget_if_empty(owner);
    }

    /// The next waiter. Only the first waiter of each owner is considered, and only if `ready` is true for it.
    pub(super) fn next(&self, ready: impl Fn(Owner, &T) -> bool) -> Option<&T> {
        let firsts = self.owners.iter().filter_map(|(owner, holding)| {
            let (arrival, waiter) = holding.line.front()?;
            let order = (self.held_by_key(*owner), holding.held, *arrival);
            ready(*owner, waiter).then_some((order, waiter))
        });
        firsts.min_by_key(|(order, _)| *order).map(|(_, waiter)| waiter)
    }

    /// The first waiter of this owner.
    pub(super) fn first(&self, owner: Owner) -> Option<&T> {
        self.owners.get(&owner)?.line.front().map(|(_, waiter)| waiter)
    }

    /// The number of waiters.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// What this owner holds.
    pub(super) fn held(&self, owner: Owner) -> usize {
        self.owners.get(&owner).map_or(0, |holding| holding.held)
    }

    /// What all owners with the same key hold.
    pub(super) fn held_by_key(&self, owner: Owner) -> usize {
        self.keys.get(&owner.key).copied().unwrap_or(0)
    }

    /// What all owners hold.
    #[cfg(test)]
    pub(super) fn held_by_all(&self) -> usize {
        self.keys.values().sum()
    }

    /// Whether no owner holds or awaits anything.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.owners.is_empty() && self.waiting == 0
    }

    fn holding(&mut self, owner: Owner) -> &mut Holding<T> {
        self.owners.entry(owner).or_insert_with(|| Holding { held: 0, line: VecDeque::new() })
    }

    fn forget_if_empty(&mut self, owner: Owner) {
        if self.owners.get(&owner).is_some_and(|holding| holding.held == 0 && holding.line.is_empty()) {
            self.owners.remove(&owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(key: i64, address: u8) -> Owner {
        Owner { key: Some(key), source: IpAddr::from([10, 0, 0, address]) }
    }

    #[test]
    fn whose_key_has_the_least_is_next_then_whose_address_then_who_came_first() {
        let mut line = Line::new();
        line.add(owner(1, 1), 5);
        line.add(owner(2, 1), 3);
        line.add(owner(2, 2), 1);
        for (owner, name) in [
            (owner(1, 2), "a"),
            (owner(2, 1), "b"),
            (owner(2, 2), "c"),
            (owner(2, 2), "d"),
            (owner(3, 9), "e"),
        ] {
            line.join(owner, name);
        }
        let mut order = Vec::new();
        while let Some(next) = line.next(|_, _| true).copied() {
            order.push(next);
            for of in [owner(1, 2), owner(2, 1), owner(2, 2), owner(3, 9)] {
                line.leave(of, |waiter| *waiter == next);
            }
        }
        assert_eq!(order, ["e", "c", "d", "b", "a"]);
    }

    #[test]
    fn who_is_not_ready_is_passed_over_and_its_owners_others_with_it() {
        let mut line = Line::new();
        line.join(owner(1, 1), "large");
        line.join(owner(1, 1), "small");
        line.join(owner(2, 1), "other");
        assert_eq!(line.next(|_, waiter| *waiter != "large"), Some(&"other"));
        assert_eq!(line.first(owner(1, 1)), Some(&"large"));
    }

    #[test]
    fn of_who_has_nothing_and_waits_for_nothing_nothing_is_remembered() {
        let mut line = Line::new();
        line.add(owner(1, 1), 5);
        line.join(owner(1, 1), ());
        line.remove(owner(1, 1), 5);
        assert_eq!((line.held_by_all(), line.waiting()), (0, 1));
        line.leave(owner(1, 1), |()| true);
        assert!(line.is_empty());
    }
}
