//! `make chaos`: the delivery promise under all faults at once, for as long as one likes.
//!
//! Real processes on a real Redis and Postgres, an oracle that sends all the time, and faults drawn from a seed. In
//! rounds: load with faults, then everything must recover, drain, and be as promised. The first round that is not ends the
//! run with exit code 1, and with all that is needed to repeat it.

#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but sees none in the harness")]
#![allow(clippy::print_stdout, reason = "it reports to whoever runs it")]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests in tests/it use the rest")]
mod support;

mod account;
mod lanes;
mod plan;
mod report;
mod round;
mod scene;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser as _;
use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::time::Instant;

use report::Totals;
use round::System;

/// Break everything, at random, and see whether the delivery promise holds
#[derive(Clone, Copy, Debug, clap::Parser)]
#[command(name = "make chaos ARGS=")]
struct Args {
    /// How long; the round under way then is finished
    #[arg(long, default_value = "10m", value_parser = duration)]
    duration: Duration,
    /// What the plan of faults follows from; random by default
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("seed {seed}, {:?}; {}", args.duration, report::how_to_repeat(args.duration, seed));
    let reached = Arc::new(AtomicU64::new(0));
    let name = format!("chaos-{seed}");
    let thread = std::thread::Builder::new().name(name.clone());
    // The processes end with the thread that started them, and their logs have its name.
    let running = thread.spawn({
        let reached = Arc::clone(&reached);
        move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.unwrap().block_on(run(seed, args.duration, &reached))
        }
    });
    let kept = running.unwrap().join().unwrap_or(false);
    if !kept {
        report::print_plan(seed, reached.load(Ordering::SeqCst));
        println!("logs: {}", report::logs(&name));
    }
    println!("{}; {}", if kept { "kept" } else { "NOT KEPT" }, report::how_to_repeat(args.duration, seed));
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the promise was kept.
async fn run(seed: u64, duration: Duration, reached: &AtomicU64) -> bool {
    let stop = stopped_by_ctrl_c();
    let mut system = System::start().await;
    let mut totals = Totals::default();
    let end = Instant::now() + duration;
    while Instant::now() < end && !*stop.borrow() {
        let number = reached.load(Ordering::SeqCst);
        let round = plan::plan(seed, number, round::LOAD);
        let outcome = system.round(number, &round, stop.clone()).await;
        totals.add(&outcome);
        println!("{outcome}");
        if !outcome.broken.is_empty() {
            println!("{totals}");
            return false;
        }
        if let Some(loss) = round.loss {
            system.lose(loss).await;
            totals.count(loss.kind());
        }
        reached.fetch_add(1, Ordering::SeqCst);
    }
    system.end().await;
    println!("{totals}");
    true
}

/// Tells when somebody wants it to end.
fn stopped_by_ctrl_c() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            println!("ending the round");
            stop.send_replace(true);
        }
        // The sender stays, so that whoever waits for it waits.
        std::future::pending::<()>().await;
    });
    stopped
}

fn duration(text: &str) -> Result<Duration, String> {
    let signed: SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    signed.try_into().map_err(|_| "write a time as 10m or 90s".to_owned())
}
