//! What a program of the operator's is told, and what its exit code and its JSON mean.

use std::time::Duration;

use haproxy_autoscale::machines::identity::id;
use haproxy_autoscale::machines::settings::Provider;
use haproxy_autoscale::words::machine::MachineAnswer::{self, Done, Is, NotYet};
use haproxy_autoscale::words::machine::MachineFailure::{Failed, Refused, Unknown};
use haproxy_autoscale::words::machine::MachineVerb::{Start, Status, Stop};
use haproxy_autoscale::words::machine::PowerState::{Gone, Off, On, Starting, Stopping};
use haproxy_autoscale::words::machine::{MachineFailure, MachineVerb};
use haproxy_autoscale::words::names::ServerName;
use serde_json::Value;

use super::{LIMIT, Place, call};
use crate::support::run_within;

#[test]
fn a_program_gets_its_verb_its_variables_and_the_same_as_json_and_nothing_else() {
    run_within(LIMIT, async {
        let place = Place::new();
        let mut command = place.script(
            "printf '%s\\n' \"$@\" >\"$D/argv\"; env | sort >\"$D/env\"; cat >\"$D/stdin\"",
        );
        command.extend(["--domain".to_owned(), "web 3".to_owned()]);
        let machines = place.machine(Provider::Exec { command });
        assert_eq!(machines.call(call(Start)).await, Ok(Done));

        assert_eq!(place.text("argv"), "start\n--domain\nweb 3\n");
        let text = place.text("env");
        let variable = |name: &str| {
            let mut lines = text.lines();
            let found = lines.find_map(|line| line.strip_prefix(&format!("{name}=")));
            found.unwrap_or_else(|| panic!("no {name} in {text}"))
        };
        let expected = [
            ("HAS_VERB", "start"),
            ("HAS_BACKEND", "web"),
            ("HAS_SERVER", "web3"),
            ("HAS_ADDRESS", "10.0.0.13"),
            ("HAS_PORT", "8080"),
            ("HAS_MACHINE", "web3"),
            ("HAS_ATTEMPT", "2"),
            ("HAS_ID", "web-web3-f9a681a4-7"),
        ];
        for (name, value) in expected {
            assert_eq!(variable(name), value, "{name}");
        }
        let deadline: u64 = variable("HAS_DEADLINE").parse().unwrap();
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!(
            (now..=now + LIMIT.as_secs()).contains(&deadline),
            "{deadline} {now}"
        );
        // What the shell itself adds is left out.
        let others = text.lines().filter_map(|line| line.split('=').next());
        let others = others.filter(|it| !it.starts_with("HAS_"));
        let others: Vec<_> = others
            .filter(|it| !["PWD", "OLDPWD", "SHLVL", "_"].contains(it))
            .collect();
        assert!(
            others
                .iter()
                .all(|it| ["PATH", "HOME", "LANG"].contains(it))
                && others.contains(&"PATH"),
            "{others:?}"
        );

        let json: Value = serde_json::from_str(&place.text("stdin")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "verb": "start", "backend": "web", "server": "web3", "address": "10.0.0.13",
                "port": 8080, "machine": "web3", "attempt": 2, "id": "web-web3-f9a681a4-7",
                "deadline": deadline,
            })
        );
    });
}

#[test]
fn what_is_not_known_is_an_empty_variable() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines =
            place.hook("set -u; printf '[%s][%s]' \"$HAS_ADDRESS\" \"$HAS_PORT\" >\"$D/out\"");
        let mut call = call(Stop);
        call.address = None;
        assert_eq!(machines.call(call).await, Ok(Done));
        assert_eq!(place.text("out"), "[][]");
    });
}

#[test]
fn an_id_is_the_same_over_repetitions_and_safe_anywhere() {
    let mut first = call(Start);
    first.server = ServerName::new("a_very.long:backend-name-indeed", "wéb 3;rm -rf /");
    let mut again = first.clone();
    again.attempt += 1;
    again.verb = Stop;
    assert_eq!(id(&first), id(&again));
    again.key.0 += 1;
    assert_ne!(id(&first), id(&again));
    first.key.0 = u64::MAX;
    let id = id(&first);
    let is_safe = id.chars().all(|it| it.is_ascii_alphanumeric() || it == '-');
    assert!(is_safe && id.len() <= 63, "{id}");
}

