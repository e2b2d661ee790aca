//! What a server answers that refuses events.

use bb8_redis::redis::cmd;
use campaign_manager::store::keys::{self, NewKey, Rate, Scope};
use reqwest::RequestBuilder;

use super::{PAGE, elsewhere};
use crate::documents::symptoms::Symptoms;
use crate::support::{DEADLINE, Reply, Running, TestStores, Urls, until};

const EVENT: &str = r#"{"event_type": "purchase", "user_id": "u-1"}"#;

/// A request with an event, to be spoilt.
fn posting(api: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(format!("{api}/events")).header("content-type", "application/json").body(body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_events_answers_what_the_document_shows() {
    let mut symptoms = Symptoms::of(PAGE, "Events are refused");
    let stores = TestStores::start().await;
    let urls = Urls::of(&stores);
    let (_open, address) = Running::serve(&urls, &["--max-event-bytes=1000", "--max-body=4000"], "").await;
    let api = format!("http://{address}");
    let refused = async |status, request| Reply::of(request).await.problem(status);

    symptoms.met(&refused(400, posting(&api, r#"{"event_type": "#)).await);
    for encoding in ["br", "gzip", "zstd"] {
        let status = if encoding == "br" { 415 } else { 400 };
        let packed = posting(&api, "not packed by anything").header("content-encoding", encoding);
        symptoms.met(&refused(status, packed).await);
    }
    let half: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab];
    symptoms.met(&refused(400, posting(&api, half).header("content-encoding", "gzip")).await);
    symptoms.met(&refused(403, posting(&api, EVENT).header("host", "shop.example")).await);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let new = client.post(format!("{api}/keys")).header("content-type", "application/json").body("{}");
    symptoms.met(&refused(403, new).await);
    let status = async |request| Reply::of(request).await.status.as_u16();
    let without_user = Reply::of(posting(&api, r#"{"event_type": "purchase"}"#)).await;
    symptoms.met(&without_user.expect(422).to_string());
    let form = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(status(form.post(format!("{api}/events")).body(EVENT)).await, 415);
    let latin = form.post(format!("{api}/events")).header("content-type", "application/json; charset=latin1");
    symptoms.met(&refused(415, latin.body(EVENT)).await);
    let event = |padding: usize| {
        format!(r#"{{"event_type": "e", "user_id": "u", "properties": {{"a": "{}"}}}}"#, "x".repeat(padding))
    };
    assert_eq!(status(posting(&api, event(1000))).await, 422);
    assert_eq!(status(posting(&api, event(4000))).await, 413);

    let (_closed, address) = Running::serve(&urls, &["--auth=keys", "--max-events=2"], "").await;
    let closed = format!("http://{address}");
    assert_eq!(status(posting(&closed, EVENT)).await, 401);
    let pool = stores.pool();
    let limited = NewKey {
        name: "slow",
        scope: Scope::Ingest,
        rate_limit: Some(Rate::per_second(std::num::NonZeroU32::MIN)),
    };
    let (slow, _) = keys::create(&pool, &limited).await.unwrap();
    let two = format!("[{EVENT}, {EVENT}]");
    assert_eq!(status(posting(&closed, two.clone()).bearer_auth(slow.expose())).await, 202);
    symptoms.met(&refused(429, posting(&closed, two.clone()).bearer_auth(slow.expose())).await);
    let even = Rate { per_second: std::num::NonZeroU32::MIN, burst: Some(std::num::NonZeroU32::MIN) };
    let even = NewKey { name: "even", scope: Scope::Ingest, rate_limit: Some(even) };
    let (even, _) = keys::create(&pool, &even).await.unwrap();
    symptoms.met(&refused(413, posting(&closed, two).bearer_auth(even.expose())).await);
    let admin = NewKey { name: "admin", scope: Scope::Admin, rate_limit: None };
    let (admin, record) = keys::create(&pool, &admin).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let last = client.delete(format!("{closed}/keys/{}", record.key.id)).bearer_auth(admin.expose());
    symptoms.met(&refused(409, last).await);

    let mut redis = stores.redis().await;
    let policy = ["SET", "maxmemory-policy", "allkeys-lru"];
    cmd("CONFIG").arg(&policy).query_async::<()>(&mut redis).await.unwrap();
    until("the policy to be seen", DEADLINE, async || status(posting(&api, EVENT)).await == 503).await;
    symptoms.met(&refused(503, posting(&api, EVENT)).await);
    let policy = ["SET", "maxmemory-policy", "noeviction"];
    cmd("CONFIG").arg(&policy).query_async::<()>(&mut redis).await.unwrap();
    until("the policy to be seen", DEADLINE, async || status(posting(&api, EVENT)).await == 202).await;
    let _ = cmd("SHUTDOWN").arg("NOSAVE").query_async::<()>(&mut redis).await;
    symptoms.met(&refused(503, posting(&api, EVENT)).await);
    symptoms.assert_all_met(&elsewhere());
}
