//! A lent connection, and what becomes of it when whoever has it is given up.
//!
//! A request whose time is over, or whose client has hung up, is dropped in the middle of a wait. The connection that it
//! waited for would be lent to the next one, who would wait for the same answer. So it is closed, or asked first whether it
//! answers; the other connections are left alone.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a connection whose request was dropped has to answer before it is closed.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

thread_local! {
    static GIVEN_UP: Cell<Option<GivenUp>> = const { Cell::new(None) };
}

/// Why work is given up that may wait for an answer of Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GivenUp {
    /// Its time is over: the answer did not come.
    TimedOut,
    /// Nobody wants its result any more.
    Unwanted,
}

/// A connection of a pool; it goes back when this is dropped.
#[derive(Debug)]
pub struct Lent(Option<Object>);

impl Lent {
    pub(super) fn new(connection: Object) -> Self {
        Self(Some(connection))
    }

    /// Takes the connection out of its pool.
    #[must_use]
    pub fn take(mut self) -> ClientWrapper {
        Object::take(self.0.take().expect("it is there until it is dropped"))
    }
}

impl Deref for Lent {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(connection), Some(why)) = (self.0.take(), GIVEN_UP.get()) else { return };
        match (why, Handle::try_current()) {
            (GivenUp::Unwanted, Ok(runtime)) => drop(runtime.spawn(probe(connection))),
            _ => drop(Object::take(connection)),
        }
    }
}

/// Gives a connection back to its pool if it answers, or closes it.
async fn probe(connection: Object) {
    if !matches!(timeout(PROBE_TIMEOUT, connection.batch_execute("")).await, Ok(Ok(()))) {
        drop(Object::take(connection));
    }
}

/// Does `work` within `limit`; `None` where that was too short.
///
/// The connections that it has lent when its time is over are closed. Where this future itself is dropped, they go back to
/// their pool once they answer. For that, `work` must be dropped next after this future, and [`Forget`] after both.
pub async fn answered_within<T>(limit: Duration, work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut reason = OnDrop(Some(GivenUp::Unwanted));
    let worked = timeout(limit, work).await.ok();
    reason.0 = if worked.is_some() { None } else { Some(GivenUp::TimedOut) };
    worked
}

/// Sets why work is given up, when it is dropped.
struct OnDrop(Option<GivenUp>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        GIVEN_UP.set(self.0);
    }
}

/// Has no work be given up any more, when it is dropped: declare it before the work, as what was declared last is dropped
/// first.
#[derive(Debug)]
pub struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        GIVEN_UP.set(None);
    }
}
