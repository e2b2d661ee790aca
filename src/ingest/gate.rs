//! When ingest stops accepting: at the high-water mark of what is queued, until it is below the low one.
//!
//! What is queued must always find room in Redis for its claims, or it could never be drained. So the marks are shares of
//! Redis' memory, and what counts is what is queued and, once more, the claims that it will need. Claims that are laid
//! count too, unless Redis has a limit of memory and a policy with which workers let them go early.
//!
//! Every reply to an append says how deep its stream is, so the gate closes at once; a look at all streams from time to
//! time finds what others have appended, and what was drained.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::QueueMarks;
use crate::ops::{Condition, Periodic, Status, metrics};
use crate::queue::{self, Depth, DiskWatch, Eviction, Memory, Node, Pool, QueueError, Shard, Shards, Sight};

/// Between two looks at Redis.
const LOOK: Duration = Duration::from_millis(250);
/// How many seconds clients are told to wait where it is not known how fast the queue is drained.
const UNKNOWN_WAIT: u16 = 5;
/// The least and the most seconds that they are told.
const WAITS: (u16, u16) = (1, 30);

/// Decides whether events are accepted. Clones share what they know.
#[derive(Clone, Debug)]
pub struct Gate {
    state: Arc<Mutex<State>>,
    /// Whether Redis' disk keeps up.
    disk: Condition,
}

/// Nothing is accepted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Too much is queued; it may be tried again after this many seconds.
    Overloaded(u16),
    /// Redis must not be written to, for this reason.
    Unusable(Arc<str>),
}

#[derive(Debug)]
struct State {
    marks: QueueMarks,
    depths: Vec<Depth>,
    /// Never empty.
    nodes: Vec<Node>,
    /// Since when it is closed, and what was needed then.
    closed: Option<(Instant, u64)>,
    unusable: Option<Arc<str>>,
}

/// How much a server has to hold.
#[derive(Clone, Copy, Debug)]
struct Pressure {
    memory: Memory,
    /// Bytes that are needed, and the two marks.
    needed: u64,
    low: u64,
    high: u64,
}

impl Pressure {
    /// By the part of the high mark that is needed.
    fn compare(&self, other: &Self) -> Ordering {
        let part = |one: &Self, other: &Self| u128::from(one.needed) * u128::from(other.high);
        part(self, other).cmp(&part(other, self))
    }
}

impl Gate {
    /// A gate that is open until it learns otherwise.
    #[must_use]
    pub fn new(shards: Shards, marks: QueueMarks) -> Self {
        let state = State {
            marks,
            depths: vec![Depth::default(); shards.count()],
            nodes: vec![Node {
                memory: Memory { used: 0, at_start: 0, max: None, eviction: Eviction::Never },
                shards: shards.all().collect(),
            }],
            closed: None,
            unusable: None,
        };
        Self { state: Arc::new(Mutex::new(state)), disk: Condition::new("redis_disk") }
    }

    /// Warns where Redis' disk does not keep up with what Redis acknowledges.
    #[must_use]
    pub fn disk(&self) -> &Condition {
        &self.disk
    }

    /// Whether events may come in, while `held` bytes of others are on their way to Redis.
    pub(super) fn check(&self, held: usize) -> Result<(), Closed> {
        self.lock().check(held as u64, Instant::now())
    }

    /// Notes how deep these streams are.
    pub(super) fn note(&self, depths: &[(Shard, Depth)]) {
        let mut state = self.lock();
        for (shard, depth) in depths {
            state.depths[shard.index()] = *depth;
        }
    }

    /// Looks at Redis again and again, until it is dropped.
    pub async fn watch(&self, pool: Pool, shards: Shards) {
        let (mut looks, mut disk) = (Periodic::every(LOOK), DiskWatch::default());
        loop {
            looks.next().await;
            let looked = queue::look(&pool, shards).await;
            if let Ok(sight) = &looked {
                self.disk.set(disk.see(sight.disk, Instant::now()).map_or(Status::Ok, Status::Warning));
            }
            let mut state = self.lock();
            match looked {
                Ok(sight) => state.learn(sight),
                // Whoever appends is told so.
                Err(error) if error.will_pass() => {}
                Err(error) => state.refuse(&error),
            }
        }
    }

