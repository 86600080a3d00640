//! The cases. A name is the one under which the finding was first measured.

mod queue;
mod share;

use crate::case::Case;

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
    all
}
