//! Which of the machines that commands list belong to no server, and what was told of that already. Asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::Listing;
use super::exec::Listed;
use crate::words::machine::{MachineFailure, PowerState};
use crate::words::names::ServerName;

/// Machines that are told at most; whoever has more of them has read it by then.
const TOLD_MAX: usize = 64;

/// What people should hear of machines that were listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One runs that no server runs on.
    Stray { machine: String, program: String },
    /// A command does not say which machines there are.
    Mute {
        program: String,
        why: MachineFailure,
    },
}

/// What was told.
#[derive(Debug, Default)]
pub struct Census {
    /// Machines in no use, each with the program that lists it.
    stray: Vec<(String, String)>,
    /// Commands that do not answer.
    mute: BTreeSet<Vec<String>>,
}

impl Census {
    /// Takes the answers of all commands; gives what is new. A machine is known by the name of any server of
    /// its program, whatever the arguments: who lists all that a program has made lists those of the others.
    pub fn take(&mut self, listings: Vec<Listing>) -> Vec<Found> {
        let mut servers: BTreeMap<String, Vec<ServerName>> = BTreeMap::new();
        for listing in &listings {
            let own = servers.entry(program(listing)).or_default();
            own.extend(listing.servers.iter().cloned());
        }
        let (mut stray, mut mute) = (Vec::new(), BTreeSet::new());
        let mut silent = BTreeSet::new();
        let mut news = Vec::new();
        for listing in listings {
            let program = program(&listing);
            let found = match listing.found {
                Ok(found) => found,
                Err(why) => {
                    silent.insert(program.clone());
                    if !self.mute.contains(&listing.command) {
                        news.push(Found::Mute { program, why });
                    }
                    mute.insert(listing.command);
                    continue;
                }
            };
            let servers = servers.get(&program).map_or(&[][..], Vec::as_slice);
            let found = found
                .into_iter()
                .filter(|it| runs(it) && !is_of(it, servers));
            stray.extend(found.map(|it| (called(it), program.clone())));
        }
        self.mute = mute;
        // One that cannot be seen now was told all the same.
        self.stray
            .retain(|told| stray.contains(told) || silent.contains(&told.1));
        for (machine, program) in stray {
            let told = (machine, program);
            if self.stray.len() < TOLD_MAX && !self.stray.contains(&told) {
                self.stray.push(told.clone());
                let (machine, program) = told;
                news.push(Found::Stray { machine, program });
            }
        }
        news
    }
}

fn program(listing: &Listing) -> String {
    listing.command.first().cloned().unwrap_or_default()
}

fn runs(machine: &Listed) -> bool {
    !matches!(
        machine.state,
        Some(PowerState::Off | PowerState::Gone | PowerState::Stopping)
    )
}

fn is_of(machine: &Listed, servers: &[ServerName]) -> bool {
    servers.iter().any(|server| {
        let names = [Some(&machine.machine), machine.name.as_ref()];
        let mut names = names.into_iter().flatten().chain(&machine.tags);
        names.any(|name| *name == server.server || *name == server.to_string())
    })
}

fn called(machine: Listed) -> String {
    match machine.name.filter(|name| *name != machine.machine) {
        Some(name) => format!("{} ({name})", machine.machine),
        None => machine.machine,
    }
}
