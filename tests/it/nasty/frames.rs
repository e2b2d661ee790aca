//! Frames put into the queue by hand, with events that ingest would never accept: each becomes a dead letter with a
//! reason, or is stored, and its neighbours are stored.

use bb8_redis::redis;
use campaign_manager::queue::{EventRecord, OutgoingFrame, Records, Sender, append, pool};
use jiff::Timestamp;

use crate::support::{DEADLINE, Settings, TestStores, count, event, start_worker, until};

/// What is to become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Stored,
    DeadLetter,
}
use Expected::{DeadLetter, Stored};

struct Case {
    id: String,
    event_type: String,
    user_id: String,
    payload: Vec<u8>,
    expected: Expected,
}

/// A case that differs from a good event in one member.
fn case(id: &str, change: impl FnOnce(&mut Case), expected: Expected) -> Case {
    let mut case = Case {
        id: id.to_owned(),
        event_type: "t".to_owned(),
        user_id: "u".to_owned(),
        payload: b"{}".to_vec(),
        expected,
    };
    change(&mut case);
    case
}

fn texts() -> Vec<Case> {
    let long = "\u{e9}x".repeat(21_845);
    vec![
        case("", |case| case.id.push_str("a\0b"), DeadLetter),
        case("", |case| case.id.push('\0'), DeadLetter),
        case("nul in the user", |case| case.user_id.push('\0'), DeadLetter),
        case("nul in the type", |case| case.event_type.push('\0'), DeadLetter),
        case("", |_| {}, Stored),
        case("no user", |case| case.user_id = String::new(), Stored),
        case("no type", |case| case.event_type = String::new(), Stored),
        case(&long, |_| {}, Stored),
        case("long user", |case| case.user_id.clone_from(&long), Stored),
        case("long type", |case| case.event_type.clone_from(&long), Stored),
        case("\u{ffff}\u{10ffff}\u{202e}\u{1}", |_| {}, Stored),
    ]
}

fn payloads() -> Vec<Case> {
    let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat().into_bytes();
    let payloads: Vec<(Vec<u8>, Expected)> = vec![
        (Vec::new(), DeadLetter),
        (b"\0".to_vec(), DeadLetter),
        (b"{".to_vec(), DeadLetter),
        (b"{} {}".to_vec(), DeadLetter),
        (b"{\"a\":1,}".to_vec(), DeadLetter),
        (b"\"\xff\"".to_vec(), DeadLetter),
        (b"\"\xed\xa0\x80\"".to_vec(), DeadLetter),
        (br#""\ud800""#.to_vec(), DeadLetter),
        (b"1e400".to_vec(), DeadLetter),
        ("\u{feff}{}".as_bytes().to_vec(), DeadLetter),
        (deep(1_000), Stored),
        (deep(1_025), DeadLetter),
        (deep(100_000), DeadLetter),
        ("[".repeat(1_000_000).into_bytes(), DeadLetter),
        (b"null".to_vec(), Stored),
        (br#" ["\u0000",-0,1e-400] "#.to_vec(), Stored),
        (br#"{"a":1,"a":2}"#.to_vec(), Stored),
        (format!("\"{}\"", "x".repeat(4 << 20)).into_bytes(), Stored),
    ];
    let cases = payloads.into_iter().enumerate();
    cases
        .map(|(number, (payload, expected))| {
            case(&format!("payload {number}"), |case| case.payload = payload, expected)
        })
        .collect()
}

/// Queues the cases, in one frame or each in a frame of its own, with a good event on either side of each.
async fn assert_fates(stores: &TestStores, cases: &[Case], in_one_frame: bool) {
    let settings = Settings::with(&[]);
    let shard = settings.queue.shards.all().next().unwrap();
    let mut frames = Vec::new();
    let mut records = Records::default();
    let neighbours: Vec<String> =
        (0..cases.len()).map(|number| format!("good {in_one_frame} {number}")).collect();
    for (case, neighbour) in cases.iter().zip(&neighbours) {
        let Case { id: event_id, event_type, user_id, payload, .. } = case;
        records.push(&EventRecord {
            received_at: Timestamp::now(),
            sender: Sender::default(),
            event_id,
            event_type,
            user_id,
            payload,
        });
        records.push(&event(neighbour, "u"));
        if !in_one_frame {
            frames.push(std::mem::take(&mut records));
        }
    }
    frames.extend((!records.is_empty()).then_some(records));
    let frames: Vec<_> = frames.into_iter().map(|records| OutgoingFrame::new(shard, records)).collect();
    append(&pool(&stores.urls().redis_url, &settings.queue).unwrap(), &frames).await.unwrap();

    let worker = start_worker(stores, &settings).await;
    let mut redis = stores.redis().await;
    until("an empty queue", DEADLINE, async || {
        redis::cmd("XLEN").arg(shard.stream()).query_async::<u64>(&mut redis).await.unwrap() == 0
    })
    .await;
    worker.drain(DEADLINE).await.unwrap();
    assert_stored(stores, cases, &neighbours).await;
}

async fn assert_stored(stores: &TestStores, cases: &[Case], neighbours: &[String]) {
    let client = stores.postgres().await;
    let columns = "select event_id, user_id, event_type, convert_to(payload::text, 'UTF8') from events";
    let mut rows: Vec<(String, String, String, Vec<u8>)> = client
        .query(columns, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect();
    let good = neighbours.iter().map(|id| (id.clone(), "u".to_owned(), "test".to_owned(), b"{}".to_vec()));
    let mut expected: Vec<_> = cases
        .iter()
        .filter(|case| case.expected == Stored)
        .map(|case| (case.id.clone(), case.user_id.clone(), case.event_type.clone(), case.payload.clone()))
        .chain(good)
        .collect();
    rows.sort_unstable();
    expected.sort_unstable();
    let beginning = |(id, _, _, payload): &(String, String, String, Vec<u8>)| {
        (id.chars().take(40).collect::<String>(), super::shown(&payload[..payload.len().min(40)]))
    };
    let ids = |all: &[_]| all.iter().map(beginning).collect::<Vec<_>>();
    assert_eq!(ids(&rows), ids(&expected));
    assert!(rows == expected, "each to its last byte");

    let letters = client.query("select detail, payload from dead_letters", &[]).await.unwrap();
    assert!(letters.iter().all(|letter| !letter.get::<_, &str>(0).is_empty()));
    let mut letters: Vec<Vec<u8>> = letters.iter().map(|letter| letter.get(1)).collect();
    let refused = cases.iter().filter(|case| case.expected == DeadLetter);
    let mut expected: Vec<_> = refused.map(|case| case.payload.clone()).collect();
    letters.sort_unstable();
    expected.sort_unstable();
    assert!(letters == expected, "the dead letters hold what was sent");
    let sums = "select sum(stored)::bigint, sum(dead_lettered)::bigint, sum(duplicates)::bigint from frames";
    let sums = client.query_one(sums, &[]).await.unwrap();
    let [in_receipts, dead, duplicates] = [0, 1, 2].map(|sum| sums.get::<_, i64>(sum));
    assert_eq!(
        (in_receipts, dead, duplicates),
        (count(stores, "events").await, count(stores, "dead_letters").await, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_ingest_would_refuse_become_dead_letters_or_are_stored_beside_their_neighbours() {
    for in_one_frame in [true, false] {
        assert_fates(&TestStores::start().await, &texts(), in_one_frame).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_that_ingest_would_refuse_become_dead_letters_or_are_stored_beside_their_neighbours() {
    for in_one_frame in [true, false] {
        assert_fates(&TestStores::start().await, &payloads(), in_one_frame).await;
    }
}
