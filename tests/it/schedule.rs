//! The hours that a schedule names, as instants: weekdays, midnight, daylight saving.

use std::time::Duration;

use haproxy_autoscale::config::parse;
use haproxy_autoscale::schedule::{ClockOf, Moment, shifts};
use haproxy_autoscale::words::calendar::moment_ms;
use haproxy_autoscale::words::time::Timestamp;

use crate::support::program::{file, objects, run};

const DAY: Duration = Duration::from_secs(86_400);
const HOUR_MS: u64 = 3_600_000;

fn ms(day: (u64, usize, u64), time: &str) -> u64 {
    moment_ms(day, time.as_bytes(), 0).expect("a moment")
}

/// Hours within `ahead` of a UTC moment, as milliseconds from that moment, and their `min`.
fn hours(lines: &str, clock: ClockOf, from_ms: u64, ahead: Duration) -> Vec<(u64, u64, u32)> {
    let text = format!("[backend.web]\nalways_up = ['web1']\nresponse_time = '500ms'\n{lines}");
    let config = parse(&text, "c.toml")
        .unwrap_or_else(|errors| panic!("{errors}"))
        .config;
    let now = Moment {
        clock,
        ms: from_ms,
        at: Timestamp::default(),
    };
    let shifts = shifts(&config.backends["web"].schedules, now, ahead);
    let shifts = shifts.iter();
    shifts
        .map(|it| (it.from.as_ms(), it.to.as_ms(), it.min))
        .collect()
}

fn schedule(days: &str, from: &str, to: &str, zone: &str, min: u32) -> String {
    format!(
        "[[backend.web.schedule]]\ndays = '{days}'\nfrom = '{from}'\nto = '{to}'\nzone = '{zone}'\nmin = {min}\n"
    )
}

#[test]
fn hours_are_those_of_the_zone_on_the_days_that_are_named() {
    // Thursday, 26 November 2026; Berlin is an hour ahead of UTC.
    let lines = schedule("mon-fri", "07:30", "18:00", "Europe/Berlin", 3);
    let found = hours(
        &lines,
        ClockOf::World,
        ms((2026, 10, 26), "00:00:00"),
        4 * DAY,
    );
    let day_ms = 24 * HOUR_MS;
    let (from, to) = (6 * HOUR_MS + HOUR_MS / 2, 17 * HOUR_MS);
    assert_eq!(found, [(from, to, 3), (from + day_ms, to + day_ms, 3)]);
}

#[test]
fn hours_that_end_before_they_begin_end_on_the_next_day_and_one_that_has_begun_still_counts() {
    let lines = schedule("sat", "22:00", "06:00", "UTC", 2);
    // Sunday, 29 November 2026, at two in the morning.
    let found = hours(&lines, ClockOf::World, ms((2026, 10, 29), "02:00:00"), DAY);
    assert_eq!(found, [(0, 4 * HOUR_MS, 2)]);
    let all_day = schedule("sun", "00:00", "24:00", "UTC", 2);
    let found = hours(
        &all_day,
        ClockOf::World,
        ms((2026, 10, 28), "00:00:00"),
        3 * DAY,
    );
    assert_eq!(found, [(24 * HOUR_MS, 48 * HOUR_MS, 2)]);
}

#[test]
fn a_night_in_which_clocks_change_is_as_long_as_it_is() {
    let lines = schedule("sat", "22:00", "06:00", "Europe/Berlin", 2);
    let length = |day| {
        let found = hours(&lines, ClockOf::World, ms(day, "12:00:00"), DAY);
        let [(from, to, 2)] = found[..] else {
            panic!("{found:?}");
        };
        (to - from) / HOUR_MS
    };
    assert_eq!(length((2026, 2, 28)), 7, "an hour is left out on 29 March");
    assert_eq!(length((2026, 9, 24)), 9, "one comes twice on 25 October");
    assert_eq!(length((2026, 9, 31)), 8);
    // Half past two does not exist on 29 March: what begins then begins at three, an hour after midnight
    // and one that is left out.
    let of_that_night = |from, to| {
        let lines = schedule("sun", from, to, "Europe/Berlin", 2);
        hours(&lines, ClockOf::World, ms((2026, 2, 29), "00:00:00"), DAY)
    };
    assert_eq!(of_that_night("02:30", "05:00"), [(HOUR_MS, 3 * HOUR_MS, 2)]);
    let quarter = HOUR_MS / 4;
    assert_eq!(
        of_that_night("02:15", "03:15"),
        [(HOUR_MS, HOUR_MS + quarter, 2)]
    );
    assert_eq!(of_that_night("02:30", "03:00"), []);
}

