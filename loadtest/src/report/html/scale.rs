//! Where a value lies on an axis, and which values are written beside it. Pure.

/// An axis. Places on it are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Even, from 0.
    Linear {
        /// Its end, above 0.
        to: f64,
        /// From one tick to the next.
        step: f64,
    },
    /// Each tenfold as long as the next, both ends above 0.
    Log {
        /// Its begin.
        from: f64,
        /// Its end, above `from`.
        to: f64,
    },
    /// The percentiles of a distribution as the inverse of the tail that is left: from 1, each tenfold as long as the next.
    Tail {
        /// Its end, above 1.
        to: f64,
    },
}

/// More ticks than an axis ever has.
const MOST_TICKS: u32 = 10;
/// The most steps of a linear axis of amounts.
const STEPS: f64 = 5.0;
/// The most ticks of a time axis, beside that of 0.
const TIME_TICKS: f64 = 6.0;
/// Steps of a time axis, in seconds, up to an hour.
const TIME_STEPS: [f64; 16] =
    [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0];
/// Values of a decade that an axis begins or ends with, and that are ticks where there is room.
const OF_A_DECADE: [f64; 3] = [1.0, 2.0, 5.0];
/// Up to so many decades have ticks at 2 and 5, too.
const FEW_DECADES: f64 = 2.1;
/// The most decades that all have a tick.
const DECADES: f64 = 7.0;

impl Scale {
    /// From 0 to a round number of at least `most`, in round steps of at least 1.
    pub(super) fn amounts(most: f64) -> Self {
        let step = at_least((most / STEPS).max(1.0));
        Self::Linear { to: (most / step).ceil().max(1.0) * step, step }
    }

    /// From 0 to exactly `end` seconds, in steps that clocks know.
    pub(super) fn time(end: f64) -> Self {
        let to = end.max(TIME_STEPS[0]);
        let listed = TIME_STEPS.into_iter().find(|step| to / step <= TIME_TICKS);
        let hours = || at_least(to / 3_600.0 / TIME_TICKS) * 3_600.0;
        Self::Linear { to, step: listed.unwrap_or_else(hours) }
    }

    /// From a round number of at most `least` to one of at least `most`, both above 0.
    pub(super) fn log(least: f64, most: f64) -> Self {
        let from = at_most(least);
        Self::Log { from, to: at_least(most.max(from * 1.01)) }
    }

    /// Where `value` lies; what is beyond an end, at that end.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Self::Linear { to, .. } => value / to,
            Self::Log { from, to } => (value / from).ln() / (to / from).ln(),
            Self::Tail { to } => value.ln() / to.ln(),
        };
        place.clamp(0.0, 1.0)
    }

    /// From 0 % to the slowest of so many.
    pub(super) fn tail(of: f64) -> Self {
        Self::Tail { to: of.max(10.0) }
    }

    /// The values that are written, rising.
    pub(super) fn ticks(self) -> Vec<f64> {
        // Half of a millionth: rounding shall not cost the last tick.
        const SLACK: f64 = 1.0 + 5e-7;
        match self {
            Self::Linear { to, step } => (0..=MOST_TICKS)
                .map(|tick| f64::from(tick) * step)
                .take_while(|tick| *tick <= to * SLACK)
                .collect(),
            // The half, and as many nines as there are.
            Self::Tail { to } => [1.0, 2.0]
                .into_iter()
                .chain((1..=MOST_TICKS).map(|nines| 10_f64.powf(f64::from(nines))))
                .take_while(|tick| *tick <= to * SLACK)
                .collect(),
            Self::Log { from, to } => {
                let decades = (to / from).log10();
                let among = if decades <= FEW_DECADES { &OF_A_DECADE[..] } else { &OF_A_DECADE[..1] };
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "some hundreds at most"
                )]
                let (first, last, every) = (
                    from.log10().floor() as i32,
                    to.log10().ceil() as i32,
                    (decades / DECADES).ceil() as usize,
                );
                (first..=last)
                    .step_by(every.max(1))
                    .flat_map(|decade| among.iter().map(move |part| part * 10_f64.powi(decade)))
                    .filter(|tick| *tick * SLACK >= from && *tick <= to * SLACK)
                    .collect()
            }
        }
    }
}

/// The least of 1, 2 and 5, and their tenfolds, that is at least `value`.
fn at_least(value: f64) -> f64 {
    round(value, |rounded| rounded * (1.0 + 1e-9) >= value)
}

