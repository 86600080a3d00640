//! All machines of a backend: which may be started, which are in no use, and when one is to be asked. What each is
//! asked for is in `asked`; what one machine does is in `scaler::machine`.

mod asked;
mod seen;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::facts::Facts;
use super::journey::{Journey, Step};
use super::journeys::Journeys;
use super::needs::Needs;
use crate::scaler::decision::{Fault, MachineNews, NoStart};
use crate::scaler::hand::{Kept, Since};
use crate::scaler::machine::Machine;
use crate::scaler::member::{Member, Role, Stage, name_of};
use crate::scaler::memory::MachineMemory;
use crate::scaler::settings::{BackendSettings, MachineSettings};
use crate::words::machine::{MachineKey, PowerState};
use crate::words::time::Timestamp;

pub(super) use self::asked::{answered, departed, late, proven, say_goodbye, tend};
pub(super) use self::seen::problems_of_machines;

/// `starts_per_hour`.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// After a start of ours none is stopped for so long, or for `idle_timeout` where that is less: what is needed has to
/// be seen first. After a reload of HAProxy none is stopped for at least this long, as an old process may still
/// have sessions.
const NO_STOP_FOR: Duration = Duration::from_secs(60);

/// The machines, by the name of the spare that runs on each.
#[derive(Debug, Default)]
pub(super) struct Machines {
    each: BTreeMap<String, Machine>,
    /// Starts within the last hour.
    starts: VecDeque<Since>,
    /// None is stopped before.
    not_before: Timestamp,
    /// Those that run because of us and that the configuration names no more: not told yet.
    forgotten: Vec<(String, MachineNews)>,
    /// What was known of those when they went, should the configuration name them again.
    former: BTreeMap<String, MachineMemory>,
    /// Keys count up from here where nothing is remembered.
    keys_from: MachineKey,
    spent: seen::Spent,
}

/// How far a spare is from service, as far as its machine is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Distance {
    /// It runs, or has no machine.
    Runs,
    /// It has to be started first.
    Off,
    /// A stop that failed may take effect yet.
    MayGoOff,
}

impl Machines {
    /// Nothing is known of those that the configuration names.
    pub(super) fn new(now: Timestamp, settings: &BackendSettings, keys_from: MachineKey) -> Self {
        let wait = NO_STOP_FOR.min(settings.idle_timeout);
        let wait = wait.max(settings.drain_timeout);
        let mut machines = Self {
            not_before: now.after(wait),
            keys_from,
            ..Self::default()
        };
        machines.meet(now, settings);
        machines
    }

    /// The configuration names others now.
    pub(super) fn reconfigure(&mut self, now: Timestamp, settings: &BackendSettings) {
        let goes = |name: &str, machine: &Machine| {
            let next = settings.machines.get(name);
            next.is_none_or(|next| next.identity != machine.identity)
        };
        for (name, machine) in &self.each {
            if goes(name, machine) && machine.may_run_for_us(now) {
                self.former.insert(name.clone(), machine.memory(now));
            }
        }
        self.let_go(now, &MachineNews::Forgotten, goes);
        self.meet(now, settings);
        for (name, settings) in &settings.machines {
            let former = self.former.get(name);
            let former = former.filter(|it| it.identity == settings.identity);
            if let (Some(memory), Some(machine)) = (former, self.each.get_mut(name)) {
                machine.restore(now, memory, settings);
                self.former.remove(name);
            }
        }
    }

    /// Knows nothing any more of those for which `goes` holds, but how long they ran and which may run on
    /// because of us, to be told as `news`.
    fn let_go(
        &mut self,
        now: Timestamp,
        news: &MachineNews,
        goes: impl Fn(&str, &Machine) -> bool,
    ) {
        let (forgotten, spent) = (&mut self.forgotten, &mut self.spent);
        let keys_from = &mut self.keys_from;
        self.each.retain(|name, machine| {
            if !goes(name, machine) {
                return true;
            }
            *keys_from = machine.starts.next_key().max(*keys_from);
            spent.leaves(machine.power.ran(now));
            if machine.may_run_for_us(now) {
                forgotten.push((name.clone(), news.clone()));
            }
            false
        });
    }

    /// Another HAProxy, or another way to touch it: nothing is known.
    /// What was pretended is forgotten without a word.
    pub(super) fn forget(
        &mut self,
        now: Timestamp,
        settings: &BackendSettings,
        was_pretended: bool,
    ) {
        self.let_go(now, &MachineNews::LeftOn, |_, _| true);
        if was_pretended {
            self.forgotten.clear();
        }
        self.starts.clear();
        self.former.clear();
        self.meet(now, settings);
        self.begin_generation(now, settings);
    }

    /// Keys of starts count up from there where none is remembered.
    pub(super) fn keys_from(&mut self, first: MachineKey) {
        self.keys_from = first;
        for machine in self.each.values_mut() {
            machine.starts.keys_from(first);
        }
    }

