//! What providers of machines say beside their answers: their complaints, and which machines there are. Which of
//! those are nobody's is found out by `machines::census`.

use std::time::Duration;

use super::Daemon;
use crate::config::{Config, Mode};
use crate::machines::census::Found;
use crate::machines::exec::LIST;
use crate::machines::settings::Provider;
use crate::machines::{GRACE, Listing};
use crate::publish::hub::Hub;
use crate::publish::record::{News, Record};
use crate::words::machine::MachineFailure;
use crate::words::names::ServerName;
use crate::words::time::Timestamp;

/// How often each command is asked which machines there are.
const LIST_EVERY: Duration = Duration::from_secs(5 * 60);
/// How long it may take to say so.
pub(super) const LIST_LIMIT: Duration = Duration::from_secs(30);
/// How long one command may take in all: its turn, its run and its end.
const LIST_COMMAND_MAX: Duration = LIST_LIMIT.saturating_mul(2).saturating_add(GRACE);

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
        (has_one && is_acting).then_some(self.census_due)
    }

    /// Asks them. Another time is only due once they have answered, or cannot any more.
    pub(super) fn take_census(&mut self) {
        let commands = self.hands.list_machines();
        let longest = LIST_COMMAND_MAX.saturating_mul(commands);
        self.census_due = self.clock.now().after(LIST_EVERY.saturating_add(longest));
    }

    /// They have answered.
    pub(super) fn machines_listed(&mut self, listings: Vec<Listing>) {
        self.census_due = self.clock.now().after(LIST_EVERY);
        for found in self.census.take(listings) {
            let news = match found {
                Found::Stray { machine, program } => News::MachineStray {
                    machine,
                    command: program,
                },
                Found::Mute { program, why } => News::MachineSaid {
                    server: None,
                    verb: LIST,
                    text: mute(&program, &why),
                },
            };
            self.tell(news);
        }
    }
}

fn mute(program: &str, why: &MachineFailure) -> String {
    let (MachineFailure::Failed(why) | MachineFailure::Refused(why) | MachineFailure::Unknown(why)) =
        why;
    format!(
        "{program} does not say which machines there are: {why}; until it does, one that runs in no use is not \
         noticed"
    )
}
