//! The HTTP API, as a client meets it.

mod auth;
mod campaigns;
mod campaigns_changed;
mod campaigns_tested;
mod campaigns_triggered;
mod cloud_events;
mod connections;
mod contract;
mod cors;
mod encodings;
mod events;
mod keys;
mod rate;
mod segment;
mod slow;
mod smuggling;
mod stored;
mod tls;

use std::num::NonZeroU32;

use campaign_manager::store::keys::{ApiKey, NewKey, Rate, Scope, create};
use reqwest::{Method, RequestBuilder};

use crate::support::TestServer;

const EVENT: &str = r#"{"event_type":"login","user_id":"u"}"#;

/// A server that asks for keys.
async fn locked_server() -> TestServer {
    TestServer::with(&["--auth=keys"]).await
}

async fn key(server: &TestServer, scope: Scope) -> ApiKey {
    limited_key(server, scope, None).await
}

async fn limited_key(server: &TestServer, scope: Scope, rate_limit: Option<u32>) -> ApiKey {
    let new = NewKey {
        name: "test",
        scope,
        rate_limit: rate_limit.and_then(NonZeroU32::new).map(Rate::per_second),
    };
    create(&server.pool, &new).await.unwrap().0
}

fn sending(server: &TestServer, key: &ApiKey) -> RequestBuilder {
    server.posting("/events", EVENT).bearer_auth(key.expose())
}

fn reading(server: &TestServer, key: &ApiKey) -> RequestBuilder {
    server.request(Method::GET, "/campaigns").bearer_auth(key.expose())
}
