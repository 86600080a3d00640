//! Numbers only: a request or a look at HAProxy → samples → a window → a verdict; is it quiet, did one
//! server more help, do the log and the counters agree?
//!
//! No server is known here and nothing is decided about one. As in `scaler`: no clock, no file, no
//! randomness, no `HashMap`; time is an argument, and nothing can fail.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![deny(clippy::indexing_slicing)]

pub mod agreement;
pub mod breach;
pub mod dropped;
pub mod load;
pub mod policy;
pub mod settings;
pub mod trial;

pub(crate) mod by_server;
pub(crate) mod meter;
pub(crate) mod quiet;
pub(crate) mod sample;
pub(crate) mod window;
