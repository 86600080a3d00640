//! Boot times of machines as the daemon has measured them: when a simulation takes them, and that it only
//! looks at the state of the daemon.

use std::collections::BTreeMap;
use std::time::Duration;

use haproxy_autoscale::runtime_api::Address;
use haproxy_autoscale::scaler::memory::{BackendMemory, MachineMemory, Memory, ServerMemory};
use haproxy_autoscale::simulate::engine::{Balance, Cold};
use haproxy_autoscale::simulate::load::shapes::Shape;
use haproxy_autoscale::simulate::plan::plan;
use haproxy_autoscale::simulate::supply::{ByTier, Terms};
use haproxy_autoscale::simulate::{Options, Source};
use haproxy_autoscale::state::name::{STATE, file_name};
use haproxy_autoscale::state::{encode, peek};
use haproxy_autoscale::words::time::Timestamp;

use crate::support::program::{file, finish, in_repository, program, run};

/// What a daemon remembers of a machine that took so long to boot.
fn remembered(boot: Duration) -> Memory {
    let machine = MachineMemory {
        boot: Some(boot),
        ..MachineMemory::default()
    };
    let web3 = ServerMemory {
        machine: Some(machine),
        ..ServerMemory::default()
    };
    let web = BackendMemory {
        servers: BTreeMap::from([("web3".to_owned(), web3)]),
        ..BackendMemory::default()
    };
    Memory {
        backends: BTreeMap::from([("web".to_owned(), web)]),
        ..Memory::default()
    }
}

#[test]
fn the_state_of_a_daemon_is_looked_at_and_left_as_it_is() {
    let boot = Duration::from_secs(95);
    let memory = remembered(boot);
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    assert_eq!(peek(dir, "a.state"), Ok(None));
    let text = encode(&memory, Timestamp::default(), 1_795_312_498_000);
    file(dir, "a.state", &text);
    let found = peek(dir, "a.state").expect("readable").expect("a memory");
    let machine = found.backends["web"].servers["web3"].machine.as_ref();
    assert_eq!(machine.and_then(|it| it.boot), Some(boot));

    file(dir, "a.state", &text[..text.len() / 2]);
    let why = peek(dir, "a.state").expect_err("torn");
    assert!(why.contains("a.state"), "{why}");
    let names: Vec<_> = std::fs::read_dir(dir).expect("a folder").collect();
    assert_eq!(names.len(), 1, "nothing is renamed");
}

#[test]
fn what_the_daemon_has_measured_is_taken_unless_an_option_says_otherwise() {
    let options = |more: &[(u32, u64)], all: Option<u64>| Options {
        terms: Terms {
            measured: BTreeMap::from([("web2".to_owned(), Duration::from_secs(95))]),
            boot: ByTier {
                all: all.map(Duration::from_secs),
                of: more
                    .iter()
                    .map(|(tier, boot)| (*tier, Duration::from_secs(*boot)))
                    .collect(),
            },
            ..Terms::default()
        },
        ..small()
    };
    let boots = |options: &Options| {
        let plan = plan(options).expect("a plan");
        let boots = [1, 2].map(|it| plan.scenario.boot_of(it).as_secs());
        (boots, plan.notes.join(" "))
    };
    let (measured, note) = boots(&options(&[], None));
    assert_eq!(measured, [95, 5]);
    assert!(
        note.contains("the daemon has measured (web2 1m 35s)"),
        "{note}"
    );
    assert_eq!(boots(&options(&[], Some(7))), ([7, 7], String::new()));
    assert_eq!(boots(&options(&[(1, 9)], None)).0, [9, 9]);
}

#[test]
fn a_simulation_takes_the_boot_times_of_machines_from_the_state_of_the_daemon() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let socket = dir.join("admin.sock");
    let address = Address::Unix(socket.clone());
    let text = encode(
        &remembered(Duration::from_secs(95)),
        Timestamp::default(),
        1,
    );
    file(dir, &file_name(&address, STATE), text);
    let config = format!(
        "[haproxy]\nsocket = \"{}\"\n[state]\ndir = \"{}\"\n[backend.web]\nalways_up = [\"web1\"]\n\
         spares = [\"web2\", \"web3\"]\nresponse_time = \"1s\"\n[backend.web.server.web3.machine]\n\
         provider = \"exec\"\ncommand = [\"/bin/true\"]\nstart_timeout = \"80s\"\n",
        socket.display(),
        dir.display()
    );
    let config = file(dir, "config.toml", config);
    let args = [
        "simulate",
        "--shape",
        "steady",
        "--seconds",
        "9",
        "--policies",
        "static-min",
        "-c",
        &config,
    ];
    let said = |more: &[&str]| run(&[&args[..], more].concat()).succeeded();
    let text = said(&[]);
    let whence = run(&args).err;
    assert!(whence.contains("the configuration is "), "{whence}");
    let state = dir.join(file_name(&address, STATE)).display().to_string();
    let measured = format!("measured boot times are those of {state}\n");
    assert!(whence.contains(&measured), "{whence}");
    let whence = run(&[&args[..], &["--boot", "9s"]].concat()).err;
    assert!(!whence.contains("boot"), "{whence}");
    assert!(text.contains("a spare in 5s to 1m 35s"), "{text}");
    assert!(
        text.contains("the daemon has measured (web3 1m 35s)"),
        "{text}"
    );
    assert!(
        text.contains(
            "gives a spare 1m 20s to come and it needs 1m 35s, so its first try always fails"
        ),
        "{text}"
    );
    assert!(
        text.contains("raise `start_timeout` of its machine"),
        "{text}"
    );
    let text = said(&["--boot", "9s"]);
    assert!(text.contains("a spare in 9s "), "{text}");
    assert!(!text.contains("measured"), "{text}");
}

#[test]
fn simulate_and_tune_say_which_configuration_they_take() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"1s\"\n";
    let config = file(folder.path(), "config.toml", config);
    let log = in_repository("fixtures/rotation.log");
    let simulate = ["simulate", "--shape", "steady", "--seconds", "9"];
    let tune = ["tune", &log];
    for command in [&simulate[..], &tune] {
        let ran = run(command);
        let built_in =
            "no configuration is named, so the built-in defaults hold; name one with -c\n";
        assert!(ran.err.contains(built_in), "{ran:?}");
        let said = run(&[command, &["-c", &config]].concat()).err;
        let expected = format!("haproxy-autoscale: the configuration is {config}\n");
        assert!(said.contains(&expected), "{said}");
        assert!(!said.contains("boot"), "{said}");
        let mut command = program(command);
        let said = finish(command.env("HAPROXY_AUTOSCALE_CONFIG", &config), b"").err;
        let expected = format!("the configuration is {config} (HAPROXY_AUTOSCALE_CONFIG)\n");
        assert!(said.contains(&expected), "{said}");
    }
}

/// Three servers for ten seconds.
fn small() -> Options {
    Options {
        backend: None,
        backend_name: None,
        learned: None,
        source: Source::Shape(Shape::Steady),
        seconds: Some(10),
        peak_per_s: Some(10.0),
        scale: 1.0,
        servers: Some(3),
        workers: None,
        maxconn: None,
        service: None,
        boot: Duration::from_secs(5),
        terms: Terms::default(),
        cold: Cold::NONE,
        balance: Balance::RoundRobin,
        goal: None,
        seed: 1,
        policies: Vec::new(),
        slow_share_max: None,
        json: false,
        html: None,
    }
}
