//! One machine that a spare runs on: what it does, as far as its provider has said, what is asked of it
//! now, and whether it is ours to stop. When it is asked for something is said in `backend::machines`.

mod outcome;

use std::time::Duration;

use super::decision::MachineTrouble;
use super::event::ActionId;
use super::memory::MachineMemory;
use super::settings::MachineSettings;
use crate::words::machine::{MachineAnswer, MachineFailure, MachineKey, MachineVerb, PowerState};
use crate::words::time::Timestamp;

pub(super) use self::outcome::{Outcome, ToStart, Troubles};

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
/// What was seen so long ago is still believed.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// A provider that takes too long is ended, at last by force; after this much more its outcome counts as lost.
const OUTCOME_SLACK: Duration = Duration::from_secs(10);
/// A stop that failed is tried again after this time, doubling …
const STOP_AGAIN_MIN: Duration = Duration::from_secs(60);
/// … up to this.
const STOP_AGAIN_MAX: Duration = Duration::from_secs(60 * 60);
/// From here on another doubling would change nothing.
const DOUBLINGS_MAX: u32 = 6;
/// One answer may be older than the start that was accepted.
const OFFS_BELIEVED: u32 = 2;
/// A machine is late when its boot takes so many times what the last one took …
const LATE_FACTOR: u32 = 2;
/// … and at least this long.
const LATE_MIN: Duration = Duration::from_secs(30);

/// One machine.
#[derive(Debug)]
pub(super) struct Machine {
    /// What it does; `None`: nobody knows.
    pub(super) power: Option<PowerState>,
    /// Since when.
    pub(super) since: Timestamp,
    /// When its provider said so last.
    seen_at: Option<Timestamp>,
    /// The last start that was asked for.
    pub(super) key: MachineKey,
    /// Keys of later ones are at least that.
    pub(super) keys_from: MachineKey,
    /// How often.
    pub(super) attempt: u32,
    /// It runs because we started it, or its server was put into maint by us: we may stop it.
    pub(super) is_ours: bool,
    call: Option<Call>,
    start: Option<Start>,
    stop: Option<Stop>,
    stop_failures: u32,
    pub(super) stop_not_before: Timestamp,
    /// Until then a start that was given up may take effect.
    pub(super) late_until: Option<Timestamp>,
    ask_at: Timestamp,
    pub(super) troubles: Troubles,
    /// That it runs in no use was told.
    pub(super) is_told: bool,
    /// From the last start to the first proof of its server.
    pub(super) boot: Option<Duration>,
    /// Starts that were asked for, repetitions not counted.
    pub(super) starts: u64,
    /// How long it has run, or may have, before `runs_since`.
    ran: Duration,
    runs_since: Option<Timestamp>,
}

/// What it is asked for at this moment.
#[derive(Clone, Copy, Debug)]
struct Call {
    id: ActionId,
    verb: MachineVerb,
    /// The outcome counts as lost then.
    until: Timestamp,
}

/// A start that was asked for; its server is not proven yet.
#[derive(Clone, Debug)]
struct Start {
    asked_at: Timestamp,
    is_accepted: bool,
    /// Nobody knows what became of it: its provider's last words.
    doubt: Option<String>,
    /// How often it was seen off since.
    offs: u32,
}

/// A stop that was asked for; it has not been seen off yet.
#[derive(Clone, Copy, Debug)]
struct Stop {
    by: Timestamp,
}

impl Machine {
    /// Nothing is known of it; it is asked at once.
    pub(super) const fn new(now: Timestamp, keys_from: MachineKey) -> Self {
        Self {
            power: None,
            since: now,
            seen_at: None,
            key: MachineKey(0),
            keys_from,
            attempt: 0,
            is_ours: false,
            call: None,
            start: None,
            stop: None,
            stop_failures: 0,
            stop_not_before: now,
            late_until: None,
            ask_at: now,
            troubles: Troubles::NONE,
            is_told: false,
            boot: None,
            starts: 0,
            ran: Duration::ZERO,
            runs_since: None,
        }
    }

    /// Its provider is being asked for something.
    pub(super) const fn is_busy(&self) -> bool {
        self.call.is_some()
    }

