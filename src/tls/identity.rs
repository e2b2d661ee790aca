//! The certificate and key that the API's server shows, read again when their files change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto};
use tokio_rustls::TlsAcceptor;

use super::TlsError;
use crate::ops::Periodic;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Where the two files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate and those that lead from it to a CA, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// What the server shows of itself.
pub struct Identity {
    files: IdentityFiles,
    seen: Pem,
    current: Arc<ArcSwap<ServerConfig>>,
}

/// What is in the two files.
#[derive(PartialEq, Eq)]
struct Pem {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    /// Reads both files.
    pub fn load(files: IdentityFiles) -> Result<Self, TlsError> {
        let seen = files.read()?;
        let current = Arc::new(ArcSwap::from_pointee(files.server_config(&seen)?));
        Ok(Self { files, seen, current })
    }

    /// What accepts handshakes, with the certificate that is current at each.
    #[must_use]
    pub fn acceptor(&self) -> Acceptor {
        Acceptor(Arc::clone(&self.current))
    }

    /// Reads the files again whenever they change, until it is dropped. What cannot be used, such as a certificate whose
    /// key is not there yet, leaves the one before in use.
    pub async fn follow(mut self) {
        let mut told = None;
        let mut looks = Periodic::every(LOOK);
        loop {
            looks.next().await;
            // They may be on a disk that is slow.
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            let Ok(read) = read else { continue };
            let error = read.and_then(|pem| self.take(pem)).err().map(|error| error.to_string());
            // Of what stays wrong it is told once.
            if let Some(error) = error.as_ref().filter(|_| error != told) {
                tracing::warn!(error, "the certificate before stays in use");
            }
            told = error;
        }
    }

    fn take(&mut self, pem: Pem) -> Result<(), TlsError> {
        if pem == self.seen {
            return Ok(());
        }
        self.current.store(Arc::new(self.files.server_config(&pem)?));
        self.seen = pem;
        tracing::info!(cert = %self.files.cert.display(), "the certificate was read again");
        Ok(())
    }
}

/// Accepts handshakes.
#[derive(Clone)]
pub struct Acceptor(Arc<ArcSwap<ServerConfig>>);

impl Acceptor {
    /// For one handshake.
    #[must_use]
    pub fn current(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

impl IdentityFiles {
    fn read(&self) -> Result<Pem, TlsError> {
        let read =
            |what, path: &PathBuf| std::fs::read(path).map_err(|error| TlsError::file(what, path, &error));
        Ok(Pem { cert: read("the certificate", &self.cert)?, key: read("the key", &self.key)? })
    }

    fn server_config(&self, pem: &Pem) -> Result<ServerConfig, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem.cert)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::file("the certificate", &self.cert, &error))?;
        if chain.is_empty() {
            return Err(TlsError::file("the certificate", &self.cert, &"it holds none in PEM form"));
        }
        let key = PrivateKeyDer::from_pem_slice(&pem.key)
            .map_err(|error| TlsError::file("the key", &self.key, &error))?;
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Provider)?;
        let mut config = config.with_no_client_auth().with_single_cert(chain, key).map_err(|reason| {
            TlsError::Identity { cert: self.cert.clone(), key: self.key.clone(), reason }
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}
