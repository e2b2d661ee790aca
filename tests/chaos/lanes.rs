//! The faults of each target, one after the other. Lanes run side by side, all on the thread that starts the processes,
//! since these end with it.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use bb8_redis::redis::{self, InfoDict, RedisResult};
use campaign_manager::embedded::{Postgres, Redis};
use rustix::process::Signal;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::plan::{Fault, Place, Planned};
use crate::scene::Scene;
use crate::support::{At, Cut, Mode, Proxy, Running, Urls};

/// Small batches, so that there are many of them, and others' frames are taken over soon, though not so soon that workers
/// with a backlog take it from one another instead of storing it. Faults come thick and fast, so a
/// frame may be delivered often without being to blame.
const WORKER_FLAGS: [&str; 4] =
    ["--batch-events=100", "--reclaim-after=2s", "--max-deliveries=1000", "--shutdown-timeout=5s"];
const SERVE_FLAGS: [&str; 1] = ["--shutdown-timeout=5s"];
/// How much more than is used Redis may use where memory is little, in bytes.
const LITTLE: u64 = 64 << 10;
/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(20);
/// Before a process that could not start is started again.
const AGAIN: Duration = Duration::from_millis(200);
/// Between two losses of claims, where a worker is to die while it restores them.
const LOSSES: Duration = Duration::from_millis(700);

/// A worker and its name.
pub(crate) struct WorkerLane {
    consumer: String,
    pub(crate) process: Running,
}

/// A serving process and its place in the list of addresses.
pub(crate) struct ServeLane {
    index: usize,
    pub(crate) process: Running,
}

impl WorkerLane {
    pub(crate) async fn start(index: usize, urls: &Urls) -> Self {
        let consumer = format!("--consumer=chaos-{index}");
        let process = start_worker(urls, &flags(&consumer), || {}).await;
        Self { consumer, process }
    }

    pub(crate) async fn run(&mut self, faults: Vec<Planned>, scene: &Scene<'_>) {
        for planned in faults {
            if !scene.until(planned.at).await {
                return;
            }
            let mut kind = planned.kind();
            match planned.fault {
                Fault::Freeze => freeze(&self.process, planned.lasts).await,
                Fault::Kill => {
                    self.process.kill().await;
                    sleep(planned.lasts).await;
                    self.restart(scene).await;
                }
                Fault::KillAt { edge, after } => {
                    let died = self.die_at(edge, after, planned.lasts, scene).await;
                    kind += if died { "" } else { " (not reached)" };
                    self.restart(scene).await;
                }
                Fault::Drain => {
                    self.process.drain_in_place().await;
                    sleep(planned.lasts).await;
                    self.restart(scene).await;
                }
                other => unreachable!("{other:?} of a worker"),
            }
            scene.count(kind);
        }
    }

    async fn restart(&mut self, scene: &Scene<'_>) {
        let failed = || scene.count("worker started in vain".to_owned());
        self.process = start_worker(scene.urls, &flags(&self.consumer), failed).await;
    }

    /// Whether it died there.
    async fn die_at(&mut self, edge: &str, after: u32, within: Duration, scene: &Scene<'_>) -> bool {
        self.process.kill().await;
        let point = format!("{edge}={after}*off->return");
        self.process = Running::doomed_worker(scene.urls, &flags(&self.consumer), &point);
        let restores = ["restoration-marked", "claims-restored", "epoch-shown"].contains(&edge);
        let losing = async {
            if !restores {
                std::future::pending::<()>().await;
            }
            loop {
                sleep(LOSSES).await;
                // Redis may be away
                let _ = scene.forget_claims().await;
            }
        };
        tokio::select! {
            died = died(&mut self.process, within) => died,
            () = losing => false,
        }
    }
}

impl ServeLane {
    pub(crate) async fn start(index: usize, urls: &Urls) -> (Self, SocketAddr) {
        let (process, addr) = start_serve(urls, "", || {}).await;
        (Self { index, process }, addr)
    }

    pub(crate) async fn run(&mut self, faults: Vec<Planned>, scene: &Scene<'_>) {
        for planned in faults {
            if !scene.until(planned.at).await {
                return;
            }
            let mut kind = planned.kind();
            match planned.fault {
                Fault::Freeze => freeze(&self.process, planned.lasts).await,
                Fault::Kill => {
                    self.process.kill().await;
                    sleep(planned.lasts).await;
                    self.restart(scene, "").await;
                }
                Fault::KillAt { edge, after } => {
                    self.process.kill().await;
                    self.restart(scene, &format!("{edge}={after}*off->return")).await;
                    let died = died(&mut self.process, planned.lasts).await;
                    kind += if died { "" } else { " (not reached)" };
                    self.restart(scene, "").await;
                }
                Fault::Drain => {
                    self.process.drain_in_place().await;
                    sleep(planned.lasts).await;
                    self.restart(scene, "").await;
                }
                other => unreachable!("{other:?} of a serving process"),
            }
            scene.count(kind);
        }
    }

    async fn restart(&mut self, scene: &Scene<'_>, fail_points: &str) {
        let failed = || scene.count("serve started in vain".to_owned());
        let (process, addr) = start_serve(scene.urls, fail_points, failed).await;
        self.process = process;
        scene.moved(self.index, addr);
    }
}

/// Starts a worker until it works: without Postgres it ends, and is started again, as an orchestrator does.
async fn start_worker(urls: &Urls, flags: &[&str], failed: impl Fn()) -> Running {
    loop {
        let mut process = Running::doomed_worker(urls, flags, "");
        if process.working().await {
            return process;
        }
        failed();
        sleep(AGAIN).await;
    }
}

