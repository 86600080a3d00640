//! Which servers the logs name, and the HAProxy that is pretended because of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::log::recorded::Period;
use crate::scaler::settings::Spares;
use crate::sim::server;
use crate::words::picture::BackendRead;

/// The server that is pretended when a log names no spare.
const PRETENDED_SPARE: &str = "spare";
/// Backends named in a note, at most.
const NAMED_MAX: usize = 8;

/// Which servers the logs name.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// By configured backend.
    servers: BTreeMap<String, BTreeSet<String>>,
    /// Backends that are not configured.
    others: BTreeSet<String>,
}

impl Seen {
    /// Notes a server; whether the pretended HAProxy would be another one with it.
    pub(super) fn take(&mut self, config: &Config, backend: &str, server: &str) -> bool {
        let Some(known) = config.backends.get(backend) else {
            if self.others.len() < NAMED_MAX {
                self.others.insert(backend.to_owned());
            }
            return false;
        };
        let servers = self.servers.entry(backend.to_owned()).or_default();
        if server.starts_with('<') || !servers.insert(server.to_owned()) {
            return false;
        }
        let is_named = match &known.scaler.spares {
            Spares::Named(spares) => spares.iter().any(|spare| spare == server),
            Spares::Auto => false,
        };
        !is_named && !known.scaler.always_up.iter().any(|it| it == server)
    }

    /// The servers of a backend as HAProxy would list them: always-up ones, spares, others.
    pub(super) fn pretended(&self, config: &Config, name: &str) -> BackendRead {
        let mut read = BackendRead::default();
        let Some(backend) = config.backends.get(name).map(|backend| &backend.scaler) else {
            return read;
        };
        read.servers.extend(
            backend
                .always_up
                .iter()
                .map(|name| server::configured(name, false)),
        );
        let logged = self.servers.get(name).into_iter().flatten();
        let logged = logged.filter(|server| !backend.always_up.contains(server));
        match &backend.spares {
            Spares::Named(spares) => {
                read.servers
                    .extend(spares.iter().map(|name| server::configured(name, true)));
                let others = logged.filter(|server| !spares.contains(server));
                read.servers
                    .extend(others.map(|name| server::configured(name, false)));
            }
            Spares::Auto => {
                read.servers
                    .extend(logged.map(|name| server::configured(name, true)));
                if self.lacks_spares(config, name) {
                    read.servers.push(server::configured(PRETENDED_SPARE, true));
                }
            }
        }
        read
    }

    fn lacks_spares(&self, config: &Config, name: &str) -> bool {
        config.backends.get(name).is_some_and(|backend| {
            let logged = self.servers.get(name).into_iter().flatten();
            backend.scaler.spares == Spares::Auto
                && !logged
                    .into_iter()
                    .any(|it| !backend.scaler.always_up.contains(it))
        })
    }

    pub(super) fn notes(&self, config: &Config, period: Period) -> Vec<String> {
        let log = if period == Period::default() {
            "the log"
        } else {
            "the part of the log between --since and --until"
        };
        let mut notes = Vec::new();
        for (name, backend) in &config.backends {
            let policies = backend.scaler.policies.iter();
            let targets = backend.scaler.targets.iter();
            let targets = targets.map(|target| target.measured.signal);
            let unseen = policies.map(|policy| policy.signal).chain(targets);
            notes.extend(unseen.filter(|it| !it.is_in_log()).map(|signal| {
                format!(
                    "{name}: {} cannot be replayed, a log does not show it; its policy asks for \
                     nothing here",
                    signal.as_str()
                )
            }));
            if !self.servers.contains_key(name) {
                let seen: Vec<&str> = self.others.iter().map(String::as_str).collect();
                let seen = if seen.is_empty() {
                    "it has no request at all".to_owned()
                } else {
                    format!("it has {}", seen.join(", "))
                };
                notes.push(format!("{log} has no request of backend {name}; {seen}"));
            } else if self.lacks_spares(config, name) {
                notes.push(format!(
                    "{name}: no spare is named and the log shows none, so one called \
                     `{PRETENDED_SPARE}` is pretended"
                ));
            }
        }
        notes
    }
}
