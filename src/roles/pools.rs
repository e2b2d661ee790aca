//! How many connections the pools of a part have, for the metrics.

use std::time::Duration;

use crate::ops::Periodic;
use crate::ops::metrics::PoolGauges;
use crate::{queue, store};

/// Between two looks at the pools.
const LOOK: Duration = Duration::from_secs(1);

/// Looks at a part's pools again and again, until it is dropped.
pub(super) async fn watch_pools(redis: queue::Pool, postgres: store::Pool) {
    let (mut redis_gauges, mut postgres_gauges) = (PoolGauges::redis(), PoolGauges::postgres());
    let mut looks = Periodic::every(LOOK);
    loop {
        looks.next().await;
        redis_gauges.show(redis.state());
        postgres_gauges.show(postgres.state());
    }
}
