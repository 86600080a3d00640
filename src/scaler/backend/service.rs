//! Whether servers take requests and answer them, looked at with each picture, and what is said when
//! they do not. What the numbers mean is in `probation`; who is expected to take requests in `shares`.

use std::time::Duration;

use super::facts::Facts;
use super::journeys::Journeys;
use super::shares::Overrun;
use super::signals::Signals;
use crate::measure::by_server::Contrast;
use crate::scaler::decision::{Cause, Change, Consequence, Fault, Note, Reason, Tally};
use crate::scaler::member::name_of;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::outbox::Outbox;
use crate::scaler::probation::{Finding, Look, Probation};
use crate::scaler::settings::BackendSettings;
use crate::words::time::Timestamp;

/// A spare that takes so many times as long as the others is called slow …
const SLOW_FACTOR: f64 = 10.0;
/// … from so many requests on, its own and the others'.
const SLOW_REQUESTS: u32 = 5;
/// Times are held against each other this often, or later where requests are few …
const TIMES_SPAN: Duration = Duration::from_secs(1);
/// … and begin anew after this long at the latest.
const TIMES_SPAN_MAX: Duration = Duration::from_secs(10);
/// A newcomer may be slower for this long: its caches are cold.
const SLOW_AFTER: Duration = Duration::from_secs(3);
/// A spare that is slow for this long leaves.
const SLOW_FOR: Duration = Duration::from_secs(4);
/// More requests than this in maint, within the time below, are no leftover of the moment before.
const IN_MAINT_MIN: u64 = 3;
/// Without any for so long that is over.
const IN_MAINT_OVER: Duration = Duration::from_secs(60);
/// What comes and goes is said again after this long.
const SAID_AGAIN: Duration = Duration::from_secs(5 * 60);
/// A spare that has served for so long without a fault has made up for earlier failures.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);
/// Between two spares that are to leave because of their answers, or two attempts with one.
const EXPEL_PAUSE: Duration = Duration::from_secs(3);

