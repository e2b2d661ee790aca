//! The report for people: a line a fact, the verdict last.

use std::fmt;

use indicatif::{HumanCount, HumanFloatCount};

use super::{Latency, Outcome, Peaks, Report, Sending, Settings, Storing};
use crate::verify::Verification;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "run", &self.run)?;
        self.settings.fmt(f)?;
        self.sending.fmt(f)?;
        self.latency.fmt(f)?;
        self.storing.fmt(f)?;
        self.peaks.fmt(f)?;
        if self.campaigns_left_active > 0 {
            let left = self.campaigns_left_active;
            row(
                f,
                "left behind",
                format_args!("{left} campaigns of the run are still active; archive them"),
            )?;
        }
        self.outcome.fmt(f)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, connections, batch, rate, seed, users, campaigns, duplicates, poison, .. } = self;
        let pace = match rate {
            Some(rate) => format!("open loop at {rate} events/s"),
            None => "closed loop".to_owned(),
        };
        row(f, "server", target)?;
        row(f, "load", format_args!("{pace}, connections {connections}, batch {batch}, seed {seed}"))?;
        row(
            f,
            "workload",
            format_args!("users {users}, campaigns {campaigns}, duplicates {duplicates}, poison {poison}"),
        )
    }
}

impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(offered), Some(left)) = (self.offered, self.left_over()) {
            let (offered, left) = (HumanCount(offered), HumanCount(left));
            row(f, "offered", format_args!("{offered} events, {left} of them not answered in time"))?;
        }
        row(
            f,
            "accepted",
            Rate { events: self.accepted, seconds: self.seconds, per_second: self.accepted_per_second },
        )?;
        let answers: Vec<String> =
            self.answers.iter().map(|(status, count)| format!("{status}: {}", HumanCount(*count))).collect();
        row(f, "answers", if answers.is_empty() { "none".to_owned() } else { answers.join(", ") })?;
        row(
            f,
            "resent",
            format_args!("{}, given up {}", HumanCount(self.resent), HumanCount(self.given_up)),
        )?;
        if let Some(failure) = &self.failure {
            row(f, "no answer", format_args!("{} times, the last: {failure}", HumanCount(self.failures)))?;
        }
        if let Some(refusal) = &self.refusal {
            row(f, "refused", format_args!("{} events, the first: {refusal}", HumanCount(self.refused)))?;
        }
        match &self.ended_early {
            Some(why) => row(f, "ended early", why),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p99_9, max, .. } = self;
        let line =
            format_args!("p50 {p50:.2}  p90 {p90:.2}  p99 {p99:.2}  p99.9 {p99_9:.2}  max {max:.2}  (ms)");
        row(f, "latency", line)
    }
}

impl fmt::Display for Storing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(
            f,
            "stored",
            Rate { events: self.stored, seconds: self.seconds, per_second: self.stored_per_second },
        )?;
        let (duplicates, dead) = (HumanCount(self.duplicates), HumanCount(self.dead_lettered));
        row(f, "dropped", format_args!("{duplicates} duplicates, {dead} dead letters"))?;
        row(f, "drained", format_args!("{:.1} s after the last answer", self.drain_seconds))
    }
}

impl fmt::Display for Peaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |rate: f64| HumanFloatCount(rate.round());
        let (accepted, stored) = (rate(self.accepted_per_second), rate(self.stored_per_second));
        let queued = match self.queued {
            Some(queued) => format!(", {} in the queue", HumanCount(queued)),
            None => String::new(),
        };
        let in_flight = HumanCount(self.in_flight);
        row(
            f,
            "peaks",
            format_args!("{accepted} events/s accepted, {stored} stored; {in_flight} in flight{queued}"),
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(verification) if verification.accepted == 0 => {
                verification.fmt(f)?;
                row(f, "nothing", "to verify: no event was accepted")
            }
            Self::Kept(verification) => {
                verification.fmt(f)?;
                row(f, "verified", "every accepted event is stored once, with the triggers that it must have")
            }
            Self::Broken { differences, verification } => {
                verification.fmt(f)?;
                differences.iter().try_for_each(|difference| row(f, "DIFFERENT", difference))
            }
            Self::Undrained { reason, verification } => {
                verification.fmt(f)?;
                row(f, "NOT VERIFIED", reason)
            }
            Self::Unknown { reason } => row(f, "NOT VERIFIED", reason),
        }
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, stored, doubtful, triggers_expected, triggers_found, .. } = self;
        let count = |number: &u64| HumanCount(*number);
        let (accepted, stored, doubtful) = (count(accepted), count(stored), count(doubtful));
        row(
            f,
            "events",
            format_args!("{accepted} different ones accepted, {stored} found, {doubtful} of them doubtful"),
        )?;
        if let Some(why) = &self.dead_letter {
            row(f, "dead letters", format_args!("{} of them, the first: {why}", count(&self.dead_lettered)))?;
        }
        row(
            f,
            "triggers",
            format_args!("{} expected, {} found", count(triggers_expected), count(triggers_found)),
        )
    }
}

/// Events in a time.
struct Rate {
    events: u64,
    seconds: f64,
    per_second: f64,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = HumanFloatCount(self.per_second.round());
        write!(f, "{} events in {:.1} s: {rate} events/s", HumanCount(self.events), self.seconds)
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<13} {value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{broken, empty, small};

    #[test]
    fn a_report_is_a_line_a_fact_and_the_verdict_last() {
        insta::assert_snapshot!(small());
    }

    #[test]
    fn where_nothing_was_accepted_nothing_is_called_verified() {
        let report = empty().to_string();
        assert!(report.ends_with("nothing       to verify: no event was accepted\n"), "{report}");
        assert!(!report.contains("verified"), "{report}");
    }

    #[test]
    fn a_broken_promise_is_said_last_and_loudly() {
        let report = broken();
        let Outcome::Broken { differences, .. } = &report.outcome else { unreachable!() };
        let said: Vec<String> = differences.iter().map(|what| format!("DIFFERENT     {what}")).collect();
        assert!(said.len() == 2 && report.to_string().trim_end().ends_with(&said.join("\n")), "{report}");
    }
}
