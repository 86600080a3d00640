//! Reading HAProxy: when, and what a read means. HAProxy is the truth about servers; what is
//! remembered only explains.

use super::crowd::STUCK_FOR;
use super::evacuation::{end_of_those_in, tell_overdue};
use super::facts::{self, Facts};
use super::journey::Journey;
use super::journeys::Journeys;
use super::plan::{NoSpareSaid, Search};
use super::ramps::Ramps;
use super::stall::not_wanted_back;
use super::{Backend, tend_machines};
use crate::measure::agreement::Agreement;
use crate::measure::demand::Reading;
use crate::scaler::decision::{Change, Note, Reason, Wanted};
use crate::scaler::event::ActionId;
use crate::scaler::haproxy::Process;
use crate::scaler::member::name_of;
use crate::scaler::member::{Role, Stage};
use crate::scaler::outbox::Outbox;
use crate::words::picture::{AdminState, BackendRead, Crowded, ReadFailure};
use crate::words::time::Timestamp;

impl Backend {
    /// When and why HAProxy is read, and what the hour asks for.
    pub(in crate::scaler) const fn facts(&mut self) -> &mut Facts {
        &mut self.facts
    }

    /// HAProxy answered the read `id`; `read` fails when that says nothing of this backend.
    pub(in crate::scaler) fn answered(
        &mut self,
        now: Timestamp,
        id: ActionId,
        process: &Process<'_>,
        read: Result<BackendRead, ReadFailure>,
        out: &mut Outbox,
    ) {
        let read = match read {
            Ok(read) => read,
            Err(failure) => return self.failed(now, &failure, out),
        };
        self.facts.reading.read_at = Some(now);
        self.facts.reading.pictures = self.facts.reading.pictures.wrapping_add(1);
        match self.facts.reading.failure.take() {
            Some(ReadFailure::UnknownBackend) => {
                out.tell(now, None, Change::Note, Note::HasBackend);
            }
            Some(ReadFailure::Odd(_)) => out.tell(now, None, Change::Reachable, Note::Answers),
            Some(ReadFailure::Unreachable(_) | ReadFailure::NoAnswer | ReadFailure::Stopping)
            | None => {}
        }
        self.take_picture(now, process, read, out);
        self.road().step_all(now, id, out);
        self.seek_work(now, out);
        tell_overdue(&self.facts.pool, &mut self.plan.said.overdue, now, out);
        tend_machines(self, now, out);
        self.road().read_sooner(now);
    }

    /// HAProxy could not be read, or not this backend.
    pub(in crate::scaler) fn failed(
        &mut self,
        now: Timestamp,
        failure: &ReadFailure,
        out: &mut Outbox,
    ) {
        if !self.facts.is_blink(now, &self.settings) {
            self.signals.not_quiet(now);
        }
        if *failure == ReadFailure::UnknownBackend && self.next.is_gone() {
            // Of servers that are gone nothing is half-way.
            self.past.forget_lent();
            self.journeys = Journeys::default();
            return Ramps::of(&mut self.road()).forget_all();
        }
        let is_new = self.facts.reading.failure.as_ref() != Some(failure);
        let change = match failure {
            ReadFailure::UnknownBackend => Some(Change::Note),
            ReadFailure::Odd(_) => Some(Change::Unreachable),
            // Told once for all backends.
            ReadFailure::Unreachable(_) | ReadFailure::NoAnswer | ReadFailure::Stopping => None,
        };
        if let (true, Some(change)) = (is_new, change) {
            out.tell(now, None, change, Note::Unread(failure.clone()));
        }
        self.facts.reading.failure = Some(failure.clone());
    }

