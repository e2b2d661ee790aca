//! The private servers: their data, their lock, their end.

#[cfg(target_os = "linux")]
mod rewrite;

use std::{
    env,
    ffi::OsStr,
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use bb8_redis::redis::{self, AsyncCommands};
use campaign_manager::embedded::{EmbeddedError, Profile, Stores};
use rustix::process::{Pid, Signal, getpgid, kill_process, test_kill_process};
use tokio_postgres::{NoTls, error::SqlState};

use crate::support::{TestStores, connect, folder, migrated_folder, until};

const SOON: Duration = Duration::from_secs(20);

async fn start(data: &Path) -> Stores {
    Stores::start(data, Profile::Throwaway).await.unwrap()
}

/// Writes one value to each server.
async fn write(stores: &Stores) {
    connect(stores.database_url())
        .await
        .batch_execute("create table kept as select 42 as value")
        .await
        .unwrap();
    let mut redis =
        redis::Client::open(stores.redis_url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let () = redis.set("kept", 42).await.unwrap();
}

/// Reads what [`write`] wrote.
async fn read(stores: &Stores) -> (i32, i32) {
    let row = connect(stores.database_url()).await.query_one("select value from kept", &[]).await.unwrap();
    let mut redis =
        redis::Client::open(stores.redis_url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    (row.get(0), redis.get("kept").await.unwrap())
}

const PID_FILES: [&str; 2] = ["redis/redis.pid", "postgres/data/postmaster.pid"];

/// The pids that the servers on `data` have written down.
fn pids(data: &Path) -> [Pid; 2] {
    PID_FILES.map(|file| {
        let text = fs::read_to_string(data.join(file)).unwrap();
        Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap()
    })
}

fn lives(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

#[tokio::test]
async fn data_is_kept_when_stopped() {
    let data = migrated_folder().await;
    let stores = start(data.path()).await;
    write(&stores).await;
    stores.stop().await;

    assert_eq!(read(&start(data.path()).await).await, (42, 42));
}

#[tokio::test]
async fn data_is_kept_when_dropped() {
    let data = migrated_folder().await;
    let stores = start(data.path()).await;
    write(&stores).await;
    drop(stores);

    assert_eq!(read(&start(data.path()).await).await, (42, 42));
}

#[tokio::test]
async fn data_may_lie_in_a_folder_with_a_strange_name() {
    let data = folder();
    let strange = data.path().join("it's \"a\" folder – with\ttabs");
    let stores = start(&strange).await;
    write(&stores).await;
    stores.stop().await;

    assert_eq!(read(&start(&strange).await).await, (42, 42));
}

#[tokio::test]
async fn a_folder_serves_one_at_a_time() {
    let data = migrated_folder().await;
    let first = start(data.path()).await;

    let refused = Stores::start(data.path(), Profile::Throwaway).await.unwrap_err();
    assert!(matches!(&refused, EmbeddedError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");

    first.stop().await;
    start(data.path()).await;
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_reported() {
    let data = migrated_folder().await;
    let stores = start(data.path()).await;
    let [redis, _] = pids(data.path());

    kill_process(redis, Signal::KILL).unwrap();

    let failed = stores.failed().await;
    assert!(matches!(failed, EmbeddedError::Ended { program: "redis", .. }), "{failed}");
}

#[tokio::test]
async fn data_may_lie_where_only_the_owner_can_go() {
    let private = migrated_folder().await;
    let data = private.path().join("data");
    fs::create_dir(&data).unwrap();
    for entry in ["password", "postgres", "redis"] {
        fs::rename(private.path().join(entry), data.join(entry)).unwrap();
    }
    fs::set_permissions(private.path(), Permissions::from_mode(0o700)).unwrap();

    let mut stores = start(&data).await;
    write(&stores).await;
    stores.redis.kill().await;
    stores.postgres.kill().await;
    stores.redis.start().await.unwrap();
    stores.postgres.start().await.unwrap();
    assert_eq!(read(&stores).await, (42, 42));
}

#[tokio::test]
async fn data_stays_with_its_owner() {
    const OWNER: u32 = 4242;
    if !rustix::process::geteuid().is_root() {
        return; // only root can run a server as somebody else
    }
    let data = migrated_folder().await;
    let given =
        Command::new("chown").arg("-R").arg(OWNER.to_string()).arg(data.path().join("postgres")).status();
    assert!(given.unwrap().success());

    let stores = start(data.path()).await;
    write(&stores).await;
    assert_eq!(fs::metadata(data.path().join("postgres/data/postmaster.pid")).unwrap().uid(), OWNER);
}

#[tokio::test]
async fn both_servers_ask_for_the_password() {
    let stores = TestStores::start().await;
    let (_, address) = stores.redis_url().split_once('@').unwrap();
    let redis = redis::Client::open(format!("redis://{address}")).unwrap();
    let refused = match redis.get_multiplexed_async_connection().await {
        Err(refused) => refused,
        Ok(mut connection) => connection.get::<_, Option<String>>("key").await.unwrap_err(),
    };
    assert!(refused.to_string().contains("NOAUTH"), "{refused}");

    let (_, address) = stores.database_url().split_once('@').unwrap();
    let refused = tokio_postgres::connect(&format!("postgres://campaigns:wrong@{address}"), NoTls).await;
    assert_eq!(refused.err().unwrap().code(), Some(&SqlState::INVALID_PASSWORD));
}

#[tokio::test]
async fn what_a_server_says_of_its_failure_is_shown() {
    let data = migrated_folder().await;
    fs::write(data.path().join("postgres/data/postgresql.auto.conf"), "no_such_setting = 1\n").unwrap();

    let failed = Stores::start(data.path(), Profile::Throwaway).await.unwrap_err();
    assert!(matches!(&failed, EmbeddedError::Ended { program: "postgres", .. }), "{failed}");
    assert!(failed.to_string().contains("no_such_setting"), "{failed}");
}

#[tokio::test]
async fn servers_are_out_of_reach_of_the_terminals_ctrl_c() {
    let data = migrated_folder().await;
    let _stores = start(data.path()).await;
    for server in pids(data.path()) {
        assert_ne!(getpgid(Some(server)).unwrap(), getpgid(None).unwrap());
    }
}

#[tokio::test]
async fn dropping_ends_even_servers_that_are_frozen() {
    let data = migrated_folder().await;
    let stores = start(data.path()).await;
    let servers = pids(data.path());
    for server in servers {
        kill_process(server, Signal::STOP).unwrap();
    }

    drop(stores);

    assert!(!servers.into_iter().any(lives));
}

#[tokio::test]
async fn a_stranger_who_got_the_pid_of_a_killed_server_is_left_alone() {
    let data = migrated_folder().await;
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    for file in PID_FILES {
        fs::write(data.path().join(file), format!("{}\n", stranger.id())).unwrap();
    }

    start(data.path()).await.stop().await;

    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// Takes both roles: the test runs itself as the parent that is killed.
#[tokio::test]
async fn servers_end_with_a_killed_parent_and_keep_their_data() {
    if let Some(data) = env::var_os(PARENT_ROLE) {
        let stores = start(Path::new(&data)).await;
        write(&stores).await;
        println!("\nready");
        std::future::pending::<()>().await;
    }

    let data = migrated_folder().await;
    let servers = start_and_kill_parent(data.path(), &env::var_os("PATH").unwrap());
    if cfg!(target_os = "linux") {
        until("the servers end with their parent", SOON, async || !servers.into_iter().any(lives)).await;
    }
    assert_eq!(read(&start(data.path()).await).await, (42, 42));
}

#[tokio::test]
async fn servers_that_outlived_a_killed_parent_are_ended_by_the_next_start() {
    let data = migrated_folder().await;
    // a PATH without setpriv, which sets the death signal
    let path = folder();
    symlink(on_path("redis-server"), path.path().join("redis-server")).unwrap();
    let servers = start_and_kill_parent(data.path(), path.path().as_os_str());
    assert!(servers.into_iter().all(lives));

    assert_eq!(read(&start(data.path()).await).await, (42, 42));
    // ended, but the pids may still wait for init to notice
    until("init clears the servers away", SOON, async || !servers.into_iter().any(lives)).await;
}

const PARENT_ROLE: &str = "PARENT_OF_SERVERS_IN";

/// Has another process start the servers on `data`, kills it with SIGKILL, and returns the servers' pids.
fn start_and_kill_parent(data: &Path, path: &OsStr) -> [Pid; 2] {
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", "embedded::servers_end_with_a_killed_parent_and_keep_their_data", "--nocapture"])
        .env(PARENT_ROLE, data)
        .env("PATH", path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line == "ready"), "the parent ended before its servers were ready");
    let servers = pids(data);
    parent.kill().unwrap();
    parent.wait().unwrap();
    servers
}

fn on_path(program: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap();
    env::split_paths(&path).map(|dir| dir.join(program)).find(|program| program.is_file()).unwrap()
}
