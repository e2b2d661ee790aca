//! Duplicates inside one batch. Pure.

use std::collections::HashSet;

use crate::queue::Delivery;

use super::batch::event_count;

/// For each event of each delivery, in order: whether it is the first of its id within its shard. The later ones are
/// duplicates.
pub(super) fn first_of_their_ids(deliveries: &[Delivery]) -> Vec<bool> {
    let events = deliveries.iter().map(event_count).sum();
    let mut seen = HashSet::with_capacity(events);
    let mut first = Vec::with_capacity(events);
    for delivery in deliveries {
        if let Ok(frame) = &delivery.frame {
            first.extend(frame.events().map(|event| seen.insert((delivery.shard, event.event_id))));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::queue::{EntryId, EventRecord, Frame, Records, Shards};

    fn delivery(shard: usize, entry: u64, ids: &[u8]) -> Delivery {
        let mut records = Records::default();
        for id in ids {
            records.push(&EventRecord {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                event_id: &id.to_string(),
                event_type: "t",
                user_id: "u",
                payload: b"{}",
            });
        }
        let frame = Frame::decode(records.into_frame().into()).expect("just encoded");
        let shard = Shards::new(4).expect("allowed").all().nth(shard).expect("within the count");
        Delivery { shard, entry: EntryId { milliseconds: entry, sequence: 0 }, frame: Ok(frame) }
    }

    #[test]
    fn the_first_stays_and_the_others_are_duplicates() {
        let deliveries = [delivery(0, 1, &[1, 2, 1]), delivery(0, 2, &[2, 3])];
        assert_eq!(first_of_their_ids(&deliveries), [true, true, false, false, true]);
    }

    proptest! {
        #[test]
        fn each_id_of_a_shard_stays_exactly_once(frames in prop::collection::vec((0..3_usize, any::<Vec<u8>>()), 0..8)) {
            let deliveries: Vec<Delivery> =
                frames.iter().zip(0..).map(|((shard, ids), entry)| delivery(*shard, entry, ids)).collect();
            let first = first_of_their_ids(&deliveries);
            let all: Vec<(usize, u8)> =
                frames.iter().flat_map(|(shard, ids)| ids.iter().map(|id| (*shard, *id))).collect();
            prop_assert_eq!(first.len(), all.len());
            for (index, (id, first)) in all.iter().zip(&first).enumerate() {
                prop_assert_eq!(*first, !all[..index].contains(id));
            }
        }
    }
}
