//! The programs of examples/machines, beside a stand-in for what they call: each goes through off, on and off
//! again, asks for nothing twice, and says so when it cannot tell.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::program::in_repository;

/// An example, with a pretended program that answers by what stands in the file `state`, and writes what
/// changes anything into `calls`.
struct Example {
    name: &'static str,
    arguments: &'static [&'static str],
    /// What the example calls, and its stand-in: a POSIX script in which `$D` is the folder.
    program: (&'static str, &'static str),
    /// The calls that start it and stop it.
    calls: [&'static str; 2],
    /// The exit code of a start and of a stop that had something to do.
    codes: [i32; 2],
}

const EXAMPLES: [Example; 5] = [
    Example {
        name: "systemd-ssh",
        arguments: &["deploy@10.0.0.13", "app.service"],
        program: (
            "ssh",
            r#"
[ "$1 $2 $3 $4" = "-o BatchMode=yes -o ConnectTimeout=5" ] || exit 9
[ "$5" = deploy@10.0.0.13 ] || exit 9
shift 5
case "$*" in
"systemctl is-active app.service")
    if [ $(cat $D/state) = on ]; then echo active; else echo inactive; exit 3; fi ;;
"sudo -n systemctl start app.service") echo "$*" >>$D/calls; echo on >$D/state ;;
"sudo -n systemctl stop app.service") echo "$*" >>$D/calls; echo off >$D/state ;;
*) exit 9 ;;
esac"#,
        ),
        // systemd itself leaves a service as it is.
        calls: [
            "sudo -n systemctl start app.service",
            "sudo -n systemctl stop app.service",
        ],
        codes: [0, 0],
    },
    Example {
        name: "virsh",
        arguments: &["web3-vm"],
        program: (
            "virsh",
            r#"
[ "$1 $2 $3" = "--quiet --connect qemu:///system" ] || exit 9
shift 3
case "$*" in
"domstate web3-vm") if [ $(cat $D/state) = on ]; then echo running; else echo shut off; fi ;;
"start web3-vm") echo "$*" >>$D/calls; echo on >$D/state ;;
"shutdown web3-vm") echo "$*" >>$D/calls; echo off >$D/state ;;
*) exit 9 ;;
esac"#,
        ),
        calls: ["start web3-vm", "shutdown web3-vm"],
        codes: [0, 75],
    },
    Example {
        name: "proxmox",
        arguments: &["https://pve.example.com:8006", "pve1", "103"],
        program: (
            "curl",
            r#"
for last; do :; done
case "$*" in *"--header @/etc/haproxy-autoscale/proxmox-token --request "*) ;; *) exit 9 ;; esac
case "$*" in *" --fail "*"--cacert "*) ;; *) exit 9 ;; esac
path=${last#https://pve.example.com:8006/api2/json/nodes/pve1/qemu/103/status/}
case "$*" in *"--request GET "*) method=GET ;; *"--request POST "*) method=POST ;; esac
case "$method $path" in
"GET current")
    if [ $(cat $D/state) = on ]; then word=running; else word=stopped; fi
    echo "{\"data\":{\"vmid\":103,\"status\":\"$word\",\"qmpstatus\":\"x\",\"name\":\"web3\"}}" ;;
"POST start") echo "$method $path" >>$D/calls; echo on >$D/state; echo '{"data":"UPID:1"}' ;;
"POST shutdown") echo "$method $path" >>$D/calls; echo off >$D/state; echo '{"data":"UPID:2"}' ;;
*) exit 9 ;;
esac"#,
        ),
        calls: ["POST start", "POST shutdown"],
        codes: [75, 75],
    },
    Example {
        name: "incus",
        arguments: &[],
        program: (
            "incus",
            r#"
case "$*" in
"list --format csv --columns ns web3")
    echo web30,RUNNING
    if [ $(cat $D/state) = on ]; then echo web3,RUNNING; else echo web3,STOPPED; fi ;;
"start web3") echo "$*" >>$D/calls; echo on >$D/state ;;
"stop --timeout 60 web3") echo "$*" >>$D/calls; echo off >$D/state ;;
*) exit 9 ;;
esac"#,
        ),
        calls: ["start web3", "stop --timeout 60 web3"],
        codes: [0, 0],
    },
    Example {
        name: "docker",
        arguments: &[],
        program: (
            "docker",
            r#"
case "$*" in
"inspect --type container --format {{.Id}} {{.Name}} {{.State.Status}} "*)
    if [ $(cat $D/state) = on ]; then echo 3f9c /web3 running; else echo 3f9c /web3 exited; fi ;;
"start 3f9c") echo "$*" >>$D/calls; echo on >$D/state ;;
"stop -t 60 3f9c") echo "$*" >>$D/calls; echo off >$D/state ;;
"ps --filter label=haproxy-autoscale --format "*) echo '{"machine":"web3","state":"on"}' ;;
*) exit 9 ;;
esac"#,
        ),
        // Docker itself leaves a container as it is.
        calls: ["start 3f9c", "stop -t 60 3f9c"],
        codes: [0, 0],
    },
];

