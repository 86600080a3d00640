//! Real fence agents: `fence_dummy` of Debian's package, and one of ours on the same library.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use haproxy_autoscale::machines::settings::{Options, Provider};
use haproxy_autoscale::words::machine::MachineAnswer::{Done, Is};
use haproxy_autoscale::words::machine::MachineFailure::{Refused, Unknown};
use haproxy_autoscale::words::machine::MachineVerb::{Start, Status, Stop};
use haproxy_autoscale::words::machine::PowerState::{Off, On};

use super::{LIMIT, Place, call, within};
use crate::support::program::in_repository;
use crate::support::run_within;

/// Whether Debian's agents are here; `tests/run` installs them and sets `FENCE_REQUIRED=1`.
fn has_agents() -> bool {
    let is_there = Path::new("/usr/sbin/fence_dummy").exists();
    let is_required = std::env::var_os("FENCE_REQUIRED").is_some();
    assert!(is_there || !is_required, "apt-get install fence-agents");
    is_there
}

fn fence(agent: &str, options: &[(&str, &str)]) -> Provider {
    let options = options
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Provider::Fence {
        agent: agent.to_owned(),
        options: Options(options.collect::<BTreeMap<_, _>>()),
    }
}

#[test]
fn the_dummy_goes_from_off_to_on_to_off_and_does_nothing_twice() {
    if !has_agents() {
        return;
    }
    run_within(LIMIT, async {
        let place = Place::new();
        let file = place.path("status").display().to_string();
        let machines = place.machine(fence("fence_dummy", &[("status_file", &file)]));
        for (verb, expected, left) in [
            (Status, Is(Off), ""),
            (Start, Done, "on"),
            (Start, Done, "on"),
            (Status, Is(On), "on"),
            (Stop, Done, "off"),
            (Stop, Done, "off"),
            (Status, Is(Off), "off"),
        ] {
            assert_eq!(machines.call(call(verb)).await, Ok(expected), "{verb:?}");
            assert_eq!(place.text("status"), left);
        }
        // It knows no plug, and our guess of one is no operator's mistake.
        assert_eq!(place.said(), [""; 0]);
    });
}

#[test]
fn an_agent_that_never_succeeds_leaves_the_outcome_unknown() {
    if !has_agents() {
        return;
    }
    run_within(LIMIT, async {
        let place = Place::new();
        let provider = fence(
            "fence_dummy",
            &[("type", "fail"), ("passwd", "correct horse")],
        );
        let machines = place.machine(provider);
        let outcome = machines
            .call(within(Duration::from_secs(2), call(Start)))
            .await;
        let Err(Unknown(text)) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(
            text.contains("was ended") || text.contains("ended with 1"),
            "{text}"
        );
        assert!(
            !place.said().join("\n").contains("horse"),
            "{:?}",
            place.said()
        );
    });
}

/// An agent of ours with the machines of that folder, `(NAME, STATE)`.
fn files(place: &Place, machines: &[(&str, &str)], plug: &[(&str, &str)]) -> Provider {
    let text = fs::read_to_string(in_repository("tests/data/fence_files.py")).unwrap();
    let agent = place.program("fence_files", &text);
    let folder = place.path("machines");
    fs::create_dir_all(&folder).unwrap();
    for (name, state) in machines {
        fs::write(folder.join(name), state).unwrap();
    }
    let folder = folder.display().to_string();
    let options: Vec<_> = [("folder", &*folder)]
        .into_iter()
        .chain(plug.iter().copied())
        .collect();
    fence(&agent[0], &options)
}

#[test]
fn an_agent_with_several_machines_is_told_which_one() {
    if !has_agents() {
        return;
    }
    run_within(LIMIT, async {
        let place = Place::new();
        let all = [("web3", "off"), ("vm-7", "off")];
        let machines = place.machine(files(&place, &all, &[]));
        assert_eq!(machines.call(call(Start)).await, Ok(Done));
        assert_eq!(
            (&*place.text("machines/web3"), &*place.text("machines/vm-7")),
            ("on", "off")
        );
        for plug in ["plug", "port"] {
            let machines = place.machine(files(&place, &all, &[(plug, "vm-7")]));
            assert_eq!(machines.call(call(Start)).await, Ok(Done));
            assert_eq!(
                (&*place.text("machines/web3"), &*place.text("machines/vm-7")),
                ("off", "on")
            );
        }
        assert_eq!(place.said(), [""; 0]);
    });
}

