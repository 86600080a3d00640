//! The machines of the model: they boot, go off, and their provider may fail, be late or lie. What must
//! never be asked of one is held against every call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use haproxy_autoscale::scaler::Scaler;
use haproxy_autoscale::scaler::event::{ActionId, Event};
use haproxy_autoscale::scaler::settings::MachineSettings;
use haproxy_autoscale::words::machine::{
    MachineAnswer, MachineCall, MachineFailure, MachineKey, MachineVerb, PowerState,
};
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::picture::AdminState;
use haproxy_autoscale::words::time::Timestamp;

use super::world::{BACKEND, Fault, Pending, World};

/// A provider that works answers after so long.
const ANSWERS: Duration = Duration::from_millis(50);
/// What is over its limit is ended this much later at the latest.
const ENDED: Duration = Duration::from_secs(5);
/// The hour of `starts_per_hour`.
const HOUR: Duration = Duration::from_secs(3600);

/// One machine of the model.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each a manner of its own, set by one test
pub(crate) struct Machine {
    pub(crate) power: PowerState,
    pub(crate) boot: Duration,
    /// It was started by us, and has not been off since.
    pub(crate) is_started: bool,
    /// Keys under which it was asked to start, with the time of the first call.
    pub(crate) keys: BTreeMap<MachineKey, Timestamp>,
    /// The next call of that verb meets that fault.
    pub(crate) faults: Vec<(MachineVerb, Fault)>,
    /// Asked to stop, it says that it does and never ends.
    pub(crate) hangs_in_stop: bool,
    /// Its provider cannot tell what it does.
    pub(crate) is_mute: bool,
    /// Asked to start, its provider says that it will; it is off until then.
    pub(crate) is_slow_to_begin: bool,
    /// Its provider may not stop it.
    pub(crate) is_forbidden: bool,
    /// An operator has put its server into maint since it was asked to start last.
    is_handed_over: bool,
    /// Its provider has said off since it was asked to start last, though it runs: nobody can know that.
    pub(crate) has_denied: bool,
    /// It was woken, and not stopped since.
    is_waking: bool,
    /// So many of those starts have no effect.
    pub(crate) lost_packets: u32,
    /// The provider takes this long for a start before it answers.
    pub(crate) start_takes: Duration,
    pub(crate) calls: Vec<(MachineVerb, Timestamp)>,
    /// One call at a time.
    busy_until: Timestamp,
}

/// What becomes of a machine later.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// The power is on: it boots.
    Starts,
    /// Its server answers.
    Boots,
    /// It runs and its server answers.
    Wakes,
    /// It is off.
    Ends,
}

/// All machines, by their servers.
pub(crate) type Plant = BTreeMap<String, Machine>;

impl World {
    /// That spare runs on a machine which is off and boots for so long.
    pub(crate) fn with_machine(mut self, name: &str, boot_s: u64) -> Self {
        let boot = Duration::from_secs(boot_s);
        self.plant.insert(
            name.to_owned(),
            Machine {
                power: PowerState::Off,
                boot,
                is_started: false,
                keys: BTreeMap::new(),
                faults: Vec::new(),
                hangs_in_stop: false,
                is_mute: false,
                is_slow_to_begin: false,
                is_forbidden: false,
                is_handed_over: false,
                has_denied: false,
                is_waking: false,
                lost_packets: 0,
                start_takes: ANSWERS,
                calls: Vec::new(),
                busy_until: Timestamp::default(),
            },
        );
        self.server(name).is_alive = false;
        let settings = MachineSettings::default();
        self.settings.machines.insert(name.to_owned(), settings);
        self.begin_anew();
        self
    }

    /// The same world before its daemon began, with other settings.
    pub(crate) fn begin_anew(&mut self) {
        self.scaler = Scaler::new(self.now, [self.settings.clone()]);
    }

    /// An operator who puts a server into maint may work on its machine.
    pub(crate) fn hand_at(&mut self, name: &str, state: AdminState) {
        if let Some(machine) = self.plant.get_mut(name) {
            // What was asked for before is an operator's, too.
            machine.is_started &= state != AdminState::Maint;
            machine.is_handed_over |= state == AdminState::Maint;
        }
    }

    /// Whoever was asked is gone with the daemon.
    pub(crate) fn end_calls(&mut self) {
        for machine in self.plant.values_mut() {
            machine.busy_until = self.now;
        }
    }

    pub(crate) fn machine(&mut self, name: &str) -> &mut Machine {
        self.plant.get_mut(name).expect("a known machine")
    }

    pub(crate) fn power(&self, name: &str) -> PowerState {
        self.plant.get(name).expect("a known machine").power
    }

