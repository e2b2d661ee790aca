//! `docs/openapi.json` against the routes: the same ones, with the same scopes and parameters.

use std::collections::BTreeSet;

use campaign_manager::api::openapi::DOCUMENT;
use campaign_manager::ingest::ENDPOINTS;
use campaign_manager::store::keys::Scope;
use reqwest::Method;
use serde_json::Value;

use crate::support::{Reply, TestServer};

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Every operation: its path, its method, its description.
fn operations(document: &Value) -> Vec<(&str, Method, &Value)> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push((&**path, method.to_ascii_uppercase().parse().unwrap(), operation));
        }
    }
    operations
}

/// The parameters of an operation that are in `place`.
fn parameters(document: &Value, operation: &Value, place: &str) -> BTreeSet<String> {
    let resolve = |parameter: &Value| match parameter["$ref"].as_str() {
        Some(shared) => document.pointer(&shared[1..]).unwrap().clone(),
        None => parameter.clone(),
    };
    let parameters = operation["parameters"].as_array().into_iter().flatten().map(resolve);
    let here = parameters.filter(|parameter| parameter["in"] == place);
    here.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_document_has_the_routes_that_there_are_and_no_others() {
    let document = document();
    let documented: BTreeSet<String> =
        operations(&document).iter().map(|(path, method, _)| format!("{method} {path}")).collect();
    let there: BTreeSet<String> =
        ENDPOINTS.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path)).collect();
    assert_eq!(documented, there);
}

#[test]
fn the_document_names_the_scope_that_each_route_needs_and_the_parameters_in_its_path() {
    let document = document();
    for (path, method, operation) in operations(&document) {
        let endpoint = ENDPOINTS.iter().find(|e| e.path == path && e.method == method).unwrap();
        let scope = endpoint.scope.map(Scope::name);
        let wanted = operation["security"].as_array().unwrap();
        let names: Vec<_> = wanted
            .iter()
            .flat_map(|way| way.as_object().unwrap().values())
            .map(|scopes| scopes[0].as_str())
            .collect();
        // A key may stand in the URL of what sends events.
        let ways = if endpoint.scope == Some(Scope::Ingest) { 3 } else { 2 };
        assert_eq!(names, scope.map_or(vec![], |scope| vec![Some(scope); ways]), "{method} {path}");
        let in_path: BTreeSet<String> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(str::to_owned)
            .collect();
        assert_eq!(parameters(&document, operation, "path"), in_path, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_has_the_parameters_that_each_list_knows() {
    let (document, server) = (document(), TestServer::start().await);
    let id = server.activate(&serde_json::json!({"event_type": ["test"]})).await.to_string();
    for (path, method, operation) in operations(&document) {
        let documented = parameters(&document, operation, "query");
        if documented.is_empty() || method != Method::GET {
            continue;
        }
        let path = path.replace("{id}", &id).replace("{event_id}", "e");
        let detail = server.get(&format!("{path}?no_such=1")).await.problem(400);
        let known = detail.strip_prefix("no_such: is not known here; use ").expect(&detail);
        assert_eq!(known.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), documented, "{path}");
    }
}

#[test]
fn the_document_has_this_release_s_version() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_served_without_a_key() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let reply = Reply::of(server.request(Method::GET, "/openapi.json")).await;
    assert_eq!(reply.expect(200), document());
    assert_eq!(reply.header("content-type"), "application/json");
    let tag = reply.header("etag");
    let known = server.request(Method::GET, "/openapi.json").header("if-none-match", format!("W/{tag}"));
    let known = Reply::of(known).await;
    assert_eq!((known.status.as_u16(), known.text.as_str(), known.header("etag")), (304, "", tag));
}
