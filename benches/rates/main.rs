//! How fast campaigns' rules are matched, as ratios that hold on any machine.
//!
//! - against parsing alone, and 100,000 rules against 1,000
//! - beside A-Tree, on those rules that it can express
//! - and what an index costs: the time to compile it, and its memory
//!
//! Sides take turns: within a round at every few thousand events, so that what else the machine does meets all of them, and
//! round by round, of which medians are quoted with their spread. `EVENTS` and `ROUNDS` in the environment change the size.

#![expect(clippy::print_stdout, reason = "it reports to a person")]

#[path = "../figures/mod.rs"]
mod figures;
#[path = "../peer/mod.rs"]
mod peer;
#[path = "../workloads/mod.rs"]
#[allow(dead_code, reason = "only campaigns' rules")]
mod workloads;
mod matched;
mod rivals;
mod tables;

use std::time::Duration;

use campaign_manager::event::Parser;
use campaign_manager::rules::Scratch;
use figures::{Figure, keep, size};
use matched::{Matched, timed};
use rivals::Rivals;
use serde_json::json;
use workloads::parsed::over;
use workloads::{Kind, Workload};

/// Events of one turn.
const TURN: usize = 5_000;

fn main() -> anyhow::Result<()> {
    let (events, rounds) = (size("EVENTS", 50_000), size("ROUNDS", 5));
    let events = Workload::campaign(Kind::Plain, 0, events).events;
    let mut matched: Vec<_> = Workload::sizes().map(|(kind, rules)| Matched::new(kind, rules)).collect();
    let mut rivals: Vec<_> = Workload::sizes().map(|(kind, rules)| Rivals::new(kind, rules)).collect();
    let (mut parser, mut scratch, mut parsing) =
        (Parser::new(64), Scratch::default(), Figure::new("parsing"));
    for round in 1..=rounds {
        let mut parsed = Duration::ZERO;
        for turn in events.chunks(TURN) {
            parsed += timed(|| over(turn, &mut parser, |document| document.nodes().len()));
            for workload in &mut matched {
                workload.take(turn, &mut parser, &mut scratch);
            }
        }
        parsing.add(events.len(), parsed);
        matched.iter_mut().for_each(Matched::end_round);
        for rivals in &mut rivals {
            rivals.measure(&events, &mut parser, &mut scratch);
        }
        println!("round {round} of {rounds}");
    }
    println!("{} events, medians of {rounds} and from the least to the most\n", events.len());
    for table in [tables::matching(&parsing, &matched), tables::index(&matched), tables::rivals(&rivals)] {
        println!("{table}\n");
    }
    let report = json!({
        "parsing": parsing.json(),
        "matching": matched.iter().map(|workload| workload.json(&parsing)).collect::<Vec<_>>(),
        "a_tree": rivals.iter().map(Rivals::json).collect::<Vec<_>>(),
    });
    keep("rates", report)
}
