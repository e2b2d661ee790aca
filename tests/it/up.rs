//! The real program, as a person or an operator runs it: `up`, a signal, and what it says.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Authority, DEADLINE, HERE, TestStores, Up, connect, folder, program, until};

#[tokio::test]
async fn with_a_certificate_it_shows_an_https_address() {
    let (data, ca) = (folder(), Authority::new());
    let issued = ca.issue(HERE);
    let [cert, key] = [&issued.cert, &issued.key].map(|file| file.to_str().unwrap());
    let mut up = Up::start(data.path(), &["--tls-cert", cert, "--tls-key", key]).await;
    up.signal(Signal::TERM);
    assert!(up.ended().await.success());
    let (said, api) = (up.said(), format!("https://{}", up.env["HTTP_ADDR"]));
    assert!(said.contains(&api) && said.contains(&format!("curl -s {api}/campaigns")), "{said}");
}

async fn get(url: &str) -> reqwest::Response {
    reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap()
}

async fn status(url: &str) -> u16 {
    get(url).await.status().as_u16()
}

async fn text(url: &str) -> String {
    get(url).await.text().await.unwrap()
}

#[tokio::test]
async fn up_serves_until_a_signal_and_its_events_are_there_again_at_the_next_start() {
    let dir = folder();
    let mut up = Up::start(dir.path(), &[]).await;
    let http = format!("http://{}", up.env["HTTP_ADDR"]);
    let admin = format!("http://{}", up.env["ADMIN_ADDR"]);
    let event = r#"{"event_id": "e1", "event_type": "purchase", "user_id": "u1"}"#;
    let sent = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = sent.post(format!("{http}/events")).header("content-type", "application/json").body(event);
    assert_eq!(sent.send().await.unwrap().status(), 202);
    assert_eq!(status(&format!("{admin}/readyz")).await, 200);
    let ready = text(&format!("{admin}/readyz")).await;
    assert_eq!(ready.matches("redis: ").count(), 1, "both roles want it: {ready}");
    let told = [
        "ingest_events_total{result=\"accepted\"} 1\n",
        "events_total{outcome=\"stored\"} 1\n",
        "build_info{",
    ];
    until("the metrics of the event", DEADLINE, async || {
        let metrics = text(&format!("{admin}/metrics")).await;
        told.iter().all(|line| metrics.contains(&format!("campaign_manager_{line}")))
    })
    .await;

    up.signal(Signal::INT);
    assert!(up.ended().await.success());
    assert!(up.said().contains("curl"), "a line to paste");
    assert!(!dir.path().join("run.env").exists());

    let mut again = Up::start(dir.path(), &[]).await;
    let event = format!("http://{}/events/e1", again.env["HTTP_ADDR"]);
    until("the event", DEADLINE, async || status(&event).await == 200).await;
    let admin = format!("http://{}/metrics", again.env["ADMIN_ADDR"]);
    let told = "outcome=\"stored\"} 1\n";
    let ledger = ["current", "previous"].map(|day| format!("ledger_events{{day=\"{day}\",{told}"));
    until("the ledger of the event's day", DEADLINE, async || {
        let metrics = text(&admin).await;
        ledger.iter().any(|line| metrics.contains(line))
    })
    .await;
    again.signal(Signal::TERM);
    assert!(again.ended().await.success());
}

#[tokio::test]
async fn a_signal_ends_it_also_while_its_servers_start() {
    let dir = folder();
    let mut command = program();
    command.args(["up", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(dir.path());
    let mut starting = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&starting);
    let unfinished = dir.path().join("postgres/data.new");
    until("postgres makes its files", DEADLINE, async || unfinished.exists()).await;
    // It is held up, so that the start does not end before the signal comes.
    let initdb = children(pid).into_iter().find(|child| name(*child).as_deref() == Some("initdb"));
    kill_process(initdb.expect("it makes them"), Signal::STOP).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert!(starting.wait().unwrap().success());
    let mut said = String::new();
    starting.stdout.unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "", "it was never up");
    assert_eq!(initdb.and_then(name), None, "it left something behind");

    let mut next = Up::start(dir.path(), &[]).await;
    next.signal(Signal::INT);
    assert!(next.ended().await.success());
}

#[test]
fn a_taken_port_is_found_before_anything_is_made() {
    let dir = folder();
    let data = dir.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (http, admin, flag) in
        [(&*taken, "127.0.0.1:0", "--http"), ("127.0.0.1:0", &*taken, "--admin"), (&*free, &*free, "--admin")]
    {
        let mut command = program();
        let ended =
            command.args(["up", "--http", http, "--admin", admin, "--data"]).arg(&data).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.starts_with("campaign-manager: cannot listen on 127.0.0.1:"), "nothing else: {said}");
        assert!(said.contains(&format!("choose another with {flag}")), "{said}");
        assert!(!data.exists(), "{said}");
    }
}

/// The processes that this one has started, by any of its threads.
fn children(pid: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{pid}/task", pid = pid.as_raw_nonzero())).unwrap();
    let lists = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).unwrap());
    let pids =
        lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>());
    pids.filter_map(Pid::from_raw).collect()
}

