//! Both sides with the same rules and the same events.

use std::time::{Duration, Instant};

use campaign_manager::event::Parser;
use campaign_manager::rules::{CompiledRules, Scratch};

use super::{Peer, expression};
use crate::workloads::{Workload, rule_set};

/// This project and the peer, with those rules that both can express.
pub(crate) struct Beside {
    pub(crate) this: CompiledRules,
    pub(crate) peer: Peer,
    pub(crate) events: Vec<String>,
    /// How long the peer took to build.
    pub(crate) building: Duration,
}

impl Beside {
    /// Builds both, and makes sure that each event matches as many rules here as there.
    pub(crate) fn new(workload: Workload) -> Self {
        let (patterns, expressions): (Vec<_>, Vec<_>) = workload
            .patterns
            .into_iter()
            .filter_map(|pattern| expression(&pattern).map(|expression| (pattern, expression)))
            .unzip();
        let (this, started) = (rule_set(&patterns).compile(), Instant::now());
        let (peer, building) = (Peer::build(&expressions), started.elapsed());
        let (mut parser, mut scratch) = (Parser::new(64), Scratch::default());
        for event in &workload.events {
            let found = parser.parse(event.as_bytes(), |document| {
                (this.matches(&document, &mut scratch).len(), peer.matches(document))
            });
            let (this, peer) = found.expect("the events are well-formed");
            assert_eq!(this, peer, "matches of {event}");
        }
        Self { this, peer, events: workload.events, building }
    }
}
