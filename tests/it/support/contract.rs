//! The API as `docs/openapi.json` describes it. Every answer that a test gets is held against it, so that whatever the
//! tests make the server say is documented, and documented right.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use reqwest::Method;
use serde_json::Value;

use super::server::Reply;

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// Headers that tell a client what to do; none may come undocumented.
const TELLING: [&str; 8] = [
    "accept-encoding",
    "allow",
    "etag",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
];

struct Contract {
    document: Value,
    paths: matchit::Router<String>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Holds an answer against the contract.
#[track_caller]
pub(super) fn hold(method: &Method, path: &str, reply: &Reply) {
    let status = reply.status.as_u16();
    if *method == Method::OPTIONS && status == 204 {
        return; // what browsers and servers say to each other before a page's request
    }
    let Some((pointer, response)) = CONTRACT.response(method, path, status) else {
        let expected = CONTRACT.operation(method, path).is_none() && matches!(status, 401 | 404 | 405);
        assert!(expected, "{method} {path}: status {status} is not in the contract: {}", reply.text);
        return CONTRACT.hold_body("/components/schemas/Problem", method, path, reply);
    };
    CONTRACT.hold_headers(response, method, path, reply);
    let content_type = reply.header("content-type");
    let Some(content) = response["content"].as_object() else {
        assert_eq!(reply.text, "", "{method} {path}: the contract knows no body for {status}");
        return;
    };
    assert!(
        content.contains_key(content_type),
        "{method} {path}: {status} of another type: {content_type:?}"
    );
    if method != Method::HEAD {
        let content_type = content_type.replace('~', "~0").replace('/', "~1");
        CONTRACT.hold_body(&format!("{pointer}/content/{content_type}/schema"), method, path, reply);
    }
}

impl Contract {
    fn read() -> Self {
        let document: Value = serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
        let mut paths = matchit::Router::new();
        for path in document["paths"].as_object().unwrap().keys() {
            paths.insert(path, path.clone()).unwrap();
        }
        Self { document, paths, validators: Mutex::default() }
    }

    /// Where the operation is described.
    fn operation(&self, method: &Method, path: &str) -> Option<String> {
        let path = self.paths.at(path).ok()?.value.replace('/', "~1");
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let pointer = format!("/paths/{path}/{}", method.as_str().to_ascii_lowercase());
        self.document.pointer(&pointer).is_some().then_some(pointer)
    }

    /// The description of an answer, and where it is.
    fn response(&self, method: &Method, path: &str, status: u16) -> Option<(String, &Value)> {
        let pointer = format!("{}/responses/{status}", self.operation(method, path)?);
        let response = self.document.pointer(&pointer)?;
        match response["$ref"].as_str() {
            Some(shared) => Some((shared[1..].to_owned(), self.document.pointer(&shared[1..])?)),
            None => Some((pointer, response)),
        }
    }

    #[track_caller]
    fn hold_headers(&self, response: &Value, method: &Method, path: &str, reply: &Reply) {
        let documented = response["headers"].as_object();
        let is_documented = |name: &str| {
            documented.is_some_and(|headers| headers.keys().any(|known| known.eq_ignore_ascii_case(name)))
        };
        for name in TELLING.into_iter().filter(|name| !reply.header(name).is_empty()) {
            assert!(
                is_documented(name),
                "{method} {path}: {name} of {} is not in the contract",
                reply.status
            );
        }
        for (name, header) in documented.into_iter().flatten() {
            let header = match header["$ref"].as_str() {
                Some(shared) => self.document.pointer(&shared[1..]).unwrap(),
                None => header,
            };
            let is_there = !reply.header(name).is_empty();
            assert!(
                is_there || header["required"] != true,
                "{method} {path}: {name} is missing in {}",
                reply.status
            );
        }
    }

    #[track_caller]
    fn hold_body(&self, schema: &str, method: &Method, path: &str, reply: &Reply) {
        let body = reply.json();
        let wrong = self
            .validator(schema)
            .validate(&body)
            .err()
            .map(|error| format!("{error} at {:?}", error.instance_path()));
        assert_eq!(wrong, None, "{method} {path}: the contract ({schema}) differs from {}", reply.text);
    }

    fn validator(&self, schema: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            let mut root = self.document.pointer(schema).unwrap().clone();
            // What it refers to.
            root["components"] = self.document["components"].clone();
            let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            Arc::new(options.build(&root).unwrap())
        };
        Arc::clone(validators.entry(schema.to_owned()).or_insert_with(compile))
    }
}
