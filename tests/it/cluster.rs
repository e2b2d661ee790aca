//! A Redis Cluster that is not as it should be, and what it is asked for beside events.

use bb8_redis::redis::{InfoDict, cmd};
use campaign_manager::queue::Pool;
use reqwest::StatusCode;
use rustix::process::Signal;

use crate::support::{
    Authority, Cluster, DEADLINE, NAME, Oracle, Ran, Running, SHARDS, TestStores, Urls, program, run, scrape,
    until, until_drained, until_drained_within,
};

async fn stores() -> TestStores {
    TestStores::on(Cluster::start().await).await
}

fn nodes(stores: &TestStores) -> &Cluster {
    stores.cluster.as_ref().unwrap()
}

/// Runs a command of the program with this address of Redis.
async fn run_with(stores: &TestStores, redis: &str, arguments: &[&str]) -> Ran {
    let mut command = program();
    command.args(arguments).env("DATABASE_URL", stores.database_url()).env("REDIS_URL", redis);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[track_caller]
fn assert_refused(ran: &Ran, reason: &str) {
    assert!(ran.code != 0 && ran.err.contains(reason), "{reason}\n{ran:?}");
}

#[tokio::test]
async fn several_servers_that_are_no_cluster_are_refused_with_what_to_do() {
    let stores = TestStores::start().await;
    let (before, port) = stores.redis_url().rsplit_once(':').unwrap();
    let port = port.trim_end_matches("/0");
    let twice = format!("{before}:{port},127.0.0.1:{port}/0");
    let reason = format!("but 127.0.0.1:{port} is no node of a Redis Cluster; name one server");
    assert_refused(&run_with(&stores, &twice, &["ledger"]).await, &reason);
}

#[tokio::test]
async fn a_cluster_has_no_databases_to_choose_from_and_says_so() {
    let stores = stores().await;
    let url = format!("{}/1", nodes(&stores).nodes[0].url());
    let ran = run_with(&stores, &url, &["ledger", "--redis-timeout=1s"]).await;
    assert_refused(&ran, "take the number off the end of REDIS_URL");
}

#[tokio::test]
async fn a_node_that_may_evict_events_keeps_the_processes_from_starting_and_is_named() {
    let stores = stores().await;
    let node = &nodes(&stores).nodes[1];
    let () = node.ask(cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg("allkeys-lru")).await;
    let reason = format!("node {} of the Redis Cluster: Redis may evict accepted events", node.address());
    for role in [&["worker"][..], &["serve", "--http=127.0.0.1:0", "--auth=none"]] {
        assert_refused(&run(&stores, &[role, &["--admin=127.0.0.1:0"]].concat()).await, &reason);
    }
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_where_it_says_it_is_is_named() {
    let stores = stores().await;
    let [one, other, ..] = nodes(&stores).nodes.as_slice() else { unreachable!("there are three") };
    let () = one.ask(cmd("CONFIG").arg("SET").arg("cluster-announce-ip").arg("127.0.0.9")).await;
    until("a node that others know by another address", DEADLINE, async || {
        other.ask::<String>(cmd("CLUSTER").arg("NODES")).await.contains("127.0.0.9")
    })
    .await;
    let ran = run_with(&stores, &other.url(), &["ledger", "--redis-timeout=1s"]).await;
    assert_refused(&ran, &format!("server=127.0.0.9:{}", one.address().rsplit_once(':').unwrap().1));
}

#[tokio::test]
async fn a_cluster_that_lacks_slots_or_a_node_says_so() {
    let mut stores = stores().await;
    let () = nodes(&stores).nodes[2].ask(cmd("CLUSTER").arg("DELSLOTS").arg(16_383)).await;
    let url = nodes(&stores).nodes[2].url();
    assert_refused(
        &run_with(&stores, &url, &["ledger"]).await,
        "1 of the 16384 slots of the Redis Cluster have no node",
    );

    let () = nodes(&stores).nodes[2].ask(cmd("CLUSTER").arg("ADDSLOTS").arg(16_383)).await;
    nodes(&stores).until_whole().await;
    stores.cluster.as_mut().unwrap().nodes[0].kill();
    until("a cluster that misses a node", DEADLINE, async || {
        nodes(&stores).nodes[2].ask::<String>(cmd("CLUSTER").arg("INFO")).await.contains("cluster_state:fail")
    })
    .await;
    let ran = run_with(&stores, &url, &["ledger"]).await;
    assert_refused(&ran, "the Redis Cluster is down, says its node 127.0.0.1:");
}

#[tokio::test]
async fn a_node_that_was_a_replica_meanwhile_is_another_run() {
    let stores = TestStores::on(Cluster::with_replica().await).await;
    let pool = Pool::new(&stores.urls().redis_url, DEADLINE, 1).unwrap();
    // Its slot is the first node's.
    let shard = SHARDS.get(3).unwrap();
    let before = pool.get([shard]).await.unwrap().run_id(shard).clone();
    nodes(&stores).seize(3).await;
    nodes(&stores).seize(0).await;
    until("another run of the same server", DEADLINE, async || match pool.get([shard]).await {
        Ok(link) => *link.run_id(shard) != before,
        Err(_) => false,
    })
    .await;
    let run_id = cmd("INFO").arg("server").to_owned();
    let about: InfoDict = nodes(&stores).nodes[0].ask(&run_id).await;
    assert!(before.as_str().starts_with(&about.get::<String>("run_id").unwrap()), "{before:?}");
    let link = pool.get([shard]).await.unwrap();
    assert_eq!(link.run_id(shard).as_str().split(' ').next(), before.as_str().split(' ').next());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_flow_through_tls_to_each_node_by_its_name() {
    let ca = Authority::new();
    let stores = TestStores::on(Cluster::encrypted(&ca, &ca.issue(NAME)).await).await;
    let urls = Urls::of(&stores);
    // Many handshakes at once take their time in a debug build.
    let patient = ["--redis-timeout=5s"];
    let (serve, addr) = Running::serve(&urls, &patient, "").await;
    let mut oracle = Oracle::new(addr).await;
    let worker = Running::worker(&urls, &patient).await;
    oracle.send(500).await;
    until_drained_within(&stores, 3 * DEADLINE).await;
    for node in &nodes(&stores).nodes {
        let clients: String = node.ask(cmd("CLIENT").arg("LIST").arg("TYPE").arg("normal")).await;
        let tls = format!("laddr={} ", node.address());
        let plain = clients.lines().filter(|client| !client.contains(&tls));
        assert_eq!(plain.count(), 1, "only the test's own connection is not encrypted\n{clients}");
        assert!(clients.lines().count() > 1, "{clients}");
    }
    worker.drain().await;
    serve.drain().await;
    oracle.verdict(&stores, "a cluster with TLS, no fault").await.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_node_closes_the_gate_and_all_of_them_are_shown() {
    let stores = stores().await;
    let (mut serve, addr) = Running::serve(&Urls::of(&stores), &[], "").await;
    let admin = serve.until_logged("serving").await["admin"].as_str().unwrap().to_owned();
    let mut oracle = Oracle::new(addr).await;
    oracle.start();
    oracle.until_acknowledged(200).await;
    let set = async |bytes: u64| {
        let () = nodes(&stores).nodes[1].ask(cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes)).await;
    };
    // It uses less, but not when its claims are there.
    set(3 << 20).await;
    oracle.until_refused(5).await;
    until("the node's limit in the metrics", DEADLINE, async || {
        scrape(&admin).await.get("redis_memory_max_bytes") > 0.0
    })
    .await;
    set(0).await;
    oracle.until_acknowledged(200).await;
    oracle.stop().await;

    let worker = Running::worker(&Urls::of(&stores), &[]).await;
    until_drained(&stores).await;
    worker.drain().await;
    serve.drain().await;
    oracle.verdict(&stores, "a node of a cluster full").await.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_are_ready_while_all_nodes_answer_and_dead_letters_are_replayed() {
    let mut stores = stores().await;
    let postgres = stores.postgres().await;
    let refuse = "alter table events add constraint no_7 check (event_id <> 'e7')";
    postgres.batch_execute(refuse).await.unwrap();
    let (mut serve, addr) = Running::serve(&Urls::of(&stores), &[], "").await;
    let mut worker = Running::worker(&Urls::of(&stores), &[]).await;
    let mut oracle = Oracle::new(addr).await;
    oracle.send(100).await;
    until_drained(&stores).await;
    postgres.batch_execute("alter table events drop constraint no_7").await.unwrap();
    let replayed = run(&stores, &["dead-letters", "replay", "--all"]).await;
    assert!(replayed.out.contains("queued again: 1 dead letters with 1 events"), "{replayed:?}");
    until_drained(&stores).await;
    // The oracle has two users send events with the same id.
    let rows = "select count(*), count(distinct (user_id, event_id)) from events";
    let row = postgres.query_one(rows, &[]).await.unwrap();
    let obligations = i64::try_from(oracle.obligations()).unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (obligations, obligations));
    let ledger = run(&stores, &["ledger"]).await;
    assert!(ledger.code == 0 && ledger.out.contains("\nbalanced; 0 events"), "{ledger:?}");

    let mut admins = Vec::new();
    for (process, started) in [(&mut serve, "serving"), (&mut worker, "working")] {
        admins.push(process.until_logged(started).await["admin"].as_str().unwrap().to_owned());
    }
    until_all(&admins, StatusCode::OK).await;
    stores.cluster.as_mut().unwrap().nodes[2].kill();
    until_all(&admins, StatusCode::SERVICE_UNAVAILABLE).await;
    stores.cluster.as_mut().unwrap().nodes[2].start().await;
    until_all(&admins, StatusCode::OK).await;
    for process in [serve, worker] {
        process.signal(Signal::TERM);
    }
}

async fn until_all(admins: &[String], status: StatusCode) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for admin in admins {
        until(&format!("{status} of readiness"), DEADLINE, async || {
            client.get(format!("http://{admin}/readyz")).send().await.unwrap().status() == status
        })
        .await;
    }
}
