//! The recorder, and what it shows.
//!
//! Invariant: samples of histograms wait to be counted into buckets for no longer than [`UPKEEP`], whether anybody looks or
//! not. Nothing else in the recorder grows.

use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::catalogue::{CATALOGUE, Handles};
use super::label::Version;
use super::metric::{Part, Registrar};

/// How often [`Exporter::keep_up`] wants to be called.
pub const UPKEEP: Duration = Duration::from_secs(1);

static INSTALLED: OnceLock<Handles> = OnceLock::new();
static NONE: LazyLock<Handles> = LazyLock::new(Handles::noop);

/// The handles of this process. They are asked for each time, so that none can be kept from before the installation.
pub(super) fn handles() -> &'static Handles {
    INSTALLED.get().unwrap_or_else(|| &NONE)
}

/// Renders what is recorded in Prometheus' text format.
pub struct Exporter {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    process: metrics_process::Collector,
}

/// The metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A histogram's buckets.
    #[error("the metrics could not be set up: {0}")]
    Buckets(#[from] BuildError),
    /// Two of a kind would count one another's events.
    #[error("the metrics of this process were set up before")]
    Again,
}

/// Has this process record the metrics of these parts, each of them shown from now on. Before, nothing is recorded.
pub fn install(parts: &[Part]) -> Result<Exporter, InstallError> {
    let (exporter, handles) = Exporter::of(parts)?;
    INSTALLED.set(handles).map_err(|_| InstallError::Again)?;
    Ok(exporter)
}

impl Exporter {
    /// An exporter, and handles that record to it.
    pub(super) fn of(parts: &[Part]) -> Result<(Self, Handles), BuildError> {
        let histograms = CATALOGUE.iter().filter(|metric| !metric.buckets.is_empty());
        let mut builder = PrometheusBuilder::new();
        for metric in histograms {
            builder =
                builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets)?;
        }
        let recorder = builder.build_recorder();
        let handles = Handles::register(&Registrar { recorder: &recorder, parts });
        handles.build_info.of(Version::This).set(1.0);
        let process = metrics_process::Collector::default();
        metrics::with_local_recorder(&recorder, || process.describe());
        Ok((Self { handle: recorder.handle(), recorder, process }, handles))
    }

    /// An exporter that nothing is recorded to, but for the process itself.
    pub fn detached() -> Result<Self, BuildError> {
        Ok(Self::of(&[])?.0)
    }

    /// Everything that is known now.
    #[must_use]
    pub fn render(&self) -> String {
        metrics::with_local_recorder(&self.recorder, || self.process.collect());
        self.handle.render()
    }

    /// Counts the samples that came since the last time into their buckets, and frees them.
    pub fn keep_up(&self) {
        self.handle.run_upkeep();
    }
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_shows_the_series_of_its_parts_from_the_start_and_records_no_others() {
        let (exporter, handles) = Exporter::of(&[Part::Serve]).expect("every histogram has buckets");
        let shown = exporter.render();
        assert!(shown.contains("campaign_manager_ingest_events_total{result=\"rejected\"} 0\n"), "{shown}");
        assert!(shown.contains("campaign_manager_http_request_seconds_bucket{le=\"+Inf\"} 0\n"), "{shown}");
        handles.http_rate_limited_total.increment(1);
        handles.triggers_total.increment(1);
        let shown = exporter.render();
        assert!(shown.contains("campaign_manager_http_rate_limited_total 1\n"), "{shown}");
        assert!(!shown.contains("campaign_manager_triggers_total"), "a worker's: {shown}");
    }

    #[test]
    fn histograms_are_never_summaries() {
        let (exporter, _handles) =
            Exporter::of(&[Part::Serve, Part::Worker]).expect("every histogram has buckets");
        assert!(!exporter.render().contains("summary"));
    }
}
