//! Evaluation is total and bounded: the strangest events and the largest rules cost steps in proportion to their size.
//! Steps are counted, not timed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use campaign_manager::event::Parser;
use campaign_manager::rules::{
    CompiledRules, EVENT_STEPS, LEAST_STEPS, Pattern, RULE_STEPS, RuleSet, Scratch, explain,
};

fn compiled(rules: impl IntoIterator<Item = String>) -> CompiledRules {
    let patterns =
        rules.into_iter().map(|rule| Pattern::parse(&rule).unwrap_or_else(|errors| panic!("{errors}")));
    patterns.collect::<RuleSet>().compile()
}

/// How many rules an event matches, and in how many steps.
fn run(rules: &CompiledRules, event: &str) -> (usize, u64) {
    let mut scratch = Scratch::default();
    let matched =
        Parser::new(4096).parse(event.as_bytes(), |document| rules.matches(&document, &mut scratch).len());
    (matched.unwrap(), scratch.steps())
}

/// How many rules are set aside for an event, and in how many steps.
fn run_set_aside(rules: &CompiledRules, event: &str) -> (usize, u64) {
    let mut scratch = Scratch::default();
    let matched =
        Parser::new(4096).parse(event.as_bytes(), |document| rules.matches(&document, &mut scratch).len());
    assert_eq!(matched, Ok(0), "a rule that was given up does not match");
    (scratch.set_aside().len(), scratch.steps())
}

