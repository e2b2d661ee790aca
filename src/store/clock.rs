//! Postgres' clock, which decides about partitions, retention, sealing and windows.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Pool, StoreError, within};
use crate::ops::clock::Reading;
use crate::ops::metrics::PostgresOperation;

/// How long Postgres may take to say what time it is: a reading is as wrong as half of that.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Reads Postgres' clock.
pub async fn clock(pool: &Pool) -> Result<Reading, StoreError> {
    within(TIMEOUT, pool, PostgresOperation::Clock, async |client| {
        let asked = async {
            let row = client.query_typed_one("select clock_timestamp()", &[]).await?;
            Ok::<Timestamp, StoreError>(row.try_get(0)?)
        };
        Reading::take(asked).await
    })
    .await
}

/// What time it is at Postgres.
pub async fn now(pool: &Pool) -> Result<Timestamp, StoreError> {
    Ok(clock(pool).await?.at(Instant::now()))
}
