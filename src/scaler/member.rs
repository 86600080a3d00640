//! One server with what we remember about it: role, stage, hold, quarantine, and how it does. What
//! the servers of a backend are together is in `pool`.

use std::time::Duration;

use super::apart::Apart;
use super::budget::Budget;
use super::decision::{Checks, Wanted};
use super::hand::Marks;
use super::kick::Kick;
use super::probation::Probation;
use super::seen::{Condition, ServerNote};
use super::service::{Service, Trouble};
use crate::words::closed::closed;
use crate::words::picture::{AdminState, ServerRead};
use crate::words::time::Timestamp;

/// What a server is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Never disabled by us.
    AlwaysUp,
    /// May be enabled and disabled by us.
    Spare,
    /// Neither; never touched.
    Other,
}

closed! {
    /// Where a spare is on its way.
    ///
    /// ```text
    ///  Unknown ── seen in maint ─▶ Maint ── wanted ─▶ Warming ── N in a row pass ─▶ DrainingIn
    ///     │                         ▲ ▲                  │                              │
    ///     │                         │ └─ failed: quarantine ◀───────────────────────────┤
    ///     │      no sessions left,  │                                 fresh, full health │
    ///     │      or drain_timeout   │                                                    ▼
    ///     └── seen ready ──────▶ DrainingOut ◀───── quiet for idle_timeout ─────────── Ready
    ///                               └──────────────── load returns ─────────────────────▲
    /// ```
    ///
    /// A spare with a machine is Off before it is wanted, then Starting until it answers; once it rests in
    /// Maint its machine is Stopping, and then Off again.
    ///
    /// A server without `check` goes from Warming straight to Ready. Unknown: after the start, and
    /// after every reload or restart of HAProxy.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Stage {
        /// HAProxy has not told yet.
        #[default]
        Unknown = "unknown",
        /// In maintenance, and its machine does not run. Only told: to the stages it is in Maint.
        Off = "off",
        /// In maintenance, and its machine is to run and to answer.
        Starting = "starting",
        /// In maintenance.
        Maint = "maint",
        /// In maintenance, and being sent our own requests.
        Warming = "warming",
        /// Checked by HAProxy, without balanced traffic.
        DrainingIn = "draining-in",
        /// Takes traffic.
        Ready = "ready",
        /// Finishes its sessions.
        DrainingOut = "draining-out",
        /// In maintenance, and its machine is being stopped. Only told: to the stages it is in Maint.
        Stopping = "stopping",
    }
}

impl Role {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlwaysUp => "always_up",
            Self::Spare => "spare",
            Self::Other => "other",
        }
    }
}

impl Stage {
    /// Where a server in that state is.
    pub(super) const fn of(state: AdminState) -> Self {
        match state {
            AdminState::Ready => Self::Ready,
            AdminState::Drain => Self::DrainingOut,
            AdminState::Maint => Self::Maint,
        }
    }
}

/// One server with what we remember about it.
#[allow(clippy::struct_excessive_bools)] // Independent facts about one server, each with a name.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// What HAProxy said last; its name is the identity.
    pub(super) read: ServerRead,
    pub(super) role: Role,
    pub(super) stage: Stage,
    /// The state that we set or saw last in this HAProxy's lifetime; another one is an operator's.
    pub(super) expected: Option<AdminState>,
    /// Since when it is in [`Stage::Ready`], by our doing or because we found it so.
    pub(super) ready_at: Option<Timestamp>,
    pub(super) errand: Errand,
    /// Its changes within the last hour.
    pub(super) budget: Budget,
    /// What an operator set for it.
    pub(super) marks: Marks,
    pub(super) service: Service,
    /// It drains, and its sessions last longer than `drain_timeout`: no change waits for them.
    pub(super) is_lingering: bool,
    /// It has been ready since it left maint, in this HAProxy's lifetime: it may be so again without
    /// another proof.
    pub(super) is_proven: bool,
    /// Why and until when it is left alone.
    pub(super) apart: Apart,
}