    /// Its server cannot be asked before it is started, as far as anybody knows.
    pub(super) fn is_off(&self) -> bool {
        self.power != Some(PowerState::On)
    }

    /// It does not run.
    pub(super) const fn is_down(&self) -> bool {
        matches!(self.power, Some(PowerState::Off | PowerState::Gone))
    }

    /// It is to be off soon: a start would have to wait.
    pub(super) fn is_stopping(&self) -> bool {
        let is_asked = self.call.is_some_and(|call| call.verb == MachineVerb::Stop);
        is_asked || self.stop.is_some() || self.power == Some(PowerState::Stopping)
    }

    /// It runs because of us, or may.
    pub(super) fn runs_for_us(&self) -> bool {
        self.start.is_some() || self.is_ours && !self.is_down()
    }

    /// How long it has run, or may have, since this daemon began.
    pub(super) fn ran(&self, now: Timestamp) -> Duration {
        let runs = self.runs_since.map_or(Duration::ZERO, |at| now.since(at));
        self.ran.saturating_add(runs)
    }

    /// When something is due with it whatever else happens.
    pub(super) fn due(&self) -> Timestamp {
        self.call.map_or(self.ask_at, |call| call.until)
    }

    /// Its provider is to say what it does.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.call.is_none() && self.ask_at <= now
    }

    /// Its server takes no request: what was seen before that is doubted.
    pub(super) fn doubt(&mut self, now: Timestamp) {
        if !self.is_fresh(now) {
            self.ask_at = now;
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.seen_at.is_some_and(|at| now.since(at) < FRESH_FOR)
    }

    /// What a spare that is wanted waits for.
    pub(super) fn to_start(&self, now: Timestamp) -> ToStart {
        if self.start.as_ref().is_some_and(|start| start.is_accepted) {
            return ToStart::GoOn;
        }
        let doubt = self.start.as_ref().and_then(|start| start.doubt.as_ref());
        match self.power {
            Some(PowerState::On | PowerState::Starting) if self.is_fresh(now) => ToStart::GoOn,
            Some(PowerState::On | PowerState::Starting | PowerState::Stopping) => ToStart::Ask,
            Some(PowerState::Off | PowerState::Gone) | None if doubt.is_some() => ToStart::Ask,
            Some(PowerState::Off | PowerState::Gone) | None => ToStart::Start,
        }
    }

    /// Its server is to answer by then; `None`: it ran before it was wanted.
    pub(super) fn boots_until(&self, settings: &MachineSettings) -> Option<Timestamp> {
        let start = self.start.as_ref()?;
        Some(start.asked_at.after(settings.start_timeout))
    }

    /// Its server should have answered by then, going by its last boot.
    pub(super) fn expected_by(&self, settings: &MachineSettings) -> Option<Timestamp> {
        let start = self.start.as_ref()?;
        let usual = self.boot.map(|boot| (boot * LATE_FACTOR).max(LATE_MIN));
        let span = usual.unwrap_or(settings.start_timeout);
        Some(start.asked_at.after(span.min(settings.start_timeout)))
    }

    /// It is asked to start: under the key of a start that may still take effect, or under a new one.
    /// True when it is a new one.
    pub(super) fn begin_start(
        &mut self,
        now: Timestamp,
        id: ActionId,
        settings: &MachineSettings,
    ) -> bool {
        let is_again = self.is_ours || self.late_until.is_some_and(|until| now < until);
        if is_again {
            self.attempt = self.attempt.saturating_add(1);
        } else {
            self.key = MachineKey(self.key.0.saturating_add(1)).max(self.keys_from);
            self.attempt = 1;
            self.starts = self.starts.saturating_add(1);
        }
        self.is_ours = true;
        self.late_until = None;
        self.is_told = false;
        self.start = Some(Start {
            asked_at: now,
            is_accepted: false,
            doubt: None,
            offs: 0,
        });
        self.enter(now, Some(PowerState::Starting));
        self.call(now, id, MachineVerb::Start, settings.start_timeout);
        !is_again
    }

    /// It is asked to stop.
    pub(super) fn begin_stop(&mut self, now: Timestamp, id: ActionId, settings: &MachineSettings) {
        let by = now.after(settings.stop_timeout);
        self.stop = Some(Stop { by });
        self.start = None;
        self.enter(now, Some(PowerState::Stopping));
        self.call(now, id, MachineVerb::Stop, settings.stop_timeout);
    }

    /// Its provider is asked what it does.
    pub(super) fn begin_status(
        &mut self,
        now: Timestamp,
        id: ActionId,
        settings: &MachineSettings,
    ) {
        self.call(now, id, MachineVerb::Status, settings.status_timeout);
    }

    fn call(&mut self, now: Timestamp, id: ActionId, verb: MachineVerb, limit: Duration) {
        let until = now.after(limit.saturating_add(OUTCOME_SLACK));
        self.call = Some(Call { id, verb, until });
    }

    /// It may be asked to stop, as far as it is concerned.
    pub(super) fn may_be_stopped(&self, now: Timestamp) -> bool {
        let is_free = self.call.is_none() && self.stop.is_none();
        self.is_ours && !self.is_down() && is_free && now >= self.stop_not_before
    }

    /// Its server answers: how long that took from the start that was asked for.
    pub(super) fn is_proven(&mut self, now: Timestamp) -> Option<Duration> {
        self.enter(now, Some(PowerState::On));
        self.seen_at = Some(now);
        self.troubles.failed = None;
        let boot = now.since(self.start.take()?.asked_at);
        self.boot = Some(boot);
        Some(boot)
    }

    /// Nobody waits for its start any more. It may take effect all the same.
    pub(super) fn give_up(&mut self, now: Timestamp) {
        if self.start.take().is_some() {
            self.late_until = Some(now.after(LATE_FOR));
            self.ask_at = now;
        }
    }

    /// Nobody waits for its start: it is given up.
    pub(super) fn give_up_if_starting(&mut self, now: Timestamp) {
        if self.start.is_some() {
            self.give_up(now);
        }
    }

    /// Its server is asked from now on. One that was found starting has the whole time that a start has.
    pub(super) fn goes_on(&mut self, now: Timestamp) {
        if self.power == Some(PowerState::Starting) && self.start.is_none() {
            self.start = Some(Start {
                asked_at: now,
                is_accepted: true,
                doubt: None,
                offs: 0,
            });
        }
    }

    /// Takes what an earlier daemon knew of it.
    pub(super) fn restore(&mut self, now: Timestamp, memory: &MachineMemory) {
        self.key = memory.key;
        self.attempt = memory.attempt;
        self.is_ours = memory.is_ours;
        self.boot = memory.boot;
        self.starts = memory.starts;
        if memory.may_start_late {
            self.late_until = Some(now.after(LATE_FOR));
        }
    }

    /// A start is waited for.
    pub(super) const fn is_starting(&self) -> bool {
        self.start.is_some()
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
        let accepted = |retry_after: Option<Duration>, usual: Duration| {
            let pause = retry_after.unwrap_or(usual);
            now.after(pause)
        };
        let (power, ask_at) = match outcome {
            Ok(MachineAnswer::Done | MachineAnswer::Is(PowerState::On)) => {
                (PowerState::On, accepted(None, BOOT_WATCH_EVERY))
            }
            Ok(MachineAnswer::NotYet { retry_after }) => {
                (PowerState::Starting, accepted(retry_after, WATCH_EVERY))
            }
            Ok(MachineAnswer::Is(PowerState::Starting)) => {
                (PowerState::Starting, accepted(None, WATCH_EVERY))
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
        self.enter(now, Some(power));
        self.ask_at = ask_at;
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
        if self.start.is_none() {
            return Outcome::Nothing; // Nobody waits for it.
        }
        self.give_up(now);
        if matches!(
            trouble,
            MachineTrouble::Failed(_) | MachineTrouble::Refused(_)
        ) {
            self.enter(now, None);
        }
        self.troubles.note(now, MachineVerb::Start, &trouble);
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
                self.ask_at = now.after(retry_after.unwrap_or(WATCH_EVERY));
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
        self.enter(now, None);
        self.stop_failed(now, words)
    }

    fn stop_failed(&mut self, now: Timestamp, trouble: MachineTrouble) -> Outcome {
        let doublings = self.stop_failures.min(DOUBLINGS_MAX);
        let again_in = (STOP_AGAIN_MIN * 2_u32.pow(doublings)).min(STOP_AGAIN_MAX);
        self.stop = None;
        self.stop_failures = self.stop_failures.saturating_add(1);
        self.stop_not_before = now.after(again_in);
        self.troubles.note(now, MachineVerb::Stop, &trouble);
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
        if let Some(stop) = self.stop {
            if now >= stop.by {
                self.enter(now, None);
                return self.stop_failed(now, MachineTrouble::Unknown(words.unwrap_or_default()));
            }
            self.ask_at = now.after(WATCH_EVERY).min(stop.by);
            return Outcome::Nothing;
        }
        if self.power == Some(PowerState::On) && !self.is_fresh(now) {
            self.enter(now, None);
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
        self.seen_at = Some(now);
        self.ask_at = now.after(self.look_again_in(now));
        match power {
            PowerState::On | PowerState::Starting => self.sees_it_run(now, power),
            PowerState::Off | PowerState::Gone => self.sees_it_off(now, power),
            PowerState::Stopping => {
                self.enter(now, Some(power));
                self.ask_at = now.after(WATCH_EVERY);
                Outcome::Nothing
            }
        }
    }

    fn look_again_in(&self, now: Timestamp) -> Duration {
        if self.start.is_some() {
            BOOT_WATCH_EVERY
        } else if self.late_until.is_some_and(|until| now < until) {
            LATE_EVERY
        } else {
            STATUS_EVERY
        }
    }

    fn sees_it_run(&mut self, now: Timestamp, power: PowerState) -> Outcome {
        if let Some(stop) = self.stop {
            if now >= stop.by {
                self.enter(now, Some(power));
                return self.stop_failed(now, MachineTrouble::StillOn);
            }
            self.ask_at = now.after(WATCH_EVERY).min(stop.by);
            return Outcome::Nothing;
        }
        self.enter(now, Some(power));
        if power == PowerState::Starting {
            self.ask_at = now.after(WATCH_EVERY);
        }
        if let Some(start) = &mut self.start {
            start.offs = 0;
            return self.accept();
        }
        let may_be_late = self.late_until.is_some_and(|until| now < until);
        if may_be_late && !std::mem::replace(&mut self.is_ours, true) {
            return Outcome::RunsLate;
        }
        Outcome::Nothing
    }

    fn sees_it_off(&mut self, now: Timestamp, power: PowerState) -> Outcome {
        if self.stop.take().is_some() {
            let ran = self.enter(now, Some(power));
            // A start that was given up may yet take effect: `late_until` stays.
            self.is_ours = false;
            (self.stop_failures, self.troubles.failed) = (0, None);
            return Outcome::Stopped { ran };
        }
        if let Some(start) = &mut self.start {
            start.offs = start.offs.saturating_add(1);
            if let Some(words) = start.doubt.take() {
                self.enter(now, Some(power));
                self.is_ours = false;
                return self.start_failed(now, MachineTrouble::Unknown(words));
            }
            if start.offs < OFFS_BELIEVED {
                self.ask_at = now.after(WATCH_EVERY);
                return Outcome::Nothing;
            }
            self.enter(now, Some(power));
            self.is_ours = false;
            return self.start_failed(now, MachineTrouble::Off);
        }
        let ran_for_us = std::mem::take(&mut self.is_ours);
        let was_on = self.power == Some(PowerState::On);
        self.enter(now, Some(power));
        self.is_told = false;
        if ran_for_us && was_on {
            Outcome::WentOff
        } else {
            Outcome::Nothing
        }
    }

    /// It does that from now on; how long it had run, if it does not any more.
    fn enter(&mut self, now: Timestamp, power: Option<PowerState>) -> Duration {
        let runs = !matches!(power, Some(PowerState::Off | PowerState::Gone));
        let is_known_to = power.is_some() && runs;
        let mut ran = Duration::ZERO;
        if !runs && let Some(since) = self.runs_since.take() {
            ran = now.since(since);
            self.ran = self.ran.saturating_add(ran);
        } else if is_known_to && self.runs_since.is_none() {
            self.runs_since = Some(now);
        }
        if self.power != power {
            self.power = power;
            self.since = now;
        }
        ran
    }
}
