//! What the story sees of either world, the pretend one and the one with a real HAProxy.

use std::io;
use std::path::Path;

use super::DemoError;
use super::contrast::{Toll, contrast, enabled_at_once};
use super::pretend_world::PretendWorld;
use super::real_world::RealWorld;
use super::scenario::{Place, Scenario};
use crate::sim::queues::Answer;

/// What happened since the last look.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Now, microseconds since the start.
    pub at_us: u64,
    /// What users got since the last sample.
    pub answers: Vec<Answer>,
    /// HAProxy's status words of the always-up server and of the spare: `UP`, `DRAIN 1/3`.
    pub status: [String; 2],
    /// Answers that the spare has given so far, to whomever.
    pub spare_answers: usize,
}

/// Where the story plays.
#[derive(Debug)]
pub enum World {
    /// Nothing installed.
    Pretend(PretendWorld),
    /// A real HAProxy, real users.
    Real(RealWorld),
}

/// Computes what "enable at once" would have given the users from the last breach until then.
pub type WhatIf = Box<dyn FnOnce(u64) -> Option<Verdict>>;

/// Both ways, and where the numbers of the second come from.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// Enabled at once, cold.
    pub at_once: Toll,
    /// Warmed up first. `None`: take what was measured.
    pub warmed: Option<Toll>,
}

impl World {
    /// Starts the pretend world, or one around this HAProxy.
    ///
    /// # Errors
    ///
    /// What could not be started.
    pub async fn start(
        haproxy: Option<&Path>,
        scenario: &Scenario,
        place: &Place,
    ) -> Result<Self, DemoError> {
        match haproxy {
            Some(program) => RealWorld::start(program, scenario, place)
                .await
                .map(Self::Real),
            None => match PretendWorld::start(scenario, place).await {
                Ok(world) => Ok(Self::Pretend(world)),
                Err(error) => Err(DemoError::World(format!(
                    "cannot start the pretend HAProxy in {}: {error}",
                    place.folder.display()
                ))),
            },
        }
    }

    /// What happened since the last call.
    ///
    /// # Errors
    ///
    /// When the world broke: its log cannot be written, its HAProxy ended.
    pub async fn sample(&mut self) -> Result<Sample, DemoError> {
        match self {
            Self::Pretend(world) => world.sample().map_err(|error| lost(&error)),
            Self::Real(world) => world.sample().await,
        }
    }

    pub fn end_rush(&mut self) {
        match self {
            Self::Pretend(world) => world.end_rush(),
            Self::Real(world) => world.end_rush(),
        }
    }

    /// To be kept from the instant of the last breach.
    pub fn what_if(&self, scenario: &Scenario, from_us: u64) -> WhatIf {
        match self {
            // A copy of this very load at this instant.
            Self::Pretend(world) => {
                let model = world.fork_load();
                Box::new(move |to_us| {
                    let at_once = enabled_at_once(model, from_us, to_us);
                    let warmed = None;
                    Some(Verdict { at_once, warmed })
                })
            }
            Self::Real(_) => {
                let both = contrast(scenario).map(|both| Verdict {
                    at_once: both.at_once,
                    warmed: Some(both.warmed),
                });
                Box::new(move |_| both)
            }
        }
    }

    /// Commands that named the always-up server; `None`: not known, only looked at from outside.
    pub fn always_up_writes(&self) -> Option<u32> {
        match self {
            Self::Pretend(world) => Some(world.always_up_writes()),
            Self::Real(_) => None,
        }
    }

    /// Whether HAProxy is a real one.
    pub const fn is_real(&self) -> bool {
        match self {
            Self::Pretend(_) => false,
            Self::Real(_) => true,
        }
    }
}

fn lost(error: &io::Error) -> DemoError {
    DemoError::World(format!("cannot write the demo's log: {error}"))
}
