//! The promise under faults: every acknowledged event is stored exactly once, with its triggers. `docs/guarantees.md` says
//! what that means; each test here breaks something under load, and has the oracle compare.

mod black_hole;
mod claims;
#[cfg(feature = "fail-points")]
mod clocks;
mod crowd;
mod duplicates;
#[cfg(feature = "fail-points")]
mod edges;
mod freezing;
mod heads;
mod hostile;
#[cfg(feature = "fail-points")]
mod killer;
mod overload;
mod poison;
mod postgres;
mod press;
mod quiet;
mod refusals;
mod redis;
#[cfg(feature = "fail-points")]
mod restoring;
mod serve;
mod shutdown;
mod slow_bodies;

use crate::support::{DEADLINE, Oracle, Running, TestStores, Urls, until, until_drained};

/// What every test here breaks something of: servers, a serving process, and an oracle that has not sent yet.
struct System {
    stores: TestStores,
    /// By which our processes find the servers.
    urls: Urls,
    serve: Running,
    oracle: Oracle,
}

/// Small batches, so that there are many of them, and others' frames are taken over soon.
const SMALL_BATCHES: [&str; 2] = ["--batch-events=100", "--reclaim-after=200ms"];

impl System {
    async fn start() -> Self {
        let stores = TestStores::start().await;
        let urls = Urls::of(&stores);
        let (serve, addr) = Running::serve(&urls, &[], "").await;
        Self { oracle: Oracle::new(addr).await, stores, urls, serve }
    }

    /// A worker with small batches.
    async fn worker(&self) -> Running {
        Running::worker(&self.urls, &SMALL_BATCHES).await
    }

    /// Two of them.
    async fn two_workers(&self) -> Vec<Running> {
        vec![self.worker().await, self.worker().await]
    }

    /// Has Redis lose its claims, and with them, at the same moment, what says that they are whole. Claims laid after it was
    /// asked for their names stay: nobody believes them without their epoch.
    async fn lose_claims(&self) {
        let mut redis = self.stores.redis().await;
        let mut keys: Vec<Vec<u8>> = Vec::new();
        until("claims that may be lost", DEADLINE, async || {
            for pattern in ["dedupe:*", "claim-epoch:*"] {
                let found = bb8_redis::redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await;
                keys.extend::<Vec<Vec<u8>>>(found.unwrap());
            }
            !keys.is_empty()
        })
        .await;
        let () = bb8_redis::redis::cmd("UNLINK").arg(keys).query_async(&mut redis).await.unwrap();
    }

    /// Ends the load and has everything sent again. All of it must be known.
    async fn assert_known(mut self, fault: &str, workers: Vec<Running>) {
        self.oracle.stop().await;
        self.oracle.send_again().await;
        self.assert_kept(fault, workers).await;
    }

    /// Starts another serving process and sends to it; what is returned is the one before.
    async fn serve_again(&mut self) -> Running {
        let (serve, addr) = Running::serve(&self.urls, &[], "").await;
        self.oracle.redirect(addr);
        std::mem::replace(&mut self.serve, serve)
    }

    /// Ends the load, and when all is done the processes, in good order. Then the promise must have been kept.
    async fn assert_kept(mut self, fault: &str, workers: Vec<Running>) {
        self.oracle.stop().await;
        until_drained(&self.stores).await;
        for worker in workers {
            worker.drain().await;
        }
        self.serve.drain().await;
        self.oracle.verdict(&self.stores, fault).await.assert_kept();
    }
}
