//! What is simulated: a backend, its load, and what is judged; and one policy run in it.

use std::time::Duration;

use super::SimulateError;
use super::control::Control;
use super::control::ours::{Ours, WarmUps};
use super::control::rule::{Hand, Ruled, Start};
use super::elasticity::Elasticity;
use super::engine::{Backend, Balance, Cold, Database, ServerSetup};
use super::load::Load;
use super::measure::{Tally, mean_ms};
use super::policy::Policy;
use super::run::run;
use super::staffing::Staffing;
use super::supply::Supply;
use crate::scaler::decision::Decision;
use crate::scaler::memory::CapacityMemory;
use crate::scaler::settings::{BackendSettings, Capacity, MachineSettings, TIER};
use crate::words::picture::AdminState;

/// The right target of those who aim at requests in flight: this share of a server's workers (Knative's
/// `container-concurrency-target-percentage`).
const TARGET_SHARE: f64 = 0.7;
/// Beside what a machine takes to start or to stop, it has this long, where no configuration says it.
const MACHINE_MARGIN: Duration = Duration::from_secs(60);

/// Everything that a run begins with.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Our configuration of the backend.
    pub settings: BackendSettings,
    /// All servers, in the order of haproxy.cfg: first those that are always up.
    pub names: Vec<String>,
    /// So many of the last names are made up: neither the configuration nor a log has them.
    pub made_up: usize,
    /// Servers that take traffic from the start and always.
    pub min: usize,
    /// Requests that a server works on at once.
    pub workers: u32,
    /// `maxconn` of each server.
    pub maxconn: Option<u32>,
    pub cold: Cold,
    pub balance: Balance,
    /// From the wish for a server until it answers, of those whose supply says nothing.
    pub boot: Duration,
    pub supply: Supply,
    /// Requests of our warm-up.
    pub warm_up_requests: u32,
    /// An answer that takes longer is slow.
    pub goal: Duration,
    pub load: Load,
    /// What all servers share.
    pub database: Option<Database>,
}

/// What became of one policy.
#[derive(Clone, Debug)]
pub struct Run {
    pub policy: Policy,
    /// Requests in flight per server that it aimed at, where it aims at that.
    pub target: f64,
    pub tally: Tally,
    /// Servers that took traffic at the start.
    pub at_start: u16,
    pub elasticity: Elasticity,
    /// What its servers cost; `None`: nothing has a price.
    pub cost: Option<f64>,
    /// What our scaler knows in the end of what one server carries.
    pub capacity: Option<CapacityMemory>,
    /// What our scaler said.
    pub decisions: Vec<Decision>,
}

impl Run {
    /// The share of slow and failed requests, 0 to 1.
    pub fn slow_share(&self) -> f64 {
        self.tally.slow as f64 / (self.tally.requests.max(1)) as f64
    }

    pub fn response_mean_ms(&self) -> f64 {
        mean_ms(self.tally.response_ns, self.tally.requests)
    }

    pub fn wait_mean_ms(&self) -> f64 {
        mean_ms(self.tally.wait_ns, self.tally.requests)
    }

    /// Servers on average over the time of the load.
    pub fn servers_mean(&self) -> f64 {
        self.tally.server_seconds() / (self.tally.seconds.len().max(1)) as f64
    }
}

impl Scenario {
    /// The tier of a server; what is always up is of the first.
    pub fn tier(&self, index: usize) -> u32 {
        let name = self.names.get(index).filter(|_| index >= self.min);
        name.map_or(TIER, |it| self.settings.tier(it))
    }

    /// From the wish for it until it answers.
    pub fn boot_of(&self, index: usize) -> Duration {
        self.supply.of(index).boot.unwrap_or(self.boot)
    }

    /// The machine of a spare, as the configuration has it; one that takes time to stop has one, too.
    pub fn machine(&self, index: usize) -> Option<MachineSettings> {
        let name = self.names.get(index).filter(|_| index >= self.min)?;
        let supply = self.supply.of(index);
        let assumed = || MachineSettings {
            start_timeout: self.boot_of(index).saturating_add(MACHINE_MARGIN),
            stop_timeout: supply.stop_delay.saturating_add(MACHINE_MARGIN),
            ..MachineSettings::default()
        };
        let configured = self.settings.machines.get(name).copied();
        configured.or_else(|| (!supply.stop_delay.is_zero()).then(assumed))
    }

