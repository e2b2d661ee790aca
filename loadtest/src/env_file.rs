//! The file in which a running system leaves its addresses, such as `campaign-manager up` writes.
//!
//! A system that was started anew may have others, so who cannot reach an address reads the file again.

use std::path::{Path, PathBuf};

/// A file with addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile(PathBuf);

/// The addresses that it holds.
#[derive(Clone, Default)]
pub struct Addresses {
    /// `HTTP_ADDR`.
    pub http: Option<String>,
    /// `DATABASE_URL`. Not for logs, as it may hold a password.
    pub database_url: Option<String>,
    /// `ADMIN_ADDR`.
    pub admin: Option<String>,
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be read: {source}; is `campaign-manager up` running?", .path.display())]
pub struct UnreadableEnvFile {
    path: PathBuf,
    source: dotenvy::Error,
}

impl EnvFile {
    /// The file at this path.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// What it holds now.
    pub fn read(&self) -> Result<Addresses, UnreadableEnvFile> {
        let unreadable = |source| UnreadableEnvFile { path: self.0.clone(), source };
        let mut read = Addresses::default();
        for line in dotenvy::from_path_iter(&self.0).map_err(unreadable)? {
            match line.map_err(unreadable)? {
                (name, value) if name == "HTTP_ADDR" => read.http = Some(value),
                (name, value) if name == "DATABASE_URL" => read.database_url = Some(value),
                (name, value) if name == "ADMIN_ADDR" => read.admin = Some(value),
                _ => {}
            }
        }
        Ok(read)
    }
}

impl Addresses {
    /// The URL of the admin port.
    #[must_use]
    pub fn admin_url(&self) -> Option<String> {
        self.admin.as_ref().map(|addr| format!("http://{addr}"))
    }
}
