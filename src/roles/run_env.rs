//! `DIR/run.env`: where everything of a running `up` is, for programs that are to be pointed at it. It holds passwords, so only its
//! owner can read it; `psql` finds its password in `DIR/pgpass` and `redis-cli` in the environment, since everybody sees what stands
//! behind a flag.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::Addresses;
use crate::embedded::shown;

const RUN_ENV: &str = "run.env";
const PGPASS: &str = "pgpass";

/// The folder that the file lies in.
#[derive(Debug)]
pub struct RunEnv {
    folder: PathBuf,
    /// Its path for others.
    shown: PathBuf,
}

impl RunEnv {
    /// The file in this folder.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let shown = match shown(folder) {
            shown if shown == folder => folder.canonicalize()?,
            shown => shown,
        };
        Ok(Self { folder: folder.to_owned(), shown })
    }

    /// Where the file is, for people.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.shown.join(RUN_ENV)
    }

    /// Writes the file, and that of the password.
    pub fn write(&self, addresses: &Addresses) -> io::Result<()> {
        let database = Database::of(addresses.urls.database_url.expose());
        if let Some(database) = &database {
            self.put(PGPASS, &database.pgpass())?;
        }
        self.put(RUN_ENV, &self.text(addresses, database.as_ref()))
    }

    /// Removes the file, which is true only while the servers run. It may be missing, where the start has failed.
    pub fn remove(&self) {
        for file in [RUN_ENV, PGPASS] {
            let _ = fs::remove_file(self.folder.join(file));
        }
    }

    fn text(&self, addresses: &Addresses, database: Option<&Database>) -> String {
        let Addresses { urls, http, admin, .. } = addresses;
        let mut text =
            format!("DATABASE_URL={}\nREDIS_URL={}\n", urls.database_url.expose(), urls.redis_url.expose());
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            writeln!(text, "{name}={value}").expect("writing to a string cannot fail");
        };
        for (name, addr) in [("HTTP_ADDR", http), ("ADMIN_ADDR", admin)] {
            if let Some(addr) = addr {
                line(name, addr);
            }
        }
        if let Some(Database { host, port, user, name, .. }) = database {
            line("PGHOST", host);
            line("PGPORT", port);
            line("PGUSER", user);
            line("PGDATABASE", name);
            line("PGPASSFILE", &quoted(&self.shown.join(PGPASS).to_string_lossy()));
        }
        if let Some((address, password)) = redis_of(urls.redis_url.expose()) {
            line("REDIS_ADDR", &address);
            line("REDISCLI_AUTH", &password);
        }
        text
    }

    /// Whoever waits for a file must not find half of it.
    fn put(&self, file: &str, text: &str) -> io::Result<()> {
        let new = self.folder.join(format!("{file}.new"));
        // one left by a run that was killed may belong to another account
        let _ = fs::remove_file(&new);
        let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        written.write_all(text.as_bytes())?;
        fs::rename(new, self.folder.join(file))
    }
}

/// The address and the password in the URL of a private Redis.
fn redis_of(url: &str) -> Option<(&str, &str)> {
    let (userinfo, rest) = url.split_once("://")?.1.split_once('@')?;
    Some((rest.split('/').next()?, userinfo.split_once(':')?.1))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    if word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A database as `psql` and its relatives are told of it.
struct Database {
    host: String,
    port: u16,
    user: String,
    password: String,
    name: String,
}

impl Database {
    /// What a private server's URL says; it says all of it.
    fn of(url: &str) -> Option<Self> {
        let config = Config::from_str(url).ok()?;
        let Host::Tcp(host) = config.get_hosts().first()? else { return None };
        Some(Self {
            host: host.clone(),
            port: *config.get_ports().first()?,
            user: config.get_user()?.to_owned(),
            password: String::from_utf8(config.get_password()?.to_vec()).ok()?,
            name: config.get_dbname()?.to_owned(),
        })
    }

    /// The line of a password file.
    fn pgpass(&self) -> String {
        let Self { host, port, user, password, .. } = self;
        format!("{host}:{port}:*:{user}:{password}\n")
    }
}
