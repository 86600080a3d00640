//! Which of the machines that commands list belong to no server, and what was told of that already. Asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::Listing;
use super::exec::Listed;
use crate::words::machine::{MachineFailure, PowerState};
use crate::words::names::ServerName;
use crate::words::one_line::one_line;

/// Machines that are told at most; whoever has more of them has read it by then.
const TOLD_MAX: usize = 64;
/// Longest name of a machine that is told, and as much for what people call it.
const NAME_CHARS_MAX: usize = 100;

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
    /// What was told of them, each with the program that said so.
    excuses: Vec<(String, MachineFailure)>,
}

/// What names the machines of one program.
#[derive(Debug, Default)]
struct Known {
    servers: Vec<ServerName>,
    arguments: BTreeSet<String>,
}

impl Census {
    /// Takes the answers of all commands; gives what is new. A machine is known by the name of any server of
    /// its program, and by any argument of it: who lists all that a program has made lists those of the others.
    pub fn take(&mut self, listings: Vec<Listing>) -> Vec<Found> {
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for listing in &listings {
            let own = known.entry(program(listing)).or_default();
            own.servers.extend(listing.servers.iter().cloned());
            let arguments = listing.command.iter().skip(1);
            own.arguments.extend(arguments.cloned());
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
                    let is_told = self.mute.contains(&listing.command);
                    if !is_told && self.has_to_tell(&program, &why) {
                        news.push(Found::Mute { program, why });
                    }
                    mute.insert(listing.command);
                    continue;
                }
            };
            let known = known.get(&program);
            let is_known = |it: &Listed| known.is_some_and(|known| known.has(it));
            let found = found.into_iter().filter(|it| runs(it) && !is_known(it));
            stray.extend(found.map(|it| (called(it), program.clone())));
        }
        self.mute = mute;
        self.excuses.retain(|told| silent.contains(&told.0));
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

    /// That program has not said so yet since it answered last.
    fn has_to_tell(&mut self, program: &str, why: &MachineFailure) -> bool {
        let excuse = (program.to_owned(), why.clone());
        let is_new = !self.excuses.contains(&excuse);
        if is_new && self.excuses.len() < TOLD_MAX {
            self.excuses.push(excuse);
        }
        is_new
    }
}

impl Known {
    /// It is the machine of one of the servers, by their names or by what their commands are told.
    fn has(&self, machine: &Listed) -> bool {
        let called = [Some(&machine.machine), machine.name.as_ref()];
        let called = called.into_iter().flatten();
        if called.clone().any(|name| self.arguments.contains(name)) {
            return true;
        }
        self.servers.iter().any(|server| {
            let mut names = called.clone().chain(&machine.tags);
            names.any(|name| *name == server.server || *name == server.to_string())
        })
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

/// As people may read it, whatever the program has written.
fn called(machine: Listed) -> String {
    let own = one_line(&machine.machine, NAME_CHARS_MAX);
    match machine.name.filter(|name| *name != machine.machine) {
        Some(name) => format!("{own} ({})", one_line(&name, NAME_CHARS_MAX)),
        None => own,
    }
}
