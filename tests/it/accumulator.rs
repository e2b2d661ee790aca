//! From a request's events to Redis' acknowledgement.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::config::{Bytes, IngestConfig, QueueMarks};
use campaign_manager::ingest::{Accumulator, Owner, Staged, SubmitError};
use campaign_manager::queue::{Links, Pool};

use crate::support::{SHARDS, TestStores, event, until};

fn pool(stores: &TestStores) -> Pool {
    Pool::new(&stores.urls().redis_url, Duration::from_secs(2), 4).unwrap()
}

fn accumulator(buffer: usize) -> Accumulator {
    let config = IngestConfig {
        frame_bytes: Bytes::new(4096),
        linger: Duration::from_millis(2),
        buffer: Bytes::new(buffer),
        marks: QueueMarks { budget: Bytes::new(1 << 30), high: 70, low: 60 },
    };
    Accumulator::new(SHARDS, &config)
}

/// How long submissions wait for room here: for ever, as far as a test is concerned.
const PATIENCE: Duration = Duration::from_mins(1);

const OWNER: Owner = Owner { key: Some(1), source: IpAddr::V4(Ipv4Addr::LOCALHOST) };

async fn stage(accumulator: &Accumulator, ids: std::ops::Range<usize>) -> Staged {
    let mut staged = accumulator.stage(OWNER, PATIENCE).await.unwrap();
    for id in ids {
        staged.push(&event(&id.to_string(), &format!("user {id}")));
    }
    staged
}

async fn submit(accumulator: &Accumulator, ids: std::ops::Range<usize>) -> Result<(), SubmitError> {
    accumulator.submit(stage(accumulator, ids).await).await
}

/// How many events lie in the streams.
async fn queued_events(stores: &TestStores) -> usize {
    let links = Links::new(&stores.urls().redis_url, Duration::from_secs(2)).unwrap();
    let mut consumer = campaign_manager::queue::Consumer::new(links, "counter".to_owned(), SHARDS);
    consumer.read(10_000, Duration::from_millis(1)).await.unwrap();
    let deliveries = consumer.read(10_000, Duration::from_millis(1)).await.unwrap();
    deliveries.iter().map(|delivery| delivery.frame.as_ref().unwrap().len()).sum()
}

#[tokio::test]
async fn events_are_in_the_streams_once_their_submission_returns() {
    let stores = TestStores::start().await;
    let accumulator = accumulator(1 << 20);
    let sender = tokio::spawn({
        let (accumulator, pool) = (accumulator.clone(), pool(&stores));
        async move { accumulator.run(pool).await }
    });

    submit(&accumulator, 0..1000).await.unwrap();
    assert_eq!(queued_events(&stores).await, 1000);
    assert_eq!(accumulator.held_bytes(), 0);

    accumulator.close();
    sender.await.unwrap();
}

#[tokio::test]
async fn many_requests_at_once_are_all_acknowledged_in_few_frames() {
    let stores = TestStores::start().await;
    let accumulator = accumulator(1 << 20);
    let requests: Vec<_> = (0..500)
        .map(|id| {
            let accumulator = accumulator.clone();
            tokio::spawn(async move { submit(&accumulator, id..id + 1).await })
        })
        .collect();
    let sender = tokio::spawn({
        let (accumulator, pool) = (accumulator.clone(), pool(&stores));
        async move { accumulator.run(pool).await }
    });
    for request in requests {
        request.await.unwrap().unwrap();
    }
    accumulator.close();
    sender.await.unwrap();

    let mut frames = 0;
    for shard in SHARDS.all() {
        let length: usize =
            redis::cmd("XLEN").arg(shard.stream()).query_async(&mut stores.redis().await).await.unwrap();
        frames += length;
    }
    assert_eq!(queued_events(&stores).await, 500);
    assert!(frames < 250, "{frames} frames for 500 requests");
}

#[tokio::test]
async fn without_redis_the_request_is_told_so_and_the_buffer_is_free_again() {
    let mut stores = TestStores::start().await;
    stores.servers.redis.stop().await;
    let accumulator = accumulator(1 << 20);
    let sender = tokio::spawn({
        let (accumulator, pool) = (accumulator.clone(), pool(&stores));
        async move { accumulator.run(pool).await }
    });

    let refused = submit(&accumulator, 0..10).await;
    assert!(matches!(refused, Err(SubmitError::Unavailable(_))), "{refused:?}");
    assert_eq!(accumulator.held_bytes(), 0);

    stores.servers.redis.start().await.unwrap();
    submit(&accumulator, 0..10).await.unwrap();
    accumulator.close();
    sender.await.unwrap();
}

#[tokio::test]
async fn a_full_buffer_refuses_who_cannot_wait_and_a_closed_one_sends_what_it_holds() {
    let stores = TestStores::start().await;
    let accumulator = accumulator(1);
    let late = stage(&accumulator, 20..21).await;
    let first = tokio::spawn({
        let accumulator = accumulator.clone();
        async move { submit(&accumulator, 0..20).await }
    });
    until("the first events are held", PATIENCE, async || accumulator.held_bytes() > 0).await;
    assert_eq!(accumulator.stage(OWNER, Duration::ZERO).await.err(), Some(SubmitError::Full));
    accumulator.close();
    assert_eq!(accumulator.submit(late).await, Err(SubmitError::Closed));

    accumulator.run(pool(&stores)).await;
    first.await.unwrap().unwrap();
    assert_eq!(queued_events(&stores).await, 20);
}

#[tokio::test]
async fn many_requests_pass_through_a_buffer_for_one_of_them() {
    let stores = TestStores::start().await;
    let accumulator = accumulator(1);
    let requests: Vec<_> = (0..100)
        .map(|id| {
            let accumulator = accumulator.clone();
            tokio::spawn(async move { submit(&accumulator, id..id + 1).await })
        })
        .collect();
    let sender = tokio::spawn({
        let (accumulator, pool) = (accumulator.clone(), pool(&stores));
        async move { accumulator.run(pool).await }
    });
    for request in requests {
        request.await.unwrap().unwrap();
    }
    accumulator.close();
    sender.await.unwrap();
    assert_eq!(queued_events(&stores).await, 100);
}
