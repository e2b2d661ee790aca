//! Which partitions a range of time needs. Pure.

use std::time::Duration;

use jiff::Timestamp;

/// The time that a partition covers: from `lower` up to, and without, `upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first moment in it.
    pub lower: Timestamp,
    /// The first moment after it.
    pub upper: Timestamp,
}

impl Span {
    /// Whether `moment` lies in it.
    #[must_use]
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.lower <= moment && moment < self.upper
    }

    /// What the names of its tables end with: the lower bound, to the second where it is not midnight.
    #[must_use]
    pub fn suffix(&self) -> String {
        let long = self.lower.strftime("%Y%m%dt%H%M%S").to_string();
        long.strip_suffix("t000000").unwrap_or(&long).to_owned()
    }
}

/// Partitions that ended before this are past retention. What is dropped is gone, so the clock that is furthest behind
/// decides: no clock that is wrong can have anything dropped before its time, unless all are.
#[must_use]
pub fn cutoff(clocks: impl IntoIterator<Item = Timestamp>, retention: Duration) -> Timestamp {
    let earliest = clocks.into_iter().min().unwrap_or(Timestamp::MIN);
    earliest.saturating_sub(retention).unwrap_or(Timestamp::MIN)
}

/// The spans to add to `existing`, so that every moment from `from` to `to` lies in one. They begin and end at multiples
/// of `interval` (whole seconds, since the Unix epoch), except where an existing span, made with another interval, is in
/// the way.
#[must_use]
pub fn missing(existing: &[Span], from: Timestamp, to: Timestamp, interval: Duration) -> Vec<Span> {
    let mut added = Vec::new();
    let mut moment = from;
    while moment <= to {
        moment = if let Some(span) = existing.iter().find(|span| span.contains(moment)) {
            span.upper
        } else {
            let span = gap_around(existing, moment, interval);
            added.push(span);
            span.upper
        };
    }
    added
}

/// The spans to add to `existing`, so that each of these moments lies in one; none for the time between them.
#[must_use]
pub fn missing_at(
    existing: &[Span],
    moments: impl Iterator<Item = Timestamp>,
    interval: Duration,
) -> Vec<Span> {
    let mut all = existing.to_vec();
    for moment in moments {
        if !all.iter().any(|span| span.contains(moment)) {
            all.push(gap_around(&all, moment, interval));
        }
    }
    all.split_off(existing.len())
}

fn gap_around(existing: &[Span], moment: Timestamp, interval: Duration) -> Span {
    let whole = around(moment, interval);
    let before = existing.iter().map(|span| span.upper).filter(|upper| *upper <= moment).max();
    let after = existing.iter().map(|span| span.lower).filter(|lower| *lower > moment).min();
    Span {
        lower: before.map_or(whole.lower, |before| before.max(whole.lower)),
        upper: after.map_or(whole.upper, |after| after.min(whole.upper)),
    }
}

fn around(moment: Timestamp, interval: Duration) -> Span {
    let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
    let lower = moment.as_microsecond().div_euclid(1_000_000).div_euclid(seconds) * seconds;
    let bound = |second: i64, beyond| Timestamp::from_second(second).unwrap_or(beyond);
    Span { lower: bound(lower, Timestamp::MIN), upper: bound(lower.saturating_add(seconds), Timestamp::MAX) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const HOUR: Duration = Duration::from_hours(1);

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn span(lower: &str, upper: &str) -> Span {
        Span { lower: at(lower), upper: at(upper) }
    }

    #[test]
    fn partitions_begin_at_midnight_and_are_named_by_their_day() {
        let added = missing(&[], at("2026-11-23T05:00:00Z"), at("2026-11-24T05:00:00Z"), DAY);
        assert_eq!(
            added,
            [
                span("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
                span("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z")
            ]
        );
        assert_eq!(added[0].suffix(), "20261123");
    }

    #[test]
    fn a_shorter_interval_fills_in_beside_the_days_that_exist() {
        let existing = [span("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")];
        let added = missing(&existing, at("2026-11-23T23:00:00Z"), at("2026-11-24T00:30:00Z"), HOUR);
        assert_eq!(added, [span("2026-11-24T00:00:00Z", "2026-11-24T01:00:00Z")]);
        assert_eq!(Span { lower: added[0].upper, ..added[0] }.suffix(), "20261124t010000");
    }

    #[test]
    fn a_longer_interval_is_cut_where_an_hour_exists() {
        let existing = [span("2026-11-23T04:00:00Z", "2026-11-23T05:00:00Z")];
        let added = missing(&existing, at("2026-11-23T01:00:00Z"), at("2026-11-23T09:00:00Z"), DAY);
        assert_eq!(
            added,
            [
                span("2026-11-23T00:00:00Z", "2026-11-23T04:00:00Z"),
                span("2026-11-23T05:00:00Z", "2026-11-24T00:00:00Z")
            ]
        );
    }

    #[test]
    fn moments_far_apart_need_no_partitions_between_them() {
        let moments = ["2016-11-23T05:00:00Z", "2026-11-23T05:00:00Z", "2026-11-23T06:00:00Z"].map(at);
        let added = missing_at(&[], moments.into_iter(), DAY);
        let expected = [
            span("2016-11-23T00:00:00Z", "2016-11-24T00:00:00Z"),
            span("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
        ];
        assert_eq!(added, expected);
        assert_eq!(missing_at(&expected, moments.into_iter(), DAY), []);
    }

    #[test]
    fn the_clock_that_is_furthest_behind_decides_what_is_past_retention() {
        let [behind, right, ahead] =
            ["2026-11-20T12:00:00Z", "2026-11-23T12:00:00Z", "2026-11-26T12:00:00Z"].map(at);
        assert_eq!(cutoff([right, right, right], DAY), at("2026-11-22T12:00:00Z"));
        assert_eq!(cutoff([right, ahead, right], DAY), at("2026-11-22T12:00:00Z"));
        assert_eq!(cutoff([ahead, right, behind], DAY), at("2026-11-19T12:00:00Z"));
        assert_eq!(cutoff([right], Duration::MAX), Timestamp::MIN);
        assert_eq!(cutoff([], DAY), Timestamp::MIN, "no clock, nothing to drop");
    }

    proptest! {
        #[test]
        fn every_moment_is_covered_once_whatever_the_intervals_were(
            ranges in prop::collection::vec((0..2_000_000_i64, 0..300_000_i64, 1..100_000_u64), 1..8),
        ) {
            let mut existing: Vec<Span> = Vec::new();
            for (from, length, interval) in ranges {
                let moment = |second| Timestamp::from_second(second).expect("in range");
                let interval = Duration::from_secs(interval.max(u64::try_from(length).expect("positive") / 50));
                existing.extend(missing(&existing, moment(from), moment(from + length), interval));
                existing.sort();
                prop_assert!(existing.windows(2).all(|pair| pair[0].upper <= pair[1].lower));
                for second in [from, from + length / 2, from + length] {
                    let moment = moment(second);
                    prop_assert_eq!(existing.iter().filter(|span| span.contains(moment)).count(), 1);
                }
            }
        }
    }
}
