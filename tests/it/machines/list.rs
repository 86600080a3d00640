//! The machines that programs list.

use std::time::Duration;

use haproxy_autoscale::machines::Listing;
use haproxy_autoscale::machines::census::{Census, Found};
use haproxy_autoscale::machines::exec::Listed;
use haproxy_autoscale::machines::settings::{Options, Provider};
use haproxy_autoscale::words::machine::MachineFailure::{Failed, Refused, Unknown};
use haproxy_autoscale::words::machine::MachineVerb::Start;
use haproxy_autoscale::words::machine::PowerState;
use haproxy_autoscale::words::names::ServerName;

use super::{LIMIT, Place, of};
use crate::support::run_within;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn each_command_is_asked_once_and_lists_its_machines() {
    run_within(LIMIT, async {
        let place = Place::new();
        let command = place.script(
            "echo x >>\"$D/calls\"; [ \"$1-$HAS_VERB-$HAS_SERVER\" = list-list- ] || exit 1\n\
             echo '{\"machine\":\"i-1\",\"name\":\"web3\",\"state\":\"on\",\"address\":\"10.0.0.13\",\
             \"created\":\"2026-11-28T01:00:00Z\",\"tags\":[\"ours\"],\"more\":1}'\n\
             echo\necho '{\"machine\":\"i-2\"}'",
        );
        let provider = Provider::Exec {
            command: command.clone(),
        };
        let fence = Provider::Fence {
            agent: "fence_dummy".to_owned(),
            options: Options::default(),
        };
        let machines = place.machines([
            ("web3", provider.clone()),
            ("web4", provider),
            ("web5", fence),
        ]);
        let listings = machines.list(SOON).await;
        assert_eq!(listings.len(), 1);
        assert_eq!(place.text("calls"), "x\n");
        assert_eq!(listings[0].command, command);
        let servers = ["web3", "web4"].map(|name| ServerName::new("web", name));
        assert_eq!(listings[0].servers, servers);
        let whole = Listed {
            machine: "i-1".to_owned(),
            name: Some("web3".to_owned()),
            state: Some(PowerState::On),
            address: Some("10.0.0.13".parse().unwrap()),
            created: Some("2026-11-28T01:00:00Z".to_owned()),
            tags: vec!["ours".to_owned()],
        };
        let bare = Listed {
            machine: "i-2".to_owned(),
            name: None,
            state: None,
            address: None,
            created: None,
            tags: Vec::new(),
        };
        assert_eq!(listings[0].found, Ok(vec![whole, bare]));
    });
}

#[test]
fn a_list_that_cannot_be_read_is_none() {
    run_within(LIMIT, async {
        for (text, is_failed) in [
            ("exit 64", true),
            ("echo web3", false),
            ("echo '{\"name\":\"web3\"}'", false),
            ("echo '{\"machine\":\"m\",\"state\":\"up\"}'", false),
            ("printf '\\377'", false),
        ] {
            let place = Place::new();
            let listings = place.hook(text).list(SOON).await;
            let found = &listings[0].found;
            let is_right = match found {
                Err(Failed(_)) => is_failed,
                Err(Unknown(_)) => !is_failed,
                Ok(_) | Err(Refused(_)) => false,
            };
            assert!(is_right, "{text}: {found:?}");
        }
    });
}

#[test]
fn a_list_with_too_many_rows_is_told() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place
            .hook("i=0; while [ $i -lt 1001 ]; do echo '{\"machine\":\"m\"}'; i=$((i + 1)); done");
        let listings = machines.list(SOON).await;
        assert_eq!(listings[0].found.as_ref().map(Vec::len), Ok(1000));
        assert_eq!(
            place.said(),
            ["it lists more than 1000 machines; only the first 1000 are looked at"]
        );
    });
}

#[test]
fn a_list_holds_up_no_start_and_no_start_a_list() {
    run_within(LIMIT, async {
        let place = Place::new();
        let command = place.script(
            "[ $1 = start ] || exit 0; touch \"$D/begun-$HAS_SERVER\"\n\
             while ! [ -e \"$D/go\" ]; do sleep 0.02; done",
        );
        let names = ["a", "b", "c", "d"];
        let provider = Provider::Exec { command };
        let machines = place.machines(names.map(|name| (name, provider.clone())));
        let calls = names.map(|name| {
            let machines = machines.clone();
            tokio::spawn(async move { machines.call(of(name, Start)).await })
        });
        while !names
            .iter()
            .all(|it| place.path(&format!("begun-{it}")).exists())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(machines.list(SOON).await[0].found, Ok(Vec::new()));
        std::fs::write(place.path("go"), "").unwrap();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    });
}

/// The same failure of a program that several servers have.
#[test]
fn what_a_program_says_for_each_of_its_argument_lists_is_told_once() {
    run_within(LIMIT, async {
        let place = Place::new();
        let command = place.script("echo 'no daemon' >&2; echo \"$2 is lost\" >&2; exit 1");
        let provider = |argument: &str| Provider::Exec {
            command: [command.clone(), vec![argument.to_owned()]].concat(),
        };
        let machines = place.machines([("web3", provider("vm-3")), ("web4", provider("vm-4"))]);
        for _ in 0..2 {
            machines.list(SOON).await;
            assert_eq!(place.said(), ["no daemon", "vm-3 is lost", "vm-4 is lost"]);
        }
    });
}

