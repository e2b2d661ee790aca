//! Many processes at once on the same servers, as in production: two `serve` and three `worker`, of which one is killed and
//! another joins while events come in, some of them more than once and by way of both servers.

use std::time::Duration;

use bb8_redis::redis;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    Cluster, DEADLINE, Oracle, Running, TestStores, Urls, run, scrape, until, until_drained_within,
};

mod cluster;

/// Small batches, so that each worker has many of them, and frames of a dead worker are taken over soon, but not those of one that
/// only waits for its share of the processor.
const WORKER_FLAGS: [&str; 2] = ["--batch-events=100", "--reclaim-after=1s"];
/// So many events are sent anew when the workers are the ones that stay.
const SENT_AGAIN: usize = 1000;

/// The processes, and an oracle that sends to all serving ones in turn.
struct Deployment {
    stores: TestStores,
    serves: Vec<Running>,
    workers: Vec<Worker>,
    oracle: Oracle,
}

/// A worker, and where it shows its metrics.
struct Worker {
    name: String,
    process: Running,
    admin: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_and_changing_workers_on_one_redis_store_each_event_once() {
    let mut deployment = Deployment::start(TestStores::start().await).await;
    deployment.oracle.start();
    deployment.until_each_took_a_share().await;
    deployment.kill_a_worker_that_holds_frames().await;
    deployment.add_worker().await;
    deployment.until_each_took_a_share().await;
    deployment.assert_kept("two serve, three workers, one killed, one added").await;
}

impl Deployment {
    /// Two serving processes and three workers.
    async fn start(stores: TestStores) -> Self {
        let urls = Urls::of(&stores);
        let (one, first) = Running::serve(&urls, &[], "").await;
        let (two, second) = Running::serve(&urls, &[], "").await;
        let mut oracle = Oracle::new(first).await;
        oracle.redirect_to(vec![first, second]);
        oracle.duplicates = 20;
        // So many processes share the machine's processors.
        oracle.pace = Duration::from_millis(50);
        let mut deployment = Self { stores, serves: vec![one, two], workers: Vec::new(), oracle };
        for _ in 0..3 {
            deployment.add_worker().await;
        }
        deployment
    }

    async fn add_worker(&mut self) {
        let name = format!("worker-{}", self.workers.len());
        let consumer = format!("--consumer={name}");
        let flags = [&WORKER_FLAGS[..], &[&consumer]].concat();
        let mut process = Running::worker(&Urls::of(&self.stores), &flags).await;
        let admin = process.until_logged("working").await["admin"].as_str().unwrap().to_owned();
        self.workers.push(Worker { name, process, admin });
    }

    /// Waits until each worker has stored something that it had not now.
    async fn until_each_took_a_share(&self) {
        for worker in &self.workers {
            let before = worker.stored().await;
            let share = format!("a share of {}", worker.name);
            until(&share, DEADLINE, async || worker.stored().await > before).await;
        }
    }

    /// Stops a worker where it has frames that it did not finish, and kills it there.
    async fn kill_a_worker_that_holds_frames(&mut self) {
        let mut worker = self.workers.remove(0);
        until("frames in the hands of a stopped worker", DEADLINE, async || {
            worker.process.signal(Signal::STOP);
            let holds = held_by(&self.stores, &worker.name).await > 0;
            if !holds {
                worker.process.signal(Signal::CONT);
            }
            holds
        })
        .await;
        worker.process.kill().await;
    }

    fn cluster(&mut self) -> &mut Cluster {
        self.stores.cluster.as_mut().expect("it runs on one")
    }

    /// Ends the load and sends everything again: all of it must be known.
    async fn send_all_again(&mut self) {
        self.oracle.stop().await;
        self.oracle.send_again().await;
    }

    /// Ends the load, sends its last part again, and waits until all is done. Then the promise must have been kept, and
    /// the ledger must say the same.
    async fn assert_kept(mut self, what: &str) {
        self.oracle.stop().await;
        self.oracle.rewind_by(SENT_AGAIN);
        self.oracle.send(SENT_AGAIN).await;
        until_drained_within(&self.stores, 3 * DEADLINE).await;
        let verdict = self.oracle.verdict(&self.stores, what).await;
        self.assert_ledger(what, verdict.stored).await;
        for worker in self.workers {
            worker.process.drain().await;
        }
        for serve in self.serves {
            serve.drain().await;
        }
        verdict.assert_kept();
    }

    /// `campaign-manager ledger` balances, and counts what the oracle was told. A request whose answer was lost may count
    /// once more, on both sides.
    #[expect(clippy::print_stdout, reason = "the test runner shows it to whoever asks for it")]
    async fn assert_ledger(&self, what: &str, stored: usize) {
        let table = run(&self.stores, &["ledger"]).await;
        println!("{what}\n{}{}", table.out, table.err);
        assert_eq!(table.code, 0, "{table:?}");
        assert!(table.out.contains("\nbalanced; 0 events"), "{table:?}");
        let ledger: Value =
            serde_json::from_str(&run(&self.stores, &["ledger", "--json"]).await.out).unwrap();
        let sum = |name: &str| {
            let days = ledger["days"].as_array().unwrap();
            days.iter().map(|day| usize::try_from(day[name].as_u64().unwrap()).unwrap()).sum::<usize>()
        };
        assert_eq!(sum("stored"), stored);
        assert!(sum("accepted") >= self.oracle.accepted(), "{ledger}");
        assert_eq!(sum("duplicate"), sum("accepted") - stored);
    }
}

impl Worker {
    /// How many events it has stored.
    async fn stored(&self) -> f64 {
        scrape(&self.admin).await.get("events_total{outcome=\"stored\"}")
    }
}

/// How many frames this consumer was given and has not acknowledged.
async fn held_by(stores: &TestStores, consumer: &str) -> usize {
    let mut held = 0;
    for mut redis in stores.each_redis().await {
        let streams: Vec<String> = redis::cmd("KEYS").arg("events:*").query_async(&mut redis).await.unwrap();
        for stream in streams {
            let mut pending = redis::cmd("XPENDING");
            pending.arg(stream).arg("workers").arg("-").arg("+").arg(1000).arg(consumer);
            held += pending.query_async::<Vec<redis::Value>>(&mut redis).await.unwrap().len();
        }
    }
    held
}
