//! Claims whose window is over: swept with their lot, and neither before nor twice.

use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::queue::{
    Claim, Claimed, EntryId, Epochs, Link, Links, RestoredClaim, Shard, Which, claim, restore_claims, sweep,
};
use jiff::Timestamp;

use crate::queue::{entry, epochs, links, shard};
use crate::support::{DEADLINE, SHARDS, TestStores, identity, until};

const LONG: Duration = Duration::from_hours(24);
/// Over as soon as anybody looks.
const SHORT: Duration = Duration::from_millis(1);

/// A Redis with claims.
struct Claims {
    _stores: TestStores,
    link: Link,
    epochs: Epochs,
    /// What time it is by Postgres.
    postgres_time: Option<Timestamp>,
}

impl Claims {
    async fn start() -> Self {
        let stores = TestStores::start().await;
        let links: Links = links(&stores);
        let mut link = links.link(SHARDS.all()).await.unwrap();
        let epochs = epochs(&mut link).await;
        Self { _stores: stores, link, epochs, postgres_time: None }
    }

    /// For each id, whether it is the frame's.
    async fn claim(&mut self, entry: EntryId, ids: &[&str], window: Duration) -> Vec<bool> {
        let frame = Claim::new(shard(), entry, ids.iter().map(|id| identity(id, "u")), &self.epochs);
        match claim(&mut self.link, &[frame], window, &self.epochs, self.postgres_time).await.unwrap() {
            Claimed::Told(mut ours) => ours.remove(0),
            Claimed::Stale => unreachable!("the epochs hold"),
        }
    }

    /// Sweeps until there is nothing left to sweep; how many claims went.
    async fn sweep(&mut self, which: Which) -> u64 {
        let mut all = 0;
        while let Some(swept) = sweep(&mut self.link, SHARDS.all(), which).await.unwrap() {
            all += swept;
        }
        all
    }

    /// Sweeps what is due until so many claims have gone, and sees that no more go.
    async fn until_swept(&mut self, wanted: u64) {
        let all = std::cell::Cell::new(0);
        let claims = tokio::sync::Mutex::new(&mut *self);
        until("claims to be due", DEADLINE, async || {
            all.set(all.get() + claims.lock().await.sweep(Which::DueAt(Timestamp::now())).await);
            all.get() >= wanted
        })
        .await;
        assert_eq!(all.get(), wanted);
    }

    /// How many keys begin with this.
    async fn keys(&mut self, prefix: &str) -> usize {
        let keys: Vec<Vec<Vec<u8>>> =
            self.link.ask_each(redis::cmd("KEYS").arg(format!("{prefix}*"))).await.unwrap();
        keys.iter().map(Vec::len).sum()
    }
}

fn restored(event_id: &str, ends_at: Timestamp) -> RestoredClaim<'_> {
    let of: Shard = shard();
    RestoredClaim { shard: of, keyspace: 7, identity: identity(event_id, "u"), origin: None, ends_at }
}

#[tokio::test]
async fn claims_go_when_their_window_is_over_and_not_before() {
    let mut claims = Claims::start().await;
    claims.claim(entry(1), &["short", "too"], SHORT).await;
    claims.claim(entry(2), &["long"], LONG).await;
    claims.until_swept(2).await;
    assert_eq!(claims.claim(entry(3), &["short", "long"], LONG).await, [true, false]);
}

#[tokio::test]
async fn a_swept_lot_leaves_nothing_behind() {
    let mut claims = Claims::start().await;
    for number in 0..20 {
        let ids: Vec<String> = (0..1_500).map(|id| format!("{number}/{id}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(claims.claim(entry(number), &ids, SHORT).await, [true; 1_500]);
    }
    claims.until_swept(30_000).await;
    assert_eq!((claims.keys("dedupe:").await, claims.keys("lots:").await), (0, 0));
}

#[tokio::test]
async fn a_duplicate_does_not_prolong_a_claim() {
    let mut claims = Claims::start().await;
    claims.claim(entry(1), &["a"], SHORT).await;
    assert_eq!(claims.claim(entry(2), &["a"], LONG).await, [false]);
    claims.until_swept(1).await;
}

#[tokio::test]
async fn a_frame_that_is_delivered_again_prolongs_its_claims() {
    let mut claims = Claims::start().await;
    claims.claim(entry(1), &["a", "b"], SHORT).await;
    assert_eq!(claims.claim(entry(1), &["a", "c"], LONG).await, [true, true]);
    claims.until_swept(1).await;
    assert_eq!(claims.claim(entry(2), &["a", "b", "c"], LONG).await, [false, true, false]);
    assert_eq!(
        claims.claim(entry(1), &["a", "b", "c"], LONG).await,
        [true, false, true],
        "it has them still"
    );
}

#[tokio::test]
async fn of_many_ids_exactly_those_are_taken_that_another_frame_has() {
    let mut claims = Claims::start().await;
    let ids: Vec<String> = (0..2_500).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let odd: Vec<&str> = ids.iter().copied().skip(1).step_by(2).collect();
    claims.claim(entry(1), &odd, LONG).await;
    let expected: Vec<bool> = (0..2_500).map(|id| id % 2 == 0).collect();
    assert_eq!(claims.claim(entry(2), &ids, LONG).await, expected);
}

#[tokio::test]
async fn swept_early_the_next_to_go_go_first() {
    let mut claims = Claims::start().await;
    claims.claim(entry(1), &["later"], LONG).await;
    claims.claim(entry(2), &["sooner"], LONG / 2).await;
    assert_eq!(sweep(&mut claims.link, SHARDS.all(), Which::DueAt(Timestamp::now())).await.unwrap(), None);
    assert_eq!(sweep(&mut claims.link, SHARDS.all(), Which::Early).await.unwrap(), Some(1));
    assert_eq!(claims.claim(entry(3), &["later", "sooner"], LONG).await, [false, true]);
}

#[tokio::test]
async fn a_restored_claim_goes_when_the_window_of_its_event_is_over() {
    let mut claims = Claims::start().await;
    let now = Timestamp::now();
    claims.claim(entry(1), &["laid before"], LONG).await;
    let events = [restored("over", now), restored("laid before", now), restored("holds", now + LONG)];
    restore_claims(&mut claims.link, &events, SHORT).await.unwrap();
    claims.until_swept(2).await;
    assert_eq!(claims.claim(entry(2), &["holds", "laid before"], LONG).await, [false, true]);
    assert_eq!(claims.sweep(Which::Early).await, 2, "each in the lot that it came into last");
}

#[tokio::test]
async fn a_claim_stays_while_one_of_the_two_clocks_says_that_its_window_is_not_over() {
    let (mut claims, hour) = (Claims::start().await, Duration::from_hours(1));
    let postgres = |time: Timestamp| Which::DueAt(time);
    // Redis' clock has jumped ahead, as far as Postgres can tell.
    claims.claim(entry(1), &["a"], SHORT).await;
    let due = Timestamp::now() + 2 * SHORT;
    until("the window to be over by Redis' clock", DEADLINE, async || Timestamp::now() > due).await;
    assert_eq!(claims.sweep(postgres(Timestamp::now() - hour)).await, 0);
    // Redis' clock is behind.
    claims.postgres_time = Some(Timestamp::now() + hour);
    claims.claim(entry(2), &["b"], SHORT).await;
    assert_eq!(claims.sweep(postgres(Timestamp::now() + 2 * hour)).await, 1, "the first alone");
    assert_eq!(claims.claim(entry(3), &["a", "b"], LONG).await, [true, false]);
}
