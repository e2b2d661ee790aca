//! A client that costs as little as can be: requests made beforehand, answers read no further than where they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::workload::{Event, REQUEST, Workload};

/// Requests as they go over the wire, each with the same number of events.
pub(crate) struct Requests {
    wire: Arc<[Vec<u8>]>,
    events: usize,
}

/// What was accepted.
pub(crate) struct Sent {
    pub(crate) events: usize,
    pub(crate) took: Duration,
}

impl Requests {
    /// One event each.
    pub(crate) fn single(workload: &Workload) -> Self {
        Self::of(workload, 1, "application/json")
    }

    /// A batch each.
    pub(crate) fn batches(workload: &Workload) -> Self {
        Self::of(workload, REQUEST, "application/x-ndjson")
    }

    fn of(workload: &Workload, events: usize, media_type: &str) -> Self {
        let request = |events: &[Event]| {
            let body: String = events.iter().map(|event| event.json.clone() + "\n").collect();
            let length = body.len();
            format!("POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}")
                .into_bytes()
        };
        Self { wire: workload.events.chunks_exact(events).map(request).collect(), events }
    }
}

/// Sends for so long over so many connections.
pub(crate) fn drive(
    addr: SocketAddr,
    requests: &Requests,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Sent> {
    let (wire, events) = (Arc::clone(&requests.wire), requests.events);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (accepted, took) = runtime.block_on(send(addr, wire, connections, time))?;
    Ok(Sent { events: accepted * events, took })
}

async fn send(
    addr: SocketAddr,
    wire: Arc<[Vec<u8>]>,
    connections: usize,
    time: Duration,
) -> anyhow::Result<(usize, Duration)> {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let (wire, next) = (Arc::clone(&wire), Arc::clone(&next));
        senders.spawn(async move {
            let mut stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            let mut answer = Vec::with_capacity(32 << 10);
            while started.elapsed() < time {
                let request = &wire[next.fetch_add(1, Ordering::Relaxed) % wire.len()];
                stream.write_all(request).await?;
                accepted(&mut stream, &mut answer).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok((next.load(Ordering::Relaxed), started.elapsed()))
}

/// Reads an answer, which must be 202.
async fn accepted(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<()> {
    answer.clear();
    loop {
        ensure!(stream.read_buf(answer).await? > 0, "the server ended the connection");
        let Some(head) = memchr::memmem::find(answer, b"\r\n\r\n") else { continue };
        ensure!(answer.starts_with(b"HTTP/1.1 202 "), "{}", String::from_utf8_lossy(answer));
        let whole = head + 4 + content_length(&answer[..head])?;
        while answer.len() < whole {
            ensure!(stream.read_buf(answer).await? > 0, "the server ended the connection");
        }
        return Ok(());
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    const NAME: &[u8] = b"content-length: ";
    let at = memchr::memmem::find(head, NAME).context("an answer without its length")? + NAME.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Ok(digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0')))
}
