//! Numbers only: a request or a look at HAProxy → samples → a window → a verdict; is it quiet, did one
//! server more help, do the log and the counters agree? And: what is asked, what does one server carry,
//! how many are needed (`sizing`)?
//!
//! No server is known here and nothing is decided about one. As in `scaler`: no clock, no file, no
//! randomness, no `HashMap`; time is an argument, and nothing can fail.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![deny(clippy::indexing_slicing)]

pub mod account;
pub mod agreement;
pub mod breach;
pub mod capacity;
pub mod demand;
pub mod dropped;
pub mod learning;
pub mod load;
pub mod need;
pub mod policy;
pub mod served;
pub mod service_time;
pub mod settings;
pub mod sizing;
pub mod target;
pub mod trial;

pub(crate) mod by_server;
pub(crate) mod meter;
pub(crate) mod quiet;
pub(crate) mod sample;
pub(crate) mod window;

mod extreme;
mod regret;
mod retry;
mod steady;
mod traffic;
