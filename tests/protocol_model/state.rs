//! What there is: Redis, Postgres and two workers, of one shard.
//!
//! Invariant: locks are not kept apart from the workers that hold them, so a crash that ends a worker ends its locks.

/// The event ids in play.
pub(crate) const IDS: usize = 2;
/// The most frames that are sent.
pub(crate) const FRAMES: usize = 3;

/// A set of event ids, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ids(pub(crate) u8);

impl Ids {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self((1 << IDS) - 1);

    pub(crate) fn has(self, id: usize) -> bool {
        self.0 & (1 << id) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..IDS).filter(move |&id| self.has(id))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn of(ids: impl Iterator<Item = usize>) -> Self {
        Self(ids.fold(0, |set, id| set | 1 << id))
    }
}

/// How many forms of claims there are: that of the release before, and that of this one.
pub(crate) const FORMS: usize = 2;
/// The form of this release.
pub(crate) const NEW: usize = 1;
/// The form of the release before.
pub(crate) const OLD: usize = 0;

/// What stands at Redis' epoch key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Epoch {
    None,
    /// A rebuild that will give this epoch is under way, or died.
    Rebuilding(u8),
    Current(u8),
    /// What workers of the release before find when there are claims of this one: no epoch, and nothing they could replace.
    Refused,
}

/// The value of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Claim {
    Free,
    /// By the frame with this entry id.
    By(u8),
    /// Read back from Postgres.
    Stored,
}

/// A frame's place in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Entry {
    Unsent,
    /// New or pending: it may be delivered, to anybody, at any time.
    Queued,
    Acked,
    /// Redis lost it after it had acknowledged it.
    Lost,
}

/// Redis' data; a restart brings back an earlier state of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Keyspace {
    /// By form, at keys of their own.
    pub(crate) epochs: [Epoch; FORMS],
    /// By form.
    pub(crate) claims: [[Claim; IDS]; FORMS],
    /// What had been stored at the time that stands beside the epoch.
    pub(crate) seen: Ids,
    pub(crate) stream: [Entry; FRAMES],
}

/// What a restart will bring back, and what had been stored when that was the state of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Persisted {
    pub(crate) keyspace: Keyspace,
    pub(crate) stored: Ids,
}

/// The epoch and the run of Redis for which claims hold: the row of Postgres, or what a worker knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Known {
    pub(crate) form: usize,
    pub(crate) epoch: u8,
    pub(crate) run: u8,
}

/// What became of a frame's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Receipt {
    pub(crate) stored: Ids,
    pub(crate) duplicates: Ids,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Postgres {
    pub(crate) row: Option<Known>,
    /// How many rows each id has.
    pub(crate) rows: [u8; IDS],
    pub(crate) receipts: [Option<Receipt>; FRAMES],
}

impl Postgres {
    pub(crate) fn stored(&self) -> Ids {
        Ids::of((0..IDS).filter(|&id| self.rows[id] > 0))
    }
}

/// A rebuild under way, for the sake of the frame that met the stale epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Rebuild {
    pub(crate) frame: u8,
    /// Redis' run as it was read.
    pub(crate) run: u8,
    /// The epoch that it will give.
    pub(crate) epoch: u8,
    /// The ids still to be claimed, as they were read from Postgres.
    pub(crate) ids: Ids,
    /// What had been stored when the lock was had.
    pub(crate) seen: Ids,
    /// Whether the connection to Postgres, and so the lock, still lives.
    pub(crate) locked: bool,
}

/// What a worker has done last; the next step follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Step {
    Idle,
    Fetched(u8),
    /// The frame had no receipt.
    LookedUp(u8),
    /// `MSETNX` set nothing.
    Contested(u8),
    Claimed {
        frame: u8,
        new: Ids,
    },
    /// Only where the epoch is read before the lock is had.
    Checked {
        frame: u8,
        new: Ids,
    },
    /// In a transaction, with the shared lock.
    Storing {
        frame: u8,
        new: Ids,
    },
    Committed(u8),
    /// The epoch proved stale; waits for the exclusive lock.
    Stale(u8),
    /// With the exclusive lock; Redis' epoch and run were read and call for a rebuild.
    Locked(Rebuild),
    /// The rebuild is marked in Redis.
    Marked(Rebuild),
    /// The epoch is set in Redis.
    Renamed(Rebuild),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Worker {
    /// Of the claims that it lays.
    pub(crate) form: usize,
    pub(crate) known: Option<Known>,
    pub(crate) step: Step,
    /// The ids of its frame that it does not claim again. None, but for a flaw.
    pub(crate) kept: Ids,
}

impl Worker {
    pub(crate) const fn new(form: usize) -> Self {
        Self { form, known: None, step: Step::Idle, kept: Ids::NONE }
    }

