//! For the debug log: what a look at HAProxy shows that the one before did not. Counters, which always
//! grow, are left out; what follows from a picture does not live here.

use std::collections::BTreeMap;

use super::Daemon;
use crate::words::picture::{Picture, ServerRead};

impl Daemon {
    /// Tells what is new in a picture, if anybody wants to know.
    pub(super) fn tell_difference(&mut self, picture: &Picture) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let before = self.last_picture.replace(picture.clone());
        let found = differences(&before.unwrap_or_default(), picture);
        if !found.is_empty() {
            tracing::debug!("HAProxy shows {}", found.join("; "));
        }
    }
}

fn differences(before: &Picture, now: &Picture) -> Vec<String> {
    let mut found = Vec::new();
    if before.generation != now.generation {
        found.push(format!("process {}", now.generation.pid));
    }
    let (old, new) = (servers(before), servers(now));
    for (name, server) in &new {
        match old.get(name) {
            None => found.push(format!("{name} {server}")),
            Some(known) if known != server => found.push(format!("{name} {known} -> {server}")),
            Some(_) => {}
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    found.extend(gone.map(|name| format!("no {name} any more")));
    found
}

/// What is shown of each server, by its name.
fn servers(picture: &Picture) -> BTreeMap<String, String> {
    let backends = picture.backends.iter();
    let servers = backends.flat_map(|(backend, read)| {
        let servers = read.servers.iter();
        servers.map(move |server| (format!("{backend}/{}", server.name), shown(server)))
    });
    servers.collect()
}

/// `(ready, up, weight 1, health 3, 12 sessions, 0 queued)`
fn shown(server: &ServerRead) -> String {
    let up = if server.is_up() { "up" } else { "not up" };
    let health = server
        .check
        .map(|check| format!(" health {},", check.health));
    format!(
        "({}, {up}, weight {},{} {} sessions, {} queued)",
        server.admin_state(),
        server.weight,
        health.unwrap_or_default(),
        server.sessions,
        server.queued
    )
}