/// What a rule costs with events of two sizes must grow no faster than the events.
fn assert_linear(rule: &str, event: impl Fn(usize) -> String) {
    let rules = compiled([rule.to_owned()]);
    let (small, large) = (run(&rules, &event(200)).1, run(&rules, &event(2_000)).1);
    assert!(large <= 11 * small, "{small} steps, and {large} for ten times the event");
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

#[test]
fn an_array_of_objects_costs_what_it_holds() {
    let item = |number: usize| format!(r#"{{"sku":"s{number}","quantity":{number},"price":1}}"#);
    let event = |items: usize| format!(r#"{{"items":{}}}"#, list((0..items).map(item)));
    assert_linear(
        r#"{"items":{"sku":["s1","none"],"quantity":[0],"price":[1],"gift":[{"exists":false}]}}"#,
        event,
    );
    assert_linear(r#"{"items":{"sku":[{"prefix":"s"}],"quantity":[{"exists":false}],"price":[1]}}"#, event);
}

#[test]
fn arrays_in_arrays_cost_what_they_hold() {
    let order =
        |number: usize| format!(r#"{{"id":{number},"items":[{{"a":1,"b":2}},{{"a":3,"b":4}},[{{"a":1}}]]}}"#);
    let event = |orders: usize| format!(r#"{{"orders":{}}}"#, list((0..orders).map(order)));
    assert_linear(r#"{"orders":{"id":[{"anything-but":"x"}],"items":{"a":[1],"b":[4]}}}"#, event);
}

#[test]
fn keys_given_many_times_cost_what_they_hold() {
    // Taken as independent arrays, these would be 2^n ways to choose elements.
    let rule = r#"{"x":{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1],"g":[{"exists":false}],"h":[1]}}"#;
    let array = |_: usize| r#""x":[{"a":1,"b":2,"c":1},{"d":1,"e":2,"f":1,"g":0}]"#.to_owned();
    assert_linear(rule, |arrays| format!("{{{}}}", (0..arrays).map(array).collect::<Vec<_>>().join(",")));
}

#[test]
fn scalars_beside_elements_cost_what_they_hold() {
    let rule = r#"{"x":[1,{"exists":false}],"x.a":[2],"x.b":[{"exists":false}]}"#;
    assert_linear(rule, |items| {
        format!(r#"{{"x":{}}}"#, list((0..items).map(|_| r#"3,[3,{"a":1}],{"b":1}"#.to_owned())))
    });
}

#[test]
fn depth_costs_no_more_than_breadth() {
    let deep = |open: &str, close: &str| format!(r#"{{"a":{}1{}}}"#, open.repeat(1_000), close.repeat(1_000));
    let rules = compiled([
        format!("{}1{}", r#"{"a":"#.repeat(32), "}".repeat(32)),
        r#"{"a":[2],"a.b":[1],"a.a":[{"exists":false}]}"#.to_owned(),
    ]);
    for event in [deep("[", "]"), deep(r#"{"a":"#, "}"), deep(r#"[{"a":"#, "}]"), deep(r#"[1,{"b":2},"#, "]")]
    {
        let (_, steps) = run(&rules, &event);
        assert!(steps < 40_000, "{steps}");
    }
}

#[test]
fn a_thousand_branches_of_or_cost_a_thousand_tries() {
    let branch = |number: usize| format!(r#"{{"x":{{"a":[{number}],"b":[1]}}}}"#);
    let rules = compiled([format!(r#"{{"x":{{"c":[1]}},"$or":{}}}"#, list((0..1_000).map(branch)))]);
    let flat = r#"{"x":{"a":1000,"b":1,"c":1}}"#;
    let (matched, steps) = run(&rules, flat);
    assert_eq!(matched, 0);
    assert!(steps < 10_000, "{steps}");
    let items = list((0..100).map(|number| format!(r#"{{"a":{number},"b":2,"c":1}}"#)));
    let (matched, steps) = run(&rules, &format!(r#"{{"x":[{items},{{"b":1}}]}}"#));
    assert_eq!(matched, 0);
    assert!(steps < 1_000 * 1_000, "{steps}");
}

#[test]
fn ors_that_multiply_cost_their_combinations_only() {
    // Ten `$or`s at ten levels, all about the same array.
    let or = r#""$or":[{"q":[1]},{"q":[2]}]"#;
    let rule = format!("{{{or},{}}}", format!(r#""a":{{{or},"#).repeat(8) + r#""z":[1]"# + &"}".repeat(8));
    let rules = compiled([rule]);
    let event =
        format!("{}{}", r#"{"q":[{},2],"a":[{"z":0},"#.repeat(8), r#"{"z":1}"#.to_owned() + &"]}".repeat(8));
    let (matched, steps) = run(&rules, &event);
    assert_eq!(matched, 0);
    assert!(steps < 512 * 100, "{steps}");
}

#[test]
fn ors_are_not_combined_where_the_rest_of_the_rule_fails_anyway() {
    let branch = |or: &str, number: usize| format!(r#"{{"{or}{number}":[{{"exists":false}},"r"]}}"#);
    let or = |or: &str| format!(r#""$or":{}"#, list((0..10).map(|number| branch(or, number))));
    let ors = ["x", "y", "z"].map(|name| format!(r#""{name}":{{{}}}"#, or(name)));
    let rules = compiled([format!(r#"{{"i":{{"f":[1],"g":[1],{}}}}}"#, ors.join(","))]);
    let items = list((0..4_000).map(|number| format!(r#"{{"f":{},"g":{}}}"#, number % 2, 1 - number % 2)));
    let (matched, steps) = run(&rules, &format!(r#"{{"i":{items}}}"#));
    assert_eq!(matched, 0);
    assert!(steps < 100_000, "{steps}");
}

#[test]
fn wildcards_with_a_shared_prefix_are_told_apart_by_what_they_do_not_share() {
    let wildcards =
        (0..10_000).map(|number| format!(r#"{{"url":[{{"wildcard":"/shop/*/item-{number}-*"}}]}}"#));
    let rules = compiled(wildcards.chain([r#"{"url":[{"wildcard":"*"}]}"#.to_owned()]));
    let (matched, steps) = run(&rules, r#"{"url":"/shop/shoes/item-77-red"}"#);
    assert_eq!(matched, 2);
    assert!(steps < 1_000, "{steps}");
    // Each byte of a long text is looked at once, whatever it repeats.
    let (matched, steps) = run(&rules, &format!(r#"{{"url":"/shop/{}"}}"#, "item-/".repeat(10_000)));
    assert_eq!(matched, 1);
    assert!(steps < 61_000, "{steps}");
}

#[test]
fn affixes_that_contain_one_another_cost_those_that_fit() {
    for (operator, event) in
        [("prefix", r#"{"a":"xxx-"}"#), ("suffix", r#"{"a":"-xxx"}"#), ("wildcard", r#"{"a":"-xxx-"}"#)]
    {
        let text = |length: usize| match operator {
            "wildcard" => format!("*{}*", "x".repeat(length)),
            _ => "x".repeat(length),
        };
        let rules =
            compiled((1..=1_000).map(|length| format!(r#"{{"a":[{{"{operator}":"{}"}}]}}"#, text(length))));
        let (matched, steps) = run(&rules, event);
        assert_eq!(matched, 3, "{operator}");
        // A wildcard is only known by three bytes of it, and these have all of them.
        let most = if operator == "wildcard" { 5_000 } else { 50 };
        assert!(steps < most, "{operator}: {steps}");
        let (matched, steps) = run(&rules, &format!(r#"{{"a":"{}"}}"#, "x".repeat(60_000)));
        assert_eq!(matched, 1_000, "{operator}");
        // A wildcard that is tried may read the whole text.
        let read = if operator == "wildcard" { 1_000 * 60_000 / 64 } else { 0 };
        assert!(steps < 60_000 + 10_000 + read, "{operator}: {steps}");
    }
}

#[test]
fn rules_about_one_event_type_are_found_by_what_they_want_beside_it() {
    let rule = |number: usize| {
        let wanted = match number % 5 {
            0 => format!(r#"{{"numeric":[">=",{number},"<",{}]}}"#, number + 5),
            1 => format!(r#"{{"prefix":"name-{number}-"}}"#),
            2 => format!(r#"{{"suffix":"-{number}"}}"#),
            3 => format!(r#"{{"equals-ignore-case":"NAME {number}"}}"#),
            _ => format!(r#"{{"cidr":"10.{}.{}.0/24"}}"#, number / 250, number % 250),
        };
        format!(r#"{{"event_type":["purchase"],"field":[{wanted}]}}"#)
    };
    let rules = compiled((0..10_000).map(rule));
    for value in ["502", r#""name-501-x""#, r#""x-502""#, r#""nAmE 503""#, r#""10.2.4.7""#] {
        let (matched, steps) = run(&rules, &format!(r#"{{"event_type":"purchase","field":{value}}}"#));
        assert_eq!(matched, 1, "{value}");
        assert!(steps < 100, "{value}: {steps}");
        let (matched, steps) = run(&rules, &format!(r#"{{"event_type":"refund","field":{value}}}"#));
        assert_eq!(matched, 0, "{value}");
        assert!(steps < 100, "{value}: {steps}");
    }
}

#[test]
fn rules_that_nearly_every_event_satisfies_cost_a_step_each() {
    let rule = |number: usize| {
        format!(
            r#"{{"a":[{{"anything-but":["x{number}","y"]}}],"b":[{{"numeric":[">",{}]}}]}}"#,
            number % 100
        )
    };
    let rules = compiled((0..10_000).map(rule));
    for (event, expected) in
        [(r#"{"a":"x7","b":1000}"#, 9_999), (r#"{"a":"y","b":1000}"#, 0), (r#"{"b":1000}"#, 0)]
    {
        let (matched, steps) = run(&rules, event);
        assert_eq!(matched, expected, "{event}");
        assert!(steps < 60_000, "{event}: {steps}");
    }
}

#[test]
fn a_rule_that_is_met_many_times_is_evaluated_once() {
    let values = list((0..1_000).map(|number| number.to_string()));
    let or = list((0..1_000).map(|number| format!(r#"{{"b":[{number}]}}"#)));
    let rules = compiled([format!(r#"{{"a":{values},"$or":{or}}}"#)]);
    let (matched, steps) = run(&rules, &format!(r#"{{"a":{values},"b":1000}}"#));
    assert_eq!(matched, 0);
    assert!(steps < 10_000, "{steps}");
}

#[test]
fn no_json_is_too_strange() {
    let rules = compiled([
        r#"{"a":[{"exists":false}],"":[{"exists":false}]}"#.to_owned(),
        r#"{"a.":[1],".a":[{"numeric":["<",1]}],"..":["x"]}"#.to_owned(),
        r#"{"$not":{"a":[{"wildcard":"*"}]}}"#.to_owned(),
    ]);
    let documents = [
        "{}",
        "[]",
        "1",
        "null",
        r#""a""#,
        r#"[{"a":1}]"#,
        r#"{"":""}"#,
        r#"{".":{"":1},"..":1}"#,
        r#"{"a.":1,".a":0,"..":"x"}"#,
        r#"{"a":1e308,"a":-1e-308}"#,
        r#"{"a":"\u0000\ud83d\ude00"}"#,
        r#"{"a":18446744073709551615,"a":-9223372036854775808}"#,
        r#"{"a":123456789012345678901234567890}"#,
    ];
    for document in documents {
        let (matched, _) = run(&rules, document);
        assert!(matched <= 3, "{document}");
    }
}

/// Ten branches that each may hold by the absence of a field, so that none can be left out beforehand.
fn or(name: &str, branches: usize) -> String {
    let branch = |number: usize| format!(r#"{{"{name}{number}":[{{"exists":false}},"r"]}}"#);
    format!(r#""$or":{}"#, list((0..branches).map(branch)))
}

/// A pattern about elements of `i` in which `$or`s are combined in 1,000 ways, and `inner` beside them.
fn combined(inner: &str) -> String {
    let ors = ["x", "y", "z"].map(|name| format!(r#""{name}":{{{}}}"#, or(name, 10)));
    format!(r#"{{"i":{{"f":[1,{{"exists":false}}],"g":[1],{}}}{inner}}}"#, ors.join(","))
}

/// Items of which each satisfies one field of [`combined`] only.
fn items(count: usize) -> String {
    let item = |number: usize| format!(r#"{{"f":{},"g":{}}}"#, number % 2, 1 - number % 2);
    format!(r#"{{"i":{}}}"#, list((0..count).map(item)))
}

/// `depth` patterns in one another, each in a `$and` or `$not` of the one around it.
fn nested(depth: usize, keyword: &str) -> String {
    let around = |inner: String, _| match keyword {
        "$and" => combined(&format!(r#","$and":[{inner}]"#)),
        "$not" => combined(&format!(r#","$not":{inner}"#)),
        _ => combined(&format!(r#","$or":[{{"$not":{inner}}},{{"n":[1]}}]"#)).replace("z9", "z8"),
    };
    (1..depth).fold(combined(""), around)
}

#[test]
fn groups_in_groups_add_up_instead_of_multiplying() {
    // Evaluated again for each combination around them, three would take 1,000³ tries.
    let (one, three) = (compiled([nested(1, "$and")]), compiled([nested(3, "$and")]));
    let ((_, one), (_, three)) = (run(&one, &items(4)), run(&three, &items(4)));
    assert!(three < 4 * one, "{one} steps, and {three} for three in one another");
    let rules = compiled([nested(20, "$not")]);
    assert!(run(&rules, &items(4)).1 <= RULE_STEPS + 1_000);
}

#[test]
fn a_rule_that_is_too_dear_is_set_aside_whatever_it_nests() {
    let dear = [
        nested(1, "$and"),
        nested(3, "$and"),
        nested(3, "$not"),
        nested(20, "$not"),
        format!(r#"{{"$not":{}}}"#, nested(2, "$and")),
        format!(r#"{{"$or":[{{"$not":{}}},{{"q":[1]}}]}}"#, nested(2, "$not")),
    ];
    for rule in dear {
        let (set_aside, steps) = run_set_aside(&compiled([rule.clone()]), &items(4_000));
        assert_eq!(set_aside, 1, "{rule}");
        assert!(steps < RULE_STEPS + 100_000, "{steps} steps: {rule}");
    }
}

#[test]
fn predicates_that_are_tried_on_every_value_of_an_array_are_given_up() {
    let wildcard = |from: usize| move |number: usize| format!(r#"{{"wildcard":"*{}-*q"}}"#, from + number);
    let field = |from: usize| format!(r#"{{"a":{}}}"#, list((0..900).map(wildcard(from * 1_000))));
    let rules = compiled([format!(r#"{{"$and":{}}}"#, list((0..3).map(field)))]);
    let values = list((0..10_000).map(|number| format!(r#""{number}""#)));
    let (set_aside, steps) = run_set_aside(&rules, &format!(r#"{{"a":{values}}}"#));
    assert_eq!(set_aside, 1);
    assert!(steps < RULE_STEPS + 100_000, "{steps}");
}

#[test]
fn long_texts_cost_what_is_read_of_them() {
    let pattern = list((0..900).map(|number| format!(r#"{{"wildcard":"*{number}q*"}}"#)));
    let excluded = list((0..900).map(|number| format!(r#""*{number}q*""#)));
    for rule in [
        format!(r#"{{"i":{{"a":{pattern},"b":[1]}}}}"#),
        format!(r#"{{"i":{{"a":[{{"anything-but":{{"wildcard":{excluded}}}}}],"b":[1]}}}}"#),
    ] {
        let (_, steps) =
            run(&compiled([rule]), &format!(r#"{{"i":[{{"a":"{}"}},{{"b":1}}]}}"#, "x".repeat(60_000)));
        assert!(steps > 900 * 60_000 / 100, "{steps} steps do not count what is read");
        // A rule is given up after the entry of a list that was too much.
        assert!(steps < RULE_STEPS + 900 * 1_000, "{steps}");
    }
}

#[test]
fn many_dear_rules_share_what_an_event_may_take_and_leave_enough_for_cheap_ones() {
    let dear = |number: usize| nested(2, "$and").replace(r#""f":[1"#, &format!(r#""f":[1,{}"#, number + 7));
    let cheap = r#"{"i":{"f":[1],"g":[0]}}"#.to_owned();
    let rules = compiled((0..50).map(dear).chain([cheap]));
    let mut scratch = Scratch::default();
    let matched = Parser::new(8).parse(items(1_500).as_bytes(), |document| {
        rules.matches(&document, &mut scratch).iter().map(|rule| rule.0).collect::<Vec<_>>()
    });
    assert_eq!(matched.unwrap(), [50], "the cheap rule is matched after fifty dear ones");
    assert_eq!(scratch.set_aside().len(), 50);
    assert!(scratch.steps() < EVENT_STEPS + 50 * (LEAST_STEPS + 5_000), "{}", scratch.steps());
}

#[test]
fn what_was_given_up_for_one_event_is_evaluated_for_the_next() {
    let rules = compiled([nested(2, "$not")]);
    let mut scratch = Scratch::default();
    let mut set_aside = |event: &str| {
        let parsed = Parser::new(8).parse(event.as_bytes(), |document| {
            rules.matches(&document, &mut scratch);
        });
        parsed.map(|()| scratch.set_aside().len())
    };
    assert_eq!((set_aside(&items(4_000)), set_aside("{}"), set_aside(&items(4_000))), (Ok(1), Ok(0), Ok(1)));
}

#[test]
fn many_numbers_against_many_ranges_find_each_rule_once() {
    let rule = |number: usize| format!(r#"{{"a":[{{"numeric":[">=",{number}]}}]}}"#);
    let rules = compiled((0..2_000).map(rule));
    let numbers = list((0..10_000).map(|number| (number + 2_000).to_string()));
    let (matched, steps) = run(&rules, &format!(r#"{{"a":{numbers}}}"#));
    assert_eq!(matched, 2_000);
    assert!(steps < 10 * (2_000 + 10_000), "{steps}");
}

#[test]
fn empty_elements_are_put_in_order_once() {
    let group =
        |number: usize| format!(r#"{{"i":{{"a{number}":[{{"exists":false}}],"b":[{{"exists":false}}]}}}}"#);
    let rules = compiled([format!(r#"{{"$and":{}}}"#, list((0..100).map(group)))]);
    let (matched, steps) = run(&rules, &format!(r#"{{"i":{}}}"#, list((0..1_000).map(|_| "{}".to_owned()))));
    assert_eq!(matched, 1);
    assert!(steps < RULE_STEPS, "{steps}");
}

#[test]
fn an_explanation_takes_bounded_steps_and_says_what_it_could_not_find_out() {
    let pattern = Pattern::parse(&nested(3, "$not")).unwrap();
    let explain = |document: campaign_manager::event::Document<'_>| {
        let explanation = explain(&pattern, &document);
        (explanation.verdict(), explanation.sentence().to_owned(), explanation.steps())
    };
    let (verdict, sentence, steps) = Parser::new(8).parse(items(4_000).as_bytes(), explain).unwrap();
    assert_eq!(verdict, None);
    assert!(sentence.contains("more than 1000000 steps"), "{sentence}");
    assert!(steps < 2 * EVENT_STEPS, "{steps}");
}
