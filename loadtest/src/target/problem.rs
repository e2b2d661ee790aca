//! What the server says when it refuses.

use hyper::StatusCode;
use serde::Deserialize;

use super::{Answer, Target};
use crate::LoadError;

/// The most of a body that is no problem+json that is shown, in characters.
const SHOWN: usize = 200;

#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// What the answer says is wrong.
#[must_use]
pub fn detail(answer: &Answer) -> String {
    if let Ok(Problem { detail }) = serde_json::from_slice(&answer.body) {
        return detail;
    }
    match String::from_utf8_lossy(&answer.body).trim() {
        "" => "(no body)".to_owned(),
        text => text.chars().take(SHOWN).collect(),
    }
}

/// An answer that ends the run.
pub(super) fn refused(target: &Target, route: &str, answer: &Answer) -> LoadError {
    let hint = match answer.status {
        StatusCode::UNAUTHORIZED => "; give a key of scope admin with --key",
        StatusCode::FORBIDDEN => "; --key must be of scope admin, as the tool creates campaigns",
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "; is --url that of a Campaign Manager?",
        _ => "",
    };
    LoadError::Refused {
        target: target.to_string(),
        route: route.to_owned(),
        status: answer.status.as_u16(),
        detail: detail(answer),
        hint,
    }
}
