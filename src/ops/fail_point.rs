//! Places where a test may end the process: the edges between steps that a crash must not tear apart.
//!
//! Only builds with the feature `fail-points` have them. `FAILPOINTS="committed=3*off->return"` in the environment ends the
//! process with SIGKILL when it gets to `committed` for the fourth time; the syntax is that of the crate `fail`. With `panic` in
//! place of `return` only the task that gets there ends.

use jiff::SignedDuration;

/// Reads `FAILPOINTS`. Call it once, before anything else runs.
pub fn arm() {
    #[cfg(feature = "fail-points")]
    std::mem::forget(fail::FailScenario::setup());
}

/// The process ends here, if it was asked to.
#[inline]
pub fn reached(point: &'static str) {
    reached_with(point, || true);
}

/// As [`reached`], where only a case that `applies` counts.
#[inline]
pub fn reached_with(point: &'static str, applies: impl FnOnce() -> bool) {
    #[cfg(feature = "fail-points")]
    if applies() {
        fail::eval(point, |_| {
            let own = rustix::process::getpid();
            // It cannot fail, and does not return.
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        });
    }
    #[cfg(not(feature = "fail-points"))]
    let _ = (point, applies);
}

/// How far a test has set this machine's clock ahead: `FAILPOINTS="clock-ahead=return(259200)"` by three days, a negative
/// number sets it back.
#[must_use]
pub fn clock_ahead() -> SignedDuration {
    #[cfg(feature = "fail-points")]
    let seconds = fail::eval("clock-ahead", |seconds| seconds?.parse().ok()).flatten().unwrap_or(0);
    #[cfg(not(feature = "fail-points"))]
    let seconds = 0;
    SignedDuration::from_secs(seconds)
}
