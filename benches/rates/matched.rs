//! One set of campaigns' rules: matched, parsed only, compiled.

use std::hint::black_box;
use std::time::{Duration, Instant};

use campaign_manager::event::Parser;
use campaign_manager::rules::{CompiledRules, RuleSet, Scratch};
use serde_json::{Value, json};

use crate::figures::Figure;
use crate::workloads::parsed::over;
use crate::workloads::{Kind, Workload};

pub(crate) struct Matched {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    rule_set: RuleSet,
    pub(crate) rules: CompiledRules,
    /// Events a second, parsing included.
    pub(crate) matching: Figure,
    /// Rules a second.
    pub(crate) compiling: Figure,
    round: Round,
    /// The round before.
    pub(crate) last: Round,
}

/// What a round took and found; only the time depends on the machine.
#[derive(Default)]
pub(crate) struct Round {
    took: Duration,
    pub(crate) events: usize,
    pub(crate) matches: usize,
    pub(crate) candidates: u64,
    pub(crate) steps: u64,
}

impl Matched {
    pub(crate) fn new(kind: Kind, rules: usize) -> Self {
        let workload = Workload::campaign(kind, rules, 0);
        let rule_set = workload.rule_set();
        Self {
            name: workload.name,
            kind,
            rules: rule_set.compile(),
            rule_set,
            matching: Figure::new("parsing_and_matching"),
            compiling: Figure::new("compiling"),
            round: Round::default(),
            last: Round::default(),
        }
    }

    /// Matches the events of a turn.
    pub(crate) fn take(&mut self, events: &[String], parser: &mut Parser, scratch: &mut Scratch) {
        let Self { rules, round, .. } = self;
        round.took += timed(|| {
            round.matches += over(events, parser, |document| {
                let matches = rules.matches(&document, scratch).len();
                round.candidates += scratch.candidates();
                round.steps += scratch.steps();
                matches
            });
        });
        round.events += events.len();
    }

    /// Adds what the turns took, and compiles the rules.
    pub(crate) fn end_round(&mut self) {
        let round = std::mem::take(&mut self.round);
        self.matching.add(round.events, round.took);
        self.last = round;
        // The index is dropped after the clock is read.
        let mut compiled = None;
        let took = timed(|| compiled = Some(self.rule_set.compile()));
        self.compiling.add(self.rules.len(), took);
    }

    pub(crate) fn json(&self, parsing: &Figure) -> Value {
        let Round { events, matches, candidates, steps, .. } = self.last;
        json!({
            "workload": self.name, "index": self.rules.stats(), "of_parsing": self.matching.of(parsing).json(),
            "events": events, "matches": matches, "candidates": candidates, "steps": steps,
            "parsing_and_matching": self.matching.json(),
            "compiling": self.compiling.json(),
        })
    }
}

pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let started = Instant::now();
    black_box(work());
    started.elapsed()
}
