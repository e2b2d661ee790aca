//! Finds the servers on this machine: on the PATH, and where Linux distributions and Homebrew put PostgreSQL.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::EmbeddedError;

/// Redis 7.0 brought `SET … NX GET`, which claims are made with.
const OLDEST_REDIS: (&str, u32) = ("7.0", 7);
/// PostgreSQL 14 brought BRIN with bloom operators, which events are looked up by.
const OLDEST_POSTGRES: (&str, u32) = ("14", 14);

const INSTALL_REDIS: &str = "  Debian, Ubuntu:  sudo apt-get install redis-server   (newer ones: https://redis.io/docs/latest/operate/oss_and_stack/install/)\n  macOS:           brew install redis";
const INSTALL_POSTGRES: &str = "  Debian, Ubuntu:  sudo apt-get install postgresql   (newer ones: https://www.postgresql.org/download/)\n  macOS:           brew install postgresql";

/// Folders that hold one folder for each major version of PostgreSQL, and the way from there to its programs.
const POSTGRES_HOMES: [&str; 4] = ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"];

/// The server programs found on this machine.
#[derive(Debug)]
pub struct Binaries {
    pub(super) redis_server: PathBuf,
    /// Newest first, never empty.
    postgres: Vec<PostgresBinaries>,
}

/// One installed version of PostgreSQL.
#[derive(Clone, Debug)]
pub(super) struct PostgresBinaries {
    major: u32,
    version: String,
    dir: PathBuf,
}

impl Binaries {
    /// Looks for both servers; an error says which is missing and how to install it.
    pub fn find() -> Result<Self, EmbeddedError> {
        Ok(Self { redis_server: find_redis()?, postgres: find_postgres()? })
    }

    /// The version of PostgreSQL that new data is made with, as the server tells it.
    #[must_use]
    pub fn postgres_version(&self) -> &str {
        &self.newest_postgres().version
    }

    pub(super) fn newest_postgres(&self) -> &PostgresBinaries {
        self.postgres.first().expect("find_postgres returns at least one")
    }

    /// The version that wrote the cluster in `data`: another major version cannot read it.
    pub(super) fn postgres_for(&self, data: &Path) -> Result<&PostgresBinaries, EmbeddedError> {
        let version_file = data.join("PG_VERSION");
        let wrote = fs::read_to_string(&version_file).map_err(EmbeddedError::io("read", version_file))?;
        let wrote = wrote.trim();
        self.postgres.iter().find(|found| found.major.to_string() == wrote).ok_or_else(|| {
            let found: Vec<_> = self.postgres.iter().map(|found| found.major.to_string()).collect();
            EmbeddedError::OtherMajor { data: data.into(), wrote: wrote.into(), found: found.join(", ") }
        })
    }
}

impl PostgresBinaries {
    pub(super) fn server(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }
}

/// The first program of this name on the PATH.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|program| program.is_file())
}

fn find_redis() -> Result<PathBuf, EmbeddedError> {
    let missing = || EmbeddedError::Missing { program: "redis-server", install: INSTALL_REDIS };
    let program = on_path("redis-server").ok_or_else(missing)?;
    // "Redis server v=7.0.15 sha=…"
    let version = says(&program, |said| said.split_once("v=")?.1.split(' ').next()).ok_or_else(missing)?;
    let (wanted, oldest) = OLDEST_REDIS;
    if major(&version) < Some(oldest) {
        return Err(EmbeddedError::TooOld { program, found: version, wanted, install: INSTALL_REDIS });
    }
    Ok(program)
}

fn find_postgres() -> Result<Vec<PostgresBinaries>, EmbeddedError> {
    let mut found: Vec<PostgresBinaries> = postgres_dirs().into_iter().filter_map(postgres_in).collect();
    found.sort_by_key(|postgres| std::cmp::Reverse(postgres.major));
    let newest =
        found.first().ok_or(EmbeddedError::Missing { program: "postgres", install: INSTALL_POSTGRES })?;
    let (wanted, oldest) = OLDEST_POSTGRES;
    if newest.major < oldest {
        let (program, found) = (newest.server(), newest.version.clone());
        return Err(EmbeddedError::TooOld { program, found, wanted, install: INSTALL_POSTGRES });
    }
    Ok(found)
}

fn postgres_dirs() -> BTreeSet<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path);
    let packaged = POSTGRES_HOMES
        .iter()
        .filter_map(|home| fs::read_dir(home).ok())
        .flat_map(|versions| versions.flatten().map(|version| version.path().join("bin")));
    // the PATH often holds links to one that is found as a package too
    let dirs = on_path
        .chain(packaged)
        .filter_map(|dir| dir.join("initdb").canonicalize().ok()?.parent().map(Path::to_owned));
    dirs.collect()
}

fn postgres_in(dir: PathBuf) -> Option<PostgresBinaries> {
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    let version = says(&dir.join("postgres"), |said| said.split_once("(PostgreSQL) ")?.1.split(' ').next())?;
    Some(PostgresBinaries { major: major(&version)?, version, dir })
}

/// What `read` finds in the answer to `--version`.
fn says(program: &Path, read: impl Fn(&str) -> Option<&str>) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    read(String::from_utf8_lossy(&output.stdout).trim()).map(str::to_owned)
}

/// The leading number: 15 of "15.18", 18 of "18beta1".
fn major(version: &str) -> Option<u32> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_the_leading_number() {
        assert_eq!(major("15.18"), Some(15));
        assert_eq!(major("18beta1"), Some(18));
        assert_eq!(major("unknown"), None);
    }
}
