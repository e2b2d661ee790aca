//! Duplicates inside one frame. Pure.
//!
//! All events of a frame lay the same claim, so claims cannot tell them apart. Between frames it is only claims that may
//! decide: of two frames with one event, the one that is delivered first need not be the one that has claimed it.

use std::collections::HashSet;

use crate::queue::Delivery;

use super::batch::event_count;

/// For each event of each delivery, in order: whether it is the first of its id within its frame. The later ones are
/// duplicates.
pub(super) fn first_of_their_ids(deliveries: &[Delivery]) -> Vec<bool> {
    let events = deliveries.iter().map(event_count).sum();
    let mut seen = HashSet::new();
    let mut first = Vec::with_capacity(events);
    for frame in deliveries.iter().filter_map(|delivery| delivery.frame.as_ref().ok()) {
        seen.clear();
        first.extend(frame.identities().map(|identity| seen.insert(identity)));
    }
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::worker::batch::tests::delivery;

    #[test]
    fn the_first_stays_and_the_others_are_duplicates() {
        let deliveries = [delivery(0, 1, &[1, 2, 1]), delivery(0, 2, &[2, 3])];
        assert_eq!(first_of_their_ids(&deliveries), [true, true, false, true, true]);
    }

    proptest! {
        #[test]
        fn each_id_of_a_frame_stays_exactly_once(frames in prop::collection::vec((0..3_usize, any::<Vec<u8>>()), 0..8)) {
            let deliveries: Vec<Delivery> =
                frames.iter().zip(0..).map(|((shard, ids), entry)| delivery(*shard, entry, ids)).collect();
            let first = first_of_their_ids(&deliveries);
            let all: Vec<(usize, u8)> =
                frames.iter().enumerate().flat_map(|(at, (_, ids))| ids.iter().map(move |id| (at, *id))).collect();
            prop_assert_eq!(first.len(), all.len());
            for (index, (id, first)) in all.iter().zip(&first).enumerate() {
                prop_assert_eq!(*first, !all[..index].contains(id));
            }
        }
    }
}
