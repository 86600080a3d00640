//! What one channel is told, in virtual time.

use std::time::{Duration, SystemTime};

use haproxy_autoscale::alerts::incidents::{
    END_AGAIN_AFTER, GAP_MAX, Incidents, Remembered, RestartGaps, SETTLE,
};
use haproxy_autoscale::config::On;
use haproxy_autoscale::publish::alert::{Incident, Subject};
use haproxy_autoscale::status::Told;
use haproxy_autoscale::words::time::Timestamp;

const EVERY: Duration = Duration::from_secs(600);

fn at(second: u64) -> (Timestamp, SystemTime) {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    (Timestamp::from_ms(second * 1000), wall)
}

fn told(code: &'static str, backend: &str) -> Told {
    Told {
        backend: Some(backend.to_owned()),
        about: None,
        code,
        text: format!("{code} in {backend}"),
        since: SystemTime::UNIX_EPOCH,
    }
}

/// `+web slow`, `-web slow`, or `muted`, with the second.
fn look(
    incidents: &mut Incidents,
    second: u64,
    problems: &[Told],
    pause: Option<&str>,
) -> Vec<String> {
    let (now, wall) = at(second);
    let said = incidents.look(now, wall, problems, pause);
    let said = said.into_iter().map(|saying| match saying.what {
        Subject::Begun(it) => format!("{second} +{} {}", it.backend.unwrap_or_default(), it.code),
        Subject::Ended { incident: it, .. } => {
            format!("{second} -{} {}", it.backend.unwrap_or_default(), it.code)
        }
        Subject::Muted(_) => format!("{second} muted"),
        Subject::Unmuted => format!("{second} unmuted"),
        Subject::Event(_) | Subject::Test(_) => unreachable!("no look says that"),
    });
    said.collect()
}

fn channel() -> Incidents {
    Incidents::new(vec![On::Problem], EVERY)
}

#[test]
fn a_thousand_incidents_in_a_minute_are_a_thousand_messages_and_a_thousand_ends() {
    let mut channel = channel();
    let mut said = Vec::new();
    for second in 0..200 {
        // Each lasts 60 s; 1,000 begin within a minute.
        let is_on = |number: u64| {
            let begins = number * 60 / 1000;
            (begins..begins + 60).contains(&second)
        };
        let problems = (0..1000).filter(|number| is_on(*number));
        let problems = problems.map(|number| told("unknown_backend", &format!("b{number}")));
        let problems: Vec<Told> = problems.collect();
        said.extend(look(&mut channel, second, &problems, None));
    }
    for number in 0..1000 {
        for sign in ['+', '-'] {
            let of_it = format!(" {sign}b{number} unknown_backend");
            let count = said.iter().filter(|it| it.ends_with(&of_it)).count();
            assert_eq!(count, 1, "{of_it}");
        }
    }
    assert_eq!(said.len(), 2000);
}

#[test]
fn what_is_gone_at_once_is_no_incident_and_a_short_gap_is_no_end() {
    let mut channel = channel();
    let slow = [told("slow_all_in", "web")];
    let mut said = Vec::new();
    for second in 0..120 {
        // A blip of 3 s; then from 20 on with a gap of 10 s.
        let is_there =
            (0..3).contains(&second) || (20..40).contains(&second) || (50..60).contains(&second);
        let problems = if is_there { &slow[..] } else { &[] };
        said.extend(look(&mut channel, second, problems, None));
    }
    let (settle, gap) = (SETTLE.as_secs(), GAP_MAX.as_secs());
    let expected = [
        format!("{} +web slow_all_in", 20 + settle),
        format!("{} -web slow_all_in", 59 + gap + 1),
    ];
    assert_eq!(said, expected);
}

