//! A server's log, which also tells whether anybody of an earlier run still works in the server's folder.
//!
//! Every program that is started for a server writes its errors to the log, and so does whatever that program starts:
//! they all inherit the one open file. A lock on that open file is held until the last of them has ended, by whatever
//! means. A pid file could not tell of an `initdb`, nor of the `postgres` that it runs.

use std::{
    fs::{File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{EmbeddedError, data_dir::PRIVATE_FILE};

/// How much of the log an error shows, in bytes.
const TAIL: u64 = 2048;

/// The open log of a server.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    /// Where the part of the last start begins.
    start: u64,
}

impl Log {
    /// Opens the log, which is made where it does not exist. It speaks of rows too, so its owner alone may read it.
    pub(super) fn open(path: PathBuf) -> Result<Self, EmbeddedError> {
        let open = OpenOptions::new().create(true).append(true).mode(PRIVATE_FILE).open(&path);
        let file = open.map_err(EmbeddedError::io("open", &path))?;
        // One that an earlier release has made could be read by everybody.
        file.set_permissions(Permissions::from_mode(PRIVATE_FILE))
            .map_err(EmbeddedError::io("make private", &path))?;
        Ok(Self { path, file, start: 0 })
    }

    /// Locks it, for this process and all who are given [`Self::begin`]. `false`: programs of another run hold it.
    pub(super) fn take(&mut self) -> Result<bool, EmbeddedError> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(EmbeddedError::io("lock", &self.path)(source)),
        }
    }

    /// For a program that is started now to write to.
    pub(super) fn begin(&mut self) -> Result<File, EmbeddedError> {
        let mut begin = || -> io::Result<File> {
            self.start = self.file.seek(SeekFrom::End(0))?;
            self.file.try_clone()
        };
        begin().map_err(EmbeddedError::io("open", &self.path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines since [`Self::begin`].
    pub(super) fn tail(&self) -> String {
        let read = || {
            let mut log = File::open(&self.path).ok()?;
            let from = self.start.max(log.metadata().ok()?.len().saturating_sub(TAIL));
            log.seek(SeekFrom::Start(from)).ok()?;
            let mut tail = Vec::new();
            log.read_to_end(&mut tail).ok()?;
            Some(String::from_utf8_lossy(&tail).into_owned())
        };
        read().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_program_that_outlives_its_run_holds_the_log_until_it_ends_and_so_do_those_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let mut first = Log::open(path.clone()).unwrap();
        assert!(first.take().unwrap());
        // `cat` ends with its input, its parent at once
        let mut parent = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 >&2 & exit 0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(first.begin().unwrap())
            .spawn()
            .unwrap();
        let input = parent.stdin.take().unwrap();
        assert!(parent.wait().unwrap().success());
        drop(first);

        let mut next = Log::open(path).unwrap();
        assert!(!next.take().unwrap(), "a program of the first run still writes to it");
        drop(input);
        while !next.take().unwrap() {
            std::thread::yield_now();
        }
    }
}
