//! `check`: the exit code is the contract, one line on success, every mistake otherwise.

use crate::support::program::{file, finish, in_repository, program, run};

const FIVE_MISTAKES: &str = r#"
[haproxy]
socket = "/run/haproxy/admin.sock"

[log]
sorce = "/var/log/haproxy.log"

[backend.web]
always_up = ["web1"]
spares = ["web3", "web1"]
response_time = "500"
window = 0
scale_down_ratio = 1.5
"#;

#[test]
fn the_shipped_example_is_valid() {
    let path = in_repository("config.example.toml");
    let ran = run(&["check", "-c", &path]);
    assert_eq!(ran.err, "");
    assert_eq!(
        ran.succeeded(),
        format!("ok: {path} is valid (1 backend, mode act)\n")
    );
}

#[test]
fn five_mistakes_are_said_in_one_run_each_with_its_place_and_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "config.toml", FIVE_MISTAKES);
    let said = run(&["check", "-c", &path]).failed(1);
    for place in ["6:1", "10:19", "11:17", "12:10", "13:20"] {
        assert!(
            said.contains(&format!("--> {path}:{place}\n")),
            "{place}: {said}"
        );
    }
    assert_eq!(said.matches("error[E").count(), 5, "{said}");
    assert_eq!(said.matches("help: ").count(), 5, "{said}");
    assert!(said.contains("`source`"), "a suggestion: {said}");
    assert!(said.ends_with("5 errors\n"), "{said}");
}

#[test]
fn a_missing_file_is_named_and_the_default_one_too() {
    let said = run(&["check", "-c", "/nonexistent/x.toml"]).failed(1);
    assert!(said.contains("/nonexistent/x.toml"), "{said}");
    // The file may exist where the tests run; then it is read, which is as good a proof.
    let default = "/etc/haproxy-autoscale/config.toml";
    let ran = run(&["check"]);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains(default), "{said}");
}

#[test]
fn the_environment_names_the_file_and_the_option_wins() {
    let folder = tempfile::tempdir().unwrap();
    let good = in_repository("config.example.toml");
    let bad = file(folder.path(), "bad.toml", FIVE_MISTAKES);
    let with = |environment: &str, args: &[&str]| {
        finish(
            program(args).env("HAPROXY_AUTOSCALE_CONFIG", environment),
            b"",
        )
    };
    assert_eq!(with(&bad, &["check"]).code, Some(1));
    assert_eq!(with(&good, &["check"]).code, Some(0));
    assert_eq!(with(&bad, &["check", "-c", &good]).code, Some(0));
    let log = in_repository("fixtures/rotation.log");
    assert_eq!(
        with(&bad, &["stats", &log]).code,
        Some(1),
        "stats reads it too"
    );
    assert_eq!(with(&good, &["stats", &log]).code, Some(0));
}

#[test]
fn colours_only_where_they_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "config.toml", FIVE_MISTAKES);
    let with = |name: &str, value: &str| {
        finish(program(&["check", "-c", &path]).env(name, value), b"").err
    };
    assert!(!with("NO_COLOR", "1").contains('\x1b'));
    assert!(
        !with("TERM", "xterm-256color").contains('\x1b'),
        "no terminal"
    );
    assert!(with("CLICOLOR_FORCE", "1").contains('\x1b'));
    let mut both = program(&["check", "-c", &path]);
    both.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(
        !finish(&mut both, b"").err.contains('\x1b'),
        "NO_COLOR wins"
    );
}