/// What a server is in for, or was.
#[derive(Clone, Debug, Default)]
pub(super) struct Errand {
    /// Why it came in last.
    pub(super) came_for: Option<Wanted>,
    /// It stands in for a server that does not take traffic.
    pub(super) stands_in: bool,
    /// It was ready before HAProxy lost its states, and is still needed.
    pub(super) is_wanted_back: bool,
    /// It is evacuated: until it is in again it comes and goes as a spare does, though it is always-up.
    pub(super) is_always_up: bool,
}

impl Member {
    /// Nothing is known but what HAProxy shows.
    pub(super) fn new(read: ServerRead, role: Role) -> Self {
        Self {
            read,
            role,
            stage: Stage::Unknown,
            expected: None,
            ready_at: None,
            errand: Errand::default(),
            budget: Budget::default(),
            marks: Marks::default(),
            service: Service::default(),
            is_lingering: false,
            is_proven: false,
            apart: Apart::default(),
        }
    }

    /// The same server as HAProxy shows it now.
    pub(super) fn shown(self, read: ServerRead, role: Role) -> Self {
        let errand = Errand {
            is_always_up: false, // Until its marks are looked at.
            ..self.errand
        };
        Self {
            read,
            role,
            errand,
            ..self
        }
    }

    /// Forgets what belongs to one HAProxy process: states and holds. Quarantines stay, they are
    /// about the server. `is_needed`: what was ready is wanted back.
    pub(super) fn begin_generation(&mut self, now: Timestamp, is_needed: bool) {
        let was_ours = self.role == Role::Spare && !self.apart.is_held(now);
        let was_in = matches!(
            self.stage,
            Stage::Ready | Stage::DrainingIn | Stage::Warming | Stage::Starting
        );
        self.errand.is_wanted_back =
            was_ours && is_needed && (was_in || self.errand.is_wanted_back);
        self.stage = Stage::Unknown;
        self.expected = None;
        self.is_not_ready();
        self.is_lingering = false;
        self.is_proven = false;
        self.service.kick = Kick::default();
        self.service.ramp.begin_generation();
        self.apart.hold_until = None;
    }

    /// It has been changed too often to come in for load.
    pub(super) fn is_spent(&self, now: Timestamp, idle_timeout: Duration) -> bool {
        let free_at = self.budget.may_come_at(idle_timeout);
        free_at.is_some_and(|at| now < at)
    }

    /// It takes balanced traffic, as far as anybody can see: HAProxy may send it some, it was not
    /// found to get none, and what it gets does not fail.
    pub(super) fn is_serving(&self) -> bool {
        self.read.is_in_balance()
            && !self.service.probation.is_idle()
            && !self.service.probation.is_failing()
    }

    /// No operator's hand and no other server keeps it as it is.
    pub(super) fn may_be_changed(&self, now: Timestamp) -> bool {
        !self.apart.is_held(now)
            && !self.marks.is_fixed()
            && !self.read.is_tracked
            && !self.read.is_beyond_us()
    }

    /// Its effective weight once its share has grown.
    pub(super) fn whole_weight(&self) -> u32 {
        if self.service.ramp.is_own() {
            self.read.weight
        } else {
            self.read.initial_weight
        }
    }

    /// It drains, and nothing is to be done about it: sessions are waited for, or its agent would
    /// take it out of maint again.
    pub(super) fn rests_in_drain(&self) -> bool {
        self.is_lingering && self.read.sessions > 0 || self.read.is_by_agent
    }

    /// It is ready, and not as good as the others: the first one to go.
    pub(super) fn is_worse(&self) -> bool {
        !self.is_serving() || self.service.trouble.slow_since.is_some()
    }

    /// It is in [`Stage::Ready`] from now on, and is watched.
    pub(super) fn is_now_ready(&mut self, now: Timestamp, since: Timestamp) {
        self.stage = Stage::Ready;
        self.ready_at = Some(since);
        self.is_proven = true;
        self.is_lingering = false;
        self.service.trouble = Trouble::default();
        self.service.probation = Probation::begin(now);
    }

