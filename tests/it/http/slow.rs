//! Clients that are too slow in one way or another, and servers behind that do not answer: nobody is waited for for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use bb8_redis::redis;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{DEADLINE, Mode, Reply, TestServer, until};

const EVENT: &str = r#"{"event_type":"login","user_id":"u"}"#;

/// Waits until the server has closed or reset the connection.
async fn until_closed(stream: &mut TcpStream) {
    let mut read = vec![0; 64 * 1024];
    let closed = async { while !matches!(stream.read(&mut read).await, Ok(0) | Err(_)) {} };
    tokio::time::timeout(DEADLINE, closed).await.expect("the server closes");
}

#[tokio::test]
async fn a_connection_between_two_requests_is_closed_after_the_time_for_headers() {
    let server = TestServer::with(&["--header-timeout=200ms"]).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 12]).await.unwrap();
    until_closed(&mut stream).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    until_closed(&mut silent).await;
}

#[tokio::test]
async fn a_client_that_sends_requests_and_reads_no_answers_is_cut_off() {
    let server =
        TestServer::with(&["--write-timeout=300ms", "--header-timeout=60s", "--max-connections=1"]).await;
    let socket = TcpSocket::new_v4().unwrap();
    // Little is on its way to it before it would have to read.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut greedy = socket.connect(server.addr).await.unwrap();
    let requests = b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
    let sending = async { while greedy.write_all(&requests).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, sending).await.expect("it is cut off");
    // Its place, the only one, is free again.
    server.post("/events", EVENT).await.expect(202);
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_steadily_gets_its_whole_answer() {
    let server = TestServer::with(&["--write-timeout=1s"]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.addr).await.unwrap();
    let requests = b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(2000);
    let last = b"GET /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let (mut answers, mut sender) = stream.split();
    let sending = async { sender.write_all(&[&requests[..], last].concat()).await.unwrap() };
    let reading = async {
        let (mut count, mut read, mut tick) =
            (0, vec![0; 64 * 1024], tokio::time::interval(Duration::from_millis(5)));
        loop {
            tick.tick().await;
            let length = answers.read(&mut read).await.unwrap();
            if length == 0 {
                return count;
            }
            count += memchr::memmem::find_iter(&read[..length], b"\"status\":404").count();
        }
    };
    let ((), count) = tokio::join!(sending, reading);
    // Some are cut in two by the reads.
    assert!(count > 1900, "{count} answers");
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_not_waited_for_and_is_asked_anew_once_it_does() {
    let flags = ["--answer-timeout=500ms", "--database-timeout=5s", "--database-connections=2"];
    let (server, proxy) = TestServer::behind_proxy(&flags).await;
    server.get("/campaigns").await.expect(200);
    proxy.set(Mode::BlackHole);
    for (method, path) in
        [(Method::GET, "/campaigns"), (Method::GET, "/events/e"), (Method::POST, "/campaigns/1/pause")]
    {
        let reply = Reply::of(server.request(method, path)).await;
        assert!(reply.problem(503).contains("within 500ms"), "{}", reply.text);
        assert_eq!(reply.header("retry-after"), "1");
    }
    server.post("/events", EVENT).await.expect(202);
    proxy.set(Mode::Pass);
    // The connection that lost its answer is not lent again: no request waits for it now.
    server.get("/campaigns").await.expect(200);
    until("both connections are good", DEADLINE, async || {
        let both = tokio::join!(server.get("/campaigns"), server.get("/campaigns"));
        both.0.status.is_success() && both.1.status.is_success()
    })
    .await;
}

/// The sessions of the server, without those of the test.
async fn sessions(server: &TestServer) -> BTreeSet<i32> {
    let select = "select pid from pg_stat_activity where application_name = 'campaign-manager'";
    let rows = server.stores.postgres().await.query(select, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_time_is_over_closes_the_connection_that_it_waits_for_and_no_other() {
    let flags = ["--answer-timeout=2s", "--database-timeout=1m", "--redis-timeout=1m"];
    let server = TestServer::with(&flags).await;
    until("there are several connections", DEADLINE, async || {
        let asked = (0..4).map(|_| server.get("/campaigns"));
        futures_util::future::join_all(asked).await;
        sessions(&server).await.len() >= 2
    })
    .await;
    let before = sessions(&server).await;

    let mut redis = server.stores.redis().await;
    let () = redis::cmd("CLIENT").arg("PAUSE").arg(60_000).arg("ALL").query_async(&mut redis).await.unwrap();
    server.get("/ledger").await.problem(503);
    assert!(before.is_subset(&sessions(&server).await), "Redis was slow, not Postgres");

    let postgres = server.stores.postgres().await;
    postgres.batch_execute("begin; lock table campaigns in access exclusive mode").await.unwrap();
    server.get("/campaigns").await.problem(503);
    postgres.batch_execute("rollback").await.unwrap();
    until("the one that waited is closed", DEADLINE, async || {
        before.difference(&sessions(&server).await).count() == 1
    })
    .await;
    server.get("/campaigns").await.expect(200);
}
