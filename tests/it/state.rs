//! The journal on disk: torn at every byte, damaged, old, linked, on a disk that does not take it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use haproxy_autoscale::measure::served::Goal;
use haproxy_autoscale::measure::settings::Signal;
use haproxy_autoscale::scaler::hand::{Evacuated, Kept, Mark, Marks, Since, Until};
use haproxy_autoscale::scaler::memory::{
    BackendMemory, CapacityMemory, MachineMemory, Memory, ServerMemory,
};
use haproxy_autoscale::state::{Found, Keeper, decode, encode, load};
use haproxy_autoscale::words::by::By;
use haproxy_autoscale::words::machine::MachineKey;
use haproxy_autoscale::words::picture::{AdminState, Generation};
use haproxy_autoscale::words::time::Timestamp;
use proptest::prelude::*;

use crate::support::wait_for;

const SOON: Duration = Duration::from_secs(10);
const NAME: &str = "admin.sock-0123456789abcdef.state";
/// The wall clock when it was written.
const WALL_MS: u64 = 1_795_312_498_000;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn until(ms: u64, length_s: u64) -> Until {
    Until {
        at: at(ms),
        length: Duration::from_secs(length_s),
    }
}

fn capacity() -> CapacityMemory {
    CapacityMemory {
        goal: Goal {
            signal: Signal::ServerTime,
            ms: 500.0,
        },
        proved_per_s: Some(35.25),
        held: Some(4.5),
        broken_per_s: Some(40.5),
        service_ms: Some(60.0),
    }
}

/// What is read again of a backend of which only that is known.
fn capacity_read_again(capacity: CapacityMemory) -> Option<CapacityMemory> {
    let web = BackendMemory {
        machine_starts: vec![Duration::from_secs(100), Duration::from_secs(5)],
        capacity: Some(capacity),
        ..BackendMemory::default()
    };
    let memory = Memory {
        backends: BTreeMap::from([("web".to_owned(), web)]),
        ..Memory::default()
    };
    let text = encode(&memory, at(0), WALL_MS);
    let read = decode(text.as_bytes(), at(0), WALL_MS).expect("a whole file");
    read.backends["web"].capacity
}

fn memory() -> Memory {
    let since = Some(Since::ago(at(0), Duration::from_secs(3600)));
    let mark = |by, until| Mark { since, by, until };
    let web2 = ServerMemory {
        marks: Marks {
            paused: Some(mark(Some(By::uid(0)), None)),
            pinned: Some(mark(None, Some(until(70_000, 60)))),
            evacuated: Some(Evacuated {
                mark: mark(None, Some(until(90_000, 120))),
                leaves_a_gap: true,
            }),
            kept: Some((
                Kept::Out,
                mark(Some(By::uid(1000)), Some(until(50_000, 3600))),
            )),
        },
        expected: Some(AdminState::Drain),
        stands_in: true,
        hold: Some(until(3_000_000, 3600)),
        quarantine: Some(until(20_000, 60)),
        failures: 3,
        lent_maxconn: Some(40),
        lent_weights: vec![10, 15],
        machine: Some(MachineMemory {
            identity: u64::MAX,
            key: MachineKey(7),
            attempt: 2,
            is_ours: true,
            may_start_late: true,
            is_over: true,
            is_stopping: true,
            boot: Some(Duration::from_millis(41_300)),
            starts: 5,
        }),
        told: vec![AdminState::Drain, AdminState::Ready],
    };
    let web3 = ServerMemory {
        marks: Marks {
            kept: Some((Kept::In, mark(None, None))),
            ..Marks::default()
        },
        expected: Some(AdminState::Maint),
        ..ServerMemory::default()
    };
    let web = BackendMemory {
        machine_starts: vec![Duration::from_secs(100), Duration::from_secs(5)],
        generation: Some(Generation {
            pid: 4711,
            start_time_s: 1_795_000_000,
        }),
        paused: Some(mark(Some(By::uid(1000)), Some(until(60_000, 50)))),
        capacity: Some(capacity()),
        servers: BTreeMap::from([("web2".to_owned(), web2), ("web3".to_owned(), web3)]),
    };
    Memory {
        everything: Some(mark(Some(By::uid(0)), None)),
        backends: BTreeMap::from([("web".to_owned(), web)]),
        is_lost: false,
    }
}

