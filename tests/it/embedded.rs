//! The private servers: their data, their lock, their end.

use std::{
    env,
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use bb8_redis::redis::{self, AsyncCommands};
use campaign_manager::embedded::{EmbeddedError, Profile, Stores};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{connect, folder, migrated_folder, until};

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

/// The pids that the servers on `data` have written down.
fn pids(data: &Path) -> [Pid; 2] {
    ["redis/redis.pid", "postgres/data/postmaster.pid"].map(|file| {
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

/// Takes both roles: the test runs itself as the parent that is killed.
#[tokio::test]
async fn a_killed_parent_leaves_data_that_the_next_start_finds_and_no_servers() {
    const ROLE: &str = "PARENT_OF_SERVERS_IN";
    const NAME: &str = "embedded::a_killed_parent_leaves_data_that_the_next_start_finds_and_no_servers";
    if let Some(data) = env::var_os(ROLE) {
        let stores = start(Path::new(&data)).await;
        write(&stores).await;
        println!("\nready");
        std::future::pending::<()>().await;
    }

    let data = migrated_folder().await;
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(ROLE, data.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line == "ready"), "the parent ended before its servers were ready");
    let servers = pids(data.path());
    parent.kill().unwrap();
    parent.wait().unwrap();

    if cfg!(target_os = "linux") {
        until("the servers end with their parent", SOON, async || !servers.iter().any(|&pid| lives(pid)))
            .await;
    }
    assert_eq!(read(&start(data.path()).await).await, (42, 42));
    assert!(!servers.iter().any(|&pid| lives(pid)), "the next start ends what it finds running");
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