    /// The frame in its memory.
    pub(crate) fn frame(&self) -> Option<usize> {
        let frame = match self.step {
            Step::Idle => return None,
            Step::Fetched(frame)
            | Step::LookedUp(frame)
            | Step::Contested(frame)
            | Step::Claimed { frame, .. }
            | Step::Checked { frame, .. }
            | Step::Storing { frame, .. }
            | Step::Committed(frame)
            | Step::Stale(frame) => frame,
            Step::Locked(rebuild) | Step::Marked(rebuild) | Step::Renamed(rebuild) => rebuild.frame,
        };
        Some(usize::from(frame))
    }

    pub(crate) fn rebuild(&mut self) -> Option<&mut Rebuild> {
        match &mut self.step {
            Step::Locked(rebuild) | Step::Marked(rebuild) | Step::Renamed(rebuild) => Some(rebuild),
            _ => None,
        }
    }

    pub(crate) fn holds_shared(&self) -> bool {
        matches!(self.step, Step::Storing { .. })
    }

    pub(crate) fn holds_exclusive(mut self) -> bool {
        self.rebuild().is_some_and(|rebuild| rebuild.locked)
    }
}

/// How many of each fault may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Faults {
    /// A worker dies.
    pub(crate) crashes: u8,
    /// A connection to Postgres ends: in a rebuild with its lock, unnoticed as yet; at a commit with its reply.
    pub(crate) cuts: u8,
    /// The epoch is deleted, with the claims or without.
    pub(crate) losses: u8,
    /// A claim is deleted, and the epoch stays.
    pub(crate) evictions: u8,
    /// Redis restarts, and forgets what it did last.
    pub(crate) restarts: u8,
    /// An empty Redis takes the place.
    pub(crate) replacements: u8,
    /// Redis comes back from a copy, which may be as old as one likes.
    pub(crate) copies: u8,
    /// A clock jumps ahead, by more than the window.
    pub(crate) jumps: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) redis: Keyspace,
    pub(crate) run: u8,
    pub(crate) persisted: Option<Persisted>,
    /// A copy of Redis' data.
    pub(crate) copy: Option<Keyspace>,
    /// A time of Postgres', on its way to Redis: what had been stored then, and the epoch and run as they were recorded.
    pub(crate) time: Option<(Ids, Known)>,
    /// Whether Redis' clock is ahead, and Postgres'.
    pub(crate) ahead: [bool; 2],
    /// The ids stored so long ago that a restart can have lost no claim to them; a rebuild after a restart leaves them out.
    pub(crate) settled: Ids,
    pub(crate) postgres: Postgres,
    pub(crate) workers: [Worker; 2],
    pub(crate) faults: Faults,
    /// Ids of frames that Redis lost before they were stored.
    pub(crate) excused: Ids,
}

impl State {
    /// An epoch and a run that were never seen: one more than any that is left anywhere.
    pub(crate) fn fresh(&mut self) -> (u8, u8) {
        let (mut epoch, mut run) = (0, 0);
        self.each_name(|a| epoch = epoch.max(*a), |b| run = run.max(*b));
        (epoch + 1, run + 1)
    }

    /// Calls with each epoch and with each run in the state.
    fn each_name(&mut self, mut epoch: impl FnMut(&mut u8), mut run: impl FnMut(&mut u8)) {
        let persisted = self.persisted.as_mut().map(|persisted| &mut persisted.keyspace);
        let keyspaces = [Some(&mut self.redis), persisted, self.copy.as_mut()];
        for shown in keyspaces.into_iter().flatten().flat_map(|keyspace| &mut keyspace.epochs) {
            if let Epoch::Current(name) | Epoch::Rebuilding(name) = shown {
                epoch(name);
            }
        }
        run(&mut self.run);
        let [one, other] = &mut self.workers;
        let time = self.time.as_mut().map(|(_, known)| known);
        let known = [&mut self.postgres.row, &mut one.known, &mut other.known].into_iter().flatten();
        for known in known.chain(time) {
            epoch(&mut known.epoch);
            run(&mut known.run);
        }
        for rebuild in self.workers.iter_mut().filter_map(Worker::rebuild) {
            epoch(&mut rebuild.epoch);
            run(&mut rebuild.run);
        }
    }

    /// The one of all states that differ from this one only by names: workers are alike, and of epochs and runs it matters
    /// only which are the same.
    pub(crate) fn canonical(mut self) -> Self {
        self.workers.sort_unstable();
        let (mut epochs, mut runs) = (Vec::new(), Vec::new());
        let rename = |names: &mut Vec<u8>, name: &mut u8| {
            let at = names.iter().position(|other| other == name).unwrap_or_else(|| {
                names.push(*name);
                names.len() - 1
            });
            *name = u8::try_from(at + 1).unwrap();
        };
        self.each_name(|name| rename(&mut epochs, name), |name| rename(&mut runs, name));
        self
    }
}
