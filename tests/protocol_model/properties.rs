//! What must hold in every state, and what must be seen in some, lest the model prove nothing.

use stateright::Property;

use super::protocol::Protocol;
use super::state::{Claim, Entry, Epoch, FRAMES, IDS, Ids, NEW, State, Step};

pub(crate) fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always("no id is stored twice", |_, state: &State| {
            state.postgres.rows.iter().all(|&rows| rows <= 1)
        }),
        Property::always("what is acknowledged has a receipt", |_, state: &State| {
            frames(state)
                .all(|(frame, entry)| entry != Entry::Acked || state.postgres.receipts[frame].is_some())
        }),
        Property::always("a receipt accounts for each of its events once", accounted),
        Property::always("an accepted id is stored, or a frame is still to bring it", conserved),
        Property::always("when all is quiet, each accepted id is stored once", stored_in_the_end),
        Property::always("work goes on until all is quiet", goes_on),
        Property::sometimes("claims were rebuilt", |_, state: &State| {
            state.workers.iter().any(|worker| matches!(worker.step, Step::Renamed(_)))
        }),
        Property::sometimes(
            "a batch claimed under an epoch that is over comes to the store",
            |_, state: &State| {
                state.workers.iter().any(|worker| {
                    let known = worker.known.map(|known| known.epoch);
                    let is_over = known != state.postgres.row.map(|row| row.epoch);
                    is_over && matches!(worker.step, Step::Claimed { .. })
                })
            },
        ),
        Property::sometimes("a duplicate is dropped", |_, state: &State| {
            state.postgres.receipts.iter().flatten().any(|receipt| !receipt.duplicates.is_empty())
        }),
        Property::sometimes("both workers hold one frame", |_, state: &State| {
            let [one, other] = &state.workers;
            one.frame().is_some() && one.frame() == other.frame()
        }),
        Property::sometimes("a frame that is stored comes to the store again", |_, state: &State| {
            state.workers.iter().any(|worker| match worker.step {
                Step::Storing { frame, .. } => state.postgres.receipts[usize::from(frame)].is_some(),
                _ => false,
            })
        }),
        Property::sometimes("a frame meets its own claim", |protocol: &Protocol, state: &State| {
            state.workers.iter().any(|worker| match worker.step {
                Step::Contested(frame) => protocol.frames[usize::from(frame)]
                    .iter()
                    .any(|id| state.redis.claims[NEW][id] == Claim::By(frame)),
                _ => false,
            })
        }),
        Property::sometimes("a rebuild died and left its mark", |_, state: &State| {
            let is_marked = matches!(state.redis.epochs[NEW], Epoch::Rebuilding(_));
            is_marked && !state.workers.iter().any(|worker| worker.holds_exclusive())
        }),
        Property::sometimes("all is quiet", is_quiet),
    ]
}

fn frames(state: &State) -> impl Iterator<Item = (usize, Entry)> + '_ {
    (0..FRAMES).map(|frame| (frame, state.redis.stream[frame]))
}

fn accounted(protocol: &Protocol, state: &State) -> bool {
    let receipts = state.postgres.receipts.iter().zip(protocol.frames);
    receipts.filter_map(|(receipt, ids)| Some((receipt.as_ref()?, ids))).all(|(receipt, ids)| {
        receipt.stored.or(receipt.duplicates) == ids && receipt.stored.and(receipt.duplicates).is_empty()
    })
}

/// The ids of which a client was told that they are accepted, but those that Redis lost.
fn accepted(protocol: &Protocol, state: &State) -> Ids {
    let sent = frames(state).filter(|(_, entry)| !matches!(entry, Entry::Unsent | Entry::Lost));
    sent.fold(Ids::NONE, |ids, (frame, _)| ids.or(protocol.frames[frame])).without(state.excused)
}

fn conserved(protocol: &Protocol, state: &State) -> bool {
    let coming = frames(state)
        .filter(|&(frame, entry)| entry == Entry::Queued && state.postgres.receipts[frame].is_none())
        .fold(Ids::NONE, |ids, (frame, _)| ids.or(protocol.frames[frame]));
    accepted(protocol, state).without(coming).without(state.postgres.stored()).is_empty()
}

fn is_quiet(_: &Protocol, state: &State) -> bool {
    let is_idle = state.workers.iter().all(|worker| worker.step == Step::Idle);
    is_idle && frames(state).all(|(_, entry)| matches!(entry, Entry::Acked | Entry::Lost))
}

fn stored_in_the_end(protocol: &Protocol, state: &State) -> bool {
    let expected = accepted(protocol, state);
    !is_quiet(protocol, state) || (0..IDS).all(|id| !expected.has(id) || state.postgres.rows[id] == 1)
}

/// No two workers wait for one another.
fn goes_on(protocol: &Protocol, state: &State) -> bool {
    is_quiet(protocol, state) || protocol.can_go_on(state)
}
