//! Redis on a disk whose syncs take long. A library that is loaded before the C library stands for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, kill_process};

use super::StoresOnly;
use crate::support::{DEADLINE, folder, migrated_folder, until};

/// Each sync of a redis-server takes a second and a half.
const SLOW_SYNCS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
static int slow(const char *name, int file) {
    if (!strcmp(program_invocation_short_name, "redis-server")) usleep(1500000);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}
int fdatasync(int file) { return slow("fdatasync", file); }
int fsync(int file) { return slow("fsync", file); }
"#;

/// Builds the library in `folder`.
fn slow_syncs(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("slow.c"), folder.join("slow.so"));
    std::fs::write(&source, SLOW_SYNCS).unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").status();
    assert!(built.unwrap().success());
    library
}

#[tokio::test]
async fn with_syncs_before_answers_a_killed_redis_has_lost_nothing_though_its_disk_is_slow() {
    let (folder, data) = (folder(), migrated_folder().await);
    let (library, data) = (slow_syncs(folder.path()), data.path());
    let preload = [("LD_PRELOAD", library.as_path())];
    let mut stores = StoresOnly::launch(data, &["--redis-fsync=always"], &preload).ready().await;
    for written in ["1", "2", "3"] {
        let _: String = stores.ask(&["SET", "last", written]).await;
    }
    kill_process(stores.redis_pid(), Signal::KILL).unwrap();
    assert_eq!(stores.end().await.code(), Some(1), "its Redis is gone");

    let again = StoresOnly::start(data, &[]).await;
    assert_eq!(again.ask::<String>(&["GET", "last"]).await, "3");
    again.stop().await;
}

#[tokio::test]
async fn what_redis_holds_while_its_disk_is_slow_is_shown() {
    let (folder, data) = (folder(), migrated_folder().await);
    let (library, data) = (slow_syncs(folder.path()), data.path());
    let preload = [("LD_PRELOAD", library.as_path())];
    let stores = StoresOnly::launch(data, &["--redis-fsync=everysec"], &preload).ready().await;
    let url = |name: &str| {
        stores.env().lines().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap()
    };
    let urls = crate::support::Urls { redis: url("REDIS_URL="), database: url("DATABASE_URL=") };
    let (mut serve, _) = crate::support::Running::serve(&urls, &[], "").await;
    let started = serve.until_logged("serving").await;
    let admin = format!("http://{}", started["admin"].as_str().unwrap());
    until("a warning of the slow disk", DEADLINE, async || {
        let _: String = stores.ask(&["SET", "key", "value"]).await;
        let ready = reqwest::get(format!("{admin}/readyz")).await.unwrap();
        assert_eq!(ready.status(), 200, "it does its work");
        ready.text().await.unwrap().contains("Redis' disk is slow")
    })
    .await;
    serve.drain().await;
    stores.stop().await;
}
