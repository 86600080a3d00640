//! What a machine consists of: what was seen of it, its starts and its stops, each with its own clockwork.
//! What an answer means to all of it is in `machine`.

use std::time::Duration;

use super::super::decision::MachineTrouble;
use super::super::event::ActionId;
use crate::scaler::settings::MachineSettings;
use crate::words::machine::{MachineKey, MachineVerb, PowerState};
use crate::words::time::Timestamp;

/// A machine is late when its boot takes so many times what the last one took …
const LATE_FACTOR: u32 = 2;
/// … and at least this long.
const LATE_MIN: Duration = Duration::from_secs(30);
/// What was seen so long ago is still believed.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// A stop that failed is tried again after this time, doubling …
const STOP_AGAIN_MIN: Duration = Duration::from_secs(60);
/// … up to this.
const STOP_AGAIN_MAX: Duration = Duration::from_secs(60 * 60);
/// From here on another doubling would change nothing.
const DOUBLINGS_MAX: u32 = 6;

/// What it does, as far as anybody has seen.
#[derive(Debug)]
pub(in crate::scaler) struct Power {
    /// `None`: nobody knows.
    pub(in crate::scaler) state: Option<PowerState>,
    pub(in crate::scaler) since: Timestamp,
    /// The last thing known is that it runs, however long ago that was.
    pub(super) was_on: bool,
    /// Nobody knows what it does, and its provider was asked and did not say.
    pub(in crate::scaler) is_mute: bool,
    /// When its provider, or its server, said so last.
    seen_at: Option<Timestamp>,
    /// When its provider was asked last.
    pub(super) asked_at: Option<Timestamp>,
    /// How long it has run, or may have, before `runs_since`.
    ran: Duration,
    runs_since: Option<Timestamp>,
}

/// The starts that were asked for.
#[derive(Debug)]
pub(in crate::scaler) struct Starts {
    /// The last one.
    pub(in crate::scaler) key: MachineKey,
    /// Keys of later ones are at least that.
    keys_from: MachineKey,
    /// How often that one was asked for.
    pub(in crate::scaler) attempt: u32,
    /// Repetitions not counted.
    pub(in crate::scaler) count: u64,
    /// From the last start to the first proof of its server.
    pub(in crate::scaler) boot: Option<Duration>,
    /// Until then one that was given up may take effect.
    pub(in crate::scaler) late_until: Option<Timestamp>,
    /// The last one has worked, or its machine was stopped since: another one is no repetition.
    pub(super) is_over: bool,
    /// What holds again if the last one, no repetition, was not done: whether the machine was ours, and `late_until`.
    before: Option<(bool, Option<Timestamp>)>,
}

/// The stops that were asked for.
#[derive(Debug)]
pub(in crate::scaler) struct Stops {
    /// One is under way, and has to be seen to have worked by then.
    by: Option<Timestamp>,
    /// An earlier daemon asked for it: whoever does it may still be at work.
    is_inherited: bool,
    failures: u32,
    /// One is wished for since the picture with that number.
    wished_at: Option<u64>,
    /// The last one that failed may take effect all the same.
    is_doubtful: bool,
    not_before: Timestamp,
}

/// What it is asked for at this moment.
#[derive(Clone, Copy, Debug)]
pub(in crate::scaler) struct Call {
    pub(in crate::scaler) id: ActionId,
    pub(in crate::scaler) verb: MachineVerb,
    /// Whoever does it is ended after this long.
    pub(in crate::scaler) limit: Duration,
    /// The outcome counts as lost then.
    pub(super) until: Timestamp,
}

/// A start that is waited for; its server is not proven yet.
#[derive(Clone, Debug)]
pub(in crate::scaler) struct Start {
    pub(super) asked_at: Timestamp,
    pub(super) is_accepted: bool,
    /// Nobody knows what became of it: its provider's last words.
    pub(super) doubt: Option<String>,
    /// How often it was seen off since.
    pub(super) offs: u32,
    /// It was accepted, to take effect later: off says nothing before it has been seen to run.
    pub(super) is_promised: bool,
    /// Nothing of it is seen: it is asked for again then.
    pub(super) again_at: Option<Timestamp>,
    /// Its beginning is known: how long it takes is measured.
    pub(super) is_whole: bool,
}

