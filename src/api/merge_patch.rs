//! JSON Merge Patch (RFC 7396), with every value kept as it was written. Pure.

use super::members::entries;

/// Deeper objects are not merged.
const MAX_DEPTH: usize = 64;

/// What `patch` makes of `target`, both JSON texts; `None` where it is nested too deep.
pub(super) fn merge(target: &str, patch: &str) -> Option<String> {
    merge_within(MAX_DEPTH, target, patch)
}

fn merge_within(depth: usize, target: &str, patch: &str) -> Option<String> {
    let Ok(changes) = entries(patch.as_bytes()) else { return Some(patch.to_owned()) };
    let depth = depth.checked_sub(1)?;
    let target = entries(target.as_bytes()).unwrap_or_default();
    let mut merged: Vec<(String, String)> =
        target.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
    for (name, change) in changes {
        let at = merged.iter().position(|(other, _)| *other == name);
        if change.get() == "null" {
            merged.retain(|(other, _)| *other != name);
            continue;
        }
        let value = merge_within(depth, at.map_or("null", |at| &merged[at].1), change.get())?;
        match at {
            Some(at) => merged[at].1 = value,
            None => merged.push((name, value)),
        }
    }
    Some(written(&merged))
}

fn written(members: &[(String, String)]) -> String {
    let member = |(name, value): &(String, String)| format!("{}:{value}", serde_json::Value::from(&**name));
    format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_do_what_the_examples_of_the_rfc_say() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merge(target, patch).as_deref(), Some(result), "{target} {patch}");
        }
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let merged = merge(r#"{ "a\u00e9": [ 1.50e2 ] }"#, r#"{"b": {"c": [1e0]}}"#);
        assert_eq!(merged.as_deref(), Some(r#"{"aé":[ 1.50e2 ],"b":{"c":[1e0]}}"#));
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(merge("{}", &nested(MAX_DEPTH)).is_some());
        assert_eq!(merge("{}", &nested(MAX_DEPTH + 1)), None);
    }
}