#[test]
fn what_was_written_is_read_again_to_the_millisecond() {
    let text = encode(&memory(), at(10_000), WALL_MS);
    assert!(text.starts_with("haproxy-autoscale state 1 "), "{text}");
    // The same moment in another daemon, whose time began elsewhere.
    let read = decode(text.as_bytes(), at(10_000), WALL_MS).unwrap();
    assert_eq!(read, memory());
    // 15 s later, 5 s after its start.
    let read = decode(text.as_bytes(), at(5_000), WALL_MS + 15_000).unwrap();
    let paused = read.backends["web"].paused.unwrap().until.unwrap();
    assert_eq!(paused, until(5_000 + 50_000 - 15_000, 50));
    let quarantine = read.backends["web"].servers["web2"].quarantine.unwrap();
    assert_eq!(quarantine.at, at(5_000), "over");
}

#[test]
fn however_the_wall_clock_steps_nothing_lasts_longer_than_it_was_meant_to() {
    let day_ms = 24 * 3600 * 1000;
    let text = encode(&memory(), at(10_000), WALL_MS);
    for wall_ms in [0, WALL_MS - day_ms, WALL_MS - 400 * day_ms] {
        let read = decode(text.as_bytes(), at(0), wall_ms).unwrap();
        let server = &read.backends["web"].servers["web2"];
        assert_eq!(
            server.hold.unwrap().at,
            at(3_600_000),
            "a whole hold at most"
        );
        assert_eq!(server.quarantine.unwrap().at, at(60_000));
        assert_eq!(
            read.backends["web"].paused.unwrap().until.unwrap().at,
            at(50_000)
        );
        assert_eq!(
            read.everything.unwrap().until,
            None,
            "for ever stays for ever"
        );
    }
    let read = decode(text.as_bytes(), at(7), WALL_MS + day_ms).unwrap();
    assert_eq!(
        read.backends["web"].servers["web2"].hold.unwrap().at,
        at(7),
        "over"
    );
    let read = decode(text.as_bytes(), at(7), u64::MAX).unwrap();
    assert_eq!(read.backends["web"].servers["web2"].hold.unwrap().at, at(7));
}

#[test]
fn a_file_of_a_version_without_capacity_is_read_and_one_without_any_is_written_as_before() {
    let mut without = memory();
    for backend in without.backends.values_mut() {
        backend.capacity = None;
    }
    let text = encode(&without, at(10_000), WALL_MS);
    assert!(!text.contains("capacity"), "{text}");
    assert_eq!(decode(text.as_bytes(), at(10_000), WALL_MS), Ok(without));
}

#[test]
fn numbers_that_no_server_can_have_taught_are_dropped() {
    for odd in [-1.0, 0.0, 1e-9, 1e300, f64::NAN, f64::INFINITY] {
        let read = capacity_read_again(CapacityMemory {
            proved_per_s: Some(odd),
            held: Some(odd),
            service_ms: Some(odd),
            ..capacity()
        });
        let expected = CapacityMemory {
            proved_per_s: None,
            held: None,
            service_ms: None,
            ..capacity()
        };
        assert_eq!(read, Some(expected), "{odd}");
        let read = capacity_read_again(CapacityMemory {
            proved_per_s: Some(odd),
            broken_per_s: Some(odd),
            ..capacity()
        });
        assert_eq!(read, None, "{odd}: nothing is left");
    }
}

#[test]
fn a_file_cut_off_at_any_byte_is_bad() {
    let text = encode(&memory(), at(0), WALL_MS);
    for end in 0..text.len() {
        let torn = &text.as_bytes()[..end];
        assert!(decode(torn, at(0), WALL_MS).is_err(), "cut off at {end}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_bad_or_changes_nothing() {
    let text = encode(&memory(), at(0), WALL_MS);
    for place in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            // In the first line the case of a hexadecimal digit may change.
            if let Ok(read) = decode(&bytes, at(0), WALL_MS) {
                assert_eq!(read, memory_at_zero(), "byte {place}, bit {bit}");
            }
        }
    }
}

fn memory_at_zero() -> Memory {
    let text = encode(&memory(), at(0), WALL_MS);
    decode(text.as_bytes(), at(0), WALL_MS).unwrap()
}

#[test]
fn another_version_is_named_and_not_guessed_at() {
    let text = encode(&memory(), at(0), WALL_MS).replacen(" state 1 ", " state 2 ", 1);
    let why = decode(text.as_bytes(), at(0), WALL_MS).unwrap_err();
    assert!(why.contains("of version 2, this program writes 1"), "{why}");
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&bytes, at(0), WALL_MS).is_err());
    }
}

fn keep(dir: &Path, memory: Memory) -> Option<String> {
    let mut keeper = Keeper::start(dir.to_owned(), NAME.to_owned()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        keeper.keep(at(0), memory);
        keeper.written().wait().await;
    });
    // A disk may take longer than a command waits for it.
    wait_for("a file or a problem", SOON, || {
        keeper.problem().is_some() || dir.join(NAME).exists()
    });
    keeper.problem()
}

