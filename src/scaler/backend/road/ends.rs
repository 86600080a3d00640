//! What the end of a journey means, and of its first half: for the server, for the next ones, and for
//! what is told.

use std::time::Duration;

use super::super::evacuation;
use super::super::kicks::Queue;
use super::super::machines;
use super::super::plan::NoSpareSaid;
use super::super::ramps::Ramps;
use super::{Goal, Journey, Road, Step};
use crate::measure::agreement::Agreement;
use crate::scaler::decision::{
    CalledOff, Change, Checks, Consequence, Failed, Failure, Fault, MachineTrouble, Note, Ordered,
    Reason, Wanted,
};
use crate::scaler::hand::Kept;
use crate::scaler::member::Stage;
use crate::scaler::outbox::Outbox;
use crate::words::order::Verb;
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

/// A spare that is expelled within this time leaves what it came for unsolved.
const MISSED_FOR: Duration = Duration::from_secs(60);

impl Road<'_> {
    /// The drain is confirmed.
    pub(super) fn drains(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(journey) = self.journeys.of_mut(name) else {
            return;
        };
        let returned = journey.returned.take();
        if let Goal::PutAway { quiet_for, share } = journey.goal {
            if let Some(member) = self.facts.pool.member_mut(name) {
                member.budget.spend(now);
            }
            self.plan.said.stay.clear();
            let (serving, idle_timeout) = (self.facts.pool.serving(), self.settings.idle_timeout);
            self.signals
                .learn_from_departure(now, serving, idle_timeout);
            self.size.left(now);
            // The pause after a server that came is for its effect to show; now one has gone.
            self.plan.up_not_before = now;
            let reason = Reason::Quiet { quiet_for, share };
            out.report(now, Some(name), Change::Drain, reason);
        } else if let Goal::SendAway { by } = journey.goal {
            let verb = match self.hand.marks(name).evacuated {
                Some(_) => Verb::Evacuate,
                None => Verb::Disable,
            };
            let reason = Reason::Wanted(Wanted::Ordered(Ordered::By { verb, by }));
            out.report(now, Some(name), Change::Drain, reason);
        } else if let Goal::Expel { fault } = journey.goal {
            self.expelled(now, name, fault, out);
        }
        self.signals.account.leaves(now, name);
        self.facts.pool.enter(name, Stage::DrainingOut);
        self.journeys.step(name, Step::Emptying { since: now });
        let up = self.facts.pool.in_balance();
        let min = self.facts.floor(self.settings);
        let until = self.facts.floor_until(self.settings);
        let too_few = Wanted::BelowMin { up, min, until };
        let is_evacuated = self.hand.marks(name).evacuated.is_some();
        let is_undone = |it: &Journey| up < min && !is_evacuated && it.is_undone_by(&too_few);
        if self.journeys.of(name).is_some_and(is_undone) {
            // A race that the picture before the write could not show: undone at once.
            self.turn_back(now, name, too_few, out);
        } else if let Some(Wanted::Ordered(why)) = returned {
            self.retreat(now, name, why, out);
        } else if let Some(wanted) = returned {
            self.turn_back(now, name, wanted, out);
        } else {
            self.read_sooner(now);
        }
    }

    /// A spare that answers worse than the others gets no balanced traffic any more.
    fn expelled(&mut self, now: Timestamp, name: &str, fault: Fault, out: &mut Outbox) {
        let Some(member) = self.facts.pool.member_mut(name) else {
            return;
        };
        let quarantined_for = member.apart.quarantine(now, Failed::Serving(fault));
        // What it came for is still missing, if it has not been in for long.
        let is_recent = fault == Fault::MachineOff
            || member.service.ramp.is_growing()
            || member.ready_at.is_some_and(|at| now.since(at) < MISSED_FOR);
        let came_for = member.errand.came_for.take().filter(|_| is_recent);
        let consequence = Consequence::Leaves { quarantined_for };
        let reason = Reason::Fault { fault, consequence };
        out.report(now, Some(name), Change::ProbationFailed, reason);
        self.signals.end_trials();
        if let Some(wanted) = came_for.filter(Wanted::is_for_load) {
            let coming = self.journeys.coming_for_load();
            self.plan.owe(coming, wanted);
        }
    }

    /// The spare takes traffic.
    pub(super) fn arrived(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(journey) = self.journeys.forget(name) else {
            return;
        };
        self.journeys.came_first(&journey);
        let took = now.since(journey.since);
        let wanted_for = journey.goal.wanted_for(took);
        let member = self.facts.pool.member_mut(name);
        let (reason, wanted) = match journey.goal {
            Goal::BringIn { wanted, evidence } => {
                self.size.arrived(took);
                let checks = member.as_ref().map(|it| it.proven_by());
                let checks = checks.unwrap_or(Checks::NotConfigured);
                let wanted_for = wanted.clone();
                let reason = Reason::Warmed {
                    wanted: wanted_for,
                    evidence,
                    checks,
                    took,
                };
                (reason, wanted)
            }
            Goal::GiveBack { wanted } => (Reason::GivenBack(wanted.clone()), wanted),
            Goal::PutAway { .. }
            | Goal::SendAway { .. }
            | Goal::Expel { .. }
            | Goal::FinishDrain
            | Goal::TakeBack { .. } => return,
        };
        if let Some(member) = member {
            member.became_ready(now);
            let kept = member.marks.kept.map(|(kept, _)| kept);
            if member.marks.evacuated.is_some() && kept != Some(Kept::Out) {
                // It is in again, and what it was before.
                if member.errand.is_always_up {
                    self.hand.forget_order(name);
                } else {
                    self.hand.end_evacuation(name);
                }
            }
            // What it came for before HAProxy was reloaded it comes for again.
            let again = member.errand.came_for.take_if(|it| {
                wanted == Wanted::Reloaded && matches!(it, Wanted::Evacuation { .. })
            });
            let came_for = again.unwrap_or_else(|| wanted.clone());
            evacuation::has_come(&mut self.facts.pool, self.hand, name, &came_for);
        }
        out.report(now, Some(name), Change::Enable, reason);
        changed(self, now, (name, true), wanted_for);
        Ramps::of(self).begin(now, name, out);
        self.spare_arrived(now, name, &wanted);
        Queue::of(self.facts, self.hand).kick_newcomer(now, name, out);
        self.watch_service(now, out);
        self.read_sooner(now);
    }

    /// A `ready` that was given up took effect after all, on a server that had been proven: taking
    /// it away again could leave too few.
    pub(super) fn arrived_late(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(journey) = self.journeys.forget(name) else {
            return;
        };
        self.journeys.came_first(&journey);
        if let Goal::TakeBack { failure: Some(_) } = journey.goal {
            self.plan.came(); // What it came for was owed still.
        }
        if let Some(member) = self.facts.pool.member_mut(name) {
            member.became_ready(now);
        }
        out.tell(now, Some(name), Change::Enable, Note::LateReady);
        changed(self, now, (name, true), None);
        self.signals.start_policies_over();
        Queue::of(self.facts, self.hand).kick_newcomer(now, name, out);
        self.read_sooner(now);
    }

    /// The spare is back in maint, as wished.
    pub(super) fn departed(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let cooldown = self.settings.scale_down_cooldown;
        let Some((journey, member, plan)) = self.end(name) else {
            return;
        };
        let was = member.errand.clone();
        member.became_maint();
        plan.down_not_before = now.after(cooldown);
        machines::departed(self, now, name);
        evacuation::has_left(&mut self.facts.pool, self.hand, name, &was);
        self.signals.start_policies_over();
        let (took, sessions) = (now.since(journey.since), journey.sessions);
        let reason = Reason::Emptied { took, sessions };
        out.report(now, Some(name), Change::Disable, reason);
        changed(self, now, (name, false), None);
    }

    /// Something failed on the way in: to maint, if it has left maint.
    pub(in crate::scaler::backend) fn fail(
        &mut self,
        now: Timestamp,
        name: &str,
        failure: Failure,
        out: &mut Outbox,
    ) {
        let Some(journey) = self.journeys.of_mut(name) else {
            return;
        };
        journey.goal = Goal::TakeBack {
            failure: Some(failure),
        };
        journey.since = now;
        self.take_back(now, name, out);
    }

    /// It is not wanted any more, through no fault of its own: to maint, if it has left maint.
    pub(crate) fn call_off(
        &mut self,
        now: Timestamp,
        name: &str,
        why: CalledOff,
        out: &mut Outbox,
    ) {
        // What two came for was one server: the other one brings it, or has.
        let has_rival = self.journeys.has_rival(name);
        let Some(journey) = self.journeys.of_mut(name) else {
            return;
        };
        if !journey.replaces_lost() && !has_rival {
            self.plan.came();
        }
        journey.goal = Goal::TakeBack { failure: None };
        out.tell(now, Some(name), Change::Note, Note::CalledOff(why));
        self.take_back(now, name, out);
    }

    fn take_back(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let member = self.facts.pool.member(name);
        if member.is_some_and(|member| member.read.is_maint()) {
            self.taken_back(now, name, out);
        } else {
            self.write(now, name, AdminState::Maint, out);
        }
    }

    /// It failed and is back in maint: the next one is tried.
    pub(super) fn taken_back(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let coming = self.journeys.coming_for_load();
        let Some((journey, member, plan)) = self.end(name) else {
            return;
        };
        member.became_maint();
        let Goal::TakeBack {
            failure: Some(failure),
        } = journey.goal
        else {
            return;
        };
        let failed = Failed::Coming(failure.clone());
        let is_hopeless = matches!(failure, Failure::Machine(MachineTrouble::Refused(_)));
        let quarantined_for = if is_hopeless {
            member.apart.quarantine_long(now, failed)
        } else {
            member.apart.quarantine(now, failed)
        };
        if std::mem::take(&mut member.errand.is_wanted_back) {
            plan.owe(coming, Wanted::Reloaded); // Another one may do instead.
        }
        let reason = Reason::Failed {
            what: failure,
            quarantined_for,
        };
        out.report(now, Some(name), Change::EnableFailed, reason);
    }

    /// The sessions of a drain last: it stays in drain, and is not looked at closely any more.
    pub(super) fn linger(
        &mut self,
        now: Timestamp,
        name: &str,
        since: Timestamp,
        out: &mut Outbox,
    ) {
        let cooldown = self.settings.scale_down_cooldown;
        // When it is gone at last, what was before it began to go tells nothing any more.
        self.signals.account.lingers(name);
        let Some((_, member, plan)) = self.end(name) else {
            return;
        };
        let (is_new, sessions) = (!member.is_lingering, member.read.sessions);
        member.lingers();
        plan.down_not_before = now.after(cooldown);
        if is_new {
            let took = now.since(since);
            let reason = Reason::StillOpen { took, sessions };
            out.report(now, Some(name), Change::Note, reason);
        }
    }

    /// Leaves the server where HAProxy has it; the next look at it decides anew.
    pub(super) fn drop_change(&mut self, now: Timestamp, name: &str) {
        self.plan.down_not_before = now.after(self.settings.scale_down_cooldown);
        if let Some((_, member, _)) = self.end(name) {
            member.stage = Stage::of(member.read.admin_state());
        }
    }

    /// A spare joined for that reason.
    pub(super) fn spare_arrived(&mut self, now: Timestamp, server: &str, wanted: &Wanted) {
        self.plan.said.stay.clear();
        self.plan.in_flight_then = self.facts.in_flight();
        let before = self.facts.pool.serving_without(server);
        self.signals.learn_from_arrival(now, server, before, wanted);
        if self.facts.comparison.verdict() != Agreement::Agree {
            self.facts.brought_in_doubt = self.facts.brought_in_doubt.saturating_add(1);
        }
        self.plan.said.no_spare = NoSpareSaid::default();
        if !wanted.is_for_capacity() {
            self.plan.came();
        }
        if wanted.is_for_load() {
            self.plan.up_not_before = now.after(self.settings.scale_up_cooldown);
        }
        if matches!(wanted, Wanted::Crowded(_)) {
            let rate = self.signals.rate.per_second().unwrap_or(0.0);
            self.facts.crowd.came_for(now, rate);
        }
        self.signals.start_policies_over();
    }

    /// Takes all journeys to where their servers may stay.
    pub(crate) fn retreat_all(&mut self, now: Timestamp, why: Ordered, out: &mut Outbox) {
        self.plan.owed = None;
        for name in self.journeys.servers() {
            self.retreat(now, &name, why, out);
        }
    }

    /// Takes a journey to where its server may stay: maint on the way in, ready on the way out. A
    /// `ready` that is being written is let through, a return to maint is finished.
    pub(crate) fn retreat(&mut self, now: Timestamp, name: &str, why: Ordered, out: &mut Outbox) {
        let is_evacuated = self.hand.marks(name).evacuated.is_some();
        let Some(journey) = self.journeys.of_mut(name) else {
            return;
        };
        if is_evacuated && !journey.is_inbound() && !matches!(why, Ordered::By { .. }) {
            return; // Its machine will be gone, whatever stood still or was configured.
        }
        match (journey.goal.route().from, &journey.step) {
            (AdminState::Maint, Step::Writing { .. } | Step::Verifying { .. }) => {
                journey.unwanted = Some(why);
            }
            (
                AdminState::Maint,
                Step::Starting
                | Step::WarmingUp { .. }
                | Step::Judging { .. }
                | Step::Checking
                | Step::Emptying { .. },
            ) => self.call_off(now, name, CalledOff::Ordered(why), out),
            (AdminState::Ready, _) if journey.goal.may_turn_back() => {
                self.turn_back(now, name, Wanted::Ordered(why), out);
            }
            (AdminState::Ready, Step::Judging { .. }) => drop(self.journeys.forget(name)),
            // Whoever answers badly is not given back; what came from drain goes on.
            (AdminState::Ready | AdminState::Drain, _) => {}
        }
    }
}

/// What that change does is looked for.
fn changed(
    road: &mut Road<'_>,
    now: Timestamp,
    change: (&str, bool),
    wanted_for: Option<Duration>,
) {
    let stays = road.settings.idle_timeout;
    let account = &mut road.signals.account;
    account.changed(now, change, wanted_for, stays);
}
