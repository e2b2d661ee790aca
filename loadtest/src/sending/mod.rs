//! Sends the workload: over many connections, in a closed or an open loop, each request until it is settled.

mod schedule;
mod offer;
mod pacer;
mod verdict;
mod backoff;
mod tally;
mod sender;

pub(crate) use offer::Offer;
pub use tally::{Counts, Tally};

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use crate::LoadError;
use crate::load::{Load, Volume};
use crate::target::Connection;
use crate::workload::Workload;
use sender::{Halt, Shared};

/// So many connections open at once, so that thousands do not overrun the queue of those that wait to be accepted.
const OPEN_AT_ONCE: usize = 64;

/// Opens the connections that the run uses, all before it begins.
pub async fn connect(load: &Load) -> Result<Vec<Connection>, LoadError> {
    let unreachable = |source| LoadError::Unreachable { target: load.target.to_string(), source };
    let opening = (0..load.connections.get()).map(|_| async {
        let mut connection = Connection::new(&load.target);
        connection.open().await.map(|()| connection).map_err(unreachable)
    });
    stream::iter(opening).buffer_unordered(OPEN_AT_ONCE).try_collect().await
}

/// How sending went.
#[derive(Clone, Debug)]
pub struct Sent {
    /// From the first request to the last answer.
    pub duration: Duration,
    /// From the first request until no more was to be sent, where that was before all was sent.
    pub halted_after: Option<Duration>,
    /// Why sending ended before its time, if it did so of its own accord.
    pub ended_early: Option<String>,
}

/// Sends until the volume is reached or `stop` is. What becomes of the events is noted in `tally`.
pub async fn send(
    load: &Load,
    connections: Vec<Connection>,
    workload: Arc<Workload>,
    tally: Arc<Tally>,
    stop: impl Future<Output = ()>,
) -> Sent {
    let start = Instant::now();
    let shared = Arc::new(Shared::new(load, workload, tally));
    let mut senders: JoinSet<()> =
        connections.into_iter().map(|connection| sender::send(Arc::clone(&shared), connection)).collect();
    let over = async {
        match load.volume {
            Volume::Time(time) => tokio::time::sleep(time).await,
            Volume::Events(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = finish(&mut senders) => {}
        () = async { tokio::select! { () = over => {}, () = stop => {} } } => shared.halt(Halt::Told),
    }
    finish(&mut senders).await;
    let duration = start.elapsed();
    let halt = shared.halt.borrow();
    let ended_early = match &*halt {
        Some((Halt::Hopeless(why), _)) => Some(why.clone()),
        Some((Halt::Told, _)) | None => None,
    };
    let halted_after = halt.as_ref().map(|(_, at)| at.duration_since(start));
    Sent { duration, halted_after, ended_early }
}

async fn finish(senders: &mut JoinSet<()>) {
    while let Some(ended) = senders.join_next().await {
        ended.expect("a connection's task neither panics nor is aborted");
    }
}
