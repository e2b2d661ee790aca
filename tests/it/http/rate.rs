//! Rate limits of keys. The slow ones here gain an event a second, so that no test is over before one is refused.

use std::time::{Duration, Instant};

use campaign_manager::store::keys::Scope;

use reqwest::Method;

use super::{key, limited_key, reading, sending};
use crate::support::{DEADLINE, Reply, TestServer, until};

/// A body of so many events.
fn events(count: usize) -> String {
    let events: Vec<&str> = std::iter::repeat_n(super::EVENT, count).collect();
    format!("[{}]", events.join(","))
}

#[tokio::test]
async fn events_over_the_limit_of_their_key_are_refused_with_when_to_send_them_again() {
    let server = TestServer::with(&["--auth=keys", "--max-events=1000"]).await;
    let (slow, other) = (
        limited_key(&server, Scope::Ingest, Some(1)).await,
        limited_key(&server, Scope::Ingest, Some(1)).await,
    );

    let taken = Reply::of(server.posting("/events", events(900)).bearer_auth(slow.expose())).await;
    taken.expect(202);
    assert_eq!(taken.header("ratelimit-policy"), r#""events";q=1000;w=1000"#);
    assert!(taken.header("ratelimit").starts_with(r#""events";r=10"#), "{:?}", taken.headers);

    let refused = Reply::of(server.posting("/events", events(1000)).bearer_auth(slow.expose())).await;
    let problem = refused.expect(429);
    assert_eq!(problem["type"], "urn:campaign-manager:problem:rate-limited");
    let seconds: u32 = refused.header("retry-after").parse().unwrap();
    assert!((800..=901).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("ratelimit-policy"), r#""events";q=1000;w=1000"#);
    assert!(refused.header("ratelimit").ends_with(&format!(";t={seconds}")), "{:?}", refused.headers);
    assert_eq!(server.queued().await.len(), 900, "of a body that is refused nothing is taken");

    let smaller = async || server.posting("/events", events(50)).bearer_auth(slow.expose());
    until("bodies are read again", DEADLINE, async || Reply::of(smaller().await).await.status == 202).await;
    Reply::of(sending(&server, &other)).await.expect(202);
}

/// How many events of its burst a key has left, as an answer says.
fn left(reply: &Reply) -> u64 {
    let said = reply.header("ratelimit").split_once("r=").unwrap().1;
    said.split(';').next().unwrap().parse().unwrap()
}

/// What a key of one event a second has gained since then, at most.
fn gained_since(start: Instant) -> u64 {
    (start.elapsed() + Duration::from_secs(1)).as_secs()
}

#[tokio::test]
async fn what_is_refused_takes_nothing_of_the_rate_but_one_event_where_the_request_is_at_fault() {
    let server = TestServer::with(&["--auth=keys", "--max-events=100"]).await;
    let (slow, start) = (limited_key(&server, Scope::Ingest, Some(1)).await, Instant::now());
    let send =
        async |body: String| Reply::of(server.posting("/events", body).bearer_auth(slow.expose())).await;
    // Of a burst of 100, and a second's event beside it.
    let taken = send(events(61)).await;
    taken.expect(202);
    assert!((40..=40 + gained_since(start)).contains(&left(&taken)), "{:?}", taken.headers);

    for (body, status) in [("{", 400), ("[{}]", 422), (&*events(101), 413), ("[]", 202)] {
        assert_eq!(send(body.to_owned()).await.status.as_u16(), status, "{body}");
    }
    let partly = send(format!("[{}{}]", "{},".repeat(90), super::EVENT)).await;
    partly.expect(207);
    let most = 35 + gained_since(start);
    assert!((35..=most).contains(&left(&partly)), "an event each: {:?}", partly.headers);
    let large = super::EVENT.replace('}', &format!(r#","properties":{{"p":"{}"}}}}"#, "x".repeat(40_000)));
    let large = send(large).await;
    large.expect(202);
    assert!((25..=most - 10).contains(&left(&large)), "4 KiB each: {:?}", large.headers);

    for _ in 0..50 {
        let refused = send(events(100)).await;
        refused.problem(429);
        assert!(left(&refused) >= 25, "{:?}", refused.headers);
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_before_its_body_is_read() {
    let server = TestServer::with(&["--auth=keys", "--max-events=10", "--max-body=1KiB"]).await;
    let slow = limited_key(&server, Scope::Ingest, Some(1)).await;
    let mut refused = false;
    for _ in 0..100 {
        let huge = server.posting("/events", "x".repeat(2048)).bearer_auth(slow.expose());
        let status = Reply::of(huge).await.status.as_u16();
        refused |= status == 429;
        assert!(refused || status == 413, "{status}");
    }
    assert!(refused, "a bad request is a request, too");
}

#[tokio::test]
async fn of_a_key_with_a_burst_no_more_is_taken_at_once_and_a_larger_body_never() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let admin = key(&server, Scope::Admin).await;
    let new = r#"{"name": "even", "scope": "ingest", "rate_limit": 1, "burst": 10}"#;
    let new = Reply::of(server.posting("/keys", new).bearer_auth(admin.expose())).await.expect(201);
    assert_eq!((&new["rate_limit"], &new["burst"]), (&1.into(), &10.into()));
    let send = async |count| {
        Reply::of(server.posting("/events", events(count)).bearer_auth(new["key"].as_str().unwrap())).await
    };

    let refused = send(9_999).await;
    let problem = refused.expect(413);
    assert_eq!(problem["type"], "urn:campaign-manager:problem:burst-exceeded");
    assert!(problem["detail"].as_str().unwrap().contains("in parts of 10 or less"), "{problem}");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    assert!(server.queued().await.is_empty());
    assert_eq!(refused.header("ratelimit-policy"), r#""events";q=10;w=10"#);

    send(5).await.expect(202);
    let seconds: u64 = send(10).await.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn requests_for_management_count_as_one_event_each() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let admin = key(&server, Scope::Admin).await;
    let new = r#"{"name": "slow", "scope": "admin", "rate_limit": 1, "burst": 2}"#;
    let new = Reply::of(server.posting("/keys", new).bearer_auth(admin.expose())).await.expect(201);
    let mut refused = None;
    // It gains one a second, and so do the requests of a very busy machine.
    for _ in 0..1000 {
        let reply =
            Reply::of(server.request(Method::GET, "/campaigns").bearer_auth(new["key"].as_str().unwrap()));
        let reply = reply.await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
        reply.expect(200);
    }
    let refused = refused.expect("one of the first few");
    assert_eq!(refused.json()["type"], "urn:campaign-manager:problem:rate-limited");
    assert!(!refused.header("retry-after").is_empty());
    Reply::of(reading(&server, &admin)).await.expect(200);
}

#[tokio::test]
async fn only_what_is_sent_with_a_limited_key_counts() {
    let server = TestServer::with(&["--auth=keys", "--max-events=100"]).await;
    let slow = limited_key(&server, Scope::Admin, Some(1)).await;
    let bad = Reply::of(server.posting("/events", "{").bearer_auth(slow.expose())).await;
    bad.problem(400);
    assert!(left(&bad) >= 99, "{:?}", bad.headers);

    let free = key(&server, Scope::Admin).await;
    for request in [reading(&server, &free), sending(&server, &free)] {
        let reply = Reply::of(request).await;
        assert!(reply.status.is_success(), "{}", reply.text);
        assert_eq!((reply.header("ratelimit"), reply.header("ratelimit-policy")), ("", ""));
    }
}
