//! A follower that stops and another one that goes on: from a checkpoint that everything proves, and
//! from the end of the log otherwise.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use haproxy_autoscale::log::file::checkpoint::{
    Checkpoint, CheckpointFile, GAP_MAX, Owner, Refusal, Unproven,
};
use haproxy_autoscale::log::file::{Follower, Limits, ROTATE_GRACE};
use haproxy_autoscale::runtime_api::Address;
use haproxy_autoscale::state::name::{LOG_CHECKPOINT, file_name};
use ring::hmac;

use super::rows::{Fixture, append, long};

/// A log of which `a` and `b` were read, and the checkpoint of the one who read them.
fn stopped() -> (Fixture, Checkpoint) {
    let mut fixture = Fixture::with_empty_file();
    append(&mut fixture.file(), &["a", "b"]);
    assert_eq!(fixture.read(), ["a", "b"]);
    let checkpoint = fixture.follower.checkpoint(SystemTime::now());
    (fixture, checkpoint.expect("everything is proven"))
}

/// Starts again; what is read then, or why it is read from the end.
fn start(fixture: &mut Fixture, checkpoint: &Checkpoint) -> Result<Vec<String>, Unproven> {
    let (path, limits) = (fixture.path.clone(), Limits::default());
    let resumed = Follower::resumed(path.clone(), limits.clone(), checkpoint, SystemTime::now());
    let outcome = resumed.map(|follower| fixture.follower = follower);
    if outcome.is_err() {
        fixture.follower = Follower::new(path, limits);
    }
    let lines = fixture.read();
    outcome.map(|()| lines)
}

