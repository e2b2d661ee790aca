//! Whether what was printed is what is documented, but for what differs from run to run.
//!
//! A time stands for any time, a day for any day, a key for any key, a UUID for any UUID, the entry of a stream for any;
//! a text that ends with `…` for each that begins so; a member, an element or a line that is `…` for any others.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

const REST: &str = "…";

/// Compares JSON texts.
pub(super) fn json(documented: &str, printed: &str) -> Result<(), String> {
    let read = |what: &str, text: &str| -> Result<Value, String> {
        serde_json::from_str(text).map_err(|error| format!("what is {what} is not JSON: {error}"))
    };
    values("", &read("documented", documented)?, &read("printed", printed)?)
}

/// Compares answers with their heads; headers that are not documented do not count.
pub(super) fn http(documented: &str, printed: &str) -> Result<(), String> {
    let (wanted, printed) = (Parsed::of(documented), Parsed::of(printed));
    if wanted.status != printed.status {
        return Err(format!("the status is {:?}", printed.status));
    }
    for (name, value) in &wanted.headers {
        let found = printed.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, found) = found.ok_or_else(|| format!("{name} is missing"))?;
        texts(name, value, found)?;
    }
    match wanted.body.as_str() {
        "" => Ok(()),
        body => json(body, &printed.body),
    }
}

/// Compares texts word by word. A line that is `…` stands for any others, a word that ends with it for each that begins
/// so.
pub(super) fn lines(documented: &str, printed: &str) -> Result<(), String> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut printed_lines = printed.lines().map(words).filter(|line| !line.is_empty()).peekable();
    let mut any = false;
    for line in documented.lines().map(words).filter(|line| !line.is_empty()) {
        if line == [REST] {
            any = true;
            continue;
        }
        let alike = |printed: &Vec<String>| {
            printed.len() == line.len()
                && line
                    .iter()
                    .zip(printed)
                    .all(|(documented, printed)| texts("", documented, printed).is_ok())
        };
        let found = if any { printed_lines.find(alike) } else { printed_lines.next_if(alike) };
        found.ok_or_else(|| format!("there is no line {line:?} where it should be"))?;
        any = false;
    }
    match printed_lines.next().filter(|_| !any) {
        Some(more) => Err(format!("{more:?} is not documented")),
        None => Ok(()),
    }
}

/// An answer as `curl -i` prints it.
struct Parsed {
    status: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Parsed {
    fn of(text: &str) -> Self {
        let text = text.replace('\r', "");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap_or_default().trim().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        Self { status, headers, body: body.trim().to_owned() }
    }
}

fn values(at: &str, documented: &Value, printed: &Value) -> Result<(), String> {
    match (documented, printed) {
        (Value::String(documented), Value::String(printed)) => texts(at, documented, printed),
        (Value::Array(documented), Value::Array(printed)) => {
            let (documented, open) = match documented.split_last() {
                Some((last, before)) if last == REST => (before, true),
                _ => (&**documented, false),
            };
            if printed.len() < documented.len() || (printed.len() > documented.len() && !open) {
                return Err(format!("{at} has {} elements", printed.len()));
            }
            let mut pairs = documented.iter().zip(printed).zip(0..);
            pairs.try_for_each(|((documented, printed), index)| {
                values(&format!("{at}/{index}"), documented, printed)
            })
        }
        (Value::Object(documented), Value::Object(printed)) => {
            let open = documented.contains_key(REST);
            if let Some(more) = printed.keys().find(|name| !open && !documented.contains_key(*name)) {
                return Err(format!("{at}/{more} is not documented"));
            }
            documented.iter().filter(|(name, _)| *name != REST).try_for_each(|(name, documented)| {
                let at = format!("{at}/{name}");
                let printed = printed.get(name).ok_or_else(|| format!("{at} is missing"))?;
                values(&at, documented, printed)
            })
        }
        _ if documented == printed => Ok(()),
        _ => Err(format!("{at} is {printed}, not {documented}")),
    }
}

fn texts(at: &str, documented: &str, printed: &str) -> Result<(), String> {
    let begins = documented.strip_suffix(REST).is_some_and(|beginning| printed.starts_with(beginning));
    if documented == printed
        || begins
        || form(documented).is_some_and(|form| Some(form) == self::form(printed))
    {
        return Ok(());
    }
    Err(format!("{at} is {printed:?}, not {documented:?}"))
}

/// What kind of text it is, of those that differ from run to run.
fn form(text: &str) -> Option<&'static str> {
    let is_entry = |text: &str| {
        text.split_once('-')
            .is_some_and(|(time, number)| time.parse::<u64>().is_ok() && number.parse::<u64>().is_ok())
    };
    if text.parse::<Timestamp>().is_ok() {
        Some("time")
    } else if text.parse::<Date>().is_ok() && text.len() == 10 {
        Some("day")
    } else if text.starts_with("cmk_") {
        Some("key")
    } else if text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        Some("uuid")
    } else if is_entry(text) {
        Some("entry")
    } else {
        None
    }
}

#[test]
fn what_differs_from_run_to_run_is_alike_and_nothing_else() {
    let documented =
        r#"{"id": 1, "at": "2026-11-24T01:24:42Z", "next": "ZTE…", "list": [1, "…"], "x": {"…": "…"}}"#;
    let printed = r#"{"id":1,"at":"2027-01-01T00:00:00.5Z","next":"ZTEab","list":[1,2],"x":{"y":1}}"#;
    assert_eq!(json(documented, printed), Ok(()));
    for (from, to) in [
        ("\"id\":1", "\"id\":2"),
        ("2027-01-01T00:00:00.5Z", "soon"),
        ("ZTEab", "ab"),
        ("[1,2]", "[]"),
        ("\"id\":1,", ""),
    ] {
        assert!(json(documented, &printed.replace(from, to)).is_err(), "{to}");
    }
    let head = "HTTP/1.1 200 OK\netag: \"1\"\n\n{}";
    assert_eq!(http(head, "HTTP/1.1 200 OK\r\nDate: x\r\nETag: \"1\"\r\n\r\n{}"), Ok(()));
    assert!(http(head, "HTTP/1.1 200 OK\r\nETag: \"2\"\r\n\r\n{}").is_err());
    assert_eq!(lines("a  1\n…\nz…", "a 1\nb\nc\nzz\n"), Ok(()));
    for other in ["a 2\nz", "a 1\nb", "a 1\nz\nmore"] {
        assert!(lines("a  1\n…\nz…", other).is_err(), "{other}");
    }
    assert!(http(head, "HTTP/1.1 404 Not Found\r\nETag: \"1\"\r\n\r\n{}").is_err());
}