impl Start {
    pub(super) const fn at(now: Timestamp) -> Self {
        Self {
            asked_at: now,
            is_accepted: false,
            doubt: None,
            offs: 0,
            is_promised: false,
            again_at: None,
            is_whole: true,
        }
    }

    /// The one that is waited for takes effect later, and is asked for again at that time; `None`: it has begun.
    pub(super) const fn promise(start: &mut Option<Self>, again_at: Option<Timestamp>) {
        if let Some(start) = start {
            start.is_promised = again_at.is_some();
            start.again_at = again_at;
        }
    }

    /// Its server is to answer by then.
    pub(in crate::scaler) fn until(&self, settings: &MachineSettings) -> Timestamp {
        self.asked_at.after(settings.start_timeout)
    }

    /// Its server should have answered by then, going by the last boot.
    pub(in crate::scaler) fn expected_by(
        &self,
        boot: Option<Duration>,
        settings: &MachineSettings,
    ) -> Timestamp {
        let usual = boot.map(|boot| (boot * LATE_FACTOR).max(LATE_MIN));
        let span = usual.unwrap_or(settings.start_timeout);
        self.asked_at.after(span.min(settings.start_timeout))
    }

    /// Nothing of it is seen, and it is to be asked for again.
    pub(in crate::scaler) fn is_due_again(&self, now: Timestamp) -> bool {
        self.again_at.is_some_and(|at| at <= now)
    }
}

impl Power {
    pub(super) const fn unknown(now: Timestamp) -> Self {
        Self {
            state: None,
            since: now,
            was_on: false,
            is_mute: false,
            seen_at: None,
            asked_at: None,
            ran: Duration::ZERO,
            runs_since: None,
        }
    }

    /// It does not run.
    pub(in crate::scaler) const fn is_down(&self) -> bool {
        matches!(self.state, Some(PowerState::Off | PowerState::Gone))
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.seen_at.is_some_and(|at| now.since(at) < FRESH_FOR)
    }

    pub(super) const fn is_asked(&mut self, now: Timestamp) {
        self.asked_at = Some(now);
    }

    /// That it runs is believed no more.
    pub(in crate::scaler) fn is_doubted(&mut self, now: Timestamp) {
        if !self.is_down() {
            self.enter(now, None);
        }
        self.was_on = false;
    }

    /// Nobody has asked yet what it does.
    pub(in crate::scaler) const fn is_new(&self) -> bool {
        self.asked_at.is_none()
    }

    /// Its provider was asked a moment ago.
    pub(super) fn was_asked(&self, now: Timestamp) -> bool {
        self.asked_at.is_some_and(|at| now.since(at) < FRESH_FOR)
    }

    pub(super) const fn is_seen(&mut self, now: Timestamp) {
        self.seen_at = Some(now);
    }

    /// How long it has run, or may have, since this daemon began.
    pub(in crate::scaler) fn ran(&self, now: Timestamp) -> Duration {
        let runs = self.runs_since.map_or(Duration::ZERO, |at| now.since(at));
        self.ran.saturating_add(runs)
    }

    /// It does that from now on; how long it had run, if it does not any more.
    pub(super) fn enter(&mut self, now: Timestamp, state: Option<PowerState>) -> Duration {
        if self.state != state {
            self.state = state;
            self.since = now;
            self.is_mute = false;
        }
        if let Some(state) = state {
            self.was_on = state == PowerState::On;
        }
        let mut ran = Duration::ZERO;
        if self.is_down() {
            if let Some(since) = self.runs_since.take() {
                ran = now.since(since);
                self.ran = self.ran.saturating_add(ran);
            }
        } else if state.is_some() {
            self.runs_since.get_or_insert(now);
        }
        ran
    }
}

impl Starts {
    pub(super) const fn none(keys_from: MachineKey) -> Self {
        Self {
            key: MachineKey(0),
            keys_from,
            attempt: 0,
            count: 0,
            boot: None,
            late_until: None,
            is_over: false,
            before: None,
        }
    }

    pub(in crate::scaler) const fn keys_from(&mut self, first: MachineKey) {
        self.keys_from = first;
    }

