//! This machine's clock.

use jiff::Timestamp;

use crate::ops::fail_point;

/// The time by this machine's clock, which may be wrong: to be compared with others, and to hold back what they allow.
#[must_use]
pub fn own() -> Timestamp {
    let time = Timestamp::now();
    time.saturating_add(fail_point::clock_ahead()).unwrap_or(time)
}
