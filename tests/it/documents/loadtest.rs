//! The commands of `docs/load_testing.md`, with less load: what they print has the lines that the document explains; and what
//! the tool says when it cannot do a run.

use super::checkout::{Checkout, loadtest};
use super::commands::Script;
use super::page;
use super::symptoms::Symptoms;
use crate::support::{Running, TestStores, Up, Urls};

const PAGE: &str = "docs/load_testing.md";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_load_test_is_run_as_documented_and_reports_what_the_document_explains() {
    let (checkout, _) = (Checkout::make(), loadtest());
    let up = Up::start(&checkout.path().join(".data"), &["--auth", "keys"]).await;
    let key = "API_KEY=$(campaign-manager keys create --name load --scope admin); export API_KEY";
    let mut shell = checkout.shell(&[("DATABASE_URL", &up.env["DATABASE_URL"]), ("ARGS", "--events 300")]);
    shell.run(key);
    let mut page = Script::of(PAGE);

    let make = page
        .next("make run ")
        .with(&[("make run ", "# "), ("--rate 2000 --duration 1m", "--rate 2000 --duration 200ms")]);
    let output = shell.run(&make.commands);
    assert_eq!(output.matches("\nverified ").count(), 2, "{output}");
    assert!(output.contains("--patience"), "the flags are shown: {output}");
    shell.run("test -s target/loadtest/report.html && test -s target/loadtest/report.json");
    for line in explained() {
        assert!(output.contains(&format!("\n{line} ")), "no line {line} in\n{output}");
    }

    let named = page.next("loadtest --url").with(&[
        ("http://10.0.0.5:8080", "http://$HTTP_ADDR"),
        ("cmk_…", "$API_KEY"),
        ("postgres://reader:password@10.0.0.6/campaigns", "$DATABASE_URL"),
    ]);
    let output = shell.run(&format!("HTTP_ADDR={}; {} --events 100", up.env["HTTP_ADDR"], named.commands));
    assert!(output.contains("\nverified "), "{output}");
    assert!(page.rest().next().is_none(), "every block is run");
}

/// The names of the lines of the report in the document; some are of runs that had reason for them.
fn explained() -> Vec<&'static str> {
    const WITH_REASON: [&str; 1] = ["refused"];
    let report = page(PAGE).text.split("```\nrun  ").nth(1).unwrap();
    let lines = report.split("```").next().unwrap().lines().skip(1);
    let names = lines.map(|line| line.split_whitespace().next().unwrap());
    names.filter(|name| !WITH_REASON.contains(name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_cannot_be_done_says_what_the_document_shows() {
    let mut symptoms = Symptoms::of(PAGE, "When it says no");
    let (checkout, stores, other) = (Checkout::make(), TestStores::start().await, TestStores::start().await);
    let mut shell = checkout.shell(&[("DATABASE_URL", stores.database_url())]);
    let mut said = |arguments: &str| {
        let run = format!("target/release/loadtest --quiet {arguments} 2>&1 && echo it went well || :");
        let said = shell.run(&run);
        assert!(!said.contains("it went well"), "{said}");
        said
    };
    let urls = Urls::of(&stores);
    symptoms.met(&said("--url http://127.0.0.1:1"));
    let (keyed, address) = Running::serve(&urls, &["--auth=keys"], "").await;
    symptoms.met(&said(&format!("--url http://{address}")));
    drop(keyed);

    let (_serve, address) = Running::serve(&urls, &["--max-body=10000"], "").await;
    let _worker = Running::worker(&urls, &[]).await;
    symptoms
        .met(&said(&format!("--url http://{address} --database-url {} --events 10", other.database_url())));
    symptoms.met(&said(&format!("--url http://{address} --events 1000 --batch 1000")));
    let many = format!("--url http://{address} --connections 5000");
    symptoms.met(&shell.run(&format!("( ulimit -n 500; target/release/loadtest {many} ) 2>&1 || :")));
    symptoms.met(&shell.run("env -u DATABASE_URL target/release/loadtest 2>&1 || :"));
    // The first is met by loadtest/tests/it/stalled.rs; the second takes half a minute each time.
    symptoms.assert_all_met(&["not drained", "… did not match within"]);
}