    /// Somebody else's hand, or an accident.
    pub(crate) fn set_power(&mut self, name: &str, power: PowerState) {
        let machine = self.machine(name);
        machine.power = power;
        machine.is_started &= power == PowerState::On;
        machine.is_waking = false;
        self.server(name).is_alive = power == PowerState::On;
    }

    /// Starts that were asked for under keys of their own.
    pub(crate) fn starts(&self, name: &str) -> usize {
        self.plant.get(name).map_or(0, |it| it.keys.len())
    }

    /// How often that was asked of it.
    pub(crate) fn asked(&self, name: &str, verb: MachineVerb) -> usize {
        let calls = self.plant.get(name).map_or(&[][..], |it| &it.calls);
        calls.iter().filter(|(asked, _)| *asked == verb).count()
    }

    pub(super) fn start_call(&mut self, id: ActionId, call: &MachineCall, fault: Fault) {
        self.durable = self.scaler.memory(self.now);
        let (name, now) = (call.server.server.clone(), self.now);
        self.assert_may_ask(&name, call);
        let limit = call.limit;
        let machine = self.machine(&name);
        machine.calls.push((call.verb, now));
        let planned = machine
            .faults
            .iter()
            .position(|(verb, _)| *verb == call.verb);
        let fault = planned.map_or(fault, |at| machine.faults.remove(at).1);
        if call.verb == MachineVerb::Start {
            machine.has_denied = false;
            machine.is_handed_over = false;
            machine.keys.entry(call.key).or_insert(now);
        }
        let takes = match (fault, call.verb) {
            (Fault::Late(delay), _) => delay.max(ANSWERS),
            (_, MachineVerb::Start) => machine.start_takes,
            (_, MachineVerb::Stop | MachineVerb::Status) => ANSWERS,
        };
        machine.busy_until = now.after(takes.min(limit).max(ANSWERS));
        if fault == Fault::Lost {
            machine.busy_until = now.after(limit);
        }
        let is_done = !matches!(fault, Fault::Lost | Fault::Refused | Fault::Ignored);
        if call.verb != MachineVerb::Status {
            self.done.push(format!(
                "{now:?} {} {} {}",
                call.verb.as_str(),
                call.server,
                call.key.0
            ));
        }
        let machine = self.machine(&name);
        let is_lost = call.verb == MachineVerb::Start && machine.lost_packets > 0;
        machine.lost_packets -= u32::from(is_lost);
        match call.verb {
            MachineVerb::Start if is_lost => {}
            MachineVerb::Start if is_done && machine.is_slow_to_begin => {
                // Like a computer that is woken: nobody sees it before its server answers.
                // A packet to one that runs does nothing.
                machine.is_waking |= machine.power != PowerState::On;
                let boot = machine.boot;
                self.turns(&name, boot, Turn::Wakes);
            }
            MachineVerb::Start if is_done => self.turns(&name, takes, Turn::Starts),
            MachineVerb::Stop if self.machine(&name).is_forbidden => {}
            MachineVerb::Stop if is_done => self.turns(&name, takes, Turn::Ends),
            MachineVerb::Start | MachineVerb::Stop | MachineVerb::Status => {}
        }
        if fault == Fault::Lost {
            return;
        }
        if takes > limit {
            // Ended by its limit; what it began goes on.
            let ended = Pending::Answered(id, name, call.verb, Fault::AnswerLost);
            return self.later(limit + ENDED, ended);
        }
        let answered = Pending::Answered(id, name, call.verb, fault);
        self.later(takes, answered);
    }

    fn turns(&mut self, name: &str, delay: Duration, turn: Turn) {
        self.later(delay, Pending::Turn(name.to_owned(), turn));
    }

    pub(super) fn turn(&mut self, name: &str, turn: Turn) {
        let machine = self.machine(name);
        match turn {
            Turn::Starts if machine.power != PowerState::On => {
                machine.power = PowerState::Starting;
                machine.is_started = !machine.is_handed_over;
                let boot = machine.boot;
                self.turns(name, boot, Turn::Boots);
            }
            Turn::Boots if machine.power == PowerState::Starting => {
                machine.power = PowerState::On;
                self.server(name).is_alive = true;
            }
            Turn::Ends if machine.hangs_in_stop => machine.power = PowerState::Stopping,
            Turn::Ends => {
                machine.power = PowerState::Off;
                (machine.is_started, machine.is_waking) = (false, false);
                self.server(name).is_alive = false;
            }
            Turn::Wakes if machine.is_waking => {
                machine.is_waking = false;
                machine.power = PowerState::On;
                machine.is_started = !machine.is_handed_over;
                self.server(name).is_alive = true;
            }
            Turn::Starts | Turn::Boots | Turn::Wakes => {}
        }
    }

