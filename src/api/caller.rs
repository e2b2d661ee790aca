//! Who asks.

use std::sync::Arc;

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

    /// The name of the key; `None` where anybody may call.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        Some(&self.key()?.name)
    }
}
