//! The private Redis' rewriting of its append-only file gives way to everything else.

use bb8_redis::redis::{Client, cmd};

use super::{Path, Pid, SOON, fs, migrated_folder, pids, start, until};

/// `SCHED_OTHER` and `SCHED_IDLE`, as sched(7) numbers them.
const NORMAL: u32 = 0;
const IDLE: u32 = 5;

#[tokio::test]
async fn a_rewrite_gets_only_what_nobody_else_wants() {
    let data = migrated_folder().await;
    let mut stores = start(data.path()).await;
    rewrite_slowly(stores.redis_url()).await;
    until_held_back(data.path()).await;

    // which ends the rewrite too
    stores.redis.stop().await;
    stores.redis.start().await.unwrap();
    rewrite_slowly(stores.redis_url()).await;
    until_held_back(data.path()).await;

    let [redis, _] = pids(data.path());
    assert_eq!(policy(redis), Some(NORMAL));
    stores.stop().await;
}

/// Starts a rewrite that lasts for longer than the test waits.
async fn rewrite_slowly(url: &str) {
    let mut redis = Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let mut keys = cmd("MSET");
    for key in 0..30 {
        keys.arg(key).arg("value");
    }
    let () = keys.query_async(&mut redis).await.unwrap();
    let mut delay = cmd("CONFIG");
    delay.arg("SET").arg("rdb-key-save-delay").arg(1_000_000);
    let () = delay.query_async(&mut redis).await.unwrap();
    let () = cmd("BGREWRITEAOF").query_async(&mut redis).await.unwrap();
}

async fn until_held_back(data: &Path) {
    let [redis, _] = pids(data);
    until("the rewrite is held back", SOON, async || {
        children(redis).into_iter().any(|child| policy(child) == Some(IDLE))
    })
    .await;
}

fn children(pid: Pid) -> Vec<Pid> {
    let pid = pid.as_raw_nonzero();
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

/// The 41st field of what the kernel tells of a process; the second, its name, stands in brackets.
fn policy(pid: Pid) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(38)?.parse().ok()
}
