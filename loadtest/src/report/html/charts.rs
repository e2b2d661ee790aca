//! The charts of a report.

use hyper::StatusCode;

use super::chart::{Axis, Chart, Curve, Look};
use super::scale::Scale;
use super::unit::Unit;
use crate::report::{Latency, Report, Sending};
use crate::timeline::{Percentiles, Sample, Totals};

/// A latency of less is drawn as this many milliseconds, since an axis of logarithms has no 0.
const LEAST_LATENCY: f64 = 0.001;
/// The bounds of the time that a rate is taken over, in seconds; an interval that is longer counts alone.
const SHORTEST_RATE: f64 = 0.4;
const LONGEST_RATE: f64 = 1.0;
/// Statuses that have a curve of their own; the rarest others share one.
const STATUSES: usize = 4;

/// All charts, in the order in which they are read.
pub(super) fn charts(report: &Report) -> Vec<Chart> {
    let begin = Sample::default();
    let samples: Vec<&Sample> = if report.samples.is_empty() {
        Vec::new()
    } else {
        std::iter::once(&begin).chain(&report.samples).collect()
    };
    let run = Run { samples: &samples, sending: report.sending.seconds };
    vec![
        run.throughput(),
        run.latency(),
        run.queue(),
        run.stored(),
        distribution(&report.latency),
        run.answers(&report.sending),
    ]
}

/// A run over time.
#[derive(Clone, Copy)]
struct Run<'a> {
    /// Its begin, and the end of each interval.
    samples: &'a [&'a Sample],
    /// Seconds until the last answer.
    sending: f64,
}

impl Run<'_> {
    fn throughput(self) -> Chart {
        let offered = self.values(|sample| sample.offered_per_second);
        let accepted = self.rates(|totals| totals.accepted);
        let stored = self.rates(|totals| totals.settled.stored);
        let duplicates = self.rates(|totals| totals.settled.duplicates);
        let mut curves = vec![
            Curve { name: "accepted".into(), look: Look::Blue, values: accepted },
            Curve { name: "stored".into(), look: Look::Green, values: stored },
            Curve { name: "duplicates".into(), look: Look::Purple, values: duplicates },
            Curve { name: "offered".into(), look: Look::Wanted, values: offered },
        ];
        curves.retain(|curve| curve.look != Look::Purple || most([curve]) > 0.0);
        curves.retain(|curve| curve.look != Look::Wanted || most([curve]) > 0.0);
        self.chart(
            "throughput",
            "Throughput",
            &format!("events a second, {}", self.over()),
            Unit::Rate,
            curves,
        )
    }

    fn latency(self) -> Chart {
        let percentile = |name: &str, look, of: fn(&Percentiles) -> f64| {
            let values =
                self.values(|sample| sample.latency.as_ref().map(of).map(|value| value.max(LEAST_LATENCY)));
            Curve { name: name.into(), look, values }
        };
        let curves = vec![
            percentile("p50", Look::Green, |latency| latency.p50),
            percentile("p90", Look::Blue, |latency| latency.p90),
            percentile("p99", Look::Orange, |latency| latency.p99),
            percentile("slowest", Look::Red, |latency| latency.max),
        ];
        let scale = logarithmic(&curves);
        let caption = "of the requests accepted in each interval, from when they were due (logarithmic)";
        let chart = self.chart("latency", "Latency over time", caption, Unit::Milliseconds, curves);
        Chart { up: Axis { scale, ..chart.up }, ..chart }
    }

    fn queue(self) -> Chart {
        let in_flight = self.values(|sample| Some(float(sample.in_flight)));
        let queued = self.values(|sample| sample.queued.map(float));
        let asked = queued.iter().any(Option::is_some);
        let mut curves = vec![Curve {
            name: "in flight: accepted, not settled".into(),
            look: Look::BlueArea,
            values: in_flight,
        }];
        if asked {
            curves.push(Curve {
                name: "in Redis, by the server's count".into(),
                look: Look::Orange,
                values: queued,
            });
        }
        let caption =
            if asked { "events that wait, in the queue and in the pipeline" } else { "events in flight" };
        self.chart("queue", "Queue depth", caption, Unit::Count, curves)
    }

    fn stored(self) -> Chart {
        let total = |of: fn(&Totals) -> u64| self.values(|sample| Some(float(of(&sample.totals))));
        let mut curves = vec![
            Curve { name: "stored".into(), look: Look::Green, values: total(|totals| totals.settled.stored) },
            Curve { name: "accepted".into(), look: Look::Blue, values: total(|totals| totals.accepted) },
            Curve {
                name: "duplicates".into(),
                look: Look::Purple,
                values: total(|totals| totals.settled.duplicates),
            },
            Curve {
                name: "dead letters".into(),
                look: Look::Red,
                values: total(|totals| totals.settled.dead_lettered),
            },
        ];
        curves.retain(|curve| matches!(curve.look, Look::Green | Look::Blue) || most([curve]) > 0.0);
        self.chart("stored", "Stored rows", "events since the begin", Unit::Count, curves)
    }

    fn answers(self, sending: &Sending) -> Chart {
        let mut statuses: Vec<(u16, u64)> =
            sending.answers.iter().map(|(status, count)| (*status, *count)).collect();
        statuses.sort_by_key(|(status, count)| (std::cmp::Reverse(*count), *status));
        let others = statuses.split_off(statuses.len().min(STATUSES));
        let mut looks = [Look::Purple, Look::Blue].into_iter().cycle();
        let mut curves: Vec<Curve> = statuses
            .into_iter()
            .map(|(status, _)| {
                let look = match status {
                    202 => Look::Green,
                    429 => Look::Orange,
                    500.. => Look::Red,
                    _ => looks.next().unwrap_or(Look::Purple),
                };
                let values = self.rates(|totals| totals.answered(status));
                Curve { name: named(status), look, values }
            })
            .collect();
        if !others.is_empty() {
            let values = self.rates(|totals| others.iter().map(|(status, _)| totals.answered(*status)).sum());
            curves.push(Curve { name: "other statuses".into(), look: Look::Purple, values });
        }
        if sending.failures > 0 {
            let values = self.rates(|totals| totals.failures);
            curves.push(Curve { name: "no answer".into(), look: Look::Wanted, values });
        }
        self.chart("answers", "Answers by status", &format!("a second, {}", self.over()), Unit::Rate, curves)
    }

    fn chart(
        self,
        id: &'static str,
        title: &'static str,
        caption: &str,
        unit: Unit,
        curves: Vec<Curve>,
    ) -> Chart {
        let end = self.end();
        // Without a drain worth the name, a line at the edge says nothing.
        let drained = self.sending > 0.0 && self.sending < end * 0.97;
        Chart {
            id,
            title,
            caption: caption.to_owned(),
            across: Axis { name: "time", unit: Unit::Seconds, scale: Scale::time(end) },
            up: Axis { name: title, unit, scale: Scale::amounts(most(&curves)) },
            at: self.samples.iter().map(|sample| sample.seconds).collect(),
            curves,
            mark: drained.then_some((self.sending, "sending ends")),
        }
    }

    fn values(self, of: impl Fn(&Sample) -> Option<f64>) -> Vec<Option<f64>> {
        self.samples.iter().copied().map(of).collect()
    }

    /// What was counted a second, over the time before each place that is shown together.
    fn rates(self, of: impl Fn(&Totals) -> u64) -> Vec<Option<f64>> {
        let (mut from, together) = (0, self.together());
        let rate = |place: usize| {
            let now = self.samples[place];
            while from + 1 < place && now.seconds - self.samples[from + 1].seconds >= together {
                from += 1;
            }
            let before = self.samples[from];
            let seconds = now.seconds - before.seconds;
            let counted = of(&now.totals).saturating_sub(of(&before.totals));
            (seconds >= together / 2.0).then(|| float(counted) / seconds)
        };
        (0..self.samples.len()).map(rate).collect()
    }

    /// Seconds over which a rate is taken. What is stored comes in transactions, and over a shorter time would be none or many.
    fn together(self) -> f64 {
        (self.end() / 20.0).clamp(SHORTEST_RATE, LONGEST_RATE)
    }

    fn over(self) -> String {
        format!("mean of {:.1} s", self.together())
    }

    fn end(self) -> f64 {
        self.samples.last().map_or(0.0, |sample| sample.seconds)
    }
}

