//! The system and its rounds: load with faults, recovery, verdict; between rounds perhaps a loss of Redis' memory.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bb8_redis::redis;
use futures_util::future::{LocalBoxFuture, join_all};
use tokio::sync::watch;
use tokio::time::{Instant, interval};

use crate::account::Account;
use crate::lanes::{self, ServeLane, WorkerLane};
use crate::plan::{Loss, Planned, Round, SERVES, Target, WORKERS};
use crate::report::Outcome;
use crate::scene::{Counts, Scene};
use crate::support::{Oracle, Proxy, Running, TestStores, Urls, until_drained_within};

/// How long faults happen in a round.
pub(crate) const LOAD: Duration = Duration::from_secs(45);
/// Between two requests of each of the oracle's senders: some 1,000 events a second, so that a verdict on ten minutes of
/// them takes seconds.
const PACE: Duration = Duration::from_millis(80);
/// After Redis has lost its memory, so many of the events before are sent again.
const SENT_AGAIN: usize = 15_000;
/// How long the queue may take to drain after a round.
const DRAINED: Duration = Duration::from_mins(1);
/// Between two lines that tell of the progress.
const TELL: Duration = Duration::from_secs(15);
/// Postgres refuses one event of so many.
const REFUSAL: &str =
    "alter table events add constraint unlucky check (substr(event_id, 2)::bigint % 1009 <> 13)";

/// Everything that runs.
pub(crate) struct System {
    // processes end before what they work with
    serves: Vec<ServeLane>,
    workers: Vec<WorkerLane>,
    oracle: Oracle,
    addresses: RefCell<Vec<SocketAddr>>,
    redis_link: Proxy,
    postgres_link: Proxy,
    urls: Urls,
    stores: TestStores,
    started: Instant,
    /// See [`Account::difference`].
    difference: i64,
}

impl System {
    pub(crate) async fn start() -> Self {
        let stores = TestStores::start().await;
        stores.postgres().await.batch_execute(REFUSAL).await.unwrap();
        let direct = Urls::of(&stores);
        let (redis_link, postgres_link) =
            (Proxy::before(&direct.redis).await, Proxy::before(&direct.database).await);
        let urls =
            Urls { redis: redis_link.url(&direct.redis), database: postgres_link.url(&direct.database) };
        let (mut serves, mut addresses) = (Vec::new(), Vec::new());
        for index in 0..SERVES {
            let (serve, addr) = ServeLane::start(index, &urls).await;
            serves.push(serve);
            addresses.push(addr);
        }
        let mut workers = Vec::new();
        for index in 0..WORKERS {
            workers.push(WorkerLane::start(index, &urls).await);
        }
        let mut oracle = Oracle::new(addresses[0]).await;
        oracle.pace = PACE;
        oracle.redirect_to(addresses.clone());
        Self {
            serves,
            workers,
            oracle,
            addresses: RefCell::new(addresses),
            redis_link,
            postgres_link,
            urls,
            stores,
            started: Instant::now(),
            difference: 0,
        }
    }

    /// A round, and what became of it.
    pub(crate) async fn round(&mut self, number: u64, round: &Round, stop: watch::Receiver<bool>) -> Outcome {
        self.oracle.duplicates = round.duplicates;
        self.oracle.start();
        let faults = self.inject(&round.faults, stop).await;
        self.oracle.until_recovered(&self.stores).await;
        self.oracle.stop().await;
        let stopped = Instant::now();
        until_drained_within(&self.stores, DRAINED).await;
        let drained = stopped.elapsed();
        self.judge(number, faults, drained).await
    }

