//! Names that other rule languages have for operators. Here they are fields of that name.

use super::accepted::plain;

/// Spelt in lower case and without `_`, `-` and `$`, with what a field's list holds instead.
const LOOKALIKES: [(&str, &str); 34] = [
    (">", r#"{"numeric": [">", …]}"#),
    ("gt", r#"{"numeric": [">", …]}"#),
    (">=", r#"{"numeric": [">=", …]}"#),
    ("ge", r#"{"numeric": [">=", …]}"#),
    ("gte", r#"{"numeric": [">=", …]}"#),
    ("<", r#"{"numeric": ["<", …]}"#),
    ("lt", r#"{"numeric": ["<", …]}"#),
    ("<=", r#"{"numeric": ["<=", …]}"#),
    ("le", r#"{"numeric": ["<=", …]}"#),
    ("lte", r#"{"numeric": ["<=", …]}"#),
    ("between", r#"{"numeric": [">=", …, "<=", …]}"#),
    ("numeric", r#"{"numeric": [">=", …]}"#),
    ("=", "…"),
    ("==", "…"),
    ("eq", "…"),
    ("equals", "…"),
    ("in", "…, …"),
    ("!=", r#"{"anything-but": …}"#),
    ("<>", r#"{"anything-but": …}"#),
    ("ne", r#"{"anything-but": …}"#),
    ("neq", r#"{"anything-but": …}"#),
    ("nin", r#"{"anything-but": […]}"#),
    ("notin", r#"{"anything-but": […]}"#),
    ("anythingbut", r#"{"anything-but": …}"#),
    ("exists", r#"{"exists": true}"#),
    ("cidr", r#"{"cidr": …}"#),
    ("equalsignorecase", r#"{"equals-ignore-case": …}"#),
    ("prefix", r#"{"prefix": …}"#),
    ("startswith", r#"{"prefix": …}"#),
    ("suffix", r#"{"suffix": …}"#),
    ("endswith", r#"{"suffix": …}"#),
    ("wildcard", r#"{"wildcard": …}"#),
    ("contains", r#"{"wildcard": "*…*"}"#),
    ("like", r#"{"wildcard": "*…*"}"#),
];

/// What to write instead, if a member of a field that holds a value is called like an operator.
pub(super) fn advice(key: &str) -> Option<String> {
    let plain = plain(key);
    let (_, meant) = LOOKALIKES.iter().find(|(spelling, _)| *spelling == plain)?;
    Some(format!(
        "{key:?} looks like an operator; here it is a field of that name. For the operator, give the field above it \
         the list [{meant}]"
    ))
}
