//! Decides. Events with a time go in, actions come out.
//!
//! No clock, no file, no socket, no async, no randomness, no `HashMap`: the same events with the
//! same times give the same actions, in the daemon, in `replay` and in the tests.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod decision;
pub mod event;
pub mod settings;
