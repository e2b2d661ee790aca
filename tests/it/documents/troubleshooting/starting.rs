//! What a process says that does not start.

use std::net::TcpListener;
use std::process::Command;

use bb8_redis::redis::cmd;
use campaign_manager::embedded::Part;

use super::{PAGE, elsewhere};
use crate::documents::checkout::Checkout;
use crate::documents::symptoms::Symptoms;
use crate::support::{DEADLINE, Running, START_DEADLINE, TestStores, Up, Urls, folder, program, until};

/// What the program says on its way to its end.
fn said(arguments: &[&str], urls: Option<&Urls>) -> String {
    let mut command = program();
    command.args(arguments).env_remove("DATABASE_URL").env_remove("REDIS_URL");
    if let Some(urls) = urls {
        command.args(["--database-url", &urls.database, "--redis-url", &urls.redis, "--admin=127.0.0.1:0"]);
    }
    ended_badly(command)
}

fn ended_badly(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_start_says_what_the_document_shows() {
    let mut symptoms = Symptoms::of(PAGE, "It does not start");
    let (stores, dir) = (TestStores::start().await, folder());
    let urls = Urls::of(&stores);
    let with_database = |database: String| Urls { database, ..urls.clone() };

    let up = Up::start(dir.path(), &[]).await;
    let up_again =
        ["up", "--http=127.0.0.1:0", "--admin=127.0.0.1:0", "--data", dir.path().to_str().unwrap()];
    symptoms.met(&said(&up_again, None));
    drop(up);
    let port = std::fs::read_to_string(dir.path().join("redis.port")).unwrap();
    let mut others = None;
    until("the port of the killed Redis", DEADLINE, async || {
        others = TcpListener::bind(format!("127.0.0.1:{}", port.trim())).ok();
        others.is_some()
    })
    .await;
    symptoms.met(&said(&up_again, None));
    drop(others);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    symptoms.met(&said(&["serve", "--http", &address], Some(&urls)));
    symptoms.met(&said(&["serve", "--cors-origins", "https://shop.example/cart"], Some(&urls)));
    symptoms.met(&said(&["serve", "--auth=none", "--http=0.0.0.0:0"], Some(&urls)));
    symptoms.met(&said(&["serve"], None));
    symptoms.met(&said(&["worker", "--shards", "16"], Some(&urls)));
    symptoms.met(&said(&["ledger", "--log", "verbose"], Some(&urls)));
    symptoms.met(&said(&["worker", "--retention=1h"], Some(&urls)));
    let wrong =
        Urls { redis: urls.redis.replace("redis://default:", "redis://default:wrong-"), ..urls.clone() };
    symptoms.met(&said(&["worker", "--redis-timeout=1s"], Some(&wrong)));
    symptoms.met(&said(&["serve", "--http=127.0.0.1:0", "--redis-timeout=1s"], Some(&wrong)));

    let password = urls.database.split(['@', ':']).nth(2).unwrap();
    symptoms.met(&said(&["worker"], Some(&with_database(urls.database.replace(password, "wrong")))));
    let nobody = with_database("postgres://u:p@127.0.0.1:1/d".to_owned());
    symptoms.met(&said(&["worker"], Some(&nobody)));
    for (database, redis) in [("postgres://", &*urls.redis), (&urls.database, "redis://:a/b@127.0.0.1:1")] {
        let urls = Urls { database: database.to_owned(), redis: redis.to_owned() };
        symptoms.met(&said(&["serve", "--http=127.0.0.1:0"], Some(&urls)));
    }
    let (_serve, api) = Running::serve(&urls, &[], "").await;
    symptoms.met(&said(&["health", "--admin", &api.to_string()], None));

    let mut redis = stores.redis().await;
    cmd("CONFIG")
        .arg(&["SET", "maxmemory-policy", "allkeys-lru"])
        .query_async::<()>(&mut redis)
        .await
        .unwrap();
    symptoms.met(&said(&["serve", "--http=127.0.0.1:0"], Some(&urls)));

    cmd("CONFIG")
        .arg(&["SET", "maxmemory-policy", "noeviction"])
        .query_async::<()>(&mut redis)
        .await
        .unwrap();
    let mut worker = program();
    worker.args(["worker", "--admin=127.0.0.1:0"]).env("REDIS_URL", &urls.redis);
    worker.env("DATABASE_URL", Part::Worker.database_url(&urls.database));
    stores.postgres().await.batch_execute("revoke all on campaigns from campaigns_worker").await.unwrap();
    symptoms.met(&ended_badly(worker));

    let empty = "drop schema public cascade; create schema public";
    stores.postgres().await.batch_execute(empty).await.unwrap();
    symptoms.met(&said(&["worker"], Some(&urls)));

    let checkout = Checkout::make();
    let mut shell = checkout.shell(&[]);
    shell.run("campaign-manager up --http 127.0.0.1:0 --admin 127.0.0.1:0 2>up.log >/dev/null & UP=$!");
    until("run.env", START_DEADLINE, async || checkout.path().join(".data/run.env").exists()).await;
    shell.run("redis-cli -u $(sed -n s/REDIS_URL=//p .data/run.env) --no-auth-warning SHUTDOWN NOSAVE; wait $UP || :");
    symptoms.met(&shell.run("cat up.log"));
    shell.run("( ulimit -n 500; exec campaign-manager up --http 127.0.0.1:0 --admin 127.0.0.1:0 2>up.log >/dev/null ) &");
    until("run.env", START_DEADLINE, async || checkout.path().join(".data/run.env").exists()).await;
    symptoms.met(&shell.run("cat up.log"));
    symptoms.assert_all_met(&elsewhere());
}
