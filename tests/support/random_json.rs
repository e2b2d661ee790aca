//! Random patterns and events as JSON text, from few keys and values, so that they often meet.

use campaign_manager::rules::Pattern;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key() -> impl Strategy<Value = String> {
    prop_oneof![12 => "[abc]", 1 => "[ab]\\.[bc]", 1 => Just("a.b.c".to_owned())]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => string(),
        3 => number(),
        1 => prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(str::to_owned),
    ]
}

fn string() -> impl Strategy<Value = String> {
    const TEXTS: [&str; 15] =
        ["", "x", "X", "xy", "yx", "xyx", "xxy", "é", "É", "10.0.0.1", "10.1.0.1", "::1", "a*b", "1", "null"];
    proptest::sample::select(TEXTS.as_slice()).prop_map(|text| format!("{text:?}"))
}

fn number() -> impl Strategy<Value = String> {
    const NUMBERS: [&str; 17] = [
        "0",
        "-0.0",
        "1",
        "1.0",
        "1e0",
        "2",
        "2.5",
        "-1",
        "100",
        "9007199254740993",
        "9007199254740992.0",
        "9007199254740993.0",
        "90071992547409930e-1",
        "9007199254740994",
        "18446744073709551615",
        "1.8446744073709551615e19",
        "1e300",
    ];
    proptest::sample::select(NUMBERS.as_slice()).prop_map(str::to_owned)
}

fn list(items: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    vec(items, 1..4).prop_map(|items| format!("[{}]", items.join(",")))
}

/// An entry of a field's list.
fn wanted() -> impl Strategy<Value = String> {
    let ignoring_case = || string().prop_map(|text| format!(r#"{{"equals-ignore-case":{text}}}"#));
    let affix = || prop_oneof![Just("prefix"), Just("suffix")];
    let wildcard = || "[xy]{0,2}(\\*[xy]{1,2}){0,2}\\*?";
    let bounds =
        (prop_oneof![Just(">"), Just(">=")], -1..3_i32, prop_oneof![Just("<"), Just("<=")], 1..4_i32);
    let excluded = prop_oneof![
        string(),
        number(),
        list(string()),
        list(number()),
        (affix(), "[xy1]{1,2}").prop_map(|(affix, text)| format!(r#"{{"{affix}":"{text}"}}"#)),
        ignoring_case(),
        wildcard().prop_map(|text| format!(r#"{{"wildcard":["{text}","z"]}}"#)),
    ];
    prop_oneof![
        12 => scalar(),
        1 => (affix(), string()).prop_map(|(affix, text)| format!(r#"{{"{affix}":{text}}}"#)),
        1 => (affix(), ignoring_case()).prop_map(|(affix, text)| format!(r#"{{"{affix}":{text}}}"#)),
        1 => ignoring_case(),
        1 => wildcard().prop_map(|text| format!(r#"{{"wildcard":"{text}"}}"#)),
        1 => bounds.prop_map(|(lower, low, upper, span)| {
            format!(r#"{{"numeric":["{lower}",{low},"{upper}",{}]}}"#, low + span)
        }),
        1 => (prop_oneof![Just("="), Just("<"), Just(">=")], number())
            .prop_map(|(comparison, number)| format!(r#"{{"numeric":["{comparison}",{number}]}}"#)),
        2 => excluded.prop_map(|excluded| format!(r#"{{"anything-but":{excluded}}}"#)),
        1 => Just(r#"{"exists":true}"#.to_owned()),
        3 => Just(r#"{"exists":false}"#.to_owned()),
        1 => prop_oneof![Just("10.0.0.0/8"), Just("10.0.0.1/32"), Just("::/0")]
            .prop_map(|network| format!(r#"{{"cidr":"{network}"}}"#)),
    ]
}

fn object(entries: impl IntoIterator<Item = (String, String)>) -> String {
    let entries: Vec<_> = entries.into_iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
    format!("{{{}}}", entries.join(","))
}

/// A pattern that the language accepts, and its text.
pub(crate) fn pattern() -> impl Strategy<Value = (String, Pattern)> {
    let field = || (key(), list(wanted()));
    let leaves =
        vec(field(), 1..4).prop_map(|fields| object(fields.into_iter().collect::<BTreeMap<_, _>>())).boxed();
    let nested = leaves.prop_recursive(4, 24, 3, move |inner| {
        let patterns = |size: std::ops::Range<usize>| {
            vec(inner.clone(), size).prop_map(|patterns| format!("[{}]", patterns.join(",")))
        };
        let entry = prop_oneof![
            5 => field(),
            4 => (key(), inner.clone()),
            2 => (Just("$or".to_owned()), patterns(2..4)),
            1 => (Just("$and".to_owned()), patterns(1..4)),
            1 => (Just("$not".to_owned()), inner.clone()),
        ];
        vec(entry, 1..4).prop_map(|entries| object(entries.into_iter().collect::<BTreeMap<_, _>>()))
    });
    // Two spellings of one field are refused; the pattern is drawn again.
    nested.prop_filter_map("refused", |text| Pattern::parse(&text).ok().map(|pattern| (text, pattern)))
}

/// An event: any JSON object, keys given twice and keys with dots included.
pub(crate) fn event() -> impl Strategy<Value = String> {
    let value = scalar().boxed().prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            2 => vec((key(), inner.clone()), 0..4).prop_map(object),
            3 => vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            4 => vec(vec((key(), inner), 0..4).prop_map(object), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
        ]
    });
    vec((key(), value), 0..5).prop_map(object)
}

/// Patterns and events about nothing but elements and absence: fields at, below and beside one another.
pub(crate) fn about_elements() -> impl Strategy<Value = ((String, Pattern), Vec<String>)> {
    let key = || prop_oneof![4 => "[ab]", 1 => "a\\.[ab]"];
    let path = prop_oneof![Just("a"), Just("b"), Just("a.a"), Just("a.b"), Just("a.a.b"), Just("b.a")];
    let wanted =
        prop_oneof![Just("[1]"), Just("[2]"), Just(r#"[{"exists":false}]"#), Just(r#"[1,{"exists":false}]"#)];
    let fields = vec((path, wanted), 2..5).prop_map(|fields| {
        let fields: BTreeMap<_, _> =
            fields.into_iter().map(|(path, wanted)| (path.to_owned(), wanted.to_owned())).collect();
        object(fields)
    });
    let pattern =
        fields.prop_filter_map("refused", |text| Pattern::parse(&text).ok().map(|pattern| (text, pattern)));
    let value =
        prop_oneof![Just("1".to_owned()), Just("2".to_owned())].prop_recursive(5, 30, 4, move |inner| {
            prop_oneof![
                2 => vec((key(), inner.clone()), 1..4).prop_map(object),
                3 => vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            ]
        });
    (pattern, vec(vec((key(), value), 1..4).prop_map(object), 1..5))
}