    fn meet(&mut self, now: Timestamp, settings: &BackendSettings) {
        let keys_from = self.keys_from;
        for (name, settings) in &settings.machines {
            let machine = || Machine::new(now, settings.identity, keys_from);
            self.each.entry(name.clone()).or_insert_with(machine);
        }
    }

    /// Another HAProxy process: the old one may still have sessions.
    pub(super) fn begin_generation(&mut self, now: Timestamp, settings: &BackendSettings) {
        self.not_before = now.after(NO_STOP_FOR.max(settings.drain_timeout));
    }

    /// That spare's.
    pub(super) fn of(&self, server: &str) -> Option<&Machine> {
        self.each.get(server)
    }

    pub(super) fn of_mut(&mut self, server: &str) -> Option<&mut Machine> {
        self.each.get_mut(server)
    }

    /// How far that spare is from service, as far as its machine is concerned: nearer ones come first.
    pub(super) fn distance(&self, now: Timestamp, server: &str) -> Distance {
        match self.of(server) {
            Some(machine) if machine.stops.may_be_late(now) => Distance::MayGoOff,
            Some(machine) if machine.is_off() => Distance::Off,
            Some(_) | None => Distance::Runs,
        }
    }

    /// An operator has put its server into maint, and may work on the machine: it is not ours to stop.
    pub(super) fn hand_over(&mut self, server: &str) {
        if let Some(machine) = self.of_mut(server) {
            machine.hand_over();
        }
    }

    /// Those of ours that may run and that HAProxy has no server for any more.
    pub(super) fn homeless<'a>(
        &'a self,
        now: Timestamp,
        facts: &'a Facts,
    ) -> impl Iterator<Item = String> + 'a {
        let each = self.each.iter().filter(move |(name, machine)| {
            let is_homeless = facts.has_picture() && facts.pool.member(name).is_none();
            is_homeless && machine.may_run_for_us(now)
        });
        each.map(|(name, _)| name.clone())
    }

    /// How many there are.
    pub(super) fn held(&self) -> usize {
        self.each.len() + self.starts.len() + self.former.len()
    }

    /// When something is due with one of them, whatever else happens.
    pub(super) fn due(&self, journeys: &Journeys, settings: &BackendSettings) -> Option<Timestamp> {
        let each = self.each.iter().map(|(name, machine)| {
            let journey = journeys.of(name).zip(settings.machines.get(name));
            let Some((journey, settings)) = journey else {
                return machine.due();
            };
            let own = if journey.step == Step::Starting {
                machine.wanted_at()
            } else {
                machine.due()
            };
            let late_at = journey.is_late_at(settings);
            let slow_at = slow_at(journey, machine, settings);
            late_at.into_iter().chain(slow_at).fold(own, Timestamp::min)
        });
        each.min()
    }

    /// How long ago each start of the last hour was asked for.
    pub(super) fn starts_ago(&self, now: Timestamp) -> Vec<Duration> {
        let ago = self.starts.iter().map(|since| since.lasted(now));
        ago.filter(|ago| *ago < HOUR).collect()
    }

    /// Those of an earlier daemon count, too.
    pub(super) fn remember_starts(&mut self, now: Timestamp, ago: &[Duration]) {
        let earlier = ago.iter().map(|ago| Since::ago(now, *ago));
        self.starts = earlier.chain(self.starts.drain(..)).collect();
    }

    fn started(&mut self, now: Timestamp) {
        self.starts.retain(|since| since.lasted(now) < HOUR);
        self.starts.push_back(Since::at(now));
    }

    /// What should be known of it after a restart.
    pub(super) fn memory(&self, now: Timestamp, server: &str) -> Option<MachineMemory> {
        let machine = self.of(server)?;
        let is_new =
            machine.starts.attempt == 0 && !machine.is_ours && machine.starts.boot.is_none();
        (!is_new).then(|| machine.memory(now))
    }

    /// Takes what an earlier daemon knew: what it does is asked.
    pub(super) fn remember(
        &mut self,
        now: Timestamp,
        server: &str,
        memory: &MachineMemory,
        settings: &BackendSettings,
    ) {
        match (self.each.get_mut(server), settings.machines.get(server)) {
            (Some(machine), Some(settings)) if memory.identity == settings.identity => {
                machine.restore(now, memory, settings);
            }
            _ if memory.is_ours || memory.may_start_late => {
                self.forgotten
                    .push((server.to_owned(), MachineNews::Forgotten));
            }
            _ => {}
        }
    }
}

