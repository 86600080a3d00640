//! What was done to spares, what asked for it, and what came of it.

use std::collections::BTreeMap;

use super::trigger::Trigger;
use crate::scaler::decision::{Change, Decision, Failure, Reason};
use crate::words::closed::closed;

closed! {
    /// What is done to a spare.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Action {
        WarmUp = "warm_up",
        Enable = "enable",
        Drain = "drain",
        Disable = "disable",
    }
}

closed! {
    /// What came of it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Outcome {
        Success = "success",
        Failure = "failure",
        /// Nothing was done: the daemon observes.
        Observed = "observed",
    }
}

const TRIGGERS: usize = Trigger::ALL.len();
const OUTCOMES: usize = Outcome::ALL.len();

/// How often each was done.
#[derive(Clone, Debug, Default)]
pub(super) struct Actions {
    counts: [[[u64; OUTCOMES]; TRIGGERS]; Action::ALL.len()],
    /// What asked for the change that a spare is in.
    under_way: BTreeMap<String, Trigger>,
}

impl Actions {
    pub(super) fn decision(&mut self, decision: &Decision, is_observing: bool) {
        let Some(server) = &decision.server else {
            return;
        };
        let success = if is_observing {
            Outcome::Observed
        } else {
            Outcome::Success
        };
        let asked = Trigger::of(&decision.reason);
        if decision.change == Change::WarmUp {
            self.under_way.insert(server.clone(), asked);
        } else if decision.change == Change::Enable {
            let known = self.under_way.remove(server);
            let trigger = known.filter(|_| asked == Trigger::Other).unwrap_or(asked);
            if matches!(decision.reason, Reason::Warmed { .. }) {
                self.add(Action::WarmUp, trigger, success);
            }
            self.add(Action::Enable, trigger, success);
        } else if decision.change == Change::EnableFailed {
            let trigger = self.under_way.remove(server).unwrap_or(Trigger::Other);
            let is_cold = matches!(
                decision.reason,
                Reason::Failed {
                    what: Failure::WarmUp(_),
                    ..
                }
            );
            let action = if is_cold {
                Action::WarmUp
            } else {
                Action::Enable
            };
            self.add(action, trigger, Outcome::Failure);
        } else if decision.change == Change::Drain {
            self.under_way.insert(server.clone(), asked);
            self.add(Action::Drain, asked, success);
        } else if decision.change == Change::Disable {
            let trigger = self.under_way.remove(server).unwrap_or(Trigger::Other);
            let trigger = Some(trigger).filter(|it| it.is_to_leave());
            self.add(Action::Disable, trigger.unwrap_or(Trigger::Other), success);
        }
    }

    /// A server that HAProxy does not list any more is in no change.
    pub(super) fn retain(&mut self, is_listed: impl Fn(&String) -> bool) {
        self.under_way.retain(|name, _| is_listed(name));
    }

    fn add(&mut self, action: Action, trigger: Trigger, outcome: Outcome) {
        let of_action = self.counts.get_mut(action as usize);
        let of_trigger = of_action.and_then(|it| it.get_mut(trigger as usize));
        if let Some(count) = of_trigger.and_then(|it| it.get_mut(outcome as usize)) {
            *count += 1;
        }
    }

    /// Those that can be, with how often they were: what is only observed is not done.
    pub(super) fn each(
        &self,
        is_observing: bool,
    ) -> impl Iterator<Item = (Action, Trigger, Outcome, u64)> {
        let actions = Action::ALL.into_iter().zip(self.counts);
        actions.flat_map(move |(action, of_action)| {
            let comes = matches!(action, Action::WarmUp | Action::Enable);
            let triggers = Trigger::ALL.into_iter().zip(of_action);
            let triggers = triggers.filter(move |(trigger, _)| {
                if comes {
                    trigger.is_to_come()
                } else {
                    trigger.is_to_leave()
                }
            });
            triggers.flat_map(move |(trigger, of_trigger)| {
                let outcomes = Outcome::ALL.into_iter().zip(of_trigger);
                let outcomes = outcomes.filter(move |(outcome, count)| {
                    let is_possible = match outcome {
                        Outcome::Success => !is_observing,
                        Outcome::Failure => !is_observing && comes,
                        Outcome::Observed => is_observing,
                    };
                    is_possible || *count > 0
                });
                outcomes.map(move |(outcome, count)| (action, trigger, outcome, count))
            })
        })
    }
}
