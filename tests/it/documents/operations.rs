//! The commands of `docs/operations.md`, on a system that loses its database and gets it back from a dump.

use campaign_manager::embedded::Part;
use campaign_manager::roles::{Addresses, RunEnv};
use serde_json::Value;

use super::checkout::Checkout;
use super::commands::{Script, Step};
use super::shell::Shell;
use crate::support::{DEADLINE, Reply, Running, TestStores, Urls, until};

/// `serve` and `worker` before these servers.
struct System {
    serve: Running,
    worker: Running,
    api: String,
}

impl System {
    async fn start(stores: &TestStores) -> Self {
        let urls = Urls::of(stores);
        let worker = Running::worker(&urls, &[]).await;
        let (serve, addr) = Running::serve(&urls, &[], "").await;
        Self { serve, worker, api: format!("http://{addr}") }
    }

    async fn stop(self) {
        self.serve.drain().await;
        self.worker.drain().await;
    }

    /// Sends an event with this id, and waits until there are so many rows with it.
    async fn stores(&self, stores: &TestStores, event_id: &str, rows: i64) {
        let event = serde_json::json!({"event_id": event_id, "event_type": "purchase", "user_id": "u-1"});
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer: Value =
            Reply::of(client.post(format!("{}/events", self.api)).json(&event)).await.expect(202);
        assert_eq!(answer["accepted"], 1);
        self.settles(stores, event_id, rows).await;
    }

    async fn settles(&self, stores: &TestStores, event_id: &str, rows: i64) {
        let postgres = stores.postgres().await;
        let queued = "select count(*) from events where event_id = $1";
        until(&format!("{rows} rows of {event_id}"), DEADLINE, async || {
            postgres.query_one(queued, &[&event_id]).await.unwrap().get::<_, i64>(0) == rows
        })
        .await;
    }
}

fn run(shell: &mut Shell, step: &Step) -> String {
    let output = shell.run(&step.commands);
    assert_eq!(step.difference(&output), Ok(()), "{}: {output}", step.at);
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_restored_and_the_rest_is_done_as_the_document_says() {
    let (stores, checkout) = (TestStores::start().await, Checkout::make());
    // What `up` writes for people, on these servers.
    let everything = Addresses::of_stores(&stores.servers);
    let env = RunEnv::open(checkout.path()).unwrap();
    env.write(&everything).unwrap();
    let mut shell = checkout.shell(&[]);
    shell.run("set -a; . ./run.env; set +a");
    let mut page = Script::of("docs/operations.md");
    let system = System::start(&stores).await;
    system.stores(&stores, "e-1", 1).await;
    system.stores(&stores, "e-2", 1).await;
    run(&mut shell, &page.next("psql"));

    run(&mut shell, &page.next("pg_dump"));
    system.stores(&stores, "e-3", 1).await;
    system.stop().await;
    run(&mut shell, &page.next("psql"));
    let claims = page.next("redis-cli");
    assert_eq!(run(&mut shell, &claims).trim(), "8", "{}", claims.at);
    let mut system = System::start(&stores).await;
    run(&mut shell, &page.next("campaign-manager ledger"));
    system.stores(&stores, "e-2", 1).await;
    system.stores(&stores, "e-3", 1).await;
    system.worker.until_logged("restored the claims that Redis lacked").await;

    run(&mut shell, &page.next("campaign-manager migrate"));
    run(&mut shell, &page.next("psql"));
    let keys = run(&mut shell, &page.next("OLD="));
    assert!(keys.contains("shop-2026") && keys.contains("shop-2027"), "{keys}");
    for (name, part) in [("OWNER", Part::Owner), ("SERVE", Part::Serve), ("WORKER", Part::Worker)] {
        let url = part.database_url(stores.database_url());
        shell.run(&format!("export {name}_DATABASE_URL='{url}'"));
    }
    shell.run(&format!("export DATABASE_URL='{}'", stores.database_url()));
    run(&mut shell, &page.next("campaign-manager roles"));
    system.stop().await;

    run(&mut shell, &page.next("psql"));
    run(&mut shell, &page.next("redis-cli"));
    let old = stores.redis_url().split(['@', ':']).nth(2).unwrap();
    run(&mut shell, &page.next("redis-cli").with(&[("the-old-password", old)]));
    shell.run("REDISCLI_AUTH=the-new-password redis-cli -u redis://$REDIS_ADDR PING | grep PONG");
    shell.run("PGPASSWORD=the-new-password psql -c 'select 1'");
    assert!(page.rest().next().is_none(), "every block is run");
}
