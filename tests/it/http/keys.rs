//! `/keys`, and `campaign-manager keys`.

use std::num::NonZeroU32;
use std::time::Duration;

use campaign_manager::store::keys::{ApiKey, NewKey, Rate, Revocation, Scope, create, revoke_unless_last};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{EVENT, key, locked_server as server, reading};
use crate::support::{Reply, Running, TestServer, TestStores, Urls, run, until};

/// An administrator: a server and a key.
struct Admin<'a>(&'a TestServer, &'a ApiKey);

impl Admin<'_> {
    fn asking(&self, method: Method, path: &str) -> RequestBuilder {
        self.0.request(method, path).bearer_auth(self.1.expose())
    }

    async fn create(&self, new: &Value) -> Reply {
        Reply::of(self.0.posting("/keys", new.to_string()).bearer_auth(self.1.expose())).await
    }

    async fn list(&self, query: &str) -> Value {
        Reply::of(self.asking(Method::GET, &format!("/keys{query}"))).await.expect(200)
    }

    async fn revoke(&self, id: &Value) -> Reply {
        Reply::of(self.asking(Method::DELETE, &format!("/keys/{id}"))).await
    }
}

async fn sends(server: &TestServer, key: &str) -> u16 {
    Reply::of(server.posting("/events", EVENT).bearer_auth(key)).await.status.as_u16()
}

#[tokio::test]
async fn a_new_key_is_shown_once_and_lets_in() {
    let server = server().await;
    let key = key(&server, Scope::Admin).await;
    let admin = Admin(&server, &key);

    let created = admin.create(&json!({"name": "shop", "scope": "ingest", "rate_limit": 100})).await;
    let new = created.expect(201);
    assert_eq!(created.header("cache-control"), "no-store");
    assert_eq!(new["name"], "shop");
    assert_eq!(new["scope"], "ingest");
    assert_eq!(new["rate_limit"], 100);
    let secret = new["key"].as_str().unwrap();
    assert_eq!(sends(&server, secret).await, 202);

    let listed = admin.list("").await;
    let shown = &listed["keys"][0];
    assert_eq!(shown["id"], new["id"]);
    assert_eq!(shown["revoked_at"], Value::Null);
    let names: Vec<&String> = shown.as_object().unwrap().keys().collect();
    assert_eq!(names, ["burst", "created_at", "id", "name", "rate_limit", "revoked_at", "scope"]);
    assert!(!listed.to_string().contains("cmk_"));
    let padded = format!("/keys/0{}", new["id"]);
    Reply::of(admin.asking(Method::DELETE, &padded)).await.problem(404);
}

#[tokio::test]
async fn keys_are_for_admins() {
    let server = server().await;
    let ingest = key(&server, Scope::Ingest).await;
    let caller = Admin(&server, &ingest);

    caller.create(&json!({"name": "mine", "scope": "admin"})).await.problem(403);
    Reply::of(caller.asking(Method::GET, "/keys")).await.problem(403);
    caller.revoke(&json!(1)).await.problem(403);
}

