//! What people see of a backend: plain data for `status`. What happens next lives in
//! `outlook`, what users suffer from and why nothing can help in `trouble`.

mod kept;
mod outlook;
mod trouble;

use std::ops::Deref;
use std::time::Duration;

use super::Backend;
use super::journey::Journey;
use super::machines::problems_of_machines;
use super::needs::Leaving;
use super::signals::Signals;
use crate::measure::need::{Need, whole};
use crate::measure::policy::{Policy, PolicyView};
use crate::scaler::apart::QUARANTINE_MAX;
use crate::scaler::decision::Doubt;
use crate::scaler::event::LogState;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::seen::{
    BackendState, CapacityView, Condition, MachineNote, MachineView, Outlook, Problem, ProblemCode,
    ServerNote, Standing, StandingReason, Standings, VotesView,
};
use crate::words::time::Timestamp;

use self::trouble::failing_warm_ups;

/// One backend at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendView {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: BackendState,
    /// The policy that is nearest to asking for a server.
    pub policy: Option<PolicyView>,
    /// Its servers, in the order of haproxy.cfg.
    pub servers: Vec<ServerView>,
    /// What happens next, and why.
    pub next: Outlook,
    /// Servers that take requests; `None` before HAProxy was read.
    pub serving: Option<u32>,
    /// Those, and the ones that are asked for; as many as the demand needs, if that is more.
    pub wanted: Option<u32>,
    /// What one server carries.
    pub capacity: CapacityView,
    /// What is wanted beside that.
    pub votes: VotesView,
    /// Requests in its servers and its queues.
    pub in_flight: Option<u64>,
    /// What stands for all of it.
    pub standings: Standings,
    /// What keeps it from acting, if anything.
    pub problems: Vec<Problem>,
}

impl BackendView {
    /// HAProxy answered the last time that it was asked, even if it knows no such backend.
    pub fn is_answered(&self) -> bool {
        let mut problems = self.problems.iter();
        self.serving.is_some() || problems.any(|it| it.code() == ProblemCode::UnknownBackend)
    }
}

/// One server at one moment.
#[derive(Clone, Debug, PartialEq)]
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
    /// The machine that it runs on, where we start and stop it.
    pub machine: Option<MachineView>,
    /// What stands for it.
    pub standings: Standings,
    /// What an operator should know about it.
    pub note: Option<ServerNote>,
}

/// A backend as it stands, for those who only look at it.
pub(in crate::scaler) struct Sight<'a>(pub(super) &'a Backend);

impl Deref for Sight<'_> {
    type Target = Backend;

    fn deref(&self) -> &Backend {
        self.0
    }
}

impl Backend {
    pub(in crate::scaler) fn view(&mut self, now: Timestamp) -> BackendView {
        let urgency = |view: &PolicyView| {
            let share = view.value.unwrap_or(0.0) / view.settings.above;
            (view.streak, share)
        };
        let views = self.signals.policies.iter_mut().map(|it| it.view(now));
        let is_more = |other: &PolicyView, most: &PolicyView| urgency(other) > urgency(most);
        let policy = views.reduce(|most, other| if is_more(&other, &most) { other } else { most });
        // What an old window showed says nothing about a backend that is quiet.
        let policy = policy.map(|view| {
            if self.signals.quiet.since.is_none() {
                return view;
            }
            // The share is that of the busiest policy: with several it may be another one's.
            let is_only = self.signals.policies.len() == 1;
            let share = self.signals.quiet.share.filter(|_| is_only);
            PolicyView {
                value: share.map(|share| share * view.settings.above),
                requests: 0,
                is_broken: false,
                ..view
            }
        });
        let mut view = self.sight().view(now, policy.as_ref());
        view.policy = policy;
        view
    }
}

