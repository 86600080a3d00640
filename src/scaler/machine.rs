//! One machine that a spare runs on: what it does, as far as its provider has said, what is asked of it
//! now, and whether it is ours to stop. When it is asked for something is said in `backend::machines`.

mod outcome;
mod parts;

use std::time::Duration;

use self::parts::{Power, Start, Starts, Stops};
use super::decision::MachineTrouble;
use super::event::ActionId;
use super::memory::MachineMemory;
use super::settings::MachineSettings;
use crate::words::machine::{MachineAnswer, MachineFailure, MachineKey, MachineVerb, PowerState};
use crate::words::time::Timestamp;

pub(super) use self::outcome::{Outcome, ToStart, Troubles};
pub(super) use self::parts::Call;

/// What runs is compared with what is remembered this often.
const STATUS_EVERY: Duration = Duration::from_secs(5 * 60);
/// The same while it starts or stops, where its provider names no time.
const WATCH_EVERY: Duration = Duration::from_secs(5);
/// The same while its server is asked whether it answers yet.
const BOOT_WATCH_EVERY: Duration = Duration::from_secs(30);
/// A start that failed, or that nobody waits for any more, may take effect within this time: the machine is ours
/// then …
const LATE_FOR: Duration = Duration::from_secs(15 * 60);
/// … and is looked at this often.
const LATE_EVERY: Duration = Duration::from_secs(60);
/// A provider that takes too long is ended, at last by force; after this much more its outcome counts as lost.
const OUTCOME_SLACK: Duration = Duration::from_secs(10);
/// A spare that is wanted has its machine asked no more often.
const WANTED_EVERY: Duration = Duration::from_secs(2);
/// One answer may be older than the start that was done.
const OFFS_BELIEVED: u32 = 2;
/// A start that was only accepted, and of which nothing is seen, is asked for again after so long: a magic packet
/// may be lost, and no more than one a minute is sent.
const AGAIN_EVERY: Duration = Duration::from_secs(65);
/// A machine of which the last thing known is that it runs is asked what it does before its server is; whoever does
/// not answer within this time holds its server up no longer.
const WORD_WITHIN: Duration = Duration::from_secs(2);
/// The first picture of HAProxy says which address it has; its provider is asked without one after so long.
const FIRST_PICTURE_WITHIN: Duration = Duration::from_secs(60);

/// One machine.
#[derive(Debug)]
pub(super) struct Machine {
    /// Another one is another machine.
    pub(super) identity: u64,
    pub(super) power: Power,
    pub(super) starts: Starts,
    /// It runs because we started it, or its server was put into maint by us: we may stop it.
    pub(super) is_ours: bool,
    pub(super) call: Option<Call>,
    pub(super) start: Option<Start>,
    pub(super) stops: Stops,
    ask_at: Timestamp,
    pub(super) troubles: Troubles,
    /// That it runs in no use was told.
    pub(super) is_told: bool,
}

impl Machine {
    /// Nothing is known of it; it is asked with the first picture of HAProxy.
    pub(super) fn new(now: Timestamp, identity: u64, keys_from: MachineKey) -> Self {
        Self {
            identity,
            power: Power::unknown(now),
            starts: Starts::none(keys_from),
            is_ours: false,
            call: None,
            start: None,
            stops: Stops::none(now),
            ask_at: now.after(FIRST_PICTURE_WITHIN),
            troubles: Troubles::NONE,
            is_told: false,
        }
    }

    /// Its server cannot be asked before it is started, as far as anybody knows.
    pub(super) fn is_off(&self) -> bool {
        self.power.state != Some(PowerState::On)
    }

    /// It is to be off soon: a start would have to wait.
    pub(super) fn is_stopping(&self) -> bool {
        let is_asked = self.call.is_some_and(|call| call.verb == MachineVerb::Stop);
        is_asked || self.stops.is_under_way() || self.power.state == Some(PowerState::Stopping)
    }

    /// It runs because of us, or may: what nobody can tell of counts.
    pub(super) fn runs_for_us(&self) -> bool {
        self.start.is_some() || self.is_ours && !self.power.is_down()
    }

    /// The same, with what may yet begin to run.
    pub(super) fn may_run_for_us(&self, now: Timestamp) -> bool {
        self.runs_for_us() || self.starts.may_be_late(now)
    }

    /// When something is due with it whatever else happens.
    pub(super) fn due(&self) -> Timestamp {
        let again_at = self.start.as_ref().and_then(|start| start.again_at);
        let own = again_at.map_or(self.ask_at, |at| at.min(self.ask_at));
        self.call.map_or(own, |call| call.until)
    }

