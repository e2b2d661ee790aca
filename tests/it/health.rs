//! What a process says about itself on its admin port.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::config::AdminConfig;
use campaign_manager::ops::metrics::Exporter;
use campaign_manager::roles::Process;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{DEADLINE, Running, Settings, TestStores, Urls, run, start_worker_in, until};

async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_names_the_check_that_fails_and_recovers() {
    let mut stores = TestStores::start().await;
    let mut process = Process::default();
    let metrics = Exporter::detached().unwrap();
    let worker = start_worker_in(&stores, &Settings::with(&[]), &mut process.readiness).await;
    process.worker = Some(worker);
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let admin = process.open_admin(&AdminConfig { addr }, metrics).unwrap();
    let url = |route: &str| format!("http://{}{route}", admin.addr());

    assert_eq!(get(&url("/healthz")).await, (200, "ok\n".to_owned()));
    assert_eq!(get(&url("/readyz")).await.0, 200);

    stores.servers.postgres.stop().await;
    let (status, text) = get(&url("/readyz")).await;
    assert_eq!(status, 503);
    assert!(text.contains("postgres: no connection to Postgres") && text.contains("running: ok"), "{text}");
    assert_eq!(get(&url("/healthz")).await.0, 200, "the process itself is well");
    stores.servers.postgres.start().await.unwrap();
    until("readiness", DEADLINE, async || get(&url("/readyz")).await.0 == 200).await;
}

#[tokio::test]
async fn a_worker_says_how_to_mend_a_database_without_the_schema() {
    let stores = TestStores::start().await;
    stores.postgres().await.batch_execute("drop table campaigns cascade").await.unwrap();
    let mut readiness = campaign_manager::ops::Readiness::default();
    let settings = Settings::with(&[]);
    let Settings { queue, store, worker } = &settings;
    let error =
        campaign_manager::roles::Worker::start(&stores.urls(), queue, store, worker, &mut readiness).await;
    let said = error.unwrap_err().to_string();
    assert!(said.contains("campaign-manager migrate"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_health_ends_as_the_process_fares() {
    let mut stores = TestStores::start().await;
    let mut process = Process::default();
    let metrics = Exporter::detached().unwrap();
    process.worker = Some(start_worker_in(&stores, &Settings::with(&[]), &mut process.readiness).await);
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let admin = process.open_admin(&AdminConfig { addr: everywhere }, metrics).unwrap();
    let addr = admin.addr().to_string();

    let well = run(&stores, &["health", "--admin", &addr]).await;
    assert_eq!((well.code, well.out.as_str(), well.err.as_str()), (0, "", ""), "{well:?}");

    stores.servers.postgres.stop().await;
    let unwell = run(&stores, &["health", "--admin", &addr]).await;
    assert_eq!(unwell.code, 1, "{unwell:?}");
    assert!(unwell.err.contains("postgres: no connection to Postgres"), "{unwell:?}");
    assert_eq!(run(&stores, &["health", "--live", "--admin", &addr]).await.code, 0);
}

#[tokio::test]
async fn the_command_health_names_an_address_where_nobody_answers() {
    let stores = TestStores::start().await;
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let asked = run(&stores, &["health", "--admin", &nobody]).await;
    assert_eq!(asked.code, 1, "{asked:?}");
    assert!(asked.err.contains(&format!("http://{nobody}/readyz")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_health_says_where_it_was_pointed_at_the_api() {
    let stores = TestStores::start().await;
    let (_serve, api) = Running::serve(&Urls::of(&stores), &["--auth=keys"], "").await;
    let asked = run(&stores, &["health", "--admin", &api.to_string()]).await;
    assert_eq!(asked.code, 1, "{asked:?}");
    assert!(
        asked.err.contains(&format!("{api} is no admin port")) && asked.err.contains("ADMIN_ADDR"),
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_log_cannot_be_written_goes_on_with_all_its_work() {
    let stores = TestStores::start().await;
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let serve = Running::unlogged_serve(&Urls::of(&stores), http);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async || {
        let event = client.post(format!("http://{http}/events")).header("content-type", "application/json");
        let sent = event.body(r#"{"event_type":"t","user_id":"u"}"#).send().await;
        sent.map_or(0, |answer| answer.status().as_u16())
    };
    until("events to be accepted", DEADLINE, async || post().await == 202).await;
    let policy = redis::cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg("allkeys-lru").to_owned();
    let () = policy.query_async(&mut stores.redis().await).await.unwrap();
    until("what watches Redis to close the gate", DEADLINE, async || post().await == 503).await;
    serve.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_port_on_a_loopback_address_is_called_by_a_loopback_name() {
    let stores = TestStores::start().await;
    let (mut serve, _) = Running::serve(&Urls::of(&stores), &[], "").await;
    let admin = serve.until_logged("serving").await["admin"].as_str().unwrap().to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (host, status) in [("evil.example", 403), ("localhost:1", 200), ("127.0.0.1", 200)] {
        let answer = client.get(format!("http://{admin}/metrics")).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
    serve.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_does_not_wait_for_connections_of_the_admin_port_on_which_nothing_is_asked() {
    let stores = TestStores::start().await;
    let (serve, _) = Running::serve(&Urls::of(&stores), &[], "").await;
    let mut idle = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(serve.admin()).await.unwrap();
        if number % 2 == 1 {
            stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: loc").await.unwrap();
        }
        idle.push(stream);
    }
    // Their time for a head is longer.
    let soon = Duration::from_secs(3);
    let probed = timeout(soon, get(&format!("http://{}/readyz", serve.admin()))).await;
    assert_eq!(probed.expect("an answer while they are open").0, 200);
    let end = timeout(soon, idle[0].read(&mut [0])).await.expect("the first one has given way");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    serve.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_the_admin_port_that_read_nothing_are_cut_off_and_others_are_answered() {
    let stores = TestStores::start().await;
    let (mut serve, _) = Running::serve(&Urls::of(&stores), &[], "").await;
    let admin = serve.until_logged("serving").await["admin"].as_str().unwrap().to_owned();
    let mut crowd = JoinSet::new();
    for _ in 0..100 {
        let addr: SocketAddr = admin.parse().unwrap();
        crowd.spawn(async move {
            let socket = TcpSocket::new_v4().unwrap();
            // Little is on its way to it before it would have to read.
            socket.set_recv_buffer_size(4096).unwrap();
            let mut stream = socket.connect(addr).await.unwrap();
            let requests = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
            while stream.write_all(&requests).await.is_ok() {}
        });
    }
    assert_eq!(get(&format!("http://{admin}/healthz")).await.0, 200, "once some have made room");
    timeout(3 * DEADLINE, crowd.join_all()).await.expect("each of them is cut off");
    serve.drain().await;
}
