//! A body's events: each read, and accepted or refused on its own; the accepted ones submitted together.
//!
//! Invariants: an event is called accepted only after Redis has acknowledged the frame that carries it; a place that an
//! error names is one of the body.

use std::time::Instant;

use hyper::HeaderMap;
use jiff::Timestamp;
use uuid::Uuid;

use super::accumulator::SubmitError;
use super::body::{Body, Purpose, Upload};
use super::gate::Closed;
use super::rate::{self, Allowance};
use super::service::Service;
use super::staged::Staged;
use crate::api::{Caller, Fault, Kind, Problem};
use crate::config::HttpConfig;
use crate::event::split::{Elements, lines, trim, without_mark};
use crate::event::{
    Arrival, Dialect, Envelope, EnvelopeError, EnvelopeReader, JsonError, Place, Places, Refusal,
    SegmentBatch, SegmentCall, SegmentShared,
};
use crate::ops::clock;
use crate::ops::metrics::{self, IngestResult};
use crate::queue::EventRecord;

/// How the events lie in a body. But for NDJSON it is one JSON text, and refused whole if it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One object, or an array of them.
    Json,
    /// A JSON text a line, each refused on its own.
    Ndjson,
    /// One `CloudEvent`.
    CloudEvent,
    /// One `CloudEvent` that was composed of headers and a body, which begins on its second line.
    CloudEventInHeaders,
    /// An array of `CloudEvents`.
    CloudEvents,
    /// One message of Segment's; a batch of them where no call is named.
    Segment(Option<SegmentCall>),
}

/// What became of a body of which something was accepted.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) accepted: usize,
    /// The ids of the accepted events, as the elements of a JSON array.
    pub(super) event_ids: Vec<u8>,
    pub(super) rejected: Vec<Fault>,
}

/// Receives a body, and waits for room for its events. Both must then be used without a pause.
pub(super) async fn receive<'a>(
    service: &'a Service,
    caller: &Caller,
    headers: &HeaderMap,
    body: &mut Upload<'_>,
) -> Result<(Body<'a>, Staged), Problem> {
    let HttpConfig { max_body, buffer_patience, .. } = service.config;
    service.accumulator.check()?;
    let owner = body.owner;
    let body = service.bodies.receive(headers, body, max_body.get(), Purpose::Events).await?;
    let stage = service.accumulator.stage(owner, buffer_patience).await?;
    Ok((body.unpack()?, stage.sent_by(caller.sender())))
}

/// Takes the events of a body, which is dropped as soon as they are read.
pub(super) async fn take(
    service: &Service,
    allowance: &mut Allowance,
    form: Form,
    body: impl AsRef<[u8]>,
    stage: Staged,
) -> Result<Intake, Problem> {
    let Batch { staged, event_ids, rejected } = read(service, form, body.as_ref(), stage)?;
    drop(body);
    let (accepted, bytes) = (staged.events(), staged.bytes());
    allowance.take(rate::events_of(accepted, bytes), Instant::now())?;
    metrics::ingest_events(IngestResult::Rejected, rejected.len(), 0);
    if accepted == 0 && rejected.is_empty() && form != Form::Ndjson {
        // An empty array is a batch, too: CloudEvents allow it, and Segment takes it.
        return Ok(Intake { accepted, event_ids, rejected });
    }
    if accepted == 0 {
        return Err(nothing_accepted(rejected));
    }
    let submitted = service.accumulator.submit(staged).await;
    metrics::ingest_events(IngestResult::of(&submitted), accepted, bytes);
    submitted?;
    Ok(Intake { accepted, event_ids, rejected })
}