    /// A spare that is wanted waits for it: when it is attended to. Whoever has just been asked is left a moment.
    pub(super) fn wanted_at(&self) -> Timestamp {
        if let Some(call) = self.call {
            let word_by = self.word_by().unwrap_or(call.until);
            return word_by.min(call.until);
        }
        let is_accepted = self.start.as_ref().is_some_and(|start| start.is_accepted);
        let asked_at = self.power.asked_at.filter(|_| !is_accepted);
        asked_at.map_or(Timestamp::default(), |at| at.after(WANTED_EVERY))
    }

    /// Its provider is to say what it does.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.call.is_none() && self.ask_at <= now
    }

    /// Its server takes no request, or HAProxy has it no more: what was seen before that is doubted. Whoever
    /// does not know what it does is not asked more often than what was seen is believed.
    pub(super) fn doubt(&mut self, now: Timestamp) {
        if !self.power.is_fresh(now) && !self.power.was_asked(now) {
            self.ask_at = now;
        }
    }

    /// The last thing known of it is that it runs, and it is being asked whether it does: until when that is waited
    /// for, where its server can tell as well.
    pub(super) fn word_by(&self) -> Option<Timestamp> {
        let is_status = self.call.is_some_and(|it| it.verb == MachineVerb::Status);
        let is_in_question = is_status && self.power.was_on && self.start.is_none();
        let asked_at = self.power.asked_at.filter(|_| is_in_question);
        asked_at.map(|at| at.after(WORD_WITHIN))
    }

    /// It runs, or starts, beyond doubt.
    pub(super) fn is_sure(&self, now: Timestamp) -> bool {
        let runs = self.power.state == Some(PowerState::On) && self.power.is_fresh(now);
        runs || self.start.is_some()
    }

    /// What a spare that is wanted waits for.
    pub(super) fn to_start(&self, now: Timestamp) -> ToStart {
        if self.start.as_ref().is_some_and(|start| start.is_accepted) {
            return ToStart::GoOn;
        }
        let doubt = self.start.as_ref().and_then(|start| start.doubt.as_ref());
        match self.power.state {
            Some(PowerState::On | PowerState::Starting) if self.power.is_fresh(now) => {
                ToStart::GoOn
            }
            Some(PowerState::On | PowerState::Starting | PowerState::Stopping) => ToStart::Ask,
            Some(PowerState::Off | PowerState::Gone) | None if doubt.is_some() => ToStart::Ask,
            None if self.power.was_on && self.power.is_mute => ToStart::GoOn,
            None if !self.power.is_mute => ToStart::Ask,
            Some(PowerState::Off | PowerState::Gone) | None => ToStart::Start,
        }
    }

    /// It is asked to start: under the key of a start that may still take effect, or under a new one.
    pub(super) fn begin_start(&mut self, now: Timestamp, id: ActionId, settings: &MachineSettings) {
        let is_again = self.runs_for_us() || self.starts.is_open(now);
        self.starts.ask(is_again, self.is_ours);
        self.is_ours = true;
        self.is_told = false;
        self.start = Some(Start::at(now));
        self.power.enter(now, Some(PowerState::Starting));
        self.call(now, id, MachineVerb::Start, settings.start_timeout);
    }

    /// It is asked once more to start: nothing is seen of what was accepted.
    pub(super) fn begin_again(&mut self, now: Timestamp, id: ActionId, settings: &MachineSettings) {
        self.starts.ask(true, self.is_ours);
        if let Some(start) = &mut self.start {
            start.again_at = None;
        }
        self.call(now, id, MachineVerb::Start, settings.start_timeout);
    }

    /// It is asked to stop.
    pub(super) fn begin_stop(&mut self, now: Timestamp, id: ActionId, settings: &MachineSettings) {
        self.stops.begin(now.after(settings.stop_timeout));
        self.start = None;
        self.power.enter(now, Some(PowerState::Stopping));
        self.call(now, id, MachineVerb::Stop, settings.stop_timeout);
    }

    /// Its provider is asked what it does.
    pub(super) fn begin_status(
        &mut self,
        now: Timestamp,
        id: ActionId,
        settings: &MachineSettings,
    ) {
        self.power.is_asked(now);
        self.call(now, id, MachineVerb::Status, settings.status_timeout);
    }

    fn call(&mut self, now: Timestamp, id: ActionId, verb: MachineVerb, limit: Duration) {
        let until = now.after(limit.saturating_add(OUTCOME_SLACK));
        self.call = Some(Call {
            id,
            verb,
            limit,
            until,
        });
    }

    /// It may be asked to stop, as far as it is concerned. What nobody can tell of is asked for first.
    pub(super) fn may_be_stopped(&self, now: Timestamp) -> bool {
        let is_free = self.call.is_none() && self.stops.may_begin(now);
        let is_asked = self.power.state.is_some() || self.power.is_mute;
        self.is_ours && !self.power.is_down() && is_free && is_asked
    }

    /// Its server answers: how long that took from the start that was asked for.
    pub(super) fn is_proven(&mut self, now: Timestamp) -> Option<Duration> {
        self.power.enter(now, Some(PowerState::On));
        self.power.is_seen(now);
        self.troubles.failed = None;
        let start = self.start.take()?;
        self.starts.is_over = true;
        let boot = start.is_whole.then(|| now.since(start.asked_at))?;
        self.starts.boot = Some(boot);
        Some(boot)
    }

    /// Nobody waits for its start any more, if one was asked for. It may take effect all the same.
    pub(super) fn give_up(&mut self, now: Timestamp) {
        if self.start.take().is_some() {
            self.starts.late_until = Some(now.after(LATE_FOR));
            self.ask_at = now;
        }
    }

    /// Nobody waits for its start any more, through no fault of its own: it is left on for a while, as it may be
    /// wanted again.
    pub(super) fn call_off(&mut self, now: Timestamp, wait: Duration) {
        if self.start.is_some() {
            self.stops.wait(now.after(wait));
        }
        self.give_up(now);
    }

    /// Its server was in use until now, by our doing: it is ours to stop, and if it was seen off that was not so.
    pub(super) fn is_used(&mut self, now: Timestamp) {
        self.is_ours = true;
        if self.power.is_down() {
            self.power.enter(now, None);
            self.ask_at = now.after(LATE_EVERY);
        }
    }

    /// It is an operator's from now on.
    pub(super) const fn hand_over(&mut self) {
        (self.is_ours, self.is_told) = (false, false);
        self.starts.late_until = None;
    }

    /// Its server is asked from now on. One that was found starting has the whole time that a start has.
    pub(super) fn goes_on(&mut self, now: Timestamp) {
        let may_boot = self.power.state == Some(PowerState::Starting) || self.starts.is_open(now);
        if may_boot && self.start.is_none() {
            self.start = Some(Start {
                is_accepted: true,
                is_whole: false,
                ..Start::at(now)
            });
        }
    }

    /// Takes what an earlier daemon knew of it.
    pub(super) fn restore(
        &mut self,
        now: Timestamp,
        memory: &MachineMemory,
        settings: &MachineSettings,
    ) {
        self.starts.key = memory.key;
        self.starts.attempt = memory.attempt;
        self.starts.is_over = memory.is_over;
        self.is_ours = memory.is_ours;
        self.starts.boot = memory.boot;
        self.starts.count = memory.starts;
        if memory.may_start_late {
            self.starts.late_until = Some(now.after(LATE_FOR));
        }
        if memory.is_stopping {
            self.stops.inherit(now.after(settings.stop_timeout));
            self.power.enter(now, Some(PowerState::Stopping));
        }
    }

    /// What should be known of it after a restart.
    pub(super) fn memory(&self, now: Timestamp) -> MachineMemory {
        // A repetition may be under way though its server is proven.
        let is_asked = self.call.is_some_and(|it| it.verb == MachineVerb::Start);
        MachineMemory {
            identity: self.identity,
            key: self.starts.key,
            attempt: self.starts.attempt,
            is_ours: self.is_ours,
            may_start_late: self.start.is_some() || is_asked || self.starts.may_be_late(now),
            is_over: self.starts.is_over,
            is_stopping: self.stops.is_under_way(),
            boot: self.starts.boot,
            starts: self.starts.count,
        }
    }

    /// Takes the outcome `id`; `None` when nobody waits for it any more.
    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        id: ActionId,
        outcome: Result<MachineAnswer, MachineFailure>,
    ) -> Option<Outcome> {
        let call = self.call.take_if(|call| call.id == id)?;
        Some(match call.verb {
            MachineVerb::Start => self.start_answered(now, outcome),
            MachineVerb::Stop => self.stop_answered(now, outcome),
            MachineVerb::Status => self.status_answered(now, outcome),
        })
    }

    /// What it is asked for has taken too long: nobody knows what became of it.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Option<Outcome> {
        let call = self.call.filter(|call| call.until <= now)?;
        let unknown = MachineFailure::Unknown(String::new());
        self.answered(now, call.id, Err(unknown))
    }

    fn start_answered(
        &mut self,
        now: Timestamp,
        outcome: Result<MachineAnswer, MachineFailure>,
    ) -> Outcome {
        let (power, look_in) = match outcome {
            Ok(MachineAnswer::Done | MachineAnswer::Is(PowerState::On)) => {
                Start::promise(&mut self.start, None);
                (PowerState::On, BOOT_WATCH_EVERY)
            }
            Ok(MachineAnswer::NotYet { retry_after }) => {
                Start::promise(&mut self.start, Some(now.after(AGAIN_EVERY)));
                (PowerState::Starting, retry_after.unwrap_or(WATCH_EVERY))
            }
            Ok(MachineAnswer::Is(PowerState::Starting)) => (PowerState::Starting, WATCH_EVERY),
            // An earlier one was accepted, and may take effect: this one is asked for again.
            Ok(_) | Err(_) if self.start.as_ref().is_some_and(|it| it.is_promised) => {
                Start::promise(&mut self.start, Some(now.after(AGAIN_EVERY)));
                (PowerState::Starting, WATCH_EVERY)
            }
            Ok(MachineAnswer::Is(PowerState::Off | PowerState::Stopping | PowerState::Gone)) => {
                return self.start_failed(now, MachineTrouble::Off);
            }
            Err(MachineFailure::Failed(words)) => {
                return self.start_failed(now, MachineTrouble::Failed(words));
            }
            Err(MachineFailure::Refused(words)) => {
                return self.start_failed(now, MachineTrouble::Refused(words));
            }
            Err(MachineFailure::Unknown(words)) => {
                if let Some(start) = &mut self.start {
                    start.doubt = Some(words);
                }
                self.ask_at = now;
                return Outcome::Nothing;
            }
        };
        self.power.enter(now, Some(power));
        self.ask_at = now.after(look_in);
        self.accept()
    }

    fn accept(&mut self) -> Outcome {
        let Some(start) = &mut self.start else {
            return Outcome::Nothing;
        };
        start.is_accepted = true;
        start.doubt = None;
        Outcome::Accepted
    }

    fn start_failed(&mut self, now: Timestamp, trouble: MachineTrouble) -> Outcome {
        self.give_up(now);
        if trouble.is_certain() {
            // It was not done: what runs, runs for whom it ran before.
            self.is_ours = self.starts.take_back(self.is_ours);
            self.power.enter(now, None);
            self.ask_at = now;
        }
        self.troubles.note(now, MachineVerb::Start, &trouble, None);
        Outcome::StartFailed(trouble)
    }

    fn stop_answered(
        &mut self,
        now: Timestamp,
        outcome: Result<MachineAnswer, MachineFailure>,
    ) -> Outcome {
        let words = match outcome {
            Ok(MachineAnswer::Is(power @ (PowerState::Off | PowerState::Gone))) => {
                return self.sees(now, power);
            }
            Ok(MachineAnswer::NotYet { retry_after }) => {
                let ask_at = now.after(retry_after.unwrap_or(WATCH_EVERY));
                self.ask_at = self.stops.by(now).map_or(ask_at, |by| ask_at.min(by));
                return Outcome::Nothing;
            }
            // What was accepted is believed when it is seen; what is unknown is settled alike.
            Ok(MachineAnswer::Done | MachineAnswer::Is(_)) | Err(MachineFailure::Unknown(_)) => {
                self.ask_at = now;
                return Outcome::Nothing;
            }
            Err(MachineFailure::Failed(words)) => MachineTrouble::Failed(words),
            Err(MachineFailure::Refused(words)) => MachineTrouble::Refused(words),
        };
        self.ask_at = now;
        self.power.enter(now, None);
        self.stop_failed(now, words)
    }

    fn stop_failed(&mut self, now: Timestamp, trouble: MachineTrouble) -> Outcome {
        let again_in = self.stops.fail(now, &trouble);
        let again_at = Some(now.after(again_in));
        self.troubles
            .note(now, MachineVerb::Stop, &trouble, again_at);
        Outcome::StopFailed { trouble, again_in }
    }

    fn status_answered(
        &mut self,
        now: Timestamp,
        outcome: Result<MachineAnswer, MachineFailure>,
    ) -> Outcome {
        let words = match outcome {
            Ok(MachineAnswer::Is(power)) => return self.sees(now, power),
            // Whoever has nothing to say is asked for nothing.
            Ok(MachineAnswer::Done | MachineAnswer::NotYet { .. }) => None,
            Err(
                MachineFailure::Failed(words)
                | MachineFailure::Refused(words)
                | MachineFailure::Unknown(words),
            ) => Some(words),
        };
        self.sees_nothing(now, words)
    }

    /// Its provider does not say what it does. What is waited for is settled by others: its server, or time.
    fn sees_nothing(&mut self, now: Timestamp, words: Option<String>) -> Outcome {
        self.ask_at = now.after(STATUS_EVERY);
        if self.start.is_some() {
            return self.accept();
        }
        if let Some(by) = self.stops.by(now) {
            if now >= by {
                self.power.enter(now, None);
                return self.stop_failed(now, MachineTrouble::Unknown(words.unwrap_or_default()));
            }
            self.ask_at = now.after(WATCH_EVERY).min(by);
            return Outcome::Nothing;
        }
        if !self.power.is_down() && !self.power.is_fresh(now) {
            self.power.enter(now, None);
            self.power.is_mute = true;
        }
        match words {
            Some(words) if self.troubles.mute.replace(words.clone()).is_none() => {
                Outcome::Mute(MachineTrouble::Unknown(words))
            }
            Some(_) | None => Outcome::Nothing,
        }
    }

    /// Its provider says what it does.
    fn sees(&mut self, now: Timestamp, power: PowerState) -> Outcome {
        self.troubles.mute = None;
        self.power.is_seen(now);
        self.ask_at = now.after(self.look_again_in(now));
        match power {
            PowerState::On | PowerState::Starting => self.sees_it_run(now, power),
            PowerState::Off | PowerState::Gone => self.sees_it_off(now, power),
            PowerState::Stopping => {
                if self.stops.by(now).is_some_and(|by| now >= by) {
                    self.power.enter(now, None);
                    return self.stop_failed(now, MachineTrouble::StillOn);
                }
                self.power.enter(now, Some(power));
                self.ask_at = now.after(WATCH_EVERY);
                Outcome::Nothing
            }
        }
    }

    fn look_again_in(&self, now: Timestamp) -> Duration {
        if self.start.is_some() {
            BOOT_WATCH_EVERY
        } else if self.starts.may_be_late(now) {
            LATE_EVERY
        } else {
            STATUS_EVERY
        }
    }

    fn sees_it_run(&mut self, now: Timestamp, power: PowerState) -> Outcome {
        if let Some(by) = self.stops.by(now) {
            if now >= by {
                self.power.enter(now, Some(power));
                return self.stop_failed(now, MachineTrouble::StillOn);
            }
            self.ask_at = now.after(WATCH_EVERY).min(by);
            return Outcome::Nothing;
        }
        self.power.enter(now, Some(power));
        if power == PowerState::Starting {
            self.ask_at = now.after(WATCH_EVERY);
        }
        if let Some(start) = &mut self.start {
            start.offs = 0;
            Start::promise(&mut self.start, None);
            return self.accept();
        }
        let may_be_late = self.starts.may_be_late(now);
        if may_be_late && !std::mem::replace(&mut self.is_ours, true) {
            return Outcome::RunsLate;
        }
        Outcome::Nothing
    }

    fn sees_it_off(&mut self, now: Timestamp, power: PowerState) -> Outcome {
        if self.stops.end() {
            let ran = self.power.enter(now, Some(power));
            // A start that was given up may yet take effect: `late_until` stays. The next one has a key of its own.
            self.starts.is_over = true;
            self.is_ours = false;
            self.troubles.stopped();
            return Outcome::Stopped { ran };
        }
        if let Some(start) = &mut self.start {
            if start.is_promised {
                self.ask_at = now.after(WATCH_EVERY);
                return Outcome::Nothing; // What was accepted has not begun yet.
            }
            start.offs = start.offs.saturating_add(1);
            if let Some(words) = start.doubt.take() {
                self.power.enter(now, Some(power));
                self.is_ours = false;
                return self.start_failed(now, MachineTrouble::Unknown(words));
            }
            if start.offs < OFFS_BELIEVED {
                self.ask_at = now.after(WATCH_EVERY);
                return Outcome::Nothing;
            }
            self.power.enter(now, Some(power));
            self.is_ours = false;
            return self.start_failed(now, MachineTrouble::Off);
        }
        let ran_for_us = std::mem::take(&mut self.is_ours);
        let was_on = self.power.state == Some(PowerState::On);
        self.power.enter(now, Some(power));
        self.is_told = false;
        if ran_for_us && was_on {
            Outcome::WentOff
        } else {
            Outcome::Nothing
        }
    }
}