impl Sight<'_> {
    /// No server is on its way in or owed for the sake of speed, none has a share that is waited for, and
    /// none could turn back for it.
    pub(super) fn is_free_for_load(&self, now: Timestamp) -> bool {
        let mut journeys = self.journeys.iter();
        self.plan.owed.is_none()
            && self.journeys.coming_for_load() == 0
            && self.growing(now).is_none()
            && !journeys.any(Journey::is_put_away)
    }

    /// A newcomer whose share grows: what it changes is seen first, for a while.
    pub(super) fn growing(&self, now: Timestamp) -> Option<&Member> {
        let mut members = self.facts.pool.members.iter();
        members.find(|it| it.service.ramp.is_awaited(now) && it.is_serving())
    }

    /// The spare that is next to go, and when. While something else is to be done, none is.
    pub(super) fn leaving(&self) -> Option<Leaving> {
        let not_before = self.plan.down_not_before;
        self.may_let_go()
            .then(|| self.needs().leaving(not_before))?
    }

    /// Nothing else is to be done before a spare goes.
    pub(super) fn may_let_go(&self) -> bool {
        let is_free = self.journeys.is_idle() && self.plan.owed.is_none();
        let may_go = is_free && !self.past.is_lost && self.next.is_same();
        may_go && self.facts.has_picture()
    }

    /// The instant at which the next window is complete.
    pub(in crate::scaler) fn window_due(&self) -> Option<Timestamp> {
        self.signals.window_due()
    }

    /// All of it but the policy.
    fn view(&self, now: Timestamp, policy: Option<&PolicyView>) -> BackendView {
        let servers = self.facts.pool.members.iter();
        let servers = servers.map(|member| self.server_view(now, member));
        let has_picture = self.facts.has_picture();
        let serving = has_picture.then(|| self.facts.pool.serving());
        BackendView {
            name: self.settings.name.clone(),
            state: self.state(now, policy),
            servers: servers.collect(),
            next: self.outlook(now, policy),
            serving,
            wanted: serving.map(|serving| self.wanted(serving)),
            capacity: self.size.view(now, &self.settings, &self.facts),
            votes: VotesView {
                scheduled: self.facts.rota.min(),
                has_no_slots: has_picture && self.facts.has_no_slots(&self.settings),
                evaluations: self.signals.evaluations,
                ..self.votes.view()
            },
            in_flight: has_picture.then(|| self.facts.in_flight()),
            standings: Standings {
                pause: self.hand.pause().map(|mark| mark.standing(now)),
                ..Standings::default()
            },
            problems: self.problems(now, policy),
            policy: None,
        }
    }

    fn server_view(&self, now: Timestamp, member: &Member) -> ServerView {
        let stage = if member.role == Role::Spare {
            self.machines.stage(&member.read.name, member.stage)
        } else {
            Stage::of(member.read.admin_state())
        };
        let machine = self.machines.view(now, &member.read.name);
        let rests = machine.filter(|_| member.role == Role::Spare);
        let rests = rests.and_then(|machine| machine.note(stage));
        ServerView {
            name: member.read.name.clone(),
            role: if member.errand.is_always_up {
                Role::AlwaysUp
            } else {
                member.role
            },
            stage,
            is_up: member.read.is_up(),
            is_serving: member.is_serving(),
            weight: Some(member.read.weight),
            machine,
            standings: self.standings_of(now, member),
            note: noted(member.note(now), rests),
        }
    }

    fn state(&self, now: Timestamp, policy: Option<&PolicyView>) -> BackendState {
        match &self.facts.reading.failure {
            Some(failure) if failure.is_unknown_backend() => return BackendState::Unknown,
            Some(_) => return BackendState::Unreachable,
            None if self.facts.generation.is_none() => return BackendState::Unknown,
            None => {}
        }
        match policy {
            _ if self.facts.pool.in_balance() < self.facts.floor(&self.settings)
                || !self.facts.pool.dead_always_up().is_empty() =>
            {
                BackendState::Short
            }
            Some(view) if view.is_broken => BackendState::Broken,
            Some(view) if is_slow(&self.signals, view) => {
                if self.signals.not_helping(now).is_some() {
                    BackendState::NotHelping
                } else {
                    BackendState::Slow
                }
            }
            _ if self.facts.log != LogState::Flowing || self.facts.is_log_doubted() => {
                BackendState::Blind
            }
            Some(_) | None => BackendState::Ok,
        }
    }

    /// Servers that there should be, of which so many serve.
    fn wanted(&self, serving: u32) -> u32 {
        let needed = self.size.need().and_then(Need::addable);
        let asked = serving.saturating_add(self.asked_for());
        asked
            .max(needed.map_or(0, whole))
            .max(self.votes.wanted())
            .max(self.facts.rota.min().map_or(0, |(min, _)| min))
    }

    /// Servers that are to come.
    fn asked_for(&self) -> u32 {
        let owed = self.plan.owed.as_ref().map_or(0, |(servers, _)| *servers);
        let lost = self.journeys.coming_before(None);
        let lost = lost.filter(|it| it.replaces_lost()).count();
        // Where nobody else can come, those that are still tried are the ones.
        let tried = self.journeys.stalled().min(1);
        let for_load = owed.max(self.journeys.coming_for_load()).max(tried);
        for_load.saturating_add(u32::try_from(lost).unwrap_or(u32::MAX))
    }

    fn standings_of(&self, now: Timestamp, member: &Member) -> Standings {
        let standing = |until: Option<Timestamp>, length: Duration, reason: StandingReason| {
            let left = until.filter(|until| now < *until)?.since(now);
            Some(Standing {
                lasted: Some(length.saturating_sub(left)),
                left: Some(left),
                by: None,
                reason: Some(reason),
            })
        };
        let hold = self.settings.hold;
        let hold = standing(member.apart.hold_until, hold, StandingReason::Changed);
        // Each failure doubles it.
        let doublings = member.apart.failures.saturating_sub(1).min(6);
        let quarantine = QUARANTINE_MAX.min(Duration::from_secs(60) * (1 << doublings));
        let until = member.apart.quarantined_until;
        let quarantine = standing(until, quarantine, StandingReason::Failed);
        Standings {
            hold,
            quarantine,
            ..member.marks.standings(now)
        }
    }

    fn problems(&self, now: Timestamp, policy: Option<&PolicyView>) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.facts.reading.failure.clone().map(Problem::Unread));
        if self.facts.has_picture() {
            let unknown = self.facts.names_unknown(&self.settings);
            problems
                .extend(unknown.map(|(list, name)| Problem::UnknownServer(list, name.to_owned())));
            if !self.facts.pool.has_spare() {
                problems.push(Problem::NoSpare);
            }
            problems.extend(self.helpless(now, policy));
            problems.extend(failing_warm_ups(now, &self.journeys));
        }
        if let Some((signal, statistic, verdict)) = self.signals.not_helping(now) {
            problems.push(Problem::NotHelping(signal, statistic, verdict));
        }
        if self.past.is_lost {
            problems.push(Problem::MemoryLost);
        }
        if self.facts.has_picture() {
            self.problems_of_service(now, &mut problems);
        }
        problems_of_machines(self, now, &mut problems);
        problems.extend(self.facts.comparison.doubt().map(Problem::Doubt));
        problems.extend(
            self.facts
                .drops
                .map(|share| Problem::Doubt(Doubt::Dropped(share))),
        );
        problems.extend(match self.facts.log {
            LogState::Flowing => None,
            LogState::Absent => Some(Problem::LogAbsent),
            LogState::Lagging => Some(Problem::LogLate),
            LogState::Incomplete => Some(Problem::LogLost),
        });
        problems
    }

    /// Samples, servers and names that are held.
    pub(in crate::scaler) fn held(&self) -> usize {
        let policies: usize = self.signals.policies.iter().map(Policy::held).sum();
        let members = &self.facts.pool.members;
        let budgets: usize = members.iter().map(|member| member.budget.held()).sum();
        let looks: usize = members.iter().map(|it| it.service.probation.held()).sum();
        let watched = self.size.held()
            + self.votes.held()
            + self.facts.rota.held()
            + looks
            + self.signals.times.held()
            + self.signals.account.held()
            + self.signals.counted.len()
            + self.machines.held();
        policies
            + members.len()
            + budgets
            + watched
            + self.plan.said.advice.len()
            + self.plan.said.stay.len()
    }
}

/// The note of a server; where nothing else is the matter with it, what its machine does.
fn noted(note: Option<ServerNote>, machine: Option<MachineNote>) -> Option<ServerNote> {
    let Some(machine) = machine.map(Condition::Machine) else {
        return note;
    };
    let note = note.unwrap_or_else(|| ServerNote {
        condition: None,
        set: Standings::default(),
        is_in: false,
    });
    Some(ServerNote {
        condition: note.condition.or(Some(machine)),
        ..note
    })
}

/// The policy shows more than its threshold, or did so in the last window.
fn is_slow(signals: &Signals, view: &PolicyView) -> bool {
    let is_above = view.value.is_some_and(|value| value > view.settings.above);
    signals.quiet.since.is_none() && (view.streak > 0 || is_above)
}