    /// Whether Redis keeps what it is given; what it says otherwise is for people. Over the high-water mark a server is
    /// ready all the same: a load balancer that took out all of them at once would leave nobody to answer with 429.
    pub fn ready(&self) -> Result<(), String> {
        match self.check(0) {
            Err(Closed::Unusable(why)) => Err(why.to_string()),
            Ok(()) | Err(Closed::Overloaded(_)) => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change of it is a single step, so a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&mut self, held: u64, now: Instant) -> Result<(), Closed> {
        if let Some(why) = &self.unusable {
            return Err(Closed::Unusable(Arc::clone(why)));
        }
        let Pressure { memory, needed, low, high } = self.pressure(held);
        match self.closed {
            None if needed >= high => {
                tracing::warn!(
                    needed,
                    high,
                    redis_used = memory.used,
                    redis_max = memory.max,
                    "the queue, or the claims where nothing lets them go early, are over the high-water mark; refusing events"
                );
                self.closed = Some((now, needed));
            }
            Some(_) if needed < low => {
                tracing::info!(needed, low, "the queue is below its low-water mark; accepting events");
                self.closed = None;
            }
            _ => {}
        }
        metrics::ingest_open(self.closed.is_none());
        let wait = self.closed.map(|(since, then)| wait(then, needed, low, now.duration_since(since)));
        wait.map_or(Ok(()), |seconds| Err(Closed::Overloaded(seconds)))
    }

    /// That on the node which has the least room left. All that is held may go to the same one.
    fn pressure(&self, held: u64) -> Pressure {
        let on_node = |Node { memory, shards }: &Node| {
            let queued: Depth = shards.iter().map(|shard| self.depths[shard.index()]).sum();
            let ceiling = memory.ceiling(self.marks.budget.get() as u64);
            let mark = |percent: u8| ceiling / 100 * u64::from(percent);
            let (low, high) = (mark(self.marks.low), mark(self.marks.high));
            Pressure { memory: *memory, needed: memory.needed(queued, held), low, high }
        };
        self.nodes.iter().map(on_node).max_by(Pressure::compare).expect("there is a node")
    }

    fn learn(&mut self, Sight { nodes, depths, .. }: Sight) {
        if self.unusable.is_some() {
            tracing::info!("Redis may be written to again; accepting events");
        }
        (self.nodes, self.depths, self.unusable) = (nodes, depths, None);
        let Pressure { low, high, .. } = self.pressure(0);
        metrics::queue_marks(low, high);
        metrics::ingest_open(self.closed.is_none());
    }

    fn refuse(&mut self, error: &QueueError) {
        let why: Arc<str> = error.to_string().into();
        if self.unusable.as_ref() != Some(&why) {
            tracing::error!(%error, "refusing events");
        }
        self.unusable = Some(why);
        metrics::ingest_open(false);
    }
}

/// How many seconds it takes until `now` has come down to `low`, at the rate since it was `then`. Pure.
fn wait(then: u64, now: u64, low: u64, elapsed: Duration) -> u16 {
    let drained = then.saturating_sub(now);
    let left = now.saturating_sub(low);
    if drained == 0 || elapsed < LOOK {
        return UNKNOWN_WAIT;
    }
    let per_second = (u128::from(drained) * 1000 / elapsed.as_millis().max(1)).max(1);
    u16::try_from(u128::from(left).div_ceil(per_second)).unwrap_or(u16::MAX).clamp(WAITS.0, WAITS.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Bytes;

    fn state(budget: usize) -> State {
        let marks = QueueMarks { budget: Bytes::new(budget), high: 70, low: 60 };
        let gate = Gate::new(Shards::new(2).expect("allowed"), marks);
        Arc::into_inner(gate.state).expect("no clone").into_inner().expect("not poisoned")
    }

    #[test]
    fn the_gate_closes_at_the_high_mark_and_opens_below_the_low_one() {
        let (mut state, now) = (state(1_000_000), Instant::now());
        let mut at = |bytes| {
            state.depths[1] = Depth { events: 0, bytes };
            state.check(0, now)
        };
        assert_eq!(at(699_999), Ok(()));
        assert!(at(700_000).is_err());
        assert!(at(650_000).is_err(), "between the marks it stays as it was");
        assert_eq!(at(599_999), Ok(()));
        assert_eq!(at(650_000), Ok(()));
    }

    #[test]
    fn one_node_of_a_cluster_over_its_mark_closes_the_gate() {
        let (mut state, now) = (state(1_000_000), Instant::now());
        let shards: Vec<Shard> = Shards::new(2).expect("allowed").all().collect();
        let memory = |max| Memory { used: 0, at_start: 0, max: Some(max), eviction: Eviction::SoonestExpiry };
        let node = |shard: Shard, max| Node { memory: memory(max), shards: vec![shard] };
        state.nodes = vec![node(shards[0], 1_000_000), node(shards[1], 1_000)];
        state.depths[0] = Depth { events: 0, bytes: 600_000 };
        assert_eq!(state.check(0, now), Ok(()));
        state.depths[1] = Depth { events: 0, bytes: 700 };
        assert!(state.check(0, now).is_err());
    }

    #[test]
    fn an_overloaded_server_is_ready_and_one_whose_redis_may_not_be_written_to_is_not() {
        let marks = QueueMarks { budget: Bytes::new(1_000_000), high: 70, low: 60 };
        let gate = Gate::new(Shards::new(2).expect("allowed"), marks);
        gate.lock().depths[0] = Depth { events: 0, bytes: 900_000 };
        assert!(gate.check(0).is_err());
        assert_eq!(gate.ready(), Ok(()));
        gate.lock().refuse(&QueueError::Eviction("allkeys-lru".to_owned()));
        assert!(gate.ready().is_err_and(|why| why.contains("allkeys-lru")));
    }

    #[test]
    fn events_on_their_way_and_claims_to_come_count() {
        let (mut state, now) = (state(1_000_000), Instant::now());
        state.depths[0] = Depth { events: 1_000, bytes: 400_000 };
        assert_eq!(state.check(0, now), Ok(()));
        assert!(state.check(300_000, now).is_err());
    }

    #[test]
    fn the_wait_follows_the_rate_at_which_the_queue_is_drained() {
        let second = Duration::from_secs(1);
        assert_eq!(wait(1_000, 900, 600, second), 3);
        assert_eq!(wait(1_000, 999, 600, second), WAITS.1);
        assert_eq!(wait(1_000, 1_000, 600, second), UNKNOWN_WAIT, "nothing is drained");
        assert_eq!(wait(1_000, 601, 600, second), WAITS.0);
    }
}
