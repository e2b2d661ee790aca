//! TLS to Redis and Postgres: that it is used, and that nobody is trusted who must not be.

use std::path::Path;
use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::config::{RedisUrl, StoreConfig};
use campaign_manager::queue::Links;
use campaign_manager::store;

use crate::support::{
    Authority, DEADLINE, HERE, Oracle, Running, SHARDS, TestStores, Urls, program, until, until_drained,
};

/// How long Redis may take; one that waits for what never comes is waited for as long.
const PATIENCE: Duration = Duration::from_secs(3);

fn verified(database: &str, ca: &Path) -> String {
    format!("{database}?sslmode=verify-full&sslrootcert={}", ca.display())
}

fn trusting(redis: &str, ca: &Path) -> String {
    format!("{redis}?sslrootcert={}", ca.display())
}

/// What Postgres says, or why it cannot be asked.
async fn ask_postgres(url: &str) -> Result<(), String> {
    let config = StoreConfig { database_timeout: DEADLINE, ..StoreConfig::for_one_command() };
    let pool = store::connect(&url.to_owned().into(), &config).map_err(|error| error.to_string())?;
    store::answers(pool).await
}

/// What Redis says, or why it cannot be asked.
async fn ask_redis(url: &str) -> Result<(), String> {
    let links = Links::new(&RedisUrl::from(url.to_owned()), PATIENCE).map_err(|error| error.to_string())?;
    links.link(SHARDS.all()).await.map(|_| ()).map_err(|error| error.to_string())
}

#[track_caller]
fn assert_refused(answer: Result<(), String>, reason: &str) {
    let error = answer.expect_err(reason);
    assert!(error.contains(reason), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_flow_through_tls_to_both_servers() {
    let (stores, ca) = (TestStores::start().await, Authority::new());
    stores.encrypt_postgres(&ca.issue(HERE)).await;
    let redis = stores.encrypt_redis(&ca.issue(HERE)).await;
    let urls =
        Urls { redis: trusting(&redis, &ca.file()), database: verified(stores.database_url(), &ca.file()) };
    let (serve, addr) = Running::serve(&urls, &[], "").await;
    let mut oracle = Oracle::new(addr).await;
    // It loads the campaigns that the oracle has made.
    let worker = Running::worker(&urls, &[]).await;
    oracle.start();
    oracle.until_acknowledged(500).await;

    let connections = stores.postgres().await;
    let of_ours =
        "select count(*), count(*) filter (where not ssl) from pg_stat_ssl join pg_stat_activity using (pid)
        where application_name = 'campaign-manager'";
    let row = connections.query_one(of_ours, &[]).await.unwrap();
    let (all, plain): (i64, i64) = (row.get(0), row.get(1));
    assert!(all > 1 && plain == 0, "{plain} of {all} connections to Postgres are not encrypted");
    let clients: String =
        redis::cmd("CLIENT").arg("LIST").query_async(&mut stores.redis().await).await.unwrap();
    let plain = clients.lines().filter(|client| !is_encrypted(client, &redis));
    assert_eq!(plain.count(), 1, "only the test's own connection to Redis is not encrypted\n{clients}");

    oracle.stop().await;
    until_drained(&stores).await;
    worker.drain().await;
    serve.drain().await;
    oracle.verdict(&stores, "no fault, with TLS").await.assert_kept();
}

/// Whether a client in Redis' list has come by the port of this URL.
fn is_encrypted(client: &str, url: &str) -> bool {
    let port = url.rsplit_once(':').unwrap().1;
    client.split(' ').any(|field| field.starts_with("laddr=") && field.ends_with(&format!(":{port}")))
}

#[tokio::test]
async fn the_commands_reach_both_servers_through_tls() {
    let (stores, ca) = (TestStores::start().await, Authority::new());
    stores.encrypt_postgres(&ca.issue(HERE)).await;
    let redis = trusting(&stores.encrypt_redis(&ca.issue(HERE)).await, &ca.file());
    stores.demand_encryption().await;
    let database = verified(stores.database_url(), &ca.file());
    until("Postgres refuses what is not encrypted", DEADLINE, async || {
        ask_postgres(stores.database_url()).await.is_err()
    })
    .await;
    for arguments in [&["migrate"][..], &["ledger"], &["dead-letters", "list"]] {
        let mut command = program();
        command.args(arguments).env("DATABASE_URL", &database).env("REDIS_URL", &redis);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_refused(ask_postgres(stores.database_url()).await, "add sslmode=verify-full to DATABASE_URL");
}

#[tokio::test]
async fn a_postgres_that_cannot_be_verified_is_refused_with_what_to_do() {
    let (stores, ca, other) = (TestStores::start().await, Authority::new(), Authority::new());
    let url = stores.database_url();
    let ours = verified(url, &ca.file());
    assert_refused(ask_postgres(&ours).await, "the server does not speak TLS; set ssl=on");

    let here = ca.issue(HERE);
    stores.encrypt_postgres(&here).await;
    until("Postgres speaks TLS", DEADLINE, async || ask_postgres(&ours).await.is_ok()).await;
    let required = format!("{url}?sslmode=require&sslrootcert={}", ca.file().display());
    assert_eq!(ask_postgres(&required).await, Ok(()));
    assert_eq!(ask_postgres(&format!("{url}?sslmode=disable")).await, Ok(()));
    assert_refused(ask_postgres(&verified(url, &other.file())).await, "no CA that is trusted here");
    assert_refused(ask_postgres(&format!("{url}?sslmode=require")).await, "no CA that is trusted here");
    assert_refused(ask_postgres(&format!("{url}?sslmode=prefer")).await, "use sslmode=verify-full");
    assert_refused(ask_postgres(&verified(url, Path::new("/no.pem"))).await, "/no.pem: No such file");

    for (issued, reason) in [
        (ca.issue_until(HERE, 2020), "the server's certificate has expired"),
        (ca.issue("elsewhere.example"), "the server's certificate is for another host"),
    ] {
        stores.encrypt_postgres(&issued).await;
        until("Postgres shows the other certificate", DEADLINE, async || ask_postgres(&ours).await.is_err())
            .await;
        assert_refused(ask_postgres(&ours).await, reason);
    }
}

#[tokio::test]
async fn a_redis_that_cannot_be_verified_is_refused_with_what_to_do() {
    let (stores, ca, other) = (TestStores::start().await, Authority::new(), Authority::new());
    let redis = stores.encrypt_redis(&ca.issue(HERE)).await;
    let ours = trusting(&redis, &ca.file());
    assert_eq!(ask_redis(&ours).await, Ok(()));
    assert_refused(ask_redis(&trusting(&redis, &other.file())).await, "no CA that is trusted here");
    assert_refused(ask_redis(&redis).await, "no CA that is trusted here");
    assert_refused(ask_redis(&format!("{redis}#insecure")).await, "servers are always verified");
    let without = redis.replace("rediss://", "redis://");
    assert_refused(ask_redis(&without).await, "rediss://");
    let plain = stores.redis_url().replace("redis://", "rediss://");
    assert_refused(ask_redis(&trusting(&plain, &ca.file())).await, "if its port does not speak TLS");

    for (issued, reason) in [
        (ca.issue_until(HERE, 2020), "the server's certificate has expired"),
        (ca.issue("elsewhere.example"), "the server's certificate is for another host"),
    ] {
        stores.show_from_redis(&issued).await;
        assert_refused(ask_redis(&ours).await, reason);
    }
}
