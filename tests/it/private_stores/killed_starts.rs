//! A start that is killed leaves programs at work; the next one ends them, or waits for them.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use super::StoresOnly;
use crate::support::{START_DEADLINE, folder, until};

/// How many files `initdb` has made when its `up` is killed; the last is more than it makes.
const MOMENTS: [usize; 6] = [0, 12, 60, 300, 700, 5_000];

#[tokio::test]
async fn starts_that_are_killed_at_any_moment_do_not_hinder_the_next_one() {
    let folder = folder();
    let data = folder.path().join("data");
    for moment in MOMENTS {
        let mut start = StoresOnly::launch(&data, &[], &[]);
        until("the moment", START_DEADLINE, async || {
            assert!(start.ended().is_none(), "a start failed: {}", start.said());
            let unfinished = data.join("postgres/data.new");
            data.join("run.env").exists() || unfinished.exists() && files(&unfinished) >= moment
        })
        .await;
        start.signal(Signal::KILL);
        start.end().await;
        let _ = fs::remove_file(data.join("run.env"));
    }
    StoresOnly::start(&data, &[]).await.stop().await;
}

#[tokio::test]
async fn an_initdb_that_is_still_at_work_is_waited_for() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut killed = StoresOnly::launch(&data, &[], &[]);
    let mut initdb = None;
    until("initdb at work", START_DEADLINE, async || {
        initdb = find("initdb", &data);
        initdb.is_some() && files(&data.join("postgres/data.new")) > 0
    })
    .await;
    kill_process(initdb.unwrap(), Signal::STOP).unwrap();
    killed.signal(Signal::KILL);
    killed.end().await;

    let next = StoresOnly::launch(&data, &[], &[]);
    let holder = next.child.id().to_string();
    until("the next start on the folder", START_DEADLINE, async || {
        fs::read_to_string(data.join("lock")).is_ok_and(|pid| pid.trim() == holder)
    })
    .await;
    kill_process(initdb.unwrap(), Signal::CONT).unwrap();
    next.ready().await.stop().await;
}

/// How many files there are below a folder, some of which may go meanwhile.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// The process of this name that works on `data`, which its arguments name, or the folder that it was handed.
fn find(name: &str, data: &Path) -> Option<Pid> {
    let data = fs::canonicalize(data).ok()?;
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse::<i32>().ok());
    let ours = |pid: &i32| {
        let named = fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
        let log = fs::read_link(format!("/proc/{pid}/fd/2"));
        named && log.is_ok_and(|log| log.starts_with(&data))
    };
    pids.into_iter().find(ours).and_then(Pid::from_raw)
}
