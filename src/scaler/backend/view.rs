//! What people see of a backend: plain data for `status`.

use super::{Backend, within};
use crate::scaler::agreement::Agreement;
use crate::scaler::decision::Reason;
use crate::scaler::event::{AdminState, LogState, ReadFailure, Timestamp};
use crate::scaler::policy::PolicyView;
use crate::scaler::pool::{Role, Stage};
use crate::scaler::settings::Spares;

/// Why no spare goes although it is quiet.
const LOST: &str = "no scale-down before a window of requests: what was remembered is lost";

/// One backend at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendView {
    /// Its name.
    pub name: String,
    /// One word: `ok`; `slow`; `not_helping`: slow, and more servers do not help; `broken`; `short` of
    /// servers; `blind`: scaling down is frozen; `unreachable`; `unknown`.
    pub state: &'static str,
    /// The policy that is nearest to asking for a server.
    pub policy: Option<PolicyView>,
    /// Its servers, in the order of haproxy.cfg.
    pub servers: Vec<ServerView>,
    /// What happens next, in words.
    pub next: String,
    /// Nothing is changed: by whom and for how long.
    pub paused: Option<String>,
    /// What keeps it from acting, if anything; one line each.
    pub problems: Vec<String>,
    /// HAProxy answered the last time that it was asked, even if it knows no such backend.
    pub is_answered: bool,
}

/// One server at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// What it is to us.
    pub role: Role,
    /// Where it is.
    pub stage: Stage,
    /// It takes balanced traffic.
    pub is_up: bool,
    /// What an operator should know about it.
    pub note: Option<String>,
}

impl Backend {
    pub(in crate::scaler) fn view(&mut self, now: Timestamp) -> BackendView {
        let policy = self
            .policies
            .iter_mut()
            .map(|policy| policy.view(now))
            .reduce(|most, other| {
                let urgency = |view: &PolicyView| {
                    let share = view.value_ms.unwrap_or(0.0) / view.settings.above_ms;
                    (view.streak, share)
                };
                if urgency(&other) > urgency(&most) {
                    other
                } else {
                    most
                }
            });
        // What an old window showed says nothing about a backend that is quiet.
        let policy = policy.map(|view| match self.quiet.since {
            Some(_) => {
                // The share is that of the busiest policy: with several it may be another one's.
                let share = self.quiet.share.filter(|_| self.policies.len() == 1);
                let value_ms = share.map(|share| share * view.settings.above_ms);
                PolicyView {
                    value_ms,
                    requests: 0,
                    is_broken: false,
                    ..view
                }
            }
            None => view,
        });
        let servers = self.pool.members.iter().map(|member| {
            let stage = if member.role == Role::Spare {
                member.stage
            } else {
                match member.read.admin_state() {
                    AdminState::Ready => Stage::Ready,
                    AdminState::Drain => Stage::DrainingOut,
                    AdminState::Maint => Stage::Maint,
                }
            };
            ServerView {
                name: member.read.name.clone(),
                role: member.role,
                stage,
                is_up: member.read.is_up(),
                note: member.note(now),
            }
        });
        BackendView {
            name: self.settings.name.clone(),
            state: self.state_word(now, policy.as_ref()),
            servers: servers.collect(),
            next: self.next(now, policy.as_ref()),
            paused: self
                .hand
                .pause()
                .map(|mark| format!("paused{}", mark.text(now))),
            problems: self.problems(now),
            is_answered: self.has_picture()
                || self.reading.failure == Some(ReadFailure::UnknownBackend),
            policy,
        }
    }

