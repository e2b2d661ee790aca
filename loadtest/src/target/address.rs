//! Where the server is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use rustls::ClientConfig;

use crate::load::ApiKey;
use crate::tls::{self, TlsError};

/// The server that is loaded, and the key that it wants.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    port: u16,
    scheme: Scheme,
    key: Option<ApiKey>,
}

#[derive(Clone, Debug)]
enum Scheme {
    Http,
    /// With what verifies the server's certificate.
    Https(Option<Arc<ClientConfig>>),
}

/// A URL that names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} {complaint}; write it as http://127.0.0.1:8080 or https://example.org")]
pub struct InvalidUrl {
    url: String,
    complaint: &'static str,
}

impl FromStr for Target {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        let invalid = |complaint| InvalidUrl { url: url.to_owned(), complaint };
        let uri: Uri = url.parse().map_err(|_| invalid("is not a URL"))?;
        let (scheme, usual_port) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, 80),
            Some("https") => (Scheme::Https(None), 443),
            _ => return Err(invalid("does not begin with http:// or https://")),
        };
        if uri.path() != "/" || uri.query().is_some() {
            return Err(invalid("has more than a host and a port"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("has no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(invalid("has a user name; give an API key with --key"));
        }
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(usual_port), scheme, key: None })
    }
}

impl Target {
    /// The same server, to be called with this key.
    #[must_use]
    pub fn with_key(self, key: Option<ApiKey>) -> Self {
        Self { key, ..self }
    }

    /// Whether it is called with TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        matches!(self.scheme, Scheme::Https(_))
    }

    /// The same server, to be called with TLS by this client.
    #[must_use]
    pub fn trusting(self, client: Arc<ClientConfig>) -> Self {
        Self { scheme: Scheme::Https(Some(client)), ..self }
    }

    /// What verifies the server's certificate, if it is called with TLS: unless it was said otherwise, whom the system
    /// trusts.
    pub(super) fn tls(&self) -> Result<Option<Arc<ClientConfig>>, TlsError> {
        match &self.scheme {
            Scheme::Http => Ok(None),
            Scheme::Https(Some(client)) => Ok(Some(Arc::clone(client))),
            Scheme::Https(None) => tls::trusting(None).map(Some),
        }
    }

    /// Host and port, as a socket wants them.
    pub(super) fn socket(&self) -> (&str, u16) {
        (self.host.trim_start_matches('[').trim_end_matches(']'), self.port)
    }

    /// Host and port, as the header `Host` wants them.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What the header `Authorization` is to be.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.key.as_ref()?.expose())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure() { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, InvalidUrl> {
        url.parse()
    }

    #[test]
    fn host_and_port_are_read() {
        for (url, socket) in [
            ("http://127.0.0.1:8080", ("127.0.0.1", 8080)),
            ("http://example.org/", ("example.org", 80)),
            ("http://[::1]:9000", ("::1", 9000)),
            ("https://example.org", ("example.org", 443)),
            ("https://127.0.0.1:8443", ("127.0.0.1", 8443)),
        ] {
            let target = target(url).expect(url);
            assert_eq!(target.socket(), socket);
            assert_eq!(target.is_secure(), url.starts_with("https"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (url, reason) in [
            ("127.0.0.1:8080", "http://"),
            ("ftp://example.org", "https://"),
            ("http://example.org/events", "more than a host"),
            ("http://cmk_x@example.org", "--key"),
            ("http://exa mple", "not a URL"),
        ] {
            let refusal = target(url).expect_err(url).to_string();
            assert!(refusal.contains(reason), "{refusal}");
        }
    }

    #[test]
    fn the_key_is_sent_and_not_shown() {
        let target = target("http://localhost").expect("valid").with_key(Some(ApiKey::new("canary".into())));
        assert_eq!(target.authorization().expect("a key"), "Bearer canary");
        assert!(!format!("{target:?} {target} {:?}", target.authorization()).contains("canary"));
    }
}
