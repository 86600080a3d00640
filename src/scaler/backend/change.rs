//! The change under way: one spare on its way in or out, one step after another. Each write is
//! decided on a read that is newer than the wish for it, and believed only when read back.

use std::time::Duration;

use super::super::decision::{Change, Checks, Failure, Reason, Wanted};
use super::super::event::{
    Action, ActionId, AdminState, ServerName, Timestamp, WarmUpEvidence, WarmUpFailure,
    WriteFailure,
};
use super::super::pool::Stage;
use super::{Backend, Outbox};

/// While HAProxy's checks or a drain are watched.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// The warm-up keeps its deadline itself; this much later its outcome counts as lost.
const OUTCOME_SLACK: Duration = Duration::from_secs(1);
/// With another spare at hand, refused connections are not waited out.
const REFUSALS_FOR: Duration = Duration::from_secs(2);

/// One spare between two stages.
#[derive(Debug)]
pub(super) struct Underway {
    pub(super) server: String,
    goal: Goal,
    step: Step,
    since: Timestamp,
    /// Load came back while it was on its way out.
    returned: Option<Wanted>,
}

#[derive(Debug)]
enum Goal {
    /// maint → ready.
    BringIn {
        wanted: Wanted,
        evidence: WarmUpEvidence,
    },
    /// draining-out → ready.
    GiveBack { wanted: Wanted },
    /// ready → maint.
    PutAway {
        quiet_for: Duration,
        share: Option<f64>,
    },
    /// Found draining: finish that.
    FinishDrain,
    /// Something failed on the way in, or it is not wanted any more: back to maint.
    TakeBack { failure: Option<Failure> },
}

#[derive(Debug)]
enum Step {
    /// Our own requests are under way.
    WarmingUp { id: ActionId },
    /// A fresh picture is awaited to decide on.
    Judging { after: ActionId },
    /// A command is under way; given up at `until`, with an unknown outcome.
    Writing {
        id: ActionId,
        state: AdminState,
        until: Timestamp,
    },
    /// A fresh picture is awaited to see what the command did.
    Verifying { after: ActionId, state: AdminState },
    /// HAProxy checks it, without balanced traffic.
    Checking,
    /// Its sessions end.
    Emptying { since: Timestamp },
}

impl Underway {
    /// When the present step is overdue.
    pub(super) const fn due(&self) -> Option<Timestamp> {
        match &self.step {
            Step::Writing { until, .. } => Some(*until),
            Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Verifying { .. }
            | Step::Checking
            | Step::Emptying { .. } => None,
        }
    }

    /// How soon the present step wants to see HAProxy again.
    pub(super) const fn read_interval(&self) -> Duration {
        match &self.step {
            Step::Checking | Step::Emptying { .. } => WATCH_INTERVAL,
            Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. } => Duration::MAX,
        }
    }

    /// The state that a command of ours may bring about on that server.
    pub(super) fn writes_to(&self, name: &str) -> Option<AdminState> {
        match &self.step {
            Step::Writing { state, .. } | Step::Verifying { state, .. } if self.server == name => {
                Some(*state)
            }
            Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. }
            | Step::Checking
            | Step::Emptying { .. } => None,
        }
    }

    /// The server may be elsewhere than in maint, because of us.
    pub(super) const fn left_maint(&self) -> bool {
        match (&self.goal, &self.step) {
            (Goal::BringIn { .. }, Step::WarmingUp { .. } | Step::Judging { .. })
            | (Goal::PutAway { .. }, Step::Judging { .. }) => false,
            // A command to make it ready may have been carried out: ready servers stay.
            (_, Step::Writing { state, .. } | Step::Verifying { state, .. }) => {
                !matches!(state, AdminState::Ready)
            }
            (
                _,
                Step::WarmingUp { .. }
                | Step::Judging { .. }
                | Step::Checking
                | Step::Emptying { .. },
            ) => true,
        }
    }

    /// For `status`: the server is on its way in.
    pub(super) const fn is_inbound(&self) -> bool {
        matches!(self.goal, Goal::BringIn { .. } | Goal::GiveBack { .. })
    }
}

