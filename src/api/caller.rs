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
    /// The name of the key; empty where anybody may call.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Anybody => "",
            Self::Key(key) => &key.name,
        }
    }
}