/// Reads all events of a body. Nothing is submitted yet: a body that proves to be no JSON further on is refused whole.
fn read(service: &Service, form: Form, body: &[u8], staged: Staged) -> Result<Batch, Problem> {
    let body = without_mark(body);
    service.readers.with(|reader| {
        let mut reading = Reading {
            places: Places::in_text(body),
            reader,
            form,
            arrival: Arrival::at(clock::now()),
            most: service.config.max_events.get(),
            seen: 0,
            batch: Batch { staged, event_ids: Vec::new(), rejected: Vec::new() },
        };
        match (form, trim(body)) {
            (Form::Ndjson, _) => lines(body).try_for_each(|line| reading.add(Dialect::Own, line))?,
            (Form::Json, array @ [b'[', ..]) => reading.add_all(Dialect::Own, array)?,
            (Form::Json, event) => reading.add(Dialect::Own, event)?,
            (Form::CloudEvent | Form::CloudEventInHeaders, event) => {
                reading.add(Dialect::CloudEvents, event)?;
            }
            (Form::CloudEvents, array @ [b'[', ..]) => reading.add_all(Dialect::CloudEvents, array)?,
            (Form::CloudEvents, _) => {
                return Err(Problem::new(Kind::Invalid, "a batch of CloudEvents is a JSON array"));
            }
            (Form::Segment(Some(call)), message) => {
                reading.add(Dialect::Segment { call: Some(call), shared: SegmentShared::NONE }, message)?;
            }
            (Form::Segment(None), batch) => {
                let batch = SegmentBatch::read(batch).map_err(|error| reading.refuse_whole(error, batch))?;
                reading.add_segment_batch(&batch, service.config.max_body.get())?;
            }
        }
        Ok(reading.batch)
    })
}

/// Reads events into a batch.
struct Reading<'a> {
    places: Places<'a>,
    reader: &'a mut EnvelopeReader,
    form: Form,
    arrival: Arrival,
    most: usize,
    seen: usize,
    batch: Batch,
}

/// A body's events, sorted into accepted and refused.
struct Batch {
    staged: Staged,
    event_ids: Vec<u8>,
    rejected: Vec<Fault>,
}

impl Reading<'_> {
    /// Adds the elements of an array.
    fn add_all(&mut self, dialect: Dialect<'_>, array: &[u8]) -> Result<(), Problem> {
        let start = self.start_of(array);
        for element in Elements::new(array) {
            let element = element.map_err(|error| self.not_json(error, start))?;
            self.add(dialect, element)?;
        }
        Ok(())
    }

    /// Adds the messages of a batch. What they share is read and written anew for each of them, whether it is accepted or
    /// not, so what they come to is held to the limit of a body again, before it is read.
    fn add_segment_batch(&mut self, batch: &SegmentBatch<'_>, most_bytes: usize) -> Result<(), Problem> {
        let (shared, start) = (batch.shared(), self.start_of(batch.messages()));
        let dialect = Dialect::Segment { call: None, shared };
        let mut bytes = 0;
        for message in Elements::new(batch.messages()) {
            let message = message.map_err(|error| self.not_json(error, start))?;
            bytes += message.len() + shared.added_bytes();
            if bytes > most_bytes {
                let detail = format!(
                    "the batch's messages, each with the batch's context and integrations, are longer than {most_bytes} bytes; send it in parts"
                );
                return Err(Problem::new(Kind::TooLarge, detail));
            }
            self.add(dialect, message)?;
        }
        Ok(())
    }

    fn add(&mut self, dialect: Dialect<'_>, event: &[u8]) -> Result<(), Problem> {
        let index = self.seen;
        if index >= self.most {
            let detail = format!("the body holds more than {} events; send it in parts", self.most);
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        self.seen += 1;
        let (arrival, batch) = (&self.arrival, &mut self.batch);
        let accept = |envelope: Envelope<'_>| batch.add(envelope, arrival.time());
        match self.reader.read_message(dialect, event, arrival, Uuid::now_v7, accept) {
            Ok(()) => {}
            Err(EnvelopeError::Malformed(error)) if self.form != Form::Ndjson => {
                self.seen = index;
                let start = self.start_of(event);
                return Err(self.not_json(error, start));
            }
            Err(error) => {
                let start = self.start_of(event);
                let fault = self.fault(error.into(), start);
                self.batch.rejected.push(Fault { index: Some(index), ..fault });
            }
        }
        Ok(())
    }

    /// Where `part`, a piece of the body, begins in it. Pieces are asked about in their order.
    fn start_of(&mut self, part: &[u8]) -> Place {
        let start = self.places.of_part(part);
        if self.form == Form::CloudEventInHeaders { Place { line: 0, ..start } } else { start }
    }

    /// The refusal of an event that begins at `start`.
    fn fault(&self, refusal: Refusal, start: Place) -> Fault {
        let Refusal { event_id, pointer, detail, place } = refusal;
        let line = (self.form == Form::Ndjson).then_some(start.line);
        let detail = match place {
            Some(place) => format!("{detail} at {}", place.from(start)),
            None => detail,
        };
        Fault { index: None, line, event_id, pointer, detail }
    }

    /// The refusal of the whole body, for an error in the part that begins at `start`: with the number of the event that
    /// is next, where there may be many.
    fn not_json(&self, error: JsonError, start: Place) -> Problem {
        let fault = self.fault(EnvelopeError::Malformed(error).into(), start);
        let problem = Problem::new(Kind::NotJson, fault.detail.clone());
        match self.form {
            Form::Json | Form::CloudEvents | Form::Segment(None) => {
                problem.with_errors(vec![Fault { index: Some(self.seen), ..fault }])
            }
            Form::Ndjson | Form::CloudEvent | Form::CloudEventInHeaders | Form::Segment(Some(_)) => problem,
        }
    }

    /// The refusal of the whole body, whose text is `body`.
    fn refuse_whole(&mut self, error: EnvelopeError, body: &[u8]) -> Problem {
        let kind = if let EnvelopeError::Malformed(_) = error { Kind::NotJson } else { Kind::Invalid };
        let start = self.start_of(body);
        let fault = self.fault(error.into(), start);
        Problem::new(kind, fault.detail.clone()).with_errors(vec![fault])
    }
}

