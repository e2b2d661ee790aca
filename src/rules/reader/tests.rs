use crate::rules::Pattern;

/// The errors of a rule, a line each.
fn errors(rule: &str) -> String {
    Pattern::parse(rule).err().map(|errors| errors.to_string()).unwrap_or_default()
}

fn assert_accepted(rule: &str) {
    assert_eq!(errors(rule), "", "{rule}");
}

#[test]
fn every_error_is_reported_with_its_place() {
    let rule = r#"{"event_type": [],
        "properties": {"amount": [{"numeric": ["!=", "5"]}], "a/b": [{"regexp": "x"}, {"prefix": 1}]},
        "$or": [{"x": {}}, 5]}"#;
    insta::assert_snapshot!(errors(rule));
}

#[test]
fn an_operator_in_the_place_of_a_field_is_told_how_it_is_meant() {
    insta::assert_snapshot!(errors(r#"{"a": {"prefix": "x"}, "exists": true}"#));
    assert_accepted(r#"{"a": {"prefix": ["x"]}}"#);
    assert_accepted(r#"{"a": {"numeric": [1]}}"#);
}

#[test]
fn a_scalar_is_short_for_a_list_of_one() {
    for rule in [r#"{"a": "x"}"#, r#"{"a": 1}"#, r#"{"a": null}"#, r#"{"a": {"b": true}}"#] {
        assert_accepted(rule);
    }
}

#[test]
fn a_field_is_named_once_in_an_object_however_it_is_spelled() {
    assert!(errors(r#"{"a": ["x"], "a": ["y"]}"#).starts_with("/a: \"a\" is given twice"));
    assert!(
        errors(r#"{"a.b": ["x"], "a": {"b": ["y"]}}"#).starts_with("/a/b: the field \"a.b\" is named twice")
    );
    assert_accepted(r#"{"a": ["x"], "$or": [{"a": ["y"]}, {"a": ["z"]}], "$not": {"a": ["q"]}}"#);
}

#[test]
fn text_after_the_pattern_is_refused() {
    assert!(errors(r#"{"a": ["x"]} {"#).starts_with("the rule is not valid JSON"));
}

#[test]
fn operator_names_are_no_fields_inside_or() {
    assert!(errors(r#"{"$or": [{"b": {"prefix": ["x"]}}, {"a": [1]}]}"#).starts_with("/$or/0/b/prefix: "));
    assert_accepted(r#"{"$and": [{"prefix": ["x"]}], "$not": {"suffix": ["x"]}}"#);
}

#[test]
fn ranges_name_their_lower_bound_first() {
    assert_accepted(r#"{"a": [{"numeric": [">=", 1, "<=", 1]}]}"#);
    assert_accepted(r#"{"a": [{"numeric": ["<", -1.797e308]}]}"#);
    for range in ["\"<\", 2, \">\", 1", "\">=\", 1, \"<\", 1", "\">\", 2, \"<\", 1", "\"=\", 1, \"<\", 2"] {
        assert!(
            errors(&format!(r#"{{"a": [{{"numeric": [{range}]}}]}}"#)).starts_with("/a/0/numeric: "),
            "{range}"
        );
    }
}

#[test]
fn size_is_limited() {
    let rule = |filler: usize| format!(r#"{{"a": "{}"}}"#, "x".repeat(filler));
    assert_accepted(&rule(65_536 - 9));
    assert_eq!(errors(&rule(65_536 - 8)), "the rule is 65537 bytes long; at most 65536 are allowed");
}

#[test]
fn fields_are_limited() {
    let rule = |fields: usize| {
        let fields: Vec<_> = (0..fields).map(|n| format!(r#""f{n}": 1"#)).collect();
        format!("{{{}}}", fields.join(","))
    };
    assert_accepted(&rule(256));
    assert_eq!(errors(&rule(300)), "/f256: a rule may name at most 256 fields");
}

#[test]
fn depth_is_limited() {
    let rule = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert_accepted(&rule(32));
    assert_eq!(errors(&rule(33)), format!("{}: patterns may be nested at most 32 deep", "/a".repeat(32)));
    assert!(errors(&rule(10_000)).contains("nested deeper than"));
}

#[test]
fn values_are_limited() {
    let rule = |values: usize| format!(r#"{{"a": [{}"x"]}}"#, "1,".repeat(values - 1));
    assert_accepted(&rule(1_000));
    assert_eq!(errors(&rule(1_001)), "/a: a field may list at most 1000 values; here are 1001");
    let nested = format!(r#"{{"a": [{{"anything-but": [{}2]}}, 1]}}"#, "1,".repeat(999));
    assert!(errors(&nested).contains("here are 1001"));
}

#[test]
fn combinations_are_limited() {
    let or = |branches: usize| {
        let branches: Vec<_> = (0..branches).map(|n| format!(r#"{{"a": {n}}}"#)).collect();
        format!(r#""$or": [{}]"#, branches.join(","))
    };
    assert_accepted(&format!("{{{}}}", or(1_000)));
    assert!(errors(&format!("{{{}}}", or(1_001))).contains("more than 1000 ways"));
    assert_accepted(&format!(r#"{{{}, "b": {{{}}}}}"#, or(10), or(100)));
    assert!(errors(&format!(r#"{{{}, "b": {{{}}}}}"#, or(11), or(100))).contains("more than 1000 ways"));
    // `$and` and `$not` hold patterns of their own, which are combined with nothing.
    assert_accepted(&format!(r#"{{{}, "$not": {{{}}}}}"#, or(11), or(100)));
}

#[test]
fn what_a_message_quotes_is_cut() {
    let errors = errors(&format!(r#"{{"a": [{{"exists": "{}"}}]}}"#, "x".repeat(1_000)));
    assert!(errors.len() < 150, "{errors}");
}