    /// It was found in that stage; in [`Stage::Ready`] since `since`.
    pub(super) fn enter(&mut self, now: Timestamp, stage: Stage, since: Timestamp) {
        match stage {
            Stage::Ready => self.is_now_ready(now, since),
            Stage::Unknown
            | Stage::Off
            | Stage::Starting
            | Stage::Maint
            | Stage::Stopping
            | Stage::Warming
            | Stage::DrainingIn
            | Stage::DrainingOut => {
                self.is_not_ready();
                self.stage = stage;
            }
        }
    }

    /// It is not in [`Stage::Ready`] any more.
    fn is_not_ready(&mut self) {
        self.ready_at = None;
        self.service.trouble = Trouble::default();
        self.service.probation = Probation::default();
    }

    /// HAProxy may send it requests: a ready spare, or a server that is not ours to change.
    pub(super) fn is_in_use(&self) -> bool {
        match self.role {
            Role::Spare => self.stage == Stage::Ready,
            Role::AlwaysUp | Role::Other => self.read.is_up(),
        }
    }

    /// It took traffic: earlier failures are forgotten.
    pub(super) fn became_ready(&mut self, now: Timestamp) {
        self.is_now_ready(now, now);
        self.expected = Some(AdminState::Ready);
        self.errand.is_wanted_back = false;
        if self.read.counters.is_none() {
            self.apart.forgive(); // Nobody can tell how it does.
        }
        self.apart.quarantined_until = None;
        self.budget.spend(now);
    }

    /// It is in maintenance.
    pub(super) fn became_maint(&mut self) {
        self.stage = Stage::Maint;
        self.is_not_ready();
        self.is_lingering = false;
        self.is_proven = false;
        self.errand.stands_in = false;
        self.expected = Some(AdminState::Maint);
    }

    /// Its sessions last longer than a drain is waited for.
    pub(super) const fn lingers(&mut self) {
        self.is_lingering = true;
        self.stage = Stage::DrainingOut;
        self.expected = Some(AdminState::Drain);
    }

    /// What HAProxy's checks have proven of it.
    pub(super) fn proven_by(&self) -> Checks {
        match self.read.check {
            None => Checks::NotConfigured,
            Some(check) if !check.is_enabled => Checks::NotRunning,
            Some(check) if check.fall <= 1 => Checks::ProveNothing,
            Some(_) => Checks::Passed,
        }
    }

    /// What an operator should know about it.
    pub(super) fn note(&self, now: Timestamp) -> Option<ServerNote> {
        let condition = self.condition(now);
        (condition.is_some() || !self.marks.is_empty()).then(|| ServerNote {
            condition,
            set: self.marks.standings(now),
            is_in: self.stage == Stage::Ready,
        })
    }

    fn condition(&self, now: Timestamp) -> Option<Condition> {
        let is_spare = self.role == Role::Spare;
        let condition = match (self.apart.hold_until, self.apart.quarantined_until) {
            (Some(hold), _) if now < hold => Condition::Held {
                left: hold.since(now),
                may_be_agent: self.read.has_agent,
            },
            (_, Some(until)) if now < until => Condition::Quarantined {
                left: until.since(now),
                failed: self.apart.failed.clone(),
            },
            _ if is_spare && self.read.is_tracked => Condition::Tracked,
            _ if self.stage == Stage::Ready && !self.read.is_up() => Condition::Down,
            _ if self.read.is_drain() && self.read.is_by_agent => Condition::DrainedByAgent,
            _ if self.read.is_up() && self.read.weight == 0 => Condition::NoWeight,
            _ if self.read.is_up() && self.read.is_passed_over => Condition::Backup,
            _ if self.service.probation.is_idle() => Condition::Idle,
            _ if self.service.probation.is_failing() => Condition::Failing,
            _ if self.service.trouble.slow_since.is_some() => Condition::Slow,
            _ if self.is_lingering => Condition::Lingering,
            _ if self.service.ramp.is_growing() => Condition::Ramping {
                weight: self.read.user_weight,
                whole: self.read.initial_weight,
                is_held: !self.service.ramp.is_coming(),
            },
            _ if is_spare && self.read.is_beyond_us() => Condition::BeyondUs,
            _ => return None,
        };
        Some(condition)
    }
}

/// A member's name, to keep while the pool is changed.
pub(super) fn name_of(member: &Member) -> String {
    member.read.name.clone()
}
