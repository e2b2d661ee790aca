//! What time it is: by Postgres' clock, not by this machine's.
//!
//! Every process reads the clocks of Postgres and Redis again and again. [`now`] is the time at Postgres, carried on by this
//! process' monotonic clock, so it neither follows a wrong clock of this machine nor jumps with it. As long as Postgres has
//! never answered, it is the time at Redis; as long as neither has, it is the time of this machine when the process started,
//! carried on in the same way.
//!
//! Invariant: nothing in the program reads the clock of this machine but [`own`].

mod own;
mod reading;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

pub use own::own;
pub use reading::Reading;

use super::metrics::Server;

/// How far this machine's clock may be from a server's before the process says so.
pub const MAX_DIFFERENCE: Duration = Duration::from_secs(5);

/// The time since the Unix epoch is `ahead` plus what has passed since `began`, in microseconds.
struct Clock {
    began: Instant,
    ahead: AtomicI64,
    readings: Mutex<Readings>,
}

/// The best readings so far.
#[derive(Default)]
struct Readings {
    postgres: Option<Reading>,
    /// Of the node whose clock is furthest from this machine's.
    redis: Option<Reading>,
}

static CLOCK: LazyLock<Clock> = LazyLock::new(|| Clock {
    began: Instant::now(),
    ahead: AtomicI64::new(own().as_microsecond()),
    readings: Mutex::default(),
});

/// The time at Postgres, as well as it is known.
#[must_use]
pub fn now() -> Timestamp {
    let Clock { began, ahead, .. } = &*CLOCK;
    let passed = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
    let time = ahead.load(Ordering::Relaxed).saturating_add(passed);
    Timestamp::from_microsecond(time).unwrap_or(Timestamp::MAX)
}

/// Takes the clock of Postgres for the time.
pub fn follow_postgres(reading: Reading) {
    let mut readings = readings();
    Reading::refine(&mut readings.postgres, reading);
    readings.set();
}

/// Takes the clocks of Redis, one a node, for the time until Postgres' is known.
pub fn follow_redis(read: impl IntoIterator<Item = Reading>) {
    let (own, at) = (own(), Instant::now());
    let furthest = read.into_iter().max_by_key(|reading| own.duration_since(reading.at(at)).abs());
    let mut readings = readings();
    // Nodes may differ, so the last reading is compared with nothing.
    readings.redis = furthest.or(readings.redis.take());
    readings.set();
}

/// How far this machine's clock is ahead of the server's; less than nothing where it is behind, `None` before the server
/// has answered.
#[must_use]
pub fn difference(server: Server) -> Option<SignedDuration> {
    let readings = readings();
    let reading = match server {
        Server::Postgres => readings.postgres.as_ref(),
        Server::Redis => readings.redis.as_ref(),
    };
    reading.map(|reading| own().duration_since(reading.at(Instant::now())))
}

/// Whether this machine's clock is that of its servers; the error says how far it is from them.
pub fn check() -> Result<(), String> {
    let wrong: Vec<String> = [Server::Postgres, Server::Redis].into_iter().filter_map(complaint).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// What is wrong with this machine's clock beside the server's.
fn complaint(server: Server) -> Option<String> {
    let difference = difference(server).filter(|difference| is_too_far(*difference))?;
    let name = match server {
        Server::Postgres => "Postgres",
        Server::Redis => "Redis",
    };
    let side = if difference.is_negative() { "behind" } else { "ahead of" };
    Some(format!("this machine's clock is {:.1}s {side} that of {name}", difference.abs().as_secs_f64()))
}

/// Whether a difference is more than a few seconds.
#[must_use]
pub fn is_too_far(difference: SignedDuration) -> bool {
    difference.unsigned_abs() > MAX_DIFFERENCE
}

fn readings() -> MutexGuard<'static, Readings> {
    CLOCK.readings.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Readings {
    fn set(&self) {
        if let Some(reading) = self.postgres.as_ref().or(self.redis.as_ref()) {
            CLOCK.ahead.store(reading.at(CLOCK.began).as_microsecond(), Ordering::Relaxed);
        }
    }
}