/// Servers of several backends get their first key in the second in which the daemon starts.
#[test]
fn different_servers_have_different_ids_whatever_is_cut_of_their_names() {
    let long = "a-backend-with-a-long-name";
    let names = [
        ("a-b", "c"),
        ("a", "b-c"),
        ("a_b", "c"),
        ("a.b", "c"),
        (long, "web-server-number-1"),
        (long, "web-server-number-2"),
        ("a-backend-with-a-long-nam", "web-server-number-1"),
    ];
    let ids = names.map(|(backend, server)| {
        let mut call = call(Start);
        call.server = ServerName::new(backend, server);
        id(&call)
    });
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), names.len(), "{ids:?}");
    // Another daemon calls the same start the same.
    assert_eq!(ids[4], "a-backend-with-a-web-server-numbe-e0834c09-7");
}

/// What came out, with its text left out.
#[derive(Debug, PartialEq)]
enum Kind {
    Answer(MachineAnswer),
    Failed,
    Refused,
    Unknown,
}

fn kind(outcome: &Result<MachineAnswer, MachineFailure>) -> Kind {
    match outcome {
        Ok(answer) => Kind::Answer(*answer),
        Err(Failed(_)) => Kind::Failed,
        Err(Refused(_)) => Kind::Refused,
        Err(Unknown(_)) => Kind::Unknown,
    }
}

const fn not_yet(seconds: u64) -> Kind {
    Kind::Answer(NotYet {
        retry_after: Some(Duration::from_secs(seconds)),
    })
}

const LATER: Kind = Kind::Answer(NotYet { retry_after: None });