#[test]
fn a_range_of_days_may_go_over_the_end_of_the_week() {
    let lines = schedule("fri-mon", "10:00", "11:00", "UTC", 2);
    let found = hours(
        &lines,
        ClockOf::World,
        ms((2026, 10, 23), "00:00:00"),
        7 * DAY,
    );
    let days: Vec<u64> = found
        .iter()
        .map(|(from, ..)| from / (24 * HOUR_MS))
        .collect();
    assert_eq!(days, [0, 4, 5, 6], "Monday, and Friday to Sunday");
}

#[test]
fn the_clock_of_a_log_is_taken_for_that_of_the_schedule() {
    let lines = schedule("mon-sun", "07:30", "18:00", "America/New_York", 3);
    let found = hours(&lines, ClockOf::Log, ms((2026, 10, 26), "00:00:00"), DAY);
    assert_eq!(found, [(7 * HOUR_MS + HOUR_MS / 2, 18 * HOUR_MS, 3)]);
}

#[test]
fn hours_of_several_schedules_come_in_the_order_in_which_they_begin() {
    let lines = schedule("mon-sun", "12:00", "13:00", "UTC", 4)
        + &schedule("mon-sun", "08:00", "18:00", "UTC", 2);
    let found = hours(&lines, ClockOf::World, ms((2026, 10, 26), "00:00:00"), DAY);
    let mins: Vec<u32> = found.iter().map(|(.., min)| *min).collect();
    assert_eq!(mins, [2, 4]);
}

const SHIFT: &str =
    "[[backend.web.schedule]]\nfrom = '00:30'\nto = '01:00'\nzone = 'Europe/Berlin'\nmin = 3\n";

#[test]
fn a_replay_keeps_the_hours_by_the_clock_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        "[backend.web]\nalways_up = ['web1']\nspares = ['web2', 'web3']\nresponse_time = '500ms'\n\
                  scale_down_cooldown = '1s'\n"
            .to_owned()
            + SHIFT;
    let config = file(folder.path(), "x.toml", config);
    // A fast request each ten seconds, for two hours of a night and an hour of the next one.
    let night = |day: u64, last: u64| {
        (0..last / 10).map(move |tens| {
            let (minute, second) = (tens / 6 % 60, tens % 6 * 10);
            format!(
                "127.0.0.1:5 [{day}/Nov/2026:{:02}:{minute:02}:{second:02}.000] fe web/web1 0/0/0/9/9 \
                 200 161 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"\n",
                tens / 360
            )
        })
    };
    let log: String = night(21, 7200).chain(night(22, 3600)).collect();
    let log = file(folder.path(), "x.log", log);
    let out = run(&["replay", "-c", &config, &log, "--json"]).succeeded();
    let decisions = objects(&out);
    let decisions = decisions.iter().filter(|it| it["summary"].is_null());
    let moved: Vec<String> = decisions
        .filter(|it| it["change"] == "enable" || it["change"] == "disable")
        .map(|it| {
            let at = it["at"].as_str().unwrap();
            format!(
                "{} {} {}",
                &at[8..16],
                it["change"].as_str().unwrap(),
                it["server"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        moved,
        [
            "21T00:30 enable web2",
            "21T00:30 enable web3",
            "21T01:00 disable web3",
            "21T01:00 disable web2",
            "22T00:30 enable web2",
            "22T00:30 enable web3",
        ],
        "{out}"
    );
    assert!(
        out.contains("min is 3 by the schedule until 01:00"),
        "{out}"
    );
}

#[test]
fn a_simulation_begins_on_a_monday_at_midnight_and_keeps_the_hours() {
    let folder = tempfile::tempdir().unwrap();
    let servers_mean = |lines: &str| {
        let config =
            "[backend.web]\nalways_up = ['web1']\nresponse_time = '500ms'\n".to_owned() + lines;
        let config = file(folder.path(), "x.toml", config);
        let out = run(&[
            "simulate",
            "-c",
            &config,
            "--shape",
            "steady",
            "--peak",
            "1",
            "--seconds",
            "7200",
            "--policies",
            "ours",
            "--json",
        ])
        .succeeded();
        let run = &objects(&out)[0]["runs"][0];
        (
            run["servers_mean"].as_f64().unwrap(),
            run["changes"].as_u64().unwrap(),
        )
    };
    let (alone, changes) = servers_mean("");
    assert_eq!(changes, 0);
    assert!((alone - 1.0).abs() < 0.01, "{alone}");
    // Two more for half an hour, and until they have gone, one by one.
    let (mean, changes) = servers_mean(SHIFT);
    assert_eq!(changes, 4);
    assert!((1.5..1.6).contains(&mean), "{mean}");
    let tuesday = SHIFT.replace("from", "days = 'tue'\nfrom");
    assert_eq!(servers_mean(&tuesday).1, 0);
}
