//! How fast rules are checked and compiled, by workload; throughput is in rules.
//!
//! How large the index becomes is printed once for each workload.

#![expect(clippy::print_stdout, reason = "it reports to a person")]

#[allow(dead_code, reason = "nothing is matched here")]
mod workloads;

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;

use campaign_manager::rules::{CompiledRules, Pattern};
use criterion::{
    BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use workloads::Workload;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .without_plots();
    targets = checking, compiling
}
criterion_main!(benches);

fn checking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checking");
    for (kind, rules) in Workload::sizes().filter(|(_, rules)| *rules == 10_000) {
        let patterns = LazyCell::new(|| Workload::campaign(kind, rules, 0).patterns);
        group.throughput(Throughput::Elements(rules as u64));
        group.bench_function(BenchmarkId::new(kind.name(), rules), |bencher| {
            let patterns = &*patterns;
            bencher.iter(|| {
                for pattern in patterns {
                    black_box(Pattern::parse(pattern).expect("the rules are well-formed"));
                }
            });
        });
    }
    group.finish();
}

fn compiling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compiling");
    group.sampling_mode(SamplingMode::Flat);
    for (kind, rules) in Workload::sizes() {
        let name = format!("{}-{rules}", kind.name());
        let rule_set = LazyCell::new(|| {
            let rule_set = Workload::campaign(kind, rules, 0).rule_set();
            print_size(&name, &rule_set.compile());
            rule_set
        });
        group.throughput(Throughput::Elements(rules as u64));
        group.bench_function(BenchmarkId::new(kind.name(), rules), |bencher| {
            let rule_set = &*rule_set;
            // dropping an index is not part of compiling it
            bencher.iter_batched(|| (), |()| rule_set.compile(), BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn print_size(name: &str, rules: &CompiledRules) {
    let size = rules.stats();
    println!("{name}: {} bytes, {} a predicate", size.bytes, size.bytes / size.predicates.max(1));
}
