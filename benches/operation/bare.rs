//! The round trips that an event needs, with nothing between them: what its latency is held against.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use campaign_manager::config::{RedisUrl, StoreConfig};
use campaign_manager::embedded::{Profile, RedisSettings, Stores};
use campaign_manager::queue::{
    self, Claim, Claimed, Consumer, Epoch, Epochs, EventRecord, Links, Pool, Shards,
};
use campaign_manager::store::migrate::migrate;
use campaign_manager::store::{self, CopyRows, Partitions, Receipt, Rows, Stored, epochs};
use jiff::Timestamp;
use uuid::Uuid;

use crate::load::Percentiles;

const TIMEOUT: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_hours(24);

/// Servers with nothing but one client.
struct Bare {
    shards: Shards,
    pool: Pool,
    consumer: Consumer,
    epochs: Epochs,
    postgres: store::Lent,
}

/// From before an event is appended until its row is committed, event by event, for so long.
pub(crate) async fn measure(time: Duration) -> anyhow::Result<Percentiles> {
    let folder = tempfile::tempdir()?;
    let stores = Stores::start(folder.path(), Profile::Durable(RedisSettings::default())).await?;
    let mut bare = Bare::prepare(&stores).await?;
    let (mut took, started) = (Vec::new(), Instant::now());
    for number in 0.. {
        if started.elapsed() >= time {
            break;
        }
        let asked = Instant::now();
        bare.pass_on(&number.to_string()).await?;
        took.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    drop(bare);
    stores.stop().await;
    Percentiles::of(took).context("no event came through")
}

impl Bare {
    async fn prepare(stores: &Stores) -> anyhow::Result<Self> {
        migrate(stores.database_url()).await?;
        let database = stores.database_url().parse()?;
        let mut postgres = store::connect(&database, &StoreConfig::for_one_command())?.get().await?;
        let now = Timestamp::now();
        Partitions::new(WINDOW).ensure(&mut postgres, now, now).await?;
        let shards = Shards::new(1).context("one is allowed")?;
        let url: RedisUrl = stores.redis_url().parse()?;
        let links = Links::new(&url, TIMEOUT)?;
        let (mut link, id) = (links.link(shards.all()).await?, Uuid::now_v7());
        let all: Vec<_> = shards.all().collect();
        queue::mark_restoration(&mut link, &all, id).await?;
        let shown = queue::Shown { id, seen_at: Timestamp::now() };
        queue::show_epoch(&mut link, &all, shown).await?;
        let epoch = Epoch { id, keyspace: 0, run_id: link.run_id(all[0]).clone() };
        let transaction = postgres.transaction().await?;
        epochs::record(&transaction, &[(all[0], epoch.clone())]).await?;
        transaction.commit().await?;
        let mut consumer = Consumer::new(links.clone(), "bare".to_owned(), shards);
        // The first read is for what it had before.
        consumer.read(1, TIMEOUT).await?;
        Ok(Self {
            shards,
            pool: Pool::new(&url, TIMEOUT, 1)?,
            consumer,
            epochs: Epochs::new(vec![epoch]),
            postgres,
        })
    }

    /// Appends, reads, claims, looks for the receipt, and stores.
    async fn pass_on(&mut self, id: &str) -> anyhow::Result<()> {
        let mut records = queue::Records::default();
        let (user_id, payload) = ("u", br#"{"event_type":"t"}"#);
        records.push(&EventRecord {
            sender: queue::Sender::default(),
            received_at: Timestamp::now(),
            event_id: id,
            event_type: "t",
            user_id,
            payload,
        });
        let shard = self.shards.of_user(user_id);
        queue::append(&self.pool, &[queue::OutgoingFrame::new(shard, records)]).await?;
        let delivered = self.consumer.read(1, TIMEOUT).await?.pop().context("nothing was delivered")?;
        let frame = delivered.frame.as_ref().map_err(|corrupt| anyhow::anyhow!("{}", corrupt.error))?;
        let frames = [(shard, delivered.entry, frame.received_at())];
        ensure!(store::have_receipts(&mut self.postgres, &frames).await? == [false], "it has a receipt");
        let claim = [Claim::new(shard, delivered.entry, frame.identities(), &self.epochs)];
        let mut link = self.pool.get([shard]).await?;
        let claimed = queue::claim(&mut link, &claim, WINDOW, &self.epochs, None).await?;
        ensure!(claimed == Claimed::Told(vec![vec![true]]), "{claimed:?}");
        let at = frame.received_at();
        let (letter, stored, duplicates, dead_lettered) = (None, 1, 0, 0);
        let (entry, received_at, event_times) = (delivered.entry, at, (at, at));
        let receipt =
            Receipt { shard, entry, received_at, event_times, letter, stored, duplicates, dead_lettered };
        let stored = store::store(&mut self.postgres, &self.epochs, &[receipt], |_| rows_of(frame)).await?;
        ensure!(stored == Stored::Committed(vec![true]), "{stored:?}");
        queue::acknowledge(&mut link, &[delivered.acknowledgement()]).await?;
        Ok(())
    }
}

/// A row of `events` and one of `triggers` for each event.
fn rows_of(frame: &queue::Frame) -> Rows {
    let [mut events, mut triggers, dead_letters] = [0; 3].map(CopyRows::with_capacity);
    for event in frame.events() {
        let [id, user, kind] = [event.event_id, event.user_id, event.event_type].map(str::as_bytes);
        events.row(8).bytes(id).bytes(user).bytes(kind).timestamp(event.received_at);
        events.int8_array([1].into_iter()).bytes(event.payload).optional_int8(None).bool(false);
        triggers.row(6).int8(1).int4(1).bytes(id).bytes(user).timestamp(event.received_at).bool(false);
    }
    Rows { events, triggers, dead_letters }
}
