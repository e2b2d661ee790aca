//! The private Redis.

use std::{path::PathBuf, time::Duration};

use bb8_redis::redis::{Client, InfoDict, RedisResult, cmd};
use rustix::process::{Pid, Signal};

use super::{
    Binaries, EmbeddedError, Profile, RedisSettings,
    data_dir::DataDir,
    part::redis_users,
    port::Port,
    rewrite,
    server::{Kind, Server, Told},
    written,
};
use crate::config::Fsync;

const KIND: Kind = Kind {
    name: "redis",
    process: "redis-server",
    pid_file: PID_FILE,
    works_in: "",
    on_death: "TERM",
    stop: &[(Signal::TERM, Duration::from_secs(30))],
    // not SIGKILL: while an fsync is under way, it puts off writing what it has acknowledged
    at_once: Signal::TERM,
};
/// With `appendfsync no` it writes before it answers.
static DURABLE: Kind = KIND;
static THROWAWAY: Kind = Kind { at_once: Signal::KILL, ..KIND };

const CONFIG: &str = "redis.conf";
const PID_FILE: &str = "redis.pid";

/// A redis-server of our own.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    program: PathBuf,
    url: String,
    /// Between two looks for a quiet moment in which its file is rewritten; `None` where data does not last for one.
    look: Option<Duration>,
    _port: Port,
}

impl Redis {
    pub(super) async fn launch(
        binaries: &Binaries,
        data: &DataDir,
        profile: Profile,
    ) -> Result<Self, EmbeddedError> {
        let kind = if matches!(profile, Profile::Durable(_)) { &DURABLE } else { &THROWAWAY };
        let server = Server::new(kind, data).await?;
        let (port, password) = (server.port(data, profile)?, data.password().reveal());
        server.home().write(CONFIG, &config(port.number(), password, profile))?;
        let url = format!("redis://default:{password}@127.0.0.1:{}/0", port.number());
        let look = matches!(profile, Profile::Durable(_)).then_some(rewrite::LOOK);
        let mut redis = Self { server, program: binaries.redis_server.clone(), url, look, _port: port };
        redis.start().await?;
        Ok(redis)
    }

    /// Starts it again, after [`Redis::stop`] or [`Redis::kill`], on the same port and data.
    pub async fn start(&mut self) -> Result<(), EmbeddedError> {
        let home = self.server.home();
        let args =
            [home.inside(CONFIG), "--dir".into(), home.inside(""), "--pidfile".into(), home.inside(PID_FILE)];
        self.server.spawn(self.program.clone(), args)?;
        let url = self.url.as_str();
        self.server.until_ready(async |pid| told(url, pid).await.unwrap_or(Told::Nothing)).await?;
        self.server.meanwhile(rewrite::hold_back);
        if let Some(look) = self.look {
            let url = self.url.clone();
            self.server.meanwhile(move |_| rewrite::rewrite_when_quiet(url, look));
        }
        Ok(())
    }

    /// Its address, password included.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has it take no further writes, and waits until everything acknowledged is in its file. Returns too if it ends.
    pub async fn until_written(&self) {
        tokio::select! {
            () = written::until_written(&self.url) => {}
            _ = self.failed() => {}
        }
    }

    /// Ends it in good order: everything acknowledged is on disk, if the disk takes it.
    pub async fn stop(&mut self) {
        self.server.stop().await;
    }

    /// Ends it with SIGKILL.
    pub async fn kill(&mut self) {
        self.server.kill().await;
    }

    /// Waits until it has ended without having been asked to.
    pub async fn failed(&self) -> EmbeddedError {
        self.server.failed().await
    }
}

