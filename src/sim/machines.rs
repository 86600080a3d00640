//! Machines that do at once what they are asked for, for a world in which nothing is really started.

use std::collections::BTreeMap;

use crate::words::machine::{MachineAnswer, MachineCall, MachineVerb, PowerState};
use crate::words::names::ServerName;

/// Those that were asked for something, and whether they run.
#[derive(Clone, Debug, Default)]
pub struct Machines(BTreeMap<ServerName, bool>);

impl Machines {
    /// It was asked for something: until then nobody knows what it does.
    pub fn knows(&self, call: &MachineCall) -> bool {
        self.0.contains_key(&call.server)
    }

    /// Does it, and answers.
    pub fn obey(&mut self, call: &MachineCall) -> MachineAnswer {
        match call.verb {
            MachineVerb::Start => {
                self.0.insert(call.server.clone(), true);
                MachineAnswer::Done
            }
            MachineVerb::Stop => {
                self.0.insert(call.server.clone(), false);
                MachineAnswer::Done
            }
            MachineVerb::Status => {
                let runs = self.0.get(&call.server);
                let power = if runs.is_some_and(|runs| *runs) {
                    PowerState::On
                } else {
                    PowerState::Off
                };
                MachineAnswer::Is(power)
            }
        }
    }
}
