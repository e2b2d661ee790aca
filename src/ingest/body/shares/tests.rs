use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

const MIB: usize = 1 << 20;

fn owner(key: i64, address: u8) -> Owner {
    Owner { key: Some(key), source: IpAddr::from([10, 0, 0, address]) }
}

/// Room for 12 MiB, of which a key has 7 at most.
fn shares() -> Shares {
    Shares::new(12 * MIB, 7 * MIB)
}

/// A body that wants so much at once.
fn body(shares: &mut Shares, owner: Owner, bytes: usize, now: Instant) -> BodyId {
    let id = shares.enter(owner, now);
    shares.want(id, bytes, now);
    id
}

fn standing(shares: &mut Shares, id: BodyId) -> Standing {
    shares.standing(id, Waker::noop())
}

#[test]
fn a_key_never_has_all_of_the_room() {
    let (mut shares, now) = (shares(), Instant::now());
    let greedy: Vec<BodyId> = (0..100).map(|_| body(&mut shares, owner(1, 1), MIB, now)).collect();
    let has = greedy.iter().filter(|id| standing(&mut shares, **id) == Standing::Has).count();
    assert_eq!(has, 7);
    let other = body(&mut shares, owner(2, 2), 5 * MIB, now);
    assert_eq!(standing(&mut shares, other), Standing::Has, "whatever the first one announces");
}

#[test]
fn who_has_the_least_is_next_and_nobody_overtakes_among_equals() {
    let (mut shares, now) = (shares(), Instant::now());
    let first = [body(&mut shares, owner(1, 1), 7 * MIB, now), body(&mut shares, owner(2, 1), 5 * MIB, now)];
    let line = [
        body(&mut shares, owner(1, 1), MIB, now),
        body(&mut shares, owner(3, 1), 4 * MIB, now),
        body(&mut shares, owner(4, 1), MIB, now),
    ];
    shares.leave(first[1], || now);
    assert_eq!(line.map(|id| standing(&mut shares, id)), [Standing::Waits, Standing::Has, Standing::Has]);
    shares.leave(first[0], || now);
    assert_eq!(standing(&mut shares, line[0]), Standing::Has);
}

#[test]
fn who_wants_much_gets_it_though_others_want_little() {
    let (mut shares, now) = (shares(), Instant::now());
    let holders = [1, 2].map(|key| body(&mut shares, owner(key, 1), 6 * MIB, now));
    let large = body(&mut shares, owner(3, 1), 7 * MIB, now);
    let small = body(&mut shares, owner(4, 1), MIB, now);
    shares.leave(holders[0], || now);
    assert_eq!([large, small].map(|id| standing(&mut shares, id)), [Standing::Waits; 2]);
    shares.leave(holders[1], || now);
    assert_eq!([large, small].map(|id| standing(&mut shares, id)), [Standing::Has; 2]);
}

#[test]
fn whoever_has_more_than_the_one_who_waits_gives_way() {
    let (mut shares, now) = (shares(), Instant::now());
    let heavy = [1, 2].map(|key| body(&mut shares, owner(key, 1), 6 * MIB, now));
    let waits = body(&mut shares, owner(3, 1), 5 * MIB, now);
    shares.press(waits, now);
    let told: Vec<_> = heavy.iter().filter(|id| standing(&mut shares, **id) != Standing::Has).collect();
    assert_eq!(told.len(), 1, "one is enough");
    assert_eq!(standing(&mut shares, *told[0]), Standing::Removed(Removal::GaveWay));
    assert_eq!(standing(&mut shares, waits), Standing::Waits, "until it has gone");
    shares.leave(*told[0], || now);
    assert_eq!(standing(&mut shares, waits), Standing::Has);

    let equal = body(&mut shares, owner(4, 1), 6 * MIB, now);
    shares.press(equal, now);
    assert_eq!(standing(&mut shares, waits), Standing::Has, "it has no more than the other would have");
}

#[test]
fn of_one_key_the_address_that_sends_the_most_gives_way() {
    let (mut shares, now) = (shares(), Instant::now());
    let heavy = [3, 4].map(|mib| body(&mut shares, owner(1, 1), mib * MIB, now));
    let waits = body(&mut shares, owner(1, 2), MIB, now);
    shares.press(waits, now);
    let told = heavy.map(|id| standing(&mut shares, id));
    assert_eq!(told.iter().filter(|standing| **standing == Standing::Removed(Removal::GaveWay)).count(), 1);
}

