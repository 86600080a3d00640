//! What there is to see of a machine, as data. Nothing here decides.

use std::time::Duration;

use crate::scaler::member::Stage;
use crate::words::machine::PowerState;

/// The machine that a spare runs on, where we start and stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineView {
    /// What it does; `None`: nobody knows.
    pub power: Option<PowerState>,
    /// For how long.
    pub lasted: Duration,
    /// It runs because of us.
    pub is_ours: bool,
    /// Its server is waited for.
    pub booting: Option<Booting>,
    /// From its last start to the first proof of its server.
    pub boot: Option<Duration>,
    /// How often we have started it, earlier daemons included.
    pub starts: u64,
    /// How long it has run, or may have, since this daemon began.
    pub ran: Duration,
}

/// A machine that was asked to run, and whose server has not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booting {
    /// Since it was asked.
    pub lasted: Duration,
    /// How long its last boot took.
    pub usual: Option<Duration>,
}

impl Booting {
    /// When its server answers, if this boot takes as long as the last one.
    pub fn left(&self) -> Option<Duration> {
        self.usual?.checked_sub(self.lasted)
    }
}

/// What the machine of a spare that rests does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineNote {
    /// It is to run, and its server to answer.
    Boots(Booting),
    /// It has been off for so long.
    Off {
        lasted: Duration,
        usual: Option<Duration>,
    },
    /// It is to be off.
    Stops(Duration),
    /// It runs.
    Runs(Duration),
    Gone,
    Unknown,
}

impl MachineView {
    /// What a machine does of which nobody knows that.
    pub const UNKNOWN: &str = "unknown";

    /// What it does, in one word.
    pub fn state(&self) -> &'static str {
        self.power.map_or(Self::UNKNOWN, PowerState::as_str)
    }

    /// Said of a spare whose server rests in that stage.
    pub(in crate::scaler) const fn note(&self, stage: Stage) -> Option<MachineNote> {
        if let Some(booting) = self.booting {
            return Some(MachineNote::Boots(booting));
        }
        Some(match stage {
            Stage::Stopping => MachineNote::Stops(self.lasted),
            Stage::Off | Stage::Maint | Stage::Starting => match self.power {
                Some(PowerState::Off) => MachineNote::Off {
                    lasted: self.lasted,
                    usual: self.boot,
                },
                Some(PowerState::On | PowerState::Starting) => MachineNote::Runs(self.lasted),
                Some(PowerState::Stopping) => MachineNote::Stops(self.lasted),
                Some(PowerState::Gone) => MachineNote::Gone,
                None => MachineNote::Unknown,
            },
            Stage::Unknown
            | Stage::Warming
            | Stage::DrainingIn
            | Stage::Ready
            | Stage::DrainingOut => return None,
        })
    }
}
