//! What is simulated: a backend, its load, and what is judged; and one policy run in it.

use std::time::Duration;

use super::SimulateError;
use super::control::Control;
use super::control::ours::{Ours, WarmUps};
use super::engine::{Backend, Balance, Cold, ServerSetup};
use super::load::Load;
use super::measure::{Tally, mean_ms};
use super::policy::Policy;
use super::run::run;
use crate::scaler::decision::Decision;
use crate::scaler::settings::BackendSettings;
use crate::words::picture::AdminState;

/// Everything that a run begins with.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Our configuration of the backend.
    pub settings: BackendSettings,
    /// All servers, in the order of haproxy.cfg: first those that are always up.
    pub names: Vec<String>,
    /// Servers that take traffic from the start and always.
    pub min: usize,
    /// Requests that a server works on at once.
    pub workers: u32,
    /// `maxconn` of each server.
    pub maxconn: Option<u32>,
    pub cold: Cold,
    pub balance: Balance,
    /// From the wish for a server until it answers.
    pub boot: Duration,
    /// Requests of our warm-up.
    pub warm_up_requests: u32,
    /// An answer that takes longer is slow.
    pub goal: Duration,
    pub load: Load,
}

/// What became of one policy.
#[derive(Clone, Debug)]
pub struct Run {
    pub policy: Policy,
    pub tally: Tally,
    /// Servers that took traffic at the start.
    pub at_start: u16,
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
    /// The backend with so many servers that take traffic.
    pub(super) fn backend(&self, ready: usize) -> Backend {
        let setup = |index: usize| ServerSetup {
            state: if index < ready {
                AdminState::Ready
            } else {
                AdminState::Maint
            },
            workers: self.workers,
            maxconn: self.maxconn,
            cold: self.cold,
        };
        Backend::new(self.balance, (0..self.names.len()).map(setup))
    }

    /// Runs one policy.
    ///
    /// # Errors
    /// Little's law does not hold: the numbers would be wrong.
    pub fn run(&self, policy: Policy) -> Result<Run, SimulateError> {
        let ready = match policy {
            Policy::Ours | Policy::Guard | Policy::StaticMin => self.min,
            Policy::StaticMax => self.names.len(),
        };
        let mut backend = self.backend(ready);
        let mut control = match policy {
            Policy::Ours | Policy::Guard => Control::Ours(Box::new(self.ours(&backend))),
            Policy::StaticMin | Policy::StaticMax => Control::Nobody,
        };
        let serving = (0..self.names.len()).map(|index| index < ready).collect();
        let goal_ns = u64::try_from(self.goal.as_nanos()).unwrap_or(u64::MAX);
        let mut tally = Tally::new(goal_ns, self.load.seconds(), serving);
        if !run(&self.load, &mut backend, &mut control, &mut tally) {
            return Err(SimulateError::Unbalanced(policy));
        }
        let decisions = match control {
            Control::Nobody => Vec::new(),
            Control::Ours(ours) => ours.decisions,
        };
        Ok(Run {
            policy,
            tally,
            at_start: u16::try_from(ready).unwrap_or(u16::MAX),
            decisions,
        })
    }

    fn ours(&self, backend: &Backend) -> Ours {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let service_ns = self.load.service.mean_ns() as u64;
        let warm_ups = WarmUps {
            boot: self.boot,
            requests: self.warm_up_requests,
            service_ns,
        };
        let settings = self.settings.clone();
        Ours::new(settings, &self.names, backend, self.balance, warm_ups)
    }
}
