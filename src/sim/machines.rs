//! Machines that do at once what they are asked for, for a world in which nothing is really started.

use std::collections::BTreeSet;

use crate::words::machine::{MachineAnswer, MachineCall, MachineVerb, PowerState};
use crate::words::names::ServerName;

/// Those that run.
#[derive(Clone, Debug, Default)]
pub struct Machines(BTreeSet<ServerName>);

impl Machines {
    /// Does it, and answers.
    pub fn obey(&mut self, call: &MachineCall) -> MachineAnswer {
        match call.verb {
            MachineVerb::Start => {
                self.0.insert(call.server.clone());
                MachineAnswer::Done
            }
            MachineVerb::Stop => {
                self.0.remove(&call.server);
                MachineAnswer::Done
            }
            MachineVerb::Status if self.0.contains(&call.server) => {
                MachineAnswer::Is(PowerState::On)
            }
            MachineVerb::Status => MachineAnswer::Is(PowerState::Off),
        }
    }
}
