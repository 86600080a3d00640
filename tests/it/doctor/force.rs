//! A haproxy.cfg that HAProxy does not run with yet: each value of a line that was changed is found, and what
//! somebody set by hand is no matter of the file.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use haproxy_autoscale::doctor::Code;

use super::broken::{found, is_well_again};
use super::scene::{Files, Scene};
use crate::support::{for_each_version, versions};

/// web2 with a weight and a limit of its own.
fn with_values(files: &mut Files) {
    files.cfg("check disabled", "weight 20 maxconn 50 check disabled");
}

fn edit(scene: &Scene, from: &str, to: &str) {
    let path = scene.at("etc/haproxy/haproxy.cfg");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in\n{text}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

fn to_haproxy(scene: &Scene, command: &str) -> String {
    let mut stream = UnixStream::connect(scene.at("run/haproxy/admin.sock")).unwrap();
    stream.write_all(format!("{command}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn each_value_of_a_line_that_was_changed_without_a_reload_is_found() {
    for_each_version(|version| {
        let mut scene = Scene::new(Some(version), |it, _| with_values(it));
        is_well_again(&scene);
        let port = scene.server(1).port();
        let moved = scene.server(0).port();
        for (from, to, said) in [
            (
                "weight 20",
                "weight 30",
                "web/web2 has weight 20 there, weight 30 here".to_owned(),
            ),
            (
                "weight 30 ",
                "",
                "web/web2 has weight 30 there, weight 1 here".to_owned(),
            ),
            (
                "maxconn 50",
                "maxconn 60",
                "maxconn 50 there, maxconn 60 here".to_owned(),
            ),
            (
                "maxconn 60 ",
                "",
                "maxconn 60 there, maxconn 0 here".to_owned(),
            ),
            (
                &*format!("web2 127.0.0.1:{port}"),
                &*format!("web2 127.0.0.1:{moved}"),
                format!("address 127.0.0.1:{port} there, address 127.0.0.1:{moved} here"),
            ),
            (
                "check disabled\n",
                "check disabled\n    server web3 127.0.0.1:9 check\n",
                "it has no server web/web3".to_owned(),
            ),
            (
                "    server web1",
                "    server web0 127.0.0.1:9 check\n    server web1",
                "it has no server web/web0".to_owned(),
            ),
            (
                "    server web0 127.0.0.1:9 check\n",
                "",
                "it still has server web/web0".to_owned(),
            ),
            (
                "\nfrontend origin",
                "\nbackend api\n    server api1 127.0.0.1:9\n\nfrontend origin",
                "it has no backend api".to_owned(),
            ),
        ] {
            edit(&scene, from, to);
            let finding = found(&scene, Code::CfgNotInForce);
            assert!(finding.text.contains(&said), "{said}: {finding:?}");
            assert!(scene.paste(&finding));
            is_well_again(&scene);
        }
    });
}

#[test]
fn a_default_server_line_that_was_changed_is_found() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = Scene::new(Some(version), |it, _| {
        it.cfg(
            "    server web1",
            "    default-server weight 10\n    server web1",
        );
    });
    is_well_again(&scene);
    edit(
        &scene,
        "default-server weight 10",
        "default-server weight 20",
    );
    let finding = found(&scene, Code::CfgNotInForce);
    assert!(finding.text.contains("weight 10 there"), "{finding:?}");
}

#[test]
fn what_was_set_or_added_by_hand_and_what_nobody_can_know_is_not_blamed() {
    for_each_version(|version| {
        let scene = Scene::new(Some(version), |it, _| {
            with_values(it);
            let line = "    server web1";
            it.cfg(
                line,
                "    default-server weight \"${NOBODY_KNOWS-1}\"\n    server web1",
            );
        });
        is_well_again(&scene);
        // Our own ramp, or an operator.
        to_haproxy(&scene, "set server web/web2 weight 5");
        // The daemon lends one to a server without its own.
        to_haproxy(&scene, "set maxconn server web/web1 50");
        to_haproxy(&scene, "add server web/more 127.0.0.1:9");
        let shown = to_haproxy(&scene, "show servers state web");
        assert!(
            shown.contains("web2") && shown.contains(" 5 20 "),
            "{shown}"
        );
        is_well_again(&scene);
    });
}

#[test]
fn lines_behind_a_condition_or_of_a_file_that_haproxy_does_not_read_are_not_blamed() {
    let Some(version) = versions().first() else {
        return;
    };
    let scene = Scene::new(Some(version), |it, _| with_values(it));
    edit(&scene, "weight 20", "weight 30");
    edit(
        &scene,
        "\nfrontend origin",
        "\n.if defined(NEVER)\nbackend api\n    server api1 127.0.0.1:9\n.endif\n\nfrontend origin",
    );
    is_well_again(&scene);
    let scene = Scene::new(Some(version), |it, _| {
        let parts = "backend other\n    mode http\n    server other1 127.0.0.1:9 check\n";
        it.other("etc/haproxy/conf.d/other.cfg", parts);
    });
    is_well_again(&scene);
}
