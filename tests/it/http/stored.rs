//! `GET /events` and `GET /events/{event_id}`.

use std::time::Duration;

use campaign_manager::store::Partitions;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{DEADLINE, Settings, TestServer, start_worker, until_rows};

/// A server with stored events `(id, user, type, age, campaigns)` in partitions of a day.
async fn server(events: &[(&str, &str, &str, SignedDuration, &[i64])]) -> (TestServer, Timestamp) {
    let server = TestServer::start().await;
    let now = Timestamp::now().round(jiff::Unit::Microsecond).unwrap();
    let mut client = server.pool.get().await.unwrap();
    let day = SignedDuration::from_hours(24);
    let from = now - 40 * day;
    Partitions::new(Duration::from_hours(24)).ensure(&mut client, from, now + day).await.unwrap();
    for (id, user, kind, age, campaigns) in events {
        client
            .execute(
                "insert into events (event_id, user_id, event_type, received_at, campaign_ids, payload)
                values ($1, $2, $3, $4, $5, json_build_object('event_id', $1::text))",
                &[id, user, kind, &(now - *age), &campaigns.to_vec()],
            )
            .await
            .unwrap();
    }
    (server, now)
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn ids(list: &Value) -> Vec<&str> {
    list["events"].as_array().unwrap().iter().map(|event| event["event_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_event_is_found_by_its_id_with_its_payload_as_it_was_sent() {
    let (server, now) = server(&[("a/b é", "u", "login", minutes(90), &[7, 3])]).await;
    let payload = r#"{"event_id":"a/b é",  "n":1.50e2,"n":"\u0000"}"#;
    let update = "update events set payload = $1::text::json";
    server.stores.postgres().await.execute(update, &[&payload]).await.unwrap();

    let reply = server.get("/events/a%2Fb%20%C3%A9").await;

    let event = reply.expect(200);
    assert_eq!((&event["user_id"], &event["event_type"]), (&json!("u"), &json!("login")));
    assert_eq!(event["campaign_ids"], json!([7, 3]));
    assert_eq!(event["received_at"], (now - minutes(90)).to_string());
    assert!(reply.text.ends_with(&format!(r#""event":{payload}}}"#)), "{}", reply.text);
}

#[tokio::test]
async fn an_event_of_long_ago_is_found_by_its_id() {
    let (server, _) = server(&[("old", "u", "login", 39 * minutes(24 * 60), &[])]).await;
    server.get("/events/old").await.expect(200);
}

#[tokio::test]
async fn an_event_that_is_not_stored_is_not_found() {
    let (server, _) = server(&[("a", "u", "login", minutes(1), &[])]).await;
    server.get("/events/b").await.problem(404);
    server.get("/events/%00").await.problem(404);
    assert!(TestServer::start().await.get("/events/a").await.problem(404).contains("\"a\""));
}

#[tokio::test]
async fn events_are_listed_from_the_newest_to_the_oldest_across_partitions() {
    let (server, _) = server(&[
        ("d", "u", "login", 39 * minutes(24 * 60), &[]),
        ("b", "u", "login", minutes(3), &[]),
        ("a", "u", "login", minutes(0), &[]),
        ("c", "u", "login", 2 * minutes(24 * 60), &[]),
        ("ahead", "u", "login", minutes(-5), &[]),
    ])
    .await;

    let list = server.get("/events").await.expect(200);

    assert_eq!(ids(&list), ["ahead", "a", "b", "c", "d"]);
    assert_eq!(list["next_cursor"], Value::Null);
}

#[tokio::test]
async fn events_are_filtered_by_user_type_campaign_and_time() {
    let (server, now) = server(&[
        ("a", "u-1", "login", minutes(1), &[]),
        ("b", "u-1", "purchase", minutes(2), &[1]),
        ("c", "u-2", "purchase", minutes(3), &[1, 2]),
        ("d", "u-2", "purchase", minutes(4), &[]),
    ])
    .await;
    for id in [1, 2] {
        assert_eq!(server.activate(&json!({"event_type": ["test"]})).await, id);
    }
    let at = |age: i64| now - minutes(age);

    for (query, expected) in [
        ("user_id=u-1".to_owned(), &["a", "b"][..]),
        ("event_type=purchase".to_owned(), &["b", "c", "d"]),
        ("campaign_id=1".to_owned(), &["b", "c"]),
        ("campaign_id=2&user_id=u-1".to_owned(), &[]),
        ("campaign_id=1&user_id=u-1&event_type=purchase".to_owned(), &["b"]),
        (format!("from={}", at(2)), &["a", "b"]),
        (format!("to={}", at(2)), &["c", "d"]),
        (format!("from={}&to={}", at(3), at(1)), &["b", "c"]),
        ("from=0001-01-01T00:00:00Z&to=9999-01-01T00:00:00Z".to_owned(), &["a", "b", "c", "d"]),
    ] {
        assert_eq!(ids(&server.get(&format!("/events?{query}")).await.expect(200)), expected, "{query}");
    }
}

#[tokio::test]
async fn pages_show_each_event_once_also_where_many_have_one_time() {
    let names: Vec<String> = (0..9).map(|number| format!("e{number}")).collect();
    let events: Vec<_> = names.iter().map(|id| (&**id, "u", "login", minutes(2), &[][..])).collect();
    let (server, _) = server(&events).await;

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/events?limit=2&user_id=u{cursor}")).await.expect(200);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }

    seen.reverse();
    assert_eq!(seen, names);
}

#[tokio::test]
async fn a_list_says_how_far_it_looked() {
    let (server, now) =
        server(&[("a", "u", "login", minutes(1), &[]), ("b", "u", "login", minutes(2), &[])]).await;
    let oldest = "select to_char(min(lower_bound) at time zone 'UTC', 'YYYY-MM-DD') from partitions";
    let oldest: String = server.stores.postgres().await.query_one(oldest, &[]).await.unwrap().get(0);
    let searched_from = async |query: &str| {
        let list = server.get(&format!("/events?{query}")).await.expect(200);
        list["searched_from"].as_str().unwrap().to_owned()
    };

    assert_eq!(searched_from("limit=1").await, (now - minutes(1)).to_string());
    assert!(searched_from("user_id=nobody").await.starts_with(&oldest));
    let from = now - minutes(10);
    assert_eq!(searched_from(&format!("from={from}")).await, from.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_under_several_users_is_listed_for_each_of_them_page_by_page() {
    let server = TestServer::start().await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    // A user of each shard: within one, the second would be a duplicate.
    let shards = Settings::with(&[]).queue.shards;
    let user_of =
        |shard| (0..1000).map(|n| format!("user {n}")).find(|user| shards.of_user(user) == shard).unwrap();
    let mut wanted: Vec<String> = shards.all().map(user_of).collect();
    let event = |user: &String| format!(r#"{{"event_id": "same", "event_type": "t", "user_id": "{user}"}}"#);
    let events: Vec<String> = wanted.iter().map(event).collect();
    server.post("/events", format!("[{}]", events.join(","))).await.expect(202);
    until_rows(&server.stores, "events", i64::try_from(wanted.len()).unwrap()).await;

    let mut users = Vec::new();
    let mut path = "/events?limit=1".to_owned();
    loop {
        let page = server.get(&path).await.expect(200);
        let events = page["events"].as_array().unwrap();
        users.extend(events.iter().map(|event| event["user_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/events?limit=1&cursor={cursor}");
    }
    wanted.sort();
    wanted.reverse();
    assert_eq!(users, wanted);
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn before_anything_was_stored_lists_are_empty() {
    let list = TestServer::start().await.get("/events").await.expect(200);
    assert_eq!(list, json!({"events": [], "searched_from": null, "next_cursor": null}));
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let server = TestServer::start().await;
    for (query, named) in [
        ("campaign_id=seven", "campaign_id"),
        ("campaign_id=0", "campaign_id"),
        ("from=yesterday", "from"),
        ("to=2026-01-01", "to"),
        ("from=2026-01-01T00:00:00+01:00", "from"),
        ("limit=1000", "limit"),
        ("cursor=abc", "cursor"),
        ("user=u", "user"),
        ("user_id=%00", "user_id"),
    ] {
        let detail = server.get(&format!("/events?{query}")).await.problem(400);
        assert!(detail.starts_with(&format!("{named}: ")), "{detail}");
    }
}

#[tokio::test]
async fn where_nothing_is_found_a_plus_is_said_to_be_a_space() {
    let minute = minutes(1);
    let (server, _) =
        server(&[("a", "user tag", "t", minute, &[]), ("b", "user+tag", "t", minute, &[])]).await;
    let note = |list: &Value| list["note"].as_str().map(|note| note.contains("%2B"));
    for (query, found, noted) in [
        ("user_id=user+tag", &["a"][..], None),
        ("user_id=user%2Btag", &["b"], None),
        ("user_id=no+body", &[], Some(true)),
        ("user_id=no%20body", &[], None),
    ] {
        let list = server.get(&format!("/events?{query}")).await.expect(200);
        assert_eq!((ids(&list), note(&list)), (found.to_vec(), noted), "{query}");
    }
    assert!(server.get("/events/a?user_id=no+body").await.problem(404).contains("%2B"));
    assert!(!server.get("/events/a?user_id=nobody").await.problem(404).contains("%2B"));
    let campaigns = server.get("/campaigns?q=no+such").await.expect(200);
    assert_eq!(note(&campaigns), Some(true));
}

#[tokio::test]
async fn a_question_that_nothing_can_answer_is_refused() {
    let server = TestServer::start().await;
    let id = server.activate(&json!({"event_type": ["test"]})).await;
    let range = "from=2026-11-24T00:00:00Z&to=2026-11-24T00:00:00Z";
    for (path, said) in [
        ("/events?campaign_id=99".to_owned(), "there is no campaign 99"),
        (format!("/events?campaign_id=0{id}"), "is not a campaign's number"),
        (format!("/events?{range}"), "from: must be before to"),
        (format!("/campaigns/{id}/triggers?{range}"), "from: must be before to"),
        (format!("/campaigns/{id}/stats?{range}"), "from: must be before to"),
        ("/events?user_id=%ff".to_owned(), "user_id: is not UTF-8"),
        ("/dead-letters?reason=%C3".to_owned(), "reason: is not UTF-8"),
        ("/ledger?days=%2B7".to_owned(), "is not a number"),
    ] {
        let detail = server.get(&path).await.problem(400);
        assert!(detail.contains(said), "{path}: {detail}");
    }
    server.get(&format!("/events?campaign_id={id}")).await.expect(200);
    for id in [format!("0{id}"), format!("%2B{id}"), format!("{id}%20")] {
        for path in ["campaigns", "dead-letters"] {
            server.get(&format!("/{path}/{id}")).await.problem(404);
        }
        server.get(&format!("/campaigns/{id}/triggers")).await.problem(404);
    }
}
