//! The delivery protocol, explored in every order: two workers, Redis and Postgres, and faults between any two steps.
//!
//! As it is, it holds. With any one part left out, an event is lost or stored twice: so each part is needed, and the model
//! would notice if it were missing. Claiming all ids of a frame, and asking for each where one is claimed, are two steps here and
//! one in Redis, where a script does both: what may come between them is explored although it cannot. The tests print how many states there are, and the shortest way to each damage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy.toml allows it in tests, but sees none beside them"
)]

mod flaw;
mod properties;
mod protocol;
mod state;
mod trace;

use std::collections::BTreeSet;
use std::time::Instant;

use flaw::Flaw;
use protocol::Protocol;
use state::{Faults, Ids};
use stateright::{Checker as _, Expectation, HasDiscoveries, Model as _};

const A: Ids = Ids(0b01);
const B: Ids = Ids(0b10);
const AB: Ids = Ids(0b11);
const NOTHING: Ids = Ids::NONE;

const NONE: Faults = Faults {
    crashes: 0,
    cuts: 0,
    losses: 0,
    evictions: 0,
    restarts: 0,
    replacements: 0,
    copies: 0,
    jumps: 0,
};
const COPY: Faults = Faults { copies: 1, ..NONE };
const JUMP: Faults = Faults { jumps: 1, ..NONE };
const CRASH: Faults = Faults { crashes: 1, ..NONE };
const LOSS: Faults = Faults { losses: 1, ..NONE };
const EVICTION: Faults = Faults { evictions: 1, ..NONE };
const RESTART: Faults = Faults { restarts: 1, ..NONE };
const REPLACEMENT: Faults = Faults { replacements: 1, ..NONE };

const TWICE: &str = "no id is stored twice";
const LOST: &str = "an accepted id is stored, or a frame is still to bring it";
const UNSTORED: &str = "what is acknowledged has a receipt";

/// Explores every state. Returns what was seen of what should be seen sometimes.
fn explore(frames: [Ids; 3], faults: Faults) -> BTreeSet<&'static str> {
    explore_all(Protocol { flaws: &[], frames, faults, upgrade: false, canonical: true })
}

/// Explores every state where the claims at the begin, and a worker, are of the release before.
fn explore_upgrade(faults: Faults) {
    let frames = [A, AB, NOTHING];
    explore_all(Protocol { flaws: &[], frames, faults, upgrade: true, canonical: true });
}

fn explore_all(protocol: Protocol) -> BTreeSet<&'static str> {
    let faults = protocol.faults;
    let started = Instant::now();
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!("{:>8} states in {:>6.2?}: {faults:?}", checker.unique_state_count(), started.elapsed());
    let mut seen = BTreeSet::new();
    for (name, path) in checker.discoveries() {
        let is_damage = checker.model().property(name).expectation == Expectation::Always;
        assert!(!is_damage, "not so: {name}\n{}", trace::of(path));
        seen.insert(name);
    }
    seen
}

/// Two frames that share an id are sent; then a protocol with these flaws does this damage, if such faults happen.
#[track_caller]
fn assert_breaks(flaws: &'static [Flaw], faults: Faults, damage: &'static str) {
    let frames = [A, A, NOTHING];
    assert_protocol_breaks(Protocol { flaws, frames, faults, upgrade: false, canonical: false }, damage);
}

#[track_caller]
fn assert_protocol_breaks(protocol: Protocol, damage: &'static str) {
    let flaws = protocol.flaws;
    let search = protocol.checker().finish_when(HasDiscoveries::AnyOf(BTreeSet::from([damage])));
    let checker = search.spawn_bfs().join();
    let path = checker.discovery(damage);
    let path =
        path.unwrap_or_else(|| panic!("nothing was noticed in {} states", checker.unique_state_count()));
    println!(
        "{flaws:?}, after {} states. Not so: {damage}\n{}",
        checker.unique_state_count(),
        trace::of(path)
    );
}

#[test]
fn whatever_fails_nothing_is_lost_or_stored_twice_and_work_goes_on() {
    let mixes = [
        Faults { crashes: 2, cuts: 1, ..NONE },
        Faults { crashes: 1, cuts: 1, ..LOSS },
        Faults { crashes: 1, losses: 2, ..NONE },
        Faults { crashes: 1, ..RESTART },
        Faults { losses: 1, ..RESTART },
        Faults { cuts: 1, losses: 1, ..REPLACEMENT },
        Faults { restarts: 1, ..REPLACEMENT },
    ];
    let seen: BTreeSet<_> = mixes.into_iter().flat_map(|faults| explore([A, AB, NOTHING], faults)).collect();
    let expected = properties::properties().into_iter().filter(|it| it.expectation == Expectation::Sometimes);
    assert_eq!(seen, expected.map(|property| property.name).collect());
}

#[test]
fn nothing_is_lost_or_stored_twice_where_three_frames_share_ids() {
    for faults in [Faults { losses: 1, ..CRASH }, REPLACEMENT] {
        explore([A, AB, B], faults);
    }
}

#[test]
fn a_copy_of_redis_however_old_it_is_doubles_nothing() {
    for faults in [COPY, Faults { copies: 1, ..CRASH }, Faults { copies: 1, ..LOSS }] {
        explore([A, A, NOTHING], faults);
    }
}

#[test]
fn an_upgrade_with_a_worker_of_the_release_before_still_alive_loses_and_doubles_nothing() {
    for faults in [CRASH, LOSS, RESTART] {
        explore_upgrade(faults);
    }
}

#[test]
fn one_clock_that_jumps_ahead_doubles_nothing() {
    explore([A, AB, NOTHING], Faults { jumps: 1, ..CRASH });
}

