//! Looks at the programs that start and stop what spares run on, and asks each for the status of its machine,
//! which changes nothing. What the answers mean is judged elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::facts::{Facts, MachineFacts};
use crate::machines::settings::Provider;
use crate::machines::{self, Machines};
use crate::words::machine::PowerState;
use crate::words::names::ServerName;

/// Longest wait for a list, as long as a daemon waits for one.
const LIST_MAX: Duration = Duration::from_secs(30);
/// Asked in all: more than this and the answer would come late.
const ASKED_MAX: usize = 64;
/// Programs that are asked for their list, one after the other.
const LISTS_MAX: usize = 4;

/// Those of our configuration, in the order of their names.
pub(super) async fn look(facts: &Facts, asks: bool) -> Vec<MachineFacts> {
    let Some(config) = facts.config.loaded() else {
        return Vec::new();
    };
    let mut providers: BTreeMap<ServerName, Provider> = BTreeMap::new();
    let mut limits: BTreeMap<ServerName, Duration> = BTreeMap::new();
    for (name, backend) in &config.backends {
        for (server, provider) in &backend.machines {
            let name = ServerName::new(name, server);
            let settings = backend.scaler.machines.get(server);
            let settings = settings.copied().unwrap_or_default();
            limits.insert(name.clone(), settings.status_timeout);
            providers.insert(name, provider.clone());
        }
    }
    // Where nobody knows the daemon's user, root's programs alone are right.
    let uid = facts.reader.uid.unwrap_or(0);
    let machines = Machines::new(providers.clone(), Arc::new(drop));
    let mut all = JoinSet::new();
    let providers = providers.into_iter().zip(limits.into_values());
    for (index, ((server, provider), limit)) in providers.enumerate() {
        let trouble = machines::look(&provider, uid).err();
        // A program of the daemon's user is nothing that root should run.
        let is_ours = machines::look(&provider, facts.asker.uid.unwrap_or(0)).is_ok();
        let may_run = trouble.is_none() && is_ours;
        let is_asked = asks && index < ASKED_MAX && may_run && provider.can_tell();
        let machines = machines.clone();
        let address = address(facts, &server);
        all.spawn(async move {
            let answer = if is_asked {
                Some(machines.reach(&server, address, limit).await)
            } else {
                None
            };
            MachineFacts {
                server,
                provider,
                trouble,
                answer,
                list: None,
            }
        });
    }
    let mut looked = all.join_all().await;
    looked.sort_by(|a, b| a.server.cmp(&b.server));
    ask_for_lists(&mut looked).await;
    looked
}

/// Asks each program that knows its machine which ones there are, once, whatever its arguments.
async fn ask_for_lists(looked: &mut [MachineFacts]) {
    let mut programs = BTreeSet::new();
    let mut providers = BTreeMap::new();
    for machine in &*looked {
        let program = machine.provider.command().and_then(<[String]>::first);
        if let (Some(program), Some(Ok(_))) = (program, &machine.answer)
            && programs.len() < LISTS_MAX
            && programs.insert(program.clone())
        {
            providers.insert(machine.server.clone(), machine.provider.clone());
        }
    }
    let machines = Machines::new(providers, Arc::new(drop));
    for listing in machines.list(LIST_MAX).await {
        let asked = looked.iter_mut();
        let mut asked = asked.filter(|it| listing.servers.contains(&it.server));
        if let (Some(machine), Err(failure)) = (asked.next(), listing.found) {
            machine.list = Some(failure);
        }
    }
}

pub(super) fn address(facts: &Facts, server: &ServerName) -> Option<SocketAddr> {
    let backend = facts.socket.said()?.picture.backends.get(&server.backend)?;
    let mut servers = backend.servers.iter();
    servers.find(|it| it.name == server.server)?.address
}

impl MachineFacts {
    /// It may well be off, so that its server need not answer.
    pub(super) fn may_be_off(&self) -> bool {
        !matches!(self.answer, Some(Ok(PowerState::On)))
    }
}
