//! What many schedules begin with. The model itself lives in `world`.

use std::time::Duration;

use super::world::{World, settings};

/// Between two requests.
pub(super) const GAP: Duration = Duration::from_millis(100);

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Slow requests have brought in web2.
pub(super) fn with_a_spare_in() -> World {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world
}
