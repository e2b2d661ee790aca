//! What all faults of a round share: where everything is, since when it runs, and what was counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bb8_redis::redis::{self, RedisResult, aio::MultiplexedConnection};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::support::{Oracle, Urls, connect_redis};

/// All keys that say what was claimed, at one moment: without the epochs, workers know that claims are missing.
const FORGET: &str = "for _, pattern in ipairs({'dedupe:*', 'claim-epoch:*'}) do
    for _, key in ipairs(redis.call('KEYS', pattern)) do redis.call('UNLINK', key) end
end
return 1";

/// How often each kind of fault happened.
pub(crate) type Counts = BTreeMap<String, usize>;

/// The shared part of a round.
pub(crate) struct Scene<'a> {
    pub(crate) oracle: &'a Oracle,
    /// By way of the proxies.
    pub(crate) urls: &'a Urls,
    /// Redis itself.
    pub(crate) redis_url: &'a str,
    /// Where each serving process listens.
    pub(crate) addresses: &'a RefCell<Vec<SocketAddr>>,
    pub(crate) counts: &'a RefCell<Counts>,
    pub(crate) start: Instant,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Scene<'_> {
    /// Waits for a moment of the round; `false` where the round ends before it.
    pub(crate) async fn until(&self, at: Duration) -> bool {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => false,
            () = sleep_until(self.start + at) => true,
        }
    }

    pub(crate) fn count(&self, kind: String) {
        *self.counts.borrow_mut().entry(kind).or_default() += 1;
    }

    /// A serving process listens elsewhere now.
    pub(crate) fn moved(&self, index: usize, addr: SocketAddr) {
        self.addresses.borrow_mut()[index] = addr;
        self.oracle.redirect_to(self.addresses.borrow().clone());
    }

    pub(crate) async fn redis(&self) -> RedisResult<MultiplexedConnection> {
        connect_redis(self.redis_url).await
    }

    /// Takes all claims and epochs from Redis.
    pub(crate) async fn forget_claims(&self) -> RedisResult<()> {
        redis::cmd("EVAL").arg(FORGET).arg(0).query_async(&mut self.redis().await?).await
    }
}
