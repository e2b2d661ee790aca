//! Hostile clients by the hundred, beside a good one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::System;
use crate::support::Running;

/// Long enough for a busy machine to read a body that is there at once.
const FLAGS: [&str; 3] = ["--header-timeout=2s", "--body-timeout=4s", "--max-body=256KiB"];
const EVENT: &str = r#"{"event_id":"never","event_type":"t","user_id":"u"}"#;
/// Of each kind, side by side.
const CROWD: usize = 50;
/// When each of them must be rid of, its time-out and the time for what is left of its body included.
const GONE: Duration = Duration::from_secs(20);
/// Between two bytes of the slow ones.
const DRIP: Duration = Duration::from_millis(40);

/// What a client sends, and how it is turned away.
struct Hostile {
    name: &'static str,
    bytes: Vec<u8>,
    /// After that it goes on with this byte, slowly, for ever.
    drip: Option<u8>,
    /// The status of the answer. Where there is none, the connection is closed with more to read, and so it depends on the
    /// kernel whether the client still gets to see the answer.
    status: Option<&'static str>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_hostile_clients_are_turned_away_and_a_good_one_notices_nothing() {
    let mut system = System::start().await;
    let (serve, addr) = Running::serve(&system.urls, &FLAGS, "").await;
    std::mem::replace(&mut system.serve, serve).drain().await;
    system.oracle.redirect(addr);
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;

    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        for hostile in hostile_clients() {
            crowd.spawn(async move { hostile.expect_refusal(addr).await });
        }
    }
    system.oracle.until_acknowledged(1000).await;
    while crowd.try_join_next().transpose().unwrap().is_some() {}
    assert!(!crowd.is_empty(), "the crowd left too early");
    system.oracle.stop().await;
    crowd.join_all().await;

    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    system.oracle.stop().await;
    let verdict = system.oracle.verdict(&system.stores, "hostile clients").await;
    assert_eq!((verdict.refused_requests, verdict.broken_requests), (0, 0), "the good client was harmed");
    system.assert_kept("hundreds of hostile clients", vec![worker]).await;
}

fn hostile_clients() -> Vec<Hostile> {
    let length = |length: usize, body: &str| post(&format!("content-length: {length}"), body);
    let hostile = |name, bytes, drip, status| Hostile { name, bytes, drip, status };
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    vec![
        hostile(
            "slow headers",
            b"POST /events HTTP/1.1\r\nhost: localhost\r\nx: ".to_vec(),
            Some(b'x'),
            None,
        ),
        hostile("slow body", length(1000, "{"), Some(b' '), Some("408")),
        hostile("silent body", length(1000, "{"), None, Some("408")),
        hostile("large body, declared", length(64 << 20, "{"), Some(b' '), Some("413")),
        hostile("large body, in chunks", post(CHUNKED, &chunk.repeat(5)), None, Some("413")),
        hostile("100,000 brackets", length(100_000, &"[".repeat(100_000)), None, Some("400")),
        hostile("10,000 headers", post(&"x: y\r\n".repeat(10_000), ""), None, None),
        hostile("length too short", length(EVENT.len() - 9, EVENT), None, Some("400")),
        hostile("length too long", length(EVENT.len() + 9, EVENT), None, Some("408")),
        hostile("two lengths", post("content-length: 9\r\ncontent-length: 51", EVENT), None, Some("400")),
        hostile(
            "length and chunks",
            post(&format!("content-length: 51\r\n{CHUNKED}"), EVENT),
            None,
            Some("400"),
        ),
        hostile("garbage", (0..=255).cycle().take(100_000).collect(), None, None),
    ]
}

const CHUNKED: &str = "transfer-encoding: chunked";

fn post(header: &str, body: &str) -> Vec<u8> {
    let head = "POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    format!("{head}\r\n{header}\r\n\r\n{body}").into_bytes()
}

impl Hostile {
    async fn expect_refusal(self, addr: SocketAddr) {
        let came = Instant::now();
        let Ok(answer) = timeout(GONE, self.come(addr)).await else {
            unreachable!("{} is still there after {GONE:?}", self.name)
        };
        let refusal = match self.status {
            Some(status) => answer.starts_with(format!("HTTP/1.1 {status}").as_bytes()),
            None => answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
        };
        let (answer, took) = (String::from_utf8_lossy(&answer), came.elapsed());
        assert!(refusal, "{} was answered after {took:?} with {answer:?}", self.name);
    }

    /// What it is answered until its connection is closed.
    async fn come(&self, addr: SocketAddr) -> Vec<u8> {
        let (mut answers, mut requests) = TcpStream::connect(addr).await.unwrap().into_split();
        let sending = async {
            // Being cut off while it sends is what it must expect.
            let _ = requests.write_all(&self.bytes).await;
            while let Some(byte) = self.drip {
                sleep(DRIP).await;
                let _ = requests.write_all(&[byte]).await;
            }
            std::future::pending::<()>().await;
        };
        let mut answer = Vec::new();
        tokio::select! {
            () = sending => {}
            // A reset is an end as well; what was read before it stays.
            _ = answers.read_to_end(&mut answer) => {}
        }
        answer
    }
}
