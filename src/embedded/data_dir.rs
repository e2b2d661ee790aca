//! The folder that holds everything the servers keep, with the lock that gives it to one process at a time.

use std::{
    fmt,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, lchown},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use super::{
    EmbeddedError,
    account::Account,
    hand_over::{is_handed_over, shown},
    home::Home,
};

/// How long a lock may outlive the killed process that took it: a program that was just being started has it until it is
/// that program.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks at whether the lock is free.
const HAND_OVER_LOOK: Duration = Duration::from_millis(5);

/// An open data folder. The lock goes with it, and with the process, however that ends.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    account: Option<Account>,
    password: Password,
    _lock: File,
}

impl DataDir {
    /// Makes the folder where it does not exist, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, EmbeddedError> {
        fs::create_dir_all(path).map_err(EmbeddedError::io("make the folder", path))?;
        // the servers change their working folder, so a relative path would lead them elsewhere
        let path = if is_handed_over(path) {
            path.to_owned()
        } else {
            path.canonicalize().map_err(EmbeddedError::io("find", path))?
        };
        let lock = lock(&path)?;
        let password = Password::of(&path)?;
        let account = Account::to_drop_to()?;
        make_private(&path, account)?;
        Ok(Self { path, account, password, _lock: lock })
    }

    /// The password of both servers.
    pub(super) fn password(&self) -> &Password {
        &self.password
    }

    /// The folder that `server` owns.
    pub(super) fn home(&self, server: &str) -> Result<Home, EmbeddedError> {
        Home::open(self.path.join(server), self.account)
    }

    /// Where the port of `server` is written down.
    pub(super) fn port(&self, server: &str) -> PathBuf {
        self.path.join(server).with_extension("port")
    }

    /// Where `server` says what it has to say.
    pub(super) fn log(&self, server: &str) -> PathBuf {
        self.path.join(server).with_extension("log")
    }
}

/// For its owner alone.
pub(super) const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// What may be in the folder.
const OURS: [&str; 7] = ["redis", "postgres", "lock", "password", "password.new", "run.env", "pgpass"];

/// Whom a folder belongs to, unless it is root's.
pub(super) fn owner(folder: &Path) -> Option<Account> {
    let folder = fs::metadata(folder).ok()?;
    Some(Account { uid: folder.uid(), gid: folder.gid() }).filter(|owner| owner.uid != 0)
}

/// Keeps everybody out of the folder but its owner, who is whom the servers run as. One that others have put files in stays as it is.
fn make_private(dir: &Path, account: Option<Account>) -> Result<(), EmbeddedError> {
    if let Some(file) = stranger(dir)? {
        tracing::warn!(dir = %shown(dir).display(), file = %shown(&file).display(), "the folder holds other files, so others may look into it");
        return Ok(());
    }
    fs::set_permissions(dir, Permissions::from_mode(PRIVATE_FOLDER))
        .map_err(EmbeddedError::io("make private", dir))?;
    account.map_or(Ok(()), |account| give(dir, account))
}

/// A folder is given away whole, so nothing of others may be in it.
pub(super) fn refuse_shared(dir: &Path) -> Result<(), EmbeddedError> {
    stranger(dir)?.map_or(Ok(()), |file| Err(EmbeddedError::Shared { dir: dir.into(), file }))
}

/// A file that is none of ours.
fn stranger(dir: &Path) -> Result<Option<PathBuf>, EmbeddedError> {
    let entries = fs::read_dir(dir).map_err(EmbeddedError::io("read", dir))?;
    Ok(entries.flatten().map(|entry| entry.path()).find(|path| !is_ours(path)))
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    OURS.contains(&name)
        || path.extension().is_some_and(|ending| ["log", "port", "new"].iter().any(|known| ending == *known))
}

/// Gives a file or a folder to an account. A link is not followed, and what has a second name is left alone: whoever has the
/// folder could otherwise be given any file of root's.
pub(super) fn give(path: &Path, account: Account) -> Result<(), EmbeddedError> {
    let found = fs::symlink_metadata(path).map_err(EmbeddedError::io("read", path))?;
    if !found.is_dir() && found.nlink() > 1 {
        return Ok(());
    }
    lchown(path, Some(account.uid), Some(account.gid)).map_err(EmbeddedError::io("give away", path))
}

/// Makes sure that no living process has the folder. Makes nothing, not even the folder.
pub fn refuse_in_use(dir: &Path) -> Result<(), EmbeddedError> {
    if dir.join("lock").exists() { lock(dir).map(drop) } else { Ok(()) }
}

fn lock(dir: &Path) -> Result<File, EmbeddedError> {
    let path = dir.join("lock");
    let open =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE).open(&path);
    let mut file = open.map_err(EmbeddedError::io("open", &path))?;
    let give_up = Instant::now() + HAND_OVER_LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(EmbeddedError::io("lock", path)(source)),
        }
        let holder = fs::read_to_string(&path).unwrap_or_default();
        let holder = holder.trim();
        if lives(holder) || Instant::now() >= give_up {
            return Err(EmbeddedError::InUse { dir: dir.into(), holder: holder.into() });
        }
        thread::sleep(HAND_OVER_LOOK);
    }
    // the pid is for the message above only; what counts is the lock
    file.set_permissions(Permissions::from_mode(PRIVATE_FILE))
        .and_then(|()| file.set_len(0))
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(EmbeddedError::io("write to", path))?;
    Ok(file)
}

/// Whether the process with this pid is there.
fn lives(pid: &str) -> bool {
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// The random password of a data folder.
pub(super) struct Password(String);

impl Password {
    /// The one kept in `dir`, which is made the first time.
    fn of(dir: &Path) -> Result<Self, EmbeddedError> {
        let path = dir.join("password");
        match fs::read_to_string(&path) {
            Ok(password) => return Ok(Self(password)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(EmbeddedError::io("read", path)(error)),
        }
        let password = Self(format!("{:032x}", rand::random::<u128>()));
        // written aside and renamed, so that a run killed here leaves no half of a password
        let aside = dir.join("password.new");
        write_private(&aside, password.reveal())?;
        fs::rename(&aside, &path).map_err(EmbeddedError::io("rename", aside))?;
        Ok(password)
    }

    /// For a server's configuration or address; never for a log.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), EmbeddedError> {
    // one left by a run that was killed may belong to another account
    let _ = fs::remove_file(path);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(EmbeddedError::io("write", path))
}
