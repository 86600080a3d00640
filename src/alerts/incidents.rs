//! What one channel is told: each incident once when it begins and once when it is over, at most so often;
//! each event that has no end once. Knows no clock, no queue and no network: a look goes in with its time,
//! messages come out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{Config, On};
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
/// The same for what could not be seen for a while: it has first to be found out again.
pub const RESTART_GAP_MAX: Duration = Duration::from_secs(60);
/// An end that did not arrive is told again after this time.
pub const END_AGAIN_AFTER: Duration = Duration::from_secs(10 * 60);
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
    /// It is over, and that is still to be told.
    over: Option<Over>,
}

/// An end that did not arrive.
#[derive(Clone, Copy, Debug)]
struct Over {
    lasted: Duration,
    due: Timestamp,
}

/// A message, and the incident that it is about.
#[derive(Clone, Debug)]
pub struct Saying {
    pub what: Subject,
    pub key: Option<Key>,
}

/// How long a new daemon may need to find again what lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestartGaps {
    /// A site that is down: its failures are counted anew.
    pub probe: Duration,
    pub other: Duration,
}

impl RestartGaps {
    /// As that configuration looks.
    pub fn of(config: &Config) -> Self {
        let probe = config.probes.iter().map(|probe| {
            let one = probe.every.saturating_add(probe.timeout);
            one.saturating_mul(probe.failures.saturating_add(1))
        });
        Self {
            probe: probe.max().unwrap_or_default().saturating_add(GAP_MAX),
            other: config.slowest_policy().max(RESTART_GAP_MAX),
        }
    }
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

    /// Tells other things, or more often; what was told stays known. What is told no longer has no end.
    pub fn reconfigure(&mut self, on: Vec<On>, every: Duration) {
        self.on = on;
        self.every = every;
        let on = &self.on;
        self.open.retain(|_, open| is_on(on, &open.incident.code));
    }

    /// Whether it was told that nothing is told.
    pub const fn is_muted(&self) -> bool {
        self.is_muted
    }

