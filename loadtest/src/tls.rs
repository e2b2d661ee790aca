//! TLS to the server and to its database.
//!
//! Invariant: a certificate is always verified, its host name included: by the CAs of the system, or by those of a file.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, Error as Failure, RootCertStore, crypto};

/// What keeps TLS from being used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of CA certificates is of no use.
    #[error("{}: {reason}; it must hold the certificates of CAs as PEM", .path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system trusts nobody.
    #[error("this system has no CA certificates; install them (package ca-certificates), or name a file")]
    NobodyTrusted,
    /// The provider lacks what TLS needs; only a changed build can cause it.
    #[error("TLS cannot be used in this build: {0}")]
    Provider(Failure),
}

/// A client that trusts the CAs in `file`, else those of the system.
pub fn trusting(file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = match file {
        Some(path) => roots_of(path)
            .map_err(|reason| TlsError::File { path: path.to_owned(), reason: reason.to_string() })?,
        None => roots_of_system()?,
    };
    client(roots)
}

/// A client that trusts nobody, where TLS is not used.
pub(crate) fn trusting_nobody() -> Result<Arc<ClientConfig>, TlsError> {
    client(RootCertStore::empty())
}

fn client(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

fn roots_of(path: &Path) -> Result<RootCertStore, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&std::fs::read(path)?) {
        roots.add(certificate?)?;
    }
    if roots.is_empty() { Err("it holds none".into()) } else { Ok(roots) }
}

fn roots_of_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // Systems have old ones that are of no use any more.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NobodyTrusted) } else { Ok(roots) }
}

/// Why a handshake failed, with what to do about it.
pub(crate) fn explain(error: &io::Error) -> String {
    use CertificateError as Bad;
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>());
    let hint = match cause {
        Some(Failure::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature)) => {
            "; name the file of its CA with --ca"
        }
        Some(Failure::InvalidMessage(_)) => "; if it does not speak TLS, write http:// in --url",
        _ => "",
    };
    format!("{error}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        for path in ["Cargo.toml", "/no/such.pem"] {
            let error = trusting(Some(Path::new(path))).expect_err(path).to_string();
            assert!(error.starts_with(path) && error.contains("as PEM"), "{error}");
        }
    }
}
