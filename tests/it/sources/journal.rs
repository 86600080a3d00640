//! The journal, with a `journalctl` of our own on the `PATH`: a script that writes what we say.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::line;
use crate::support::program::{Running, program};
use crate::support::wait_for;

/// Restarts come after one second, then two.
const LIMIT: Duration = Duration::from_secs(30);

/// A folder with a `journalctl` that notes its process and its arguments and then does `work`. One
/// that only looks finds an entry, or what the files `found` and `words` say.
struct Journal {
    folder: TempDir,
}

impl Journal {
    fn new(work: &str) -> Self {
        let this = Self::absent();
        let script = format!(
            "#!/bin/sh\nfolder=${{0%/*}}\ncase \"$*\" in *--follow*) ;; *)\necho >> $folder/looks\n\
             [ -e $folder/found ] || {{ echo an entry; exit; }}\n\
             cat $folder/found; cat $folder/words >&2; exit;;\nesac\necho $$ >> $folder/pids\necho \"$*\" >> $folder/args\n\
             {work}\n"
        );
        // Written under another name: who executes a file that is open for writing fails.
        let name = this.path("new");
        fs::write(&name, script).unwrap();
        fs::set_permissions(&name, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(name, this.path("journalctl")).unwrap();
        this
    }

    fn absent() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Entries that it gives at once.
    fn with_entries(entries: &[Value], and_then: &str) -> Self {
        let this = Self::new(&format!("cat $folder/entries\n{and_then}"));
        let text: Vec<String> = entries.iter().map(Value::to_string).collect();
        let text = text.join("\n") + "\n";
        fs::write(this.path("entries"), text).unwrap();
        this
    }

    fn follow(&self, options: &[&str]) -> Running {
        let arguments = [&["parse", "--follow"], options, &["journal:haproxy"]].concat();
        let mut command = program(&arguments);
        let folders = [self.folder.path(), Path::new("/usr/bin"), Path::new("/bin")];
        let only = [self.folder.path()];
        let is_there = self.path("journalctl").exists();
        let folders = if is_there { &folders[..] } else { &only[..] };
        command.env("PATH", std::env::join_paths(folders).unwrap());
        Running::start(&mut command)
    }
}

/// HAProxy's own text, as journald keeps it: without a head.
fn body(number: usize) -> String {
    let line = line(number);
    let (_, body) = line.split_once("]: ").unwrap();
    body.to_owned()
}

fn entry(program: &str, message: &str) -> Value {
    json!({"__CURSOR": "s=1", "SYSLOG_IDENTIFIER": program, "MESSAGE": message})
}

#[test]
fn an_entry_of_haproxy_is_a_line_and_one_of_another_program_is_not() {
    let bytes: Vec<u8> = [body(3).as_bytes(), b" \xff\xfe\x07"].concat();
    let entries = [
        entry("haproxy", &body(1)),
        entry("sshd", &body(900)),
        entry("haproxy - - - x", &body(901)),
        entry("", &body(902)),
        json!({"MESSAGE": body(903)}),
        json!({"SYSLOG_IDENTIFIER": ["haproxy", "haproxy"], "MESSAGE": body(904)}),
        json!({"SYSLOG_IDENTIFIER": "haproxy", "MESSAGE": null}),
        json!({"SYSLOG_IDENTIFIER": "haproxy"}),
        entry("haproxy", &format!("something\n{}", body(905))),
        entry("haproxy", &format!("{}\n{}", body(2), body(906))),
        entry("haproxy", &"x".repeat(20_000)),
        entry("haproxy", &"\u{7}".repeat(200_000)),
        json!({"SYSLOG_IDENTIFIER": "haproxy", "MESSAGE": bytes}),
        entry("haproxy", "Server web/web1 is UP."),
        json!([1, 2]),
        entry("haproxy", &body(4)),
    ];
    let journal = Journal::with_entries(&entries, "echo '-- Boot 1 --'\nexec sleep 600");
    let mut running = journal.follow(&[]);
    running.out.wait_for("\"Tr\":4,");
    let times: Vec<u64> = running
        .out
        .text()
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["Tr"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(times, [1, 2, 3, 4]);
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
    let mut running = journal.follow(&["--rejects"]);
    running.out.wait_for("haproxy_message");
    let reasons: Vec<String> = running
        .out
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["reason"].to_string())
        .collect();
    let count = |reason: &str| reasons.iter().filter(|it| it.contains(reason)).count();
    assert_eq!(count("other_program"), 5, "{reasons:?}");
    assert_eq!(count("too_long"), 2, "{reasons:?}");
    assert_eq!(count("empty"), 2, "{reasons:?}");
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
    let arguments = journal.text("args");
    for argument in [
        "--follow",
        "--lines=0",
        "--output=json",
        "--all",
        "--unit=haproxy",
    ] {
        assert!(arguments.contains(argument), "{arguments}");
    }
}

#[test]
fn no_journalctl_is_said_and_looked_for_again() {
    let absent = Journal::absent();
    let mut running = absent.follow(&[]);
    running
        .err
        .wait_for("cannot read journal:haproxy: there is no journalctl on the PATH");
    let made = Journal::with_entries(&[entry("haproxy", &body(1))], "exec /bin/sleep 600");
    // The other folders are not on its PATH.
    let script = made.text("journalctl").replace("cat ", "/bin/cat ");
    fs::write(absent.path("entries"), made.text("entries")).unwrap();
    fs::write(absent.path("new"), script).unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(absent.path("new"), executable).unwrap();
    fs::rename(absent.path("new"), absent.path("journalctl")).unwrap();
    wait_for("its first line", LIMIT, || {
        running.out.text().contains("\"Tr\":1,")
    });
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
    let said = running.err.text();
    assert_eq!(said.matches("there is no journalctl").count(), 1, "{said}");
}

#[test]
fn a_journalctl_that_ends_is_said_with_its_words_and_started_again() {
    let journal = Journal::with_entries(
        &[entry("haproxy", &body(1))],
        "if [ $(wc -l < $folder/pids) -lt 3 ]; then\n\
         echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1\nfi\n\
         exec sleep 600",
    );
    let mut running = journal.follow(&[]);
    wait_for("the third start", LIMIT, || {
        running.out.text().matches("\"Tr\":1,").count() == 3
    });
    let said = running.err.text();
    assert!(
        said.contains(
            "cannot read journal:haproxy: journalctl ended (exit status: 1): No journal files were"
        ),
        "{said}"
    );
    let once = said.matches(" journalctl: No journal files were opened");
    assert_eq!(once.count(), 1, "{said}");
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
}

#[test]
fn a_journal_without_anything_of_the_unit_is_said_and_followed_anew_when_it_has() {
    // What is followed before there is a journal never sees one.
    let work = "if [ $(wc -l < $folder/pids) = 2 ]; then cat $folder/entries; fi\nexec sleep 600";
    for (words, said) in [
        (
            "No journal files were found.\n",
            "journalctl says: No journal files were found.",
        ),
        ("", "it has no entry of a unit of that name so far"),
    ] {
        let journal = Journal::new(work);
        let entries = format!("{}\n", entry("haproxy", &body(1)));
        fs::write(journal.path("entries"), entries).unwrap();
        fs::write(journal.path("words"), words).unwrap();
        fs::write(journal.path("found"), "-- No entries --\n").unwrap();
        let mut running = journal.follow(&[]);
        let said = format!("cannot read journal:haproxy: {said}");
        running.err.wait_for(&said);
        // It is looked again, and nothing new is said.
        wait_for("the third look", LIMIT, || journal.text("looks").len() == 3);
        assert_eq!(running.err.text().matches(&said).count(), 1);
        assert_eq!(journal.text("pids").lines().count(), 1);
        fs::write(journal.path("new"), "Nov 21 23:36:31 lb1 haproxy[1]: x\n").unwrap();
        fs::rename(journal.path("new"), journal.path("found")).unwrap();
        wait_for("its first line", LIMIT, || {
            running.out.text().contains("\"Tr\":1,")
        });
        assert_eq!(running.stop(Signal::TERM).0, Some(0));
    }
}

#[test]
fn an_entry_ends_the_search_for_one() {
    let work = "exec tail -n +1 -f $folder/entries";
    let journal = Journal::new(work);
    fs::write(journal.path("entries"), "").unwrap();
    fs::write(journal.path("words"), "").unwrap();
    fs::write(journal.path("found"), "-- No entries --\n").unwrap();
    let mut running = journal.follow(&[]);
    running
        .err
        .wait_for("it has no entry of a unit of that name");
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(journal.path("entries"))
        .unwrap();
    writeln!(file, "{}", entry("haproxy", &body(1))).unwrap();
    running.out.wait_for("\"Tr\":1,");
    assert_eq!(journal.text("pids").lines().count(), 1);
    assert_eq!(running.stop(Signal::TERM).0, Some(0));
}

#[test]
fn journalctl_ends_with_us() {
    let journal = Journal::with_entries(&[entry("haproxy", &body(1))], "exec sleep 600");
    let mut running = journal.follow(&[]);
    running.out.wait_for("\"Tr\":1,");
    let pid = journal.text("pids").trim().parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    assert!(test_kill_process(pid).is_ok(), "it runs");
    let (code, took) = running.stop(Signal::TERM);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(test_kill_process(pid).is_err(), "gone, and waited for");
}
