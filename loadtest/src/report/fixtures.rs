//! Reports of runs that were never done.

use jiff::Timestamp;

use crate::Finding;
use crate::report::{Latency, Outcome, Peaks, Quantile, Report, Sending, Settings, Storing};
use crate::timeline::{Percentiles, Sample, Totals};
use crate::verify::{CampaignDifference, Settled, Verification};

/// What a page must never hold as it is.
pub(super) const HOSTILE: &str = "</script></style><script>alert('1')</script><b onclick=\"x\">&amp;<!--";

/// An interval in which every request took as long.
pub(super) fn sample(
    seconds: f64,
    accepted: u64,
    in_flight: u64,
    queued: Option<u64>,
    milliseconds: f64,
) -> Sample {
    let settled = Settled { stored: accepted.saturating_sub(in_flight), ..Settled::default() };
    let latency = (accepted > 0).then_some(Percentiles {
        requests: 1,
        p50: milliseconds,
        p90: milliseconds,
        p99: milliseconds,
        max: milliseconds * 2.0,
    });
    Sample {
        seconds,
        offered_per_second: Some(1_000.0),
        totals: Totals { accepted, settled, answers: [(202, accepted / 10)].into(), ..Totals::default() },
        in_flight,
        queued,
        latency,
    }
}

/// A run of three intervals that kept its promise.
pub(super) fn small() -> Report {
    let mut samples = vec![
        sample(0.5, 500, 200, Some(150), 1.5),
        sample(1.0, 1_000, 300, Some(250), 12.0),
        sample(1.5, 1_000, 0, Some(0), 0.0),
    ];
    samples[1].totals.answers.insert(429, 2);
    samples[2].totals = Totals { settled: samples[2].totals.settled, ..samples[1].totals.clone() };
    (samples[2].latency, samples[2].offered_per_second) = (None, None);
    with_samples(samples)
}

/// A run with these intervals.
pub(super) fn with_samples(samples: Vec<Sample>) -> Report {
    let point = |quantile, milliseconds| Quantile { quantile, milliseconds };
    Report {
        format: Report::FORMAT,
        run: "lt-0123456789ab".into(),
        began: Timestamp::from_second(1_800_000_000).expect("a time"),
        settings: Settings {
            target: "http://127.0.0.1:8080".into(),
            events: None,
            duration: Some(1.0),
            connections: 4,
            batch: 10,
            rate: Some("1000".to_owned()),
            seed: 1,
            users: 100_000,
            campaigns: 20,
            duplicates: 0.05,
            poison: 0.0,
            payload: None,
            skew: 2,
            alone: false,
            patience: 30.0,
        },
        sending: Sending {
            seconds: 1.0,
            offered: Some(1_200),
            accepted: 1_000,
            accepted_per_second: 1_000.0,
            refused: 0,
            refusal: None,
            answers: [(202, 100), (429, 2)].into(),
            failures: 0,
            failure: None,
            resent: 2,
            given_up: 0,
            ended_early: None,
        },
        latency: Latency {
            requests: 100,
            mean: 6.75,
            p50: 1.5,
            p90: 12.0,
            p99: 24.0,
            p99_9: 24.0,
            max: 24.0,
            distribution: vec![point(0.0, 1.5), point(0.5, 1.5), point(0.9, 12.0), point(1.0, 24.0)],
        },
        storing: Storing {
            seconds: 1.5,
            stored: 950,
            stored_per_second: 633.3,
            duplicates: 50,
            dead_lettered: 0,
            drain_seconds: 0.5,
        },
        peaks: Peaks {
            accepted_per_second: 1_000.0,
            stored_per_second: 700.0,
            in_flight: 300,
            queued: Some(250),
        },
        outcome: Outcome::Kept(verification()),
        campaigns_left_active: 0,
        samples,
    }
}

fn verification() -> Verification {
    Verification {
        accepted: 950,
        stored: 950,
        triggers_expected: 40,
        triggers_found: 40,
        ..Verification::default()
    }
}

/// A run of which nothing was accepted.
pub(super) fn empty() -> Report {
    let report = with_samples(Vec::new());
    Report {
        sending: Sending { offered: None, accepted: 0, answers: [].into(), ..report.sending },
        storing: Storing { stored: 0, duplicates: 0, ..report.storing },
        latency: Latency::default(),
        outcome: Outcome::Kept(Verification::default()),
        ..report
    }
}

/// A run of which events were lost.
pub(super) fn broken() -> Report {
    let verification = Verification {
        missing: Finding { count: 2, examples: vec!["lt-1".into(), "lt-2".into()] },
        campaigns: vec![CampaignDifference { campaign_id: 7, expected: 40, found: 39 }],
        ..verification()
    };
    Report { outcome: Outcome::from(verification), ..small() }
}

/// A run whose every text is an attack.
pub(super) fn hostile() -> Report {
    let report = small();
    let text = || HOSTILE.to_owned();
    let finding = Finding { count: 1, examples: vec![text()] };
    let verification = Verification { missing: finding.clone(), twice: finding, ..verification() };
    Report {
        run: text(),
        settings: Settings { target: text(), ..report.settings },
        sending: Sending {
            refused: 1,
            refusal: Some(text()),
            failures: 1,
            failure: Some(text()),
            ended_early: Some(text()),
            ..report.sending
        },
        outcome: Outcome::from(verification),
        ..report
    }
}
