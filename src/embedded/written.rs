//! Waits, before Redis is ended, until everything that it has acknowledged is in its file.
//!
//! With `appendfsync everysec` Redis answers before it writes. If its disk is full, it keeps what it could not write in
//! memory, refuses further writes, and tries again every second. On SIGTERM it tries once more, and then ends in any
//! case: what it held is gone.

use std::time::Duration;

use bb8_redis::redis::{Client, InfoDict, RedisResult, cmd};
use tokio::time::{Instant, sleep};

/// Between two looks at what is not written yet.
const LOOK: Duration = Duration::from_millis(20);
/// How often the log says what is waited for.
const TELL: Duration = Duration::from_secs(5);
/// How long Redis takes no further writes, in milliseconds: longer than anybody waits.
const PAUSE: u32 = 86_400_000;

/// Has Redis take no further writes, and returns once its file has all that it acknowledged.
pub(super) async fn until_written(url: &str) {
    let mut tell = Instant::now() + TELL / 5;
    loop {
        let left = unwritten(url).await;
        if matches!(left, Ok(0)) {
            return;
        }
        if Instant::now() >= tell {
            tell = Instant::now() + TELL;
            match left {
                Ok(bytes) => tracing::error!(
                    bytes,
                    "Redis holds acknowledged events in memory that its disk does not take, and is not ended before it \
                    has written them; free space on the disk of the data folder. A second signal ends it at once, and \
                    loses these events"
                ),
                Err(error) => tracing::error!(
                    %error,
                    "Redis does not say whether all that it acknowledged is written, and is not ended before; a second \
                    signal ends it at once"
                ),
            }
        }
        sleep(LOOK).await;
    }
}

/// How many bytes of what Redis acknowledged are not in its file.
async fn unwritten(url: &str) -> RedisResult<u64> {
    let mut connection = Client::open(url)?.get_multiplexed_async_connection().await?;
    // first, so that nothing is acknowledged after the look
    let () = cmd("CLIENT").arg("PAUSE").arg(PAUSE).arg("WRITE").query_async(&mut connection).await?;
    let about: InfoDict = cmd("INFO").arg("persistence").query_async(&mut connection).await?;
    let refused = about.get::<String>("aof_last_write_status").is_some_and(|status| status != "ok");
    Ok(about.get("aof_buffer_length").unwrap_or(0).max(refused.into()))
}
