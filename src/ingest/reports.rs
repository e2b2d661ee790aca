//! What this server has acknowledged, told to Postgres, which does not share Redis' fate.
//!
//! The accumulator adds each frame that Redis acknowledged to the minute of its `received_at`. A task sends the minutes
//! that have changed once a second, as totals, so that a report whose answer was lost can be sent again.
//!
//! Invariants: nothing here waits for Postgres but that task; memory is bounded, whatever the clock does and however long
//! Postgres is away; a report never says more than was acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::ops::{Periodic, metrics};
use crate::store::{self, Pool, StoreError};

/// How often changed minutes are sent.
const PERIOD: Duration = Duration::from_secs(1);
/// Minutes that are kept though Postgres has them: a frame that was long on its way belongs to one of them.
const REPORTED: usize = 60;
/// Minutes that are kept while Postgres does not take them: three days.
const UNREPORTED: usize = 3 * 24 * 60;

/// The counts of this server. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Reports(Arc<Mutex<BTreeMap<i64, Count>>>);

/// The events of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    acknowledged: u64,
    reported: u64,
}

impl Reports {
    /// Adds events that Redis has acknowledged.
    pub(super) fn add(&self, received_at: Timestamp, events: usize) {
        let minute = received_at.as_second().div_euclid(60);
        let mut minutes = self.lock();
        minutes.entry(minute).or_default().acknowledged += events as u64;
        forget(&mut minutes);
    }

    /// Sends what has changed every second, until it is dropped.
    pub async fn run(self, server: ServerRun, postgres: Pool) {
        let mut reporting = Periodic::every(PERIOD);
        loop {
            reporting.next().await;
            reporting.note(self.send(&server, &postgres).await);
        }
    }

    /// Sends what has changed.
    pub async fn send(&self, server: &ServerRun, postgres: &Pool) -> Result<(), StoreError> {
        let due = self.due();
        if due.is_empty() {
            return Ok(());
        }
        let minutes: Vec<(Timestamp, u64)> =
            due.iter().filter_map(|(minute, events)| Some((begin(*minute)?, *events))).collect();
        store::ledger::report(postgres, &server.0, &minutes).await?;
        self.note_reported(&due);
        Ok(())
    }

    /// The totals of the minutes that Postgres does not have.
    fn due(&self) -> Vec<(i64, u64)> {
        let minutes = self.lock();
        let due = minutes.iter().filter(|(_, count)| count.acknowledged > count.reported);
        let due: Vec<(i64, u64)> = due.map(|(minute, count)| (*minute, count.acknowledged)).collect();
        metrics::ledger_unreported(minutes.values().map(|count| count.acknowledged - count.reported).sum());
        due
    }

    fn note_reported(&self, sent: &[(i64, u64)]) {
        let mut minutes = self.lock();
        for (minute, events) in sent {
            if let Some(count) = minutes.get_mut(minute) {
                count.reported = count.reported.max(*events);
            }
        }
        forget(&mut minutes);
        metrics::ledger_unreported(minutes.values().map(|count| count.acknowledged - count.reported).sum());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Count>> {
        // Each change of it is a single step, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of this run of the process in its reports.
#[derive(Clone, Debug)]
pub struct ServerRun(String);

impl ServerRun {
    /// A name that no other run has.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }
}

impl Default for ServerRun {
    fn default() -> Self {
        Self::new()
    }
}

/// Forgets the oldest minutes: those that are reported first, and others only where they are far too many.
fn forget(minutes: &mut BTreeMap<i64, Count>) {
    while minutes.len() > REPORTED {
        let Some(oldest) = minutes.first_entry() else { return };
        let Count { acknowledged, reported } = *oldest.get();
        if acknowledged > reported {
            break;
        }
        oldest.remove();
    }
    while minutes.len() > UNREPORTED {
        minutes.pop_first();
    }
}

fn begin(minute: i64) -> Option<Timestamp> {
    Timestamp::from_second(minute.checked_mul(60)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60 + 59).unwrap()
    }

    #[test]
    fn totals_of_changed_minutes_are_due_until_they_are_reported() {
        let reports = Reports::default();
        reports.add(at(7), 3);
        reports.add(at(8), 2);
        reports.add(at(7), 1);
        assert_eq!(reports.due(), [(7, 4), (8, 2)]);
        let sent = reports.due();
        reports.add(at(7), 5);
        reports.note_reported(&sent);
        assert_eq!(reports.due(), [(7, 9)], "what came meanwhile is due");
    }

    #[test]
    fn memory_is_bounded_while_postgres_is_away_and_what_is_reported_goes_first() {
        let reports = Reports::default();
        let most = i64::try_from(UNREPORTED).unwrap();
        for minute in 0..most + 10 {
            reports.add(at(minute), 1);
        }
        assert_eq!(reports.lock().len(), UNREPORTED);
        reports.note_reported(&reports.due());
        assert_eq!(reports.lock().len(), REPORTED);
        assert_eq!(reports.due(), []);
    }
}
