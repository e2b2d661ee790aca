//! The id that Redis gives a stream entry: milliseconds and a sequence number within them.

use std::fmt;
use std::str::FromStr;

/// A stream entry's id. With its shard it names a frame, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since the Unix epoch, by Redis' clock.
    pub milliseconds: u64,
    /// The sequence number within the millisecond.
    pub sequence: u64,
}

impl EntryId {
    /// Before every entry.
    pub const ZERO: Self = Self { milliseconds: 0, sequence: 0 };
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.sequence)
    }
}

/// A text that is not `<milliseconds>-<sequence>`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stream entry id such as 1700000000000-0")]
pub struct NotAnEntryId(String);

impl FromStr for EntryId {
    type Err = NotAnEntryId;

    fn from_str(text: &str) -> Result<Self, NotAnEntryId> {
        text.split_once('-')
            .and_then(|(milliseconds, sequence)| {
                Some(Self { milliseconds: milliseconds.parse().ok()?, sequence: sequence.parse().ok()? })
            })
            .ok_or_else(|| NotAnEntryId(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_id_reads_back_as_written() {
        let id = EntryId { milliseconds: 1_700_000_000_000, sequence: 7 };
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "1", "1-", "-1", "a-b", "1-2-3"] {
            assert!(text.parse::<EntryId>().is_err(), "{text:?}");
        }
    }
}
