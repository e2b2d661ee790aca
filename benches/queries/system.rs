//! The servers of the bench, and the API on them.

use campaign_manager::config::{Auth, PartitionConfig, QueueConfig, ServerUrls, StoreConfig};
use campaign_manager::embedded::Stores;
use campaign_manager::ops::Readiness;
use campaign_manager::roles::{Serve, ServeSettings};
use campaign_manager::store;
use campaign_manager::store::migrate::migrate;
use clap::Parser as _;

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    partitions: PartitionConfig,
}

pub(crate) struct System {
    settings: Settings,
    urls: ServerUrls,
    pub(crate) postgres: store::Pool,
}

impl System {
    pub(crate) async fn prepare(stores: &Stores) -> anyhow::Result<Self> {
        let settings = Settings::parse_from(["bench", "--http", "127.0.0.1:0"]);
        let urls = stores.superuser_urls();
        migrate(urls.database_url.expose()).await?;
        let postgres = store::connect(&urls.database_url, &settings.store)?;
        Ok(Self { settings, urls, postgres })
    }

    pub(crate) fn partitions(&self) -> &PartitionConfig {
        &self.settings.partitions
    }

    pub(crate) async fn serve(&self) -> anyhow::Result<Serve> {
        let Settings { queue, store, serve, .. } = &self.settings;
        Ok(Serve::start(&self.urls, Auth::None, queue, store, serve, &mut Readiness::default()).await?)
    }
}
