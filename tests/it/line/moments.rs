//! Moments: what `--since` accepts, and a local clock that steps back once a year.

use haproxy_autoscale::log::format::LogFormat;
use haproxy_autoscale::log::line::{Parser, format_local_ms, parse_local_ms};
use haproxy_autoscale::log::local_time::LocalTime;
use haproxy_autoscale::log::recorded::Period;
use haproxy_autoscale::words::moment::Moment;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::time::{Duration, SystemTime};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Some day at three in the morning.
const THREE: u64 = 20_000 * 24 * HOUR + 3 * HOUR;

/// The clock at a true time, set back by an hour at [`THREE`].
fn shown(time: u64) -> u64 {
    if time < THREE { time } else { time - HOUR }
}

#[test]
fn a_moment_is_a_date_with_as_much_time_as_wanted() {
    let now = SystemTime::UNIX_EPOCH;
    for (text, meant) in [
        ("2026-11-21", "2026-11-21T00:00:00.000"),
        ("2026-11-21T23:00", "2026-11-21T23:00:00.000"),
        ("2026-11-21 23:59:58", "2026-11-21T23:59:58.000"),
        ("2026-11-21 23:00:00.5", "2026-11-21T23:00:00.500"),
        ("2024-02-29T00:00:00.007", "2024-02-29T00:00:00.007"),
    ] {
        let moment = Moment::parse(text).unwrap();
        let in_berlin = TimeZone::get("Europe/Berlin").unwrap();
        let ms = moment.log_ms(now, &in_berlin);
        assert_eq!(
            format_local_ms(ms),
            meant,
            "the log's own time, whatever its zone"
        );
    }
    for text in [
        "",
        "yesterday",
        "2026-11-21T",
        "2026-11-21T23",
        "2026-11-21T24:00",
        "5M",
        "25:00",
        "3:10",
        "2026-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-+1-01",
        "2026-1-1",
        "26-11-21",
        "2026-11-21T23:00:00.",
        "2026-11-21T23:00:00.1234",
        "2026-11-21T23:00.5",
        "21/Nov/2026:23:00:00",
        "1763766000",
    ] {
        let error = Moment::parse(text).expect_err(text);
        assert!(error.contains("2026-11-21T23:00"), "{error}");
    }
}

#[test]
fn a_moment_is_so_long_ago_a_time_of_today_or_one_with_its_zone() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    // 10:00 in Berlin.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_338_000);
    for (text, meant) in [
        ("10m", "2026-11-22T08:50:00Z"),
        ("2h 30m", "2026-11-22T06:30:00Z"),
        ("03:10", "2026-11-22T02:10:00Z"),
        ("09:59:58", "2026-11-22T08:59:58Z"),
        ("23:00", "2026-11-21T22:00:00Z"),
        ("2026-11-22", "2026-11-21T23:00:00Z"),
        ("2026-07-01T00:00", "2026-06-30T22:00:00Z"),
        ("2026-11-21T23:00:00+01:00", "2026-11-21T22:00:00Z"),
        ("2026-11-21T23:00:00Z", "2026-11-21T23:00:00Z"),
        ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
    ] {
        let wall = Moment::parse(text).unwrap().wall(now, &zone);
        assert_eq!(humantime::format_rfc3339(wall).to_string(), meant, "{text}");
    }
    let in_log = Moment::parse("03:10").unwrap().log_ms(now, &zone);
    assert_eq!(format_local_ms(in_log), "2026-11-22T03:10:00.000");
}

/// The moment of a line whose format has no date, of its head alone.
fn of_head(head: &str, today: &str) -> Option<String> {
    let format = LogFormat::compile("%b %s %ST %Tr").unwrap();
    let today_ms = parse_local_ms(today.as_bytes()).unwrap();
    let parser = Parser::new(&format, "haproxy").with_today(today_ms);
    let line = format!("{head}lb1 haproxy[1]: web web1 200 5");
    let record = parser.parse(line.as_bytes());
    record.expect(head).ended_ms.map(format_local_ms)
}

#[test]
fn a_date_without_a_year_is_of_the_last_twelve_months() {
    let new_year = "05/Jan/2027:12:00:00.000";
    for (head, wanted) in [
        ("Dec 31 23:59:59 ", "2026-12-31T23:59:59.000"),
        ("Jan  1 00:00:01 ", "2027-01-01T00:00:01.000"),
        // The log's clock may be some hours ahead of ours.
        ("Jan  6 03:00:00.250123 ", "2027-01-06T03:00:00.250"),
        ("Jan  7 03:00:00 ", "2026-01-07T03:00:00.000"),
    ] {
        let found = of_head(head, new_year);
        assert_eq!(found.as_deref(), Some(wanted), "{head}");
    }
    assert_eq!(of_head("Feb 29 03:00:00 ", new_year), None, "no such day");
}

