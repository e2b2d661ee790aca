//! What is asked of Redis goes by way of a link: a connection to each server that has some of the shards it was made for.
//!
//! Invariant: a link never outlives a run of any of these servers, nor follows a shard to another one. Whoever holds it
//! knows that all it did to a shard was done by the same run; after an error another link begins anew.

use std::sync::Arc;
use std::time::Duration;

use bb8_redis::redis::{self, FromRedisValue, Pipeline};
use futures_util::future::join_all;

use super::connection::RunId;
use super::nodes::{Layout, Lent, Nodes};
use super::{QueueError, Shard};
use crate::config::{QueueConfig, RedisUrl};
use crate::ops::metrics::PoolState;

/// Why a link has a connection to the server of a shard.
const MADE_FOR_IT: &str = "a link is made for the shards that it is used for";

/// Makes links whose connections end with them. Clones share what they know of the servers.
#[derive(Clone, Debug)]
pub struct Links(Arc<Nodes>);

/// Lends links whose connections are kept; nothing is connected before the first use. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Nodes>);

/// Connections to the servers that have the shards it was made for.
#[derive(Debug)]
pub struct Link {
    nodes: Arc<Nodes>,
    layout: Arc<Layout>,
    /// By the place of the server; none where nothing is asked of it.
    lent: Vec<Option<Lent>>,
}

/// Commands on their way, sent in one round trip to each server.
#[derive(Debug)]
pub(super) struct Commands<'l> {
    link: &'l mut Link,
    pipelines: Vec<Pipeline>,
    /// Where there are several servers, the one that each reply comes from.
    order: Vec<usize>,
}

impl Links {
    /// Links to the servers at `url`; each connection attempt and each answer may take `timeout`.
    pub fn new(url: &RedisUrl, timeout: Duration) -> Result<Self, QueueError> {
        Ok(Self(Arc::new(Nodes::new(url, timeout, None)?)))
    }

    /// Connects to those that have these shards.
    pub async fn link(&self, shards: impl IntoIterator<Item = Shard>) -> Result<Link, QueueError> {
        link(&self.0, shards).await
    }

    /// Whether no command may name two shards.
    pub(super) async fn is_to_cluster(&self) -> Result<bool, QueueError> {
        Ok(self.0.layout().await?.is_cluster())
    }
}

impl Pool {
    /// Links to the servers at `url`, with `size` connections to each; connecting and answering may take `timeout`.
    pub fn new(url: &RedisUrl, timeout: Duration, size: u32) -> Result<Self, QueueError> {
        Ok(Self(Arc::new(Nodes::new(url, timeout, Some(size))?)))
    }

    /// Lends a link to those that have these shards, once there is one.
    pub async fn get(&self, shards: impl IntoIterator<Item = Shard>) -> Result<Link, QueueError> {
        link(&self.0, shards).await
    }

    /// How many connections there are.
    #[must_use]
    pub fn state(&self) -> PoolState {
        self.0.state()
    }
}

/// The pool that `config` asks for.
pub fn pool(url: &RedisUrl, config: &QueueConfig) -> Result<Pool, QueueError> {
    Pool::new(url, config.redis_timeout, config.redis_connections)
}

/// Connections are taken in the order of the servers, so that nobody waits for one who waits for him.
async fn link(nodes: &Arc<Nodes>, shards: impl IntoIterator<Item = Shard>) -> Result<Link, QueueError> {
    let layout = nodes.layout().await?;
    let mut wanted = vec![false; layout.len()];
    for shard in shards {
        wanted[layout.place_of(shard)] = true;
    }
    let mut lent = Vec::with_capacity(wanted.len());
    for (place, wanted) in wanted.into_iter().enumerate() {
        lent.push(if wanted { Some(lend(nodes, &layout, place).await?) } else { None });
    }
    Ok(Link { nodes: Arc::clone(nodes), layout, lent })
}

async fn lend(nodes: &Nodes, layout: &Arc<Layout>, place: usize) -> Result<Lent, QueueError> {
    let lent = layout.lend(place).await;
    if lent.is_err() && layout.is_cluster() {
        nodes.forget(layout);
    }
    lent
}

