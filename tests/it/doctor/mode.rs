//! From observing to acting without an editor: `init --mode` changes one line, and nothing else. And what
//! `init` says of the path that a warm-up asks for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use haproxy_autoscale::config::{self, Mode};

use super::scene::Scene;
use crate::support::program::run;

const FILE: &str = "etc/haproxy-autoscale/config.toml";

/// A file with that text in the place of ours, and `init` with these words on it.
fn after(text: &str, mode: &str) -> (String, String) {
    let scene = Scene::new(None, |it, _| text.clone_into(&mut it.config));
    let root = scene.root.path().display().to_string();
    let told = run(&["init", "--root", &root, "--mode", mode]).succeeded();
    (told, fs::read_to_string(scene.at(FILE)).unwrap())
}

const REST: &str = "[haproxy]\nsocket = \"/run/haproxy/admin.sock\"\n\n[backend.web]\n\
                    always_up = [\"web1\"]\nresponse_time = \"500ms\"   # mode = \"observe\"\n";

#[test]
fn what_init_wrote_acts_after_one_more_command_and_observes_again_after_another() {
    let scene = Scene::new(None, |it, _| it.config.clear());
    let root = scene.root.path().display().to_string();
    let path = scene.at(FILE);
    let told = run(&["init", "--root", &root]).succeeded();
    assert!(told.contains("--mode act"), "{told}");
    let before = fs::read_to_string(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let told = run(&["init", "--root", &root, "--mode", "act"]).succeeded();
    assert!(told.contains("before: mode = \"observe\""), "{told}");
    assert!(told.contains("now:    mode = \"act\""), "{told}");
    assert!(
        told.contains("systemctl reload haproxy-autoscale"),
        "{told}"
    );
    let acting = fs::read_to_string(&path).unwrap();
    assert_eq!(config::load(&path).unwrap().config.mode, Mode::Act);
    let differ = before.lines().zip(acting.lines()).filter(|(a, b)| a != b);
    assert_eq!(differ.count(), 1, "{before}\n{acting}");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    let told = run(&["init", "--root", &root, "--mode", "act"]).succeeded();
    assert!(told.contains("already"), "{told}");
    run(&["init", "--root", &root, "--mode", "observe"]).succeeded();
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn only_the_line_of_the_mode_is_changed_whatever_is_around_it() {
    let head = "# ours\n  mode='observe'# keep \"this\"\n\n";
    let (_, text) = after(&format!("{head}{REST}"), "act");
    assert_eq!(
        text,
        format!("# ours\n  mode=\"act\"    # keep \"this\"\n\n{REST}")
    );
    let (_, text) = after(&format!("mode = \"observe\"\r\n{REST}"), "act");
    assert_eq!(text, format!("mode = \"act\"\r\n{REST}"));
    // Without a line it acts.
    let (told, text) = after(&format!("# ours\n\n# HAProxy\n{REST}"), "observe");
    assert_eq!(
        text,
        format!("# ours\n\nmode = \"observe\"\n\n# HAProxy\n{REST}")
    );
    assert!(told.contains("which means act"), "{told}");
    let (told, text) = after(REST, "act");
    assert_eq!(text, REST);
    assert!(told.contains("already"), "{told}");
}

#[test]
fn the_modes_are_in_the_help_and_another_one_is_wrong_usage() {
    let help = run(&["init", "--help"]).succeeded();
    let (_, of_mode) = help.split_once("--mode <MODE>").expect("the option");
    let words: Vec<&str> = of_mode.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains("[possible values: act, observe]"), "{words}");
    for wrong in ["Act", "observing", ""] {
        let said = run(&["init", "--mode", wrong]).failed(2);
        assert!(said.contains("act, observe"), "{wrong}: {said}");
    }
}

#[test]
fn no_file_and_a_file_with_mistakes_are_left_alone() {
    let scene = Scene::new(None, |it, _| it.config.clear());
    let root = scene.root.path().display().to_string();
    let arguments = ["init", "--root", &root, "--mode", "act"];
    let said = run(&arguments).failed(1);
    assert!(said.contains("there is no"), "{said}");
    let path = scene.at(FILE);
    fs::write(&path, "mode = \"observe\"\nmoed = 1\n").unwrap();
    let said = run(&arguments).failed(1);
    assert!(said.contains("moed"), "{said}");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "mode = \"observe\"\nmoed = 1\n"
    );
    let said = run(&["init", "--root", &root, "--mode", "watch"]).failed(2);
    assert!(said.contains("[possible values: act, observe]"), "{said}");
}

#[test]
fn init_says_which_path_a_warm_up_asks_for_and_from_where_it_has_it() {
    let init = |lines: &str| {
        let scene = Scene::new(None, |it, _| {
            it.config.clear();
            it.cfg(
                "    balance roundrobin\n",
                &format!("    balance roundrobin\n{lines}"),
            );
        });
        let cfg = fs::read_to_string(scene.at("etc/haproxy/haproxy.cfg")).unwrap();
        let at = cfg.lines().position(|it| it.contains("/health"));
        let root = scene.root.path().display().to_string();
        let told = run(&["init", "--root", &root]).succeeded();
        (
            told,
            fs::read_to_string(scene.at(FILE)).unwrap(),
            at.map(|it| it + 1),
        )
    };
    let (told, file, line) = init("    option httpchk GET /health\n");
    let said = format!("`option httpchk` in line {} of haproxy.cfg", line.unwrap());
    assert!(
        told.contains(&format!("a warm-up asks for /health, as {said} does")),
        "{told}"
    );
    assert!(file.contains(&format!("# as {said}")), "{file}");
    let (_, file, line) = init("    option httpchk\n    http-check send meth GET uri /health\n");
    let said = format!("`http-check send` in line {}", line.unwrap());
    assert!(file.contains(&said), "{file}");
    let (told, file, _) = init("");
    assert!(
        told.contains("a warm-up asks for /, for want of a better one"),
        "{told}"
    );
    assert!(file.contains("path = \"/\""), "{file}");
    assert!(
        file.contains("# haproxy.cfg names none for its checks"),
        "{file}"
    );
}
