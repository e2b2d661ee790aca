//! Who has how much of the room for bodies, who waits for it, and who gives way. Pure.
//!
//! Of those who wait, the next one is whoever has the least ([`Line`]). A key never has all of the room. Where somebody has
//! waited for a while ([`Shares::press`]), bodies give way: those of whoever has more than the one who waits would have, and
//! those that do not arrive.
//!
//! Invariants: no more is held than there is room; what is whole already never gives way; who sends more than others, or
//! sends nothing, slows nobody but himself.

use std::task::Waker;
use std::time::{Duration, Instant};

use crate::ingest::line::{Line, Owner};

/// The least that a body must bring in [`LEAST_TIME`], or end. It is held to that only while others wait for its room.
const LEAST_BYTES: usize = 64 * 1024;
const LEAST_TIME: Duration = Duration::from_secs(2);

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
    /// What each owner's bodies have, but for those who have been told to give way.
    line: Line<BodyId>,
    bodies: Vec<Option<Entry>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Entry {
    owner: Owner,
    held: usize,
    /// How much more it waits for.
    wants: Option<usize>,
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
            line: Line::new(),
            bodies: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Lets a body in, which has no room yet.
    pub(super) fn enter(&mut self, owner: Owner, now: Instant) -> BodyId {
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
        if self.line.waiting() == 0 && self.fits(owner, more) {
            self.take(id, more, now);
            return true;
        }
        self.entry(id).wants = Some(more);
        self.line.join(owner, id);
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
            self.line.add(owner, held);
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
            self.line.remove(owner, less);
        }
        self.grant(now);
    }

    /// Lets a body go, with all that it has.
    pub(super) fn leave(&mut self, id: BodyId, now: impl FnOnce() -> Instant) {
        self.leave_line(id);
        self.shrink(id, 0, now);
        self.bodies[id.0] = None;
        self.free.push(id.0);
    }

    /// Has bodies give way to one that has waited for long enough.
    pub(super) fn press(&mut self, id: BodyId, now: Instant) {
        let entry = self.entry(id);
        let (Some(more), owner) = (entry.wants, entry.owner) else { return };
        // One of those who wait in an owner's line presses for all of them.
        if self.line.first(owner) != Some(&id) {
            return;
        }
        while !(self.size - self.taken + self.yielding >= more
            && self.line.held_by_key(owner) + more <= self.most_of_a_key)
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
        let wanted_of_key = self.line.held_by_key(owner) + more;
        let is_capped = wanted_of_key > self.most_of_a_key;
        let candidates = self.bodies.iter().enumerate().filter_map(|(place, entry)| {
            let entry = entry.as_ref()?;
            let (since, _) = entry.arriving?;
            let is_own_key = entry.owner.key == owner.key;
            if place == waiter.0 || entry.removed.is_some() || entry.held == 0 || (is_capped && !is_own_key) {
                return None;
            }
            let is_heavier = if is_own_key {
                self.line.held(entry.owner) > self.line.held(owner) + more
            } else {
                self.line.held_by_key(entry.owner) > wanted_of_key
            };
            let age = now.saturating_duration_since(since);
            let is_slow = entry.wants.is_none() && age > LEAST_TIME;
            let removal = if is_slow { Removal::TooSlow } else { Removal::GaveWay };
            let weight =
                (is_heavier, self.line.held_by_key(entry.owner), self.line.held(entry.owner), is_slow, age);
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
        self.line.remove(owner, held);
    }

    /// Gives what is free to those who wait; who has the least is next.
    fn grant(&mut self, now: impl FnOnce() -> Instant) {
        if self.line.waiting() == 0 {
            return;
        }
        let now = now();
        while let Some((id, more)) = self.next() {
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

    /// Which body is next of those that wait, and how much more it wants.
    fn next(&self) -> Option<(BodyId, usize)> {
        let wanted = |id: &BodyId| self.bodies[id.0].as_ref()?.wants;
        let id = self.line.next(|owner, id| {
            wanted(id).is_some_and(|more| self.line.held_by_key(owner) + more <= self.most_of_a_key)
        })?;
        Some((*id, wanted(id)?))
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
        self.line.add(owner, more);
    }

    fn leave_line(&mut self, id: BodyId) {
        let entry = self.entry(id);
        let owner = entry.owner;
        if entry.wants.take().is_some() {
            self.line.leave(owner, |other| *other == id);
        }
    }

    fn fits(&self, owner: Owner, more: usize) -> bool {
        more <= self.size - self.taken && self.line.held_by_key(owner) + more <= self.most_of_a_key
    }

    fn entry(&mut self, id: BodyId) -> &mut Entry {
        self.bodies[id.0].as_mut().expect("whoever has an id has not left")
    }
}

#[cfg(test)]
mod tests;
