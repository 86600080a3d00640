//! What the daemon counts of itself, and what it publishes for HTTP when that is asked for. How it is
//! written lives in `crate::metrics`, how it is served in `crate::http`.

use std::time::{Instant, SystemTime};

use super::Daemon;
use crate::config::Config;
use crate::control::Request;
use crate::http::Wish;
use crate::log::source::Source;
use crate::measure::settings::PolicySettings;
use crate::metrics::{Counters, Seen};
use crate::words::time::Timestamp;

/// The backends that are looked after, each with its policies.
pub(super) fn counted(config: &Config) -> impl Iterator<Item = (&str, &[PolicySettings])> {
    let backends = config.backends.iter();
    backends.map(|(name, backend)| (name.as_str(), &*backend.scaler.policies))
}

impl Daemon {
    /// Does what the HTTP server wants.
    pub(super) fn grant(&mut self, wish: Wish, source: &Source) {
        match wish {
            Wish::Look => {
                let mut counters = Counters::clone(&self.counters);
                counters.alerts = self.alerts.counts();
                let seen = Seen {
                    report: self.report(source),
                    at: SystemTime::now(),
                    counters,
                    log: *source.counters(),
                    socket: self.config.haproxy.socket.to_string(),
                };
                self.http.publish(seen);
            }
            Wish::Order(order, caller) => self.answer(Request::Order(order, caller), source),
        }
    }

    /// The loop woke at `woke`, where it had to be awake at `deadline`, and has done what woke it.
    pub(super) fn turned(&mut self, woke: Instant, now: Timestamp, deadline: Option<Timestamp>) {
        let late = deadline.filter(|deadline| now >= *deadline);
        let late = late.map(|deadline| now.since(deadline));
        self.counters.turn(woke.elapsed(), late);
        self.http.beat();
    }
}
