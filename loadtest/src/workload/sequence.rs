//! What is sent in which order: each position of the sequence holds a new event, or one of those sent shortly before.

use super::draws::{Draws, Purpose};

/// How far back an event is repeated from, in positions: within a request as well as from earlier ones.
const REACH: u32 = 1000;

/// The order of the events of a run.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    pub(super) seed: u64,
    /// The probability that a position repeats an event, from 0 to below 1.
    pub(super) duplicates: f64,
}

impl Sequence {
    /// The number of the event at `position`: the position itself where the event is new.
    pub(super) fn event_at(&self, position: u64) -> u64 {
        let mut position = position;
        while let Some(back) = self.repeats(position) {
            position = position.saturating_sub(back);
        }
        position
    }

    /// How far back the position repeats from, if it does.
    fn repeats(&self, position: u64) -> Option<u64> {
        if self.duplicates <= 0.0 || position == 0 {
            return None;
        }
        let mut draws = Draws::new(self.seed, Purpose::Repeat, position);
        draws.happens(self.duplicates).then(|| u64::from(1 + draws.below(REACH)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(duplicates: f64) -> usize {
        let sequence = Sequence { seed: 7, duplicates };
        (0..10_000).filter(|&position| sequence.event_at(position) != position).count()
    }

    #[test]
    fn the_share_of_duplicates_is_what_was_asked_for() {
        assert_eq!(repeated(0.0), 0);
        assert!((2_800..3_200).contains(&repeated(0.3)), "{}", repeated(0.3));
    }

    #[test]
    fn a_repeated_event_is_a_new_one_of_an_earlier_position() {
        let sequence = Sequence { seed: 7, duplicates: 0.9 };
        for position in 0..2_000 {
            let event = sequence.event_at(position);
            assert!(event <= position);
            assert_eq!(sequence.event_at(event), event);
        }
    }
}