/// The append-only file is the only persistence: a snapshot would cost a fork, and tell nothing new. It is rewritten in quiet
/// moments; where none comes it may grow to 4 GB, or to four times what is kept. A start reads 300 MB of it a second,
/// and 50 to 110 where most of it is claims.
fn config(port: u16, password: &str, profile: Profile) -> String {
    let (fsync, memory) = match profile {
        Profile::Durable(RedisSettings { fsync, max_memory }) => {
            (appendfsync(fsync), memory_limit(max_memory))
        }
        Profile::Throwaway => ("no", memory_limit(None)),
    };
    format!(
        "bind 127.0.0.1\n\
         port {port}\n\
         requirepass {password}\n\
         save \"\"\n\
         appendonly yes\n\
         appendfsync {fsync}\n\
         # frames that wait are rewritten again and again: packing them would cost more than the disk that it saves\n\
         rdbcompression no\n\
         # for a busy hour without a quiet moment: under load it holds up events\n\
         auto-aof-rewrite-min-size 4gb\n\
         auto-aof-rewrite-percentage 300\n\
         {memory}\
         always-show-logo no\n\
         {users}",
        users = redis_users(password)
    )
}

fn appendfsync(fsync: Fsync) -> &'static str {
    match fsync {
        Fsync::Always => "always",
        Fsync::Everysec => "everysec",
    }
}

/// A stream that is not acknowledged is never evicted. With a limit, claims go early where they would fill it, so that
/// events go on.
fn memory_limit(max: Option<usize>) -> String {
    max.map_or("maxmemory-policy noeviction\n".to_owned(), |max| {
        format!("maxmemory {max}\nmaxmemory-policy volatile-ttl\n")
    })
}

/// What the process `pid`, and no other, answers there: that it loads its data, or has all of it.
async fn told(url: &str, pid: Pid) -> RedisResult<Told> {
    let mut connection = Client::open(url)?.get_multiplexed_async_connection().await?;
    let about: InfoDict = cmd("INFO").query_async(&mut connection).await?;
    if about.get("process_id") != Some(pid.as_raw_nonzero().get()) {
        return Ok(Told::Nothing);
    }
    Ok(if about.get("loading") == Some(0) { Told::Ready } else { Told::Reading })
}

#[cfg(test)]
mod tests {
    use bb8_redis::redis::{AsyncConnectionConfig, aio::MultiplexedConnection, pipe};
    use tokio::time::{sleep, timeout};

    use super::*;

    /// Enough for a child that is held back and then ended, once or twice.
    const DEADLINE: Duration = Duration::from_mins(3);

    #[tokio::test]
    async fn what_was_deleted_is_gone_from_the_file_once_it_is_quiet() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let binaries = Binaries::find().unwrap();
        let durable = Profile::Durable(RedisSettings::default());
        let mut redis = Redis::launch(&binaries, &data, durable).await.unwrap();
        redis.stop().await;
        redis.look = redis.look.map(|_| Duration::from_millis(5));
        redis.start().await.unwrap();

        let client = Client::open(redis.url()).unwrap();
        let patient = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut connection = client.get_multiplexed_async_connection_with_config(&patient).await.unwrap();
        let large = vec![b'x'; 70 << 20];
        // in one step: no look sees what is deleted kept
        let mut write = pipe();
        write.atomic().set("deleted", large).ignore().del("deleted").ignore().set("kept", 42).ignore();
        let () = write.query_async(&mut connection).await.unwrap();

        let rewritten = async {
            while !is_rewritten(&mut connection).await {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, rewritten).await.unwrap();
        assert!(about_file(&mut connection).await.get::<u64>("aof_current_size") < Some(1 << 20));
        let kept: u8 = cmd("GET").arg("kept").query_async(&mut connection).await.unwrap();
        assert_eq!(kept, 42);
        redis.stop().await;
    }

    /// Whether this run of Redis has rewritten its file.
    async fn is_rewritten(connection: &mut MultiplexedConnection) -> bool {
        let about = about_file(connection).await;
        about.get::<i64>("aof_last_rewrite_time_sec") >= Some(0)
            && about.get::<u8>("aof_rewrite_in_progress") == Some(0)
    }

    async fn about_file(connection: &mut MultiplexedConnection) -> InfoDict {
        cmd("INFO").arg("persistence").query_async(connection).await.unwrap()
    }
}
