//! The document's blocks, and what they are examples of.

use super::DOCUMENT;

/// A fenced block.
#[derive(Debug)]
struct Block {
    /// The number of the line that opens it, from 1.
    line: usize,
    /// What stands behind the fence.
    kind: &'static str,
    lines: Vec<&'static str>,
}

impl Block {
    fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Its lines with their numbers; what is indented below a line belongs to it.
    fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (text, line) in self.lines.iter().zip(self.line + 1..) {
            match entries.last_mut() {
                Some(entry) if text.starts_with(' ') => entry.below.push(text.trim()),
                _ => entries.push(Entry { line, text, below: Vec::new() }),
            }
        }
        entries
    }
}

/// A line, and what is indented below it.
struct Entry {
    line: usize,
    text: &'static str,
    below: Vec<&'static str>,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (text, line) in DOCUMENT.lines().zip(1..) {
        match (text.strip_prefix("```"), &mut open) {
            (Some(kind), None) => open = Some(Block { line, kind, lines: Vec::new() }),
            (Some(""), Some(_)) => blocks.extend(open.take()),
            (Some(_), Some(block)) => panic!("line {line}: the block of line {} is not closed", block.line),
            (None, Some(block)) => block.lines.push(text),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the last block is not closed");
    blocks
}

/// An event, whether it matches, and why; the sentence is empty if the document does not show it.
pub(crate) struct Outcome {
    pub(crate) line: usize,
    pub(crate) matches: bool,
    pub(crate) event: &'static str,
    pub(crate) sentence: String,
}

/// A rule that is accepted, with events.
pub(crate) struct Example {
    pub(crate) line: usize,
    pub(crate) rule: String,
    pub(crate) outcomes: Vec<Outcome>,
}

/// A rule that is refused, or an event, which may be.
pub(crate) struct Judged {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) errors: Vec<String>,
}

/// A message of another kind, and what becomes of it.
pub(crate) struct Message {
    pub(crate) judged: Judged,
    /// Nothing where it is refused.
    pub(crate) becomes: Option<String>,
}

/// A command and what it prints.
pub(crate) struct Session {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) output: String,
}

/// All that the document shows.
#[derive(Default)]
pub(crate) struct Examples {
    pub(crate) rules: Vec<Example>,
    pub(crate) refused_rules: Vec<Judged>,
    pub(crate) events: Vec<Judged>,
    /// Each with what it is called behind the fence.
    pub(crate) messages: Vec<(&'static str, Message)>,
    pub(crate) files: Vec<(&'static str, String)>,
    pub(crate) commands: Vec<Session>,
}

impl Examples {
    pub(crate) fn read() -> Self {
        let mut examples = Self::default();
        let blocks = blocks();
        let mut blocks = blocks.iter().peekable();
        while let Some(block) = blocks.next() {
            let mut then = |kind| blocks.next_if(|next| next.kind == kind);
            match block.kind {
                "json rule" => {
                    if let Some(events) = then("text events") {
                        examples.rules.push(example(block, events));
                    } else {
                        let errors = then("text errors");
                        assert!(errors.is_some(), "line {}: a rule without events or errors", block.line);
                        examples.refused_rules.push(judged(block, errors));
                    }
                }
                "json event" => examples.events.push(judged(block, then("text errors"))),
                "json cloudevent" | "json segment" => {
                    let becomes = then("json becomes").map(Block::text);
                    let message = Message { becomes, judged: judged(block, then("text errors")) };
                    examples.messages.push((block.kind, message));
                }
                "console" => examples.commands.extend(sessions(block)),
                kind => {
                    let name = kind.strip_prefix("jsonl ");
                    let name = name.unwrap_or_else(|| panic!("line {}: {kind:?} is no example", block.line));
                    examples.files.push((name, block.text()));
                }
            }
        }
        examples
    }
}

fn example(rule: &Block, events: &Block) -> Example {
    let outcomes = events.entries().into_iter().map(outcome).collect();
    Example { line: rule.line, rule: rule.text(), outcomes }
}

fn outcome(Entry { line, text, below }: Entry) -> Outcome {
    let (verdict, event) = text.split_once("  ").unwrap_or_default();
    let matches = match verdict {
        "match" => true,
        "no match" => false,
        _ => panic!("line {line}: an event stands behind \"match\" or \"no match\" and two spaces"),
    };
    Outcome { line, matches, event: event.trim(), sentence: below.join(" ") }
}

fn judged(block: &Block, errors: Option<&Block>) -> Judged {
    let errors = errors.map(Block::entries).unwrap_or_default().into_iter();
    let errors = errors.map(|Entry { text, below, .. }| [&[text], &*below].concat().join(" "));
    Judged { line: block.line, text: block.text(), errors: errors.collect() }
}

fn sessions(block: &Block) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    for (text, line) in block.lines.iter().zip(block.line + 1..) {
        match (text.strip_prefix("$ "), sessions.last_mut()) {
            (Some(command), _) => {
                sessions.push(Session { line, command: command.to_owned(), output: String::new() });
            }
            (None, Some(session)) => session.output += text,
            (None, None) => panic!("line {line}: a command stands behind \"$ \""),
        }
    }
    for session in &mut sessions {
        session.output = unbroken(&session.output);
    }
    sessions
}

/// A text without the white space in it.
pub(crate) fn unbroken(text: &str) -> String {
    text.split_whitespace().collect()
}
