use super::Review;

fn lines(errors: &[crate::rules::RuleError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn refused(rule: &str) -> String {
    lines(Review::of(rule).expect(rule).refused())
}

fn warnings(rule: &str) -> String {
    let review = Review::of(rule).expect(rule);
    assert_eq!(lines(review.refused()), "", "{rule}");
    lines(review.warnings())
}

#[test]
fn what_no_accepted_event_can_match_is_refused_with_what_was_meant() {
    for (rule, complaint) in [
        (
            r#"{"amount": [5]}"#,
            r#"/amount: "amount" is not a member of an event; put it under properties or context"#,
        ),
        (r#"{"amount": {"net": [5]}}"#, r#"/amount/net: "amount" is not a member of an event"#),
        (
            r#"{"eventType": ["x"]}"#,
            r#"/eventType: "eventType" is not a member of an event; write "event_type""#,
        ),
        (r#"{"data": {"a": [1]}}"#, r#"/data/a: "data" is not a member of an event; write "properties""#),
        (
            r#"{"event_type": [5]}"#,
            r#"/event_type/0: "event_type" is a string and never the number 5; write "5""#,
        ),
        (r#"{"user_id": [null, true]}"#, r#"/user_id/0: "user_id" is a string, which is never null"#),
        (
            r#"{"event_type": [{"numeric": [">", 1]}]}"#,
            r#"/event_type/0: "event_type" is a string, which is never a number > 1"#,
        ),
        (r#"{"user_id": [{"exists": false}]}"#, r#"/user_id/0: "user_id" is in every event"#),
        (r#"{"event_id": [""]}"#, r#"/event_id/0: "event_id" is never empty"#),
        (r#"{"event_type": [" \t"]}"#, r#"/event_type/0: "event_type" is never empty, nor only white space"#),
        (
            r#"{"$and": [{"event_type": ["a"]}, {"event_type": ["b"]}]}"#,
            r#"/$and: "event_type" is one string, and none is all that is asked of it here"#,
        ),
        (
            r#"{"event_type": ["a", "b"], "$and": [{"event_type": [{"anything-but": ["a", "b"]}]}]}"#,
            r#""event_type" is one string"#,
        ),
        (
            r#"{"user_id": ["a"], "$or": [{"user_id": ["b"]}, {"user_id": ["c"], "event_type": ["x"]}]}"#,
            r#""user_id" is one string"#,
        ),
        (r#"{"timestamp": ["yesterday"]}"#, r#"/timestamp/0: "yesterday" is not a time"#),
        (r#"{"user_id": {"name": ["x"]}}"#, r#"/user_id/name: "user_id" is a string and has no members"#),
        (r#"{"properties": ["x"]}"#, r#"/properties: "properties" is an object and has no value of its own"#),
        (r#"{"properties": [{"exists": true}]}"#, r#"/properties: "properties" is an object"#),
        (r#"{"$xor": ["x"]}"#, r#"/$xor: "$xor" is not known; use "$or", "$and" or "$not""#),
        (r#"{"$OR": ["x"]}"#, r#"/$OR: "$OR" is not known; write "$or""#),
        (
            r#"{"$not": {"event_type": [{"exists": true}]}}"#,
            r#"/$not: every event matches this, so its "$not" never holds"#,
        ),
        (r#"{"$not": {"amount": [{"exists": false}]}}"#, "/$not: every event matches this"),
        (r#"{"properties": {"a": [1]}, "amount": [5]}"#, "/amount: "),
        (r#"{"$and": [{"properties": {"a": [1]}}, {"event_type": [5]}]}"#, "/$and/1/event_type/0: "),
        (r#"{"$or": [{"amount": [5]}, {"event_type": [7]}]}"#, "/$or/0/amount: "),
    ] {
        assert!(refused(rule).starts_with(complaint), "{rule}\n{}", refused(rule));
    }
}

#[test]
fn a_text_longer_than_any_event_can_have_is_refused_and_one_that_takes_another_limit_is_warned_of() {
    let longest = "x".repeat(1024);
    for member in ["event_id", "event_type", "user_id"] {
        for entry in ["X", r#"{"prefix": "X"}"#, r#"{"suffix": "X"}"#] {
            let rule = |text: &str| {
                let entry =
                    if entry.starts_with('X') { format!("\"{text}\"") } else { entry.replace('X', text) };
                format!(r#"{{"{member}": [{entry}]}}"#)
            };
            assert!(refused(&rule(&format!("{longest}x"))).contains("is never longer than 1024 bytes"));
            assert!(
                warnings(&rule(&longest)).contains("this is 1024 bytes long"),
                "{}",
                warnings(&rule(&longest))
            );
            assert_eq!(warnings(&rule("short")), "");
        }
    }
    assert!(warnings(&format!(r#"{{"event_type": ["x", "{longest}x"]}}"#)).starts_with("/event_type/1: "));
}

#[test]
fn what_is_called_like_an_operator_of_another_language_is_warned_of() {
    for (condition, meant) in [
        (r#"{">": 100}"#, r#"[{"numeric": [">", …]}]"#),
        (r#"{"gte": 100}"#, r#"[{"numeric": [">=", …]}]"#),
        (r#"{"$gte": [100]}"#, r#"[{"numeric": [">=", …]}]"#),
        (r#"{"Numeric": [">", 1]}"#, r#"[{"numeric": [">=", …]}]"#),
        (r#"{"anything_but": ["x"]}"#, r#"[{"anything-but": …}]"#),
        (r#"{"startsWith": "x"}"#, r#"[{"prefix": …}]"#),
    ] {
        let warned = warnings(&format!(r#"{{"properties": {{"amount": {condition}}}}}"#));
        assert!(warned.contains("looks like an operator") && warned.contains(meant), "{condition}: {warned}");
    }
    // Right below an object of the envelope there is no field that the operator could be of.
    assert_eq!(warnings(r#"{"properties": {"gte": [1], "contains": ["nuts"]}}"#), "");
}

#[test]
fn an_operator_without_its_list_is_refused_wherever_it_stands() {
    for (rule, complaint) in [
        (
            r#"{"properties": {"amount": {"numeric": [">=", 100]}}}"#,
            r#"/properties/amount/numeric: "numeric" is an operator"#,
        ),
        (
            r#"{"event_type": {"anything-but": ["x"]}}"#,
            r#"/event_type/anything-but: "anything-but" is an operator"#,
        ),
    ] {
        assert!(refused(rule).starts_with(complaint), "{rule}\n{}", refused(rule));
    }
    let field = r#"{"properties": {"phone": {"prefix": ["+49"]}}}"#;
    assert!(warnings(field).starts_with("/properties/phone/prefix: "), "{}", warnings(field));
}

#[test]
fn what_an_event_can_match_is_saved() {
    for rule in [
        r#"{"event_type": ["purchase"], "properties": {"amount": [5, null, {"exists": false}]}, "context": {"a": {"b": [1]}}}"#,
        r#"{"event_id": [{"anything-but": "x"}], "user_id": [{"cidr": "10.0.0.0/8"}, {"prefix": "u-"}]}"#,
        r#"{"timestamp": [{"prefix": "2026-"}, "2026-11-23T05:00:00Z"]}"#,
        r#"{"event_type": [{"anything-but": 5}], "$not": {"properties": {"a": [1]}}}"#,
        r#"{"properties.amount": [5]}"#,
        r#"{"$and": [{"event_type": ["a", "b"]}, {"event_type": ["b", "c"]}]}"#,
        r#"{"$and": [{"event_type": ["ab"]}, {"event_type": [{"prefix": "a"}]}]}"#,
        r#"{"event_type": ["a"], "$or": [{"event_type": ["b"]}, {"properties": {"x": [1]}}]}"#,
        r#"{"$and": [{"event_type": [{"anything-but": "a"}]}, {"event_type": [{"anything-but": "b"}]}]}"#,
        r#"{"timestamp": ["9999-12-31T00:00:00Z"]}"#,
        r#"{"properties": {"$set": {"plan": ["pro"]}}}"#,
    ] {
        assert_eq!(warnings(rule), "", "{rule}");
    }
}

#[test]
fn a_part_that_no_event_satisfies_is_warned_of_where_the_rule_can_match_all_the_same() {
    for (rule, warning) in [
        (r#"{"$or": [{"amount": [5]}, {"event_type": ["x"]}]}"#, "/$or/0/amount: "),
        (r#"{"event_type": [5, "x"]}"#, "/event_type/0: "),
        (r#"{"event_type": ["x"], "$not": {"country": ["US"]}}"#, "/$not/country: "),
        (r#"{"event_type": ["x"], "amount": [{"exists": false}]}"#, "/amount: this always holds: "),
        (
            r#"{"properties": {"$OR": ["x"]}}"#,
            r#"/properties/$OR: "$OR" is not known; write "$or"; here it is a field"#,
        ),
    ] {
        assert!(warnings(rule).starts_with(warning), "{rule}\n{}", warnings(rule));
    }
}

#[test]
fn what_can_be_dear_is_warned_of_at_its_place() {
    let or = |name: &str, branches: usize| {
        let branches: Vec<_> = (0..branches).map(|n| format!(r#"{{"{name}{n}": [1]}}"#)).collect();
        format!(r#""{name}": {{"$or": [{}]}}"#, branches.join(","))
    };
    let combined = |branches| {
        format!(r#"{{"properties": {{"i": {{"f": [1], {}, {}}}}}}}"#, or("x", branches), or("y", branches))
    };
    assert_eq!(warnings(&combined(5)), "");
    assert!(
        warnings(&combined(30)).starts_with("this can take 2700 steps for each value"),
        "{}",
        warnings(&combined(30))
    );
    let inner = format!(r#"{{"event_type": ["t"], "$and": [{{"event_type": ["t"]}}, {}]}}"#, combined(30));
    assert!(warnings(&inner).starts_with("/$and/1: this can take 2700 steps"), "{}", warnings(&inner));
    // Fields that can stand in no array together are looked at once each.
    let apart: Vec<_> = (0..30).map(|n| format!(r#"{{"properties": {{"a{n}": [1]}}}}"#)).collect();
    assert_eq!(warnings(&format!(r#"{{"event_type": ["t"], "$or": [{}]}}"#, apart.join(","))), "");
    let wildcards: Vec<_> = (0..600).map(|n| format!(r#"{{"wildcard": "*{n}*"}}"#)).collect();
    let field = |name: &str| format!(r#""{name}": [{}]"#, wildcards.join(","));
    let many = format!(r#"{{"properties": {{{}, {}}}}}"#, field("a"), field("b"));
    assert!(warnings(&many).starts_with("this can take 1200 steps"), "{}", warnings(&many));
}
