//! What a person can do about a failed handshake.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::{CertificateError, Error as Failure};

/// What to do, where `error`, or what caused it, is a failed handshake with a server.
#[must_use]
pub fn advice(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(failure) = failure(cause) {
            return Some(of(failure));
        }
        next = cause.source();
    }
    None
}

/// The failure of TLS that `error` is, or holds.
fn failure<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Failure> {
    // The two forms in which clients wrap it, without naming it as the source.
    if let Some(shared) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return failure(&**shared);
    }
    if let Some(io) = error.downcast_ref::<io::Error>() {
        return io.get_ref().and_then(|inner| failure(inner));
    }
    error.downcast_ref()
}

fn of(failure: &Failure) -> String {
    use CertificateError as Bad;
    match failure {
        // Of another CA with the same name, the signature is wrong.
        Failure::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "no CA that is trusted here has issued the server's certificate; if it is your own CA, name its file with sslrootcert=PATH in the URL".to_owned()
        }
        Failure::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "the server's certificate has expired; renew it (and check this machine's clock)".to_owned()
        }
        Failure::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "the server's certificate is not valid yet; check the clocks of both machines".to_owned()
        }
        Failure::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => format!(
            "the server's certificate is for another host; use a name in the URL that is in the certificate ({failure})"
        ),
        Failure::InvalidCertificate(_) => format!("the server's certificate cannot be verified: {failure}"),
        Failure::InvalidMessage(_) => {
            "the server does not speak TLS on this port; check the port, or use a URL without TLS".to_owned()
        }
        Failure::AlertReceived(_) => format!(
            "the server broke off the handshake ({failure}); if it wants certificates of its clients, that is not supported"
        ),
        _ => format!("the handshake failed: {failure}"),
    }
}
