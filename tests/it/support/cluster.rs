//! A Redis Cluster of a test's own: three masters with a third of the slots each, and where a test asks for it a replica of
//! the first.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use bb8_redis::redis::aio::MultiplexedConnection;
use bb8_redis::redis::{self, Cmd, FromRedisValue, InfoDict, RedisResult, cmd};
use campaign_manager::embedded::redis_users;
use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::processes::that_ends_with_us;
use super::stores::connect_redis;
use super::{Authority, DEADLINE, Issued, folder, until};

const PASSWORD: &str = "secret";
/// Where each master's slots begin, and the end.
const BOUNDS: [u16; 4] = [0, 5461, 10_923, 16_384];

/// What an encrypted cluster's nodes call themselves.
pub(crate) const NAME: &str = "localhost";

/// The nodes, the masters first. They end with it.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// The URL that names all of them.
    pub(crate) url: String,
    // after the nodes, as fields drop in order
    _dir: TempDir,
}

/// One server. Dropping it kills it.
pub(crate) struct Node {
    child: Option<Child>,
    config: PathBuf,
    port: Port,
    plain: Option<Port>,
    bus: Port,
}

/// A port that nobody else is given, also while its server restarts.
struct Port {
    number: u16,
    _kept: TcpSocket,
}

impl Cluster {
    /// Three masters.
    pub(crate) async fn start() -> Self {
        Self::of(3, None).await
    }

    /// Three masters that call themselves [`NAME`], and whose own ports speak TLS with this certificate; the URL trusts the CA.
    pub(crate) async fn encrypted(ca: &Authority, issued: &Issued) -> Self {
        let mut cluster = Self::of(3, Some((ca, issued))).await;
        let url = cluster.url.replace("redis://", "rediss://").replace("127.0.0.1", NAME);
        cluster.url = format!("{url}?sslrootcert={}", ca.file().display());
        cluster
    }

    /// Three masters, and a replica of the first.
    pub(crate) async fn with_replica() -> Self {
        let cluster = Self::of(4, None).await;
        let (first, replica) = (cluster.nodes[0].id().await, &cluster.nodes[3]);
        until("a replica that knows its master", DEADLINE, async || {
            replica.try_ask::<()>(cmd("CLUSTER").arg("REPLICATE").arg(&first)).await.is_ok()
        })
        .await;
        replica.until_in_step().await;
        cluster
    }

    async fn of(size: usize, tls: Option<(&Authority, &Issued)>) -> Self {
        let dir = folder();
        let mut nodes = Vec::new();
        for number in 0..size {
            let mut node = Node::new(&dir.path().join(number.to_string()), tls);
            node.start().await;
            let () = node.ask(cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(number + 1)).await;
            if let Some(slots) = BOUNDS.get(number..number + 2) {
                let () = node.ask(cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(slots[0]).arg(slots[1] - 1)).await;
            }
            nodes.push(node);
        }
        for other in &nodes[1..] {
            let mut meet = cmd("CLUSTER");
            meet.arg("MEET").arg("127.0.0.1").arg(other.port.number).arg(other.bus.number);
            let () = nodes[0].ask(&meet).await;
        }
        let hosts: Vec<String> = nodes.iter().map(Node::address).collect();
        let url = format!("redis://:{PASSWORD}@{}", hosts.join(","));
        let cluster = Self { nodes, url, _dir: dir };
        cluster.until_whole().await;
        cluster
    }

    /// Has a replica take the place of its master, which hands over all that it has, and takes its own.
    pub(crate) async fn promote(&self, replica: usize) {
        self.fail_over(replica, cmd("CLUSTER").arg("FAILOVER")).await;
    }

    /// The same, asking neither the master nor any other node.
    pub(crate) async fn seize(&self, replica: usize) {
        self.fail_over(replica, cmd("CLUSTER").arg("FAILOVER").arg("TAKEOVER")).await;
    }

    async fn fail_over(&self, replica: usize, command: &Cmd) {
        let replica = &self.nodes[replica];
        replica.until_in_step().await;
        let () = replica.ask(command).await;
        until("a replica that became a master", DEADLINE, async || replica.is_master().await).await;
    }

    /// Ends the replica, and waits until its master has forgotten it.
    pub(crate) async fn lose_replica(&mut self) {
        let before = self.nodes[0].replication_id().await;
        let () = self.nodes[0].ask(cmd("CONFIG").arg("SET").arg("repl-backlog-ttl").arg(1)).await;
        self.nodes[3].kill();
        until("another replication id", DEADLINE, async || self.nodes[0].replication_id().await != before)
            .await;
    }

    /// Waits until the replica has all that its master has acknowledged until now.
    pub(crate) async fn until_replicated(&self) {
        let offset = async |node: &Node, name: &str| {
            let about: InfoDict = node.ask(cmd("INFO").arg("replication")).await;
            about.get::<u64>(name).unwrap()
        };
        let acknowledged = offset(&self.nodes[0], "master_repl_offset").await;
        until("a replica that has everything", DEADLINE, async || {
            offset(&self.nodes[3], "slave_repl_offset").await >= acknowledged
        })
        .await;
    }