#[test]
fn every_exit_code_and_every_answer_means_what_the_contract_says() {
    let table: &[(MachineVerb, i32, &str, Kind)] = &[
        (Start, 0, "", Kind::Answer(Done)),
        (
            Start,
            0,
            r#"{"state":"on","machine":"i-1","address":"10.0.0.1","port":80}"#,
            Kind::Answer(Done),
        ),
        (
            Start,
            0,
            r#"{"state":"starting","retry_after":5}"#,
            not_yet(5),
        ),
        (Start, 75, "", LATER),
        (Start, 75, r#"{"retry_after":7}"#, not_yet(7)),
        (Start, 75, r#"{"retry_after":-7}"#, LATER),
        (Start, 1, "", Kind::Failed),
        (Start, 1, "no JSON", Kind::Failed),
        (Start, 2, "", Kind::Unknown),
        (Start, 3, "", Kind::Unknown),
        (Start, 77, "", Kind::Refused),
        (Start, 78, "", Kind::Refused),
        (Start, 0, "started!", Kind::Unknown),
        (Start, 0, "{} {}", Kind::Unknown),
        (Start, 0, r#"{"state":"up"}"#, Kind::Unknown),
        // It says done, and that it is not.
        (Start, 0, r#"{"state":"off"}"#, Kind::Unknown),
        (Start, 0, r#"{"state":"stopping"}"#, Kind::Unknown),
        (Stop, 0, "", Kind::Answer(Done)),
        (Stop, 0, r#"{"state":"gone"}"#, Kind::Answer(Done)),
        (Stop, 0, r#"{"state":"stopping"}"#, LATER),
        (Stop, 0, r#"{"state":"on"}"#, Kind::Unknown),
        (Stop, 75, "", LATER),
        (Stop, 1, "", Kind::Failed),
        (Stop, 2, "", Kind::Unknown),
        (Status, 0, "", Kind::Answer(Is(On))),
        (
            Status,
            0,
            r#"{"state":"starting"}"#,
            Kind::Answer(Is(Starting)),
        ),
        (Status, 0, r#"{"state":"off"}"#, Kind::Answer(Is(Off))),
        (Status, 2, "", Kind::Answer(Is(Off))),
        (Status, 2, r#"{"state":"gone"}"#, Kind::Answer(Is(Gone))),
        (Status, 2, r#"{"state":"on"}"#, Kind::Unknown),
        (
            Status,
            75,
            r#"{"state":"stopping"}"#,
            Kind::Answer(Is(Stopping)),
        ),
        (Status, 75, "", Kind::Unknown),
        (Status, 1, "", Kind::Unknown),
        (Status, 127, "", Kind::Unknown),
        (Status, 77, "", Kind::Refused),
        (Status, 78, "", Kind::Refused),
    ];
    run_within(LIMIT, async {
        for (verb, code, output, expected) in table {
            let place = Place::new();
            let machines = place.hook(&format!("printf '%s' '{output}'; exit {code}"));
            let outcome = machines.call(call(*verb)).await;
            assert_eq!(
                kind(&outcome),
                *expected,
                "{verb:?} {code} {output}: {outcome:?}"
            );
        }
    });
}

#[test]
fn nobody_leaves_a_machine_alone_for_a_day() {
    run_within(LIMIT, async {
        let place = Place::new();
        // The last ones are more than a clock can hold.
        for seconds in ["86400", "18446744073709551616", "1e300"] {
            let machines = place.hook(&format!("echo '{{\"retry_after\":{seconds}}}'; exit 75"));
            assert_eq!(kind(&machines.call(call(Start)).await), not_yet(300));
            assert_eq!(kind(&machines.call(call(Stop)).await), not_yet(300));
        }
    });
}

/// A shell whose variable is unset ends with 2, as does Python without its script.
#[test]
fn a_broken_program_that_ends_with_2_says_nothing_of_its_machine() {
    run_within(LIMIT, async {
        let place = Place::new();
        for broken in [
            "echo $((1 +)); exit 2",
            "set -u; echo $no_such_variable",
            "echo warning >&2; exit 2",
            "echo warning >&2; echo '{\"message\":\"hm\"}'; exit 2",
        ] {
            let outcome = place.hook(broken).call(call(Status)).await;
            let Err(Unknown(text)) = outcome else {
                panic!("{broken}: {outcome:?}");
            };
            assert!(text.starts_with("it ended with 2"), "{text}");
        }
        for sure in [
            "exit 2",
            "echo '{\"message\":\"hm\"}'; exit 2",
            "echo warning >&2; echo '{\"state\":\"off\"}'; exit 2",
        ] {
            let outcome = place.hook(sure).call(call(Status)).await;
            assert_eq!(outcome, Ok(Is(Off)), "{sure}");
        }
    });
}

#[test]
fn the_last_words_of_a_program_are_told_and_stand_in_the_failure() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook("echo connecting >&2; printf 'no such domain' >&2; exit 1");
        let outcome = machines.call(call(Start)).await;
        assert_eq!(
            outcome,
            Err(Failed("it ended with 1: no such domain".to_owned()))
        );
        assert_eq!(place.said(), ["connecting", "no such domain"]);
        assert_eq!(
            place.said.lock().unwrap()[0].server,
            Some(ServerName::new("web", "web3"))
        );
        assert_eq!(place.said.lock().unwrap()[0].verb, "start");

        let machines = place.hook("printf '%s' '{\"message\":\"out of\\ncapacity\"}'; exit 78");
        let outcome = machines.call(call(Start)).await;
        assert_eq!(
            outcome,
            Err(Refused("it ended with 78: out of capacity".to_owned()))
        );
    });
}

/// A terminal would obey them, and a reader would read another order of letters.
#[test]
fn letters_that_cannot_be_seen_are_told_by_their_number() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook(
            "printf 'a\\033[2Jb\\tc\\342\\200\\256d\\n' >&2\n\
             printf '%s' '{\"message\":\"e\\u202ef\\u0007\"}'; exit 1",
        );
        machines.call(call(Start)).await.unwrap_err();
        assert_eq!(
            place.said(),
            ["a\\u{1b}[2Jb c\\u{202e}d", "e\\u{202e}f\\u{7}"]
        );
    });
}

#[test]
fn what_is_said_at_every_status_and_list_is_told_once() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook(
            "cat \"$D/words\" >&2; [ $1 = status ] || exit 1; echo '{\"state\":\"off\"}'; exit 2",
        );
        let mut said = Vec::new();
        for words in ["a\nb\n", "a\nb\n", "a\n", "", "a\n"] {
            std::fs::write(place.path("words"), words).unwrap();
            assert_eq!(machines.call(call(Status)).await, Ok(Is(Off)));
            machines.list(LIMIT).await;
            said.push(place.said().len());
        }
        assert_eq!(said, [4, 4, 6, 6, 8], "{:?}", place.said());
        // Each start is of its own.
        for _ in 0..2 {
            machines.call(call(Start)).await.unwrap_err();
        }
        assert_eq!(place.said().len(), 10);
    });
}

#[test]
fn a_program_that_dies_of_a_signal_leaves_the_outcome_unknown() {
    run_within(LIMIT, async {
        let place = Place::new();
        for verb in [Start, Stop, Status] {
            let machines = place.hook("kill -9 $$");
            let outcome = machines.call(call(verb)).await;
            assert_eq!(outcome, Err(Unknown("it was ended by signal 9".to_owned())));
        }
    });
}

#[test]
fn a_server_without_a_machine_is_refused() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.machines([]);
        assert!(machines.is_empty());
        let outcome = machines.call(call(Start)).await;
        assert!(matches!(outcome, Err(Refused(_))), "{outcome:?}");
    });
}
