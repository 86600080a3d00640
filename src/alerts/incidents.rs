//! What one channel is told: each incident once when it begins and once when it is over, at most so often;
//! each event that has no end once. Knows no clock, no queue and no network: a look goes in with its time,
//! messages come out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::On;
use crate::publish::alert::{Incident, Subject};
use crate::publish::event::Event;
use crate::publish::events::Entry;
use crate::status::Told;
use crate::words::level::Level;
use crate::words::time::Timestamp;

/// What is gone sooner was none: HAProxy is reloaded, a log is rotated.
pub const SETTLE: Duration = Duration::from_secs(5);
/// What comes back within this time has not been gone.
pub const GAP_MAX: Duration = Duration::from_secs(15);
/// The same for what an earlier daemon told: this one has first to find out whether it lasts.
pub const RESTART_GAP_MAX: Duration = Duration::from_secs(60);
/// … and a site that was down counts its failures anew.
pub const PROBE_RESTART_GAP_MAX: Duration = Duration::from_secs(10 * 60);
/// Most incidents at a time, and most that it is known of when they were told.
const KNOWN_MAX: usize = 8192;

/// An incident is the same as another one of this backend, kind and object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    backend: Option<String>,
    kind: String,
    about: Option<String>,
    /// Tells apart those of the same kind about the same.
    number: usize,
}

/// What one channel knows.
#[derive(Debug)]
pub struct Incidents {
    on: Vec<On>,
    every: Duration,
    open: BTreeMap<Key, Open>,
    /// When each was told last.
    told_at: BTreeMap<Key, Timestamp>,
    is_muted: bool,
}

#[derive(Debug)]
struct Open {
    incident: Incident,
    seen_from: Timestamp,
    seen_at: Timestamp,
    /// It is over when it was not seen for so long.
    gap_max: Duration,
    is_told: bool,
}

/// A message, and the incident that it is about.
#[derive(Clone, Debug)]
pub struct Saying {
    pub what: Subject,
    pub key: Option<Key>,
}

/// What an earlier daemon told, and did not tell the end of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub incident: Incident,
    pub number: usize,
    pub told_at: Timestamp,
}

impl Incidents {
    pub fn new(on: Vec<On>, every: Duration) -> Self {
        Self {
            on,
            every,
            open: BTreeMap::new(),
            told_at: BTreeMap::new(),
            is_muted: false,
        }
    }

    /// Tells other things, or more often; what was told stays known.
    pub fn reconfigure(&mut self, on: Vec<On>, every: Duration) {
        self.on = on;
        self.every = every;
    }

    /// Knows what an earlier daemon told.
    pub fn recall(&mut self, now: Timestamp, remembered: Vec<Remembered>) {
        for it in remembered.into_iter().take(KNOWN_MAX) {
            let key = Key::of(&it.incident, it.number);
            self.told_at.insert(key.clone(), it.told_at);
            let gap_max = match it.incident.code.as_str() {
                "probe_down" => PROBE_RESTART_GAP_MAX,
                _ => RESTART_GAP_MAX,
            };
            let open = Open {
                incident: it.incident,
                seen_from: now,
                seen_at: now,
                gap_max,
                is_told: true,
            };
            self.open.insert(key, open);
        }
    }

    /// A look at all problems at `wall` by the clock on the wall; `pause` says that everything is paused, and how.
    pub fn look(
        &mut self,
        now: Timestamp,
        wall: SystemTime,
        problems: &[Told],
        pause: Option<&str>,
    ) -> Vec<Saying> {
        let mut said = Vec::new();
        if let Some(pause) = pause.filter(|_| !self.is_muted) {
            let what = Subject::Muted(pause.to_owned());
            said.push(Saying { what, key: None });
        }
        self.is_muted = pause.is_some();
        self.see(now, problems);
        if !self.is_muted {
            self.begin(now, &mut said);
            self.end(now, wall, &mut said);
        }
        self.told_at
            .retain(|key, at| now.since(*at) < self.every || self.open.contains_key(key));
        said
    }

