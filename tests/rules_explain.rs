//! The sentences that explanations give, and the tree that they come with.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use campaign_manager::event::Parser;
use campaign_manager::rules::{Explanation, Pattern, explain};

fn explained(pattern: &str, event: &str) -> Explanation {
    let pattern = Pattern::parse(pattern).unwrap_or_else(|errors| panic!("{pattern}\n{errors}"));
    Parser::new(64).parse(event.as_bytes(), |document| explain(&pattern, &document)).unwrap()
}

const PURCHASE: &str = r#"{"event_type": "purchase", "user_id": "u-42", "properties": {
    "amount": 80, "currency": "EUR", "coupon": null, "tags": ["new", "vip", "sale", "gift"],
    "items": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 5, "gift": true}]}}"#;

#[test]
fn a_sentence_says_what_decided() {
    let rules = [
        r#"{"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 100]}]}}"#,
        r#"{"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">", 10, "<=", 80]}], "currency": ["EUR", "USD"]}}"#,
        r#"{"user": {"country": ["US", "GB"]}}"#,
        r#"{"properties": {"coupon": [{"exists": false}]}}"#,
        r#"{"properties": {"tags": ["clearance"]}}"#,
        r#"{"properties": {"items": {"sku": ["A"], "quantity": [5]}}}"#,
        r#"{"$or": [{"event_type": ["refund"]}, {"properties": {"currency": [{"anything-but": ["EUR", "CHF"]}]}}]}"#,
        r#"{"event_type": ["purchase"], "$not": {"user_id": [{"prefix": "u-"}]}}"#,
        r#"{"event_type": ["purchase"], "$not": {"user_id": [{"prefix": "test-"}]}}"#,
        r#"{"$not": {"$not": {"user_id": ["u-43"]}}}"#,
        r#"{"properties": {"items": {"sku": ["A"], "gift": [{"exists": false}]}}}"#,
        r#"{"properties": {"items": [{"exists": true}]}}"#,
        r#"{"$and": [{"properties": {"tags": ["vip"]}}, {"properties": {"tags": ["beta"]}}]}"#,
        r#"{"user_id": [{"wildcard": "*-4?"}, {"suffix": "x"}, {"equals-ignore-case": "U-43"}, {"cidr": "10.0.0.0/8"}]}"#,
        r#"{"event_type": ["a", "b", "c", "d", "e", "f", "g"]}"#,
    ];
    let sentences: Vec<_> =
        rules.map(|rule| format!("{rule}\n  {}", explained(rule, PURCHASE).sentence())).into();
    insta::assert_snapshot!(sentences.join("\n"));
}

#[test]
fn the_tree_says_for_each_part_whether_it_holds() {
    let rule = r#"{"event_type": ["purchase"], "$or": [{"properties": {"amount": [{"numeric": [">=", 100]}]}},
        {"properties": {"tags": ["vip", {"prefix": "gold"}]}}], "$not": {"properties": {"coupon": [{"exists": false}]}}}"#;
    insta::assert_json_snapshot!(explained(rule, PURCHASE));
}
