//! Two thousand connections that take as long as they may, beside a good client that must not notice.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{DEADLINE, Running, TestStores, Urls, scrape, until};

/// Of each of the four kinds.
const EACH: usize = 500;
/// Longer than the test: the crowd stays as long as it wants, and Redis on a busy machine is waited for.
const FLAGS: [&str; 5] = [
    "--header-timeout=10m",
    "--body-timeout=10m",
    "--write-timeout=10m",
    "--redis-timeout=1m",
    "--database-timeout=1m",
];
/// Between two bytes of a slow client.
const DRIP: Duration = Duration::from_secs(1);
/// Requests of the good client, beside the crowd and without it.
const REQUESTS: usize = 400;
/// How long each of them may take: far more than it does, as the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
const EVENT: &str = r#"{"event_type":"login","user_id":"u"}"#;

/// How a client is slow.
#[derive(Clone, Copy, Debug)]
enum Slow {
    Headers,
    Body,
    Silent,
    Reading,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_connections_do_not_hold_up_a_good_client() {
    let kinds = [Slow::Headers, Slow::Body, Slow::Silent, Slow::Reading];
    allow_open_files(kinds.len() * EACH + 200);
    let stores = TestStores::start().await;
    let (mut serve, addr) = Running::serve(&Urls::of(&stores), &FLAGS, "").await;
    let admin = serve.until_logged("serving").await["admin"].as_str().unwrap().to_owned();
    let alone = latencies(addr).await;

    let mut crowd = JoinSet::new();
    for kind in kinds.repeat(EACH) {
        let stream = kind.connect(addr).await;
        crowd.spawn(async move { kind.stay(stream).await });
    }
    until("the crowd has sent all that is taken of it", 3 * DEADLINE, async || {
        let answered = async || scrape(&admin).await.get("http_requests_total{class=\"4xx\"}");
        let before = answered().await;
        sleep(DRIP).await;
        before.total_cmp(&answered().await).is_eq()
    })
    .await;
    let beside = latencies(addr).await;

    assert!(crowd.try_join_next().is_none(), "one of the crowd was cut off");
    tell(&alone, &beside);
    for latencies in [&alone, &beside] {
        assert!(latencies[REQUESTS - 1] < PATIENCE, "an answer took {:?}", latencies[REQUESTS - 1]);
    }
    drop(crowd);
    serve.drain().await;
}

/// The test has one end of each connection, the server the other.
pub(super) fn allow_open_files(count: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let count = Some(count as u64);
    if current.is_some() && current < count {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: count, maximum });
        raised.expect("this test needs some thousands of open files: raise the hard limit (ulimit -Hn)");
    }
}

impl Slow {
    async fn connect(self, addr: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        if matches!(self, Self::Reading) {
            // Little is on its way to it before it would have to read.
            socket.set_recv_buffer_size(4096).unwrap();
        }
        socket.connect(addr).await.unwrap()
    }

    /// Ends only if the server ends the connection.
    async fn stay(self, stream: TcpStream) {
        let head = "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
        let (mut answers, mut requests) = stream.into_split();
        let ended = match self {
            Self::Headers => drip(&mut requests, format!("{head}x: ")).await,
            Self::Body => drip(&mut requests, format!("{head}content-length: 1000\r\n\r\n{{")).await,
            Self::Silent => answers.read(&mut [0]).await.map(|_| ()),
            Self::Reading => {
                let many = "GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
                match requests.write_all(many.as_bytes()).await {
                    Ok(()) => std::future::pending().await,
                    ended => ended,
                }
            }
        };
        drop(ended);
    }
}

async fn drip(requests: &mut tokio::net::tcp::OwnedWriteHalf, first: String) -> std::io::Result<()> {
    requests.write_all(first.as_bytes()).await?;
    loop {
        sleep(DRIP).await;
        requests.write_all(b" ").await?;
    }
}

/// How long each request of a good client takes, the fastest first. Each opens its own connection, so that those who came
/// before were accepted too.
async fn latencies(addr: SocketAddr) -> Vec<Duration> {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let mut latencies = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let request = client.post(format!("http://{addr}/events")).header("content-type", "application/json");
        let sent = Instant::now();
        let answer = request.body(EVENT).send().await.unwrap();
        latencies.push(sent.elapsed());
        let status = answer.status();
        assert_eq!(status, 202, "{}", answer.text().await.unwrap());
    }
    latencies.sort();
    latencies
}

#[expect(clippy::print_stderr, reason = "the figures of this run, for whoever runs it with --nocapture")]
fn tell(alone: &[Duration], beside: &[Duration]) {
    for (name, latencies) in [("alone", alone), ("beside 2,000 slow connections", beside)] {
        let [median, p99] = [50, 99].map(|percent| latencies[latencies.len() * percent / 100]);
        eprintln!("{name}: p50 {median:?}, p99 {p99:?}");
    }
}