    pub(super) fn answer_call(
        &mut self,
        id: ActionId,
        name: String,
        verb: MachineVerb,
        fault: Fault,
    ) {
        let power = self.power(&name);
        let words = || "the provider's words".to_owned();
        let lie = match power {
            PowerState::Off | PowerState::Gone => PowerState::On,
            PowerState::On | PowerState::Starting | PowerState::Stopping => PowerState::Off,
        };
        if (fault, verb, lie) == (Fault::Ignored, MachineVerb::Status, PowerState::Off) {
            self.machine(&name).has_denied = true;
        }
        let outcome = match (fault, verb) {
            (Fault::AnswerLost | Fault::Lost, _) => Err(MachineFailure::Unknown(words())),
            (Fault::Refused, _) => Err(MachineFailure::Failed(words())),
            (_, MachineVerb::Stop) if self.machine(&name).is_forbidden => {
                Err(MachineFailure::Refused(words()))
            }
            (Fault::Ignored, MachineVerb::Status) => Ok(MachineAnswer::Is(lie)),
            (_, MachineVerb::Status) if self.machine(&name).is_mute => Ok(MachineAnswer::Done),
            (Fault::None | Fault::Late(_), MachineVerb::Status) => Ok(MachineAnswer::Is(power)),
            (Fault::None | Fault::Late(_), MachineVerb::Start)
                if self.machine(&name).is_slow_to_begin =>
            {
                Ok(MachineAnswer::NotYet { retry_after: None })
            }
            (
                Fault::None | Fault::Late(_) | Fault::Ignored,
                MachineVerb::Start | MachineVerb::Stop,
            ) => Ok(MachineAnswer::Done),
        };
        let server = ServerName::new(BACKEND, name);
        self.step(Event::MachineAnswered {
            id,
            server,
            outcome,
        });
    }

    /// What must never be asked, whatever was answered before.
    fn assert_may_ask(&mut self, name: &str, call: &MachineCall) {
        let trace = self.trace();
        let now = self.now;
        let machine = self.plant.get(name).expect("a known machine");
        assert!(
            machine.busy_until <= now,
            "two calls at once for {name}: {call:?}{trace}"
        );
        let shown = self.shown.as_ref();
        let read = shown
            .and_then(|it| it.servers.iter().find(|it| it.name == name))
            .cloned();
        match call.verb {
            MachineVerb::Status => {}
            MachineVerb::Start => {
                assert!(!self.is_paused, "a start in a pause{trace}");
                self.assert_budget(name, call.key);
                let machine = self.plant.get(name).expect("a known machine");
                let is_new = !machine.keys.contains_key(&call.key);
                let newest = machine.keys.keys().next_back();
                assert!(
                    newest.is_none_or(|newest| call.key >= *newest),
                    "{name}: an old key{trace}"
                );
                assert!(
                    !(is_new && machine.is_started && self.is_truthful && !machine.is_mute),
                    "{name} is started a second time under another key, {}{trace}",
                    call.key.0
                );
            }
            MachineVerb::Stop => {
                assert!(!self.is_paused, "a stop in a pause{trace}");
                let read = read.expect("a stop of what HAProxy has shown");
                assert!(
                    read.is_maint(),
                    "a stop of {name}, which is not in maint{trace}"
                );
                assert_eq!(
                    read.sessions, 0,
                    "a stop of {name} with sessions on it{trace}"
                );
                let sessions = self.server(name).read.sessions;
                let is_same = self.shown_generation == Some(self.generation);
                assert!(
                    sessions == 0 || sessions != read.sessions || !is_same,
                    "a stop of {name} with sessions on it{trace}"
                );
            }
        }
    }

    fn assert_budget(&self, name: &str, key: MachineKey) {
        let is_new = |it: &Machine| !it.keys.contains_key(&key);
        if !self.plant.get(name).is_some_and(is_new) || !self.is_truthful {
            return;
        }
        let starts = self.plant.values().flat_map(|it| it.keys.values());
        let recent = starts.filter(|at| self.now.since(**at) < HOUR).count();
        let most = usize::try_from(self.settings.starts_per_hour).expect("a small number");
        assert!(
            recent < most,
            "more than {most} starts within an hour{}",
            self.trace()
        );
    }

    /// Machines that run because of us.
    pub(crate) fn running(&self) -> BTreeSet<&str> {
        let running = self.plant.iter().filter(|(_, it)| it.is_started);
        running.map(|(name, _)| name.as_str()).collect()
    }
}
