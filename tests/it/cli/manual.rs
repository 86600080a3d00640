//! What packages bring along beside the program: the pages of the manual, and completions for shells.

#![allow(clippy::print_stderr)] // what could not be tested is said

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

use haproxy_autoscale::config::keys;

use crate::support::program::{run, run_into_closed_pipe, undisturbed};

/// Runs a program of the host; `None`, and said, where there is none.
fn host(program: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = undisturbed(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("NOT TESTED: there is no {program} here");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// The commands of `--help`.
fn commands() -> Vec<String> {
    let help = run(&["--help"]).succeeded();
    let (_, rows) = help.split_once("Commands:\n").unwrap();
    let rows = rows.lines().take_while(|row| !row.is_empty());
    let names = rows.filter_map(|row| row.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !["", "help"].contains(name));
    names.map(str::to_owned).collect()
}

/// What bash offers for the last of those words.
fn bash_completes(script: &Path, words: &[&str]) -> Vec<String> {
    let ask = r#"
        source "$1"; shift
        [[ $(complete -p haproxy-autoscale) =~ -F\ ([^ ]+) ]] || exit 1
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE}
        before=${COMP_WORDS[COMP_CWORD - 1]}
        "${BASH_REMATCH[1]}" haproxy-autoscale "${COMP_WORDS[COMP_CWORD]}" "$before"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", ask, "ask"]);
    let output = command.arg(script).args(words).output().expect("bash");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{words:?}: {complaints}"
    );
    let offered = String::from_utf8_lossy(&output.stdout);
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_their_options_and_names_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("haproxy-autoscale");
    fs::write(&script, run(&["completions", "bash"]).succeeded()).unwrap();
    let name = "haproxy-autoscale";
    assert_eq!(bash_completes(&script, &[name, "st"]), ["status", "stats"]);
    let offered: BTreeSet<String> = bash_completes(&script, &[name, ""]).into_iter().collect();
    for command in commands() {
        assert!(offered.contains(&command), "{command}: {offered:?}");
    }
    assert_eq!(
        bash_completes(&script, &[name, "run", "--ob"]),
        ["--observe"]
    );
    for option in ["-c", "--config", "--json", "--check"] {
        let offered = bash_completes(&script, &[name, "status", "-"]);
        assert!(offered.iter().any(|it| it == option), "{offered:?}");
    }
    let shells = bash_completes(&script, &[name, "completions", ""]);
    for shell in ["bash", "zsh", "fish"] {
        assert!(shells.iter().any(|it| it == shell), "{shells:?}");
    }
    let file = folder.path().join("web.toml");
    fs::write(&file, "").unwrap();
    let begun = folder.path().join("web").display().to_string();
    let offered = bash_completes(&script, &[name, "run", "-c", &begun]);
    assert_eq!(offered, [file.display().to_string()]);
}

#[test]
fn zsh_and_fish_understand_theirs() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["zsh", "fish"] {
        let text = run(&["completions", shell]).succeeded();
        for command in commands() {
            assert!(text.contains(&command), "{shell} knows no {command}");
        }
        let script = folder.path().join(shell);
        fs::write(&script, text).unwrap();
        if let Some(output) = host(shell, &["-n", script.to_str().unwrap()]) {
            assert!(output.status.success(), "{output:?}");
        }
    }
    let said = run(&["completions", "csh"]).failed(2);
    assert!(said.contains("bash, zsh, fish"), "{said}");
}

#[test]
fn every_command_has_its_page_and_groff_has_no_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("new/man");
    run(&["man", to.to_str().unwrap()]).succeeded();
    let written = fs::read_dir(&to).unwrap().flatten();
    let written: BTreeSet<String> = written
        .map(|it| it.file_name().into_string().unwrap())
        .collect();
    let expected = commands().into_iter();
    let expected = expected.map(|name| format!("haproxy-autoscale-{name}.1"));
    let mut expected: BTreeSet<String> = expected.collect();
    // And those of commands below commands: all that a page leads to.
    for page in &written {
        let text = fs::read_to_string(to.join(page))
            .unwrap()
            .replace("\\-", "-");
        let words = text.split_whitespace();
        let names = words.filter_map(|word| word.strip_suffix("(1)"));
        let ours = names.filter(|name| name.starts_with("haproxy-autoscale-"));
        expected.extend(ours.map(|name| format!("{name}.1")));
    }
    assert!(
        expected.contains("haproxy-autoscale-alerts-test.1"),
        "{expected:?}"
    );
    expected.extend(["haproxy-autoscale.1", "haproxy-autoscale.toml.5"].map(str::to_owned));
    assert_eq!(written, expected);
    for page in &written {
        let path = to.join(page);
        let text = fs::read_to_string(&path).unwrap();
        let title = page.rsplit_once('.').unwrap().0;
        let name = format!(".SH NAME\n{} \\- ", title.replace('-', "\\-"));
        assert!(text.contains(&name), "{page}: {text}");
        let head = format!(
            "\n.TH {title} {} \"\" \"haproxy-autoscale ",
            &page[page.len() - 1..]
        );
        assert!(text.replace("\\-", "-").contains(&head), "{page}: {text}");
        let path = path.to_str().unwrap();
        // A line too long for the page could be broken nowhere: a name, or an example.
        let flags = ["-man", "-ww", "-z", "-Tutf8", "-Kutf8", path];
        if let Some(output) = host("groff", &flags) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{page}: {said}");
        }
    }
}

#[test]
fn the_pages_have_every_option_and_every_key() {
    let folder = tempfile::tempdir().unwrap();
    run(&["man", folder.path().to_str().unwrap()]).succeeded();
    let page = |name: &str| {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        text.replace("\\-", "-")
            .replace("\\fR", "\\fB")
            .replace("\\fB", "")
    };
    let run_page = page("haproxy-autoscale-run.1");
    for word in ["--observe", "--config", "HAPROXY_AUTOSCALE_CONFIG"] {
        assert!(run_page.contains(word), "{run_page}");
    }
    let own = page("haproxy-autoscale.1");
    assert_eq!(
        run(&["man"]).succeeded(),
        fs::read_to_string(folder.path().join("haproxy-autoscale.1")).unwrap()
    );
    for word in [
        "haproxy-autoscale-status(1)",
        "haproxy-autoscale.toml(5)",
        "\n75\n",
        "\n78\n",
        "\nhaproxy-autoscale demo\n",
        "SIGHUP",
    ] {
        assert!(own.contains(word), "{word}: {own}");
    }
    let keys_page = page("haproxy-autoscale.toml.5");
    let mut checked = 0;
    for table in keys::TABLES {
        assert!(keys_page.contains(table.header), "{}", table.header);
        for key in table.keys().filter(|key| !key.is_table()) {
            assert!(
                keys_page.contains(&format!("\n.TP\n{}\n", key.name)),
                "{}",
                key.name
            );
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked} keys");
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_folder_that_cannot_be_is_one() {
    for args in [
        &["man"][..],
        &["completions", "bash"],
        &["completions", "zsh"],
    ] {
        let ran = run_into_closed_pipe(args, 0);
        assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{args:?}");
    }
    let said = run(&["man", "/dev/null/man"]).failed(1);
    assert!(
        said.starts_with("haproxy-autoscale: cannot write into /dev/null/man: "),
        "{said}"
    );
}