impl Backend {
    /// Begins to bring a spare in: warm-up first, HAProxy is not touched.
    pub(super) fn bring_in(
        &mut self,
        now: Timestamp,
        name: &str,
        wanted: Wanted,
        has_another: bool,
        out: &mut Outbox,
    ) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        member.stage = Stage::Warming;
        let (address, is_tls) = (member.read.address, member.read.is_tls);
        self.report(
            now,
            Some(name),
            Change::WarmUp,
            Reason::Wanted(wanted.clone()),
            out,
        );
        let id = out.next_id();
        let deadline = self.settings.warm_up_deadline;
        out.actions.push(Action::WarmUp {
            id,
            server: ServerName::new(self.settings.name.clone(), name),
            address,
            is_tls,
            deadline,
            refusals_for: if has_another {
                REFUSALS_FOR.min(deadline)
            } else {
                deadline
            },
        });
        self.change = Some(Underway {
            server: name.to_owned(),
            goal: Goal::BringIn {
                wanted,
                evidence: WarmUpEvidence::default(),
            },
            step: Step::WarmingUp { id },
            since: now,
            returned: None,
        });
    }

    /// Begins to send a spare away: a fresh picture decides whether it may go.
    pub(super) fn put_away(&mut self, now: Timestamp, name: String, out: &mut Outbox) {
        let quiet_for = self
            .quiet
            .since
            .map_or(Duration::ZERO, |since| now.since(since));
        let after = self.want_fresh(now, out);
        self.change = Some(Underway {
            server: name,
            goal: Goal::PutAway {
                quiet_for,
                share: self.quiet.share,
            },
            step: Step::Judging { after },
            since: now,
            returned: None,
        });
    }

    /// Finishes a drain that was found at first sight.
    pub(super) fn finish_drain(&mut self, now: Timestamp, name: String) {
        self.change = Some(Underway {
            server: name,
            goal: Goal::FinishDrain,
            step: Step::Emptying { since: now },
            since: now,
            returned: None,
        });
        self.read_sooner(now);
    }

    /// Load returned: a spare that is on its way out is given back at once.
    pub(super) fn load_returned(&mut self, now: Timestamp, wanted: Wanted, out: &mut Outbox) {
        let Some(change) = &mut self.change else {
            return;
        };
        if !matches!(change.goal, Goal::PutAway { .. }) {
            return;
        }
        match change.step {
            Step::Judging { .. } => self.change = None,
            Step::Emptying { .. } => {
                change.goal = Goal::GiveBack { wanted };
                change.since = now;
                let after = self.want_fresh(now, out);
                self.set_step(Step::Judging { after });
            }
            // The command is under way: it is given back once it is known what became of it.
            Step::WarmingUp { .. }
            | Step::Writing { .. }
            | Step::Verifying { .. }
            | Step::Checking => {
                change.returned.get_or_insert(wanted);
            }
        }
    }

    fn set_step(&mut self, step: Step) {
        if let Some(change) = &mut self.change {
            change.step = step;
        }
    }

    /// The warm-up ended.
    pub(in super::super) fn warm_up_ended(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<WarmUpEvidence, WarmUpFailure>,
        out: &mut Outbox,
    ) {
        let Some(change) = &mut self.change else {
            return;
        };
        if !matches!(change.step, Step::WarmingUp { id: awaited } if awaited == id) {
            return;
        }
        match outcome {
            Ok(proof) => {
                if let Goal::BringIn { evidence, .. } = &mut change.goal {
                    *evidence = proof;
                }
                let after = self.want_fresh(now, out);
                self.set_step(Step::Judging { after });
            }
            Err(failure) => self.fail(now, Failure::WarmUp(failure), out),
        }
    }

    /// A command was answered.
    pub(in super::super) fn state_set(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<(), WriteFailure>,
        out: &mut Outbox,
    ) {
        let Some(change) = &self.change else { return };
        let Step::Writing {
            id: awaited, state, ..
        } = change.step
        else {
            return;
        };
        if awaited != id {
            return;
        }
        match outcome {
            // Accepted or unknown: only reading back tells.
            Ok(()) | Err(WriteFailure::Unknown(_) | WriteFailure::Stopping) => {
                let after = self.want_fresh(now, out);
                self.set_step(Step::Verifying { after, state });
            }
            Err(WriteFailure::Refused(text)) => {
                let server = ServerName::new(self.settings.name.clone(), change.server.clone());
                let text = format!("cannot set {server} to {state}: HAProxy answered \"{text}\"");
                self.refused(now, text, out);
            }
        }
    }

    fn refused(&mut self, now: Timestamp, text: String, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        match change.goal {
            Goal::BringIn { .. } | Goal::GiveBack { .. } => {
                self.fail(now, Failure::Command(text), out);
            }
            Goal::PutAway { .. } | Goal::FinishDrain | Goal::TakeBack { .. } => {
                let server = change.server.clone();
                self.report(now, Some(&server), Change::Note, Reason::Text(text), out);
                self.drop_change(now);
            }
        }
    }

    /// Leaves the server where HAProxy has it; the next look at it decides anew.
    fn drop_change(&mut self, now: Timestamp) {
        let Some(change) = self.change.take() else {
            return;
        };
        self.down_not_before = now.after(self.settings.scale_down_cooldown);
        if let Some(member) = self.pool.member_mut(&change.server) {
            member.stage = match member.read.admin_state() {
                AdminState::Ready => Stage::Ready,
                AdminState::Drain => Stage::DrainingOut,
                AdminState::Maint => Stage::Maint,
            };
        }
    }

    /// A step took too long: its outcome is unknown.
    pub(super) fn change_overdue(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        match change.step {
            Step::Writing { state, .. } => {
                let after = self.want_fresh(now, out);
                self.set_step(Step::Verifying { after, state });
            }
            Step::WarmingUp { .. }
            | Step::Judging { .. }
            | Step::Verifying { .. }
            | Step::Checking
            | Step::Emptying { .. } => {}
        }
    }

    /// Looks at the change under way in the light of a new picture.
    pub(super) fn step_change(&mut self, now: Timestamp, read: ActionId, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        if self.pool.member(&change.server).is_none() {
            let text = format!("HAProxy no longer has server {}", change.server);
            self.change = None;
            self.report(now, None, Change::Note, Reason::Text(text), out);
            return;
        }
        match change.step {
            Step::WarmingUp { .. } => {
                if now
                    >= change
                        .since
                        .after(self.settings.warm_up_deadline + OUTCOME_SLACK)
                {
                    self.fail(now, Failure::WarmUp(WarmUpFailure::NoOutcome), out);
                }
            }
            Step::Writing { .. } => {}
            Step::Judging { after } if read > after => self.judge(now, out),
            Step::Verifying { after, state } if read > after => self.verify(now, state, out),
            Step::Judging { .. } | Step::Verifying { .. } => self.reading.want(now),
            Step::Checking => self.watch_checks(now, out),
            Step::Emptying { since } => self.watch_drain(now, since, out),
        }
    }

    /// Decides on a fresh picture whether the first write of a change may happen.
    fn judge(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        let name = change.server.clone();
        let Some(member) = self.pool.member(&name) else {
            return;
        };
        match &change.goal {
            Goal::BringIn { wanted, .. } => {
                let is_stale = now > change.since.after(self.settings.warm_up_deadline);
                let forbidden = self.forbids_bringing_in(wanted).or_else(|| {
                    is_stale.then(|| "its warm-up is too long ago to prove anything".to_owned())
                });
                if let Some(text) = forbidden {
                    return self.call_off(now, text, out);
                }
                let is_checked = member.read.check.is_some();
                let first = if is_checked {
                    AdminState::Drain
                } else {
                    AdminState::Ready
                };
                self.write(now, first, out);
            }
            Goal::GiveBack { .. } => {
                // The checks go on while it drains: a server that died there stays away.
                if !matches!(member.read.operational, 1 | 2) {
                    self.fail(
                        now,
                        Failure::Command("it died while draining".to_owned()),
                        out,
                    );
                } else if self.is_full() {
                    self.call_off(now, "its place has been taken".to_owned(), out);
                } else {
                    self.write(now, AdminState::Ready, out);
                }
            }
            Goal::PutAway { .. } => {
                if self.may_put_away(&name) {
                    self.write(now, AdminState::Drain, out);
                } else {
                    self.change = None;
                    self.down_not_before = now.after(self.settings.poll_interval);
                }
            }
            Goal::FinishDrain | Goal::TakeBack { .. } => self.write(now, AdminState::Maint, out),
        }
    }

    fn write(&mut self, now: Timestamp, state: AdminState, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        let id = self.set_state(&change.server, state, out);
        self.set_step(Step::Writing {
            id,
            state,
            until: now.after(self.settings.action_timeout),
        });
    }

    /// Reads back what a command did.
    fn verify(&mut self, now: Timestamp, state: AdminState, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        let name = change.server.clone();
        let Some(member) = self.pool.member(&name) else {
            return;
        };
        let is_so = member.read.admin_state() == state;
        match (&change.goal, state) {
            (Goal::BringIn { .. }, AdminState::Drain) if is_so => {
                self.enter(&name, Stage::DrainingIn);
                self.set_step(Step::Checking);
                self.watch_checks(now, out);
            }
            (Goal::BringIn { .. } | Goal::GiveBack { .. }, AdminState::Ready)
                if member.read.is_up() =>
            {
                self.arrived(now, out);
            }
            (Goal::BringIn { .. } | Goal::GiveBack { .. }, _) => {
                let text = format!("HAProxy was told `{state}` and still shows it otherwise");
                self.fail(now, Failure::Command(text), out);
            }
            (Goal::PutAway { .. }, AdminState::Drain) if is_so => self.drains(now, out),
            (Goal::PutAway { .. }, AdminState::Drain | AdminState::Ready) => {
                self.change = None;
                self.down_not_before = now.after(self.settings.poll_interval);
            }
            (Goal::PutAway { .. } | Goal::FinishDrain, AdminState::Maint) if is_so => {
                self.departed(now, out);
            }
            (Goal::TakeBack { .. }, AdminState::Maint) if is_so => self.taken_back(now, out),
            (Goal::PutAway { .. } | Goal::FinishDrain | Goal::TakeBack { .. }, _) => {
                // The command was lost: watch on, and say it again at the next look.
                self.set_step(Step::Emptying { since: now });
                self.read_sooner(now);
            }
        }
    }

    fn enter(&mut self, name: &str, stage: Stage) {
        if let Some(member) = self.pool.member_mut(name) {
            member.stage = stage;
        }
    }

    /// Draining in: ready as soon as fresh checks have brought full health.
    fn watch_checks(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        let Some(member) = self.pool.member(&change.server) else {
            return;
        };
        if let Goal::BringIn { wanted, .. } = &change.goal
            && let Some(text) = self.forbids_bringing_in(wanted)
        {
            return self.call_off(now, text, out);
        }
        let (is_full, health, full) = match member.read.check {
            Some(check) => (
                check.is_full(),
                check.health,
                (check.rise + check.fall).saturating_sub(1),
            ),
            None => (true, 0, 0),
        };
        if is_full {
            self.write(now, AdminState::Ready, out);
        } else if now >= change.since.after(self.settings.warm_up_deadline) {
            self.fail(now, Failure::Checks { health, full }, out);
        } else {
            self.read_sooner(now);
        }
    }

    /// Draining out: maint as soon as its sessions have ended, or waited for long enough.
    fn watch_drain(&mut self, now: Timestamp, since: Timestamp, out: &mut Outbox) {
        let Some(change) = &self.change else { return };
        let Some(member) = self.pool.member(&change.server) else {
            return;
        };
        let is_empty = member.read.sessions == 0 && member.read.queued == 0;
        if is_empty || now >= since.after(self.settings.drain_timeout) {
            self.write(now, AdminState::Maint, out);
        } else {
            self.read_sooner(now);
        }
    }

    /// The drain is confirmed.
    fn drains(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &mut self.change else {
            return;
        };
        let name = change.server.clone();
        let returned = change.returned.take();
        if let Goal::PutAway { quiet_for, share } = change.goal {
            let reason = Reason::Quiet { quiet_for, share };
            self.report(now, Some(&name), Change::Drain, reason, out);
        }
        self.enter(&name, Stage::DrainingOut);
        self.set_step(Step::Emptying { since: now });
        let (up, min) = (self.pool.up(), self.floor());
        if up < min {
            // A race that the picture before the write could not show: undone at once.
            self.load_returned(now, Wanted::BelowMin { up, min }, out);
        } else if let Some(wanted) = returned {
            self.load_returned(now, wanted, out);
        } else {
            self.read_sooner(now);
        }
    }

    /// The spare takes traffic.
    fn arrived(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = self.change.take() else {
            return;
        };
        let took = now.since(change.since);
        let (reason, wanted) = match change.goal {
            Goal::BringIn { wanted, evidence } => {
                let checks = self.proven_by(&change.server);
                (
                    Reason::Warmed {
                        wanted: wanted.clone(),
                        evidence,
                        checks,
                        took,
                    },
                    wanted,
                )
            }
            Goal::GiveBack { wanted } => (Reason::GivenBack(wanted.clone()), wanted),
            Goal::PutAway { .. } | Goal::FinishDrain | Goal::TakeBack { .. } => return,
        };
        if let Some(member) = self.pool.member_mut(&change.server) {
            member.became_ready(now);
            member.stands_in = matches!(wanted, Wanted::DeadServer { .. });
        }
        self.report(now, Some(&change.server), Change::Enable, reason, out);
        self.spare_arrived(now, &wanted);
    }

    fn proven_by(&self, name: &str) -> Checks {
        match self.pool.member(name).and_then(|member| member.read.check) {
            None => Checks::NotConfigured,
            Some(check) if check.fall <= 1 => Checks::ProveNothing,
            Some(_) => Checks::Passed,
        }
    }

    /// The spare is back in maint, as wished.
    fn departed(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = self.change.take() else {
            return;
        };
        let Some(member) = self.pool.member_mut(&change.server) else {
            return;
        };
        let sessions = member.read.sessions;
        member.became_maint();
        self.down_not_before = now.after(self.settings.scale_down_cooldown);
        self.start_policies_over();
        let reason = Reason::Emptied {
            took: now.since(change.since),
            sessions,
        };
        self.report(now, Some(&change.server), Change::Disable, reason, out);
    }

    /// Something failed on the way in: to maint, if it has left maint.
    fn fail(&mut self, now: Timestamp, failure: Failure, out: &mut Outbox) {
        let Some(change) = &mut self.change else {
            return;
        };
        let name = change.server.clone();
        change.goal = Goal::TakeBack {
            failure: Some(failure),
        };
        change.since = now;
        self.take_back(now, &name, out);
    }

    /// It is not wanted any more, through no fault of its own: to maint, if it has left maint.
    fn call_off(&mut self, now: Timestamp, text: String, out: &mut Outbox) {
        let Some(change) = &mut self.change else {
            return;
        };
        let name = change.server.clone();
        change.goal = Goal::TakeBack { failure: None };
        self.report(now, Some(&name), Change::Note, Reason::Text(text), out);
        self.owed = None;
        self.take_back(now, &name, out);
    }

    fn take_back(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        if self
            .pool
            .member(name)
            .is_some_and(|member| member.read.is_maint())
        {
            self.taken_back(now, out);
        } else {
            self.write(now, AdminState::Maint, out);
        }
    }

    /// It failed and is back in maint: the next one is tried.
    fn taken_back(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = self.change.take() else {
            return;
        };
        let Goal::TakeBack { failure } = change.goal else {
            return;
        };
        let Some(member) = self.pool.member_mut(&change.server) else {
            return;
        };
        member.became_maint();
        let Some(failure) = failure else { return };
        let quarantined_for = member.quarantine(now);
        if std::mem::take(&mut member.is_wanted_back) {
            self.owed.get_or_insert((1, Wanted::Reloaded)); // Another one may do instead.
        }
        let reason = Reason::Failed {
            what: failure,
            quarantined_for,
        };
        self.report(now, Some(&change.server), Change::EnableFailed, reason, out);
        self.seek_work(now, out);
    }
}
