//! The private Postgres.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Config, Connection, NoTls, Socket, error::SqlState, tls::NoTlsStream};

use super::{
    Binaries, EmbeddedError, Profile,
    binaries::PostgresBinaries,
    data_dir::DataDir,
    port::Port,
    server::{Kind, Server, Told},
};

static KIND: Kind = Kind {
    name: "postgres",
    process: "postgres",
    pid_file: "data/postmaster.pid",
    works_in: CLUSTER,
    // fast shutdown: open transactions are rolled back, then a checkpoint
    on_death: "INT",
    stop: &[(Signal::INT, Duration::from_secs(30)), (Signal::QUIT, Duration::from_secs(10))],
    // immediate shutdown: as a crash, but with its children taken along
    at_once: Signal::QUIT,
};

const CLUSTER: &str = "data";
/// A cluster in the making; renamed when it is whole.
const UNFINISHED: &str = "data.new";
const PASSWORD: &str = "password";
/// The name of both the database and its owner.
const DATABASE: &str = "campaigns";
/// `upper`, `~*` and the like know all of Unicode; everything else sorts and compares bytes.
const CHARACTERS: &str = if cfg!(target_os = "macos") { "UTF-8" } else { "C.UTF-8" };
/// The children of a postgres that was killed notice it soon.
const ORPHANS_LEAVE: Duration = Duration::from_secs(10);

/// A postgres of our own, with the database `campaigns`.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    program: PathBuf,
    settings: &'static [&'static str],
    address: Config,
    url: String,
    port: Port,
}

impl Postgres {
    pub(super) async fn launch(
        binaries: &Binaries,
        data: &DataDir,
        profile: Profile,
    ) -> Result<Self, EmbeddedError> {
        let mut server = Server::new(&KIND, data).await?;
        let password = data.password().reveal();
        let cluster = server.home().path(CLUSTER);
        if !cluster.exists() {
            create_cluster(&mut server, binaries.newest_postgres(), password, profile).await?;
        }
        let port = server.port(data, profile)?;
        let mut address = Config::new();
        address.host("127.0.0.1").port(port.number()).user(DATABASE).password(password).dbname(DATABASE);
        let mut postgres = Self {
            program: binaries.postgres_for(&cluster)?.server(),
            settings: settings(profile),
            url: format!("postgres://{DATABASE}:{password}@127.0.0.1:{}/{DATABASE}", port.number()),
            server,
            address,
            port,
        };
        postgres.start().await?;
        let database = ensure_database(&postgres.address).await?;
        on(database, PACK_WITH_LZ4).await?;
        Ok(postgres)
    }

    /// Starts it again, after [`Postgres::stop`] or [`Postgres::kill`], on the same port and data.
    pub async fn start(&mut self) -> Result<(), EmbeddedError> {
        let give_up = Instant::now() + ORPHANS_LEAVE;
        loop {
            self.server.spawn(self.program.clone(), self.args())?;
            let pid_file = self.server.home().path(KIND.pid_file);
            match self.server.until_ready(async |pid| told(&pid_file, pid)).await {
                Err(EmbeddedError::Ended { tail, .. })
                    if tail.contains("is still in use") && Instant::now() < give_up =>
                {
                    sleep(Duration::from_millis(20)).await;
                }
                started => return started,
            }
        }
    }

    fn args(&self) -> Vec<OsString> {
        let mut args = vec!["-D".into(), self.server.home().inside(CLUSTER)];
        args.extend(["-p".into(), self.port.number().to_string().into()]);
        for setting in SETTINGS.iter().chain(self.settings) {
            args.extend(["-c".into(), setting.into()]);
        }
        args
    }

    /// Its address, password included.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it in good order: open transactions are rolled back, and the next start has nothing to recover.
    pub async fn stop(&mut self) {
        self.server.stop().await;
    }

    /// Ends it with SIGKILL.
    pub async fn kill(&mut self) {
        self.server.kill().await;
    }

    /// Waits until it has ended without having been asked to.
    pub async fn failed(&self) -> EmbeddedError {
        self.server.failed().await
    }
}

