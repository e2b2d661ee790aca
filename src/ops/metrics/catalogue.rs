//! Every metric there is: name, kind, labels, buckets and meaning stand here and nowhere else. `docs/metrics.md` lists them.
//!
//! Invariants: a name is written once, so nothing can be recorded that is not listed; every histogram has buckets.

use metrics::NoopRecorder;

use super::label::{
    BodyRefusal, Cause, ClaimResult, ConnectionState, IngestRefusal, IngestResult, Labels, LedgerDay,
    LedgerEntry, Mark, Outcome, PostgresOperation, RedisOperation, Server, SignInFailure, Stage, StatusClass,
    Sweep, Version,
};
use super::metric::{Counter, Each, Gauge, Histogram, Kind, Metric, Part, Registrar};

/// Work and waits within a process, and round trips. The bounds that alerts ask about are among them.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0,
];
/// From an event's acceptance to its row, which may lie in the queue between.
const AGES: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0,
];
/// What is done in the background, and takes its time.
const LONG_SECONDS: &[f64] = &[0.01, 0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0];
const FRAME_EVENTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
const BATCH_EVENTS: &[f64] =
    &[1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 25_000.0];
/// Powers of four, from a small event to a large request.
const BYTES: &[f64] = &[256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0];
const TRIGGERS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 25.0, 50.0, 100.0, 1000.0];

macro_rules! buckets {
    () => {
        &[]
    };
    ($buckets:ident) => {
        $buckets
    };
}

macro_rules! catalogue {
    ($($group:literal { $(
        $name:ident: $kind:ident<$labels:ty> $(in $buckets:ident)?, $part:ident, $help:literal;
    )+ })+) => {
        /// Every metric there is, group by group.
        pub const CATALOGUE: &[Metric] = &[$($(Metric {
            name: concat!("campaign_manager_", stringify!($name)),
            group: $group,
            kind: Kind::$kind,
            part: Part::$part,
            labels: <$labels as Labels>::ALL,
            buckets: buckets!($($buckets)?),
            help: $help,
        },)+)+];

        /// A handle for each series of each metric.
        pub(super) struct Handles {
            $($(pub(super) $name: $kind<$labels>,)+)+
        }

        impl Handles {
            /// Registers every series that the registrar's process shows.
            pub(super) fn register<R: metrics::Recorder>(registrar: &Registrar<'_, R>) -> Self {
                let mut metrics = CATALOGUE.iter();
                let mut next = || metrics.next().expect("both lists are written by one macro");
                Self { $($($name: Each::register(next(), registrar),)+)+ }
            }
        }
    };
}

impl Handles {
    /// Handles that record nothing.
    pub(super) fn noop() -> Self {
        Self::register(&Registrar { recorder: &NoopRecorder, parts: &[] })
    }
}

