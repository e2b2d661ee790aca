//! `docs/api_endpoints.md` shows each route by a `curl`. Here all of them are run, from top to bottom in one shell, on a
//! server that was never used; what they print has to be what the document says.
//!
//! A block of `sh` may be followed by what it prints: `json`, or `http` with the status, some headers and the body, as of
//! `curl -i`. What differs from run to run is compared by its form only, see [`super::alike`].

use std::collections::BTreeSet;

use campaign_manager::ingest::ENDPOINTS;

use super::commands::{Script, Step};
use super::shell::Shell;
use crate::support::{DEADLINE, Up, folder, until};

const PAGE: &str = "docs/api_endpoints.md";

/// Whether a step changes nothing, so that it may be run until what it shows has arrived.
fn only_reads(step: &Step) -> bool {
    let changes = [" -d ", " -X ", "--data", "campaign-manager", "psql"];
    step.commands.contains("curl") && !changes.iter().any(|change| step.commands.contains(change))
}

/// The requests in it: method and path.
fn requests(step: &Step) -> impl Iterator<Item = (&str, &str)> {
    step.commands.split("curl ").skip(1).filter_map(|request| {
        let (_, path) = request.split_once("$URL")?;
        let path = path.split(['"', '?', ' ', '\n']).next().expect("split yields something");
        let method = match request.split_once("-X ") {
            Some((_, method)) => method.split_whitespace().next().expect("a method"),
            None if request.contains(" -d ") || request.contains("--data") => "POST",
            None => "GET",
        };
        Some((method, path))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_document_shows_is_what_happens() {
    let folder = folder();
    let data = folder.path().join(".data");
    let _up = Up::start(&data, &["--auth", "keys"]).await;
    let mut shell = Shell::open(folder.path());
    for step in Script::of(PAGE).rest() {
        let at = &step.at;
        if !only_reads(&step) {
            let output = shell.run(&step.commands);
            assert_eq!(step.difference(&output), Ok(()), "{at}: {output}");
            continue;
        }
        let mut last = String::new();
        until(&format!("{at} to show what is documented"), DEADLINE, async || {
            let output = shell.run(&step.commands);
            let difference = step.difference(&output);
            if output != last && difference.is_err() {
                println!("{at}: {difference:?}: {output}");
            }
            last = output;
            difference.is_ok()
        })
        .await;
    }
}

#[test]
fn the_document_shows_every_route() {
    let steps: Vec<Step> = Script::of(PAGE).rest().collect();
    let mut router = matchit::Router::new();
    for path in ENDPOINTS.iter().map(|endpoint| endpoint.path).collect::<BTreeSet<_>>() {
        router.insert(path, path).unwrap();
    }
    let shown: BTreeSet<String> = steps
        .iter()
        .flat_map(requests)
        .filter_map(|(method, path)| Some(format!("{method} {}", router.at(path).ok()?.value)))
        .collect();
    let there: BTreeSet<String> =
        ENDPOINTS.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path)).collect();
    assert_eq!(there.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
}
