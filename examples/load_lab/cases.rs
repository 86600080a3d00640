//! The cases. A name is the one under which the finding was first measured.

mod by_hand;
mod fine;
mod front;
mod leave;
mod matrix;
mod queue;
mod share;
mod sick;

use crate::case::Case;

/// The product's own defaults for what else is short here.
const OWN_DEFAULTS: &[(&str, &str)] = &[
    ("grace", ""),
    ("scale_up_cooldown", ""),
    ("drain_timeout", ""),
];
/// HAProxy is read more often than by default.
const READ_OFTEN: &[(&str, &str)] = &[("haproxy.poll_interval", "\"500ms\"")];
/// So long that whoever waits for it is seen to wait.
const LONG_DEADLINE: &[(&str, &str)] = &[("warm_up.deadline", "\"30s\"")];
const CHECK: &str = "check inter 1s";
const AGENT: &str = "check inter 1s agent-check agent-port {agent} agent-inter 500ms";

/// All of them.
pub fn all() -> Vec<Case> {
    let mut all = queue::cases();
    all.extend(matrix::cases());
    all.extend(share::cases());
    all.extend(sick::cases());
    all.extend(leave::cases());
    all.extend(by_hand::cases());
    all.extend(front::cases());
    all.extend(fine::cases());
    all
}
