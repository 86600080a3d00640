//! Numbers when the file is not there, or not ours, from the beginning; and what memory keeps.

use std::fs;
use std::path::Path;
use std::time::Duration;

use haproxy_autoscale::measure::account::Usage;
use haproxy_autoscale::publish::events::{Events, Place, RECENT_MAX};
use haproxy_autoscale::publish::hub::Hub;
use haproxy_autoscale::publish::record::{News, Record};

use super::file::{DAY, Teller, connected, events, ids, lives, place};
use crate::support::program::SOON;
use crate::support::wait_for;

fn codes(file: &Path) -> Vec<String> {
    events(file).into_iter().map(|it| it.code).collect()
}

#[test]
fn numbers_that_the_file_has_are_not_given_again_when_it_can_be_read_only_later() {
    let (_folder, file) = place();
    lives(&file, 1, 50);
    let folder = file.parent().unwrap();
    let aside = folder.with_file_name("aside");
    fs::rename(folder, &aside).unwrap();
    fs::write(folder, "in the way").unwrap();
    let teller = Teller::start(&file);
    teller.tell(News::ConfigUnchanged);
    teller.wait_for(2);
    assert!(teller.events.problem().unwrap().contains("cannot keep"));
    fs::remove_file(folder).unwrap();
    fs::rename(&aside, folder).unwrap();
    teller.tell(News::ConfigUnchanged);
    teller.wait_for(54);
    let in_memory = teller.events.after(0);
    teller.end();
    assert_eq!(ids(&file), (1..=54).collect::<Vec<_>>());
    let last = &codes(&file)[50..];
    let wanted = [
        "connected",
        "config_unchanged",
        "events_lost",
        "config_unchanged",
    ];
    assert_eq!(last, wanted);
    let in_memory: Vec<_> = in_memory.iter().map(|it| it.event.id).collect();
    assert_eq!(in_memory, [51, 52, 53, 54], "as in the file");
    assert_eq!(
        events(&file)[52].data["events"],
        48,
        "a follower had seen 2, and sees 51"
    );
}

#[test]
fn a_file_that_comes_after_the_start_keeps_its_numbers() {
    let (_folder, file) = place();
    lives(&file, 1, 50);
    let folder = file.parent().unwrap();
    let aside = folder.with_file_name("aside");
    fs::rename(folder, &aside).unwrap();
    // It is mounted only now.
    let teller = Teller::silent(&file, 30 * DAY);
    teller.tell(News::ConfigUnchanged);
    teller.wait_for(1);
    fs::rename(&aside, folder).unwrap();
    teller.tell(connected());
    teller.wait_for(53);
    teller.end();
    assert_eq!(ids(&file), (1..=53).collect::<Vec<_>>());
    assert_eq!(
        &codes(&file)[50..],
        ["config_unchanged", "connected", "events_lost"]
    );
}

#[test]
fn what_waits_for_the_disk_is_written_when_a_new_configuration_says_where_or_how_long() {
    for is_elsewhere in [false, true] {
        let (_folder, file) = place();
        let folder = file.parent().unwrap();
        fs::write(folder, "in the way").unwrap();
        let teller = Teller::start(&file);
        teller.tell(News::ConfigUnchanged);
        teller.wait_for(2);
        let file = if is_elsewhere {
            folder.with_file_name("elsewhere.ndjson")
        } else {
            fs::remove_file(folder).unwrap();
            file.clone()
        };
        teller.events.keep_at(Some(Place {
            file: file.clone(),
            keep: 7 * DAY,
            is_own_folder: true,
        }));
        teller.tell(News::ConfigUnchanged);
        teller.end();
        assert_eq!(ids(&file), [1, 2, 3], "elsewhere: {is_elsewhere}");
    }
}

#[test]
fn what_waits_for_the_disk_is_told_as_lost_when_nothing_is_to_be_kept_any_more() {
    let (_folder, file) = place();
    fs::write(file.parent().unwrap(), "in the way").unwrap();
    let teller = Teller::start(&file);
    teller.tell(News::ConfigUnchanged);
    teller.wait_for(2);
    teller.events.keep_at(None);
    teller.tell(News::ConfigUnchanged);
    teller.wait_for(4);
    let told = teller.events.after(2);
    assert_eq!(told[0].event.code, "events_lost");
    assert_eq!(told[0].event.data["events"], 2);
    teller.end();
}

