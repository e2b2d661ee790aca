//! Runs during which the system's addresses change, as they do when `campaign-manager up` is started anew.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::system::{System, tool, until};

/// Another port for what listens on this one. Dropping the tasks closes it and its connections.
async fn relay(to: u16) -> (u16, JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                drop(copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    (port, tasks)
}

/// An admin port that says that seven events are queued.
fn admin() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let metric = "campaign_manager_queue_events 7\n";
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", metric.len());
            let mut request = [0; 4096];
            if client.read(&mut request).is_ok() {
                drop(client.write_all((head + metric).as_bytes()));
            }
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_system_that_comes_back_elsewhere_is_found_again_by_its_env_file() {
    let system = System::open().await;
    let direct = system.urls.database_url.expose();
    let port = direct.parse::<tokio_postgres::Config>().unwrap().get_ports()[0];
    let (relayed, relay) = relay(port).await;
    let elsewhere = direct.replacen(&format!(":{port}"), &format!(":{relayed}"), 1);
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("run.env");
    let http = system.url().replace("http://", "");
    let write = |database: &str, admin: &str| {
        // A reader must not find half of it.
        let new = file.with_extension("new");
        fs::write(&new, format!("HTTP_ADDR={http}\nDATABASE_URL={database}\nADMIN_ADDR={admin}\n")).unwrap();
        fs::rename(new, &file).unwrap();
    };
    write(&elsewhere, "127.0.0.1:1");
    let mut tool = tool(dir.path());
    tool.args("--env-file run.env --rate 1000 --duration 4s --json report.json --patience 10s".split(' '));
    let tool = tool.spawn().unwrap();
    until("events", async || {
        system.count("select count(*) from events where event_id like 'lt-%-e%'").await > 0
    })
    .await;
    drop(relay);
    write(direct, &admin());
    let ended = tokio::task::spawn_blocking(move || tool.wait_with_output().unwrap()).await.unwrap();
    let out = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(0), "{out}");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["peaks"]["queued"], 7, "{out}");
}