async fn start_serve(urls: &Urls, fail_points: &str, failed: impl Fn()) -> (Running, SocketAddr) {
    loop {
        let mut process = Running::unready_serve(urls, &SERVE_FLAGS, fail_points);
        if let Some(addr) = process.serving().await {
            return (process, addr);
        }
        failed();
        sleep(AGAIN).await;
    }
}

fn flags(consumer: &str) -> Vec<&str> {
    [&WORKER_FLAGS[..], &[consumer]].concat()
}

async fn freeze(process: &Running, time: Duration) {
    process.signal(Signal::STOP);
    sleep(time).await;
    process.signal(Signal::CONT);
}

/// Waits for its death at a fail point; where it does not come there in time, it is killed. Whether it came there.
async fn died(process: &mut Running, within: Duration) -> bool {
    let ended = async {
        loop {
            if let Some(status) = process.ended() {
                return status;
            }
            sleep(LOOK).await;
        }
    };
    let Ok(status) = timeout(within, ended).await else {
        process.kill().await;
        return false;
    };
    let by_fail_point = status.signal() == Some(Signal::KILL.as_raw());
    assert!(by_fail_point || could_not_start(process), "ended by itself: {status}");
    by_fail_point
}

/// Whether it ended before it worked or served.
fn could_not_start(process: &Running) -> bool {
    process.logged("working").is_empty() && process.logged("serving").is_empty()
}

pub(crate) async fn redis(redis: &mut Redis, faults: Vec<Planned>, scene: &Scene<'_>) {
    for planned in faults {
        if !scene.until(planned.at).await {
            return;
        }
        match planned.fault {
            Fault::Kill | Fault::Restart => {
                if planned.fault == Fault::Kill {
                    redis.kill().await;
                } else {
                    redis.stop().await;
                }
                sleep(planned.lasts).await;
                redis.start().await.unwrap();
            }
            Fault::DestroyGroups { all } => destroy_groups(scene, all).await.unwrap(),
            Fault::ForgetClaims => scene.forget_claims().await.unwrap(),
            Fault::LittleMemory => {
                let used = used_memory(scene).await.unwrap();
                set_memory(scene, used + LITTLE).await.unwrap();
                sleep(planned.lasts).await;
                set_memory(scene, 0).await.unwrap();
            }
            other => unreachable!("{other:?} of Redis"),
        }
        scene.count(planned.kind());
    }
}

async fn destroy_groups(scene: &Scene<'_>, all: bool) -> RedisResult<()> {
    let mut redis = scene.redis().await?;
    let streams: Vec<String> = redis::cmd("KEYS").arg("events:*").query_async(&mut redis).await?;
    for stream in streams.iter().take(if all { streams.len() } else { 1 }) {
        let destroy = redis::cmd("XGROUP").arg("DESTROY").arg(stream).arg("workers").to_owned();
        let _: i64 = destroy.query_async(&mut redis).await?;
    }
    Ok(())
}

async fn used_memory(scene: &Scene<'_>) -> RedisResult<u64> {
    let info: InfoDict = redis::cmd("INFO").arg("memory").query_async(&mut scene.redis().await?).await?;
    Ok(info.get("used_memory").unwrap())
}

async fn set_memory(scene: &Scene<'_>, bytes: u64) -> RedisResult<()> {
    let set = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).to_owned();
    set.query_async(&mut scene.redis().await?).await
}

pub(crate) async fn postgres(postgres: &mut Postgres, faults: Vec<Planned>, scene: &Scene<'_>) {
    for planned in faults {
        if !scene.until(planned.at).await {
            return;
        }
        match planned.fault {
            Fault::Kill => postgres.kill().await,
            Fault::Restart => postgres.stop().await,
            other => unreachable!("{other:?} of Postgres"),
        }
        sleep(planned.lasts).await;
        postgres.start().await.unwrap();
        scene.count(planned.kind());
    }
}

pub(crate) async fn link(proxy: &Proxy, faults: Vec<Planned>, scene: &Scene<'_>) {
    for planned in faults {
        if !scene.until(planned.at).await {
            return;
        }
        let mut kind = planned.kind();
        match planned.fault {
            Fault::CutAll => proxy.cut_all(),
            Fault::Delay { milliseconds } => {
                let delay = Mode::Delay(Duration::from_millis(milliseconds));
                treat_so(proxy, delay, planned.lasts).await;
            }
            Fault::BlackHole => treat_so(proxy, Mode::BlackHole, planned.lasts).await,
            Fault::CutAt { step, place, nth } => {
                let at = match place {
                    Place::Before => At::Before,
                    Place::Behind => At::Behind,
                    Place::Answer => At::Answer,
                };
                let cut = proxy.cut(Cut { bytes: step.as_bytes(), nth, at });
                let was_cut = timeout(planned.lasts, cut).await.is_ok();
                proxy.disarm();
                kind += if was_cut { "" } else { " (not reached)" };
            }
            other => unreachable!("{other:?} of a link"),
        }
        scene.count(kind);
    }
}

async fn treat_so(proxy: &Proxy, mode: Mode, time: Duration) {
    proxy.set(mode);
    sleep(time).await;
    proxy.set(Mode::Pass);
}

/// New campaigns whose rules no event of the oracle meets.
pub(crate) async fn campaigns(faults: Vec<Planned>, scene: &Scene<'_>) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
    let campaign = json!({"name": "no event", "status": "active", "rules": {"event_type": ["nothing"]}});
    for planned in faults {
        if !scene.until(planned.at).await {
            return;
        }
        let addr = scene.addresses.borrow()[0];
        let sent = client.post(format!("http://{addr}/campaigns")).json(&campaign).send().await;
        // Where Postgres or the server is away, it is not changed.
        let changed = sent.is_ok_and(|answer| answer.status().is_success());
        scene.count(planned.kind() + if changed { "" } else { " (refused)" });
    }
}
