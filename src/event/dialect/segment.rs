//! Segment's tracking API: `track`, `identify`, `page`, `screen`, `group` and `alias`, alone or in a batch.
//!
//! | member | goes to |
//! |---|---|
//! | `messageId` | `event_id` |
//! | `event` of a track call; the call's own name for the others | `event_type` |
//! | `userId`, else `anonymousId` | `user_id` |
//! | `timestamp`, else `originalTimestamp` | `timestamp` |
//! | `properties`; `traits` of identify and group calls | `properties` |
//! | `context` | `context` |
//! | `writeKey` | nowhere, as it is a secret |
//! | all others, and the call's name as `type` | `context.segment` |

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::envelope::{EnvelopeError, Names, Refusal};
use super::super::split;
use super::members::{Members, ObjectWriter, as_string};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Somebody did something.
    Track,
    /// Who somebody is.
    Identify,
    /// Somebody saw a page.
    Page,
    /// Somebody saw a screen of an app.
    Screen,
    /// Somebody belongs to a group.
    Group,
    /// Two ids are one user's.
    Alias,
}

impl Call {
    const ALL: [Self; 6] = [Self::Track, Self::Identify, Self::Page, Self::Screen, Self::Group, Self::Alias];

    /// As it is called in messages and paths.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Identify => "identify",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Group => "group",
            Self::Alias => "alias",
        }
    }

    /// The member that says more about the user or the deed.
    const fn properties(self) -> &'static str {
        match self {
            Self::Identify | Self::Group => "traits",
            Self::Track | Self::Page | Self::Screen | Self::Alias => "properties",
        }
    }

    /// The call of a message: as its route says, and its `type`, which may not contradict.
    fn of(route: Option<Self>, said: Option<&RawValue>) -> Result<Self, Refusal> {
        let Some(said) = said else {
            return route.ok_or_else(|| Refusal::member("type", "is required"));
        };
        let name = as_string(said);
        let call = Self::ALL.into_iter().find(|call| name.as_deref() == Some(call.name()));
        match (call, route) {
            (Some(call), None) => Ok(call),
            (Some(call), Some(route)) if call == route => Ok(call),
            (_, Some(route)) => {
                Err(Refusal::member("type", &format!("is not {:?}, as the route says", route.name())))
            }
            (None, None) => {
                let known = Self::ALL.map(Self::name).join(", ");
                Err(Refusal::member("type", &format!("is none of {known}")))
            }
        }
    }
}

/// Appends the event that a message stands for.
pub(super) fn rewrite(
    mut message: Members<'_>,
    route: Option<Call>,
    batch_context: Option<&RawValue>,
    event: &mut Vec<u8>,
) -> Result<Names, Refusal> {
    let call = Call::of(route, message.take("type")?)?;
    let mut envelope = ObjectWriter::open(event);
    envelope.raw("event_id", message.take("messageId")?);
    let event_type = if call == Call::Track {
        envelope.raw("event_type", message.take("event")?);
        "event"
    } else {
        envelope.string("event_type", call.name());
        "type"
    };
    let (user_id, user) = first_of(&mut message, ["userId", "anonymousId"])?
        .ok_or_else(|| Refusal::member("userId", "or anonymousId is required"))?;
    envelope.raw("user_id", Some(user));
    let time = first_of(&mut message, ["timestamp", "originalTimestamp"])?;
    envelope.raw("timestamp", time.map(|(_, time)| time));
    envelope.raw("properties", message.take(call.properties())?);
    message.take("writeKey")?;
    let context = message.take("context")?.or(batch_context);
    write_context(&mut envelope, context, call, &message);
    envelope.close();
    Ok(Names {
        event_id: "messageId",
        event_type,
        user_id,
        timestamp: time.map_or("timestamp", |(name, _)| name),
        properties: call.properties(),
        context: "context",
    })
}

/// The first member that is there and not empty. The other stays where it is.
fn first_of<'a>(
    message: &mut Members<'a>,
    names: [&'static str; 2],
) -> Result<Option<(&'static str, &'a RawValue)>, Refusal> {
    for name in names {
        if let Some(value) = message.take(name)?.filter(|value| value.get() != "\"\"") {
            return Ok(Some((name, value)));
        }
    }
    Ok(None)
}

/// The message's context, with what has no other place in a member `segment` of it.
fn write_context(
    envelope: &mut ObjectWriter<'_>,
    context: Option<&RawValue>,
    call: Call,
    rest: &Members<'_>,
) {
    let members = match context.map(|context| context.get().as_bytes()) {
        None => &[],
        Some([b'{', members @ .., b'}']) => split::trim(members),
        // No object: it is refused as such when the envelope is read.
        Some(_) => return envelope.raw("context", context),
    };
    let mut context = envelope.object("context");
    let mut segment = context.object("segment");
    segment.string("type", call.name());
    for (name, value) in rest.rest() {
        segment.raw(name, Some(value));
    }
    segment.close();
    context.members(members);
    context.close();
}

/// The body of a batch.
#[derive(Debug, Deserialize)]
pub struct Batch<'a> {
    #[serde(borrow)]
    batch: &'a RawValue,
    /// For each message that has no context of its own.
    #[serde(borrow)]
    context: Option<&'a RawValue>,
}

impl<'a> Batch<'a> {
    /// Reads the body of a batch, without what is in its messages.
    pub fn read(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        match serde_json::from_slice::<Self>(body) {
            Ok(batch) if body.starts_with(b"{") && batch.batch.get().starts_with('[') => Ok(batch),
            Err(error) if !error.is_data() => Err(error.into()),
            Ok(_) | Err(_) => {
                let complaint = "is required once in the body, and is an array of messages";
                Err(Refusal::member("batch", complaint).into())
            }
        }
    }

    /// The text of the array of messages.
    #[must_use]
    pub fn messages(&self) -> &'a [u8] {
        self.batch.get().as_bytes()
    }

    /// What the batch says for each message that has no context of its own.
    #[must_use]
    pub fn context(&self) -> Option<&'a RawValue> {
        self.context
    }
}
