//! A run of a hundred events and some campaigns, and what may go wrong with its rows.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use super::*;
use crate::sending::Tally;
use crate::workload::{RunId, Shape};

/// The server's ids of the run's campaigns, one a rule.
const CAMPAIGNS: RangeInclusive<i64> = 1_000..=1_049;

/// The server's id of the campaign with this rule.
fn campaign(rule: usize) -> i64 {
    CAMPAIGNS.clone().nth(rule).expect("the rule of a campaign")
}

/// What the tool knows, and the rows that there must be.
struct Run {
    workload: Workload,
    counts: Counts,
    events: Vec<(String, Vec<i64>)>,
    triggers: Vec<(i64, String)>,
}

impl Run {
    /// Of events 0 to 999, the even ones below 900 were accepted, and those from 900 on are doubtful.
    fn new() -> Self {
        let shape = Shape { seed: 3, users: NonZeroU32::MIN, campaigns: 50, duplicates: 0.0 };
        let workload = Workload::new(RunId::random(), &shape, jiff::Timestamp::UNIX_EPOCH);
        let tally = Tally::default();
        let mut counts = tally.counts().clone();
        let (accepted, doubtful) = (&mut counts.accepted, &mut counts.doubtful);
        accepted.grow(900);
        doubtful.grow(1_000);
        (0..900).step_by(2).for_each(|number| accepted.insert(number));
        (900..1_000).for_each(|number| doubtful.insert(number));
        let mut run = Self { workload, counts, events: Vec::new(), triggers: Vec::new() };
        (0..900).step_by(2).for_each(|number| run.store(number));
        run
    }

    fn store(&mut self, number: u64) {
        let id = self.workload.run().event_id(number);
        let campaigns: Vec<i64> = self.workload.triggered_by(number).map(campaign).collect();
        self.triggers.extend(campaigns.iter().map(|&campaign| (campaign, id.clone())));
        self.events.push((id, campaigns));
    }

    fn verify(&self) -> Verification {
        let mut audit = Audit::new(&self.workload, &self.counts, &CAMPAIGNS.collect::<Vec<_>>());
        self.events.iter().for_each(|(id, campaigns)| audit.event(id, campaigns));
        self.triggers.iter().for_each(|(campaign, id)| audit.trigger(*campaign, id));
        audit.finish()
    }

    /// The one difference that there is.
    fn difference(&self) -> String {
        let differences = self.verify().differences();
        assert_eq!(differences.len(), 1, "{differences:?}");
        differences.concat()
    }
}

#[test]
fn rows_as_they_must_be_show_no_difference() {
    let verification = Run::new().verify();
    assert_eq!(verification.differences(), Vec::<String>::new());
    assert_eq!((verification.accepted, verification.stored, verification.doubtful), (450, 450, 0));
    assert!(verification.triggers_expected > 10, "{verification:?}");
    assert_eq!(verification.triggers_expected, verification.triggers_found);
}

#[test]
fn doubtful_events_may_be_stored_with_their_triggers() {
    let mut run = Run::new();
    (900..950).for_each(|number| run.store(number));
    let verification = run.verify();
    assert_eq!(verification.differences(), Vec::<String>::new());
    assert_eq!((verification.stored, verification.doubtful), (500, 50));
}

#[test]
fn other_campaigns_of_the_server_do_not_matter() {
    let mut run = Run::new();
    run.events[0].1.insert(0, 7);
    assert_eq!(run.verify().differences(), Vec::<String>::new());
}

#[test]
fn a_missing_event_is_named() {
    let mut run = Run::new();
    let place =
        run.events.iter().position(|(_, campaigns)| campaigns.is_empty()).expect("some trigger nothing");
    let (id, _) = run.events.remove(place);
    assert_eq!(run.difference(), format!("1 accepted events are not stored: {id}"));
}

#[test]
fn an_event_stored_twice_is_named() {
    let mut run = Run::new();
    run.events.push(run.events[0].clone());
    assert_eq!(
        run.difference(),
        format!("1 rows repeat an event that is stored already: {}", run.events[0].0)
    );
    assert_eq!(run.verify().stored, 450);
}

#[test]
fn an_event_that_was_not_sent_is_named() {
    let mut run = Run::new();
    run.store(1);
    run.triggers.retain(|(_, id)| *id != run.workload.run().event_id(1));
    assert!(run.difference().starts_with("1 stored events were never sent"), "{}", run.difference());
}

#[test]
fn wrong_campaigns_in_an_events_row_are_named() {
    let mut run = Run::new();
    let row =
        run.events.iter_mut().find(|(_, campaigns)| !campaigns.is_empty()).expect("some trigger something");
    row.1.clear();
    let id = row.0.clone();
    assert_eq!(run.difference(), format!("1 stored events name other campaigns than they must: {id}"));
}

#[test]
fn a_missing_trigger_shows_at_its_campaign() {
    let mut run = Run::new();
    let (campaign, _) = run.triggers.remove(0);
    let left = run.triggers.iter().filter(|(id, _)| *id == campaign).count();
    let must = left + 1;
    assert_eq!(run.difference(), format!("campaign {campaign} has {left} triggers and must have {must}"));
}

#[test]
fn a_trigger_of_another_event_shows_though_their_number_is_right() {
    let mut run = Run::new();
    run.triggers[0].1 = run.workload.run().event_id(0);
    assert!(run.difference().contains("of other events than it must"), "{}", run.difference());
}

#[test]
fn a_trigger_of_an_event_that_was_not_sent_is_named() {
    let mut run = Run::new();
    let id = run.workload.run().event_id(1);
    run.triggers.push((campaign(0), id.clone()));
    assert!(run.difference().ends_with(&id), "{}", run.difference());
}
