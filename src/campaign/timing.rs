//! When a campaign runs: from its start, that moment included, up to its end, that moment excluded.

use jiff::Timestamp;

/// Where a moment lies beside the time of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Before its start, which is given.
    Early(Timestamp),
    /// In its time.
    Running,
    /// At its end, which is given, or later.
    Over(Timestamp),
}

impl Timing {
    /// Of `moment`, for a campaign with these bounds.
    #[must_use]
    pub fn of(moment: Timestamp, starts_at: Option<Timestamp>, ends_at: Option<Timestamp>) -> Self {
        match (starts_at, ends_at) {
            (Some(start), _) if moment < start => Self::Early(start),
            (_, Some(end)) if moment >= end => Self::Over(end),
            _ => Self::Running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_campaign_runs_from_its_start_to_just_before_its_end() {
        let timing = |second| Timing::of(at(second), Some(at(10)), Some(at(20)));
        assert_eq!(
            [9, 10, 19, 20].map(timing),
            [Timing::Early(at(10)), Timing::Running, Timing::Running, Timing::Over(at(20))]
        );
    }

    #[test]
    fn without_bounds_it_runs_always() {
        for moment in [Timestamp::MIN, at(0), Timestamp::MAX] {
            assert_eq!(Timing::of(moment, None, None), Timing::Running);
        }
    }
}