    /// Knows what an earlier daemon told, and whether that was that nothing is told. Nothing is over before
    /// `gaps` have passed: this daemon has first to find out whether it lasts.
    pub fn recall(
        &mut self,
        now: Timestamp,
        remembered: Vec<Remembered>,
        is_muted: bool,
        gaps: RestartGaps,
    ) {
        self.is_muted = is_muted;
        for it in remembered.into_iter().take(KNOWN_MAX) {
            if !is_on(&self.on, &it.incident.code) {
                continue;
            }
            let key = Key::of(&it.incident, it.number);
            self.told_at.insert(key.clone(), it.told_at);
            let gap_max = match it.incident.code.as_str() {
                "probe_down" => gaps.probe,
                _ => gaps.other,
            };
            let open = Open {
                incident: it.incident,
                seen_from: now,
                seen_at: now,
                gap_max,
                is_told: true,
                over: None,
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
        let what = match (self.is_muted, pause) {
            (false, Some(pause)) => Some(Subject::Muted(pause.to_owned())),
            (true, None) => Some(Subject::Unmuted),
            (false, None) | (true, Some(_)) => None,
        };
        said.extend(what.map(|what| Saying { what, key: None }));
        self.is_muted = pause.is_some();
        self.see(now, problems);
        self.hold(now, problems);
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
            if !is_on(&self.on, told.code) {
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
            open.over = None;
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
            over: None,
        };
        self.open.insert(key, open);
    }

    /// What nobody can see just now is not over: without HAProxy nothing of a backend, without the log
    /// nothing that is told from it. Afterwards it has first to be found out again, as after a restart.
    fn hold(&mut self, now: Timestamp, problems: &[Told]) {
        let is_among = |kind: &str| problems.iter().any(|it| kind_of(it.code).1 == kind);
        let (is_unread, is_blind) = (is_among(UNREACHABLE), is_among(NO_LOG));
        for (key, open) in &mut self.open {
            let is_unseen = is_unread && key.backend.is_some() || is_blind && is_of_log(&key.kind);
            if is_unseen && open.is_told && open.over.is_none() {
                open.seen_at = now;
                open.gap_max = RESTART_GAP_MAX;
            }
        }
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
            let is_over = match &open.over {
                Some(over) => now >= over.due,
                None => now.since(open.seen_at) > open.gap_max,
            };
            if is_over && open.is_told {
                said.push(Saying {
                    what: Subject::Ended {
                        incident: open.incident.clone(),
                        lasted: open.lasted(now, wall),
                    },
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
        // Somebody has to see who gives orders meanwhile.
        let is_unheard = self.is_muted && event.code != "order";
        if is_unheard || is_told_otherwise || !(is_on || is_named) {
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
        match (&saying.what, &saying.key) {
            (Subject::Muted(_), _) => self.is_muted = false,
            (Subject::Unmuted, _) => self.is_muted = true,
            (Subject::Begun(_), Some(key)) => {
                if let Some(open) = self.open.get_mut(key) {
                    open.is_told = false;
                }
                self.told_at.remove(key);
            }
            (Subject::Ended { incident, lasted }, Some(key)) => {
                self.owe(now, key, incident, *lasted);
            }
            (Subject::Event(_) | Subject::Test(_), _)
            | (Subject::Begun(_) | Subject::Ended { .. }, None) => {}
        }
    }

    /// Was given up. A beginning is told again after a while, if it lasts; an end is told again in any
    /// case, since its receiver believes that the incident lasts.
    pub fn give_up(&mut self, now: Timestamp, saying: &Saying) {
        let Some(key) = &saying.key else { return };
        match &saying.what {
            Subject::Begun(_) => {
                if let Some(open) = self.open.get_mut(key) {
                    open.is_told = false;
                    self.told_at.insert(key.clone(), now);
                }
            }
            Subject::Ended { incident, lasted } => {
                self.owe(now.after(END_AGAIN_AFTER), key, incident, *lasted);
            }
            Subject::Event(_) | Subject::Muted(_) | Subject::Unmuted | Subject::Test(_) => {}
        }
    }

    /// That end is still to be told, from `due` on.
    fn owe(&mut self, due: Timestamp, key: &Key, incident: &Incident, lasted: Duration) {
        let over = Some(Over { lasted, due });
        let open = self.open.entry(key.clone()).or_insert(Open {
            incident: incident.clone(),
            seen_from: due,
            seen_at: due,
            gap_max: GAP_MAX,
            is_told: true,
            over,
        });
        // One that has begun anew: to its receiver it is the same.
        open.is_told = true;
    }

    /// Those whose end was not told: they last, or are over and that did not arrive.
    pub fn told(&self) -> impl Iterator<Item = (&Key, &Incident, Timestamp)> {
        let open = self.open.iter().filter(|(_, open)| open.is_told);
        open.map(|(key, open)| {
            let told_at = self.told_at.get(key).copied();
            (key, &open.incident, told_at.unwrap_or(open.seen_from))
        })
    }

    /// Those that were told and last.
    pub fn lasting(&self) -> impl Iterator<Item = (&Key, &Incident)> {
        let open = self.open.iter();
        let open = open.filter(|(_, open)| open.is_told && open.over.is_none());
        open.map(|(key, open)| (key, &open.incident))
    }
}

impl Open {
    /// Until it was seen last.
    fn lasted(&self, now: Timestamp, wall: SystemTime) -> Duration {
        if let Some(over) = &self.over {
            return over.lasted;
        }
        let unseen_for = now.since(self.seen_at);
        let lasted = wall.duration_since(self.incident.since);
        let lasted = lasted.unwrap_or_default().saturating_sub(unseen_for);
        lasted.max(self.seen_at.since(self.seen_from))
    }
}

fn is_on(on: &[On], code: &str) -> bool {
    on.iter().any(|on| match on {
        On::Problem => true,
        On::Change => false,
        On::Code(it) => it == code,
    })
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

/// HAProxy does not answer.
const UNREACHABLE: &str = "unreachable";
/// The kind of whatever keeps the log from being read.
const NO_LOG: &str = "no log";
/// The kind of a backend whose users suffer while nothing can help.
const HELPLESS: &str = "helpless";

/// Whether a kind is told from the log.
fn is_of_log(kind: &str) -> bool {
    let of_log = ["log_dropped", "log_incomplete", "log_inflated", "log_late"];
    kind == HELPLESS || ["errors", "not_helping"].contains(&kind) || of_log.contains(&kind)
}

/// Whether a problem is one of HAProxy or the log as a whole, whichever backend says it, and its kind:
/// several codes may say the same.
fn kind_of(code: &str) -> (bool, &str) {
    match code {
        "log_missing" | "log_unreadable" | "log_absent" => (true, NO_LOG),
        "log_lost" | "lines_lost" => (true, "lines lost"),
        UNREACHABLE | "log_late" | "memory_lost" => (true, code),
        // Users suffer and nothing can help, whatever is in the way just now.
        _ if code.starts_with("slow_") || code.starts_with("short_") => (false, HELPLESS),
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
const INCIDENTS: [&str; 23] = [
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
    "machine_failed",
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
