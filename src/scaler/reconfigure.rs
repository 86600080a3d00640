//! New settings for the whole: which backends come, stay and leave. What they mean for one that stays is
//! decided in `backend::reconfigure`.

use super::Scaler;
use super::agenda::Agenda;
use super::backend::{Backend, machine_keys_from};
use super::index::Index;
use super::memory::BackendMemory;
use super::settings::{BackendSettings, Spares};
use crate::words::names::ServerName;
use crate::words::time::Timestamp;

/// How many servers a new configuration would treat differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// Servers that are looked after now: always-up ones and spares.
    pub servers: usize,
    /// Those of them that would be something else, or nobody's.
    pub changed: usize,
}

impl Affected {
    /// More than half: that is rarely what was meant.
    pub const fn is_most(self) -> bool {
        self.changed.saturating_mul(2) > self.servers
    }
}

impl Scaler {
    /// Servers whose change has to be taken back before their backends get their new settings.
    pub fn settings_wait_for(&self) -> Vec<ServerName> {
        let waits = self.backends.iter().flat_map(|backend| {
            let servers = backend.sight().waits_for().into_iter();
            servers.map(|server| ServerName::new(backend.name(), server))
        });
        waits.collect()
    }

    /// How much of what HAProxy showed last a new configuration would treat differently.
    pub fn affected(&self, settings: &[BackendSettings]) -> Affected {
        let mut affected = Affected::default();
        for backend in &self.backends {
            let next = settings.iter().find(|next| next.name == backend.name());
            let (servers, changed) = backend.sight().affected(next);
            affected.servers += servers;
            affected.changed += changed;
        }
        affected
    }

    pub(super) fn reconfigure(
        &mut self,
        now: Timestamp,
        settings: &[BackendSettings],
        is_elsewhere: bool,
        was_pretended: bool,
    ) {
        if is_elsewhere {
            self.haproxy.forget();
        }
        for index in 0..self.backends.len() {
            self.touch(index, |backend, out| {
                if is_elsewhere {
                    backend.forget_servers(now, was_pretended, out);
                }
                match settings.iter().find(|next| next.name == backend.name()) {
                    Some(next) => backend.reconfigure(now, next.clone(), out),
                    None => backend.leave(now, out),
                }
            });
        }
        for next in settings {
            if self.by_name.get(&next.name).is_none() {
                let mut backend = Backend::new(now, next.clone());
                machine_keys_from(&mut backend, self.out.first_machine_key);
                let everything = self.everything.filter(|mark| !mark.is_over(now));
                backend.remember(now, None, everything, false);
                self.backends.push(backend);
            }
        }
        let is_leaving = |backend: &&Backend| backend.sight().is_leaving();
        self.leaving = self.backends.iter().filter(is_leaving).count();
        self.index_anew();
        self.pass(now);
    }

    /// An earlier daemon left weights of its own on servers of a backend that is not configured any more:
    /// looked at until haproxy.cfg's are back.
    pub(super) fn give_back(&mut self, now: Timestamp, name: &str, lent: &BackendMemory) {
        let settings = BackendSettings {
            spares: Spares::Named(Vec::new()),
            ..BackendSettings::for_backend(name, Vec::new())
        };
        let mut backend = Backend::new(now, settings);
        backend.remember(now, Some(lent), None, false);
        self.backends.push(backend);
        self.leaving += 1;
        self.index_anew();
        self.touch(self.backends.len() - 1, |backend, out| {
            backend.leave(now, out);
        });
    }

    /// Lets backends go that a new configuration does not name, once nothing of them is half-way.
    pub(super) fn let_go(&mut self, now: Timestamp) {
        if self.leaving == 0
            || !self
                .backends
                .iter()
                .any(|backend| backend.sight().is_gone())
        {
            return;
        }
        for backend in self
            .backends
            .iter()
            .filter(|backend| backend.sight().is_gone())
        {
            self.out.turn_of(backend.name());
            backend.sight().say_goodbye(now, &mut self.out);
        }
        let before = self.backends.len();
        self.backends.retain(|backend| !backend.sight().is_gone());
        self.leaving -= before - self.backends.len();
        self.index_anew();
    }

    fn index_anew(&mut self) {
        self.by_name = Index::of(self.backends.iter().map(Backend::name));
        self.agenda = Agenda::of(self.backends.iter().map(Backend::due));
        let settings = self.backends.iter().map(|it| &it.settings);
        self.haproxy.ask_for(self.now, settings);
    }
}
