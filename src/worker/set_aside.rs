//! Campaigns whose rules were too dear for an event: counted in memory, and written to Postgres every few seconds.
//!
//! What was counted since the last write is lost with the process, and a batch that is matched again counts again. The
//! figures are for people who look for dear rules; no event depends on them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::ops::{Periodic, metrics};
use crate::queue::EventRecord;
use crate::store::set_asides::{self, SetAside};
use crate::store::{Pool, StoreError};

/// How often they are written.
const PERIOD: Duration = Duration::from_secs(5);
/// The most campaigns that are counted between two writes; the metric counts all.
const MAX_CAMPAIGNS: usize = 10_000;
/// The most that are logged at a time.
const LOGGED: usize = 10;

/// The campaigns that were set aside since the last write.
#[derive(Clone, Debug, Default)]
pub struct SetAsides(Arc<Mutex<BTreeMap<i64, SetAside>>>);

impl SetAsides {
    /// Counts that a campaign was set aside for an event.
    pub(super) fn note(&self, campaign_id: i64, event: &EventRecord<'_>) {
        metrics::rule_set_aside();
        let seen = SetAside {
            campaign_id,
            events: 1,
            last_received_at: event.received_at,
            last_event_id: event.event_id.to_owned(),
            last_user_id: event.user_id.to_owned(),
        };
        self.add(seen);
    }

    fn add(&self, seen: SetAside) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = noted.len() >= MAX_CAMPAIGNS;
        match noted.get_mut(&seen.campaign_id) {
            Some(known) => *known = SetAside { events: known.events + seen.events, ..seen },
            None if is_full => {}
            None => {
                noted.insert(seen.campaign_id, seen);
            }
        }
    }

    fn take(&self) -> Vec<SetAside> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        noted.into_values().collect()
    }

    /// Writes what was counted every few seconds, until it is dropped.
    pub async fn write(self, postgres: Pool) {
        let mut rounds = Periodic::every(PERIOD);
        loop {
            rounds.next().await;
            rounds.note(self.write_once(&postgres).await);
        }
    }

    async fn write_once(&self, postgres: &Pool) -> Result<(), StoreError> {
        let noted = self.take();
        if noted.is_empty() {
            return Ok(());
        }
        match set_asides::add(postgres, &noted).await {
            Ok(names) => {
                log(&noted, &names);
                Ok(())
            }
            Err(error) => {
                for noted in noted {
                    self.add(noted);
                }
                Err(error)
            }
        }
    }
}

fn log(noted: &[SetAside], names: &BTreeMap<i64, String>) {
    for SetAside { campaign_id, events, last_event_id, .. } in noted.iter().take(LOGGED) {
        let campaign = names.get(campaign_id);
        tracing::warn!(campaign_id, campaign, events, last_event_id, "a rule was too dear and was set aside");
    }
    if noted.len() > LOGGED {
        tracing::warn!(campaigns = noted.len() - LOGGED, "rules of more campaigns were set aside");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Sender;

    fn event(event_id: &str) -> EventRecord<'_> {
        EventRecord {
            received_at: jiff::Timestamp::UNIX_EPOCH,
            sender: Sender::default(),
            event_id,
            event_type: "t",
            user_id: "u",
            payload: b"{}",
        }
    }

    #[test]
    fn events_are_added_up_by_campaign_with_the_last_one() {
        let noted = SetAsides::default();
        for (campaign, id) in [(7, "a"), (3, "b"), (7, "c")] {
            noted.note(campaign, &event(id));
        }
        let taken: Vec<_> = noted
            .take()
            .into_iter()
            .map(|noted| (noted.campaign_id, noted.events, noted.last_event_id))
            .collect();
        assert_eq!(taken, [(3, 1, "b".to_owned()), (7, 2, "c".to_owned())]);
        assert!(noted.take().is_empty());
    }

    #[test]
    fn memory_is_bounded_whatever_is_set_aside() {
        let noted = SetAsides::default();
        (0..20_000).for_each(|campaign| noted.note(campaign, &event("a")));
        assert_eq!(noted.take().len(), MAX_CAMPAIGNS);
    }
}