catalogue! {
    "Process" {
        build_info: Gauge<Version>, Any, "1, labelled with the version that runs";
        clock_difference_seconds: Gauge<Server>, Any,
            "How far this machine's clock is ahead of the server's; less than 0 where it is behind, 0 before the server has \
            answered; of a cluster, the node that is furthest away";
    }
    "HTTP" {
        http_requests_total: Counter<StatusClass>, Serve, "Requests answered, by class of status";
        http_request_seconds: Histogram<()> in SECONDS, Serve, "From a request's headers to its answer";
        http_requests_in_flight: Gauge<()>, Serve, "Requests that are being answered";
        http_connections: Gauge<()>, Serve, "Connections of clients";
        http_rate_limited_total: Counter<()>, Serve,
            "Requests refused, as more was sent with their key than it allows";
        http_bodies_refused_total: Counter<BodyRefusal>, Serve,
            "Bodies that were not received: no room for them in time, gave way to a sender with less, or came too slowly";
        http_sign_in_failures_total: Counter<SignInFailure>, Serve,
            "Requests whose API key did not let them in: missing, unknown or revoked, or of another scope";
    }
    "Ingest" {
        ingest_events_total: Counter<IngestResult>, Serve,
            "Events received: accepted (queued), rejected (refused for good), unavailable (to be sent again); \
            what is refused before it is read is not among them";
        ingest_refused_requests_total: Counter<IngestRefusal>, Serve,
            "Requests whose events were not taken, to be sent again; overloaded and unusable: mostly before they were read";
        ingest_bytes_total: Counter<()>, Serve, "Bytes that accepted events take in frames";
        ingest_frames_total: Counter<()>, Serve, "Frames that Redis acknowledged";
        ingest_frame_events: Histogram<()> in FRAME_EVENTS, Serve, "Events in a frame";
        ingest_frame_bytes: Histogram<()> in BYTES, Serve, "Bytes of a frame";
        ingest_buffer_bytes: Gauge<()>, Serve, "Bytes of the events that wait for Redis to acknowledge them";
        ingest_buffer_events: Gauge<()>, Serve, "Events that wait for Redis to acknowledge them";
        ingest_open: Gauge<()>, Serve,
            "1 while events are accepted, 0 over the high-water mark or while Redis must not be written to";
    }
    "Queue" {
        queue_events: Gauge<()>, Any, "Events in the streams; every process shows the same";
        queue_bytes: Gauge<()>, Any, "Bytes of the frames in the streams; every process shows the same";
        queue_oldest_seconds: Gauge<()>, Any,
            "Age of the oldest frame that is not acknowledged; 0 where there is none; every process shows the same";
        queue_look_timestamp_seconds: Gauge<()>, Any,
            "When this process looked at the queue last (Unix time), 0 before the first time; what it shows of the queue, and \
            of Redis' memory, is as old";
        queue_marks_bytes: Gauge<Mark>, Serve,
            "The marks that close ingest and open it again, in bytes that what is queued needs with its claims; of a cluster, the fullest node's";
    }
    "Redis" {
        redis_memory_bytes: Gauge<()>, Any, "Memory that Redis uses; of a cluster, its fullest node";
        redis_memory_max_bytes: Gauge<()>, Any, "Memory that Redis may use, or that node; 0 where it sets no limit";
        redis_delayed_fsyncs: Gauge<()>, Any,
            "Writes of Redis that waited for an fsync of more than two seconds, since it started (aof_delayed_fsync); of a \
            cluster, of all nodes";
        redis_unwritten_bytes: Gauge<()>, Any,
            "Bytes that Redis had acknowledged and not written when it was looked at, as an fsync was under way or its disk \
            took nothing; lost if it is killed then; of a cluster, of all nodes";
        redis_round_trip_seconds: Histogram<RedisOperation> in SECONDS, Any,
            "From a question to Redis to its answer; a read may wait for new frames, and a look is a few round trips";
        redis_failures_total: Counter<RedisOperation>, Any, "Questions to Redis that failed or were not answered in time";
        redis_pool_wait_seconds: Histogram<()> in SECONDS, Any, "Time until a pool lent a connection, or gave up";
        redis_pool_failures_total: Counter<()>, Any,
            "Times that a pool had no connection to lend: Redis did not answer, or all were busy for too long";
        redis_pool_connections: Gauge<ConnectionState>, Any, "Connections of the pools, looked at each second";
    }
    "Postgres" {
        postgres_round_trip_seconds: Histogram<PostgresOperation> in SECONDS, Any,
            "Time that an operation took in Postgres, all its statements together; store is a batch's whole transaction";
        postgres_failures_total: Counter<PostgresOperation>, Any,
            "Operations that failed or did not end in time; rows that Postgres refuses are no failure";
        postgres_pool_wait_seconds: Histogram<()> in SECONDS, Any, "Time until a pool lent a connection, or gave up";
        postgres_pool_failures_total: Counter<()>, Any,
            "Times that a pool had no connection to lend: Postgres did not answer or refused, or all were busy for too long";
        postgres_pool_connections: Gauge<ConnectionState>, Any, "Connections of the pools, looked at each second";
        postgres_pool_waiting: Gauge<()>, Any, "Who waits for a connection, looked at each second";
    }
    "Worker" {
        stage_batches_total: Counter<Stage>, Worker, "Batches that a stage finished";
        stage_events_total: Counter<Stage>, Worker, "Events of these batches";
        stage_batch_events: Histogram<Stage> in BATCH_EVENTS, Worker, "Events in a batch that a stage finished";
        stage_seconds: Histogram<Stage> in SECONDS, Worker,
            "Time that a stage was busy with a batch, waits for the server included; of fetch, without the wait for frames";
        stage_waiting_batches: Gauge<Stage>, Worker,
            "Batches before a stage, with the one that waits for room in a full channel; none before fetch";
        stage_blocked_seconds: Histogram<Stage> in SECONDS, Worker,
            "Time that a finished batch waited for room in the channel behind the stage; seen when the wait is over";
        stage_starved_seconds: Histogram<Stage> in SECONDS, Worker,
            "Time that a stage waited for its next batch; fetch, for frames, and for more of them; seen when the wait is over";
        claims_total: Counter<ClaimResult>, Worker,
            "Ids claimed: new (the frame has it), taken (another frame has it: a duplicate)";
        claims_swept_total: Counter<Sweep>, Worker,
            "Claims deleted: due (their window is over), early (Redis was nearly full, and its policy lets claims go)";
        match_candidates_total: Counter<()>, Worker, "Campaigns that the index looked at closer";
        match_triggers_per_event: Histogram<()> in TRIGGERS, Worker, "Campaigns that an event triggers";
        match_set_aside_total: Counter<()>, Worker,
            "Times that a campaign was set aside for an event, as its rule took too many steps";
        match_held_up_seconds: Gauge<()>, Worker,
            "For how long one event has been matched, where that is longer than a second; 0 otherwise";
    }
    "Outcomes" {
        events_total: Counter<Outcome>, Worker, "Events that left the queue, by what became of them";
        triggers_total: Counter<()>, Worker, "Triggers stored";
        event_age_seconds: Histogram<()> in AGES, Worker,
            "From the acceptance of a frame's first event to the commit of its rows, a sample a frame";
        frames_acknowledged_total: Counter<()>, Worker, "Frames acknowledged and deleted";
        frames_redelivered_total: Counter<()>, Worker,
            "Frames that were stored before and were only acknowledged again";
        frames_reclaimed_total: Counter<()>, Worker, "Frames taken over from a worker that did not finish them";
        claims_restored_total: Counter<()>, Worker,
            "Claims written back to Redis after it had lost some; grows while it is done";
        claim_restorations_total: Counter<Cause>, Worker,
            "Times that claims were restored: lost (Redis came without them), restarted (it may lack the last)";
        claim_restoration_seconds: Histogram<()> in LONG_SECONDS, Worker, "Time that restoring the claims took";
        batches_claimed_again_total: Counter<()>, Worker,
            "Batches claimed again, as claims were lost before they were stored";
    }
    "Ledger" {
        ledger_events: Gauge<(LedgerDay, LedgerEntry)>, Worker,
            "Events of a day (UTC) by what became of them. Less than none in flight, or some while nothing is queued, \
            means that a server lost something; lost: servers have acknowledged them, and they are nowhere";
        ledger_unreported_events: Gauge<()>, Serve,
            "Events acknowledged that Postgres was not told of yet; some thousands for a second, more while it is away";
    }
    "Campaigns" {
        catalog_revision: Gauge<()>, Worker, "Revision of the newest campaign change that is matched against";
        catalog_campaigns: Gauge<()>, Worker, "Active campaigns that are matched against";
        catalog_predicates: Gauge<()>, Worker, "Predicates of the compiled rules, as they are written";
        catalog_bytes: Gauge<()>, Worker, "Memory of the compiled rules";
        catalog_compile_seconds: Histogram<()> in SECONDS, Worker, "Time to compile a change of the campaigns";
        catalog_failures_total: Counter<()>, Worker, "Changes of campaigns that could not be taken over";
    }
    "Partitions" {
        partitions_unsealed: Gauge<()>, Worker, "Partitions that have closed and are not sealed yet";
        partitions_sealed_total: Counter<()>, Worker, "Partitions sealed: their indexes were built";
        partition_seal_seconds: Histogram<()> in LONG_SECONDS, Worker, "Time to seal a partition";
        duplicate_ids_total: Counter<()>, Worker,
            "Events that a sealed partition holds more than once; there should be none";
    }
}
