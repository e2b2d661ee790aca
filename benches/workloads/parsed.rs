//! Events as documents: one after the other, or many at once so that matching can be timed without parsing.

use campaign_manager::event::{Document, Parser};

/// Parses and reads one event after the other; the sum of what is read.
pub(crate) fn over(
    events: &[String],
    parser: &mut Parser,
    mut read: impl FnMut(Document<'_>) -> usize,
) -> usize {
    let read = events
        .iter()
        .map(|event| parser.parse(event.as_bytes(), &mut read).expect("the events are well-formed"));
    read.sum()
}

/// Parses `events`, each with a parser of its own, and hands all documents to `read`.
pub(crate) fn with_documents(events: &[String], read: &mut dyn FnMut(&[Document<'_>])) {
    let mut parsers: Vec<Parser> = events.iter().map(|_| Parser::new(64)).collect();
    hold(&mut parsers, events, Vec::with_capacity(events.len()), read);
}

/// A document lives while its parser is in `parse`, so each event is parsed inside the one before it.
fn hold<'a>(
    parsers: &'a mut [Parser],
    events: &[String],
    held: Vec<Document<'a>>,
    read: &mut dyn FnMut(&[Document<'_>]),
) {
    let ([parser, parsers @ ..], [event, events @ ..]) = (parsers, events) else { return read(&held) };
    let parsed = parser.parse(event.as_bytes(), |document| {
        let mut held: Vec<Document<'_>> = held;
        held.push(document);
        hold(parsers, events, held, read);
    });
    parsed.expect("the events are well-formed");
}
