//! What providers of machines say beside their answers: their complaints, and which machines there are.
//! One that is listed, runs, and belongs to no server is told once.

use std::time::Duration;

use super::Daemon;
use crate::config::{Config, Mode};
use crate::machines::Listing;
use crate::machines::settings::Provider;
use crate::publish::hub::Hub;
use crate::publish::record::{News, Record};
use crate::words::machine::PowerState;
use crate::words::names::ServerName;
use crate::words::time::Timestamp;

/// How often each command is asked which machines there are.
const LIST_EVERY: Duration = Duration::from_secs(5 * 60);
/// How long it may take to say so.
pub(super) const LIST_LIMIT: Duration = Duration::from_secs(30);
/// Machines that are told at most; whoever has more of them has read it by then.
const TOLD_MAX: usize = 64;

/// Which machines there are, and what was told of that.
#[derive(Debug, Default)]
pub(super) struct Census {
    due: Timestamp,
    told: Vec<String>,
}

/// Everybody who starts and stops machines, by server.
pub(super) fn providers(config: &Config) -> std::collections::BTreeMap<ServerName, Provider> {
    let backends = config.backends.iter();
    let each = backends.flat_map(|(backend, it)| {
        let machines = it.machines.iter();
        machines
            .map(move |(server, it)| (ServerName::new(backend.clone(), server.clone()), it.clone()))
    });
    each.collect()
}

/// What programs say, for people.
pub(super) fn ear(hub: &Hub) -> crate::machines::Tell {
    let hub = hub.clone();
    std::sync::Arc::new(move |said| {
        hub.tell(Record::now(News::MachineSaid {
            server: said.server,
            verb: said.verb,
            text: said.text,
        }));
    })
}

impl Daemon {
    /// When commands are asked for their lists next; `None` without any, or where nothing is run.
    pub(super) fn census_due(&self) -> Option<Timestamp> {
        let mut providers = self
            .config
            .backends
            .values()
            .flat_map(|it| it.machines.values());
        let has_one = providers.any(|it| it.command().is_some());
        let is_acting = self.config.mode == Mode::Act;
        (has_one && is_acting).then_some(self.census.due)
    }

    /// Asks them.
    pub(super) fn take_census(&mut self) {
        self.census.due = self.clock.now().after(LIST_EVERY);
        self.hands.list_machines();
    }

    /// They have answered. One whose name is that of no server of its command is nobody's.
    pub(super) fn machines_listed(&mut self, listings: Vec<Listing>) {
        let mut stray = Vec::new();
        for listing in listings {
            let found = listing.found.unwrap_or_default();
            for machine in found {
                let runs = !matches!(
                    machine.state,
                    Some(PowerState::Off | PowerState::Gone | PowerState::Stopping)
                );
                let is_known = listing.servers.iter().any(|server| {
                    let mut names = [Some(&machine.machine), machine.name.as_ref()]
                        .into_iter()
                        .flatten()
                        .chain(&machine.tags);
                    names.any(|name| *name == server.server || *name == server.to_string())
                });
                if runs && !is_known {
                    let called = machine.name.filter(|name| *name != machine.machine);
                    let called = called.map(|name| format!(" ({name})")).unwrap_or_default();
                    let command = listing.command.first().cloned().unwrap_or_default();
                    stray.push((format!("{}{called}", machine.machine), command));
                }
            }
        }
        self.census
            .told
            .retain(|told| stray.iter().any(|(name, _)| name == told));
        for (machine, command) in stray {
            if self.census.told.len() < TOLD_MAX && !self.census.told.contains(&machine) {
                self.census.told.push(machine.clone());
                self.tell(News::MachineStray { machine, command });
            }
        }
    }
}