/// What every private Postgres runs with, sized for a small machine.
const SETTINGS: [&str; 13] = [
    "listen_addresses=127.0.0.1",
    // nobody needs a socket file, and its path may be too long for one
    "unix_socket_directories=",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    // the details of an error show the row that was refused, and rows hold personal data
    "log_error_verbosity=terse",
    "shared_buffers=256MB",
    // events are written once and rarely read: few and even checkpoints
    "max_wal_size=2GB",
    "checkpoint_timeout=15min",
    // pages go to the disk soon after they were filled: left to the kernel, and to the end of a checkpoint, hundreds of
    // megabytes go at once, and every commit waits behind them
    "bgwriter_delay=50ms",
    "bgwriter_lru_maxpages=1000",
    "bgwriter_lru_multiplier=4",
    // compiling a query costs more than the short ones we have
    "jit=off",
];

fn settings(profile: Profile) -> &'static [&'static str] {
    match profile {
        Profile::Durable(_) => &["wal_compression=on"],
        // a commit still reaches the kernel before it is answered, so that a killed server loses nothing
        Profile::Throwaway => &["fsync=off", "full_page_writes=off"],
    }
}

async fn create_cluster(
    server: &mut Server,
    binaries: &PostgresBinaries,
    password: &str,
    profile: Profile,
) -> Result<(), EmbeddedError> {
    let home = server.home();
    let unfinished = home.path(UNFINISHED);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(EmbeddedError::io("remove", &unfinished))?;
    }
    home.write(PASSWORD, password)?;
    let mut args = vec!["--pgdata".into(), home.inside(UNFINISHED), "--pwfile".into(), home.inside(PASSWORD)];
    args.extend(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"].map(OsString::from));
    args.extend([format!("--username={DATABASE}").into(), format!("--lc-ctype={CHARACTERS}").into()]);
    if profile == Profile::Throwaway {
        args.extend(["--no-sync", "--wal-segsize=1"].map(OsString::from));
    }
    server.spawn(binaries.initdb(), args)?;
    server.until_done().await?;

    let home = server.home();
    let password = home.path(PASSWORD);
    fs::remove_file(&password).map_err(EmbeddedError::io("remove", password))?;
    fs::rename(&unfinished, home.path(CLUSTER)).map_err(EmbeddedError::io("rename", unfinished))
}

/// The postmaster writes its state to the eighth line of its pid file. "ready" there, under the pid of our child, means
/// that our child listens on its port, and so nobody else.
fn told(pid_file: &Path, pid: Pid) -> Told {
    let Ok(text) = fs::read_to_string(pid_file) else { return Told::Nothing };
    let mut lines = text.lines().map(str::trim);
    let is_ready = lines.next() == Some(&pid.as_raw_nonzero().to_string()) && lines.nth(6) == Some("ready");
    if is_ready { Told::Ready } else { Told::Nothing }
}

/// Values over 2 kB are packed: by default with pglz, which costs a multiple of lz4. Not every server was built with lz4,
/// and one that was not would refuse to start with it, so it is asked first; the setting stays with the database.
const PACK_WITH_LZ4: &str = "
    do $$ begin
        if exists (select from pg_settings where name = 'default_toast_compression'
                   and setting <> 'lz4' and 'lz4' = any(enumvals)) then
            execute format('alter database %I set default_toast_compression = lz4', current_database());
        end if;
    end $$";

type Connected = (Client, Connection<Socket, NoTlsStream>);

async fn ensure_database(address: &Config) -> Result<Connected, EmbeddedError> {
    match address.connect(NoTls).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_DATABASE) => {}
        connected => return Ok(connected?),
    }
    let server = address.clone().dbname("postgres").connect(NoTls).await?;
    on(server, &format!("create database {DATABASE}")).await?;
    Ok(address.connect(NoTls).await?)
}

async fn on((client, connection): Connected, statement: &str) -> Result<(), EmbeddedError> {
    let statement = async move { client.batch_execute(statement).await };
    // the connection ends when the client is dropped
    tokio::try_join!(statement, connection)?;
    Ok(())
}
