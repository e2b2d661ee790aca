//! The harness. [`TestStores::start`] gives a test its own servers in a fraction of a second; [`until`] waits for what a
//! test expects to happen. There is no other way to start a server, and no other way to wait.

mod certificates;
mod cluster;
mod contract;
mod events;
mod exposition;
mod folder;
mod program;
mod server;
mod stores;
mod template;
mod until;
mod up;
mod worker;
mod oracle;
mod processes;
mod proxy;

pub(crate) use certificates::{Authority, HERE, Issued};
pub(crate) use cluster::{Cluster, NAME};
pub(crate) use events::{SHARDS, event, frame_of, identity};
#[allow(unused_imports, reason = "tests/chaos does not use it")]
pub(crate) use exposition::{Exposition, scrape};
pub(crate) use folder::folder;
pub(crate) use oracle::{Flood, Oracle, event_id, until_drained, until_drained_within};
pub(crate) use processes::{Running, Urls};
pub(crate) use program::{Ran, program, run};
pub(crate) use proxy::{At, Cut, Mode, Proxy};
pub(crate) use server::{Reply, TestServer};
#[allow(unused_imports, reason = "tests/chaos uses it")]
pub(crate) use stores::connect_redis;
pub(crate) use stores::{TestStores, connect, migrated_folder};
pub(crate) use until::until;
pub(crate) use up::{START_DEADLINE, Up};
pub(crate) use worker::{DEADLINE, Settings, count, start_worker, start_worker_in, until_rows};