    /// That of the one after the last.
    pub(in crate::scaler) const fn next_key(&self) -> MachineKey {
        MachineKey(self.key.0.saturating_add(1))
    }

    /// One that was given up may take effect yet.
    pub(in crate::scaler) fn may_be_late(&self, now: Timestamp) -> bool {
        self.late_until.is_some_and(|until| now < until)
    }

    /// One is not settled: another one would be a repetition of it.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        !self.is_over && self.may_be_late(now)
    }

    /// The last one was not done: whether the machine, which `is_ours`, was so before.
    pub(super) fn take_back(&mut self, is_ours: bool) -> bool {
        let Some((was_ours, late_until)) = self.before.take() else {
            return is_ours;
        };
        self.late_until = late_until;
        was_ours
    }

    /// One more is asked for; `is_again`: it is a repetition; `is_ours`: the machine was ours before.
    pub(super) fn ask(&mut self, is_again: bool, is_ours: bool) {
        // What was asked for before may take effect all the same: `late_until` stays, and a repetition that was not
        // done changes nothing.
        self.before = (!is_again).then_some((is_ours, self.late_until));
        self.is_over = false;
        if is_again {
            self.attempt = self.attempt.saturating_add(1);
        } else {
            self.key = self.next_key().max(self.keys_from);
            self.attempt = 1;
            self.count = self.count.saturating_add(1);
        }
    }
}

impl Stops {
    pub(super) const fn none(now: Timestamp) -> Self {
        Self {
            by: None,
            is_inherited: false,
            failures: 0,
            wished_at: None,
            is_doubtful: false,
            not_before: now,
        }
    }

    /// One is under way.
    pub(in crate::scaler) const fn is_under_way(&self) -> bool {
        self.by.is_some()
    }

    /// When the one under way has to have worked. An inherited one is not waited for any longer then.
    pub(super) fn by(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.is_inherited && self.by.is_some_and(|by| now >= by) {
            self.by = None;
            self.is_inherited = false;
        }
        self.by
    }

    /// One that an earlier daemon asked for may take effect until then.
    pub(super) const fn inherit(&mut self, by: Timestamp) {
        self.by = Some(by);
        self.is_inherited = true;
    }

    /// None begins before that.
    pub(in crate::scaler) fn wait(&mut self, until: Timestamp) {
        self.not_before = self.not_before.max(until);
    }

    /// One is wished for, as HAProxy was read so often; true when it was read since, and nothing spoke against it.
    pub(in crate::scaler) fn is_confirmed(&mut self, pictures: u64) -> bool {
        pictures > *self.wished_at.get_or_insert(pictures)
    }

    /// None is wished for any more.
    pub(in crate::scaler) const fn is_not_wished(&mut self) {
        self.wished_at = None;
    }

    /// One has failed not long ago, and may take effect yet.
    pub(in crate::scaler) fn may_be_late(&self, now: Timestamp) -> bool {
        self.is_doubtful && now < self.not_before
    }

    /// Another one may begin. The inherited one is never asked for again: two at work could stop what was started
    /// between them.
    pub(super) fn may_begin(&self, now: Timestamp) -> bool {
        self.by.is_none() && now >= self.not_before
    }

    pub(super) const fn begin(&mut self, by: Timestamp) {
        self.by = Some(by);
        self.is_inherited = false;
        self.wished_at = None;
    }

    /// The one under way has failed; the next one may begin after that time.
    pub(super) fn fail(&mut self, now: Timestamp, trouble: &MachineTrouble) -> Duration {
        let doublings = self.failures.min(DOUBLINGS_MAX);
        let again_in = if matches!(trouble, MachineTrouble::Refused(_)) {
            STOP_AGAIN_MAX
        } else {
            (STOP_AGAIN_MIN * 2_u32.pow(doublings)).min(STOP_AGAIN_MAX)
        };
        self.by = None;
        self.is_doubtful = matches!(trouble, MachineTrouble::Unknown(_));
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.after(again_in);
        again_in
    }

    /// The one under way has worked; false when there is none.
    pub(super) const fn end(&mut self) -> bool {
        if self.by.is_none() {
            return false;
        }
        self.by = None;
        self.is_inherited = false;
        self.is_doubtful = false;
        self.failures = 0;
        true
    }
}