fn shift(fixture: &Fixture, count: u32) {
    for number in (1..count).rev() {
        let older = fixture.beside(&format!("haproxy.log.{}", number + 1));
        let _ = fs::rename(fixture.beside(&format!("haproxy.log.{number}")), older);
    }
    fs::rename(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
}

#[test]
fn it_goes_on_where_it_was_with_the_half_line_that_was_held() {
    let mut fixture = Fixture::with_empty_file();
    append(&mut fixture.file(), &["a"]);
    fixture.file().write_all(b"par").unwrap();
    assert_eq!(fixture.read(), ["a"]);
    let checkpoint = fixture.follower.checkpoint(SystemTime::now()).unwrap();
    fixture.file().write_all(b"tial\n").unwrap();
    append(&mut fixture.file(), &["b"]);
    assert_eq!(start(&mut fixture, &checkpoint).unwrap(), ["partial", "b"]);
    append(&mut fixture.file(), &["c"]);
    assert_eq!(fixture.read(), ["c"]);
}

#[test]
fn what_was_unread_when_it_stopped_is_read_and_nothing_twice() {
    let mut fixture = Fixture::with_empty_file();
    let block = b"0123456789abcde\n".repeat(40_000);
    append(&mut fixture.file(), &["a"]);
    fixture.file().write_all(&block).unwrap();
    let mut count = 0;
    fixture.follower.turn(fixture.now, &mut |_| count += 1);
    assert!(
        (2..40_000).contains(&count),
        "one turn reads a part: {count}"
    );
    let checkpoint = fixture.follower.checkpoint(SystemTime::now()).unwrap();
    count += start(&mut fixture, &checkpoint).unwrap().len();
    assert_eq!(count, 40_001);
}

#[test]
fn a_line_that_is_too_long_across_the_stop_is_no_line() {
    let mut fixture = Fixture::with_empty_file();
    append(&mut fixture.file(), &["a"]);
    fixture.file().write_all(&vec![b'x'; 40_000]).unwrap();
    fixture.read();
    let checkpoint = fixture.follower.checkpoint(SystemTime::now()).unwrap();
    fixture.file().write_all(b"rest\n").unwrap();
    append(&mut fixture.file(), &["b"]);
    assert_eq!(start(&mut fixture, &checkpoint).unwrap(), ["b"]);
}

#[test]
fn rotations_in_between_lose_nothing_and_double_nothing() {
    let (mut fixture, checkpoint) = stopped();
    let mut first = fixture.file();
    append(&mut first, &["c"]);
    shift(&fixture, 1);
    append(&mut fixture.file(), &["d"]);
    shift(&fixture, 2);
    append(&mut first, &["late"]);
    append(&mut fixture.file(), &["e"]);
    let lines = start(&mut fixture, &checkpoint).unwrap();
    assert_eq!(lines, ["c", "late", "d", "e"]);
    append(&mut first, &["later"]);
    append(&mut fixture.file(), &["f"]);
    assert_eq!(fixture.read(), ["later", "f"]);
}

#[test]
fn a_renamed_file_that_was_held_is_held_again() {
    let (mut fixture, _) = stopped();
    let mut first = fixture.file();
    shift(&fixture, 1);
    append(&mut fixture.file(), &["c"]);
    assert_eq!(fixture.read(), ["c"]);
    let checkpoint = fixture.follower.checkpoint(SystemTime::now()).unwrap();
    append(&mut first, &["late"]);
    assert_eq!(start(&mut fixture, &checkpoint).unwrap(), ["late"]);
}

#[test]
fn a_log_that_is_renamed_and_not_there_yet_is_waited_for() {
    let (mut fixture, checkpoint) = stopped();
    append(&mut fixture.file(), &["c"]);
    shift(&fixture, 1);
    assert_eq!(start(&mut fixture, &checkpoint).unwrap(), ["c"]);
    append(&mut fixture.file(), &["d"]);
    assert_eq!(fixture.read(), ["d"]);
}

/// Each of these happens to the log while nobody reads it.
#[test]
fn without_every_proof_it_is_read_from_its_end() {
    type Change = fn(&Fixture);
    let changes: [(&str, Change); 7] = [
        ("cut", |fixture| fixture.file().set_len(0).unwrap()),
        ("cut and grown again", |fixture| {
            fixture.file().set_len(0).unwrap();
            append(&mut fixture.file(), &["x", "y", "z"]);
        }),
        ("another line before the offset", |fixture| {
            let text = format!("{}\n{}\n{}\n", long("a"), long("x"), long("y"));
            rewrite(&fixture.path, &text);
        }),
        ("another first line", |fixture| {
            let text = format!("{}\n{}\n{}\n", long("x"), long("b"), long("y"));
            rewrite(&fixture.path, &text);
        }),
        ("deleted and made anew", |fixture| {
            fs::remove_file(&fixture.path).unwrap();
            append(&mut fixture.file(), &["a", "b", "x"]);
        }),
        ("replaced by a copy", |fixture| {
            let copy = fixture.beside("copy");
            fs::copy(&fixture.path, &copy).unwrap();
            fs::rename(&copy, &fixture.path).unwrap();
            append(&mut fixture.file(), &["x"]);
        }),
        ("behind a link that leads elsewhere", |fixture| {
            fs::remove_file(&fixture.path).unwrap();
            fs::write(fixture.beside("other"), format!("{}\n", long("x"))).unwrap();
            symlink(fixture.beside("other"), &fixture.path).unwrap();
        }),
    ];
    for (name, change) in changes {
        let (mut fixture, checkpoint) = stopped();
        change(&fixture);
        let outcome = start(&mut fixture, &checkpoint);
        assert_eq!(outcome, Err(Unproven::Changed), "{name}");
        append(&mut fixture.file(), &["new"]);
        assert_eq!(fixture.read(), ["new"], "{name}");
    }
}

fn rewrite(path: &Path, text: &str) {
    let file = OpenOptions::new().write(true).truncate(true).open(path);
    file.unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn copytruncate_in_between_is_read_from_the_end_and_its_copy_never() {
    let (mut fixture, checkpoint) = stopped();
    append(&mut fixture.file(), &["c"]);
    fs::copy(&fixture.path, fixture.beside("haproxy.log.1")).unwrap();
    fixture.file().set_len(0).unwrap();
    append(&mut fixture.file(), &["d"]);
    assert_eq!(start(&mut fixture, &checkpoint), Err(Unproven::Changed));
    append(&mut fixture.file(), &["e"]);
    shift(&fixture, 2);
    append(&mut fixture.file(), &["f"]);
    assert_eq!(fixture.read(), ["e", "f"]);
}

#[test]
fn an_old_log_that_was_unpacked_in_between_is_never_read() {
    let (mut fixture, checkpoint) = stopped();
    let unpacked = fixture.beside("haproxy.log.7");
    fs::write(&unpacked, format!("{}\n", long("old"))).unwrap();
    // As gunzip does it, with the time of what it unpacks.
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let file = OpenOptions::new().append(true).open(&unpacked).unwrap();
    file.set_modified(yesterday).unwrap();
    shift(&fixture, 1);
    append(&mut fixture.file(), &["c"]);
    assert_eq!(start(&mut fixture, &checkpoint).unwrap(), ["c"]);
}

#[test]
fn a_rotated_log_from_before_that_has_the_name_back_is_not_read() {
    let (mut fixture, _) = stopped();
    shift(&fixture, 1);
    append(&mut fixture.file(), &["c"]);
    assert_eq!(fixture.read(), ["c"]);
    fixture.now = fixture.now.after(ROTATE_GRACE);
    fixture.read();
    assert_eq!(fixture.follower.open_files(), 1, "it is not held any more");
    let checkpoint = fixture.follower.checkpoint(SystemTime::now()).unwrap();
    fs::rename(&fixture.path, fixture.beside("haproxy.log.2")).unwrap();
    fs::rename(fixture.beside("haproxy.log.1"), &fixture.path).unwrap();
    assert_eq!(start(&mut fixture, &checkpoint), Err(Unproven::Changed));
}

#[test]
fn a_checkpoint_is_believed_for_a_minute() {
    let (fixture, checkpoint) = stopped();
    let resumed = |wall| {
        let limits = Limits::default();
        Follower::resumed(fixture.path.clone(), limits, &checkpoint, wall).map(|_| ())
    };
    let now = SystemTime::now();
    let second = Duration::from_secs(1);
    assert_eq!(resumed(now + GAP_MAX - second), Ok(()));
    let late = resumed(now + GAP_MAX + second).unwrap_err();
    assert!(late.to_string().contains("more than 60 s"), "{late}");
    assert_eq!(resumed(now - second), Err(Unproven::Gap(None)));
}

#[test]
fn nothing_is_written_that_could_not_be_proven() {
    let none = |fixture: &mut Fixture| {
        fixture.read();
        assert_eq!(fixture.follower.checkpoint(SystemTime::now()), None);
    };
    none(&mut Fixture::new(None, Limits::default()));
    none(&mut Fixture::with_empty_file());
    none(&mut Fixture::new(
        Some("a short line\nand more\n"),
        Limits::default(),
    ));
    let mut fixture = Fixture::with_empty_file();
    fixture.file().write_all(long("half").as_bytes()).unwrap();
    none(&mut fixture);
}

#[test]
fn a_checkpoint_on_disk_is_used_once() {
    let (fixture, checkpoint) = stopped();
    let file = file_of(fixture.dir.path(), &fixture.path, "/run/admin.sock");
    assert_eq!(file.take().unwrap(), None);
    file.save(&checkpoint).unwrap();
    file.save(&checkpoint).unwrap();
    let mode = fs::metadata(file.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(file.take().unwrap(), Some(checkpoint));
    assert_eq!(file.take().unwrap(), None);
}

/// Of the daemon that reads `log` and acts on the HAProxy at that socket.
fn file_of(dir: &Path, log: &Path, socket: &str) -> CheckpointFile {
    let haproxy = Address::Unix(PathBuf::from(socket));
    let owner = Owner {
        log: log.display().to_string(),
        haproxy: haproxy.to_string(),
    };
    CheckpointFile::new(dir, &file_name(&haproxy, LOG_CHECKPOINT), owner)
}

#[test]
fn daemons_that_share_a_directory_keep_a_checkpoint_each() {
    let (fixture, checkpoint) = stopped();
    let dir = fixture.dir.path();
    let one = file_of(dir, &fixture.path, "/run/one.sock");
    let other = file_of(dir, &fixture.path, "/run/other.sock");
    one.save(&checkpoint).unwrap();
    other.save(&checkpoint).unwrap();
    assert_ne!(one.path(), other.path());
    assert_eq!(one.take().unwrap().as_ref(), Some(&checkpoint));
    assert_eq!(other.take().unwrap().as_ref(), Some(&checkpoint));
}

#[test]
fn a_checkpoint_under_the_name_of_an_older_version_is_taken_once() {
    let (fixture, checkpoint) = stopped();
    let dir = fixture.dir.path();
    let old = dir.join("log-checkpoint");
    let other = file_of(dir, &fixture.path, "/run/other.sock");
    let file = file_of(dir, &fixture.path, "/run/admin.sock");
    file.save(&checkpoint).unwrap();
    fs::rename(file.path(), &old).unwrap();
    assert_eq!(other.take().unwrap(), None, "it is another daemon's");
    assert_eq!(file.take().unwrap().as_ref(), Some(&checkpoint));
    assert!(!old.exists());
    assert_eq!(file.take().unwrap(), None);
}

#[test]
fn the_checkpoint_of_another_daemon_is_left_alone() {
    let (fixture, checkpoint) = stopped();
    let dir = fixture.dir.path();
    let file = file_of(dir, &fixture.path, "/run/admin.sock");
    file.save(&checkpoint).unwrap();
    let others = [
        file_of(dir, &fixture.path, "/run/other.sock"),
        file_of(dir, &fixture.beside("other.log"), "/run/admin.sock"),
    ];
    for other in others {
        assert_eq!(other.take().unwrap(), None);
    }
    assert_eq!(file.take().unwrap(), Some(checkpoint));
}

#[test]
fn whatever_stands_in_a_checkpoint_file_is_an_error_at_most() {
    let (fixture, checkpoint) = stopped();
    let file = file_of(fixture.dir.path(), &fixture.path, "/run/admin.sock");
    file.save(&checkpoint).unwrap();
    let good = fs::read(file.path()).unwrap();
    for end in 0..good.len() {
        fs::write(file.path(), &good[..end]).unwrap();
        assert!(file.take().is_err(), "cut at {end}");
        assert!(!file.path().exists(), "and it is gone");
    }
    for index in 0..good.len() {
        let mut bytes = good.clone();
        bytes[index] = bytes[index].wrapping_add(1);
        fs::write(file.path(), &bytes).unwrap();
        // It may still be a checkpoint, of another place: it must be harmless.
        if let Ok(Some(other)) = file.take() {
            let (path, limits) = (fixture.path.clone(), Limits::default());
            let _ = Follower::resumed(path, limits, &other, SystemTime::now());
        }
        let _ = fs::remove_file(file.path());
    }
    fs::write(file.path(), vec![b' '; 1 << 20]).unwrap();
    assert!(file.take().unwrap_err().to_string().contains("too large"));
    fs::create_dir(file.path()).unwrap();
    assert!(file.take().is_err());
}

#[test]
fn a_checkpoint_with_the_hashes_of_an_older_version_is_refused_by_its_version_and_gone() {
    let (fixture, checkpoint) = stopped();
    let file = file_of(fixture.dir.path(), &fixture.path, "/run/admin.sock");
    file.save(&checkpoint).unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    fs::write(file.path(), text.replace("\"version\":2", "\"version\":1")).unwrap();
    let refusal = Refusal::from(file.take().unwrap_err()).to_string();
    assert!(
        refusal.contains("its version is 1, this daemon reads 2"),
        "{refusal}"
    );
    assert_eq!(file.take().unwrap(), None);
}

#[test]
fn a_file_whose_first_line_was_not_complete_at_the_start_is_not_read_again_as_a_rotated_one() {
    let mut fixture = Fixture::new(Some("the first line is "), Limits::default());
    append(&mut fixture.file(), &["a", "b"]);
    assert_eq!(fixture.read().len(), 2);
    shift(&fixture, 1);
    append(&mut fixture.file(), &["c"]);
    assert_eq!(fixture.read(), ["c"]);
    fixture.now = fixture.now.after(ROTATE_GRACE);
    assert!(fixture.read().is_empty());
    assert_eq!(fixture.follower.open_files(), 1);
    shift(&fixture, 2);
    append(&mut fixture.file(), &["d"]);
    assert_eq!(fixture.read(), ["d"]);
}

#[test]
fn a_log_that_is_replaced_by_a_copy_of_itself_is_not_read_again() {
    let (mut fixture, _) = stopped();
    let copy = fixture.beside("copy");
    fs::copy(&fixture.path, &copy).unwrap();
    fs::rename(&copy, &fixture.path).unwrap();
    append(&mut fixture.file(), &["c"]);
    assert_eq!(fixture.read(), ["c"]);
}

#[test]
fn a_checkpoint_that_everybody_could_have_put_there_is_neither_believed_nor_left() {
    let (fixture, checkpoint) = stopped();
    let dir = fixture.beside("state");
    let file = file_of(&dir, &fixture.path, "/run/haproxy/admin.sock");
    file.save(&checkpoint).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let refusal = Refusal::from(file.take().unwrap_err());
    assert!(refusal.to_string().contains("chmod"), "{refusal}");
    let error = file.save(&checkpoint).unwrap_err();
    assert!(error.to_string().contains("chmod"), "{error}");
}

#[test]
fn a_hash_on_disk_means_the_same_in_every_build() {
    let (_fixture, checkpoint) = stopped();
    let json = serde_json::to_value(&checkpoint).unwrap();
    let salt = json["salt"].as_u64().unwrap();
    // As RFC 2104 has it; nobody can tell it without the salt.
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salt.to_le_bytes());
    let tag = hmac::sign(&key, long("a").as_bytes());
    let first = tag.as_ref().first_chunk().unwrap();
    assert_eq!(json["log"]["head"]["hash"], u64::from_le_bytes(*first));
    let (_other, other) = stopped();
    let other = serde_json::to_value(&other).unwrap();
    assert_ne!(other["log"]["head"]["hash"], json["log"]["head"]["hash"]);
}