    /// Holds one read against what is remembered.
    fn take_picture(
        &mut self,
        now: Timestamp,
        process: &Process<'_>,
        read: BackendRead,
        out: &mut Outbox,
    ) {
        if self.facts.generation != Some(process.generation) {
            self.begin_generation(now);
            self.facts.generation = Some(process.generation);
        }
        self.facts.queued = read.queued;
        self.facts.traffic = facts::Traffic {
            arrived: read.arrived,
            balance: read.balance,
            has_cookie: read.has_cookie,
        };
        // What has piled up while the daemon stood still is no load.
        if !self.timers.is_settling(now) {
            let readings = self.signals.read_meters(now, &read);
            self.votes.look(now, &readings);
        }
        self.facts.drops = process.drops;
        if read.queued > 0 || self.facts.drops.is_some() {
            self.signals.not_quiet(now);
        }
        let reading = Reading::of(&read);
        let serving_before = self.facts.pool.serving();
        self.facts.pool.take(read.servers, &self.settings);
        if self.facts.pool.serving() < serving_before {
            self.signals.servers_are_missing(now);
        }
        let (used, all) = self.facts.pool.used();
        self.signals.account.servers(now, used, all);
        self.facts.pool.show_marks(&self.hand);
        self.recall(now, process.generation, out);
        let comparison = &mut self.facts.comparison;
        if comparison.compare(now, read.responses, read.sessions) {
            self.facts.agreement_changed(now, out);
            self.signals.not_quiet(now);
        }
        self.facts
            .give_advice(now, &mut self.plan.said.advice, &self.settings, out);
        let names: Vec<String> = self.facts.pool.members.iter().map(name_of).collect();
        for name in &names {
            self.look_at(now, name, out);
        }
        end_of_those_in(&mut self.facts.pool, &mut self.hand, &self.journeys);
        let timeout = self.settings.action_timeout;
        self.queue().watch_queue(now, timeout, out);
        self.road().watch_service(now, out);
        Ramps::of(&mut self.road()).watch(now, out);
        self.watch_crowd(now, process.crowded, read.sessions, out);
        self.watch_demand(now, reading, out);
        if read.queued > 0 {
            let wanted = Wanted::Waiting {
                queued: read.queued,
            };
            self.road().load_returned(now, wanted, out);
        }
    }

    fn begin_generation(&mut self, now: Timestamp) {
        if self.facts.generation.is_none() {
            return;
        }
        let is_needed = !self.signals.is_quiet_for_long(now, &self.settings);
        self.facts.pool.begin_generation(now, is_needed);
        self.machines.begin_generation(now, &self.settings);
        self.past.forget_told();
        let is_doubted = self.facts.joined_in_doubt().is_some();
        let journeys = self.journeys.forget_all();
        let not_wanted = not_wanted_back(&journeys);
        for journey in journeys {
            // A reload makes nothing truer that lines in doubt have asked for.
            let is_in_doubt = is_doubted && journey.rests_on_the_log();
            if (is_in_doubt || not_wanted.contains(&journey.server))
                && let Some(member) = self.facts.pool.member_mut(&journey.server)
            {
                member.errand.is_wanted_back = false;
            }
            // The new process may have got the command that is under way, and carry it out late.
            if self.journeys.is_commanded(&journey.server) {
                let told = journey.told_so_far().last().copied();
                self.past.leave_behind(
                    &journey.server,
                    told.into_iter().collect(),
                    now.after(self.settings.action_timeout),
                );
            }
        }
        self.plan.owed = None;
        self.facts.comparison.next_process(now);
        self.size.next_process();
        self.signals.meter.start_over();
        if self.facts.comparison.verdict() == Agreement::Agree {
            self.facts.brought_in_doubt = 0;
        }
        self.plan.said.no_spare = NoSpareSaid::default();
        self.signals.start_policies_over();
        self.signals.end_trials();
        self.signals.account.forget_changes();
        // Quiet goes on: a reload of HAProxy is no load.
    }

