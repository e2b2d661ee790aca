//! Events from web pages of other origins.

use campaign_manager::store::keys::{ApiKey, Scope};
use reqwest::{Method, RequestBuilder};

use super::{EVENT, key, limited_key, reading, sending};
use crate::support::{Reply, TestServer, program};

const SHOP: &str = "https://shop.example";

async fn server(origins: &str) -> TestServer {
    TestServer::with(&["--auth=keys", &format!("--cors-origins={origins}")]).await
}

/// What a browser asks before a page's request.
fn preflight(server: &TestServer, path: &str, method: &str, origin: &str) -> RequestBuilder {
    let request = server.request(Method::OPTIONS, path).header("origin", origin);
    let request = request.header("access-control-request-method", method);
    request.header("access-control-request-headers", "authorization,ce-id,content-type")
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_key() {
    let server = server("https://shop.example,http://localhost:3000").await;
    let reply = Reply::of(preflight(&server, "/events", "POST", SHOP)).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    assert_eq!(reply.header("access-control-allow-origin"), SHOP);
    assert_eq!(reply.header("access-control-allow-methods"), "POST");
    assert_eq!(
        reply.header("access-control-allow-headers"),
        "authorization, content-type, content-encoding, ce-id"
    );
    assert_eq!(reply.header("access-control-max-age"), "7200");
    assert!(reply.header("vary").starts_with("origin"));
    assert_eq!(reply.header("access-control-allow-credentials"), "");

    let other = Reply::of(preflight(&server, "/events", "POST", "https://other.example")).await;
    assert_eq!((other.status.as_u16(), other.header("access-control-allow-origin")), (204, ""));
}

#[tokio::test]
async fn a_page_may_read_the_answer_to_its_events_and_errors_too() {
    let server = server(SHOP).await;
    let limited = limited_key(&server, Scope::Ingest, Some(1)).await;
    let from = |request: RequestBuilder, origin: &'static str| Reply::of(request.header("origin", origin));

    let bad = server.posting("/events", "{").bearer_auth(limited.expose());
    for (request, status) in [
        (sending(&server, &limited), 202),
        (sending(&server, &ApiKey::generate()), 401),
        (server.posting("/events", EVENT), 401),
        (bad, 400),
        (server.request(Method::POST, "/events").bearer_auth(limited.expose()), 415),
    ] {
        let reply = from(request, SHOP).await;
        assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
        assert_eq!(reply.header("access-control-allow-origin"), SHOP, "{status}");
        assert_eq!(
            reply.header("access-control-expose-headers"),
            "retry-after, ratelimit, ratelimit-policy",
            "{status}"
        );
        assert_eq!(reply.header("vary"), "origin");
    }

    let other = from(sending(&server, &limited), "https://other.example").await;
    assert_eq!((other.header("access-control-allow-origin"), other.header("vary")), ("", "origin"));
    let without = Reply::of(sending(&server, &limited)).await;
    assert_eq!((without.header("access-control-allow-origin"), without.header("vary")), ("", "origin"));
}

#[tokio::test]
async fn all_pages_may_be_allowed() {
    let server = server("*").await;
    let key = key(&server, Scope::Ingest).await;
    let reply = Reply::of(sending(&server, &key).header("origin", SHOP)).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (202, "*"));
}

#[tokio::test]
async fn the_management_api_is_closed_to_pages_of_other_origins() {
    let server = server("*").await;
    let key = key(&server, Scope::Admin).await;
    for (path, method) in [("/keys", "POST"), ("/campaigns", "GET"), ("/events", "GET"), ("/nowhere", "POST")]
    {
        let reply = Reply::of(preflight(&server, path, method, SHOP)).await;
        assert!([404, 405].contains(&reply.status.as_u16()), "{path}: {}", reply.status);
        assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
    }
    let reply = Reply::of(reading(&server, &key).header("origin", SHOP)).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn unless_told_otherwise_no_page_may_send() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let key = key(&server, Scope::Ingest).await;
    let asked = Reply::of(preflight(&server, "/events", "POST", SHOP)).await;
    asked.problem(405);
    assert_eq!(asked.header("allow"), "POST, GET");
    let reply = Reply::of(sending(&server, &key).header("origin", SHOP)).await;
    assert_eq!((reply.header("access-control-allow-origin"), reply.header("vary")), ("", ""));
}

#[test]
fn a_bad_origin_is_refused_at_the_start() {
    let output =
        program().args(["up", "--data", "never-made", "--cors-origins", "shop.example"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(64) && said.contains("https://shop.example"), "{said}");
}