// Each of these is a part that one could think superfluous.

#[test]
fn claims_that_do_not_tell_users_apart_lose_the_event_of_the_second() {
    let frames = [A, B, NOTHING];
    let protocol =
        Protocol { flaws: &[Flaw::UsersNotTold], frames, faults: NONE, upgrade: false, canonical: false };
    assert_protocol_breaks(protocol, LOST);
}

#[test]
fn an_older_copy_of_redis_that_shows_the_epoch_doubles_where_its_time_is_not_looked_at() {
    assert_breaks(&[Flaw::TimeIgnored], COPY, TWICE);
}

#[test]
fn a_time_that_is_raised_in_an_older_copy_hides_what_that_lacks() {
    assert_breaks(&[Flaw::TimeRaisedInAnyRun], COPY, TWICE);
}

#[test]
fn claims_of_two_forms_side_by_side_let_ids_be_stored_twice() {
    let frames = [A, A, NOTHING];
    let protocol =
        Protocol { flaws: &[Flaw::FormIgnored], frames, faults: NONE, upgrade: true, canonical: false };
    assert_protocol_breaks(protocol, TWICE);
}

#[test]
fn claims_that_go_by_one_clock_let_ids_be_stored_twice_when_that_jumps_ahead() {
    assert_breaks(&[Flaw::OneClock], JUMP, TWICE);
}

#[test]
fn where_both_clocks_jump_ahead_claims_go_early() {
    // This is beyond what is promised: see "What does not hold" in docs/guarantees.md.
    assert_breaks(&[], Faults { jumps: 2, ..NONE }, TWICE);
}

#[test]
fn a_frame_claimed_again_in_spite_of_its_receipt_takes_an_id_from_the_frame_that_should_store_it() {
    assert_breaks(&[Flaw::NoReceiptLookup], Faults { losses: 1, ..CRASH }, LOST);
    assert_breaks(&[Flaw::NoReceiptLookup], Faults { restarts: 1, ..CRASH }, LOST);
}

#[test]
fn claims_laid_under_an_epoch_that_is_over_take_ids_from_frames_that_should_store_them() {
    assert_breaks(&[Flaw::UnconditionalClaims], Faults { losses: 1, ..CRASH }, LOST);
}

#[test]
fn claims_of_another_time_that_come_back_with_redis_take_ids_from_frames_that_should_store_them() {
    assert_breaks(&[Flaw::ClaimsKept], Faults { losses: 1, ..RESTART }, LOST);
}

#[test]
fn a_rebuild_that_does_not_notice_the_loss_of_what_it_did_lets_ids_be_stored_twice() {
    assert_breaks(&[Flaw::UnmarkedRebuild], Faults { losses: 2, ..NONE }, TWICE);
    assert_breaks(&[Flaw::UnmarkedRebuild], Faults { losses: 1, ..RESTART }, TWICE);
}

#[test]
fn a_rebuild_that_decides_how_much_before_it_marks_its_beginning_may_do_too_little() {
    assert_breaks(&[Flaw::MarkWithoutLook], Faults { losses: 1, ..RESTART }, TWICE);
}

#[test]
fn a_rebuild_beside_store_transactions_misses_what_they_commit() {
    assert_breaks(&[Flaw::RebuildWithoutLock], LOSS, TWICE);
}

#[test]
fn a_rebuild_that_does_not_replace_stray_claims_lets_their_frames_store_again() {
    let flaws = &[Flaw::RebuildWithoutOverride, Flaw::UnconditionalClaims, Flaw::ClaimsKept];
    assert_breaks(flaws, LOSS, TWICE);
}

#[test]
fn a_batch_stored_under_an_epoch_that_is_over_is_stored_twice() {
    assert_breaks(&[Flaw::StoreWithoutEpoch], LOSS, TWICE);
}

#[test]
fn a_duplicate_that_is_not_claimed_again_when_its_epoch_is_over_is_stored_by_nobody() {
    assert_breaks(&[Flaw::DuplicatesKept], Faults { losses: 1, ..CRASH }, LOST);
    assert_breaks(&[Flaw::DuplicatesKept], Faults { restarts: 1, ..CRASH }, LOST);
}

#[test]
fn an_epoch_read_before_the_lock_is_had_may_be_over() {
    assert_breaks(&[Flaw::StoreReadsEpochBeforeLock], LOSS, TWICE);
}

#[test]
fn a_frame_acknowledged_before_its_commit_has_no_receipt() {
    assert_breaks(&[Flaw::AckBeforeCommit], NONE, UNSTORED);
}

#[test]
fn a_claim_that_does_not_tell_its_frame_loses_what_a_dead_worker_claimed() {
    assert_breaks(&[Flaw::AnonymousClaims], CRASH, LOST);
}

#[test]
fn an_epoch_not_read_again_in_the_second_round_trip_may_be_over() {
    assert_breaks(&[Flaw::SecondTripWithoutEpoch], LOSS, TWICE);
}

#[test]
fn a_restart_that_nobody_notices_lets_ids_be_stored_twice() {
    assert_breaks(&[Flaw::RunIgnored], RESTART, TWICE);
}

#[test]
fn a_claim_that_goes_while_its_epoch_stays_is_not_noticed() {
    // This is beyond what is promised: see "What does not hold" in docs/guarantees.md.
    assert_breaks(&[], EVICTION, TWICE);
    assert_breaks(&[], Faults { evictions: 1, ..CRASH }, LOST);
}

#[test]
fn a_frame_stored_in_spite_of_its_receipt_is_stored_twice() {
    assert_breaks(&[Flaw::ReceiptsIgnored], NONE, TWICE);
}
