//! The commands of `docs/load_testing.md`, with less load: what they print has the lines that the document explains.

use super::checkout::{Checkout, loadtest};
use super::commands::Script;
use super::page;
use crate::support::Up;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_load_test_is_run_as_documented_and_reports_what_the_document_explains() {
    let (checkout, _) = (Checkout::make(), loadtest());
    let up = Up::start(&checkout.path().join(".data"), &["--auth", "keys"]).await;
    let key = "API_KEY=$(campaign-manager keys create --name load --scope admin); export API_KEY";
    let mut shell = checkout.shell(&[("DATABASE_URL", &up.env["DATABASE_URL"]), ("ARGS", "--events 300")]);
    shell.run(key);
    let mut page = Script::of("docs/load_testing.md");

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
    let report = page("docs/load_testing.md").text.split("```\nrun  ").nth(1).unwrap();
    let lines = report.split("```").next().unwrap().lines().skip(1);
    let names = lines.map(|line| line.split_whitespace().next().unwrap());
    names.filter(|name| !WITH_REASON.contains(name)).collect()
}
