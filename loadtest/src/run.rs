//! A run from its begin to its end: campaigns, load, drain, verification, and the campaigns away again.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::load::Load;
use crate::progress::{Phase, Progress};
use crate::report::{Latency, Outcome, Peaks, Report, Sending, Settings, Storing};
use crate::sending::{self, Tally};
use crate::target::{Campaigns, Seen};
use crate::verify::{Expected, Store, Watch, verify};
use crate::workload::{RunId, Workload};
use crate::{LoadError, open_files};

/// How far the clocks of several servers may be apart, so that none of the run's rows is overlooked.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(60);

/// Does a run, and reports what it has found. An error means that there was nothing to find.
pub async fn run(load: &Load) -> Result<Report, LoadError> {
    run_until(load, &Progress::hidden(), std::future::pending()).await
}

/// Does a run that sends no more once `stop` is ready; what was accepted by then is verified. `progress` says how it goes.
pub async fn run_until(
    load: &Load,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Result<Report, LoadError> {
    open_files::allow(load.connections.get())?;
    let workload = Arc::new(Workload::new(RunId::random(), &load.shape, Timestamp::now()));
    let mut campaigns = Campaigns::new(&load.target);
    let found = drive(load, &workload, &mut campaigns, progress, stop).await;
    progress.phase(Phase::Archiving);
    let campaigns_left_active = campaigns.archive().await;
    progress.finish();
    found.map(|report| Report { campaigns_left_active, ..report })
}

async fn drive(
    load: &Load,
    workload: &Arc<Workload>,
    campaigns: &mut Campaigns,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Result<Report, LoadError> {
    let mut stop = pin!(stop);
    let tally = Arc::new(Tally::new(workload.run()));
    progress.phase(Phase::Preparing);
    let stopped = AtomicBool::new(false);
    let mut watch = {
        let mut preparing = pin!(prepare(load, workload, campaigns, &tally, progress, &stopped));
        tokio::select! {
            watch = &mut preparing => watch?,
            () = &mut stop => {
                // Not dropped: the campaign just being created would stay active, its id unknown.
                stopped.store(true, Ordering::Relaxed);
                preparing.await?;
                return Err(LoadError::Stopped);
            }
        }
    };
    let connections = sending::connect(load).await?;
    let began = Timestamp::now();
    progress.phase(Phase::Sending);
    let sent = tokio::select! {
        sent = sending::send(load, connections, Arc::clone(workload), Arc::clone(&tally), stop) => sent,
        never = watch.look_on() => match never {},
    };
    watch.sent(&sent);
    let counts = tally.counts().clone();
    let expected = Expected { workload, counts: &counts, campaigns: campaigns.ids(), alone: load.alone };
    let outcome = match verify(&mut watch, &expected, load.patience).await {
        Ok(verification) => Outcome::from(verification),
        Err(error) => Outcome::Unknown { reason: error.to_string() },
    };
    Ok(Report {
        format: Report::FORMAT,
        run: workload.run().to_string(),
        began,
        settings: Settings::of(load),
        storing: Storing::of(watch.timeline(), sent.duration),
        peaks: Peaks::of(watch.timeline()),
        sending: Sending::of(sent, &counts, watch.offered()),
        latency: Latency::of(&counts.latency),
        outcome,
        campaigns_left_active: 0,
        samples: watch.timeline().samples(),
    })
}

/// Brings the campaigns to life, and sees that the database is the one that the server stores in.
async fn prepare(
    load: &Load,
    workload: &Workload,
    campaigns: &mut Campaigns,
    tally: &Arc<Tally>,
    progress: &Progress,
    stopped: &AtomicBool,
) -> Result<Watch, LoadError> {
    let mut store = Store::new(&load.database);
    store.settled(Timestamp::now()).await?;
    campaigns.create(workload, stopped).await?;
    let Seen { event_id, received_at } = campaigns.wait_until_live(workload, stopped).await?;
    let since = received_at.checked_sub(CLOCKS_APART).unwrap_or(Timestamp::MIN);
    if !store.has(&event_id, since).await? {
        return Err(LoadError::OtherDatabase { event_id });
    }
    Watch::begin(load, store, since, Arc::clone(tally), progress.clone()).await
}
