//! Log lines that would be written some hundred times a second: the first is written at once, then one a period.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tells which of many equal lines to log, and counts the others.
#[derive(Debug)]
pub struct Repeated {
    period: Duration,
    last: Mutex<Option<Line>>,
}

#[derive(Debug)]
struct Line {
    text: String,
    logged_at: Instant,
    unlogged: u64,
}

impl Repeated {
    /// Of equal lines, one is logged in each `period`.
    #[must_use]
    pub fn every(period: Duration) -> Self {
        Self { period, last: Mutex::new(None) }
    }

    /// Whether to log this line now. If so, the number is of the lines that were not logged since the last one that was.
    pub fn note(&self, text: &str) -> Option<u64> {
        // Each change is a single step, so a panic elsewhere leaves it whole.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let unlogged = match &mut *last {
            Some(line) if line.text == text && line.logged_at.elapsed() < self.period => {
                line.unlogged += 1;
                return None;
            }
            Some(line) => line.unlogged,
            None => 0,
        };
        *last = Some(Line { text: text.to_owned(), logged_at: Instant::now(), unlogged: 0 });
        Some(unlogged)
    }

    /// Ends a row of equal lines: the next is logged at once. The number is of those that were not.
    pub fn end(&self) -> u64 {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        last.map_or(0, |line| line.unlogged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_lines_one_is_logged_in_a_period_and_the_others_are_counted() {
        let lines = Repeated::every(Duration::from_hours(1));
        assert_eq!([lines.note("full"), lines.note("full"), lines.note("full")], [Some(0), None, None]);
        assert_eq!(lines.note("away"), Some(2), "another line");
        assert_eq!([lines.note("away"), lines.note("away")], [None, None]);
        assert_eq!(lines.end(), 2);
        assert_eq!(lines.note("away"), Some(0), "a new row");
    }

    #[test]
    fn an_equal_line_is_logged_again_after_the_period() {
        let lines = Repeated::every(Duration::ZERO);
        assert_eq!([lines.note("full"), lines.note("full")], [Some(0), Some(0)]);
    }
}