#[tokio::test]
async fn keys_are_listed_page_by_page_the_newest_first() {
    let server = server().await;
    let key = key(&server, Scope::Admin).await;
    let admin = Admin(&server, &key);
    for name in ["a", "b", "c"] {
        admin.create(&json!({"name": name, "scope": "ingest"})).await.expect(201);
    }

    let first = admin.list("?limit=2").await;
    let second = admin.list(&format!("?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    let pages = [first, second];
    let names: Vec<&str> = pages
        .iter()
        .flat_map(|page| page["keys"].as_array().unwrap())
        .map(|key| key["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["c", "b", "a", "test"]);
    let wrong = Reply::of(admin.asking(Method::GET, "/keys?cursor=x")).await;
    assert!(wrong.problem(400).contains("next_cursor of a list of keys"));
}

#[tokio::test]
async fn the_server_that_revokes_a_key_refuses_it_at_once() {
    let server = server().await;
    let key = key(&server, Scope::Admin).await;
    let admin = Admin(&server, &key);
    let new = admin.create(&json!({"name": "shop", "scope": "ingest"})).await.expect(201);
    let secret = new["key"].as_str().unwrap();
    assert_eq!(sends(&server, secret).await, 202);

    let revoked = admin.revoke(&new["id"]).await;
    assert_eq!((revoked.status.as_u16(), revoked.text.as_str()), (204, ""));
    assert_eq!(sends(&server, secret).await, 401);

    let at = admin.list("?limit=1").await["keys"][0]["revoked_at"].clone();
    assert!(at.is_string());
    assert_eq!(admin.revoke(&new["id"]).await.status.as_u16(), 204, "again, which changes nothing");
    assert_eq!(admin.list("?limit=1").await["keys"][0]["revoked_at"], at);
}

#[tokio::test]
async fn what_is_no_key_cannot_be_revoked() {
    let server = server().await;
    let key = key(&server, Scope::Admin).await;
    let admin = Admin(&server, &key);
    for id in ["7000", "9223372036854775808", "x"] {
        let reply = Reply::of(admin.asking(Method::DELETE, &format!("/keys/{id}"))).await;
        assert!(reply.problem(404).contains(id));
    }
}

#[tokio::test]
async fn the_last_admin_key_is_revoked_from_the_command_line_only() {
    let server = server().await;
    let key = key(&server, Scope::Admin).await;
    let admin = Admin(&server, &key);
    admin.create(&json!({"name": "no admin", "scope": "ingest"})).await.expect(201);

    let detail = admin.revoke(&json!(1)).await.problem(409);
    assert!(detail.contains("campaign-manager keys revoke 1"), "{detail}");
    Reply::of(reading(&server, &key)).await.expect(200);

    let other = admin.create(&json!({"name": "other", "scope": "admin"})).await.expect(201);
    assert_eq!(admin.revoke(&json!(1)).await.status.as_u16(), 204, "its own, as there is another");
    let ran = run(&server.stores, &["keys", "revoke", &other["id"].to_string()]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "revoked key 3\n"), "{ran:?}");
}

#[tokio::test]
async fn of_two_admins_who_revoke_each_other_at_once_one_is_left() {
    let stores = TestStores::start().await;
    let pool = stores.pool();
    let new = NewKey { name: "admin", scope: Scope::Admin, rate_limit: None };
    let mut left = create(&pool, &new).await.unwrap().1.key.id;
    for _ in 0..20 {
        let other = create(&pool, &new).await.unwrap().1.key.id;
        let (one, two) = tokio::join!(revoke_unless_last(&pool, left), revoke_unless_last(&pool, other));
        left = match (one.unwrap(), two.unwrap()) {
            (Revocation::LastAdmin, Revocation::Revoked) => left,
            (Revocation::Revoked, Revocation::LastAdmin) => other,
            both => panic!("{both:?}"),
        };
    }
}

#[tokio::test]
async fn the_command_line_creates_lists_and_revokes_keys() {
    let stores = TestStores::start().await;
    // Releases before this one took any name.
    let rate_limit = Some(Rate { per_second: NonZeroU32::new(50).unwrap(), burst: NonZeroU32::new(5) });
    let older = NewKey { name: "sh\u{1b}op", scope: Scope::Ingest, rate_limit };
    create(&stores.pool(), &older).await.unwrap();
    let created = run(&stores, &["keys", "create", "--name", "ops", "--scope", "admin"]).await;
    assert_eq!(created.code, 0, "{created:?}");
    assert!(created.out.starts_with("cmk_") && created.out.lines().count() == 1, "{created:?}");
    let limited = ["keys", "create", "--name", "page", "--scope", "browser", "--rate-limit=70"];
    run(&stores, &[&limited[..], &["--burst=1000000"]].concat()).await;
    run(&stores, &limited).await;

    let revoked = run(&stores, &["keys", "revoke", "2"]).await;
    assert_eq!((revoked.code, revoked.out.as_str()), (0, "revoked key 2\n"), "the last admin key, too");
    let again = run(&stores, &["keys", "revoke", "2"]).await;
    assert!(again.code == 0 && again.out.starts_with("key 2 was already revoked at 20"), "{again:?}");
    let missing = run(&stores, &["keys", "revoke", "5"]).await;
    assert!(missing.code == 1 && missing.err.contains("there is no key 5"), "{missing:?}");

    let listed = run(&stores, &["keys", "list"]).await;
    let lines: Vec<&str> = listed.out.lines().collect();
    for (line, (rate, name)) in lines.iter().zip([
        ("browser       70/s                 valid ", "page"),
        ("browser       70/s  burst 1000000  valid ", "page"),
        ("admin     no limit                 revoked ", "ops"),
        ("ingest        50/s  burst 5        valid ", "sh\u{fffd}op"),
    ]) {
        assert!(line.contains(rate) && line.ends_with(name), "{listed:?}");
    }
    let listed = run(&stores, &["keys", "list", "--json"]).await;
    let shown: Vec<Value> = listed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown[2]["name"], "ops");
    assert_eq!((&shown[3]["rate_limit"], &shown[3]["burst"]), (&json!(50), &json!(5)));
}

#[tokio::test]
async fn a_name_that_no_key_may_have_is_refused_on_the_command_line() {
    let stores = TestStores::start().await;
    for (name, why) in
        [("sh\u{1b}op", "U+001B, a control character"), (" ", "blank"), (&*"x".repeat(201), "201")]
    {
        let ran = run(&stores, &["keys", "create", "--name", name, "--scope", "ingest"]).await;
        assert!(ran.code == 64 && ran.err.contains(why), "{ran:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_that_is_none_is_refused_on_the_command_line() {
    let stores = TestStores::start().await;
    for rate in ["0", "1000001", "fast"] {
        let ran =
            run(&stores, &["keys", "create", "--name", "n", "--scope", "ingest", "--rate-limit", rate]).await;
        assert!(ran.code == 64 && ran.err.contains("from 1 to 1000000"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_key_revoked_elsewhere_stops_working_within_five_seconds() {
    let stores = TestStores::start().await;
    let (_serve, addr) = Running::serve(&Urls::of(&stores), &["--auth=keys"], "").await;
    let created = run(&stores, &["keys", "create", "--name", "shop", "--scope", "ingest"]).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async || {
        let request = client.post(format!("http://{addr}/events")).bearer_auth(created.out.trim());
        let request = request.header("content-type", "application/json").body(EVENT);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send().await, 202);

    assert_eq!(run(&stores, &["keys", "revoke", "1"]).await.code, 0);
    until("the key is refused", Duration::from_secs(5), async || send().await == 401).await;
}
