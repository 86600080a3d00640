//! The daemon dies after any command and starts again knowing nothing: what was begun is finished
//! or taken back, and no server is left between two stages (C-7).

use std::time::Duration;

use super::scenes::GAP;
use super::world::{World, settings};

impl World {
    /// The scaler is gone with all that it knew. Commands under way reach HAProxy, answers reach
    /// nobody, and the promises are judged on what the next scaler is told.
    pub(crate) fn crash(&mut self) {
        self.restart(None);
        self.shown = None;
        self.shown_generation = None;
        for server in &mut self.servers {
            server.held_at = None;
            server.touched_by_hand = false;
            server.told.clear();
        }
        self.extra_tick();
    }
}

/// Up because of load, down because of quiet, twice; calls `between` after each step.
fn up_and_down(world: &mut World, mut between: impl FnMut(&mut World)) {
    world.pass(GAP);
    for _ in 0..2 {
        for _ in 0..60 {
            world.requests(1, 900, GAP);
            between(world);
        }
        for _ in 0..80 {
            world.requests(1, 20, Duration::from_secs(1));
            between(world);
        }
    }
}

#[test]
fn killed_after_any_command_it_comes_back_and_leaves_no_server_between_stages() {
    let mut whole = World::new(settings());
    up_and_down(&mut whole, |_| {});
    let commands = whole.commands;
    assert!(commands >= 12, "in and out, twice: {:?}", whole.done);
    for crash_after in 1..=commands {
        for is_lost in [false, true] {
            let mut world = World::new(settings());
            world.crash_after = Some((crash_after, is_lost));
            up_and_down(&mut world, |_| {});
            assert_eq!(world.crash_after, None, "it was killed");
            // Quiet: what is still in goes, and a command that came late was held for ten minutes.
            for _ in 0..100 {
                world.requests(1, 20, Duration::from_secs(10));
            }
            for name in ["web2", "web3"] {
                let read = &world.server(name).read;
                assert!(
                    read.is_maint(),
                    "C-7: killed after command {crash_after}, {name} is {}: {:?}",
                    read.admin_state(),
                    world.done
                );
            }
        }
    }
}