/// Started by a packet, so that it is only asked to stop it.
const POWEROFF: Example = Example {
    name: "poweroff",
    arguments: &["deploy@10.0.0.13"],
    program: (
        "ssh",
        r#"
[ "$1 $2 $3 $4" = "-o BatchMode=yes -o ConnectTimeout=5" ] || exit 9
[ "$5" = deploy@10.0.0.13 ] || exit 9
shift 5
word=$(cat $D/state)
case "$word" in
off) echo "ssh: connect to host 10.0.0.13 port 22: Connection timed out" >&2; exit 255 ;;
refused) echo "ssh: connect to host 10.0.0.13 port 22: Connection refused" >&2; exit 255 ;;
banner)
    echo "Connection timed out during banner exchange" >&2
    echo "Connection to 10.0.0.13 port 22 timed out" >&2
    exit 255 ;;
second)
    echo "ssh: connect to host web3 port 22: Connection timed out" >&2
    echo "kex_exchange_identification: Connection closed by remote host" >&2
    exit 255 ;;
lost) echo "client_loop: send disconnect: Connection timed out" >&2; exit 255 ;;
esac
case "$*" in
true) echo "Warning: a banner" >&2 ;;
"sudo -n systemctl poweroff") echo "$*" >>$D/calls; echo off >$D/state ;;
*) exit 9 ;;
esac"#,
    ),
    calls: ["", "sudo -n systemctl poweroff"],
    codes: [78, 75],
};

fn all() -> impl Iterator<Item = &'static Example> {
    EXAMPLES.iter().chain([&POWEROFF])
}

const OFF: &str = "{\"state\":\"off\"}\n";

struct Scene<'a> {
    example: &'a Example,
    folder: TempDir,
}

impl<'a> Scene<'a> {
    fn new(example: &'a Example) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("stand-in-")
            .tempdir()
            .unwrap();
        let scene = Self { example, folder };
        let (name, text) = example.program;
        let text = format!("#!/bin/sh\nD='{}'\n{text}\n", scene.folder.path().display());
        let path = scene.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(scene.path("state"), "off\n").unwrap();
        scene
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The exit code, and what it printed.
    fn run(&self, verb: &str) -> (i32, String) {
        self.run_for("web3", verb, self.example.arguments)
    }

    fn run_for(&self, server: &str, verb: &str, arguments: &[&str]) -> (i32, String) {
        let script = in_repository(&format!("examples/machines/{}", self.example.name));
        let output = Command::new("sh")
            .arg(script)
            .arg(verb)
            .args(arguments)
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.folder.path().display()),
            )
            .env("HAS_VERB", verb)
            .env("HAS_SERVER", server)
            .env("HAS_ADDRESS", "")
            .output()
            .unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap_or(-1), out)
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

#[test]
fn each_example_goes_from_off_to_on_to_off_and_asks_for_what_it_should() {
    for example in &EXAMPLES {
        let scene = Scene::new(example);
        let name = example.name;
        let is = |verb: &str, code: i32| {
            let (found, out) = scene.run(verb);
            // A 2 alone could be a broken shell's.
            let expected = if code == 2 { OFF } else { "" };
            assert_eq!((found, out.as_str()), (code, expected), "{name} {verb}");
        };
        let [started, stopped] = example.codes;
        is("status", 2);
        is("start", started);
        is("status", 0);
        is("start", 0);
        is("stop", stopped);
        is("status", 2);
        is("stop", 0);
        let calls = scene.calls();
        let mut expected = vec![example.calls[0]; 1];
        expected.push(example.calls[1]);
        let mut once = calls.clone();
        once.dedup();
        assert_eq!(once, expected, "{name}: {calls:?}");
    }
}

#[test]
fn each_example_lists_no_stranger_and_refuses_what_it_does_not_know() {
    for example in all() {
        let scene = Scene::new(example);
        let (code, out) = scene.run("list");
        let expected = match example.name {
            "docker" => "{\"machine\":\"web3\",\"state\":\"on\"}\n",
            _ => "",
        };
        assert_eq!((code, out.as_str()), (0, expected), "{}", example.name);
        for verb in ["create", "destroy", "reboot"] {
            assert_eq!(scene.run(verb).0, 78, "{} {verb}", example.name);
        }
        assert_eq!(scene.calls(), [""; 0], "{}", example.name);
    }
}

