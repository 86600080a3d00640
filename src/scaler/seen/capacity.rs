//! What one server carries, and what that means for the demand of now: plain data for `status`.
//! Nothing here decides.

use std::time::Duration;

use crate::measure::capacity::Carries;
use crate::measure::need::Need;
use crate::measure::served::Goal;
use crate::words::closed::closed;

closed! {
    /// Who says what one server carries.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
    pub enum CapacitySource {
        /// The load itself.
        Learned = "learned",
        /// An old log, and nothing since then.
        Log = "log",
        /// An operator, in the configuration.
        Given = "given",
        /// Nobody.
        #[default]
        None = "none",
    }
}

/// What one server carries, and what is asked of all. Rates are requests a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CapacityView {
    pub source: CapacitySource,
    /// What servers are to stay below; `None` where no server's time is judged.
    pub goal: Option<Goal>,
    /// The most that one server carried well.
    pub proved_per_s: Option<f64>,
    /// How long ago that was; `None` if this daemon has not seen it.
    pub proved_ago: Option<Duration>,
    /// What was too much for one server.
    pub broken_per_s: Option<f64>,
    /// What is reckoned with.
    pub carries: Option<Carries>,
    /// Requests that cost servers something.
    pub demand_per_s: Option<f64>,
    /// Servers that take requests.
    pub serving: u32,
    /// Servers that there are.
    pub exist: u32,
    /// The demand from which they are not enough.
    pub enough_until: Option<f64>,
}

/// A spare that stays because the demand needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Needed {
    pub server: String,
    /// The need of now.
    pub need: Need,
    /// The highest need of the last `within`, in servers.
    pub highest: f64,
    pub within: Duration,
    /// What would be left without it, in servers.
    pub left: f64,
    /// Servers that there are.
    pub exist: u32,
}
