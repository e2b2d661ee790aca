//! Who has how much of the room for bodies, who waits for it, and who gives way. Pure.
//!
//! Room is shared between API keys, and between the addresses that send with one key. Of those who wait, the next one is
//! whoever has the least, so that nobody waits in another one's line. A key never has all of the room. Where somebody has
//! waited for a while ([`Shares::press`]), bodies give way: those of whoever has more than the one who waits would have, and
//! those that do not arrive.
//!
//! Invariants: no more is held than there is room; what is whole already never gives way; who sends more than others, or
//! sends nothing, slows nobody but himself.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::task::Waker;
use std::time::{Duration, Instant};

// Its hashes are cheaper than the standard library's; there are never more owners than connections
use hashbrown::HashMap;

/// The least that a body must bring in [`LEAST_TIME`], or end. It is held to that only while others wait for its room.
const LEAST_BYTES: usize = 64 * 1024;
const LEAST_TIME: Duration = Duration::from_secs(2);

/// Whose a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::ingest) struct Owner {
    /// The number of its API key; `None` where nobody is asked for one.
    pub(in crate::ingest) key: Option<i64>,
    /// Where it comes from.
    pub(in crate::ingest) source: IpAddr,
}

/// Which body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyId(usize);

/// Why a body had to give its room up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// Its owner has more than whoever waits.
    GaveWay,
    /// It did not arrive.
    TooSlow,
}

/// How a body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has what it wants.
    Has,
    /// It waits for more.
    Waits,
    /// It must give up what it has.
    Removed(Removal),
}

/// The room, and all that is held of it.
#[derive(Debug)]
pub(super) struct Shares {
    size: usize,
    most_of_a_key: usize,
    /// What is taken, by those too who have been told to give way.
    taken: usize,
    /// Of that, what is given back soon.
    yielding: usize,
    waiting: usize,
    keys: HashMap<Option<i64>, usize>,
    owners: HashMap<Owner, Holding>,
    bodies: Vec<Option<Entry>>,
    free: Vec<usize>,
    arrivals: u64,
}

/// What the bodies of an owner have and want.
#[derive(Debug, Default)]
struct Holding {
    bodies: usize,
    held: usize,
    line: VecDeque<BodyId>,
}

#[derive(Debug)]
struct Entry {
    owner: Owner,
    held: usize,
    /// How much more it waits for, and since which arrival.
    wants: Option<(usize, u64)>,
    /// Since when it has brought so few bytes more than these; `None` once it is whole.
    arriving: Option<(Instant, usize)>,
    removed: Option<Removal>,
    waker: Option<Waker>,
}

impl Shares {
    /// Room for `size` bytes, of which one key has `most_of_a_key` at most.
    pub(super) fn new(size: usize, most_of_a_key: usize) -> Self {
        Self {
            size,
            most_of_a_key,
            taken: 0,
            yielding: 0,
            waiting: 0,
            keys: HashMap::new(),
            owners: HashMap::new(),
            bodies: Vec::new(),
            free: Vec::new(),
            arrivals: 0,
        }
    }

    /// Lets a body in, which has no room yet.
    pub(super) fn enter(&mut self, owner: Owner, now: Instant) -> BodyId {
        self.owners.entry(owner).or_default().bodies += 1;
        let entry =
            Entry { owner, held: 0, wants: None, arriving: Some((now, 0)), removed: None, waker: None };
        let place = self.free.pop().unwrap_or_else(|| {
            self.bodies.push(None);
            self.bodies.len() - 1
        });
        self.bodies[place] = Some(entry);
        BodyId(place)
    }