    /// Waits until all nodes know each other and serve.
    pub(crate) async fn until_whole(&self) {
        let size = format!("cluster_known_nodes:{}\r", self.nodes.len());
        for node in &self.nodes {
            until("a cluster that is whole", DEADLINE, async || {
                let about = node.try_ask::<String>(cmd("CLUSTER").arg("INFO")).await.unwrap_or_default();
                about.contains("cluster_state:ok") && about.contains(&size)
            })
            .await;
        }
    }

    /// Moves a shard's slot with all its keys, as `redis-cli --cluster reshard` does.
    pub(crate) async fn move_shard(&self, shard: u16, from: usize, to: usize) {
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let slot: u16 = source.ask(cmd("CLUSTER").arg("KEYSLOT").arg(shard)).await;
        let (source_id, target_id) = (source.id().await, target.id().await);
        let set =
            |how: &str, node: &str| cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(how).arg(node).to_owned();
        let () = target.ask(&set("IMPORTING", &source_id)).await;
        let () = source.ask(&set("MIGRATING", &target_id)).await;
        loop {
            let keys: Vec<Vec<u8>> = source.ask(cmd("CLUSTER").arg("GETKEYSINSLOT").arg(slot).arg(100)).await;
            if keys.is_empty() {
                break;
            }
            let mut migrate = cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(target.port.number).arg("").arg(0).arg(5000);
            let () = source.ask(migrate.arg("AUTH").arg(PASSWORD).arg("KEYS").arg(keys)).await;
        }
        for node in [target, source] {
            let () = node.ask(&set("NODE", &target_id)).await;
        }
    }
}

impl Node {
    /// A node of no cluster yet, with its data below `home`.
    fn new(home: &Path, tls: Option<(&Authority, &Issued)>) -> Self {
        fs::create_dir(home).unwrap();
        let (port, bus, config) = (Port::take(), Port::take(), home.join("redis.conf"));
        // With TLS, one for the test itself, which needs none.
        let plain = tls.map(|_| Port::take());
        let mut text = format!(
            "bind 127.0.0.1\nport {}\ncluster-port {}\ndir {}\nrequirepass {PASSWORD}\nmasterauth {PASSWORD}\n\
             cluster-enabled yes\ncluster-node-timeout 1000\nsave \"\"\nappendonly yes\nappendfsync no\n\
             repl-diskless-sync-delay 0\n{}",
            plain.as_ref().unwrap_or(&port).number,
            bus.number,
            home.display(),
            redis_users(PASSWORD)
        );
        if let Some((ca, Issued { cert, key })) = tls {
            let (port, cert, key, ca) = (port.number, cert.display(), key.display(), ca.file());
            write!(
                text,
                "cluster-announce-hostname {NAME}\ncluster-preferred-endpoint-type hostname\ntls-port {port}\n\
                 tls-cluster yes\ntls-auth-clients no\ntls-cert-file {cert}\ntls-key-file {key}\n\
                 tls-ca-cert-file {}\n",
                ca.display()
            )
            .unwrap();
        }
        fs::write(&config, text).unwrap();
        Self { child: None, config, port, plain, bus }
    }

    /// Starts it, or starts it again with its data.
    pub(crate) async fn start(&mut self) {
        let mut command = that_ends_with_us("redis-server");
        command.arg(&self.config).stdin(Stdio::null()).stdout(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        until("a node that answers", DEADLINE, async || self.try_ask::<()>(&cmd("PING")).await.is_ok()).await;
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Where our processes find it.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number)
    }

    /// The URL that names it alone, without TLS.
    pub(crate) fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.plain.as_ref().unwrap_or(&self.port).number)
    }

    /// A new connection to it.
    pub(crate) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        connect_redis(&self.url()).await
    }

    /// Its answer.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        self.try_ask(command).await.unwrap()
    }

    async fn try_ask<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        command.query_async(&mut self.connect().await?).await
    }

    async fn replication_id(&self) -> String {
        self.ask::<InfoDict>(cmd("INFO").arg("replication")).await.get("master_replid").unwrap()
    }

    async fn until_in_step(&self) {
        until("a replica that is in step", DEADLINE, async || {
            self.ask::<String>(cmd("INFO").arg("replication")).await.contains("master_link_status:up")
        })
        .await;
    }

    /// Whether it serves, and is no replica.
    pub(crate) async fn is_master(&self) -> bool {
        self.ask::<String>(cmd("INFO").arg("replication")).await.contains("role:master")
    }

    async fn id(&self) -> String {
        self.ask(cmd("CLUSTER").arg("MYID")).await
    }

    /// How many keys it has that match the pattern.
    pub(crate) async fn count(&self, pattern: &str) -> usize {
        self.ask::<Vec<redis::Value>>(cmd("KEYS").arg(pattern)).await.len()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

impl Port {
    /// Bound, but not listened on: the server may, and nobody else is given it.
    fn take() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        socket.set_reuseaddr(true).unwrap();
        Self { number: socket.local_addr().unwrap().port(), _kept: socket }
    }
}
