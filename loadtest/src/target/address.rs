//! Where the server is.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use hyper::header::HeaderValue;

use crate::load::ApiKey;

/// The server that is loaded, and the key that it wants.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    port: u16,
    key: Option<ApiKey>,
}

/// A URL that names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} {complaint}; write it as http://127.0.0.1:8080")]
pub struct InvalidUrl {
    url: String,
    complaint: &'static str,
}

impl FromStr for Target {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        let invalid = |complaint| InvalidUrl { url: url.to_owned(), complaint };
        let uri: Uri = url.parse().map_err(|_| invalid("is not a URL"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(invalid("would need TLS, which this tool does not speak")),
            _ => return Err(invalid("does not begin with http://")),
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(invalid("has more than a host and a port"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("has no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(invalid("has a user name; give an API key with --key"));
        }
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(80), key: None })
    }
}

impl Target {
    /// The same server, to be called with this key.
    #[must_use]
    pub fn with_key(self, key: Option<ApiKey>) -> Self {
        Self { key, ..self }
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
        write!(f, "http://{}", self.authority())
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
        ] {
            assert_eq!(target(url).expect(url).socket(), socket);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (url, reason) in [
            ("127.0.0.1:8080", "http://"),
            ("https://example.org", "TLS"),
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
