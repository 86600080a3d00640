//! Made logs whose decisions, instants and sums can be computed by hand.

use super::made::{at, decisions, ended, replay, stamp, summary};

/// Ten in the morning.
const T0: u64 = 36_000_000;
const SECOND: u64 = 1000;
const PLAIN: &str = "always_up = [\"web1\"]\nspares = [\"web2\"]\nresponse_time = \"500ms\"\n\
                     window = 15\nmin_span = \"0s\"\nidle_timeout = \"30s\"";

/// When `slow(45)` and then `fast` have been quiet for `idle_timeout`. Quiet is judged on a fifth of
/// that, 6 s, in slices of 500 ms: at 10:00:09.5 those from 4.0 s on hold six slow and five fast
/// requests, 441 ms on average; at 10 s those from 4.5 s on hold one and five, 142 ms, which is
/// below 0.6 times 500 ms.
const DRAINED: u64 = T0 + 10 * SECOND + 30 * SECOND;

/// Requests of 800 ms (and 200 ms until the request was there), ending every 100 ms.
fn slow(count: u64) -> String {
    (1..=count)
        .map(|number| ended(T0 + number * 100, "web/web1", [200, 0, 1, 799]))
        .collect()
}

/// Requests of 10 ms, one a second, the first one a second after the last of the slow ones.
fn fast(after: u64, count: u64) -> String {
    (1..=count)
        .map(|number| ended(after + number * SECOND, "web/web1", [0, 0, 0, 10]))
        .collect()
}

#[test]
fn the_fifteenth_thirtieth_and_forty_fifth_requests_end_breaches_and_the_last_enables() {
    let out = replay(PLAIN, &slow(45), &["--json"]).succeeded();
    let [first, second, third] = [15, 30, 45].map(|number| stamp(T0 + number * 100));
    assert_eq!(
        decisions(&out),
        [
            format!("{first} breach -"),
            format!("{second} breach -"),
            format!("{third} breach -"),
            format!("{third} warm_up web2"),
            format!("{third} enable web2"),
        ]
    );
    assert!(out.contains(&at(T0 + 4500)), "date + Ta: {out}");
    assert!(
        out.contains("mean 800 ms > 500 ms over 15 requests in 1.4s (2 of 3)"),
        "{out}"
    );
    let one_less = replay(PLAIN, &slow(44), &["--json"]).succeeded();
    assert_eq!(decisions(&one_less).len(), 2, "{one_less}");
}

#[test]
fn sums_are_those_that_one_gets_by_hand() {
    let log = slow(45) + &fast(T0 + 4500, 50);
    let out = replay(PLAIN, &log, &["--json"]).succeeded();
    let sum = summary(&out);
    // Three windows of 15 requests, 14 distances of 100 ms each.
    assert_eq!(sum["above_threshold_seconds"], 4.2);
    assert_eq!(sum["lines"], 95);
    assert_eq!(sum["requests"], 95);
    let when = |change: &str| {
        let all = decisions(&out);
        all.into_iter().find(|it| it.contains(change)).unwrap()
    };
    assert_eq!(when("drain"), format!("{} drain web2", stamp(DRAINED)));
    // It has no session that could keep it, and is looked at again after 100 ms.
    let disabled = DRAINED + 100;
    assert_eq!(when("disable"), format!("{} disable web2", stamp(disabled)));
    assert_eq!(sum["spare_seconds"], (disabled - T0 - 4500) as f64 / 1000.0);

    let text = replay(PLAIN, &log, &[]).succeeded();
    assert!(
        text.contains("\n95 lines, 95 requests, 0 rejected\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "\n3 breaches, 1 enable, 1 disable · spare time 35.6s · above the threshold 4.2s\n"
        ),
        "{text}"
    );
}

#[test]
fn a_spare_that_still_serves_is_counted_up_to_the_last_line() {
    let log = slow(45) + &fast(T0 + 4500, 20);
    let out = replay(PLAIN, &log, &["--json"]).succeeded();
    assert_eq!(summary(&out)["spare_seconds"], 20.0);
    assert_eq!(summary(&out)["disables"], 0);
}

#[test]
fn nothing_happens_after_the_last_line() {
    let until = |last| {
        let log = slow(45) + &fast(T0 + 4500, 35) + &ended(last, "web/web1", [0, 0, 0, 10]);
        let mut all = decisions(&replay(PLAIN, &log, &["--json"]).succeeded());
        all.split_off(5)
    };
    let drain = format!("{} drain web2", stamp(DRAINED));
    let disable = format!("{} disable web2", stamp(DRAINED + 100));
    assert_eq!(until(DRAINED - 1), Vec::<String>::new());
    assert_eq!(until(DRAINED), std::slice::from_ref(&drain));
    assert_eq!(until(DRAINED + 99), std::slice::from_ref(&drain));
    assert_eq!(until(DRAINED + 100), [drain, disable]);
}

