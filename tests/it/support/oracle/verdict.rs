//! What the oracle knows against what is stored: conservation, uniqueness, integrity.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use bb8_redis::redis;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Client;

use super::events::{number_of, payload, triggered, user_id};
use super::{Oracle, Ordering};
use crate::support::{DEADLINE, TestStores, until};

/// Where verdicts are kept, so that a table can be made of them.
const VERDICTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/faults");
/// Nothing may change for so long before the comparison.
const STABLE: Duration = Duration::from_millis(150);
/// So many of each kind are named when something is wrong.
const NAMED: usize = 5;

/// What became of the events of a test.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) fault: String,
    /// Distinct events that were acknowledged.
    pub(crate) obligations: usize,
    /// Distinct events that are stored, acknowledged or not.
    pub(crate) stored: usize,
    /// Distinct events that are dead letters.
    pub(crate) dead_lettered: usize,
    /// Obligations that are neither.
    pub(crate) lost: Vec<usize>,
    /// Events stored more than once, or stored and a dead letter.
    pub(crate) duplicates: Vec<usize>,
    /// Events whose payload is not what was sent, byte for byte, or that were never sent.
    pub(crate) wrong_payloads: Vec<String>,
    /// Events with other campaigns or triggers than they must have, or with one twice.
    pub(crate) wrong_triggers: Vec<String>,
    /// Requests answered with 429 or 503.
    pub(crate) refused_requests: usize,
    /// Requests without an answer.
    pub(crate) broken_requests: usize,
    /// From the end of the fault to the first transaction that stored something again.
    pub(crate) recovery: Option<Duration>,
}

/// An event's id and user.
type Named = (String, String);

/// An event's payload and campaigns, as stored.
type StoredRow = (String, Vec<i64>);

impl Verdict {
    /// Keeps the verdict, and fails the test unless everything promised holds.
    #[track_caller]
    pub(crate) fn assert_kept(&self) {
        std::fs::create_dir_all(VERDICTS).unwrap();
        let name: String = self.fault.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let file = Path::new(VERDICTS).join(name).with_extension("json");
        std::fs::write(file, serde_json::to_string_pretty(self).unwrap()).unwrap();
        let broken = self.broken();
        assert!(
            broken.is_empty(),
            "{}: {}; of {} obligations",
            self.fault,
            broken.join("; "),
            self.obligations
        );
        assert!(self.obligations > 0, "{}: nothing was sent", self.fault);
    }

    /// What of the promise does not hold, with the first events of each kind.
    pub(crate) fn broken(&self) -> Vec<String> {
        [
            ("lost", shown(&self.lost)),
            ("stored twice", shown(&self.duplicates)),
            ("wrong payloads", shown(&self.wrong_payloads)),
            ("wrong triggers", shown(&self.wrong_triggers)),
        ]
        .into_iter()
        .filter_map(|(what, shown)| Some(format!("{what}: {}", shown?)))
        .collect()
    }
}

/// How many there are and the first of them, if there are any.
fn shown(found: &[impl std::fmt::Debug]) -> Option<String> {
    (!found.is_empty()).then(|| format!("{} ({:?} …)", found.len(), &found[..found.len().min(NAMED)]))
}

/// Waits until all streams are empty and the rows do not change.
pub(crate) async fn until_drained(stores: &TestStores) {
    until_drained_within(stores, DEADLINE).await;
}

/// As [`until_drained`], where there is more to drain.
pub(crate) async fn until_drained_within(stores: &TestStores, deadline: Duration) {
    let client = stores.postgres().await;
    let mut servers = stores.each_redis().await;
    let mut last = (Vec::new(), Timestamp::now());
    until("an empty queue and rows that do not change", deadline, async || {
        let mut seen = vec![queued(&mut servers).await];
        seen.extend(counts(&client).await);
        if seen != last.0 || seen[0] > 0 {
            last = (seen, Timestamp::now());
        }
        Timestamp::now().duration_since(last.1) >= SignedDuration::try_from(STABLE).unwrap()
    })
    .await;
}

async fn queued(servers: &mut [redis::aio::MultiplexedConnection]) -> i64 {
    let mut entries = 0;
    for redis in servers {
        let streams: Vec<String> = redis::cmd("KEYS").arg("events:*").query_async(redis).await.unwrap();
        for stream in streams {
            entries += redis::cmd("XLEN").arg(stream).query_async::<i64>(redis).await.unwrap();
        }
    }
    entries
}

async fn counts(client: &Client) -> Vec<i64> {
    let counts = "select (select count(*) from events), (select count(*) from triggers),
        (select count(*) from frames), (select count(*) from dead_letters)";
    let row = client.query_one(counts, &[]).await.unwrap();
    (0..4).map(|column| row.get(column)).collect()
}

