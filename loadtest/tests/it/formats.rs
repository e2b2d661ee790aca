//! What the tool takes for granted about the server's formats, held against the server's own code.

use campaign_manager::event::split::lines;
use campaign_manager::event::{Arrival, Envelope, EnvelopeReader, Limits};
use campaign_manager::queue::{EventRecord, Records, Sender};
use jiff::Timestamp;
use loadtest::workload::{RunId, Shape, Workload};

/// As much as a server can be set to take.
const WIDEST: Limits = Limits {
    max_event_bytes: 16_777_216,
    max_depth: 1000,
    max_event_id_bytes: 1024,
    max_user_id_bytes: 1024,
    max_event_type_bytes: 1024,
};

#[test]
fn the_server_refuses_what_is_poison_whatever_its_limits_and_nothing_else() {
    let payload = Some("200..3000".parse().unwrap());
    let shape = Shape { poison: 0.5, duplicates: 0.1, payload, ..Shape::of_seed(5) };
    let batch = Workload::new(RunId::random(), &shape, Timestamp::now()).batch(0..4_000);
    let arrival = Arrival::at(Timestamp::now());
    for limits in [Limits::DEFAULT, WIDEST] {
        let mut reader = EnvelopeReader::new(limits);
        let mut refusals = std::collections::BTreeSet::new();
        let mut refused = Vec::new();
        for (place, event) in lines(&batch.body).enumerate() {
            if let Err(error) = reader.read(event, &arrival, || unreachable!("each event has an id"), |_| ())
            {
                refused.push(place);
                refusals.insert(error.to_string().split_once(' ').map(|(first, _)| first.to_owned()));
            }
        }
        assert_eq!(refused, batch.poison);
        assert!(refusals.len() > 5, "of many kinds: {refusals:?}");
    }
}

#[test]
fn the_events_of_a_frame_that_was_put_aside_are_found_in_its_bytes() {
    let run = RunId::random();
    let workload =
        Workload::new(run.clone(), &Shape { duplicates: 0.3, ..Shape::of_seed(5) }, Timestamp::now());
    let batch = workload.batch(0..500);
    let mut reader = EnvelopeReader::new(Limits::DEFAULT);
    let (mut records, arrival) = (Records::default(), Arrival::at(Timestamp::now()));
    for event in lines(&batch.body) {
        let push = |event: Envelope<'_>| {
            let Envelope { event_id, event_type, user_id, payload } = event;
            records.push(&EventRecord {
                received_at: arrival.time(),
                sender: Sender::default(),
                event_id,
                event_type,
                user_id,
                payload,
            });
        };
        reader.read(event, &arrival, || unreachable!("each event has an id"), push).unwrap();
    }
    let sent: Vec<String> = batch.numbers.iter().map(|&number| run.event_id(number)).collect();
    assert_eq!(run.events_in(&records.into_frame()), sent);
}
