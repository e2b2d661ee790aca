//! Places in a text, as editors show them.

use std::fmt;

/// A line and a column of a text. Both count from 1, columns in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column in it.
    pub column: usize,
}

impl Place {
    /// Where every text begins.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of the byte at `at`.
    #[must_use]
    pub fn of(text: &[u8], at: usize) -> Self {
        Places::in_text(text).of(at)
    }

    /// The same place in a text that has this one as a part, from `start` on.
    #[must_use]
    pub fn from(self, start: Self) -> Self {
        let column =
            if self.line == 1 { (start.column + self.column).saturating_sub(1) } else { self.column };
        Self { line: (start.line + self.line).saturating_sub(1), column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// Finds places in a text from its start to its end, so that all of them together cost one pass.
#[derive(Debug)]
pub struct Places<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
}

impl<'a> Places<'a> {
    /// The places of `text`.
    #[must_use]
    pub fn in_text(text: &'a [u8]) -> Self {
        Self { text, at: 0, line: 1, line_start: 0 }
    }

    /// The place of the byte at `at`, which is not before the one that was asked for last.
    pub fn of(&mut self, at: usize) -> Place {
        let passed = self.text.get(self.at..at).unwrap_or_default();
        for end in memchr::memchr_iter(b'\n', passed) {
            self.line += 1;
            self.line_start = self.at + end + 1;
        }
        self.at = self.at.max(at);
        Place { line: self.line, column: at.saturating_sub(self.line_start) + 1 }
    }

    /// The place where `part`, a piece of the text, begins.
    pub fn of_part(&mut self, part: &[u8]) -> Place {
        self.of(part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let mut places = Places::in_text(b"a\nbc\n\nd");
        let found = [0, 1, 2, 3, 5, 6].map(|at| places.of(at)).map(|Place { line, column }| (line, column));
        assert_eq!(found, [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (4, 1)]);
    }

    #[test]
    fn a_place_in_a_part_is_a_place_in_the_whole() {
        let text = b"[1,\n  {\"a\":\n x}]";
        let part = &text[6..15];
        let start = Places::in_text(text).of_part(part);
        assert_eq!(start, Place { line: 2, column: 3 });
        for at in 0..part.len() {
            assert_eq!(Place::of(part, at).from(start), Place::of(text, 6 + at));
        }
    }
}