pub(super) async fn compare(oracle: &Oracle, stores: &TestStores, fault: &str) -> Verdict {
    let client = stores.postgres().await;
    let rows = stored_rows(&client).await;
    let triggers = stored_triggers(&client).await;
    let dead_letters = dead_letters(&client).await;
    let obligations = oracle.ledger.acknowledged.lock().unwrap().clone();

    let is_kept = |number: &usize| rows.contains_key(number) || dead_letters.contains(number);
    let is_twice = |number: usize, rows: &[StoredRow]| rows.len() > 1 || dead_letters.contains(&number);
    Verdict {
        fault: fault.to_owned(),
        obligations: obligations.len(),
        stored: rows.len(),
        dead_lettered: dead_letters.len(),
        lost: obligations.iter().filter(|number| !is_kept(number)).copied().collect(),
        duplicates: rows.iter().filter(|(number, rows)| is_twice(**number, rows)).map(|(n, _)| *n).collect(),
        wrong_payloads: wrong_payloads(&rows, oracle.ledger.sent.load(Ordering::SeqCst)),
        wrong_triggers: wrong_triggers(&rows, triggers, &oracle.campaigns),
        refused_requests: oracle.ledger.refused.load(Ordering::SeqCst),
        broken_requests: oracle.ledger.broken.load(Ordering::SeqCst),
        recovery: recovery(&client, oracle.fault_ended_at).await,
    }
}

/// The rows of each event. An id that is not the oracle's is a failure at once.
async fn stored_rows(client: &Client) -> BTreeMap<usize, Vec<StoredRow>> {
    let mut rows: BTreeMap<usize, Vec<StoredRow>> = BTreeMap::new();
    for row in
        client.query("select event_id, user_id, payload::text, campaign_ids from events", &[]).await.unwrap()
    {
        let number = number_of(row.get(0), row.get(1)).expect("an event of the oracle");
        rows.entry(number).or_default().push((row.get(2), row.get(3)));
    }
    rows
}

/// The campaigns that each event has triggered, by its id and user.
async fn stored_triggers(client: &Client) -> HashMap<Named, Vec<i64>> {
    let mut triggers: HashMap<Named, Vec<i64>> = HashMap::new();
    let all = "select event_id, user_id, campaign_id from triggers order by campaign_id";
    for row in client.query(all, &[]).await.unwrap() {
        triggers.entry((row.get(0), row.get(1))).or_default().push(row.get(2));
    }
    triggers
}

async fn dead_letters(client: &Client) -> BTreeSet<usize> {
    let letters = client.query("select payload from dead_letters", &[]).await.unwrap();
    let event_of = |payload: &[u8]| {
        let event: Value = serde_json::from_slice(payload).ok()?;
        number_of(event["event_id"].as_str()?, event["user_id"].as_str()?)
    };
    letters.iter().filter_map(|letter| event_of(letter.get(0))).collect()
}

fn wrong_payloads(rows: &BTreeMap<usize, Vec<StoredRow>>, sent: usize) -> Vec<String> {
    let all = rows.iter().flat_map(|(number, rows)| rows.iter().map(move |row| (*number, row)));
    all.filter(|(number, (stored, _))| *number >= sent || *stored != payload(*number))
        .map(|(number, (stored, _))| format!("e{number}: {stored}"))
        .collect()
}

fn wrong_triggers(
    rows: &BTreeMap<usize, Vec<StoredRow>>,
    mut triggers: HashMap<Named, Vec<i64>>,
    campaigns: &[i64],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, rows) in rows {
        let wanted: Vec<i64> =
            campaigns.iter().zip(triggered(*number)).filter(|(_, yes)| *yes).map(|(id, _)| *id).collect();
        let found = triggers.remove(&(super::event_id(*number), user_id(*number))).unwrap_or_default();
        if found != wanted || rows.iter().any(|(_, named)| *named != wanted) {
            wrong.push(format!("e{number}: {found:?} instead of {wanted:?}, and {rows:?}"));
        }
    }
    wrong.extend(triggers.keys().map(|(id, user)| format!("{id} of {user} has triggers and no row")));
    wrong
}

async fn recovery(client: &Client, fault_ended_at: Option<Timestamp>) -> Option<Duration> {
    let ended_at = fault_ended_at?;
    let first = "select min(stored_at) from frames where stored_at >= $1";
    let first: Option<Timestamp> = client.query_one(first, &[&ended_at]).await.unwrap().get(0);
    first?.duration_since(ended_at).try_into().ok()
}
