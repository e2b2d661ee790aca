//! A page in a real browser, of another origin than the server: what it sends is stored.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::scene::{Client, Scene};
use crate::support::until_rows;

const PAGE: &str = include_str!("browser.html");

/// Serves the page at a port of its own; its origin.
async fn serve_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{PAGE}",
                PAGE.len()
            );
            // A connection that the browser opened for later asks for nothing.
            tokio::spawn(async move {
                if stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    origin
}

#[tokio::test]
async fn a_page_in_chromium_sends_by_fetch_and_by_beacon() {
    let origin = serve_page().await;
    let scene = Scene::with(&[&format!("--cors-origins={origin}")]).await;
    let mut profile = OsString::from("--user-data-dir=");
    profile.push(scene.stores.dir().join("chromium"));
    let page = format!("{origin}/?host={}&key={}&user=u-1", scene.url, scene.ingest.expose());
    let mut chromium = Command::new("chromium");
    // Tests may run as root, whom its sandbox refuses.
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
    ]);
    chromium.args(["--no-first-run", "--disable-background-networking"]).arg(profile).arg(page);
    let _browser = Client::spawn(chromium.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    until_rows(&scene.stores, "events", 4).await;
    let ids = "select array_agg(event_id order by event_id) from events where user_id = 'u-1' and event_type = 'leave'";
    let ids: Vec<String> = scene.stores.postgres().await.query_one(ids, &[]).await.unwrap().get(0);
    assert_eq!(ids, ["beacon", "fetched", "segment", "traced"]);
}
