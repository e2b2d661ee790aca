//! TLS to servers: whom they are trusted by, and the parameters of a URL that say so.
//!
//! Trusted are the system's CA certificates, which the environment variable `SSL_CERT_FILE` replaces, as for other
//! programs; or, where a URL has `sslrootcert=PATH`, only those in that file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto};

use super::TlsError;

/// What a CA's file is called in errors.
const CA: &str = "the CA certificates of sslrootcert in";

/// A client that verifies servers against the certificates in `ca`, else against the system's.
pub fn client_config(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let roots = match ca {
        Some(path) => roots_of(path)?,
        None => roots_of_system()?,
    };
    verifying(roots)
}

/// A client that trusts nobody, where TLS is not used.
pub fn unused_client_config() -> Result<ClientConfig, TlsError> {
    verifying(RootCertStore::empty())
}

fn verifying(roots: RootCertStore) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Provider)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Has crates that choose the cryptography themselves use ours.
pub fn use_provider() {
    // Somebody else may have chosen already; then that one is used.
    let _ = crypto::ring::default_provider().install_default();
}

/// The file at `path`, which holds at least one CA certificate as PEM.
pub fn read_ca(path: &Path) -> Result<Vec<u8>, TlsError> {
    let pem = fs::read(path).map_err(|error| TlsError::file(CA, path, &error))?;
    roots(path, &pem)?;
    Ok(pem)
}

fn roots_of(path: &Path) -> Result<RootCertStore, TlsError> {
    roots(path, &read_ca(path)?)
}

fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| TlsError::file(CA, path, &error))?;
        roots.add(certificate).map_err(|error| TlsError::file(CA, path, &error))?;
    }
    if roots.is_empty() {
        return Err(TlsError::file(CA, path, &"it holds no certificate in PEM form"));
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "some of the system's CA certificates cannot be read");
    }
    let mut roots = RootCertStore::empty();
    // Systems have old ones that are of no use any more.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() { Err(TlsError::NobodyTrusted) } else { Ok(roots) }
}

/// Takes a parameter out of the query of `url`, for clients that refuse those they do not know: the URL without it, and
/// its value. Where it is given more than once, the last one counts.
#[must_use]
pub fn take_parameter(url: &str, name: &str) -> (String, Option<String>) {
    let Some((before, query)) = url.split_once("://").and_then(|_| url.rsplit_once('?')) else {
        return (url.to_owned(), None);
    };
    let (mut kept, mut value) = (Vec::new(), None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some((found, text)) if found == name => {
                value = Some(percent_decode_str(text).decode_utf8_lossy().into_owned());
            }
            _ => kept.push(pair),
        }
    }
    let url = if kept.is_empty() { before.to_owned() } else { format!("{before}?{}", kept.join("&")) };
    (url, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_taken_out_and_decoded_and_the_others_stay_as_they_are() {
        let taken = |url| take_parameter(url, "sslrootcert");
        let none = |url: &str| (url.to_owned(), None);
        assert_eq!(
            taken("postgres://u:p@h/d?a=%20&sslrootcert=/a%20b.pem&c=d"),
            ("postgres://u:p@h/d?a=%20&c=d".to_owned(), Some("/a b.pem".to_owned()))
        );
        assert_eq!(taken("rediss://h?sslrootcert=x"), ("rediss://h".to_owned(), Some("x".to_owned())));
        for url in ["rediss://h", "postgres://h/d?a=b", "host=h sslrootcert=?"] {
            assert_eq!(taken(url), none(url));
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused_with_its_name() {
        let error = client_config(Some(Path::new("Cargo.toml"))).expect_err("no certificates");
        assert!(error.to_string().contains("Cargo.toml: it holds no certificate"), "{error}");
        let error = client_config(Some(Path::new("/no/such.pem"))).expect_err("no file");
        assert!(error.to_string().contains("/no/such.pem: No such file"), "{error}");
    }
}
