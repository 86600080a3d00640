//! Which files beside the log are rotated ones, by their names.

use std::fs;

use super::rows::{Fixture, append, long};

/// Whether a file that came and went under the log's name between two looks is read where it is now.
fn is_read_as(name: &str) -> bool {
    let mut fixture = Fixture::with_empty_file();
    assert!(fixture.read().is_empty());
    fs::remove_file(&fixture.path).unwrap();
    fs::write(fixture.beside(name), long("came and went") + "\n").unwrap();
    append(&mut fixture.file(), &["new"]);
    let read = fixture.read();
    assert!(read.contains(&"new".to_owned()), "{read:?}");
    read.contains(&"came and went".to_owned())
}

#[test]
fn rotated_files_are_told_from_other_logs_by_their_names() {
    for end in [
        ".1",
        ".10",
        "-20261121",
        "-20261121.1",
        ".2026-11-21T10:00:00Z",
        ".old",
        ".1.old",
        "~",
    ] {
        let name = format!("haproxy.log{end}");
        assert!(is_read_as(&name), "{name}");
    }
    for name in [
        "haproxy.log2",
        "haproxy.log.1.gz",
        "haproxy.log.2.zst",
        "haproxy.log-20261121.bz2",
        "haproxy.log.3.xz",
        "haproxy.log.errors",
        "haproxy.log.errors.1",
        "other.log.1",
    ] {
        assert!(!is_read_as(name), "{name}");
    }
}
