//! What people see of a backend: plain data for `status`. Why nothing can help lives in `helpless`, what happens
//! next in `outlook`.

mod helpless;
mod outlook;
mod trouble;

use super::Backend;
use super::change::Underway;
use crate::scaler::agreement::Agreement;
use crate::scaler::event::LogState;
use crate::scaler::haproxy::drops_text;
use crate::scaler::member::{Member, QUARANTINE_MAX, Role, Stage};
use crate::scaler::policy::PolicyView;
use crate::scaler::seen::{Problem, ProblemCode, ReasonCode, Standing, Standings};
use crate::scaler::settings::Spares;
use crate::words::picture::{AdminState, ReadFailure};
use crate::words::time::Timestamp;

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
    /// Why that and nothing else.
    pub reason: ReasonCode,
    /// Servers that take requests; `None` before HAProxy was read.
    pub serving: Option<u32>,
    /// Those, and the ones that are asked for.
    pub wanted: Option<u32>,
    /// Requests in its servers and its queues.
    pub in_flight: Option<u64>,
    /// What stands for all of it.
    pub standings: Standings,
    /// Nothing is changed: by whom and for how long.
    pub paused: Option<String>,
    /// What keeps it from acting, if anything.
    pub problems: Vec<Problem>,
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
    /// It takes requests and answers them.
    pub is_serving: bool,
    /// Its weight now, where HAProxy was asked for it.
    pub weight: Option<u32>,
    /// What stands for it.
    pub standings: Standings,
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
        let servers = self.pool.members.iter();
        let servers = servers.map(|member| self.server_view(now, member));
        let (reason, next) = self.outlook(now, policy.as_ref());
        let serving = self.has_picture().then(|| self.pool.serving());
        BackendView {
            name: self.settings.name.clone(),
            state: self.state_word(now, policy.as_ref()),
            servers: servers.collect(),
            next,
            reason,
            serving,
            wanted: serving.map(|serving| serving.saturating_add(self.asked_for())),
            in_flight: self.has_picture().then(|| self.in_flight()),
            standings: Standings {
                pause: self.hand.pause().map(|mark| mark.standing(now)),
                ..Standings::default()
            },
            paused: self
                .hand
                .pause()
                .map(|mark| format!("paused{}", mark.text(now))),
            problems: self.problems(now, policy.as_ref()),
            is_answered: self.has_picture()
                || self.reading.failure == Some(ReadFailure::UnknownBackend),
            policy,
        }
    }

    fn server_view(&self, now: Timestamp, member: &Member) -> ServerView {
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
            is_serving: member.is_serving(),
            weight: Some(member.read.weight),
            standings: self.standings_of(now, member),
            note: member.note(now),
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
            _ if self.comparison.verdict() != Agreement::Agree || self.drops.is_some() => "blind",
            Some(_) | None => "ok",
        }
    }

    /// Servers that are to come.
    fn asked_for(&self) -> u32 {
        let owed = self.owed.as_ref().map_or(0, |(servers, _)| *servers);
        let is_coming = self.change.as_ref().is_some_and(Underway::is_inbound);
        owed.max(u32::from(is_coming))
    }

    fn in_flight(&self) -> u64 {
        let of_servers = self.pool.members.iter();
        let of_servers = of_servers
            .map(|member| u64::from(member.read.sessions) + u64::from(member.read.queued))
            .sum::<u64>();
        of_servers + u64::from(self.queued)
    }

    fn standings_of(&self, now: Timestamp, member: &Member) -> Standings {
        let standing = |until: Option<Timestamp>, length: std::time::Duration, reason: &str| {
            let left = until.filter(|until| now < *until)?.since(now);
            Some(Standing {
                lasted: Some(length.saturating_sub(left)),
                left: Some(left),
                by: None,
                reason: Some(reason.to_owned()),
            })
        };
        let hold = standing(
            member.hold_until(),
            self.settings.hold,
            "changed outside this daemon",
        );
        // Each failure doubles it.
        let doublings = member.failures().saturating_sub(1).min(6);
        let quarantine = QUARANTINE_MAX.min(std::time::Duration::from_secs(60) * (1 << doublings));
        let quarantine = standing(member.quarantined_until(), quarantine, "it failed");
        Standings {
            hold,
            quarantine,
            ..member.marks.standings(now)
        }
    }

    fn problems(&self, now: Timestamp, policy: Option<&PolicyView>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(failure) = &self.reading.failure {
            let code = match failure {
                ReadFailure::Unreachable(_) | ReadFailure::Stopping => ProblemCode::Unreachable,
                ReadFailure::UnknownBackend => ProblemCode::UnknownBackend,
            };
            problems.push(Problem::new(code, failure.to_string()));
        }
        if self.has_picture() {
            self.problems_of_names(&mut problems);
            problems.extend(self.helpless(now, policy));
        }
        if let Some(reason) = self.not_helping(now) {
            let text = format!("more servers do not help: {reason}");
            problems.push(Problem::new(ProblemCode::NotHelping, text));
        }
        if self.past.is_lost {
            problems.push(Problem::new(ProblemCode::MemoryLost, LOST));
        }
        if self.has_picture() {
            self.problems_of_service(now, &mut problems);
        }
        self.problems_of_the_log(&mut problems);
        problems
    }

    fn problems_of_names(&self, problems: &mut Vec<Problem>) {
        let always_up = self.settings.always_up.iter();
        let always_up = always_up.map(|name| ("always_up", name));
        let spares = match &self.settings.spares {
            Spares::Named(names) => names.as_slice(),
            Spares::Auto => &[],
        };
        let spares = spares.iter().map(|name| ("spares", name));
        for (key, name) in always_up.chain(spares) {
            if self.pool.member(name).is_none() {
                let text = format!("{key} names {name}, which HAProxy does not have");
                problems.push(Problem::new(ProblemCode::UnknownServer, text));
            }
        }
        if !self.pool.members.iter().any(|it| it.role == Role::Spare) {
            let text = "there is no spare, so nothing can be brought in";
            problems.push(Problem::new(ProblemCode::NoSpare, text));
        }
    }

    fn problems_of_the_log(&self, problems: &mut Vec<Problem>) {
        let verdict = self.comparison.verdict();
        let code = match verdict {
            Agreement::Agree => None,
            Agreement::Lost => Some(ProblemCode::LogIncomplete),
            Agreement::Inflated => Some(ProblemCode::LogInflated),
        };
        if let Some(code) = code {
            let text = self.freeze_text(verdict);
            problems.push(Problem::new(code, text));
        }
        if let Some(share) = self.drops {
            let text = drops_text(share);
            problems.push(Problem::new(ProblemCode::LogDropped, text));
        }
        let (code, text) = match self.log {
            LogState::Flowing => return,
            LogState::Absent => (ProblemCode::LogAbsent, "there is no log to read"),
            LogState::Lagging => (ProblemCode::LogLate, "the log is read late"),
            LogState::Incomplete => (ProblemCode::LogLost, "lines of the log were lost"),
        };
        problems.push(Problem::new(code, format!("no scale-down: {text}")));
    }
}
