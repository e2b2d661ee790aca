//! What a process counts and measures, for Prometheus.
//!
//! [`CATALOGUE`] names every metric. The rest of the code reports what happened, with the functions here, and names none.
//!
//! Invariants: no label takes a value from input; each set of labels is closed, and each of its series is shown from the
//! start. Recording takes no lock and looks nothing up.

mod label;
mod metric;
mod catalogue;
mod exporter;
mod edge;
mod servers;
mod stages;
mod outcomes;
mod upkeep;

pub use catalogue::CATALOGUE;
pub use edge::{
    Held, body_refused, connection, frame_sent, http_rate_limited, http_request, ingest_buffer,
    ingest_events, ingest_open, ingest_refused, request, sign_in_failed,
};
pub use exporter::{Exporter, InstallError, UPKEEP, install};
pub use label::{
    BodyRefusal, Cause, ClaimResult, ConnectionState, IngestRefusal, IngestResult, Label, Labels, LedgerDay,
    LedgerEntry, Mark, Outcome, PostgresOperation, RedisOperation, Server, SignInFailure, Stage, StatusClass,
    Sweep, Version, series,
};
pub use metric::{Kind, Metric, Part};
pub use outcomes::{
    batch_claimed_again, claims_restored, claims_restoring, frame_redelivered, frame_stored,
    frames_acknowledged, frames_reclaimed, triggers_stored,
};
pub use servers::{
    Failure, Operation, PoolGauges, PoolState, clock_difference, postgres_pool_wait, queue_looked_at,
    queue_marks, redis_disk, redis_pool_wait, timed,
};
pub use stages::{
    Matches, claims_laid, claims_swept, match_held_up, rule_set_aside, stage_blocked, stage_done,
    stage_received, stage_sends, stage_starved, stage_took,
};
pub use upkeep::{
    catalog_compiled, catalog_failed, ledger, ledger_unreported, partition_sealed, partitions_unsealed,
};

/// A count as a gauge or a sample takes it.
#[expect(clippy::cast_precision_loss, reason = "what is counted here is far less than a double is exact for")]
fn float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
