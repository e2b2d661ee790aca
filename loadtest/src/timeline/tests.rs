//! What a timeline keeps of looks, however many there are.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::verify::Settled;

/// Looks, one a second, each of which finds so many events and requests more.
fn timeline(found: &[(u64, u64)]) -> Timeline {
    let (mut timeline, mut totals) = (Timeline::default(), Totals::default());
    for (place, &(accepted, settled)) in found.iter().enumerate() {
        totals.accepted += accepted;
        totals.settled.stored = (totals.settled.stored + settled).min(totals.accepted);
        *totals.answers.entry(202).or_default() += accepted;
        let mut latencies = Latencies::default();
        (0..accepted).for_each(|request| latencies.record(Duration::from_millis(1 + request)));
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let seconds = (place + 1) as f64;
        let queued = Some(totals.in_flight());
        timeline.push(Look { seconds, offered: Some(10.0), totals: totals.clone(), queued, latencies });
    }
    timeline
}

#[test]
fn a_short_run_keeps_every_look() {
    let samples = timeline(&[(3, 0), (0, 2), (4, 5)]).samples();
    let kept: Vec<(f64, u64, u64, u64)> = samples
        .iter()
        .map(|sample| {
            (sample.seconds, sample.totals.accepted, sample.totals.settled.stored, sample.in_flight)
        })
        .collect();
    assert_eq!(kept, [(1.0, 3, 0, 3), (2.0, 3, 2, 1), (3.0, 7, 7, 0)]);
    assert_eq!(samples[1].latency, None, "nothing was accepted");
}

#[test]
fn a_run_of_any_length_has_as_many_intervals_as_a_chart_shows() {
    let mut timeline = Timeline::default();
    for look in 1..=20_000_u32 {
        timeline.push(Look { seconds: f64::from(look), ..Look::default() });
        let kept = timeline.intervals.len();
        assert!(kept <= MOST && (look < 300 || kept >= MOST / 2), "{kept} of {look} looks");
    }
    let lengths: Vec<u64> = timeline.intervals.iter().map(Interval::looks).collect();
    let (last, others) = lengths.split_last().expect("there are some");
    assert!(others.iter().all(|looks| looks == &timeline.full) && last <= &timeline.full, "{lengths:?}");
    assert_eq!(lengths.iter().sum::<u64>(), 20_000);
}

#[test]
fn milestones_are_as_exact_as_looks() {
    let mut found = vec![(5, 0); 1_200];
    found[700] = (0, 3_000);
    let timeline = timeline(&found);
    let Milestones { last_stored, last_settled, in_flight, queued } = timeline.milestones();
    assert_eq!((last_stored, last_settled), (701.0, 701.0));
    assert_eq!((in_flight, queued), (3_500, Some(3_500)));
}

#[test]
fn what_is_offered_is_averaged_over_the_time_in_which_it_was() {
    let mut timeline = Timeline::default();
    for (seconds, offered) in [(1.0, Some(100.0)), (4.0, Some(20.0)), (5.0, None)] {
        timeline.push(Look { seconds, offered, ..Look::default() });
    }
    timeline.halve();
    let offered: Vec<Option<f64>> =
        timeline.samples().iter().map(|sample| sample.offered_per_second).collect();
    assert_eq!(offered, [Some(40.0), None]);
}

#[test]
fn duplicates_and_dead_letters_are_no_longer_in_flight() {
    let settled = Settled { stored: 1, duplicates: 2, dead_lettered: 3 };
    assert_eq!(Totals { accepted: 10, settled, ..Totals::default() }.in_flight(), 4);
    assert_eq!(Totals { accepted: 5, settled, ..Totals::default() }.in_flight(), 0, "others' events");
}

proptest! {
    // A case is a thousand looks.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn halving_loses_nothing(found in prop::collection::vec((0_u64..6, 0_u64..6), 1..2_000)) {
        let timeline = timeline(&found);
        let samples = timeline.samples();
        let accepted: u64 = found.iter().map(|(accepted, _)| accepted).sum();
        let last = samples.last().expect("there is one");
        prop_assert_eq!(last.totals.accepted, accepted);
        prop_assert_eq!(&last.totals, timeline.latest());
        let requests: u64 = samples.iter().filter_map(|sample| sample.latency).map(|latency| latency.requests).sum();
        prop_assert_eq!(requests, accepted);
        prop_assert!(samples.is_sorted_by(|before, after| before.seconds < after.seconds));
        let peak = samples.iter().map(|sample| sample.in_flight).max();
        prop_assert_eq!(peak, Some(timeline.milestones().in_flight));
        for sample in &samples {
            prop_assert_eq!(sample.offered_per_second, Some(10.0));
        }
    }
}
