//! The policies that a simulation compares, by name.

use crate::words::closed::closed;

closed! {
    /// Who decides about servers.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Policy {
        /// Our scaler with the configuration as it is.
        Ours = "ours",
        /// The same with learned capacity off: windows above the goal alone.
        Guard = "guard",
        /// The always-up servers and nobody else.
        StaticMin = "static-min",
        /// All servers, always.
        StaticMax = "static-max",
        /// The rules of the script of 2011.
        Script2011 = "script2011",
        /// The Horizontal Pod Autoscaler, told the right target.
        Hpa = "hpa",
        /// The Knative Pod Autoscaler, told the right target.
        Kpa = "kpa",
        /// The cheapest of a sweep of targets that is no slower than ours.
        HpaBest = "hpa-best",
        /// The same of the Knative Pod Autoscaler.
        KpaBest = "kpa-best",
        /// Knows the future.
        Oracle = "oracle",
    }
}

/// Why a text is no policy.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no such policy; those that there are: {}", all())]
pub struct NotPolicy;

fn all() -> String {
    Policy::ALL.map(Policy::as_str).join(", ")
}

impl Policy {
    /// It stands for the best run of a sweep of targets.
    pub const fn is_sweep(self) -> bool {
        matches!(self, Self::HpaBest | Self::KpaBest)
    }

    /// By its name.
    ///
    /// # Errors
    /// [`NotPolicy`].
    pub fn parse(text: &str) -> Result<Self, NotPolicy> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or(NotPolicy)
    }
}
