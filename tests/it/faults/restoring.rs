//! A worker killed at each edge of the restoration of claims: the next one begins it anew.

use std::fmt::Write as _;

use bb8_redis::redis;

use super::{SMALL_BATCHES, System};
use crate::support::{Running, until_drained};

/// All claims are gone, and what says that they are whole.
const LOST: &str = "lost";
/// Redis was restarted, and has none of the claims of the last minute.
const RESTARTED: &str = "restarted";

/// Stores events, has Redis lose their claims, and kills the worker that restores them; another goes on.
async fn killed_at(edge: &str, loss: &str) {
    let mut system = System::start().await;
    let first = system.worker().await;
    system.oracle.send(600).await;
    until_drained(&system.stores).await;
    first.drain().await;
    lose(&mut system, loss).await;

    system.oracle.rewind();
    system.oracle.start();
    let mut doomed = Running::doomed_worker(&system.urls, &SMALL_BATCHES, &format!("{edge}=return"));
    doomed.until_killed().await;
    let next = system.two_workers().await;
    system.oracle.until_recovered(&system.stores).await;
    let mut fault = format!("restorer killed at {edge}");
    write!(fault, ", claims {loss}").unwrap();
    system.assert_known(&fault, next).await;
}

async fn lose(system: &mut System, loss: &str) {
    if loss == LOST {
        return system.lose_claims().await;
    }
    let mut connection = system.stores.redis().await;
    let claims: Vec<Vec<u8>> = redis::cmd("KEYS").arg("dedupe:*").query_async(&mut connection).await.unwrap();
    let () = redis::cmd("UNLINK").arg(claims).query_async(&mut connection).await.unwrap();
    system.stores.servers.redis.kill().await;
    system.stores.servers.redis.start().await.unwrap();
}

macro_rules! a_worker_killed {
    ($($test:ident: $edge:literal, $loss:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            killed_at($edge, $loss).await;
        }
    )*};
}

a_worker_killed! {
    killed_after_its_mark_the_next_restores_all_claims: "restoration-marked", LOST;
    killed_amid_the_claims_the_next_restores_all_claims: "claims-restoring", LOST;
    killed_after_the_claims_the_next_restores_all_claims: "claims-restored", LOST;
    killed_after_showing_the_epoch_the_next_restores_all_claims: "epoch-shown", LOST;
    killed_after_its_mark_the_next_restores_the_last_claims: "restoration-marked", RESTARTED;
    killed_amid_the_claims_the_next_restores_the_last_claims: "claims-restoring", RESTARTED;
    killed_after_the_claims_the_next_restores_the_last_claims: "claims-restored", RESTARTED;
    killed_after_showing_the_epoch_the_next_restores_the_last_claims: "epoch-shown", RESTARTED;
}
