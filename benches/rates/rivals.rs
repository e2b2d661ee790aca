//! This project and A-Tree with the same rules.

use std::time::Duration;

use campaign_manager::event::Parser;
use campaign_manager::rules::Scratch;
use serde_json::{Value, json};

use crate::figures::Figure;
use crate::matched::timed;
use crate::peer::Beside;
use crate::workloads::parsed::over;
use crate::workloads::{Kind, Workload};

/// How often the two sides change in a round.
const TURNS: usize = 10;

pub(crate) struct Rivals {
    pub(crate) name: String,
    /// Rules of the workload, expressible or not.
    pub(crate) rules: usize,
    beside: Beside,
    /// Events a second, parsing included.
    pub(crate) this: Figure,
    /// Events a second, parsing included.
    pub(crate) peer: Figure,
}

impl Rivals {
    /// The more rules there are, the fewer events the peer gets, so that a round takes it about a second.
    pub(crate) fn new(kind: Kind, rules: usize) -> Self {
        let workload = Workload::campaign(kind, rules, (100_000_000 / rules).min(20_000));
        Self {
            name: workload.name.clone(),
            rules,
            beside: Beside::new(workload),
            this: Figure::new("this"),
            peer: Figure::new("a_tree"),
        }
    }

    /// Takes turns; the peer gets a part of the events.
    pub(crate) fn measure(&mut self, events: &[String], parser: &mut Parser, scratch: &mut Scratch) {
        let Beside { this, peer, events: few, .. } = &self.beside;
        let (mut this_took, mut peer_took) = (Duration::ZERO, Duration::ZERO);
        let turn = |events: &[String]| events.len().div_ceil(TURNS).max(1);
        for (events, few) in events.chunks(turn(events)).zip(few.chunks(turn(few))) {
            this_took += timed(|| over(events, parser, |document| this.matches(&document, scratch).len()));
            peer_took += timed(|| over(few, parser, |document| peer.matches(document)));
        }
        self.this.add(events.len(), this_took);
        self.peer.add(few.len(), peer_took);
    }

    /// How many rules both hold.
    pub(crate) fn expressible(&self) -> usize {
        self.beside.this.len()
    }

    pub(crate) fn building(&self) -> Duration {
        self.beside.building
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "workload": self.name, "rules": self.expressible(), "ratio": self.this.of(&self.peer).json(),
            "a_tree_building_seconds": self.building().as_secs_f64(),
            "this": self.this.json(), "a_tree": self.peer.json(),
        })
    }
}