/// Why that spare's machine cannot be started now.
pub(super) fn no_start(needs: Needs<'_>, now: Timestamp, server: &str) -> Option<NoStart> {
    let (machines, settings) = (needs.machines, needs.settings);
    let machine = machines.of(server)?;
    if machine.is_stopping() {
        return Some(NoStart::Stopping);
    }
    match machine.power.state {
        Some(PowerState::On) => return None,
        Some(PowerState::Gone) => return Some(NoStart::Gone),
        Some(PowerState::Off | PowerState::Starting | PowerState::Stopping) | None => {}
    }
    if machine.runs_for_us() {
        return None;
    }
    let each = machines.each.iter();
    let running = each.filter(|(name, it)| it.runs_for_us() && !is_lost_sight_of(needs, name, it));
    let about_to = about_to_start(needs);
    let running = u32::try_from(running.count() + about_to).unwrap_or(u32::MAX);
    if running >= settings.machines_at_once {
        return Some(NoStart::AtOnce(running));
    }
    let recent = machines.starts_ago(now);
    let most = usize::try_from(settings.starts_per_hour).unwrap_or(usize::MAX);
    if recent.len() + about_to < most {
        return None;
    }
    let first_to_end = recent.get(recent.len().saturating_sub(most));
    Some(NoStart::StartsSpent {
        starts: settings.starts_per_hour,
        left: HOUR.saturating_sub(first_to_end.copied().unwrap_or_default()),
    })
}

/// Machines that spares on their way are about to start.
fn about_to_start(needs: Needs<'_>) -> usize {
    let waiting = needs.journeys.iter().filter(|journey| {
        let machine = needs.machines.of(&journey.server);
        let is_to_start =
            |it: &Machine| !it.runs_for_us() && it.power.state != Some(PowerState::On);
        journey.step == Step::Starting && machine.is_some_and(is_to_start)
    });
    waiting.count()
}

/// It was started by us, nobody can tell whether it still runs, nobody can stop it, and its server rests: it may
/// sleep by now, as a computer does.
fn is_lost_sight_of(needs: Needs<'_>, name: &str, machine: &Machine) -> bool {
    let settings = needs.settings.machines.get(name);
    let member = needs.facts.pool.member(name);
    let rests = member.is_some_and(|it| it.stage == Stage::Maint && it.read.is_maint());
    let is_mute = machine.power.state.is_none() && machine.power.is_mute && machine.start.is_none();
    rests && is_mute && settings.is_some_and(|it| !it.may_stop)
}

/// A spare that is ready, takes nothing, and whose machine is off: HAProxy will not bring it back.
pub(super) fn died(needs: Needs<'_>) -> Option<(String, Fault)> {
    let mut members = needs.facts.pool.members.iter();
    let dead = members.find(|member| {
        member.role == Role::Spare
            && member.stage == Stage::Ready
            && !member.read.is_up()
            && !needs.journeys.is_busy(&member.read.name)
            && may_touch(needs, member)
            && needs
                .machines
                .of(&member.read.name)
                .is_some_and(|it| it.power.is_down())
    })?;
    let name = name_of(dead);
    let is_for = |it: &Member| {
        it.errand
            .came_for
            .as_ref()
            .is_some_and(|it| it.is_for_spare(&name))
    };
    // Its stand-in serves, or nobody else can come: then it is started again itself.
    let is_replaced = needs.facts.pool.serving_members().any(is_for);
    let now = needs.facts.last_read();
    let is_quiet = needs.signals.is_quiet_for_long(now, needs.settings);
    let is_coming = needs.journeys.iter().any(Journey::is_for_dead);
    let nobody = !is_coming && needs.candidates_for_load(now).is_empty();
    let may_go = is_replaced || is_quiet || nobody;
    (may_go && !needs.journeys.has_one_departing()).then_some((name, Fault::MachineOff))
}

/// No operator and no other server keeps it as it is.
fn may_touch(needs: Needs<'_>, member: &Member) -> bool {
    member.may_be_changed(needs.facts.last_read()) && member.marks.kept() != Some(Kept::In)
}

/// When nobody counts any more on a start that is waited for: it takes longer than the last boot.
fn slow_at(journey: &Journey, machine: &Machine, settings: &MachineSettings) -> Option<Timestamp> {
    let is_waited_for = journey.step == Step::Starting && !journey.stall.has_stalled();
    let start = machine.start.as_ref().filter(|_| is_waited_for)?;
    Some(start.expected_by(machine.starts.boot, settings))
}

/// Nothing speaks against stopping that machine: its server rests in maint, with nobody on it, and
/// nobody wants it.
fn is_unused(needs: Needs<'_>, now: Timestamp, name: &str) -> bool {
    let Some(member) = needs.facts.pool.member(name) else {
        return false;
    };
    member.role == Role::Spare
        && member.stage == Stage::Maint
        && member.read.is_maint()
        && member.read.sessions == 0
        && member.read.queued == 0
        && !(member.errand.is_wanted_back && needs.takes_back(now))
        && !needs.journeys.is_busy(name)
        && may_touch(needs, member)
}
