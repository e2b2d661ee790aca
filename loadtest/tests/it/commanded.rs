//! What a person meets who gives a wrong command, or ends a run.

use std::path::Path;
use std::process::Command;

use campaign_manager::config::Auth;
use campaign_manager::store::keys::Scope;
use rustix::process::{Pid, Signal, kill_process};

use crate::system::{System, output, tool, until};

async fn said(mut command: Command, arguments: &[&str]) -> String {
    command.args(arguments);
    let (code, out, err) = output(command).await;
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    err
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_what_can() {
    let dir = tempfile::TempDir::new().unwrap();
    for (arguments, hint) in [
        ("--rate fast", "1000..50000"),
        ("--rate 10..100 --events 5 --database-url postgres://h/d", "--duration"),
        ("--batch 0", "from 1 to 10000"),
        ("--poison 2", "from 0 to 1"),
        ("--payload 9..2", "200..8000"),
        ("--campaigns 4294967295", "..=100000"),
        ("--connections 4294967295", "from 1 to 65535"),
        ("--events 18446744073709551615", "from 1 to 10000000000"),
        ("--batch 10000 --payload 16777216", "smaller --batch or a smaller --payload"),
        ("--connections 65535 --batch 10000", "give fewer --connections"),
        ("--duration 1", "30s"),
        ("--events 5 --duration 1s", "cannot be used with"),
        ("--url example.org --database-url postgres://h/d", "http://127.0.0.1:8080"),
        ("", "Give --env-file, --database-url, or DATABASE_URL"),
        ("--env-file run.env", "is `campaign-manager up` running?"),
        ("--database-url http://h", "postgres://user:password@host:port/database"),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let said = said(tool(dir.path()), &arguments).await;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(hint), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    let said = said(tool(dir.path()), &["--database-url", "postgres://u:p@127.0.0.1:1/d"]).await;
    assert!(said.contains("--database-url") && said.contains("refused"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_key_or_no_server_is_told_what_to_do() {
    let system = System::start(Auth::Keys, &[]).await;
    let (ingest, admin) = (system.key(Scope::Ingest, None).await, system.key(Scope::Admin, None).await);
    let without = said(system.tool(&[]), &[]).await;
    assert!(without.contains("give a key of scope admin with --key"), "{without}");
    let lesser = said(system.tool(&[]), &["--key", &ingest]).await;
    assert!(lesser.contains("--key must be of scope admin"), "{lesser}");
    let odd = said(system.tool(&[]), &["--key", "cmk_\n"]).await;
    assert!(odd.contains("--key") && odd.contains("characters"), "{odd}");
    let nobody = said(
        tool(Path::new("/")),
        &["--url", "http://127.0.0.1:1", "--database-url", system.urls.database_url.expose()],
    )
    .await;
    assert!(nobody.contains("is `campaign-manager up` running there?"), "{nobody}");
    let ran = system.run(&["--events", "100", "--key", &admin]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!(ran.out + &ran.err).contains(&admin), "keys are not shown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_the_system_allows_are_refused_before_the_run() {
    let system = System::open().await;
    let tool = system.tool(&["--connections", "200"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"ulimit -n 150 && exec "$0" "$@""#]).arg(tool.get_program()).args(tool.get_args());
    limited.current_dir(tool.get_current_dir().unwrap());
    let (code, _, err) = output(limited).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("200 connections need 264 open files, and this system allows 150"), "{err}");
    assert_eq!(system.count("select count(*) from campaigns").await, 0, "before anything is created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ctrl_c_ends_the_sending_and_what_was_accepted_is_verified() {
    let system = System::open().await;
    let child = system.tool(&["--duration", "10m", "--connections", "2"]).spawn().unwrap();
    let sent = "select count(*) from events where event_id like 'lt-%-e%'";
    until("events", async || system.count(sent).await > 0).await;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(ended.status.code(), Some(0), "{out}{err}");
    assert!(out.contains("verified") && err.contains("what was accepted is verified"), "{out}{err}");
    let active = "select count(*) from campaigns where status <> 'archived'";
    assert_eq!(system.count(active).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ctrl_c_before_anything_is_sent_says_so_and_leaves_no_campaign_behind() {
    let system = System::open().await;
    let child = system.tool(&["--campaigns", "5000", "--patience", "5s"]).spawn().unwrap();
    let created = "select count(*) from campaigns";
    until("campaigns", async || system.count(created).await > 0).await;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{err}");
    assert!(err.contains("the run ends before anything is sent") && !err.contains("verified"), "{err}");
    assert_eq!(system.count("select count(*) from campaigns where status <> 'archived'").await, 0, "{err}");
}

#[tokio::test]
async fn one_file_for_both_reports_is_refused() {
    let dir = tempfile::TempDir::new().unwrap();
    let arguments = ["--database-url", "postgres://h/d", "--json", "report", "--html", "./report"];
    let said = said(tool(dir.path()), &arguments).await;
    assert!(said.contains("--json and --html both name ./report"), "{said}");
}