#[test]
fn what_does_not_arrive_gives_way_to_anybody_and_what_arrives_or_is_whole_does_not() {
    let (mut shares, now) = (shares(), Instant::now());
    let ids = [(); 3].map(|()| body(&mut shares, owner(1, 1), 2 * MIB, now));
    let later = now + 2 * LEAST_TIME;
    shares.received(ids[0], LEAST_BYTES, || later);
    shares.whole(ids[1]);
    shares.received(ids[2], LEAST_BYTES - 1, || later);
    let waits = body(&mut shares, owner(1, 1), 2 * MIB, later);
    shares.press(waits, later);
    let told = ids.map(|id| standing(&mut shares, id));
    assert_eq!(told, [Standing::Has, Standing::Has, Standing::Removed(Removal::TooSlow)]);
}

#[test]
fn what_was_there_and_only_not_read_yet_stays_when_it_is_read() {
    let (mut shares, now) = (shares(), Instant::now());
    let ids = [(); 3].map(|()| body(&mut shares, owner(1, 1), 2 * MIB, now));
    let later = now + 2 * LEAST_TIME;
    let waits = body(&mut shares, owner(1, 1), 7 * MIB, later);
    shares.press(waits, later);
    assert_eq!(ids.map(|id| standing(&mut shares, id)), [Standing::Removed(Removal::TooSlow); 3]);
    shares.whole(ids[0]);
    shares.received(ids[1], LEAST_BYTES, || later);
    shares.received(ids[2], 1, || later);
    let told = ids.map(|id| standing(&mut shares, id));
    assert_eq!(told, [Standing::Has, Standing::Has, Standing::Removed(Removal::TooSlow)]);
    for id in ids.into_iter().chain([waits]) {
        shares.leave(id, || later);
    }
    assert_eq!((shares.taken, shares.yielding), (0, 0));
}

#[test]
fn a_body_that_waits_for_room_is_not_called_slow() {
    let (mut shares, now) = (Shares::new(4 * MIB, 4 * MIB), Instant::now());
    let grows = body(&mut shares, owner(1, 1), 2 * MIB, now);
    let other = body(&mut shares, owner(1, 2), 2 * MIB, now);
    shares.want(grows, MIB, now);
    let later = now + 2 * LEAST_TIME;
    let waits = body(&mut shares, owner(1, 3), 3 * MIB, later);
    shares.press(waits, later);
    assert_eq!(standing(&mut shares, grows), Standing::Waits);
    assert_eq!(standing(&mut shares, other), Standing::Removed(Removal::TooSlow));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(i64, u8, usize),
    Want(usize, usize),
    Shrink(usize),
    Press(usize),
    Leave(usize),
    Whole(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_i64..4, 0_u8..3, 1_usize..60).prop_map(|(key, address, bytes)| Step::Enter(key, address, bytes)),
        (0_usize..20, 1_usize..30).prop_map(|(which, more)| Step::Want(which, more)),
        (0_usize..20).prop_map(Step::Shrink),
        (0_usize..20).prop_map(Step::Press),
        (0_usize..20).prop_map(Step::Leave),
        (0_usize..20).prop_map(Step::Whole),
    ]
}

proptest! {
    #[test]
    fn no_more_is_held_than_there_is_and_all_is_free_once_all_have_left(
        steps in proptest::collection::vec(step(), 0..200),
    ) {
        let (mut shares, mut now) = (Shares::new(100, 70), Instant::now());
        let mut ids: Vec<BodyId> = Vec::new();
        for step in steps {
            now += LEAST_TIME / 3;
            let pick = |which: usize, ids: &[BodyId]| ids.get(which % ids.len().max(1)).copied();
            match step {
                Step::Enter(key, address, bytes) => ids.push(body(&mut shares, owner(key, address), bytes, now)),
                Step::Want(which, more) => {
                    if let Some(id) = pick(which, &ids)
                        && standing(&mut shares, id) == Standing::Has
                        && shares.entry(id).held + more <= 70
                    {
                        shares.want(id, more, now);
                    }
                }
                Step::Shrink(which) => {
                    if let Some(id) = pick(which, &ids) {
                        let held = shares.entry(id).held;
                        shares.shrink(id, held / 2, || now);
                    }
                }
                Step::Press(which) => {
                    if let Some(id) = pick(which, &ids) {
                        shares.press(id, now);
                    }
                }
                Step::Whole(which) => {
                    if let Some(id) = pick(which, &ids) {
                        shares.whole(id);
                    }
                }
                Step::Leave(which) => {
                    if !ids.is_empty() {
                        let id = ids.swap_remove(which % ids.len());
                        shares.leave(id, || now);
                    }
                }
            }
            prop_assert!(shares.taken <= 100);
            let held: usize = shares.bodies.iter().flatten().map(|entry| entry.held).sum();
            prop_assert_eq!(held, shares.taken);
            prop_assert_eq!(shares.line.held_by_all() + shares.yielding, shares.taken);
        }
        for id in ids {
            shares.leave(id, || now);
        }
        prop_assert_eq!((shares.taken, shares.yielding), (0, 0));
        prop_assert!(shares.line.is_empty());
    }
}
