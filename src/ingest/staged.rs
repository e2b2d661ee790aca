//! One request's events, encoded and sorted by shard before any lock is taken.

use super::line::Owner;
use crate::queue::{EventRecord, Records, Sender, Shard, Shards};

/// Events that a request will submit together.
#[derive(Debug)]
pub struct Staged {
    shards: Shards,
    owner: Owner,
    sender: Sender,
    frame_bytes: usize,
    events: usize,
    bytes: usize,
    open: Vec<Records>,
    /// Runs that have reached the size of a frame.
    full: Vec<(Shard, Records)>,
}

impl Staged {
    /// An empty stage for this owner.
    pub(super) fn new(shards: Shards, owner: Owner, frame_bytes: usize) -> Self {
        let open = shards.all().map(|_| Records::default()).collect();
        let full = Vec::new();
        Self { shards, owner, sender: Sender::default(), frame_bytes, events: 0, bytes: 0, open, full }
    }

    /// The same, for the events of this sender.
    pub(super) fn sent_by(self, sender: Sender) -> Self {
        Self { sender, ..self }
    }

    /// The owner that their bytes are charged to.
    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    /// Who sends them.
    pub(super) fn sender(&self) -> Sender {
        self.sender
    }

    /// Adds an event.
    pub fn push(&mut self, event: &EventRecord<'_>) {
        let shard = self.shards.of_user(event.user_id);
        let open = &mut self.open[shard.index()];
        open.push(event);
        self.events += 1;
        self.bytes += event.encoded_len();
        if open.bytes() >= self.frame_bytes {
            self.full.push((shard, std::mem::take(open)));
        }
    }

    /// How many events there are.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// How many bytes they take in frames.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The runs by shard, a user's events in the order in which they were pushed.
    pub(super) fn into_runs(self) -> impl Iterator<Item = (Shard, Records)> {
        let rest = self.shards.all().zip(self.open).filter(|(_, records)| !records.is_empty());
        self.full.into_iter().chain(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sorted_by_their_users_shard_and_long_runs_are_cut() {
        let shards = Shards::new(4).expect("allowed");
        let owner = Owner { key: None, source: std::net::Ipv4Addr::LOCALHOST.into() };
        let mut staged = Staged::new(shards, owner, 200);
        let users = ["a", "b", "c", "d", "e", "f"];
        for index in 0..60 {
            staged.push(&EventRecord {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                sender: Sender::default(),
                event_id: &index.to_string(),
                event_type: "t",
                user_id: users[index % users.len()],
                payload: b"{}",
            });
        }
        let (events, bytes) = (staged.events(), staged.bytes());
        let runs: Vec<_> = staged.into_runs().collect();
        assert_eq!(events, 60);
        assert_eq!(runs.iter().map(|(_, records)| records.events()).sum::<usize>(), 60);
        assert_eq!(runs.iter().map(|(_, records)| records.bytes()).sum::<usize>(), bytes);
        assert!(runs.iter().all(|(_, records)| records.bytes() < 200 + 40));
    }
}
