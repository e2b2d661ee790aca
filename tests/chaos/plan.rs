//! Which faults, when, for how long and where. Pure: the plan follows from the seed alone, so that a run can be repeated
//! as far as timing allows.
//!
//! Invariants: faults of one target follow each other, with time between them to recover; at most [`OVERLAP`] are under
//! way at once; all have ended when the load ends. Redis loses what it had acknowledged only between rounds, where
//! nothing is queued ([`Loss`]).

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// How many processes of each role there are.
pub(crate) const WORKERS: usize = 3;
pub(crate) const SERVES: usize = 2;
/// How many faults may be under way at once.
pub(crate) const OVERLAP: usize = 3;
/// Between two faults of one target.
const APART: Duration = Duration::from_secs(3);
/// Before the first fault, and at most between two faults of one row.
const PAUSE: u64 = 5_000;

/// The steps at which a worker may die.
const EDGES: [&str; 10] = [
    "fetched",
    "claimed",
    "matched",
    "receipts-written",
    "rows-copied",
    "committed",
    "acknowledged",
    "restoration-marked",
    "claims-restored",
    "epoch-shown",
];
/// The edges that a worker comes to only where claims are missing.
const RESTORATION: usize = 7;
/// What is cut on its way to Redis, or its answer.
const REDIS_STEPS: [&str; 4] = ["XREADGROUP", "MSETNX", "XDEL", "XADD"];

/// Where a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Worker(usize),
    Serve(usize),
    Redis,
    Postgres,
    RedisLink,
    PostgresLink,
    Campaigns,
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL, and started again after the fault's time.
    Kill,
    /// Started anew so that it dies when it has come to this edge so many times.
    KillAt { edge: &'static str, after: u32 },
    /// SIGSTOP, and SIGCONT after the fault's time.
    Freeze,
    /// SIGTERM; it must drain and exit with 0, and is started again.
    Drain,
    /// Stopped in good order, and started again after the fault's time.
    Restart,
    /// The consumer groups of all streams vanish, or that of one.
    DestroyGroups { all: bool },
    /// All claims and epochs vanish.
    ForgetClaims,
    /// No room for anything new for a while.
    LittleMemory,
    /// All connections break.
    CutAll,
    /// Each piece takes so long.
    Delay { milliseconds: u64 },
    /// Bytes vanish for a while, and connections stay dead.
    BlackHole,
    /// A connection breaks at a step.
    CutAt { step: &'static str, place: Place, nth: usize },
    /// A campaign is created that no event triggers.
    ChangeCampaigns,
}

/// Where a connection breaks, seen from the step's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Before,
    Behind,
    Answer,
}

/// A fault, where and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// From the start of the round.
    pub(crate) at: Duration,
    pub(crate) lasts: Duration,
    pub(crate) target: Target,
    pub(crate) fault: Fault,
}

/// What Redis loses between two rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Everything: FLUSHALL.
    Everything,
    /// The end of its append-only file, so many bytes, and it is killed.
    Tail(u64),
}

/// One round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    /// How many events are sent more than once, in percent.
    pub(crate) duplicates: u32,
    /// In the order of their times.
    pub(crate) faults: Vec<Planned>,
    /// After the verdict.
    pub(crate) loss: Option<Loss>,
}

impl Planned {
    /// Its kind, for counting.
    pub(crate) fn kind(&self) -> String {
        let target = match self.target {
            Target::Worker(_) => "worker",
            Target::Serve(_) => "serve",
            Target::Redis => "Redis",
            Target::Postgres => "Postgres",
            Target::RedisLink => "link to Redis",
            Target::PostgresLink => "link to Postgres",
            Target::Campaigns => "campaigns",
        };
        let fault = match self.fault {
            Fault::Kill => "killed".to_owned(),
            Fault::KillAt { edge, .. } => format!("killed at {edge}"),
            Fault::Freeze => "frozen".to_owned(),
            Fault::Drain => "drained".to_owned(),
            Fault::Restart => "restarted".to_owned(),
            Fault::DestroyGroups { all: true } => "all groups destroyed".to_owned(),
            Fault::DestroyGroups { all: false } => "one group destroyed".to_owned(),
            Fault::ForgetClaims => "claims and epochs gone".to_owned(),
            Fault::LittleMemory => "memory full".to_owned(),
            Fault::CutAll => "cut".to_owned(),
            Fault::Delay { .. } => "delayed".to_owned(),
            Fault::BlackHole => "a black hole".to_owned(),
            Fault::CutAt { step, place, .. } => format!("cut at {step}, {place:?}").to_lowercase(),
            Fault::ChangeCampaigns => "changed".to_owned(),
        };
        format!("{target} {fault}")
    }
}

impl Loss {
    /// Its kind, for counting.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Everything => "Redis emptied (quiet)",
            Self::Tail(_) => "Redis' last writes lost (quiet)",
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, lasts) = (self.at.as_secs_f32(), self.lasts.as_secs_f32());
        write!(f, "{at:5.1} s  {:?} {:?}, {lasts:.1} s", self.target, self.fault)
    }
}

