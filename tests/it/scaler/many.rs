//! One HAProxy with many backends: it is read once for all of them, and what concerns the process is
//! said once.

use std::time::Duration;

use haproxy_autoscale::scaler::Scaler;
use haproxy_autoscale::scaler::decision::{Change, Decision};
use haproxy_autoscale::scaler::event::{Action, ActionId, Event};
use haproxy_autoscale::scaler::seen::{Problem, ProblemCode};
use haproxy_autoscale::scaler::settings::BackendSettings;
use haproxy_autoscale::words::picture::Picture;
use haproxy_autoscale::words::picture::{BackendRead, Generation, ReadFailure, ServerRead};
use haproxy_autoscale::words::time::Timestamp;

use super::world::settings;

/// Ten backends of one HAProxy, each of which is there unless it is `missing`.
struct Many {
    scaler: Scaler,
    now: Timestamp,
    picture: Result<Picture, ReadFailure>,
    reads: Vec<Timestamp>,
    decisions: Vec<Decision>,
}

fn name(number: u32) -> String {
    format!("web{number}")
}

fn backend(number: u32) -> BackendSettings {
    BackendSettings {
        name: name(number),
        ..settings()
    }
}

fn picture() -> Picture {
    let server = |name: &str, admin, operational| ServerRead {
        name: name.to_owned(),
        admin,
        operational,
        ..ServerRead::default()
    };
    let read = BackendRead {
        servers: vec![server("web1", 0, 2), server("web2", 5, 0)],
        ..BackendRead::default()
    };
    Picture {
        generation: Generation {
            pid: 1,
            start_time_s: 1,
        },
        backends: (0..10).map(|number| (name(number), read.clone())).collect(),
        ..Picture::default()
    }
}

impl Many {
    fn new() -> Self {
        let now = Timestamp::from_ms(0);
        Self {
            scaler: Scaler::new(now, (0..10).map(backend)),
            now,
            picture: Ok(picture()),
            reads: Vec::new(),
            decisions: Vec::new(),
        }
    }

    fn step(&mut self, event: Event<'_>) {
        let mut actions = self.scaler.handle(self.now, event);
        while let Some(action) = actions.pop() {
            match action {
                Action::Read { id, backends } => {
                    assert_eq!(backends.len(), 10, "all of them are asked for");
                    self.reads.push(self.now);
                    let outcome = self.picture.clone();
                    actions.extend(
                        self.scaler
                            .handle(self.now, Event::HaproxyRead { id, outcome }),
                    );
                }
                Action::Report(decision) => self.decisions.push(decision),
                Action::WarmUp { .. }
                | Action::Machine { .. }
                | Action::SetState { .. }
                | Action::SetMaxconn { .. }
                | Action::SetWeight { .. } => {}
            }
        }
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now.after(span);
        while let Some(due) = self.scaler.deadline().filter(|due| *due <= end) {
            self.now = due;
            self.step(Event::Tick);
        }
        self.now = end;
    }