    fn see(&mut self, now: Timestamp, problems: &[Told]) {
        let mut seen = BTreeMap::<Key, usize>::new();
        for told in problems {
            if !self.is_on(told.code) {
                continue;
            }
            let (is_of_all, kind) = kind_of(told.code);
            let mut key = Key {
                backend: told.backend.clone().filter(|_| !is_of_all),
                kind: kind.to_owned(),
                about: told.about.clone(),
                number: 0,
            };
            let count = seen.entry(key.clone()).or_default();
            if is_of_all && *count > 0 {
                continue; // Each backend suffers from it, and the first has said so.
            }
            key.number = *count;
            *count += 1;
            self.see_one(now, key, told);
        }
    }

    fn see_one(&mut self, now: Timestamp, key: Key, told: &Told) {
        if let Some(open) = self.open.get_mut(&key) {
            open.seen_at = now;
            open.gap_max = GAP_MAX;
            open.incident.text.clone_from(&told.text);
            // What was told keeps its name: a receiver knows it by that.
            if !open.is_told {
                told.code.clone_into(&mut open.incident.code);
            }
            return;
        }
        if self.open.len() >= KNOWN_MAX {
            return;
        }
        let incident = Incident {
            code: told.code.to_owned(),
            backend: key.backend.clone(),
            about: told.about.clone(),
            text: told.text.clone(),
            since: told.since,
        };
        let open = Open {
            incident,
            seen_from: now,
            seen_at: now,
            gap_max: GAP_MAX,
            is_told: false,
        };
        self.open.insert(key, open);
    }

    fn begin(&mut self, now: Timestamp, said: &mut Vec<Saying>) {
        for (key, open) in &mut self.open {
            let is_there = open.seen_at == now && now.since(open.seen_from) >= SETTLE;
            let before = self.told_at.get(key);
            let is_soon = before.is_some_and(|at| now.since(*at) < self.every);
            if open.is_told || !is_there || is_soon {
                continue;
            }
            open.is_told = true;
            self.told_at.insert(key.clone(), now);
            said.push(Saying {
                what: Subject::Begun(open.incident.clone()),
                key: Some(key.clone()),
            });
        }
    }

    fn end(&mut self, now: Timestamp, wall: SystemTime, said: &mut Vec<Saying>) {
        self.open.retain(|key, open| {
            let is_over = now.since(open.seen_at) > open.gap_max;
            if is_over && open.is_told {
                let seen_for = open.seen_at.since(open.seen_from);
                let incident = open.incident.clone();
                let lasted = wall.duration_since(incident.since);
                let lasted = lasted
                    .unwrap_or_default()
                    .saturating_sub(now.since(open.seen_at));
                let lasted = lasted.max(seen_for);
                said.push(Saying {
                    what: Subject::Ended { incident, lasted },
                    key: Some(key.clone()),
                });
            }
            !is_over
        });
    }

    /// An event; what of it is told.
    pub fn event(&mut self, now: Timestamp, entry: &Arc<Entry>) -> Option<Saying> {
        let event = &entry.event;
        let class = class_of(event);
        let is_named = self.on.iter().any(|on| *on == On::Code(event.code.clone()));
        let is_on = match class {
            Class::Change => self.on.contains(&On::Change),
            Class::Problem => self.on.contains(&On::Problem),
            Class::Incident | Class::Other => false,
        };
        // One that is an incident under the same name has an end, and is told as that.
        let is_told_otherwise = class == Class::Incident && is_problem(&event.code);
        if self.is_muted || is_told_otherwise || !(is_on || is_named) {
            return None;
        }
        if class == Class::Problem {
            let key = Key {
                backend: event.backend.clone(),
                kind: format!("event {}", event.code),
                about: event.server.clone(),
                number: 0,
            };
            let before = self.told_at.get(&key);
            if before.is_some_and(|at| now.since(*at) < self.every) {
                return None;
            }
            if self.told_at.len() < KNOWN_MAX {
                self.told_at.insert(key, now);
            }
        }
        Some(Saying {
            what: Subject::Event(Arc::clone(entry)),
            key: None,
        })
    }

