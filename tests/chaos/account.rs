//! The account: what Redis has accepted against what the receipts and the rows in Postgres say. Everything must be drained.

use std::collections::BTreeMap;

use bb8_redis::redis;

use crate::support::TestStores;

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    /// Events in the ledgers in Redis.
    pub(crate) accepted: i64,
    /// The sums of all receipts.
    pub(crate) stored: i64,
    pub(crate) duplicates: i64,
    pub(crate) dead_lettered: i64,
    /// Rows, and those that an event has beyond its first: an id of two users names two events.
    rows: i64,
    repeated: i64,
    letters: i64,
    letters_repeated: i64,
}

impl Account {
    pub(crate) async fn take(stores: &TestStores) -> Self {
        let mut redis = stores.redis().await;
        let ledgers: Vec<String> = redis::cmd("KEYS").arg("ledger:*").query_async(&mut redis).await.unwrap();
        let mut accepted = 0;
        for ledger in ledgers {
            let fields: BTreeMap<String, i64> =
                redis::cmd("HGETALL").arg(ledger).query_async(&mut redis).await.unwrap();
            let days = fields.iter().filter(|(name, _)| name.starts_with("accepted:"));
            accepted += days.map(|(_, events)| events).sum::<i64>();
        }
        let sums = "select coalesce(sum(stored), 0), coalesce(sum(duplicates), 0),
                coalesce(sum(dead_lettered), 0) from frames";
        let rows = "select count(*), count(*) - count(distinct (user_id, event_id)) from events";
        let letters =
            "select coalesce(sum(events), 0)::bigint, count(*) - count(distinct payload) from dead_letters";
        let postgres = stores.postgres().await;
        let sums = postgres.query_one(sums, &[]).await.unwrap();
        let rows = postgres.query_one(rows, &[]).await.unwrap();
        let letters = postgres.query_one(letters, &[]).await.unwrap();
        Self {
            accepted,
            stored: sums.get(0),
            duplicates: sums.get(1),
            dead_lettered: sums.get(2),
            rows: rows.get(0),
            repeated: rows.get(1),
            letters: letters.get(0),
            letters_repeated: letters.get(1),
        }
    }

    /// What the receipts account for, and Redis does not know: constant, but where Redis loses its memory.
    pub(crate) fn difference(&self) -> i64 {
        self.stored + self.duplicates + self.dead_lettered - self.accepted
    }

    /// What does not add up, where the difference must be this.
    pub(crate) fn broken(&self, difference: i64) -> Vec<String> {
        let rules = [
            (self.difference() == difference, "accepted = stored + duplicates + dead-lettered"),
            (self.rows == self.stored, "rows = stored"),
            (self.letters == self.dead_lettered, "dead letters = dead-lettered"),
            (self.repeated == 0, "each event has one row"),
            (self.letters_repeated == 0, "each dead letter is there once"),
        ];
        let broken = rules.iter().filter(|(holds, _)| !holds);
        broken
            .map(|(_, rule)| format!("not kept: {rule} (expected difference {difference}): {self:?}"))
            .collect()
    }
}