#[test]
fn the_same_incident_is_told_once_in_every_and_its_end_only_if_its_beginning_was() {
    let mut channel = channel();
    let slow = [told("slow_all_in", "web")];
    let mut said = Vec::new();
    for second in 0..2000_u64 {
        // 30 s on, 30 s off.
        let problems = if second % 60 < 30 { &slow[..] } else { &[] };
        said.extend(look(&mut channel, second, problems, None));
    }
    let begun: Vec<u64> = said
        .iter()
        .filter(|it| it.contains('+'))
        .map(|it| it.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(begun.len() >= 3, "{said:?}");
    assert!(
        begun
            .windows(2)
            .all(|two| two[1] - two[0] >= EVERY.as_secs()),
        "{said:?}"
    );
    assert_eq!(
        said.iter().filter(|it| it.contains('-')).count(),
        begun.len(),
        "{said:?}"
    );
}

#[test]
fn a_clock_that_is_set_back_or_ahead_neither_repeats_an_incident_nor_silences_one() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let day_one = SystemTime::UNIX_EPOCH + DAY;
    for shifted in [day_one - DAY, day_one + 2 * DAY] {
        let mut channel = channel();
        let (mut begun, mut lasted) = (Vec::new(), Vec::new());
        for second in 0..2000_u64 {
            // The clock is set in the middle of the first incident, which lasts 100 s; the next ones follow.
            let wall = if second < 50 { day_one } else { shifted };
            let wall = wall + Duration::from_secs(second);
            let mut slow = told("slow_all_in", "web");
            slow.since = day_one;
            let problems = if second % 200 < 100 {
                vec![slow]
            } else {
                vec![]
            };
            let now = Timestamp::from_ms(second * 1000);
            for saying in channel.look(now, wall, &problems, None) {
                match saying.what {
                    Subject::Begun(_) => begun.push(second),
                    Subject::Ended { lasted: it, .. } => lasted.push(it),
                    other @ (Subject::Event(_)
                    | Subject::Muted(_)
                    | Subject::Unmuted
                    | Subject::Test(_)) => unreachable!("{other:?}"),
                }
            }
        }
        // The first, and each that lasts when `every` has passed.
        assert_eq!(begun, [5, 605, 1205, 1805], "{shifted:?}");
        assert_eq!(lasted.len(), begun.len(), "{shifted:?}");
        // At least as long as it was seen.
        let seen = Duration::from_secs(99);
        assert!(lasted.iter().all(|it| *it >= seen), "{lasted:?}");
    }
}