#[test]
fn it_is_kept_in_a_directory_of_its_own_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("haproxy-autoscale");
    assert_eq!(
        load(&dir, NAME, at(0), WALL_MS),
        Found::Nothing,
        "a first start"
    );
    assert_eq!(keep(&dir, memory()), None);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join(NAME))), (0o700, 0o600));
    assert!(matches!(load(&dir, NAME, at(0), WALL_MS), Found::Memory(_)));
    assert_eq!(
        fs::read_dir(&dir).unwrap().count(),
        1,
        "nothing else is left there"
    );
}

#[test]
fn a_bad_file_is_put_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(NAME), "haproxy-autoscale state 1 0 0\n").unwrap();
    let Found::Lost(text) = load(folder.path(), NAME, at(0), WALL_MS) else {
        panic!("not lost");
    };
    assert!(
        text.contains("is damaged or was cut off; it is") && text.contains(".bad"),
        "{text}"
    );
    assert!(!folder.path().join(NAME).exists());
    assert!(folder.path().join(format!("{NAME}.bad")).exists());
    assert_eq!(load(folder.path(), NAME, at(0), WALL_MS), Found::Nothing);
}

#[test]
fn a_link_a_pipe_or_a_directory_of_that_name_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, encode(&memory(), at(0), WALL_MS)).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(matches!(
        load(folder.path(), NAME, at(0), WALL_MS),
        Found::Lost(_)
    ));
    // Writing replaces the link and leaves what it led to.
    let before = fs::read(&elsewhere).unwrap();
    symlink(&elsewhere, folder.path().join(format!("{NAME}.new"))).unwrap();
    assert_eq!(keep(folder.path(), memory()), None);
    wait_for("a file", SOON, || {
        fs::symlink_metadata(&path).is_ok_and(|it| it.is_file())
    });
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
    fs::remove_file(&path).unwrap();
    let pipe = rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    );
    pipe.unwrap();
    assert!(matches!(
        load(folder.path(), NAME, at(0), WALL_MS),
        Found::Lost(_)
    ));
}

#[test]
fn a_place_that_cannot_be_written_is_a_problem_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    // A file where a directory should be: not even root can write in it.
    let dir = folder.path().join("file");
    fs::write(&dir, "").unwrap();
    let problem = keep(&dir, memory()).expect("a problem");
    assert!(
        problem.contains("cannot keep the state in") && problem.contains("[state]"),
        "{problem}"
    );
    assert_eq!(load(&dir, NAME, at(0), WALL_MS), Found::Nothing);
    let problem = keep(&folder.path().join("no/parent"), memory()).expect("a problem");
    assert!(problem.contains("No such file"), "{problem}");
}

#[test]
fn a_full_disk_keeps_the_old_file_whole() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(keep(folder.path(), memory()), None);
    // As full as a disk can be for anybody: a directory where the new file should be.
    fs::create_dir(folder.path().join(format!("{NAME}.new"))).unwrap();
    let mut other = memory();
    other.everything = None;
    assert!(keep(folder.path(), other).is_some());
    assert!(matches!(
        load(folder.path(), NAME, at(0), WALL_MS),
        Found::Memory(_)
    ));
}

#[test]
fn a_daemon_that_has_seen_and_heard_nothing_leaves_no_file_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(NAME);
    let mut keeper = Keeper::start(dir.path().to_owned(), NAME.to_owned()).unwrap();
    let web = ("web".to_owned(), BackendMemory::default());
    let blank = Memory {
        backends: BTreeMap::from([web]),
        ..Memory::default()
    };
    keeper.keep(at(0), blank.clone());
    keeper.keep(at(1), memory());
    let found = |what: fn(&Memory) -> bool| {
        wait_for("what was kept last", SOON, || {
            let found = load(dir.path(), NAME, at(3), WALL_MS);
            matches!(&found, Found::Memory(memory) if what(memory))
        });
    };
    found(|memory| memory.backends["web"].servers.len() == 2);
    fs::remove_file(&path).unwrap();
    // Once there was something, that nothing is left is worth writing down.
    keeper.keep(at(2), blank.clone());
    found(Memory::is_blank);
    drop(keeper);
    fs::remove_file(&path).unwrap();
    let mut keeper = Keeper::start(dir.path().to_owned(), NAME.to_owned()).unwrap();
    keeper.keep(at(0), blank);
    drop(keeper);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
