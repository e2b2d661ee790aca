//! Sizes as people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes; read and shown as `64KiB`, `5MiB` or plain `1000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(usize);

const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl Bytes {
    /// `count` bytes.
    #[must_use]
    pub const fn new(count: usize) -> Self {
        Self(count)
    }

    /// How many bytes.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = UNITS
            .iter()
            .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
            .unwrap_or((text.strip_suffix('B').unwrap_or(text), 1));
        number
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
            .filter(|count| *count > 0)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a size; write it as 65536, 64KiB, 5MiB or 1GiB"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((suffix, unit)) => write!(f, "{}{suffix}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_back_as_shown() {
        for (text, count) in [("64KiB", 65_536), ("5MiB", 5_242_880), ("1GiB", 1 << 30), ("1000", 1000)] {
            assert_eq!(text.parse(), Ok(Bytes::new(count)));
            assert_eq!(Bytes::new(count).to_string(), text);
        }
        assert_eq!("7B".parse(), Ok(Bytes::new(7)));
    }

    #[test]
    fn nonsense_is_refused_with_the_way_to_write_it() {
        for text in ["", "many", "-1", "0", "5MB", "99999999999GiB"] {
            let message = text.parse::<Bytes>().expect_err(text);
            assert!(message.contains("64KiB"), "{message}");
        }
    }
}
