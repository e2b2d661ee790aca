//! Every metric there is: names, labels and meanings stand here and nowhere else.
//!
//! Invariant: no label takes a value from input; each set of labels is closed.
#![expect(clippy::disallowed_macros, reason = "this is the one place where metrics are named")]

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::campaign::Catalog;
use crate::ledger::Day;
use crate::queue::Depth;
use crate::store::Receipt;

const BUILD: &str = "campaign_manager_build_info";
const INGEST_EVENTS: &str = "campaign_manager_ingest_events_total";
const INGEST_FRAMES: &str = "campaign_manager_ingest_frames_total";
const INGEST_FRAME_EVENTS: &str = "campaign_manager_ingest_frame_events";
const INGEST_BUFFER: &str = "campaign_manager_ingest_buffer_bytes";
const INGEST_OPEN: &str = "campaign_manager_ingest_open";
const QUEUE_EVENTS: &str = "campaign_manager_queue_events";
const QUEUE_BYTES: &str = "campaign_manager_queue_bytes";
const REDIS_MEMORY: &str = "campaign_manager_redis_memory_bytes";
const HTTP_REQUESTS: &str = "campaign_manager_http_requests_total";
const HTTP_RATE_LIMITED: &str = "campaign_manager_http_rate_limited_total";
const HTTP_SECONDS: &str = "campaign_manager_http_request_seconds";
const STAGE_BATCHES: &str = "campaign_manager_stage_batches_total";
const STAGE_EVENTS: &str = "campaign_manager_stage_events_total";
const STAGE_SECONDS: &str = "campaign_manager_stage_seconds";
const EVENTS: &str = "campaign_manager_events_total";
const TRIGGERS: &str = "campaign_manager_triggers_total";
const FRAMES_REDELIVERED: &str = "campaign_manager_frames_redelivered_total";
const FRAMES_RECLAIMED: &str = "campaign_manager_frames_reclaimed_total";
const FRAMES_ACKNOWLEDGED: &str = "campaign_manager_frames_acknowledged_total";
const CLAIMS_RESTORED: &str = "campaign_manager_claims_restored_total";
const CLAIMS_RESTORATIONS: &str = "campaign_manager_claim_restorations_total";
const CLAIMS_RESTORATION_SECONDS: &str = "campaign_manager_claim_restoration_seconds";
const BATCHES_CLAIMED_AGAIN: &str = "campaign_manager_batches_claimed_again_total";
const LEDGER: &str = "campaign_manager_ledger_events";
const CATALOG_REVISION: &str = "campaign_manager_catalog_revision";
const CATALOG_CAMPAIGNS: &str = "campaign_manager_catalog_campaigns";
const CATALOG_SECONDS: &str = "campaign_manager_catalog_compile_seconds";
const CATALOG_FAILURES: &str = "campaign_manager_catalog_failures_total";
const PARTITIONS_UNSEALED: &str = "campaign_manager_partitions_unsealed";
const PARTITIONS_SEALED: &str = "campaign_manager_partitions_sealed_total";
const SEAL_SECONDS: &str = "campaign_manager_partition_seal_seconds";
const DUPLICATE_IDS: &str = "campaign_manager_duplicate_ids_total";

const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
const LONG_SECONDS: [f64; 9] = [0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0];
const SIZES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

/// Installs the process' recorder. What it returns renders the metrics in Prometheus' text format.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(INGEST_FRAME_EVENTS.to_owned()), &SIZES)?
        .set_buckets_for_metric(Matcher::Full(SEAL_SECONDS.to_owned()), &LONG_SECONDS)?
        .install_recorder()?;
    describe();
    // From the start, so that the first increase shows as one.
    counter!(DUPLICATE_IDS).absolute(0);
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