#[test]
fn an_agent_that_knows_neither_on_nor_off_knows_nothing() {
    if !has_agents() {
        return;
    }
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.machine(files(&place, &[("web3", "pending")], &[]));
        let outcome = machines.call(call(Status)).await;
        let Err(Unknown(text)) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(text.starts_with("it ended with 1"), "{text}");
        let machines = place.machine(files(&place, &[], &[("plug", "vm-9")]));
        let outcome = machines.call(call(Status)).await;
        assert!(
            matches!(outcome, Err(Unknown(_))),
            "a machine that there is not: {outcome:?}"
        );
    });
}

#[test]
fn an_agent_that_waits_for_ever_is_ended_within_its_limit() {
    if !has_agents() {
        return;
    }
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.machine(files(&place, &[("web3", "stuck")], &[]));
        let outcome = machines
            .call(within(Duration::from_secs(2), call(Stop)))
            .await;
        assert!(matches!(outcome, Err(Unknown(_))), "{outcome:?}");
    });
}

#[test]
fn an_agent_that_is_not_installed_is_refused_with_its_package() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.machine(fence("fence_nobody_has", &[]));
        let outcome = machines.call(call(Start)).await;
        let Err(Refused(text)) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(text.contains("fence-agents"), "{text}");
    });
}

#[test]
fn an_agent_always_hears_what_to_do_and_how_long_it_may_take() {
    run_within(LIMIT, async {
        let place = Place::new();
        let agent = place.program(
            "fence_tell",
            &format!(
                "#!/bin/sh\ncat >{}\necho \"$#\" >&2\n",
                place.path("stdin").display()
            ),
        );
        let provider = fence(&agent[0], &[("ip", "10.0.0.1"), ("ssl", "1")]);
        let machines = place.machine(provider);
        for (verb, action) in [(Start, "on"), (Stop, "off"), (Status, "status")] {
            assert!(
                machines
                    .call(within(Duration::from_secs(10), call(verb)))
                    .await
                    .is_ok()
            );
            let told = place.text("stdin");
            let mut lines: Vec<_> = told.lines().collect();
            assert_eq!(lines.remove(0), format!("action={action}"));
            let power: u64 = lines
                .remove(0)
                .strip_prefix("power_timeout=")
                .unwrap()
                .parse()
                .unwrap();
            assert!((9..=10).contains(&power), "{power}");
            assert_eq!(
                lines,
                ["nodename=web3", "plug=web3", "ip=10.0.0.1", "ssl=1"]
            );
        }
        assert_eq!(
            place.said(),
            ["0"; 3],
            "nothing is on its command line, where all could see it"
        );
    });
}

/// A shell whose variable is unset ends with 2, as does Python without its script.
#[test]
fn an_agent_that_is_broken_and_ends_with_2_says_nothing_of_its_machine() {
    run_within(LIMIT, async {
        let place = Place::new();
        let ask = async |text: &str| {
            let agent = place.program("fence_x", &format!("#!/bin/sh\n{text}\n"));
            let machines = place.machine(fence(&agent[0], &[("password", "correct horse")]));
            machines.call(call(Status)).await
        };
        for broken in [
            "set -u; echo $no_such_variable",
            "exec python3 /no/such/file",
            "echo 'Status: ON'; exit 2",
            "echo 'Status: OFF or so'; echo error >&2; exit 2",
            "i=0; while [ $i -lt 300 ]; do echo warning: $i >&2; i=$((i + 1)); done; exit 2",
        ] {
            let outcome = ask(broken).await;
            let Err(Unknown(text)) = outcome else {
                panic!("{broken}: {outcome:?}");
            };
            assert!(text.starts_with("it ended with 2"), "{text}");
        }
        for sure in [
            "exit 2",
            "echo 'Status: OFF'; exit 2",
            "echo error >&2; echo 'Status: OFF'; exit 2",
            "echo 'x.py:1: DeprecationWarning: old' >&2; exit 2",
            "echo \"2026-11-28 05:14:41,123 WARNING: Parse error: Ignoring unknown option 'x=1'\" >&2; exit 2",
        ] {
            assert_eq!(ask(sure).await, Ok(Is(Off)), "{sure}");
        }
    });
}

#[test]
fn no_part_of_a_secret_is_told() {
    run_within(LIMIT, async {
        let place = Place::new();
        // A line is cut after 1024 bytes, in the midst of the password.
        let agent = place.program(
            "fence_chatty",
            "#!/bin/sh\ncat >/dev/null\nprintf '%01018d%s\\n' 0 'correct horse' >&2\n\
             echo 'community=battery staple' >&2\nexit 1\n",
        );
        let secrets = [("passwd", "correct horse"), ("community", "battery staple")];
        let machines = place.machine(fence(&agent[0], &secrets));
        machines.call(call(Start)).await.unwrap_err();
        let said = place.said();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].ends_with("0***"), "{}", said[0]);
        assert_eq!(said[1], "community=***");
    });
}
