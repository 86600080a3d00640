//! The file of events, by the thread that writes it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use haproxy_autoscale::publish::event::Event;
use haproxy_autoscale::publish::events::{Ending, Events, Place, RECENT_MAX};
use haproxy_autoscale::publish::hub::Hub;
use haproxy_autoscale::publish::record::{News, Record, What};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::program::SOON;
use crate::support::wait_for;

pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// HAProxy has answered.
pub(super) fn connected() -> News {
    News::Connected {
        version: "3.2".to_owned(),
        socket: "/x".to_owned(),
    }
}

/// A daemon's end of it: what it tells, and when by its clock.
pub(super) struct Teller {
    pub(super) hub: Hub,
    pub(super) events: Events,
    ending: Ending,
}

impl Teller {
    /// HAProxy has answered.
    pub(super) fn start(file: &Path) -> Self {
        let teller = Self::silent(file, 30 * DAY);
        teller.tell(connected());
        teller
    }

    pub(super) fn silent(file: &Path, keep: Duration) -> Self {
        let hub = Hub::new();
        let place = Place {
            file: file.to_owned(),
            keep,
            is_own_folder: true,
        };
        let (events, ending) = Events::start(&hub, Some(place));
        Self {
            hub,
            events,
            ending,
        }
    }

    pub(super) fn tell(&self, news: News) {
        self.hub.tell(Record::now(news));
    }

    pub(super) fn tell_at(&self, at: SystemTime) {
        let what = What::News(News::ConfigUnchanged);
        self.hub.tell(Record { at, what });
    }

    /// Waits until that number is given.
    pub(super) fn wait_for(&self, id: u64) {
        wait_for("its number", SOON, || *self.events.newest().borrow() >= id);
    }

    pub(super) fn end(self) {
        drop(self.hub);
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(self.ending.wait());
    }
}

pub(super) fn events(path: &Path) -> Vec<Event> {
    let text = fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

pub(super) fn ids(path: &Path) -> Vec<u64> {
    events(path).iter().map(|event| event.id).collect()
}

/// A folder, and the file of events in it.
pub(super) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state").join("events.ndjson");
    (folder, file)
}

/// One daemon after another, each with so many events, the first of which says that HAProxy answers.
pub(super) fn lives(file: &Path, lives: usize, told: usize) {
    for _ in 0..lives {
        let teller = Teller::start(file);
        (1..told).for_each(|_| teller.tell(News::ConfigUnchanged));
        teller.end();
    }
}

#[test]
fn ids_count_up_by_one_over_restarts() {
    let (_folder, file) = place();
    lives(&file, 3, 5);
    assert_eq!(ids(&file), (1..=15).collect::<Vec<_>>());
}

#[test]
fn an_event_has_the_names_of_the_contract_in_their_order_and_a_time_with_its_zone() {
    let (_folder, file) = place();
    let teller = Teller::start(&file);
    teller.tell_at(UNIX_EPOCH + Duration::from_millis(1_795_312_498_123));
    teller.end();
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().last().unwrap();
    assert_eq!(
        line,
        "{\"id\":2,\"at\":\"2026-11-22T01:54:58.123Z\",\"level\":\"info\",\
         \"code\":\"config_unchanged\",\"backend\":null,\"server\":null,\
         \"text\":\"SIGHUP: configuration read again, it has not changed\",\"data\":{}}"
    );
}

#[test]
fn ids_go_on_when_the_clock_is_set_back_and_nothing_is_removed_because_of_it() {
    let (_folder, file) = place();
    let now = SystemTime::now();
    let teller = Teller::start(&file);
    for at in [now, now - 400 * DAY, UNIX_EPOCH, now - 3600 * DAY, now] {
        teller.tell_at(at);
    }
    teller.end();
    lives(&file, 1, 2);
    assert_eq!(ids(&file), (1..=8).collect::<Vec<_>>());
}

#[test]
fn a_torn_last_line_is_cut_and_its_number_is_given_to_the_next_event() {
    let (_folder, file) = place();
    lives(&file, 1, 3);
    let whole = fs::read(&file).unwrap();
    let last = whole.len()
        - whole[..whole.len() - 1]
            .iter()
            .rposition(|it| *it == b'\n')
            .unwrap()
        - 1;
    for kept in [1, last / 2, last - 1] {
        fs::write(&file, &whole[..whole.len() - last + kept]).unwrap();
        lives(&file, 1, 2);
        assert_eq!(ids(&file), [1, 2, 3, 4], "{kept} bytes of {last}");
    }
}

