//! Healthy set-ups, a real HAProxy each: nothing but advice.

use haproxy_autoscale::doctor::{Code, Level, is_well};

use super::scene::{Files, Scene};
use crate::support::program::{finish, program};
use crate::support::versions;

#[test]
fn no_healthy_set_up_is_blamed() {
    let edits: [fn(&mut Files); 6] = [
        |_| {},
        |it| {
            it.cfg(
                "balance roundrobin",
                "balance leastconn\n    option httpchk GET /up",
            );
            it.cfg(" check", " maxconn 50 check");
        },
        |it| it.cfg("option httplog", "option httpslog"),
        |it| {
            let more = "\nbackend api\n    balance random\n    server api1 127.0.0.1:9 check\n\nfrontend origin";
            it.cfg("\nfrontend origin", more);
        },
        |it| {
            it.cfg(
                "    option httplog",
                "    log-format \"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B\"",
            );
            it.config(
                "[log]\n",
                "[log]\nformat = \"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B\"\n",
            );
        },
        // No configuration of ours yet.
        |it| it.config.clear(),
    ];
    let Some(version) = versions().first() else {
        return;
    };
    for edit in edits {
        let scene = Scene::new(Some(version), |it, _| edit(it));
        let (_, findings) = scene.look();
        assert!(is_well(&findings), "{findings:#?}");
    }
}

#[test]
fn advice_names_what_would_be_better_and_does_not_fail() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = Scene::new(Some(version), |it, _| {
        it.cfg(
            "balance roundrobin",
            "balance roundrobin\n    option httpchk GET /up",
        );
        it.cfg(" check", " maxconn 50 slowstart 10s check");
        it.config("[haproxy]", "mode = \"observe\"\n\n[haproxy]");
    });
    let (_, findings) = scene.look();
    let codes: Vec<Code> = findings.iter().map(|it| it.code).collect();
    for code in [
        Code::QueueTrap,
        Code::Slowstart,
        Code::WarmUpPath,
        Code::Observing,
        Code::DaemonAway,
    ] {
        assert!(codes.contains(&code), "{code:?}: {findings:#?}");
    }
    assert!(findings.iter().all(|it| it.code.level() == Level::Advice));
}

#[test]
fn the_command_gives_five_names_in_json_and_an_exit_code() {
    let Some(version) = versions().first() else {
        return;
    };
    let run = |edit: fn(&mut Files)| {
        let scene = Scene::new(Some(version), |it, _| edit(it));
        let root = scene.root.path().display().to_string();
        let mut command = program(&["doctor", "--json", "--root", &root]);
        let ran = finish(&mut command, b"");
        let told: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        (
            ran.code,
            told["findings"].as_array().cloned().expect("a list"),
        )
    };
    let (code, findings) = run(|_| {});
    assert_eq!(code, Some(0), "{findings:#?}");
    let (code, findings) = run(|it| it.cfg(" level admin", ""));
    assert_eq!(code, Some(1), "{findings:#?}");
    let first = findings.first().and_then(|it| it.as_object()).expect("one");
    let names: Vec<&str> = first.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    for name in ["level", "code", "place", "text", "fix"] {
        assert!(
            first[name].as_str().is_some_and(|it| !it.is_empty()),
            "{name}: {first:?}"
        );
    }
    assert_eq!(first["level"], "error");
    assert_eq!(first["code"], "socket_level");
}
