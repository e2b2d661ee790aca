//! What root does before it becomes somebody without rights: it gives the data folder away, and keeps a way to it.
//!
//! Below a private folder such as /root that account cannot walk to it. Linux leads there without a walk, by an open descriptor:
//! `/proc/self/fd/9`.

use std::{
    fs::{self, File},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use super::{
    EmbeddedError,
    account::Account,
    data_dir::{give, owner, refuse_shared},
    home::can_walk_to,
};

/// Below it an open folder of this process is found by the number of its descriptor.
const OPEN: &str = "/proc/self/fd";

/// Gives the folder to the account that this process is to become, and says by which path that finds it: none where this process
/// is not root. Whoever owns the database already stays its owner.
pub fn hand_over(dir: &Path) -> Result<Option<(Account, PathBuf)>, EmbeddedError> {
    let Some(account) = Account::to_drop_to()? else { return Ok(None) };
    fs::create_dir_all(dir).map_err(EmbeddedError::io("make the folder", dir))?;
    let path = dir.canonicalize().map_err(EmbeddedError::io("find", dir))?;
    let account = owner(&path.join("postgres")).unwrap_or(account);
    refuse_shared(&path)?;
    for entry in fs::read_dir(&path).map_err(EmbeddedError::io("read", &path))?.flatten() {
        give(&entry.path(), account)?;
    }
    give(&path, account)?;
    if can_walk_to(&path, account) {
        return Ok(Some((account, path)));
    }
    if !Path::new(OPEN).exists() {
        return Err(EmbeddedError::Unreachable { folder: path, uid: account.uid });
    }
    let folder = File::open(&path).map_err(EmbeddedError::io("open", &path))?;
    let open = Path::new(OPEN).join(folder.as_raw_fd().to_string());
    // It stays open for as long as the process lives.
    std::mem::forget(folder);
    Ok(Some((account, open)))
}

/// Whether this path leads to a folder that was handed over.
pub(super) fn is_handed_over(path: &Path) -> bool {
    path.starts_with(OPEN)
}

/// The path for people.
#[must_use]
pub fn shown(path: &Path) -> PathBuf {
    let mut parts = path.strip_prefix(OPEN).ok().into_iter().flatten();
    let Some(folder) = parts.next().and_then(|number| fs::read_link(Path::new(OPEN).join(number)).ok())
    else {
        return path.to_owned();
    };
    parts.fold(folder, |path, part| path.join(part))
}