/// The latencies of the whole run by percentile, the tail stretched.
fn distribution(latency: &Latency) -> Chart {
    let last = float(latency.requests).max(10.0);
    let points = latency.distribution.iter().map(|point| {
        let tail = 1.0 / (1.0 - point.quantile).max(1.0 / last);
        (tail, point.milliseconds.max(LEAST_LATENCY))
    });
    let (at, values): (Vec<f64>, Vec<Option<f64>>) = points.map(|(tail, value)| (tail, Some(value))).unzip();
    let curves = vec![Curve { name: "latency".into(), look: Look::BlueArea, values }];
    Chart {
        id: "distribution",
        title: "Latency by percentile",
        caption: "of all accepted requests: that many took no longer (logarithmic)".to_owned(),
        across: Axis { name: "percentile", unit: Unit::Tail, scale: Scale::tail(last) },
        up: Axis { name: "latency", unit: Unit::Milliseconds, scale: logarithmic(&curves) },
        at,
        curves,
        mark: None,
    }
}

/// A status as HTTP calls it.
fn named(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    format!("{status} {}", reason.unwrap_or_default()).trim_end().to_owned()
}

fn logarithmic(curves: &[Curve]) -> Scale {
    let least =
        curves.iter().flat_map(|curve| curve.values.iter().flatten()).copied().fold(f64::INFINITY, f64::min);
    if least.is_finite() { Scale::log(least, most(curves)) } else { Scale::log(1.0, 10.0) }
}

fn most<'a>(curves: impl IntoIterator<Item = &'a Curve>) -> f64 {
    curves.into_iter().flat_map(|curve| curve.values.iter().flatten()).copied().fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "shown only")]
fn float(count: u64) -> f64 {
    count as f64
}
