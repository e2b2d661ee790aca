//! TLS: towards Redis and Postgres as a client, towards clients of the API as a server.
//!
//! Invariants: a server's certificate is always verified, its host name included; there is no mode that encrypts to whoever
//! answers. A certificate or key that cannot be used is refused at the start, and later keeps the one in use.

mod advice;
mod client;
mod identity;

pub use advice::advice;
pub use client::{client_config, read_ca, take_parameter, unused_client_config, use_provider};
pub use identity::{Acceptor, Identity, IdentityFiles};

use std::fmt;
use std::path::{Path, PathBuf};

/// What keeps TLS from being used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {what} {}: {reason}", .path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Nobody is trusted.
    #[error(
        "this system has no CA certificates, so no server can be verified; install them (package ca-certificates), or name a file with sslrootcert=PATH in the URL"
    )]
    NobodyTrusted,
    /// Certificate and key cannot be used together.
    #[error("the certificate in {} and the key in {} cannot be used: {reason}", .cert.display(), .key.display())]
    Identity {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        reason: rustls::Error,
    },
    /// The provider lacks what TLS needs; only a changed build can cause it.
    #[error("TLS cannot be used in this build: {0}")]
    Provider(rustls::Error),
}

impl TlsError {
    fn file(what: &'static str, path: &Path, reason: &dyn fmt::Display) -> Self {
        Self::File { what, path: path.to_owned(), reason: reason.to_string() }
    }
}
