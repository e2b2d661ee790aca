//! What a metric is, and the handles that record it.
//!
//! A handle is looked up in the recorder once, when the recorder is installed; recording is an atomic operation then. A
//! handle of a metric that this process does not show records nothing.

use std::marker::PhantomData;
use std::ops::Deref;

use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::label::{Label, Labels, series};

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Samples, counted in buckets.
    Histogram,
}

/// Which processes show a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    Any,
    /// Those that run `serve`.
    Serve,
    /// Those that run a worker.
    Worker,
}

/// An entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The whole name, as Prometheus shows it.
    pub name: &'static str,
    /// What it belongs to.
    pub group: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Which processes show it.
    pub part: Part,
    /// Its labels, with all their values.
    pub labels: &'static [Label],
    /// The upper bounds of a histogram's buckets, without the infinite one.
    pub buckets: &'static [f64],
    /// What it says.
    pub help: &'static str,
}

impl Kind {
    /// Its name, as Prometheus shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// Its unit, which the name ends in.
    pub(super) fn unit(&self) -> Unit {
        match self.name.trim_end_matches("_total") {
            name if name.ends_with("_seconds") => Unit::Seconds,
            name if name.ends_with("_bytes") => Unit::Bytes,
            _ => Unit::Count,
        }
    }

    fn describe(&self, recorder: &impl Recorder) {
        let (name, help) = (KeyName::from_const_str(self.name), SharedString::const_str(self.help));
        match self.kind {
            Kind::Counter => recorder.describe_counter(name, Some(self.unit()), help),
            Kind::Gauge => recorder.describe_gauge(name, Some(self.unit()), help),
            Kind::Histogram => recorder.describe_histogram(name, Some(self.unit()), help),
        }
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        series(self.labels).into_iter().map(|values| {
            let labels = self.labels.iter().zip(values);
            let labels = labels.map(|(label, value)| metrics::Label::from_static_parts(label.name, value));
            Key::from_parts(self.name, labels.collect::<Vec<_>>())
        })
    }
}

/// What records one series.
pub(super) trait Handle: Sized {
    const KIND: Kind;

    fn register(recorder: &impl Recorder, key: &Key) -> Self;

    /// One that records nothing.
    fn noop() -> Self;
}

/// The handles of all series of a metric.
pub(super) struct Each<H, L> {
    handles: Vec<H>,
    labels: PhantomData<fn(L)>,
}

pub(super) type Counter<L> = Each<metrics::Counter, L>;
pub(super) type Gauge<L> = Each<metrics::Gauge, L>;
pub(super) type Histogram<L> = Each<metrics::Histogram, L>;

/// Where handles are registered, by the processes' parts that it shows.
pub(super) struct Registrar<'a, R> {
    pub(super) recorder: &'a R,
    pub(super) parts: &'a [Part],
}

impl<H: Handle, L: Labels> Each<H, L> {
    /// Registers each series of the metric, so that it is shown from now on, as 0.
    pub(super) fn register<R: Recorder>(metric: &Metric, registrar: &Registrar<'_, R>) -> Self {
        debug_assert_eq!((metric.kind, metric.labels), (H::KIND, L::ALL), "{}", metric.name);
        let Registrar { recorder, parts } = *registrar;
        let is_shown = metric.part == Part::Any || parts.contains(&metric.part);
        if is_shown {
            metric.describe(recorder);
        }
        let handle = |key| if is_shown { H::register(recorder, &key) } else { H::noop() };
        Self { handles: metric.keys().map(handle).collect(), labels: PhantomData }
    }

    /// The handle of one series.
    pub(super) fn of(&self, labels: L) -> &H {
        &self.handles[labels.series()]
    }
}

/// Without labels there is one series.
impl<H> Deref for Each<H, ()> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.handles[0]
    }
}

fn metadata() -> Metadata<'static> {
    Metadata::new(module_path!(), metrics::Level::INFO, Some(module_path!()))
}

impl Handle for metrics::Counter {
    const KIND: Kind = Kind::Counter;

    fn register(recorder: &impl Recorder, key: &Key) -> Self {
        recorder.register_counter(key, &metadata())
    }

    fn noop() -> Self {
        Self::noop()
    }
}

impl Handle for metrics::Gauge {
    const KIND: Kind = Kind::Gauge;

    fn register(recorder: &impl Recorder, key: &Key) -> Self {
        recorder.register_gauge(key, &metadata())
    }

    fn noop() -> Self {
        Self::noop()
    }
}

impl Handle for metrics::Histogram {
    const KIND: Kind = Kind::Histogram;

    fn register(recorder: &impl Recorder, key: &Key) -> Self {
        recorder.register_histogram(key, &metadata())
    }

    fn noop() -> Self {
        Self::noop()
    }
}
