//! Secrets: keys and passwords stand in no log, metric, answer or error, and keys in no file, whatever goes wrong.
//!
//! Everything is provoked with real processes that log all they can, and all that they say is searched for each secret.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{DEADLINE, Ran, Running, TestStores, Urls, program, run, until};

/// What is searched for: enough of a secret to be no accident, so that one that is cut off is found too.
const NEEDLE: usize = 16;
/// Everything that the program and its libraries have to say.
const LOG: &str = "--log=trace";

/// The secrets, by what they are.
struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    /// The secrets that a text holds.
    fn found_in(&self, text: &str) -> Vec<&'static str> {
        let holds = |secret: &str| text.contains(&secret[..NEEDLE.min(secret.len())]);
        self.0.iter().filter(|(_, secret)| holds(secret)).map(|(what, _)| *what).collect()
    }

    #[track_caller]
    fn assert_none_in(&self, what: &str, text: &str) {
        let found = self.found_in(text);
        let lines = text.lines().filter(|line| !self.found_in(line).is_empty()).take(3);
        assert_eq!(found, [""; 0], "in {what}: {:?}", lines.collect::<Vec<_>>());
    }
}

/// A client that keeps every answer, with its headers.
struct Witness {
    client: Client,
    http: SocketAddr,
    heard: String,
}

impl Witness {
    fn asking(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.http))
    }

    fn posting(&self, path: &str, body: impl Into<String>) -> RequestBuilder {
        self.asking(Method::POST, path).header("content-type", "application/json").body(body.into())
    }

    async fn hear(&mut self, request: RequestBuilder) -> u16 {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.unwrap();
        writeln!(self.heard, "{status} {headers:?}\n{body}").unwrap();
        status
    }

    /// Requests with the key in every place but the right one, and wrong ones in the right place.
    async fn misuse(&mut self, key: &str, wrong: &str) {
        let event = json!({"event_type": "login", "user_id": "u"}).to_string();
        let mut requests = vec![
            self.posting("/events", &*event).bearer_auth(wrong),
            self.posting("/events", &*event).basic_auth(wrong, Some("")),
            self.posting("/events", &*event).basic_auth(key, Some(wrong)),
            self.posting("/events", &*event).header("authorization", key),
            self.posting("/events", &*event).header("authorization", format!("Digest {key}")),
            self.posting("/events", &*event).header("x-api-key", key),
            self.asking(Method::OPTIONS, "/events").header("origin", format!("https://{key}")),
            self.asking(Method::PUT, &format!("/events?api_key={key}")),
            self.posting(&format!("/events?key={key}"), &*event),
            self.posting(&format!("/events?key={key}"), "{"),
            self.posting(&format!("/v1/track?key={wrong}"), &*event),
            self.posting("/v1/track", json!({"userId": "u", "event": "e", "writeKey": key}).to_string()),
            self.posting(
                "/v1/batch",
                json!({"batch": [{"writeKey": key, "type": key}], "writeKey": key}).to_string(),
            ),
            self.posting("/v1/batch", json!({"batch": [], "writeKey": wrong}).to_string()),
        ];
        let paths = ["/events/", "/campaigns/", "/keys/", "/dead-letters/", "/nowhere/"];
        requests.extend(paths.map(|path| self.asking(Method::GET, &format!("{path}{key}")).bearer_auth(key)));
        let queries = ["?key=", "?", "?cursor=", "?limit=", "?status=", "?from=", "?state="];
        for route in ["/events", "/campaigns", "/keys", "/dead-letters", "/ledger"] {
            let asking = |query| self.asking(Method::GET, &format!("{route}{query}{key}")).bearer_auth(key);
            requests.extend(queries.map(asking));
        }
        requests.push(self.asking(Method::DELETE, &format!("/keys/{key}")).bearer_auth(key));
        for body in bad_bodies(key) {
            for route in ["/events", "/campaigns", "/keys"] {
                requests.push(self.posting(route, &*body).bearer_auth(key));
                let lines = self.asking(Method::POST, route).header("content-type", "application/x-ndjson");
                requests.push(lines.bearer_auth(key).body(body.clone()));
            }
        }
        for route in ["/events", "/v1/track", "/v1/batch", "/campaigns"] {
            for header in ["content-type", "content-encoding", "content-language", "ce-id", "origin"] {
                let request = self.asking(Method::POST, route).header(header, key);
                requests.push(request.bearer_auth(key).body("{}"));
            }
        }
        for body in bad_bodies(key) {
            requests.push(self.posting("/v1/track", &*body).bearer_auth(key));
        }
        for request in requests {
            self.hear(request).await;
        }
        self.break_off(&format!("GET /events?key={key} HTTP/1.1\r\nauthorization Bearer {key}\r\n\r\n"))
            .await;
        self.break_off(&format!("{key} /{key} {key}\r\n\r\n")).await;
    }

    /// What is no HTTP, and how that is answered.
    async fn break_off(&mut self, request: &str) {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        self.heard += &String::from_utf8(answer).unwrap();
    }

    /// One request to each kind of route, with the right key, for when servers are away.
    async fn use_all(&mut self, key: &str) -> Vec<u16> {
        let event = json!({"event_type": "login", "user_id": "u"}).to_string();
        let mut requests = vec![self.posting("/events", event)];
        requests
            .extend(["/events", "/campaigns", "/keys", "/ledger"].map(|path| self.asking(Method::GET, path)));
        let mut statuses = Vec::new();
        for request in requests {
            statuses.push(self.hear(request.bearer_auth(key)).await);
        }
        statuses
    }

    /// What the private port shows.
    async fn look(&mut self, admin: SocketAddr) {
        for path in ["/metrics", "/healthz", "/readyz", "/"] {
            let request = self.client.get(format!("http://{admin}{path}"));
            self.hear(request).await;
        }
    }
}

