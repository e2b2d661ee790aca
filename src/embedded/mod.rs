//! A private redis-server and a private postgres, as child processes with their data under one folder: the default way
//! to run the project, and what its tests run on.
//!
//! ```text
//! DIR/lock       held by the living process, so that a folder has one user at a time
//! DIR/password   of both servers, random, readable by its owner only
//! DIR/redis/     owned by the account the servers run as, like postgres/
//! DIR/postgres/
//! DIR/*.log      what each server says; locked by everybody who writes to it
//! DIR/*.port     where each server listens, at every start (where the data lasts)
//! ```
//!
//! Nobody but its owner may look into the folder: rows with personal data are in it, in logs too.
//!
//! Invariants:
//! - The servers listen on 127.0.0.1 only, on ports that no other process can take while the [`Stores`] live.
//! - A server counts as started when *our* child says so, never because something answers on its port.
//! - The servers end before this process does; where it is killed, the kernel ends them (Linux) or the next start does.

mod error;
pub use error::EmbeddedError;

mod binaries;
pub use binaries::Binaries;
mod account;
pub use account::Account;
mod part;
pub use part::{Part, redis_users};
mod data_dir;
pub use data_dir::refuse_in_use;
mod hand_over;
pub use hand_over::{hand_over, shown};
mod home;
mod log;
mod orphan;

mod port;
mod child;
mod server;
mod rewrite;
mod written;
mod redis;
pub use redis::Redis;
mod postgres;
pub use postgres::Postgres;

use std::path::Path;

use data_dir::DataDir;

use crate::config::{Fsync, ServerUrls};
use crate::store::StoreError;
use crate::store::roles::{Grantees, Login, Logins, make};

/// What the servers promise about the data, and at what price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For data that matters: a committed transaction survives a power loss, an acknowledged write to Redis as its
    /// settings say.
    Durable(RedisSettings),
    /// For tests: what is written survives a crash of a server, but not one of the machine.
    Throwaway,
}

/// How the private Redis keeps what it acknowledges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedisSettings {
    /// When its file is forced to the disk.
    pub fsync: Fsync,
    /// The most it may hold, in bytes; `None` sets no limit.
    pub max_memory: Option<usize>,
}

/// The two running servers. Dropping it ends them at once, without loss; [`Stores::stop`] ends them in good order.
#[derive(Debug)]
pub struct Stores {
    /// The private Redis.
    pub redis: Redis,
    /// The private Postgres.
    pub postgres: Postgres,
    // Last, as fields drop in order: the lock outlives the servers.
    _data: DataDir,
}

impl Stores {
    /// Starts both servers on the data in the folder `data`, which is made where it does not exist.
    pub async fn start(data: &Path, profile: Profile) -> Result<Self, EmbeddedError> {
        let binaries = Binaries::find()?;
        let data = DataDir::open(data)?;
        let (redis, postgres) = tokio::try_join!(
            Redis::launch(&binaries, &data, profile),
            Postgres::launch(&binaries, &data, profile)
        )?;
        Ok(Self { redis, postgres, _data: data })
    }

    /// The address of the database, password included, as tokio-postgres and psql read it.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.postgres.url()
    }

    /// The address of Redis, password included, as the redis crate and redis-cli read it.
    #[must_use]
    pub fn redis_url(&self) -> &str {
        self.redis.url()
    }

    /// The addresses of both, for a part that logs in as itself.
    #[must_use]
    pub fn urls(&self, part: Part) -> ServerUrls {
        ServerUrls {
            database_url: part.database_url(self.database_url()).into(),
            redis_url: part.redis_url(self.redis_url()).into(),
        }
    }

    /// The addresses of both, for the superuser of the private servers: for whoever measures them.
    #[must_use]
    pub fn superuser_urls(&self) -> ServerUrls {
        ServerUrls {
            database_url: self.database_url().to_owned().into(),
            redis_url: self.redis_url().to_owned().into(),
        }
    }

    /// Makes the roles of Postgres that the parts log in as, and says whom the migration is to grant what they need.
    pub async fn make_roles(&self) -> Result<Grantees, StoreError> {
        let login = |part| Login::of(&self.urls(part).database_url);
        let logins =
            Logins { owner: login(Part::Owner)?, serve: login(Part::Serve)?, worker: login(Part::Worker)? };
        make(&self.database_url().to_owned().into(), &logins).await?;
        Ok(Grantees { serve: vec![logins.serve.role], worker: Some(logins.worker.role) })
    }

    /// Waits until one of the servers has ended without having been asked to, and says which and why.
    pub async fn failed(&self) -> EmbeddedError {
        tokio::select! {
            error = self.redis.failed() => error,
            error = self.postgres.failed() => error,
        }
    }

    /// Waits until everything that Redis has acknowledged is in its file; it takes no further writes from now on.
    pub async fn until_written(&self) {
        self.redis.until_written().await;
    }

    /// Ends both servers in good order, all their data on disk; one that does not end in time is killed.
    pub async fn stop(mut self) {
        tokio::join!(self.redis.stop(), self.postgres.stop());
    }
}
