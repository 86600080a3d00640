//! The machines of spares, which take their time: what each does when our scaler asks for something, and
//! when its server answers.

use std::time::Duration;

use crate::words::machine::{MachineAnswer, MachineVerb, PowerState};
use crate::words::time::Timestamp;

/// One machine; off at the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    /// From its start until its server answers; constant.
    boot: Duration,
    /// From the wish to stop it until it is off.
    stop_delay: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Off,
    /// Its server answers from then on.
    Runs {
        answers_at: Timestamp,
    },
    Stops {
        until: Timestamp,
    },
}

/// What an order has changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Changed {
    Nothing,
    /// Its server answers from then on.
    Started {
        answers_at: Timestamp,
    },
    /// It is off from then on.
    Stopped {
        off_at: Timestamp,
    },
}

impl Machine {
    pub(super) const fn new(boot: Duration, stop_delay: Duration) -> Self {
        Self {
            boot,
            stop_delay,
            state: State::Off,
        }
    }

    /// Does it; what has changed, and the answer.
    pub(super) fn obey(&mut self, now: Timestamp, verb: MachineVerb) -> (Changed, MachineAnswer) {
        match (verb, self.state) {
            (MachineVerb::Start, State::Runs { .. }) | (MachineVerb::Stop, State::Off) => {
                (Changed::Nothing, MachineAnswer::Done)
            }
            (MachineVerb::Start, State::Off) => self.start(now),
            // It starts once it is off.
            (MachineVerb::Start, State::Stops { until }) => self.start(now.max(until)),
            (MachineVerb::Stop, State::Runs { .. }) => {
                let off_at = now.after(self.stop_delay);
                self.state = State::Stops { until: off_at };
                (Changed::Stopped { off_at }, self.not_off_yet(now, off_at))
            }
            (MachineVerb::Stop, State::Stops { until }) => {
                (Changed::Nothing, self.not_off_yet(now, until))
            }
            (MachineVerb::Status, _) => (Changed::Nothing, MachineAnswer::Is(self.power(now))),
        }
    }

    fn start(&mut self, now: Timestamp) -> (Changed, MachineAnswer) {
        let answers_at = now.after(self.boot);
        self.state = State::Runs { answers_at };
        (Changed::Started { answers_at }, MachineAnswer::Done)
    }

    fn not_off_yet(&self, now: Timestamp, until: Timestamp) -> MachineAnswer {
        match self.power(now) {
            power @ PowerState::Off => MachineAnswer::Is(power),
            PowerState::On | PowerState::Starting | PowerState::Stopping | PowerState::Gone => {
                MachineAnswer::NotYet {
                    retry_after: Some(until.since(now)),
                }
            }
        }
    }

    fn power(&self, now: Timestamp) -> PowerState {
        match self.state {
            State::Runs { answers_at } if now < answers_at => PowerState::Starting,
            State::Runs { .. } => PowerState::On,
            State::Stops { until } if now < until => PowerState::Stopping,
            State::Stops { .. } | State::Off => PowerState::Off,
        }
    }
}
