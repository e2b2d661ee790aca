//! `docs/api_endpoints.md` shows each route by a `curl`. Here all of them are run, from top to bottom in one shell, on a
//! server that was never used; what they print has to be what the document says.
//!
//! A block of `sh` may be followed by what it prints: `json`, or `http` with the status, some headers and the body, as of
//! `curl -i`. What differs from run to run is compared by its form only, see [`alike`].

mod alike;
mod shell;

use std::collections::BTreeSet;

use campaign_manager::ingest::ENDPOINTS;

use crate::support::{DEADLINE, Up, folder, until};
use shell::Shell;

const DOCUMENT: &str = include_str!("../../../docs/api_endpoints.md");

/// Commands, and what they print if the document says so.
#[derive(Debug)]
struct Example {
    /// The number of the line that opens it, from 1.
    line: usize,
    commands: String,
    printed: Option<Printed>,
}

#[derive(Debug)]
struct Printed {
    kind: &'static str,
    text: String,
}

impl Example {
    /// Whether it changes nothing, so that it may be run until what it shows has arrived.
    fn only_reads(&self) -> bool {
        let changes = [" -d ", " -X ", "--data", "campaign-manager", "psql"];
        self.commands.contains("curl") && !changes.iter().any(|change| self.commands.contains(change))
    }

    /// What is wrong with `output`.
    fn difference(&self, output: &str) -> Result<(), String> {
        match &self.printed {
            None => Ok(()),
            Some(Printed { kind: "json", text }) => alike::json(text, output),
            Some(Printed { text, .. }) => alike::http(text, output),
        }
    }

    /// The requests in it: method and path.
    fn requests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.commands.split("curl ").skip(1).filter_map(|request| {
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
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = (1..).zip(DOCUMENT.lines());
    while let Some((line, fence)) = lines.next() {
        let Some(kind) = fence.strip_prefix("```") else { continue };
        let text: Vec<&str> =
            lines.by_ref().map(|(_, text)| text).take_while(|text| !text.starts_with("```")).collect();
        let text = text.join("\n");
        match (kind, examples.last_mut()) {
            ("sh", _) => examples.push(Example { line, commands: text, printed: None }),
            ("json" | "http", Some(last @ Example { printed: None, .. })) => {
                last.printed = Some(Printed { kind, text });
            }
            _ => assert_eq!(kind, "sh", "line {line}: no command is before this block"),
        }
    }
    examples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_document_shows_is_what_happens() {
    let folder = folder();
    let data = folder.path().join(".data");
    let _up = Up::start(&data, &["--auth", "keys"]).await;
    let mut shell = Shell::open(folder.path());
    for example in examples() {
        let at = format!("docs/api_endpoints.md:{}", example.line);
        if !example.only_reads() {
            let output = shell.run(&example.commands);
            assert_eq!(example.difference(&output), Ok(()), "{at}: {output}");
            continue;
        }
        let mut last = String::new();
        until(&format!("{at} to show what is documented"), DEADLINE, async || {
            let output = shell.run(&example.commands);
            let difference = example.difference(&output);
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
    let examples = examples();
    let mut router = matchit::Router::new();
    for path in ENDPOINTS.iter().map(|endpoint| endpoint.path).collect::<BTreeSet<_>>() {
        router.insert(path, path).unwrap();
    }
    let shown: BTreeSet<String> = examples
        .iter()
        .flat_map(Example::requests)
        .filter_map(|(method, path)| Some(format!("{method} {}", router.at(path).ok()?.value)))
        .collect();
    let there: BTreeSet<String> =
        ENDPOINTS.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path)).collect();
    assert_eq!(there.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new());
}