    /// Runs all lanes until their faults are over.
    async fn inject(&mut self, faults: &[Planned], stop: watch::Receiver<bool>) -> Counts {
        let counts = RefCell::default();
        let redis_url = self.stores.redis_url().to_owned();
        let scene = Scene {
            oracle: &self.oracle,
            urls: &self.urls,
            redis_url: &redis_url,
            addresses: &self.addresses,
            counts: &counts,
            start: Instant::now(),
            stop,
        };
        let scene = &scene;
        let of = |target: Target| -> Vec<Planned> {
            faults.iter().filter(|planned| planned.target == target).copied().collect()
        };
        let mut all: Vec<LocalBoxFuture<'_, ()>> = Vec::new();
        for (index, worker) in self.workers.iter_mut().enumerate() {
            all.push(Box::pin(worker.run(of(Target::Worker(index)), scene)));
        }
        for (index, serve) in self.serves.iter_mut().enumerate() {
            all.push(Box::pin(serve.run(of(Target::Serve(index)), scene)));
        }
        let servers = &mut self.stores.servers;
        all.push(Box::pin(lanes::redis(&mut servers.redis, of(Target::Redis), scene)));
        all.push(Box::pin(lanes::postgres(&mut servers.postgres, of(Target::Postgres), scene)));
        all.push(Box::pin(lanes::link(&self.redis_link, of(Target::RedisLink), scene)));
        all.push(Box::pin(lanes::link(&self.postgres_link, of(Target::PostgresLink), scene)));
        all.push(Box::pin(lanes::campaigns(of(Target::Campaigns), scene)));
        // The load has its whole time, also where the last fault ends early.
        all.push(Box::pin(async {
            let _ = scene.until(LOAD).await;
        }));
        tokio::select! {
            _ = join_all(all) => {}
            () = tell(scene, self.started) => unreachable!("it never ends"),
        }
        counts.into_inner()
    }

    /// Compares everything. The queue is empty.
    async fn judge(&mut self, number: u64, faults: Counts, drained: Duration) -> Outcome {
        let began = Instant::now();
        let verdict = self.oracle.verdict(&self.stores, &format!("chaos, round {number}")).await;
        let account = Account::take(&self.stores).await;
        let mut broken = verdict.broken();
        broken.extend(account.broken(self.difference));
        broken.extend(self.processes().filter_map(|process| {
            let ended = process.ended()?;
            Some(format!("a process has ended by itself: {ended}"))
        }));
        Outcome {
            number,
            time: self.started.elapsed(),
            faults,
            obligations: verdict.obligations,
            stored: verdict.stored,
            lost: verdict.lost.len(),
            stored_twice: verdict.duplicates.len(),
            dead_lettered: verdict.dead_lettered,
            duplicates: account.duplicates,
            refused: verdict.refused_requests,
            unanswered: verdict.broken_requests,
            recovery: verdict.recovery,
            drained,
            judged: began.elapsed(),
            resident: self.processes().map(|process| process.resident()).collect(),
            broken,
        }
    }

    fn processes(&mut self) -> impl Iterator<Item = &mut Running> {
        let serves = self.serves.iter_mut().map(|lane| &mut lane.process);
        serves.chain(self.workers.iter_mut().map(|lane| &mut lane.process))
    }

    /// Redis loses what it knows. Nothing is queued, so no event is lost by it; many are sent again after it.
    pub(crate) async fn lose(&mut self, loss: Loss) {
        match loss {
            Loss::Everything => {
                let flush = redis::cmd("FLUSHALL");
                let () = flush.query_async(&mut self.stores.redis().await).await.unwrap();
            }
            Loss::Tail(bytes) => {
                self.stores.servers.redis.kill().await;
                shorten(&self.append_only_file(), bytes);
                self.stores.servers.redis.start().await.unwrap();
                // What was acknowledged last is queued again.
                until_drained_within(&self.stores, DRAINED).await;
            }
        }
        self.difference = Account::take(&self.stores).await.difference();
        self.oracle.rewind_by(SENT_AGAIN);
    }

    /// Where Redis writes to.
    fn append_only_file(&self) -> PathBuf {
        let folder = std::fs::read_dir(self.stores.dir().join("redis/appendonlydir")).unwrap();
        let paths = folder.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).max().unwrap()
    }

    /// Ends all processes in good order.
    pub(crate) async fn end(mut self) {
        for process in self.processes() {
            process.drain_in_place().await;
        }
    }
}

fn shorten(path: &PathBuf, bytes: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len().saturating_sub(bytes)).unwrap();
}

/// Tells of the progress.
async fn tell(scene: &Scene<'_>, started: Instant) {
    let mut interval = interval(TELL);
    interval.tick().await;
    loop {
        interval.tick().await;
        let (time, faults) = (started.elapsed().as_secs(), scene.counts.borrow().values().sum::<usize>());
        let (obligations, refused) = (scene.oracle.obligations(), scene.oracle.refused());
        println!("  {time:4} s: {faults} faults in this round, {obligations} obligations, {refused} refused");
    }
}