fn describe() {
    describe_gauge!(BUILD, "1, labelled with the version that runs");
    describe_counter!(INGEST_EVENTS, "Events received, by result: accepted, rejected, unavailable");
    describe_counter!(INGEST_FRAMES, "Frames that Redis acknowledged");
    describe_histogram!(INGEST_FRAME_EVENTS, "Events in a frame");
    describe_gauge!(INGEST_BUFFER, Unit::Bytes, "Events that wait for Redis to acknowledge them");
    describe_gauge!(INGEST_OPEN, "1 while events are accepted, 0 over the high-water mark");
    describe_gauge!(QUEUE_EVENTS, "Events in the streams");
    describe_gauge!(QUEUE_BYTES, Unit::Bytes, "Bytes of the frames in the streams");
    describe_gauge!(REDIS_MEMORY, Unit::Bytes, "Memory that Redis uses");
    describe_counter!(HTTP_REQUESTS, "Requests answered, by class of status");
    describe_counter!(HTTP_RATE_LIMITED, "Requests refused, as more was sent with their key than it allows");
    describe_histogram!(HTTP_SECONDS, Unit::Seconds, "From a request's headers to its answer");
    describe_counter!(STAGE_BATCHES, "Batches that a stage of the worker finished");
    describe_counter!(STAGE_EVENTS, "Events that a stage of the worker finished");
    describe_histogram!(
        STAGE_SECONDS,
        Unit::Seconds,
        "Time that a stage took for a batch, waits for the server included"
    );
    describe_counter!(EVENTS, "Events that left the queue, by outcome: stored, duplicate, dead_lettered");
    describe_counter!(TRIGGERS, "Triggers stored");
    describe_counter!(FRAMES_REDELIVERED, "Frames that were stored before and were only acknowledged again");
    describe_counter!(FRAMES_RECLAIMED, "Frames taken over from a worker that did not finish them");
    describe_counter!(FRAMES_ACKNOWLEDGED, "Frames acknowledged and deleted");
    describe_counter!(
        CLAIMS_RESTORED,
        "Claims written back to Redis after it had lost some; grows while it is done"
    );
    describe_counter!(
        CLAIMS_RESTORATIONS,
        "Times that claims were restored, by cause: lost (Redis came without them), restarted (it may lack the last)"
    );
    describe_histogram!(CLAIMS_RESTORATION_SECONDS, Unit::Seconds, "Time that restoring the claims took");
    describe_counter!(
        BATCHES_CLAIMED_AGAIN,
        "Batches claimed again, as claims were lost before they were stored"
    );
    describe_gauge!(
        LEDGER,
        "Events of a day (current, previous; UTC) by outcome: accepted, stored, duplicate, dead_lettered, in_flight. \
        Less than none in flight, or some while nothing is queued, means that a server lost something"
    );
    describe_gauge!(CATALOG_REVISION, "Revision of the newest campaign change that is matched against");
    describe_gauge!(CATALOG_CAMPAIGNS, "Active campaigns that are matched against");
    describe_histogram!(CATALOG_SECONDS, Unit::Seconds, "Time to compile the rules of all active campaigns");
    describe_counter!(CATALOG_FAILURES, "Changes of campaigns that could not be taken over");
    describe_gauge!(PARTITIONS_UNSEALED, "Partitions that have closed and are not sealed yet");
    describe_counter!(PARTITIONS_SEALED, "Partitions sealed: their indexes were built");
    describe_histogram!(SEAL_SECONDS, Unit::Seconds, "Time to seal a partition");
    describe_counter!(
        DUPLICATE_IDS,
        "Event ids that a sealed partition holds more than once; there should be none"
    );
}

/// What a request's events met.
#[derive(Clone, Copy, Debug)]
pub enum IngestResult {
    /// In the queue.
    Accepted,
    /// Refused, with a reason.
    Rejected,
    /// Not taken now; to be sent again.
    Unavailable,
}

impl IngestResult {
    /// That of a submission.
    #[must_use]
    pub fn of<E>(submitted: &Result<(), E>) -> Self {
        if submitted.is_ok() { Self::Accepted } else { Self::Unavailable }
    }
}

/// Events of a request, by result.
pub fn ingest_events(result: IngestResult, events: usize) {
    let result = match result {
        IngestResult::Accepted => "accepted",
        IngestResult::Rejected => "rejected",
        IngestResult::Unavailable => "unavailable",
    };
    counter!(INGEST_EVENTS, "result" => result).increment(events as u64);
}

/// A frame that Redis acknowledged.
#[expect(clippy::cast_precision_loss, reason = "a frame has far fewer events than a double is exact for")]
pub fn frame_sent(events: usize) {
    counter!(INGEST_FRAMES).increment(1);
    histogram!(INGEST_FRAME_EVENTS).record(events as f64);
}

/// Bytes that wait for Redis.
#[expect(clippy::cast_precision_loss, reason = "a buffer is far smaller than a double is exact for")]
pub fn ingest_buffer(bytes: usize) {
    gauge!(INGEST_BUFFER).set(bytes as f64);
}

/// Whether events are accepted.
pub fn ingest_open(open: bool) {
    gauge!(INGEST_OPEN).set(if open { 1.0 } else { 0.0 });
}

/// What lies in the streams, and the memory that Redis uses.
#[expect(clippy::cast_precision_loss, reason = "far less than a double is exact for")]
pub fn queue_depth(depth: Depth, memory: u64) {
    gauge!(QUEUE_EVENTS).set(depth.events as f64);
    gauge!(QUEUE_BYTES).set(depth.bytes as f64);
    gauge!(REDIS_MEMORY).set(memory as f64);
}

/// A request that was answered.
pub fn http_request(status: u16, took: Duration) {
    let class = match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    counter!(HTTP_REQUESTS, "class" => class).increment(1);
    histogram!(HTTP_SECONDS).record(took);
}

