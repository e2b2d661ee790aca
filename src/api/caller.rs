//! Who asks.

use std::sync::Arc;

use crate::queue::Sender;
use crate::store::keys::KnownKey;

/// Who sent a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Keys are not asked for here.
    Anybody,
    /// Who has this key.
    Key(Arc<KnownKey>),
}

impl Caller {
    /// The key that was asked with; `None` where anybody may call.
    #[must_use]
    pub fn key(&self) -> Option<&KnownKey> {
        match self {
            Self::Anybody => None,
            Self::Key(key) => Some(key),
        }
    }

    /// The sender of what is sent in the request.
    #[must_use]
    pub fn sender(&self) -> Sender {
        let of_key = |key: &KnownKey| Sender { class: key.scope.sender_class(), key: Some(key.id.0) };
        self.key().map(of_key).unwrap_or_default()
    }

    /// The name of the key; `None` where anybody may call.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        Some(&self.key()?.name)
    }
}
