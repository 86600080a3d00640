//! What the scaler does and never does, told as events in virtual time.

mod capacity;
mod guards;
mod properties;
mod server;
mod windows;
mod world;
