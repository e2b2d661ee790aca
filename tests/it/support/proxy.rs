//! A TCP proxy between our processes and one server, which delays, swallows or cuts what goes through it.
//!
//! A [`Cut`] names bytes that a client sends, and where the connection breaks: before them, right behind them, or when
//! the server answers them. So a test cuts the very step that it is about, not just some moment.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{DEADLINE, until};

/// What happens to bytes, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They go through.
    Pass,
    /// Each piece goes through after this time.
    Delay(Duration),
    /// They vanish. A connection that has lost bytes stays dead, without an end, whatever the mode is later.
    BlackHole,
}

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// The server gets nothing of the bytes.
    Before,
    /// The server gets the bytes, and nothing behind them.
    Behind,
    /// The server gets all, and does what it was asked to; its answer is lost.
    Answer,
    /// The server gets nothing of the bytes, and neither side is told that the connection is dead.
    Silence,
}

/// Breaks a connection at the `nth` time, counted from 1, that a client sends `bytes`.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) bytes: &'static [u8],
    pub(crate) nth: usize,
    pub(crate) at: At,
}

/// The proxy. Dropping it closes its connections and its port.
pub(crate) struct Proxy {
    addr: SocketAddr,
    state: Arc<State>,
    _task: JoinSet<()>,
}

struct State {
    upstream: String,
    mode: watch::Sender<Mode>,
    /// How often all connections were cut.
    cuts: watch::Sender<usize>,
    armed: Mutex<Option<Cut>>,
}

impl Proxy {
    /// A proxy before the server at `url`, which may be away at times.
    pub(crate) async fn before(url: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State {
            upstream: authority(url).to_owned(),
            mode: watch::Sender::new(Mode::Pass),
            cuts: watch::Sender::new(0),
            armed: Mutex::new(None),
        });
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&state)));
        Self { addr, state, _task: task }
    }

    /// The server's URL, by way of the proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(authority(url), &self.addr.to_string())
    }

    /// From now on bytes are treated so.
    pub(crate) fn set(&self, mode: Mode) {
        self.state.mode.send_replace(mode);
    }

    /// Closes every connection; new ones are welcome.
    pub(crate) fn cut_all(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Waits until a connection was broken as `cut` says.
    pub(crate) async fn cut(&self, cut: Cut) {
        let what = format!("{cut:?}");
        *self.state.armed.lock().unwrap() = Some(cut);
        let armed = async || self.state.armed.lock().unwrap().is_some();
        until(&what, DEADLINE, async || !armed().await).await;
    }

    /// Forgets a cut that has not happened; whether there was one.
    #[allow(dead_code, reason = "tests/chaos uses it")]
    pub(crate) fn disarm(&self) -> bool {
        self.state.armed.lock().unwrap().take().is_some()
    }
}

impl State {
    /// Where in `bytes` the armed cut applies, if it does. It applies once.
    fn cut_in(&self, bytes: &[u8]) -> Option<(usize, Cut)> {
        let mut armed = self.armed.lock().unwrap();
        let cut = armed.as_mut()?;
        let mut found = memmem::find_iter(bytes, cut.bytes);
        let place = found.nth(cut.nth - 1);
        if place.is_none() {
            cut.nth -= memmem::find_iter(bytes, cut.bytes).count();
        }
        Some((place?, armed.take()?))
    }
}

/// `host:port` of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once('@').unwrap().1;
    rest.split_once('/').map_or(rest, |(authority, _)| authority)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let mut cuts = state.cuts.subscribe();
            tokio::select! {
                _ = cuts.changed() => {}
                // an end of either side ends both, as the test's servers and clients expect
                _ = carry(client, &state) => {}
            }
        });
    }
}

async fn carry(client: TcpStream, state: &State) -> io::Result<()> {
    if *state.mode.borrow() == Mode::BlackHole {
        std::future::pending::<()>().await;
    }
    let server = TcpStream::connect(&state.upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let connection =
        Connection { state, answer_is_lost: AtomicBool::new(false), is_dead: AtomicBool::new(false) };
    tokio::select! {
        ended = connection.requests(from_client, to_server) => ended,
        ended = connection.answers(from_server, to_client) => ended,
    }
}

struct Connection<'a> {
    state: &'a State,
    answer_is_lost: AtomicBool,
    is_dead: AtomicBool,
}

impl Connection<'_> {
    async fn requests(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut bytes).await?;
            if read == 0 {
                return self.end().await;
            }
            if self.swallows().await {
                continue;
            }
            match self.state.cut_in(&bytes[..read]) {
                None => to.write_all(&bytes[..read]).await?,
                Some((place, Cut { at: At::Before, .. })) => return to.write_all(&bytes[..place]).await,
                Some((place, Cut { at: At::Behind, bytes: pattern, .. })) => {
                    return to.write_all(&bytes[..place + pattern.len()]).await;
                }
                Some((_, Cut { at: At::Silence, .. })) => self.is_dead.store(true, Ordering::SeqCst),
                Some((_, Cut { at: At::Answer, .. })) => {
                    self.answer_is_lost.store(true, Ordering::SeqCst);
                    to.write_all(&bytes[..read]).await?;
                }
            }
        }
    }

    async fn answers(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut bytes).await?;
            if read == 0 {
                return self.end().await;
            }
            if self.answer_is_lost.load(Ordering::SeqCst) {
                return Ok(());
            }
            if !self.swallows().await {
                to.write_all(&bytes[..read]).await?;
            }
        }
    }

    /// Treats a piece as the mode says; whether it vanishes.
    async fn swallows(&self) -> bool {
        let mode = *self.state.mode.borrow();
        match mode {
            Mode::Pass => {}
            Mode::Delay(time) => tokio::time::sleep(time).await,
            Mode::BlackHole => self.is_dead.store(true, Ordering::SeqCst),
        }
        self.is_dead.load(Ordering::SeqCst)
    }

    /// A side has ended; through a black hole the other does not get to know.
    async fn end(&self) -> io::Result<()> {
        if self.swallows().await {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}
