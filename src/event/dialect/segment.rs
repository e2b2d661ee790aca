//! Segment's tracking API: `track`, `identify`, `page`, `screen`, `group` and `alias`, alone or in a batch.
//!
//! | member | goes to |
//! |---|---|
//! | `messageId` | `event_id` |
//! | `event` of a track call; the call's own name for the others | `event_type` |
//! | `userId`, else `anonymousId` | `user_id` |
//! | `timestamp`, else `originalTimestamp` | `timestamp` |
//! | `properties`; `traits` of identify and group calls | `properties` |
//! | `context` | `context`; its member `segment`, if it has one, is `context.segment.context.segment` |
//! | `writeKey` | nowhere, as it is a secret |
//! | all others, and the call's name as `type` | `context.segment` |
//!
//! `context` and `integrations` of a batch are merged with those of each message, whose own members win.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::envelope::{EnvelopeError, Names, Refusal};
use super::super::{JsonError, split};
use super::members::{Members, ObjectWriter, as_string};

const CONTEXT: &str = "context";
const SEGMENT: &str = "segment";

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
pub(super) fn rewrite<'a>(
    mut message: Members<'a>,
    route: Option<Call>,
    shared: Shared<'a>,
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
    let context = Merged { own: message.take("context")?, shared: shared.context };
    let integrations = Merged { own: message.take("integrations")?, shared: shared.integrations };
    message.check_rest()?;
    write_context(&mut envelope, context, call, |segment| {
        integrations.write(segment, "integrations");
        for (name, value) in message.rest() {
            segment.raw(name, Some(value));
        }
    });
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

/// Writes the message's context, and before it a member `segment` of what has no other place.
fn write_context(
    envelope: &mut ObjectWriter<'_>,
    context: Merged<'_>,
    call: Call,
    write_rest: impl FnOnce(&mut ObjectWriter<'_>),
) {
    if context.own.is_some_and(|own| !is_object(own)) {
        // It is refused as such when the envelope is read.
        return envelope.raw(CONTEXT, context.own);
    }
    let members = context.members();
    let mut written = envelope.object(CONTEXT);
    let mut segment = written.object(SEGMENT);
    segment.string("type", call.name());
    write_rest(&mut segment);
    if let Some(displaced) = members.as_ref().and_then(|members| members.first(SEGMENT)) {
        segment.object(CONTEXT).raw_and_close(SEGMENT, displaced);
    }
    segment.close();
    match members {
        Some(members) => members.rest().filter(|(name, _)| *name != SEGMENT).for_each(|(name, value)| {
            written.raw(name, Some(value));
        }),
        None => written.members(context.own.map_or(&[], inside)),
    }
    written.close();
}

/// An object of a message, and that of its batch.
#[derive(Clone, Copy)]
struct Merged<'a> {
    own: Option<&'a RawValue>,
    shared: Option<&'a RawValue>,
}

impl<'a> Merged<'a> {
    /// Writes the two as one member.
    fn write(self, to: &mut ObjectWriter<'_>, name: &str) {
        match (self.own, self.shared) {
            (Some(own), Some(_)) if is_object(own) => {
                let mut object = to.object(name);
                for (name, value) in self.read().rest() {
                    object.raw(name, Some(value));
                }
                object.close();
            }
            (own, shared) => to.raw(name, own.or(shared)),
        }
    }

    /// The members of the two; nothing where the own object can be written as it is.
    fn members(self) -> Option<Members<'a>> {
        let own = self.own.map_or(&[][..], |own| own.get().as_bytes());
        let is_plain = memchr::memmem::find(own, SEGMENT.as_bytes()).or(memchr::memchr(b'\\', own)).is_none();
        if self.shared.is_none() && is_plain { None } else { Some(self.read()) }
    }

    /// The members of the own object, and those of the shared one whose names it has not. Members that are `null` are kept.
    fn read(self) -> Members<'a> {
        let members = |object: Option<&'a RawValue>| object.map(Members::read_all).unwrap_or_default();
        members(self.own).or(members(self.shared))
    }
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// The text between the braces of an object.
fn inside(object: &RawValue) -> &[u8] {
    match object.get().as_bytes() {
        [b'{', members @ .., b'}'] => split::trim(members),
        _ => &[],
    }
}

/// What a batch says for each of its messages: objects.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    context: Option<&'a RawValue>,
    integrations: Option<&'a RawValue>,
}

impl Shared<'_> {
    /// Nothing, as for a message that comes alone.
    pub const NONE: Self = Self { context: None, integrations: None };

    /// How many bytes it adds to each message at most.
    #[must_use]
    pub fn added_bytes(&self) -> usize {
        [self.context, self.integrations].into_iter().flatten().map(|object| object.get().len()).sum()
    }
}

/// The body of a batch.
#[derive(Debug, Deserialize)]
pub struct Batch<'a> {
    #[serde(borrow, rename = "batch")]
    messages: &'a RawValue,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    integrations: Option<&'a RawValue>,
}

impl<'a> Batch<'a> {
    /// Reads the body of a batch, without what is in its messages.
    pub fn read(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        let batch = match serde_json::from_slice::<Self>(body) {
            Ok(batch) if body.starts_with(b"{") && batch.messages.get().starts_with('[') => batch,
            Err(error) if !error.is_data() => {
                return Err(EnvelopeError::Malformed(JsonError::from_reader(&error, body)));
            }
            Ok(_) | Err(_) => {
                let complaint = "is required once in the body, and is an array of messages";
                return Err(Refusal::member("batch", complaint).into());
            }
        };
        for (name, value) in [(CONTEXT, batch.context), ("integrations", batch.integrations)] {
            if !value.is_none_or(is_object) {
                return Err(Refusal::member(name, "must be an object").into());
            }
        }
        Ok(batch)
    }

    /// The text of the array of messages.
    #[must_use]
    pub fn messages(&self) -> &'a [u8] {
        self.messages.get().as_bytes()
    }

    /// What the batch says for each of its messages.
    #[must_use]
    pub fn shared(&self) -> Shared<'a> {
        Shared { context: self.context, integrations: self.integrations }
    }
}