#[test]
fn a_file_becomes_complete_with_time_and_the_oldest_goes_when_it_is_too_old() {
    let (_folder, file) = place();
    let start = SystemTime::now();
    let teller = Teller::start(&file);
    for day in 0..120 {
        teller.tell_at(start + day * DAY);
    }
    teller.wait_for(121);
    teller.end();
    let mut names: Vec<(u64, PathBuf)> = fs::read_dir(file.parent().unwrap())
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let id = name.strip_prefix("events.ndjson.")?.parse().ok()?;
            Some((id, entry.path()))
        })
        .collect();
    names.sort();
    let mut all = Vec::new();
    for (first, path) in &names {
        let found = ids(path);
        assert_eq!(found.first(), Some(first), "its name says where it begins");
        all.extend(found);
    }
    all.extend(ids(&file));
    let oldest = all[0];
    assert_eq!(
        all,
        (oldest..=121).collect::<Vec<_>>(),
        "nothing twice, no gap"
    );
    // One event a day: thirty days, and as much as is removed at once.
    assert!((30..=40).contains(&all.len()), "{}", all.len());
    assert!(names.len() >= 8, "{names:?}");
}

#[test]
fn a_removed_file_begins_anew_and_no_number_comes_again() {
    let (_folder, file) = place();
    lives(&file, 1, 5);
    fs::remove_file(&file).unwrap();
    lives(&file, 1, 1);
    let after = events(&file);
    assert_eq!(after[0].code, "events_lost", "a gap is told: {after:?}");
    assert_eq!(after[0].data["at_most"], true);
    assert!(after[0].id > 5, "{after:?}");
    assert_eq!(after[1].id, after[0].id + 1);
    // While a daemon runs, it knows the numbers itself.
    let teller = Teller::start(&file);
    teller.wait_for(after[1].id + 1);
    fs::remove_file(&file).unwrap();
    teller.tell(News::ConfigUnchanged);
    teller.end();
    assert_eq!(ids(&file), [after[1].id + 2]);
}

#[test]
fn what_is_no_file_of_events_stays_as_it_is_and_that_is_a_problem() {
    let (_folder, file) = place();
    fs::create_dir(file.parent().unwrap()).unwrap();
    let text = "Nov 27 03:10:00 lb haproxy[7]: not ours\n";
    fs::write(&file, text).unwrap();
    let teller = Teller::start(&file);
    teller.wait_for(1);
    let problem = teller.events.problem().unwrap();
    assert!(problem.contains("what is in it are no events"), "{problem}");
    teller.end();
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn two_daemons_do_not_write_one_file() {
    let (_folder, file) = place();
    let first = Teller::start(&file);
    first.wait_for(1);
    let second = Teller::start(&file);
    second.wait_for(2);
    let problem = second.events.problem().unwrap();
    assert!(problem.contains("another daemon writes it"), "{problem}");
    first.tell(News::ConfigUnchanged);
    first.end();
    // The first one has ended: what the second one could not write is written now.
    second.tell(News::ConfigUnchanged);
    second.end();
    let codes: Vec<_> = events(&file).into_iter().map(|it| it.code).collect();
    assert_eq!(codes.len(), 4, "{codes:?}");
    assert_eq!(ids(&file), [1, 2, 3, 4], "no number is given twice");
}

#[test]
fn without_a_haproxy_that_answered_there_is_no_file_and_all_of_it_is_written_when_one_does() {
    let (_folder, file) = place();
    let teller = Teller::silent(&file, 30 * DAY);
    teller.tell(News::ConfigUnchanged);
    teller.wait_for(1);
    assert!(!file.exists() && teller.events.problem().is_none());
    teller.tell(News::Connected {
        version: "3.2".to_owned(),
        socket: "/x".to_owned(),
    });
    teller.end();
    assert_eq!(ids(&file), [1, 2]);
}

#[test]
fn followers_read_on_from_any_number_and_memory_has_an_end() {
    let hub = Hub::new();
    let (events, _ending) = Events::start(&hub, None);
    let most = RECENT_MAX as u64;
    for id in 1..=most + 5 {
        hub.tell(Record::now(News::ConfigUnchanged));
        wait_for("its number", SOON, || *events.newest().borrow() == id);
    }
    let all = events.after(0);
    assert_eq!(all.len(), RECENT_MAX);
    assert_eq!(all[0].event.id, 6, "the oldest ones are gone");
    assert_eq!(events.after(most + 4).len(), 1);
    assert!(events.after(most + 5).is_empty());
    let line: Value = serde_json::from_str(&all[0].line).unwrap();
    assert_eq!(line["id"], 6);
}

#[test]
fn a_folder_that_everybody_may_write_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, file) = place();
    let folder = file.parent().unwrap();
    fs::create_dir(folder).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    let teller = Teller::start(&file);
    teller.wait_for(1);
    assert!(teller.events.problem().unwrap().contains("everybody"));
    assert!(!file.exists());
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    teller.tell(News::ConfigUnchanged);
    teller.end();
    assert_eq!(ids(&file), [1, 2], "nothing is lost meanwhile");
}

#[test]
fn a_line_that_a_kill_left_half_does_not_hide_those_before_it() {
    let (_folder, file) = place();
    lives(&file, 1, 2);
    let mut torn = OpenOptions::new().append(true).open(&file).unwrap();
    // What a power failure leaves on some file systems.
    torn.write_all(&[0; 700]).unwrap();
    drop(torn);
    lives(&file, 1, 1);
    assert_eq!(ids(&file), [1, 2, 3]);
}
