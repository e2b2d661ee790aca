//! `docs/clients.md` shows lines of the drivers, so that what a reader copies is what runs here.

const PAGE: &str = include_str!("../../docs/clients.md");
const DRIVERS: [&str; 6] = [
    include_str!("segment_sdk.py"),
    include_str!("segment_sdk.js"),
    include_str!("cloudevents_sdk.py"),
    include_str!("cloudevents_sdk.js"),
    include_str!("curl.sh"),
    include_str!("browser.html"),
];

#[test]
fn every_block_on_the_page_of_clients_is_from_a_driver() {
    let unindented = |text: &str| text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
    let drivers = DRIVERS.map(unindented);
    let blocks: Vec<&str> = PAGE.split("```").skip(1).step_by(2).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let (_, code) = block.split_once('\n').unwrap();
        assert!(
            drivers.iter().any(|driver| driver.contains(&unindented(code))),
            "no driver has this:\n{code}"
        );
    }
}