fn listing(command: &[&str], server: &str, found: Result<&[&str], &str>) -> Listing {
    let listed = |name: &&str| Listed {
        machine: (*name).to_owned(),
        name: None,
        state: Some(PowerState::On),
        address: None,
        created: None,
        tags: Vec::new(),
    };
    Listing {
        command: command.iter().map(|it| (*it).to_owned()).collect(),
        servers: vec![ServerName::new("web", server)],
        found: match found {
            Ok(names) => Ok(names.iter().map(listed).collect()),
            Err(why) => Err(Failed(why.to_owned())),
        },
    }
}

fn stray(machine: &str) -> Found {
    Found::Stray {
        machine: machine.to_owned(),
        program: "/m".to_owned(),
    }
}

#[test]
fn a_machine_is_nobodys_when_no_server_of_its_program_has_its_name() {
    let mut census = Census::default();
    let both = |names: &[&str]| {
        vec![
            listing(&["/m", "eu"], "web3", Ok(names)),
            listing(&["/m", "us"], "web4", Ok(names)),
        ]
    };
    assert_eq!(census.take(both(&["web3", "web4"])), []);
    assert_eq!(census.take(both(&["web3", "web5"])), [stray("web5")]);
    assert_eq!(census.take(both(&["web5"])), []);
    // Another program's servers say nothing of it.
    let other = listing(&["/other"], "web6", Ok(&[]));
    let own = listing(&["/m"], "web3", Ok(&["web6"]));
    assert_eq!(census.take(vec![own, other]), [stray("web6")]);
    assert_eq!(census.take(both(&["web5"])), [stray("web5")]);
}

/// As `command = [".../machine", "vm-7"]`, whose program lists vm-7.
#[test]
fn a_machine_that_an_argument_names_is_that_servers() {
    let mut census = Census::default();
    let both = |names: &[&str]| {
        vec![
            listing(&["/m", "vm-7"], "web3", Ok(names)),
            listing(&["/m", "vm-8", "eu"], "web4", Ok(&[])),
        ]
    };
    assert_eq!(census.take(both(&["vm-7", "vm-8"])), []);
    let mut called = both(&["i-1"]);
    called[0].found.as_mut().unwrap()[0].name = Some("vm-8".to_owned());
    assert_eq!(census.take(called), []);
    // Neither the program nor another one's arguments.
    let other = listing(&["/other", "vm-9"], "web5", Ok(&[]));
    let mut all = both(&["vm-9", "/m"]);
    all.push(other);
    assert_eq!(census.take(all), [stray("vm-9"), stray("/m")]);
}

#[test]
fn a_stray_is_told_on_one_line_of_letters_that_can_be_seen() {
    let mut census = Census::default();
    let long = "x".repeat(60_000);
    let mut all = vec![listing(
        &["/m"],
        "web3",
        Ok(&["a\u{1b}[2J\nb\u{202e}", &long]),
    )];
    all[0].found.as_mut().unwrap()[0].name = Some("c\u{2028}\u{200b}d".to_owned());
    let shown = "x".repeat(100) + "…";
    assert_eq!(
        census.take(all),
        [
            stray("a\\u{1b}[2J b\\u{202e} (c\\u{2028}\\u{200b}d)"),
            stray(&shown)
        ]
    );
}

#[test]
fn a_list_that_fails_is_told_once_for_a_program_and_a_message() {
    let mut census = Census::default();
    let fail = |census: &mut Census, why: [&str; 3]| {
        let all = ["vm-7", "vm-8", "vm-9"].into_iter().zip(why);
        let all = all.map(|(argument, why)| listing(&["/m", argument], "web3", Err(why)));
        census.take(all.collect())
    };
    let mute = |why: &str| Found::Mute {
        program: "/m".to_owned(),
        why: Failed(why.to_owned()),
    };
    assert_eq!(fail(&mut census, ["a", "a", "b"]), [mute("a"), mute("b")]);
    assert_eq!(fail(&mut census, ["a", "b", "c"]), []);
    // Another program is another one's trouble.
    let other = listing(&["/other"], "web4", Err("a"));
    let own = listing(&["/m", "vm-7"], "web3", Err("a"));
    let of_other = Found::Mute {
        program: "/other".to_owned(),
        why: Failed("a".to_owned()),
    };
    assert_eq!(census.take(vec![own, other]), [of_other]);
}

#[test]
fn a_list_that_fails_is_told_once_and_nothing_is_told_again_after_it() {
    let mut census = Census::default();
    let ask = |census: &mut Census, found| census.take(vec![listing(&["/m"], "web3", found)]);
    assert_eq!(ask(&mut census, Ok(&["web5"])), [stray("web5")]);
    let mute = |why: &str| Found::Mute {
        program: "/m".to_owned(),
        why: Failed(why.to_owned()),
    };
    assert_eq!(ask(&mut census, Err("no way")), [mute("no way")]);
    assert_eq!(ask(&mut census, Err("no way there")), []);
    assert_eq!(ask(&mut census, Ok(&["web5"])), [], "it was told before");
    assert_eq!(ask(&mut census, Err("again")), [mute("again")]);
}