    /// Those that take traffic at the start if so many do: those that are always up, then spares by tiers.
    fn serving(&self, ready: usize) -> Vec<bool> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by_key(|index| (*index >= self.min, self.tier(*index)));
        let mut serving = vec![false; order.len()];
        for index in order.into_iter().take(ready) {
            if let Some(is_ready) = serving.get_mut(index) {
                *is_ready = true;
            }
        }
        serving
    }

    /// The backend; a server takes traffic where `ready` says so.
    pub(super) fn backend_with(&self, ready: &[bool]) -> Backend {
        let setup = |is_ready: &bool| ServerSetup {
            state: if *is_ready {
                AdminState::Ready
            } else {
                AdminState::Maint
            },
            workers: self.workers,
            maxconn: self.maxconn,
            cold: self.cold,
        };
        Backend::new(self.balance, ready.iter().map(setup)).with_database(self.database.clone())
    }

    /// Runs one policy. A target is requests in flight per server, where the policy has one.
    ///
    /// # Errors
    /// Little's law does not hold: the numbers would be wrong.
    pub fn run(&self, policy: Policy, target: Option<f64>) -> Result<Run, SimulateError> {
        let needed = self.needed();
        let ready = match policy {
            Policy::StaticMax => self.names.len(),
            Policy::Oracle => needed
                .first()
                .map_or(self.min, |first| self.min.max(*first)),
            Policy::Ours
            | Policy::Guard
            | Policy::StaticMin
            | Policy::Script2011
            | Policy::Hpa
            | Policy::Kpa
            | Policy::HpaBest
            | Policy::KpaBest => self.min,
        };
        let serving = self.serving(ready);
        let mut backend = self.backend_with(&serving);
        let servers = serving.iter().enumerate().map(|(index, is_ready)| Hand {
            tier: self.tier(index),
            boot_ns: whole_ns(self.boot_of(index)),
            stop_ns: whole_ns(self.supply.of(index).stop_delay),
            is_ready: *is_ready,
        });
        let start = Start {
            min: self.min,
            servers: servers.collect(),
        };
        let is_ours = matches!(policy, Policy::Ours | Policy::Guard);
        let stop_delays_ns = start.servers.iter().enumerate().map(|(index, server)| {
            let has_machine = is_ours && self.machine(index).is_some();
            (!has_machine).then_some(server.stop_ns)
        });
        let stop_delays_ns = stop_delays_ns.collect();
        let goal_ns = whole_ns(self.goal);
        let target = target.unwrap_or(TARGET_SHARE * f64::from(self.workers));
        let mut control = match policy {
            Policy::StaticMin | Policy::StaticMax => Control::Nobody,
            Policy::Ours => self.ours(&self.settings, &backend),
            Policy::Guard => self.ours(&guard(&self.settings), &backend),
            Policy::Script2011 => Control::Ruled(Box::new(Ruled::script(goal_ns, start))),
            Policy::Hpa | Policy::HpaBest => Control::Ruled(Box::new(Ruled::hpa(target, start))),
            Policy::Kpa | Policy::KpaBest => Control::Ruled(Box::new(Ruled::kpa(target, start))),
            Policy::Oracle => Control::Ruled(Box::new(Ruled::oracle(&needed, start))),
        };
        let mut tally = Tally::new(goal_ns, self.load.seconds(), serving);
        tally = tally.with_stop_delays(stop_delays_ns);
        if !run(&self.load, &mut backend, &mut control, &mut tally) {
            return Err(SimulateError::Unbalanced(policy));
        }
        let (capacity, decisions) = match control {
            Control::Nobody | Control::Ruled(_) | Control::Schedule(_) => (None, Vec::new()),
            Control::Ours(ours) => (ours.capacity(self.load.end_ns()), ours.decisions),
        };
        let at_start = u16::try_from(ready).unwrap_or(u16::MAX);
        let elasticity = Elasticity::of(&needed, &tally.serving_by_second(at_start));
        Ok(Run {
            policy,
            target,
            cost: self.supply.cost(&tally),
            tally,
            at_start,
            elasticity,
            capacity,
            decisions,
        })
    }

    fn ours(&self, settings: &BackendSettings, backend: &Backend) -> Control {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let service_ns = self.load.service.mean_ns() as u64;
        let servers = 0..self.names.len();
        let warm_ups = WarmUps {
            boots: servers.clone().map(|it| self.boot_of(it)).collect(),
            stop_delays: servers
                .map(|it| self.machine(it).map(|_| self.supply.of(it).stop_delay))
                .collect(),
            requests: self.warm_up_requests,
            service_ns,
        };
        let mut settings = settings.clone();
        if settings.machines.is_empty() {
            // Nobody has set limits for machines that are only assumed.
            settings.starts_per_hour = u32::MAX;
            settings.machines_at_once = u32::MAX;
        }
        let named = self.names.iter().enumerate();
        let machines = named.filter_map(|(it, name)| Some((name.clone(), self.machine(it)?)));
        settings.machines = machines.collect();
        let ours = Ours::new(settings, &self.names, backend, self.balance, warm_ups);
        Control::Ours(Box::new(ours))
    }

    /// The fewest servers that each second needs, at least those that are always up.
    pub fn needed(&self) -> Vec<usize> {
        let staffing = Staffing {
            workers: self.workers,
            service_s: self.load.service.mean_ns() / 1e9,
            squared_cv: self.load.service.squared_cv(),
            goal_s: self.goal.as_secs_f64(),
        };
        let max = self.names.len();
        let mut last = (f64::NAN, 0);
        let need = |rate: &f64| {
            if last.0.to_bits() != rate.to_bits() {
                last = (*rate, staffing.needed(*rate, max).max(self.min));
            }
            last.1
        };
        self.load.rates_per_s.iter().map(need).collect()
    }
}

/// Ours with learned capacity off.
pub(super) fn guard(settings: &BackendSettings) -> BackendSettings {
    BackendSettings {
        capacity: Capacity::Off,
        ..settings.clone()
    }
}

fn whole_ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
