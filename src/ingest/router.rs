//! Method and path → the route: the one table of all routes.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::api::{Kind, Problem};
use crate::campaign::Step;
use crate::event::SegmentCall;
use crate::store::keys::Scope;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Take events.
    SendEvents,
    /// Take a message of Segment's libraries, or a batch of them.
    SendSegment(Option<SegmentCall>),
    /// List stored events.
    SearchEvents,
    /// Show a stored event.
    ReadEvent,
    /// Say why a stored event did or did not trigger a campaign.
    ExplainEvent,
    /// Create a campaign.
    CreateCampaign,
    /// List campaigns.
    ListCampaigns,
    /// Show a campaign.
    ReadCampaign,
    /// Change what is said of a campaign.
    ChangeCampaign,
    /// Show every version of a campaign.
    ListVersions,
    /// Show what triggered a campaign.
    ListTriggers,
    /// Count what triggered a campaign.
    CountTriggers,
    /// Hold a sample event against a campaign.
    TestCampaign,
    /// Hold a sample event against a rule.
    TestRules,
    /// Take a campaign a step further in its life.
    StepCampaign(Step),
    /// Show what was accepted against what became of it.
    ReadLedger,
    /// List dead letters.
    ListDeadLetters,
    /// Show a dead letter.
    ReadDeadLetter,
    /// Queue a dead letter again.
    ReplayDeadLetter,
    /// Create an API key.
    CreateKey,
    /// List API keys.
    ListKeys,
    /// Revoke an API key.
    RevokeKey,
    /// Show what this API is.
    ReadContract,
}

impl Route {
    /// Whether it takes events, which are counted by themselves.
    pub(super) fn takes_events(self) -> bool {
        matches!(self, Self::SendEvents | Self::SendSegment(_))
    }
}

/// A route, how it is reached, and who may.
#[derive(Debug)]
pub struct Endpoint {
    /// How it is asked for; `GET` stands for `HEAD` too.
    pub method: Method,
    /// Its path; a part in braces is a parameter, of which there is at most one.
    pub path: &'static str,
    /// The scope that a key needs; without one, no key is needed.
    pub scope: Option<Scope>,
    /// What it does.
    pub route: Route,
}

/// Every endpoint there is.
pub static ENDPOINTS: [Endpoint; 32] = [
    ingest(Method::POST, "/events", Route::SendEvents),
    ingest(Method::POST, "/v1/track", Route::SendSegment(Some(SegmentCall::Track))),
    ingest(Method::POST, "/v1/identify", Route::SendSegment(Some(SegmentCall::Identify))),
    ingest(Method::POST, "/v1/page", Route::SendSegment(Some(SegmentCall::Page))),
    ingest(Method::POST, "/v1/screen", Route::SendSegment(Some(SegmentCall::Screen))),
    ingest(Method::POST, "/v1/group", Route::SendSegment(Some(SegmentCall::Group))),
    ingest(Method::POST, "/v1/alias", Route::SendSegment(Some(SegmentCall::Alias))),
    ingest(Method::POST, "/v1/batch", Route::SendSegment(None)),
    ingest(Method::POST, "/v1/import", Route::SendSegment(None)),
    admin(Method::GET, "/events", Route::SearchEvents),
    admin(Method::GET, "/events/{event_id}", Route::ReadEvent),
    admin(Method::GET, "/events/{event_id}/explain", Route::ExplainEvent),
    admin(Method::POST, "/campaigns", Route::CreateCampaign),
    admin(Method::GET, "/campaigns", Route::ListCampaigns),
    admin(Method::GET, "/campaigns/{id}", Route::ReadCampaign),
    admin(Method::PATCH, "/campaigns/{id}", Route::ChangeCampaign),
    admin(Method::POST, "/campaigns/{id}/activate", Route::StepCampaign(Step::Activate)),
    admin(Method::POST, "/campaigns/{id}/pause", Route::StepCampaign(Step::Pause)),
    admin(Method::POST, "/campaigns/{id}/archive", Route::StepCampaign(Step::Archive)),
    admin(Method::GET, "/campaigns/{id}/versions", Route::ListVersions),
    admin(Method::GET, "/campaigns/{id}/triggers", Route::ListTriggers),
    admin(Method::GET, "/campaigns/{id}/stats", Route::CountTriggers),
    admin(Method::POST, "/campaigns/{id}/test", Route::TestCampaign),
    admin(Method::POST, "/rules/test", Route::TestRules),
    admin(Method::GET, "/ledger", Route::ReadLedger),
    admin(Method::GET, "/dead-letters", Route::ListDeadLetters),
    admin(Method::GET, "/dead-letters/{id}", Route::ReadDeadLetter),
    admin(Method::POST, "/dead-letters/{id}/replay", Route::ReplayDeadLetter),
    admin(Method::POST, "/keys", Route::CreateKey),
    admin(Method::GET, "/keys", Route::ListKeys),
    admin(Method::DELETE, "/keys/{id}", Route::RevokeKey),
    open(Method::GET, "/openapi.json", Route::ReadContract),
];

const fn open(method: Method, path: &'static str, route: Route) -> Endpoint {
    Endpoint { method, path, scope: None, route }
}

