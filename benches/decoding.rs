//! How fast bytes become events: JSON to a document, JSON to an envelope, and frames to and from their bytes.
//!
//! An iteration goes over all events once; throughput is in events. Frames hold 100 events, as ingest fills them under load.

#[path = "../tests/support/campaign_workload.rs"]
#[allow(dead_code, reason = "events without rules")]
mod campaign_workload;

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use campaign_manager::event::{Arrival, EnvelopeReader, Limits, Parser};
use campaign_manager::queue::{EventRecord, Frame, Records};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use uuid::Uuid;

const EVENTS: usize = 1_000;
const FRAME: usize = 100;

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = documents, envelopes, frames
}
criterion_main!(benches);

fn documents(criterion: &mut Criterion) {
    let events: Vec<String> = campaign_workload::events().take(EVENTS).collect();
    let mut parser = Parser::new(64);
    let mut group = criterion.benchmark_group("document");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("campaign event", |bencher| {
        bencher.iter(|| {
            for event in &events {
                let nodes = parser.parse(event.as_bytes(), |document| document.nodes().len());
                black_box(nodes.expect("the events are well-formed"));
            }
        });
    });
    group.finish();
}

/// The campaign workload's event in the envelope that clients send.
fn enveloped(event: &str, index: usize, with_id: bool) -> String {
    let id = if with_id {
        format!(r#""event_id":"evt-{index:09}","timestamp":"2026-11-23T05:00:00Z","#)
    } else {
        String::new()
    };
    format!(r#"{{{id}"event_type":"purchase","user_id":"u{index:07}","properties":{event}}}"#)
}

fn envelopes(criterion: &mut Criterion) {
    let mut reader = EnvelopeReader::new(Limits::DEFAULT);
    let arrival = Arrival::at(Timestamp::UNIX_EPOCH);
    let mut group = criterion.benchmark_group("envelope");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, with_id) in [("complete", true), ("id and timestamp added", false)] {
        let events: Vec<String> = campaign_workload::events()
            .zip(0..EVENTS)
            .map(|(event, index)| enveloped(&event, index, with_id))
            .collect();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for event in &events {
                    let payload = reader
                        .read(event.as_bytes(), &arrival, Uuid::now_v7, |envelope| envelope.payload.len());
                    black_box(payload.expect("the events are well-formed"));
                }
            });
        });
    }
    group.finish();
}

fn encode(events: &[String]) -> Vec<Vec<u8>> {
    let frames = events.chunks(FRAME).map(|events| {
        let mut records = Records::default();
        for event in events {
            records.push(&EventRecord {
                sender: campaign_manager::queue::Sender::default(),
                received_at: Timestamp::UNIX_EPOCH,
                event_id: "0199c8c2-7a5e-7c41-9d4a-3f0f6a1c2b3d",
                event_type: "purchase",
                user_id: "u0123456",
                payload: event.as_bytes(),
            });
        }
        records.into_frame()
    });
    frames.collect()
}

fn frames(criterion: &mut Criterion) {
    let events: Vec<String> = campaign_workload::events().take(EVENTS).collect();
    let frames: Vec<Bytes> = encode(&events).into_iter().map(Bytes::from).collect();
    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("encode", |bencher| bencher.iter(|| encode(black_box(&events))));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            for frame in &frames {
                let frame = Frame::decode(frame.clone()).expect("the frames are whole");
                for event in frame.events() {
                    black_box(event);
                }
            }
        });
    });
    group.finish();
}
