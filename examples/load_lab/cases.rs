//! The cases. A name is the one under which the finding was first measured.

mod by_hand;
mod fine;
mod front;
mod leave;
mod queue;
mod share;
mod sick;

use crate::case::{Case, Expect, Haproxy, Load};

/// The product's own defaults for what else is short here.
const OWN_DEFAULTS: &[(&str, &str)] = &[
    ("grace", ""),
    ("scale_up_cooldown", ""),
    ("drain_timeout", ""),
];

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = queue::cases();
    all.extend(share::cases());
    all.extend(sick::cases());
    all.extend(leave::cases());
    all.extend(by_hand::cases());
    all.extend(front::cases());
    all.extend(fine::cases());
    all
}

/// With these lines in the backend.
fn backend(case: Case, backend: &'static str) -> Case {
    Case {
        haproxy: Haproxy {
            backend,
            ..case.haproxy
        },
        ..case
    }
}

/// With these words behind the servers' addresses.
fn servers(case: Case, servers: [&'static str; 3]) -> Case {
    Case {
        haproxy: Haproxy {
            servers,
            ..case.haproxy
        },
        ..case
    }
}

/// With so many users.
fn curve(case: Case, curve: &'static [(f64, f64)]) -> Case {
    Case {
        load: Load {
            curve,
            ..case.load
        },
        ..case
    }
}

/// At most so many per cent without a page.
fn percent(case: Case, bad_percent: f64) -> Case {
    Case {
        expect: Expect {
            bad_percent,
            ..case.expect
        },
        ..case
    }
}

/// The whole way: in, out, all at rest at the end, and nobody without a page.
fn served(case: Case) -> Case {
    Case {
        load: Load {
            curve: &[(95.0, 18.0), (8.0, 16.0)],
            ..case.load
        },
        expect: Expect {
            bad_percent: 0.3,
            rests: true,
            ..case.expect
        },
        ..case
    }
}

/// Part of `--quick`.
fn quick(case: Case) -> Case {
    Case {
        quick: true,
        ..case
    }
}
