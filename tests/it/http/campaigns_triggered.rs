//! `GET /campaigns/{id}/triggers` and `/stats`, and what is found by `q`.

use std::time::Duration;

use campaign_manager::store::Partitions;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{DEADLINE, TestServer, until};

const RULES: &str = r#"{"event_type":["purchase"]}"#;

/// A server with two campaigns, of which the first was triggered by events `(id, user, time, version)`.
async fn server(triggers: &[(&str, &str, Timestamp, i32)]) -> TestServer {
    let server = TestServer::start().await;
    for name in ["one", "other"] {
        server.post("/campaigns", format!(r#"{{"name":"{name}","rules":{RULES}}}"#)).await.expect(201);
    }
    let mut client = server.pool.get().await.unwrap();
    let mut partitions = Partitions::new(Duration::from_hours(24));
    partitions.ensure_at(&mut client, triggers.iter().map(|trigger| trigger.2)).await.unwrap();
    for (event_id, user_id, received_at, version) in triggers {
        let insert = "insert into triggers (campaign_id, campaign_version, event_id, user_id, received_at)
            values (1, $1, $2, $3, $4)";
        client.execute(insert, &[version, event_id, user_id, received_at]).await.unwrap();
    }
    server
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ids(list: &Value) -> Vec<&str> {
    list["triggers"].as_array().unwrap().iter().map(|trigger| trigger["event_id"].as_str().unwrap()).collect()
}

async fn history() -> TestServer {
    server(&[
        ("d", "u-2", at("2026-11-01T00:00:00Z"), 2),
        ("c", "u-1", at("2026-11-20T10:59:59.999999Z"), 2),
        ("b", "u-2", at("2026-11-20T11:00:00Z"), 3),
        ("a", "u-1", at("2026-11-20T11:00:00Z"), 3),
    ])
    .await
}

#[tokio::test]
async fn what_triggered_a_campaign_is_listed_from_the_newest_back_page_by_page() {
    let server = history().await;
    let all = server.get("/campaigns/1/triggers").await.expect(200);
    assert_eq!(ids(&all), ["b", "a", "c", "d"]);
    let newest = json!({"event_id": "b", "user_id": "u-2", "received_at": "2026-11-20T11:00:00Z", "campaign_version": 3,
        "from_browser": false});
    assert_eq!(all["triggers"][0], newest);
    assert_eq!(all["next_cursor"], Value::Null);

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/campaigns/1/triggers?limit=1{cursor}")).await.expect(200);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ids(&all));
}

#[tokio::test]
async fn triggers_are_filtered_by_user_and_time_and_say_how_far_was_looked() {
    let server = history().await;
    for (query, expected) in [
        ("user_id=u-1", &["a", "c"][..]),
        ("from=2026-11-20T11:00:00Z", &["b", "a"]),
        ("to=2026-11-20T11:00:00Z", &["c", "d"]),
        ("user_id=u-2&to=2026-11-20T11:00:00Z", &["d"]),
    ] {
        let list = server.get(&format!("/campaigns/1/triggers?{query}")).await.expect(200);
        assert_eq!(ids(&list), expected, "{query}");
    }
    let other = server.get("/campaigns/2/triggers").await.expect(200);
    assert_eq!(other, json!({"triggers": [], "searched_from": "2026-11-01T00:00:00Z", "next_cursor": null}));
    let found = server.get("/campaigns/1/triggers?limit=2").await.expect(200);
    assert_eq!(found["searched_from"], "2026-11-20T11:00:00Z");
}

#[tokio::test]
async fn triggers_are_counted_by_hour_with_zeros_where_there_are_none() {
    let server = history().await;
    let query = "from=2026-11-20T09:30:00Z&to=2026-11-20T11:30:00Z";
    let stats = server.get(&format!("/campaigns/1/stats?{query}")).await.expect(200);
    let expected = json!({
        "campaign_id": 1, "by": "hour", "from": "2026-11-20T09:00:00Z", "to": "2026-11-20T12:00:00Z",
        "stored_from": "2026-11-01T00:00:00Z", "set_aside": null, "total": 3, "buckets": [
            {"start": "2026-11-20T09:00:00Z", "triggers": 0},
            {"start": "2026-11-20T10:00:00Z", "triggers": 1},
            {"start": "2026-11-20T11:00:00Z", "triggers": 2}
        ]
    });
    assert_eq!(stats, expected);
}

#[tokio::test]
async fn triggers_are_counted_by_day_in_utc_whatever_the_database_thinks_the_time_zone_is() {
    let server = history().await;
    let name = "alter database campaigns set timezone = 'Pacific/Auckland'";
    let database: String =
        server.stores.postgres().await.query_one("select current_database()", &[]).await.unwrap().get(0);
    let postgres = server.stores.postgres().await;
    postgres.batch_execute(&name.replace("campaigns", &database)).await.unwrap();

    let query = "by=day&from=2026-11-01T00:00:00Z&to=2026-11-21T00:00:00Z";
    let stats = server.get(&format!("/campaigns/1/stats?{query}")).await.expect(200);

    let buckets = stats["buckets"].as_array().unwrap();
    assert_eq!((buckets.len(), &stats["total"]), (20, &json!(4)));
    assert_eq!(buckets[0], json!({"start": "2026-11-01T00:00:00Z", "triggers": 1}));
    assert_eq!(buckets[19], json!({"start": "2026-11-20T00:00:00Z", "triggers": 3}));
}

#[tokio::test]
async fn without_a_range_the_last_hours_or_days_are_counted() {
    let server = server(&[("a", "u", Timestamp::now(), 1)]).await;
    for (query, count) in [("", 24), ("?by=hour", 24), ("?by=day", 30)] {
        let stats = server.get(&format!("/campaigns/1/stats{query}")).await.expect(200);
        let buckets = stats["buckets"].as_array().unwrap();
        assert_eq!((buckets.len(), &stats["total"]), (count, &json!(1)), "{query}");
        // the hour may have turned since
        assert!(buckets[count - 2..].iter().any(|bucket| bucket["triggers"] == 1));
    }
}

#[tokio::test]
async fn bad_parameters_are_named_and_unknown_campaigns_not_found() {
    let server = history().await;
    for (path, named) in [
        ("/campaigns/1/stats?by=week", "by"),
        ("/campaigns/1/stats?from=2026-11-20T11:00:00Z&to=2026-11-20T11:00:00Z", "from"),
        ("/campaigns/1/stats?from=2025-01-01T00:00:00Z", "from"),
        ("/campaigns/1/stats?limit=1", "limit"),
        ("/campaigns/1/triggers?limit=0", "limit"),
        ("/campaigns/1/triggers?cursor=x", "cursor"),
        ("/campaigns/1/triggers?user_id=%00", "user_id"),
    ] {
        let detail = server.get(path).await.problem(400);
        assert!(detail.starts_with(&format!("{named}: ")), "{detail}");
    }
    for path in ["/campaigns/7/stats", "/campaigns/7/triggers", "/campaigns/seven/stats"] {
        server.get(path).await.problem(404);
    }
}

#[tokio::test]
async fn before_anything_was_stored_there_is_nothing_to_list_and_everything_counts_zero() {
    let server = server(&[]).await;
    let list = server.get("/campaigns/1/triggers").await.expect(200);
    assert_eq!(list, json!({"triggers": [], "searched_from": null, "next_cursor": null}));
    let stats = server.get("/campaigns/1/stats").await.expect(200);
    assert_eq!((&stats["total"], &stats["stored_from"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_given_up_and_holds_up_nothing_but_searches() {
    let server = TestServer::with(&["--database-connections=2"]).await;
    server.post("/campaigns", format!(r#"{{"name":"one","rules":{RULES}}}"#)).await.expect(201);
    let mut other = server.stores.postgres().await;
    let holding = other.transaction().await.unwrap();
    holding.batch_execute("lock table triggers, partitions in access exclusive mode").await.unwrap();

    let (slow, turned_away, quick) = tokio::join!(
        server.get("/campaigns/1/stats"),
        async {
            let postgres = server.stores.postgres().await;
            let waiting = "select count(*) from pg_locks where not granted";
            until("the first search to wait", DEADLINE, async || {
                postgres.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0
            })
            .await;
            server.get("/events").await
        },
        server.get("/campaigns")
    );

    assert!(slow.problem(503).contains("narrow"));
    assert_eq!(slow.header("retry-after"), "10");
    assert!(turned_away.problem(503).contains("too many searches"));
    quick.expect(200);
}

#[tokio::test]
async fn campaigns_are_found_by_a_text_in_their_name_or_description() {
    let server = TestServer::start().await;
    for (name, description) in [
        ("Élan 100% off", "for all"),
        ("spring_sale", "ÉLAN again"),
        ("a\\b", "100 percent"),
        ("springsale", ""),
    ] {
        let body = json!({"name": name, "description": description, "rules": {"properties": {"a": [1]}}});
        server.post("/campaigns", body.to_string()).await.expect(201);
    }
    let found = async |query: &str| {
        let list = server.get(&format!("/campaigns?{query}")).await.expect(200);
        let campaigns = list["campaigns"].as_array().unwrap();
        campaigns.iter().map(|campaign| campaign["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("q=SPRING").await, ["springsale", "spring_sale"]);
    assert_eq!(found("q=spring_").await, ["spring_sale"]);
    assert_eq!(found("q=100%25").await, ["Élan 100% off"]);
    assert_eq!(found("q=%C3%A9lan").await, ["spring_sale", "Élan 100% off"]);
    assert_eq!(found("q=a%5Cb").await, ["a\\b"]);
    assert_eq!(found("q=nothing").await, [""; 0]);
    assert_eq!(found("q=sale&status=active").await, [""; 0]);
    assert_eq!(found("q=sale&limit=1").await, ["springsale"]);
    server.get("/campaigns?q=%00").await.problem(400);
}