#[test]
fn another_reason_why_nothing_can_help_is_the_same_incident() {
    let mut channel = channel();
    let mut said = Vec::new();
    for second in 0..60 {
        let code = if second < 20 {
            "slow_no_spare"
        } else {
            "slow_max_reached"
        };
        said.extend(look(&mut channel, second, &[told(code, "web")], None));
    }
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn what_all_backends_suffer_from_is_one_incident() {
    let mut channel = channel();
    let problems = [
        told("unreachable", "a"),
        told("unreachable", "b"),
        told("log_missing", "a"),
        told("log_absent", "a"),
        told("log_absent", "b"),
    ];
    let said: Vec<_> = (0..30)
        .flat_map(|second| look(&mut channel, second, &problems, None))
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
}

#[test]
fn a_pause_of_everything_is_said_once_and_what_ended_meanwhile_is_told_after_it() {
    let mut channel = channel();
    let slow = [told("slow_all_in", "web")];
    let mut said = Vec::new();
    for second in 0..300 {
        let problems = if second < 30 { &slow[..] } else { &[] };
        let pause = (20..200).contains(&second).then_some("paused");
        said.extend(look(&mut channel, second, problems, pause));
    }
    assert_eq!(
        said,
        [
            "5 +web slow_all_in",
            "20 muted",
            "200 unmuted",
            "200 -web slow_all_in"
        ]
    );
}

#[test]
fn single_codes_and_classes_select() {
    for (on, expected) in [
        (vec![On::Problem], 2),
        (vec![On::Change], 0),
        (vec![On::Code("unreachable".to_owned())], 1),
        (vec![On::Change, On::Code("slow_all_in".to_owned())], 1),
    ] {
        let mut channel = Incidents::new(on.clone(), EVERY);
        let problems = [told("unreachable", "a"), told("slow_all_in", "b")];
        let said: Vec<_> = (0..20)
            .flat_map(|second| look(&mut channel, second, &problems, None))
            .collect();
        assert_eq!(said.len(), expected, "{on:?}: {said:?}");
    }
}

#[test]
fn while_haproxy_cannot_be_read_nothing_of_a_backend_is_over() {
    let mut channel = Incidents::new(vec![On::Problem], EVERY);
    let slow = told("slow_all_in", "web");
    let silent = told("unreachable", "web");
    let mut said = Vec::new();
    for second in 0..400 {
        let problems = match second {
            // After the silence it takes a moment until it is known again.
            0..30 | 230..260 => vec![slow.clone()],
            30..200 => vec![silent.clone()],
            _ => Vec::new(),
        };
        said.extend(look(&mut channel, second, &problems, None));
    }
    assert_eq!(
        said,
        [
            "5 +web slow_all_in",
            "35 + unreachable",
            "215 - unreachable",
            "275 -web slow_all_in"
        ]
    );
}

#[test]
fn without_a_log_nothing_that_is_told_from_it_is_over() {
    let mut channel = channel();
    let (slow, down) = (told("slow_all_in", "web"), told("not_serving", "web"));
    let missing = told("log_missing", "web");
    let mut said = Vec::new();
    for second in 0..400 {
        let problems = match second {
            0..30 => vec![slow.clone(), down.clone()],
            30..200 => vec![missing.clone()],
            _ => Vec::new(),
        };
        said.extend(look(&mut channel, second, &problems, None));
    }
    let ended: Vec<_> = said.iter().filter(|it| it.contains('-')).collect();
    // The one is read from HAProxy, which answers.
    assert_eq!(ended[0], "45 -web not_serving", "{said:?}");
    assert_eq!(ended[1], "215 - log_missing", "{said:?}");
    assert!(ended[2].ends_with("-web slow_all_in"), "{said:?}");
    assert_eq!(ended.len(), 3, "{said:?}");
}

#[test]
fn an_end_that_was_given_up_is_told_again_and_not_when_it_has_begun_again() {
    for comes_back in [false, true] {
        let mut channel = channel();
        let slow = [told("slow_all_in", "web")];
        let mut said = Vec::new();
        for second in 0..1000 {
            let is_there = second < 20 || comes_back && second > 100;
            let problems = if is_there { &slow[..] } else { &[] };
            let (now, wall) = at(second);
            for saying in channel.look(now, wall, problems, None) {
                let is_end = matches!(saying.what, Subject::Ended { .. });
                if is_end && said.len() == 1 {
                    channel.give_up(now, &saying);
                }
                said.push((second, is_end));
            }
        }
        let again = 35 + END_AGAIN_AFTER.as_secs();
        let expected = [(5, false), (35, true), (again, true)];
        let count = if comes_back { 2 } else { 3 };
        assert_eq!(said, expected[..count]);
    }
}

#[test]
fn after_a_restart_nothing_is_over_before_it_could_be_found_again() {
    let mut channel = channel();
    let gaps = RestartGaps {
        probe: Duration::from_secs(900),
        other: Duration::from_secs(300),
    };
    let (start, wall) = at(1000);
    let remembered = |code: &str| Remembered {
        incident: Incident {
            code: code.to_owned(),
            backend: None,
            about: None,
            text: code.to_owned(),
            since: wall,
        },
        number: 0,
        told_at: start,
    };
    let both = vec![remembered("probe_down"), remembered("slow_all_in")];
    channel.recall(start, both, false, gaps);
    let said: Vec<_> = (1000..3000)
        .flat_map(|second| look(&mut channel, second, &[], None))
        .collect();
    assert_eq!(said, ["1301 - slow_all_in", "1901 - probe_down"]);
}

#[test]
fn a_channel_that_is_told_less_hears_no_end_of_the_rest() {
    let mut channel = channel();
    let problems = [told("slow_all_in", "web"), told("not_serving", "web")];
    for second in 0..10 {
        look(&mut channel, second, &problems, None);
    }
    channel.reconfigure(vec![On::Code("not_serving".to_owned())], EVERY);
    let said: Vec<_> = (10..100)
        .flat_map(|second| {
            let problems = if second < 20 { &problems[..] } else { &[] };
            look(&mut channel, second, problems, None)
        })
        .collect();
    assert_eq!(said, ["35 -web not_serving"]);
}
