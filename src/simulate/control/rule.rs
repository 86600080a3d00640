//! Those who say how many servers they want, each at its own pace, with the same hands.

use super::fleet::Fleet;
pub use super::fleet::Hand;
use super::hpa::{self, Hpa};
use super::kpa::{self, Kpa};
use super::oracle::Oracle;
use super::script::{self, Script};
use crate::simulate::engine::{Answer, Backend, SECOND_NS};
use crate::simulate::measure::Tally;

/// A rule and its servers.
#[derive(Debug)]
pub struct Ruled {
    rule: Rule,
    fleet: Fleet,
    tick_ns: u64,
    next_tick_ns: u64,
    due_ns: u64,
}

/// Which rule.
#[derive(Debug)]
enum Rule {
    Script(Script),
    Hpa(Hpa),
    Kpa(Kpa),
    Oracle(Oracle),
}

/// The servers that a rule begins with.
#[derive(Clone, Debug)]
pub struct Start {
    /// So many of them always serve, the first.
    pub min: usize,
    /// All servers.
    pub servers: Vec<Hand>,
}

impl Ruled {
    /// The script of 2011.
    pub fn script(goal_ns: u64, start: Start) -> Self {
        Self::new(Rule::Script(Script::new(goal_ns)), script::LOOK_S, start)
    }

    /// The Horizontal Pod Autoscaler; `target` is requests in flight per server.
    pub fn hpa(target: f64, start: Start) -> Self {
        Self::new(Rule::Hpa(Hpa::new(target)), hpa::SYNC_S, start)
    }

    /// The Knative Pod Autoscaler; `target` is requests in flight per server.
    pub fn kpa(target: f64, start: Start) -> Self {
        let ready = start.servers.iter().filter(|it| it.is_ready).count();
        Self::new(Rule::Kpa(Kpa::new(target, ready)), kpa::TICK_S, start)
    }

    /// The oracle; `needed` servers in each second.
    pub fn oracle(needed: &[usize], start: Start) -> Self {
        let oracle = Oracle::new(needed, &start);
        Self::new(Rule::Oracle(oracle), 1, start)
    }

    fn new(rule: Rule, period_s: u64, start: Start) -> Self {
        let Start { min, servers } = start;
        let tick_ns = period_s * SECOND_NS;
        // The oracle looks at the beginning of each second, the others at the end of a period.
        let first_ns = match rule {
            Rule::Oracle(_) => 0,
            Rule::Script(_) | Rule::Hpa(_) | Rule::Kpa(_) => tick_ns,
        };
        Self {
            rule,
            fleet: Fleet::new(min, servers),
            tick_ns,
            next_tick_ns: first_ns,
            due_ns: first_ns,
        }
    }

    pub(super) const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    fn plan(&mut self) {
        self.due_ns = self.next_tick_ns.min(self.fleet.due_ns());
    }

    /// Lets happen what is due: a server has started, or the rule looks.
    pub(super) fn act(&mut self, backend: &mut Backend, tally: &mut Tally) {
        let now_ns = self.due_ns;
        self.fleet.started(now_ns, backend, tally);
        if self.next_tick_ns <= now_ns {
            self.next_tick_ns += self.tick_ns;
            let fleet = &self.fleet;
            let (serving, asked_for) = (fleet.serving(), fleet.asked_for());
            let wanted = match &mut self.rule {
                Rule::Script(script) => asked_for - usize::from(script.is_idle(now_ns)),
                Rule::Hpa(hpa) => {
                    let bounds = (fleet.min(), fleet.servers());
                    hpa.wanted(now_ns, (serving, asked_for), bounds, backend)
                }
                Rule::Kpa(kpa) => kpa.wanted(now_ns, serving, backend),
                Rule::Oracle(oracle) => oracle.wanted(now_ns),
            };
            self.fleet.want(wanted, now_ns, backend, tally);
        }
        self.plan();
    }

    /// A line of the log.
    #[inline]
    pub(super) fn answered(&mut self, answer: &Answer, backend: &mut Backend, tally: &mut Tally) {
        if let Some(server) = answer.server {
            self.fleet
                .ended_one(usize::from(server), answer.ended_ns, backend, tally);
        }
        if let Rule::Script(script) = &mut self.rule
            && script.answered(answer)
        {
            let wanted = self.fleet.asked_for() + 1;
            self.fleet.want(wanted, answer.ended_ns, backend, tally);
            self.plan();
        }
    }
}