/// The name of a process; `None` once it has ended.
fn name(pid: Pid) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero())).ok()?;
    Some(name.trim_end().to_owned())
}

/// The user ids of all threads of a process, and of the processes that it has started.
fn users(pid: Pid) -> BTreeSet<u32> {
    let status = |path: &Path| fs::read_to_string(path.join("status")).unwrap_or_default();
    let threads = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).unwrap();
    let mut users: BTreeSet<u32> = threads
        .flat_map(|thread| {
            let status = status(&thread.unwrap().path());
            let ids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
            ids.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>()
        })
        .collect();
    users.extend(children(pid).into_iter().flat_map(users_of_child));
    users
}

fn users_of_child(pid: Pid) -> BTreeSet<u32> {
    if name(pid).is_some() { users(pid) } else { BTreeSet::new() }
}

#[tokio::test]
async fn nobody_else_sees_the_data_and_nothing_of_it_runs_as_root() {
    // As an earlier release has left it.
    let dir = folder();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    fs::write(dir.path().join("postgres.log"), "").unwrap();
    fs::set_permissions(dir.path().join("postgres.log"), Permissions::from_mode(0o644)).unwrap();
    let mut up = Up::start(dir.path(), &[]).await;

    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(dir.path()), 0o700);
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
    let users = users(up.pid());
    assert_eq!(users.len(), 1, "{users:?}");
    assert!(!users.contains(&0), "somebody is root");
    up.signal(Signal::TERM);
    assert!(up.ended().await.success());
}

#[tokio::test]
async fn its_folder_may_lie_where_its_account_cannot_walk_to() {
    let outer = folder();
    fs::set_permissions(outer.path(), Permissions::from_mode(0o700)).unwrap();
    let dir = outer.path().join("below a private one");
    for _ in 0..2 {
        let mut up = Up::start(&dir, &[]).await;
        assert_eq!(status(&format!("http://{}/campaigns", up.env["HTTP_ADDR"])).await, 200);
        let second = program().args(["up", "--stores-only", "--data"]).arg(&dir).output().unwrap();
        let refused = String::from_utf8(second.stderr).unwrap();
        assert!(refused.contains(&format!("{} is in use by process", dir.display())), "{refused}");
        up.signal(Signal::TERM);
        assert!(up.ended().await.success());
        let said = up.said();
        assert!(!(refused + &said).contains("/proc/self"), "{said}");
        assert!(said.contains(&dir.join("run.env").display().to_string()), "{said}");
        assert!(!dir.join("run.env").exists() && !dir.join("pgpass").exists());
    }
}

#[tokio::test]
async fn root_gives_away_no_folder_that_holds_files_of_others() {
    let dir = folder();
    fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
    let mut command = program();
    command.args(["up", "--stores-only", "--data"]).arg(dir.path()).stdout(Stdio::piped());
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("thesis.txt"), "{said}");
    assert_eq!(fs::metadata(dir.path().join("thesis.txt")).unwrap().uid(), 0);
}

#[tokio::test]
async fn root_that_may_not_become_another_user_says_so_and_works() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let stores = TestStores::start().await;
    let mut command = std::process::Command::new("setpriv");
    command
        .args(["--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid"])
        .arg(program().get_program());
    command.args(["worker", "--admin=127.0.0.1:0"]);
    command.env("DATABASE_URL", stores.database_url()).env("REDIS_URL", stores.redis_url());
    let mut worker = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(worker.stderr.take().unwrap()));
    let mut warned = false;
    let works = lines.any(|line| {
        let line = line.unwrap();
        warned |= line.contains("started as root, and may not become another user");
        line.contains("working")
    });
    kill_process(Pid::from_child(&worker), Signal::TERM).unwrap();
    drop(lines);
    worker.wait().unwrap();
    assert!(works && warned);
}

