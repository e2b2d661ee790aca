//! How large rules are, and how fast they compile and match.
//!
//! Events are timed in chunks, once only parsed and once parsed and matched, in turn, so that both are measured under the
//! same conditions and the clock costs nothing worth counting.

use super::{MAX_EVENT_DEPTH, OfflineError};
use crate::event::Parser;
use crate::rules::{CompiledRules, Scratch};
use std::io::Write;
use std::time::{Duration, Instant};

/// The events that are timed together.
const CHUNK: usize = 1_000;
/// A chunk is timed before it is full if it holds more bytes than this.
const CHUNK_BYTES: usize = 8 << 20;

/// What was measured.
pub(super) struct Timing {
    compiling: Duration,
    parsing: Duration,
    parsing_and_matching: Duration,
    events: usize,
    matches: usize,
    candidates: u64,
    steps: u64,
    /// The texts of the events that are to be timed next, one after the other, and where each ends.
    chunk: Vec<u8>,
    ends: Vec<usize>,
    parser: Parser,
    scratch: Scratch,
}

impl Timing {
    /// Times the compilation of rules.
    pub(super) fn compiling(compile: impl FnOnce() -> CompiledRules) -> (Self, CompiledRules) {
        let started = Instant::now();
        let compiled = compile();
        let timing = Self {
            compiling: started.elapsed(),
            parsing: Duration::ZERO,
            parsing_and_matching: Duration::ZERO,
            events: 0,
            matches: 0,
            candidates: 0,
            steps: 0,
            chunk: Vec::new(),
            ends: Vec::new(),
            parser: Parser::new(MAX_EVENT_DEPTH),
            scratch: Scratch::default(),
        };
        (timing, compiled)
    }

    /// Takes an event in; now and then, times those that have gathered.
    pub(super) fn take(&mut self, event: &[u8], rules: &CompiledRules) {
        self.chunk.extend_from_slice(event);
        self.ends.push(self.chunk.len());
        if self.ends.len() == CHUNK || self.chunk.len() > CHUNK_BYTES {
            self.time_chunk(rules);
        }
    }

    fn time_chunk(&mut self, rules: &CompiledRules) {
        let Self { chunk, ends, parser, scratch, .. } = self;
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let events = || starts.clone().zip(&*ends).map(|(start, end)| &chunk[start..*end]);

        let started = Instant::now();
        let nodes: usize =
            events().map(|event| parser.parse(event, |document| document.nodes().len()).unwrap_or(0)).sum();
        std::hint::black_box(nodes);
        self.parsing += started.elapsed();

        let started = Instant::now();
        let (mut matches, mut candidates, mut steps) = (0, 0, 0);
        for event in events() {
            let found = parser.parse(event, |document| rules.matches(&document, scratch).len());
            matches += found.unwrap_or(0);
            candidates += scratch.candidates();
            steps += scratch.steps();
        }
        self.parsing_and_matching += started.elapsed();

        self.matches += matches;
        self.candidates += candidates;
        self.steps += steps;
        self.events += self.ends.len();
        self.ends.clear();
        self.chunk.clear();
    }

    /// Writes the figures of all events.
    pub(super) fn write(mut self, rules: &CompiledRules, mut out: impl Write) -> Result<(), OfflineError> {
        self.time_chunk(rules);
        let matching = self.parsing_and_matching.saturating_sub(self.parsing);
        let (size, events) = (rules.stats(), self.events);
        let written = writeln!(
            out,
            "rules:        {} with {} predicates in {} fields\n\
             compile time: {:.1} ms\n\
             index:        {} bytes, {:.1} a predicate\n\
             events:       {events}, {} matches, {} rules tried in {} steps\n\
             rate:         {} events/s with parsing, {} events/s without, {} events/s only parsed",
            size.rules,
            size.predicates,
            size.fields,
            self.compiling.as_secs_f64() * 1e3,
            size.bytes,
            ratio(size.bytes, size.predicates),
            self.matches,
            self.candidates,
            self.steps,
            rate(events, self.parsing_and_matching),
            rate(events, matching),
            rate(events, self.parsing),
        );
        written.map_err(OfflineError::Unwritable)
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(one: usize, other: usize) -> f64 {
    one as f64 / other.max(1) as f64
}

/// Events a second, as a whole number.
fn rate(events: usize, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds == 0.0 { "?".to_owned() } else { format!("{:.0}", ratio(events, 1) / seconds) }
}
