//! The name of a run, and the ids of its events: `lt-<run>-e<number>`.
//!
//! Invariant: no two runs share an event id, and an id leads back to the event's number.

use std::fmt;

/// Names one run among all that a server has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// A name that no other run has.
    #[must_use]
    pub fn random() -> Self {
        Self::from_bits(rand::random())
    }

    fn from_bits(bits: u64) -> Self {
        Self(format!("lt-{:012x}", bits >> 16))
    }

    /// What the ids of the run's events begin with. It holds no character that SQL's `like` knows.
    #[must_use]
    pub fn event_prefix(&self) -> String {
        format!("{}-e", self.0)
    }

    /// The id of an event.
    #[must_use]
    pub fn event_id(&self, number: u64) -> String {
        format!("{}-e{number}", self.0)
    }

    /// The ids of the run's events in a frame, whose format is not known here but that it holds events' JSON as it was sent.
    #[must_use]
    pub fn events_in(&self, frame: &[u8]) -> Vec<String> {
        let (prefix, text) = (self.event_prefix(), String::from_utf8_lossy(frame));
        let begin = format!(r#"{{"event_id":"{prefix}"#);
        let numbers = text.split(&begin).skip(1).filter_map(|rest| rest.split_once('"'));
        numbers.map(|(number, _)| format!("{prefix}{number}")).collect()
    }

    /// The number of the event with this id, if the run could have given it.
    #[must_use]
    pub fn number_of(&self, event_id: &str) -> Option<u64> {
        let digits = event_id.strip_prefix(self.0.as_str())?.strip_prefix("-e")?;
        let number = digits.parse().ok()?;
        (self.event_id(number) == event_id).then_some(number)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_leads_back_to_its_number() {
        let run = RunId::from_bits(0x0123_4567_89ab_cdef);
        assert_eq!(run.event_id(42), "lt-0123456789ab-e42");
        for number in [0, 42, u64::MAX] {
            assert_eq!(run.number_of(&run.event_id(number)), Some(number));
        }
    }

    #[test]
    fn the_runs_events_are_found_in_a_frame_of_many() {
        let run = RunId::from_bits(0x0123_4567_89ab_cdef);
        // A frame has the id alone, too; whatever byte may come after it.
        let frame = [
            &b"cf\xff\x00lt-0123456789ab-e421{\"event_id\":\"lt-0123456789ab-e42\",\"user_id\""[..],
            b"{\"event_id\":\"lt-aaaaaaaaaaaa-e7\"}\xfe{\"event_id\":\"lt-0123456789ab-e7\"",
            b"{\"event_id\":\"lt-0123456789ab-e8",
        ];
        assert_eq!(run.events_in(&frame.concat()), ["lt-0123456789ab-e42", "lt-0123456789ab-e7"]);
        assert!(run.events_in(b"").is_empty());
    }

    #[test]
    fn ids_that_the_run_never_gave_have_no_number() {
        let run = RunId::from_bits(0x0123_4567_89ab_cdef);
        for id in [
            "",
            "lt-0123456789ab-e",
            "lt-0123456789ab-e042",
            "lt-0123456789ab-e+4",
            "lt-0123456789ab-p4",
            "lt-aaaaaaaaaaaa-e4",
        ] {
            assert_eq!(run.number_of(id), None, "{id}");
        }
    }
}
