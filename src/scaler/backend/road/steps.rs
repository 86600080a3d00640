//! What each step of a journey does once a newer picture is there: decide, write, read back, watch,
//! finish. How it begins and how its outcomes come in is in
//! `begin`, what its end means in `ends`.

use super::super::ramps::Ramps;
use super::super::stall::called_off;
use super::{Goal, Road, Step};
use crate::scaler::outbox::Outbox;

use crate::scaler::decision::{CalledOff, Change, Failed, Failure, Fault, Note};
use crate::scaler::member::Stage;
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

impl Road<'_> {
    /// Decides on a fresh picture whether the first write of a change may happen.
    pub(super) fn judge(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some((journey, member)) = self.here(name) else {
            return;
        };
        match &journey.goal {
            Goal::BringIn { wanted, .. } => {
                let is_stale = now > journey.runs_since().after(self.settings.warm_up_deadline);
                let blocked = called_off(self.needs(), self.plan, wanted, name);
                let stale = is_stale.then_some(CalledOff::Stale);
                if let Some(why) = blocked.or(stale) {
                    return self.call_off(now, name, why, out);
                }
                let is_checked = member.read.running_check().is_some();
                match journey.goal.route().first(is_checked) {
                    AdminState::Ready => {
                        self.journeys.step(name, Step::Checking);
                        self.make_ready(now, name, out);
                    }
                    first @ (AdminState::Drain | AdminState::Maint) => {
                        self.write(now, name, first, out);
                    }
                }
            }
            Goal::GiveBack { .. } => {
                // The checks go on while it drains: a server that died there stays away.
                if !matches!(member.read.operational, 1 | 2) {
                    self.fail(now, name, Failure::Died, out);
                } else if self.needs().full(Some(name)).is_some() {
                    self.call_off(now, name, CalledOff::Replaced, out);
                } else {
                    self.write(now, name, AdminState::Ready, out);
                }
            }
            Goal::PutAway { .. } => {
                let is_wanted = self.plan.owed.is_some() || self.needs().is_wanted(member);
                if !is_wanted && self.needs().may_put_away(name) {
                    let member = self.facts.pool.member_mut(name);
                    if let Some(member) = member.filter(|member| !member.read.is_up()) {
                        // The first one to be tried again it is not.
                        member.apart.quarantine(now, Failed::Dead);
                    }
                    self.write(now, name, AdminState::Drain, out);
                } else {
                    self.journeys.forget(name);
                    self.plan.down_not_before = now.after(self.settings.poll_interval);
                }
            }
            Goal::SendAway { .. } => self.judge_send_away(now, name, out),
            Goal::Expel { .. } => {
                // One whose machine is off serves nobody.
                let is_off = matches!(
                    journey.goal,
                    Goal::Expel {
                        fault: Fault::MachineOff
                    }
                );
                let may_go = is_off && !member.read.is_up();
                if may_go || self.facts.may_expel(name, self.settings) && !is_off {
                    self.write(now, name, AdminState::Drain, out);
                } else {
                    self.journeys.forget(name);
                }
            }
            Goal::FinishDrain | Goal::TakeBack { .. } => {
                self.write(now, name, AdminState::Maint, out);
            }
        }
    }

    pub(super) fn write(
        &mut self,
        now: Timestamp,
        name: &str,
        state: AdminState,
        out: &mut Outbox,
    ) {
        let Some(journey) = self.journeys.of_mut(name) else {
            return;
        };
        journey.told.push(state);
        if state == AdminState::Maint {
            let member = self.facts.pool.member(name);
            journey.sessions = member.map_or(0, |member| member.read.sessions);
        }
        let id = out.set_state(name, state);
        let until = now.after(self.settings.action_timeout);
        self.journeys.command(name, id, state, until);
    }

    /// Reads back what a command did.
    pub(super) fn verify(
        &mut self,
        now: Timestamp,
        name: &str,
        state: AdminState,
        out: &mut Outbox,
    ) {
        let Some((journey, member)) = self.here(name) else {
            return;
        };
        let is_so = member.read.admin_state() == state;
        let route = journey.goal.route();
        let is_back = matches!(journey.goal, Goal::TakeBack { .. });
        match (route.from, state) {
            _ if route.to == AdminState::Ready => self.verify_inbound(now, name, state, out),
            (AdminState::Ready, AdminState::Drain) if is_so => self.drains(now, name, out),
            (AdminState::Ready, AdminState::Drain | AdminState::Ready) => {
                self.journeys.forget(name);
                self.plan.down_not_before = now.after(self.settings.poll_interval);
            }
            (_, AdminState::Maint) if is_so && is_back => self.taken_back(now, name, out),
            (_, AdminState::Maint) if is_so => self.departed(now, name, out),
            _ => {
                // The command was lost: watch on, and say it again at the next look.
                self.journeys.step(name, Step::Emptying { since: now });
                self.read_sooner(now);
            }
        }
    }

    fn verify_inbound(&mut self, now: Timestamp, name: &str, state: AdminState, out: &mut Outbox) {
        let Some(member) = self.facts.pool.member(name) else {
            return;
        };
        let (read, counters) = (&member.read, member.read.counters);
        match state {
            AdminState::Drain if read.admin_state() == state => {
                self.facts.pool.enter(name, Stage::DrainingIn);
                if let Some(journey) = self.journeys.of_mut(name) {
                    journey.drained = counters;
                    journey.step = Step::Checking;
                }
                self.watch_checks(now, name, out);
            }
            AdminState::Ready if read.is_up() => self.arrived(now, name, out),
            _ if read.is_by_agent => self.fail(now, name, Failure::DownByAgent, out),
            AdminState::Ready if read.tracks_another => {
                self.fail(now, name, Failure::TrackedIsDown, out);
            }
            AdminState::Drain | AdminState::Ready | AdminState::Maint => {
                self.fail(now, name, Failure::NotFollowed(state), out);
            }
        }
    }

    /// Draining in: ready as soon as fresh checks have brought full health.
    pub(super) fn watch_checks(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(journey) = self.journeys.of_mut(name) else {
            return;
        };
        if let Some(why) = journey.unwanted.take() {
            return self.call_off(now, name, CalledOff::Ordered(why), out);
        }
        let Some((journey, member)) = self.here(name) else {
            return;
        };
        if let Goal::BringIn { wanted, .. } = &journey.goal
            && let Some(why) = called_off(self.needs(), self.plan, wanted, name)
        {
            return self.call_off(now, name, why, out);
        }
        // Checks that do not run are not waited for.
        let check = member.read.running_check();
        let is_down = member.read.operational == 0;
        if let Some((taken, failed)) = member.read.counters.and_then(|it| journey.reached(it))
            && failed > 0
        {
            return self.fail(now, name, Failure::Reached { taken, failed }, out);
        }
        let Some(check) = check.filter(|check| !check.is_full()) else {
            return self.make_ready(now, name, out);
        };
        if is_down && member.read.is_by_agent {
            self.fail(now, name, Failure::DownByAgent, out);
        } else if is_down && check.is_verdict_against() {
            self.fail(now, name, Failure::ChecksFailed, out);
        } else if now >= journey.runs_since().after(self.settings.warm_up_deadline) {
            let full = (check.rise + check.fall).saturating_sub(1);
            let health = check.health;
            self.fail(now, name, Failure::Checks { health, full }, out);
        } else {
            // Meanwhile; whether that is through is asked in the end.
            Ramps::of(self).lowers(now, name, out);
            self.read_sooner(now);
        }
    }

    /// The last state on the way in, once its weight is little where its share is to grow.
    fn make_ready(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        if Ramps::of(self).lowers(now, name, out) {
            self.read_sooner(now);
        } else {
            self.write(now, name, AdminState::Ready, out);
        }
    }

    /// Draining out: maint as soon as its sessions have ended, or waited for long enough.
    pub(super) fn watch_drain(
        &mut self,
        now: Timestamp,
        name: &str,
        since: Timestamp,
        out: &mut Outbox,
    ) {
        if let Some(journey) = self.journeys.of_mut(name)
            && let Some(member) = self.facts.pool.member(name)
            && let Some(counters) = member.read.counters
        {
            journey.note_taken(now, counters.taken);
        }
        let Some((journey, member)) = self.here(name) else {
            return;
        };
        if member.read.is_up() && journey.was_told(AdminState::Ready) {
            return self.arrived_late(now, name, out);
        }
        let is_empty = member.read.sessions == 0 && member.read.queued == 0;
        // A server died meanwhile, or a race left too few: the way back is the shortest.
        if journey.is_put_away()
            && let Some(wanted) = self.needs().capacity_wanted(None)
        {
            return self.turn_back(now, name, wanted, out);
        }
        let is_evacuated = member.marks.evacuated.is_some();
        if is_empty || journey.is_cut_short(now, since, self.settings) || member.is_out_of_time(now)
        {
            self.write(now, name, AdminState::Maint, out);
        } else if !is_evacuated && now >= since.after(self.settings.drain_timeout) {
            self.linger(now, name, since, out);
        } else {
            self.read_sooner(now);
        }
    }

    /// The picture before the first command of a `disable`: it goes, or the order ends.
    fn judge_send_away(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let member = self.facts.pool.member(name);
        if member.is_some_and(|it| it.read.is_tracked || it.read.is_beyond_us()) {
            self.journeys.forget(name); // The order waits for that to end.
            return;
        }
        match self.needs().must_not_need(name) {
            Ok(()) => self.write(now, name, AdminState::Drain, out),
            // It is tried again as soon as another one serves.
            Err(_) if self.hand.marks(name).evacuated.is_some() => {
                self.journeys.forget(name);
            }
            Err(refusal) => {
                self.journeys.forget(name);
                self.hand.forget_order(name);
                self.facts.pool.show_marks(self.hand);
                let note = Note::NotDisabled(refusal);
                out.tell(now, Some(name), Change::Note, note);
            }
        }
    }
}
