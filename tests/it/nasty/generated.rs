//! Generated input: documents, documents with some bytes changed, and bytes that are nothing. The seed is fixed, so that a
//! failure can be seen again.

#[path = "../../support/random_json.rs"]
#[expect(dead_code, reason = "the patterns are for the tests of rules")]
mod random_json;

use campaign_manager::event::split::trim;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand_mt::Mt64;

use super::{Pipeline, event, shown};

const SEED: u64 = 20_261_124;
const BATCHES: usize = 12;
/// As many refusals as an answer describes.
const LINES: usize = 100;

#[expect(clippy::print_stdout, reason = "the seed of what failed; allowed in tests")]
fn print_seed() {
    println!("seed {SEED}");
}

fn runner() -> TestRunner {
    print_seed();
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&SEED.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// Events with a generated object as their properties.
fn documents(runner: &mut TestRunner, group: &str) -> Vec<Vec<u8>> {
    let properties = random_json::event();
    let document = |number| {
        let properties = properties.new_tree(runner).unwrap().current();
        let members = properties.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
        // No change of a byte makes one id another.
        let id = u64::try_from(number).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        event(&format!("{group}/{id:016x}"), members).into_bytes()
    };
    (0..LINES).map(document).collect()
}

fn below(random: &mut Mt64, limit: usize) -> usize {
    usize::try_from(random.next_u64() % u64::try_from(limit).unwrap()).unwrap()
}

/// One of the bytes that mean something in JSON, or any.
fn byte(random: &mut Mt64) -> u8 {
    const MEANT: &[u8] = b"{}[]\",:\\/u0eE+-.19 \t\r\0\x7f\x80\xc0\xed\xf4\xff";
    match below(random, 2) {
        0 => MEANT[below(random, MEANT.len())],
        _ => u8::try_from(below(random, 256)).unwrap(),
    }
}

/// Changes, removes or inserts bytes in one place or two, behind the envelope mostly: there more is allowed.
fn mutate(mut text: Vec<u8>, random: &mut Mt64) -> Vec<u8> {
    let envelope = event("0/0123456789abcdef", "").len() - 2;
    for _ in 0..=below(random, 2) {
        let from = if below(random, 4) == 0 { 0 } else { envelope.min(text.len() - 1) };
        let at = from + below(random, text.len() - from);
        match below(random, 5) {
            0 => text[at] = byte(random),
            1 => text[at] ^= 1 << below(random, 8),
            2 => text.insert(at, byte(random)),
            3 => drop(text.remove(at)),
            _ => {
                let piece = text[at..(at + 1 + below(random, 8)).min(text.len())].to_vec();
                let to = from + below(random, text.len() - from);
                drop(text.splice(to..to, piece));
            }
        }
    }
    text
}

/// The text as one line that is not empty: as ingest will see it.
fn line(mut text: Vec<u8>) -> Option<Vec<u8>> {
    text.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b'\r');
    let text = trim(&text);
    (!text.is_empty()).then(|| text.to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_documents_are_accepted_and_stored_byte_for_byte() {
    let (mut pipeline, mut runner) = (Pipeline::start().await, runner());
    for batch in 0..BATCHES {
        let documents = documents(&mut runner, &batch.to_string());
        let refusals = pipeline.post_lines(&documents).await;
        assert_eq!(refusals.iter().flatten().next(), None);
        pipeline.assert_all_stored().await;
    }
    pipeline.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_with_some_bytes_changed_are_refused_with_a_reason_or_stored_byte_for_byte() {
    let (mut pipeline, mut runner) = (Pipeline::start().await, runner());
    let mut random = Mt64::new(SEED);
    let (mut refused, mut accepted) = (0, 0);
    for batch in 0..BATCHES {
        let documents = documents(&mut runner, &batch.to_string()).into_iter();
        let lines: Vec<_> = documents.filter_map(|text| line(mutate(text, &mut random))).collect();
        let refusals = pipeline.post_lines(&lines).await;
        for (line, refusal) in lines.iter().zip(&refusals) {
            // What a parser of another make does not take is nothing to accept.
            let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
            assert!(refusal.is_some() || is_json, "accepted: {}", shown(line));
        }
        refused += refusals.iter().flatten().count();
        accepted += refusals.iter().filter(|refusal| refusal.is_none()).count();
        pipeline.assert_all_stored().await;
    }
    assert!(refused > 100 && accepted > 100, "{refused} refused, {accepted} accepted");
    pipeline.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_nothing_are_refused_with_a_reason() {
    let mut pipeline = Pipeline::start().await;
    print_seed();
    let mut random = Mt64::new(SEED);
    for _ in 0..BATCHES {
        let text = |_| line((0..=below(&mut random, 200)).map(|_| byte(&mut random)).collect());
        let lines: Vec<_> = (0..LINES).filter_map(text).collect();
        let refusals = pipeline.post_lines(&lines).await;
        assert!(refusals.iter().all(Option::is_some));
        pipeline.assert_all_stored().await;
    }
    pipeline.end().await;
}
