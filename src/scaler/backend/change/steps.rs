//! What each step of a change does once a newer picture is there: decide, write, read back, watch,
//! finish. When a change begins and how its outcomes come in is said one level up.

use super::super::Backend;
use super::super::timers::Timer;
use super::{Goal, Step};
use crate::scaler::outbox::Outbox;
use std::time::Duration;

use crate::scaler::decision::{
    CalledOff, Change, Checks, Consequence, Failed, Failure, Fault, Note, Reason, Wanted,
};
use crate::scaler::member::Stage;
use crate::scaler::settings::OnOpenSessions;
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

/// A server whose requests fail drains no longer than this: what persistence still sends it fails.
const EXPEL_DRAIN: Duration = Duration::from_secs(2);
/// Requests that came within this time (or half of `drain_timeout`) will come again.
const STILL_COME: Duration = Duration::from_secs(10);
/// A spare that is expelled within this time leaves what it came for unsolved.
const MISSED_FOR: Duration = Duration::from_secs(60);

impl Backend {
    /// Decides on a fresh picture whether the first write of a change may happen.
    pub(super) fn judge(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &self.travel.journey else {
            return;
        };
        let name = change.server.clone();
        let Some(member) = self.facts.pool.member(&name) else {
            return;
        };
        match &change.goal {
            Goal::BringIn { wanted, .. } => {
                let is_stale = now > change.since.after(self.settings.warm_up_deadline);
                let forbidden = self
                    .needs()
                    .forbids_bringing_in(wanted)
                    .map(CalledOff::Blocked);
                let forbidden = forbidden.or(is_stale.then_some(CalledOff::Stale));
                if let Some(why) = forbidden {
                    return self.call_off(now, why, out);
                }
                let is_checked = member.read.running_check().is_some();
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
                    self.fail(now, Failure::Died, out);
                } else if self.facts.is_full(&self.settings) {
                    self.call_off(now, CalledOff::Replaced, out);
                } else {
                    self.write(now, AdminState::Ready, out);
                }
            }
            Goal::PutAway { .. } => {
                if self.needs().may_put_away(&name) {
                    self.leave_out_if_dead(now, &name);
                    self.write(now, AdminState::Drain, out);
                } else {
                    self.travel.journey = None;
                    self.plan.down_not_before = now.after(self.settings.poll_interval);
                }
            }
            Goal::SendAway { .. } => self.judge_send_away(now, &name, out),
            Goal::Expel { .. } => {
                if self.facts.may_expel(&name, &self.settings) {
                    self.write(now, AdminState::Drain, out);
                } else {
                    self.travel.journey = None;
                }
            }
            Goal::FinishDrain | Goal::TakeBack { .. } => self.write(now, AdminState::Maint, out),
        }
    }

    /// A spare that goes because it is dead is not the first one to be tried again.
    fn leave_out_if_dead(&mut self, now: Timestamp, name: &str) {
        let member = self.facts.pool.member_mut(name);
        if let Some(member) = member.filter(|member| !member.read.is_up()) {
            member.quarantine(now, Failed::Dead);
        }
    }

    pub(super) fn write(&mut self, now: Timestamp, state: AdminState, out: &mut Outbox) {
        let Some(change) = &mut self.travel.journey else {
            return;
        };
        change.told.push(state);
        let name = change.server.clone();
        let sessions = self
            .facts
            .pool
            .member(&name)
            .map(|member| member.read.sessions);
        if state == AdminState::Maint
            && let Some(change) = &mut self.travel.journey
        {
            change.sessions = sessions.unwrap_or(0);
        }
        let id = out.set_state(&name, state);
        let until = now.after(self.settings.action_timeout);
        self.travel.writing = Some(id);
        self.timers.set(Timer::Write, Some(until));
        self.set_step(Step::Writing { id, state });
    }

    /// Reads back what a command did.
    pub(super) fn verify(&mut self, now: Timestamp, state: AdminState, out: &mut Outbox) {
        let Some(change) = &self.travel.journey else {
            return;
        };
        let name = change.server.clone();
        let Some(member) = self.facts.pool.member(&name) else {
            return;
        };
        let is_so = member.read.admin_state() == state;
        match (&change.goal, state) {
            (Goal::BringIn { .. }, AdminState::Drain) if is_so => {
                let counters = member.read.counters;
                self.enter(&name, Stage::DrainingIn);
                if let Some(change) = &mut self.travel.journey {
                    change.drained = counters;
                }
                self.set_step(Step::Checking);
                self.watch_checks(now, out);
            }
            (Goal::BringIn { .. } | Goal::GiveBack { .. }, AdminState::Ready)
                if member.read.is_up() =>
            {
                self.arrived(now, out);
            }
            (Goal::BringIn { .. } | Goal::GiveBack { .. }, _) if member.read.is_by_agent => {
                self.fail(now, Failure::DownByAgent, out);
            }
            (Goal::BringIn { .. } | Goal::GiveBack { .. }, AdminState::Ready)
                if member.read.tracks_another =>
            {
                self.fail(now, Failure::TrackedIsDown, out);
            }
            (Goal::BringIn { .. } | Goal::GiveBack { .. }, _) => {
                self.fail(now, Failure::NotFollowed(state), out);
            }
            (
                Goal::PutAway { .. } | Goal::SendAway { .. } | Goal::Expel { .. },
                AdminState::Drain,
            ) if is_so => {
                self.drains(now, out);
            }
            (
                Goal::PutAway { .. } | Goal::SendAway { .. } | Goal::Expel { .. },
                AdminState::Drain | AdminState::Ready,
            ) => {
                self.travel.journey = None;
                self.plan.down_not_before = now.after(self.settings.poll_interval);
            }
            (
                Goal::PutAway { .. }
                | Goal::SendAway { .. }
                | Goal::Expel { .. }
                | Goal::FinishDrain,
                AdminState::Maint,
            ) if is_so => self.departed(now, out),
            (Goal::TakeBack { .. }, AdminState::Maint) if is_so => self.taken_back(now, out),
            (
                Goal::PutAway { .. }
                | Goal::SendAway { .. }
                | Goal::Expel { .. }
                | Goal::FinishDrain
                | Goal::TakeBack { .. },
                _,
            ) => {
                // The command was lost: watch on, and say it again at the next look.
                self.set_step(Step::Emptying { since: now });
                self.read_sooner(now);
            }
        }
    }

    fn enter(&mut self, name: &str, stage: Stage) {
        if let Some(member) = self.facts.pool.member_mut(name) {
            member.stage = stage;
        }
    }

    /// Users who reached a spare in drain, where HAProxy balances nothing to it, by a rule or a
    /// cookie: how many, and how many of them failed.
    fn reached_in_drain(&self) -> Option<(u64, u64)> {
        let change = self.travel.journey.as_ref()?;
        let (then, now) = (
            change.drained?,
            self.facts.pool.member(&change.server)?.read.counters?,
        );
        let taken = now.taken.saturating_sub(then.taken);
        (taken > 0).then(|| (taken, now.failed.saturating_sub(then.failed)))
    }

    /// Draining in: ready as soon as fresh checks have brought full health.
    pub(super) fn watch_checks(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &mut self.travel.journey else {
            return;
        };
        if let Some(why) = change.unwanted.take() {
            return self.call_off(now, CalledOff::Ordered(why), out);
        }
        let Some(change) = &self.travel.journey else {
            return;
        };
        let Some(member) = self.facts.pool.member(&change.server) else {
            return;
        };
        if let Goal::BringIn { wanted, .. } = &change.goal
            && let Some(blocked) = self.needs().forbids_bringing_in(wanted)
        {
            return self.call_off(now, CalledOff::Blocked(blocked), out);
        }
        // Checks that do not run are not waited for.
        let check = member.read.running_check();
        let is_down = member.read.operational == 0;
        if let Some((taken, failed)) = self.reached_in_drain()
            && failed > 0
        {
            return self.fail(now, Failure::Reached { taken, failed }, out);
        }
        let Some(check) = check.filter(|check| !check.is_full()) else {
            return self.write(now, AdminState::Ready, out);
        };
        if is_down && member.read.is_by_agent {
            self.fail(now, Failure::DownByAgent, out);
        } else if is_down && check.is_verdict_against() {
            self.fail(now, Failure::ChecksFailed, out);
        } else if now >= change.since.after(self.settings.warm_up_deadline) {
            let full = (check.rise + check.fall).saturating_sub(1);
            let health = check.health;
            self.fail(now, Failure::Checks { health, full }, out);
        } else {
            self.read_sooner(now);
        }
    }

    /// Draining out: maint as soon as its sessions have ended, or waited for long enough.
    pub(super) fn watch_drain(&mut self, now: Timestamp, since: Timestamp, out: &mut Outbox) {
        self.note_taken(now);
        let Some(change) = &self.travel.journey else {
            return;
        };
        let Some(member) = self.facts.pool.member(&change.server) else {
            return;
        };
        if member.read.is_up() && change.told(&change.server, AdminState::Ready) {
            return self.arrived_late(now, out);
        }
        let is_empty = member.read.sessions == 0 && member.read.queued == 0;
        // A server died meanwhile, or a race left too few: the way back is the shortest.
        if let (Goal::PutAway { .. }, Some(wanted)) = (&change.goal, self.needs().capacity_wanted())
        {
            return self.load_returned(now, wanted, out);
        }
        if is_empty || self.is_cut_short(now, since) {
            self.write(now, AdminState::Maint, out);
        } else if now >= since.after(self.settings.drain_timeout) {
            self.linger(now, since, out);
        } else {
            self.read_sooner(now);
        }
    }

    /// Remembers when the draining server took a request last: none comes by balancing.
    fn note_taken(&mut self, now: Timestamp) {
        let Some(change) = &mut self.travel.journey else {
            return;
        };
        let member = self.facts.pool.member(&change.server);
        let Some(taken) = member.and_then(|it| it.read.counters).map(|it| it.taken) else {
            return;
        };
        match change.took_at {
            None => change.took_at = Some((taken, change.since)),
            Some((before, _)) if before == taken => {}
            Some(_) => change.took_at = Some((taken, now)),
        }
    }

    /// A drain does not wait for its sessions any longer: it has failed its probation, requests
    /// keep coming by persistence and maint sends them elsewhere, or the operator wants it so.
    fn is_cut_short(&self, now: Timestamp, since: Timestamp) -> bool {
        let Some(change) = &self.travel.journey else {
            return false;
        };
        let timeout = self.settings.drain_timeout;
        match &change.goal {
            // Those that persistence sends to it fail, too.
            Goal::Expel {
                fault: Fault::Errors(_) | Fault::Hanging(_),
            } if change
                .took_at
                .is_some_and(|(_, at)| at > change.since && now.since(at) < EXPEL_DRAIN) =>
            {
                now >= since.after(timeout.min(EXPEL_DRAIN))
            }
            Goal::TakeBack { .. } => true,
            Goal::BringIn { .. }
            | Goal::GiveBack { .. }
            | Goal::PutAway { .. }
            | Goal::SendAway { .. }
            | Goal::Expel { .. }
            | Goal::FinishDrain => {
                let still_come = change.took_at.is_some_and(|(_, at)| {
                    at > change.since && now.since(at) < (timeout / 2).min(STILL_COME)
                });
                let is_over = now >= since.after(timeout);
                let is_wished = self.settings.on_open_sessions == OnOpenSessions::Maint;
                is_over && (still_come || is_wished)
            }
        }
    }

    /// Something is more urgent than the sessions of a drain.
    pub(in crate::scaler::backend) fn set_drain_aside(&mut self) {
        let Some(change) = self.travel.journey.take() else {
            return;
        };
        if let Some(member) = self.facts.pool.member_mut(&change.server) {
            member.is_lingering = true;
            member.stage = Stage::DrainingOut;
            member.expected = Some(AdminState::Drain);
        }
    }

    /// The sessions of a drain last: it stays in drain, and other changes do not wait for it.
    fn linger(&mut self, now: Timestamp, since: Timestamp, out: &mut Outbox) {
        let Some(change) = self.travel.journey.take() else {
            return;
        };
        let Some(member) = self.facts.pool.member_mut(&change.server) else {
            return;
        };
        let is_new = !std::mem::replace(&mut member.is_lingering, true);
        member.stage = Stage::DrainingOut;
        member.expected = Some(AdminState::Drain);
        let sessions = member.read.sessions;
        self.plan.down_not_before = now.after(self.settings.scale_down_cooldown);
        if is_new {
            let took = now.since(since);
            let reason = Reason::StillOpen { took, sessions };
            out.report(now, Some(&change.server), Change::Note, reason);
        }
        self.seek_work(now, out);
    }

    /// The drain is confirmed.
    fn drains(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = &mut self.travel.journey else {
            return;
        };
        let name = change.server.clone();
        let returned = change.returned.take();
        if let Goal::PutAway { quiet_for, share } = change.goal {
            if let Some(member) = self.facts.pool.member_mut(&name) {
                member.budget.spend(now);
            }
            self.said.stay.clear();
            let (serving, idle_timeout) = (self.facts.pool.serving(), self.settings.idle_timeout);
            self.signals
                .learn_from_departure(now, serving, idle_timeout);
            // The pause after a server that came is for its effect to show; now one has gone.
            self.plan.up_not_before = now;
            let reason = Reason::Quiet { quiet_for, share };
            out.report(now, Some(&name), Change::Drain, reason);
        } else if let Goal::SendAway { by } = change.goal {
            let reason = Self::sent_away_reason(by);
            out.report(now, Some(&name), Change::Drain, reason);
        } else if let Goal::Expel { fault } = change.goal {
            self.expelled(now, &name, fault, out);
        }
        self.enter(&name, Stage::DrainingOut);
        self.set_step(Step::Emptying { since: now });
        let (up, min) = (
            self.facts.pool.in_balance(),
            self.facts.floor(&self.settings),
        );
        if up < min {
            // A race that the picture before the write could not show: undone at once.
            self.load_returned(now, Wanted::BelowMin { up, min }, out);
        } else if let Some(Wanted::Ordered(why)) = returned {
            self.retreat(now, why, out);
        } else if let Some(wanted) = returned {
            self.load_returned(now, wanted, out);
        } else {
            self.read_sooner(now);
        }
    }

    /// A spare that answers worse than the others gets no balanced traffic any more.
    fn expelled(&mut self, now: Timestamp, name: &str, fault: Fault, out: &mut Outbox) {
        let Some(member) = self.facts.pool.member_mut(name) else {
            return;
        };
        let quarantined_for = member.quarantine(now, Failed::Serving(fault));
        // What it came for is still missing, if it has not been in for long.
        let is_recent = member.ready_at.is_some_and(|at| now.since(at) < MISSED_FOR);
        let came_for = member.came_for.take().filter(|_| is_recent);
        let consequence = Consequence::Leaves { quarantined_for };
        let reason = Reason::Fault { fault, consequence };
        out.report(now, Some(name), Change::ProbationFailed, reason);
        self.signals.end_trials();
        if let Some(wanted @ (Wanted::Slow(_) | Wanted::Crowded(_) | Wanted::Waiting { .. })) =
            came_for
        {
            self.plan.owed.get_or_insert((1, wanted));
        }
    }

    /// The spare takes traffic.
    fn arrived(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = self.travel.journey.take() else {
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
            Goal::PutAway { .. }
            | Goal::SendAway { .. }
            | Goal::Expel { .. }
            | Goal::FinishDrain
            | Goal::TakeBack { .. } => return,
        };
        if let Some(member) = self.facts.pool.member_mut(&change.server) {
            member.became_ready(now);
            member.came_for = Some(wanted.clone());
            member.stands_in =
                matches!(wanted, Wanted::DeadServer { .. } | Wanted::DeadSpare { .. });
        }
        out.report(now, Some(&change.server), Change::Enable, reason);
        self.spare_arrived(now, &change.server, &wanted);
        self.queue().kick_newcomer(now, &change.server, out);
        self.watch_service(now, out);
        self.read_sooner(now);
    }

    /// A `ready` that was given up took effect after all, on a server that had been proven: taking
    /// it away again could leave too few.
    fn arrived_late(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = self.travel.journey.take() else {
            return;
        };
        if let Some(member) = self.facts.pool.member_mut(&change.server) {
            member.became_ready(now);
        }
        out.tell(now, Some(&change.server), Change::Enable, Note::LateReady);
        self.signals.start_policies_over();
        self.queue().kick_newcomer(now, &change.server, out);
        self.read_sooner(now);
    }

    fn proven_by(&self, name: &str) -> Checks {
        match self
            .facts
            .pool
            .member(name)
            .and_then(|member| member.read.check)
        {
            None => Checks::NotConfigured,
            Some(check) if !check.is_enabled => Checks::NotRunning,
            Some(check) if check.fall <= 1 => Checks::ProveNothing,
            Some(_) => Checks::Passed,
        }
    }

    /// The spare is back in maint, as wished.
    fn departed(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(change) = self.travel.journey.take() else {
            return;
        };
        let Some(member) = self.facts.pool.member_mut(&change.server) else {
            return;
        };
        let sessions = change.sessions;
        member.became_maint();
        self.plan.down_not_before = now.after(self.settings.scale_down_cooldown);
        self.signals.start_policies_over();
        let reason = Reason::Emptied {
            took: now.since(change.since),
            sessions,
        };
        out.report(now, Some(&change.server), Change::Disable, reason);
    }

    /// Something failed on the way in: to maint, if it has left maint.
    pub(super) fn fail(&mut self, now: Timestamp, failure: Failure, out: &mut Outbox) {
        let Some(change) = &mut self.travel.journey else {
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
    pub(in crate::scaler::backend) fn call_off(
        &mut self,
        now: Timestamp,
        why: CalledOff,
        out: &mut Outbox,
    ) {
        let Some(change) = &mut self.travel.journey else {
            return;
        };
        let name = change.server.clone();
        change.goal = Goal::TakeBack { failure: None };
        out.tell(now, Some(&name), Change::Note, Note::CalledOff(why));
        self.plan.owed = None;
        self.take_back(now, &name, out);
    }

    fn take_back(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        if self
            .facts
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
        let Some(change) = self.travel.journey.take() else {
            return;
        };
        let Goal::TakeBack { failure } = change.goal else {
            return;
        };
        let Some(member) = self.facts.pool.member_mut(&change.server) else {
            return;
        };
        member.became_maint();
        let Some(failure) = failure else { return };
        let quarantined_for = member.quarantine(now, Failed::Coming(failure.clone()));
        if std::mem::take(&mut member.is_wanted_back) {
            self.plan.owed.get_or_insert((1, Wanted::Reloaded)); // Another one may do instead.
        }
        let reason = Reason::Failed {
            what: failure,
            quarantined_for,
        };
        out.report(now, Some(&change.server), Change::EnableFailed, reason);
        self.seek_work(now, out);
    }
}
