//! Runs during which Postgres, or all that is stored in it, stands still for a while: a lock has it wait.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;

use serde_json::Value;
use tokio_postgres::Client;

use crate::system::{System, until};

/// A run, and the connection whose transaction has others wait until it ends.
struct Held {
    system: System,
    tool: Child,
    holder: Client,
}

impl Held {
    /// Begins a run, and takes a lock once its first events are stored.
    async fn begin(arguments: &[&str], lock: &str) -> Self {
        let system = System::open().await;
        let holder = system.postgres().await;
        let tool = system.tool(arguments).spawn().unwrap();
        until("events", async || {
            system.count("select count(*) from events where event_id like 'lt-%-e%'").await > 0
        })
        .await;
        holder.batch_execute(&format!("begin; {lock}")).await.unwrap();
        Self { system, tool, holder }
    }

    /// Waits until the tool has said this on standard error.
    fn wait_until_said(&mut self, what: &str) {
        let err = BufReader::new(self.tool.stderr.as_mut().unwrap());
        assert!(
            err.lines().any(|line| line.unwrap().contains(what)),
            "the tool ends without saying {what:?}"
        );
    }

    async fn release(&self) {
        self.holder.batch_execute("rollback").await.unwrap();
    }

    /// The exit code, standard output, and the report.
    fn end(&mut self) -> (Option<i32>, String, Value) {
        let mut out = String::new();
        self.tool.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let code = self.tool.wait().unwrap().code();
        (code, out, self.system.report())
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The ends of all intervals, each with what was offered in it.
fn intervals(report: &Value) -> Vec<(f64, f64)> {
    let mut begin = 0.0;
    let samples = report["samples"].as_array().unwrap().iter();
    samples
        .map(|sample| {
            let end = number(&sample["seconds"]);
            let offered = sample["offered_per_second"].as_f64().unwrap_or_default() * (end - begin);
            begin = end;
            (end, offered)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_does_not_answer_changes_nothing_of_what_is_offered_and_counted() {
    for (volume, rate, offered) in
        [("--duration=4s", "500,1500,500", 3_333.0), ("--events=2400", "600", 2_400.0)]
    {
        let rate = format!("--rate={rate}");
        let arguments = [volume, &rate, "--batch=10", "--connections=4"];
        let mut run = Held::begin(&arguments, "lock table frames in access exclusive mode").await;
        run.wait_until_said("draining");
        run.release().await;
        let (code, out, report) = run.end();
        assert_eq!(code, Some(0), "{out}");
        let sending = &report["sending"];
        let all = number(&sending["offered"]);
        assert!((all - offered).abs() < 10.0, "{all} offered, in whole requests: {out}");
        assert!(number(&sending["accepted"]) <= all, "{out}");
        let intervals = intervals(&report);
        let parts: f64 = intervals.iter().map(|(_, offered)| offered).sum();
        assert!((parts - offered).abs() < 10.0, "{parts} in all intervals: {intervals:?}");
        let sent = number(&sending["seconds"]);
        let longest = intervals.windows(2).map(|pair| pair[1].0 - pair[0].0).fold(intervals[0].0, f64::max);
        assert!(sent > 3.0 && longest < 1.5, "looked at on time: {intervals:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_not_stored_yet_when_the_patience_ends_is_in_flight_and_not_lost() {
    for patience in ["1s", "1ns"] {
        let arguments = ["--rate=4000", "--duration=2s", "--connections=4", "--patience", patience];
        // Rows can be read, and none is written.
        let mut run = Held::begin(&arguments, "lock table events in share mode").await;
        let (code, out, report) = run.end();
        let outcome = &report["outcome"];
        assert_eq!((code, &outcome["verdict"]), (Some(1), &Value::from("undrained")), "{out}");
        let said = out.lines().find(|line| line.starts_with("NOT VERIFIED")).unwrap();
        assert!(said.contains("not drained: ") && said.contains("is a worker running?"), "{said}");
        assert!(!out.contains("DIFFERENT"), "{out}");
        let accepted = number(&report["sending"]["accepted"]);
        let missing = number(&outcome["verification"]["missing"]["count"]);
        assert!(missing > 0.0 && missing < accepted, "{out}");
        run.release().await;
        let name = report["run"].as_str().unwrap();
        let stored = format!("select count(*) from events where event_id like '{name}-e%'");
        #[expect(clippy::cast_precision_loss, reason = "few")]
        until("all to be stored", async || run.system.count(&stored).await as f64 >= accepted).await;
    }
}
