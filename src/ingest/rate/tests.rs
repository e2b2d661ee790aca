use proptest::prelude::*;

use super::*;

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

/// A limit of `rate` events a second and perhaps a burst, with bodies of at most `body` events, and when it began.
fn limit(rate: u32, burst: Option<u32>, body: u32) -> (Arc<RateLimit>, Instant) {
    let (now, rate) = (Instant::now(), Rate { per_second: count(rate), burst: burst.map(count) });
    (Arc::new(RateLimit::new(rate, count(body), now)), now)
}

/// The headers of an answer.
fn headers(allowance: &Allowance) -> String {
    let headers = allowance.headers();
    let lines: Vec<String> =
        headers.map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
    lines.join("\n")
}

/// A request with so many events: its refusal, if it is refused, and the headers of its answer.
fn request(limit: &Arc<RateLimit>, events: u32, now: Instant) -> (Option<Kind>, String) {
    let mut allowance = Allowance::of(Some(Arc::clone(limit)));
    let taken = allowance.check(now).and_then(|()| allowance.take(events, now));
    let refused = taken.err().map(|problem| problem.kind());
    if let Some(kind) = refused {
        allowance.settle(kind, now);
    }
    (refused, headers(&allowance))
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn the_headers_say_what_the_limit_is_and_what_is_left() {
    let (limit, now) = limit(100, Some(50), 10);
    let whole_burst = "ratelimit-policy: \"events\";q=50;w=1\nratelimit: \"events\";r=50;t=0";
    assert_eq!(request(&limit, 50, now), (None, whole_burst.to_owned()), "the reserve is not shown");
    let (_, shown) = request(&limit, 60, now);
    assert!(shown.ends_with("r=50;t=0"), "refused for good: {shown}");
    let (_, shown) = request(&limit, 50, now + ms(100));
    assert!(shown.ends_with("ratelimit: \"events\";r=50;t=0"), "{shown}");
    let (_, shown) = request(&limit, 20, now + ms(100));
    assert!(shown.ends_with("ratelimit: \"events\";r=39;t=1"), "{shown}");
}

#[test]
fn what_goes_over_the_limit_is_refused_until_enough_was_gained_and_takes_nothing() {
    let (limit, now) = limit(10, None, 1);
    assert_eq!(request(&limit, 10, now).0, None);
    assert_eq!(request(&limit, 10, now).0, None, "what a second gains is saved up beside the burst");
    for _ in 0..100 {
        let (refused, headers) = request(&limit, 1, now);
        assert_eq!(refused, Some(Kind::RateLimited(1)));
        assert!(headers.ends_with("ratelimit: \"events\";r=0;t=1"), "{headers}");
    }
    assert_eq!(request(&limit, 1, now + ms(99)).0, Some(Kind::RateLimited(1)));
    assert_eq!(request(&limit, 1, now + ms(100)).0, None);
    assert_eq!(request(&limit, 1, now + ms(100)).0, Some(Kind::RateLimited(1)));
    for _ in 0..100 {
        assert_eq!(request(&limit, 2, now + ms(250)).0, Some(Kind::RateLimited(1)), "one is there, not two");
    }
    assert_eq!(request(&limit, 2, now + ms(300)).0, None);
}

#[test]
fn a_body_of_more_events_than_a_second_gives_is_taken_in_the_end() {
    let (limit, now) = limit(2, None, 100);
    assert_eq!(request(&limit, 100, now).0, None);
    let (refused, headers) = request(&limit, 100, now);
    assert_eq!(refused, Some(Kind::RateLimited(49)), "two are there");
    assert!(headers.contains("q=100;w=50") && headers.ends_with("r=2;t=49"), "{headers}");

    assert_eq!(request(&limit, 100, now + ms(10_000)).0, Some(Kind::RateLimited(39)));
    assert_eq!(request(&limit, 100, now + ms(49_000)).0, None);
}

#[test]
fn what_is_saved_up_is_bounded() {
    let (limit, now) = limit(5, None, 20);
    let later = now + Duration::from_hours(1);
    assert_eq!(request(&limit, 20, later).0, None);
    assert_eq!(request(&limit, 5, later).0, None);
    assert_eq!(request(&limit, 1, later).0, Some(Kind::RateLimited(1)));
}

#[test]
fn a_body_beyond_the_burst_is_refused_with_when_its_parts_may_be_sent() {
    let (limit, now) = limit(1, Some(10), 10_000);
    assert_eq!(request(&limit, 9_999, now).0, Some(Kind::TooManyAtOnce(1)), "all of the burst is left");
    assert_eq!(request(&limit, 11, now).0, Some(Kind::TooManyAtOnce(1)), "one too many is too many");
    assert_eq!(request(&limit, 8, now).0, None);
    assert_eq!(request(&limit, 10, now).0, Some(Kind::RateLimited(9)), "it would fit, but one is left");
    assert_eq!(request(&limit, 11, now).0, Some(Kind::RateLimited(1)), "it is not read yet");
    assert_eq!(request(&limit, 10, now + ms(10_000)).0, None);
}

#[test]
fn a_refused_request_gives_back_what_it_took_but_for_one_event_where_it_is_at_fault() {
    for (refused, left) in [
        (Kind::Unavailable, 10),
        (Kind::Overloaded(1), 10),
        (Kind::RequestTimeout, 10),
        (Kind::NotJson, 9),
        (Kind::Invalid, 9),
        (Kind::TooLarge, 9),
    ] {
        let (limit, now) = limit(1, Some(9), 1);
        let mut allowance = Allowance::of(Some(Arc::clone(&limit)));
        assert!(allowance.take(7, now).is_ok());
        allowance.settle(refused, now);
        assert_eq!(limit.state().bucket.events(now), left, "{refused:?}");
    }
}

#[test]
fn requests_that_are_at_fault_themselves_are_refused_unread_in_the_end() {
    let (limit, now) = limit(1, Some(9), 1);
    for _ in 0..10 {
        let mut allowance = Allowance::of(Some(Arc::clone(&limit)));
        assert!(allowance.check(now).is_ok());
        allowance.settle(Kind::NotJson, now);
    }
    let mut allowance = Allowance::of(Some(Arc::clone(&limit)));
    assert_eq!(allowance.check(now).expect_err("over the limit").kind(), Kind::RateLimited(1));
    allowance.settle(Kind::NotJson, now);
    assert_eq!(request(&limit, 1, now + ms(1000)).0, None, "no debt is made");
}

#[test]
fn after_a_body_was_read_in_vain_none_is_read_until_it_would_be_accepted_or_for_a_second() {
    let (limit, now) = limit(10, Some(20), 1);
    assert_eq!(request(&limit, 20, now).0, None);
    assert_eq!(request(&limit, 15, now).0, Some(Kind::RateLimited(1)), "10 are left");
    for _ in 0..2 {
        let mut allowance = Allowance::of(Some(Arc::clone(&limit)));
        assert!(allowance.check(now + ms(499)).is_err(), "14 are there, and one would do");
    }
    assert_eq!(request(&limit, 15, now + ms(500)).0, None);

    assert_eq!(request(&limit, 20, now + ms(600)).0, Some(Kind::RateLimited(2)));
    assert_eq!(request(&limit, 1, now + ms(1_599)).0, Some(Kind::RateLimited(1)));
    assert_eq!(request(&limit, 1, now + ms(1_600)).0, None, "small ones need not wait for large ones");
}

#[test]
fn large_events_count_as_several() {
    for (events, bytes, counted) in
        [(0, 0, 1), (1, 1, 1), (1, 4096, 1), (1, 4097, 2), (3, 8192, 3), (2, 65_536, 16)]
    {
        assert_eq!(events_of(events, bytes), counted, "{events} of {bytes} bytes");
    }
}

#[test]
fn without_a_limit_nothing_is_refused_or_said() {
    let (mut allowance, now) = (Allowance::unlimited(), Instant::now());
    assert!(allowance.check(now).is_ok() && allowance.take(u32::MAX, now).is_ok());
    allowance.settle(Kind::NotJson, now);
    assert_eq!(allowance.headers().count(), 0);
}

/// How many events clients bring through in so long: each sends bodies of its size, one after the other, and waits for as
/// long as it is told. Those that come at the same time are all let in before the first one's body is read.
fn brought_through(limit: &Arc<RateLimit>, start: Instant, bodies: &[u32], time: Duration) -> u64 {
    const ANSWER_TIME: Duration = ms(1);
    let mut through = 0;
    let mut due = vec![start; bodies.len()];
    loop {
        let now = *due.iter().min().expect("a client");
        if now - start > time {
            return through;
        }
        let mut underway: Vec<(usize, Allowance, Result<(), Problem>)> = Vec::new();
        for client in (0..bodies.len()).filter(|client| due[*client] == now) {
            let mut allowance = Allowance::of(Some(Arc::clone(limit)));
            let checked = allowance.check(now);
            underway.push((client, allowance, checked));
        }
        for (client, mut allowance, checked) in underway {
            match checked.and_then(|()| allowance.take(bodies[client], now)) {
                Ok(()) => {
                    through += u64::from(bodies[client]);
                    due[client] = now + ANSWER_TIME;
                }
                Err(problem) => {
                    allowance.settle(problem.kind(), now);
                    let Kind::RateLimited(seconds) = problem.kind() else { panic!("{problem:?}") };
                    due[client] = now + Duration::from_secs(seconds.into());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn clients_that_wait_as_they_are_told_get_the_whole_rate_between_them(
        bodies in prop::collection::vec(1..=30_u32, 1..40),
        rate in 1..100_u32,
        beyond in 0..50_u32,
    ) {
        const SECONDS: u32 = 60;
        let burst = bodies.iter().max().expect("a client") + beyond;
        let (limit, start) = limit(rate, Some(burst), 1);
        let through = brought_through(&limit, start, &bodies, Duration::from_secs(SECONDS.into()));
        prop_assert!(through >= u64::from(rate * SECONDS), "{through}");
        prop_assert!(through <= u64::from(burst + rate * (SECONDS + 1)), "{through}");
    }
}