    /// Takes so much more for a body, or has it wait for it; never more than there is in all. Returns whether it has it.
    pub(super) fn want(&mut self, id: BodyId, more: usize, now: Instant) -> bool {
        let entry = self.entry(id);
        if entry.removed.is_some() {
            return false;
        }
        let (owner, held) = (entry.owner, entry.held);
        let more = more.min(self.size - held);
        if self.waiting == 0 && self.fits(owner, more) {
            self.take(id, more, now);
            return true;
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.entry(id).wants = Some((more, arrival));
        self.waiting += 1;
        self.owners.entry(owner).or_default().line.push_back(id);
        self.grant(|| now);
        self.entry(id).wants.is_none()
    }

    /// How a body stands; whoever asks is woken when that changes.
    pub(super) fn standing(&mut self, id: BodyId, waker: &Waker) -> Standing {
        let entry = self.entry(id);
        if let Some(removal) = entry.removed {
            return Standing::Removed(removal);
        }
        if !entry.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            entry.waker = Some(waker.clone());
        }
        if entry.wants.is_some() { Standing::Waits } else { Standing::Has }
    }

    /// Notes how much of a body has arrived. One that has been told to give way, and then brings enough, stays: it was the
    /// server that did not get to read it.
    pub(super) fn received(&mut self, id: BodyId, bytes: usize, now: impl FnOnce() -> Instant) {
        if let Some((since, marked)) = &mut self.entry(id).arriving
            && bytes - *marked >= LEAST_BYTES
        {
            (*since, *marked) = (now(), bytes);
            self.pardon(id);
        }
    }

    /// Notes that all of a body has arrived. It stays.
    pub(super) fn whole(&mut self, id: BodyId) {
        self.entry(id).arriving = None;
        self.pardon(id);
    }

    fn pardon(&mut self, id: BodyId) {
        let entry = self.entry(id);
        if entry.removed.take().is_some() {
            let (owner, held) = (entry.owner, entry.held);
            self.yielding -= held;
            self.count(owner, held, |all, held| *all += held);
        }
    }

    /// Gives back what a body has beyond so many bytes.
    pub(super) fn shrink(&mut self, id: BodyId, bytes: usize, now: impl FnOnce() -> Instant) {
        let entry = self.entry(id);
        let less = entry.held.saturating_sub(bytes);
        entry.held -= less;
        let (owner, removed) = (entry.owner, entry.removed.is_some());
        self.taken -= less;
        if removed {
            self.yielding -= less;
        } else {
            self.count(owner, less, |held, less| *held -= less);
        }
        self.grant(now);
    }

    /// Lets a body go, with all that it has.
    pub(super) fn leave(&mut self, id: BodyId, now: impl FnOnce() -> Instant) {
        self.leave_line(id);
        self.shrink(id, 0, now);
        let owner = self.entry(id).owner;
        self.bodies[id.0] = None;
        self.free.push(id.0);
        if let Some(holding) = self.owners.get_mut(&owner) {
            holding.bodies -= 1;
            if holding.bodies == 0 {
                self.owners.remove(&owner);
            }
        }
        if self.keys.get(&owner.key) == Some(&0) {
            self.keys.remove(&owner.key);
        }
    }

    /// Has bodies give way to one that has waited for long enough.
    pub(super) fn press(&mut self, id: BodyId, now: Instant) {
        let entry = self.entry(id);
        let (Some((more, _)), owner) = (entry.wants, entry.owner) else { return };
        // One of those who wait in an owner's line presses for all of them.
        if self.owners.get(&owner).and_then(|holding| holding.line.front()) != Some(&id) {
            return;
        }
        while !(self.size - self.taken + self.yielding >= more
            && self.held_by_key(owner) + more <= self.most_of_a_key)
        {
            let Some((victim, removal)) = self.next_to_give_way(id, owner, more, now) else { return };
            self.remove(victim, removal);
        }
    }

