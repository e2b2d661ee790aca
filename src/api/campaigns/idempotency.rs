//! `POST /campaigns`, once however often it is sent: with an `Idempotency-Key` (IETF
//! draft-ietf-httpapi-idempotency-key-header), the same request creates one campaign.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::{created, definition};
use crate::api::parameters::invalid;
use crate::api::{Answer, Caller, Kind, Problem};
use crate::store::Pool;
use crate::store::campaigns::{self, Creation, Request};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that a request had been carried out before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MAX_KEY: usize = 255;

/// `POST /campaigns`.
pub async fn create(
    pool: &Pool,
    caller: &Caller,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Answer, Problem> {
    let key = key(headers)?;
    let definition = definition::read(body)?;
    let Some(key) = key else {
        return Ok(created(&campaigns::create(pool, &definition, caller.name()).await?));
    };
    let request = Request {
        caller: caller.key().map_or(0, |key| key.id.0),
        key: &key,
        fingerprint: Sha256::digest(body).into(),
    };
    match campaigns::create_once(pool, request, &definition, caller.name()).await? {
        Creation::Created(campaign) => Ok(created(&campaign)),
        Creation::Repeated(campaign) => {
            let mut answer = created(&campaign);
            answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(answer)
        }
        Creation::Differs => Err(Problem::new(
            Kind::KeyReused,
            "a request with this Idempotency-Key had another body; use a new key for a new request",
        )),
        Creation::InProgress => Err(Problem::new(
            Kind::Conflict,
            "a request with this Idempotency-Key is being carried out now; try again in a moment",
        )),
    }
}

/// The key of the request, if it has one.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let malformed = |complaint: &str| invalid("Idempotency-Key", complaint);
    let mut lines = headers.get_all(KEY).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(malformed("is given twice"));
    }
    let key = line.to_str().ok().and_then(parse);
    let key = key.ok_or_else(|| malformed("is not a string such as \"8e03978e-40d5-43e8-bc93\""))?;
    if key.is_empty() || key.len() > MAX_KEY {
        let complaint = format!("is {} characters long; use 1 to {MAX_KEY}", key.len());
        return Err(malformed(&complaint));
    }
    Ok(Some(key))
}

/// A string as structured fields write it (RFC 9651, section 3.3.3), or, as many clients do, without quotes.
fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    let Some(quoted) = text.strip_prefix('"') else {
        return text.chars().all(|c| c.is_ascii_graphic() && !"\"\\,;".contains(c)).then(|| text.to_owned());
    };
    let mut characters = quoted.strip_suffix('"')?.chars();
    let mut key = String::new();
    while let Some(character) = characters.next() {
        key.push(match character {
            '\\' => characters.next().filter(|escaped| "\"\\".contains(*escaped))?,
            '"' => return None,
            ' '..='~' => character,
            _ => return None,
        });
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(KEY, HeaderValue::from_str(line).expect("a header's value"));
        }
        key(&headers)
    }

    #[test]
    fn a_key_may_be_quoted_or_bare() {
        for (text, key) in [
            (r#""8e03978e-40d5""#, "8e03978e-40d5"),
            ("8e03978e-40d5", "8e03978e-40d5"),
            (r#" "a \"b\" \\ c, d; e" "#, r#"a "b" \ c, d; e"#),
        ] {
            assert_eq!(read(&[text]).expect(text).as_deref(), Some(key));
        }
        assert_eq!(read(&[]).expect("none"), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "k".repeat(MAX_KEY + 1);
        for text in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "a b",
            "a, b",
            "\"a\"; b=1",
            r#""\a""#,
            r#""a\""#,
            "\"é\"",
            &long,
        ] {
            let problem = read(&[text]).expect_err(text);
            assert_eq!(problem.kind(), Kind::InvalidParameter);
            assert!(problem.detail().starts_with("Idempotency-Key: "), "{}", problem.detail());
        }
        assert!(read(&["a", "a"]).expect_err("twice").detail().contains("twice"));
        assert!(read(&["k".repeat(MAX_KEY).as_str()]).is_ok());
    }
}
