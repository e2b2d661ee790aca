//! What an answer to `POST /events` means for the events that were sent.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use crate::target::{Answer, detail};
use crate::workload::Batch;

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every event is accepted, but for those at these places, which are refused.
    Accepted {
        /// Places in the request, with the reasons.
        refused: Vec<(usize, String)>,
    },
    /// Try again.
    Again {
        /// For how long the server wants to be left alone, if it has said so.
        told: Option<Duration>,
        /// Whether it may have taken the events nevertheless.
        uncertain: bool,
    },
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

/// Judges the answer to a request with these events.
pub(super) fn judge(answer: &Answer, batch: &Batch) -> Verdict {
    let events = batch.numbers.len();
    match answer.status {
        StatusCode::ACCEPTED | StatusCode::MULTI_STATUS => accepted(answer, events),
        StatusCode::UNPROCESSABLE_ENTITY => all_refused(answer, events),
        // An event that is no JSON, alone in its body, is no body that can be read.
        StatusCode::BAD_REQUEST if events == 1 && batch.poison.len() == 1 => all_refused(answer, events),
        StatusCode::PAYLOAD_TOO_LARGE => Verdict::Hopeless(format!(
            "POST /events was answered 413: {}; give a smaller --batch or --payload",
            detail(answer)
        )),
        StatusCode::TOO_MANY_REQUESTS => Verdict::Again { told: answer.retry_after, uncertain: false },
        status if status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() => {
            Verdict::Again { told: answer.retry_after, uncertain: true }
        }
        status => {
            Verdict::Hopeless(format!("POST /events was answered {}: {}", status.as_u16(), detail(answer)))
        }
    }
}

fn all_refused(answer: &Answer, events: usize) -> Verdict {
    let detail = detail(answer);
    Verdict::Accepted { refused: (0..events).map(|index| (index, detail.clone())).collect() }
}

fn accepted(answer: &Answer, events: usize) -> Verdict {
    let status = answer.status.as_u16();
    let Ok(Body { accepted, rejected }) = serde_json::from_slice(&answer.body) else {
        return Verdict::Hopeless(format!(
            "POST /events was answered {status} with a body that is not known"
        ));
    };
    let mut refused: Vec<(usize, String)> =
        rejected.into_iter().map(|item| (item.index, item.detail)).collect();
    refused.sort_unstable();
    refused.dedup_by_key(|(index, _)| *index);
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
        judged_of(&[0, 1], &[], status, retry_after, body)
    }

    fn judged_of(
        numbers: &[u64],
        poison: &[usize],
        status: u16,
        retry_after: Option<u64>,
        body: &'static str,
    ) -> Verdict {
        let status = StatusCode::from_u16(status).expect("a status");
        let retry_after = retry_after.map(Duration::from_secs);
        let batch = Batch { numbers: numbers.to_vec(), poison: poison.to_vec(), body: Vec::new() };
        judge(&Answer { status, retry_after, body: body.into() }, &batch)
    }

    #[test]
    fn a_400_refuses_a_poison_event_that_is_alone_and_ends_the_run_otherwise() {
        let refused = Verdict::Accepted { refused: vec![(0, "not JSON".into())] };
        let body = r#"{"detail":"not JSON"}"#;
        assert_eq!(judged_of(&[7], &[0], 400, None, body), refused);
        for (numbers, poison) in [(&[7][..], &[][..]), (&[7, 8], &[0]), (&[7, 8], &[0, 1])] {
            assert!(
                matches!(judged_of(numbers, poison, 400, None, body), Verdict::Hopeless(_)),
                "{numbers:?}"
            );
        }
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
        let again = |seconds: Option<u64>, uncertain| Verdict::Again {
            told: seconds.map(Duration::from_secs),
            uncertain,
        };
        assert_eq!(judged(429, Some(3), ""), again(Some(3), false));
        assert_eq!(judged(503, Some(1), ""), again(Some(1), true));
        for status in [408, 500, 502, 504] {
            assert_eq!(judged(status, None, ""), again(None, true), "{status}");
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
            r#"{"accepted":0,"rejected":[{"index":1,"detail":""},{"index":1,"detail":""}]}"#,
        ] {
            assert!(matches!(judged(202, None, body), Verdict::Hopeless(_)), "{body}");
        }
    }
}