#[test]
fn a_pause_in_the_log_is_time_too() {
    // One line an hour later: everything that was due in between has happened at its own instant.
    let log = slow(45) + &ended(T0 + 3_600_000, "web/web1", [0, 0, 0, 10]);
    let all = decisions(&replay(PLAIN, &log, &["--json"]).succeeded());
    let drained = all.iter().find(|it| it.contains(" drain ")).unwrap();
    // Empty after 10 s without a sample, then idle_timeout.
    assert!(
        drained.as_str() < stamp(T0 + 4500 + 41 * SECOND).as_str(),
        "{all:?}"
    );
    assert!(
        drained.as_str() >= stamp(T0 + 4500 + 30 * SECOND).as_str(),
        "{all:?}"
    );
    assert!(all.last().unwrap().contains("disable web2"), "{all:?}");
}

#[test]
fn an_always_up_server_is_never_named_in_a_drain_or_disable() {
    let backend = "always_up = [\"web1\", \"web2\"]\nspares = [\"web3\"]\nresponse_time = \"500ms\"\n\
                   min_span = \"0s\"\nidle_timeout = \"2s\"\nscale_down_cooldown = \"1s\"";
    let mut log = String::new();
    for round in 0..4 {
        let start = T0 + round * 60 * SECOND;
        for number in 1..=90 {
            let server = if number % 2 == 0 {
                "web/web1"
            } else {
                "web/web2"
            };
            log += &ended(start + number * 100, server, [0, 0, 0, 800]);
        }
        log += &fast(start + 9 * SECOND, 40);
    }
    let all = decisions(&replay(backend, &log, &["--json"]).succeeded());
    let count = |change: &str| all.iter().filter(|it| it.contains(change)).count();
    assert_eq!(
        (count(" enable web3"), count(" disable web3")),
        (4, 4),
        "{all:?}"
    );
    assert!(
        all.iter()
            .all(|it| !it.ends_with("web1") && !it.ends_with("web2")),
        "{all:?}"
    );
}

#[test]
fn a_policy_with_its_own_signal_statistic_and_window_asks_for_as_many_as_it_says() {
    let backend = "always_up = [\"web1\"]\nspares = [\"web2\", \"web3\", \"web4\"]\n\
                   [[backend.web.policy]]\nsignal = \"queue_time\"\nstatistic = \"p95\"\n\
                   window = \"10s\"\nabove = \"100ms\"\nbreaches = 2\nadd = 2";
    // Every request waits, one in ten for 200 ms: p95 sees them and a mean would not.
    let log: String = (0..50)
        .map(|number| {
            let queue = if number % 10 == 5 { 200 } else { 20 };
            ended(T0 + number * 500, "web/web1", [0, queue, 1, 5])
        })
        .collect();
    let out = replay(backend, &log, &["--json"]).succeeded();
    let [first, second] = [10, 20].map(|seconds| stamp(T0 + seconds * SECOND));
    assert_eq!(
        decisions(&out),
        [
            format!("{first} breach -"),
            format!("{second} breach -"),
            format!("{second} warm_up web2"),
            format!("{second} warm_up web3"),
            format!("{second} enable web2"),
            format!("{second} enable web3"),
        ]
    );
    assert!(
        out.contains("queue_time p95 200 ms > 100 ms over 20 requests in 10s (2 of 2)"),
        "{out}"
    );
    assert_eq!(summary(&out)["above_threshold_seconds"], 20.0);
}

#[test]
fn of_two_policies_the_first_to_be_breached_often_enough_acts() {
    let backend = "always_up = [\"web1\"]\nspares = [\"web2\"]\n\
                   [[backend.web.policy]]\nsignal = \"response_time\"\nabove = \"10s\"\n\
                   [[backend.web.policy]]\nsignal = \"response_time\"\nstatistic = \"max\"\n\
                   timer = \"Tr\"\nwindow = 5\nmin_span = \"0s\"\nabove = \"700ms\"\nbreaches = 1";
    let out = replay(backend, &slow(5), &["--json"]).succeeded();
    let fifth = stamp(T0 + 500);
    assert_eq!(
        decisions(&out),
        [
            format!("{fifth} breach -"),
            format!("{fifth} warm_up web2"),
            format!("{fifth} enable web2"),
        ]
    );
    assert!(
        out.contains("Tr max 799 ms > 700 ms over 5 requests"),
        "{out}"
    );
}

