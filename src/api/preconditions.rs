//! `If-Match` and `If-None-Match` (RFC 9110, section 13.1) for things whose `ETag` is their version. Pure.

use hyper::HeaderMap;
use hyper::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

use super::parameters::invalid;
use super::{Kind, Problem};

/// What a request demands of the version that it meets.
#[derive(Debug, Default)]
pub(super) struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// The tags of one header.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    /// `*`
    Any,
    These(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    is_weak: bool,
    /// What stands between the quotes.
    opaque: String,
}

/// The `ETag` of a version.
pub(super) fn etag(version: i32) -> String {
    format!("\"{version}\"")
}

impl Preconditions {
    /// Reads them from the headers of a request.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let if_match = tags(headers, &IF_MATCH)?;
        if let Some(Tags::These(tags)) = &if_match
            && tags.iter().any(|tag| tag.is_weak)
        {
            return Err(malformed(
                &IF_MATCH,
                "has a weak tag, which never matches; send the ETag as it was given",
            ));
        }
        Ok(Self { if_match, if_none_match: tags(headers, &IF_NONE_MATCH)? })
    }

    /// Lets a change pass if the version is one that its sender has seen, and none that it does not want to change.
    pub(super) fn allow(&self, version: i32) -> Result<(), Problem> {
        self.allow_reading(version)?;
        if self.is_known(version) { Err(excluded(version)) } else { Ok(()) }
    }

    /// Lets a reader pass who wants this version, or any.
    pub(super) fn allow_reading(&self, version: i32) -> Result<(), Problem> {
        match &self.if_match {
            Some(tags) if !tags.name(version) => Err(failed(version)),
            _ => Ok(()),
        }
    }

    /// Whether a change is tied to a version.
    pub(super) fn is_guarded(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }

    /// Whether the reader has the version already.
    pub(super) fn is_known(&self, version: i32) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.name(version))
    }
}

/// Whether a reader has what `opaque` names already.
pub(super) fn is_known(headers: &HeaderMap, opaque: &str) -> Result<bool, Problem> {
    Ok(tags(headers, &IF_NONE_MATCH)?.is_some_and(|tags| tags.name_text(opaque)))
}

/// The refusal of a change to a version that its sender has not seen.
pub(super) fn failed(version: i32) -> Problem {
    let detail = format!("it is in version {version} now; read it again, and send its ETag as If-Match");
    Problem::new(Kind::PreconditionFailed(version), detail)
}

fn excluded(version: i32) -> Problem {
    let detail = format!("it is in version {version} now, which If-None-Match excludes");
    Problem::new(Kind::PreconditionFailed(version), detail)
}

impl Tags {
    fn name(&self, version: i32) -> bool {
        self.name_text(&version.to_string())
    }

    fn name_text(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag.opaque == opaque),
        }
    }
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    const WANTED: &str = "is not * or a list of entity tags such as \"3\"";
    let lines = headers.get_all(name).iter().map(|line| line.to_str());
    let lines: Vec<&str> = lines.collect::<Result<_, _>>().map_err(|_| malformed(name, WANTED))?;
    if lines.is_empty() {
        return Ok(None);
    }
    parse(&lines.join(",")).map(Some).ok_or_else(|| malformed(name, WANTED))
}

fn parse(text: &str) -> Option<Tags> {
    if text.trim() == "*" {
        return Some(Tags::Any);
    }
    let mut tags = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            break;
        }
        let is_weak = rest.starts_with("W/");
        let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (opaque, after) = quoted.split_once('"')?;
        if opaque.contains(' ')
            || !after.trim_start_matches([' ', '\t']).starts_with(',') && !after.trim().is_empty()
        {
            return None;
        }
        tags.push(Tag { is_weak, opaque: opaque.to_owned() });
        rest = after;
    }
    (!tags.is_empty()).then_some(Tags::These(tags))
}

fn malformed(name: &HeaderName, complaint: &str) -> Problem {
    let name = if *name == IF_MATCH { "If-Match" } else { "If-None-Match" };
    invalid(name, complaint)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn read(name: &HeaderName, lines: &[&'static str]) -> Result<Preconditions, Problem> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_static(line));
        }
        Preconditions::read(&headers)
    }

    fn allows(lines: &[&'static str]) -> bool {
        read(&IF_MATCH, lines).expect("well-formed").allow(3).is_ok()
    }

    #[test]
    fn a_change_passes_if_one_of_the_tags_is_that_of_the_version() {
        assert!(allows(&[]));
        assert!(allows(&["*"]));
        assert!(allows(&["\"3\""]));
        assert!(allows(&["\"2\", \"3\""]));
        assert!(allows(&["\"2\" ,,\"3\"\t"]));
        assert!(allows(&["\"2\"", "\"3\""]));
        for stale in ["\"2\"", "\"33\"", "\"\"", "\"03\"", "\"another-server's\""] {
            assert!(!allows(&[stale]), "{stale}");
        }
    }

    #[test]
    fn a_change_that_excludes_the_version_does_not_pass_and_its_reader_has_it() {
        for (text, passes) in [("\"3\"", false), ("*", false), ("W/\"3\"", false), ("\"2\"", true)] {
            let preconditions = read(&IF_NONE_MATCH, &[text]).expect("well-formed");
            assert_eq!(preconditions.allow(3).is_ok(), passes, "{text}");
            assert!(preconditions.allow_reading(3).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_refused_change_learns_the_version_of_now() {
        let problem = read(&IF_MATCH, &["\"2\""]).expect("well-formed").allow(3).expect_err("stale");
        assert_eq!(problem.kind(), Kind::PreconditionFailed(3));
        assert!(problem.detail().contains("version 3"));
    }

    #[test]
    fn what_is_not_a_list_of_tags_is_refused() {
        for text in
            ["3", "", " ", ",", "\"3", "3\"", "\"3\"\"4\"", "\"3\" \"4\"", "*, \"3\"", "w/\"3\"", "\"a b\""]
        {
            let problem = read(&IF_MATCH, &[text]).expect_err(text);
            assert_eq!(problem.kind(), Kind::InvalidParameter);
            assert!(problem.detail().starts_with("If-Match: "), "{}", problem.detail());
            assert!(read(&IF_NONE_MATCH, &[text]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_weak_tag_guards_no_change_and_finds_what_is_known() {
        assert!(read(&IF_MATCH, &["W/\"3\""]).expect_err("weak").detail().contains("weak"));
        let known = |text| read(&IF_NONE_MATCH, &[text]).expect("well-formed").is_known(3);
        assert!(known("W/\"3\"") && known("\"3\"") && known("*") && known("\"1\", \"3\""));
        assert!(!known("W/\"2\"") && !Preconditions::default().is_known(3));
    }
}
