//! What the tests of the whole daemon have in common. No test here.

use std::time::Duration;

use crate::support::{Backend, Behaviour, Load, TinyServer, Visitor};

/// For something that should take a moment; generous, machines under test are busy.
pub(super) const SOON: Duration = Duration::from_secs(10);
/// Health checks that are quick enough to wait for.
pub(super) const CHECK: &str = "check inter 200ms fastinter 200ms downinter 200ms rise 2 fall 2";
/// Requests a second at which nothing is saturated.
pub(super) const RATE: f64 = 40.0;

/// Above the threshold of [`crate::support::DaemonConfig`] at any load.
pub(super) fn slow() -> Behaviour {
    Behaviour::delay_ms(150)
}

/// Well below it.
pub(super) fn fast() -> Behaviour {
    Behaviour::delay_ms(5)
}

/// Backend `web`: the first server always up, the others marked `disabled`, each with `flags`.
pub(super) fn web(flags: &str, servers: &[&TinyServer]) -> Backend {
    let mut backend = Backend::new("web");
    for (index, server) in servers.iter().enumerate() {
        let disabled = if index == 0 { "" } else { " disabled" };
        backend = backend.server(
            server.name(),
            server.address(),
            &format!("{flags}{disabled}"),
        );
    }
    backend
}

/// `check` and no `check`, for tests that hold for both.
pub(super) const FLAGS: [&str; 2] = ["", CHECK];

/// Every user was answered, and not by a cold server.
#[track_caller]
pub(super) fn assert_users_content(load: &Load, servers: &[&TinyServer]) {
    let failures = load.failures();
    assert!(
        failures.is_empty(),
        "{} failed: {failures:?}",
        failures.len()
    );
    for server in servers {
        assert_eq!(server.cold_users(), 0, "cold users of {}", server.name());
    }
}

/// No user has ever reached that server.
#[track_caller]
pub(super) fn assert_no_user_on(server: &TinyServer) {
    assert_eq!(server.count(Visitor::User), 0, "users of {}", server.name());
}