#[test]
fn no_example_takes_a_program_that_fails_for_a_state() {
    for example in all() {
        // As ssh and curl end when they reach nobody, and as the others do when they fail.
        for code in [1, 7, 255] {
            let scene = Scene::new(example);
            fs::write(
                scene.path(example.program.0),
                format!("#!/bin/sh\nexit {code}\n"),
            )
            .unwrap();
            for verb in ["start", "stop", "status"] {
                let (found, out) = scene.run(verb);
                let is_told = ![0, 2, 75].contains(&found);
                assert!(
                    is_told && out.is_empty(),
                    "{} {verb} {code}: {found} {out}",
                    example.name
                );
            }
        }
    }
}

#[test]
fn every_example_is_a_program_that_is_tested() {
    let mut names: Vec<_> = fs::read_dir(in_repository("examples/machines"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .inspect(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0o111, "{:?} can be run", entry.path());
        })
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut tested: Vec<_> = all().map(|it| it.name).collect();
    tested.sort_unstable();
    assert_eq!(names, tested);
    assert!(Path::new(&in_repository("docs/machines.md")).exists());
}

fn example(name: &str) -> &'static Example {
    all().find(|it| it.name == name).unwrap()
}

#[test]
fn a_host_that_does_not_answer_over_ssh_is_off_and_one_that_refuses_is_not() {
    let scene = Scene::new(&POWEROFF);
    assert_eq!(scene.run("status"), (2, OFF.to_owned()));
    assert_eq!(scene.run("stop"), (0, String::new()));
    for (state, code) in [("on", 0), ("refused", 0)] {
        fs::write(scene.path("state"), state).unwrap();
        assert_eq!(scene.run("status"), (code, String::new()), "{state}");
    }
    assert_eq!(scene.calls(), [""; 0]);
    fs::write(scene.path("state"), "on").unwrap();
    assert_eq!(scene.run("stop").0, 75);
    assert_eq!(scene.run("status").0, 2);
    assert_eq!(scene.calls(), [POWEROFF.calls[1]]);
    assert_eq!(scene.run("start").0, 78);
    // Neither an argument nor an address.
    assert_eq!(scene.run_for("web3", "status", &[]).0, 78);
}

/// It has taken the connection, so it runs.
#[test]
fn a_host_that_hangs_is_not_off() {
    let scene = Scene::new(&POWEROFF);
    for state in ["banner", "second", "lost"] {
        fs::write(scene.path("state"), state).unwrap();
        assert_eq!(scene.run("status"), (1, String::new()), "{state}");
        assert_eq!(scene.run("stop"), (255, String::new()), "{state}");
    }
}

#[test]
fn an_example_without_its_arguments_says_so_and_is_not_taken_for_off() {
    for name in ["systemd-ssh", "proxmox"] {
        let scene = Scene::new(example(name));
        for verb in ["start", "stop", "status"] {
            assert_eq!(scene.run_for("web3", verb, &[]).0, 78, "{name} {verb}");
        }
        assert_eq!(scene.calls(), [""; 0], "{name}");
    }
}

/// virsh takes a number for the id of a domain that runs, and ids are given anew at each start.
#[test]
fn a_number_is_no_name_of_a_domain() {
    let scene = Scene::new(example("virsh"));
    for verb in ["start", "stop", "status"] {
        assert_eq!(scene.run_for("7", verb, &[]).0, 78, "{verb}");
    }
    assert_eq!(scene.calls(), [""; 0]);
}

/// Docker finds a container by the first digits of its id, too.
#[test]
fn a_container_whose_id_begins_like_the_server_is_somebody_elses() {
    let scene = Scene::new(example("docker"));
    for verb in ["start", "stop", "status"] {
        assert_eq!(scene.run_for("3f", verb, &[]).0, 78, "{verb}");
    }
    assert_eq!(scene.calls(), [""; 0]);
}

#[test]
fn an_instance_that_is_gone_is_stopped_and_one_that_is_slow_is_not_yet() {
    let scene = Scene::new(example("incus"));
    let stand_in = |text: &str| {
        let path = scene.path("incus");
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    };
    stand_in("[ $1 = list ] && echo web30,RUNNING");
    assert_eq!(scene.run("stop").0, 0);
    assert_eq!(
        scene.run("status"),
        (2, "{\"state\":\"gone\"}\n".to_owned())
    );
    for (words, code) in [
        (
            "Failed shutting down instance, status is \\\"Running\\\": context deadline exceeded",
            75,
        ),
        ("not authorized", 1),
    ] {
        stand_in(&format!(
            "[ $1 = list ] && echo web3,RUNNING && exit 0\necho \"Error: {words}\" >&2\nexit 1"
        ));
        assert_eq!(scene.run("stop").0, code, "{words}");
    }
}
