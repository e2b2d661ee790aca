//! What an answer to `POST /events` means for the events that were sent.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use crate::target::{Answer, detail};

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every event is accepted, but for those at these places, which are refused.
    Accepted {
        /// Places in the request, with the reasons.
        refused: Vec<(usize, String)>,
    },
    /// Try again; the server may have said when.
    Again(Option<Duration>),
    /// It makes no sense to go on.
    Hopeless(String),
}

#[derive(Deserialize)]
struct Body {
    accepted: usize,
    #[serde(default)]
    rejected: Vec<Rejected>,
}

#[derive(Deserialize)]
struct Rejected {
    index: usize,
    detail: String,
}

/// Judges the answer to a request of so many events.
pub(super) fn judge(answer: &Answer, events: usize) -> Verdict {
    match answer.status {
        StatusCode::ACCEPTED | StatusCode::MULTI_STATUS => accepted(answer, events),
        StatusCode::UNPROCESSABLE_ENTITY => {
            let detail = detail(answer);
            Verdict::Accepted { refused: (0..events).map(|index| (index, detail.clone())).collect() }
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Verdict::Again(answer.retry_after),
        status if status.is_server_error() => Verdict::Again(answer.retry_after),
        status => {
            Verdict::Hopeless(format!("POST /events was answered {}: {}", status.as_u16(), detail(answer)))
        }
    }
}

fn accepted(answer: &Answer, events: usize) -> Verdict {
    let status = answer.status.as_u16();
    let Ok(Body { accepted, rejected }) = serde_json::from_slice(&answer.body) else {
        return Verdict::Hopeless(format!(
            "POST /events was answered {status} with a body that is not known"
        ));
    };
    let refused: Vec<(usize, String)> = rejected.into_iter().map(|item| (item.index, item.detail)).collect();
    if accepted + refused.len() != events || refused.iter().any(|(index, _)| *index >= events) {
        let refused = refused.len();
        return Verdict::Hopeless(format!(
            "POST /events with {events} events was answered {status} with {accepted} accepted and {refused} refused"
        ));
    }
    Verdict::Accepted { refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, retry_after: Option<u64>, body: &'static str) -> Verdict {
        let status = StatusCode::from_u16(status).expect("a status");
        let retry_after = retry_after.map(Duration::from_secs);
        judge(&Answer { status, retry_after, body: body.into() }, 2)
    }

    #[test]
    fn a_202_accepts_every_event() {
        let body = r#"{"accepted":2,"event_ids":["a","b"]}"#;
        assert_eq!(judged(202, None, body), Verdict::Accepted { refused: vec![] });
    }

    #[test]
    fn a_207_accepts_all_but_those_it_names() {
        let body = r#"{"accepted":1,"rejected":[{"index":1,"event_id":"b","pointer":"/user_id","detail":"is missing"}]}"#;
        assert_eq!(judged(207, None, body), Verdict::Accepted { refused: vec![(1, "is missing".into())] });
    }

    #[test]
    fn a_422_refuses_every_event() {
        let all = vec![(0, "no user".to_owned()), (1, "no user".to_owned())];
        assert_eq!(judged(422, None, r#"{"detail":"no user"}"#), Verdict::Accepted { refused: all });
    }

    #[test]
    fn an_overloaded_server_is_asked_again_when_it_says() {
        assert_eq!(judged(429, Some(3), ""), Verdict::Again(Some(Duration::from_secs(3))));
        assert_eq!(judged(503, Some(1), ""), Verdict::Again(Some(Duration::from_secs(1))));
        for status in [408, 500, 502, 504] {
            assert_eq!(judged(status, None, ""), Verdict::Again(None), "{status}");
        }
    }

    #[test]
    fn what_no_repetition_mends_ends_the_run() {
        for status in [200, 301, 400, 401, 403, 404, 413, 415] {
            assert!(matches!(judged(status, None, ""), Verdict::Hopeless(_)), "{status}");
        }
    }

    #[test]
    fn an_answer_that_does_not_account_for_every_event_ends_the_run() {
        for body in [
            "",
            "{}",
            r#"{"accepted":1}"#,
            r#"{"accepted":3}"#,
            r#"{"accepted":1,"rejected":[{"index":2,"detail":""}]}"#,
        ] {
            assert!(matches!(judged(202, None, body), Verdict::Hopeless(_)), "{body}");
        }
    }
}
