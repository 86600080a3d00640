//! What became of the policies, for one scenario and in sum.

use haproxy_autoscale::measure::capacity::Bracket;
use haproxy_autoscale::scaler::settings::Capacity;
use haproxy_autoscale::simulate::compare::compare;
use haproxy_autoscale::simulate::plan::plan;
use haproxy_autoscale::simulate::policy::Policy;
use haproxy_autoscale::simulate::scenario::Run;
use haproxy_autoscale::words::time::Timestamp;

use super::Sampled;

/// Every run begins with one server, whatever the load: this long, and three starts of a server, are its
/// beginning.
const BEGINNING_S: f64 = 300.0;
const BEGINNING_BOOTS: f64 = 3.0;
/// Yesterday's users come by another seed.
const YESTERDAY: u64 = 1_000_003;

/// What is kept of one run, or of many together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    pub runs: u32,
    pub requests: u64,
    /// Slower than the goal, or failed.
    pub slow: u64,
    /// Of the slow ones, those that came in the beginning, see [`BEGINNING_S`].
    pub slow_at_first: u64,
    pub failed: u64,
    /// Shares of slow requests, added up: a small scenario counts as much as a large one.
    pub slow_shares: f64,
    pub server_s: f64,
    /// Seconds of the load.
    pub seconds: f64,
    pub changes: u64,
    pub flaps: u64,
}

impl Sum {
    fn of(run: &Run, boot_s: f64) -> Self {
        let tally = &run.tally;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let beginning = (BEGINNING_S + BEGINNING_BOOTS * boot_s) as usize;
        let at_first = tally.seconds.iter().take(beginning);
        Self {
            runs: 1,
            requests: tally.requests,
            slow: tally.slow,
            slow_at_first: at_first.map(|it| u64::from(it.slow)).sum(),
            failed: tally.failed,
            slow_shares: run.slow_share(),
            server_s: tally.server_seconds(),
            seconds: tally.seconds.len() as f64,
            changes: tally.changes,
            flaps: tally.flaps,
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.requests += other.requests;
        self.slow += other.slow;
        self.slow_at_first += other.slow_at_first;
        self.failed += other.failed;
        self.slow_shares += other.slow_shares;
        self.server_s += other.server_s;
        self.seconds += other.seconds;
        self.changes += other.changes;
        self.flaps += other.flaps;
    }

    /// The share of slow requests, 0 to 1: each request counts the same.
    pub fn slow_share(&self) -> f64 {
        self.slow as f64 / self.requests.max(1) as f64
    }

    /// The same without the beginnings of the runs.
    pub fn slow_share_later(&self) -> f64 {
        (self.slow - self.slow_at_first) as f64 / self.requests.max(1) as f64
    }

    /// The same, each scenario counting the same.
    pub fn slow_share_mean(&self) -> f64 {
        self.slow_shares / f64::from(self.runs.max(1))
    }

    pub fn server_hours(&self) -> f64 {
        self.server_s / 3600.0
    }

    pub fn servers_mean(&self) -> f64 {
        self.server_s / self.seconds.max(1.0)
    }
}

/// One scenario and its runs, in the order of the policies asked for.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub sampled: Sampled,
    pub runs: Vec<(Policy, Sum)>,
}

impl Outcome {
    /// Simulates them.
    ///
    /// # Panics
    /// A scenario that cannot be simulated.
    pub fn of(mut sampled: Sampled, policies: &[Policy], knows_yesterday: bool) -> Self {
        if knows_yesterday {
            sampled.options.learned = yesterday(&sampled).map(Capacity::From);
        }
        let plan = plan(&sampled.options).expect("a scenario");
        let runs = compare(&plan.scenario, policies).expect("Little's law");
        let boot_s = sampled.options.boot.as_secs_f64();
        let sum = |run: &Run| (run.policy, Sum::of(run, boot_s));
        let runs = runs.iter().map(sum).collect();
        Self { sampled, runs }
    }

    /// What became of that policy.
    ///
    /// # Panics
    /// It was not asked for.
    pub fn sum(&self, policy: Policy) -> &Sum {
        let found = self.runs.iter().find(|(it, _)| *it == policy);
        &found.expect("a policy that was run").1
    }
}

/// What ours has learned in the end of the same day with other users.
fn yesterday(sampled: &Sampled) -> Option<Bracket> {
    let mut options = sampled.options.clone();
    options.seed = options.seed.wrapping_add(YESTERDAY);
    let plan = plan(&options).expect("a scenario");
    let run = plan.scenario.run(Policy::Ours, None).expect("Little's law");
    let memory = run.capacity?;
    Some(memory.learned(Timestamp::from_ms(0)).bracket)
}

/// All of these together.
pub fn total<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>, policy: Policy) -> Sum {
    let mut sum = Sum::default();
    for outcome in outcomes {
        sum.add(outcome.sum(policy));
    }
    sum
}