    /// Which body gives way next: of whoever has the most.
    fn next_to_give_way(
        &self,
        waiter: BodyId,
        owner: Owner,
        more: usize,
        now: Instant,
    ) -> Option<(BodyId, Removal)> {
        let wanted_of_key = self.held_by_key(owner) + more;
        let is_capped = wanted_of_key > self.most_of_a_key;
        let candidates = self.bodies.iter().enumerate().filter_map(|(place, entry)| {
            let entry = entry.as_ref()?;
            let (since, _) = entry.arriving?;
            let is_own_key = entry.owner.key == owner.key;
            if place == waiter.0 || entry.removed.is_some() || entry.held == 0 || (is_capped && !is_own_key) {
                return None;
            }
            let is_heavier = if is_own_key {
                self.held(entry.owner) > self.held(owner) + more
            } else {
                self.held_by_key(entry.owner) > wanted_of_key
            };
            let age = now.saturating_duration_since(since);
            let is_slow = entry.wants.is_none() && age > LEAST_TIME;
            let removal = if is_slow { Removal::TooSlow } else { Removal::GaveWay };
            let weight = (is_heavier, self.held_by_key(entry.owner), self.held(entry.owner), is_slow, age);
            (is_heavier || is_slow).then_some((weight, BodyId(place), removal))
        });
        candidates.max_by_key(|(weight, ..)| *weight).map(|(_, id, removal)| (id, removal))
    }

    fn remove(&mut self, id: BodyId, removal: Removal) {
        self.leave_line(id);
        let entry = self.entry(id);
        entry.removed = Some(removal);
        let (owner, held) = (entry.owner, entry.held);
        if let Some(waker) = entry.waker.take() {
            waker.wake();
        }
        self.yielding += held;
        self.count(owner, held, |all, held| *all -= held);
    }

    /// Gives what is free to those who wait; who has the least is next.
    fn grant(&mut self, now: impl FnOnce() -> Instant) {
        if self.waiting == 0 {
            return;
        }
        let now = now();
        while self.waiting > 0 {
            let next = self.owners.iter().filter_map(|(owner, holding)| {
                let id = *holding.line.front()?;
                let (more, arrival) = self.bodies[id.0].as_ref()?.wants?;
                let of_key = self.held_by_key(*owner);
                (of_key + more <= self.most_of_a_key).then_some(((of_key, holding.held, arrival), id, more))
            });
            let Some((_, id, more)) = next.min_by_key(|(order, ..)| *order) else { return };
            // Nobody overtakes: or else whoever wants much would never get it.
            if more > self.size - self.taken {
                return;
            }
            self.leave_line(id);
            self.take(id, more, now);
            if let Some(waker) = self.entry(id).waker.take() {
                waker.wake();
            }
        }
    }

    fn take(&mut self, id: BodyId, more: usize, now: Instant) {
        let entry = self.entry(id);
        entry.held += more;
        // While it waited, nothing of it was read.
        if let Some((since, _)) = &mut entry.arriving {
            *since = now;
        }
        let owner = entry.owner;
        self.taken += more;
        self.count(owner, more, |held, more| *held += more);
    }

    fn leave_line(&mut self, id: BodyId) {
        let entry = self.entry(id);
        let owner = entry.owner;
        if entry.wants.take().is_some() {
            self.waiting -= 1;
            if let Some(holding) = self.owners.get_mut(&owner) {
                holding.line.retain(|other| *other != id);
            }
        }
    }

    fn fits(&self, owner: Owner, more: usize) -> bool {
        more <= self.size - self.taken && self.held_by_key(owner) + more <= self.most_of_a_key
    }

    fn count(&mut self, owner: Owner, bytes: usize, change: impl Fn(&mut usize, usize)) {
        change(self.keys.entry(owner.key).or_default(), bytes);
        change(&mut self.owners.entry(owner).or_default().held, bytes);
    }

    fn held(&self, owner: Owner) -> usize {
        self.owners.get(&owner).map_or(0, |holding| holding.held)
    }

    fn held_by_key(&self, owner: Owner) -> usize {
        self.keys.get(&owner.key).copied().unwrap_or(0)
    }

    fn entry(&mut self, id: BodyId) -> &mut Entry {
        self.bodies[id.0].as_mut().expect("whoever has an id has not left")
    }
}

#[cfg(test)]
mod tests;
