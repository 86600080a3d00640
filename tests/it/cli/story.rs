//! `demo`, as a newcomer runs it.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::holds_within;
use crate::support::program::{Running, into_closed_pipe, program};

/// It ends by itself in under a minute.
const LIMIT: Duration = Duration::from_secs(60);

/// Addresses and ports on which a process listens, as `/proc/net/tcp*` has them.
fn listeners(pid: u32) -> Vec<String> {
    let inodes: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let name = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(name.to_owned())
        })
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for row in text.lines().skip(1) {
            let cells: Vec<&str> = row.split_whitespace().collect();
            let &[_, local, _, state, _, _, _, _, _, inode, ..] = cells.as_slice() else {
                continue;
            };
            // 0A: listening; an unconnected UDP socket is 07.
            if (state == "0A" || state == "07") && inodes.iter().any(|mine| mine == inode) {
                found.push(local.to_owned());
            }
        }
    }
    found
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn it_tells_its_story_on_loopback_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut running = Running::start(program(&["demo"]).env("TMPDIR", folder.path()));
    let pid = running.child.id();
    let mut seen = Vec::new();
    let is_listening = holds_within(Duration::from_secs(5), || {
        seen = listeners(pid);
        !seen.is_empty()
    });
    assert!(is_listening, "two small servers: {}", running.err.text());
    let mut beyond = Vec::new();
    let ended = holds_within(LIMIT, || {
        beyond.extend(
            listeners(pid)
                .into_iter()
                .filter(|it| !it.starts_with("0100007F:")),
        );
        std::thread::sleep(Duration::from_millis(200));
        matches!(running.child.try_wait(), Ok(Some(_)))
    });
    assert!(
        ended,
        "runs after {:?}: {}",
        started.elapsed(),
        running.out.text()
    );
    assert_eq!(
        running.child.wait().unwrap().code(),
        Some(0),
        "{}",
        running.err.text()
    );
    assert!(started.elapsed() < LIMIT);
    assert_eq!(beyond, Vec::<String>::new(), "127.0.0.1 alone");
    assert!(
        is_empty(folder.path()),
        "nothing stays in its temporary folder"
    );
    let story = running.out.text();
    for part in [
        "web1",
        "web2",
        "3 of 3",
        "warm",
        "enabled at once",
        "quiet",
        "maint",
    ] {
        assert!(story.contains(part), "{part}: {story}");
    }
    assert!(!story.contains('\x1b'), "no colours into a pipe");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut command = program(&["demo"]);
    command.env("TMPDIR", folder.path());
    let ran = into_closed_pipe(&mut command, 1);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.err, "");
    assert!(started.elapsed() < LIMIT);
    assert!(is_empty(folder.path()));
}
