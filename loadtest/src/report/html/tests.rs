//! The page of reports of every shape: that it is well-formed, loads nothing, and shows texts as texts.

use html5ever::tendril::TendrilSink;
use html5ever::tokenizer::TokenizerOpts;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use proptest::prelude::*;

use super::*;
use crate::report::fixtures::{self, HOSTILE, broken, empty, hostile, small, with_samples};
use crate::timeline::Sample;
use crate::verify::{Verification, Wait};

/// An element of a page: its name and its attributes.
type Element = (String, Vec<(String, String)>);

/// The elements of a page that a browser would find no fault with.
fn elements(page: &str) -> Vec<Element> {
    let tokenizer = TokenizerOpts { exact_errors: true, ..TokenizerOpts::default() };
    let options = ParseOpts { tokenizer, ..ParseOpts::default() };
    let dom = parse_document(RcDom::default(), options).one(page);
    assert_eq!(*dom.errors.borrow(), Vec::<String>::new(), "{page}");
    let mut found = Vec::new();
    gather(&dom.document, &mut found);
    found
}

fn gather(node: &Handle, found: &mut Vec<Element>) {
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let attributes = attrs.borrow();
        let attributes = attributes.iter().map(|one| (one.name.local.to_string(), one.value.to_string()));
        found.push((name.local.to_string(), attributes.collect()));
    }
    node.children.borrow().iter().for_each(|child| gather(child, found));
}

/// Holds a page against what is true of every page.
fn check(report: &Report) -> String {
    let page = report.to_html();
    for (name, attributes) in elements(&page) {
        assert!(!["img", "link", "iframe", "object"].contains(&name.as_str()), "{name} loads something");
        for (attribute, value) in attributes {
            let loads = ["src", "href", "srcset"].contains(&attribute.as_str());
            assert!(!loads && !attribute.starts_with("on"), "{name} has {attribute}={value}");
        }
    }
    for chart in charts::charts(report) {
        let picture = chart.picture().into_string();
        let svg = roxmltree::Document::parse(&picture).expect("well-formed XML");
        let title = svg.descendants().find(|node| node.has_tag_name("title")).expect("a title");
        assert!(title.text().is_some_and(|text| text.starts_with(chart.title)), "{picture}");
        for number in ["NaN", "inf"] {
            assert!(!picture.contains(number), "{picture}");
        }
    }
    let (_, json) = page.split_once(r#"id="report" type="application/json">"#).expect("the report as JSON");
    let (json, _) = json.split_once("</script>").expect("its end");
    let embedded: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(embedded["format"], Report::FORMAT);
    assert_eq!(json.replace("\\u003c", "<"), serde_json::to_string(report).expect("JSON"));
    page
}

#[test]
fn the_page_of_a_small_run() {
    let page = check(&small());
    let page = page.replace(STYLE, "…").replace(SCRIPT, "…").replace("><", ">\n<");
    insta::assert_snapshot!(page);
}

#[test]
fn style_and_script_load_nothing_and_end_nothing() {
    for text in [STYLE, SCRIPT] {
        for loading in ["http:", "https:", "url(", "@import", "import ", "fetch(", "innerHTML", "</"] {
            assert!(!text.contains(loading), "{loading}");
        }
    }
}

#[test]
fn a_run_without_anything_has_a_page() {
    let page = check(&empty());
    assert!(page.contains("Nothing to verify") && page.contains("There is nothing to show."), "{page}");
    assert!(!page.contains("class=\"curve"), "{page}");
}

#[test]
fn a_run_of_one_interval_is_dots() {
    let mut report = small();
    report.samples.truncate(1);
    let page = check(&report);
    assert!(page.contains("class=\"dots curve blue\" d=\"M"), "{page}");
}

#[test]
fn a_broken_promise_is_said_first_and_in_full() {
    let page = check(&broken());
    assert!(page.contains("<title>Broken – load test"), "{page}");
    let Outcome::Broken { differences, .. } = broken().outcome else { unreachable!() };
    let main = page.find("<main>").expect("the main part");
    for difference in differences {
        assert!(page.find(&difference).is_some_and(|place| place < main), "{difference}");
    }
}

#[test]
fn what_was_not_verified_is_not_called_verified() {
    let unknown = Report { outcome: Outcome::Unknown { reason: "no database".into() }, ..small() };
    let page = check(&unknown);
    assert!(page.contains("Not verified") && page.contains("no database") && !page.contains("✓"), "{page}");
    let mut troubled = Report { outcome: Outcome::Unknown { reason: "no database".into() }, ..small() };
    (troubled.sending.refused, troubled.sending.failures, troubled.sending.given_up) = (403, 1_314, 50);
    let page = check(&troubled);
    for trouble in ["403 events were refused.", "1,314 requests had no answer.", "50 requests were given up."]
    {
        assert!(page.contains(trouble), "{trouble}: {page}");
    }
    troubled.settings.poison = 0.05;
    assert!(!check(&troubled).contains("events were refused."), "that was asked for");
    let waiting = Some(Wait { in_flight: 15_500, seconds: 20.0 });
    let stalled = Outcome::from(Verification { waiting, ..Verification::default() });
    let page = check(&Report { outcome: stalled, ..small() });
    assert!(page.contains("<title>Not verified") && page.contains("Not drained: 15500 events"), "{page}");
    assert!(page.contains("is a worker running?") && !page.contains("Broken"), "{page}");
    let mut cut_short = small();
    cut_short.sending.ended_early = Some("nothing was accepted for 30s".into());
    let page = check(&cut_short);
    assert!(page.contains("not all went well") && page.contains("accepted for 30s."), "{page}");
}

#[test]
fn texts_of_the_server_are_no_markup() {
    let page = check(&hostile());
    assert!(!page.contains(HOSTILE), "{page}");
    let (plain, hostile) = (elements(&small().to_html()), elements(&page));
    let scripts = |page: &[Element]| page.iter().filter(|(name, _)| name == "script").count();
    assert_eq!(scripts(&hostile), scripts(&plain));
    assert!(hostile.iter().all(|(name, _)| name != "b"), "{page}");
}

fn sample() -> impl Strategy<Value = (f64, u64, u64, Option<u64>, f64)> {
    let huge = prop_oneof![Just(0), Just(1), 0..10_000_u64, Just(1 << 53), Just(u64::MAX / 4)];
    (0.0..1e6_f64, huge.clone(), huge.clone(), prop::option::of(huge), prop_oneof![Just(0.0), 1e-4..1e8_f64])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn runs_of_any_course_have_a_page(samples in prop::collection::vec(sample(), 0..8)) {
        let mut seconds = 0.0;
        let samples: Vec<Sample> = samples
            .into_iter()
            .map(|(length, accepted, in_flight, queued, milliseconds)| {
                seconds += length;
                fixtures::sample(seconds, accepted, in_flight, queued, milliseconds)
            })
            .collect();
        check(&with_samples(samples));
    }
}