#[tokio::test]
async fn psql_finds_the_database_without_a_password_in_its_arguments() {
    let dir = folder();
    let mut up = Up::start(dir.path(), &["--stores-only"]).await;
    let psql = |query: &str| {
        let mut command = std::process::Command::new("psql");
        let output = command.args(["-At", "-c", query]).envs(&up.env).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(psql("select current_user"), "campaigns_owner\n");
    assert_eq!(psql("select rolsuper from pg_roles where rolname = current_user"), "f\n");
    assert_eq!(psql("show log_error_verbosity"), "terse\n");
    let mut redis = std::process::Command::new("redis-cli");
    let redis =
        redis.args(["-u", &format!("redis://{}", up.env["REDIS_ADDR"]), "PING"]).envs(&up.env).output();
    assert_eq!(String::from_utf8(redis.unwrap().stdout).unwrap(), "PONG\n");
    up.signal(Signal::TERM);
    assert!(up.ended().await.success());
}

#[tokio::test]
async fn serve_and_worker_log_in_with_no_more_rights_than_they_need() {
    let dir = folder();
    let mut up = Up::start(dir.path(), &[]).await;
    let password = fs::read_to_string(dir.path().join("password")).unwrap();
    let url = up.env["DATABASE_URL"].split('@').nth(1).unwrap();
    let admin = connect(&format!("postgres://campaigns:{password}@{url}")).await;
    let sessions = "select distinct usename::text from pg_stat_activity
        where application_name = 'campaign-manager' and state is not null order by 1";
    until("both are connected", DEADLINE, async || {
        let rows = admin.query(sessions, &[]).await.unwrap();
        let users: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(users.iter().all(|user| user != "campaigns"), "{users:?}");
        let _ = status(&format!("http://{}/campaigns", up.env["HTTP_ADDR"])).await;
        users == ["campaigns_serve", "campaigns_worker"]
    })
    .await;
    up.signal(Signal::TERM);
    assert!(up.ended().await.success());
}

#[tokio::test]
async fn a_killed_up_leaves_nothing_that_hinders_the_next() {
    let dir = folder();
    let mut killed = Up::start(dir.path(), &[]).await;
    killed.signal(Signal::KILL);
    killed.ended().await;
    fs::remove_file(dir.path().join("run.env")).unwrap();

    let mut next = Up::start(dir.path(), &[]).await;
    next.signal(Signal::INT);
    assert!(next.ended().await.success());
}

#[tokio::test]
async fn separate_serve_and_worker_run_on_the_stores_of_up() {
    let dir = folder();
    let mut up = Up::start(dir.path(), &["--stores-only"]).await;
    assert!(!up.env.contains_key("HTTP_ADDR"));
    for role in ["serve", "worker"] {
        let mut command = program();
        command.arg(role).args(["--admin", "127.0.0.1:0"]).envs(&up.env).env_remove("ADMIN_ADDR");
        if role == "serve" {
            command.args(["--http", "127.0.0.1:0", "--auth", "none"]);
        }
        let mut child = command.env("LOG_FORMAT", "json").stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        let started = lines.find(|line| {
            let line: serde_json::Value = serde_json::from_str(line.as_ref().unwrap()).unwrap();
            line["message"] == "serving" || line["message"] == "working"
        });
        assert!(started.is_some(), "{role} did not start");
        kill_process(pid, Signal::TERM).unwrap();
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert!(child.wait().unwrap().success(), "{rest:?}");
    }
    up.signal(Signal::INT);
    assert!(up.ended().await.success());
}

#[tokio::test]
async fn keys_wanted_are_made_once_and_let_in_who_has_one() {
    let dir = folder();
    let mut up = Up::start(dir.path(), &["--auth", "keys"]).await;
    let campaigns = format!("http://{}/campaigns", up.env["HTTP_ADDR"]);
    assert_eq!(status(&campaigns).await, 401);
    up.signal(Signal::INT);
    up.ended().await;
    let said = up.said();
    let key = said.split_whitespace().find(|word| word.starts_with("cmk_")).expect("a key").to_owned();

    let mut again = Up::start(dir.path(), &["--auth", "keys"]).await;
    let campaigns = format!("http://{}/campaigns", again.env["HTTP_ADDR"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(&campaigns).bearer_auth(&key).send().await.unwrap().status(), 200);
    again.signal(Signal::INT);
    again.ended().await;
    let said = again.said();
    assert!(!said.contains(&key), "shown once only");
    let look = said.lines().find(|line| line.contains("/events?user_id=")).expect("a line to paste");
    assert!(look.contains(r#"-H "authorization: Bearer $KEY""#), "{said}");
    assert!(said.contains("keys create --name me --scope admin"), "{said}");
}

#[test]
fn what_cannot_work_is_refused_before_anything_starts() {
    let refused = |arguments: &[&str]| {
        let output =
            program().args(arguments).env_remove("DATABASE_URL").env_remove("REDIS_URL").output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = refused(&["serve"]);
    assert!(code == 64 && said.contains("--database-url"), "{code}: {said}");
    let (code, said) = refused(&["up", "--frame-bytes", "lots"]);
    assert!(code == 64 && said.contains("64KiB"), "{code}: {said}");
    for (contradiction, named) in [
        (&["--http", "0.0.0.0:0"][..], "--auth=keys"),
        (&["--retention", "1h"], "RETENTION (3600s) must be at least DEDUPE_WINDOW (86400s)"),
        (&["--queue-low", "90"], "QUEUE_LOW (90)"),
    ] {
        let (code, said) = refused(&[&["up", "--data", "never-made"], contradiction].concat());
        assert!(code == 64 && said.contains(named), "{code}: {said}");
        assert!(!Path::new("never-made").exists());
    }
    let nowhere = ["--database-url", "postgres://u:p@127.0.0.1:1/d", "--redis-url", "redis://127.0.0.1:1"];
    let open = ["serve", "--http", "[::]:0", "--auth", "none"];
    let (code, said) = refused(&[open.as_slice(), &nowhere].concat());
    assert!(code == 64 && said.contains("--auth=keys"), "{code}: {said}");
    let (code, said) = refused(&[&["worker", "--retention", "1h"], nowhere.as_slice()].concat());
    assert!(code == 64 && said.contains("RETENTION"), "{code}: {said}");
}
