//! Why the private servers could not be started, with the way out.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use super::hand_over::shown;

/// Why the private servers could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// A server is not installed.
    #[error("{program} is not installed, neither on the PATH nor where packages put it\n{install}")]
    Missing {
        /// The program that was looked for.
        program: &'static str,
        /// How to install it.
        install: &'static str,
    },
    /// A server is installed, but too old.
    #[error("{program} is version {found}; {wanted} or newer is needed\n{install}")]
    TooOld {
        /// Where the program is.
        program: PathBuf,
        /// Its version.
        found: String,
        /// The oldest version that will do.
        wanted: &'static str,
        /// How to install a newer one.
        install: &'static str,
    },
    /// The data was written by a version of Postgres that is no longer installed.
    #[error(
        "{} was written by PostgreSQL {wrote}, which is not installed (found: {found}); \
         install postgresql-{wrote}, upgrade the data with pg_upgrade, or choose another folder",
        for_people(data)
    )]
    OtherMajor {
        /// The folder of the data.
        data: PathBuf,
        /// The major version that wrote it.
        wrote: String,
        /// The major versions installed.
        found: String,
    },
    /// Another process runs its servers on this folder.
    #[error(
        "{} is in use by process {holder}; end that one first, or choose another folder",
        for_people(dir)
    )]
    InUse {
        /// The data folder.
        dir: PathBuf,
        /// The pid of the process that holds the lock.
        holder: String,
    },
    /// We are root, Postgres refuses to be, and there is nobody else.
    #[error(
        "postgres does not run as root, and there is no account `postgres` or `nobody` to run it as; start as another user"
    )]
    NoAccount,
    /// Root gives the whole folder to another account, which may not be done to files of others.
    #[error(
        "{} holds other files too, such as {}; as root, choose a folder of its own",
        for_people(dir),
        for_people(file)
    )]
    Shared {
        /// The folder.
        dir: PathBuf,
        /// One of the files.
        file: PathBuf,
    },
    /// The account that the servers run as cannot get to the data, and this system has no way to hand it over.
    #[error(
        "{folder} cannot be reached by the account with the uid {uid}, which the servers run as; choose a folder outside of private ones, such as /var/tmp/campaign-manager"
    )]
    Unreachable {
        /// The folder.
        folder: PathBuf,
        /// The account's number.
        uid: u32,
    },
    /// A server of a run that was killed is still there and does not end.
    #[error(
        "process {pid}, left behind on {} by a run that was killed, does not end; end it with `kill -9 {pid}`",
        for_people(folder)
    )]
    Orphan {
        /// Its pid.
        pid: i32,
        /// The folder that it works on.
        folder: PathBuf,
    },
    /// Programs of a run that was killed still work in the folder.
    #[error(
        "programs that a killed run has left behind still write to {shown} after {seconds} s; \
         see who they are with `fuser -v {shown}`, end them, and start again",
        shown = for_people(log)
    )]
    LeftBehind {
        /// The log that they hold open.
        log: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The port that the folder's server has had since its first start belongs to another program now.
    #[error(
        "port {port} of 127.0.0.1, where {server} of this folder listens at every start, is taken by another program; \
         end that one (`ss -ltnp 'sport = :{port}'` shows it), or remove {} to have another port chosen",
        for_people(file)
    )]
    PortTaken {
        /// The server.
        server: &'static str,
        /// Its port.
        port: u16,
        /// Where the port is written down.
        file: PathBuf,
    },
    /// A server, or a program that prepares its data, ended by itself.
    #[error("{program} ended by itself ({status}); the end of {}:\n{tail}", for_people(log))]
    Ended {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Where it wrote what it had to say.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// A server runs, but does not become ready.
    #[error("{program} was not ready within {seconds} s; the end of {}:\n{tail}", for_people(log))]
    NotReady {
        /// The program.
        program: &'static str,
        /// How long was waited.
        seconds: u64,
        /// Where it wrote what it had to say.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// The database could not be made.
    #[error("the database could not be made: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// The system refused something.
    #[error("cannot {action} {}: {source}", for_people(path))]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To which file, folder, program or address.
        path: PathBuf,
        /// Why it was refused.
        source: io::Error,
    },
}

impl EmbeddedError {
    /// For `map_err`: what was to be done, and to what.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.into(), source }
    }
}

/// The path as a person knows it, also of a folder that was handed over.
fn for_people(path: &Path) -> String {
    shown(path).display().to_string()
}