    fn texts(&self, change: Change) -> Vec<String> {
        let decisions = self.decisions.iter();
        let texts = decisions.filter(|it| it.change == change);
        texts.map(ToString::to_string).collect()
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn one_read_in_each_poll_interval_serves_all_backends() {
    let mut many = Many::new();
    many.pass(MINUTE);
    let polls = MINUTE.as_millis() / settings().poll_interval.as_millis();
    let reads = many.reads.len() as u128;
    assert!((polls..=polls + 1).contains(&reads), "{reads} of {polls}");
}

#[test]
fn a_hint_is_a_reason_to_read_at_most_once_a_second_for_each_backend() {
    let mut many = Many::new();
    many.pass(MINUTE);
    let before = many.reads.len();
    many.step(Event::Hint { backend: "web1" });
    assert_eq!(many.reads.len(), before + 1);
    many.pass(Duration::from_millis(50));
    for _ in 0..20 {
        many.step(Event::Hint { backend: "web1" });
    }
    assert_eq!(many.reads.len(), before + 1, "too soon");
    many.step(Event::Hint { backend: "web2" });
    assert_eq!(many.reads.len(), before + 2, "another backend's server");
}

#[test]
fn an_outage_its_end_and_a_reload_are_said_once() {
    let mut many = Many::new();
    many.pass(MINUTE);
    many.picture = Err(ReadFailure::Unreachable("connection refused".to_owned()));
    many.pass(MINUTE);
    let mut next = picture();
    next.generation.pid = 2;
    many.picture = Ok(next);
    many.pass(MINUTE);
    let text = "unreachable: connection refused";
    assert_eq!(many.texts(Change::Unreachable), [text]);
    assert_eq!(
        many.texts(Change::Reachable),
        ["reachable: HAProxy answers again"]
    );
    assert_eq!(many.texts(Change::Reload).len(), 1);
    assert_eq!(
        many.decisions
            .iter()
            .filter(|it| it.backend.is_none())
            .count(),
        3
    );
}

#[test]
fn lines_that_haproxy_drops_are_said_once_and_keep_every_backend_from_scaling_down() {
    let mut many = Many::new();
    many.pass(MINUTE);
    for second in 1..60 {
        let mut next = picture();
        next.requests = second * 100;
        next.dropped_logs = second * 50;
        many.picture = Ok(next);
        many.pass(Duration::from_secs(1));
    }
    assert_eq!(many.texts(Change::Freeze).len(), 1);
    let views = many.scaler.snapshot(many.now);
    let dropped = |problem: &Problem| problem.code() == ProblemCode::LogDropped;
    let frozen = views
        .iter()
        .filter(|view| view.problems.iter().any(dropped));
    assert_eq!(frozen.count(), 10);
}

#[test]
fn a_backend_that_haproxy_does_not_have_keeps_no_other_one_from_being_looked_after() {
    let mut many = Many::new();
    let mut without = picture();
    without.backends.remove("web3");
    many.picture = Ok(without);
    many.pass(MINUTE);
    let notes = many
        .decisions
        .iter()
        .filter(|it| it.change == Change::Note && it.to_string().contains("no such backend"));
    let about: Vec<&str> = notes.map(Decision::backend).collect();
    assert_eq!(about, ["web3"]);
    let views = many.scaler.snapshot(many.now);
    let looked_after = views.iter().filter(|view| view.servers.len() == 2);
    assert_eq!(looked_after.count(), 9);
    many.picture = Ok(picture());
    many.pass(MINUTE);
    let views = many.scaler.snapshot(many.now);
    assert!(views.iter().all(|view| view.servers.len() == 2));
}

#[test]
fn a_backend_that_comes_while_haproxy_is_read_is_not_said_to_be_missing() {
    let now = Timestamp::from_ms(0);
    let mut scaler = Scaler::new(now, (0..2).map(backend));
    let reads = |actions: &[Action]| -> Vec<ActionId> {
        let id = |action: &Action| match action {
            Action::Read { id, .. } => Some(*id),
            Action::WarmUp { .. }
            | Action::Machine { .. }
            | Action::SetState { .. }
            | Action::SetMaxconn { .. }
            | Action::SetWeight { .. }
            | Action::Report(_) => None,
        };
        actions.iter().filter_map(id).collect()
    };
    let first = reads(&scaler.handle(now, Event::Tick));
    let settings: Vec<_> = (0..3).map(backend).collect();
    let second = reads(&scaler.handle(
        now,
        Event::Settings {
            backends: &settings,
            is_elsewhere: false,
            was_pretended: false,
        },
    ));
    assert_eq!((first.len(), second.len()), (1, 1));
    let mut early = picture();
    early.backends.retain(|name, _| name != "web2");
    let mut told = Vec::new();
    for (id, picture) in [(first[0], early), (second[0], picture())] {
        let outcome = Ok(picture);
        told.extend(scaler.handle(now, Event::HaproxyRead { id, outcome }));
    }
    let told = format!("{told:?}");
    assert!(!told.contains("UnknownBackend"), "{told}");
    assert_eq!(scaler.snapshot(now).len(), 3);
}

#[test]
fn a_backend_whose_rows_do_not_fit_together_keeps_no_other_one_from_being_read() {
    let mut many = Many::new();
    let mut odd = picture();
    odd.backends.remove("web3");
    odd.odd.insert(
        "web3".to_owned(),
        "show stat has no BACKEND row of web3".to_owned(),
    );
    many.picture = Ok(odd);
    many.pass(MINUTE);
    let said = many.texts(Change::Unreachable);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("web3: cannot use what HAProxy says"),
        "{said:?}"
    );
    let views = many.scaler.snapshot(many.now);
    let looked_after = views.iter().filter(|view| view.servers.len() == 2);
    assert_eq!(looked_after.count(), 9);
    many.picture = Ok(picture());
    many.pass(MINUTE);
    assert_eq!(many.texts(Change::Reachable).len(), 1);
}

#[test]
fn lines_that_another_haproxy_drops_no_more_are_said_to_be_over() {
    let mut many = Many::new();
    many.pass(MINUTE);
    for second in 1..60 {
        let mut next = picture();
        (next.requests, next.dropped_logs) = (second * 100, second * 50);
        many.picture = Ok(next);
        many.pass(Duration::from_secs(1));
    }
    let settings: Vec<_> = (0..10).map(backend).collect();
    many.picture = Ok(picture());
    many.step(Event::Settings {
        backends: &settings,
        is_elsewhere: true,
        was_pretended: false,
    });
    many.pass(3 * MINUTE);
    assert_eq!(many.texts(Change::Freeze).len(), 1);
    assert_eq!(many.texts(Change::Thaw).len(), 1);
}
