//! Runs against a system that keeps its promise.

use std::collections::HashSet;
use std::num::NonZeroU32;

use jiff::Timestamp;
use loadtest::workload::{RunId, Shape, Workload};
use serde_json::{Value, json};

use campaign_manager::config::Auth;
use campaign_manager::store::keys::Scope;

use crate::system::{Ran, System};

/// What a run of so many events must come to.
struct Expected {
    /// Events accepted, repeated ones included.
    accepted: usize,
    refused: usize,
    /// Numbers of the different events accepted.
    different: HashSet<u64>,
    triggers: usize,
}

impl Expected {
    fn of(shape: &Shape, events: u64) -> Self {
        let workload = Workload::new(RunId::random(), shape, Timestamp::now());
        let batch = workload.batch(0..events);
        let numbers = batch.numbers.iter().enumerate();
        let good = numbers.filter(|(place, _)| batch.poison.binary_search(place).is_err());
        let different: HashSet<u64> = good.map(|(_, &number)| number).collect();
        let triggers = different.iter().map(|&number| workload.triggered_by(number).count()).sum();
        let refused = batch.poison.len();
        Self { accepted: batch.numbers.len() - refused, refused, different, triggers }
    }
}

fn assert_passed(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.report["outcome"]["verdict"], "kept", "{ran:?}");
    assert!(ran.out.contains("verified"), "{ran:?}");
}

async fn assert_exact(system: &System, ran: &Ran, expected: &Expected) {
    assert_passed(ran);
    let Expected { accepted, refused, different, triggers } = expected;
    let (sending, outcome) = (&ran.report["sending"], &ran.report["outcome"]);
    assert_eq!((&sending["accepted"], &sending["refused"]), (&json!(accepted), &json!(refused)), "{ran:?}");
    assert_eq!(
        (&outcome["accepted"], &outcome["stored"]),
        (&json!(different.len()), &json!(different.len()))
    );
    assert_eq!(
        (&outcome["triggers_expected"], &outcome["triggers_found"]),
        (&json!(triggers), &json!(triggers))
    );
    let settled =
        json!({"stored": different.len(), "duplicates": accepted - different.len(), "dead_lettered": 0});
    assert_eq!(outcome["receipts"]["settled"], settled);
    let run = ran.report["run"].as_str().unwrap();
    let rows = |table| format!("select count(*) from {table} where event_id like '{run}-e%'");
    assert_eq!(system.count(&rows("events")).await, i64::try_from(different.len()).unwrap());
    assert_eq!(system.count(&rows("triggers")).await, i64::try_from(*triggers).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_duplicates_poison_and_sizes_passes_and_its_figures_are_exact() {
    let system = System::open().await;
    let shape = Shape {
        users: NonZeroU32::new(500).unwrap(),
        campaigns: 30,
        duplicates: 0.2,
        poison: 0.1,
        payload: Some("200..2000".parse().unwrap()),
        skew: 1,
        ..Shape::of_seed(9)
    };
    let flags = "--seed 9 --users 500 --campaigns 30 --duplicates 0.2 --poison 0.1 --payload 200..2000 --skew 1 --alone";
    let flags: Vec<&str> = flags.split(' ').collect();

    let batched = system.run(&[&flags[..], &["--events", "12000", "--connections", "8"]].concat()).await;
    let expected = Expected::of(&shape, 12_000);
    assert!(expected.refused > 1_000 && expected.triggers > 20);
    assert_exact(&system, &batched, &expected).await;

    let settings = &batched.report["settings"];
    assert_eq!((&settings["events"], &settings["duration"]), (&json!(12_000), &Value::Null));
    assert_eq!((&settings["alone"], &settings["patience"]), (&json!(true), &json!(30.0)));

    let single = [&flags[..], &["--events", "1500", "--batch", "1", "--connections", "40"]].concat();
    let single = system.run(&single).await;
    assert_exact(&system, &single, &Expected::of(&shape, 1_500)).await;
    for status in ["202", "400", "422"] {
        assert!(single.report["sending"]["answers"][status].as_u64() > Some(0), "{single:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_account_for_what_postgres_refuses() {
    let system = System::open().await;
    let refuse = "alter table events add constraint no_seven check (event_id not like '%-e%7')";
    system.postgres().await.batch_execute(refuse).await.unwrap();
    // Nothing moves while the worker looks for three hundred bad events in one batch: half a minute on a busy machine.
    let run = ["--events=3000", "--duplicates=0.1", "--campaigns=40", "--alone", "--patience=3m"];
    let ran = system.run(&run).await;
    let expected = Expected::of(&Shape { duplicates: 0.1, campaigns: 40, ..Shape::of_seed(1) }, 3_000);
    let dead = expected.different.iter().filter(|number| *number % 10 == 7).count();
    assert_passed(&ran);
    assert!(ran.out.contains("no_seven"), "the reason: {ran:?}");
    let outcome = &ran.report["outcome"];
    let counts = |name: &str| outcome[name].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap();
    assert!(dead > 200);
    assert_eq!((counts("dead_lettered"), counts("stored")), (dead, expected.different.len() - dead));
    assert_eq!(outcome["receipts"]["settled"]["dead_lettered"], json!(dead), "repeated ones are duplicates");
    assert!(counts("triggers_expected") < expected.triggers, "dead letters trigger nothing");
    assert_eq!(counts("triggers_found"), counts("triggers_expected"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ramp_offers_no_more_than_the_area_under_it_and_others_may_send_meanwhile() {
    let system = System::open().await;
    let ramp = ["--rate", "200..1800", "--duration", "2s", "--batch", "5"];
    let (ran, other) = tokio::join!(system.run(&ramp), async {
        let mut command = system.tool(&["--events", "2000", "--seed", "8"]);
        command.args(["--connections", "4"]);
        // Its report must not meet the other one's.
        let folder = tempfile::TempDir::new().unwrap();
        command.current_dir(folder.path());
        crate::system::output(command).await
    });
    assert_passed(&ran);
    assert_eq!(other.0, Some(0), "{other:?}");
    let accepted = ran.report["sending"]["accepted"].as_u64().unwrap();
    // As many lie under the ramp; where the machine is slow, the last ones are not sent in time.
    assert!((5..=2_000).contains(&accepted), "{accepted}");
    assert_eq!(ran.report["settings"]["rate"], Value::from("200..1800"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_are_opened_and_each_may_be_used() {
    let system = System::open().await;
    let ran = system.run(&["--connections", "700", "--batch", "1", "--events", "2100", "--alone"]).await;
    assert_passed(&ran);
    assert_eq!(ran.report["outcome"]["stored"], 2_100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_wants_to_be_left_alone_is_and_the_run_goes_on() {
    // A key saves up as many events as go into a second or a body.
    let system = System::start(Auth::Keys, &["--max-events=100"]).await;
    let key = system.key(Scope::Admin, Some(1_000)).await;
    let ran = system.run(&["--events", "3000", "--key", &key, "--alone"]).await;
    assert_passed(&ran);
    let sending = &ran.report["sending"];
    assert!(sending["answers"]["429"].as_u64() > Some(0) && sending["resent"].as_u64() > Some(0), "{ran:?}");
    // Three thousand at a thousand a second, of which the first thousand may go at once.
    assert!(sending["seconds"].as_f64() > Some(1.5), "{ran:?}");
}
