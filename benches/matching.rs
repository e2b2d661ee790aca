//! How fast events are matched, by workload; throughput is in events.
//!
//! - `campaign`: rules of campaigns. *Parsing* and *parsing and matching* go over the events' texts. *Matching* goes over
//!   documents that were parsed beforehand and are all held at once, by a parser each; they are colder in the caches than a
//!   document that was parsed a moment ago, so the three need not add up.
//! - `adverse`: rules that hurt, 10,000 of each; matching only, in the same way.
//! - `a-tree`: a peer beside this project, on those of the campaigns' rules that it can express, parsing included, by the
//!   same parser. That both find as many matches is checked before anything is timed.
//!
//! `cargo bench --bench matching -- NAME` runs those whose name holds NAME. `benches/rates` measures ratios; this is for
//! looking at one thing while changing it.

#[allow(dead_code, reason = "how long the peer takes to build is measured elsewhere")]
mod peer;
#[allow(dead_code, reason = "names are given here")]
mod workloads;

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;

use campaign_manager::event::{Document, Parser};
use campaign_manager::rules::{CompiledRules, Scratch};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use peer::Beside;
use workloads::adverse::adverse;
use workloads::parsed::{over, with_documents};
use workloads::{Kind, Workload};

/// Events of one iteration.
const EVENTS: usize = 1_000;
/// Of one iteration beside the peer, which takes a third of a second for so many at 100,000 rules.
const PEER_EVENTS: usize = 200;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(400))
        .measurement_time(Duration::from_secs(2))
        .without_plots();
    targets = campaigns, adverse_rules, beside_the_peer
}
criterion_main!(benches);

fn campaigns(criterion: &mut Criterion) {
    let mut parser = Parser::new(64);
    let mut group = criterion.benchmark_group("campaign");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(EVENTS as u64));
    let events = Workload::campaign(Kind::Plain, 0, EVENTS).events;
    group.bench_function("parsing", |bencher| {
        bencher.iter(|| over(black_box(&events), &mut parser, |document| document.nodes().len()));
    });
    for (kind, rules) in Workload::sizes() {
        let workload = LazyCell::new(|| {
            let workload = Workload::campaign(kind, rules, EVENTS);
            (workload.rule_set().compile(), workload.events)
        });
        let mut scratch = Scratch::default();
        let name = format!("{}-{rules}", kind.name());
        group.bench_function(BenchmarkId::new("parsing and matching", &name), |bencher| {
            let (rules, events) = &*workload;
            bencher.iter(|| {
                over(black_box(events), &mut parser, |document| rules.matches(&document, &mut scratch).len())
            });
        });
        group.bench_function(BenchmarkId::new("matching", &name), |bencher| {
            let (rules, events) = &*workload;
            with_documents(events, &mut |documents| bencher.iter(|| matches(rules, documents, &mut scratch)));
        });
    }
    group.finish();
}

fn matches(rules: &CompiledRules, documents: &[Document<'_>], scratch: &mut Scratch) -> usize {
    documents.iter().map(|document| rules.matches(document, scratch).len()).sum()
}

fn adverse_rules(criterion: &mut Criterion) {
    let mut scratch = Scratch::default();
    let mut group = criterion.benchmark_group("adverse");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(EVENTS as u64));
    for (name, workload) in adverse() {
        let workload = LazyCell::new(|| {
            let workload = workload();
            (workload.rule_set().compile(), workload.events)
        });
        group.bench_function(name, |bencher| {
            let (rules, events) = &*workload;
            with_documents(events, &mut |documents| bencher.iter(|| matches(rules, documents, &mut scratch)));
        });
    }
    group.finish();
}

fn beside_the_peer(criterion: &mut Criterion) {
    let (mut parser, mut scratch) = (Parser::new(64), Scratch::default());
    let mut group = criterion.benchmark_group("a-tree");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(PEER_EVENTS as u64));
    for (kind, rules) in Workload::sizes() {
        let beside = LazyCell::new(|| Beside::new(Workload::campaign(kind, rules, PEER_EVENTS)));
        let name = format!("{}-{rules}", kind.name());
        group.bench_function(BenchmarkId::new("this", &name), |bencher| {
            let Beside { this, events, .. } = &*beside;
            bencher.iter(|| {
                over(black_box(events), &mut parser, |document| this.matches(&document, &mut scratch).len())
            });
        });
        group.bench_function(BenchmarkId::new("a-tree", &name), |bencher| {
            let Beside { peer, events, .. } = &*beside;
            bencher.iter(|| over(black_box(events), &mut parser, |document| peer.matches(document)));
        });
    }
    group.finish();
}
