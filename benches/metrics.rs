//! What it costs to record: a call, and a matched event.
//!
//! - `record`: a request and a finished batch, as ingest and the worker report them: in a process that records nothing, with
//!   handles that were resolved once, and with `metrics`' macros, which look each key up.
//! - `match`: parsing and matching the events of a batch, with nothing noted; and with candidates and triggers noted and
//!   reported, as the worker does, in a process that records nothing and in one that does.
//!
//! What was sampled is counted into its buckets every 10,000 calls, as a process does each second; that is part of the times.
#![expect(clippy::disallowed_macros, reason = "the macros are what is compared with")]

#[allow(dead_code, reason = "names and sizes are given here")]
mod workloads;

use std::hint::black_box;
use std::time::Duration;

use campaign_manager::event::Parser;
use campaign_manager::ops::metrics::{self as ours, Matches, Part, Stage};
use campaign_manager::rules::{CompiledRules, Scratch};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::PrometheusBuilder;
use workloads::{Kind, Workload};

/// Events of a batch.
const EVENTS: usize = 1_000;
const RULES: usize = 1_000;
/// Calls between two countings of the samples.
const CALLS: usize = 10_000;
const TOOK: Duration = Duration::from_micros(700);
const BUCKETS: [f64; 5] = [0.0001, 0.001, 0.01, 0.1, 1.0];

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .without_plots();
    targets = recording
}
criterion_main!(benches);

fn recording(criterion: &mut Criterion) {
    let workload = Workload::campaign(Kind::Plain, RULES, EVENTS);
    let (rules, events) = (workload.rule_set().compile(), workload.events);
    matching(criterion, "nothing noted", (&rules, &events), |_, _, _| {}, |_| {});
    let note = Matches::add;
    matching(criterion, "noted, not recorded", (&rules, &events), note, Matches::report);
    calls(criterion, "not recorded", (request, batch), || {});

    let looked_up = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are some");
    let looked_up = looked_up.install_recorder().expect("nothing was installed before");
    calls(criterion, "macros", (request_by_macros, batch_by_macros), || looked_up.run_upkeep());

    let exporter = ours::install(&[Part::Serve, Part::Worker]).expect("nothing was installed before");
    calls(criterion, "handles", (request, batch), || exporter.keep_up());
    let report = |matches: &mut Matches| {
        matches.report();
        exporter.keep_up();
    };
    matching(criterion, "noted and recorded", (&rules, &events), note, report);
}

fn matching(
    criterion: &mut Criterion,
    name: &str,
    (rules, events): (&CompiledRules, &[String]),
    note: impl Fn(&mut Matches, u64, usize),
    report: impl Fn(&mut Matches),
) {
    let (mut parser, mut scratch, mut matches) = (Parser::new(64), Scratch::default(), Matches::default());
    let mut group = criterion.benchmark_group("match");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for event in black_box(events) {
                let read = parser.parse(event.as_bytes(), |document| {
                    let found = rules.matches(&document, &mut scratch).len();
                    note(&mut matches, scratch.candidates(), found);
                    black_box(found);
                });
                read.expect("the events are well-formed");
            }
            report(&mut matches);
        });
    });
}

fn calls(
    criterion: &mut Criterion,
    name: &str,
    (request, batch): (impl Fn(), impl Fn()),
    keep_up: impl Fn(),
) {
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(CALLS as u64));
    let mut time = |what: &str, record: &dyn Fn()| {
        group.bench_function(format!("{what}, {name}"), |bencher| {
            bencher.iter(|| {
                (0..CALLS).for_each(|_| record());
                keep_up();
            });
        });
    };
    time("a request", &request);
    time("a batch", &batch);
}

/// All that a request with one event records, but for what Redis is asked.
fn request() {
    let _underway = ours::request();
    ours::ingest_events(ours::IngestResult::Rejected, 0, 0);
    ours::ingest_buffer(1, 300);
    ours::ingest_events(ours::IngestResult::Accepted, 1, 300);
    ours::http_request(black_box(202), TOOK);
}

fn request_by_macros() {
    gauge!("http_requests_in_flight").increment(1.0);
    counter!("ingest_events_total", "result" => "rejected").increment(0);
    gauge!("ingest_buffer_events").set(1.0);
    gauge!("ingest_buffer_bytes").set(300.0);
    counter!("ingest_events_total", "result" => "accepted").increment(1);
    counter!("ingest_bytes_total").increment(300);
    counter!("http_requests_total", "class" => "2xx").increment(1);
    histogram!("http_request_seconds").record(TOOK);
    gauge!("http_requests_in_flight").decrement(1.0);
}

/// What a stage reports of a batch.
fn batch() {
    ours::stage_starved(Stage::Match, TOOK);
    ours::stage_received(Stage::Match, 1);
    ours::stage_done(black_box(Stage::Match), EVENTS);
    ours::stage_took(Stage::Match, TOOK);
    ours::stage_sends(Stage::Store);
    ours::stage_blocked(Stage::Match, TOOK);
}

fn batch_by_macros() {
    histogram!("stage_starved_seconds", "stage" => "match").record(TOOK);
    gauge!("stage_waiting_batches", "stage" => "match").decrement(1.0);
    counter!("stage_batches_total", "stage" => "match").increment(1);
    counter!("stage_events_total", "stage" => "match").increment(1_000);
    histogram!("stage_batch_events", "stage" => "match").record(1_000.0);
    histogram!("stage_seconds", "stage" => "match").record(TOOK);
    gauge!("stage_waiting_batches", "stage" => "store").increment(1.0);
    histogram!("stage_blocked_seconds", "stage" => "match").record(TOOK);
}
