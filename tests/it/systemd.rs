//! The daemon as a service: its unit, what it tells a service manager, and life without root.

mod notify;
mod strangers;
mod unit;
mod unprivileged;