impl Facts {
    fn found_bad(&mut self, now: Timestamp, name: &str, fault: Fault, out: &mut Outbox) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        member.service.trouble.fault = Some(fault);
        if member.role != Role::Spare {
            self.say_fault(now, name, fault, Consequence::NoSpare, out);
        }
    }

    /// Says that a server gets nothing, at most once in [`SAID_AGAIN`].
    fn say_not_serving(
        &mut self,
        now: Timestamp,
        name: &str,
        tally: Option<Tally>,
        cause: Cause,
        out: &mut Outbox,
    ) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        let said_at = member.service.idle_said_at.replace(now);
        if said_at.is_some_and(|at| now.since(at) < SAID_AGAIN) {
            member.service.idle_said_at = said_at;
            return;
        }
        let reason = Reason::NotServing { tally, cause };
        out.report(now, Some(name), Change::NotServing, reason);
    }

    /// Says what is wrong with a spare, once for each consequence.
    fn say_fault(
        &mut self,
        now: Timestamp,
        name: &str,
        fault: Fault,
        consequence: Consequence,
        out: &mut Outbox,
    ) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        if member.service.trouble.said.replace(consequence) == Some(consequence) {
            return;
        }
        // What comes and goes is not said each time.
        let said_at = member
            .service
            .fault_said_at
            .filter(|at| now.since(*at) < SAID_AGAIN);
        if consequence == Consequence::Watched && said_at.is_some() {
            return;
        }
        member.service.fault_said_at = Some(now);
        let reason = Reason::Fault { fault, consequence };
        out.report(now, Some(name), Change::ProbationFailed, reason);
    }

    /// Spares in maint that get requests all the same (`option persist`): whoever switches one off
    /// makes users fail.
    fn watch_maint(&mut self, now: Timestamp, out: &mut Outbox) {
        let mut used = Vec::new();
        for member in &mut self.pool.members {
            let is_resting = member.role == Role::Spare
                && matches!(member.stage, Stage::Maint | Stage::Warming)
                && member.read.is_maint();
            let Some(counters) = member.read.counters.filter(|_| is_resting) else {
                member.service.taken_in_maint = None;
                member.service.is_used_in_maint = false;
                continue;
            };
            let (before, at) = *member
                .service
                .taken_in_maint
                .get_or_insert((counters.taken, now));
            let grown = counters.taken.saturating_sub(before);
            if counters.taken < before || grown == 0 && now.since(at) >= IN_MAINT_OVER {
                member.service.taken_in_maint = Some((counters.taken, now)); // `clear counters`, or over.
                member.service.is_used_in_maint = false;
            } else if grown >= IN_MAINT_MIN {
                member.service.taken_in_maint = Some((counters.taken, now));
                if !std::mem::replace(&mut member.service.is_used_in_maint, true) {
                    used.push(name_of(member));
                }
            }
        }
        for name in used {
            out.tell(now, Some(&name), Change::Warning, Note::UsedInMaint);
        }
    }

    /// Holds the counters of a new picture against the last ones: first each server looks, then
    /// each is judged beside the others. True when what a spare came for is still missing.
    pub(super) fn watch_service(
        &mut self,
        now: Timestamp,
        signals: &mut Signals,
        settings: &BackendSettings,
        out: &mut Outbox,
    ) -> bool {
        let arrived = self.traffic.arrived;
        for member in &mut self.pool.members {
            let (Some(own), true) = (member.read.counters, member.is_in_use()) else {
                continue;
            };
            if !member.service.probation.has_begun() {
                member.service.probation = Probation::begin(now);
            }
            let at = now;
            member.service.probation.look(Look { at, own, arrived });
        }
        // Where nothing is wrong with hundreds of servers, none of them is held against all others.
        let judged = |member: &&Member| {
            member.role == Role::Spare || member.service.probation.is_suspect() || member.is_worse()
        };
        let names: Vec<String> = self.watched().filter(judged).map(name_of).collect();
        let overrun = self.overrun(now);
        let mut is_missing = false;
        for name in &names {
            is_missing |= self.watch_server(now, name, overrun, out);
        }
        self.watch_times(now, signals, settings, out);
        self.watch_maint(now, out);
        signals.has_watched = self.watched().any(|it| it.role == Role::Spare);
        is_missing
    }

    /// True when what a spare came for is still missing: the next breach need not wait.
    fn watch_server(
        &mut self,
        now: Timestamp,
        name: &str,
        overrun: Overrun,
        out: &mut Outbox,
    ) -> bool {
        let others = self.others_of(name);
        let circumstances = self.circumstances(now, name, overrun);
        let cause = self.cause(name);
        let Some(member) = self.pool.member_mut(name) else {
            return false;
        };
        if !member.read.is_up() {
            return false; // HAProxy has found it dead, and gives it nothing.
        }
        let is_spare = member.role == Role::Spare;
        if !member.read.is_in_balance() {
            if is_spare && member.service.trouble.idle.replace(cause).is_none() {
                self.say_not_serving(now, name, None, cause, out);
            }
            return false;
        }
        if !member.service.probation.is_idle() {
            member.service.trouble.idle = None;
        }
        let found = member.service.probation.judge(now, &others, circumstances);
        if let (Some(Fault::Errors(_)), Some(tally)) = (
            member.service.trouble.fault,
            member.service.probation.beside(&others),
        ) {
            member.service.trouble.fault = Some(Fault::Errors(tally)); // The newest numbers.
        }
        if member.service.trouble.fault.is_none()
            && member.service.probation.age(now) >= Some(FORGIVEN_AFTER)
        {
            member.apart.forgive();
        }
        match found {
            None => {}
            Some(Finding::Idle(tally)) => {
                member.service.trouble.idle = Some(cause);
                self.say_not_serving(now, name, Some(tally), cause, out);
                return true; // What did not come is still missing.
            }
            Some(Finding::Shares(tally)) => {
                member.service.trouble.idle = None;
                let reason = Reason::Shares(tally);
                out.report(now, Some(name), Change::Note, reason);
            }
            Some(Finding::Recovered(tally)) => {
                (member.service.trouble.fault, member.service.trouble.said) = (None, None);
                let reason = Reason::Recovered(tally);
                out.report(now, Some(name), Change::Note, reason);
            }
            Some(Finding::Failing(tally)) => {
                self.found_bad(now, name, Fault::Errors(tally), out);
            }
            Some(Finding::Hanging(tally)) => {
                self.found_bad(now, name, Fault::Hanging(tally), out);
            }
        }
        false
    }

    /// Holds the times of the ready spares against those of the others.
    fn watch_times(
        &mut self,
        now: Timestamp,
        signals: &mut Signals,
        settings: &BackendSettings,
        out: &mut Outbox,
    ) {
        let age = now.since(signals.times_since);
        if age < TIMES_SPAN {
            return;
        }
        let above_ms = settings.goal_ms();
        for member in &mut self.pool.members {
            let mean = signals.times.mean_ms(&member.read.name);
            let mean = mean.filter(|(_, requests)| *requests >= SLOW_REQUESTS);
            if let Some((mean_ms, _)) = mean {
                member.service.is_slow = Some(mean_ms > above_ms);
            }
        }
        let judged: Vec<(String, Option<Contrast>)> = self
            .watched()
            .filter(|member| member.role == Role::Spare)
            .map(|member| {
                let name = name_of(member);
                let contrast = signals.times.contrast(&name);
                (name, contrast)
            })
            .collect();
        let is_enough = |contrast: &Contrast| {
            contrast.requests >= SLOW_REQUESTS && contrast.others_requests >= SLOW_REQUESTS
        };
        let mut is_all = true;
        for (name, contrast) in judged {
            match contrast.filter(is_enough) {
                Some(contrast) => self.judge_times(now, &name, contrast, above_ms, out),
                None => is_all = false,
            }
        }
        if is_all || age >= TIMES_SPAN_MAX {
            signals.times.clear();
            signals.times_since = now;
        }
    }

    fn judge_times(
        &mut self,
        now: Timestamp,
        name: &str,
        contrast: Contrast,
        above_ms: f64,
        out: &mut Outbox,
    ) {
        let Some(member) = self.pool.member_mut(name) else {
            return;
        };
        member.service.ramp.compare(contrast);
        let is_new = member
            .service
            .probation
            .age(now)
            .is_none_or(|age| age < SLOW_AFTER);
        let is_slow = contrast.mean_ms >= SLOW_FACTOR * contrast.others_ms
            && (above_ms.is_infinite() || contrast.mean_ms > above_ms);
        if is_new || member.service.probation.is_failing() {
            return;
        }
        if !is_slow {
            if member.service.trouble.slow_since.take().is_some() {
                member.service.trouble.fault = None;
                member.service.trouble.said = None;
            }
            return;
        }
        let fault = Fault::Slow {
            mean_ms: contrast.mean_ms,
            others_ms: contrast.others_ms,
            requests: contrast.requests,
        };
        let since = *member.service.trouble.slow_since.get_or_insert(now);
        member.service.trouble.fault = Some(fault);
        if now.since(since) < SLOW_FOR {
            self.say_fault(now, name, fault, Consequence::Watched, out);
        }
    }

    /// The spare that is to leave because of its answers, and why. One that has to stay is said to.
    pub(super) fn find_bad(
        &mut self,
        now: Timestamp,
        journeys: &Journeys,
        expelled_at: Option<Timestamp>,
        settings: &BackendSettings,
        out: &mut Outbox,
    ) -> Option<(String, Fault)> {
        if journeys.has_one_departing() {
            return None; // One after the other: what the first one leaves behind is looked at before.
        }
        let bad: Vec<(String, Fault)> = self
            .watched()
            .filter(|member| member.role == Role::Spare)
            .filter(|member| !journeys.is_busy(&member.read.name))
            .filter_map(|member| {
                let fault = member.service.trouble.fault?;
                let is_slow_for = member
                    .service
                    .trouble
                    .slow_since
                    .map(|since| now.since(since));
                let is_ripe = member.service.probation.is_failing()
                    || member.service.ramp.is_lost()
                    || is_slow_for >= Some(SLOW_FOR);
                let is_free =
                    member.read.is_up() && !member.read.is_tracked && !member.read.is_beyond_us();
                (is_ripe && is_free).then(|| (name_of(member), fault))
            })
            .collect();
        for (name, fault) in bad {
            match self.why_it_stays(now, &name, settings) {
                Some(consequence) => self.say_fault(now, &name, fault, consequence, out),
                // One after the other: what the first one leaves behind is looked at before.
                None if expelled_at.is_some_and(|at| now.since(at) < EXPEL_PAUSE) => {}
                None => return Some((name, fault)),
            }
        }
        None
    }
}
