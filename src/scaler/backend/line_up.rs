//! In which order spares are taken, where nobody has said so: the one that is strong enough alone comes before
//! weaker ones. Which spares can be had at all is in `needs` and in `pool`.

use super::facts::Facts;
use super::size;
use crate::measure::need::covers;
use crate::scaler::member::Member;
use crate::scaler::settings::{BackendSettings, Spares};

/// A breach says that servers are too few and not how many: one more like the first one.
pub(super) const BREACH_UNITS: f64 = 1.0;

/// The first of the best tier that is as strong as `units` before the others. An order that an operator gave stays
/// as it is.
pub(super) fn sufficing_first<'a>(
    facts: &Facts,
    settings: &BackendSettings,
    mut candidates: Vec<&'a Member>,
    units: f64,
) -> Vec<&'a Member> {
    if matches!(settings.spares, Spares::Named(_)) {
        return candidates;
    }
    let best = candidates.first().map(|first| tier(settings, first));
    let suffices = |member: &&Member| {
        member.read.weight > 0
            && Some(tier(settings, member)) == best
            && covers(size::whole_strength(facts, [*member]).units, units)
    };
    if let Some(at) = candidates.iter().position(suffices) {
        let first = candidates.remove(at);
        candidates.insert(0, first);
    }
    candidates
}

fn tier(settings: &BackendSettings, member: &Member) -> u32 {
    settings.tier(&member.read.name)
}