#[test]
fn a_file_without_an_end_of_line_that_is_not_ours_is_not_emptied() {
    for text in ["a note", "{\"id\"", "{\"idea\":1}", "{\"id\":7,\"at\":"] {
        let (_folder, file) = place();
        fs::create_dir(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        let teller = Teller::start(&file);
        teller.wait_for(1);
        let problem = teller.events.problem();
        teller.end();
        let now = fs::read_to_string(&file).unwrap();
        if "{\"id\":".starts_with(text) || text.starts_with("{\"id\":") {
            assert_eq!(ids(&file), [1], "a torn first line is ours: {text}");
        } else {
            assert_eq!(now, text);
            assert!(problem.unwrap().contains("no events"), "{text}");
        }
    }
}

/// What is told every few minutes of a backend.
fn usage() -> News {
    News::Usage {
        backend: "busy".to_owned(),
        usage: Usage::default(),
        is_pretended: false,
    }
}

#[test]
fn what_is_told_every_few_minutes_pushes_nothing_out_of_memory() {
    let hub = Hub::new();
    let (events, _ending) = Events::start(&hub, None);
    let wait = |id: u64| wait_for("its number", SOON, || *events.newest().borrow() == id);
    let unknown = |backend: &str| News::UnknownBackend {
        backend: backend.to_owned(),
        known: Vec::new(),
    };
    let most = RECENT_MAX as u64;
    for id in 1..=12 {
        hub.tell(Record::now(unknown("quiet")));
        wait(id);
    }
    for id in 13..=most + 20 {
        hub.tell(Record::now(usage()));
        wait(id);
    }
    let all = events.remembered(0);
    assert_eq!(all.len(), RECENT_MAX + 12, "a thousand, and what happened");
    assert!(all.is_sorted_by_key(|it| it.event.id));
    let followed = events.after(0);
    assert_eq!(followed[0].event.id, 21, "none is missing between them");
    assert_eq!(followed.len(), RECENT_MAX);
    for id in most + 21..=2 * most + 40 {
        hub.tell(Record::now(unknown("busy")));
        wait(id);
    }
    let last = events.last_of("quiet");
    assert_eq!(last.len(), 10, "however long ago");
    assert_eq!((&last[0]["id"], &last[9]["id"]), (&3.into(), &12.into()));
    assert_eq!(events.last_of("busy").len(), 10);
    assert!(events.last_of("unheard").is_empty());
}

#[test]
fn a_new_daemon_remembers_what_happened_before_all_that_is_told_every_few_minutes() {
    let (_folder, file) = place();
    let teller = Teller::start(&file);
    teller.tell(News::UnknownBackend {
        backend: "quiet".to_owned(),
        known: Vec::new(),
    });
    (0..2000).for_each(|_| teller.tell(usage()));
    teller.wait_for(2002);
    teller.end();
    let teller = Teller::start(&file);
    teller.wait_for(2003);
    assert_eq!(teller.events.last_of("quiet").len(), 1);
    let followed = teller.events.after(0);
    let first = followed[0].event.id;
    let ids = followed.iter().map(|it| it.event.id);
    assert!(ids.eq(first..=2003), "none is missing from {first} on");
    teller.end();
}

#[test]
fn numbers_in_memory_are_those_of_the_file_for_explain_too() {
    let (_folder, file) = place();
    lives(&file, 1, 50);
    let folder = file.parent().unwrap();
    let aside = folder.with_file_name("aside");
    fs::rename(folder, &aside).unwrap();
    let teller = Teller::silent(&file, 30 * DAY);
    teller.tell(News::UnknownBackend {
        backend: "web".to_owned(),
        known: Vec::new(),
    });
    teller.wait_for(1);
    fs::rename(&aside, folder).unwrap();
    teller.tell(connected());
    teller.wait_for(52);
    let last = teller.events.last_of("web");
    assert_eq!(last[0]["id"], 51);
    wait_for("that is told", Duration::from_secs(5), || {
        *teller.events.newest().borrow() == 53
    });
    teller.end();
}
