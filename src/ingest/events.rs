//! `POST /events`: a body's events, each accepted or refused on its own.
//!
//! Invariant: an event is called accepted only after Redis has acknowledged the frame that carries it.

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::accumulator::SubmitError;
use super::body::{is_of_type, unsupported};
use super::gate::Closed;
use super::rate::Allowance;
use super::service::Service;
use super::staged::Staged;
use crate::api::{Answer, Fault, Kind, Problem, json};
use crate::event::split::{Elements, lines, trim};
use crate::event::{Arrival, Envelope, EnvelopeError, EnvelopeReader, JsonError, Refusal};
use crate::ops::metrics::{self, IngestResult};
use crate::queue::EventRecord;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// How the events lie in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One object, or an array of them. The body is one JSON text, and refused if it is not.
    Json,
    /// A JSON text a line, each refused on its own.
    Ndjson,
}

/// A body's events, sorted into accepted and refused.
struct Batch {
    staged: Staged,
    /// The ids of the accepted ones, as the elements of a JSON array.
    event_ids: Vec<u8>,
    rejected: Vec<Fault>,
}

#[derive(Serialize)]
struct Partly<'a> {
    accepted: usize,
    rejected: &'a [Fault],
}

/// Takes the events of a request.
pub(super) async fn accept(
    service: &Service,
    allowance: &mut Allowance,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Answer, Problem> {
    let format = Format::of(headers)?;
    service.accumulator.check()?;
    let body = service.bodies.receive(headers, body, service.config.max_body.get()).await?;
    let Batch { staged, event_ids, rejected } = read(service, format, &body)?;
    drop(body);
    // The request itself was taken for one of them.
    allowance.take((staged.events() + rejected.len()).saturating_sub(1))?;
    metrics::ingest_events(IngestResult::Rejected, rejected.len());
    let accepted = staged.events();
    if accepted == 0 {
        return Err(nothing_accepted(rejected));
    }
    let submitted = service.accumulator.submit(staged).await;
    metrics::ingest_events(IngestResult::of(&submitted), accepted);
    submitted?;
    if rejected.is_empty() {
        return Ok(all_accepted(accepted, &event_ids));
    }
    Ok(json(StatusCode::MULTI_STATUS, &Partly { accepted, rejected: &rejected }))
}

impl Format {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if is_of_type(headers, JSON) {
            Ok(Self::Json)
        } else if is_of_type(headers, NDJSON) {
            Ok(Self::Ndjson)
        } else {
            Err(unsupported(headers, &[JSON, NDJSON]))
        }
    }
}

/// Reads all events of a body. Nothing is submitted yet: a body that proves to be no JSON further on is refused whole.
fn read(service: &Service, format: Format, body: &[u8]) -> Result<Batch, Problem> {
    let staged = service.accumulator.stage();
    service.readers.with(|reader| {
        let mut intake = Intake {
            reader,
            format,
            arrival: Arrival::at(Timestamp::now()),
            most: service.config.max_events.get(),
            seen: 0,
            batch: Batch { staged, event_ids: Vec::new(), rejected: Vec::new() },
        };
        match (format, trim(body)) {
            (Format::Ndjson, _) => lines(body).try_for_each(|line| intake.add(line))?,
            (Format::Json, array @ [b'[', ..]) => {
                Elements::new(array)
                    .try_for_each(|element| intake.add(element.map_err(|e| not_json(&e))?))?;
            }
            (Format::Json, event) => intake.add(event)?,
        }
        Ok(intake.batch)
    })
}

/// Reads events into a batch.
struct Intake<'a> {
    reader: &'a mut EnvelopeReader,
    format: Format,
    arrival: Arrival,
    most: usize,
    seen: usize,
    batch: Batch,
}

impl Intake<'_> {
    fn add(&mut self, event: &[u8]) -> Result<(), Problem> {
        let index = self.seen;
        if index >= self.most {
            let detail = format!("the body holds more than {} events; send it in parts", self.most);
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        self.seen += 1;
        let (arrival, batch) = (&self.arrival, &mut self.batch);
        let read =
            self.reader.read(event, arrival, Uuid::now_v7, |envelope| batch.add(envelope, arrival.time()));
        match read {
            Ok(()) => {}
            Err(EnvelopeError::Malformed(error)) if self.format == Format::Json => {
                return Err(not_json(&error));
            }
            Err(error) => {
                let Refusal { event_id, pointer, detail } = error.into();
                batch.rejected.push(Fault { index: Some(index), event_id, pointer, detail });
            }
        }
        Ok(())
    }
}

impl Batch {
    fn add(&mut self, envelope: Envelope<'_>, received_at: Timestamp) {
        let Envelope { event_id, event_type, user_id, payload } = envelope;
        self.staged.push(&EventRecord { received_at, event_id, event_type, user_id, payload });
        if !self.event_ids.is_empty() {
            self.event_ids.push(b',');
        }
        serde_json::to_writer(&mut self.event_ids, event_id).expect("a Vec takes any write");
    }
}

fn all_accepted(accepted: usize, event_ids: &[u8]) -> Answer {
    let mut body = format!(r#"{{"accepted":{accepted},"event_ids":["#).into_bytes();
    body.extend_from_slice(event_ids);
    body.extend_from_slice(b"]}");
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::ACCEPTED;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn nothing_accepted(rejected: Vec<Fault>) -> Problem {
    let detail = match rejected.as_slice() {
        [] => "the body holds no event".to_owned(),
        [only] => only.detail.clone(),
        all => format!("none of the {} events is acceptable; errors has the reason of each", all.len()),
    };
    Problem::new(Kind::Invalid, detail).with_errors(rejected)
}

fn not_json(error: &JsonError) -> Problem {
    Problem::new(Kind::NotJson, error.to_string())
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
