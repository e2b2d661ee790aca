//! Texts that others chose, in a line on a terminal.

/// The beginning of a text, without what a terminal would obey.
pub(super) fn printable(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(most).collect()
}
