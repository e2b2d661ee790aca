//! Where a test keeps its data: in memory where there is room, else below `target/`.
//!
//! Not for the sake of writing, which the kernel caches anyway: a database is hundreds of files, and ext4 looks at every
//! inode deleted within the last minute, by the tests before, each time it makes a new file.

use std::{fs, path::Path};

use rustix::{
    fs::{Access, access, statvfs},
    io::Errno,
    process::{Pid, test_kill_process},
};
use tempfile::TempDir;

/// A file system in memory that every Linux has.
const MEMORY: &str = "/dev/shm";
/// Containers often have less; then memory is not used. In bytes.
const ROOM: u64 = 1 << 30;
/// Followed by the pid of the test process.
const PREFIX: &str = "campaign-manager-test-";

/// A new folder, removed when dropped.
pub(crate) fn folder() -> TempDir {
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let root = if has_room() { MEMORY } else { env!("CARGO_TARGET_TMPDIR") };
    remove_abandoned(Path::new(root));
    TempDir::with_prefix_in(prefix, root).unwrap()
}

fn has_room() -> bool {
    access(MEMORY, Access::WRITE_OK).is_ok()
        && statvfs(MEMORY).is_ok_and(|memory| memory.f_bavail * memory.f_frsize >= ROOM)
}

/// A test process that was killed could not remove its folders.
fn remove_abandoned(root: &Path) {
    for entry in fs::read_dir(root).unwrap().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        let lives = |pid| test_kill_process(pid) != Err(Errno::SRCH);
        if pid.and_then(Pid::from_raw).is_some_and(|pid| !lives(pid)) {
            // another test may be faster
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
