//! CloudEvents 1.0 (specification 1.0.2, with its JSON event format and HTTP protocol binding).
//!
//! | attribute | goes to |
//! |---|---|
//! | `source`, `id` | `event_id`, together, as only the two identify an event; and to `context` |
//! | `type`, `subject`, `time` | `event_type`, `user_id`, `timestamp` |
//! | `data` | `properties` |
//! | all others | `context` |

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::super::envelope::{EnvelopeError, Names, Refusal};
use super::super::{Dialect, JsonError};
use super::members::{Members, ObjectWriter, as_string};

/// The longest id that is written in full.
const MAX_READABLE_ID: usize = 128;

/// The attribute that the `Content-Type` header stands for.
const CONTENT_TYPE: &str = "datacontenttype";
/// The attributes that are URIs.
const URIS: [&str; 2] = ["source", "dataschema"];

const NAMES: Names = Names {
    event_id: "id",
    event_type: "type",
    user_id: "subject",
    timestamp: "time",
    properties: "data",
    context: "context",
};

/// Appends the event that a `CloudEvent` stands for.
pub(super) fn rewrite(mut attributes: Members<'_>, event: &mut Vec<u8>) -> Result<Names, Refusal> {
    check_version(attributes.take("specversion")?)?;
    let source = attributes.take("source")?;
    let id = attributes.take("id")?;
    let event_id = event_id(&identifier("source", source)?, &identifier("id", id)?)?;
    if attributes.take("data_base64")?.is_some() {
        let complaint = "is binary data, which no rule could look into; send a JSON object as data";
        return Err(Refusal::member("data_base64", complaint));
    }
    let mut envelope = ObjectWriter::open(event);
    envelope.string("event_id", &event_id);
    for (place, attribute) in
        [("event_type", "type"), ("user_id", "subject"), ("timestamp", "time"), ("properties", "data")]
    {
        envelope.raw(place, attributes.take(attribute)?);
    }
    let mut context = envelope.object("context");
    context.raw("source", source);
    context.raw("id", id);
    attributes.check_rest()?;
    for (name, value) in attributes.rest() {
        check_name(name)?;
        context.raw(name, Some(value));
    }
    context.close();
    envelope.close();
    Ok(NAMES)
}

/// The id of the event that these attributes would become.
pub(super) fn id_of<'a>(attributes: &Members<'a>) -> Option<Cow<'a, str>> {
    let text = |name| identifier(name, attributes.first(name)).ok();
    event_id(&text("source")?, &text("id")?).ok().map(Cow::Owned)
}

fn check_version(version: Option<&RawValue>) -> Result<(), Refusal> {
    let Some(version) = version else { return Err(Refusal::member("specversion", "is required")) };
    if as_string(version).as_deref() == Some("1.0") {
        return Ok(());
    }
    let shown: String = version.get().chars().take(16).collect();
    Err(Refusal::member("specversion", &format!("is {shown}; \"1.0\" is what is read here")))
}

fn identifier<'a>(name: &str, value: Option<&'a RawValue>) -> Result<Cow<'a, str>, Refusal> {
    let value = value.ok_or_else(|| Refusal::member(name, "is required"))?;
    let text = as_string(value).ok_or_else(|| Refusal::member(name, "must be a string"))?;
    if text.is_empty() {
        return Err(Refusal::member(name, "is empty"));
    }
    Ok(text)
}

/// `source`, a space, `id`; what is too long for that, as its SHA-256.
///
/// No source holds a space, since it is a URI reference: so the first space tells the two apart, and no hash, which has
/// no space, looks like such an id.
fn event_id(source: &str, id: &str) -> Result<String, Refusal> {
    if source.contains(' ') {
        return Err(Refusal::member("source", "is not a URI reference, as it holds a space; write %20"));
    }
    let readable = format!("{source} {id}");
    if readable.len() <= MAX_READABLE_ID {
        return Ok(readable);
    }
    Ok(format!("sha256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(readable))))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Ok(());
    }
    let allowed =
        "is not an attribute's name, which has only a to z and 0 to 9; put what is your own under data";
    Err(Refusal::unknown(name, allowed))
}

/// The JSON format of an event in binary mode: `attributes` from headers, without their `ce-`, and `data` the body.
///
/// The data begins on the second line, as it stands: so a column in its first line is one of the body, and its lines are
/// one more than there.
pub fn compose<'h>(
    attributes: impl Iterator<Item = (&'h str, &'h [u8])>,
    content_type: Option<&[u8]>,
    data: &[u8],
) -> Result<Vec<u8>, EnvelopeError> {
    let mut text = Vec::with_capacity(data.len() + 512);
    let mut event = ObjectWriter::open(&mut text);
    if !data.is_empty() {
        // Parsed as one value, so that nothing in a body can pass for an attribute.
        let malformed = |error| EnvelopeError::Malformed(JsonError::from_reader(&error, data));
        let _: &RawValue = serde_json::from_slice(data).map_err(malformed)?;
        event.text("data", &[b"\n", data].concat());
    }
    let mut refusal = None;
    let content_type = content_type.map(String::from_utf8_lossy);
    for (name, value) in attributes {
        match header_text(name, value) {
            Ok(value) if name == CONTENT_TYPE && content_type.is_some() => {
                if content_type.as_deref() != Some(&*value) {
                    let complaint = "is not what Content-Type says, which stands for it in binary mode";
                    refusal.get_or_insert(Refusal::member(name, complaint));
                }
            }
            Ok(value) => event.string(name, &value),
            Err(complaint) => drop(refusal.get_or_insert(Refusal::member(name, complaint))),
        }
    }
    if let Some(content_type) = content_type {
        event.string(CONTENT_TYPE, &content_type);
    }
    event.close();
    let Some(refusal) = refusal else { return Ok(text) };
    Err(EnvelopeError::from(refusal).with_id(|| Dialect::CloudEvents.event_id(&text, u16::MAX)))
}

/// The value of an attribute's header: unquoted, then percent-decoded once (HTTP binding, section 3.1.3.2).
///
/// A URI is only rid of the `%25` that stands for its own `%`: its escapes are a part of it, as in the JSON format.
fn header_text(name: &str, value: &[u8]) -> Result<String, &'static str> {
    let value = match value {
        [b'"', quoted @ .., b'"'] => unescape(quoted).ok_or("has a quoted string that does not end")?,
        plain => plain.to_vec(),
    };
    let decoded = if URIS.contains(&name) {
        String::from_utf8(value).map(|text| text.replace("%25", "%")).ok()
    } else {
        percent_decode(&value).decode_utf8().map(Cow::into_owned).ok()
    };
    let text = decoded.ok_or("is not UTF-8 once it is percent-decoded")?;
    if text.contains('\0') { Err("holds U+0000, which cannot be stored") } else { Ok(text) }
}

/// The inside of a quoted string (RFC 9110, section 5.6.4); nothing where its last quote is escaped, or one before is not.
fn unescape(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return None,
            b'\\' => plain.push(*bytes.next()?),
            _ => plain.push(*byte),
        }
    }
    Some(plain)
}