    fn state_word(&self, now: Timestamp, policy: Option<&PolicyView>) -> &'static str {
        match self.reading.failure {
            Some(ReadFailure::UnknownBackend) => return "unknown",
            Some(ReadFailure::Unreachable(_) | ReadFailure::Stopping) => return "unreachable",
            None if self.generation.is_none() => return "unknown",
            None => {}
        }
        let is_slow = |view: &PolicyView| {
            view.streak > 0
                || view
                    .value_ms
                    .is_some_and(|value| value > view.settings.above_ms)
        };
        match policy {
            _ if self.pool.in_balance() < self.floor()
                || !self.pool.dead_always_up().is_empty() =>
            {
                "short"
            }
            Some(view) if view.is_broken => "broken",
            Some(view) if self.quiet.since.is_none() && is_slow(view) => {
                if self.not_helping(now).is_some() {
                    "not_helping"
                } else {
                    "slow"
                }
            }
            _ if self.log != LogState::Flowing => "blind",
            _ if self.comparison.verdict() != Agreement::Agree || self.dropped.are_many() => {
                "blind"
            }
            Some(_) | None => "ok",
        }
    }

    fn next(&self, now: Timestamp, policy: Option<&PolicyView>) -> String {
        if !self.has_picture() {
            let due = within(now, self.reading.due());
            return format!("HAProxy is read again in {due}");
        }
        if let Some(change) = &self.change {
            let stage = self
                .pool
                .member(&change.server)
                .map_or(Stage::Unknown, |it| it.stage);
            let goal = if change.is_inbound() {
                "ready"
            } else {
                "maint"
            };
            return format!(
                "{} is {}, on its way to {goal}",
                change.server,
                stage.as_str()
            );
        }
        if self.is_settling(now) {
            return "nothing yet: the daemon stood still".to_owned();
        }
        let is_paused = self.hand.pause().is_some();
        let going = self.next_text(now);
        let coming = || self.next_for_load(now, policy?);
        match (is_paused, going) {
            (false, Some(going)) => going,
            (true, Some(going)) => format!("nothing, it is paused; else {going}"),
            (false, None) => coming().unwrap_or_else(|| "nothing to do".to_owned()),
            (true, None) => coming().map_or_else(
                || "nothing, it is paused".to_owned(),
                |coming| format!("nothing, it is paused: {coming}"),
            ),
        }
    }

    /// What a breach will lead to next.
    fn next_for_load(&self, now: Timestamp, view: &PolicyView) -> Option<String> {
        if view.streak == 0 || self.quiet.since.is_some() {
            return None;
        }
        if let Some(text) = self.forbids_for_load() {
            return Some(format!("no server may come in: {text}"));
        }
        let candidates = self.candidates_for_load(now);
        let Some(spare) = candidates.first() else {
            let why = self.why_no_spare(now).join(", ");
            return Some(format!("no spare to bring in: {why}"));
        };
        if now < self.up_not_before {
            let left = within(now, self.up_not_before);
            return Some(format!("nothing for {left}: scale_up_cooldown"));
        }
        if let Some(Reason::NotHelping { verdict, .. }) = self.not_helping(now) {
            let left = within(now, verdict.until());
            return Some(format!("nothing for {left}: more servers do not help"));
        }
        let (streak, needed) = (view.streak, view.settings.breaches);
        if self.hand.pause().is_some() && streak >= needed {
            return Some(format!("would warm up and enable {}", spare.read.name));
        }
        Some(format!(
            "warm up {} if the next {} above {} ms too ({streak} of {needed})",
            spare.read.name,
            match needed.saturating_sub(streak) {
                0 | 1 => "window is".to_owned(),
                more => format!("{more} windows are"),
            },
            view.settings.above_ms,
        ))
    }

    fn problems(&self, now: Timestamp) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(failure) = &self.reading.failure {
            problems.push(failure.to_string());
        }
        if self.has_picture() {
            let always_up = self
                .settings
                .always_up
                .iter()
                .map(|name| ("always_up", name));
            let spares = match &self.settings.spares {
                Spares::Named(names) => names.as_slice(),
                Spares::Auto => &[],
            };
            let spares = spares.iter().map(|name| ("spares", name));
            for (key, name) in always_up.chain(spares) {
                if self.pool.member(name).is_none() {
                    problems.push(format!("{key} names {name}, which HAProxy does not have"));
                }
            }
            if !self.pool.members.iter().any(|it| it.role == Role::Spare) {
                problems.push("there is no spare, so nothing can be brought in".to_owned());
            }
        }
        if let Some(reason) = self.not_helping(now) {
            problems.push(format!("more servers do not help: {reason}"));
        }
        let verdict = self.comparison.verdict();
        if verdict != Agreement::Agree {
            problems.push(self.freeze_text(verdict));
        }
        if self.dropped.are_many() {
            problems.push(self.drops_text());
        }
        if self.past.is_lost {
            problems.push(LOST.to_owned());
        }
        match self.log {
            LogState::Flowing => {}
            LogState::Absent => problems.push("no scale-down: there is no log to read".to_owned()),
            LogState::Lagging => problems.push("no scale-down: the log is read late".to_owned()),
            LogState::Incomplete => {
                problems.push("no scale-down: lines of the log were lost".to_owned());
            }
        }
        problems
    }
}
