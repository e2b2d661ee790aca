//! Whom a process that root has started becomes. Postgres refuses to run as root, and nobody who parses HTTP should: so root hands
//! everything to an account without rights, and becomes that account itself.

use std::{fmt, fs, io};

#[cfg(target_os = "linux")]
use rustix::{
    process::{Gid, Uid},
    thread,
};

use super::EmbeddedError;

/// Where systems list their own accounts, one a line.
const ACCOUNTS: &str = "/etc/passwd";

/// The accounts to run the servers as, the better first.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// An account without rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

impl Account {
    /// The account to drop to: none unless this process is root.
    pub fn to_drop_to() -> Result<Option<Self>, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string(ACCOUNTS).map_err(EmbeddedError::io("read", ACCOUNTS))?;
        CANDIDATES
            .into_iter()
            .find_map(|name| named(name, &accounts))
            .map(Some)
            .ok_or(EmbeddedError::NoAccount)
    }

    /// Has this thread become the account, for good and without any of root's groups. Threads that it starts from then on are
    /// the account's too, so it is the first that a process does.
    #[cfg(target_os = "linux")]
    pub fn enter(self) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        thread::set_thread_groups(&[])?;
        thread::set_thread_res_gid(gid, gid, gid)?;
        Ok(thread::set_thread_res_uid(uid, uid, uid)?)
    }

    /// There is no way to it here.
    #[cfg(not(target_os = "linux"))]
    pub fn enter(self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The account of this name among lines of `name:password:uid:gid:…`.
fn named(name: &str, accounts: &str) -> Option<Account> {
    let line = accounts.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let mut ids = line.split(':').skip(1).map(id);
    Some(Account { uid: ids.next()??, gid: ids.next()?? })
}

/// macOS writes the ids of `nobody` as -2.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| text.parse().ok().map(i32::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/bash\n\
        nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n\
        postgres2:x:7:7::/:/bin/sh\n\
        postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash\n";

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let account = Account { uid: 101, gid: 104 };
        assert_eq!(named("postgres", ACCOUNTS), Some(account));
        assert_eq!(named("daemon", ACCOUNTS), None);
    }

    #[test]
    fn negative_ids_are_the_large_ones_that_they_stand_for() {
        let account = Account { uid: 4_294_967_294, gid: 4_294_967_294 };
        assert_eq!(named("nobody", ACCOUNTS), Some(account));
    }
}
