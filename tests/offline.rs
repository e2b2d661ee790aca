//! The roles `match` and `rules check`, run as a person or a script runs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const RULES: &str = r#"{"name": "big", "pattern": {"type": ["buy"], "amount": [{"numeric": [">=", 100]}]}}
{"name": "any", "pattern": "{\"type\": [\"buy\"]}"}

{"name": "away", "pattern": {"country": [{"anything-but": "DE"}]}}
"#;

/// Runs the program in a folder that holds `RULES` as `rules.jsonl`, and more files; `input` is its standard input.
fn run(files: &[(&str, &str)], arguments: &[&str], input: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("rules.jsonl", RULES)].iter().chain(files) {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut program = program(folder.path(), arguments).spawn().unwrap();
    // A program that refuses its arguments does not read.
    let _ = program.stdin.take().unwrap().write_all(input.as_bytes());
    program.wait_with_output().unwrap()
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campaign-manager"));
    command.args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn lines(output: &Output) -> Vec<Value> {
    let text = str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn errors(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn each_line_of_events_gives_a_line_with_the_names_in_the_order_of_the_rules() {
    let events = "{\"type\":\"buy\",\"amount\":100,\"country\":\"FR\"}\n{\"type\":\"sell\"}\n[1]\n{\n\n{\"country\":1}";
    let expected = [
        json!({"event": 0, "matched": ["big", "any", "away"]}),
        json!({"event": 1, "matched": []}),
        json!({"event": 2, "error": "an event is a JSON object"}),
        json!({"event": 3, "error": "not valid JSON: EOF while parsing an object at line 4 column 1"}),
        json!({"event": 4, "matched": ["away"]}),
    ];
    let files = [("events.jsonl", events)];
    let of_file = run(&files, &["match", "--rules", "rules.jsonl", "events.jsonl"], "");
    assert_eq!(lines(&of_file), expected);
    assert!(of_file.status.success() && of_file.stderr.is_empty());
    for arguments in [&["match", "--rules", "rules.jsonl", "-"][..], &["match", "--rules", "rules.jsonl"]] {
        assert_eq!(lines(&run(&[], arguments, events)), expected, "{arguments:?}");
    }
}

#[test]
fn what_cannot_be_used_as_rules_is_told_whole_and_ends_with_2() {
    let bad = r#"{"name": "a", "pattern": {"x": []}}
{"name": "b", "pattern": {"x": [1]}}
{"name": "b", "pattern": {"x": [{"prefix": 1}], "y": [{"numeric": ["!=", 1]}]}}
{"name": "b", "pattern": {"x": [2]}}
{"pattern": {"x": [2]}}
"#;
    let output = run(&[("bad.jsonl", bad)], &["match", "--rules", "bad.jsonl"], "{}");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let errors = errors(&output);
    for told in [
        "line 1: rule \"a\": /x: ",
        "line 3: rule \"b\": /x/0/prefix: ",
        "line 3: rule \"b\": /y/0/numeric/0: \"!=\" is not a comparison",
        "line 4: the name \"b\" is that of line 2 already",
        "line 5: missing field `name` at column 23;",
    ] {
        assert!(errors.contains(told), "{told}\n{errors}");
    }
}

#[test]
fn an_explanation_says_of_each_rule_why() {
    let output = run(&[], &["match", "--explain", "--rules", "rules.jsonl"], r#"{"type":"buy","amount":80}"#);
    let lines = lines(&output);
    let explained = lines[0]["explained"].as_array().unwrap();
    assert_eq!(explained.len(), 3);
    assert_eq!((&explained[0]["name"], &explained[0]["matches"]), (&json!("big"), &json!(false)));
    assert_eq!(explained[0]["sentence"], "the event does not match: `amount` is 80; the rule wants ≥ 100");
    assert_eq!(explained[0]["rule"]["all"][0]["field"]["path"], "type");
}

#[test]
fn figures_go_to_standard_error() {
    let output = run(&[], &["match", "--stats", "--rules", "rules.jsonl"], "{\"type\":\"buy\"}\n{}\n");
    assert_eq!(lines(&output).len(), 2);
    let figures = errors(&output);
    for figure in [
        "rules:        3 with 4 predicates in 3 fields",
        "compile time: ",
        "index:        ",
        "events:       2, 1 matches",
        " events/s with parsing",
    ] {
        assert!(figures.contains(figure), "{figure}\n{figures}");
    }
}

#[test]
fn cases_come_in_pairs_and_tell_what_is_invalid() {
    let cases = r#"{"pattern": "{\"a\":[1]}", "event": "{\"a\":1.0}", "matches": true}
{"pattern": "{\"a\":[1]}", "event": "{}"}
{"rules": {"z": "{\"a\":[1]}", "b": "{\"a\":[1,2]}", "c": "{\"a\":[2]}"}, "event": "{\"a\":1}"}
{"pattern": "{\"a\":[]}", "event": "{}"}
{"pattern": "{\"a\":[1]}", "event": "[]"}

{"pattern": {"a": [1]}, "event": {"a": 1.0}}
{"rules": {"z": {"a": [1]}}, "event": {"a": 2}}
{"event": "{}"}
{"event": }
"#;
    for (arguments, input) in [(["match", "--cases", "cases.jsonl"], ""), (["match", "--cases", "-"], cases)]
    {
        let output = run(&[("cases.jsonl", cases)], &arguments, input);
        let lines = lines(&output);
        assert_eq!(
            lines[..3],
            [json!({"matches": true}), json!({"matches": false}), json!({"matched": ["b", "z"]})]
        );
        assert!(lines[3]["invalid"].as_str().unwrap().starts_with("/a: "), "{}", lines[3]);
        assert_eq!(lines[4], json!({"error": "an event is a JSON object"}));
        assert_eq!(lines[5..7], [json!({"matches": true}), json!({"matched": []})]);
        assert!(lines[7]["error"].is_string());
        assert_eq!(lines[8], json!({"error": "expected value at line 10 column 11"}));
        assert!(output.status.success());
    }
}

#[test]
fn a_rule_is_checked_with_all_that_is_wrong() {
    let good = run(&[("rule.json", r#"{"user_id": "x"}"#)], &["rules", "check", "rule.json"], "");
    assert_eq!(
        (good.status.code(), &*good.stdout),
        (Some(0), &b"rule.json is a valid rule about `user_id`\n"[..])
    );
    let other = run(&[], &["rules", "check", "-"], r#"{"a": "x"}"#);
    let said = str::from_utf8(&other.stdout).unwrap();
    assert!(said.contains("- is a valid rule about `a`"), "{said}");
    let refused = "a campaign with the rule in - is refused:\n/a: \"a\" is not a member of an event";
    assert!(errors(&other).contains(refused), "{}", errors(&other));
    assert_eq!(other.status.code(), Some(2));
    let bad = run(&[], &["rules", "check", "-"], r#"{"a": [], "b": [{"exists": 1}]} x"#);
    assert_eq!(bad.status.code(), Some(2));
    assert!(errors(&bad).contains("not valid JSON: trailing characters"), "{}", errors(&bad));
    let bad = run(&[], &["rules", "check", "-"], r#"{"a": [], "b": [{"exists": 1}]}"#);
    assert!(errors(&bad).contains("\n/a: ") && errors(&bad).contains("\n/b/0/exists: "), "{}", errors(&bad));
}

#[test]
fn what_cannot_be_read_is_named() {
    for arguments in [
        &["match", "--rules", "none.jsonl"][..],
        &["match", "--cases", "none.jsonl"],
        &["rules", "check", "none.jsonl"],
    ] {
        let output = run(&[], arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(errors(&output).contains("cannot read none.jsonl"), "{}", errors(&output));
    }
    for arguments in
        [&["match"][..], &["match", "--cases", "a", "--rules", "b"], &["rules"], &["rules", "check"]]
    {
        assert_eq!(run(&[], arguments, "").status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.jsonl"), RULES).unwrap();
    let mut program = program(folder.path(), &["match", "--rules", "rules.jsonl"]).spawn().unwrap();
    drop(program.stdout.take());
    let events = "{\"type\":\"buy\"}\n".repeat(100_000);
    // The program stops reading when it cannot write any more.
    let _ = program.stdin.take().unwrap().write_all(events.as_bytes());
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(errors(&output), "");
}
