//! What recording costs in memory: nothing for a count, next to nothing for a sample, and no more than a moment's worth for
//! a process that nobody asks for its metrics.

use std::time::{Duration, Instant};

use allocation_counter::measure;
use campaign_manager::ops::metrics::{self, Part, Stage};
use campaign_manager::ops::{Admin, Readiness};
use tokio::net::TcpListener;

/// Samples that the recorder keeps in one block of memory until it counts them.
const BLOCK: u64 = 64;
const REQUESTS: u64 = 64_000;
/// A sample is a number and a moment.
const SAMPLE_BYTES: i64 = 16;
const DEADLINE: Duration = Duration::from_secs(20);

fn record_requests() {
    for _ in 0..REQUESTS {
        let _underway = metrics::request();
        metrics::http_request(202, Duration::from_micros(100));
    }
}

/// One test, since a process records in one place only.
#[test]
fn recording_takes_a_block_of_memory_for_64_samples_at_most_and_gives_it_back_unasked() {
    let exporter = metrics::install(&[Part::Serve, Part::Worker]).unwrap();

    let mut matches = metrics::Matches::default();
    let added = measure(|| (0..10_000).for_each(|event| matches.add(event % 7, 1)));
    assert_eq!(added.count_total, 0, "matching an event");
    let counted = measure(|| {
        metrics::claims_laid(7, 1);
        metrics::stage_sends(Stage::Store);
        metrics::stage_received(Stage::Store, 1);
    });
    assert_eq!(counted.count_total, 0, "counters and gauges");

    // The first samples of a thread bring more with them.
    metrics::http_request(202, Duration::ZERO);
    let recorded = measure(record_requests);
    assert!(recorded.count_total <= REQUESTS / BLOCK + 1, "{recorded:?}");
    assert!(
        recorded.bytes_current >= SAMPLE_BYTES * i64::try_from(REQUESTS).unwrap(),
        "it waits: {recorded:?}"
    );

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    runtime.spawn(Admin { metrics: exporter, readiness: Readiness::default() }.serve(listener));
    let (mut freed, begun) = (0, Instant::now());
    while freed < recorded.bytes_current * 9 / 10 {
        assert!(begun.elapsed() < DEADLINE, "{freed} of {} bytes were freed", recorded.bytes_current);
        let moment =
            measure(|| runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await }));
        freed -= moment.bytes_current;
    }
}
