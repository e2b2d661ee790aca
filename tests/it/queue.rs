//! Frames in, frames out: the streams, the consumer group, and the claims.

use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::queue::{
    Acknowledgement, Claim, Claimed, Consumer, Delivery, EntryId, Epoch, Epochs, Frame, Link, Links,
    OutgoingFrame, Pool, Shard, Shown, accepted, acknowledge, append, claim, leave, mark_restoration,
    remove_idle, show_epoch,
};

use crate::support::{SHARDS, TestStores, frame_of, identity};

const TIMEOUT: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_millis(1);
const WINDOW: Duration = Duration::from_mins(1);

pub(crate) fn links(stores: &TestStores) -> Links {
    Links::new(&stores.urls().redis_url, TIMEOUT).unwrap()
}

fn pool(stores: &TestStores) -> Pool {
    Pool::new(&stores.urls().redis_url, TIMEOUT, 2).unwrap()
}

fn consumer(stores: &TestStores, name: &str) -> Consumer {
    Consumer::new(links(stores), name.to_owned(), SHARDS)
}

pub(crate) fn shard() -> Shard {
    SHARDS.all().next().unwrap()
}

/// Appends one frame for each list of ids, all to the same shard.
async fn append_frames(stores: &TestStores, frames: &[&[&str]]) {
    let outgoing: Vec<OutgoingFrame> = frames.iter().map(|ids| frame_of(shard(), ids)).collect();
    append(&pool(stores), &outgoing).await.unwrap();
}

fn ids(deliveries: &[Delivery]) -> Vec<Vec<String>> {
    let ids_of = |frame: &Frame| frame.events().map(|event| event.event_id.to_owned()).collect();
    deliveries.iter().map(|delivery| ids_of(delivery.frame.as_ref().unwrap())).collect()
}

fn entries(deliveries: &[Delivery]) -> Vec<Acknowledgement> {
    deliveries.iter().map(Delivery::acknowledgement).collect()
}

fn shown(id: uuid::Uuid) -> Shown {
    Shown { id, seen_at: jiff::Timestamp::UNIX_EPOCH }
}

/// Shows this epoch in Redis.
async fn show(link: &mut Link, id: u128) -> uuid::Uuid {
    let (id, shards): (_, Vec<Shard>) = (uuid::Uuid::from_u128(id), SHARDS.all().collect());
    mark_restoration(link, &shards, id).await.unwrap();
    assert!(show_epoch(link, &shards, shown(id)).await.unwrap());
    id
}

/// Shows an epoch in Redis, under which claims may be laid.
pub(crate) async fn epochs(link: &mut Link) -> Epochs {
    let id = show(link, 1).await;
    Epochs::new(
        SHARDS.all().map(|_| Epoch { id, keyspace: 7, run_id: link.run_id(shard()).clone() }).collect(),
    )
}

async fn claim_all(link: &mut Link, frames: &[(EntryId, &[&str])]) -> Vec<Vec<bool>> {
    let epochs = epochs(link).await;
    let frame = |(entry, ids): &(EntryId, &[&str])| {
        Claim::new(shard(), *entry, ids.iter().map(|id| identity(id, "u")), &epochs)
    };
    let frames: Vec<Claim> = frames.iter().map(frame).collect();
    let Claimed::Told(ours) = claim(link, &frames, WINDOW, &epochs, None).await.unwrap() else {
        unreachable!("the epochs were just shown")
    };
    ours
}

