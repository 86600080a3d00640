//! How many servers a known load needs: for the oracle, and as the demand that elasticity is measured
//! against. Formulas of queueing theory, no simulation.

/// The share of requests that may wait longer than the goal leaves.
const LATE_SHARE: f64 = 0.01;

/// What one server is, from which follows how many a rate needs.
#[derive(Clone, Copy, Debug)]
pub struct Staffing {
    pub workers: u32,
    /// Mean service time, seconds.
    pub service_s: f64,
    /// Its squared coefficient of variation.
    pub squared_cv: f64,
    /// Seconds.
    pub goal_s: f64,
}

impl Staffing {
    /// The fewest servers, at most `max`, with which in a steady state at most 1 % of the requests wait
    /// longer than the goal leaves them beside the mean service time: Erlang C for all workers together,
    /// the wait scaled by (1 + cv²) / 2 (Allen and Cunneen).
    pub fn needed(&self, rate_per_s: f64, max: usize) -> usize {
        let enough = |servers: &usize| self.late_share(rate_per_s, *servers) <= LATE_SHARE;
        (1..=max).find(enough).unwrap_or(max)
    }

    /// The share of requests that wait longer than the goal leaves.
    fn late_share(&self, rate_per_s: f64, servers: usize) -> f64 {
        let workers = servers as f64 * f64::from(self.workers);
        let offered = rate_per_s * self.service_s;
        if offered >= workers {
            return 1.0;
        }
        let patience_s = (self.goal_s - self.service_s).max(0.0);
        let spread = f64::midpoint(1.0, self.squared_cv);
        let drain_per_s = (workers - offered) / self.service_s;
        let count = u32::try_from(servers).unwrap_or(u32::MAX);
        let waits = erlang_c(count.saturating_mul(self.workers), offered);
        waits * (-drain_per_s * patience_s / spread).exp()
    }
}

/// The share of requests that find every one of `workers` busy; `offered` is in Erlang and below
/// `workers` (Erlang 1917, by the recursion of Erlang B).
pub fn erlang_c(workers: u32, offered: f64) -> f64 {
    let mut blocked = 1.0;
    for busy in 1..=workers {
        blocked = offered * blocked / (f64::from(busy) + offered * blocked);
    }
    let used = offered / f64::from(workers);
    blocked / (1.0 - used * (1.0 - blocked))
}

/// The mean wait of M/M/c, in service times.
pub fn mean_wait(workers: u32, offered: f64) -> f64 {
    erlang_c(workers, offered) / (f64::from(workers) - offered)
}
