//! Who sent an event, and which events are the same one. Pure.
//!
//! A key that stands in a web page is no secret: whoever reads it can send any event of any user. So what was sent with such
//! a key is told apart from what servers send, and never stands in its way.

/// The class of a sender: how far its word is to be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SenderClass {
    /// A server, whose key is a secret, or anybody where no keys are used.
    #[default]
    Server,
    /// A browser or an app, whose key everybody can see.
    Browser,
}

impl SenderClass {
    /// The class, as Postgres keeps it.
    #[must_use]
    pub fn of(from_browser: bool) -> Self {
        if from_browser { Self::Browser } else { Self::Server }
    }

    /// Whether it is a browser's.
    #[must_use]
    pub fn is_browser(self) -> bool {
        self == Self::Browser
    }
}

/// Who sent an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The class of its key.
    pub class: SenderClass,
    /// The id of its key; `None` where no keys are used, and for events of releases before they were kept.
    pub key: Option<i64>,
}

/// What tells an event from others: two with the same identity are one event that was sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity<'a> {
    /// The class of its sender.
    pub class: SenderClass,
    /// Its user.
    pub user_id: &'a str,
    /// Its id.
    pub event_id: &'a str,
}

impl Identity<'_> {
    /// Writes it into `bytes`, in place of what is there. No two identities are written alike: the user's length says where
    /// the id begins.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.clear();
        bytes.push(u8::from(self.class.is_browser()));
        bytes.extend_from_slice(&(self.user_id.len() as u64).to_le_bytes());
        bytes.extend_from_slice(self.user_id.as_bytes());
        bytes.extend_from_slice(self.event_id.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded((browser, user_id, event_id): &(bool, String, String)) -> Vec<u8> {
        let mut bytes = b"left over".to_vec();
        Identity { class: SenderClass::of(*browser), user_id, event_id }.encode(&mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn no_two_identities_are_written_alike(
            one in (any::<bool>(), "[ab]{0,3}", "[ab]{0,3}"),
            other in (any::<bool>(), "[ab]{0,3}", "[ab]{0,3}"),
        ) {
            prop_assert_eq!(encoded(&one) == encoded(&other), one == other);
        }
    }
}
