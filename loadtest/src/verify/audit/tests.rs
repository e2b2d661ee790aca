//! A run of a hundred events and some campaigns, and what may go wrong with its rows.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use super::*;
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
    letters: Vec<String>,
    frames: Vec<Vec<u8>>,
}

impl Run {
    /// Of events 0 to 999, the even ones below 900 were accepted, and those from 900 on are doubtful.
    fn new() -> Self {
        let shape = Shape { users: NonZeroU32::MIN, campaigns: 50, ..Shape::of_seed(3) };
        let workload = Workload::new(RunId::random(), &shape, jiff::Timestamp::UNIX_EPOCH);
        let mut counts = Counts::default();
        let (accepted, doubtful) = (&mut counts.accepted, &mut counts.doubtful);
        accepted.grow(900);
        doubtful.grow(1_000);
        (0..900).step_by(2).for_each(|number| accepted.insert(number));
        (900..1_000).for_each(|number| doubtful.insert(number));
        let mut run = Self {
            workload,
            counts,
            events: Vec::new(),
            triggers: Vec::new(),
            letters: Vec::new(),
            frames: Vec::new(),
        };
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
        self.verify_after(None, Receipts::default())
    }

    fn verify_after(&self, stalled: Option<Duration>, receipts: Receipts) -> Verification {
        let mut audit = Audit::new(&self.workload, &self.counts, &CAMPAIGNS.collect::<Vec<_>>());
        self.events.iter().for_each(|(id, campaigns)| audit.event(id, campaigns));
        self.triggers.iter().for_each(|(campaign, id)| audit.trigger(*campaign, id));
        self.letters.iter().for_each(|id| audit.dead_letter(id, "refused: a constraint"));
        self.frames.iter().for_each(|frame| audit.dead_frame(frame, "poison frame: it ended a worker"));
        audit.finish(receipts, stalled)
    }

    /// Takes the rows of the event away.
    fn lose(&mut self, number: u64) -> String {
        let id = self.workload.run().event_id(number);
        self.events.retain(|(event, _)| *event != id);
        self.triggers.retain(|(_, event)| *event != id);
        id
    }

    /// An accepted event that triggers something.
    fn triggering(&self) -> u64 {
        let triggers = |number: &u64| self.workload.triggered_by(*number).next().is_some();
        (0..900).step_by(2).find(triggers).expect("some do")
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
    assert_eq!(run.difference(), format!("1 accepted events are neither stored nor dead letters: {id}"));
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

#[test]
fn a_dead_letter_accounts_for_an_accepted_event_and_its_triggers() {
    let mut run = Run::new();
    let before = run.verify().triggers_expected;
    let number = run.triggering();
    let id = run.lose(number);
    run.letters.push(id);
    let verification = run.verify();
    assert_eq!(verification.differences(), Vec::<String>::new());
    assert_eq!((verification.stored, verification.dead_lettered), (449, 1));
    assert_eq!(verification.dead_letter.as_deref(), Some("refused: a constraint"));
    assert!(verification.triggers_expected < before);
}

#[test]
fn a_trigger_of_a_dead_letter_shows_at_its_campaign() {
    let mut run = Run::new();
    let number = run.triggering();
    let triggers = run.triggers.clone();
    let id = run.lose(number);
    run.triggers = triggers;
    run.letters.push(id);
    assert!(run.verify().differences().iter().all(|difference| difference.starts_with("campaign ")));
    assert!(!run.verify().differences().is_empty());
}

#[test]
fn an_event_that_is_stored_and_a_dead_letter_is_named() {
    let mut run = Run::new();
    let id = run.events[0].0.clone();
    run.letters.push(id.clone());
    assert_eq!(run.difference(), format!("1 events are stored and dead letters, too: {id}"));
    assert_eq!(run.verify().dead_lettered, 0);
}

#[test]
fn a_dead_letter_of_an_event_that_was_not_sent_is_named() {
    let mut run = Run::new();
    let id = run.workload.run().event_id(1);
    run.letters.push(id.clone());
    let difference = run.difference();
    assert!(difference.starts_with("1 dead letters are of events that were never sent"), "{difference}");
    assert!(difference.ends_with(&id), "{difference}");
}

#[test]
fn a_frame_put_aside_accounts_for_the_events_in_it_of_which_some_may_be_stored_already() {
    let mut run = Run::new();
    let frame = |run: &Run, numbers: &[u64]| {
        let mut frame = b"cf\x01\0\xff\xfe1".to_vec();
        for &number in numbers {
            let id = run.workload.run().event_id(number);
            // As a frame holds it: the id alone, and then the JSON.
            frame
                .extend_from_slice(format!("{id}7purchase{{\"event_id\":\"{id}\",\"event_type\"").as_bytes());
        }
        frame
    };
    let (one, other) = (run.lose(2), run.lose(44));
    assert_ne!(one, other);
    run.frames.push(frame(&run, &[2, 4]));
    run.frames.push(frame(&run, &[44, 2]));
    run.frames.push(b"of somebody else {\"event_id\":\"lt-aaaaaaaaaaaa-e2\"".to_vec());
    let verification = run.verify();
    assert_eq!(verification.differences(), Vec::<String>::new());
    assert_eq!((verification.stored, verification.dead_lettered), (448, 2));
    run.frames.push(frame(&run, &[3]));
    assert!(run.difference().starts_with("1 dead letters are of events that were never sent"));
}

#[test]
fn what_the_server_refused_or_took_though_it_must_not_is_named() {
    let mut run = Run::new();
    run.counts.refused_good.add(|| "e-1 (a whim)".to_owned());
    assert_eq!(run.difference(), "1 events were refused that are good: e-1 (a whim)");
    run.counts.refused_good = Finding::default();
    run.counts.accepted_poison.add(|| "e-2".to_owned());
    assert_eq!(run.difference(), "1 events were accepted that must be refused: e-2");
}

/// Receipts of a run of which so many were accepted and so many settled.
fn receipts(accepted: u64, stored: u64) -> Receipts {
    let settled = crate::verify::Settled { stored, ..Default::default() };
    Receipts { accepted, settled, ..Receipts::default() }
}

#[test]
fn after_a_stall_what_is_missing_may_still_come_and_what_is_stored_has_its_triggers() {
    let mut run = Run::new();
    (0..100).step_by(2).for_each(|number| drop(run.lose(number)));
    let stalled = Some(Duration::from_secs(20));
    let verification = run.verify_after(stalled, receipts(450, 400));
    assert_eq!(verification.differences(), Vec::<String>::new());
    assert_eq!(verification.missing.count, 50);
    assert_eq!(
        verification.waiting.map(|wait| wait.to_string()).as_deref(),
        Some("not drained: 50 events were still in flight after nothing moved for 20s; is a worker running?")
    );
    run.events.push(run.events[0].clone());
    run.triggers.remove(0);
    let differences = run.verify_after(stalled, receipts(450, 400)).differences();
    assert!(differences[0].contains("repeat an event"), "wrong whatever comes: {differences:?}");
    assert!(differences[1].starts_with("campaign "), "{differences:?}");
    assert_eq!(differences.len(), 2);
}

#[test]
fn after_a_stall_only_repetitions_can_be_in_flight_where_all_events_are_stored() {
    let (run, stalled) = (Run::new(), Some(Duration::from_secs(1)));
    let of_repetitions = run.verify_after(stalled, receipts(460, 450));
    assert_eq!(of_repetitions.waiting.map(|wait| wait.in_flight), Some(10));
    let too_few = run.verify_after(stalled, receipts(450, 449));
    assert_eq!((too_few.waiting, too_few.differences().len()), (None, 1));
}
