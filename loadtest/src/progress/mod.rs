//! How a run goes, on standard error: a live bar on a terminal, a line now and then elsewhere, so that a log shows it too.

mod recent;
mod share;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::load::Volume;
use crate::timeline::Look;
use recent::Recent;
use share::Share;

/// Seconds between two changes of the numbers on a terminal: often, and still to be read.
const ON_TERMINAL: f64 = 1.0;
/// Seconds between two lines of a log.
const IN_LOG: f64 = 5.0;
/// The bar's length.
const WHOLE: u64 = 1_000;

/// What is being done, in the order of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Phase {
    Preparing,
    Sending,
    Draining,
    Verifying,
    Archiving,
}

/// Says how a run goes.
#[derive(Clone, Debug)]
pub struct Progress {
    shown: Shown,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug)]
enum Shown {
    /// A bar, redrawn in place.
    Bar(ProgressBar),
    /// A line at a time.
    Lines,
    Nothing,
}

#[derive(Debug)]
struct State {
    phase: Option<Phase>,
    /// The latest phase that a line was written of.
    written: Option<Phase>,
    /// The first look of the phase.
    first: Option<Look>,
    recent: Recent,
}

impl Progress {
    /// On standard error, in the form that fits it.
    #[must_use]
    pub fn on_stderr() -> Self {
        if !io::stderr().is_terminal() {
            return Self::new(Shown::Lines, IN_LOG);
        }
        let bar = ProgressBar::with_draw_target(Some(WHOLE), ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::new(Shown::Bar(bar), ON_TERMINAL)
    }

    /// Nowhere.
    #[must_use]
    pub fn hidden() -> Self {
        Self::new(Shown::Nothing, IN_LOG)
    }

    fn new(shown: Shown, every: f64) -> Self {
        let state = State { phase: None, written: None, first: None, recent: Recent::new(every) };
        Self { shown, state: Arc::new(Mutex::new(state)) }
    }

    /// Says what is being done. The verification may find that the drain goes on; a log is told of it once.
    pub fn phase(&self, phase: Phase) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.phase == Some(phase) {
            return;
        }
        (state.phase, state.first) = (Some(phase), None);
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_style(style(phase));
                bar.set_position(0);
                bar.set_prefix(phase.to_string());
                if phase == Phase::Archiving {
                    bar.set_message("");
                }
            }
            Shown::Lines if state.written < Some(phase) => {
                state.written = Some(phase);
                write_line(&phase);
            }
            Shown::Lines | Shown::Nothing => {}
        }
    }

    /// What is being done.
    #[must_use]
    pub fn current(&self) -> Option<Phase> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).phase
    }

    /// Says what a look has found of a run of this volume.
    pub(crate) fn show(&self, volume: Volume, look: &Look) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(phase) = state.phase else { return };
        let first = state.first.get_or_insert_with(|| look.clone());
        let share = Share::of(phase, volume, first, look);
        let going = state.recent.push(look);
        match &self.shown {
            Shown::Bar(bar) => {
                if let Some(share) = share {
                    bar.set_position(share.thousandths());
                    bar.set_prefix(format!("{phase}{}", left(share)));
                }
                if let Some(going) = going {
                    bar.set_message(going.to_string());
                }
            }
            Shown::Lines => {
                if let (Some(going), Some(share)) = (going, share) {
                    let percent = share.thousandths() / 10;
                    write_line(&format_args!("{phase}, {percent} %{}: {going}", left(share)));
                }
            }
            Shown::Nothing => {}
        }
    }

    /// Says something else in between.
    pub fn say(&self, message: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| write_line(&message)),
            Shown::Lines | Shown::Nothing => write_line(&message),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preparing => "preparing",
            Self::Sending => "sending",
            Self::Draining => "draining",
            Self::Verifying => "verifying",
            Self::Archiving => "archiving campaigns",
        })
    }
}

fn style(phase: Phase) -> ProgressStyle {
    let template = match phase {
        Phase::Sending | Phase::Draining => "{spinner} {wide_bar} {percent:>3} %  {prefix}\n  {wide_msg}",
        Phase::Preparing | Phase::Verifying | Phase::Archiving => {
            "{spinner} {elapsed:>4}  {prefix}\n  {wide_msg}"
        }
    };
    ProgressStyle::with_template(template).expect("a valid template").progress_chars("━╸─")
}

fn left(share: Share) -> String {
    share.left.map_or_else(String::new, |left| format!(", {:#} left", HumanDuration(left)))
}

fn write_line(message: &dyn fmt::Display) {
    // If standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "loadtest: {message}");
}
