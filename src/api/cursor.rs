//! Cursors: where the next page of a list begins, as a text that clients hand back unread.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::campaign::CampaignId;
use crate::store::Position;
use crate::store::dead_letters::LetterId;
use crate::store::keys::KeyId;

/// A place in a list.
pub(super) trait Cursor: Sized {
    /// The place as plain text.
    fn to_text(&self) -> String;
    /// The place that [`Self::to_text`] wrote.
    fn from_text(text: &str) -> Option<Self>;

    /// What the client is given.
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_text())
    }

    /// What the client handed back.
    fn decode(cursor: &str) -> Option<Self> {
        Self::from_text(std::str::from_utf8(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?)
    }
}

impl Cursor for CampaignId {
    fn to_text(&self) -> String {
        format!("c{self}")
    }

    fn from_text(text: &str) -> Option<Self> {
        text.strip_prefix('c')?.parse().ok().map(Self)
    }
}

/// Which version of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VersionNumber(pub(super) i32);

impl Cursor for VersionNumber {
    fn to_text(&self) -> String {
        format!("v{}", self.0)
    }

    fn from_text(text: &str) -> Option<Self> {
        text.strip_prefix('v')?.parse().ok().map(Self)
    }
}

impl Cursor for LetterId {
    fn to_text(&self) -> String {
        format!("d{}", self.0)
    }

    fn from_text(text: &str) -> Option<Self> {
        text.strip_prefix('d')?.parse().ok().map(Self)
    }
}

impl Cursor for KeyId {
    fn to_text(&self) -> String {
        format!("k{self}")
    }

    fn from_text(text: &str) -> Option<Self> {
        text.strip_prefix('k')?.parse().ok().map(Self)
    }
}

impl Cursor for Position {
    fn to_text(&self) -> String {
        let Self { received_at, event_id, user_id } = self;
        format!("e{}:{}:{event_id}{user_id}", received_at.as_microsecond(), event_id.len())
    }

    fn from_text(text: &str) -> Option<Self> {
        let (time, rest) = text.strip_prefix('e')?.split_once(':')?;
        let (length, ids) = rest.split_once(':')?;
        let received_at = Timestamp::from_microsecond(time.parse().ok()?).ok()?;
        // A cursor that was made up could hold what no stored id does.
        let (event_id, user_id) =
            ids.split_at_checked(length.parse().ok()?).filter(|_| !ids.contains('\0'))?;
        Some(Self { received_at, event_id: event_id.to_owned(), user_id: user_id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_given() {
        let position =
            Position { received_at: Timestamp::UNIX_EPOCH, event_id: "a:b/é".into(), user_id: "ü:".into() };
        assert_eq!(Position::decode(&position.encode()), Some(position));
        assert_eq!(CampaignId::decode(&CampaignId(7).encode()), Some(CampaignId(7)));
        assert_eq!(VersionNumber::decode(&VersionNumber(7).encode()), Some(VersionNumber(7)));
        assert_eq!(LetterId::decode(&LetterId(7).encode()), Some(LetterId(7)));
        assert_eq!(KeyId::decode(&KeyId(7).encode()), Some(KeyId(7)));
    }

    #[test]
    fn a_cursor_of_another_list_or_made_up_is_refused() {
        assert_eq!(Position::decode(&CampaignId(7).encode()), None);
        for text in ["", "x", "ZQ", "%%%", &URL_SAFE_NO_PAD.encode("e1:\0")] {
            assert_eq!(Position::decode(text), None, "{text}");
        }
    }
}