/// Bodies that are refused, with the key in different places of them.
fn bad_bodies(key: &str) -> Vec<String> {
    vec![
        key.to_owned(),
        format!(r#"{{"event_type": "login", "user_id": "u", "key": "{key}"#),
        json!({key: 1, "name": key, "scope": key, "rules": {key: [{key: key}]}}).to_string(),
        json!({"name": key, "rules": {"a": [{"prefix": [key]}, {"numeric": [key, 1]}, {"cidr": key}]}})
            .to_string(),
        json!({"name": "n", "scope": "admin", "rate_limit": key, "status": key, "starts_at": key})
            .to_string(),
        json!([{"event_type": key}, {"event_type": 1, "user_id": key}, {"timestamp": key, "event_type": "a",
            "user_id": "b"}, {"event_type": "a", "user_id": "b", "event_id": key.repeat(10)}, key])
        .to_string(),
        format!("{{\"{key}\": {key}}}"),
    ]
}

fn admin_of(log: &Value) -> SocketAddr {
    log["admin"].as_str().unwrap().parse().unwrap()
}

fn password(url: &str) -> String {
    let user = url.split_once("://").unwrap().1.rsplit_once('@').unwrap().0;
    user.split_once(':').unwrap().1.to_owned()
}

/// Every file below a folder: databases, logs, settings.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| files_in(folder)));
    files
}