impl Batch {
    fn add(&mut self, envelope: Envelope<'_>, received_at: Timestamp) {
        let Envelope { event_id, event_type, user_id, payload } = envelope;
        let sender = self.staged.sender();
        self.staged.push(&EventRecord { received_at, sender, event_id, event_type, user_id, payload });
        if !self.event_ids.is_empty() {
            self.event_ids.push(b',');
        }
        serde_json::to_writer(&mut self.event_ids, event_id).expect("a Vec takes any write");
    }
}

fn nothing_accepted(rejected: Vec<Fault>) -> Problem {
    let detail = match rejected.as_slice() {
        [] => "the body holds no event".to_owned(),
        [only] => only.detail.clone(),
        all => format!("none of the {} events is acceptable; errors has the reason of each", all.len()),
    };
    Problem::new(Kind::Invalid, detail).with_errors(rejected)
}

impl From<EnvelopeError> for Problem {
    /// The refusal of a whole body.
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Malformed(error) => Self::new(Kind::NotJson, error.to_string()),
            EnvelopeError::Refused(Refusal { event_id, pointer, detail, .. }) => {
                let fault = Fault { event_id, pointer, detail: detail.clone(), ..Fault::default() };
                Self::new(Kind::Invalid, detail).with_errors(vec![fault])
            }
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        // What Redis said is in the log already.
        let why = match error {
            SubmitError::Gate(Closed::Overloaded(seconds)) => {
                let detail =
                    "more events are queued than may be; send them again later, which is always safe";
                return Self::new(Kind::Overloaded(seconds), detail);
            }
            SubmitError::Gate(Closed::Unusable(_)) => "the queue is not set up to keep events",
            SubmitError::Full => "too many events wait for the queue",
            SubmitError::Unavailable(_) => "the queue cannot take events now",
            SubmitError::Closed => "the server is shutting down",
        };
        Self::new(Kind::Unavailable, format!("{why}; send the events again, which is always safe"))
    }
}
