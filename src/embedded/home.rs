//! A server's own folder, and the command line that starts a program in it.
//!
//! Root hands the servers to an account without rights, which cannot walk to a folder below a private one such as
//! /root. Linux then gets the folder itself handed over, as an open descriptor: `/proc/self/fd/9` leads to it without a
//! walk. (Changing to the folder first would not do: postgres finds itself by changing to another and back.)

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    EmbeddedError, account::Account, binaries::on_path, data_dir::write_private, hand_over::is_handed_over,
};

/// Where the folder is for a server that has it handed over.
const HANDED_OVER: &str = "/proc/self/fd/9";
/// Takes the folder from stdin, where `Command` can put it, out of the way of programs that use stdin themselves.
const TAKE_OVER: &str = r#"exec 9<&0 </dev/null "$@""#;

/// A folder that is owned by the account its server runs as.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    account: Option<Account>,
    handed_over: bool,
}

impl Home {
    /// Makes the folder where it does not exist. One that belongs to somebody without rights already stays with them,
    /// and root runs the server as them; else it goes to `account`.
    pub(super) fn open(path: PathBuf, account: Option<Account>) -> Result<Self, EmbeddedError> {
        fs::create_dir_all(&path).map_err(EmbeddedError::io("make the folder", &path))?;
        let folder = fs::metadata(&path).map_err(EmbeddedError::io("read", &path))?;
        let owner = Account { uid: folder.uid(), gid: folder.gid() };
        let account = account.map(|account| if owner.uid == 0 { account } else { owner });
        fs::set_permissions(&path, Permissions::from_mode(0o700))
            .map_err(EmbeddedError::io("make private", &path))?;
        let mut handed_over = is_handed_over(&path);
        if let Some(account) = account {
            chown(&path, Some(account.uid), Some(account.gid))
                .map_err(EmbeddedError::io("give away", &path))?;
            handed_over = !can_walk_to(&path, account);
            if handed_over && !Path::new(HANDED_OVER).parent().is_some_and(Path::exists) {
                return Err(EmbeddedError::Unreachable { folder: path, uid: account.uid });
            }
        }
        Ok(Self { path, account, handed_over })
    }

    /// Where `file` in the folder is for this process.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.path.join(file)
    }

    /// Where `file` in the folder is for a program started by [`Self::command`].
    pub(super) fn inside(&self, file: &str) -> OsString {
        if self.handed_over { Path::new(HANDED_OVER).join(file).into() } else { self.path.join(file).into() }
    }

    /// Writes a file that only the server can read.
    pub(super) fn write(&self, file: &str, text: &str) -> Result<(), EmbeddedError> {
        let path = self.path(file);
        write_private(&path, text)?;
        if let Some(account) = self.account {
            chown(&path, Some(account.uid), Some(account.gid))
                .map_err(EmbeddedError::io("give away", path))?;
        }
        Ok(())
    }

    /// A command that runs `program` as the folder's account, sends it the signal `on_death` ("TERM") when this process
    /// dies, and keeps it out of reach of the terminal's Ctrl-C: servers end after the drain.
    pub(super) fn command(&self, program: PathBuf, on_death: &str) -> Result<Command, EmbeddedError> {
        let mut words: Vec<OsString> = Vec::new();
        if self.handed_over {
            words.extend(["sh", "-c", TAKE_OVER, "sh"].map(OsString::from));
        }
        words.extend(death_signal(on_death));
        words.push(program.into());

        let mut words = words.into_iter();
        let mut command = Command::new(words.next().expect("the program was pushed"));
        command.args(words).env("LC_ALL", "C").current_dir("/").process_group(0);
        if let Some(account) = self.account {
            // std clears the supplementary groups too when root changes the uid
            command.uid(account.uid).gid(account.gid);
        }
        if self.handed_over {
            command.stdin(File::open(&self.path).map_err(EmbeddedError::io("open", &self.path))?);
        } else {
            command.stdin(Stdio::null());
        }
        Ok(command)
    }
}

/// The prefix that has the kernel signal the program when the thread that started it ends. Only Linux has it; elsewhere
/// the next start ends what a killed run left behind.
fn death_signal(signal: &str) -> Vec<OsString> {
    let Some(setpriv) = on_path("setpriv").filter(|_| cfg!(target_os = "linux")) else { return Vec::new() };
    vec![setpriv.into(), "--pdeathsig".into(), signal.into(), "--".into()]
}

/// Whether every folder above `path` lets the account pass. Only the mode counts: where an access list says more, the
/// folder is handed over without need, which does no harm.
pub(super) fn can_walk_to(path: &Path, account: Account) -> bool {
    path.ancestors().skip(1).all(|folder| {
        fs::metadata(folder).is_ok_and(|folder| may_pass(folder.mode(), folder.uid(), folder.gid(), account))
    })
}

fn may_pass(mode: u32, uid: u32, gid: u32, account: Account) -> bool {
    let search = if uid == account.uid {
        0o100
    } else if gid == account.gid {
        0o010
    } else {
        0o001
    };
    mode & search != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Account = Account { uid: 101, gid: 104 };

    #[test]
    fn a_private_folder_of_another_stops_the_account() {
        assert!(!may_pass(0o700, 0, 0, ACCOUNT));
        assert!(may_pass(0o755, 0, 0, ACCOUNT));
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        assert!(may_pass(0o700, 101, 0, ACCOUNT));
        assert!(may_pass(0o710, 0, 104, ACCOUNT));
        assert!(!may_pass(0o701, 0, 104, ACCOUNT));
    }
}
