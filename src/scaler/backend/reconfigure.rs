//! New settings for a backend that is at work, and a standstill of the daemon: what stays known and
//! what must be measured anew.

use std::time::Duration;

use super::Backend;
use super::journey::Step;
use super::journeys::Journeys;
use super::machines;
use super::ramps::take_all_back;
use super::signals::goal_ms;
use super::timers::Timer;
use super::view::Sight;
use crate::measure::policy::Policy;
use crate::measure::quiet::{Recent, slice_of};
use crate::scaler::decision::{Change, Note, Ordered};
use crate::scaler::member::name_of;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::outbox::Outbox;
use crate::scaler::pool::role_of;
use crate::scaler::settings::BackendSettings;
use crate::words::time::Timestamp;

/// After a standstill lines and HAProxy's checks come in late for this long.
const SETTLE: Duration = Duration::from_secs(5);

/// What becomes of this backend when the change under way has been taken back.
#[derive(Debug, Default)]
pub(super) enum Next {
    /// It stays as it is.
    #[default]
    Same,
    /// It gets new settings, once nothing is under way with a server that these treat differently.
    Settings(Box<BackendSettings>),
    /// It is not looked after any more.
    Gone,
}

impl Next {
    /// Nothing waits for the end of what is under way.
    pub(super) const fn is_same(&self) -> bool {
        matches!(self, Self::Same)
    }

    /// It is not looked after any more.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }
}

impl Backend {
    /// New settings. A change of a server that is no spare any more is taken back first; all others go on.
    pub(in crate::scaler) fn reconfigure(
        &mut self,
        now: Timestamp,
        settings: BackendSettings,
        out: &mut Outbox,
    ) {
        let lost = lost_by(&self.sight(), &settings);
        self.next = Next::Settings(Box::new(settings));
        for name in &lost {
            let why = Ordered::NewConfiguration;
            self.road().retreat(now, name, why, out);
        }
        if lost.is_empty() {
            self.apply_settings(now);
        }
    }

    /// It is in the configuration no more. A change under way is taken back first.
    pub(in crate::scaler) fn leave(&mut self, now: Timestamp, out: &mut Outbox) {
        self.next = Next::Gone;
        take_all_back(now, self.road(), out);
        let why = Ordered::NewConfiguration;
        self.road().retreat_all(now, why, out);
    }

    /// Applies what had to wait for changes under way; which servers count is asked anew.
    pub(in crate::scaler) fn after_event(&mut self, now: Timestamp) {
        self.signals.counted.clear();
        if !self.next.is_same() && self.sight().waits_for().is_empty() {
            self.apply_settings(now);
        }
        self.wind_all();
    }

    fn apply_settings(&mut self, now: Timestamp) {
        let settings = match std::mem::take(&mut self.next) {
            Next::Settings(settings) => *settings,
            Next::Same => return,
            Next::Gone => {
                self.next = Next::Gone;
                return;
            }
        };
        if settings == self.settings {
            return;
        }
        let slice = slice_of(settings.idle_timeout);
        let is_quiet_same = slice == self.signals.quiet.slice
            && settings.scale_down_ratio.to_bits() == self.settings.scale_down_ratio.to_bits();
        let mut old: Vec<(_, Policy)> = self
            .settings
            .policies
            .iter()
            .cloned()
            .zip(std::mem::take(&mut self.signals.policies))
            .collect();
        for wanted in &settings.policies {
            let kept = old.iter().position(|(had, _)| had == wanted);
            let policy = match kept {
                Some(at) => {
                    let (_, mut policy) = old.swap_remove(at);
                    if !is_quiet_same {
                        policy.recent = Recent::new(wanted, settings.scale_down_ratio, slice);
                    }
                    policy
                }
                None => Policy::new(wanted, settings.scale_down_ratio, slice),
            };
            self.signals.policies.push(policy);
        }
        if !is_quiet_same || settings.policies != self.settings.policies {
            self.signals.quiet.slice = slice;
            self.timers
                .set(Timer::Slice, Some(self.signals.quiet.next_slice(now)));
            self.signals.not_quiet(now);
        }
        self.votes
            .reconfigure(&settings, self.settings.idle_timeout);
        self.signals.account.set_goal(goal_ms(&settings));
        self.settings = settings;
        self.machines.reconfigure(now, &self.settings);
        self.size.reconfigure(now, &self.settings);
        for member in &mut self.facts.pool.members {
            member.role = role_of(&member.read, &self.settings);
            member.errand.is_always_up = false;
        }
        self.facts.pool.show_marks(&self.hand);
        self.plan.said.advice.clear();
        self.facts.reading.want();
    }