#[tokio::test]
async fn frames_come_out_in_order_and_to_one_consumer_only() {
    let stores = TestStores::start().await;
    append_frames(&stores, &[&["a", "b"], &["c"]]).await;
    let (mut one, mut other) = (consumer(&stores, "one"), consumer(&stores, "other"));

    // the first read asks for what is unacknowledged, which is nothing
    assert_eq!(ids(&one.read(10, WAIT).await.unwrap()), Vec::<Vec<String>>::new());
    assert_eq!(ids(&one.read(10, WAIT).await.unwrap()), [vec!["a", "b"], vec!["c"]]);
    other.read(10, WAIT).await.unwrap();
    assert!(other.read(10, WAIT).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_consumer_that_comes_back_is_given_what_it_did_not_acknowledge() {
    let stores = TestStores::start().await;
    append_frames(&stores, &[&["a"], &["b"]]).await;
    let mut before = consumer(&stores, "same");
    before.read(10, WAIT).await.unwrap();
    let delivered = before.read(10, WAIT).await.unwrap();
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    acknowledge(&mut link, &entries(&delivered[..1])).await.unwrap();

    let mut after = consumer(&stores, "same");
    assert_eq!(ids(&after.read(10, WAIT).await.unwrap()), [["b"]]);
}

#[tokio::test]
async fn what_a_dead_consumer_left_behind_is_reclaimed() {
    let stores = TestStores::start().await;
    append_frames(&stores, &[&["a"]]).await;
    let mut dead = consumer(&stores, "dead");
    dead.read(10, WAIT).await.unwrap();
    assert_eq!(dead.read(10, WAIT).await.unwrap().len(), 1);
    drop(dead);

    let mut alive = consumer(&stores, "alive");
    assert!(alive.reclaim(10, Duration::from_mins(1)).await.unwrap().is_empty(), "not idle for long enough");
    assert_eq!(ids(&alive.reclaim(10, Duration::ZERO).await.unwrap()), [["a"]]);
}

#[tokio::test]
async fn acknowledged_frames_leave_the_stream() {
    let stores = TestStores::start().await;
    append_frames(&stores, &[&["a"], &["b"]]).await;
    let mut consumer = consumer(&stores, "one");
    consumer.read(10, WAIT).await.unwrap();
    let delivered = consumer.read(10, WAIT).await.unwrap();
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    acknowledge(&mut link, &entries(&delivered)).await.unwrap();

    let length: u64 =
        redis::cmd("XLEN").arg(shard().stream()).query_async(&mut stores.redis().await).await.unwrap();
    assert_eq!(length, 0);
}

#[tokio::test]
async fn a_destroyed_group_is_made_again_from_the_first_entry() {
    let stores = TestStores::start().await;
    append_frames(&stores, &[&["a"]]).await;
    let mut consumer = consumer(&stores, "one");
    consumer.read(10, WAIT).await.unwrap();
    consumer.read(10, WAIT).await.unwrap();
    for shard in SHARDS.all() {
        let mut destroy = redis::cmd("XGROUP");
        destroy.arg("DESTROY").arg(shard.stream()).arg("workers");
        let () = destroy.query_async(&mut stores.redis().await).await.unwrap();
    }

    assert!(consumer.read(10, WAIT).await.is_err(), "the read that meets the missing group");
    consumer.read(10, WAIT).await.unwrap();
    assert_eq!(ids(&consumer.read(10, WAIT).await.unwrap()), [["a"]]);
}

#[tokio::test]
async fn bytes_that_are_no_frame_are_delivered_with_the_reason() {
    let stores = TestStores::start().await;
    let mut add = redis::cmd("XADD");
    add.arg(shard().stream()).arg("*").arg("f").arg("nonsense");
    let _: String = add.query_async(&mut stores.redis().await).await.unwrap();
    let mut consumer = consumer(&stores, "one");
    consumer.read(10, WAIT).await.unwrap();

    let delivered = consumer.read(10, WAIT).await.unwrap();
    let corrupt = delivered[0].frame.as_ref().unwrap_err();
    assert_eq!(corrupt.bytes, "nonsense");
}

pub(crate) fn entry(milliseconds: u64) -> EntryId {
    EntryId { milliseconds, sequence: 0 }
}

async fn claim_one(stores: &TestStores, entry: EntryId, ids: &[&str]) -> Vec<bool> {
    let mut link = links(stores).link(SHARDS.all()).await.unwrap();
    claim_all(&mut link, &[(entry, ids)]).await.remove(0)
}

#[tokio::test]
async fn the_first_frame_to_claim_an_id_has_it_and_has_it_again_when_redelivered() {
    let stores = TestStores::start().await;
    assert_eq!(claim_one(&stores, entry(1), &["a", "b"]).await, [true, true]);
    assert_eq!(claim_one(&stores, entry(1), &["a", "b"]).await, [true, true], "redelivered");
    assert_eq!(claim_one(&stores, entry(2), &["b", "c"]).await, [false, true], "another frame");
    assert_eq!(claim_one(&stores, entry(2), &["b", "c"]).await, [false, true], "another frame, redelivered");
}

#[tokio::test]
async fn frames_claimed_together_are_told_apart() {
    let stores = TestStores::start().await;
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    let frames: [(EntryId, &[&str]); 4] =
        [(entry(1), &["a"]), (entry(2), &[]), (entry(3), &["a", "b"]), (entry(4), &["c"])];
    let ours = claim_all(&mut link, &frames).await;
    assert_eq!(ours, [vec![true], vec![], vec![false, true], vec![true]]);
}

#[tokio::test]
async fn nothing_is_told_under_an_epoch_that_is_over_or_to_another_run_of_redis() {
    let mut stores = TestStores::start().await;
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    let epochs = epochs(&mut link).await;
    let frame = || [Claim::new(shard(), entry(1), [identity("a", "u")].into_iter(), &epochs)];
    let lay = async |link: &mut Link| claim(link, &frame(), WINDOW, &epochs, None).await.unwrap();
    assert_eq!(lay(&mut link).await, Claimed::Told(vec![vec![true]]));

    let () = redis::cmd("DEL").arg(shard().epoch()).query_async(&mut stores.redis().await).await.unwrap();
    assert_eq!(lay(&mut link).await, Claimed::Stale, "no epoch");
    show(&mut link, 2).await;
    assert_eq!(lay(&mut link).await, Claimed::Stale, "another epoch");
    show(&mut link, 1).await;
    stores.servers.redis.stop().await;
    stores.servers.redis.start().await.unwrap();
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    assert_eq!(lay(&mut link).await, Claimed::Stale, "another run");
}

#[tokio::test]
async fn an_epoch_is_not_shown_where_the_mark_of_its_restoration_is_gone() {
    let stores = TestStores::start().await;
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    let (id, known) = (uuid::Uuid::from_u128(2), show(&mut link, 1).await);
    assert_eq!(mark_restoration(&mut link, &[shard()], id).await.unwrap(), [Some(shown(known))]);
    let () = redis::cmd("FLUSHALL").query_async(&mut stores.redis().await).await.unwrap();
    assert!(!show_epoch(&mut link, &[shard()], shown(id)).await.unwrap());
}

#[tokio::test]
async fn claims_of_another_keyspace_are_not_met() {
    let stores = TestStores::start().await;
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    let id = show(&mut link, 1).await;
    for (number, keyspace) in [(1, 7), (2, 8)] {
        let epoch = Epoch { id, keyspace, run_id: link.run_id(shard()).clone() };
        let epochs = Epochs::new(SHARDS.all().map(|_| epoch.clone()).collect());
        let claims = [Claim::new(shard(), entry(number), [identity("a", "u")].into_iter(), &epochs)];
        let claimed = claim(&mut link, &claims, WINDOW, &epochs, None).await.unwrap();
        assert_eq!(claimed, Claimed::Told(vec![vec![true]]));
    }
}

#[tokio::test]
async fn the_ledger_counts_a_frame_when_it_is_appended_and_takes_it_off_the_queue_once() {
    let stores = TestStores::start().await;
    append_frames(&stores, &[&["a", "b"], &["c"]]).await;
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    let mut of_shard = async || accepted(&mut link, SHARDS).await.unwrap().remove(0);
    let ledger = of_shard().await;
    assert_eq!((ledger.by_day.values().copied().collect::<Vec<_>>(), ledger.queued.events), (vec![3], 3));
    let mut consumer = consumer(&stores, "one");
    consumer.read(10, WAIT).await.unwrap();
    let delivered = consumer.read(10, WAIT).await.unwrap();

    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    for _ in 0..2 {
        acknowledge(&mut link, &entries(&delivered[..1])).await.unwrap();
        let ledger = of_shard().await;
        assert_eq!((ledger.by_day.values().sum::<u64>(), ledger.queued.events), (3, 1));
        assert_eq!(ledger.queued.bytes, delivered[1].bytes() as u64);
    }
    acknowledge(&mut link, &entries(&delivered[1..])).await.unwrap();
    assert_eq!(of_shard().await.queued, campaign_manager::queue::Depth::default());
}

#[tokio::test]
async fn a_name_leaves_the_group_only_when_it_holds_nothing() {
    let stores = TestStores::start().await;
    append_frames(&stores, &[&["a"]]).await;
    let mut consumer = consumer(&stores, "one");
    consumer.read(10, WAIT).await.unwrap();
    let delivered = consumer.read(10, WAIT).await.unwrap();
    let mut link = links(&stores).link(SHARDS.all()).await.unwrap();
    let names = async || {
        let info = redis::cmd("XINFO").arg("CONSUMERS").arg(shard().stream()).arg("workers").to_owned();
        info.query_async::<Vec<redis::Value>>(&mut stores.redis().await).await.unwrap().len()
    };

    leave(&mut link, SHARDS, "one").await.unwrap();
    assert_eq!(remove_idle(&mut link, SHARDS, Duration::ZERO).await.unwrap(), 0, "it holds an entry");
    assert_eq!(names().await, 1);
    acknowledge(&mut link, &entries(&delivered)).await.unwrap();
    assert_eq!(remove_idle(&mut link, SHARDS, Duration::from_mins(1)).await.unwrap(), 0, "not idle");
    assert_eq!(remove_idle(&mut link, SHARDS, Duration::ZERO).await.unwrap(), 1);
    assert_eq!(names().await, 0);
}

#[tokio::test]
async fn a_frame_tells_how_often_it_was_delivered() {
    let stores = TestStores::start().await;
    append_frames(&stores, &[&["a"]]).await;
    for times in 1..4 {
        let mut consumer = consumer(&stores, "one");
        let mut delivered = consumer.read(10, WAIT).await.unwrap();
        if delivered.is_empty() {
            delivered = consumer.read(10, WAIT).await.unwrap();
        }
        assert_eq!((delivered[0].times, delivered[0].accepted), (times, 1));
    }
}