/// A key as one is made on the command line, which is where it may be seen.
async fn create_key(stores: &TestStores) -> String {
    let ran = run(stores, &["keys", "create", "--name", "canary", "--scope", "admin"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out.trim().to_owned()
}

#[tokio::test]
async fn no_secret_is_said_by_running_processes_whatever_goes_wrong() {
    let mut stores = TestStores::start().await;
    let (key, wrong) = (create_key(&stores).await, create_key(&stores).await);
    let revoked = run(&stores, &["keys", "revoke", "2"]).await;
    let mut canaries = Canaries(vec![
        ("an API key", key.clone()),
        ("a revoked API key", wrong.clone()),
        // a test's servers have one for both
        ("the password of the servers", password(stores.redis_url())),
    ]);
    canaries.assert_none_in("the answer of keys revoke", &format!("{revoked:?}"));
    assert_eq!(
        canaries.found_in(&format!("{key}, {}", stores.redis_url())).len(),
        2,
        "what is there is found"
    );

    let flags = [LOG, "--auth=keys", "--cors-origins=https://shop.example"];
    let (mut serve, http) = Running::serve(&Urls::of(&stores), &flags, "").await;
    let mut worker = Running::worker(&Urls::of(&stores), &[LOG]).await;
    let admins =
        [admin_of(&serve.until_logged("serving").await), admin_of(&worker.until_logged("working").await)];
    let mut witness =
        Witness { client: Client::builder().no_proxy().build().unwrap(), http, heard: String::new() };
    assert_eq!(witness.use_all(&key).await, [202, 200, 200, 200, 200]);
    witness.misuse(&key, &wrong).await;
    canaries.assert_none_in("the answers", &witness.heard);

    let created = witness.posting("/keys", r#"{"name": "n", "scope": "ingest"}"#).bearer_auth(&key);
    let created: Value = created.send().await.unwrap().json().await.unwrap();
    canaries.0.push(("a key created over HTTP", created["key"].as_str().unwrap().to_owned()));
    assert_eq!(canaries.found_in(&created.to_string()), ["a key created over HTTP"], "shown this once");
    witness.misuse(created["key"].as_str().unwrap(), &wrong).await;

    stores.servers.postgres.kill().await;
    // A backend may outlive its postmaster by one more answer.
    until("requests that need Postgres are refused", DEADLINE, async || {
        witness.use_all(&key).await[1] == 503
    })
    .await;
    for admin in admins {
        witness.look(admin).await;
    }
    stores.servers.redis.kill().await;
    assert_eq!(witness.use_all(&key).await[0], 503);
    witness.misuse(&key, &wrong).await;
    for admin in admins {
        witness.look(admin).await;
    }
    until("the worker says that Redis is away", DEADLINE, async || worker.said().contains("WARN")).await;

    canaries.assert_none_in("the answers", &witness.heard);
    let texts = files_in(stores.dir()).into_iter().map(|file| fs::read(file).unwrap_or_default());
    let mut found: Vec<&str> =
        texts.flat_map(|text| canaries.found_in(&String::from_utf8_lossy(&text))).collect();
    found.dedup();
    assert_eq!(found, ["the password of the servers"], "which is theirs to keep");
    assert!(serve.said().contains("a connection ended early"), "it says all that it can");
    canaries.assert_none_in("serve", &serve.said());
    canaries.assert_none_in("worker", &worker.said());
}

/// Runs a command of the program with these servers, and nothing else from the environment of the test.
async fn run_with(database: &str, redis: &str, arguments: &[&str]) -> Ran {
    let mut command = program();
    command.args(arguments).env("DATABASE_URL", database).env("REDIS_URL", redis).env("LOG", "trace");
    command.env("REDIS_TIMEOUT", "1s").env("DATABASE_TIMEOUT", "1s");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

const SECRET: &str = "canary-0123456789-canary";

/// The URLs of a test's servers, with a wrong password.
fn wrong_passwords(stores: &TestStores) -> Urls {
    let Urls { redis, database } = Urls::of(stores);
    Urls {
        redis: redis.replace(&password(&redis), SECRET),
        database: database.replace(&password(&database), SECRET),
    }
}

#[tokio::test]
async fn no_password_is_said_by_a_command_that_cannot_reach_its_servers() {
    const COMMANDS: [&[&str]; 5] = [
        &["migrate"],
        &["keys", "list"],
        &["dead-letters", "list"],
        &["dead-letters", "replay", "--all"],
        &["ledger"],
    ];
    const ROLES: [&[&str]; 2] =
        [&["serve", "--http=127.0.0.1:0", "--admin=127.0.0.1:0"], &["worker", "--admin=127.0.0.1:0"]];
    let canaries = Canaries(vec![("the password", SECRET.to_owned())]);
    let stores = TestStores::start().await;
    let Urls { redis: wrong_redis, database: wrong_database } = wrong_passwords(&stores);
    let of_good_form = [
        (wrong_database, wrong_redis),
        (format!("postgres://u:{SECRET}@127.0.0.1:1/db"), format!("redis://:{SECRET}@127.0.0.1:1")),
    ];
    let of_bad_form = [
        (format!("postgres://u:{SECRET}@host:port/db"), format!("redis://:{SECRET}@host:port")),
        (format!("postgres://127.0.0.1/db?password={SECRET}&x=1"), format!("redis://{SECRET}@[::/x")),
        (format!("host=127.0.0.1 password={SECRET} nonsense"), format!("{SECRET}:6379")),
        (stores.database_url().to_owned(), format!("redis://u:{SECRET}@127.0.0.1:1/{SECRET}")),
        (SECRET.to_owned(), SECRET.to_owned()),
    ];
    let mut cases: Vec<(&(String, String), &[&str])> = Vec::new();
    cases.extend(of_good_form.iter().flat_map(|urls| COMMANDS.map(|command| (urls, command))));
    cases.extend(
        of_bad_form.iter().flat_map(|urls| ROLES.into_iter().chain(COMMANDS).map(move |it| (urls, it))),
    );
    for ((database, redis), command) in cases {
        let what = format!("{command:?} with {database} and {redis}");
        // one that never asks Redis has nothing to complain of
        let must_fail = database.contains(SECRET) || ["serve", "ledger"].contains(&command[0]);
        if command[0] == "worker" && !must_fail {
            continue;
        }
        let ran = run_with(database, redis, command).await;
        assert!(!must_fail || (ran.code != 0 && !ran.err.is_empty()), "{what}: {ran:?}");
        canaries.assert_none_in(&what, &format!("{}\n{}", ran.out, ran.err));
    }
}

#[tokio::test]
async fn no_password_is_said_by_a_server_that_is_not_let_in() {
    let canaries = Canaries(vec![("the password", SECRET.to_owned())]);
    let stores = TestStores::start().await;
    let wrong_database = Urls { redis: Urls::of(&stores).redis, ..wrong_passwords(&stores) };
    let mut serve = Running::unready_serve(&wrong_database, &[LOG, "--auth=keys"], "");
    let mut locked_out = Running::unready_serve(&wrong_passwords(&stores), &[LOG, "--redis-timeout=1s"], "");
    locked_out.ended_within(DEADLINE).await;
    assert!(locked_out.said().contains("does not let this process in"), "it says why");
    let mut worker = Running::doomed_worker(&wrong_passwords(&stores), &[LOG], "");
    worker.ended_within(DEADLINE).await;
    assert!(worker.said().contains("password authentication failed"), "it says why");
    let http = serve.serving().await.expect("it waits for Postgres to let it in");
    let client = Client::builder().no_proxy().build().unwrap();
    let mut witness = Witness { client, http, heard: String::new() };
    assert_eq!(witness.use_all(&format!("cmk_{SECRET}")).await[0], 500);
    witness.look(admin_of(&serve.until_logged("serving").await)).await;
    canaries.assert_none_in("the answers", &witness.heard);
    assert!(serve.said().contains("password authentication failed"), "it says why");
    canaries.assert_none_in("serve", &serve.said());
    canaries.assert_none_in("worker", &worker.said());
    canaries.assert_none_in("the server that ended", &locked_out.said());
}

#[tokio::test]
async fn no_help_shows_what_the_environment_holds() {
    let canaries = Canaries(vec![("the password", SECRET.to_owned())]);
    let url = format!("scheme://u:{SECRET}@host");
    for role in ["serve", "worker", "up", "migrate", "ledger", "dead-letters", "keys"] {
        let nested = ["list", "show", "replay", "create", "revoke"];
        let mut commands: Vec<Vec<&str>> = vec![vec![role, "--help"], vec![role, "-h"]];
        commands.extend(nested.map(|action| vec![role, action, "--help"]));
        for command in commands {
            let ran = run_with(&url, &url, &command).await;
            canaries.assert_none_in(&format!("{command:?}"), &format!("{}\n{}", ran.out, ran.err));
        }
    }
    let shown = run_with(&url, &url, &["serve", "--help"]).await;
    assert!(
        shown.out.contains("DATABASE_URL") && shown.out.contains("LOG=trace"),
        "it does name settings: {shown:?}"
    );
}
