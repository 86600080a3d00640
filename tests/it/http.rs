//! What the daemon serves over HTTP, to those who ask well and to all others.

mod board;
mod client;
mod events;
mod front;
mod guard;
mod hostile;
mod look;
mod machines;
mod metrics;
mod orders;
mod page;
mod past;
mod prometheus;
mod settings;
mod size;
