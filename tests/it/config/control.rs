//! Where a command asks for the daemon when the configuration is broken.

use std::path::{Path, PathBuf};

use haproxy_autoscale::config::{ControlSocket, control_socket_of, load};

use crate::support::program::{file, run};

const USUAL: &str = "/run/haproxy-autoscale/control.sock";

fn asked(text: impl AsRef<[u8]>) -> ControlSocket {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "config.toml", text);
    control_socket_of(Path::new(&path)).expect("a socket")
}

fn named(path: &str) -> ControlSocket {
    ControlSocket {
        path: PathBuf::from(path),
        is_named: true,
    }
}

#[test]
fn a_socket_that_can_be_read_is_taken_whatever_else_is_broken() {
    let control = "[control]\nsocket = \"/run/ours.sock\"\n";
    for (before, after) in [
        ("", ""),
        ("breeches = 2\n", "[backend.web]\nresponse_time = 5\n"),
        ("", "soket = \"/run/theirs.sock\"\n"),
        ("", "[backend.web\nalways_up = [\"web1\"]\n"),
        ("mode = act\n", ""),
        ("", "[backend.web]\nresponse_time = \"500ms\nmin = 1\n"),
        ("", "<<<<<<< mine\n"),
    ] {
        let text = format!("{before}{control}{after}");
        assert_eq!(asked(&text), named("/run/ours.sock"), "{text}");
    }
}

#[test]
fn where_the_file_cannot_say_it_the_usual_socket_is_asked() {
    for text in [
        &b""[..],
        b"\xff\xfe\x00",
        b"not a configuration\n",
        b"[backend.web\nalways_up = 3\n",
        b"[control]\nsocket = 5\n",
        b"[control]\nsocket = \"/run/ours.sock\n",
        b"[control]\nsocket = /run/ours.sock\n",
        b"[control]\nsoket = \"/run/ours.sock\"\n",
    ] {
        let found = asked(text);
        let shown = String::from_utf8_lossy(text);
        assert_eq!(found.path, Path::new(USUAL), "{shown}");
        assert!(!found.is_named, "{shown}");
    }
    // A file that is not there may be a mistake in its name: another daemon is not asked.
    assert_eq!(control_socket_of(Path::new("/nonexistent/x.toml")), None);
}

#[test]
fn without_a_listener_the_mistakes_are_shown_as_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = folder.path().join("nobody.sock");
    let text = format!(
        "[control]\nsocket = \"{}\"\n[backend.web\n",
        nobody.display()
    );
    let path = file(folder.path(), "config.toml", &text);
    let errors = load(Path::new(&path)).expect_err("no TOML");
    for command in [&["status"][..], &["pause"], &["resume"], &["explain"]] {
        let said = run(&[command, &["-c", &path]].concat()).failed(1);
        assert_eq!(said, errors.report(false), "{command:?}");
    }
    assert!(errors.in_short().starts_with("line 3: "), "{errors:?}");
}
