//! The ports stay, as others were told of them.

use std::net::{Ipv4Addr, TcpListener};

use super::StoresOnly;
use crate::support::migrated_folder;

#[tokio::test]
async fn the_servers_are_at_the_same_addresses_after_a_restart() {
    let folder = migrated_folder().await;
    let data = folder.path();
    let first = StoresOnly::start(data, &[]).await;
    let addresses = first.env();
    first.stop().await;

    let again = StoresOnly::start(data, &[]).await;
    assert_eq!(again.env(), addresses);
    again.stop().await;
}

#[tokio::test]
async fn a_port_that_another_program_has_taken_ends_the_start_with_its_number_and_the_way_out() {
    let folder = migrated_folder().await;
    let data = folder.path();
    StoresOnly::start(data, &[]).await.stop().await;
    let file = data.join("redis.port");
    let port: u16 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();

    let mut refused = StoresOnly::launch(data, &[], &[]);
    assert_eq!(refused.end().await.code(), Some(1));
    let said = refused.said();
    assert!(said.contains(&format!("port {port}")) && said.contains("redis.port"), "{said}");

    drop(taken);
    StoresOnly::start(data, &[]).await.stop().await;
}