    /// One server's state against the one that we know of.
    fn look_at(&mut self, now: Timestamp, name: &str, out: &mut Outbox) {
        let Some(member) = self.facts.pool.member_mut(name) else {
            return;
        };
        let shown = member.read.forced_state();
        let Some(expected) = member.expected.replace(shown) else {
            return self.facts.first_sight(now, name, shown);
        };
        if shown == expected || member.role != Role::Spare {
            return;
        }
        if self.journeys.of(name).is_some_and(|it| it.was_told(shown)) {
            return; // Our own doing.
        }
        if self.past.told(now, name, shown) {
            return self.facts.first_sight(now, name, shown); // That of a daemon before us.
        }
        if shown == AdminState::Drain && member.read.is_by_agent {
            // A spare's own agent wants no requests for it: that is no operator's hand. It would take
            // the server out of maint again at its next answer, so it is left where it is.
            member.enter(now, Stage::DrainingOut, now);
            self.journeys.forget(name);
            return out.tell(now, Some(name), Change::Warning, Note::DrainedByAgent);
        }
        let may_be_agent = member.read.has_agent;
        let hold = self.settings.hold;
        member.apart.hold(now, hold);
        member.errand.is_wanted_back = false;
        member.errand.stands_in = false;
        member.enter(now, Stage::of(shown), now);
        self.journeys.forget(name);
        let reason = Reason::Operator {
            from: expected,
            to: shown,
            may_be_agent,
            hold,
        };
        self.hand.forget_order(name);
        self.facts.pool.show_marks(&self.hand);
        if shown == AdminState::Maint {
            self.machines.hand_over(name);
        }
        out.report(now, Some(name), Change::Hold, reason);
    }

    /// What the demand needs, by what one server carries.
    fn watch_demand(&mut self, now: Timestamp, reading: Reading, out: &mut Outbox) {
        if self.timers.is_settling(now) {
            return; // What has piled up while the daemon stood still is no load.
        }
        let in_flight = self.facts.in_flight();
        self.signals.confirm_verdicts(now, in_flight, out);
        let is_elsewhere = self.signals.not_helping(now).is_some();
        let (facts, journeys) = (&self.facts, &self.journeys);
        self.size.look(now, reading, facts, journeys, is_elsewhere);
        let may_try = self.sight().is_free_for_load(now) && now >= self.plan.up_not_before;
        let missing = self.needs().missing(now, may_try);
        let missing = missing.filter(|_| !is_elsewhere);
        // What an operator wants for a number is wanted whether or not answers get faster.
        let voted = self.votes.missing(&self.facts, &self.journeys);
        // One that must not be met hides none that may.
        let is_free = |wanted: &Wanted| self.needs().forbids(wanted, None).is_none();
        let missing = missing.filter(|(_, wanted)| voted.is_none() || is_free(wanted));
        let missing = match (missing, voted) {
            (Some(demand), Some(vote)) if vote.0 > demand.0 => Some(vote),
            (demand, vote) => demand.or(vote),
        };
        if missing.is_none() {
            self.plan.said.no_spare.forget(Search::Demand);
        }
        // One on its way out is the nearest.
        if let Some((_, wanted)) = &missing
            && self.journeys.iter().any(Journey::is_put_away)
        {
            return self.road().load_returned(now, wanted.clone(), out);
        }
        self.plan.demand(self.journeys.coming_for_load(), missing);
    }

    /// Looks for a crowd in a new picture: that is no quiet, and may ask for a spare.
    fn watch_crowd(
        &mut self,
        now: Timestamp,
        crowded: &[Crowded],
        sessions: u32,
        out: &mut Outbox,
    ) {
        let crowd = &mut self.facts.crowd;
        crowd.look(now, crowded, sessions);
        if !crowd.is_there() {
            self.plan.said.no_spare.forget(Search::Crowd);
            return;
        }
        self.signals.not_quiet(now);
        let Some(what) = crowd.lasting().cloned() else {
            return;
        };
        if crowd.is_news() {
            let note = Note::Crowded(what.clone());
            out.tell(now, None, Change::Warning, note);
        }
        let since_per_s = self.signals.rate.per_second().unwrap_or(0.0);
        if let Some(before_per_s) = crowd.was_in_vain(now, since_per_s) {
            let note = Note::CrowdStuck {
                what: what.clone(),
                before_per_s,
                since_per_s,
                pause: STUCK_FOR,
            };
            out.tell(now, None, Change::NotHelping, note);
        }
        let asks = crowd.asks(now) && now >= self.plan.up_not_before;
        if asks && self.sight().is_free_for_load(now) {
            self.plan.owed = Some((1, Wanted::Crowded(what)));
        }
    }
}