    /// Another HAProxy, or another way to touch it: its servers are met for the first time.
    pub(in crate::scaler) fn forget_servers(
        &mut self,
        now: Timestamp,
        was_pretended: bool,
        out: &mut Outbox,
    ) {
        self.hand.want_no_more(now, out);
        self.journeys = Journeys::default();
        self.past.forget_told();
        self.plan.owed = None;
        self.facts.generation = None;
        self.facts.comparison.forget();
        self.size.start_over(now);
        self.votes.start_over();
        self.machines.forget(now, &self.settings, was_pretended);
        self.signals.meter.start_over();
        self.facts.pool.members.clear();
        self.facts.reading = super::facts::Reading::default();
        self.facts.reading.want();
        self.signals.start_policies_over();
        self.signals.not_quiet(now);
    }

    /// The daemon stood still, or the machine did: no window straddles that, and nothing begins
    /// before lines and checks have caught up.
    pub(in crate::scaler) fn gap(&mut self, now: Timestamp, lasted: Duration, out: &mut Outbox) {
        let why = Ordered::Standstill(lasted);
        self.road().retreat_all(now, why, out);
        out.tell(now, None, Change::Note, Note::StoodStill(lasted));
        self.plan.owed = None;
        self.signals.start_policies_over();
        self.signals.account.forget_changes();
        self.size.start_over(now);
        self.votes.start_over();
        self.timers.set(Timer::Settled, Some(now.after(SETTLE)));
        self.signals.not_quiet(now.after(SETTLE));
        self.facts.reading.want();
    }
}

/// What that server does may be finished with those settings: it is a spare, or evacuated.
fn may_go_on(member: &Member, next: &BackendSettings) -> bool {
    match role_of(&member.read, next) {
        Role::Spare => true,
        Role::AlwaysUp => member.marks.evacuated.is_some(),
        Role::Other => member.errand.is_always_up,
    }
}

/// Servers that are on their way, or are told something, and that `next` names as spares no more, or whose
/// machine it names no more while that is waited for.
fn lost_by(sight: &Sight<'_>, next: &BackendSettings) -> Vec<String> {
    let is_lost = |name: &&String| {
        let journey = sight.journeys.of(name);
        let is_starting = journey.is_some_and(|it| it.step == Step::Starting);
        let boots = journey.is_some_and(|it| it.boot.is_some() && it.step.waits_for_its_machine());
        let other = next.machines.get(*name);
        let machine = sight.machines.of(name);
        let is_same =
            other.is_some_and(|next| machine.is_some_and(|it| it.identity == next.identity));
        // One that is named no more and boots may come all the same; another one has to be started.
        let has_lost_it = !is_same && (is_starting || boots && other.is_some());
        let member = sight.facts.pool.member(name);
        has_lost_it || member.is_some_and(|it| !may_go_on(it, next))
    };
    let busy = sight.journeys.busy();
    busy.iter().filter(is_lost).cloned().collect()
}

impl Sight<'_> {
    /// It is in the configuration no more.
    pub(in crate::scaler) const fn is_leaving(&self) -> bool {
        self.0.next.is_gone()
    }

    /// It has left nothing half-way and may be forgotten.
    pub(in crate::scaler) fn is_gone(&self) -> bool {
        let mut members = self.facts.pool.members.iter();
        let are_own = members.all(|it| it.service.ramp.is_own());
        let is_known = !self.past.has_lent();
        self.is_leaving() && self.journeys.is_idle() && are_own && is_known
    }

    /// Servers for which new settings wait.
    pub(in crate::scaler) fn waits_for(&self) -> Vec<String> {
        match &self.next {
            Next::Settings(next) => lost_by(self, next),
            Next::Same | Next::Gone => Vec::new(),
        }
    }

    /// Servers that are looked after, and those of them that `next` would treat differently.
    pub(in crate::scaler) fn affected(&self, next: Option<&BackendSettings>) -> (usize, usize) {
        let ours = || {
            let members = self.facts.pool.members.iter();
            members.filter(|member| member.role != Role::Other)
        };
        let is_changed = |member: &&Member| {
            let role = |next| role_of(&member.read, next);
            let is_away = member.errand.is_always_up;
            next.is_none_or(|next| {
                role(next) != member.role && !(is_away && role(next) == Role::AlwaysUp)
            })
        };
        let changed = ours().filter(is_changed);
        (ours().count(), changed.count())
    }

    /// What stays behind of a backend that is not looked after any more.
    pub(in crate::scaler) fn say_goodbye(&self, now: Timestamp, out: &mut Outbox) {
        let mut members = self.facts.pool.members.iter();
        let has_picture = members.len() > 0;
        if has_picture && members.all(|it| it.role == Role::Other) {
            return; // Only weights of an earlier daemon were given back here.
        }
        let members = self.facts.pool.members.iter();
        let enabled = members.filter(|it| it.role == Role::Spare && it.stage == Stage::Ready);
        let note = Note::Left(enabled.map(name_of).collect());
        out.tell(now, None, Change::Note, note);
        machines::say_goodbye(&self.machines, now, out);
    }
}
