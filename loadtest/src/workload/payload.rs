//! How large events are, where they are to be larger than what happens in them: a description is added, of words.

use std::fmt;
use std::str::FromStr;

use super::draws::{Draws, Purpose};

/// More than any server takes in one event.
const MOST: u32 = 16 << 20;
/// How much likelier small sizes are than large ones.
const SKEW: u8 = 2;
/// What shops say about what they sell.
const WORDS: [&str; 32] = [
    "a", "and", "the", "with", "of", "for", "new", "soft", "light", "warm", "small", "large", "simple",
    "made", "cotton", "steel", "wood", "glass", "leather", "paper", "colour", "green", "blue", "red", "hand",
    "home", "garden", "travel", "kitchen", "children", "weather", "season",
];

/// The sizes of events, in bytes of their JSON: those drawn are from the first to the second, small ones far likelier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    least: u32,
    most: u32,
}

/// Text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no size of events; write bytes as 1000, or from the least to the most as 200..8000, up to {MOST}"
)]
pub struct InvalidPayload(String);

impl Payload {
    /// The size of the largest, in bytes.
    #[must_use]
    pub fn most(self) -> u32 {
        self.most
    }
}

impl FromStr for Payload {
    type Err = InvalidPayload;

    fn from_str(text: &str) -> Result<Self, InvalidPayload> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        match (least.parse(), most.parse()) {
            (Ok(least), Ok(most)) if 0 < least && least <= most && most <= MOST => Ok(Self { least, most }),
            _ => Err(InvalidPayload(text.to_owned())),
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, most } = self;
        if least == most { write!(f, "{least}") } else { write!(f, "{least}..{most}") }
    }
}

impl Payload {
    /// Appends to `out`, within an object that has members, the description with which the event of this number reaches
    /// its size; `length` is what it has without. One that would have to be shorter than a word's room is left out.
    pub(super) fn describe(self, seed: u64, number: u64, length: usize, out: &mut Vec<u8>) {
        const NAME: &[u8] = br#","description":""#;
        let mut draws = Draws::new(seed, Purpose::Payload, number);
        let size = self.least + draws.below_skewed(self.most - self.least + 1, SKEW);
        let Some(words) = (size as usize).checked_sub(length + NAME.len() + 1) else { return };
        out.extend_from_slice(NAME);
        let end = out.len() + words;
        while out.len() < end {
            out.extend_from_slice(draws.one_of(&WORDS).as_bytes());
            out.push(b' ');
        }
        out.truncate(end);
        out.push(b'"');
    }
}
