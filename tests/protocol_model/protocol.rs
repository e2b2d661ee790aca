//! What happens: the steps of a worker, as the protocol has them, and the faults that may come between any two.
//!
//! A step is what one server does at once: a round trip that is atomic in Redis, a statement or a commit in Postgres.

use stateright::{Model, Property};

use super::flaw::Flaw;
use super::properties::properties;
use super::state::{
    Claim, Entry, Epoch, FORMS, FRAMES, Faults, IDS, Ids, Keyspace, Known, NEW, OLD, Persisted, Postgres,
    Rebuild, Receipt, State, Step, Worker,
};

/// A protocol, the frames that clients send, and the faults that happen.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) flaws: &'static [Flaw],
    /// The ids of each frame; no ids for a frame that is not sent.
    pub(crate) frames: [Ids; FRAMES],
    pub(crate) faults: Faults,
    /// Whether the claims at the begin are those of the release before, and one of the workers is of it.
    pub(crate) upgrade: bool,
    /// Whether states that differ by names alone are one.
    pub(crate) canonical: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Send(usize),
    Deliver {
        to: usize,
        frame: usize,
    },
    /// The worker's next step.
    Work(usize),
    Crash(usize),
    LoseReplyToCommit(usize),
    CutFromPostgres(usize),
    /// Whether the epoch goes, and which claims.
    Delete(bool, Ids),
    /// Redis' data as it is now is kept, to come back at any time.
    Copy,
    RestoreCopy,
    /// What time it is by Postgres is read, to be shown in Redis.
    ReadTime,
    ShowTime,
    /// Redis' clock jumps ahead, or Postgres'.
    Jump(usize),
    /// Claims go that are due.
    Sweep,
    /// Redis' data as it is now is what a restart will bring back.
    Persist,
    RestartRedis,
    ReplaceRedis,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let stream = self.frames.map(|ids| if ids.is_empty() { Entry::Lost } else { Entry::Unsent });
        let form = if self.upgrade { OLD } else { NEW };
        let mut redis = Keyspace { stream, ..Self::EMPTY };
        redis.epochs[form] = Epoch::Current(1);
        let row = Some(Known { form, epoch: 1, run: 1 });
        let postgres = Postgres { row, rows: [0; 2], receipts: [None; FRAMES] };
        vec![State {
            redis,
            run: 1,
            persisted: None,
            copy: None,
            time: None,
            ahead: [false; 2],
            settled: Ids::ALL,
            postgres,
            workers: [Worker::new(form), Worker::new(NEW)],
            faults: self.faults,
            excused: Ids::NONE,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let frames = || 0..FRAMES;
        actions.extend(frames().find(|&frame| state.redis.stream[frame] == Entry::Unsent).map(Action::Send));
        for worker in 0..state.workers.len() {
            let queued = frames().filter(|&frame| state.redis.stream[frame] == Entry::Queued);
            actions.push(Action::Work(worker));
            if state.workers[worker].step == Step::Idle {
                actions.extend(queued.map(|frame| Action::Deliver { to: worker, frame }));
            }
            actions.extend(
                [Action::Crash, Action::LoseReplyToCommit, Action::CutFromPostgres]
                    .map(|fault| fault(worker)),
            );
        }
        let deleted = [(true, Ids::ALL), (true, Ids::NONE), (false, Ids(0b01)), (false, Ids(0b10))];
        actions.extend(deleted.map(|(epoch, claims)| Action::Delete(epoch, claims)));
        actions.extend([Action::Persist, Action::RestartRedis, Action::ReplaceRedis]);
        actions.extend([Action::Copy, Action::RestoreCopy, Action::ReadTime, Action::ShowTime]);
        actions.extend([Action::Jump(0), Action::Jump(1), Action::Sweep]);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = *last;
        self.act(&mut state, action)?;
        Some(if self.canonical { state.canonical() } else { state })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

/// One fault less.
fn spend(left: &mut u8) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}

impl Protocol {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }

    /// `None` where the action is not possible.
    fn act(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Send(frame) => state.redis.stream[frame] = Entry::Queued,
            Action::Deliver { to, frame } => {
                let Worker { form, known, .. } = state.workers[to];
                let step = Step::Fetched(u8::try_from(frame).ok()?);
                state.workers[to] = Worker { known, step, ..Worker::new(form) };
            }
            Action::Work(worker) => self.work(state, worker)?,
            Action::Crash(worker) => {
                spend(&mut state.faults.crashes)?;
                let new = Worker::new(state.workers[worker].form);
                if state.workers[worker] == new {
                    return None;
                }
                state.workers[worker] = new;
            }
            Action::LoseReplyToCommit(worker) => {
                spend(&mut state.faults.cuts)?;
                let Step::Storing { frame, .. } = state.workers[worker].step else { return None };
                self.work(state, worker)?;
                state.workers[worker].step = Step::Fetched(frame);
            }
            Action::CutFromPostgres(worker) => {
                spend(&mut state.faults.cuts)?;
                let locked = &mut state.workers[worker].rebuild()?.locked;
                if !std::mem::take(locked) {
                    return None;
                }
            }
            Action::Delete(epoch, claims) => {
                let Faults { losses, evictions, .. } = &mut state.faults;
                spend(if epoch { losses } else { evictions })?;
                for form in 0..FORMS {
                    claims.iter().for_each(|id| state.redis.claims[form][id] = Claim::Free);
                }
                if epoch {
                    state.redis.epochs = [Epoch::None; FORMS];
                }
            }
            Action::Persist => {
                if state.faults.restarts == 0 || state.persisted.is_some() {
                    return None;
                }
                state.persisted = Some(Persisted { keyspace: state.redis, stored: state.postgres.stored() });
            }
            Action::RestartRedis => {
                spend(&mut state.faults.restarts)?;
                let Persisted { keyspace, stored } = state.persisted.take()?;
                state.settled = state.settled.and(stored);
                self.come_back(state, keyspace);
            }
            Action::ReplaceRedis => {
                spend(&mut state.faults.replacements)?;
                let stream = self.init_states()[0].redis.stream;
                // One fault at a time: what was persisted is of the Redis that is gone.
                state.persisted = None;
                self.come_back(state, Keyspace { stream, ..Self::EMPTY });
            }
            Action::Copy => {
                if state.faults.copies == 0 || state.copy.is_some() {
                    return None;
                }
                state.copy = Some(state.redis);
            }
            Action::RestoreCopy => {
                spend(&mut state.faults.copies)?;
                let keyspace = state.copy.take()?;
                self.come_back(state, keyspace);
            }
            Action::ReadTime => {
                if state.faults.copies == 0 || state.time.is_some() {
                    return None;
                }
                state.time = Some((state.postgres.stored(), state.postgres.row?));
            }
            Action::ShowTime => self.show_time(state)?,
            Action::Jump(clock) => {
                spend(&mut state.faults.jumps)?;
                state.ahead[clock] = true;
            }
            Action::Sweep => {
                let [redis, postgres] = state.ahead;
                let is_due = if self.has(Flaw::OneClock) { redis || postgres } else { redis && postgres };
                if !is_due {
                    return None;
                }
                state.redis.claims = [[Claim::Free; IDS]; FORMS];
            }
        }
        Some(())
    }

    /// Nothing.
    const EMPTY: Keyspace = Keyspace {
        epochs: [Epoch::None; FORMS],
        claims: [[Claim::Free; IDS]; FORMS],
        seen: Ids::NONE,
        stream: [Entry::Unsent; FRAMES],
    };

    /// Raises the time that Redis shows, in the run that it was read for. The connection does not outlive that.
    fn show_time(&self, state: &mut State) -> Option<()> {
        let (seen, known) = state.time.take()?;
        let is_run = known.run == state.run || self.has(Flaw::TimeRaisedInAnyRun);
        if is_run && state.redis.epochs[known.form] == Epoch::Current(known.epoch) {
            state.redis.seen = seen;
        }
        Some(())
    }

    /// Where the claim of an id stands.
    fn place(&self, id: usize) -> usize {
        if self.has(Flaw::UsersNotTold) { 0 } else { id }
    }

    /// The form of the claims that a worker lays, and that under which it looks for the epoch.
    fn forms(&self, worker: Worker) -> (usize, usize) {
        match worker.known {
            Some(known) if self.has(Flaw::FormIgnored) => (worker.form, known.form),
            _ => (worker.form, worker.form),
        }
    }

    /// Redis runs anew with these data; entries that it does not know any more are lost.
    fn come_back(&self, state: &mut State, mut keyspace: Keyspace) {
        state.run = state.fresh().1;
        for frame in 0..FRAMES {
            let (was, is) = (state.redis.stream[frame], &mut keyspace.stream[frame]);
            match (was, *is) {
                (Entry::Queued, Entry::Unsent) => {
                    *is = Entry::Lost;
                    if state.postgres.receipts[frame].is_none() {
                        state.excused = state.excused.or(self.frames[frame]);
                    }
                }
                (Entry::Acked | Entry::Lost, Entry::Unsent) => *is = was,
                _ => {}
            }
        }
        state.redis = keyspace;
    }

    /// Whether anything can happen that is no fault.
    pub(crate) fn can_go_on(&self, state: &State) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let work =
            |action: &Action| matches!(action, Action::Send(_) | Action::Deliver { .. } | Action::Work(_));
        actions.into_iter().filter(work).any(|action| self.act(&mut state.clone(), action).is_some())
    }

    /// The next step of a worker.
    fn work(&self, state: &mut State, worker: usize) -> Option<()> {
        let Worker { known, step, kept, .. } = state.workers[worker];
        let forms = self.forms(state.workers[worker]);
        let wanted = |frame: u8| (frame, self.frames[usize::from(frame)].without(kept));
        let next = match (step, known) {
            (Step::Idle, _) => return None,
            (Step::Fetched(frame), None) => Step::Stale(frame),
            (Step::Fetched(frame), Some(known)) => self.look_up(state, wanted(frame), (known, forms)),
            (Step::LookedUp(frame), known) => self.claim_all(state, wanted(frame), (known?, forms)),
            (Step::Contested(frame), known) => self.claim_each(state, wanted(frame), (known?, forms)),
            (Step::Claimed { frame, new }, known) => self.begin(state, worker, (frame, new), known?)?,
            (Step::Checked { frame, new }, _) => {
                Self::unlocked(state, worker)?;
                Step::Storing { frame, new }
            }
            (Step::Storing { frame, new }, _) => self.commit(state, frame, new),
            (Step::Committed(frame), _) => Self::acknowledge(state, frame),
            (Step::Stale(frame), _) => self.learn(state, worker, frame)?,
            (Step::Locked(rebuild), _) => self.mark(state, rebuild, forms.0),
            (Step::Marked(rebuild), _) if !rebuild.ids.is_empty() => {
                self.claim_stored(state, rebuild, forms.0)
            }
            (Step::Marked(rebuild), _) => self.rename(state, rebuild, forms.0),
            (Step::Renamed(rebuild), _) => Self::record(state, worker, rebuild),
        };
        state.workers[worker].step = next;
        Some(())
    }

    fn look_up(&self, state: &mut State, wanted: (u8, Ids), known: (Known, (usize, usize))) -> Step {
        let (frame, _) = wanted;
        if self.has(Flaw::NoReceiptLookup) {
            return self.claim_all(state, wanted, known);
        }
        match state.postgres.receipts[usize::from(frame)] {
            Some(_) => Step::Committed(frame),
            None => Step::LookedUp(frame),
        }
    }

    /// `MSETNX`: all ids, or none.
    fn claim_all(
        &self,
        state: &mut State,
        (frame, ids): (u8, Ids),
        (known, (form, shown)): (Known, (usize, usize)),
    ) -> Step {
        let holds = state.redis.epochs[shown] == Epoch::Current(known.epoch);
        if self.is_other_run(state, known) || !holds && !self.has(Flaw::UnconditionalClaims) {
            return Step::Stale(frame);
        }
        let claims = &mut state.redis.claims[form];
        let all_new = ids.iter().all(|id| claims[self.place(id)] == Claim::Free);
        if all_new {
            ids.iter().for_each(|id| claims[self.place(id)] = Claim::By(frame));
        }
        match (holds, all_new) {
            (false, _) => Step::Stale(frame),
            (true, true) => Step::Claimed { frame, new: ids },
            (true, false) => Step::Contested(frame),
        }
    }

    /// `SET … NX GET` of each id.
    fn claim_each(
        &self,
        state: &mut State,
        (frame, ids): (u8, Ids),
        (known, (form, shown)): (Known, (usize, usize)),
    ) -> Step {
        let blind = self.has(Flaw::SecondTripWithoutEpoch);
        let holds = blind || state.redis.epochs[shown] == Epoch::Current(known.epoch);
        if self.is_other_run(state, known) || !holds && !self.has(Flaw::UnconditionalClaims) {
            return Step::Stale(frame);
        }
        let own = if self.has(Flaw::AnonymousClaims) { Claim::Free } else { Claim::By(frame) };
        let new = Ids::of(ids.iter().filter(|&id| {
            let claim = &mut state.redis.claims[form][self.place(id)];
            let found = *claim;
            if found == Claim::Free {
                *claim = Claim::By(frame);
            }
            found == Claim::Free || found == own
        }));
        if holds { Step::Claimed { frame, new } } else { Step::Stale(frame) }
    }

    fn is_other_run(&self, state: &State, known: Known) -> bool {
        state.run != known.run && !self.has(Flaw::RunIgnored)
    }

    /// Whether no other worker holds the lock exclusively.
    fn unlocked(state: &State, worker: usize) -> Option<()> {
        (!state.workers[1 - worker].holds_exclusive()).then_some(())
    }

    fn begin(&self, state: &mut State, worker: usize, batch: (u8, Ids), known: Known) -> Option<Step> {
        let (frame, new) = batch;
        let is_early = self.has(Flaw::StoreReadsEpochBeforeLock);
        if !is_early && !self.has(Flaw::RebuildWithoutLock) {
            Self::unlocked(state, worker)?;
        }
        let holds = state.postgres.row.is_some_and(|row| row.epoch == known.epoch);
        if !holds && !self.has(Flaw::StoreWithoutEpoch) {
            if self.has(Flaw::DuplicatesKept) {
                state.workers[worker].kept = self.frames[usize::from(frame)].without(new);
            }
            return Some(Step::Stale(frame));
        }
        if self.has(Flaw::AckBeforeCommit) {
            Self::acknowledge(state, frame);
        }
        Some(if is_early { Step::Checked { frame, new } } else { Step::Storing { frame, new } })
    }

    /// The receipt, the rows and the commit. In the database the second of two that write one receipt waits for the first.
    fn commit(&self, state: &mut State, frame: u8, new: Ids) -> Step {
        let receipt = &mut state.postgres.receipts[usize::from(frame)];
        if receipt.is_none() || self.has(Flaw::ReceiptsIgnored) {
            let duplicates = self.frames[usize::from(frame)].without(new);
            *receipt = Some(Receipt { stored: new, duplicates });
            new.iter().for_each(|id| state.postgres.rows[id] += 1);
        }
        Step::Committed(frame)
    }

    fn acknowledge(state: &mut State, frame: u8) -> Step {
        let entry = &mut state.redis.stream[usize::from(frame)];
        if *entry == Entry::Queued {
            *entry = Entry::Acked;
        }
        Step::Idle
    }

    /// Takes the exclusive lock, then looks what is to be done.
    fn learn(&self, state: &mut State, worker: usize, frame: u8) -> Option<Step> {
        let other = state.workers[1 - worker];
        if !self.has(Flaw::RebuildWithoutLock) && (other.holds_shared() || other.holds_exclusive()) {
            return None;
        }
        let stored = state.postgres.stored();
        let form = state.workers[worker].form;
        let is_of_form = |row: Known| row.form == form || self.has(Flaw::FormIgnored);
        let ids = match state.postgres.row {
            Some(row) if is_of_form(row) && state.redis.epochs[row.form] == Epoch::Current(row.epoch) => {
                if !self.is_other_run(state, row) {
                    state.workers[worker].known = Some(row);
                    return Some(Step::Fetched(frame));
                }
                self.missing(state)
            }
            _ => stored,
        };
        let (epoch, run) = (state.fresh().0, state.run);
        Some(Step::Locked(Rebuild { frame, run, epoch, ids, seen: stored, locked: true }))
    }

    /// The stored ids that Redis may lack the claims of, as another run that shows the epoch.
    fn missing(&self, state: &State) -> Ids {
        // Only copies are so old that it matters; a restart loses what was written last.
        let is_looked_at = self.faults.copies > 0 && !self.has(Flaw::TimeIgnored);
        let seen = if is_looked_at { state.redis.seen } else { Ids::ALL };
        state.postgres.stored().without(state.settled.and(seen))
    }

    /// Whether the connection that the rebuild began on has ended.
    fn lost_redis(&self, state: &State, rebuild: Rebuild) -> bool {
        state.run != rebuild.run && !self.has(Flaw::UnmarkedRebuild)
    }

    /// `SET … GET` of the epoch. What stood there until now decides again how much is to be rebuilt.
    /// A worker of the release before is refused where there are claims of this one, and waits.
    fn mark(&self, state: &mut State, mut rebuild: Rebuild, form: usize) -> Step {
        if self.lost_redis(state, rebuild) {
            return Step::Stale(rebuild.frame);
        }
        if self.has(Flaw::UnmarkedRebuild) {
            return Step::Marked(rebuild);
        }
        if state.redis.epochs[form] == Epoch::Refused {
            // It gives the lock back, and fails. It is tried again, by whoever has the frame then.
            return Step::Idle;
        }
        let was = std::mem::replace(&mut state.redis.epochs[form], Epoch::Rebuilding(rebuild.epoch));
        if form == NEW {
            state.redis.epochs[OLD] = Epoch::Refused;
        }
        let had_claims = state.postgres.row.is_some_and(|row| was == Epoch::Current(row.epoch));
        if !had_claims && !self.has(Flaw::MarkWithoutLook) {
            rebuild.ids = state.postgres.stored();
        }
        if !had_claims && !self.has(Flaw::ClaimsKept) {
            state.redis.claims = [[Claim::Free; IDS]; FORMS];
        }
        Step::Marked(rebuild)
    }

    /// `SET` of the next id.
    fn claim_stored(&self, state: &mut State, mut rebuild: Rebuild, form: usize) -> Step {
        if self.lost_redis(state, rebuild) {
            return Step::Stale(rebuild.frame);
        }
        if let Some(id) = rebuild.ids.iter().next() {
            let claim = &mut state.redis.claims[form][self.place(id)];
            if *claim == Claim::Free || !self.has(Flaw::RebuildWithoutOverride) {
                *claim = Claim::Stored;
            }
            rebuild.ids = rebuild.ids.without(Ids(1 << id));
        }
        Step::Marked(rebuild)
    }

    /// Sets the epoch, if the mark is still there.
    fn rename(&self, state: &mut State, rebuild: Rebuild, form: usize) -> Step {
        let marked =
            state.redis.epochs[form] == Epoch::Rebuilding(rebuild.epoch) || self.has(Flaw::UnmarkedRebuild);
        if self.lost_redis(state, rebuild) || !marked {
            return Step::Stale(rebuild.frame);
        }
        state.redis.epochs[form] = Epoch::Current(rebuild.epoch);
        state.redis.seen = rebuild.seen;
        Step::Renamed(rebuild)
    }

    fn record(state: &mut State, worker: usize, rebuild: Rebuild) -> Step {
        let Rebuild { frame, run, epoch, locked, .. } = rebuild;
        if !locked {
            return Step::Stale(frame);
        }
        let form = state.workers[worker].form;
        if state.postgres.row.is_some_and(|row| row.form > form) {
            // Postgres refuses it, and the worker ends.
            state.workers[worker].known = None;
            return Step::Idle;
        }
        let row = Some(Known { form, epoch, run });
        state.postgres.row = row;
        state.workers[worker].known = row;
        if state.run == run {
            state.settled = Ids::ALL;
        }
        Step::Fetched(frame)
    }
}