#[test]
fn a_window_that_slides_is_looked_at_as_often_as_it_says() {
    let backend = "always_up = [\"web1\"]\nspares = [\"web2\"]\n\
                   [[backend.web.policy]]\nsignal = \"response_time\"\nwindow = \"10s\"\n\
                   every = \"2s\"\nabove = \"500ms\"\nbreaches = 3";
    let log: String = (0..=100)
        .map(|number| ended(T0 + number * 500, "web/web1", [0, 0, 1, 799]))
        .collect();
    let out = replay(backend, &log, &["--json"]).succeeded();
    let all = decisions(&out);
    // min_samples = 10 requests are there after 4.5 s: at 6 s, 8 s and 10 s.
    let at = |seconds: u64| stamp(T0 + seconds * SECOND);
    assert_eq!(
        all[..3],
        [6, 8, 10].map(|seconds| format!("{} breach -", at(seconds)))
    );
    assert!(
        all[4].ends_with("enable web2") && all[4].starts_with(&at(10)),
        "{all:?}"
    );
    // Overlapping windows are counted once each second.
    let above = summary(&out)["above_threshold_seconds"].as_f64().unwrap();
    assert!(above <= 50.0, "{above}");
}

#[test]
fn an_empty_log_is_said_to_be_empty() {
    let out = replay(PLAIN, "", &["--json"]);
    assert_eq!(
        out.err,
        "note: the log has no request of backend web; it has no request at all\n"
    );
    assert_eq!(
        out.succeeded(),
        "{\"summary\":{\"lines\":0,\"requests\":0,\"rejected\":0,\"breaches\":0,\"enables\":0,\
         \"disables\":0,\"spare_seconds\":0.0,\"above_threshold_seconds\":0.0}}\n"
    );
    let text = replay(PLAIN, "", &[]).succeeded();
    assert!(
        text.starts_with("0 lines, 0 requests, 0 rejected\n"),
        "{text}"
    );
}

#[test]
fn a_log_of_other_backends_says_which_ones_it_has() {
    let log: String = ["shop/s1", "api/a1", "shop/s2"]
        .iter()
        .zip(1..)
        .map(|(name, number)| ended(T0 + number * 100, name, [0, 0, 0, 900]))
        .collect();
    let text = replay(PLAIN, &log, &[]).succeeded();
    assert!(
        text.contains("note: the log has no request of backend web; it has api, shop\n"),
        "{text}"
    );
}

#[test]
fn without_a_spare_in_the_log_one_is_pretended_and_said() {
    let backend = PLAIN.replace("spares = [\"web2\"]\n", "");
    let out = replay(&backend, &slow(45), &[]).succeeded();
    assert!(out.contains("  enable         spare: "), "{out}");
    assert!(
        out.contains("note: web: no spare is named and the log shows none"),
        "{out}"
    );
    // A server of the log that is not always-up is the spare.
    let log = slow(45) + &ended(T0 + 4501, "web/web7", [0, 0, 0, 1]);
    let out = replay(&backend, &log, &["--json"]).succeeded();
    assert_eq!(
        decisions(&out).last().unwrap(),
        &format!("{} enable web7", stamp(T0 + 4500))
    );
}

#[test]
fn a_rate_of_requests_is_replayed_and_what_no_log_shows_is_said() {
    let policy = |signal: &str| {
        PLAIN.to_owned()
            + &format!("\n[[backend.web.policy]]\nsignal = \"{signal}\"\nabove = 5\nbreaches = 2\n")
    };
    let log: String = (0..600)
        .map(|number| ended(T0 + number * 100, "web/web1", [0, 0, 0, 1]))
        .collect();
    let out = replay(&policy("request_rate"), &log, &[]).succeeded();
    assert!(
        out.contains("enable         web2: request_rate mean 10/s > 5/s"),
        "{out}"
    );
    let out = replay(&policy("queue_length"), &log, &[]).succeeded();
    assert!(
        out.contains("note: web: queue_length cannot be replayed"),
        "{out}"
    );
    assert!(!out.contains("enable  "), "{out}");
}

#[test]
fn a_backend_of_two_hundred_servers_and_a_clock_that_steps_back_are_survived() {
    let mut log = String::new();
    for number in 0..2000 {
        let server = format!("web/s{}", number % 200);
        // Every hundredth line comes from an hour ago.
        let step = if number % 100 == 99 { 3_600_000 } else { 0 };
        log += &ended(T0 + number * 10 - step, &server, [0, 0, 0, 900]);
    }
    let backend = PLAIN.replace("spares = [\"web2\"]\n", "");
    let out = replay(&backend, &log, &["--json"]).succeeded();
    let all = decisions(&out);
    assert!(
        all.is_sorted_by_key(|it| it[..12].to_owned()),
        "time never goes back: {all:?}"
    );
    assert_eq!(summary(&out)["requests"], 2000);
}
