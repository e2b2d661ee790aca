//! An orderly end with a full disk. A limit on the size of Redis' files stands for it: writes fail until it is lifted.

use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal, prlimit};

use super::StoresOnly;
use crate::support::{DEADLINE, migrated_folder, until};

const HELD: &str = "Redis holds acknowledged events in memory";

/// `up`, and all that it starts, has writes fail where a file would be too large, rather than be ended.
fn up_that_may_fill_its_disk() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap '' XFSZ; exec "$@""#, "sh", env!("CARGO_BIN_EXE_campaign-manager"), "up"]);
    command
}

/// Fills the disk of Redis, and has it acknowledge a write that it cannot take. `false`: this system does not let the test.
async fn fill(stores: &StoresOnly) -> bool {
    let _: String = stores.ask(&["SET", "before", "written"]).await;
    let limited =
        prlimit(Some(stores.redis_pid()), Resource::Fsize, Rlimit { current: Some(1), maximum: None });
    if limited == Err(Errno::PERM) {
        return false;
    }
    limited.unwrap();
    let acknowledged: String = stores.ask(&["SET", "held", "in memory"]).await;
    assert_eq!(acknowledged, "OK");
    until("a write that failed", DEADLINE, async || {
        let about: String = stores.ask(&["INFO", "persistence"]).await;
        about.contains("aof_last_write_status:err")
    })
    .await;
    true
}

#[tokio::test]
async fn an_orderly_end_waits_until_the_disk_takes_what_was_acknowledged() {
    let folder = migrated_folder().await;
    let data = folder.path();
    let mut stores = StoresOnly::launch_by(up_that_may_fill_its_disk(), data, &[], &[]).ready().await;
    if !fill(&stores).await {
        return;
    }
    stores.signal(Signal::TERM);
    until("what it waits for", DEADLINE, async || {
        assert!(stores.ended().is_none(), "it ended: {}", stores.said());
        stores.said().contains(HELD)
    })
    .await;

    let unlimited = Rlimit { current: None, maximum: None };
    prlimit(Some(stores.redis_pid()), Resource::Fsize, unlimited).unwrap();
    let status = stores.end().await;
    assert!(status.success(), "{status}: {}", stores.said());
    let again = StoresOnly::start(data, &[]).await;
    assert_eq!(again.ask::<String>(&["GET", "held"]).await, "in memory");
    again.stop().await;
}

#[tokio::test]
async fn a_second_signal_ends_it_with_an_error_that_says_what_is_lost() {
    let folder = migrated_folder().await;
    let data = folder.path();
    let mut stores = StoresOnly::launch_by(up_that_may_fill_its_disk(), data, &[], &[]).ready().await;
    if !fill(&stores).await {
        return;
    }
    stores.signal(Signal::TERM);
    until("what it waits for", DEADLINE, async || stores.said().contains(HELD)).await;
    stores.signal(Signal::TERM);
    assert_eq!(stores.end().await.code(), Some(1));
    let said = stores.said();
    assert!(said.contains("Redis was ended before it had written all that it acknowledged"), "{said}");
}
