//! A document in Markdown: its headings, links, words in backticks, and fenced blocks.

use std::collections::BTreeMap;

/// A document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    /// From the top of the repository.
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

/// A fenced block.
#[derive(Debug)]
pub(super) struct Block {
    /// The number of the line that opens it, from 1.
    pub(super) line: usize,
    /// What stands behind the fence.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl Page {
    /// Its lines, with whether they are part of a fenced block; the fences are.
    fn lines(self) -> impl Iterator<Item = (bool, &'static str)> {
        let mut fenced = false;
        self.text.lines().map(move |line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            (fenced || fence, line)
        })
    }

    /// Its fenced blocks, unindented.
    pub(super) fn blocks(self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = (1..).zip(self.text.lines());
        while let Some((line, fence)) = lines.next() {
            let Some(kind) = fence.trim_start().strip_prefix("```") else { continue };
            let indent = fence.len() - fence.trim_start().len();
            let inner = lines.by_ref().map(|(_, text)| text.get(indent..).unwrap_or_default());
            let text: Vec<&str> = inner.take_while(|text| !text.starts_with("```")).collect();
            blocks.push(Block { line, kind, text: text.join("\n") });
        }
        blocks
    }

    /// What its headings are called in links to them.
    pub(super) fn anchors(self) -> Vec<String> {
        let mut seen = BTreeMap::new();
        let headings = self.lines().filter(|(fenced, line)| !fenced && line.starts_with('#'));
        let anchors = headings.map(|(_, line)| {
            let name = anchor(line);
            let times = seen.entry(name.clone()).and_modify(|times| *times += 1).or_insert(0);
            if *times == 0 { name } else { format!("{name}-{times}") }
        });
        anchors.collect()
    }

    /// Its paragraphs, and each row of a table by itself.
    fn paragraphs(self) -> Vec<String> {
        let mut paragraphs = vec![String::new()];
        for (fenced, line) in self.lines() {
            let begins = fenced || line.trim().is_empty() || line.starts_with(['|', '#']);
            match paragraphs.last_mut() {
                Some(open) if !begins => {
                    open.push('\n');
                    open.push_str(line);
                }
                _ if fenced => paragraphs.push(String::new()),
                _ => paragraphs.push(line.to_owned()),
            }
        }
        paragraphs
    }

    /// Where its links lead.
    pub(super) fn links(self) -> Vec<String> {
        let links = |paragraph: String| {
            let behind = paragraph.split("](").skip(1).filter_map(|behind| behind.split_once(')'));
            behind.map(|(link, _)| link.to_owned()).collect::<Vec<_>>()
        };
        self.paragraphs().into_iter().flat_map(links).collect()
    }

    /// What stands in backticks in its text, on one line.
    pub(super) fn spans(self) -> Vec<String> {
        self.paragraphs().iter().flat_map(|paragraph| spans(paragraph)).collect()
    }
}

/// What a heading is called in links to it, as GitHub does it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|character| character.is_alphanumeric() || matches!(character, '-' | '_')).collect()
}

/// A span ends at as many backticks as it began with.
fn spans(text: &str) -> Vec<String> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let behind = &rest[start..];
        let ticks = behind.len() - behind.trim_start_matches('`').len();
        let (fence, inner) = behind.split_at(ticks);
        let Some(end) = inner.find(fence) else { break };
        spans.push(inner[..end].split_whitespace().collect::<Vec<_>>().join(" "));
        rest = &inner[end + ticks..];
    }
    spans
}

#[test]
fn a_page_is_read_as_it_is_shown() {
    let text = "# A `b` c!\n\nsee [x](y.md#z) and `one\ntwo`\n\n```sh\n# not `this`\n```\n\n# A `b` c!\n| ``a ` b`` | `c` |\n";
    let page = Page { path: "page.md", text };
    assert_eq!(page.anchors(), ["a-b-c", "a-b-c-1"]);
    assert_eq!(page.links(), ["y.md#z"]);
    assert_eq!(page.spans(), ["b", "one two", "b", "a ` b", "c"]);
    let blocks = page.blocks();
    assert_eq!(blocks.len(), 1);
    assert_eq!((blocks[0].line, blocks[0].kind, blocks[0].text.as_str()), (6, "sh", "# not `this`"));
}
