//! Where the database is, and how it is connected to: the URL is the server's own `DATABASE_URL`, TLS included.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::EnvFile;
use crate::tls::{self, TlsError};

/// A database, which is only read.
#[derive(Clone)]
pub struct Database {
    config: Config,
    tls: MakeRustlsConnect,
    file: Option<EnvFile>,
}

/// A URL that names no database that could be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabase {
    /// It is no such URL.
    #[error("the database's URL is not of the form postgres://user:password@host:port/database: {0}")]
    Url(#[from] tokio_postgres::Error),
    /// It wants what there is not.
    #[error(
        "sslmode={0} in the database's URL is not supported; use verify-full for an encrypted connection, or disable"
    )]
    SslMode(String),
    /// TLS cannot be used.
    #[error("the database's sslrootcert: {0}")]
    Tls(#[from] TlsError),
}

impl FromStr for Database {
    type Err = InvalidDatabase;

    fn from_str(url: &str) -> Result<Self, InvalidDatabase> {
        let (url, mode) = take_parameter(url, "sslmode");
        let (url, ca) = take_parameter(&url, "sslrootcert");
        let encrypted = match mode.as_deref() {
            None => ca.is_some(),
            Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(other) => return Err(InvalidDatabase::SslMode(other.to_owned())),
        };
        let mut config: Config = url.parse()?;
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        config.application_name("loadtest");
        if config.get_options().is_none() {
            config.options("-c default_transaction_read_only=on");
        }
        let trusted = match ca.as_deref() {
            _ if !encrypted => tls::trusting_nobody()?,
            None | Some("system") => tls::trusting(None)?,
            Some(path) => tls::trusting(Some(Path::new(path)))?,
        };
        let tls = MakeRustlsConnect::new(rustls::ClientConfig::clone(&trusted));
        Ok(Self { config, tls, file: None })
    }
}

impl Database {
    /// The same, whose URL is read again in this file once it cannot be connected to.
    #[must_use]
    pub fn kept_in(self, file: &EnvFile) -> Self {
        Self { file: Some(file.clone()), ..self }
    }

    /// Connects, within `timeout` unless the URL says otherwise; where the file has another one by now, to that.
    pub(super) async fn connect(&mut self, timeout: Duration) -> Result<Client, tokio_postgres::Error> {
        let connected = self.connect_here(timeout).await;
        if connected.is_err() && self.find_again() {
            return self.connect_here(timeout).await;
        }
        connected
    }

    /// Whether the file names another database by now, which then is this one.
    fn find_again(&mut self) -> bool {
        let Some(file) = &self.file else { return false };
        let url = file.read().ok().and_then(|addresses| addresses.database_url);
        match url.and_then(|url| url.parse::<Self>().ok()) {
            Some(found) if found.config != self.config => {
                (self.config, self.tls) = (found.config, found.tls);
                true
            }
            _ => false,
        }
    }

    async fn connect_here(&self, timeout: Duration) -> Result<Client, tokio_postgres::Error> {
        let mut config = self.config.clone();
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(timeout);
        }
        let (client, connection) = Box::pin(config.connect(self.tls.clone())).await?;
        // How the connection ends is told to whoever asks something on it.
        tokio::spawn(async { drop(connection.await) });
        Ok(client)
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

/// The URL without this parameter, which the client does not know, and its value, decoded. Where it is given more than once,
/// the last one counts.
fn take_parameter(url: &str, name: &str) -> (String, Option<String>) {
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
    fn the_servers_own_url_is_understood() {
        let mode = |parameters: &str| {
            let database: Database = format!("postgres://u:p@h/d{parameters}").parse().expect(parameters);
            database.config.get_ssl_mode()
        };
        assert_eq!(mode(""), SslMode::Disable);
        assert_eq!(mode("?sslmode=disable&connect_timeout=3"), SslMode::Disable);
        assert_eq!(mode("?connect_timeout=3"), SslMode::Disable);
    }

    #[test]
    fn what_is_escaped_is_decoded_and_a_question_mark_in_the_password_begins_no_parameter() {
        let refusal = "postgres://u:p@h/d?sslrootcert=/no%20such/c%C3%A4.pem".parse::<Database>();
        let refusal = refusal.expect_err("no file").to_string();
        assert!(refusal.contains("/no such/cä.pem"), "{refusal}");
        let database: Database = "postgres://u:p%3Fq?sslmode=x@h/d?sslmode=dis%61ble".parse().expect("valid");
        assert_eq!(database.config.get_password(), Some(&b"p?q?sslmode=x"[..]));
    }

    #[test]
    fn what_cannot_be_used_is_named_and_the_password_is_not_shown() {
        for (parameters, reason) in [
            ("?sslmode=prefer", "sslmode=prefer"),
            ("?sslrootcert=/no/such.pem", "/no/such.pem"),
            ("?unknown=1", "not of the form"),
        ] {
            let refusal =
                format!("postgres://u:p@h/d{parameters}").parse::<Database>().expect_err(parameters);
            assert!(refusal.to_string().contains(reason), "{refusal}");
        }
        let database: Database = "postgres://u:canary@h/d".parse().expect("valid");
        assert!(!format!("{database:?}").contains("canary"));
    }
}