impl Link {
    /// Commands for the servers of this link, with room for so many.
    pub(super) fn commands(&mut self, capacity: usize) -> Commands<'_> {
        let pipelines = self.lent.iter().map(|_| Pipeline::with_capacity(capacity)).collect();
        Commands { link: self, pipelines, order: Vec::new() }
    }

    /// Sends one command to the server that has `shard`, and reads its reply.
    pub(super) async fn ask<T: FromRedisValue>(
        &mut self,
        shard: Shard,
        command: &redis::Cmd,
    ) -> Result<T, QueueError> {
        let place = self.layout.place_of(shard);
        let reply = self.lent[place].as_mut().expect(MADE_FOR_IT).connection_mut().ask(command).await;
        self.noted(place, reply)
    }

    /// Where its servers are, where they are nodes of a cluster.
    pub(super) fn nodes(&self) -> Vec<String> {
        let places =
            (0..self.lent.len()).filter(|place| self.layout.is_cluster() && self.lent[*place].is_some());
        places.map(|place| self.layout.address(place).to_string()).collect()
    }

    /// Sends one command to each server, and reads the replies, in the order of the servers.
    pub async fn ask_each<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<Vec<T>, QueueError> {
        let lent = self.lent.iter_mut().enumerate().filter_map(|(place, lent)| Some((place, lent.as_mut()?)));
        let asked = lent.map(async |(place, lent)| (place, lent.connection_mut().ask(command).await));
        let replies = join_all(asked).await;
        replies.into_iter().map(|(place, reply)| self.noted(place, reply)).collect()
    }

    /// Which of these shards each server has, in the order of the servers.
    pub(super) fn shared_out(&self, shards: impl Iterator<Item = Shard>) -> Vec<Vec<Shard>> {
        let mut shared = vec![Vec::new(); self.lent.len()];
        shards.for_each(|shard| shared[self.layout.place_of(shard)].push(shard));
        shared
            .into_iter()
            .zip(&self.lent)
            .filter_map(|(shards, lent)| lent.as_ref().map(|_| shards))
            .collect()
    }

    /// The run of the server that has `shard`.
    #[must_use]
    pub fn run_id(&self, shard: Shard) -> &RunId {
        self.lent[self.layout.place_of(shard)].as_ref().expect(MADE_FOR_IT).connection().run_id()
    }

    /// The runs of all its servers.
    #[must_use]
    pub fn run_ids(&self) -> Vec<RunId> {
        self.lent.iter().flatten().map(|lent| lent.connection().run_id().clone()).collect()
    }

    /// Has its connections looked at before they are lent again: a node may not be what it was when they were made.
    pub fn doubt(&mut self) {
        self.lent.iter_mut().flatten().for_each(|lent| lent.connection_mut().doubt());
    }

    /// Makes the connections to nodes of a cluster anew, so that their runs are those of now.
    pub async fn renew(&mut self) -> Result<(), QueueError> {
        self.doubt();
        if self.layout.is_cluster() {
            for (place, lent) in self.lent.iter_mut().enumerate() {
                if let Some(lent) = lent {
                    *lent = self.layout.connect(place).await?;
                }
            }
        }
        Ok(())
    }

    /// The reply of the server at this place.
    fn noted<T>(&self, place: usize, reply: Result<T, redis::RedisError>) -> Result<T, QueueError> {
        reply.map_err(|error| {
            if self.layout.is_doubted(&error) {
                self.nodes.forget(&self.layout);
            }
            QueueError::Server { server: self.layout.address(place), error }
        })
    }
}

impl Commands<'_> {
    /// Where the next command goes, which is about `shard`. Of what is added here, one reply at most is not ignored.
    pub(super) fn of(&mut self, shard: Shard) -> &mut Pipeline {
        let place = self.link.layout.place_of(shard);
        if self.pipelines.len() > 1 {
            self.order.push(place);
        }
        &mut self.pipelines[place]
    }

    /// Sends them, where all replies are ignored.
    pub(super) async fn send(self) -> Result<(), QueueError> {
        self.run::<()>().await.map(|_| ())
    }

    /// Sends them and reads their replies, in the order in which they were added.
    pub(super) async fn run<T: FromRedisValue>(self) -> Result<Vec<T>, QueueError> {
        let Self { link, pipelines, order } = self;
        let asked = pipelines.iter().zip(&mut link.lent).map(async |(pipeline, lent)| match lent {
            Some(lent) => lent.connection_mut().run::<Vec<T>>(pipeline).await,
            None => Ok(Vec::new()),
        });
        // Each is waited for: a lost answer would be taken for one that did not come.
        let answers = join_all(asked).await;
        let answers: Result<Vec<Vec<T>>, _> =
            answers.into_iter().enumerate().map(|(place, answer)| link.noted(place, answer)).collect();
        let mut answers = answers?;
        if let [only] = answers.as_mut_slice() {
            return Ok(std::mem::take(only));
        }
        let mut answers: Vec<_> = answers.into_iter().map(Vec::into_iter).collect();
        Ok(order.into_iter().filter_map(|place| answers[place].next()).collect())
    }
}
