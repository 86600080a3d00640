//! Exit codes of every command, what goes to which stream, help, pipes that close.

use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::support::program::{file, in_repository, program, run, run_into_closed_pipe};

/// The options of each command that its help must name.
const OPTIONS: [(&str, &[&str]); 8] = [
    ("demo", &["--haproxy <PATH>"]),
    ("check", &["-c, --config <FILE>"]),
    ("run", &["-c, --config <FILE>", "--observe"]),
    ("status", &["-c, --config <FILE>", "--json", "--check"]),
    (
        "parse",
        &["-c, --config <FILE>", "--follow", "--rejects", "<SOURCE>"],
    ),
    ("stats", &["-c, --config <FILE>", "--json", "<LOG>"]),
    (
        "replay",
        &[
            "-c, --config <FILE>",
            "--json",
            "--warm-up <DURATION>",
            "<LOG>",
        ],
    ),
    (
        "tune",
        &[
            "-c, --config <FILE>",
            "-o, --output <FILE>",
            "--sweep <RANGE>",
            "--json",
            "<LOG>",
        ],
    ),
];

#[test]
fn help_names_every_command_and_each_commands_help_its_options() {
    let help = run(&["--help"]).succeeded();
    for (command, options) in OPTIONS {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
        let asked = run(&["help", command]).succeeded();
        for option in options {
            assert!(asked.contains(option), "{option} of {command}: {asked}");
        }
        assert_eq!(run(&[command, "--help"]).succeeded(), asked, "{command}");
        if options.contains(&"-c, --config <FILE>") {
            assert!(asked.contains("HAPROXY_AUTOSCALE_CONFIG"), "{asked}");
        }
    }
    assert!(help.contains("\nExamples:\n"), "{help}");
    assert!(
        run(&["help", "check"])
            .succeeded()
            .contains("/etc/haproxy-autoscale/config.toml"),
        "the default is said"
    );
    // One sentence for one option.
    let of_config = |command: &str| {
        let help = run(&["help", command]).succeeded();
        let (_, behind) = help.split_once("--config <FILE>").expect("an option");
        let words: Vec<&str> = behind.split_whitespace().collect();
        let words = words.join(" ");
        words
            .split("[env")
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    assert_eq!(of_config("simulate"), of_config("tune"));
    assert_eq!(of_config("parse"), of_config("stats"));
    assert!(of_config("doctor").contains("if it is there"));
    let version = run(&["--version"]).succeeded();
    assert_eq!(
        version,
        format!("haproxy-autoscale {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_is_2_and_says_how_it_goes() {
    let log = in_repository("fixtures/rotation.log");
    for args in [
        &[][..],
        &["nonsense"],
        &["stats"],
        &["replay"],
        &["parse"],
        &["parse", "--nonsense", &log],
        &["replay", "--warm-up", "soon", &log],
        &["parse", "--follow", &log, &log],
    ] {
        let said = run(args).failed(2);
        assert!(
            said.contains("Usage: ") || said.contains("try '--help'"),
            "{args:?}: {said}"
        );
    }
    let said = run(&["replay", "--warm-up", "soon", &log]).failed(2);
    assert!(said.contains("--warm-up <DURATION>"), "{said}");
    let said = run(&["replay", "--warm-up", "5M", &log]).failed(2);
    assert!(said.contains("write 5m for minutes"), "{said}");
    // The end of what a duration can hold: humantime alone would panic.
    let endless = "18446744073709551615s 1000ms";
    for args in [
        &["replay", "--warm-up", endless, &log][..],
        &["pause", "--for", endless],
    ] {
        let said = run(args).failed(2);
        assert!(said.contains("too many digits or units"), "{said}");
    }
}

#[test]
fn what_cannot_be_read_is_1_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let secret = file(folder.path(), "secret.log", "x");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    let damaged = file(folder.path(), "damaged.gz", b"\x1f\x8b\x08\x00damaged");
    let config = in_repository("fixtures/rotation.toml");
    // Root reads everything.
    let is_secret = std::fs::read(&secret).is_err();
    let commands: [&[&str]; 4] = [
        &["parse"],
        &["parse", "--rejects"],
        &["stats", "--json"],
        &["replay", "-c", &config],
    ];
    for command in commands {
        let with = |log: &str| run(&[command, &[log]].concat());
        let said = with("/nonexistent/x.log").failed(1);
        assert_eq!(
            said,
            "haproxy-autoscale: cannot read /nonexistent/x.log: no such file or directory\n"
        );
        let said = with(directory).failed(1);
        assert!(
            said.contains(&format!("{directory}: it is a directory")),
            "{said}"
        );
        let said = with(&damaged).failed(1);
        assert!(said.contains(&damaged), "{said}");
        if is_secret {
            let said = with(&secret).failed(1);
            assert!(
                said.contains(&format!("{secret}: Permission denied")),
                "{said}"
            );
        }
    }
}

#[test]
fn a_bad_configuration_is_1_for_those_who_look_and_78_for_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let bad = file(folder.path(), "bad.toml", "[backend.web]\nalways_up = []\n");
    let log = in_repository("fixtures/rotation.log");
    let looking: [&[&str]; 5] = [
        &["check", "-c", &bad],
        &["status", "-c", &bad],
        &["parse", "-c", &bad, &log],
        &["stats", "-c", &bad, &log],
        &["replay", "-c", &bad, &log],
    ];
    for args in looking {
        let said = run(args).failed(1);
        assert!(said.contains(&bad), "{args:?}: {said}");
    }
    let said = run(&["run", "-c", &bad]).failed(78);
    assert!(said.contains(&bad), "{said}");
    let said = run(&["run", "-c", "/nonexistent/x.toml"]).failed(78);
    assert!(said.contains("/nonexistent/x.toml"), "{said}");
}

#[test]
fn status_without_a_daemon_is_3_and_says_where_it_looked() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let text = format!(
        "[control]\nsocket = \"{}\"\n[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \
         \"1s\"\n",
        socket.display()
    );
    let config = file(folder.path(), "config.toml", text);
    for args in [
        &["status", "-c", &config][..],
        &["status", "--json", "-c", &config],
    ] {
        let said = run(args).failed(3);
        assert!(said.contains(socket.to_str().unwrap()), "{said}");
        assert!(said.contains("haproxy-autoscale run"), "a way out: {said}");
    }
    assert!(!socket.exists(), "asking leaves nothing behind");
}