    /// The message could not be kept or sent: it is as if it had never been said.
    pub fn unsay(&mut self, now: Timestamp, saying: &Saying) {
        let Some(key) = &saying.key else { return };
        match &saying.what {
            Subject::Begun(_) => {
                if let Some(open) = self.open.get_mut(key) {
                    open.is_told = false;
                }
                self.told_at.remove(key);
            }
            Subject::Ended { incident, .. } => {
                let open = Open {
                    incident: incident.clone(),
                    seen_from: now,
                    seen_at: now,
                    gap_max: Duration::ZERO,
                    is_told: true,
                };
                self.open.entry(key.clone()).or_insert(open);
            }
            Subject::Event(_) | Subject::Muted(_) | Subject::Test(_) => {}
        }
    }

    /// The beginning was given up: it is tried again after a while, if it lasts.
    pub fn give_up(&mut self, now: Timestamp, key: &Key) {
        if let Some(open) = self.open.get_mut(key) {
            open.is_told = false;
            self.told_at.insert(key.clone(), now);
        }
    }

    /// Those that were told and are not over.
    pub fn told(&self) -> impl Iterator<Item = (&Key, &Incident, Timestamp)> {
        let open = self.open.iter().filter(|(_, open)| open.is_told);
        open.map(|(key, open)| {
            let told_at = self.told_at.get(key).copied();
            (key, &open.incident, told_at.unwrap_or(open.seen_from))
        })
    }

    fn is_on(&self, code: &str) -> bool {
        self.on.iter().any(|on| match on {
            On::Problem => true,
            On::Change => false,
            On::Code(it) => it == code,
        })
    }
}

impl Key {
    pub fn of(incident: &Incident, number: usize) -> Self {
        let (_, kind) = kind_of(&incident.code);
        Self {
            backend: incident.backend.clone(),
            kind: kind.to_owned(),
            about: incident.about.clone(),
            number,
        }
    }

    pub const fn number(&self) -> usize {
        self.number
    }
}

/// Whether a problem is one of HAProxy or the log as a whole, whichever backend says it, and its kind:
/// several codes may say the same.
fn kind_of(code: &str) -> (bool, &str) {
    match code {
        "log_missing" | "log_unreadable" | "log_absent" => (true, "no log"),
        "log_lost" | "lines_lost" => (true, "lines lost"),
        "unreachable" | "log_late" | "memory_lost" => (true, code),
        // Users suffer and nothing can help, whatever is in the way just now.
        _ if code.starts_with("slow_") || code.starts_with("short_") => (false, "helpless"),
        _ => (false, code),
    }
}

/// What an event is to alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Change,
    /// Something is wrong, and nothing will say that it is over.
    Problem,
    /// What it says lasts, and is among the problems as long as it does.
    Incident,
    Other,
}

/// Events of what stands among the problems for as long as it lasts.
const INCIDENTS: [&str; 22] = [
    "alert_not_sent",
    "config_not_applied",
    "events_not_kept",
    "freeze",
    "heartbeat_not_sent",
    "http_not_listening",
    "http_token",
    "lines_lost",
    "lines_rejected",
    "log_missing",
    "log_unreadable",
    "no_spare",
    "not_helping",
    "not_serving",
    "probe_down",
    "problem_lasts",
    "socket_level",
    "state_not_kept",
    "unknown_backend",
    "unreachable",
    "untrusted",
    "warning",
];

/// Those of them whose problem has the same code.
fn is_problem(code: &str) -> bool {
    INCIDENTS.contains(&code) && !["freeze", "no_spare", "problem_lasts", "warning"].contains(&code)
}

fn class_of(event: &Event) -> Class {
    let is_accepted = || {
        event
            .data
            .get("accepted")
            .and_then(serde_json::Value::as_bool)
    };
    match event.code.as_str() {
        "enable" | "disable" | "hold" => Class::Change,
        "order" if is_accepted() == Some(true) => Class::Change,
        "order" => Class::Other,
        code if INCIDENTS.contains(&code) => Class::Incident,
        _ if event.level == Level::Info.as_str() => Class::Other,
        _ => Class::Problem,
    }
}
