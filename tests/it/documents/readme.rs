//! The commands of `README.md`: with `make run`, then without a server, then by parts.

use super::checkout::Checkout;
use super::commands::Script;
use crate::support::{DEADLINE, until};

/// Ports of a test's own, in place of 8080 to 8082.
const ANY: &str = "127.0.0.1:0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_readme_do_what_it_says() {
    let checkout = Checkout::make();
    let mut page = Script::of("README.md");
    let mut first = checkout.shell(&[("HTTP_ADDR", ANY), ("ADMIN_ADDR", ANY)]);

    let make =
        page.next("make run").with(&[("make run ", "make run >run.log 2>&1 & "), ("make test ", "# ")]);
    let shown = first.run(&make.commands);
    assert!(shown.contains("big spenders"), "make demo shows what was triggered: {shown}");
    first.run("until [ -f .data/run.env ]; do sleep 0.1; done; . .data/run.env");

    let steps =
        page.next("curl -s http://127.0.0.1:8080/campaigns").with(&[("127.0.0.1:8080", "$HTTP_ADDR")]);
    let commands = steps.commands.replace("'http://$HTTP_ADDR", "$HTTP_ADDR'");
    let [campaign, event, look] = commands.split("\n\n").collect::<Vec<_>>()[..] else {
        panic!("{commands}")
    };
    let campaign = first.run(campaign);
    assert!(campaign.starts_with(r#"{"id":1,"#), "{campaign}");
    let known = "curl -s $ADMIN_ADDR/metrics | grep -c '^campaign_manager_catalog_revision 1$' || :";
    until("the worker to know the campaign", DEADLINE, async || first.run(known).trim() == "1").await;
    let event = first.run(event);
    assert!(event.contains(r#""accepted":1"#), "{event}");
    let mut output = String::new();
    until("the event with its campaign", DEADLINE, async || {
        output = first.run(look);
        output.contains(r#""campaign_ids":[1]"#)
    })
    .await;
    assert_eq!(steps.difference(&output), Ok(()), "{output}");
    drop(first);

    let mut second = checkout.shell(&[("HTTP_ADDR", ANY)]);
    let offline = page.next("echo ");
    let output = second.run(&offline.commands);
    assert_eq!(offline.difference(&output), Ok(()), "{output}");

    let parts = page.next("cargo build").with(&[
        ("127.0.0.1:8082", ANY),
        ("campaign-manager serve &", "campaign-manager serve --admin 127.0.0.1:0 2>serve.log &"),
    ]);
    let said = second.run(&parts.commands);
    let key = said.split_whitespace().find(|word| word.starts_with("cmk_")).expect("a key");
    let served = "sed -n 's/.* http=\\([0-9.:]*\\).*/\\1/p' serve.log 2>/dev/null || :";
    let mut addr = String::new();
    until("the server", DEADLINE, async || {
        addr = second.run(served).trim().to_owned();
        !addr.is_empty()
    })
    .await;
    let status =
        |header: &str| format!("curl -s -o body -w '%{{http_code}}' {header} http://{addr}/campaigns");
    assert_eq!(second.run(&status("")), "401");
    assert_eq!(second.run(&status(&format!("-H 'authorization: Bearer {key}'"))), "200");
    assert!(page.rest().next().is_none(), "every block is run");
}