/// A request that was refused for the rate limit of its key.
pub fn http_rate_limited() {
    counter!(HTTP_RATE_LIMITED).increment(1);
}

/// A stage of the worker.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    /// Streams → batches.
    Fetch,
    /// Which events are new.
    Dedupe,
    /// Which campaigns they trigger.
    Match,
    /// Rows.
    Store,
}

/// A batch that a stage finished; without a time where most of it is waiting for work.
pub fn stage_done(stage: Stage, events: usize, took: Option<Duration>) {
    let stage = match stage {
        Stage::Fetch => "fetch",
        Stage::Dedupe => "dedupe",
        Stage::Match => "match",
        Stage::Store => "store",
    };
    counter!(STAGE_BATCHES, "stage" => stage).increment(1);
    counter!(STAGE_EVENTS, "stage" => stage).increment(events as u64);
    if let Some(took) = took {
        histogram!(STAGE_SECONDS, "stage" => stage).record(took);
    }
}

/// A frame whose receipt was committed.
pub fn frame_stored(receipt: &Receipt) {
    counter!(EVENTS, "outcome" => "stored").increment(u64::from(receipt.stored));
    counter!(EVENTS, "outcome" => "duplicate").increment(u64::from(receipt.duplicates));
    counter!(EVENTS, "outcome" => "dead_lettered").increment(u64::from(receipt.dead_lettered));
}

/// Triggers that were committed.
pub fn triggers_stored(triggers: usize) {
    counter!(TRIGGERS).increment(triggers as u64);
}

/// A frame that had a receipt already.
pub fn frame_redelivered() {
    counter!(FRAMES_REDELIVERED).increment(1);
}

/// Frames taken over.
pub fn frames_reclaimed(frames: usize) {
    counter!(FRAMES_RECLAIMED).increment(frames as u64);
}

/// Frames that left the queue.
pub fn frames_acknowledged(frames: usize) {
    counter!(FRAMES_ACKNOWLEDGED).increment(frames as u64);
}

/// Claims that were written back.
pub fn claims_restoring(claims: usize) {
    counter!(CLAIMS_RESTORED).increment(claims as u64);
}

/// Claims are whole again.
pub fn claims_restored(lost: bool, took: Duration) {
    let cause = if lost { "lost" } else { "restarted" };
    counter!(CLAIMS_RESTORATIONS, "cause" => cause).increment(1);
    histogram!(CLAIMS_RESTORATION_SECONDS).record(took);
}

/// A batch whose claims were lost before it was stored.
pub fn batch_claimed_again() {
    counter!(BATCHES_CLAIMED_AGAIN).increment(1);
}

/// A day whose ledger is exported.
#[derive(Clone, Copy, Debug)]
pub enum LedgerDay {
    /// Today.
    Current,
    /// Yesterday.
    Previous,
}

/// The ledger of a day; nothing where nothing happened.
#[expect(clippy::cast_precision_loss, reason = "far fewer events than a double is exact for")]
pub fn ledger(day: LedgerDay, ledger: Option<&Day>) {
    let day = match day {
        LedgerDay::Current => "current",
        LedgerDay::Previous => "previous",
    };
    let set = |outcome, events: f64| gauge!(LEDGER, "day" => day, "outcome" => outcome).set(events);
    let count = |of: fn(&Day) -> u64| ledger.map_or(0.0, |ledger| of(ledger) as f64);
    set("accepted", count(|day| day.accepted));
    set("stored", count(|day| day.stored));
    set("duplicate", count(|day| day.duplicate));
    set("dead_lettered", count(|day| day.dead_lettered));
    set("in_flight", ledger.map_or(0.0, |ledger| ledger.in_flight as f64));
}

/// A catalog that was swapped in.
#[expect(clippy::cast_precision_loss, reason = "far fewer campaigns and changes than a double is exact for")]
pub fn catalog_compiled(catalog: &Catalog, took: Duration) {
    gauge!(CATALOG_REVISION).set(catalog.revision() as f64);
    gauge!(CATALOG_CAMPAIGNS).set(catalog.len() as f64);
    histogram!(CATALOG_SECONDS).record(took);
}

/// A change of campaigns that could not be taken over.
pub fn catalog_failed() {
    counter!(CATALOG_FAILURES).increment(1);
}

/// Partitions that are due to be sealed.
#[expect(clippy::cast_precision_loss, reason = "far fewer partitions than a double is exact for")]
pub fn partitions_unsealed(partitions: usize) {
    gauge!(PARTITIONS_UNSEALED).set(partitions as f64);
}

/// A partition that was sealed.
pub fn partition_sealed(took: Duration, duplicate_ids: u64) {
    counter!(PARTITIONS_SEALED).increment(1);
    histogram!(SEAL_SECONDS).record(took);
    counter!(DUPLICATE_IDS).increment(duplicate_ids);
}