/// The greatest of them that is at most `value`.
fn at_most(value: f64) -> f64 {
    1.0 / at_least(1.0 / value)
}

fn round(value: f64, fits: impl Fn(f64) -> bool) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    let next = OF_A_DECADE.into_iter().chain([10.0]).map(|part| part * decade);
    next.into_iter().find(|rounded| fits(*rounded)).unwrap_or(10.0 * decade)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: &[f64], expected: &[f64]) {
        let same = |(found, expected): (&f64, &f64)| (found - expected).abs() <= expected.abs() * 1e-9;
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(same),
            "{found:?} for {expected:?}"
        );
    }

    #[test]
    fn amounts_have_round_ticks_from_zero_past_the_most() {
        near(&Scale::amounts(23_456.0).ticks(), &[0.0, 5_000.0, 10_000.0, 15_000.0, 20_000.0, 25_000.0]);
        near(&Scale::amounts(20_000.0).ticks(), &[0.0, 5_000.0, 10_000.0, 15_000.0, 20_000.0]);
        near(&Scale::amounts(0.0).ticks(), &[0.0, 1.0]);
        near(&Scale::amounts(3.0).ticks(), &[0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn time_has_the_steps_of_a_clock_and_ends_when_the_run_does() {
        let run = Scale::time(20.7);
        near(&run.ticks(), &[0.0, 5.0, 10.0, 15.0, 20.0]);
        near(&[run.place(20.7)], &[1.0]);
        near(&Scale::time(170.0).ticks(), &[0.0, 30.0, 60.0, 90.0, 120.0, 150.0]);
        near(&Scale::time(86_400.0).ticks(), &[0.0, 18_000.0, 36_000.0, 54_000.0, 72_000.0]);
        near(&Scale::time(0.0).ticks(), &[0.0, 0.1]);
    }

    #[test]
    fn logarithms_have_a_tick_a_decade_and_more_where_there_is_room() {
        near(&Scale::log(0.3, 4_000.0).ticks(), &[1.0, 10.0, 100.0, 1_000.0]);
        near(&Scale::log(1.3, 17.0).ticks(), &[1.0, 2.0, 5.0, 10.0, 20.0]);
        near(&Scale::log(5.0, 5.0).ticks(), &[5.0, 10.0]);
        let decade = Scale::log(1.0, 100.0);
        near(&[decade.place(1.0), decade.place(10.0), decade.place(1_000.0)], &[0.0, 0.5, 1.0]);
    }

    #[test]
    fn percentiles_have_a_tick_for_each_nine() {
        near(&Scale::tail(801.0).ticks(), &[1.0, 2.0, 10.0, 100.0]);
        near(&Scale::tail(10_000.0).ticks(), &[1.0, 2.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        let tail = Scale::tail(100.0);
        near(&[tail.place(1.0), tail.place(10.0), tail.place(100.0)], &[0.0, 0.5, 1.0]);
        near(&Scale::tail(0.0).ticks(), &[1.0, 2.0, 10.0]);
    }

    proptest! {
        #[test]
        fn every_axis_has_a_few_ticks_that_rise_along_it(least in 1e-3..1e18_f64, times in 1.0..1e15_f64) {
            for scale in [Scale::amounts(least), Scale::time(least.min(1e9)), Scale::log(least, least * times), Scale::tail(least)] {
                let ticks = scale.ticks();
                prop_assert!((1..=12).contains(&ticks.len()), "{:?}: {:?}", scale, ticks);
                let places: Vec<f64> = ticks.iter().map(|tick| scale.place(*tick)).collect();
                prop_assert!(places.is_sorted_by(|before, after| before < after), "{:?}: {:?}", scale, places);
            }
        }

        #[test]
        fn no_amount_is_beyond_its_axis(value in 0.0..1e19_f64) {
            let Scale::Linear { to, .. } = Scale::amounts(value) else { unreachable!() };
            prop_assert!(to >= value * (1.0 - 1e-9) && to <= (value * 2.5).max(1.0) + 1.0, "{} for {}", to, value);
        }

        #[test]
        fn logarithmic_axes_hold_both_ends(least in 1e-3..1e9_f64, times in 1.0..1e9_f64) {
            let Scale::Log { from, to } = Scale::log(least, least * times) else { unreachable!() };
            prop_assert!(from <= least * (1.0 + 1e-6) && least < from * 2.6, "{} for {}", from, least);
            prop_assert!(to * (1.0 + 1e-6) >= least * times && to > from, "{} for {}", to, least * times);
        }
    }
}
