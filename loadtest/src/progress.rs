//! A line that says how the run goes, on a terminal; nothing without one.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::verify::Sample;

/// The line.
#[derive(Clone, Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A line on standard error.
    #[must_use]
    pub fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(
            ProgressStyle::with_template("{spinner} {elapsed:>4} {prefix} {wide_msg}")
                .expect("a valid template"),
        );
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Says what is being done.
    pub fn phase(&self, phase: &'static str) {
        self.0.set_prefix(phase);
        self.0.set_message("");
    }

    /// Says where the run is, and how it got there from `before`.
    pub fn show(&self, before: &Sample, now: &Sample) {
        let settled = now.settled.total();
        self.0.set_message(format!(
            "{}/s accepted, {}/s stored · {} accepted · {} in flight",
            rate(before, now, now.accepted.saturating_sub(before.accepted)),
            rate(before, now, now.settled.stored.saturating_sub(before.settled.stored)),
            HumanCount(now.accepted),
            HumanCount(now.accepted.saturating_sub(settled)),
        ));
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn rate(before: &Sample, now: &Sample, events: u64) -> HumanCount {
    let seconds = (now.seconds - before.seconds).max(0.001);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "shown only"
    )]
    HumanCount((events as f64 / seconds) as u64)
}