#[test]
fn dates_with_a_year_are_what_they_say() {
    let long_ago = "01/Jan/2020:00:00:00.000";
    for (head, wanted) in [
        ("2026-11-18T13:18:41.7775+01:00 ", "2026-11-18T13:18:41.777"),
        ("2026-11-18T13:18:41-0730 ", "2026-11-18T13:18:41.000"),
        ("2026-11-18T13:18:41Z ", "2026-11-18T13:18:41.000"),
        ("Wed 2026-11-18 13:18:41 CET ", "2026-11-18T13:18:41.000"),
    ] {
        let found = of_head(head, long_ago);
        assert_eq!(found.as_deref(), Some(wanted), "{head}");
    }
    assert_eq!(of_head("2026-13-18T13:18:41Z ", long_ago), None);
}

#[test]
fn a_period_begins_with_since_and_ends_before_until() {
    let period = Period {
        since_ms: Some(10),
        until_ms: Some(20),
    };
    let inside: Vec<_> = (0..30).filter(|at| period.contains(*at)).collect();
    assert_eq!(inside, (10..20).collect::<Vec<_>>());
    assert!(Period::default().contains(0) && Period::default().contains(u64::MAX));
}

#[test]
fn a_line_without_a_moment_belongs_to_those_around_it() {
    let taken = |moments: &[Option<u64>]| -> Vec<bool> {
        let period = Period {
            since_ms: Some(10),
            until_ms: Some(20),
        };
        let mut sieve = period.sieve(moments.iter().copied());
        moments.iter().map(|moment| sieve.takes(*moment)).collect()
    };
    assert_eq!(
        taken(&[None, Some(9), None, Some(10), None, None, Some(20), None]),
        [false, false, false, true, true, true, false, false]
    );
    assert_eq!(taken(&[None, None, Some(15)]), [true, true, true]);
    assert_eq!(taken(&[None, None]), [true, true], "nothing is hidden");
    let mut everything = Period::default().sieve([Some(0)].into_iter());
    assert!(everything.takes(None) && everything.takes(Some(0)) && everything.takes(None));
}

#[test]
fn one_line_from_an_hour_ago_is_no_fold() {
    let mut time = LocalTime::default();
    for second in 0..20 {
        assert_eq!(time.take(THREE + second * 1000), THREE + second * 1000);
    }
    let now = THREE + 19_000;
    assert_eq!(time.take(now - HOUR), now);
    for second in 20..7200 {
        let at = THREE + second * 1000;
        assert_eq!(time.take(at), at);
        assert_eq!(time.as_logged(at), at);
    }
}

#[test]
fn two_clocks_in_one_log_make_neither_run_away() {
    let mut time = LocalTime::default();
    for second in 0..10_000 {
        let at = THREE + second * 1000;
        assert!(time.take(at) <= at + MINUTE);
        assert!(time.take(at - HOUR) <= at + MINUTE);
    }
}

#[test]
fn a_request_that_began_before_the_fold_ends_when_it_ended() {
    let mut time = LocalTime::default();
    for second in 0..7200 {
        let now = THREE - HOUR + second * 1000;
        assert_eq!(time.take(shown(now)), now);
        // One that was accepted half an hour ago: date as shown then, and Ta.
        let ended = shown(now - HOUR / 2) + HOUR / 2;
        assert_eq!(time.take(ended), now, "{second}");
    }
}

#[test]
fn a_step_back_that_is_no_fold_lets_time_stand_still() {
    for back in [1, 29 * MINUTE, 62 * MINUTE, 24 * HOUR] {
        let mut time = LocalTime::default();
        assert_eq!(time.take(THREE), THREE);
        for line in 0..20 {
            assert_eq!(time.take(THREE - back + line.min(1)), THREE);
        }
        assert_eq!(time.take(THREE + 1), THREE + 1);
    }
}

#[test]
fn a_log_with_pauses_is_through_the_fold_after_a_few_lines() {
    let mut time = LocalTime::default();
    let mut late = 0;
    // A line every twelve minutes until the fold, then one a second.
    for now in (0..10).map(|line| THREE - (120 - 12 * line) * MINUTE) {
        assert_eq!(time.take(shown(now)), now);
    }
    for now in (0..600).map(|second| THREE + second * 1000) {
        late += u32::from(time.take(shown(now)) != now);
    }
    assert_eq!(late, 7);
}

proptest! {
    /// A line every second or so, a little out of order, through a fold and the day behind it.
    #[test]
    fn through_a_fold_time_is_what_it_was(
        gaps in proptest::collection::vec(0..240_000_u64, 200..400), late in 0..50_u64,
    ) {
        let (mut plain, mut folded) = (LocalTime::default(), LocalTime::default());
        let (mut now, mut was_in_it) = (THREE - 100 * 120_000, false);
        for (number, gap) in gaps.into_iter().enumerate() {
            now += gap;
            let ended = if number % 3 == 0 { now - late } else { now };
            let time = plain.take(ended);
            prop_assert_eq!(folded.take(shown(ended)), time);
            if number % 3 != 0 && was_in_it == (ended >= THREE) {
                prop_assert_eq!(folded.as_logged(time), shown(time));
            }
            was_in_it = ended >= THREE;
        }
    }
}