#[test]
fn a_reader_that_goes_away_ends_every_command_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = std::fs::read(in_repository("fixtures/spike-then-idle.log")).unwrap();
    let long = file(folder.path(), "long.log", recorded.repeat(50));
    let config = in_repository("fixtures/spike-then-idle.toml");
    let commands: [&[&str]; 6] = [
        &["parse", &long],
        &["stats", &long],
        &["stats", "--json", &long],
        &["replay", "-c", &config, &long],
        &["replay", "--json", "-c", &config, &long],
        &["check", "-c", &config],
    ];
    for args in commands {
        for bytes_read in [0, 1] {
            let ran = run_into_closed_pipe(args, bytes_read);
            assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
            let notes = ran.err.lines().filter(|line| line.starts_with("note: "));
            assert_eq!(notes.count(), ran.err.lines().count(), "{args:?}: {ran:?}");
        }
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let log = in_repository("fixtures/spike-then-idle.log");
    let config = in_repository("fixtures/spike-then-idle.toml");
    let commands: [&[&str]; 6] = [
        &["parse", &log],
        &["stats", &log],
        &["stats", "--json", &log],
        &["replay", "-c", &config, &log],
        &["replay", "--json", "-c", &config, &log],
        &["check", "-c", &config],
    ];
    for args in commands {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = program(args)
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{args:?}: {said}");
        assert!(
            said.contains("cannot write the output: No space left"),
            "{args:?}: {said}"
        );
    }
}