/// The plan of a round whose load lasts so long.
pub(crate) fn plan(seed: u64, round: u64, load: Duration) -> Round {
    let mut random = StdRng::seed_from_u64(seed ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let duplicates = random.random_range(10..=30);
    let mut faults: Vec<Planned> = Vec::new();
    for _ in 0..OVERLAP {
        let mut at = Duration::from_millis(random.random_range(1_000..PAUSE));
        while at < load {
            let fault = draw(&mut random, at);
            let end = at + fault.lasts;
            if end <= load && is_apart(&faults, &fault) {
                faults.push(fault);
                at = end;
            }
            at += Duration::from_millis(random.random_range(500..PAUSE));
        }
    }
    faults.sort_by_key(|planned| planned.at);
    Round { duplicates, faults, loss: draw_loss(&mut random) }
}

/// Whether the target has time to recover from its other faults.
fn is_apart(faults: &[Planned], new: &Planned) -> bool {
    let mut others = faults.iter().filter(|other| other.target == new.target);
    others.all(|other| new.at >= other.at + other.lasts + APART || other.at >= new.at + new.lasts + APART)
}

fn draw(random: &mut StdRng, at: Duration) -> Planned {
    let (target, fault) = match random.random_range(0..100) {
        0..30 => (Target::Worker(random.random_range(0..WORKERS)), draw_of_worker(random)),
        30..45 => (Target::Serve(random.random_range(0..SERVES)), draw_of_serve(random)),
        45..62 => (Target::Redis, draw_of_redis(random)),
        62..72 => (Target::Postgres, if random.random_bool(0.5) { Fault::Kill } else { Fault::Restart }),
        72..83 => (Target::RedisLink, draw_of_link(random, draw_redis_step)),
        83..96 => (Target::PostgresLink, draw_of_link(random, draw_postgres_step)),
        _ => (Target::Campaigns, Fault::ChangeCampaigns),
    };
    let milliseconds = match fault {
        Fault::Kill | Fault::Restart => random.random_range(100..3_000),
        Fault::KillAt { .. } => 6_000,
        Fault::Freeze => random.random_range(800..7_000),
        Fault::Drain => random.random_range(50..1_000),
        Fault::LittleMemory => random.random_range(1_000..5_000),
        Fault::Delay { .. } | Fault::BlackHole => random.random_range(1_000..6_000),
        Fault::CutAt { .. } => 4_000,
        Fault::DestroyGroups { .. } | Fault::ForgetClaims | Fault::CutAll | Fault::ChangeCampaigns => 100,
    };
    Planned { at, lasts: Duration::from_millis(milliseconds), target, fault }
}

fn draw_of_worker(random: &mut StdRng) -> Fault {
    match random.random_range(0..10) {
        0..2 => Fault::Kill,
        2..6 => {
            let edge = random.random_range(0..EDGES.len());
            // a restoration comes once, others' claims many times
            let after = if edge < RESTORATION { random.random_range(0..30) } else { 0 };
            Fault::KillAt { edge: EDGES[edge], after }
        }
        6..8 => Fault::Freeze,
        _ => Fault::Drain,
    }
}

fn draw_of_serve(random: &mut StdRng) -> Fault {
    match random.random_range(0..4) {
        0 => Fault::Kill,
        1 => Fault::KillAt { edge: "frames-appended", after: random.random_range(5..60) },
        2 => Fault::Freeze,
        _ => Fault::Drain,
    }
}

fn draw_of_redis(random: &mut StdRng) -> Fault {
    match random.random_range(0..6) {
        0 => Fault::Kill,
        1 => Fault::Restart,
        2 => Fault::DestroyGroups { all: random.random_bool(0.5) },
        3 => Fault::LittleMemory,
        _ => Fault::ForgetClaims,
    }
}

fn draw_of_link(random: &mut StdRng, step: fn(&mut StdRng) -> (&'static str, Place)) -> Fault {
    match random.random_range(0..6) {
        0 => Fault::CutAll,
        1 => Fault::Delay { milliseconds: random.random_range(5..50) },
        2 => Fault::BlackHole,
        _ => {
            let (step, place) = step(random);
            Fault::CutAt { step, place, nth: random.random_range(1..20) }
        }
    }
}

fn draw_redis_step(random: &mut StdRng) -> (&'static str, Place) {
    let step = REDIS_STEPS[random.random_range(0..REDIS_STEPS.len())];
    (step, if random.random_bool(0.7) { Place::Answer } else { Place::Before })
}

fn draw_postgres_step(random: &mut StdRng) -> (&'static str, Place) {
    match random.random_range(0..4) {
        0 => ("PGCOPY", Place::Behind),
        1 => ("COMMIT", Place::Before),
        2 => ("COMMIT", Place::Behind),
        _ => ("COMMIT", Place::Answer),
    }
}

fn draw_loss(random: &mut StdRng) -> Option<Loss> {
    match random.random_range(0..10) {
        0..3 => Some(Loss::Everything),
        3..5 => Some(Loss::Tail(random.random_range(1..200_000))),
        _ => None,
    }
}
