//! All machines of a backend: which one is asked what, and when. What the wish is follows from the
//! journeys and from HAProxy; what one machine does is in `scaler::machine`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::journey::{Journey, Step};
use super::journeys::Journeys;
use super::needs::Needs;
use super::road::{Road, answers_next};
use crate::scaler::decision::{
    Change, Failure, Fault, MachineNews, MachineTrouble, NoStart, Reason,
};
use crate::scaler::event::{Action, ActionId};
use crate::scaler::hand::Kept;
use crate::scaler::machine::{Machine, Outcome, ToStart};
use crate::scaler::member::{Member, Role, Stage, name_of};
use crate::scaler::memory::MachineMemory;
use crate::scaler::outbox::Outbox;
use crate::scaler::seen::MachineView;
use crate::scaler::settings::{BackendSettings, MachineSettings};
use crate::words::machine::{
    MachineAnswer, MachineCall, MachineFailure, MachineKey, MachineVerb, PowerState,
};
use crate::words::time::Timestamp;

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
    starts: VecDeque<Timestamp>,
    /// None is stopped before.
    not_before: Timestamp,
    /// Those that run because of us and that the configuration names no more: not told yet.
    forgotten: Vec<String>,
    /// Keys count up from here where nothing is remembered.
    keys_from: MachineKey,
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
        let forgotten = &mut self.forgotten;
        self.each.retain(|name, machine| {
            let is_named = settings.machines.contains_key(name);
            if !is_named && machine.runs_for_us() {
                forgotten.push(name.clone());
            }
            is_named
        });
        self.meet(now, settings);
    }

    /// Another HAProxy, or another way to touch it: nothing is known.
    pub(super) fn forget(&mut self, now: Timestamp, settings: &BackendSettings) {
        *self = Self::new(now, settings, self.keys_from);
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
        for name in settings.machines.keys() {
            let machine = || Machine::new(now, keys_from);
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

    /// That spare has to be started first, as far as anybody knows.
    pub(super) fn is_off(&self, server: &str) -> bool {
        self.of(server).is_some_and(Machine::is_off)
    }

    /// How many there are.
    pub(super) fn held(&self) -> usize {
        self.each.len() + self.starts.len()
    }

    /// What there is to see of each.
    pub(super) fn view(&self, now: Timestamp, server: &str) -> Option<MachineView> {
        let machine = self.of(server)?;
        Some(MachineView {
            power: machine.power.state,
            lasted: now.since(machine.power.since),
            is_ours: machine.runs_for_us(),
            boot: machine.starts.boot,
            starts: machine.starts.count,
            ran: machine.power.ran(now),
        })
    }

    /// Where that spare is, with its machine looked at.
    pub(super) fn stage(&self, server: &str, stage: Stage) -> Stage {
        let Some(machine) = self.of(server).filter(|_| stage == Stage::Maint) else {
            return stage;
        };
        if machine.is_stopping() {
            return Stage::Stopping;
        }
        match machine.power.state {
            Some(PowerState::Off | PowerState::Gone) => Stage::Off,
            Some(PowerState::On | PowerState::Starting | PowerState::Stopping) | None => stage,
        }
    }

    /// Why that spare's machine cannot be started now.
    pub(super) fn no_start(
        &self,
        now: Timestamp,
        server: &str,
        settings: &BackendSettings,
    ) -> Option<NoStart> {
        let machine = self.of(server)?;
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
        let running = self.each.values().filter(|it| it.runs_for_us()).count();
        let running = u32::try_from(running).unwrap_or(u32::MAX);
        if running >= settings.machines_at_once {
            return Some(NoStart::AtOnce(running));
        }
        let recent = self.starts.iter().filter(|at| now.since(**at) < HOUR);
        let mut recent: Vec<Timestamp> = recent.copied().collect();
        let most = usize::try_from(settings.starts_per_hour).unwrap_or(usize::MAX);
        if recent.len() < most {
            return None;
        }
        let first_to_end = recent.split_off(recent.len() - most);
        let free_at = first_to_end.first().map(|at| at.after(HOUR));
        Some(NoStart::StartsSpent {
            starts: settings.starts_per_hour,
            left: free_at.map_or(HOUR, |at| at.since(now)),
        })
    }

    /// When something is due with one of them, whatever else happens.
    pub(super) fn due(&self, journeys: &Journeys, settings: &BackendSettings) -> Option<Timestamp> {
        let first = self.each.values().map(Machine::due).min()?;
        let wanted = journeys.iter().filter_map(|journey| {
            let machine = self.of(&journey.server)?;
            if journey.step == Step::Starting && !machine.is_busy() {
                return Some(Timestamp::default()); // It waits for nothing.
            }
            journey.is_late_at(settings.machines.get(&journey.server)?)
        });
        wanted.chain([first]).min()
    }

    fn started(&mut self, now: Timestamp) {
        self.starts.retain(|at| now.since(*at) < HOUR);
        self.starts.push_back(now);
    }

    /// What should be known of it after a restart.
    pub(super) fn memory(&self, now: Timestamp, server: &str) -> Option<MachineMemory> {
        let machine = self.of(server)?;
        let late = machine.starts.late_until.filter(|until| now < *until);
        let memory = MachineMemory {
            key: machine.starts.key,
            attempt: machine.starts.attempt,
            is_ours: machine.is_ours,
            may_start_late: machine.is_starting() || late.is_some(),
            is_stopping: machine.stops.is_under_way(),
            boot: machine.starts.boot,
            starts: machine.starts.count,
        };
        let is_new =
            machine.starts.attempt == 0 && !machine.is_ours && machine.starts.boot.is_none();
        (!is_new).then_some(memory)
    }
}

/// A spare that is ready, takes nothing, and whose machine is off: HAProxy will not bring it back.
pub(super) fn died(needs: Needs<'_>) -> Option<(String, Fault)> {
    let is_replaced_first = needs.journeys.iter().any(Journey::is_for_dead);
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
    (!is_replaced_first && !needs.journeys.has_one_departing())
        .then(|| (name_of(dead), Fault::MachineOff))
}

/// No operator and no other server keeps it as it is.
fn may_touch(needs: Needs<'_>, member: &Member) -> bool {
    let held = needs
        .facts
        .reading
        .read_at
        .is_some_and(|now| member.apart.is_held(now));
    !held
        && !member.marks.is_fixed()
        && !member.read.is_tracked
        && !member.read.is_beyond_us()
        && member.marks.kept() != Some(Kept::In)
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

/// Asks each machine for what is due, as things are. `may_stop`: the picture is fresh and nobody has
/// paused anything.
pub(super) fn tend(road: &mut Road<'_>, now: Timestamp, may_stop: bool, out: &mut Outbox) -> bool {
    for name in std::mem::take(&mut road.machines.forgotten) {
        told(now, &name, Change::Warning, MachineNews::Forgotten, out);
    }
    let names: Vec<String> = road.machines.each.keys().cloned().collect();
    let mut wants_another = false;
    for name in names {
        wants_another |= tend_one(road, now, &name, may_stop, out);
    }
    wants_another
}

/// True when another spare is to be looked for.
fn tend_one(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    may_stop: bool,
    out: &mut Outbox,
) -> bool {
    let Some(settings) = road.settings.machines.get(name).copied() else {
        return false;
    };
    let Some(machine) = road.machines.of_mut(name) else {
        return false;
    };
    let outcome = machine.overdue(now);
    let mut wants_another = outcome.is_some_and(|it| settle(road, now, name, it, out));
    let journey = road.journeys.of(name);
    let late_at = journey.and_then(|journey| journey.is_late_at(&settings));
    if late_at.is_some_and(|at| now >= at) {
        late(road, now, name, out);
        wants_another = true;
    }
    let step = road.journeys.of(name).map(|journey| journey.step);
    let may_stop = may_stop && now >= road.machines.not_before;
    let is_unused = is_unused(road.needs(), now, name);
    let is_waited_for = matches!(step, Some(Step::Starting | Step::WarmingUp { .. }));
    let is_down = match road.facts.pool.member(name) {
        Some(member) => member.stage == Stage::Ready && !member.read.is_up(),
        None => road.facts.has_picture(),
    };
    let Some(machine) = road.machines.of_mut(name) else {
        return wants_another;
    };
    if !is_waited_for && !wants_another {
        machine.give_up_if_starting(now);
    }
    if machine.is_busy() || wants_another {
        return wants_another;
    }
    if is_down && !machine.is_told {
        machine.doubt(now);
    }
    match step {
        Some(Step::Starting) => match machine.to_start(now) {
            ToStart::GoOn => answers_next(road, now, name, out),
            ToStart::Ask => ask(road, now, name, &settings, out),
            ToStart::Start => start(road, now, name, &settings, out),
        },
        _ if may_stop && is_unused && settings.may_stop && machine.may_be_stopped(now) => {
            stop(road, now, name, &settings, out);
        }
        _ if machine.is_due(now) => ask(road, now, name, &settings, out),
        _ => {}
    }
    wants_another
}

/// An outcome came in; true when another spare is to be looked for.
pub(super) fn answered(
    road: &mut Road<'_>,
    now: Timestamp,
    id: ActionId,
    name: &str,
    outcome: Result<MachineAnswer, MachineFailure>,
    out: &mut Outbox,
) -> bool {
    let machine = road.machines.of_mut(name);
    let outcome = machine.and_then(|machine| machine.answered(now, id, outcome));
    outcome.is_some_and(|outcome| settle(road, now, name, outcome, out))
}

/// What an outcome means; true when another spare is to be looked for.
fn settle(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    outcome: Outcome,
    out: &mut Outbox,
) -> bool {
    match outcome {
        Outcome::Nothing | Outcome::Accepted => {
            if outcome == Outcome::Nothing {
                tell_if_unused(road, now, name, out);
            }
            return false;
        }
        Outcome::StartFailed(trouble) => {
            tell_failed(now, name, MachineVerb::Start, &trouble, None, out);
            let is_waited_for = road.journeys.of(name).is_some_and(|journey| {
                matches!(journey.step, Step::Starting | Step::WarmingUp { .. })
            });
            if is_waited_for {
                road.fail(now, name, Failure::Machine(trouble), out);
            }
            return is_waited_for;
        }
        Outcome::Stopped { ran } => {
            told(
                now,
                name,
                Change::MachineStopped,
                MachineNews::Stopped { ran },
                out,
            );
        }
        Outcome::StopFailed { trouble, again_in } => {
            tell_failed(now, name, MachineVerb::Stop, &trouble, Some(again_in), out);
        }
        Outcome::RunsLate => told(now, name, Change::Note, MachineNews::RunsLate, out),
        Outcome::WentOff => {
            let is_in_use = road.facts.pool.member(name).is_some_and(|member| {
                member.stage == Stage::Ready || road.journeys.of(name).is_some()
            });
            if is_in_use {
                let trouble = MachineTrouble::Died;
                tell_failed(now, name, MachineVerb::Status, &trouble, None, out);
            }
        }
        Outcome::Mute(trouble) => {
            tell_failed(now, name, MachineVerb::Status, &trouble, None, out);
        }
    }
    false
}

/// The backend is not looked after any more: what runs because of us is told.
pub(super) fn say_goodbye(machines: &Machines, now: Timestamp, out: &mut Outbox) {
    for (name, machine) in &machines.each {
        if machine.runs_for_us() {
            let news = MachineNews::Forgotten;
            told(now, name, Change::Warning, news, out);
        }
    }
}

/// One that runs in no use is told once: one of ours whose server HAProxy has no more, and one that
/// somebody else started.
fn tell_if_unused(road: &mut Road<'_>, now: Timestamp, name: &str, out: &mut Outbox) {
    let has_picture = road.facts.has_picture();
    let is_unused = is_unused(road.needs(), now, name);
    let is_homeless = has_picture && road.facts.pool.member(name).is_none();
    let Some(machine) = road.machines.of_mut(name) else {
        return;
    };
    if machine.power.state != Some(PowerState::On) || machine.is_told {
        return;
    }
    let news = match (is_homeless, machine.is_ours) {
        (true, true) => MachineNews::Homeless,
        (false, false) if is_unused => MachineNews::Runs,
        (true | false, true | false) => return,
    };
    machine.is_told = true;
    told(now, name, Change::Warning, news, out);
}

/// Its server has not answered in time: the next one is tried.
pub(super) fn late(road: &mut Road<'_>, now: Timestamp, name: &str, out: &mut Outbox) {
    let Some(settings) = road.settings.machines.get(name) else {
        return;
    };
    let trouble = MachineTrouble::Late(settings.start_timeout);
    if let Some(machine) = road.machines.of_mut(name) {
        machine.give_up(now);
    }
    tell_failed(now, name, MachineVerb::Start, &trouble, None, out);
    road.fail(now, name, Failure::Machine(trouble), out);
}

/// Its server answers: the boot is over.
pub(super) fn proven(road: &mut Road<'_>, now: Timestamp, name: &str, out: &mut Outbox) {
    let machine = road.machines.of_mut(name);
    if let Some(boot) = machine.and_then(|machine| machine.is_proven(now)) {
        let news = MachineNews::Started { boot };
        told(now, name, Change::MachineStarted, news, out);
    }
}

/// Its server was put into maint by us: its machine is ours to stop.
pub(super) fn departed(road: &mut Road<'_>, name: &str) {
    if let Some(machine) = road.machines.of_mut(name) {
        machine.is_ours = !machine.power.is_down();
    }
}

fn start(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    settings: &MachineSettings,
    out: &mut Outbox,
) {
    let wanted = road.journeys.of(name).and_then(|it| it.goal.wanted());
    let Some(wanted) = wanted.cloned() else {
        return;
    };
    let id = out.next_id();
    let Some(machine) = road.machines.of_mut(name) else {
        return;
    };
    let is_new = machine.begin_start(now, id, settings);
    let news = MachineNews::Start {
        key: machine.starts.key,
        attempt: machine.starts.attempt,
        usual: machine.starts.boot,
        wanted,
    };
    if is_new {
        road.machines.started(now);
    }
    told(now, name, Change::MachineStart, news, out);
    call(
        road,
        id,
        name,
        MachineVerb::Start,
        settings.start_timeout,
        out,
    );
}

fn stop(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    settings: &MachineSettings,
    out: &mut Outbox,
) {
    let id = out.next_id();
    if let Some(machine) = road.machines.of_mut(name) {
        machine.begin_stop(now, id, settings);
    }
    told(now, name, Change::MachineStop, MachineNews::Stop, out);
    call(
        road,
        id,
        name,
        MachineVerb::Stop,
        settings.stop_timeout,
        out,
    );
}

fn ask(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    settings: &MachineSettings,
    out: &mut Outbox,
) {
    let id = out.next_id();
    if let Some(machine) = road.machines.of_mut(name) {
        machine.begin_status(now, id, settings);
    }
    call(
        road,
        id,
        name,
        MachineVerb::Status,
        settings.status_timeout,
        out,
    );
}

fn call(
    road: &Road<'_>,
    id: ActionId,
    name: &str,
    verb: MachineVerb,
    limit: Duration,
    out: &mut Outbox,
) {
    let member = road.facts.pool.member(name);
    let Some(machine) = road.machines.of(name) else {
        return;
    };
    let call = MachineCall {
        verb,
        server: out.server(name),
        address: member.and_then(|member| member.read.address),
        key: machine.starts.key,
        attempt: machine.starts.attempt,
        limit,
    };
    out.actions.push(Action::Machine { id, call });
}

fn told(now: Timestamp, name: &str, change: Change, news: MachineNews, out: &mut Outbox) {
    out.report(now, Some(name), change, Reason::Machine(news));
}

fn tell_failed(
    now: Timestamp,
    name: &str,
    verb: MachineVerb,
    trouble: &MachineTrouble,
    again_in: Option<Duration>,
    out: &mut Outbox,
) {
    let news = MachineNews::Failed {
        verb,
        trouble: trouble.clone(),
        again_in,
    };
    told(now, name, Change::MachineFailed, news, out);
}
