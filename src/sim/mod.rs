//! One pretend world for `replay`, `demo`, observe mode and the tests: an HAProxy that obeys (or
//! not), its servers, who waits for them, and users who come.
//!
//! - [`server`]: what a command or a health check makes of one server, in HAProxy's own numbers
//! - [`haproxy`]: a whole HAProxy as its admin socket shows it, to the byte; [`socket`]: that socket
//! - [`arrivals`], [`queues`], [`warmth`]: users, and how fast they are served
//! - [`machines`]: machines that obey at once
//! - [`driver`]: the scaler in virtual time; [`faults`]: what becomes of its commands
//! - [`dice`]: all that looks random here, the same for the same seed
//!
//! Nothing here decides about servers, and `scaler` knows nothing of it. All but `socket` is pure:
//! told the time.

use std::time::Duration;

pub mod arrivals;
pub mod dice;
pub mod driver;
pub mod faults;
pub mod haproxy;
pub mod machines;
pub mod queues;
pub mod server;
pub mod socket;
pub mod warmth;

/// A duration in microseconds.
pub fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A span of time in whole microseconds; never zero, so that time always moves on.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn whole_us(us: f64) -> u64 {
    // Saturating by definition of `as`, and every caller's value is far below 2^63.
    us.max(1.0) as u64
}