const fn ingest(method: Method, path: &'static str, route: Route) -> Endpoint {
    Endpoint { method, path, scope: Some(Scope::Ingest), route }
}

const fn admin(method: Method, path: &'static str, route: Route) -> Endpoint {
    Endpoint { method, path, scope: Some(Scope::Admin), route }
}

/// Finds endpoints.
pub(super) struct Router(matchit::Router<Vec<&'static Endpoint>>);

impl Router {
    /// A router over [`ENDPOINTS`].
    pub(super) fn new() -> Self {
        let mut by_path = matchit::Router::new();
        for endpoint in &ENDPOINTS {
            let methods = ENDPOINTS.iter().filter(|other| other.path == endpoint.path).collect();
            // The same path with its next method is there already, with all of its methods.
            let _ = by_path.insert(endpoint.path, methods);
        }
        Self(by_path)
    }

    /// The endpoint for a request, and the parameter in its path, decoded; empty without one.
    pub(super) fn find<'a>(
        &self,
        method: &Method,
        path: &'a str,
    ) -> Result<(&'static Endpoint, Cow<'a, str>), Problem> {
        let path = segment_path(path).unwrap_or(path);
        let found = self.0.at(path).map_err(|_| Problem::new(Kind::NotFound, "there is no such route"))?;
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let Some(endpoint) = found.value.iter().find(|endpoint| endpoint.method == *wanted) else {
            let allowed = found.value.iter().map(|endpoint| endpoint.method.as_str()).collect();
            return Err(Problem::new(Kind::MethodNotAllowed, format!("{method} is not possible here"))
                .with_allowed(allowed));
        };
        let parameter = found.params.iter().next().map_or("", |(_, value)| value);
        let parameter = percent_decode_str(parameter)
            .decode_utf8()
            .map_err(|_| Problem::new(Kind::NotFound, "the path is not UTF-8"))?;
        Ok((endpoint, parameter))
    }
}

/// The path of one of Segment's routes that its libraries mean: they write a letter for the call, or add a path to a host
/// that ends with a slash.
fn segment_path(path: &str) -> Option<&'static str> {
    let name = path.trim_start_matches('/').strip_prefix("v1/")?.trim_end_matches('/');
    let mut names =
        ENDPOINTS.iter().filter_map(|endpoint| Some((endpoint.path, endpoint.path.strip_prefix("/v1/")?)));
    let is_meant = |known: &str| known == name || name.len() == 1 && known.starts_with(name);
    names.find(|(_, known)| is_meant(known)).map(|(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &Method, path: &str) -> Result<(Route, String), Problem> {
        Router::new().find(method, path).map(|(endpoint, parameter)| (endpoint.route, parameter.into_owned()))
    }

    #[test]
    fn every_endpoint_is_found_by_its_method_and_path() {
        for endpoint in &ENDPOINTS {
            let path = endpoint.path.replace("{id}", "7").replace("{event_id}", "7");
            let (route, parameter) = find(&endpoint.method, &path).expect(endpoint.path);
            assert_eq!(route, endpoint.route);
            assert_eq!(parameter, if path == endpoint.path { "" } else { "7" });
        }
    }

    #[test]
    fn a_parameter_is_decoded() {
        let (_, parameter) = find(&Method::GET, "/events/a%2Fb%20%C3%A9").expect("found");
        assert_eq!(parameter, "a/b é");
        assert_eq!(find(&Method::GET, "/events/%FF").expect_err("not UTF-8").kind(), Kind::NotFound);
    }

    #[test]
    fn segments_routes_are_found_however_its_libraries_write_them() {
        for (path, route) in [
            ("/v1/b", None),
            ("//v1/batch", None),
            ("/v1/import/", None),
            ("//v1/b/", None),
            ("/v1/t", Some(SegmentCall::Track)),
            ("/v1/i", Some(SegmentCall::Identify)),
            ("/v1/p", Some(SegmentCall::Page)),
            ("/v1/s", Some(SegmentCall::Screen)),
            ("/v1/g", Some(SegmentCall::Group)),
            ("/v1/a", Some(SegmentCall::Alias)),
        ] {
            assert_eq!(find(&Method::POST, path).expect(path).0, Route::SendSegment(route), "{path}");
        }
        for path in ["/v1/", "/v1/x", "/v1/ba", "/v1/b/c", "/v2/b", "/b", "//events", "/events/"] {
            assert_eq!(find(&Method::POST, path).expect_err(path).kind(), Kind::NotFound, "{path}");
        }
    }

    #[test]
    fn head_is_answered_like_get() {
        assert_eq!(find(&Method::HEAD, "/campaigns").expect("found").0, Route::ListCampaigns);
    }

    #[test]
    fn an_unknown_path_and_an_unknown_method_are_told_apart() {
        for path in ["/", "/event", "/events/", "/events/a/b", "/campaigns/7/fire"] {
            assert_eq!(find(&Method::GET, path).expect_err(path).kind(), Kind::NotFound);
        }
        let problem = find(&Method::DELETE, "/events").expect_err("no such method");
        assert_eq!(problem.kind(), Kind::MethodNotAllowed);
        assert!(serde_json::to_string(&problem).expect("serialises").contains(r#""allowed":["POST","GET"]"#));
    }
}
