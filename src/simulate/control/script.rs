//! The rules of the script of 2011 that this project began with: the mean of the last 15 response times,
//! three times in a row above the goal: enable a server. No request for a while: disable one.

use crate::simulate::engine::{Answer, SECOND_NS};

/// Response times that are looked at together.
const WINDOW: u32 = 15;
/// Windows in a row.
const BREACHES: u32 = 3;
/// From one server to the next.
const COOLDOWN_NS: u64 = 30 * SECOND_NS;
/// Without any request for so long, one goes.
const IDLE_NS: u64 = 300 * SECOND_NS;
/// How often it looks whether anything comes.
pub(super) const LOOK_S: u64 = 1;

/// Its state.
#[derive(Debug)]
pub(super) struct Script {
    goal_ns: u64,
    count: u32,
    sum_ns: u64,
    breaches: u32,
    changed_ns: Option<u64>,
    last_request_ns: u64,
}

impl Script {
    pub(super) const fn new(goal_ns: u64) -> Self {
        Self {
            goal_ns,
            count: 0,
            sum_ns: 0,
            breaches: 0,
            changed_ns: None,
            last_request_ns: 0,
        }
    }

    /// A line of the log; whether one more server is wanted.
    pub(super) fn answered(&mut self, answer: &Answer) -> bool {
        let now_ns = answer.ended_ns;
        self.last_request_ns = now_ns;
        self.count += 1;
        self.sum_ns = self.sum_ns.saturating_add(answer.response_ns());
        if self.count < WINDOW {
            return false;
        }
        let is_above = self.sum_ns > self.goal_ns.saturating_mul(u64::from(WINDOW));
        (self.count, self.sum_ns) = (0, 0);
        self.breaches = if is_above { self.breaches + 1 } else { 0 };
        let is_cool = self.changed_ns.is_none_or(|at| now_ns - at >= COOLDOWN_NS);
        if self.breaches < BREACHES || !is_cool {
            return false;
        }
        self.breaches = 0;
        self.changed_ns = Some(now_ns);
        true
    }

    /// Whether one server is wanted less.
    pub(super) fn is_idle(&mut self, now_ns: u64) -> bool {
        let is_idle = now_ns.saturating_sub(self.last_request_ns) >= IDLE_NS;
        if is_idle {
            // The next one goes after another while.
            self.last_request_ns = now_ns;
        }
        is_idle
    }
}
